//! [`Kernels`] by launches and library calls.

use super::arguments::{
    Activations, Add, AddBias, Address, AveragePool, AveragePoolGradient, Clear, MaxOut as MaxOutForward,
    MaxOutGradient, MaxPool as MaxPoolForward, MaxPoolGradient, MixPictures, MixRows, MovingAverage, Relu,
    ReluGradient, RowSums, Sgd, Window,
};
use super::platform::{ConvolutionPass, ConvolutionShape, Matrix, Operands, Platform, Product, Values};
use super::{Buffer, Cuda, LINE, aligned};
use crate::kernels::{BatchNorm, Convolution, FeatureMap, Features, Kernels, Linear, MaxOut, MaxPool, RowMix, SgdStep};

impl<P: Platform> Cuda<P> {
    /// The part of activations that holds some features, all rows of one after those of another.
    fn features(&self, rows: usize, features: Features, buffer: &Buffer<P>) -> Activations {
        self.activations_at(buffer, features.start * rows, features.count * rows)
    }

    pub(super) fn multiply(&self, product: Product) {
        if product.m > 0 && product.n > 0 {
            self.platform.product(product);
        }
    }

    /// Lends the weights `[output channel, kernel row, kernel column, input channel]` and `more` activations behind
    /// them.
    fn with_turned_weights(
        &self,
        layer: &Convolution,
        parameters: &Buffer<P>,
        more: usize,
        work: impl FnOnce(Activations, Activations),
    ) {
        let (weights, outputs, element) = (layer.weight.len, layer.output.channels, self.platform.element());
        let start = aligned(element.floats(weights));
        self.with_scratch(start + element.floats(more), |scratch| {
            let turned = self.activations_in_scratch(scratch, 0, weights);
            self.transpose_in(self.span(parameters, layer.weight), turned, weights / outputs.max(1), outputs);
            work(turned, self.activations_in_scratch(scratch, start, more));
        });
    }

    /// Uploads what each row is made of and lends it: own share, partner's share, partner.
    pub(super) fn with_mix(&self, mix: &RowMix, work: impl FnOnce(Address, Address, Address)) {
        let rows = mix.rows();
        let own = mix.terms().map(|(own, _, _)| own);
        let other = mix.terms().map(|(_, _, other)| other);
        let partner = mix.terms().map(|(_, partner, _)| f32::from_bits(partner as u32));
        let values: Vec<f32> = own.chain(other).chain(partner).collect();
        self.with_scratch(values.len(), |scratch| {
            self.platform.upload(&values, scratch);
            let [own, other, partner] = [0, 1, 2].map(|at| self.scratch_at(scratch, at * rows, rows));
            work(own, other, partner);
        });
    }
}

fn shape(layer: &Convolution, images: usize) -> ConvolutionShape {
    let Convolution { input, output, kernel, stride, padding, .. } = *layer;
    ConvolutionShape { images, input, output, kernel, stride, padding }
}

fn window(layer: &MaxPool) -> Window {
    let MaxPool { kernel, stride, padding, input, output } = *layer;
    let [channels, in_height, in_width] = [input.channels, input.height, input.width].map(|side| side as i64);
    let [out_height, out_width, kernel] = [output.height, output.width, kernel].map(|side| side as i64);
    let [stride, padding] = [stride, padding].map(|side| side as i64);
    Window { channels, in_height, in_width, out_height, out_width, kernel, stride, padding }
}

impl<P: Platform> Kernels for Cuda<P> {
    fn linear(
        &self,
        layer: &Linear,
        rows: usize,
        parameters: &Buffer<P>,
        x: &Buffer<P>,
        y: &mut Buffer<P>,
        with_bias: bool,
    ) {
        let (inputs, outputs) = (layer.x.count, layer.y.count);
        let c = self.features(rows, layer.y, y);
        // By columns the weights, [outputs, inputs] by rows, are their transpose already.
        self.multiply(Product {
            m: rows,
            n: outputs,
            k: inputs,
            a: Matrix { at: Values::Activations(self.features(rows, layer.x, x)), lead: rows, transposed: false },
            b: Matrix {
                at: Values::Activations(self.weights(parameters, layer.weight)),
                lead: inputs,
                transposed: false,
            },
            c: Values::Activations(c),
            c_lead: rows,
        });
        if with_bias {
            let len = rows * outputs;
            let bias = self.span(parameters, layer.bias);
            self.each(len, AddBias { bias, y: c, rows: rows as i64, len: len as i64 });
        }
    }

    fn linear_gradient(
        &self,
        layer: &Linear,
        rows: usize,
        x: &Buffer<P>,
        dy: &Buffer<P>,
        _scratch: &mut Buffer<P>,
        gradient: &mut Buffer<P>,
        with_bias: bool,
    ) {
        let (inputs, outputs) = (layer.x.count, layer.y.count);
        let dy = self.features(rows, layer.y, dy);
        self.multiply(Product {
            m: inputs,
            n: outputs,
            k: rows,
            a: Matrix { at: Values::Activations(self.features(rows, layer.x, x)), lead: rows, transposed: true },
            b: Matrix { at: Values::Activations(dy), lead: rows, transposed: false },
            c: Values::F32(self.span(gradient, layer.weight)),
            c_lead: inputs,
        });
        let sums = self.span(gradient, layer.bias);
        if with_bias {
            self.launch([outputs, 1, 1], [LINE, 1], RowSums { d: dy, sums, rows: rows as i64 });
        } else {
            self.each(outputs, Clear { x: sums, len: outputs as i64 });
        }
    }

    fn linear_input_gradient(
        &self,
        layer: &Linear,
        rows: usize,
        parameters: &Buffer<P>,
        dy: &Buffer<P>,
        dx: &mut Buffer<P>,
    ) {
        let (inputs, outputs) = (layer.x.count, layer.y.count);
        self.multiply(Product {
            m: rows,
            n: inputs,
            k: outputs,
            a: Matrix { at: Values::Activations(self.features(rows, layer.y, dy)), lead: rows, transposed: false },
            b: Matrix {
                at: Values::Activations(self.weights(parameters, layer.weight)),
                lead: inputs,
                transposed: true,
            },
            c: Values::Activations(self.features(rows, layer.x, dx)),
            c_lead: rows,
        });
    }

    fn batch_norm(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        statistics: &mut Buffer<P>,
        x: &Buffer<P>,
        y: &mut Buffer<P>,
        saved: &mut Buffer<P>,
    ) {
        self.rows_norm(layer, rows, replicas, parameters, statistics, x, y, saved);
    }

    fn batch_norm_gradient(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        saved: &Buffer<P>,
        x: &Buffer<P>,
        d: &mut Buffer<P>,
        gradient: &mut Buffer<P>,
    ) {
        self.rows_norm_gradient(layer, rows, replicas, parameters, saved, x, d, gradient);
    }

    fn batch_norm_running(
        &self,
        layer: &BatchNorm,
        rows: usize,
        parameters: &Buffer<P>,
        statistics: &Buffer<P>,
        x: &mut Buffer<P>,
    ) {
        self.rows_norm_running(layer, rows, parameters, statistics, x);
    }

    fn relu(&self, len: usize, x: &mut Buffer<P>) {
        self.each(len, Relu { x: self.activations_at(x, 0, len), len: len as i64 });
    }

    fn relu_gradient(&self, len: usize, y: &Buffer<P>, d: &mut Buffer<P>) {
        self.each(
            len,
            ReluGradient { y: self.activations_at(y, 0, len), d: self.activations_at(d, 0, len), len: len as i64 },
        );
    }

    fn max_out(&self, layer: &MaxOut, rows: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let len = rows * layer.outputs;
        let (x, y) = (self.activations_at(x, 0, len * layer.pieces), self.activations_at(y, 0, len));
        self.each(len, MaxOutForward { x, y, rows: rows as i64, pieces: layer.pieces as i64, len: len as i64 });
    }

    fn max_out_gradient(&self, layer: &MaxOut, rows: usize, x: &Buffer<P>, dy: &Buffer<P>, dx: &mut Buffer<P>) {
        let (len, pieces) = (rows * layer.outputs, layer.pieces);
        let (x, dx) = (self.activations_at(x, 0, len * pieces), self.activations_at(dx, 0, len * pieces));
        let dy = self.activations_at(dy, 0, len);
        self.each(len, MaxOutGradient { x, dy, dx, rows: rows as i64, pieces: pieces as i64, len: len as i64 });
    }

    fn convolution(
        &self,
        layer: &Convolution,
        images: usize,
        parameters: &Buffer<P>,
        x: &Buffer<P>,
        y: &mut Buffer<P>,
    ) {
        let x = self.activations_at(x, 0, images * layer.input.len());
        let y = self.activations_at(y, 0, images * layer.output.len());
        self.with_turned_weights(layer, parameters, 0, |weight, _| {
            self.platform.convolve(ConvolutionPass::Forward, shape(layer, images), Operands { x, weight, y });
        });
    }

    fn convolution_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        x: &Buffer<P>,
        dy: &Buffer<P>,
        gradient: &mut Buffer<P>,
    ) {
        let x = self.activations_at(x, 0, images * layer.input.len());
        let y = self.activations_at(dy, 0, images * layer.output.len());
        let (weights, outputs) = (layer.weight.len, layer.output.channels);
        let to = self.span(gradient, layer.weight);
        self.with_scratch(self.platform.element().floats(weights), |scratch| {
            let weight = self.activations_in_scratch(scratch, 0, weights);
            self.platform.convolve(ConvolutionPass::Weight, shape(layer, images), Operands { x, weight, y });
            self.transpose_out(weight, to, outputs, weights / outputs.max(1));
        });
    }

    fn convolution_input_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        parameters: &Buffer<P>,
        dy: &Buffer<P>,
        dx: &mut Buffer<P>,
        add: bool,
    ) {
        let len = images * layer.input.len();
        let y = self.activations_at(dy, 0, images * layer.output.len());
        let dx = self.activations_at(dx, 0, len);
        self.with_turned_weights(layer, parameters, if add { len } else { 0 }, |weight, more| {
            let x = if add { more } else { dx };
            self.platform.convolve(ConvolutionPass::Input, shape(layer, images), Operands { x, weight, y });
            if add {
                self.each(len, Add { from: x, to: dx, len: len as i64 });
            }
        });
    }

    fn pixel_norm(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        statistics: &mut Buffer<P>,
        x: &Buffer<P>,
        added: Option<&Buffer<P>>,
        y: &mut Buffer<P>,
        saved: &mut Buffer<P>,
    ) {
        self.pixels_norm(layer, pixels, replicas, parameters, statistics, x, added, y, saved);
    }

    fn pixel_norm_gradient(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        saved: &Buffer<P>,
        x: &Buffer<P>,
        y: &Buffer<P>,
        d: &mut Buffer<P>,
        dx: &mut Buffer<P>,
        gradient: &mut Buffer<P>,
    ) {
        self.pixels_norm_gradient(layer, pixels, replicas, parameters, saved, x, y, d, dx, gradient);
    }

    fn pixel_norm_running(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        parameters: &Buffer<P>,
        statistics: &Buffer<P>,
        added: Option<&Buffer<P>>,
        x: &mut Buffer<P>,
    ) {
        self.pixels_norm_running(layer, pixels, parameters, statistics, added, x);
    }

    fn max_pool(&self, layer: &MaxPool, images: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let (x, len) = (self.activations_at(x, 0, images * layer.input.len()), images * layer.output.len());
        let y = self.activations_at(y, 0, len);
        self.each(len, MaxPoolForward { x, y, len: len as i64, window: window(layer) });
    }

    fn max_pool_gradient(&self, layer: &MaxPool, images: usize, x: &Buffer<P>, dy: &Buffer<P>, dx: &mut Buffer<P>) {
        let len = images * layer.input.len();
        let (x, dx) = (self.activations_at(x, 0, len), self.activations_at(dx, 0, len));
        let dy = self.activations_at(dy, 0, images * layer.output.len());
        self.each(len, MaxPoolGradient { x, dy, dx, len: len as i64, window: window(layer) });
    }

    fn average_pool(&self, map: FeatureMap, images: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let len = images * map.channels;
        let (x, y) = (self.activations_at(x, 0, images * map.len()), self.activations_at(y, 0, len));
        let [images, channels, pixels] = [images, map.channels, map.pixels()].map(|side| side as i64);
        self.each(len, AveragePool { x, y, images, channels, pixels });
    }

    fn average_pool_gradient(&self, map: FeatureMap, images: usize, dy: &Buffer<P>, dx: &mut Buffer<P>) {
        let len = images * map.len();
        let (dy, dx) = (self.activations_at(dy, 0, images * map.channels), self.activations_at(dx, 0, len));
        let [images, channels, pixels] = [images, map.channels, map.pixels()].map(|side| side as i64);
        self.each(len, AveragePoolGradient { dy, dx, images, channels, pixels });
    }

    fn mix_rows(&self, mix: &RowMix, width: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let (rows, len) = (mix.rows(), mix.rows() * width);
        let (x, y) = (self.activations_at(x, 0, len), self.activations_at(y, 0, len));
        self.with_mix(mix, |own, other, partner| {
            self.each(len, MixRows { x, y, own, other, partner, rows: rows as i64, len: len as i64 });
        });
    }

    fn mix_pictures(&self, mix: &RowMix, len: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let (width, len) = (len, mix.rows() * len);
        let (x, y) = (self.activations_at(x, 0, len), self.activations_at(y, 0, len));
        self.with_mix(mix, |own, other, partner| {
            self.each(len, MixPictures { x, y, own, other, partner, width: width as i64, len: len as i64 });
        });
    }

    fn sgd(&self, settings: SgdStep, gradient: &Buffer<P>, momentum: &mut Buffer<P>, parameters: &mut Buffer<P>) {
        let len = gradient.len;
        let SgdStep { rate, momentum: kept, weight_decay: decay } = settings;
        let arguments = Sgd {
            gradient: self.at(gradient, 0, len),
            momentum: self.at(momentum, 0, len),
            parameters: self.at(parameters.changed(), 0, len),
            len: len as i64,
            rate,
            kept,
            decay,
        };
        self.each(len, arguments);
    }

    fn moving_average(&self, len: usize, momentum: f64, source: &Buffer<P>, target: &mut Buffer<P>) {
        let (kept, taken) = (momentum as f32, (1.0 - momentum) as f32);
        let (source, target) = (self.at(source, 0, len), self.at(target.changed(), 0, len));
        self.each(len, MovingAverage { source, target, len: len as i64, kept, taken });
    }
}
