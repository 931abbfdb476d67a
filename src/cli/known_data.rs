//! What `list`, `plan` and `why` know about data, each set looked at once.

use std::cell::RefCell;

use crate::data::{Library, descriptor};
use crate::experiment::KnownData;
use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

use super::arguments::Common;

/// The library of a command, and what it said so far.
pub struct AtHand {
    library: Library,
    answers: RefCell<Vec<(DataSettings, Result<DataIdentity, String>)>>,
}

impl AtHand {
    pub fn new(common: &Common) -> AtHand {
        AtHand { library: Library::new(common.data.as_deref()), answers: RefCell::default() }
    }

    /// The content that settings ask for, or why it is not at hand.
    pub fn ask(&self, settings: &DataSettings) -> Result<DataIdentity, String> {
        let known = self.answers.borrow().iter().find(|(asked, _)| asked == settings).map(|(_, answer)| answer.clone());
        known.unwrap_or_else(|| {
            let answer = self.library.identity(settings).map_err(|error| error.to_string());
            self.answers.borrow_mut().push((settings.clone(), answer.clone()));
            answer
        })
    }
}

impl KnownData for AtHand {
    fn identity(&self, settings: &DataSettings) -> Option<DataIdentity> {
        self.ask(settings).ok()
    }

    fn rows(&self, settings: &DataSettings) -> Option<(usize, usize)> {
        let known = descriptor(settings.set);
        match settings.part {
            Part::Full => known.rows,
            Part::Embedded => known.embedded_rows,
        }
    }
}

/// Sets that some cells need and that are not at hand, each once, with the reason.
pub fn missing<'a>(data: &AtHand, settings: impl IntoIterator<Item = &'a DataSettings>) -> Vec<(DataSet, String)> {
    let mut missing: Vec<(DataSet, String)> = Vec::new();
    for settings in settings {
        if let Err(reason) = data.ask(settings)
            && !missing.iter().any(|(set, _)| *set == settings.set)
        {
            missing.push((settings.set, reason));
        }
    }
    missing
}
