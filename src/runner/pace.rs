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
    pub fn begin() -> Pace {
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
        Stage::Solving => format!("solving, item {at}/{of}"),
        Stage::Testing => format!("testing, item {at}/{of}"),
    }
}

/// Items a second, to a tenth where they are few.
pub fn rate_text(items_per_second: f64) -> String {
    let digits = usize::from(items_per_second < 10.0);
    format!("{items_per_second:.digits$}")
}

/// `epoch 3/50, 42 s left, 870 items/s, loss 5.1234`: what a narrow terminal cuts off matters least.
pub fn described(position: &Position) -> String {
    let mut parts = vec![stage_text(position)];
    parts.extend(position.seconds_left.and_then(time_text).map(|left| format!("{left} left")));
    parts.extend(position.items_per_second.map(|rate| format!("{} items/s", rate_text(rate))));
    parts.extend(position.loss.map(|loss| format!("loss {loss:.4}")));
    parts.join(", ")
}

/// A number of seconds as [`duration`] says it; none where it is no time.
pub fn time_text(time: f64) -> Option<String> {
    Duration::try_from_secs_f64(time).ok().map(|time| duration(time.as_secs_f64()))
}

/// A time to the precision that an estimate deserves: `40 s`, `12 min`, `3.5 h`, `9 days`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "under 1 s".to_owned(),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 99.5 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 72.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86400.0),
    }
}

/// `1 cell`, `2 cells`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pace: &mut Pace, event: &Event) -> Option<String> {
        pace.position(event).as_ref().map(described)
    }

    #[test]
    fn rates_and_times_read_as_people_say_them() {
        let durations = [0.2, 40.0, 720.0, 12_600.0, 777_600.0].map(duration);
        assert_eq!(durations, ["under 1 s", "40 s", "12 min", "3.5 h", "9 days"]);
        assert_eq!((count(1, "cell"), count(2, "cell")), ("1 cell".to_owned(), "2 cells".to_owned()));
        assert_eq!([42.4, f64::NAN, -1.0].map(time_text), [Some("42 s".to_owned()), None, None]);
        assert_eq!((rate_text(1234.5), rate_text(3.25)), ("1234".to_owned(), "3.2".to_owned()));
    }

    #[test]
    fn an_event_shows_epoch_loss_speed_and_time_left() {
        let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let mut pace = Pace { began, first: Some((Stage::Epoch, began, 0.25)) };
        let event =
            Event::Progress { stage: Stage::Epoch, at: 3, of: 50, fraction: 0.5, items: 4000, loss: Some(5.12345) };
        assert_eq!(text(&mut pace, &event).as_deref(), Some("epoch 3/50, 20 s left, 100 items/s, loss 5.1235"));
        let event = Event::Progress { stage: Stage::Testing, at: 1, of: 2, fraction: 0.5, items: 2, loss: None };
        assert_eq!(text(&mut pace, &event).as_deref(), Some("testing, item 1/2"));
        assert_eq!(text(&mut pace, &Event::Warning("w".into())), None);
    }
}
