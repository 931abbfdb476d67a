//! Which cells of an experiment a command is about.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Axis values to keep. An axis that is not named keeps all of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Accepted values by axis.
    pub axes: BTreeMap<String, Vec<String>>,
}

impl Filter {
    /// Whether a cell with these axis values is kept.
    pub fn accepts(&self, axes: &[(String, String)]) -> bool {
        axes.iter().all(|(axis, value)| self.axes.get(axis).is_none_or(|accepted| accepted.contains(value)))
    }
}

impl FromStr for Filter {
    type Err = String;

    /// Reads `dataset=covtype,method=moco`.
    fn from_str(text: &str) -> Result<Filter, String> {
        let mut axes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (axis, value) = part.split_once('=').ok_or_else(|| format!("expected AXIS=VALUE, found `{part}`"))?;
            axes.entry(axis.trim().to_owned()).or_default().push(value.trim().to_owned());
        }
        Ok(Filter { axes })
    }
}
