//! `repro export`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::interchange::{Exported, detectron2, export, fits_configuration, loading_lines};
use crate::store::{Results, write_atomic};

use super::arguments::{Common, Export, ExportFormat};
use super::found::{Kind, find};
use super::{Exit, Output};

pub fn execute(arguments: Export, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let folder = find(&arguments.run, &Results::new(&common.results), &[Kind::Pretext])?;
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
