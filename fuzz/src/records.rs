//! What the program writes down for itself and takes from its command line.

use std::fmt::Debug;
use std::path::Path;

use imix_repro::experiment::{Experiment, Filter, Scale};
use imix_repro::recipe::{EvaluationRecipe, PretextRecipe};
use imix_repro::runner::{Reply, Request};
use imix_repro::store::{
    Done, EpochMetrics, EvaluationResult, Failure, Progress, Provenance, from_sealed, metric_lines, to_sealed,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every file of the results folder that holds JSON. Those with a checksum are read as they are, and then as what the
/// checksum of a sound file would vouch for.
pub fn result_file(bytes: &[u8]) {
    let path = Path::new("file.json");
    let sealed = serde_json::from_slice::<serde_json::Value>(bytes).ok().and_then(|body| to_sealed(&body, path).ok());
    for bytes in [Some(bytes), sealed.as_deref().map(str::as_bytes)].into_iter().flatten() {
        survives::<Done>(bytes);
        survives::<EvaluationResult>(bytes);
        survives::<Failure>(bytes);
        survives::<Provenance>(bytes);
        if let Some((read, again)) = survives::<PretextRecipe>(bytes) {
            assert_eq!(read.address(), again.address());
        }
        if let Some((read, again)) = survives::<EvaluationRecipe>(bytes) {
            assert_eq!(read.address(), again.address());
        }
    }
    if let Ok(progress) = Progress::parse(bytes, path) {
        assert!(progress.at.is_none_or(|at| at.fraction.is_finite()));
    }
    if let Ok(epochs) = metric_lines::<EpochMetrics>(bytes, path) {
        assert!(epochs.iter().all(|epoch| epoch.loss.is_finite()));
    }
}

/// What a sealed file holds, and the same after it was written and read again.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<(T, T)> {
    let path = Path::new("file.json");
    let read: T = from_sealed(bytes, path).ok()?;
    let again: T = from_sealed(to_sealed(&read, path).expect("what was read can be written").as_bytes(), path)
        .expect("it is whole");
    assert_eq!(read, again);
    Some((read, again))
}

/// What `--only` picks of an experiment's cells.
pub fn selection(bytes: &[u8]) {
    thread_local! {
        static EXPERIMENT: Experiment = Experiment::load("table1").expect("an experiment of the paper");
    }
    let Ok(only) = String::from_utf8_lossy(bytes).parse::<Filter>() else { return };
    EXPERIMENT.with(|experiment| {
        if let Ok(cells) = experiment.cells(Scale::Demo, &only) {
            assert!(cells.iter().all(|cell| only.accepts(&cell.axes)));
        }
    });
}

/// A line that a run sends to its worker, or the other way.
pub fn worker_line(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(bytes) {
        if let Request::Task(task) = &request {
            assert!(!task.work.address().as_str().is_empty());
        }
        let line = serde_json::to_string(&request).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<Request>(&line).expect("it is whole"), request);
    }
    if let Ok(reply) = serde_json::from_slice::<Reply>(bytes) {
        let line = serde_json::to_string(&reply).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<Reply>(&line).expect("it is whole"), reply);
    }
}
