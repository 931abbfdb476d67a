//! From names and shapes to an architecture.

use std::collections::BTreeMap;

use crate::kernels::FeatureMap;
use crate::model::{Inputs, Plan, RESNET_DEPTHS, resnet_stages};
use crate::recipe::{Network, Stem};

use super::error::{Fault, shortened};

/// Units of the first layer of an MLP for each block of inputs (official `models/mlp.py`).
const FIRST: usize = 64;
/// An MLP of width `w` has `32w` units in its first hidden layer.
const HIDDEN: usize = 32;

/// A wider network than any is a sign of a damaged file.
const WIDEST: usize = 1 << 16;
/// Any size of picture will do: no tensor's shape depends on it.
const SIDE: usize = 32;

/// Shapes of tensors by name, as PyTorch has them.
pub type Shapes<'a> = BTreeMap<&'a str, &'a [usize]>;

/// What an encoder is and what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub network: Network,
    /// An MLP's columns of each block of inputs; of a ResNet, its channels.
    pub inputs: Vec<usize>,
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inputs: Vec<String> = self.inputs.iter().map(usize::to_string).collect();
        match &self.network {
            Network::Mlp { width } => {
                write!(f, "MLP of width {width} on {} inputs", inputs.join(" + "))
            }
            Network::Resnet { depth, width, stem, .. } => {
                let stem = match stem {
                    Stem::Cifar => "CIFAR",
                    Stem::Imagenet => "ImageNet",
                };
                write!(f, "ResNet-{depth} of width {width}, {stem} stem, {} channels", inputs.join(" + "))
            }
        }
    }
}

impl Architecture {
    /// Tells the architecture from the tensors that size it, then checks every tensor against it.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape or too many, by name.
    pub(super) fn of(shapes: &Shapes) -> Result<Architecture, Fault> {
        let architecture = if shapes.contains_key("conv1.weight") {
            resnet(shapes)?
        } else if shapes.contains_key("fc1.weight") || shapes.contains_key("fc1.0.weight") {
            mlp(shapes)?
        } else {
            let names: Vec<String> = shapes.keys().take(5).map(|name| format!("`{}`", shortened(name))).collect();
            let found = if names.is_empty() { "no tensor of an encoder".to_owned() } else { names.join(", ") };
            return Err(Fault::new(found, "a ResNet, which has `conv1.weight`, or the MLP, which has `fc1`"));
        };
        architecture.check(shapes)?;
        Ok(architecture)
    }

    fn check(&self, shapes: &Shapes) -> Result<(), Fault> {
        let expected = self.expected()?;
        for (name, shape) in &expected {
            let found =
                shapes.get(name.as_str()).ok_or_else(|| Fault::new("no such tensor", self.a(shape)).of(name))?;
            if found != shape {
                return Err(Fault::new(format!("shape {found:?}"), self.a(shape)).of(name));
            }
        }
        if expected.len() < shapes.len()
            && let Some(name) = shapes.keys().find(|name| expected.iter().all(|(expected, _)| expected != *name))
        {
            return Err(Fault::new("a tensor", format!("none of that name in a {self}")).of(&shortened(name)));
        }
        Ok(())
    }

    fn a(&self, shape: &[usize]) -> String {
        format!("shape {shape:?} in a {self}")
    }

    /// Names and PyTorch's shapes of every tensor of the encoder.
    fn expected(&self) -> Result<Vec<(String, Vec<usize>)>, Fault> {
        let picture = FeatureMap { height: SIDE, width: SIDE, channels: self.inputs.iter().sum() };
        let inputs = match self.network {
            Network::Mlp { .. } => Inputs::Columns(&self.inputs),
            Network::Resnet { .. } => Inputs::Pictures(picture),
        };
        let plan = Plan::encoder(&self.network, inputs).map_err(|error| Fault::new(error.to_string(), "an encoder"))?;
        let parameters = plan.parameters().iter().map(|parameter| (parameter.name.clone(), parameter.shape.clone()));
        let statistics = plan.statistics().iter().map(|statistic| (statistic.name.clone(), vec![statistic.span.len]));
        Ok(parameters.chain(statistics).collect())
    }
}

/// Stem, width and channels from `conv1.weight`, depth from the blocks that are there.
fn resnet(shapes: &Shapes) -> Result<Architecture, Fault> {
    let expected = "[width, channels, 3, 3] or [width, channels, 7, 7]";
    let (width, channels, stem) = match *shape(shapes, "conv1.weight", expected)? {
        [width, channels, 3, 3] => (width, channels, Stem::Cifar),
        [width, channels, 7, 7] => (width, channels, Stem::Imagenet),
        ref other => return Err(Fault::new(format!("shape {other:?}"), expected).of("conv1.weight")),
    };
    let width = checked_width(width, "conv1.weight")?;
    let bottleneck = shapes.contains_key("layer1.0.conv3.weight");
    let blocks: [usize; 4] = std::array::from_fn(|stage| {
        (0..shapes.len())
            .take_while(|block| shapes.contains_key(format!("layer{}.{block}.conv1.weight", stage + 1).as_str()))
            .count()
    });
    let Some(depth) = RESNET_DEPTHS.into_iter().find(|depth| resnet_stages(*depth) == Some((blocks, bottleneck)))
    else {
        let kind = |bottleneck| if bottleneck { "bottleneck" } else { "basic" };
        let known = RESNET_DEPTHS.into_iter().filter_map(|depth| {
            let (blocks, bottleneck) = resnet_stages(depth)?;
            Some(format!("{blocks:?} {} (ResNet-{depth})", kind(bottleneck)))
        });
        let found = format!("stages of {blocks:?} {} blocks", kind(bottleneck));
        return Err(Fault::new(found, known.collect::<Vec<_>>().join(", ")).of("layer1 to layer4"));
    };
    let network = Network::Resnet { depth, width, stem, input_channels: channels };
    Ok(Architecture { network, inputs: vec![channels] })
}

/// Inputs from the first layers, width from the first hidden layer.
fn mlp(shapes: &Shapes) -> Result<Architecture, Fault> {
    let expected = "[64, columns]";
    let columns = |name: &str| match *shape(shapes, name, expected)? {
        [FIRST, columns] => Ok(columns),
        ref other => Err(Fault::new(format!("shape {other:?}"), expected).of(name)),
    };
    let inputs = if shapes.contains_key("fc1.0.weight") {
        vec![columns("fc1.0.weight")?]
    } else {
        let names = (1..=shapes.len()).map(|block| format!("fc{block}.weight"));
        names
            .take_while(|name| shapes.contains_key(name.as_str()))
            .map(|name| columns(&name))
            .collect::<Result<_, _>>()?
    };
    let hidden = "body.0.0.weight";
    let expected = "[32 x width, units]";
    let width = match *shape(shapes, hidden, expected)? {
        [units, _] if units > 0 && units.is_multiple_of(HIDDEN) => checked_width(units / HIDDEN, hidden)?,
        ref other => return Err(Fault::new(format!("shape {other:?}"), expected).of(hidden)),
    };
    Ok(Architecture { network: Network::Mlp { width }, inputs })
}

fn shape<'a>(shapes: &Shapes<'a>, name: &str, expected: &str) -> Result<&'a [usize], Fault> {
    shapes.get(name).copied().ok_or_else(|| Fault::new("no such tensor", format!("shape {expected}")).of(name))
}

fn checked_width(width: usize, tensor: &str) -> Result<usize, Fault> {
    if (1..=WIDEST).contains(&width) {
        return Ok(width);
    }
    Err(Fault::new(format!("a network of width {width}"), format!("a width from 1 to {WIDEST}")).of(tensor))
}
