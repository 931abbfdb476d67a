//! Whole training steps: every method, on an MLP and on ResNets with both stems.

use super::compare::distance;
use super::{Arithmetic, Check};
use crate::kernels::{FeatureMap, Kernels};
use crate::model::{Network, Plan};
use crate::random::{Key, Purpose};
use crate::recipe::{Contrast, Head, Method, Mix, Operator, Precision, Pretext, Schedule, Stem};
use crate::train::{Batch, StepError, Trainer};

/// Items of a batch: enough that no variance of a share is next to nothing.
const ROWS: usize = 16;
/// Steps taken: the second starts from what the first left.
const STEPS: usize = 2;
/// Low: what differs in the first step makes little difference to the second.
const RATE: f64 = 5e-4;
const SEED: u64 = 7;

/// The encoder of a step.
#[derive(Clone, Copy, Debug)]
enum Encoder {
    Mlp,
    Resnet(Stem),
}

impl Encoder {
    fn name(self) -> &'static str {
        match self {
            Encoder::Mlp => "MLP",
            Encoder::Resnet(Stem::Cifar) => "ResNet-18, CIFAR stem",
            Encoder::Resnet(Stem::Imagenet) => "ResNet-18, ImageNet stem",
        }
    }

    fn shape(self) -> Vec<usize> {
        match self {
            Encoder::Mlp => vec![7],
            Encoder::Resnet(Stem::Cifar) => vec![12, 12, 3],
            Encoder::Resnet(Stem::Imagenet) => vec![33, 33, 3],
        }
    }

    fn plan(self) -> Result<Plan, StepError> {
        let shape = self.shape();
        Ok(match self {
            Encoder::Mlp => Plan::mlp(&[4, 3], 1),
            Encoder::Resnet(stem) => {
                Plan::resnet(18, 8, stem, FeatureMap { height: shape[0], width: shape[1], channels: shape[2] })?
            }
        })
    }
}

/// A few steps of one method.
#[derive(Clone, Debug)]
pub(super) struct Step {
    method: Method,
    encoder: Encoder,
    replicas: usize,
    /// Layers that i-Mix mixes at; none without i-Mix.
    layers: Option<Vec<usize>>,
}

/// Every method on every encoder, with one replica and with two, without i-Mix, with it, and inside the encoder.
pub(super) fn all() -> Vec<Step> {
    let encoders = [Encoder::Mlp, Encoder::Resnet(Stem::Cifar), Encoder::Resnet(Stem::Imagenet)];
    let mut all = Vec::new();
    for method in [Method::Npair, Method::Simclr, Method::Moco, Method::Byol] {
        for encoder in encoders {
            // What a ResNet has besides does not depend on the method.
            let mixes: &[(usize, Option<Vec<usize>>)] = match (method, encoder) {
                (Method::Npair, Encoder::Mlp) => {
                    &[(1, None), (1, Some(vec![0])), (2, Some(vec![0])), (2, Some(vec![1, 3]))]
                }
                (Method::Npair, _) => &[(1, None), (2, Some(vec![1, 3]))],
                (_, Encoder::Mlp) => &[(1, Some(vec![0])), (2, Some(vec![2]))],
                _ => &[(2, Some(vec![0]))],
            };
            all.extend(mixes.iter().map(|(replicas, layers)| Step {
                method,
                encoder,
                replicas: *replicas,
                layers: layers.clone(),
            }));
        }
    }
    all
}

/// Something that steps leave: what it is called and made of, and its values.
type Left = (&'static str, Arithmetic, Vec<f32>);

impl Step {
    pub fn shape(&self) -> String {
        format!("{}, {} replicas", self.encoder.name(), self.replicas)
    }

    pub fn name(&self) -> String {
        let method = match self.method {
            Method::Npair => "N-pair",
            Method::Simclr => "SimCLR",
            Method::Moco => "MoCo v2",
            Method::Byol => "BYOL",
        };
        let mix = match self.layers.as_deref() {
            None => String::new(),
            Some([0]) => " + i-Mix".to_owned(),
            Some(layers) => {
                format!(" + i-Mix at layer {}", layers.iter().map(usize::to_string).collect::<Vec<_>>().join("/"))
            }
        };
        format!("step of {method}{mix}")
    }

    fn settings(&self) -> Pretext {
        let momentum_encoder = matches!(self.method, Method::Moco | Method::Byol);
        let contrast = (self.method == Method::Moco).then_some(Contrast::NPlusK);
        let operator = if self.layers.is_some() { Operator::Mixup } else { Operator::None };
        Pretext {
            method: self.method,
            mix: Mix { operator, alpha: 1.0, layers: self.layers.clone() },
            input_mix: None,
            epochs: 1,
            batch: ROWS,
            replicas: self.replicas,
            base_rate: 0.125,
            momentum: 0.9,
            weight_decay: 1e-4,
            schedule: Schedule::Cosine,
            warmup_epochs: 0,
            // BatchNorm of rows is in the MLP and in BYOL's predictor; behind a ResNet of so few images it would divide
            // by next to nothing.
            head: if matches!(self.encoder, Encoder::Mlp) { Head::Mlpbn } else { Head::Mlp },
            embedding: 8,
            temperature: (self.method != Method::Byol).then_some(0.2),
            contrast,
            queue: contrast.map(|_| 3 * ROWS),
            key_momentum: momentum_encoder.then_some(0.9),
            shuffle_bn: momentum_encoder.then_some(true),
            predictor: (self.method == Method::Byol).then_some(Head::Mlpbn1),
            precision: Precision::F32,
        }
    }

    /// Takes the steps on both devices and compares what they leave.
    pub fn check<K: Kernels, R: Kernels>(
        &self,
        device: &K,
        reference: &R,
        tolerance: impl Fn(Arithmetic) -> f64,
    ) -> Result<Vec<Check>, StepError> {
        let (found, expected) = (self.take(device)?, self.take(reference)?);
        let shape = self.shape();
        let pairs = found.into_iter().zip(expected);
        Ok(pairs
            .map(|((name, arithmetic, found), (_, _, expected))| {
                let error = distance(&found, &expected);
                Check::new(format!("{}: {name}", self.name()), shape.clone(), tolerance(arithmetic), error)
            })
            .collect())
    }

    fn take<K: Kernels>(&self, kernels: &K) -> Result<Vec<Left>, StepError> {
        let mut trainer = Trainer::new(kernels.clone(), self.encoder.plan()?, &self.settings(), SEED)?;
        let before = trainer.query().parameters();
        let (mut losses, mut gradient) = (Vec::new(), Vec::new());
        for step in 0..STEPS {
            losses.push(trainer.step(self.batch(step), RATE)?.loss as f32);
            if step == 0 {
                gradient = trainer.query().gradient();
            }
        }
        let query = trainer.query();
        let moved = |network: &Network<K>| -> Vec<f32> {
            network.parameters().iter().zip(&before).map(|(after, before)| after - before).collect()
        };
        let mut left = vec![
            ("loss", Arithmetic::Forward, losses),
            ("first gradient", Arithmetic::Backward, gradient),
            ("way of the parameters", Arithmetic::Backward, moved(query)),
            ("running statistics", Arithmetic::Forward, query.statistics()),
        ];
        // Of the momentum encoder, which starts as a copy and has no predictor.
        left.extend(trainer.key().map(|key| ("way of the momentum encoder", Arithmetic::Backward, moved(key))));
        Ok(left)
    }

    fn batch(&self, step: usize) -> Batch {
        let shape: Vec<usize> = std::iter::once(ROWS).chain(self.encoder.shape()).collect();
        let views = [0, 1].map(|view| {
            let mut stream = Key::new(SEED, Purpose::Selftest).step(step).view(view).stream();
            let count = shape.iter().product();
            (0..count).map(|_| rand::RngExt::random_range(&mut stream, -1.5..1.5)).collect()
        });
        Batch { epoch: 0, step, rows: (0..ROWS as u32).collect(), shape, views }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Faulty;
    use super::*;
    use crate::kernels::definitions::Definitions;

    #[test]
    fn a_wrong_kernel_fails_a_training_step() {
        for (kernel, wanted) in [
            ("linear_gradient", Encoder::Mlp),
            ("mix_rows", Encoder::Mlp),
            ("max_pool_gradient", Encoder::Resnet(Stem::Imagenet)),
        ] {
            // The last of N-pair on this encoder: mixed inside.
            let of_encoder = |step: &Step| step.method == Method::Npair && step.encoder.name() == wanted.name();
            let step = all().into_iter().rfind(of_encoder).unwrap();
            // In fewer bits steps show what is grossly wrong; what is not, the checks of single kernels do.
            let tolerance = |arithmetic: Arithmetic| arithmetic.tolerance(Precision::F32, false);
            let checks = step.check(&Faulty(kernel), &Definitions, tolerance).unwrap();
            assert!(checks.iter().any(|check| !check.ok), "a wrong {kernel} passes: {checks:#?}");
        }
    }
}
