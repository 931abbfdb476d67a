//! A run stopped anywhere ends bit for bit as an uninterrupted one.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::data::{Library, Set};
use crate::kernels::collective::{Ranks, Threads};
use crate::kernels::cuda::{Cuda, Host};
use crate::kernels::{Cpu, Kernels};
use crate::recipe::{
    Contrast, DataSet, DataSettings, Head, InputMix, Method, Mix, Network, Operator, Part, Precision, Pretext,
    PretextRecipe, Schedule, Standardise, Stem, Subset, Views,
};
use crate::store::RunFolder;

use super::{Ended, Options, Progress, TRACED, pretext};

/// Steps of an epoch and epochs: enough for MoCo's queue to come round more than once, for the warmup to end and for
/// every kind of boundary.
const STEPS: usize = 5;
const EPOCHS: usize = 3;
const BATCH: usize = 32;

/// The bits of a finished run, and the steps that were taken for it.
#[derive(Debug, PartialEq)]
struct Outcome {
    files: Vec<(&'static str, Vec<u8>)>,
    steps: usize,
}

/// A recipe on a few items of embedded data, and the ranks that share it.
pub(super) struct Bench {
    pub recipe: PretextRecipe,
    pub data: Set,
    pub ranks: usize,
}

impl Bench {
    fn new(settings: DataSettings, views: Views, network: Network, pretext: Pretext) -> Bench {
        let data = Library::with_roots([]).load(&settings).unwrap();
        assert_eq!(data.rows().0 / pretext.batch, STEPS, "{} training items", data.rows().0);
        Bench { recipe: PretextRecipe::new(7, data.identity().clone(), views, network, pretext), data, ranks: 1 }
    }

    pub fn rows(pretext: Pretext) -> Bench {
        let settings = DataSettings {
            standardise: Some(Standardise::AllRows),
            subset: Some(Subset { classes: None, share: Some(0.0115) }),
            ..DataSettings::of(DataSet::Covtype, Part::Embedded)
        };
        Bench::new(settings, Views::Tabular { mask: 0.2 }, Network::Mlp { width: 1 }, pretext)
    }

    fn pictures(pretext: Pretext) -> Bench {
        let settings = DataSettings {
            subset: Some(Subset { classes: None, share: Some(0.18) }),
            ..DataSettings::of(DataSet::Emoji, Part::Embedded)
        };
        let views = Views::Image {
            crop_scale: 0.2,
            jitter: [0.4, 0.4, 0.4, 0.1],
            jitter_probability: 0.8,
            greyscale_probability: 0.2,
            flip_probability: 0.5,
            blur_probability: 0.5,
        };
        let network = Network::Resnet { depth: 18, width: 1, stem: Stem::Cifar, input_channels: 3 };
        Bench::new(settings, views, network, pretext)
    }

    pub fn ranks(&self) -> Ranks<Cpu> {
        match self.ranks {
            1 => Ranks::alone(Cpu::new(2)),
            several => Threads::ranks(Cpu::new(1), vec![Cpu::new(1); several - 1]),
        }
    }

    /// Goes on in a folder until it is told to stop after the step that is the `stop`th of the whole run, or to its
    /// end.
    pub fn go_on(&self, folder: &Path, stop: Option<usize>, every: Duration) -> (Ended, usize) {
        self.go_on_with(self.ranks(), folder, stop, every)
    }

    fn go_on_with<K: Kernels>(
        &self,
        ranks: Ranks<K>,
        folder: &Path,
        stop: Option<usize>,
        every: Duration,
    ) -> (Ended, usize) {
        let options = Options { threads: 2, checkpoint_every: every };
        let mut taken = 0;
        let mut control = |progress| {
            let Progress::Step { epoch, step, .. } = progress else { panic!("{progress:?}") };
            taken += 1;
            if stop == Some((epoch - 1) * STEPS + step) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let folder = RunFolder::at(folder);
        let ended = pretext(&self.recipe, &self.data, &folder, ranks, options, &mut control).unwrap();
        (ended, taken)
    }

    /// Stops after each of some steps, given in order, and goes on each time.
    fn stopped_after(&self, stops: impl IntoIterator<Item = usize>) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let mut steps = 0;
        for stop in stops {
            let (ended, taken) = self.go_on(folder.path(), Some(stop), Duration::MAX);
            steps += taken;
            assert_eq!((ended, steps), (Ended::Stopped, stop), "it goes on where it was stopped");
        }
        let (ended, taken) = self.go_on(folder.path(), None, Duration::MAX);
        assert_eq!(ended, Ended::Finished);
        outcome(folder.path(), steps + taken)
    }

    /// Every step is the last one once, then sets of them are.
    fn check(&self, sets: u32) {
        let whole = self.stopped_after([]);
        assert_eq!(whole.steps, STEPS * EPOCHS);
        for stop in 1..STEPS * EPOCHS {
            assert!(self.stopped_after([stop]) == whole, "stopped after step {stop}");
        }
        assert!(self.stopped_after(1..STEPS * EPOCHS) == whole, "stopped after each step");
        let config = ProptestConfig { cases: sets, failure_persistence: None, ..ProptestConfig::default() };
        let stops = prop::collection::btree_set(1..STEPS * EPOCHS, 2..6);
        TestRunner::new(config)
            .run(&stops, |stops: BTreeSet<usize>| {
                prop_assert!(self.stopped_after(stops) == whole);
                Ok(())
            })
            .unwrap();
    }
}

fn outcome(folder: &Path, steps: usize) -> Outcome {
    let names = ["encoder.safetensors", "metrics.jsonl", "done.json"];
    Outcome { files: names.map(|name| (name, std::fs::read(folder.join(name)).unwrap())).into(), steps }
}

pub(super) fn settings(method: Method) -> Pretext {
    let momentum_encoder = matches!(method, Method::Moco | Method::Byol);
    Pretext {
        method,
        mix: Mix { operator: Operator::Mixup, alpha: 1.0, layers: None },
        input_mix: None,
        epochs: EPOCHS,
        batch: BATCH,
        replicas: 1,
        base_rate: 0.25,
        momentum: 0.9,
        weight_decay: 1e-4,
        schedule: Schedule::Cosine,
        warmup_epochs: 1,
        head: Head::Mlpbn,
        embedding: 4,
        temperature: (method != Method::Byol).then_some(0.2),
        contrast: (method == Method::Moco).then_some(Contrast::NPlusK),
        queue: (method == Method::Moco).then_some(3 * BATCH),
        key_momentum: momentum_encoder.then_some(0.9),
        shuffle_bn: momentum_encoder.then_some(true),
        predictor: (method == Method::Byol).then_some(Head::Mlpbn1),
        precision: Precision::F32,
    }
}

#[test]
fn npair() {
    let input_mix = Some(InputMix { auxiliaries: 2, alpha: 1.0 });
    Bench::rows(Pretext { input_mix, ..settings(Method::Npair) }).check(6);
}

#[test]
fn simclr() {
    Bench::rows(Pretext { replicas: 2, ..settings(Method::Simclr) }).check(6);
}

#[test]
fn moco_with_its_queue() {
    Bench::rows(Pretext { replicas: 2, ..settings(Method::Moco) }).check(6);
}

#[test]
fn two_ranks() {
    Bench { ranks: 2, ..Bench::rows(Pretext { replicas: 2, ..settings(Method::Moco) }) }.check(2);
}

#[test]
fn moco_against_the_queue_alone() {
    let contrast = Some(Contrast::OnePlusK);
    let mix = Mix { operator: Operator::None, alpha: 0.0, layers: None };
    Bench::rows(Pretext { contrast, mix, ..settings(Method::Moco) }).check(2);
}

#[test]
fn byol() {
    Bench::rows(Pretext { replicas: 2, ..settings(Method::Byol) }).check(6);
}

#[test]
fn mixing_at_hidden_layers() {
    let mix = Mix { operator: Operator::Mixup, alpha: 1.0, layers: Some(vec![0, 2, 5]) };
    let schedule = Schedule::Step { at: vec![1, 2], factor: 0.5 };
    Bench::rows(Pretext { mix, schedule, replicas: 2, ..settings(Method::Moco) }).check(6);
}

#[test]
fn a_resnet_with_cutmix() {
    let mix = Mix { operator: Operator::Cutmix, alpha: 1.0, layers: None };
    Bench::pictures(Pretext { mix, replicas: 2, ..settings(Method::Byol) }).check(2);
}

/// A GPU is asked for steps before the last ones are read back: a stop then comes some steps late, and loses none.
#[test]
fn a_device_that_works_ahead() {
    let bench = Bench::rows(settings(Method::Moco));
    // What is not in a checkpoint, such as parameters in fewer bits, is made again.
    let gpu = || Cuda::new(Host::new(Precision::Bf16));
    let run = |stop: Option<usize>, every: Duration| {
        let folder = tempfile::tempdir().unwrap();
        let (ended, taken) = bench.go_on_with(Ranks::alone(gpu()), folder.path(), stop, every);
        if ended == Ended::Finished {
            return (taken, outcome(folder.path(), taken));
        }
        let (ended, left) = bench.go_on_with(Ranks::alone(gpu()), folder.path(), None, every);
        assert_eq!(ended, Ended::Finished);
        (taken, outcome(folder.path(), taken + left))
    };
    let (steps, whole) = run(None, Duration::MAX);
    assert_eq!((steps, whole.steps), (STEPS * EPOCHS, STEPS * EPOCHS));
    // Steps are read back after the last of the trace; or after each, for its checkpoint.
    for (stop, every, taken) in [(3, Duration::MAX, TRACED), (3, Duration::ZERO, 3), (12, Duration::ZERO, 12)] {
        let (found, stopped) = run(Some(stop), every);
        assert_eq!(found, taken, "stopped at step {stop}");
        assert!(stopped == whole, "stopped at step {stop}");
    }
}

/// A kill may come at any moment: what stands in the folder then is a checkpoint after some step, and the files of the
/// one before.
#[test]
fn a_copy_of_the_folder_at_any_step_ends_alike() {
    let bench = Bench::rows(Pretext { replicas: 2, ..settings(Method::Moco) });
    let whole = bench.stopped_after([]);
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = |step: usize| {
        let to = copies.path().join(step.to_string());
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        to
    };
    let mut killed = Vec::new();
    let options = Options { threads: 1, checkpoint_every: Duration::ZERO };
    pretext(&bench.recipe, &bench.data, &RunFolder::at(folder.path()), Ranks::alone(Cpu::new(1)), options, &mut |_| {
        killed.push(copy(killed.len()));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(killed.len(), STEPS * EPOCHS);
    for (taken, folder) in killed.iter().enumerate() {
        // The checkpoint of a step is written after the step is told.
        let (ended, left) = bench.go_on(folder, None, Duration::MAX);
        assert_eq!((ended, left), (Ended::Finished, STEPS * EPOCHS - taken));
        assert!(outcome(folder, taken + left) == whole, "killed at step {}", taken + 1);
    }
}
