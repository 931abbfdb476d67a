//! Runs as people name them: by a folder, or by the first digits of an address.

use std::fs;
use std::path::{Path, PathBuf};

use crate::recipe::{EvaluationRecipe, PretextRecipe};
use crate::store::{Results, RunFolder, read_sealed};

/// Runs shown where an address fits none or several.
const SHOWN: usize = 8;

/// Kinds of runs, each with a folder of its own in the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pretext,
    Evaluation,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Kind::Pretext => "pretext",
            Kind::Evaluation => "eval",
        }
    }
}

/// A run of these kinds: its folder given itself, or the first digits of its address.
///
/// # Errors
/// No such run, or several; the message lists what there is.
pub fn find(run: &str, results: &Results, kinds: &[Kind]) -> anyhow::Result<RunFolder> {
    let path = Path::new(run);
    if path.is_dir() {
        if !path.join("recipe.json").exists() {
            anyhow::bail!("{run} is no folder of a run: expected recipe.json in it");
        }
        return Ok(RunFolder::at(path));
    }
    let all = runs(results, kinds);
    let places = || {
        let places: Vec<String> =
            kinds.iter().map(|kind| results.root().join(kind.folder()).display().to_string()).collect();
        places.join(" and ")
    };
    let fitting: Vec<&PathBuf> = all.iter().filter(|folder| name(folder).starts_with(run)).collect();
    match fitting.as_slice() {
        [only] => Ok(RunFolder::at(*only)),
        [] if !results.root().exists() => anyhow::bail!(
            "there is no folder {}: nothing was run from here yet, or name another folder with --results DIR",
            results.root().display()
        ),
        [] if all.is_empty() => anyhow::bail!("no runs in {}; name another folder with --results DIR", places()),
        [] => anyhow::bail!("no run `{run}` in {}; its runs are\n{}", places(), listed(&nearest(run, &all))),
        several => anyhow::bail!("`{run}` is the beginning of {} runs\n{}", several.len(), listed(several)),
    }
}

/// Folders of the runs of these kinds, sorted by kind and address.
pub fn runs(results: &Results, kinds: &[Kind]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for kind in kinds {
        let entries = fs::read_dir(results.root().join(kind.folder())).into_iter().flatten().flatten();
        let mut own: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|folder| folder.join("recipe.json").exists()).collect();
        own.sort_unstable();
        all.extend(own);
    }
    all
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The runs whose addresses begin most like `run`, the likest first.
fn nearest<'a>(run: &str, all: &'a [PathBuf]) -> Vec<&'a PathBuf> {
    let alike =
        |folder: &PathBuf| name(folder).bytes().zip(run.bytes()).take_while(|(one, other)| one == other).count();
    let mut sorted: Vec<&PathBuf> = all.iter().collect();
    sorted.sort_by_key(|folder| std::cmp::Reverse(alike(folder)));
    sorted
}

fn listed(folders: &[&PathBuf]) -> String {
    let line = |folder: &&PathBuf| match introduced(folder) {
        Some(what) => format!("  {}  {what}", name(folder)),
        None => format!("  {}", name(folder)),
    };
    let mut lines: Vec<String> = folders.iter().take(SHOWN).map(line).collect();
    if folders.len() > SHOWN {
        lines.push(format!("  and {} more", folders.len() - SHOWN));
    }
    lines.join("\n")
}

/// What a run is, in a few words; none where its recipe cannot be read.
fn introduced(folder: &Path) -> Option<String> {
    let path = folder.join("recipe.json");
    if let Ok(Some(recipe)) = read_sealed::<PretextRecipe>(&path) {
        return Some(pretext_name(&recipe));
    }
    read_sealed::<EvaluationRecipe>(&path).ok().flatten().map(|recipe| evaluation_name(&recipe))
}

/// Data set, method and seed.
pub fn pretext_name(recipe: &PretextRecipe) -> String {
    let method = serde_json::json!(recipe.pretext.method);
    format!("{} {}, seed {}", recipe.data.settings.set.id(), method.as_str().unwrap_or_default(), recipe.seed)
}

/// Data set, kind and seed.
pub fn evaluation_name(recipe: &EvaluationRecipe) -> String {
    format!("{} {} evaluation, seed {}", recipe.data.settings.set.id(), recipe.evaluation.id(), recipe.seed)
}
