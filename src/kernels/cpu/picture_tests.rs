//! Kernels over pictures against their definitions and against candle's own operations.

use candle_core::{Device, Tensor, Var};

use super::{Cpu, definitions};
use crate::kernels::{BatchNorm, Convolution, FeatureMap, Kernels, MaxPool, Span};

/// Values between -1 and 1 without a pattern that matters.
fn values(seed: usize, count: usize) -> Vec<f32> {
    let turns = |at: usize| (12.9898 * at as f64 + 78.233 * seed as f64).sin() * 43_758.545_3;
    (0..count).map(|at| (2.0 * (turns(at) - turns(at).floor()) - 1.0) as f32).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * scale, "{what}[{at}]: {found} for {expected}");
    }
}

/// Images, height, width, channels in and out, kernel, stride, padding.
const SHAPES: [[usize; 8]; 14] = [
    [1, 1, 1, 1, 1, 1, 1, 0],
    [1, 1, 1, 5, 7, 3, 1, 1],
    [2, 1, 1, 24, 40, 3, 2, 1],
    [3, 5, 7, 3, 8, 3, 1, 1],
    [2, 9, 6, 8, 16, 3, 2, 1],
    [2, 8, 8, 16, 24, 3, 1, 0],
    [5, 8, 8, 17, 33, 3, 1, 1],
    [2, 11, 13, 3, 10, 7, 2, 3],
    [3, 6, 5, 16, 48, 1, 1, 0],
    [3, 7, 5, 16, 20, 1, 2, 0],
    [2, 4, 4, 96, 64, 3, 1, 1],
    [4, 16, 16, 32, 32, 3, 1, 1],
    [1, 3, 3, 4, 4, 3, 2, 0],
    [2, 4, 9, 6, 5, 5, 1, 2],
];

fn layer([_, height, width, inputs, outputs, kernel, stride, padding]: [usize; 8]) -> Convolution {
    let input = FeatureMap { height, width, channels: inputs };
    let output = input.windowed(kernel, stride, padding, outputs);
    let weight = Span { start: 3, len: kernel * kernel * inputs * outputs };
    Convolution { weight, kernel, stride, padding, input, output }
}

#[test]
fn convolutions_are_what_their_definition_says() {
    for shape in SHAPES {
        let (layer, images) = (layer(shape), shape[0]);
        let (inputs, outputs) = (images * layer.input.len(), images * layer.output.len());
        let parameters = values(1, layer.weight.range().end);
        let (x, dy, start) = (values(2, inputs), values(3, outputs), values(4, inputs));
        let mut expected = (vec![0.0; outputs], vec![0.0; parameters.len()], [vec![0.0; inputs], start.clone()]);
        definitions::convolution(&layer, images, &parameters, &x, &mut expected.0);
        definitions::convolution_gradient(&layer, images, &x, &dy, &mut expected.1);
        for (add, dx) in [false, true].into_iter().zip(&mut expected.2) {
            definitions::convolution_input_gradient(&layer, images, &parameters, &dy, dx, add);
        }
        let mut alone = None;
        for threads in [1, 2, 3] {
            let cpu = Cpu::new(threads);
            // What is left in a buffer must not matter, nor what lies behind the part that is used.
            let mut y = vec![f32::NAN; outputs + 3];
            cpu.convolution(&layer, images, &parameters, &x, &mut y);
            assert_close(&y[..outputs], &expected.0, 2e-5, &format!("{shape:?} y"));
            let mut gradient = vec![0.0; parameters.len()];
            gradient[layer.weight.range()].fill(f32::NAN);
            cpu.convolution_gradient(&layer, images, &x, &dy, &mut gradient);
            assert_close(&gradient, &expected.1, 2e-5, &format!("{shape:?} dw"));
            let mut set = vec![f32::NAN; inputs];
            cpu.convolution_input_gradient(&layer, images, &parameters, &dy, &mut set, false);
            assert_close(&set, &expected.2[0], 2e-5, &format!("{shape:?} dx"));
            let mut added = start.clone();
            cpu.convolution_input_gradient(&layer, images, &parameters, &dy, &mut added, true);
            assert_close(&added, &expected.2[1], 2e-5, &format!("{shape:?} dx added"));
            let all = (y[..outputs].to_vec(), gradient, set, added);
            assert!(*alone.get_or_insert_with(|| all.clone()) == all, "{shape:?}: {threads} threads");
        }
    }
}

/// `[n, h, w, c]` values as candle's `[n, c, h, w]`.
fn candles(values: &[f32], images: usize, map: FeatureMap) -> Tensor {
    let shape = (images, map.height, map.width, map.channels);
    let tensor = Tensor::from_slice(&values[..images * map.len()], shape, &Device::Cpu).unwrap();
    tensor.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
}

fn flat(tensor: &Tensor, order: (usize, usize, usize, usize)) -> Vec<f32> {
    tensor.permute(order).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn convolutions_and_their_gradients_agree_with_candle() {
    for shape in SHAPES {
        let (layer, images) = (layer(shape), shape[0]);
        let Convolution { kernel, stride, padding, input, output, .. } = layer;
        // Where the window leaves pixels over, candle's gradient has another shape than its input.
        let left_over = |side: usize| (side + 2 * padding - kernel) % stride;
        if left_over(input.height) != left_over(input.width) {
            continue;
        }
        let parameters = values(5, layer.weight.range().end);
        let (x, dy) = (values(6, images * input.len()), values(7, images * output.len()));
        let weight = Tensor::from_slice(
            &parameters[layer.weight.range()],
            (kernel, kernel, input.channels, output.channels),
            &Device::Cpu,
        );
        let weight = Var::from_tensor(&weight.unwrap().permute((3, 2, 0, 1)).unwrap().contiguous().unwrap()).unwrap();
        let image = Var::from_tensor(&candles(&x, images, input)).unwrap();
        let theirs = image.conv2d(&weight, padding, stride, 1, 1).unwrap();
        let loss = (&theirs * candles(&dy, images, output)).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();

        let cpu = Cpu::new(2);
        let mut y = vec![0.0; images * output.len()];
        cpu.convolution(&layer, images, &parameters, &x, &mut y);
        assert_close(&y, &flat(&theirs, (0, 2, 3, 1)), 2e-5, &format!("{shape:?} y"));
        let mut gradient = vec![0.0; parameters.len()];
        cpu.convolution_gradient(&layer, images, &x, &dy, &mut gradient);
        let expected = flat(gradients.get(&weight).unwrap(), (2, 3, 1, 0));
        assert_close(&gradient[3..], &expected, 2e-5, &format!("{shape:?} dw"));
        let mut dx = vec![0.0; images * input.len()];
        cpu.convolution_input_gradient(&layer, images, &parameters, &dy, &mut dx, false);
        let expected = flat(gradients.get(&image).unwrap(), (0, 2, 3, 1));
        assert_close(&dx, &expected, 2e-5, &format!("{shape:?} dx"));
    }
}

#[test]
fn what_is_not_a_number_reaches_what_it_touches() {
    let shape = [1, 8, 8, 16, 16, 3, 1, 1];
    let layer = layer(shape);
    let parameters = values(1, layer.weight.range().end);
    let mut x = values(2, layer.input.len());
    x[0] = f32::NAN;
    let mut y = vec![0.0; layer.output.len()];
    Cpu::new(1).convolution(&layer, 1, &parameters, &x, &mut y);
    assert!(y[..16].iter().all(|y| y.is_nan()));
    assert!(y[63 * 16..].iter().all(|y| y.is_finite()));
}

#[test]
fn norms_are_what_their_definition_says() {
    for (width, pixels, replicas) in [(1, 2, 1), (3, 12, 2), (16, 5000, 2), (70, 1800, 1), (600, 130, 2)] {
        let span = |at: usize| Span { start: at * width, len: width };
        for relu in [false, true] {
            let layer = BatchNorm {
                width,
                bias: None,
                scale: span(0),
                shift: span(1),
                running_mean: span(0),
                running_variance: span(1),
                relu,
            };
            let parameters = values(1, 2 * width);
            let len = pixels * width;
            let x: Vec<f32> = values(2, len).iter().map(|x| 40.0 + 3.0 * x).collect();
            let (other, upstream) = (values(3, len), values(4, len));
            for added in [None, Some(other)] {
                let what = format!("{width} x {pixels}, relu {relu}, added {}", added.is_some());
                let plain = {
                    let mut statistics = values(5, 2 * width);
                    let (mut y, mut saved) = (vec![0.0; len], vec![0.0; 2 * replicas * width]);
                    let slice = added.as_deref();
                    definitions::norm(
                        &layer,
                        pixels,
                        replicas,
                        &parameters,
                        &mut statistics,
                        &x,
                        slice,
                        &mut y,
                        &mut saved,
                    );
                    let (mut d, mut dx, mut gradient) = (upstream.clone(), vec![0.0; len], vec![0.0; 2 * width]);
                    definitions::norm_gradient(
                        &layer,
                        pixels,
                        replicas,
                        &parameters,
                        &saved,
                        &x,
                        &y,
                        &mut d,
                        &mut dx,
                        &mut gradient,
                    );
                    let mut running = x.clone();
                    definitions::norm_running(&layer, pixels, &parameters, &statistics, slice, &mut running);
                    (y, statistics, d, dx, gradient, running)
                };
                let mut alone = None;
                for threads in [1, 3] {
                    let cpu = Cpu::new(threads);
                    let mut statistics = values(5, 2 * width);
                    statistics[width..].iter_mut().for_each(|variance| *variance = variance.abs());
                    let mut expected_statistics = values(5, 2 * width);
                    expected_statistics[width..].iter_mut().for_each(|variance| *variance = variance.abs());
                    let (mut y, mut saved) = (vec![0.0; len], vec![0.0; 2 * replicas * width]);
                    let added = added.as_ref();
                    cpu.pixel_norm(
                        &layer,
                        pixels,
                        replicas,
                        &parameters,
                        &mut statistics,
                        &x,
                        added,
                        &mut y,
                        &mut saved,
                    );
                    let (mut d, mut dx, mut gradient) = (upstream.clone(), vec![0.0; len], vec![0.0; 2 * width]);
                    cpu.pixel_norm_gradient(
                        &layer,
                        pixels,
                        replicas,
                        &parameters,
                        &saved,
                        &x,
                        &y,
                        &mut d,
                        &mut dx,
                        &mut gradient,
                    );
                    assert_close(&y, &plain.0, 1e-4, &format!("{what} y"));
                    assert_close(&d, &plain.2, 1e-6, &format!("{what} d"));
                    assert_close(&dx, &plain.3, 1e-4, &format!("{what} dx"));
                    assert_close(&gradient, &plain.4, 1e-4, &format!("{what} gradient"));
                    let mut running = x.clone();
                    cpu.pixel_norm_running(&layer, pixels, &parameters, &statistics, added, &mut running);
                    assert!(running.iter().all(|value| value.is_finite()), "{what}");
                    let all = (y, statistics, dx, gradient, running);
                    assert!(*alone.get_or_insert_with(|| all.clone()) == all, "{what}: {threads} threads");
                }
            }
        }
    }
}

#[test]
fn pooling_takes_the_first_largest_and_the_mean() {
    let input = FeatureMap { height: 5, width: 4, channels: 2 };
    let layer = MaxPool { kernel: 3, stride: 2, padding: 1, input, output: input.windowed(3, 2, 1, 2) };
    assert_eq!((layer.output.height, layer.output.width), (3, 2));
    let cpu = Cpu::new(2);
    let images = 2;
    // All equal: each window gives its gradient to its first pixel.
    let x = vec![-1.0; images * input.len()];
    let mut y = vec![0.0; images * layer.output.len()];
    cpu.max_pool(&layer, images, &x, &mut y);
    assert!(y.iter().all(|y| *y == -1.0));
    let dy = vec![1.0; y.len()];
    let mut dx = vec![f32::NAN; x.len()];
    cpu.max_pool_gradient(&layer, images, &x, &dy, &mut dx);
    let of_first: Vec<f32> = dx[..input.len()].iter().step_by(2).copied().collect();
    let mut expected = [0.0; 20];
    for place in [0, 1, 4, 5, 12, 13] {
        expected[place] = 1.0;
    }
    assert_eq!(of_first, expected);

    let x = values(3, images * input.len());
    let positive: Vec<f32> = x.iter().map(|x| x + 2.0).collect();
    let theirs_positive = (candles(&positive, images, input)).pad_with_zeros(2, 1, 1).unwrap();
    let theirs_positive = theirs_positive.pad_with_zeros(3, 1, 1).unwrap().max_pool2d_with_stride(3, 2).unwrap();
    cpu.max_pool(&layer, images, &positive, &mut y);
    assert_close(&y, &flat(&theirs_positive, (0, 2, 3, 1)), 0.0, "max");

    let mut mean = vec![0.0; images * 2];
    cpu.average_pool(input, images, &x, &mut mean);
    let expected: Vec<f32> = (0..2)
        .flat_map(|channel| {
            let x = &x;
            (0..images).map(move |image| x[image * 40..][..40].iter().skip(channel).step_by(2).sum::<f32>() / 20.0)
        })
        .collect();
    assert_close(&mean, &expected, 1e-6, "mean");
    let mut dx = vec![0.0; x.len()];
    cpu.average_pool_gradient(input, images, &vec![20.0, 40.0, 60.0, 80.0], &mut dx);
    assert_eq!([dx[0], dx[1], dx[40], dx[41]], [1.0, 3.0, 2.0, 4.0]);
}
