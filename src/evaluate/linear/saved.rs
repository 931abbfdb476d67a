//! A linear evaluation between two epochs, as a checkpoint holds it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::store::Checkpoint;

use super::{Classifiers, Course, Snapshot};

/// How far an evaluation is.
#[derive(Default)]
pub(super) struct Stand {
    /// Courses that ended, in order.
    pub finished: Vec<Course>,
    /// The one at hand, after an epoch of it.
    pub at_hand: Option<(Course, Classifiers)>,
}

#[derive(Serialize, Deserialize)]
struct State {
    /// Of each course, the one at hand last: mean cross-entropies `[epoch][rate]`.
    losses: Vec<Vec<Vec<f64>>>,
}

/// What a checkpoint holds after an epoch of the course `at_hand`.
pub(super) fn checkpoint(finished: &[Course], at_hand: &Course, classifiers: &Classifiers) -> Checkpoint {
    let courses = || finished.iter().chain([at_hand]);
    let mut buffers = BTreeMap::new();
    for (index, course) in courses().enumerate() {
        for (at, snapshot) in course.snapshots.iter().enumerate() {
            let [weights, bias] = names(index, at);
            buffers.insert(weights, snapshot.weights.clone());
            buffers.insert(bias, snapshot.bias.clone());
        }
    }
    buffers.extend(classifiers.state().map(|(name, values)| (name.to_owned(), values.to_vec())));
    let state = json!(State { losses: courses().map(|course| course.losses.clone()).collect() });
    Checkpoint { state: state.as_object().cloned().unwrap_or_default(), buffers }
}

/// Names of the buffers of a course's snapshot.
fn names(course: usize, snapshot: usize) -> [String; 2] {
    ["weights", "bias"].map(|what| format!("course-{course}.snapshot-{snapshot:06}.{what}"))
}

/// Reads a checkpoint back. `classifiers` are untrained ones, and courses have snapshots from epoch `measure_from` on.
///
/// # Errors
/// What does not fit.
pub(super) fn read(
    mut checkpoint: Checkpoint,
    mut classifiers: Classifiers,
    measure_from: usize,
) -> Result<Stand, String> {
    let state = Value::Object(std::mem::take(&mut checkpoint.state));
    let State { losses } = serde_json::from_value(state).map_err(|error| error.to_string())?;
    let shape = classifiers.snapshot();
    let mut courses = Vec::new();
    for (index, losses) in losses.into_iter().enumerate() {
        let mut snapshots = Vec::new();
        for at in 0..(losses.len() + 1).saturating_sub(measure_from) {
            let [weights, bias] = names(index, at);
            let weights = checkpoint.take(&weights, shape.weights.len())?;
            let bias = checkpoint.take(&bias, shape.bias.len())?;
            snapshots.push(Snapshot { classes: shape.classes, weights, bias });
        }
        courses.push(Course { losses, snapshots });
    }
    classifiers.restore(&mut checkpoint)?;
    let at_hand = courses.pop().map(|course| (course, classifiers));
    Ok(Stand { finished: courses, at_hand })
}
