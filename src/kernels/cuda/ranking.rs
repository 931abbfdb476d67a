//! Which algorithms of cuDNN a convolution may be done with, and in which order they are tried. Pure: nothing here asks
//! cuDNN.

use std::collections::VecDeque;
use std::fmt::{self, Debug};

use crate::kernels::device::gigabytes;

/// Bytes of workspace beyond which an algorithm is tried last.
const MODEST_WORKSPACE: usize = 1 << 30;

/// What cuDNN says of an algorithm.
#[derive(Clone, Debug)]
pub(super) struct Answer<A, M> {
    pub algorithm: A,
    /// The arithmetic that it multiplies in.
    pub math: M,
    pub is_deterministic: bool,
    /// Bytes that it uses besides its operands, or why it cannot be used.
    pub workspace: Result<usize, String>,
}

/// An algorithm to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate<A, M> {
    pub algorithm: A,
    pub math: M,
    /// Bytes.
    pub workspace: usize,
}

/// Why an algorithm is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// In cuDNN's words.
    Refused(String),
    NotDeterministic,
    /// It multiplies in another precision than the run.
    OtherPrecision,
    /// So many bytes of workspace cannot be had.
    NoRoom(usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Refused(found) => f.write_str(found),
            Reason::NotDeterministic => f.write_str("not deterministic"),
            Reason::OtherPrecision => f.write_str("in another precision"),
            Reason::NoRoom(bytes) => write!(f, "no room for its workspace of {}", gigabytes(*bytes as u64)),
        }
    }
}

/// The algorithms of one pass of one shape.
#[derive(Debug)]
pub(super) struct Ranking<A, M> {
    /// Left to try, in order.
    candidates: VecDeque<Candidate<A, M>>,
    passed_over: Vec<(A, Reason)>,
}

impl<A: Copy + Debug + PartialEq, M: Copy> Ranking<A, M> {
    /// Those of cuDNN's `ranking` that are deterministic and multiply as `fits` asks, in its order; then those of
    /// `known` that it left out; in either, what needs much workspace comes last.
    pub fn new(
        ranking: impl IntoIterator<Item = Answer<A, M>>,
        known: impl IntoIterator<Item = Answer<A, M>>,
        fits: impl Fn(M) -> bool,
    ) -> Ranking<A, M> {
        let (mut candidates, mut passed_over) = (Vec::new(), Vec::new());
        let mut take = |Answer { algorithm, math, is_deterministic, workspace }: Answer<A, M>| {
            let taken = |candidate: &Candidate<A, M>| candidate.algorithm == algorithm;
            match workspace {
                Err(found) => passed_over.push((algorithm, Reason::Refused(found))),
                Ok(_) if !is_deterministic => passed_over.push((algorithm, Reason::NotDeterministic)),
                Ok(_) if !fits(math) => passed_over.push((algorithm, Reason::OtherPrecision)),
                // cuDNN may rank one twice, in two arithmetics that both fit: the first is the faster one.
                Ok(_) if candidates.iter().any(taken) => {}
                Ok(workspace) => candidates.push(Candidate { algorithm, math, workspace }),
            }
        };
        ranking.into_iter().for_each(&mut take);
        known.into_iter().for_each(&mut take);
        candidates.sort_by_key(|candidate| candidate.workspace > MODEST_WORKSPACE);
        Ranking { candidates: candidates.into(), passed_over }
    }

    /// The one to try.
    pub fn first(&self) -> Option<Candidate<A, M>> {
        self.candidates.front().copied()
    }

    /// Gives up on [`Ranking::first`].
    pub fn pass_over(&mut self, reason: Reason) {
        if let Some(candidate) = self.candidates.pop_front() {
            self.passed_over.push((candidate.algorithm, reason));
        }
    }

    /// Bytes of the smallest workspace that there was no room for.
    pub fn least_without_room(&self) -> Option<usize> {
        let without = self.passed_over.iter().filter_map(|(_, reason)| match reason {
            Reason::NoRoom(bytes) => Some(*bytes),
            _ => None,
        });
        without.min()
    }

    /// All that was passed over, and why.
    pub fn passed_over(&self) -> String {
        let each: Vec<_> =
            self.passed_over.iter().map(|(algorithm, reason)| format!("{algorithm:?}: {reason}")).collect();
        if each.is_empty() { "it ranked none".to_owned() } else { each.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An algorithm by number, in exact arithmetic or not.
    fn answer(algorithm: u8, is_exact: bool, workspace: usize) -> Answer<u8, bool> {
        Answer { algorithm, math: is_exact, is_deterministic: true, workspace: Ok(workspace) }
    }

    fn order(ranking: &mut Ranking<u8, bool>) -> Vec<u8> {
        let mut order = Vec::new();
        while let Some(candidate) = ranking.first() {
            order.push(candidate.algorithm);
            ranking.pass_over(Reason::NoRoom(candidate.workspace));
        }
        order
    }

    #[test]
    fn the_ranking_comes_first_then_what_it_left_out_and_large_workspaces_last() {
        let ranked = [answer(3, true, MODEST_WORKSPACE + 1), answer(1, true, MODEST_WORKSPACE), answer(2, true, 0)];
        let known = [answer(2, true, 5), answer(4, true, MODEST_WORKSPACE * 2), answer(5, true, 8)];
        let mut ranking = Ranking::new(ranked, known, |exact| exact);
        assert_eq!(ranking.first(), Some(Candidate { algorithm: 1, math: true, workspace: MODEST_WORKSPACE }));
        assert_eq!(ranking.least_without_room(), None);
        assert_eq!(order(&mut ranking), [1, 2, 5, 3, 4]);
        assert_eq!((ranking.first(), ranking.least_without_room()), (None, Some(0)));
    }

    #[test]
    fn what_may_not_be_used_is_passed_over_with_a_reason() {
        let refused = Answer { workspace: Err("NOT_SUPPORTED".to_owned()), ..answer(1, true, 0) };
        let random = Answer { is_deterministic: false, ..answer(2, true, 0) };
        let mut ranking =
            Ranking::new([refused, random, answer(3, false, 0)], [answer(4, true, 2_500_000_000)], |exact| exact);
        assert_eq!(order(&mut ranking), [4]);
        assert_eq!(
            ranking.passed_over(),
            "1: NOT_SUPPORTED; 2: not deterministic; 3: in another precision; 4: no room for its workspace of 2.50 GB"
        );
    }

    #[test]
    fn an_algorithm_that_is_ranked_in_two_arithmetics_is_tried_in_the_first_that_fits() {
        let twice = || [answer(1, false, 4), answer(1, true, 6)];
        let exact = Ranking::new(twice(), [], |exact| exact);
        assert_eq!(exact.first().map(|found| found.workspace), Some(6));
        let mut any = Ranking::new(twice(), [], |_| true);
        assert_eq!(any.first().map(|found| found.workspace), Some(4));
        assert_eq!(order(&mut any), [1]);
    }

    #[test]
    fn a_ranking_of_nothing_says_so() {
        assert_eq!(Ranking::<u8, bool>::new([], [], |_| true).passed_over(), "it ranked none");
    }
}
