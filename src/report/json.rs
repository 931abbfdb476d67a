//! `verdicts.json` and `repro compare --json`.

use serde_json::{Map, Value, json};

use super::Report;
use super::claim::ClaimOutcome;
use super::statistics::Interval;

/// Raised when the shape of `verdicts.json` changes, or the columns of a CSV file beside it.
const FORMAT: u32 = 2;

/// The cells. Each axis stands under `axes` and, for the convenience of filters, at the top level.
pub fn cells(report: &Report) -> Vec<Value> {
    (0..report.summaries.len()).map(|index| cell(report, index)).collect()
}

fn cell(report: &Report, index: usize) -> Value {
    let (cell, summary) = (&report.measured.cells[index], &report.summaries[index]);
    let axes: Map<String, Value> =
        cell.coordinates.iter().map(|it| (it.axis.clone(), Value::from(it.value.clone()))).collect();
    let published = cell.published.as_ref();
    let own = json!({
        "axes": axes,
        "scale": report.measured.scale.id(),
        "reading": cell.reading,
        "n": summary.n(),
        "trials_asked": cell.asked,
        "mean": summary.ours.map(|ours| ours.mean),
        "std": summary.ours.and_then(|ours| ours.std),
        "interval": interval(summary.interval),
        "bootstrap_interval": interval(summary.bootstrap),
        "paper_mean": published.map(|published| published.mean),
        "paper_std": published.and_then(|published| published.std),
        "paper_confidence": published.map(|published| published.confidence.id()),
        "difference": summary.difference,
        "difference_interval": interval(summary.difference_interval),
        "verdict": summary.verdict.to_string(),
        "readings": summary.readings.iter().map(|(name, spread)| {
            (name.clone(), json!({ "n": spread.n, "mean": spread.mean, "std": spread.std }))
        }).collect::<Map<String, Value>>(),
        "deviations": cell.deviations,
        "failures": cell.failures.iter().map(|failed| {
            json!({ "seed": failed.seed, "reason": failed.reason })
        }).collect::<Vec<_>>(),
    });
    let mut all = axes;
    if let Value::Object(own) = own {
        all.extend(own);
    }
    Value::Object(all)
}

fn claim(report: &Report, claim: &ClaimOutcome) -> Value {
    let comparisons: Vec<Value> = claim
        .comparisons
        .iter()
        .map(|comparison| {
            json!({
                "higher": report.grid.name(comparison.higher),
                "lower": report.grid.name(comparison.lower),
                "n": comparison.n,
                "difference": comparison.difference,
                "one_sided_95": interval(comparison.bounds),
                "p_holm": comparison.p_adjusted,
                "verdict": comparison.verdict.id(),
                "reason": comparison.reason,
            })
        })
        .collect();
    json!({
        "id": claim.claim.id,
        "statement": claim.claim.statement,
        "confidence": claim.claim.confidence.id(),
        "scale": report.measured.scale.id(),
        "verdict": claim.verdict.id(),
        "comparisons": comparisons,
    })
}

fn interval(interval: Option<Interval>) -> Value {
    interval.map_or(Value::Null, |interval| json!([interval.low, interval.high]))
}

/// `verdicts.json`.
pub fn document(report: &Report) -> String {
    let measured = &report.measured;
    let value = json!({
        "format": FORMAT,
        "experiment": measured.experiment,
        "title": measured.title,
        "scale": measured.scale.id(),
        "selection": measured.selection,
        "margin": measured.margin,
        "cells": cells(report),
        "claims": report.claims.iter().map(|it| claim(report, it)).collect::<Vec<_>>(),
        "warnings": measured.warnings,
    });
    format!("{value:#}\n")
}
