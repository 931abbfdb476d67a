//! `repro views`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::data::Library;
use crate::experiment::{Cell, Experiment};
use crate::recipe::{Domain, Operator};
use crate::store::write_atomic;
use crate::train::inputs::At;
use crate::views::{Caption, Item, Sound, Stages, draw, sounds, stages};

use super::arguments::{Common, Views};
use super::text::table;
use super::{Exit, Output};

pub fn execute(arguments: Views, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let experiment = Experiment::load(&arguments.experiment)?;
    let cells = experiment.cells(arguments.scale, &arguments.only)?;
    let cell = shown(&cells)?;
    let (settings, scale) = (&cell.settings, arguments.scale.id());
    let data = Library::new(common.data.as_deref()).load(&settings.data)?;
    let at = At { seed: arguments.seed, epoch: usize::from(arguments.epoch) - 1, step: 0 };
    let stages = stages(&data, settings, at, usize::from(arguments.items))?;

    let caption = Caption {
        title: experiment.title_of(cell, arguments.scale),
        remark: format!(
            "data set {}, {scale} scale, seed {}, epoch {}, the first {} of a batch of {}{}",
            settings.data.set.id(),
            arguments.seed,
            arguments.epoch,
            stages.items.len(),
            stages.batch,
            stages.legend.map(|legend| format!("; {legend}")).unwrap_or_default(),
        ),
    };
    let path = arguments.output.unwrap_or_else(|| {
        let axes: Vec<&str> = cell.axes.iter().map(|(_, value)| value.as_str()).collect();
        common.reports.join(experiment.id()).join(scale).join(format!("views-{}.png", axes.join("-")))
    });
    let failed = || format!("cannot write {}; give another name with --output", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    write_atomic(&path, &draw(&stages, &caption)?).with_context(failed)?;
    output.note(format!("{}: {}", caption.title, caption.remark));
    if !output.quiet() {
        output.result(listed(&stages));
    }
    output.result(path.display().to_string());
    if let Some(folder) = &arguments.wav {
        for path in write_sounds(folder, &sounds(&data, settings, at, usize::from(arguments.items))?)? {
            output.result(path.display().to_string());
        }
    }
    Ok(Exit::Done)
}

fn write_sounds(folder: &Path, sounds: &[Sound]) -> anyhow::Result<Vec<PathBuf>> {
    let failed = |path: &Path| format!("cannot write {}; give another folder with --wav", path.display());
    std::fs::create_dir_all(folder).with_context(|| failed(folder))?;
    let mut written = Vec::new();
    for Sound { name, wav } in sounds {
        let path = folder.join(name);
        write_atomic(&path, wav).with_context(|| failed(&path))?;
        written.push(path);
    }
    Ok(written)
}

/// The cell that is shown: of those whose items can be looked at, the first that mixes, else the first.
fn shown(cells: &[Cell]) -> anyhow::Result<&Cell> {
    let pictures = || cells.iter().filter(|cell| cell.settings.data.set.domain() != Domain::Tabular);
    let mixes = |cell: &&Cell| cell.settings.pretext.mix.operator != Operator::None;
    let found = pictures().find(mixes).or_else(|| pictures().next());
    found.context(
        "these cells train on tables, whose rows have no picture; choose cells of images or speech with --only",
    )
}

fn listed(stages: &Stages) -> String {
    let layer = |item: &Item| item.mixed.as_ref().and_then(|mixed| mixed.layer);
    let layers = stages.items.iter().any(|item| layer(item).is_some());
    let mut heading = ["item", "training row", "class", "lambda", "partner", "its class"].map(str::to_owned).to_vec();
    heading.extend(layers.then(|| "layer".to_owned()));
    let rows = stages.items.iter().enumerate().map(|(place, item)| {
        let mixed = match &item.mixed {
            Some(mixed) => [format!("{:.3}", mixed.lambda), mixed.partner.to_string(), mixed.partner_class.clone()],
            None => ["1".to_owned(), "-".to_owned(), "-".to_owned()],
        };
        let layer = layer(item).map(|layer| layer.to_string());
        [place.to_string(), item.row.to_string(), item.class.clone()].into_iter().chain(mixed).chain(layer).collect()
    });
    table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}
