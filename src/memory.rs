//! How much memory of a GPU a piece of work needs, before it is run.
//!
//! A step of the real training code is taken on kernels that only count ([`Counting`]): what it would allocate is
//! counted, not modelled.

use std::cell::RefCell;

use crate::evaluate;
use crate::experiment::{layout, read_out_layout};
use crate::kernels::cuda::{Counted, Counting, Cuda};
use crate::model::{Inputs, Plan};
use crate::recipe::{DataSettings, EvaluationKind, Network, Precision, Pretext, Schedule, Settings};
use crate::train;

/// What driver, cuBLAS and cuDNN take for themselves in each process, with the kernels they load. Not measured.
pub const CONTEXT: u64 = 1 << 30;
/// What cuDNN's algorithms may use besides their operands; one that needs more is taken where no other will do.
pub const WORKSPACE: u64 = 1 << 30;
/// Values of one view of a batch beyond which its need is reckoned from two smaller batches, for the host's sake: 16
/// MiB.
const HOST_VALUES: usize = 1 << 22;

/// Memory of a GPU that a piece of work needs, where that GPU has the whole batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Bytes at its peak of what this program allocates.
    pub allocated: u64,
    /// Bytes that are allowed for context, libraries and workspaces.
    pub allowance: u64,
}

impl Need {
    fn of(counted: Counted) -> Need {
        Need { allocated: counted.peak, allowance: CONTEXT + if counted.convolves { WORKSPACE } else { 0 } }
    }

    /// Of one process.
    pub fn bytes(self) -> u64 {
        self.allocated + self.allowance
    }

    /// That of a batch of `rows`, where this one is of `own` and `smaller` of half as many: memory grows with the rows.
    fn extended(self, smaller: Need, own: usize, rows: usize) -> Need {
        let halves = ((rows - own) / (own / 2).max(1)) as u64;
        Need { allocated: self.allocated + self.allocated.saturating_sub(smaller.allocated) * halves, ..self }
    }
}

/// A piece of work, as far as its need depends on it.
#[derive(PartialEq)]
struct Asked {
    network: Network,
    inputs: Inputs<'static>,
    work: Work,
}

#[derive(PartialEq)]
enum Work {
    Pretext(Box<Pretext>),
    Evaluation { kind: EvaluationKind, classes: usize },
}

/// Needs, each reckoned once.
#[derive(Default)]
pub struct Needs {
    known: RefCell<Vec<(Asked, Option<Need>)>>,
}

impl Needs {
    /// That of a pretext run; none for a network that this build does not have, and for settings that no step can be
    /// taken with.
    pub fn of_pretext(&self, network: &Network, data: &DataSettings, pretext: &Pretext) -> Option<Need> {
        let (inputs, _) = layout(data)?;
        // Runs that differ in these alone need as much.
        let pretext =
            Pretext { epochs: 1, warmup_epochs: 0, base_rate: 0.0, schedule: Schedule::Cosine, ..pretext.clone() };
        self.of(Asked { network: network.clone(), inputs, work: Work::Pretext(Box::new(pretext)) })
    }

    /// That of an evaluation, on `data` as its recipe names them; none as above.
    pub fn of_evaluation(&self, network: &Network, data: &DataSettings, kind: &EvaluationKind) -> Option<Need> {
        let (inputs, classes) = read_out_layout(data)?;
        let work = Work::Evaluation { kind: kind.clone(), classes };
        self.of(Asked { network: network.clone(), inputs, work })
    }

    /// The largest of a cell's pretext run and evaluations.
    pub fn of_cell(&self, settings: &Settings) -> Option<Need> {
        let data = settings.read_out_data();
        let evaluations = settings.evaluation.kinds();
        let evaluations = evaluations.iter().filter_map(|kind| self.of_evaluation(&settings.network, &data, kind));
        let pretext = self.of_pretext(&settings.network, &settings.data, &settings.pretext);
        evaluations.chain(pretext).max_by_key(|need| need.bytes())
    }

    fn of(&self, asked: Asked) -> Option<Need> {
        let known = self.known.borrow().iter().find(|(known, _)| *known == asked).map(|(_, need)| *need);
        known.unwrap_or_else(|| {
            let need = asked.need();
            self.known.borrow_mut().push((asked, need));
            need
        })
    }
}

impl Asked {
    fn need(&self) -> Option<Need> {
        let plan = Plan::encoder(&self.network, self.inputs).ok()?;
        match &self.work {
            Work::Pretext(pretext) => pretext_need(plan, self.inputs, pretext),
            Work::Evaluation { kind, classes } => {
                counted(Precision::F32, |kernels| evaluate::rehearse(kernels, plan, kind, *classes).ok())
            }
        }
    }
}

/// What `work` needs.
fn counted(precision: Precision, work: impl FnOnce(Cuda<Counting>) -> Option<()>) -> Option<Need> {
    let platform = Counting::default().computing_in(precision);
    work(Cuda::new(platform.clone()))?;
    Some(Need::of(platform.counted()))
}

fn pretext_need(plan: Plan, inputs: Inputs, pretext: &Pretext) -> Option<Need> {
    let item = match inputs {
        Inputs::Columns(blocks) => vec![blocks.iter().sum()],
        Inputs::Pictures(map) => vec![map.height, map.width, map.channels],
    };
    let of_batch = |batch: usize| {
        let settings = Pretext { batch, ..pretext.clone() };
        counted(pretext.precision, |kernels| train::rehearse(kernels, plan.clone(), &settings, &item).ok())
    };
    let batch = smaller_batch(pretext, item.iter().product());
    let need = of_batch(batch)?;
    if batch == pretext.batch {
        return Some(need);
    }
    Some(need.extended(of_batch(batch / 2)?, batch, pretext.batch))
}

/// The batch halved until its views are small, if a half of it still splits into shares of at least 2.
fn smaller_batch(pretext: &Pretext, values: usize) -> usize {
    let mut batch = pretext.batch;
    let splits = |batch: usize| batch.is_multiple_of(pretext.replicas) && batch >= 2 * pretext.replicas;
    while batch * values > HOST_VALUES && batch.is_multiple_of(4) && splits(batch / 4) {
        batch /= 2;
    }
    batch
}

#[cfg(test)]
mod tests;
