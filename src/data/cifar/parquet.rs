use super::Variant;
use crate::data::{Fault, Pictures};
pub(super) fn parse(_variant: &Variant, _bytes: impl AsRef<[u8]>) -> Result<Pictures, Fault> {
    Err(Fault::new("", "", ""))
}
