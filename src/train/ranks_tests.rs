//! Ranks against the replicas that a trainer on its own emulates.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use safetensors::SafeTensors;

use crate::kernels::collective::{Abandoned, Collective, Rank, Ranks, Threads};
use crate::kernels::device::catch;
use crate::kernels::{Cpu, DeviceFailure, FeatureMap};
use crate::model::Plan;
use crate::objective::QueueState;
use crate::random::{Key, Purpose};
use crate::recipe::{Contrast, Head, InputMix, Method, Mix, Operator, Pretext, Stem};
use crate::store::RunFolder;

use super::inputs::{Passes, Preparation, Prepared};
use super::resume_tests::{Bench, settings};
use super::{Batch, Ended, Options, Progress, StepError, TrainError, Trainer, pretext};

const STEPS: usize = 4;
const SEED: u64 = 11;
const RATE: f64 = 1e-3;
/// Rows of a replica: enough that no variance is next to nothing.
const SHARE: usize = 6;
/// How far the first gradient of ranks may be from that of one, as a share of its length: sums of f32 in another order.
const FIRST: f64 = 2e-6;
/// The same for what they come to: where gradients are large, steps lead what rounds differently far apart.
const TOLERANCE: f64 = 5e-4;

/// A few steps of a method.
#[derive(Clone)]
struct Case {
    pretext: Pretext,
    pictures: bool,
}

impl Case {
    fn new(method: Method, replicas: usize, layers: Option<&[usize]>) -> Case {
        let operator = if layers.is_some() { Operator::Mixup } else { Operator::None };
        let mix = Mix { operator, alpha: 1.0, layers: layers.map(<[usize]>::to_vec) };
        let batch = replicas * SHARE;
        let queue = (method == Method::Moco).then_some(3 * batch);
        Case { pretext: Pretext { mix, batch, replicas, queue, ..settings(method) }, pictures: false }
    }

    fn shape(&self) -> Vec<usize> {
        if self.pictures { vec![8, 8, 3] } else { vec![7] }
    }

    fn plan(&self) -> Plan {
        match self.shape()[..] {
            [height, width, channels] => {
                Plan::resnet(18, 2, Stem::Cifar, FeatureMap { height, width, channels }).unwrap()
            }
            _ => Plan::mlp(&[4, 3], 1),
        }
    }

    fn batch(&self, step: usize) -> Batch {
        let shape: Vec<usize> = std::iter::once(self.pretext.batch).chain(self.shape()).collect();
        let views = [0, 1].map(|view| {
            let mut stream = Key::new(SEED, Purpose::Selftest).step(step).view(view).stream();
            (0..shape.iter().product()).map(|_| rand::RngExt::random_range(&mut stream, -1.5..1.5)).collect()
        });
        Batch { epoch: 0, step, rows: (0..self.pretext.batch as u32).collect(), shape, views }
    }

    /// What each rank has after the steps, where `change` may alter what it is dealt.
    fn train(&self, ranks: Ranks<Cpu>, change: impl Fn(&mut Prepared<Vec<f32>>)) -> Vec<Left> {
        let preparation = Preparation::new(ranks.kernels(), &self.pretext, SEED);
        let Ranks { leader, followers } = ranks;
        let of_rank = |rank| Trainer::of_rank(rank, self.plan(), &self.pretext, SEED).unwrap();
        let mut trainers: Vec<_> = std::iter::once(leader).chain(followers).map(of_rank).collect();
        let mut left: Vec<Left> = trainers.iter().map(Left::before).collect();
        for step in 0..STEPS {
            let shares = preparation.of(self.batch(step)).unwrap();
            assert_eq!(shares.len(), trainers.len());
            thread::scope(|scope| {
                for ((trainer, left), mut share) in trainers.iter_mut().zip(&mut left).zip(shares) {
                    change(&mut share);
                    scope.spawn(|| {
                        trainer.take(share, RATE).unwrap();
                        left.took(trainer);
                    });
                }
            });
        }
        trainers.iter().zip(&mut left).for_each(|(trainer, left)| left.after(trainer));
        left
    }
}

/// What steps leave on a rank.
#[derive(Clone, Debug, PartialEq)]
struct Left {
    /// The same on all ranks.
    shared: Vec<(&'static str, Vec<f32>)>,
    queue: Option<QueueState>,
    /// Running statistics, the rank's own.
    statistics: Vec<(&'static str, Vec<f32>)>,
}

impl Left {
    fn before(trainer: &Trainer<Cpu>) -> Left {
        let mut shared: Vec<_> =
            ["loss", "spread", "first gradient", "later gradients"].map(|name| (name, Vec::new())).into();
        shared.push(("way of the parameters", trainer.query.parameters()));
        shared.extend(trainer.key.iter().map(|key| ("way of the momentum encoder", key.parameters())));
        Left { shared, queue: None, statistics: Vec::new() }
    }

    fn took(&mut self, trainer: &mut Trainer<Cpu>) {
        let observed = trainer.observed().unwrap()[0];
        self.shared[0].1.push(observed.loss as f32);
        self.shared[1].1.push(observed.spread as f32);
        let at = if self.shared[2].1.is_empty() { 2 } else { 3 };
        self.shared[at].1.extend(trainer.query.gradient());
    }

    fn after(&mut self, trainer: &Trainer<Cpu>) {
        let networks = std::iter::once(&trainer.query).chain(&trainer.key);
        for ((_, way), network) in self.shared[4..].iter_mut().zip(networks.clone()) {
            way.iter_mut().zip(network.parameters()).for_each(|(way, after)| *way = after - *way);
        }
        self.shared.push(("momentum", trainer.optimiser.momentum()));
        self.queue = trainer.loss.queue();
        self.shared.extend(self.queue.iter().map(|queue| ("queue", queue.keys.clone())));
        let names = ["running statistics", "running statistics of the momentum encoder"];
        self.statistics = names.into_iter().zip(networks.map(|network| network.statistics())).collect();
    }

    /// The largest distance of any part, as a share of what it may be, and its name.
    fn distance(&self, expected: &Left) -> (f64, &'static str) {
        let all = |left: &Left| left.shared.clone().into_iter().chain(left.statistics.clone());
        let distances = all(self).zip(all(expected)).map(|((name, found), (_, expected))| {
            assert_eq!(found.len(), expected.len(), "{name}");
            assert!(expected.iter().any(|value| *value != 0.0), "{name} is all zero");
            (distance(&found, &expected) / if name == "first gradient" { FIRST } else { TOLERANCE }, name)
        });
        distances.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
    }
}

fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let square = |value: f64| value * value;
    let length = expected.iter().map(|value| square(f64::from(*value))).sum::<f64>();
    let pairs = found.iter().zip(expected);
    let apart = pairs.map(|(found, expected)| square(f64::from(*found) - f64::from(*expected))).sum::<f64>();
    (apart / length).sqrt()
}

fn threads(count: usize) -> Ranks<Cpu> {
    Threads::ranks(Cpu::new(1), vec![Cpu::new(1); count - 1])
}

fn check(name: &str, case: &Case, counts: &[usize]) {
    let alone = case.train(Ranks::alone(Cpu::new(1)), |_| {});
    for &count in counts {
        let ranks = case.train(threads(count), |_| {});
        for (rank, left) in ranks.iter().enumerate() {
            assert!(left.shared == ranks[0].shared && left.queue == ranks[0].queue, "{name}: rank {rank} of {count}");
        }
        let (distance, part) = ranks[0].distance(&alone[0]);
        assert!(distance < 1.0, "{name} on {count} ranks: {part} is {distance:.1} times as far off as it may be");
        let pointer = |left: &Left| left.queue.as_ref().map(|queue| queue.pointer);
        assert_eq!(pointer(&ranks[0]), pointer(&alone[0]));
    }
}

#[test]
fn npair_trains_on_ranks_as_on_replicas() {
    check("clean", &Case::new(Method::Npair, 4, None), &[2, 4]);
    let mut case = Case::new(Method::Npair, 4, Some(&[0]));
    case.pretext.input_mix = Some(InputMix { auxiliaries: 2, alpha: 1.0 });
    check("mixed at the input", &case, &[2, 4]);
    check("mixed inside", &Case::new(Method::Npair, 8, Some(&[0, 1, 3])), &[4]);
}

#[test]
fn simclr_trains_on_ranks_as_on_replicas() {
    check("mixed at the input", &Case::new(Method::Simclr, 4, Some(&[0])), &[2, 4]);
    check("mixed inside", &Case::new(Method::Simclr, 4, Some(&[1, 2])), &[2]);
}

#[test]
fn moco_trains_on_ranks_as_on_replicas() {
    check("mixed at the input", &Case::new(Method::Moco, 4, Some(&[0])), &[2, 4]);
    check("mixed inside", &Case::new(Method::Moco, 8, Some(&[0, 2])), &[2, 4, 8]);
    let mut unshuffled = Case::new(Method::Moco, 4, Some(&[0]));
    unshuffled.pretext.shuffle_bn = Some(false);
    check("without ShuffleBN", &unshuffled, &[4]);
    let mut against_queue = Case::new(Method::Moco, 4, None);
    against_queue.pretext.contrast = Some(Contrast::OnePlusK);
    check("against the queue alone", &against_queue, &[2, 4]);
}

#[test]
fn byol_trains_on_ranks_as_on_replicas() {
    check("mixed at the input", &Case::new(Method::Byol, 4, Some(&[0])), &[2, 4]);
    let mut unshuffled = Case::new(Method::Byol, 4, Some(&[2]));
    unshuffled.pretext.shuffle_bn = Some(false);
    check("mixed inside, without ShuffleBN", &unshuffled, &[4]);
}

#[test]
fn a_resnet_trains_on_ranks_as_on_replicas() {
    for (method, layers) in [(Method::Npair, &[1, 3][..]), (Method::Moco, &[0]), (Method::Byol, &[0])] {
        let mut case = Case { pictures: true, ..Case::new(method, 4, Some(layers)) };
        case.pretext.head = Head::Mlp;
        check(&format!("{method:?}"), &case, &[2]);
    }
}

/// What takes a mean, given how many were taken before.
type Mean = fn(&dyn Collective<Cpu>, usize, usize, &mut Vec<f32>) -> Result<(), Abandoned>;

/// A collective that takes means in another way.
struct Faulty {
    inner: Box<dyn Collective<Cpu>>,
    mean: Mean,
    means: AtomicUsize,
}

impl Collective<Cpu> for Faulty {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn mean(&self, len: usize, values: &mut Vec<f32>) -> Result<(), Abandoned> {
        (self.mean)(&*self.inner, self.means.fetch_add(1, Ordering::Relaxed), len, values)
    }

    fn gather(&self, len: usize, share: &Vec<f32>, all: &mut Vec<f32>) -> Result<(), Abandoned> {
        self.inner.gather(len, share, all)
    }

    fn check(&self) -> Result<(), Abandoned> {
        self.inner.check()
    }

    fn depart(self: Box<Self>) -> Result<(), Abandoned> {
        self.inner.depart()
    }
}

fn faulty(rank: Rank<Cpu>, mean: Mean) -> Rank<Cpu> {
    let Rank { kernels, collective: inner } = rank;
    Rank { kernels, collective: Box::new(Faulty { inner, mean, means: AtomicUsize::new(0) }) }
}

#[test]
fn gradients_that_are_not_averaged_and_keys_in_a_wrong_order_show() {
    let case = Case::new(Method::Moco, 4, Some(&[0]));
    let alone = case.train(Ranks::alone(Cpu::new(1)), |_| {});
    let Ranks { leader, followers } = threads(2);
    let leave = |rank| faulty(rank, |_, _, _, _| Ok(()));
    let followers = followers.into_iter().map(leave).collect();
    let unaveraged = case.train(Ranks { leader: leave(leader), followers }, |_| {});
    assert!(unaveraged[0].distance(&alone[0]).0 > 100.0);
    assert!(unaveraged[0].shared != unaveraged[1].shared);
    let misplaced = case.train(threads(2), |share| {
        let Passes::Apart { order: Some(order), .. } = &mut share.passes else { panic!("no order") };
        order.rotate_left(1);
    });
    assert!(misplaced[0].distance(&alone[0]).0 > 100.0);
    let unshuffled = case.train(threads(2), |share| {
        let Passes::Apart { order, .. } = &mut share.passes else { panic!("no passes") };
        *order = None;
    });
    assert!(unshuffled[0].distance(&alone[0]).0 > 100.0);
}

#[test]
fn replicas_are_shared_out_equally_or_not_at_all() {
    let case = Case::new(Method::Npair, 4, None);
    let Ranks { leader, .. } = threads(3);
    let refused = Trainer::of_rank(leader, case.plan(), &case.pretext, SEED).err();
    assert!(matches!(refused, Some(StepError::Ranks { replicas: 4, ranks: 3 })), "{refused:?}");
}

fn bench(ranks: usize) -> Bench {
    Bench { ranks, ..Bench::rows(Pretext { replicas: 4, ..settings(Method::Moco) }) }
}

fn encoder(folder: &Path) -> Vec<f32> {
    let bytes = std::fs::read(folder.join("encoder.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    let floats = |name: &str| {
        let data = tensors.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect::<Vec<_>>()
    };
    names.into_iter().flat_map(floats).collect()
}

/// A run goes on from what other numbers of ranks left.
#[test]
fn a_run_may_change_its_ranks() {
    let [alone, changing] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    assert_eq!(bench(1).go_on(alone.path(), None, Duration::MAX).0, Ended::Finished);
    for (ranks, stop, ended) in [(4, Some(4), Ended::Stopped), (1, Some(7), Ended::Stopped), (2, None, Ended::Finished)]
    {
        assert_eq!(bench(ranks).go_on(changing.path(), stop, Duration::MAX).0, ended);
    }
    let off = distance(&encoder(changing.path()), &encoder(alone.path()));
    assert!(off > 0.0 && off < 1e-3, "{off:.1e}");
}

fn ends_with(ranks: Ranks<Cpu>) -> Result<Result<Ended, TrainError>, DeviceFailure> {
    let (bench, folder) = (bench(1), tempfile::tempdir().unwrap());
    let options = Options { threads: 1, checkpoint_every: Duration::MAX };
    let control = &mut |_: Progress| ControlFlow::Continue(());
    let ended = catch(|| pretext(&bench.recipe, &bench.data, &RunFolder::at(folder.path()), ranks, options, control));
    assert!(!folder.path().join("done.json").exists());
    ended
}

#[test]
fn a_rank_that_fails_ends_the_run_with_its_own_error() {
    fn broken(inner: &dyn Collective<Cpu>, taken: usize, len: usize, values: &mut Vec<f32>) -> Result<(), Abandoned> {
        match taken {
            3 => DeviceFailure::Other(format!("rank {} broke off", inner.rank())).throw(),
            _ => inner.mean(len, values),
        }
    }
    for failing in 0..4 {
        let Ranks { leader, followers } = threads(4);
        let mut ranks: Vec<_> = std::iter::once(leader).chain(followers).collect();
        let rank = ranks.remove(failing);
        ranks.insert(failing, faulty(rank, broken));
        let leader = ranks.remove(0);
        let failure = ends_with(Ranks { leader, followers: ranks }).unwrap_err();
        assert_eq!(failure, DeviceFailure::Other(format!("rank {failing} broke off")));
    }
}

#[test]
fn a_rank_that_is_gone_or_one_too_many_ends_the_run() {
    let Ranks { leader, mut followers } = threads(4);
    // Of another training, whose other ranks are gone.
    followers[2].collective = threads(4).followers.remove(2).collective;
    let error = ends_with(Ranks { leader, followers }).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "rank 3 left the training that the others were in");
    let error = ends_with(threads(3)).unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the recipe's 4 replicas cannot be shared out equally"), "{error}");
}
