//! The `--device` option.

/// Refuses a device that this build cannot train on.
pub fn check(device: &str) -> anyhow::Result<()> {
    match device {
        "auto" | "cpu" => Ok(()),
        _ if device.strip_prefix("cuda:").is_some_and(|number| number.parse::<u32>().is_ok()) => {
            anyhow::bail!("--device {device}: this build of repro has no CUDA support; use --device cpu")
        }
        _ => anyhow::bail!("--device: expected auto, cpu or cuda:N, found `{device}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn devices_are_taken_or_refused_with_a_reason() {
        assert!(check("auto").is_ok() && check("cpu").is_ok());
        for device in ["cuda:0", "cuda:12"] {
            assert!(check(device).unwrap_err().to_string().contains("no CUDA support; use --device cpu"));
        }
        for device in ["cuda", "cuda:", "cuda:x", "gpu", ""] {
            assert!(check(device).unwrap_err().to_string().contains("expected auto, cpu or cuda:N"), "{device}");
        }
    }
}
