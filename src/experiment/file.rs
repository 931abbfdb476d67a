//! The experiment file, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::paper::{Confidence, Facts};

use super::ordered::Ordered;
use super::overlay::Overlay;
use super::scale::Scale;

/// Raised when a file can say what an older release would not understand, or would take for something else.
pub const FORMAT: u32 = 1;

/// One table or figure of the paper: what it reports, how each of its cells is run, and what it claims.
///
/// Every cell starts from `recipe`. On top of it go the `set` of its value on each axis, in the order of `axes`; then
/// each rule of `where` that holds for it, in order; then the scale's `set` and `where`. A later setting wins. The
/// result has to be complete: nothing is left to a default elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentFile {
    /// The schema that editors check and complete this file with.
    #[serde(rename = "$schema", default)]
    #[schemars(extend("type" = "string"))]
    pub _schema: Option<String>,
    /// Version of the file's format; 1 if not given. A program refuses a format that it does not know yet.
    #[serde(rename = "format", default)]
    #[schemars(range(min = 1), extend("type" = "integer"))]
    pub _format: Option<u32>,
    /// Names the experiment on the command line and its folder of reports: lower-case letters, digits,
    /// `-`, `_` and `.`.
    pub id: String,
    pub title: String,
    /// What the paper reports, in a sentence or two.
    pub expected: String,
    /// What the run costs at each scale.
    pub cost: String,
    /// Element of the paper's records that the cells are compared with: `table1`, `figure1` and so on. Left out where
    /// there is nothing to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// Trials of each cell, where the scale does not say.
    #[schemars(range(min = 1, max = 1000))]
    pub trials: u16,
    /// Settings common to every cell.
    pub recipe: Overlay,
    /// What the cells differ in: values by axis, both in the order of the report.
    pub axes: Ordered<Ordered<AxisValue>>,
    /// Combinations that there are no cells of: those with one of the given values on every axis named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Ordered<OneOrMany>>,
    /// Settings of some cells.
    #[serde(default, rename = "where")]
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub scales: Scales,
    /// Half the width, in percentage points, of the band around a published number that counts as the same number.
    #[serde(default = "default_margin")]
    pub margin: f64,
    pub report: ReportLayout,
    #[serde(default)]
    pub claims: Vec<ClaimFile>,
}

/// The paper prints one decimal, and trials of a cell differ by a few tenths of a point.
fn default_margin() -> f64 {
    1.0
}

/// One value of an axis.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AxisValue {
    /// What reports call it.
    pub label: String,
    /// What reports call it at scales where that is something else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Scale, String>,
    /// Settings of its cells.
    #[serde(default)]
    pub set: Overlay,
    /// What tells its cells apart in the paper's records.
    #[serde(default)]
    pub paper: Facts,
    /// Scales that have such cells; every one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scales: Option<Vec<Scale>>,
}

impl AxisValue {
    /// Whether a scale has such cells.
    pub fn is_at(&self, scale: Scale) -> bool {
        self.scales.as_ref().is_none_or(|scales| scales.contains(&scale))
    }
}

/// Settings of the cells that have the given value, or one of several, on every axis named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub when: Ordered<OneOrMany>,
    pub set: Overlay,
}

/// A value of an axis, or several that will do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(value) => std::slice::from_ref(value),
            OneOrMany::Many(values) => values,
        }
    }
}

/// What the smaller scales change. The paper scale changes nothing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// Embedded data, minutes on a CPU.
    #[serde(default)]
    pub demo: ScaleOverlay,
    /// Real data, hours on one GPU or less.
    #[serde(default)]
    pub short: ScaleOverlay,
}

/// What one scale changes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleOverlay {
    /// Trials of each cell at this scale.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000), extend("type" = "integer"))]
    pub trials: Option<u16>,
    /// Leaves out the cells with other values.
    #[serde(default)]
    pub only: Ordered<OneOrMany>,
    /// Settings of every cell at this scale.
    #[serde(default)]
    pub set: Overlay,
    /// Settings of some cells at this scale.
    #[serde(default, rename = "where")]
    pub rules: Vec<Rule>,
}

/// How the cells are laid out in a report.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportLayout {
    pub kind: ReportKind,
    /// The axis that runs down the rows, or several, outermost first.
    pub rows: OneOrMany,
    /// The axes that run across the columns, outermost first.
    pub columns: Vec<String>,
    /// The axis of the data that encoders are read out on, where that is not the data they were trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
    /// The reading that stands in each cell, for instance `linear/last/test-rate`; of several, the first that the cell has.
    pub reading: OneOrMany,
    /// Readings shown beside it, for the cells that have them.
    #[serde(default)]
    pub readings: Vec<String>,
}

/// The form of a report's plot. Each has the table as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// A place for every column, ours beside the paper's.
    Table,
    /// The innermost axis of the columns makes the bars of a place.
    Bars,
    /// The innermost axis of the columns makes curves over the next one.
    Curves,
}

/// An inequality that the paper states between cells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimFile {
    pub id: String,
    pub text: String,
    /// Where the paper's claim was read.
    pub source: String,
    pub confidence: Confidence,
    /// The reading that is compared; that of the table if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// The claim is stated once for every combination of values of these axes.
    #[serde(rename = "for")]
    pub each: Vec<String>,
    /// The cell that is said to be higher, by its values on the other axes.
    pub greater: Ordered<String>,
    /// The cell that is said to be lower, by its values on the other axes.
    pub than: Ordered<String>,
}
