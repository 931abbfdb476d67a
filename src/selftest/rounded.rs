//! A reference that rounds where a device of some precision does.
//!
//! Without it a training step in few bits could only be compared loosely: a unit next to zero falls on either side of
//! ReLU by the way its sum is rounded, and with it its gradient.

use crate::kernels::{
    BatchNorm, Convolution, CrossEntropy, EmbeddingKernels, FeatureMap, Kernels, Linear, MaxOut, MaxPool, Precision,
    QueryRows, RowMix, SgdStep, Span, Storage,
};

/// Kernels in f32, with what they multiply and what they write as activations rounded as a precision has it.
#[derive(Clone)]
pub(super) struct Rounded<K> {
    pub kernels: K,
    pub precision: Precision,
}

impl<K: Kernels> Rounded<K> {
    /// A copy of values with a part of them rounded.
    fn copy(&self, buffer: &K::Buffer, part: Span) -> K::Buffer {
        let mut values = self.kernels.download(buffer, self.kernels.len(buffer));
        values[part.range()].iter_mut().for_each(|value| *value = self.precision.rounded(*value));
        let mut copy = self.kernels.zeros(values.len());
        self.kernels.upload(&values, &mut copy);
        copy
    }

    /// Activations as factors.
    fn factors(&self, activations: &K::Buffer) -> K::Buffer {
        self.copy(activations, Span { start: 0, len: self.kernels.len(activations) })
    }

    /// What activations keep of what was written to them.
    fn keep(&self, activations: &mut K::Buffer) {
        if self.precision == Precision::Bf16 {
            *activations = self.factors(activations);
        }
    }

    fn kept(&self, value: f32) -> f32 {
        if self.precision == Precision::Bf16 { self.precision.rounded(value) } else { value }
    }
}

/// Passes on to the kernels; then activations keep what they can of what was written.
macro_rules! passed_on {
    ($(fn $kernel:ident($($argument:ident: $type:ty),*) $(keeps $written:ident)?;)*) => {
        $(fn $kernel(&self, $($argument: $type),*) {
            self.kernels.$kernel($($argument),*);
            $(self.keep($written);)?
        })*
    };
}

impl<K: Kernels> Storage for Rounded<K> {
    type Buffer = K::Buffer;
    type Staged = K::Staged;

    fn zeros(&self, len: usize) -> K::Buffer {
        self.kernels.zeros(len)
    }

    fn len(&self, buffer: &K::Buffer) -> usize {
        self.kernels.len(buffer)
    }

    fn download(&self, buffer: &K::Buffer, len: usize) -> Vec<f32> {
        self.kernels.download(buffer, len)
    }

    fn download_rows(&self, buffer: &K::Buffer, rows: usize, width: usize) -> Vec<f32> {
        self.kernels.download_rows(buffer, rows, width)
    }

    fn stage(&self, values: Vec<f32>) -> K::Staged {
        self.kernels.stage(values)
    }

    fn staged_len(&self, staged: &K::Staged) -> usize {
        self.kernels.staged_len(staged)
    }

    fn steps_ahead(&self) -> usize {
        self.kernels.steps_ahead()
    }

    passed_on! {
        fn upload(values: &[f32], buffer: &mut K::Buffer);
        // Pictures, which convolutions round.
        fn place(staged: K::Staged, buffer: &mut K::Buffer);
        fn place_rows(staged: K::Staged, width: usize, y: &mut K::Buffer) keeps y;
    }
}

impl<K: Kernels> EmbeddingKernels for Rounded<K> {
    fn cross_entropy(
        &self,
        operation: &CrossEntropy,
        queries: &K::Buffer,
        keys: &K::Buffer,
        gradient: &mut K::Buffer,
        losses: &mut K::Buffer,
    ) {
        // In bf16 too, embeddings are f32.
        let factors =
            |embeddings| if self.precision == Precision::Tf32 { Some(self.factors(embeddings)) } else { None };
        let [of_queries, of_keys] = [queries, keys].map(factors);
        let (queries, keys) = (of_queries.as_ref().unwrap_or(queries), of_keys.as_ref().unwrap_or(keys));
        self.kernels.cross_entropy(operation, queries, keys, gradient, losses);
    }

    passed_on! {
        fn normalise(n: usize, w: usize, x: &K::Buffer, y: &mut K::Buffer);
        fn normalise_gradient(n: usize, w: usize, x: &K::Buffer, y: &K::Buffer, dy: &K::Buffer, dx: &mut K::Buffer)
            keeps dx;
        fn select_rows(order: &[u32], w: usize, x: &K::Buffer, y: &mut K::Buffer);
        fn mix_embeddings(m: &RowMix, w: usize, x: &K::Buffer, y: &mut K::Buffer);
        fn copy_within(b: &mut K::Buffer, from: Span, to: usize);
        fn cosine_distance(
            n: usize, w: usize, q: &K::Buffer, t: &K::Buffer, g: &mut K::Buffer, l: &mut K::Buffer
        );
        fn observe(q: &QueryRows, l: &K::Buffer, e: &K::Buffer, slot: usize, o: &mut K::Buffer);
    }
}

impl<K: Kernels> Kernels for Rounded<K> {
    fn linear(&self, l: &Linear, rows: usize, p: &K::Buffer, x: &K::Buffer, y: &mut K::Buffer, with_bias: bool) {
        self.kernels.linear(l, rows, &self.copy(p, l.weight), &self.factors(x), y, false);
        self.keep(y);
        if with_bias {
            let mut values = self.kernels.download(y, self.kernels.len(y));
            let biases = self.kernels.download(p, l.bias.start + l.bias.len);
            let rows_of_y = values[l.y.start * rows..].chunks_mut(rows);
            for (feature, bias) in rows_of_y.zip(&biases[l.bias.range()]) {
                feature.iter_mut().for_each(|value| *value = self.kept(*value + bias));
            }
            self.kernels.upload(&values, y);
        }
    }

    fn linear_gradient(
        &self,
        l: &Linear,
        rows: usize,
        x: &K::Buffer,
        dy: &K::Buffer,
        scratch: &mut K::Buffer,
        gradient: &mut K::Buffer,
        with_bias: bool,
    ) {
        let (x, factors) = (self.factors(x), self.factors(dy));
        // The sums of a bias multiply nothing.
        self.kernels.linear_gradient(l, rows, &x, dy, scratch, gradient, with_bias);
        let mut sums = self.kernels.download(gradient, self.kernels.len(gradient));
        self.kernels.linear_gradient(l, rows, &x, &factors, scratch, gradient, with_bias);
        let products = self.kernels.download(gradient, l.weight.start + l.weight.len);
        sums[l.weight.range()].copy_from_slice(&products[l.weight.range()]);
        self.kernels.upload(&sums, gradient);
    }

    fn linear_input_gradient(&self, l: &Linear, rows: usize, p: &K::Buffer, dy: &K::Buffer, dx: &mut K::Buffer) {
        self.kernels.linear_input_gradient(l, rows, &self.copy(p, l.weight), &self.factors(dy), dx);
        self.keep(dx);
    }

    fn convolution(&self, l: &Convolution, images: usize, p: &K::Buffer, x: &K::Buffer, y: &mut K::Buffer) {
        self.kernels.convolution(l, images, &self.copy(p, l.weight), &self.factors(x), y);
        self.keep(y);
    }

    fn convolution_gradient(
        &self,
        l: &Convolution,
        images: usize,
        x: &K::Buffer,
        dy: &K::Buffer,
        gradient: &mut K::Buffer,
    ) {
        self.kernels.convolution_gradient(l, images, &self.factors(x), &self.factors(dy), gradient);
        // Libraries write it as they write activations.
        if self.precision == Precision::Bf16 {
            *gradient = self.copy(gradient, l.weight);
        }
    }

    fn convolution_input_gradient(
        &self,
        l: &Convolution,
        images: usize,
        p: &K::Buffer,
        dy: &K::Buffer,
        dx: &mut K::Buffer,
        add: bool,
    ) {
        let before = self.kernels.download(dx, self.kernels.len(dx));
        self.kernels.convolution_input_gradient(l, images, &self.copy(p, l.weight), &self.factors(dy), dx, false);
        self.keep(dx);
        if add {
            let mut values = self.kernels.download(dx, before.len());
            let of_images = values.iter_mut().zip(before).take(images * l.input.len());
            of_images.for_each(|(value, before)| *value = self.kept(before + *value));
            self.kernels.upload(&values, dx);
        }
    }

    passed_on! {
        fn batch_norm(
            l: &BatchNorm, n: usize, r: usize, p: &K::Buffer, t: &mut K::Buffer, x: &K::Buffer, y: &mut K::Buffer,
            s: &mut K::Buffer
        ) keeps y;
        fn batch_norm_gradient(
            l: &BatchNorm, n: usize, r: usize, p: &K::Buffer, s: &K::Buffer, x: &K::Buffer, d: &mut K::Buffer,
            g: &mut K::Buffer
        ) keeps d;
        fn batch_norm_running(l: &BatchNorm, n: usize, p: &K::Buffer, t: &K::Buffer, y: &mut K::Buffer) keeps y;
        fn relu(n: usize, y: &mut K::Buffer);
        fn relu_gradient(n: usize, x: &K::Buffer, y: &mut K::Buffer);
        fn max_out(l: &MaxOut, n: usize, x: &K::Buffer, y: &mut K::Buffer);
        fn max_out_gradient(l: &MaxOut, n: usize, x: &K::Buffer, dy: &K::Buffer, y: &mut K::Buffer);
        fn pixel_norm(
            l: &BatchNorm, n: usize, r: usize, p: &K::Buffer, t: &mut K::Buffer, x: &K::Buffer, a: Option<&K::Buffer>,
            y: &mut K::Buffer, s: &mut K::Buffer
        ) keeps y;
        fn pixel_norm_gradient(
            l: &BatchNorm, n: usize, r: usize, p: &K::Buffer, s: &K::Buffer, x: &K::Buffer, y: &K::Buffer,
            d: &mut K::Buffer, dx: &mut K::Buffer, g: &mut K::Buffer
        ) keeps dx;
        fn pixel_norm_running(
            l: &BatchNorm, n: usize, p: &K::Buffer, t: &K::Buffer, a: Option<&K::Buffer>, y: &mut K::Buffer
        ) keeps y;
        fn max_pool(l: &MaxPool, n: usize, x: &K::Buffer, y: &mut K::Buffer);
        fn max_pool_gradient(l: &MaxPool, n: usize, x: &K::Buffer, dy: &K::Buffer, dx: &mut K::Buffer) keeps dx;
        fn average_pool(m: FeatureMap, n: usize, x: &K::Buffer, y: &mut K::Buffer) keeps y;
        fn average_pool_gradient(m: FeatureMap, n: usize, dy: &K::Buffer, dx: &mut K::Buffer) keeps dx;
        fn mix_rows(m: &RowMix, w: usize, x: &K::Buffer, y: &mut K::Buffer) keeps y;
        fn mix_pictures(m: &RowMix, n: usize, x: &K::Buffer, y: &mut K::Buffer) keeps y;
        fn sgd(s: SgdStep, g: &K::Buffer, m: &mut K::Buffer, y: &mut K::Buffer);
        fn moving_average(n: usize, m: f64, x: &K::Buffer, y: &mut K::Buffer);
    }
}
