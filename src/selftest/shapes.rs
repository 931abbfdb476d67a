//! What is checked: each operation at sides that networks have and at sides that no block of threads divides.

use super::embeddings::{ContrastiveLoss, OfEmbeddings};
use super::operations::Operation;
use crate::kernels::{Convolution, FeatureMap, MaxPool, Span};

pub(super) fn all() -> Vec<Operation> {
    let mut all = Vec::new();
    all.extend(
        [(1, 1), (3, 54), (64, 32), (70, 33), (130, 257)].map(|(rows, width)| Operation::Transfer { rows, width }),
    );
    all.extend(
        [(1, 1, 1), (5, 3, 301), (67, 130, 65), (128, 192, 96)].map(|(rows, inputs, outputs)| Operation::Linear {
            rows,
            inputs,
            outputs,
        }),
    );
    for (rows, width, replicas, relu, bias) in [
        (4, 1, 1, false, false),
        (6, 5, 3, true, true),
        (90, 33, 2, true, true),
        (512, 40, 1, true, false),
        (600, 7, 2, false, true),
    ] {
        all.push(Operation::BatchNorm { rows, width, replicas, relu, bias });
    }
    all.extend([1, 256, 1000].map(|len| Operation::Relu { len }));
    all.extend([(1, 1, 4), (70, 5, 4), (33, 12, 2), (5, 3, 1)].map(|(rows, outputs, pieces)| Operation::MaxOut {
        rows,
        outputs,
        pieces,
    }));
    // Window, sides, channels in and out, images: those of ResNets, and odd ones.
    for (window, sides, channels, images) in [
        ((3, 1, 1), (8, 8), (16, 32), 3),
        ((3, 1, 1), (16, 16), (3, 24), 2),
        ((3, 2, 1), (8, 8), (16, 32), 3),
        ((1, 1, 0), (4, 4), (48, 64), 2),
        ((1, 2, 0), (8, 8), (16, 32), 2),
        ((7, 2, 3), (19, 16), (3, 16), 2),
        ((3, 1, 1), (7, 5), (5, 7), 1),
        ((3, 2, 1), (7, 9), (10, 20), 2),
        ((3, 1, 1), (1, 1), (9, 3), 2),
        ((3, 1, 1), (10, 6), (1, 8), 2),
    ] {
        all.push(convolution(window, sides, channels, images));
    }
    for (pixels, width, replicas, relu, added) in [
        (4, 1, 1, false, false),
        (34, 3, 1, true, false),
        (600, 33, 2, true, true),
        (2 * 300, 64, 2, true, false),
        (1100, 20, 1, false, true),
        (3 * 270, 70, 3, true, true),
    ] {
        all.push(Operation::PixelNorm { pixels, width, replicas, relu, added });
    }
    for (window, sides, channels, images) in
        [((3, 2, 1), (8, 8), 16, 2), ((3, 2, 1), (9, 7), 5, 3), ((2, 2, 0), (6, 4), 3, 1), ((3, 1, 1), (4, 5), 40, 2)]
    {
        all.push(max_pool(window, sides, channels, images));
    }
    all.extend([((4, 4), 64, 3), ((3, 5), 7, 2), ((1, 1), 33, 1)].map(|((height, width), channels, images)| {
        Operation::AveragePool { images, map: FeatureMap { height, width, channels } }
    }));
    all.extend([(2, 1), (70, 37)].map(|(rows, width)| Operation::MixRows { rows, width }));
    all.extend([(2, 1), (20, 75)].map(|(pictures, len)| Operation::MixPictures { pictures, len }));
    all.extend([1, 1000].map(|len| Operation::Sgd { len }));
    all.extend([1, 1000].map(|len| Operation::MovingAverage { len }));
    all.extend(embeddings().into_iter().map(Operation::Embeddings));
    all
}

fn embeddings() -> Vec<OfEmbeddings> {
    let mut all = Vec::new();
    for (rows, width) in [(2, 3), (70, 33), (64, 128)] {
        all.extend([
            OfEmbeddings::Normalise { rows, width },
            OfEmbeddings::SelectRows { rows, width },
            OfEmbeddings::Mix { rows, width },
            OfEmbeddings::CosineDistance { rows, width },
        ]);
    }
    all.push(OfEmbeddings::CopyWithin { len: 300 });
    let queue = 300;
    for loss in [
        ContrastiveLoss::Npair,
        ContrastiveLoss::Simclr,
        ContrastiveLoss::Moco { queue, own: false },
        ContrastiveLoss::Moco { queue, own: true },
    ] {
        all.extend([6, 66].map(|rows| OfEmbeddings::CrossEntropy { loss, rows }));
    }
    all.extend([(5, 3, 1), (40, 33, 4)].map(|(rows, width, shares)| OfEmbeddings::Observe { rows, width, shares }));
    all
}

fn convolution(
    (kernel, stride, padding): (usize, usize, usize),
    (height, width): (usize, usize),
    (inputs, outputs): (usize, usize),
    images: usize,
) -> Operation {
    let input = FeatureMap { height, width, channels: inputs };
    // Not at the start of the parameters.
    let weight = Span { start: 5, len: kernel * kernel * inputs * outputs };
    let output = input.windowed(kernel, stride, padding, outputs);
    Operation::Convolution { images, layer: Convolution { weight, kernel, stride, padding, input, output } }
}

fn max_pool(
    (kernel, stride, padding): (usize, usize, usize),
    (height, width): (usize, usize),
    channels: usize,
    images: usize,
) -> Operation {
    let input = FeatureMap { height, width, channels };
    let output = input.windowed(kernel, stride, padding, channels);
    Operation::MaxPool { images, layer: MaxPool { kernel, stride, padding, input, output } }
}
