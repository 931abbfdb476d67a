//! Kernels for the CPU.

mod batch_norm;
mod convolution;
mod cross_entropy;
mod embeddings;
mod linear;
mod matrix;
mod max_out;
mod pixel_norm;
mod pointwise;
mod pool;
mod pooling;
mod row_mix;
mod scratch;
mod storage;
mod sums;

use super::{BatchNorm, Convolution, FeatureMap, Kernels, Linear, MaxOut, MaxPool, RowMix, SgdStep};

pub use pool::{Cpu, vectors};

impl Kernels for Cpu {
    fn linear(&self, layer: &Linear, rows: usize, p: &Vec<f32>, x: &Vec<f32>, y: &mut Vec<f32>, with_bias: bool) {
        linear::forward(self, layer, rows, p, x, y, with_bias);
    }

    fn linear_gradient(
        &self,
        layer: &Linear,
        rows: usize,
        x: &Vec<f32>,
        dy: &Vec<f32>,
        scratch: &mut Vec<f32>,
        gradient: &mut Vec<f32>,
        with_bias: bool,
    ) {
        linear::gradient(self, layer, rows, x, dy, scratch, gradient, with_bias);
    }

    fn linear_input_gradient(&self, layer: &Linear, rows: usize, p: &Vec<f32>, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        linear::input_gradient(self, layer, rows, p, dy, dx);
    }

    fn batch_norm(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Vec<f32>,
        statistics: &mut Vec<f32>,
        x: &Vec<f32>,
        y: &mut Vec<f32>,
        saved: &mut Vec<f32>,
    ) {
        batch_norm::forward(self, layer, rows, replicas, parameters, statistics, x, y, saved);
    }

    fn batch_norm_gradient(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Vec<f32>,
        saved: &Vec<f32>,
        x: &Vec<f32>,
        d: &mut Vec<f32>,
        gradient: &mut Vec<f32>,
    ) {
        batch_norm::gradient(self, layer, rows, replicas, parameters, saved, x, d, gradient);
    }

    fn batch_norm_running(
        &self,
        layer: &BatchNorm,
        rows: usize,
        p: &Vec<f32>,
        statistics: &Vec<f32>,
        x: &mut Vec<f32>,
    ) {
        batch_norm::running(self, layer, rows, p, statistics, x);
    }

    fn relu(&self, len: usize, x: &mut Vec<f32>) {
        pointwise::relu(self, &mut x[..len]);
    }

    fn relu_gradient(&self, len: usize, y: &Vec<f32>, d: &mut Vec<f32>) {
        pointwise::relu_gradient(self, &y[..len], &mut d[..len]);
    }

    fn max_out(&self, layer: &MaxOut, rows: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        let MaxOut { outputs, pieces } = *layer;
        max_out::forward(self, rows, pieces, &x[..rows * outputs * pieces], &mut y[..rows * outputs]);
    }

    fn max_out_gradient(&self, layer: &MaxOut, rows: usize, x: &Vec<f32>, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        let MaxOut { outputs, pieces } = *layer;
        let len = rows * outputs * pieces;
        max_out::gradient(self, rows, pieces, &x[..len], &dy[..rows * outputs], &mut dx[..len]);
    }

    fn convolution(&self, layer: &Convolution, images: usize, p: &Vec<f32>, x: &Vec<f32>, y: &mut Vec<f32>) {
        convolution::forward(self, layer, images, p, x, y);
    }

    fn convolution_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        x: &Vec<f32>,
        dy: &Vec<f32>,
        gradient: &mut Vec<f32>,
    ) {
        convolution::gradient(self, layer, images, x, dy, gradient);
    }

    fn convolution_input_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        p: &Vec<f32>,
        dy: &Vec<f32>,
        dx: &mut Vec<f32>,
        add: bool,
    ) {
        convolution::input_gradient(self, layer, images, p, dy, dx, add);
    }

    fn pixel_norm(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Vec<f32>,
        statistics: &mut Vec<f32>,
        x: &Vec<f32>,
        added: Option<&Vec<f32>>,
        y: &mut Vec<f32>,
        saved: &mut Vec<f32>,
    ) {
        let added = added.map(Vec::as_slice);
        pixel_norm::forward(self, layer, pixels, replicas, parameters, statistics, x, added, y, saved);
    }

    fn pixel_norm_gradient(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Vec<f32>,
        saved: &Vec<f32>,
        x: &Vec<f32>,
        y: &Vec<f32>,
        d: &mut Vec<f32>,
        dx: &mut Vec<f32>,
        gradient: &mut Vec<f32>,
    ) {
        pixel_norm::gradient(self, layer, pixels, replicas, parameters, saved, x, y, d, dx, gradient);
    }

    fn pixel_norm_running(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        parameters: &Vec<f32>,
        statistics: &Vec<f32>,
        added: Option<&Vec<f32>>,
        x: &mut Vec<f32>,
    ) {
        pixel_norm::running(self, layer, pixels, parameters, statistics, added.map(Vec::as_slice), x);
    }

    fn max_pool(&self, layer: &MaxPool, images: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        let (x, y) = (&x[..images * layer.input.len()], &mut y[..images * layer.output.len()]);
        pooling::max(self, layer, x, y);
    }

    fn max_pool_gradient(&self, layer: &MaxPool, images: usize, x: &Vec<f32>, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        let (x, dx) = (&x[..images * layer.input.len()], &mut dx[..images * layer.input.len()]);
        pooling::max_gradient(self, layer, x, &dy[..images * layer.output.len()], dx);
    }

    fn average_pool(&self, map: FeatureMap, images: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        let (x, y) = (&x[..images * map.len()], &mut y[..images * map.channels]);
        pooling::average(self, map, images, x, y);
    }

    fn average_pool_gradient(&self, map: FeatureMap, images: usize, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        let (dy, dx) = (&dy[..images * map.channels], &mut dx[..images * map.len()]);
        pooling::average_gradient(self, map, images, dy, dx);
    }

    fn mix_rows(&self, mix: &RowMix, width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        let len = mix.rows() * width;
        row_mix::rows(self, mix, &x[..len], &mut y[..len]);
    }

    fn mix_pictures(&self, mix: &RowMix, len: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        row_mix::pictures(self, mix, len, &x[..mix.rows() * len], &mut y[..mix.rows() * len]);
    }

    fn sgd(&self, settings: SgdStep, gradient: &Vec<f32>, momentum: &mut Vec<f32>, parameters: &mut Vec<f32>) {
        pointwise::sgd(self, settings, gradient, momentum, parameters);
    }

    fn moving_average(&self, len: usize, momentum: f64, source: &Vec<f32>, target: &mut Vec<f32>) {
        pointwise::moving_average(self, momentum as f32, (1.0 - momentum) as f32, &source[..len], &mut target[..len]);
    }
}

#[cfg(test)]
mod picture_tests;
#[cfg(test)]
mod tests;
