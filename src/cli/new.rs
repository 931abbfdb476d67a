//! `repro new`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::experiment::{Derivation, Experiment, Faults, Filter, Origin, Scale, Source, schema};
use crate::store::write_atomic;

use super::arguments::{Common, New};
use super::chosen::ALL;
use super::text::count;
use super::{Exit, Output};

const SCHEMA: &str = "schema.json";

pub fn execute(arguments: New, _: &Common, output: &Output) -> anyhow::Result<Exit> {
    let id = arguments.experiment.strip_suffix(".json").unwrap_or(&arguments.experiment);
    if id == ALL || Source::embedded().any(|known| known == id) {
        anyhow::bail!("`{id}` is a name of repro's own: give the new experiment another one");
    }
    let path = arguments.output.unwrap_or_else(|| PathBuf::from(format!("{id}.json")));
    if path.file_name().is_some_and(|name| name == SCHEMA) {
        anyhow::bail!(
            "{} is for the schema of experiment files: give another name, with --output or as EXP",
            path.display()
        );
    }
    if path.exists() && !arguments.force {
        anyhow::bail!("{} exists already; give another name, with --output or as EXP, or --force", path.display());
    }
    let from = Source::find(&arguments.from)?;
    let original = Experiment::examine(&from).map_err(first)?;
    let text = std::str::from_utf8(&from.bytes).with_context(|| format!("{} is not text", from.name))?;
    let precision = arguments.precision.map(Into::into);
    let derivation = Derivation { id, only: &arguments.only, precision, schema: SCHEMA };
    let text = original.derive(text, &derivation)?;
    let name = path.display().to_string();
    let source = Source { name: name.clone(), bytes: text.as_bytes().into(), origin: Origin::File(path.clone()) };
    let derived = Experiment::examine(&source).map_err(first)?;

    let unwritten = || format!("cannot write {name}");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(unwritten)?;
    }
    write_atomic(&path, text.as_bytes()).with_context(unwritten)?;
    keep_schema(&path.with_file_name(SCHEMA), output)?;
    output.result(&name);
    let cells = |scale| anyhow::Ok(derived.cells(scale, &Filter::default())?.len());
    let (demo, paper) = (cells(Scale::Demo)?, cells(Scale::Paper)?);
    let ours = count(demo, "cell");
    output.note(format!("{ours} at the demo scale, {paper} at the paper's, with the settings of {}", original.id()));
    output.note("Change what you like. Where a cell is no longer one of the paper's, take its `paper` facts out.");
    output.note(format!("Next: repro check {name}; repro run {name}"));
    Ok(Exit::Done)
}

fn first(faults: Faults) -> anyhow::Error {
    (*faults.first).into()
}

/// Puts the schema that editors complete with beside an experiment file, unless one is there.
fn keep_schema(path: &Path, output: &Output) -> anyhow::Result<()> {
    let text = format!("{}\n", serde_json::to_string_pretty(&schema())?);
    match std::fs::read(path) {
        Ok(found) if found == text.as_bytes() => {}
        Ok(_) => output.note(format!(
            "{} was there, is not the schema of this release and was left alone: editors go by it all the same",
            path.display()
        )),
        Err(_) => write_atomic(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?,
    }
    Ok(())
}
