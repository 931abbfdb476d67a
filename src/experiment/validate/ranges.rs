//! What is found wrong with the settings of a cell, and the ranges of single settings.

use crate::recipe::Schedule;

use super::Mismatch;

/// Beyond any use, and far from where arithmetic on sizes would overflow.
pub(super) const LARGEST: usize = 1 << 20;

/// Everything found so far. The checks of ranges say whether a setting is good, for those that build on it.
#[derive(Default)]
pub(super) struct Findings(pub Vec<Mismatch>);

impl Findings {
    pub fn add(&mut self, at: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) {
        self.0.push(Mismatch::new(at, found, expected));
    }

    pub fn optimiser(&mut self, at: &str, rate: f64, momentum: f64, weight_decay: f64, schedule: &Schedule) {
        self.positive(&format!("{at}/base_rate"), rate);
        self.momentum(at, momentum, weight_decay, schedule);
    }

    /// An optimiser but for its rate.
    pub fn momentum(&mut self, at: &str, momentum: f64, weight_decay: f64, schedule: &Schedule) {
        self.within(&format!("{at}/momentum"), momentum, 0.0, 1.0, false);
        self.within(&format!("{at}/weight_decay"), weight_decay, 0.0, 1.0, false);
        if let Schedule::Step { at: epochs, factor } = schedule {
            if !epochs.is_sorted_by(|one, next| one < next) {
                self.add(format!("{at}/schedule/at"), format!("{epochs:?}"), "epochs in ascending order");
            }
            self.within(&format!("{at}/schedule/factor"), *factor, f64::MIN_POSITIVE, 1.0, true);
        }
    }

    pub fn warmup(&mut self, at: &str, warmup: usize, epochs: usize) {
        if warmup > epochs {
            let expected = format!("at most the {epochs} epochs of the run");
            self.add(format!("{at}/warmup_epochs"), warmup.to_string(), expected);
        }
    }

    pub fn size(&mut self, at: &str, found: usize, least: usize, most: usize) -> bool {
        let is_good = (least..=most).contains(&found);
        if !is_good {
            let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
            self.add(at, found.to_string(), expected);
        }
        is_good
    }

    pub fn positive(&mut self, at: &str, found: f64) -> bool {
        // Large enough to be a mistake, small enough to stay finite in f32.
        let is_good = found > 0.0 && found <= 1e6;
        if !is_good {
            self.add(at, found.to_string(), "a number above 0 and at most 1000000");
        }
        is_good
    }

    pub fn within(&mut self, at: &str, found: f64, least: f64, most: f64, most_included: bool) -> bool {
        let is_good = found >= least && (found < most || most_included && found == most);
        if !is_good {
            let least = if least == f64::MIN_POSITIVE { "above 0".to_owned() } else { format!("from {least}") };
            let most = if most_included { format!("to {most}") } else { format!("to below {most}") };
            self.add(at, found.to_string(), format!("a number {least} {most}"));
        }
        is_good
    }
}
