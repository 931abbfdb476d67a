//! Embeddings: rows of unit length, the softmax over their similarities, and what a step tells of itself.

use super::arguments::{
    Activations, Add, Address, Arguments, ColumnDeviations, CopyValues, Mean, MixPictures, Normalise,
    NormaliseGradient, RowDistances, Scale, SelectRows, SoftmaxGradient,
};
use super::platform::{Matrix, Platform, Product, Values};
use super::{Buffer, Cuda, LINE, aligned};
use crate::kernels::{CrossEntropy, EmbeddingKernels, LeftOut, QueryRows, RowMix, SoftLabels, Span};

/// Sides of a block over rows and parts of a row.
const ROWS: [u32; 2] = [32, 8];

impl<P: Platform> Cuda<P> {
    /// A thread for each of some parts of each row.
    fn over_rows<A: Arguments>(&self, rows: usize, arguments: A) {
        self.launch([rows.div_ceil(ROWS[0] as usize), 1, 1], ROWS, arguments);
    }

    /// Writes the mean of `len` values.
    fn mean(&self, values: Address, len: usize, mean: Address) {
        self.launch([1, 1, 1], [LINE, 1], Mean { values, mean, len: len as i64 });
    }
}

/// Offsets, classes and weights of labels, one after another.
fn in_words(labels: &SoftLabels) -> Vec<f32> {
    let word = |number: usize| f32::from_bits(number as u32);
    let offsets = labels.offsets().iter().map(|offset| word(*offset));
    let classes = labels.entries().iter().map(|(class, _)| word(*class as usize));
    offsets.chain(classes).chain(labels.entries().iter().map(|(_, weight)| *weight)).collect()
}

impl<P: Platform> EmbeddingKernels for Cuda<P> {
    fn normalise(&self, rows: usize, width: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let len = rows * width;
        let (x, y) = (self.activations_at(x, 0, len), self.at(y, 0, len));
        self.over_rows(rows, Normalise { x, y, rows: rows as i64, width: width as i64 });
    }

    fn normalise_gradient(
        &self,
        rows: usize,
        width: usize,
        x: &Buffer<P>,
        y: &Buffer<P>,
        dy: &Buffer<P>,
        dx: &mut Buffer<P>,
    ) {
        let len = rows * width;
        let [x, dx] = [x, dx].map(|activations| self.activations_at(activations, 0, len));
        let [y, dy] = [y, dy].map(|embeddings| self.at(embeddings, 0, len));
        self.over_rows(rows, NormaliseGradient { x, y, dy, dx, rows: rows as i64, width: width as i64 });
    }

    fn select_rows(&self, order: &[u32], width: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let len = order.len() * width;
        let (x, y) = (self.at(x, 0, len), self.at(y, 0, len));
        let words: Vec<f32> = order.iter().map(|row| f32::from_bits(*row)).collect();
        self.with_scratch(words.len(), |scratch| {
            self.platform.upload(&words, scratch);
            let order = self.scratch_at(scratch, 0, words.len());
            self.each(len, SelectRows { x, y, order, width: width as i64, len: len as i64 });
        });
    }

    fn mix_embeddings(&self, mix: &RowMix, width: usize, x: &Buffer<P>, y: &mut Buffer<P>) {
        let len = mix.rows() * width;
        let [x, y] = [self.at(x, 0, len), self.at(y, 0, len)].map(Activations::of_f32);
        self.with_mix(mix, |own, other, partner| {
            let (width, count) = (width as i64, len as i64);
            self.each_of_f32(len, MixPictures { x, y, own, other, partner, width, len: count });
        });
    }

    fn copy_within(&self, buffer: &mut Buffer<P>, from: Span, to: usize) {
        let len = from.len;
        let (from, to) = (self.span(buffer, from), self.at(buffer, to, len));
        self.each(len, CopyValues { from, to, len: len as i64 });
    }

    fn cross_entropy(
        &self,
        operation: &CrossEntropy,
        queries: &Buffer<P>,
        keys: &Buffer<P>,
        gradient: &mut Buffer<P>,
        losses: &mut Buffer<P>,
    ) {
        let CrossEntropy { width, ref labels, share, shares, keys_learn, .. } = *operation;
        let (rows, classes) = (labels.rows(), labels.classes());
        let (query_span, key_span) = (operation.query_span(), operation.key_span());
        let (queries, keys) = (self.span(queries, query_span), self.span(keys, key_span));
        let words = in_words(labels);
        let same = query_span == key_span;
        let parts = [words.len(), rows, rows * classes, if keys_learn && same { key_span.len } else { 0 }];
        self.with_scratch(parts.iter().map(|len| aligned(*len)).sum(), |scratch| {
            // First, because an upload goes to the start of a memory.
            self.platform.upload(&words, scratch);
            let mut next = 0;
            let [words, row_losses, similarities, more] = parts.map(|len| {
                let at = self.scratch_at(scratch, next, len);
                next += aligned(len);
                at
            });
            let by_rows = |at, transposed| Matrix { at: Values::F32(at), lead: width, transposed };
            // By columns, embeddings are their transpose.
            self.multiply(Product {
                m: classes,
                n: rows,
                k: width,
                a: by_rows(keys, true),
                b: by_rows(queries, false),
                c: Values::F32(similarities),
                c_lead: classes,
            });
            let (out_below, first_own) = match operation.left_out {
                LeftOut::Others { of, first } => (of, first),
                LeftOut::Nothing | LeftOut::Itself => (0, 0),
            };
            let softmax = SoftmaxGradient {
                similarities,
                row_losses,
                offsets: words,
                classes: words.plus(rows + 1),
                weights: words.plus(rows + 1 + labels.entries().len()),
                width: classes as i64,
                out_below: out_below as i64,
                first_own: first_own as i64,
                itself: i64::from(operation.left_out == LeftOut::Itself),
                inverse_temperature: operation.inverse_temperature(),
                share: 1.0 / (rows * shares) as f32,
            };
            self.launch([rows, 1, 1], [LINE, 1], softmax);
            self.mean(row_losses, rows, self.at(losses, share, 1));
            let slopes = |transposed| Matrix { at: Values::F32(similarities), lead: classes, transposed };
            let to = self.span(gradient, query_span);
            self.multiply(Product {
                m: width,
                n: rows,
                k: classes,
                a: by_rows(keys, false),
                b: slopes(false),
                c: Values::F32(to),
                c_lead: width,
            });
            if keys_learn {
                let of_keys = if same { more } else { self.span(gradient, key_span) };
                self.multiply(Product {
                    m: width,
                    n: classes,
                    k: rows,
                    a: by_rows(queries, false),
                    b: slopes(true),
                    c: Values::F32(of_keys),
                    c_lead: width,
                });
                if same {
                    let [from, to] = [more, to].map(Activations::of_f32);
                    self.each_of_f32(key_span.len, Add { from, to, len: key_span.len as i64 });
                }
            }
        });
    }

    fn cosine_distance(
        &self,
        rows: usize,
        width: usize,
        queries: &Buffer<P>,
        targets: &Buffer<P>,
        gradient: &mut Buffer<P>,
        losses: &mut Buffer<P>,
    ) {
        let len = rows * width;
        let [queries, targets, gradient] = [queries, targets, gradient].map(|memory| self.at(memory, 0, len));
        self.with_scratch(rows, |scratch| {
            let row_losses = self.scratch_at(scratch, 0, rows);
            self.launch([rows, 1, 1], [LINE, 1], RowDistances { queries, targets, row_losses, width: width as i64 });
            self.mean(row_losses, rows, self.at(losses, 0, 1));
        });
        self.each(len, Scale { x: targets, y: gradient, len: len as i64, factor: -2.0 * (1.0 / rows as f32) });
    }

    fn observe(
        &self,
        queries: &QueryRows,
        losses: &Buffer<P>,
        embeddings: &Buffer<P>,
        slot: usize,
        observed: &mut Buffer<P>,
    ) {
        let QueryRows { width, shares, rows, stride, losses: count } = *queries;
        let observed = self.at(observed, 2 * slot, 2);
        self.mean(self.at(losses, 0, count), count, observed);
        let x = self.at(embeddings, 0, queries.reach());
        self.with_scratch(width, |scratch| {
            let deviations = self.scratch_at(scratch, 0, width);
            let [of_width, shares, rows, stride] = [width, shares, rows, stride].map(|side| side as i64);
            let columns = ColumnDeviations { x, deviations, width: of_width, shares, rows, stride };
            self.launch([width, 1, 1], [LINE, 1], columns);
            self.mean(deviations, width, observed.plus(1));
        });
    }
}
