//! Encoders for other programs, under torchvision's names and those of the official code.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::recipe::{Method, Network, PretextRecipe, Stem};
use crate::store::{RunFolder, StoreError, read_sealed};

use super::safetensors_file::{FORMAT, FORMAT_KEY};

/// An encoder ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// A safetensors file. It depends on the run alone.
    pub bytes: Vec<u8>,
    pub recipe: PretextRecipe,
}

const ENCODER: &str = "encoder.safetensors";
/// BatchNorm layers are told by it; PyTorch has a count of batches beside it.
const RUNNING_MEAN: &str = ".running_mean";

/// The encoder of a finished run, with a count of batches (0) for each BatchNorm as PyTorch expects it.
///
/// # Errors
/// A run that is not finished, and files that are not what was written.
pub fn export(folder: &RunFolder) -> Result<Option<Exported>, StoreError> {
    let Some(done) = folder.read_done()? else { return Ok(None) };
    let at = folder.file("recipe.json");
    let recipe: PretextRecipe = read_sealed(&at)?.ok_or_else(|| StoreError::damaged(&at, "it is gone"))?;
    let path = folder.file(ENCODER);
    let file = folder.read_vouched(&done, ENCODER)?;
    let damaged = |error: safetensors::SafeTensorError| StoreError::damaged(&path, error.to_string());
    let tensors = SafeTensors::deserialize(&file).map_err(damaged)?;
    let zero = 0i64.to_le_bytes();
    let mut views = Vec::new();
    for (name, tensor) in tensors.tensors() {
        if let Some(norm) = name.strip_suffix(RUNNING_MEAN) {
            let count = TensorView::new(Dtype::I64, Vec::new(), &zero).map_err(damaged)?;
            views.push((format!("{norm}.num_batches_tracked"), count));
        }
        views.push((name, tensor));
    }
    let bytes = safetensors::serialize(views, Some(metadata(&recipe))).map_err(damaged)?;
    Ok(Some(Exported { bytes, recipe }))
}

fn metadata(recipe: &PretextRecipe) -> HashMap<String, String> {
    let entries = [
        // What other readers of safetensors files look for.
        ("format", "pt".to_owned()),
        (FORMAT_KEY, FORMAT.to_string()),
        ("address", recipe.address().to_string()),
        ("architecture", serde_json::json!(recipe.network).to_string()),
        ("dataset", recipe.data.settings.set.id().to_owned()),
        ("method", method(recipe).to_owned()),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn method(recipe: &PretextRecipe) -> &'static str {
    match recipe.pretext.method {
        Method::Npair => "npair",
        Method::Simclr => "simclr",
        Method::Moco => "moco",
        Method::Byol => "byol",
    }
}

impl Exported {
    /// `encoder-<dataset>-<method>-<first 8 of the address>.<ending>`.
    pub fn file_name(&self, ending: &str) -> String {
        let (set, address) = (self.recipe.data.settings.set.id(), self.recipe.address());
        format!("encoder-{set}-{}-{:.8}.{ending}", method(&self.recipe), address.as_str())
    }
}

/// Lines of Python that load an exported file. Networks that torchvision cannot build are those of the official code.
pub fn loading_lines(network: &Network, file: &str) -> Vec<String> {
    let mut lines = vec!["from safetensors.torch import load_file".to_owned()];
    match network {
        Network::Mlp { width } => {
            lines.push("blocks = ...  # columns of each block of inputs: [10, 4, 40] for CovType".to_owned());
            lines.push(format!("model = mlp_5layer(in_channels=blocks, width={width})  # the official models/mlp.py"));
        }
        Network::Resnet { depth, width: 64, stem: Stem::Imagenet, input_channels: 3 } => {
            lines.push(format!("model = torchvision.models.resnet{depth}()"));
        }
        Network::Resnet { depth, width: 64, stem: Stem::Cifar, input_channels } => {
            lines.push(format!("model = torchvision.models.resnet{depth}()"));
            lines.push(format!("model.conv1 = torch.nn.Conv2d({input_channels}, 64, 3, padding=1, bias=False)"));
            lines.push("model.maxpool = torch.nn.Identity()".to_owned());
        }
        Network::Resnet { depth, width, stem, input_channels } => {
            let small = if *stem == Stem::Cifar { "True" } else { "False" };
            let channels = if *input_channels == 3 { String::new() } else { format!("in_channels={input_channels}, ") };
            lines.push(format!(
                "model = resnet{depth}({channels}in_planes={width}, small={small})  # the official models/resnet.py"
            ));
        }
    }
    lines.push(format!("model.load_state_dict(load_file({file:?}), strict=False)  # misses fc alone"));
    lines
}
