//! Blocks over pictures: the stem of a ResNet and its residual blocks.

use crate::kernels::{BatchNorm, Convolution, Kernels, MaxPool};

use super::pass::{Buffers, Kept, KeptNorm, Pass};

/// A convolution and its BatchNorm.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvNorm {
    pub conv: Convolution,
    pub norm: BatchNorm,
}

/// The first layer of a ResNet, with max-pooling or without.
#[derive(Clone, Debug, PartialEq)]
pub struct Stem {
    pub layer: ConvNorm,
    pub pool: Option<MaxPool>,
}

/// `relu(layers(x) + shortcut(x))`, the shortcut being `x` itself where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// At least one. The ReLU of the last comes after the sum.
    pub layers: Vec<ConvNorm>,
    pub shortcut: Option<ConvNorm>,
}

impl ConvNorm {
    pub(super) fn multiply_adds(&self) -> usize {
        let Convolution { kernel, input, output, .. } = self.conv;
        kernel * kernel * input.channels * output.len()
    }

    fn keep<K: Kernels>(&self, kernels: &K, rows: usize, replicas: usize, after: bool) -> KeptNorm<K::Buffer> {
        let values = rows * self.conv.output.len();
        KeptNorm {
            before: kernels.activations(values),
            saved: kernels.zeros(2 * replicas * self.norm.width),
            after: after.then(|| kernels.activations(values)),
        }
    }

    /// Pixels of all images that come out.
    fn pixels(&self, rows: usize) -> usize {
        rows * self.conv.output.pixels()
    }

    /// Convolves `x` into `before` and normalises that, with `added`, into `y`.
    #[allow(clippy::too_many_arguments)]
    fn forward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &mut K::Buffer,
        x: &K::Buffer,
        added: Option<&K::Buffer>,
        before: &mut K::Buffer,
        saved: &mut K::Buffer,
        y: &mut K::Buffer,
    ) {
        let Pass { kernels, rows, replicas, parameters } = *pass;
        kernels.convolution(&self.conv, rows, parameters, x, before);
        let pixels = self.pixels(rows);
        kernels.pixel_norm(&self.norm, pixels, replicas, parameters, statistics, before, added, y, saved);
    }

    fn infer<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &K::Buffer,
        x: &K::Buffer,
        added: Option<&K::Buffer>,
        y: &mut K::Buffer,
    ) {
        let Pass { kernels, rows, parameters, .. } = *pass;
        kernels.convolution(&self.conv, rows, parameters, x, y);
        kernels.pixel_norm_running(&self.norm, self.pixels(rows), parameters, statistics, added, y);
    }

    /// From the gradient `d` of what BatchNorm put out to that of what it took in, `dx`.
    fn norm_gradient<K: Kernels>(
        &self,
        pass: &Pass<K>,
        kept: &KeptNorm<K::Buffer>,
        y: &K::Buffer,
        d: &mut K::Buffer,
        dx: &mut K::Buffer,
        gradient: &mut K::Buffer,
    ) {
        let Pass { kernels, rows, replicas, parameters } = *pass;
        let (pixels, KeptNorm { before, saved, .. }) = (self.pixels(rows), kept);
        kernels.pixel_norm_gradient(&self.norm, pixels, replicas, parameters, saved, before, y, d, dx, gradient);
    }
}

impl Stem {
    pub(super) fn keep<K: Kernels>(&self, kernels: &K, rows: usize, replicas: usize) -> Vec<KeptNorm<K::Buffer>> {
        vec![self.layer.keep(kernels, rows, replicas, self.pool.is_some())]
    }

    pub(super) fn forward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &mut K::Buffer,
        x: &K::Buffer,
        kept: &mut Kept<K::Buffer>,
    ) {
        let KeptNorm { before, saved, after } = &mut kept.norms[0];
        match (&self.pool, after) {
            (Some(pool), Some(after)) => {
                self.layer.forward(pass, statistics, x, None, before, saved, after);
                pass.kernels.max_pool(pool, pass.rows, after, &mut kept.output);
            }
            _ => self.layer.forward(pass, statistics, x, None, before, saved, &mut kept.output),
        }
    }

    pub(super) fn infer<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &K::Buffer,
        x: &K::Buffer,
        y: &mut K::Buffer,
        [scratch, _]: &mut [K::Buffer; 2],
    ) {
        match &self.pool {
            Some(pool) => {
                self.layer.infer(pass, statistics, x, None, scratch);
                pass.kernels.max_pool(pool, pass.rows, scratch, y);
            }
            None => self.layer.infer(pass, statistics, x, None, y),
        }
    }

    pub(super) fn backward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        x: &K::Buffer,
        kept: &Kept<K::Buffer>,
        buffers: &mut Buffers<K::Buffer>,
        input_wanted: bool,
        gradient: &mut K::Buffer,
    ) {
        let Buffers { d, dx, scratch: [before_pool, before_norm] } = buffers;
        let (norm, rows) = (&kept.norms[0], pass.rows);
        match (&self.pool, &norm.after) {
            (Some(pool), Some(after)) => {
                pass.kernels.max_pool_gradient(pool, rows, after, d, before_pool);
                self.layer.norm_gradient(pass, norm, after, before_pool, before_norm, gradient);
            }
            _ => self.layer.norm_gradient(pass, norm, &kept.output, d, before_norm, gradient),
        }
        pass.kernels.convolution_gradient(&self.layer.conv, rows, x, before_norm, gradient);
        if input_wanted {
            let conv = &self.layer.conv;
            pass.kernels.convolution_input_gradient(conv, rows, pass.parameters, before_norm, dx, false);
        }
    }
}

impl Residual {
    fn last(&self) -> usize {
        self.layers.len() - 1
    }

    /// The output of the layer before layer `at`, which that one reads.
    fn input<'a, B>(&self, at: usize, x: &'a B, kept: &'a [KeptNorm<B>]) -> &'a B {
        at.checked_sub(1).and_then(|before| kept[before].after.as_ref()).unwrap_or(x)
    }

    /// Of the layers, then of the shortcut.
    pub(super) fn keep<K: Kernels>(&self, kernels: &K, rows: usize, replicas: usize) -> Vec<KeptNorm<K::Buffer>> {
        let layers = self.layers.iter().enumerate();
        let layers = layers.map(|(at, layer)| layer.keep(kernels, rows, replicas, at < self.last()));
        layers.chain(self.shortcut.iter().map(|layer| layer.keep(kernels, rows, replicas, true))).collect()
    }

    pub(super) fn forward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &mut K::Buffer,
        x: &K::Buffer,
        kept: &mut Kept<K::Buffer>,
    ) {
        let (layers, shortcut) = kept.norms.split_at_mut(self.layers.len());
        if let (Some(layer), [KeptNorm { before, saved, after: Some(after) }]) = (&self.shortcut, &mut *shortcut) {
            layer.forward(pass, statistics, x, None, before, saved, after);
        }
        let added = shortcut.first().and_then(|kept| kept.after.as_ref()).unwrap_or(x);
        for (at, layer) in self.layers.iter().enumerate() {
            let (done, rest) = layers.split_at_mut(at);
            let input = self.input(at, x, done);
            let KeptNorm { before, saved, after } = &mut rest[0];
            match after {
                Some(after) => layer.forward(pass, statistics, input, None, before, saved, after),
                None => layer.forward(pass, statistics, input, Some(added), before, saved, &mut kept.output),
            }
        }
    }

    pub(super) fn infer<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &K::Buffer,
        x: &K::Buffer,
        y: &mut K::Buffer,
        scratch: &mut [K::Buffer; 2],
    ) {
        let [one, other] = scratch;
        let (mut from, mut to) = (one, other);
        for (at, layer) in self.layers[..self.last()].iter().enumerate() {
            layer.infer(pass, statistics, if at == 0 { x } else { from }, None, to);
            std::mem::swap(&mut from, &mut to);
        }
        if let Some(shortcut) = &self.shortcut {
            shortcut.infer(pass, statistics, x, None, to);
        }
        let added = if self.shortcut.is_some() { &*to } else { x };
        let input = if self.last() == 0 { x } else { &*from };
        self.layers[self.last()].infer(pass, statistics, input, Some(added), y);
    }

    pub(super) fn backward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        x: &K::Buffer,
        kept: &Kept<K::Buffer>,
        buffers: &mut Buffers<K::Buffer>,
        input_wanted: bool,
        gradient: &mut K::Buffer,
    ) {
        let Buffers { d, dx, scratch: [before_norm, after_norm] } = buffers;
        let Pass { kernels, rows, parameters, .. } = *pass;
        let (layers, shortcut) = kept.norms.split_at(self.layers.len());
        // Takes the ReLU after the sum out of `d`: from then on it is the shortcut's gradient too.
        self.layers[self.last()].norm_gradient(pass, &layers[self.last()], &kept.output, d, before_norm, gradient);
        match (&self.shortcut, shortcut) {
            (Some(layer), [kept]) => {
                let after = kept.after.as_ref().unwrap_or(x);
                layer.norm_gradient(pass, kept, after, d, after_norm, gradient);
                kernels.convolution_gradient(&layer.conv, rows, x, after_norm, gradient);
                if input_wanted {
                    kernels.convolution_input_gradient(&layer.conv, rows, parameters, after_norm, dx, false);
                }
            }
            // What the layers add goes where the shortcut's gradient already is.
            _ => std::mem::swap(d, dx),
        }
        for at in (0..self.layers.len()).rev() {
            let (layer, input) = (&self.layers[at], self.input(at, x, layers));
            kernels.convolution_gradient(&layer.conv, rows, input, before_norm, gradient);
            if at > 0 {
                kernels.convolution_input_gradient(&layer.conv, rows, parameters, before_norm, after_norm, false);
                let before = &self.layers[at - 1];
                before.norm_gradient(pass, &layers[at - 1], input, after_norm, before_norm, gradient);
            } else if input_wanted {
                kernels.convolution_input_gradient(&layer.conv, rows, parameters, before_norm, dx, true);
            }
        }
    }
}
