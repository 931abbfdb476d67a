//! Data sets: where they are, whether they are what they should be, and what is in them.

mod catalogue;
mod cifar;
mod content;
mod covtype;
mod decode;
mod emoji;
mod error;
mod fault;
pub mod fetch;
mod folder;
mod guard;
mod higgs;
mod imagenet;
mod layout;
mod library;
mod members;
pub mod parse;
mod picture_store;
mod pictures;
mod ration;
mod set;
mod speech;
mod standing;
mod subset;
mod table;

pub use catalogue::{CATALOGUE, Descriptor, PublishedContent, PublishedFile, descriptor};
pub use error::DataError;
pub use fault::Fault;
pub use layout::{Container, DataCopy, Form, Layout};
pub use library::{Inventory, Library};
pub use picture_store::{Picture, PictureFiles, PictureStore};
pub use set::{CHANNELS, Clip, Clips, ImageSet, Pictures, Rows, Set, SetPart, SpeechSet, TabularSet};
pub use standing::Standing;
