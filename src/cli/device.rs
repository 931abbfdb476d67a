//! The `--device` option.

use super::Output;
use crate::kernels::device::describe;
use crate::kernels::{Device, DeviceError};

/// The device that the option names. `auto` is the first GPU, where this build and this machine can use it, else the
/// CPU; a GPU that is there and cannot be used is told.
///
/// # Errors
/// A text that names no device, or a GPU that cannot be used.
pub fn choose(text: &str, output: &Output) -> anyhow::Result<Device> {
    if text == "auto" {
        return Ok(match describe(0) {
            Ok(_) => Device::Cuda(0),
            Err(DeviceError::NotBuilt | DeviceError::NoDriver | DeviceError::NoDevice { .. }) => Device::Cpu,
            Err(error) => {
                output.note(format!("warning: training on the CPU, because {error}"));
                Device::Cpu
            }
        });
    }
    let parsed = text.parse();
    let device = parsed.map_err(|_| anyhow::anyhow!("--device: expected auto, cpu or cuda:N, found `{text}`"))?;
    if let Device::Cuda(number) = device {
        describe(number).map_err(|error| anyhow::anyhow!("--device {text}: {error}"))?;
    }
    Ok(device)
}

/// What a table calls a device.
pub fn title(device: Device) -> String {
    match device {
        Device::Cpu => device.to_string(),
        Device::Cuda(number) => describe(number)
            .map_or_else(|_| device.to_string(), |found| format!("{device} ({}, CUDA {})", found.name, found.driver)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_taken_or_refused_with_a_reason() {
        let choose = |text| choose(text, &Output::new(true));
        assert_eq!(choose("cpu").unwrap(), Device::Cpu);
        for device in ["cuda", "cuda:", "cuda:x", "gpu", ""] {
            assert!(choose(device).unwrap_err().to_string().contains("expected auto, cpu or cuda:N"), "{device}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_has_the_cpu_only() {
        let choose = |text| choose(text, &Output::new(true));
        assert_eq!(choose("auto").unwrap(), Device::Cpu);
        for device in ["cuda:0", "cuda:12"] {
            let refused = choose(device).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("--device {device}: ")), "{refused}");
            assert!(refused.contains("no CUDA support") && refused.contains("--device cpu"), "{refused}");
        }
    }
}
