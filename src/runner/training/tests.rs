//! Runs on a GPU that has only so much memory.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::kernels::Device;
use crate::kernels::cuda::platform::staged_capacity;
use crate::kernels::cuda::{Counting, Cuda};
use crate::kernels::device::catch;
use crate::runner::graph::tests::trial;
use crate::runner::perform;
use crate::runner::protocol::Work;
use crate::store::{ShortOfMemory, read_sealed};

/// Trains on a GPU with so many bytes of memory, on which every embedding is zero.
struct Cramped {
    training: Training,
    bytes: u64,
}

impl Performer for Cramped {
    fn pretext(&mut self, recipe: &PretextRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        let kernels = Cuda::new(Counting::of(self.bytes));
        self.training.pretext_on(recipe, session, watch, |work| Ok(catch(|| work.run(Ranks::alone(kernels)))?))
    }

    fn evaluation(&mut self, _: &EvaluationRecipe, _: &Session, _: Watch) -> Result<Ended, Failure> {
        unreachable!("these tests run no evaluation")
    }
}

fn recipe() -> PretextRecipe {
    let mut recipe = trial("a", 0).trial.pretext.unwrap();
    recipe.data = Library::new(None).load(&recipe.data.settings).unwrap().identity().clone();
    recipe
}

/// The failure of a run, and that in its folder.
fn failure(recipe: &PretextRecipe, bytes: u64) -> [Failure; 2] {
    let root = tempfile::tempdir().unwrap();
    let task = Task {
        work: Work::Pretext(recipe.clone()),
        label: "a".into(),
        experiments: vec![],
        results: root.path().to_owned(),
        data: None,
        device: Device::Cuda(0),
        threads: 1,
        checkpoint_seconds: 30.0,
        retry: true,
        command: vec!["repro".into()],
    };
    let mut cramped = Cramped { training: Training::default(), bytes };
    let ended = perform(&task, &mut cramped, &AtomicBool::new(false), &mut |_| {});
    let folder = task.work.folder(&Results::new(root.path()));
    [ended.unwrap_err(), read_sealed(&folder.file("failed.json")).unwrap().unwrap()]
}

/// Two batches may wait for their turn, or not be there in time: nothing but that is uncertain.
#[test]
fn a_run_needs_what_its_estimate_says() {
    let recipe = recipe();
    let need = pretext_need(&recipe).unwrap();
    let [enough, _] = failure(&recipe, need.allocated);
    assert_eq!(enough.kind, FailureKind::Collapse { epoch: 1, step: 1 }, "{enough}");
    let waiting = 2 * size_of::<f32>() * staged_capacity(2 * recipe.pretext.batch * 54);
    let [short, _] = failure(&recipe, need.allocated - waiting as u64 - 1);
    assert!(matches!(short.kind, FailureKind::Device { memory: Some(_) }), "{short}");
}

#[test]
fn out_of_memory_is_a_failure_that_tells_the_estimate_and_what_to_do() {
    let recipe = recipe();
    let need = pretext_need(&recipe).unwrap();
    let [told, recorded] = failure(&recipe, 20_000);
    assert_eq!(told, recorded);
    let FailureKind::Device { memory: Some(ShortOfMemory { needed, free, total: 20_000, estimate }) } = told.kind
    else {
        panic!("{told:?}");
    };
    assert!(needed > free && free <= 20_000, "{needed} {free}");
    assert_eq!(estimate, Some(need.bytes()));
    let said = told.message;
    for part in
        ["cuda:0 is out of memory: ", "By its estimate this work needs 1.0", "--jobs", "--device", "bf16", "batch"]
    {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}
