//! Kernels as their definitions say them: slow, plain, and what others are checked against.

mod embeddings;
pub mod pictures;
pub mod rows;

use super::{BatchNorm, Convolution, FeatureMap, Kernels, Linear, MaxOut, MaxPool, RowMix, SgdStep, Storage};

/// The definitions, behind the face of a device. Sums of rows are taken in f64, of pictures' convolutions in f32.
#[derive(Clone, Copy, Debug)]
pub struct Definitions;

impl Storage for Definitions {
    type Buffer = Vec<f32>;
    type Staged = Vec<f32>;

    fn zeros(&self, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn len(&self, buffer: &Vec<f32>) -> usize {
        buffer.len()
    }

    fn upload(&self, values: &[f32], buffer: &mut Vec<f32>) {
        buffer[..values.len()].copy_from_slice(values);
    }

    fn download(&self, buffer: &Vec<f32>, len: usize) -> Vec<f32> {
        buffer[..len].to_vec()
    }

    fn download_rows(&self, buffer: &Vec<f32>, rows: usize, width: usize) -> Vec<f32> {
        (0..rows * width).map(|at| buffer[at % width * rows + at / width]).collect()
    }

    fn stage(&self, values: Vec<f32>) -> Vec<f32> {
        values
    }

    fn staged_len(&self, staged: &Vec<f32>) -> usize {
        staged.len()
    }

    fn place(&self, staged: Vec<f32>, buffer: &mut Vec<f32>) {
        self.upload(&staged, buffer);
    }

    fn place_rows(&self, staged: Vec<f32>, width: usize, buffer: &mut Vec<f32>) {
        let rows = staged.len() / width.max(1);
        staged.iter().enumerate().for_each(|(at, value)| buffer[at % width * rows + at / width] = *value);
    }

    fn steps_ahead(&self) -> usize {
        1
    }
}

impl Kernels for Definitions {
    fn linear(&self, layer: &Linear, rows: usize, p: &Vec<f32>, x: &Vec<f32>, y: &mut Vec<f32>, with_bias: bool) {
        rows::linear(layer, rows, p, x, y, with_bias);
    }

    fn linear_gradient(
        &self,
        layer: &Linear,
        rows: usize,
        x: &Vec<f32>,
        dy: &Vec<f32>,
        _scratch: &mut Vec<f32>,
        gradient: &mut Vec<f32>,
        with_bias: bool,
    ) {
        rows::linear_gradient(layer, rows, x, dy, gradient, with_bias);
    }

    fn linear_input_gradient(&self, layer: &Linear, rows: usize, p: &Vec<f32>, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        rows::linear_input_gradient(layer, rows, p, dy, dx);
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
        rows::batch_norm(layer, rows, replicas, parameters, statistics, x, y, saved);
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
        rows::batch_norm_gradient(layer, rows, replicas, parameters, saved, x, d, gradient);
    }

    fn batch_norm_running(
        &self,
        layer: &BatchNorm,
        rows: usize,
        parameters: &Vec<f32>,
        statistics: &Vec<f32>,
        x: &mut Vec<f32>,
    ) {
        rows::batch_norm_running(layer, rows, parameters, statistics, x);
    }

    fn relu(&self, len: usize, x: &mut Vec<f32>) {
        x[..len].iter_mut().filter(|x| **x <= 0.0).for_each(|x| *x = 0.0);
    }

    fn relu_gradient(&self, len: usize, y: &Vec<f32>, d: &mut Vec<f32>) {
        d[..len].iter_mut().zip(y).filter(|(_, y)| **y <= 0.0).for_each(|(d, _)| *d = 0.0);
    }

    fn max_out(&self, layer: &MaxOut, rows: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        rows::max_out(layer, rows, x, y);
    }

    fn max_out_gradient(&self, layer: &MaxOut, rows: usize, x: &Vec<f32>, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        rows::max_out_gradient(layer, rows, x, dy, dx);
    }

    fn convolution(&self, layer: &Convolution, images: usize, p: &Vec<f32>, x: &Vec<f32>, y: &mut Vec<f32>) {
        pictures::convolution(layer, images, p, x, y);
    }

    fn convolution_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        x: &Vec<f32>,
        dy: &Vec<f32>,
        gradient: &mut Vec<f32>,
    ) {
        pictures::convolution_gradient(layer, images, x, dy, gradient);
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
        pictures::convolution_input_gradient(layer, images, p, dy, dx, add);
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
        pictures::norm(layer, pixels, replicas, parameters, statistics, x, added, y, saved);
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
        pictures::norm_gradient(layer, pixels, replicas, parameters, saved, x, y, d, dx, gradient);
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
        pictures::norm_running(layer, pixels, parameters, statistics, added.map(Vec::as_slice), x);
    }

    fn max_pool(&self, layer: &MaxPool, images: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        pictures::max_pool(layer, images, x, y);
    }

    fn max_pool_gradient(&self, layer: &MaxPool, images: usize, x: &Vec<f32>, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        pictures::max_pool_gradient(layer, images, x, dy, dx);
    }

    fn average_pool(&self, map: FeatureMap, images: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        pictures::average_pool(map, images, x, y);
    }

    fn average_pool_gradient(&self, map: FeatureMap, images: usize, dy: &Vec<f32>, dx: &mut Vec<f32>) {
        pictures::average_pool_gradient(map, images, dy, dx);
    }

    fn mix_rows(&self, mix: &RowMix, width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        let rows = mix.rows();
        for (row, (own, partner, other)) in mix.terms().enumerate() {
            for start in (0..width).map(|feature| feature * rows) {
                y[start + row] = own * x[start + row] + other * x[start + partner];
            }
        }
    }

    fn mix_pictures(&self, mix: &RowMix, len: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        for (row, (own, partner, other)) in mix.terms().enumerate() {
            for at in 0..len {
                y[row * len + at] = own * x[row * len + at] + other * x[partner * len + at];
            }
        }
    }

    fn sgd(&self, settings: SgdStep, gradient: &Vec<f32>, momentum: &mut Vec<f32>, parameters: &mut Vec<f32>) {
        for ((m, p), g) in momentum.iter_mut().zip(parameters).zip(gradient) {
            *m = settings.momentum * *m + (g + settings.weight_decay * *p);
            *p -= settings.rate * *m;
        }
    }

    fn moving_average(&self, len: usize, momentum: f64, source: &Vec<f32>, target: &mut Vec<f32>) {
        for (target, source) in target[..len].iter_mut().zip(source) {
            *target = momentum as f32 * *target + (1.0 - momentum) as f32 * source;
        }
    }
}
