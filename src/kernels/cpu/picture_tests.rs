use pulp::Arch;

use super::*;
use crate::kernels::definitions::pictures;
use crate::kernels::{Span, Storage};

/// Values between -1 and 1 without a pattern that matters.
fn values(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|at| ((12.9898 * at as f64 + 78.233 * seed as f64).sin() * 43758.5453).fract() as f32).collect()
}

/// Within `tolerance` of the largest value expected.
#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * largest, "[{at}]: {found} for {expected}, largest {largest}");
    }
}

fn convolution(
    (kernel, stride, padding): (usize, usize, usize),
    (height, width): (usize, usize),
    (inputs, outputs): (usize, usize),
) -> Convolution {
    let input = FeatureMap { height, width, channels: inputs };
    // Not at the start of the parameters.
    let weight = Span { start: 5, len: kernel * kernel * inputs * outputs };
    Convolution { weight, kernel, stride, padding, input, output: input.windowed(kernel, stride, padding, outputs) }
}

/// Every kind of window, on sides and channels that no block divides.
fn convolutions() -> Vec<(Convolution, usize)> {
    vec![
        (convolution((3, 1, 1), (8, 8), (16, 32)), 3),
        (convolution((3, 1, 1), (1, 1), (5, 3)), 2),
        (convolution((3, 1, 1), (7, 5), (24, 8)), 1),
        (convolution((3, 1, 1), (32, 32), (3, 64)), 2),
        (convolution((3, 1, 0), (6, 9), (7, 33)), 2),
        (convolution((3, 1, 1), (4, 4), (130, 65)), 5),
        (convolution((3, 1, 1), (9, 13), (20, 70)), 2),
        (convolution((3, 1, 2), (5, 4), (8, 8)), 1),
        (convolution((3, 2, 1), (8, 8), (16, 32)), 3),
        (convolution((3, 2, 1), (7, 9), (10, 20)), 2),
        (convolution((3, 2, 0), (8, 6), (4, 40)), 2),
        (convolution((3, 2, 1), (1, 1), (9, 17)), 2),
        (convolution((1, 1, 0), (5, 7), (48, 100)), 2),
        (convolution((1, 1, 0), (3, 3), (600, 9)), 2),
        (convolution((1, 2, 0), (7, 6), (17, 31)), 3),
        (convolution((1, 1, 1), (3, 4), (6, 5)), 1),
        (convolution((7, 2, 3), (19, 16), (3, 16)), 2),
        (convolution((5, 3, 1), (11, 10), (6, 4)), 2),
        (convolution((2, 2, 0), (5, 5), (3, 3)), 1),
        (convolution((3, 1, 1), (16, 16), (300, 20)), 1),
        (convolution((3, 1, 1), (48, 48), (8, 8)), 2),
        (convolution((3, 1, 0), (10, 11), (17, 24)), 2),
        (convolution((3, 1, 2), (10, 8), (16, 16)), 7),
    ]
}

/// The three kernels of a layer: `y`, the gradient of the weights, that of the input and the same added to.
fn all(cpu: &Cpu, layer: &Convolution, images: usize) -> [Vec<f32>; 4] {
    let parameters = values(1, 5 + layer.weight.len);
    let (x, dy) = (values(2, images * layer.input.len()), values(3, images * layer.output.len()));
    // Left over from a longer batch: not to be touched.
    let mut y = vec![7.0; dy.len() + 3];
    cpu.convolution(layer, images, &parameters, &x, &mut y);
    assert_eq!(y.split_off(dy.len()), [7.0; 3]);
    let mut gradient = vec![f32::NAN; parameters.len()];
    cpu.convolution_gradient(layer, images, &x, &dy, &mut gradient);
    let mut dx = vec![f32::NAN; x.len()];
    cpu.convolution_input_gradient(layer, images, &parameters, &dy, &mut dx, false);
    let mut added = values(4, x.len());
    cpu.convolution_input_gradient(layer, images, &parameters, &dy, &mut added, true);
    [y, gradient.split_off(5), dx, added]
}

#[test]
fn convolutions_are_what_their_definition_says() {
    let cpu = Cpu::new(2);
    for (layer, images) in convolutions() {
        let [y, gradient, dx, added] = all(&cpu, &layer, images);
        let parameters = values(1, 5 + layer.weight.len);
        let (x, dy) = (values(2, images * layer.input.len()), values(3, images * layer.output.len()));
        let mut expected = vec![0.0; y.len()];
        pictures::convolution(&layer, images, &parameters, &x, &mut expected);
        assert_close(&y, &expected, 1e-5);
        let mut expected = vec![0.0; parameters.len()];
        pictures::convolution_gradient(&layer, images, &x, &dy, &mut expected);
        assert_close(&gradient, &expected[5..], 1e-5);
        let mut expected = vec![0.0; x.len()];
        pictures::convolution_input_gradient(&layer, images, &parameters, &dy, &mut expected, false);
        assert_close(&dx, &expected, 1e-5);
        let mut expected = values(4, x.len());
        pictures::convolution_input_gradient(&layer, images, &parameters, &dy, &mut expected, true);
        assert_close(&added, &expected, 1e-5);
    }
}

/// The definitions themselves are candle's: forward, and the gradients of its autograd.
#[test]
fn definitions_of_convolutions_agree_with_candle() {
    use candle_core::{Device, Tensor, Var};
    for (layer, images) in convolutions() {
        let Convolution { kernel, stride, padding, input, output, .. } = layer;
        let (weight, x) = (values(1, layer.weight.len), values(2, images * input.len()));
        let dy = values(3, images * output.len());
        let host = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let var = |values: &[f32], shape: [usize; 4]| {
            Var::from_tensor(&Tensor::from_slice(values, &shape, &Device::Cpu).unwrap()).unwrap()
        };
        let weight_var = var(&weight, [kernel, kernel, input.channels, output.channels]);
        let x_var = var(&x, [images, input.height, input.width, input.channels]);
        let turned = weight_var.permute([3, 2, 0, 1]).unwrap().contiguous().unwrap();
        let pictures = x_var.permute([0, 3, 1, 2]).unwrap().contiguous().unwrap();
        let y = pictures.conv2d(&turned, padding, stride, 1, 1).unwrap().permute([0, 2, 3, 1]).unwrap();
        // candle takes what the last window leaves over below for what it leaves over on the right.
        let left_over = |side: usize| (side + 2 * padding - kernel) % stride;
        let differentiable = left_over(input.height) == left_over(input.width);
        let of_y = Tensor::from_slice(&dy, y.shape(), &Device::Cpu).unwrap();
        let layer = Convolution { weight: Span { start: 0, len: weight.len() }, ..layer };
        let mut found = vec![0.0; dy.len()];
        pictures::convolution(&layer, images, &weight, &x, &mut found);
        assert_close(&found, &host(&y), 1e-5);
        if !differentiable {
            continue;
        }
        let gradients = (&y * of_y).unwrap().sum_all().unwrap().backward().unwrap();
        let mut found = vec![0.0; weight.len()];
        pictures::convolution_gradient(&layer, images, &x, &dy, &mut found);
        assert_close(&found, &host(gradients.get(&weight_var).unwrap()), 1e-5);
        let mut found = vec![0.0; x.len()];
        pictures::convolution_input_gradient(&layer, images, &weight, &dy, &mut found, false);
        assert_close(&found, &host(gradients.get(&x_var).unwrap()), 1e-5);
    }
}

/// The directional derivatives of `sum(y c)`: what a small step along each gradient's argument changes.
#[test]
fn gradients_of_convolutions_are_finite_differences() {
    let cpu = Cpu::new(1);
    for (layer, images) in convolutions() {
        let parameters = values(1, 5 + layer.weight.len);
        let (x, dy) = (values(2, images * layer.input.len()), values(3, images * layer.output.len()));
        let [_, gradient, dx, _] = all(&cpu, &layer, images);
        // Linear in each argument: a whole step has no error of its own.
        let total = |parameters: &Vec<f32>, x: &Vec<f32>| -> f64 {
            let mut y = cpu.zeros(dy.len());
            cpu.convolution(&layer, images, parameters, x, &mut y);
            dot(&y, &dy)
        };
        let step = values(9, parameters.len());
        let moved = parameters.iter().zip(&step).map(|(at, step)| at + step).collect();
        let difference = total(&moved, &x) - total(&parameters, &x);
        let scale = 1e-5 * (dy.len() as f64 * layer.weight.len as f64).sqrt() + 1e-4;
        assert!((difference - dot(&gradient, &step[5..])).abs() <= scale, "{layer:?}");
        let step = values(10, x.len());
        let moved = x.iter().zip(&step).map(|(at, step)| at + step).collect();
        let difference = total(&parameters, &moved) - total(&parameters, &x);
        assert!((difference - dot(&dx, &step)).abs() <= scale, "{layer:?}");
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn convolutions_have_the_same_bits_on_any_cpu() {
    for (layer, images) in convolutions() {
        let expected = all(&Cpu::new(1), &layer, images);
        for arch in [Arch::Scalar, Arch::new()] {
            for threads in [1, 2, 3] {
                assert_eq!(all(&Cpu::with_vectors(threads, arch), &layer, images), expected, "{layer:?} {arch:?}");
            }
        }
    }
}

#[test]
fn what_is_not_a_number_comes_through() {
    let cpu = Cpu::new(1);
    for (layer, images) in convolutions() {
        let mut parameters = values(1, 5 + layer.weight.len);
        let mut x = vec![0.0; images * layer.input.len()];
        x[0] = f32::NAN;
        let mut y = cpu.zeros(images * layer.output.len());
        let mut gradient = cpu.zeros(parameters.len());
        cpu.convolution(&layer, images, &parameters, &x, &mut y);
        cpu.convolution_gradient(&layer, images, &x, &y, &mut gradient);
        assert!(y.iter().chain(&gradient).any(|value| value.is_nan()) || layer.padding == 2, "{layer:?}");
        // The first tap meets an input pixel wherever no border is in the way.
        parameters[5..].fill(f32::NAN);
        let dy = vec![1.0; y.len()];
        let mut dx = cpu.zeros(x.len());
        cpu.convolution_input_gradient(&layer, images, &parameters, &dy, &mut dx, false);
        assert!(dx.iter().any(|value| value.is_nan()), "{layer:?}");
    }
}

fn norm(width: usize, relu: bool) -> BatchNorm {
    let span = |at: usize| Span { start: 3 + at * width, len: width };
    BatchNorm {
        width,
        bias: None,
        scale: span(0),
        shift: span(1),
        running_mean: span(0),
        running_variance: span(1),
        relu,
    }
}

/// `(width, pixels, replicas)`.
const NORMS: [(usize, usize, usize); 7] =
    [(64, 600, 2), (1, 30, 1), (8, 3000, 1), (33, 64, 2), (200, 130, 1), (16, 4, 2), (24, 1001, 1)];

/// Results of the kernels: `y`, statistics, `d`, `dx`, gradients, and `y` by the running statistics.
fn all_of_norm(cpu: &Cpu, layer: &BatchNorm, pixels: usize, replicas: usize, add: bool) -> [Vec<f32>; 6] {
    let len = pixels * layer.width;
    let parameters = values(1, 3 + 2 * layer.width);
    let (x, added) = (values(2, len), values(3, len));
    let added = add.then_some(&added);
    let mut statistics: Vec<f32> = values(4, parameters.len()).iter().map(|value| value.abs()).collect();
    let (mut y, mut saved) = (cpu.zeros(len), cpu.zeros(2 * replicas * layer.width));
    cpu.pixel_norm(layer, pixels, replicas, &parameters, &mut statistics, &x, added, &mut y, &mut saved);
    let (mut d, mut dx, mut gradient) = (values(5, len), vec![f32::NAN; len], vec![f32::NAN; parameters.len()]);
    cpu.pixel_norm_gradient(layer, pixels, replicas, &parameters, &saved, &x, &y, &mut d, &mut dx, &mut gradient);
    let mut running = x;
    cpu.pixel_norm_running(layer, pixels, &parameters, &statistics, added, &mut running);
    [y, statistics, d, dx, gradient.split_off(3), running]
}

#[test]
fn pixel_norms_are_what_their_definition_says() {
    for (width, pixels, replicas) in NORMS {
        for (relu, add) in [(false, false), (true, false), (true, true), (false, true)] {
            let layer = norm(width, relu);
            let found = all_of_norm(&Cpu::new(2), &layer, pixels, replicas, add);
            let len = pixels * width;
            let parameters = values(1, 3 + 2 * width);
            let (x, added) = (values(2, len), values(3, len));
            let added = add.then_some(added.as_slice());
            let mut statistics: Vec<f32> = values(4, parameters.len()).iter().map(|value| value.abs()).collect();
            let (mut y, mut saved) = (vec![0.0; len], vec![0.0; 2 * replicas * width]);
            pictures::norm(&layer, pixels, replicas, &parameters, &mut statistics, &x, added, &mut y, &mut saved);
            let (mut d, mut dx, mut gradient) = (values(5, len), vec![0.0; len], vec![0.0; parameters.len()]);
            // Where ReLU let through is read from our own `y`: a rounding may decide.
            let passed = &found[0];
            pictures::norm_gradient(
                &layer,
                pixels,
                replicas,
                &parameters,
                &saved,
                &x,
                passed,
                &mut d,
                &mut dx,
                &mut gradient,
            );
            let mut running = x.clone();
            pictures::norm_running(&layer, pixels, &parameters, &statistics, added, &mut running);
            let expected = [y, statistics, d, dx, gradient.split_off(3), running];
            for (found, expected) in found.iter().zip(&expected) {
                assert_close(found, expected, 2e-5);
            }
        }
    }
}

#[test]
fn pixel_norms_have_the_same_bits_for_any_threads() {
    for (width, pixels, replicas) in NORMS {
        let layer = norm(width, true);
        let expected = all_of_norm(&Cpu::new(1), &layer, pixels, replicas, true);
        for threads in [2, 3] {
            assert_eq!(all_of_norm(&Cpu::new(threads), &layer, pixels, replicas, true), expected);
        }
    }
}

/// A mean far from zero leaves few digits for what is around it: none may be lost besides.
#[test]
fn pixel_norm_keeps_digits_beside_a_large_mean() {
    let layer = norm(2, false);
    let pixels = 20_000;
    let x: Vec<f32> = (0..2 * pixels).map(|at| if at / 2 % 2 == 0 { 4096.0 } else { 4097.0 }).collect();
    let cpu = Cpu::new(1);
    let mut parameters = vec![0.0; 7];
    parameters[layer.scale.range()].fill(1.0);
    let (mut y, mut statistics, mut saved) = (cpu.zeros(x.len()), cpu.zeros(7), cpu.zeros(4));
    cpu.pixel_norm(&layer, pixels, 1, &parameters, &mut statistics, &x, None, &mut y, &mut saved);
    let deviation = (0.25f32 + 1e-5).sqrt();
    let expected: Vec<f32> = x.iter().map(|x| (x - 4096.5) / deviation).collect();
    assert_close(&y, &expected, 1e-6);
}

#[test]
fn pools_are_what_their_definition_says() {
    for ((kernel, stride, padding), (height, width), channels) in
        [((3, 2, 1), (7, 8), 40), ((2, 2, 0), (4, 6), 3), ((3, 1, 1), (5, 5), 33), ((3, 2, 1), (1, 1), 16)]
    {
        let input = FeatureMap { height, width, channels };
        let output = input.windowed(kernel, stride, padding, channels);
        let layer = MaxPool { kernel, stride, padding, input, output };
        let images = 3;
        // Few different values: many ties.
        let mut x: Vec<f32> = values(1, images * input.len()).iter().map(|value| (value * 2.0).round() - 3.0).collect();
        x[0] = f32::NAN;
        let dy = values(2, images * output.len());
        for threads in [1, 3] {
            let cpu = Cpu::new(threads);
            let (mut y, mut expected) = (cpu.zeros(dy.len()), cpu.zeros(dy.len()));
            cpu.max_pool(&layer, images, &x, &mut y);
            pictures::max_pool(&layer, images, &x, &mut expected);
            assert!(y[0].is_nan() && expected[0].is_nan());
            assert!(y.iter().zip(&expected).all(|(y, expected)| y == expected || expected.is_nan()));
            let (mut dx, mut expected) = (vec![f32::NAN; x.len()], cpu.zeros(x.len()));
            cpu.max_pool_gradient(&layer, images, &x, &dy, &mut dx);
            pictures::max_pool_gradient(&layer, images, &x, &dy, &mut expected);
            assert_close(&dx, &expected, 1e-6);

            let (mut y, mut expected) = (cpu.zeros(images * channels), cpu.zeros(images * channels));
            cpu.average_pool(input, images, &x[..].iter().map(|x| x.max(-9.0)).collect(), &mut y);
            let finite: Vec<f32> = x.iter().map(|x| x.max(-9.0)).collect();
            pictures::average_pool(input, images, &finite, &mut expected);
            assert_close(&y, &expected, 1e-6);
            let (mut dx, mut expected) = (vec![f32::NAN; x.len()], cpu.zeros(x.len()));
            cpu.average_pool_gradient(input, images, &y, &mut dx);
            pictures::average_pool_gradient(input, images, &y, &mut expected);
            assert_eq!(dx, expected);
        }
    }
}

#[test]
fn a_tied_window_gives_its_gradient_to_the_first() {
    let input = FeatureMap { height: 3, width: 3, channels: 1 };
    let layer = MaxPool { kernel: 3, stride: 2, padding: 1, input, output: input.windowed(3, 2, 1, 1) };
    let cpu = Cpu::new(1);
    let mut dx = cpu.zeros(9);
    cpu.max_pool_gradient(&layer, 1, &vec![2.0; 9], &vec![1.0, 10.0, 100.0, 1000.0], &mut dx);
    assert_eq!(dx, [1.0, 10.0, 0.0, 100.0, 1000.0, 0.0, 0.0, 0.0, 0.0]);
}
