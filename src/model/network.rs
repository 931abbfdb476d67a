//! A network's values on a device, and its passes.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use crate::kernels::collective::{Abandoned, Collective};
use crate::kernels::{Kernels, RowMix};

use super::mixing::{LayerMix, Mixing, placed};
use super::pass::{Buffers, Kept, Pass};
use super::plan::{Plan, Section};
use super::{ModelError, initial};

/// How a forward pass normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By the batch, each of `replicas` equal contiguous shares on its own; keeps what the backward pass needs.
    Train { replicas: usize },
    /// By the running statistics.
    Evaluate,
}

/// Parameters, running statistics and gradients of a plan, with memory that every step uses again.
pub struct Network<K: Kernels> {
    kernels: K,
    plan: Plan,
    pub(super) parameters: K::Buffer,
    statistics: K::Buffer,
    /// Allocated by the first backward pass: a momentum encoder never needs it.
    pub(super) gradient: Option<K::Buffer>,
    workspace: Option<Workspace<K::Buffer>>,
    inference: Option<Inference<K::Buffer>>,
}

struct Workspace<B> {
    rows: usize,
    replicas: usize,
    input: B,
    kept: Vec<Kept<B>>,
    mixing: Mixing<B>,
    gradients: Option<Buffers<B>>,
}

/// Memory of evaluation, for so many rows.
struct Inference<B> {
    rows: usize,
    /// Activations go back and forth between the two.
    activations: [B; 2],
    scratch: [B; 2],
}

/// Values that an activation of pictures may have in evaluation: about what caches hold.
const INFERENCE_VALUES: usize = 1 << 22;

impl<K: Kernels> Network<K> {
    /// A network at its initial weights.
    pub fn new(kernels: K, plan: Plan, seed: u64) -> Network<K> {
        let mut network = Network::of_zeros(kernels, plan);
        let Network { kernels, plan, parameters, statistics, .. } = &mut network;
        kernels.initialise(|| initial::parameters(plan, seed), parameters);
        kernels.initialise(|| initial::statistics(plan), statistics);
        network
    }

    /// A network whose values are all zero: for timing, or to be overwritten.
    pub fn of_zeros(kernels: K, plan: Plan) -> Network<K> {
        let parameters = kernels.zeros(plan.parameters_len());
        let statistics = kernels.zeros(plan.statistics_len());
        Network { kernels, plan, parameters, statistics, gradient: None, workspace: None, inference: None }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn kernels(&self) -> &K {
        &self.kernels
    }

    /// Passes `rows` rows of inputs through the network: `[rows, outputs]`.
    ///
    /// # Errors
    /// Inputs that are not `rows` rows, or rows that do not split into replicas.
    pub fn forward(&mut self, input: &[f32], rows: usize, mode: Mode) -> Result<Tensor, ModelError> {
        match mode {
            Mode::Train { replicas } => self.train(input, rows, replicas, BTreeMap::new()),
            Mode::Evaluate => {
                self.check_input(input.len(), rows)?;
                let (blocks, outputs) = (self.plan.blocks().len(), self.plan.outputs());
                let values = self.infer(input, rows, blocks, outputs);
                Ok(Tensor::from_vec(values, (rows, outputs), &Device::Cpu)?)
            }
        }
    }

    /// A training pass with its output on the host. `mixes` go in front of the blocks that so many others come before.
    fn train(
        &mut self,
        input: &[f32],
        rows: usize,
        replicas: usize,
        mixes: BTreeMap<usize, RowMix>,
    ) -> Result<Tensor, ModelError> {
        self.check_input(input.len(), rows)?;
        self.train_forward(self.kernels.stage(input.to_vec()), rows, replicas, mixes)?;
        let outputs = self.plan.outputs();
        let values = self.output().map(|output| self.kernels.download_rows(output, rows, outputs));
        Ok(Tensor::from_vec(values.unwrap_or_default(), (rows, outputs), &Device::Cpu)?)
    }

    /// A training pass over `rows` rows of staged inputs, with rows mixed at the ends of some layers, each named once.
    /// The output stays on the device, and the next [`Network::backward_from`] goes back through the mixtures.
    ///
    /// # Errors
    /// Inputs that are not `rows` rows, rows that do not split into replicas, a layer that is not there, partners that
    /// do not fit.
    pub fn pass(
        &mut self,
        input: K::Staged,
        rows: usize,
        replicas: usize,
        mixes: &[LayerMix],
    ) -> Result<(), ModelError> {
        let mixes = placed(&self.plan, rows, mixes)?;
        self.check_input(self.kernels.staged_len(&input), rows)?;
        self.train_forward(input, rows, replicas, mixes)
    }

    /// The activations that the last training pass put out; none before the first.
    pub fn output(&self) -> Option<&K::Buffer> {
        let Workspace { input, kept, .. } = self.workspace.as_ref()?;
        Some(kept.last().map_or(input, |kept| &kept.output))
    }

    /// The features of `rows` rows, in evaluation mode: row-major, `rows` x [`Plan::features`].
    ///
    /// # Errors
    /// Inputs that are not `rows` rows.
    pub fn features(&mut self, input: &[f32], rows: usize) -> Result<Vec<f32>, ModelError> {
        self.check_input(input.len(), rows)?;
        let (blocks, features) = (self.plan.encoder_blocks(), self.plan.features());
        Ok(self.infer(input, rows, blocks, features))
    }

    fn check_input(&self, values: usize, rows: usize) -> Result<(), ModelError> {
        let width = self.plan.inputs();
        if values == rows * width { Ok(()) } else { Err(ModelError::Input { values, rows, width }) }
    }

    fn train_forward(
        &mut self,
        input: K::Staged,
        rows: usize,
        replicas: usize,
        mixes: BTreeMap<usize, RowMix>,
    ) -> Result<(), ModelError> {
        if replicas == 0 || !rows.is_multiple_of(replicas) || rows / replicas < 2 {
            return Err(ModelError::Shares { rows, replicas });
        }
        let kernels = &self.kernels;
        let workspace = match self.workspace.take() {
            Some(workspace) if workspace.rows == rows && workspace.replicas == replicas => workspace,
            _ => Workspace {
                rows,
                replicas,
                input: kernels.activations(rows * self.plan.inputs()),
                kept: self.plan.blocks().map(|block| block.keep(kernels, rows, replicas)).collect(),
                mixing: Mixing::none(),
                gradients: None,
            },
        };
        let Workspace { input: x, kept, mixing, .. } = self.workspace.insert(workspace);
        place(kernels, &self.plan, input, x);
        mixing.set(mixes);
        let pass = Pass { kernels, rows, replicas, parameters: &self.parameters };
        for (at, block) in self.plan.blocks().enumerate() {
            let (before, rest) = kept.split_at_mut(at);
            let x = before.last().map_or(&*x, |kept| &kept.output);
            let x = mixing.forward(kernels, at, block, x);
            block.forward(&pass, &mut self.statistics, x, &mut rest[0]);
        }
        Ok(())
    }

    fn infer(&mut self, input: &[f32], rows: usize, blocks: usize, outputs: usize) -> Vec<f32> {
        // Images do not meet in evaluation: a few at a time give the same features in less memory.
        let at_a_time = if self.plan.reads_pictures() { (INFERENCE_VALUES / self.plan.widest()).max(1) } else { rows };
        let mut values = Vec::with_capacity(rows * outputs);
        for input in input.chunks(at_a_time.max(1) * self.plan.inputs()) {
            values.extend(self.infer_some(input, input.len() / self.plan.inputs(), blocks, outputs));
        }
        values
    }

    fn infer_some(&mut self, input: &[f32], rows: usize, blocks: usize, outputs: usize) -> Vec<f32> {
        let kernels = &self.kernels;
        let memory = match self.inference.take() {
            Some(memory) if memory.rows >= rows => memory,
            _ => {
                let (widest, inside) = (rows * self.plan.widest(), rows * self.plan.inside());
                let activations = [widest, widest].map(|values| kernels.activations(values));
                Inference { rows, activations, scratch: [inside, inside].map(|values| kernels.activations(values)) }
            }
        };
        let Inference { activations: [from, to], scratch, .. } = self.inference.insert(memory);
        let (mut from, mut to) = (from, to);
        place(kernels, &self.plan, kernels.stage(input.to_vec()), from);
        let pass = Pass { kernels, rows, replicas: 1, parameters: &self.parameters };
        for block in self.plan.blocks().take(blocks) {
            block.infer(&pass, &self.statistics, from, to, scratch);
            std::mem::swap(&mut from, &mut to);
        }
        kernels.download_rows(from, rows, outputs)
    }

    /// Overwrites the gradient of every parameter with that of the last training pass, given the gradient of its
    /// output.
    ///
    /// # Errors
    /// A gradient of another shape than the output of the last training pass.
    pub fn backward(&mut self, output_gradient: &Tensor) -> Result<(), ModelError> {
        let width = self.plan.outputs();
        let rows = self.workspace.as_ref().map_or(0, |workspace| workspace.rows);
        if output_gradient.dims() != [rows, width] {
            return Err(ModelError::Gradient { found: output_gradient.dims().to_vec(), rows, width });
        }
        let kernels = self.kernels.clone();
        let values = output_gradient.flatten_all()?.to_vec1::<f32>()?;
        self.backward_from(|_, d| {
            kernels.place_rows(kernels.stage(values), width, d);
            Ok(())
        })
    }

    /// As [`Network::backward`], given what writes the gradient of the output: from the activations of the output to
    /// those of its gradient. Without a training pass there is nothing to do.
    ///
    /// # Errors
    /// Those of `of_output`.
    pub fn backward_from<E>(
        &mut self,
        of_output: impl FnOnce(&K::Buffer, &mut K::Buffer) -> Result<(), E>,
    ) -> Result<(), E> {
        let kernels = &self.kernels;
        let Some(Workspace { rows, replicas, input, kept, mixing, gradients }) = &mut self.workspace else {
            return Ok(());
        };
        let (rows, parameters_len) = (*rows, self.plan.parameters_len());
        let gradient = self.gradient.get_or_insert_with(|| kernels.zeros(parameters_len));
        let buffers = gradients.get_or_insert_with(|| {
            let (widest, inside) = (rows * self.plan.widest(), rows * self.plan.inside());
            Buffers {
                d: kernels.activations(widest),
                dx: kernels.activations(widest),
                scratch: [inside, inside].map(|values| kernels.activations(values)),
            }
        });
        of_output(kept.last().map_or(&*input, |kept| &kept.output), &mut buffers.d)?;
        let pass = Pass { kernels, rows, replicas: *replicas, parameters: &self.parameters };
        let blocks: Vec<_> = self.plan.blocks().collect();
        for (at, block) in blocks.into_iter().enumerate().rev() {
            let x = mixing.input(at, if at == 0 { &*input } else { &kept[at - 1].output });
            // Nothing learns from the gradient of the network's input.
            block.backward(&pass, x, &kept[at], buffers, at > 0, gradient);
            let Buffers { d, dx, .. } = &mut *buffers;
            if at == 0 || !mixing.backward(kernels, at, block, dx, d) {
                std::mem::swap(d, dx);
            }
        }
        Ok(())
    }

    /// Replaces the gradients of the last backward pass by their means over the ranks.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn average_gradient(&mut self, ranks: &dyn Collective<K>) -> Result<(), Abandoned> {
        let len = self.plan.parameters_len();
        self.gradient.as_mut().map_or(Ok(()), |gradient| ranks.mean(len, gradient))
    }

    /// All parameters, in the plan's order.
    pub fn parameters(&self) -> Vec<f32> {
        self.kernels.download(&self.parameters, self.plan.parameters_len())
    }

    /// # Panics
    /// Where there are more or fewer values than [`Plan::parameters_len`].
    pub fn set_parameters(&mut self, values: &[f32]) {
        assert_eq!(values.len(), self.plan.parameters_len());
        self.kernels.upload(values, &mut self.parameters);
    }

    /// All running statistics, in the plan's order.
    pub fn statistics(&self) -> Vec<f32> {
        self.kernels.download(&self.statistics, self.plan.statistics_len())
    }

    /// # Panics
    /// Where there are more or fewer values than [`Plan::statistics_len`].
    pub fn set_statistics(&mut self, values: &[f32]) {
        assert_eq!(values.len(), self.plan.statistics_len());
        self.kernels.upload(values, &mut self.statistics);
    }

    /// The gradients of the last backward pass, in the plan's order; empty before the first.
    pub fn gradient(&self) -> Vec<f32> {
        let len = self.plan.parameters_len();
        self.gradient.as_ref().map(|gradient| self.kernels.download(gradient, len)).unwrap_or_default()
    }

    /// Name, shape and values of each parameter and running statistic of a section, as PyTorch has them.
    pub fn named_tensors(&self, section: Section) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let (parameters, statistics) = (self.parameters(), self.statistics());
        let of_parameters = (self.plan.parameters().iter())
            .filter(|parameter| parameter.section == section)
            .map(|p| (p.name.clone(), p.shape.clone(), p.to_pytorch(&parameters[p.span.range()])));
        let of_statistics = (self.plan.statistics().iter())
            .filter(|statistic| statistic.section == section)
            .map(|s| (s.name.clone(), vec![s.span.len], statistics[s.span.range()].to_vec()));
        of_parameters.chain(of_statistics).collect()
    }

    /// Sets parameters and running statistics by name, from values as PyTorch has them. Names that the plan does not
    /// have are passed over.
    ///
    /// # Panics
    /// Where a tensor has more or fewer values than the plan gives its name.
    pub fn set_named_tensors(&mut self, values: &[(String, Vec<f32>)]) {
        let (mut parameters, mut statistics) = (self.parameters(), self.statistics());
        for (name, values) in values {
            if let Some(parameter) = self.plan.parameters().iter().find(|parameter| parameter.name == *name) {
                parameters[parameter.span.range()].copy_from_slice(&parameter.from_pytorch(values));
            } else if let Some(statistic) = self.plan.statistics().iter().find(|statistic| statistic.name == *name) {
                statistics[statistic.span.range()].copy_from_slice(values);
            }
        }
        self.set_parameters(&parameters);
        self.set_statistics(&statistics);
    }
}

/// Moves the momentum encoder's parameters towards the query encoder's: `key = momentum key + (1 - momentum) query`,
/// over encoder and projection head. Running statistics are its own (official `builder.py`).
pub fn momentum_update<K: Kernels>(query: &Network<K>, key: &mut Network<K>, momentum: f64) {
    let len = key.plan.parameters_len();
    query.kernels.moving_average(len, momentum, &query.parameters, &mut key.parameters);
}

fn place<K: Kernels>(kernels: &K, plan: &Plan, input: K::Staged, x: &mut K::Buffer) {
    if plan.reads_pictures() {
        kernels.place(input, x);
    } else {
        kernels.place_rows(input, plan.inputs(), x);
    }
}
