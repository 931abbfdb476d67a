//! Inequalities between cells.

use serde::Serialize;

use crate::paper::Confidence;

use super::file::ClaimFile;

/// One inequality of a claim: the cell `greater` is higher than the cell `than`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    pub id: String,
    pub text: String,
    pub source: String,
    pub confidence: Confidence,
    /// The reading that is compared, where that is not the one in the table.
    pub reading: Option<String>,
    /// Values of the axes that the claim is stated for each combination of.
    pub group: Vec<(String, String)>,
    /// Values of every axis, in the order of the experiment file.
    pub greater: Vec<(String, String)>,
    pub than: Vec<(String, String)>,
}

/// The inequality of one group of cells. `axes` are those of one cell of it.
pub(super) fn of_group(claim: &ClaimFile, axes: &[(String, String)]) -> Claim {
    let side = |values: &super::ordered::Ordered<String>| {
        axes.iter().map(|(axis, value)| (axis.clone(), values.get(axis).unwrap_or(value).clone())).collect()
    };
    Claim {
        id: claim.id.clone(),
        text: claim.text.clone(),
        source: claim.source.clone(),
        confidence: claim.confidence,
        reading: claim.reading.clone(),
        group: axes.iter().filter(|(axis, _)| claim.each.contains(axis)).cloned().collect(),
        greater: side(&claim.greater),
        than: side(&claim.than),
    }
}
