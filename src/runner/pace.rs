//! How fast work goes, and how that reads.

use std::time::{Duration, Instant};

use crate::store::{Position, Stage};

use super::Event;

/// Where a stage of a job was first heard of: resumed work does not start at 0.
pub struct Pace {
    began: Instant,
    first: Option<(Stage, Instant, f64)>,
}

impl Pace {
    pub fn new() -> Pace {
        Pace { began: Instant::now(), first: None }
    }

    /// Since the job began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Where an event says that the work is, with its speed in the stage so far; nothing for a warning.
    pub fn position(&mut self, event: &Event) -> Option<Position> {
        let Event::Progress { stage, at, of, fraction, items, loss } = *event else { return None };
        let rate = self.rate(stage, fraction);
        Some(Position {
            stage,
            at,
            of,
            fraction,
            loss,
            items_per_second: rate.map(|rate| rate * items as f64),
            seconds_left: rate.map(|rate| (1.0 - fraction) / rate),
        })
    }

    /// Share of the stage done in a second.
    fn rate(&mut self, stage: Stage, fraction: f64) -> Option<f64> {
        if self.first.is_none_or(|(known, ..)| known != stage) {
            self.first = Some((stage, Instant::now(), fraction));
        }
        let (_, since, from) = self.first?;
        let (spent, gained) = (since.elapsed().as_secs_f64(), fraction - from);
        // The first steps are slower than the rest.
        (spent >= 0.5 && gained > 0.0).then(|| gained / spent)
    }
}

/// `epoch 3/50`.
pub fn stage_text(position: &Position) -> String {
    let Position { at, of, .. } = position;
    match position.stage {
        Stage::Epoch => format!("epoch {at}/{of}"),
        Stage::Choosing => format!("choosing the rate, epoch {at}/{of}"),
        Stage::Solving => format!("solving, row {at}/{of}"),
        Stage::Testing => format!("testing, row {at}/{of}"),
    }
}

/// Rows a second, to a tenth where they are few.
pub fn rate_text(items_per_second: f64) -> String {
    let digits = usize::from(items_per_second < 10.0);
    format!("{items_per_second:.digits$}")
}

/// `epoch 3/50, loss 5.1234, 870 items/s, 42 s left`.
pub fn described(position: &Position) -> String {
    let mut parts = vec![stage_text(position)];
    parts.extend(position.loss.map(|loss| format!("loss {loss:.4}")));
    parts.extend(position.items_per_second.map(|rate| format!("{} items/s", rate_text(rate))));
    parts.extend(position.seconds_left.and_then(time_text).map(|left| format!("{left} left")));
    parts.join(", ")
}

/// A number of seconds as [`seconds`] says it; none where it is no time.
pub fn time_text(time: f64) -> Option<String> {
    Duration::try_from_secs_f64(time).ok().map(seconds)
}

/// A time such as `42 s`, `3 min 05 s` or `2 h 10 min`.
pub fn seconds(time: Duration) -> String {
    let all = time.as_secs_f64().round() as u64;
    match all {
        0..60 => format!("{all} s"),
        60..3600 => format!("{} min {:02} s", all / 60, all % 60),
        _ => format!("{} h {:02} min", all / 3600, all % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pace: &mut Pace, event: &Event) -> Option<String> {
        pace.position(event).as_ref().map(described)
    }

    #[test]
    fn times_read_as_people_say_them() {
        let text = |s: f64| seconds(Duration::from_secs_f64(s));
        assert_eq!([text(42.4), text(185.0), text(7800.0)], ["42 s", "3 min 05 s", "2 h 10 min"]);
        assert_eq!((rate_text(1234.5), rate_text(3.25)), ("1234".to_owned(), "3.2".to_owned()));
    }

    #[test]
    fn an_event_shows_epoch_loss_speed_and_time_left() {
        let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let mut pace = Pace { began, first: Some((Stage::Epoch, began, 0.25)) };
        let event =
            Event::Progress { stage: Stage::Epoch, at: 3, of: 50, fraction: 0.5, items: 4000, loss: Some(5.12345) };
        assert_eq!(text(&mut pace, &event).as_deref(), Some("epoch 3/50, loss 5.1235, 100 items/s, 20 s left"));
        let event = Event::Progress { stage: Stage::Testing, at: 1, of: 2, fraction: 0.5, items: 2, loss: None };
        assert_eq!(text(&mut pace, &event).as_deref(), Some("testing, row 1/2"));
        assert_eq!(text(&mut pace, &Event::Warning("w".into())), None);
    }
}
