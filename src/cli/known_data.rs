//! What `list`, `plan` and `why` know about data, each set looked at once.

use std::cell::RefCell;

use crate::data::{DataError, Inventory, Library, descriptor};
use crate::experiment::{KnownData, kept};
use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

use super::arguments::Common;

/// The library of a command, and what it said so far.
pub struct AtHand {
    library: Library,
    answers: RefCell<Vec<(DataSettings, Result<Inventory, Unusable>)>>,
}

/// Why data cannot be used.
#[derive(Clone)]
pub struct Unusable {
    pub reason: String,
    /// Nothing of it is there: what is there is not at fault.
    pub is_missing: bool,
}

impl AtHand {
    pub fn new(common: &Common) -> AtHand {
        AtHand { library: Library::new(common.data.as_deref()), answers: RefCell::default() }
    }

    /// What there is of the data that settings ask for, or why it is not at hand.
    pub fn ask(&self, settings: &DataSettings) -> Result<Inventory, String> {
        self.inventory(settings).map_err(|unusable| unusable.reason)
    }

    fn inventory(&self, settings: &DataSettings) -> Result<Inventory, Unusable> {
        let known = self.answers.borrow().iter().find(|(asked, _)| asked == settings).map(|(_, answer)| answer.clone());
        known.unwrap_or_else(|| {
            let answer = self.library.inventory(settings).map_err(|error| Unusable {
                is_missing: matches!(error, DataError::Missing { .. } | DataError::MissingFolder { .. }),
                reason: error.to_string(),
            });
            self.answers.borrow_mut().push((settings.clone(), answer.clone()));
            answer
        })
    }

    /// What the user should know of the data asked about so far, each thing once.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        for inventory in self.answers.borrow().iter().filter_map(|(_, answer)| answer.as_ref().ok()) {
            for warning in &inventory.warnings {
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
        }
        warnings
    }

    /// The published content that settings ask for, at hand or not; for a set of which any part is welcome, the content at
    /// hand.
    pub fn named(&self, settings: &DataSettings) -> Result<DataIdentity, String> {
        match Library::published(settings) {
            Err(DataError::UnknownContent { .. }) => self.ask(settings).map(|inventory| inventory.identity),
            published => published.map_err(|error| error.to_string()),
        }
    }
}

impl KnownData for AtHand {
    fn identity(&self, settings: &DataSettings) -> Option<DataIdentity> {
        self.ask(settings).ok().map(|inventory| inventory.identity)
    }

    fn rows(&self, settings: &DataSettings) -> Option<(usize, usize)> {
        let published = descriptor(settings.set);
        match (self.ask(settings), settings.part) {
            (Ok(inventory), _) => Some(inventory.rows),
            (Err(_), Part::Full) => published.rows.map(|rows| kept(settings, rows)),
            (Err(_), Part::Embedded) => published.embedded_rows,
        }
    }
}

/// Sets that some cells need and that are not at hand or cannot be used, each once, with the reason.
pub fn missing<'a>(data: &AtHand, settings: impl IntoIterator<Item = &'a DataSettings>) -> Vec<(DataSet, Unusable)> {
    let mut missing: Vec<(DataSet, Unusable)> = Vec::new();
    for settings in settings {
        if let Err(unusable) = data.inventory(settings)
            && !missing.iter().any(|(set, _)| *set == settings.set)
        {
            missing.push((settings.set, unusable));
        }
    }
    missing
}
