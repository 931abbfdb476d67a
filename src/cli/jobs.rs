//! How many trials run at a time.

use super::Output;
use crate::experiment::{Cell, evaluation_step, pretext_step};
use crate::kernels::device::{Room, gigabytes, room};
use crate::kernels::{Device, DeviceError};
use crate::memory::{Need, Needs};
use crate::recipe::{DataSettings, EvaluationKind, Network, Pretext};
use crate::runner::Work;

/// Share of a GPU's free memory that trials are given: what is freed and asked for again leaves gaps.
const SHARE: f64 = 0.9;
/// Operations of the training steps that are under way on a GPU at a time. Not measured.
const IN_FLIGHT: f64 = 2e12;
/// Trials on a GPU at a time, however small they are. Not measured.
const MOST: usize = 8;

/// The most that any of some trials asks of a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// None where nothing is known of any.
    need: Option<Need>,
    /// Operations of a training step; 0 where nothing is trained on it.
    step: f64,
}

impl Demand {
    pub fn of_cells<'a>(cells: impl IntoIterator<Item = &'a Cell>, needs: &Needs) -> Demand {
        let mut demand = Demand::default();
        for Cell { settings, .. } in cells {
            let data = settings.read_out_data();
            demand.pretext(needs, &settings.network, &settings.data, &settings.pretext);
            for kind in settings.evaluation.kinds() {
                demand.evaluation(needs, &settings.network, &data, &kind);
            }
        }
        demand
    }

    pub fn of_work<'a>(work: impl IntoIterator<Item = &'a Work>, needs: &Needs) -> Demand {
        let mut demand = Demand::default();
        for work in work {
            match work {
                Work::Pretext(recipe) => {
                    demand.pretext(needs, &recipe.network, &recipe.data.settings, &recipe.pretext);
                }
                Work::Evaluation(recipe) => {
                    demand.evaluation(needs, &recipe.network, &recipe.data.settings, &recipe.evaluation);
                }
            }
        }
        demand
    }

    fn pretext(&mut self, needs: &Needs, network: &Network, data: &DataSettings, pretext: &Pretext) {
        self.raise(needs.of_pretext(network, data, pretext), pretext_step(network, data, pretext));
    }

    fn evaluation(&mut self, needs: &Needs, network: &Network, data: &DataSettings, kind: &EvaluationKind) {
        self.raise(needs.of_evaluation(network, data, kind), evaluation_step(network, data, kind));
    }

    fn raise(&mut self, need: Option<Need>, step: Option<f64>) {
        self.need = self.need.into_iter().chain(need).max_by_key(|need| need.bytes());
        self.step = self.step.max(step.unwrap_or(0.0));
    }
}

/// Trials at a time: `asked`, or as many as the device has room for, with a note of why.
pub fn at_a_time(
    asked: Option<u16>,
    device: Device,
    cores: usize,
    demand: impl FnOnce() -> Demand,
    output: &Output,
) -> usize {
    match (asked, device) {
        (Some(asked), _) => usize::from(asked),
        (None, Device::Cpu) => cores,
        // A trial has them all.
        (None, Device::CudaRanks { .. }) => 1,
        (None, Device::Cuda(number)) => {
            let Decision { jobs, why } = on_gpu(room(number), demand(), cores);
            output
                .note(format!("{device}: {} at a time: {why}; --jobs N overrules", super::text::count(jobs, "trial")));
            jobs
        }
    }
}

#[derive(Debug, PartialEq)]
struct Decision {
    jobs: usize,
    why: String,
}

/// Each trial is a process of its own, with its own context.
fn on_gpu(room: Result<Room, DeviceError>, Demand { need, step }: Demand, cores: usize) -> Decision {
    let one = |why: String| Decision { jobs: 1, why };
    let Room { free, .. } = match room {
        Ok(room) => room,
        Err(error) => return one(format!("its free memory is not known ({error})")),
    };
    let Some(need) = need.map(Need::bytes) else { return one("what a trial needs is not known".to_owned()) };
    let [needed, there] = [need, free].map(gigabytes);
    if need > free {
        return one(format!(
            "warning: the largest may run out of memory, by its estimate of {needed} with {there} free"
        ));
    }
    let by_memory = ((free as f64 * SHARE) as u64 / need.max(1)) as usize;
    let by_work = if step > 0.0 { (IN_FLIGHT / step) as usize } else { MOST };
    let jobs = by_memory.min(by_work).min(MOST).min(cores).max(1);
    let operations = super::text::prefixed(step);
    Decision {
        jobs,
        why: format!(
            "the largest needs {needed} of {there} free, which is enough for {by_memory}; a training step has up to \
             {operations}FLOP, and together they may have {}FLOP; there are {}, and no more than {MOST} run together",
            super::text::prefixed(IN_FLIGHT),
            super::text::count(cores, "core"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Experiment, Filter, Scale};

    const GB: u64 = 1_000_000_000;

    fn jobs(free: u64, need: u64, step: f64, cores: usize) -> usize {
        let need = Some(Need { allocated: need - GB, allowance: GB });
        on_gpu(Ok(Room { free, total: 80 * GB }), Demand { need, step }, cores).jobs
    }

    #[test]
    fn the_scarcest_decides() {
        assert_eq!(jobs(80 * GB, 2 * GB, 1e9, 64), 8, "never more than 8");
        assert_eq!(jobs(80 * GB, 2 * GB, 0.0, 64), 8, "without a training step too");
        assert_eq!(jobs(80 * GB, 2 * GB, 1e9, 4), 4, "cores draw the views");
        assert_eq!(jobs(80 * GB, 2 * GB, 4.1e11, 64), 4, "work");
        assert_eq!(jobs(80 * GB, 20 * GB, 1e9, 64), 3, "memory");
        assert_eq!(jobs(80 * GB, 2 * GB, 4e12, 64), 1, "a step that fills it");
        assert_eq!(jobs(20 * GB, 20 * GB, 1e9, 64), 1);
        assert_eq!(jobs(20 * GB, 21 * GB, 1e9, 64), 1);
    }

    #[test]
    fn the_note_says_why() {
        let room = |free| Ok(Room { free, total: 80 * GB });
        let need = Some(Need { allocated: GB, allowance: GB });
        let demand = Demand { need, step: 4.1e11 };
        assert_eq!(
            on_gpu(room(79 * GB), demand, 16).why,
            "the largest needs 2.00 GB of 79.00 GB free, which is enough for 35; a training step has up to 410 GFLOP, and \
             together they may have 2.00 TFLOP; there are 16 cores, and no more than 8 run together"
        );
        assert_eq!(
            on_gpu(room(GB), demand, 16).why,
            "warning: the largest may run out of memory, by its estimate of 2.00 GB with 1.00 GB free"
        );
        let unknown = Decision { jobs: 1, why: "what a trial needs is not known".to_owned() };
        assert_eq!(on_gpu(room(GB), Demand::default(), 16), unknown);
        let lost = on_gpu(Err(DeviceError::NoDriver), demand, 16);
        assert!(lost.jobs == 1 && lost.why.starts_with("its free memory is not known (there is no NVIDIA driver"));
    }

    #[test]
    fn a_cpu_has_a_trial_for_each_core_and_the_user_the_last_word() {
        let unasked = || -> Demand { unreachable!("nobody asks") };
        let output = Output::new(true);
        assert_eq!(at_a_time(None, Device::Cpu, 8, unasked, &output), 8);
        assert_eq!(at_a_time(Some(3), Device::Cuda(0), 8, unasked, &output), 3);
    }

    /// As published: four CovType trials share a GPU of 80 GB, and one of CIFAR-10 has it to itself.
    #[test]
    fn small_networks_share_a_gpu_and_large_ones_fill_it() {
        let demand = |filter: &str| {
            let filter: Filter = filter.parse().unwrap();
            let cells = Experiment::load("table1").unwrap().cells(Scale::Paper, &filter).unwrap();
            Demand::of_cells(&cells, &Needs::default())
        };
        let (small, large) = (demand("dataset=covtype,imix=on"), demand("dataset=cifar10,method=npair,imix=on"));
        assert!((4e11..5e11).contains(&small.step), "{small:?}");
        let free = Room { free: 79 * GB, total: 80 * GB };
        assert_eq!((on_gpu(Ok(free), small, 16).jobs, on_gpu(Ok(free), large, 16).jobs), (4, 1));
        assert_eq!(on_gpu(Ok(free), Demand { step: 0.0, ..large }, 16).jobs, 3, "by memory alone");
    }
}
