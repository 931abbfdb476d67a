//! The learning rate of every step.

use std::f64::consts::PI;

use crate::recipe::{EndToEnd, Pretext, Schedule};

/// Batch size that the rates of recipes are given for.
const BASE_BATCH: f64 = 256.0;

/// Share of the rate that the warm-up of a cosine schedule takes as the schedule's floor (official
/// `main_pretext.py`). The schedule itself has no floor, so its first epoch after the warm-up is not quite continuous.
const WARMUP_FLOOR: f64 = 0.001;

/// A learning rate over epochs and, while it warms up, over steps.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRate {
    rate: f64,
    schedule: Schedule,
    epochs: usize,
    warmup_epochs: usize,
    /// Steps of an epoch.
    steps: usize,
}

impl LearningRate {
    /// Of a pretext run of `steps` steps an epoch: scaled by batch / 256 and warmed up.
    pub fn pretext(pretext: &Pretext, steps: usize) -> LearningRate {
        LearningRate {
            rate: pretext.base_rate * pretext.batch as f64 / BASE_BATCH,
            schedule: pretext.schedule.clone(),
            epochs: pretext.epochs,
            warmup_epochs: pretext.warmup_epochs,
            steps,
        }
    }

    /// Of training with labels, `steps` steps an epoch: scaled by batch / 256 and warmed up.
    pub fn end_to_end(settings: &EndToEnd, steps: usize) -> LearningRate {
        LearningRate {
            rate: settings.base_rate * settings.batch as f64 / BASE_BATCH,
            schedule: settings.schedule.clone(),
            epochs: settings.epochs,
            warmup_epochs: settings.warmup_epochs,
            steps,
        }
    }

    /// `rate` as it is, without warm-up: linear evaluation.
    pub fn plain(rate: f64, schedule: &Schedule, epochs: usize) -> LearningRate {
        LearningRate { rate, schedule: schedule.clone(), epochs, warmup_epochs: 0, steps: 1 }
    }

    /// The rate of step `step` of epoch `epoch`, both from 0.
    ///
    /// Warm-up rises every step from 0 to the rate the schedule has at its end, and takes the schedule's place. After
    /// it the rate changes once an epoch.
    pub fn at(&self, epoch: usize, step: usize) -> f64 {
        if epoch >= self.warmup_epochs {
            return self.scheduled(epoch);
        }
        let done = (step + 1 + epoch * self.steps) as f64 / (self.warmup_epochs * self.steps) as f64;
        done * self.warmup_target()
    }

    fn warmup_target(&self) -> f64 {
        match self.schedule {
            Schedule::Cosine => {
                let floor = WARMUP_FLOOR * self.rate;
                floor + (self.rate - floor) * cosine(self.warmup_epochs, self.epochs)
            }
            Schedule::Step { .. } => self.rate,
        }
    }

    fn scheduled(&self, epoch: usize) -> f64 {
        match &self.schedule {
            Schedule::Cosine => self.rate * cosine(epoch, self.epochs),
            Schedule::Step { at, factor } => {
                at.iter().filter(|at| epoch >= **at).fold(self.rate, |rate, _| rate * factor)
            }
        }
    }
}

/// From 1 at the first epoch towards 0 at the end.
fn cosine(epoch: usize, epochs: usize) -> f64 {
    (1.0 + (PI * epoch as f64 / epochs as f64).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        rate: f64,
        epochs: usize,
        warmup_epochs: usize,
        steps: usize,
        schedule: Schedule,
        /// By epoch and step.
        rates: Vec<Vec<f64>>,
    }

    #[test]
    fn every_rate_is_the_official_one() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/fixtures/schedules.json")).expect("committed fixture");
        assert!(cases.len() >= 4);
        for case in cases {
            let Case { rate, epochs, warmup_epochs, steps, schedule, rates } = case;
            let learning_rate = LearningRate { rate, schedule, epochs, warmup_epochs, steps };
            for (epoch, rates) in rates.iter().enumerate() {
                for (step, expected) in rates.iter().enumerate() {
                    let found = learning_rate.at(epoch, step);
                    assert!((found - expected).abs() <= 1e-14, "{epoch}/{step}: {found} for {expected}");
                }
            }
        }
    }

    #[test]
    fn a_plain_step_schedule_drops_at_the_start_of_its_epochs() {
        let schedule = Schedule::Step { at: vec![80, 90, 95], factor: 0.2 };
        let rate = LearningRate::plain(30.0, &schedule, 100);
        assert_eq!((rate.at(0, 0), rate.at(79, 9)), (30.0, 30.0));
        assert_eq!((rate.at(80, 0), rate.at(95, 0)), (6.0, 30.0 * 0.2 * 0.2 * 0.2));
    }
}
