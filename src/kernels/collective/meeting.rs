//! Where the ranks of a process meet.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Abandoned;

/// What each rank brought, in the order of ranks.
pub type Brought = Arc<Vec<Vec<f32>>>;

/// Rounds in which every rank brings values and takes those of all.
pub struct Meeting {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Of each rank, once it has come to the round at hand.
    here: Vec<Option<Vec<f32>>>,
    /// Rounds that are over.
    rounds: u64,
    /// Of the last round that is over. It stays until all have come to the next, so until all have taken it.
    brought: Brought,
    /// The first that is gone.
    left: Option<usize>,
}

impl Meeting {
    /// For `size` ranks.
    pub fn new(size: usize) -> Meeting {
        let state = State { here: vec![None; size], rounds: 0, brought: Arc::default(), left: None };
        Meeting { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub fn size(&self) -> usize {
        self.lock().here.len()
    }

    /// Waits until all ranks have come.
    ///
    /// # Errors
    /// A rank that is gone and has not come.
    pub fn exchange(&self, rank: usize, values: Vec<f32>) -> Result<Brought, Abandoned> {
        let mut state = self.lock();
        let round = state.rounds;
        state.here[rank] = Some(values);
        if state.here.iter().all(Option::is_some) {
            state.brought = Arc::new(state.here.iter_mut().filter_map(Option::take).collect());
            state.rounds += 1;
            self.changed.notify_all();
        }
        while state.rounds == round {
            if let Some(by) = state.left {
                return Err(Abandoned { by });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.brought.clone())
    }

    /// # Errors
    /// Who left first, if anybody did.
    pub fn check(&self) -> Result<(), Abandoned> {
        self.lock().left.map_or(Ok(()), |by| Err(Abandoned { by }))
    }

    /// Takes a rank out: rounds that it has not come to never end.
    pub fn leave(&self, rank: usize) {
        self.lock().left.get_or_insert(rank);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
