//! `repro export`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::interchange::{Exported, detectron2, export, fits_configuration, loading_lines};
use crate::recipe::PretextRecipe;
use crate::store::{Results, RunFolder, read_sealed, write_atomic};

use super::arguments::{Common, Export, ExportFormat};
use super::{Exit, Output};

/// Runs shown where an address fits none or several.
const SHOWN: usize = 8;

pub fn execute(arguments: Export, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let folder = find(&arguments.run, &Results::new(&common.results))?;
    let exported = export(&folder)?.with_context(|| {
        format!("{} is not finished: run `repro run` with its experiment again", folder.path().display())
    })?;
    let (bytes, ending) = match arguments.format {
        ExportFormat::Safetensors => (exported.bytes.clone(), "safetensors"),
        ExportFormat::Detectron2 => (detectron2(&exported.recipe.network, &exported.bytes)?, "pkl"),
    };
    let path = arguments.output.unwrap_or_else(|| PathBuf::from(exported.file_name(ending)));
    if path.exists() && !arguments.force {
        anyhow::bail!("{} exists already; give another name with --output, or --force", path.display());
    }
    write_atomic(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    output.result(path.display().to_string());
    if matches!(arguments.format, ExportFormat::Detectron2) && !fits_configuration(&exported.recipe.network) {
        output.note(
            "warning: MoCo's configuration pascal_voc_R_50_C4_24k_moco.yaml is for a ResNet-50 of width 64; this is another \
             network, of which it would skip what does not fit",
        );
    }
    if !output.quiet() {
        tell(&exported, arguments.format, &path, output);
    }
    Ok(Exit::Done)
}

fn tell(exported: &Exported, format: ExportFormat, path: &Path, output: &Output) {
    let path = path.display().to_string();
    let (program, lines) = match format {
        ExportFormat::Safetensors => ("PyTorch", loading_lines(&exported.recipe.network, &path)),
        ExportFormat::Detectron2 => ("detectron2", vec![format!("MODEL.WEIGHTS {path}")]),
    };
    output.result(format!("To load it in {program}:"));
    lines.iter().for_each(|line| output.result(format!("  {line}")));
}

/// The folder of a pretext run: given itself, or by the first digits of its address.
fn find(run: &str, results: &Results) -> anyhow::Result<RunFolder> {
    let path = Path::new(run);
    if path.is_dir() {
        if !path.join("recipe.json").exists() {
            anyhow::bail!("{run} is no folder of a run: expected recipe.json in it");
        }
        return Ok(RunFolder::at(path));
    }
    let root = results.root().join("pretext");
    let all = addresses(&root);
    let fitting: Vec<&String> = all.iter().filter(|address| address.starts_with(run)).collect();
    match fitting.as_slice() {
        [only] => Ok(RunFolder::at(root.join(only))),
        [] if all.is_empty() => {
            anyhow::bail!("no pretext runs in {}; name another folder with --results DIR", root.display())
        }
        [] => {
            anyhow::bail!("no run `{run}` in {}; its runs are\n{}", root.display(), listed(&root, &nearest(run, &all)))
        }
        several => {
            anyhow::bail!("`{run}` is the beginning of {} runs\n{}", several.len(), listed(&root, several))
        }
    }
}

/// Addresses of the pretext runs of a folder, sorted.
fn addresses(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| entry.path().join("recipe.json").exists());
    let mut addresses: Vec<String> = runs.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    addresses.sort_unstable();
    addresses
}

/// The addresses that begin most like `run`, the likest first.
fn nearest<'a>(run: &str, all: &'a [String]) -> Vec<&'a String> {
    let alike = |address: &String| address.bytes().zip(run.bytes()).take_while(|(one, other)| one == other).count();
    let mut sorted: Vec<&String> = all.iter().collect();
    sorted.sort_by_key(|address| std::cmp::Reverse(alike(address)));
    sorted
}

fn listed(root: &Path, addresses: &[&String]) -> String {
    let line = |address: &&String| match read_sealed::<PretextRecipe>(&root.join(address).join("recipe.json")) {
        Ok(Some(recipe)) => {
            let method = serde_json::json!(recipe.pretext.method);
            let method = method.as_str().unwrap_or_default();
            format!("  {address}  {} {method}, seed {}", recipe.data.settings.set.id(), recipe.seed)
        }
        _ => format!("  {address}"),
    };
    let mut lines: Vec<String> = addresses.iter().take(SHOWN).map(line).collect();
    if addresses.len() > SHOWN {
        lines.push(format!("  and {} more", addresses.len() - SHOWN));
    }
    lines.join("\n")
}
