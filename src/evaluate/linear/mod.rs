//! Linear evaluation: a linear classifier on frozen features, for every learning rate side by side.
//!
//! The classifiers share each batch: a step reads its rows once, whatever the number of rates, and gives each
//! classifier the bits that it would get alone. Classifiers of the measured epochs are kept, and the test rows pass by
//! once at the end.

mod kernel;
mod measure;
mod saved;
#[cfg(test)]
mod tests;
mod train;

use rand_distr::{Distribution, Normal};
use rayon::ThreadPool;
use serde::Serialize;
use serde_json::json;

use self::measure::Measure;
use self::saved::Stand;
pub use self::train::{Batch, Classifiers, Sgd, Snapshot};
pub use super::features::Features;
use super::features::stream_test;
use super::{
    EvaluateError, FeatureSource, Labels, Means, OnProgress, Outcome, Progress, ShuffledSet, Split, Stage, percent,
    pool, report,
};
use crate::random::{Key, Purpose, permutation};
use crate::recipe::Linear;
use crate::train::schedule::LearningRate;

/// Standard deviation of the initial weights (official `main_lincls.py`).
const INITIAL_DEVIATION: f32 = 0.01;

/// A line of `metrics.jsonl`. Lists hold a number for each rate, in the order of the recipe.
#[derive(Serialize)]
struct EpochLine<'a> {
    epoch: usize,
    /// Mean cross-entropy over the epoch's batches.
    loss: &'a [f64],
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<&'a [f64]>,
    /// Of the classifiers trained without the validation rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    choosing_loss: Option<&'a [f64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<&'a [f64]>,
}

/// What a set of classifiers went through.
struct Course {
    /// Mean cross-entropies, `[epoch][rate]`.
    losses: Vec<Vec<f64>>,
    /// One for each measured epoch.
    snapshots: Vec<Snapshot>,
}

/// Trains on `labels.train` and tests on `labels.test` with the features of `source`; the number of threads changes no
/// bit of the outcome, nor does an interruption after which it goes on from a checkpoint. Readings are named `name/...`.
///
/// Features that stay the same are computed once and kept, up to 4 GiB of them. Where training rows are augmented, or
/// their features take more, each batch is encoded anew, once for all rates.
///
/// # Errors
/// Features that are not finite, settings that do not fit the data, a failing source, a rate that leaves the range of
/// f32, or a stop asked for by `progress`.
pub fn evaluate(
    name: &str,
    settings: &Linear,
    seed: u64,
    labels: &Labels,
    source: &mut dyn FeatureSource,
    mut means: Means,
    progress: &mut OnProgress,
) -> Result<Outcome, EvaluateError> {
    labels.check()?;
    check(settings)?;
    let pool = pool(means.threads)?;
    let width = source.width();
    let mut lesson = Lesson {
        settings,
        rows: TrainingRows::of(source, labels.train.len())?,
        labels: labels.train,
        classes: labels.classes,
        initial: &initial_weights(seed, labels.classes * width),
        pool: &pool,
    };
    let all = 0..labels.train.len() as u32;
    let mut sets = vec![(ShuffledSet::All, all.clone().collect(), Stage::Training)];
    if settings.validation && !labels.validation.is_empty() {
        let rows: Vec<u32> = all.clone().filter(|row| !labels.validation.contains(&(*row as usize))).collect();
        sets.push((ShuffledSet::WithoutValidation, rows, Stage::Choosing));
    }
    // One that does not fit costs the time it was to save.
    let stand = means.from.take().and_then(|from| saved::read(from, lesson.untrained(), settings.measure_from).ok());
    let Stand { finished: mut courses, mut at_hand } = stand.unwrap_or_default();
    for (set, rows, stage) in &sets[courses.len().min(sets.len())..] {
        let key = Key::new(seed, Purpose::EvaluationShuffle).view(*set as usize);
        let order = |epoch| permutation(rows.len(), key.epoch(epoch)).iter().map(|at| rows[*at as usize]).collect();
        let (stage, of, items) = (*stage, settings.epochs, rows.len());
        let course = lesson.train(
            items,
            order,
            at_hand.take(),
            |done| report(progress, Progress { stage, done, of, items }),
            |course, classifiers, stops| {
                let epochs = courses.len() * settings.epochs + course.losses.len();
                means.save(epochs, stops, || saved::checkpoint(&courses, course, classifiers))
            },
        )?;
        courses.push(course);
    }
    drop(lesson);
    let mut courses = courses.into_iter();
    let published = courses.next().expect("the first set is always there");
    let choosing = match courses.next() {
        Some(course) => {
            let rows = sets[1].1.len();
            let range = labels.validation.clone();
            let mut measure = Measure::new(&course.snapshots, labels.classes, width);
            let features = source.features(Split::Train, range.clone())?;
            pool.install(|| measure.add(&features, width, &labels.train[range]));
            Some((measure.accuracies(course.snapshots.len()), course, rows))
        }
        None => None,
    };

    let mut measure = Measure::new(&published.snapshots, labels.classes, width);
    stream_test(source, labels.test.len(), progress, |first, features| {
        let rows = features.len() / width;
        pool.install(|| measure.add(features, width, &labels.test[first..first + rows]));
    })?;
    let test = measure.accuracies(published.snapshots.len());

    let validation = choosing.as_ref().map(|(accuracies, ..)| accuracies.as_slice());
    let mut outcome = read_off(name, settings, &test, validation);
    outcome.details.insert("classes".to_owned(), json!(labels.classes));
    outcome.details.insert("features".to_owned(), json!(width));
    outcome.details.insert("training rows".to_owned(), json!(whole_batches(all.len(), settings.batch)));
    outcome.details.insert("test rows".to_owned(), json!(labels.test.len()));
    if let Some((_, _, rows)) = &choosing {
        outcome.details.insert("choosing rows".to_owned(), json!(whole_batches(*rows, settings.batch)));
        outcome.details.insert("validation rows".to_owned(), json!(labels.validation.len()));
    }
    for epoch in 0..settings.epochs {
        let measured = (epoch + 1).checked_sub(settings.measure_from);
        let line = EpochLine {
            epoch: epoch + 1,
            loss: &published.losses[epoch],
            test: measured.map(|index| test[index].as_slice()),
            choosing_loss: choosing.as_ref().map(|(_, course, _)| course.losses[epoch].as_slice()),
            validation: measured.zip(validation).map(|(index, validation)| validation[index].as_slice()),
        };
        outcome.lines.push(json!(line));
    }
    Ok(outcome)
}

fn check(settings: &Linear) -> Result<(), EvaluateError> {
    if settings.rates.is_empty() {
        return Err(EvaluateError::unfit("rates of the linear evaluation", "at least 1", 0));
    }
    if !(1..=settings.epochs).contains(&settings.measure_from) {
        let expected = format!("an epoch in 1..={}", settings.epochs);
        return Err(EvaluateError::unfit("measure_from of the linear evaluation", expected, settings.measure_from));
    }
    Ok(())
}

/// The initial weights that every classifier shares.
fn initial_weights(seed: u64, count: usize) -> Vec<f32> {
    let mut stream = Key::new(seed, Purpose::Classifier).stream();
    let normal = Normal::new(0.0, INITIAL_DEVIATION).expect("a positive deviation");
    normal.sample_iter(&mut stream).take(count).collect()
}

fn whole_batches(rows: usize, batch: usize) -> usize {
    rows / batch * batch
}

/// Most values of features that are kept: 4 GiB.
const KEPT: usize = 1 << 30;

/// Where the features of training rows come from.
enum TrainingRows<'a> {
    Kept(Features),
    Drawn(&'a mut dyn FeatureSource),
}

impl<'a> TrainingRows<'a> {
    fn of(source: &'a mut dyn FeatureSource, rows: usize) -> Result<TrainingRows<'a>, EvaluateError> {
        if source.augmented() || rows.saturating_mul(source.width()) > KEPT {
            return Ok(TrainingRows::Drawn(source));
        }
        Ok(TrainingRows::Kept(Features::of_training_rows(source, rows)?))
    }
}

/// What a set of classifiers is trained with.
struct Lesson<'a> {
    settings: &'a Linear,
    rows: TrainingRows<'a>,
    /// Class of every training row.
    labels: &'a [u32],
    classes: usize,
    initial: &'a [f32],
    pool: &'a ThreadPool,
}

impl Lesson<'_> {
    /// The classifiers at their initial weights.
    fn untrained(&self) -> Classifiers {
        let width = self.initial.len() / self.classes;
        Classifiers::new(self.settings.rates.len(), self.classes, width, self.initial)
    }

    /// Trains for every epoch, from `start` on if given, on the `rows` rows in the order that `order` gives for each
    /// epoch, counted from 0; the last partial batch is dropped. `done` gets the number of epochs done, after each batch
    /// that takes long and after each epoch; `ended` sees how it stands after each epoch, and whether it stops there.
    fn train(
        &mut self,
        rows: usize,
        order: impl Fn(usize) -> Vec<u32>,
        start: Option<(Course, Classifiers)>,
        mut done: impl FnMut(usize) -> Result<(), EvaluateError>,
        mut ended: impl FnMut(&Course, &Classifiers, bool) -> Result<(), EvaluateError>,
    ) -> Result<Course, EvaluateError> {
        let Lesson { settings, labels, pool, .. } = *self;
        if !(1..=rows).contains(&settings.batch) {
            let expected = format!("1 to {rows} rows");
            return Err(EvaluateError::unfit("batch of the linear evaluation", expected, settings.batch));
        }
        let used = whole_batches(rows, settings.batch);
        let scheduled = |rate: &f64| LearningRate::plain(*rate, &settings.schedule, settings.epochs);
        let scheduled: Vec<LearningRate> = settings.rates.iter().map(scheduled).collect();
        let (mut course, mut classifiers) =
            start.unwrap_or_else(|| (Course { losses: Vec::new(), snapshots: Vec::new() }, self.untrained()));
        for epoch in course.losses.len()..settings.epochs {
            let rates: Vec<f64> = scheduled.iter().map(|rate| rate.at(epoch, 0)).collect();
            let sgd = Sgd { rates: &rates, momentum: settings.momentum, weight_decay: settings.weight_decay };
            let mut losses = vec![0f64; rates.len()];
            let order = order(epoch);
            let batches = order[..used].chunks_exact(settings.batch);
            match &mut self.rows {
                TrainingRows::Kept(features) => pool.install(|| {
                    for rows in batches {
                        classifiers.step(Batch { features, rows, labels }, sgd, &mut losses);
                    }
                }),
                TrainingRows::Drawn(source) => {
                    let places: Vec<u32> = (0..settings.batch as u32).collect();
                    for rows in batches {
                        let features = Features::of_batch(*source, rows, epoch)?;
                        let labels: Vec<u32> = rows.iter().map(|row| labels[*row as usize]).collect();
                        let batch = Batch { features: &features, rows: &places, labels: &labels };
                        pool.install(|| classifiers.step(batch, sgd, &mut losses));
                        done(epoch)?;
                    }
                }
            }
            if let Some(diverged) = classifiers.diverged() {
                return Err(EvaluateError::Diverged { rate: settings.rates[diverged], epoch: epoch + 1 });
            }
            course.losses.push(losses.iter().map(|loss| loss / used as f64).collect());
            if epoch + 1 >= settings.measure_from {
                course.snapshots.push(classifiers.snapshot());
            }
            let told = done(epoch + 1);
            ended(&course, &classifiers, told.is_err())?;
            told?;
        }
        Ok(course)
    }
}

/// Readings from accuracies in percent, `[measured epoch][rate]`.
fn read_off(name: &str, settings: &Linear, test: &[Vec<f64>], validation: Option<&[Vec<f64>]>) -> Outcome {
    let mut outcome = Outcome::default();
    let last = &test[test.len() - 1];
    let best: Vec<f64> = (0..last.len()).map(|rate| test.iter().map(|epoch| epoch[rate]).fold(0.0, f64::max)).collect();
    for (when, accuracies) in [("last", last), ("best", &best)] {
        for (rate, accuracy) in settings.rates.iter().zip(accuracies) {
            outcome.readings.insert(format!("{name}/{when}/rate-{rate}"), *accuracy);
        }
        let mut chosen = vec![("test-rate", first_of_largest(accuracies))];
        chosen.extend(validation.map(|epochs| ("validation-rate", first_of_largest(&epochs[epochs.len() - 1]))));
        for (rule, index) in chosen {
            let reading = format!("{name}/{when}/{rule}");
            outcome.details.insert(format!("rate of {reading}"), json!(settings.rates[index]));
            outcome.readings.insert(reading, accuracies[index]);
        }
    }
    let best_epochs: Vec<usize> = (0..last.len())
        .map(|rate| settings.measure_from + first_of_largest(&test.iter().map(|epoch| epoch[rate]).collect::<Vec<_>>()))
        .collect();
    outcome.details.insert("rates".to_owned(), json!(settings.rates));
    outcome.details.insert("best epochs".to_owned(), json!(best_epochs));
    outcome
}

/// Where the largest value is; the first of equals.
fn first_of_largest(values: &[f64]) -> usize {
    (0..values.len()).reduce(|best, at| if values[at] > values[best] { at } else { best }).unwrap_or(0)
}
