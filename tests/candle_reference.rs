//! The network and the loss against candle-nn's layers: slower, and written by others.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{Module, ModuleT, VarBuilder};
use imix_repro::kernels::{Cpu, CrossEntropy, EmbeddingKernels, LeftOut, SoftLabels};
use imix_repro::model::{Mode, Network, Plan, Section};
use imix_repro::recipe::Head;

const ROWS: usize = 24;
const BLOCKS: [usize; 3] = [3, 2, 4];

/// Numbers in [-1, 1] without a pattern that a mistake could share.
fn scattered(count: usize) -> Vec<f32> {
    (0..count).map(|at| ((at as f64 * 12.9898).sin() * 43758.5453).fract() as f32).collect()
}

fn largest_difference(ours: &Tensor, theirs: &Tensor) -> Result<f32> {
    (ours - theirs)?.abs()?.flatten_all()?.max(0)?.to_scalar()
}

/// Linear, BatchNorm by the batch, ReLU.
fn dense(layers: &VarBuilder, linear: &str, norm: &str, x: &Tensor, relu: bool) -> Result<Tensor> {
    let weight = layers.get_unchecked(&format!("{linear}.weight"))?;
    let bias = layers.get_unchecked(&format!("{linear}.bias"))?;
    let width = bias.dim(0)?;
    let y = candle_nn::Linear::new(weight, Some(bias)).forward(x)?;
    let y = candle_nn::batch_norm(width, 1e-5, layers.pp(norm))?.forward_t(&y, true)?;
    if relu { y.relu() } else { Ok(y) }
}

#[test]
fn the_mlp_in_training_mode_agrees() -> Result<()> {
    let plan = Plan::mlp(&BLOCKS, 1).with_head(Head::Mlpbn, 8);
    let mut network = Network::new(Cpu::new(1), plan, 3);
    let mut named = HashMap::new();
    for (name, shape, values) in
        [Section::Encoder, Section::Head].into_iter().flat_map(|section| network.named_tensors(section))
    {
        named.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    let layers = VarBuilder::from_tensors(named, DType::F32, &Device::Cpu);

    let width = BLOCKS.iter().sum::<usize>();
    let input = scattered(ROWS * width);
    let x = Tensor::from_slice(&input, (ROWS, width), &Device::Cpu)?;
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, block) in BLOCKS.into_iter().enumerate() {
        let linear = candle_nn::linear(block, 64, layers.pp(format!("fc{}", index + 1)))?;
        parts.push(linear.forward(&x.narrow(1, start, block)?)?);
        start += block;
    }
    let mut theirs = Tensor::cat(&parts, 1)?;
    for layer in 0..4 {
        theirs = dense(&layers, &format!("body.{layer}.0"), &format!("body.{layer}.1"), &theirs, true)?;
    }
    let theirs = candle_nn::linear(64, 128, layers.pp("last_fc"))?.forward(&theirs)?;
    let theirs = theirs.reshape((ROWS, 32, 4))?.max(2)?;
    let theirs = dense(&layers, "fc.0", "fc.1", &theirs, true)?;
    let theirs = dense(&layers, "fc.3", "fc.4", &theirs, false)?;

    let ours = network.forward(&input, ROWS, Mode::Train { replicas: 1 }).expect("a forward pass");
    let off = largest_difference(&ours, &theirs)?;
    assert!(off < 1e-4, "off by {off}");
    Ok(())
}

#[test]
fn the_fused_loss_and_its_gradients_agree() -> Result<()> {
    const WIDTH: usize = 6;
    const TEMPERATURE: f64 = 0.2;
    let both = scattered(2 * ROWS * WIDTH);
    let queries = Var::from_slice(&both[..ROWS * WIDTH], (ROWS, WIDTH), &Device::Cpu)?;
    let keys = Var::from_slice(&both[ROWS * WIDTH..], (ROWS, WIDTH), &Device::Cpu)?;
    let logits = (queries.matmul(&keys.t()?)? / TEMPERATURE)?;
    let own = Tensor::arange(0u32, ROWS as u32, &Device::Cpu)?;
    let theirs = candle_nn::loss::cross_entropy(&logits, &own)?;
    let labels = SoftLabels::new(ROWS, ROWS, (0..ROWS).map(|row| (row, row, 1.0))).expect("labels inside the matrix");
    let operation = CrossEntropy {
        width: WIDTH,
        labels,
        left_out: LeftOut::Nothing,
        temperature: TEMPERATURE,
        queries: 0,
        keys: ROWS,
        keys_learn: true,
        share: 0,
        shares: 1,
    };
    let (mut gradient, mut losses) = (vec![0.0; both.len()], vec![0.0]);
    Cpu::new(1).cross_entropy(&operation, &both, &both, &mut gradient, &mut losses);
    assert!((losses[0] - theirs.to_scalar::<f32>()?).abs() < 1e-5);
    let theirs = theirs.backward()?;
    for (var, ours) in [&queries, &keys].into_iter().zip(gradient.chunks(ROWS * WIDTH)) {
        let ours = Tensor::from_slice(ours, (ROWS, WIDTH), &Device::Cpu)?;
        let off = largest_difference(&ours, theirs.get(var).expect("a gradient"))?;
        assert!(off < 1e-5, "off by {off}");
    }
    Ok(())
}
