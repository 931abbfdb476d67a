//! What a checkpoint holds of a pretext run.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kernels::Kernels;
use crate::objective::{QueueShape, QueueState};
use crate::store::Checkpoint;

use super::Trainer;
use super::course::{Course, Position};

/// Where a run stands.
#[derive(Serialize, Deserialize)]
struct State {
    position: Position,
    /// Next place in MoCo's queue.
    queue_pointer: usize,
    /// `metrics.jsonl`: a line for each epoch finished. Absent in format 1, which left them to that file.
    #[serde(default)]
    metrics: Option<String>,
}

/// A run as it stands.
pub(super) fn checkpoint<K: Kernels>(course: &Course<K>, metrics: &str) -> Checkpoint {
    let trainer = &course.trainer;
    let mut buffers = vec![
        ("query.parameters", trainer.query.parameters()),
        ("query.statistics", trainer.query.statistics()),
        ("momentum", trainer.optimiser.momentum()),
    ];
    if let Some(key) = &trainer.key {
        buffers.push(("key.parameters", key.parameters()));
        buffers.push(("key.statistics", key.statistics()));
    }
    let mut queue_pointer = 0;
    if let Some(state) = trainer.loss.queue() {
        buffers.push(("queue", state.keys));
        queue_pointer = state.pointer;
    }
    let state = json!(State { position: course.at.clone(), queue_pointer, metrics: Some(metrics.to_owned()) });
    let buffers = buffers.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
    Checkpoint { state: state.as_object().cloned().unwrap_or_default(), buffers }
}

/// Sets a trainer from a checkpoint. Gives where the run stood, and the metrics of the epochs finished; none where the
/// file that holds them has to be read.
///
/// # Errors
/// What does not fit; the trainer is then as it was.
pub fn load_checkpoint<K: Kernels>(
    trainer: &mut Trainer<K>,
    mut checkpoint: Checkpoint,
) -> Result<(Position, Option<String>), String> {
    let state = Value::Object(std::mem::take(&mut checkpoint.state));
    let State { position, queue_pointer, metrics } =
        serde_json::from_value(state).map_err(|error| error.to_string())?;
    let parameters = checkpoint.take("query.parameters", trainer.query.plan().parameters_len())?;
    let statistics = checkpoint.take("query.statistics", trainer.query.plan().statistics_len())?;
    let momentum = checkpoint.take("momentum", trainer.query.plan().parameters_len())?;
    let key = match &trainer.key {
        Some(key) => Some((
            checkpoint.take("key.parameters", key.plan().parameters_len())?,
            checkpoint.take("key.statistics", key.plan().statistics_len())?,
        )),
        None => None,
    };
    if let Some(QueueShape { length, width, .. }) = trainer.loss.queue_shape() {
        let state = QueueState { keys: checkpoint.take("queue", length * width)?, pointer: queue_pointer };
        // The last of what may not fit.
        trainer.loss.set_queue(state).map_err(|error| error.to_string())?;
    }
    trainer.query.set_parameters(&parameters);
    trainer.query.set_statistics(&statistics);
    trainer.optimiser.set_momentum(&momentum);
    if let (Some(network), Some((parameters, statistics))) = (&mut trainer.key, key) {
        network.set_parameters(&parameters);
        network.set_statistics(&statistics);
    }
    Ok((position, metrics))
}
