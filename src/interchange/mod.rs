//! Encoders that go to other programs and come from them.
//!
//! [`Encoder::read`] takes a safetensors file or what `torch.save` wrote (the zip format, PyTorch 1.6 and later), finds
//! the encoder in it, and tells its architecture from the names and shapes of its tensors. Nothing in a file is
//! executed, pickles least of all (see [`crate::pickle`]).
//! [`export`] writes an encoder as torchvision and the official code name it, [`detectron2`] as MoCo hands it on.
//!
//! A file is read as a whole and everything else is bounded by its size: whatever it declares, no allocation is larger
//! than a small multiple of it.

mod architecture;
mod archive;
mod detectron2;
mod encoder;
mod error;
mod export;
mod names;
mod safetensors_file;
mod state_dict;
mod stored;
#[cfg(test)]
mod tests;

pub use architecture::Architecture;
pub use detectron2::{Detectron2Error, detectron2, fits_configuration};
pub use encoder::Encoder;
pub use error::InterchangeError;
pub use export::{Exported, export, loading_lines};
pub use names::{Needless, PassedOver};
