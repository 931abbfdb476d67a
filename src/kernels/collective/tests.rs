use std::thread;

use super::*;
use crate::kernels::Cpu;

const RANKS: usize = 3;

/// What `work` gives on each of [`RANKS`] threads. A rank that panics gives its message.
fn on_threads<R: Send>(work: impl Fn(&Rank<Cpu>) -> R + Sync) -> Vec<Result<R, &'static str>> {
    let Ranks { leader, followers } = Threads::ranks(Cpu::new(1), vec![Cpu::new(1); RANKS - 1]);
    thread::scope(|scope| {
        let ranks = std::iter::once(leader).chain(followers);
        let work = &work;
        let threads: Vec<_> = ranks.map(|rank| scope.spawn(move || work(&rank))).collect();
        let message = |panic: Box<dyn std::any::Any + Send>| *panic.downcast().unwrap();
        threads.into_iter().map(|thread| thread.join().map_err(message)).collect()
    })
}

fn values(rank: &Rank<Cpu>) -> Vec<f32> {
    let own = rank.collective.rank() as f32;
    vec![own, 10.0 * own, 0.1, 1e8 * (own - 1.0), 7.0]
}

#[test]
fn means_are_taken_in_the_order_of_ranks_and_are_the_same_everywhere() {
    let found = on_threads(|rank| {
        let mut buffer = values(rank);
        // Many rounds: one that is behind must not take the values of a later one.
        for _ in 0..200 {
            buffer[..4].copy_from_slice(&values(rank)[..4]);
            rank.collective.mean(4, &mut buffer).unwrap();
        }
        buffer
    });
    let third = (0.1f32 + 0.1 + 0.1) / 3.0;
    for means in found {
        // What lies behind `len` stays.
        assert_eq!(means.unwrap(), [1.0, 10.0, third, 0.0, 7.0]);
    }
}

#[test]
fn shares_are_gathered_in_the_order_of_ranks() {
    let found = on_threads(|rank| {
        let mut all = vec![-1.0; 2 * RANKS + 1];
        rank.collective.gather(2, &values(rank), &mut all).unwrap();
        assert_eq!(rank.collective.size(), RANKS);
        all
    });
    for all in found {
        assert_eq!(all.unwrap(), [0.0, 0.0, 1.0, 10.0, 2.0, 20.0, -1.0]);
    }
}

#[test]
fn a_rank_that_fails_releases_the_others() {
    for panics in [false, true] {
        let found = on_threads(|rank| {
            let mut buffer = values(rank);
            rank.collective.mean(4, &mut buffer)?;
            if rank.collective.rank() == 1 {
                return if panics { std::panic::resume_unwind(Box::new("out of memory")) } else { Ok(()) };
            }
            let mut all = vec![0.0; 12];
            rank.collective.gather(4, &buffer, &mut all)
        });
        assert_eq!([&found[0], &found[2]], [&Ok(Err(Abandoned { by: 1 })); 2]);
        assert_eq!(found[1], if panics { Err("out of memory") } else { Ok(Ok(())) });
    }
}

#[test]
fn ranks_depart_together_or_not_at_all() {
    let together = Threads::ranks(Cpu::new(1), vec![Cpu::new(1)]);
    let follower = together.followers.into_iter().next().unwrap();
    let departing = thread::spawn(|| follower.collective.depart());
    assert_eq!((together.leader.collective.depart(), departing.join().unwrap()), (Ok(()), Ok(())));

    let Ranks { leader, followers } = Threads::ranks(Cpu::new(1), vec![Cpu::new(1)]);
    drop(leader);
    let departed = followers.into_iter().map(|rank| rank.collective.depart()).next();
    assert_eq!(departed, Some(Err(Abandoned { by: 0 })));
}

#[test]
fn the_only_rank_is_its_own_mean() {
    let Ranks { leader, followers } = Ranks::alone(Cpu::new(1));
    let (mut buffer, mut all) = (vec![1.0, 2.0], vec![0.0; 2]);
    leader.collective.mean(2, &mut buffer).unwrap();
    leader.collective.gather(2, &buffer, &mut all).unwrap();
    assert_eq!((buffer, all, followers.len()), (vec![1.0, 2.0], vec![1.0, 2.0], 0));
    assert_eq!((leader.collective.rank(), leader.collective.size()), (0, 1));
}
