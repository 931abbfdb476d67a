//! Every block's backward pass against finite differences, one coordinate at a time.

use super::Plan;
use super::block::{After, Block};
use super::pass::{Buffers, Pass};
use super::residual::ConvNorm;
use super::tests::scattered;
use crate::kernels::{BatchNorm, Cpu, FeatureMap, Features, Linear, MaxOut, Span};
use crate::recipe::Stem as StemKind;

const ROWS: usize = 12;
const REPLICAS: usize = 2;
const STEP: f32 = 4e-3;

/// A linear layer with its parameters at `start`.
fn linear(start: usize, x: Features, y: Features) -> Linear {
    let weight = Span { start, len: x.count * y.count };
    Linear { weight, bias: Span { start: weight.range().end, len: y.count }, x, y }
}

/// A linear layer from 5 features to 6 with BatchNorm after it, and how many parameters it has.
fn normalised(relu: bool) -> (Block, usize) {
    let linear = linear(0, Features::first(5), Features::first(6));
    let place = |index: usize| Span { start: linear.bias.range().end + index * 6, len: 6 };
    let statistic = |index: usize| Span { start: index * 6, len: 6 };
    let norm = BatchNorm {
        width: 6,
        bias: Some(linear.bias),
        scale: place(0),
        shift: place(1),
        running_mean: statistic(0),
        running_variance: statistic(1),
        relu,
    };
    (Block::Dense { linear, after: After::Norm(norm) }, place(1).range().end)
}

/// The loss sum(output * weights), and its gradient: of the parameters, then of the input, feature by feature.
struct Case {
    block: Block,
    parameters: usize,
}

impl Case {
    fn point(&self) -> Vec<f32> {
        scattered(1, self.parameters + ROWS * self.block.inputs(), 1.0, 0.1)
    }

    fn weights(&self) -> Vec<f32> {
        scattered(2, ROWS * self.block.outputs(), 1.0, 0.0)
    }

    fn loss(&self, at: &[f32]) -> f64 {
        let (parameters, x) = (at[..self.parameters].to_vec(), at[self.parameters..].to_vec());
        let cpu = Cpu::new(1);
        let mut kept = self.block.keep(&cpu, ROWS, REPLICAS);
        let pass = Pass { kernels: &cpu, rows: ROWS, replicas: REPLICAS, parameters: &parameters };
        self.block.forward(&pass, &mut vec![0.0; 64], &x, &mut kept);
        kept.output.iter().zip(self.weights()).map(|(y, weight)| f64::from(*y) * f64::from(weight)).sum()
    }

    fn gradient(&self) -> Vec<f32> {
        let at = self.point();
        let (parameters, x) = (at[..self.parameters].to_vec(), at[self.parameters..].to_vec());
        let cpu = Cpu::new(1);
        let mut kept = self.block.keep(&cpu, ROWS, REPLICAS);
        let pass = Pass { kernels: &cpu, rows: ROWS, replicas: REPLICAS, parameters: &parameters };
        self.block.forward(&pass, &mut vec![0.0; 64], &x, &mut kept);
        let widest = ROWS * self.block.inputs().max(self.block.outputs());
        let mut buffers = Buffers {
            d: self.weights(),
            dx: vec![0.0; widest],
            scratch: [vec![0.0; ROWS * self.block.inside()], vec![0.0; ROWS * self.block.inside()]],
        };
        buffers.d.resize(widest, 0.0);
        // What was there before must not show.
        let mut gradient = vec![f32::NAN; self.parameters];
        self.block.backward(&pass, &x, &kept, &mut buffers, true, &mut gradient);
        gradient.extend(&buffers.dx[..x.len()]);
        gradient
    }

    fn check(&self) {
        let (at, gradient) = (self.point(), self.gradient());
        let here = self.loss(&at);
        let mut corners = 0;
        for (coordinate, &slope) in gradient.iter().enumerate() {
            let beside = |step: f32| {
                let mut moved = at.clone();
                moved[coordinate] += step;
                (self.loss(&moved) - here) / f64::from(step)
            };
            let (left, right) = (beside(-STEP), beside(STEP));
            let scale = left.abs().max(right.abs()).max(1.0);
            if (left - right).abs() > 0.03 * scale {
                corners += 1;
                continue;
            }
            let off = ((left + right) / 2.0 - f64::from(slope)).abs();
            assert!(off < 0.02 * scale, "{:?} [{coordinate}]: {slope}, measured {left} {right}", self.block);
        }
        assert!(corners * 5 < gradient.len(), "{:?}: {corners} corners of {}", self.block, gradient.len());
    }
}

#[test]
fn split() {
    let first = linear(0, Features { start: 0, count: 3 }, Features { start: 0, count: 4 });
    let start = first.bias.range().end;
    let second = linear(start, Features { start: 3, count: 2 }, Features { start: 4, count: 4 });
    Case { block: Block::Split(vec![first, second]), parameters: second.bias.range().end }.check();
}

#[test]
fn linear_alone_and_with_relu() {
    for after in [After::Nothing, After::Relu] {
        let linear = linear(0, Features::first(5), Features::first(6));
        Case { block: Block::Dense { linear, after }, parameters: linear.bias.range().end }.check();
    }
}

#[test]
fn linear_with_batch_norm() {
    for relu in [false, true] {
        let (block, parameters) = normalised(relu);
        Case { block, parameters }.check();
    }
}

#[test]
fn max_out() {
    Case { block: Block::MaxOut(MaxOut { outputs: 3, pieces: 4 }), parameters: 0 }.check();
}

#[test]
fn pictures() {
    let input = FeatureMap { height: 4, width: 3, channels: 2 };
    let mut ends = Vec::new();
    for (depth, stem) in [(18, StemKind::Cifar), (50, StemKind::Imagenet)] {
        let plan = Plan::resnet(depth, 1, stem, input).expect("a plan");
        // The stem, a block without and one with a shortcut of its own, and the pooling.
        let blocks: Vec<Block> = plan.blocks().cloned().collect();
        let chosen = [&blocks[0], &blocks[if depth == 18 { 1 } else { 2 }], &blocks[if depth == 18 { 3 } else { 1 }]];
        for block in chosen {
            let mut block = block.clone();
            let parameters = moved_to_the_start(&mut block);
            ends.push(parameters);
            Case { block, parameters }.check();
        }
    }
    assert_eq!(ends.len(), 6);
    Case { block: Block::AveragePool(input), parameters: 0 }.check();
}

/// Lays a block's parameters and statistics out from 0 on, and gives the number of parameters.
fn moved_to_the_start(block: &mut Block) -> usize {
    let layers: Vec<&mut ConvNorm> = match block {
        Block::Stem(stem) => vec![&mut stem.layer],
        Block::Residual(block) => block.layers.iter_mut().chain(&mut block.shortcut).collect(),
        _ => Vec::new(),
    };
    let (mut parameters, mut statistics) = (0, 0);
    let next = |end: &mut usize, span: &mut Span| {
        span.start = *end;
        *end += span.len;
    };
    for ConvNorm { conv, norm } in layers {
        for span in [&mut conv.weight, &mut norm.scale, &mut norm.shift] {
            next(&mut parameters, span);
        }
        for span in [&mut norm.running_mean, &mut norm.running_variance] {
            next(&mut statistics, span);
        }
    }
    parameters
}
