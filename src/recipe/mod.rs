//! What a trial is made of: the settings an experiment file resolves to, and the recipes that address results.
//!
//! A recipe names everything that can change a number: each setting, the data by content digest, and each numeric
//! component by a revision. Equal recipes share results; anything else gets a folder of its own.

mod address;
mod data;
mod precision;
mod pretext;
mod reading;
mod revision;
mod settings;

pub use address::{Address, EvaluationRecipe, PretextRecipe};
pub use data::{
    Crop, Damaged, DataIdentity, DataSet, DataSettings, Domain, Folder, LARGEST_SIDE, Part, Silence, Speech, Split,
    Standardise, Subset, Words,
};
pub use precision::Precision;
pub use pretext::{Contrast, Head, InputMix, Method, Mix, Operator, Pretext, Schedule};
pub use reading::{FRECHET, Unit};
pub use revision::Component;
pub use settings::{
    EndToEnd, Evaluation, EvaluationKind, Frechet, LightViews, Linear, Network, PseudoInverse, Settings, Stem, Views,
};
