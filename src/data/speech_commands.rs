//! Speech Commands v0.01: what was published.

use crate::recipe::DataSet;

use super::Descriptor;

pub(super) static DESCRIPTOR: Descriptor = Descriptor::new(
    DataSet::SpeechCommands,
    None,
    "CC BY 4.0",
    "Warden, Pete (2017). Speech Commands: a public dataset for single-word speech recognition. Google.",
);
