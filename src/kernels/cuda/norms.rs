//! BatchNorm, in either layout of activations.

use super::arguments::{
    Activations, Address, BatchNorm as Forward, BatchNormGradient, BatchNormRunning, PixelGradient, PixelGradientFold,
    PixelGradientSums, PixelMoments, PixelMomentsFold, PixelNorm,
};
use super::platform::Platform;
use super::{Buffer, Cuda, FOLD, LINE, STRETCH, aligned, stretches};
use crate::kernels::BatchNorm;

impl<P: Platform> Cuda<P> {
    fn bias(&self, layer: &BatchNorm, parameters: &Buffer<P>) -> Address {
        layer.bias.map_or(Address::NONE, |bias| self.span(parameters, bias))
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn rows_norm(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        statistics: &Buffer<P>,
        x: &Buffer<P>,
        y: &Buffer<P>,
        saved: &Buffer<P>,
    ) {
        let len = layer.width * rows;
        let arguments = Forward {
            x: self.activations_at(x, 0, len),
            y: self.activations_at(y, 0, len),
            scale: self.span(parameters, layer.scale),
            shift: self.span(parameters, layer.shift),
            bias: self.bias(layer, parameters),
            running_mean: self.span(statistics, layer.running_mean),
            running_variance: self.span(statistics, layer.running_variance),
            saved: self.at(saved, 0, 2 * replicas * layer.width),
            share: (rows / replicas) as i64,
            replicas: replicas as i64,
            relu: i64::from(layer.relu),
        };
        self.launch([layer.width, 1, 1], [LINE, 1], arguments);
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn rows_norm_gradient(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        saved: &Buffer<P>,
        x: &Buffer<P>,
        d: &Buffer<P>,
        gradient: &Buffer<P>,
    ) {
        let len = layer.width * rows;
        let arguments = BatchNormGradient {
            x: self.activations_at(x, 0, len),
            d: self.activations_at(d, 0, len),
            scale: self.span(parameters, layer.scale),
            shift: self.span(parameters, layer.shift),
            saved: self.at(saved, 0, 2 * replicas * layer.width),
            d_scale: self.span(gradient, layer.scale),
            d_shift: self.span(gradient, layer.shift),
            share: (rows / replicas) as i64,
            replicas: replicas as i64,
            relu: i64::from(layer.relu),
        };
        self.launch([layer.width, 1, 1], [LINE, 1], arguments);
    }

    pub(super) fn rows_norm_running(
        &self,
        layer: &BatchNorm,
        rows: usize,
        parameters: &Buffer<P>,
        statistics: &Buffer<P>,
        x: &Buffer<P>,
    ) {
        let len = layer.width * rows;
        let arguments = BatchNormRunning {
            x: self.activations_at(x, 0, len),
            scale: self.span(parameters, layer.scale),
            shift: self.span(parameters, layer.shift),
            bias: self.bias(layer, parameters),
            mean: self.span(statistics, layer.running_mean),
            variance: self.span(statistics, layer.running_variance),
            rows: rows as i64,
            len: len as i64,
            relu: i64::from(layer.relu),
        };
        self.each(len, arguments);
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn pixels_norm(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        statistics: &Buffer<P>,
        x: &Buffer<P>,
        added: Option<&Buffer<P>>,
        y: &Buffer<P>,
        saved: &Buffer<P>,
    ) {
        let (width, len) = (layer.width, layer.width * pixels);
        let (s, blocks) = stretches(width, pixels, replicas);
        let [count, groups, _] = blocks;
        let (x, saved) = (self.activations_at(x, 0, len), self.at(saved, 0, 2 * replicas * width));
        let found = 2 * width * count * replicas;
        self.with_scratch(found, |scratch| {
            let found = self.scratch_at(scratch, 0, found);
            self.launch(blocks, STRETCH, PixelMoments { x, found, s });
            let fold = PixelMomentsFold {
                found,
                saved,
                running_mean: self.span(statistics, layer.running_mean),
                running_variance: self.span(statistics, layer.running_variance),
                s,
            };
            self.launch([groups, replicas, 1], FOLD, fold);
        });
        let arguments = PixelNorm {
            x,
            added: added.map_or(Activations::NONE, |added| self.activations_at(added, 0, len)),
            y: self.activations_at(y, 0, len),
            mean: saved,
            second: saved.plus(width),
            next_replica: 2 * width as i64,
            scale: self.span(parameters, layer.scale),
            shift: self.span(parameters, layer.shift),
            running: 0,
            relu: i64::from(layer.relu),
            s,
        };
        self.launch(blocks, STRETCH, arguments);
    }

    pub(super) fn pixels_norm_running(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        parameters: &Buffer<P>,
        statistics: &Buffer<P>,
        added: Option<&Buffer<P>>,
        x: &Buffer<P>,
    ) {
        let len = layer.width * pixels;
        let (s, blocks) = stretches(layer.width, pixels, 1);
        let x = self.activations_at(x, 0, len);
        let arguments = PixelNorm {
            x,
            added: added.map_or(Activations::NONE, |added| self.activations_at(added, 0, len)),
            y: x,
            mean: self.span(statistics, layer.running_mean),
            second: self.span(statistics, layer.running_variance),
            next_replica: 0,
            scale: self.span(parameters, layer.scale),
            shift: self.span(parameters, layer.shift),
            running: 1,
            relu: i64::from(layer.relu),
            s,
        };
        self.launch(blocks, STRETCH, arguments);
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn pixels_norm_gradient(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Buffer<P>,
        saved: &Buffer<P>,
        x: &Buffer<P>,
        y: &Buffer<P>,
        d: &Buffer<P>,
        dx: &Buffer<P>,
        gradient: &Buffer<P>,
    ) {
        let (width, len) = (layer.width, layer.width * pixels);
        let (s, blocks) = stretches(width, pixels, replicas);
        let [count, groups, _] = blocks;
        let (x, d) = (self.activations_at(x, 0, len), self.activations_at(d, 0, len));
        let saved = self.at(saved, 0, 2 * replicas * width);
        let (found, factors) = (aligned(2 * width * count * replicas), 2 * width * replicas);
        self.with_scratch(found + factors, |scratch| {
            let factors = self.scratch_at(scratch, found, factors);
            let found = self.scratch_at(scratch, 0, found);
            let sums = PixelGradientSums {
                x,
                y: self.activations_at(y, 0, len),
                d,
                saved,
                found,
                relu: i64::from(layer.relu),
                s,
            };
            self.launch(blocks, STRETCH, sums);
            let fold = PixelGradientFold {
                found,
                saved,
                factors,
                d_scale: self.span(gradient, layer.scale),
                d_shift: self.span(gradient, layer.shift),
                replicas: replicas as i64,
                s,
            };
            self.launch([groups, 1, 1], FOLD, fold);
            let scale = self.span(parameters, layer.scale);
            let arguments = PixelGradient { x, d, dx: self.activations_at(dx, 0, len), saved, factors, scale, s };
            self.launch(blocks, STRETCH, arguments);
        });
    }
}
