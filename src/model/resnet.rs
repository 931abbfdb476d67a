//! ResNets (He et al., 2016), as torchvision builds them and names their parameters.

use crate::kernels::{Convolution, FeatureMap, MaxPool};
use crate::recipe::Stem as StemKind;

use super::ModelError;
use super::block::Block;
use super::plan::{Initial, Plan, Section};
use super::residual::{ConvNorm, Residual, Stem};

/// A bottleneck block puts out this many times the channels of its 3x3 convolution.
const EXPANSION: usize = 4;

/// Depths that a ResNet can have.
pub const RESNET_DEPTHS: [usize; 5] = [18, 34, 50, 101, 152];

/// Blocks of each stage, and whether they are bottlenecks; none for another depth.
pub fn resnet_stages(depth: usize) -> Option<([usize; 4], bool)> {
    match depth {
        18 => Some(([2, 2, 2, 2], false)),
        34 => Some(([3, 4, 6, 3], false)),
        50 => Some(([3, 4, 6, 3], true)),
        101 => Some(([3, 4, 23, 3], true)),
        152 => Some(([3, 8, 36, 3], true)),
        _ => None,
    }
}

impl Plan {
    /// A ResNet of 18, 34, 50, 101 or 152 layers without its classifier: its features are the mean over the last map,
    /// `8 width` of them, or `32 width` from 50 layers on. `width` is the channels of the first stage, 64 as published.
    /// In a bottleneck the 3x3 convolution has the stride, as in torchvision.
    ///
    /// # Errors
    /// Another depth, or pictures without pixels.
    pub fn resnet(depth: usize, width: usize, stem: StemKind, input: FeatureMap) -> Result<Plan, ModelError> {
        let (stages, bottleneck) = resnet_stages(depth).ok_or(ModelError::Depth { found: depth })?;
        if input.is_empty() || width == 0 {
            let found = format!("pictures of {} x {} x {}", input.height, input.width, input.channels);
            return Err(ModelError::Inputs { network: format!("a ResNet of width {width}"), found });
        }
        let expansion = if bottleneck { EXPANSION } else { 1 };
        let mut plan = Plan::empty(input.len(), 8 * width * expansion);
        let mut map = plan.stem(stem, width, input);
        plan.end_layer();
        for (stage, blocks) in stages.into_iter().enumerate() {
            for block in 0..blocks {
                let name = format!("layer{}.{block}", stage + 1);
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                let channels = width << stage;
                map = plan.residual(&name, bottleneck, channels, stride, map);
            }
            plan.end_layer();
        }
        plan.push(Section::Encoder, Block::AveragePool(map));
        Ok(plan)
    }

    fn stem(&mut self, kind: StemKind, width: usize, input: FeatureMap) -> FeatureMap {
        let (kernel, stride, padding) = match kind {
            StemKind::Cifar => (3, 1, 1),
            StemKind::Imagenet => (7, 2, 3),
        };
        let layer = self.conv_norm("conv1", "bn1", (kernel, stride, padding), width, true, input);
        let map = layer.conv.output;
        let pool = match kind {
            StemKind::Cifar => None,
            StemKind::Imagenet => Some(MaxPool {
                kernel: 3,
                stride: 2,
                padding: 1,
                input: map,
                output: map.windowed(3, 2, 1, map.channels),
            }),
        };
        let output = pool.map_or(map, |pool| pool.output);
        self.push(Section::Encoder, Block::Stem(Stem { layer, pool }));
        output
    }

    fn residual(
        &mut self,
        name: &str,
        bottleneck: bool,
        channels: usize,
        stride: usize,
        input: FeatureMap,
    ) -> FeatureMap {
        let windows = match bottleneck {
            true => vec![((1, 1, 0), channels), ((3, stride, 1), channels), ((1, 1, 0), channels * EXPANSION)],
            false => vec![((3, stride, 1), channels), ((3, 1, 1), channels)],
        };
        let mut layers: Vec<ConvNorm> = Vec::new();
        for (at, (window, channels)) in windows.into_iter().enumerate() {
            let (conv, norm) = (format!("{name}.conv{}", at + 1), format!("{name}.bn{}", at + 1));
            let from = layers.last().map_or(input, |layer| layer.conv.output);
            layers.push(self.conv_norm(&conv, &norm, window, channels, true, from));
        }
        let output = layers.last().map_or(input, |layer| layer.conv.output);
        let shortcut = (stride != 1 || input.channels != output.channels).then(|| {
            let (conv, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
            self.conv_norm(&conv, &norm, (1, stride, 0), output.channels, false, input)
        });
        self.push(Section::Encoder, Block::Residual(Residual { layers, shortcut }));
        output
    }

    fn conv_norm(
        &mut self,
        conv: &str,
        norm: &str,
        (kernel, stride, padding): (usize, usize, usize),
        channels: usize,
        relu: bool,
        input: FeatureMap,
    ) -> ConvNorm {
        let output = input.windowed(kernel, stride, padding, channels);
        // Kaiming normal over the outputs' fan (official `models/resnet.py`).
        let deviation = (2.0 / (kernel * kernel * channels) as f64).sqrt();
        let shape = vec![channels, input.channels, kernel, kernel];
        let weight = self.parameter(Section::Encoder, format!("{conv}.weight"), shape, Initial::Normal { deviation });
        let norm = self.norm(Section::Encoder, norm, channels, relu, None);
        ConvNorm { conv: Convolution { weight, kernel, stride, padding, input, output }, norm }
    }
}
