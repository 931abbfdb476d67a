//! What rank 0 deals out to the ranks that follow it.

use std::sync::mpsc::SyncSender;

use crate::kernels::collective::Abandoned;

use super::StepError;
use super::inputs::Prepared;

/// The other ranks, as rank 0 sees them.
pub(super) struct Followers<S> {
    pub to: Vec<SyncSender<Dealt<S>>>,
}

/// A rank's part of a step.
pub(super) struct Dealt<S> {
    pub share: Prepared<S>,
    pub rate: f64,
}

impl<S> Followers<S> {
    /// Deals the shares of a step out. Gives that of rank 0.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn deal(&self, shares: Vec<Prepared<S>>, rate: f64) -> Result<Prepared<S>, StepError> {
        let mut shares = shares.into_iter();
        let own = shares.next().expect("there is a share for every rank");
        for ((to, share), by) in self.to.iter().zip(shares).zip(1..) {
            to.send(Dealt { share, rate }).map_err(|_| Abandoned { by })?;
        }
        Ok(own)
    }
}
