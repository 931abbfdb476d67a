//! `repro verify`: does finished runs again, or their beginning, and compares bit by bit.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use crate::kernels::Device;
use crate::recipe::{EvaluationRecipe, PretextRecipe};
use crate::runner::{
    Agreement, Comparison, Event, Interruption, Training, Verification, Verifier, Work, count, crates, device_name,
    finished, stop_on_signals,
};
use crate::store::{Failure, Provenance, Results, RunFolder, read_sealed};
use crate::train::Extent;

use super::arguments::{Common, Verify};
use super::chosen::ALL;
use super::found::{Kind, evaluation_name, find, pretext_name, runs};
use super::text::table;
use super::{Exit, Output, device};

const KINDS: [Kind; 2] = [Kind::Pretext, Kind::Evaluation];
/// Between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub fn execute(arguments: Verify, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let results = Results::new(&common.results);
    let folders = chosen(&arguments.runs, &results, output)?;
    let extent = match arguments.epochs {
        Some(epochs) => Extent::Epochs(epochs.into()),
        None => Extent::Steps(arguments.steps.into()),
    };
    let device = device::choose(&arguments.device, output)?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(stop.clone()).context("cannot listen to signals")?;

    let mut trainer = Training::default();
    let mut tally = Tally::default();
    let mut shown = Vec::new();
    for folder in &folders {
        let name = folder.path().display().to_string();
        match verify(folder, (device, extent), common, &mut trainer, &stop, output) {
            Ok(Some(verified)) => {
                tally.count(verified.agreement());
                match arguments.json {
                    true => shown.push(verified.json(&name)),
                    false => output.result(verified.text(&name, folders.len() == 1)),
                }
            }
            Ok(None) => {
                output.note("stopped; nothing was changed");
                return Ok(Exit::Interrupted);
            }
            Err(error) => {
                tally.failed += 1;
                shown.push(json!({ "run": name, "error": format!("{error:#}") }));
                output.error(&error.context(format!("{name} cannot be verified")));
            }
        }
    }
    if arguments.json {
        output.result(serde_json::to_string_pretty(&shown)?);
    } else if folders.len() > 1 {
        output.result(tally.text());
    }
    Ok(tally.exit())
}

/// The folders of the runs that were named; of `all`, those that are finished.
fn chosen(runs_named: &[String], results: &Results, output: &Output) -> anyhow::Result<Vec<RunFolder>> {
    if runs_named.iter().any(|run| run == ALL) {
        anyhow::ensure!(runs_named.len() == 1, "`{ALL}` stands for every finished run: leave the others out");
        let finished = |folder: &RunFolder| ["done.json", "result.json"].iter().any(|name| folder.file(name).exists());
        let every = runs(results, &KINDS).into_iter().map(RunFolder::at);
        let (folders, others): (Vec<RunFolder>, Vec<RunFolder>) = every.partition(finished);
        if !others.is_empty() {
            output.note(format!("{} not finished, and left out", count(others.len(), "run")));
        }
        anyhow::ensure!(
            !folders.is_empty(),
            "no finished runs in {}; name another folder with --results DIR",
            results.root().display()
        );
        return Ok(folders);
    }
    runs_named.iter().map(|run| find(run, results, &KINDS)).collect()
}

/// A run, where it was made, and what came of doing it again.
struct Verified {
    work: Work,
    made_on: Option<Provenance>,
    here: String,
    verification: Verification,
}

/// None where it was stopped.
fn verify(
    folder: &RunFolder,
    (device, extent): (Device, Extent),
    common: &Common,
    trainer: &mut Training,
    stop: &AtomicBool,
    output: &Output,
) -> anyhow::Result<Option<Verified>> {
    let (work, results) = work_of(folder)?;
    if !finished(&work, &results)? {
        match read_sealed::<Failure>(&folder.file("failed.json"))? {
            Some(failure) => anyhow::bail!("it failed: {failure}"),
            None => anyhow::bail!("it is not finished: run `repro run` with its experiment again"),
        }
    }
    let made_on: Option<Provenance> = read_sealed(&folder.file("provenance.json"))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let verifier = Verifier { results: &results, data: common.data.as_deref(), device, threads, extent };
    let mut told = Instant::now();
    let verified = verifier.verify(&work, trainer, &mut |event| {
        match event {
            Event::Progress { fraction, .. } if told.elapsed() >= LINE_EVERY => {
                told = Instant::now();
                output.note(format!("{}: {:.2} % of the stage", folder.path().display(), 100.0 * fraction));
            }
            Event::Progress { .. } => {}
            Event::Warning(text) => output.note(format!("warning: {text}")),
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match verified {
        Ok(verification) => {
            let here = device_name(work.device(device));
            Ok(Some(Verified { work, made_on, here, verification }))
        }
        Err(Interruption::Stopped) => Ok(None),
        Err(Interruption::Failed(failure)) => Err(anyhow::anyhow!("{failure}")),
    }
}

/// The work that a folder holds, and the results folder it lies in.
fn work_of(folder: &RunFolder) -> anyhow::Result<(Work, Results)> {
    let path = folder.file("recipe.json");
    let pretext = read_sealed::<PretextRecipe>(&path).map(|recipe| recipe.map(Work::Pretext));
    let work = match pretext {
        Ok(Some(work)) => work,
        // A recipe of the other kind is no damage; one that is damaged fails again.
        _ => {
            let recipe = read_sealed::<EvaluationRecipe>(&path)?;
            Work::Evaluation(recipe.with_context(|| format!("{} is gone", path.display()))?)
        }
    };
    let whole = folder.path().canonicalize().with_context(|| format!("cannot open {}", folder.path().display()))?;
    let root =
        whole.parent().and_then(|kind| kind.parent()).context("a run lies in RESULTS/pretext or RESULTS/eval")?;
    let results = Results::new(root);
    let expected = work.folder(&results);
    anyhow::ensure!(
        expected.path() == whole,
        "{} is the recipe of a run with the address {}: expected it in the folder {}",
        path.display(),
        work.address(),
        expected.path().display(),
    );
    Ok((work, results))
}

impl Verified {
    fn name(&self) -> String {
        match &self.work {
            Work::Pretext(recipe) => pretext_name(recipe),
            Work::Evaluation(recipe) => evaluation_name(recipe),
        }
    }

    /// Whether it was made on a device of this kind, with the same arithmetic.
    fn is_alike(&self) -> bool {
        self.made_on.as_ref().is_some_and(|made_on| made_on.device == self.here && made_on.crates == crates())
    }

    fn agreement(&self) -> Agreement {
        self.verification.agreement(self.is_alike())
    }

    fn device(&self) -> &str {
        self.made_on.as_ref().map_or("an unknown device", |made_on| made_on.device.as_str())
    }

    /// The verdict, and every number where it is `alone` or they are not all the same.
    fn text(&self, run: &str, alone: bool) -> String {
        let Verified { verification, .. } = self;
        let agreement = self.agreement();
        let mut lines = vec![format!("{run}: {}", self.name())];
        if alone || agreement != Agreement::Identical {
            lines.push(format!("made on {}; here: {}", self.device(), self.here));
            lines.push(numbers(verification));
        }
        lines.push(self.verdict());
        lines.join("\n")
    }

    fn verdict(&self) -> String {
        let Verification { extent, .. } = &self.verification;
        match self.agreement() {
            Agreement::Identical => format!("identical: {extent} gave the same bits again"),
            Agreement::Rounding => format!(
                "within rounding: {extent} came out to {:.1e}, as on another kind or number of processors, or with other crates",
                self.verification.largest_difference()
            ),
            Agreement::Different => match self.verification.first_difference() {
                Some(Comparison { name, recorded, here, .. }) => {
                    format!("different: {name} was {recorded} and is {here} here")
                }
                None => format!("different: {extent} gave the same numbers but other content"),
            },
        }
    }

    fn json(&self, run: &str) -> Value {
        let Verified { work, made_on, here, verification } = self;
        json!({
            "run": run,
            "address": work.address(),
            "work": work.name(),
            "name": self.name(),
            "made_on": made_on.as_ref().map(|made_on| &made_on.device),
            "here": here,
            "agreement": self.agreement(),
            "extent": verification.extent,
            "largest_difference": verification.largest_difference(),
            "comparisons": verification.comparisons,
            "contents": verification.contents,
        })
    }
}

fn numbers(verification: &Verification) -> String {
    let head = ["", "recorded", "here", "difference"].map(str::to_owned).to_vec();
    let number = |one: &Comparison| {
        let difference = if one.is_same() { "same bits".to_owned() } else { format!("{:.1e}", one.difference()) };
        vec![one.name.clone(), one.recorded.to_string(), one.here.to_string(), difference]
    };
    let contents = verification.contents.iter().map(|content| {
        let difference = if content.same { "same bits" } else { "other content" };
        vec![content.name.clone(), String::new(), String::new(), difference.to_owned()]
    });
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(verification.comparisons.iter().map(number)).chain(contents).collect();
    table(&rows)
}

/// Runs by what came of them.
#[derive(Default)]
struct Tally {
    identical: usize,
    rounding: usize,
    different: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, agreement: Agreement) {
        *match agreement {
            Agreement::Identical => &mut self.identical,
            Agreement::Rounding => &mut self.rounding,
            Agreement::Different => &mut self.different,
        } += 1;
    }

    fn text(&self) -> String {
        let Tally { identical, rounding, different, failed } = self;
        format!("{identical} identical, {rounding} within rounding, {different} different, {failed} not verified")
    }

    fn exit(&self) -> Exit {
        match self {
            Tally { failed: 1.., .. } => Exit::Usage,
            Tally { different: 1.., .. } => Exit::NotReproduced,
            _ => Exit::Done,
        }
    }
}
