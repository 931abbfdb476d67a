//! Reports of a small made-up experiment: what every file says, and that it says it again in the same bytes.

use std::collections::BTreeMap;

use imix_repro::experiment::{Deviation, ReportKind, Scale};
use imix_repro::paper::Confidence;
use imix_repro::report::{
    Claim, Coordinate, EpochLoss, FailedTrial, Layout, Measured, MeasuredCell, Published, Report, Run, TrialReadings,
};
use imix_repro::store::Provenance;

fn coordinate(axis: &str, value: &str, label: &str) -> Coordinate {
    Coordinate { axis: axis.into(), value: value.into(), label: label.into() }
}

fn trial(seed: u64, last: f64) -> TrialReadings {
    let readings = [("linear/best/test-rate", last + 0.25), ("linear/last/test-rate", last), ("pinv", last - 1.5)];
    // The address of an encoder is its own: trials of other cells with the same number would be said to share it.
    let pretext = format!("{:020x}", (last * 1000.0) as u64);
    let linear = Run { address: format!("{:020x}", 16 + seed), provenance: Some(provenance(seed)) };
    TrialReadings {
        seed,
        readings: readings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        pretext: Some(Run { address: pretext, provenance: None }),
        evaluations: BTreeMap::from([("linear".to_owned(), linear)]),
        learning: (1..=4).map(|epoch| EpochLoss { epoch, loss: last / 10.0 / f64::from(epoch) }).collect(),
    }
}

fn provenance(seed: u64) -> Provenance {
    Provenance {
        program: "repro 0.1.0".into(),
        commit: "0123456789abcdef0123456789abcdef01234567-dirty".into(),
        crates: BTreeMap::from([("candle-core".to_owned(), "0.11.1".to_owned())]),
        device: "CPU <of a test>".into(),
        threads: 2,
        precision: "f32".into(),
        data_digest: "fedcba9876543210".repeat(4),
        command: vec!["repro".into(), "run".into(), "small".into()],
        host: "somewhere".into(),
        wall_seconds: 61.5 + seed as f64,
        sessions: 1,
        finished_at: 1_700_000_000,
    }
}

fn published(mean: f64, std: f64, confidence: Confidence) -> Option<Published> {
    Some(Published { mean, std: Some(std), trials: 5, confidence })
}

/// Two rows, one of which was not run, and four columns with every state that a cell can be in.
fn measured(scale: Scale) -> Measured {
    let short = Deviation { what: "pretext.epochs".into(), published: "500".into(), ours: "50".into() };
    let remark =
        Deviation { what: "precision".into(), published: "TF32".into(), ours: "f32, \"strict\" & <exact>".into() };
    let mut cells = Vec::new();
    for (dataset, name) in [("covtype", "CovType"), ("cifar10", "CIFAR-10")] {
        for (method, label) in [("npair", "N-pair"), ("moco", "MoCo v2")] {
            for (imix, plus) in [("off", "baseline"), ("on", "+ i-Mix")] {
                let ran = dataset == "covtype";
                let trials = match (ran, method, imix) {
                    (true, "npair", "off") => vec![trial(0, 68.25), trial(1, 68.75), trial(2, 68.5)],
                    (true, "npair", "on") => vec![trial(0, 74.0), trial(1, 74.5), trial(2, 74.125)],
                    (true, "moco", "off") => vec![trial(0, 70.0)],
                    _ => Vec::new(),
                };
                let failed = ran && method == "moco" && imix == "off";
                let mut deviations = vec![remark.clone()];
                if scale != Scale::Paper {
                    deviations.push(short.clone());
                }
                cells.push(MeasuredCell {
                    coordinates: vec![
                        coordinate("dataset", dataset, name),
                        coordinate("method", method, label),
                        coordinate("imix", imix, plus),
                    ],
                    reading: "linear/last/test-rate".into(),
                    asked: 3,
                    published: match (dataset, method, imix) {
                        ("covtype", "npair", "off") => published(68.5, 0.3, Confidence::Confirmed),
                        ("covtype", "npair", "on") => published(72.1, 0.2, Confidence::Confirmed),
                        ("covtype", "moco", "off") => published(70.5, 0.2, Confidence::Recalled),
                        ("cifar10", "npair", "off") => published(93.3, 0.1, Confidence::Consistent),
                        ("cifar10", "npair", "on") => published(95.6, 0.2, Confidence::Consistent),
                        ("cifar10", _, _) => published(96.1, 0.1, Confidence::Recalled),
                        _ => None,
                    },
                    deviations,
                    trials,
                    failures: if failed {
                        vec![FailedTrial { seed: 1, reason: "the loss is not a number at epoch 3, step 12".into() }]
                    } else {
                        Vec::new()
                    },
                });
            }
        }
    }
    Measured {
        experiment: "small".into(),
        title: "Table 1: made-up numbers, for <tests> & 100% of_them".into(),
        scale,
        selection: None,
        layout: Layout {
            kind: ReportKind::Table,
            rows: vec!["dataset".into()],
            columns: vec!["method".into(), "imix".into()],
            readings: vec!["linear/best/test-rate".into(), "pinv".into(), "fine-tune/last".into()],
        },
        margin: 1.0,
        cells,
        claims: vec![Claim {
            reading: None,
            id: "imix-helps".into(),
            statement: "+ i-Mix > baseline".into(),
            confidence: Confidence::Confirmed,
            pairs: vec![(1, 0), (3, 2), (5, 4), (7, 6)],
        }],
        warnings: vec!["left out: results/eval/00/result.json is not what was written: its checksum differs".into()],
    }
}

fn report(scale: Scale) -> Report {
    Report::new(measured(scale)).unwrap()
}

fn file(report: &Report, name: &str) -> String {
    let (_, bytes) = report.files().unwrap().into_iter().find(|(known, _)| *known == name).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn markdown() {
    insta::assert_snapshot!("table_md_paper", file(&report(Scale::Paper), "table.md"));
    insta::assert_snapshot!("table_md_demo", file(&report(Scale::Demo), "table.md"));
}

#[test]
fn latex() {
    insta::assert_snapshot!(file(&report(Scale::Paper), "table.tex"));
}

#[test]
fn csv() {
    insta::assert_snapshot!("trials_csv", file(&report(Scale::Short), "trials.csv"));
    insta::assert_snapshot!("cells_csv", file(&report(Scale::Short), "cells.csv"));
    insta::assert_snapshot!("runs_csv", file(&report(Scale::Short), "runs.csv"));
    insta::assert_snapshot!("learning_csv", file(&report(Scale::Short), "learning.csv"));
}

#[test]
fn json() {
    insta::assert_snapshot!(file(&report(Scale::Paper), "verdicts.json"));
}

#[test]
fn terminal() {
    insta::assert_snapshot!("terminal_paper", report(Scale::Paper).terminal(false));
    insta::assert_snapshot!("terminal_demo", report(Scale::Demo).terminal(false));
}

#[test]
fn comparison() {
    insta::assert_snapshot!("comparison_paper", report(Scale::Paper).comparison(false));
    insta::assert_snapshot!("comparison_short", report(Scale::Short).comparison(false));
}

/// Every number that was measured is drawn, so that a plot that loses one differs from its snapshot.
#[test]
fn plots() {
    for (name, kind) in
        [("plot_table", ReportKind::Table), ("plot_bars", ReportKind::Bars), ("plot_curves", ReportKind::Curves)]
    {
        let mut measured = measured(Scale::Demo);
        measured.layout.kind = kind;
        insta::assert_snapshot!(name, file(&Report::new(measured).unwrap(), "plot.svg"));
    }
}

#[test]
fn a_plot_of_single_trials_has_no_word_on_error_bars() {
    let mut measured = measured(Scale::Demo);
    assert!(file(&Report::new(measured.clone()).unwrap(), "plot.svg").contains("Error bars"));
    for cell in &mut measured.cells {
        cell.trials.truncate(1);
        cell.published = None;
    }
    assert!(!file(&Report::new(measured).unwrap(), "plot.svg").contains("Error bars"));
}

#[test]
fn the_ledger_names_cells_by_what_they_have_in_common() {
    let cells = |which: &[usize]| {
        let mut measured = measured(Scale::Paper);
        for cell in which {
            let deviation = Deviation { what: "seed".into(), published: "none".into(), ours: "fixed".into() };
            measured.cells[*cell].deviations.push(deviation);
        }
        let table = file(&Report::new(measured).unwrap(), "table.md");
        let line = table.lines().find(|line| line.contains("seed") && line.contains("fixed")).unwrap().to_owned();
        line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap().trim().to_owned()
    };
    assert_eq!(cells(&[0, 1, 2, 3, 4, 5, 6, 7]), "all");
    assert_eq!(cells(&[1, 3, 5, 7]), "+ i-Mix");
    assert_eq!(cells(&[1, 3]), "CovType; + i-Mix");
    assert_eq!(cells(&[0, 3]), "CovType, N-pair baseline; CovType, MoCo v2 + i-Mix");
}

#[test]
fn learning_curves() {
    insta::assert_snapshot!("learning_svg", file(&report(Scale::Demo), "learning.svg"));
}

#[test]
fn cells_that_share_their_encoders_share_a_curve() {
    let mut measured = measured(Scale::Demo);
    measured.cells[5].trials = measured.cells[0].trials.clone();
    let report = Report::new(measured).unwrap();
    let page = file(&report, "index.html");
    assert_eq!(page.matches("<figcaption>").count(), 3);
    assert!(
        page.contains("<figcaption>CovType, N-pair baseline; CovType, BYOL + i-Mix</figcaption>")
            || page.contains("; ")
    );
    assert!(file(&report, "learning.svg").contains(" and 1 more"));
}

/// What is drawn has snapshots of its own.
#[test]
fn html() {
    let mut page = file(&report(Scale::Paper), "index.html").as_str().to_owned();
    let mut drawings = 0;
    while let Some((before, after)) = page.split_once("<svg ") {
        let (start, after) = after.split_once('>').unwrap();
        let label = start.split("aria-label=").nth(1).unwrap().split('"').nth(1).unwrap().to_owned();
        page = format!("{before}[picture: {label}]{}", after.split_once("</svg>").unwrap().1);
        drawings += 1;
    }
    assert_eq!(drawings, 4);
    insta::assert_snapshot!(page);
}

#[test]
fn colours_change_nothing_but_colours() {
    let report = report(Scale::Paper);
    let coloured = report.comparison(true) + &report.terminal(true);
    assert!(coloured.contains("\u{1b}[32m"));
    let mut plain = String::new();
    for (index, part) in coloured.split("\u{1b}[").enumerate() {
        plain.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(plain, report.comparison(false) + &report.terminal(false));
}

#[test]
fn writing_again_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let read = || {
        let place = report(Scale::Paper).write(folder.path()).unwrap();
        assert_eq!(place, folder.path().join("small").join("paper"));
        let files = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let first = read();
    let names: Vec<_> = first.keys().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "cells.csv",
            "index.html",
            "learning.csv",
            "learning.png",
            "learning.svg",
            "plot.png",
            "plot.svg",
            "runs.csv",
            "table.md",
            "table.tex",
            "trials.csv",
            "verdicts.json"
        ]
    );
    assert_eq!(first, read());
}

#[test]
fn text_with_special_characters_survives_csv() {
    let mut measured = measured(Scale::Paper);
    measured.cells[0].coordinates[0].value = "a, \"quoted\"\nvalue".into();
    let report = Report::new(measured).unwrap();
    assert!(file(&report, "trials.csv").contains("\"a, \"\"quoted\"\"\nvalue\",npair,off,0,paper,68.5,68.25,66.75,"));
}

#[test]
fn an_experiment_without_any_trial_still_has_a_report() {
    let mut measured = measured(Scale::Demo);
    for cell in &mut measured.cells {
        cell.trials.clear();
        cell.failures.clear();
    }
    let report = Report::new(measured).unwrap();
    assert!(report.terminal(false).contains("- (0 of 3)"));
    assert_eq!(file(&report, "trials.csv").trim_end(), "dataset,method,imix,seed,scale,pretext address");
    report.files().unwrap();
}

#[test]
fn an_empty_selection_still_has_a_report() {
    let mut measured = measured(Scale::Demo);
    measured.cells.clear();
    measured.claims.clear();
    let report = Report::new(measured).unwrap();
    assert!(report.cells_json().is_empty());
    report.files().unwrap();
}
