//! The `--device` option.

use super::Output;
use crate::kernels::device::{check_ranks, describe};
use crate::kernels::{Device, DeviceError};
use crate::runner::device_name;

/// The device that the option names, which may be several GPUs that train together. `auto` is the first GPU, where this
/// build and this machine can use it, else the CPU; a GPU that is there and cannot be used is told.
///
/// # Errors
/// A text that names no device, or a GPU that cannot be used.
pub fn choose(text: &str, output: &Output) -> anyhow::Result<Device> {
    let device = named(text, "auto, cpu, cuda:N or cuda:FIRST-LAST", output)?;
    usable(device).map_err(|error| anyhow::anyhow!("--device {text}: {error}"))?;
    Ok(device)
}

/// As [`choose`], for what runs on one device.
///
/// # Errors
/// As [`choose`], and several GPUs.
pub fn choose_one(text: &str, output: &Output) -> anyhow::Result<Device> {
    let expected = "auto, cpu or cuda:N";
    let device = named(text, expected, output)?;
    anyhow::ensure!(device.ranks() == 1, "--device: expected {expected}, one device, found `{text}`");
    usable(device).map_err(|error| anyhow::anyhow!("--device {text}: {error}"))?;
    Ok(device)
}

fn named(text: &str, expected: &str, output: &Output) -> anyhow::Result<Device> {
    if text != "auto" {
        return text.parse().map_err(|_| anyhow::anyhow!("--device: expected {expected}, found `{text}`"));
    }
    Ok(match describe(0) {
        Ok(_) => Device::Cuda(0),
        Err(DeviceError::NotBuilt | DeviceError::NoDriver | DeviceError::NoDevice { .. }) => Device::Cpu,
        Err(error) => {
            output.note(format!("warning: training on the CPU, because {error}"));
            Device::Cpu
        }
    })
}

fn usable(device: Device) -> Result<(), DeviceError> {
    match device {
        Device::Cpu => Ok(()),
        Device::Cuda(number) => describe(number).map(drop),
        Device::CudaRanks { first, last } => {
            check_ranks()?;
            (first..=last).try_for_each(|number| describe(number).map(drop))
        }
    }
}

/// What a table calls a device.
pub fn title(device: Device) -> String {
    match device {
        Device::Cpu => device.to_string(),
        Device::Cuda(_) | Device::CudaRanks { .. } => device_name(device),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_taken_or_refused_with_a_reason() {
        let choose = |text| choose(text, &Output::new(true));
        assert_eq!(choose("cpu").unwrap(), Device::Cpu);
        for device in ["cuda", "cuda:", "cuda:x", "cuda:2-1", "gpu", ""] {
            assert!(choose(device).unwrap_err().to_string().contains("expected auto, cpu, cuda:N or"), "{device}");
        }
        for device in ["cuda:x", "cuda:0-1"] {
            let refused = choose_one(device, &Output::new(true)).unwrap_err().to_string();
            assert!(refused.contains("expected auto, cpu or cuda:N"), "{refused}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_has_the_cpu_only() {
        let choose = |text| choose(text, &Output::new(true));
        assert_eq!(choose("auto").unwrap(), Device::Cpu);
        for device in ["cuda:0", "cuda:12", "cuda:0-7"] {
            let refused = choose(device).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("--device {device}: ")), "{refused}");
            assert!(refused.contains("no CUDA support") && refused.contains("--device cpu"), "{refused}");
        }
    }
}
