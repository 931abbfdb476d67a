//! What a build without the feature `cuda` says of GPUs.

use crate::kernels::DeviceError;
use crate::kernels::device::{Description, Room};

/// # Errors
/// Always [`DeviceError::NotBuilt`].
pub fn probe(_number: u32) -> Result<Description, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// # Errors
/// Always [`DeviceError::NotBuilt`].
pub fn room(_number: u32) -> Result<Room, DeviceError> {
    Err(DeviceError::NotBuilt)
}
