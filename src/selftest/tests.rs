use super::*;
use crate::kernels::definitions::Definitions;
use crate::kernels::{
    BatchNorm, Convolution, CrossEntropy, DeviceFailure, EmbeddingKernels, FeatureMap, Linear, MaxOut, MaxPool,
    QueryRows, RowMix, SgdStep, Span, Storage,
};

#[test]
fn an_error_is_a_share_of_the_largest_value() {
    assert_eq!(largest_error(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]), 0.25);
    assert_eq!(largest_error(&[0.0, -0.0], &[0.0, 0.0]), 0.0);
    assert_eq!(largest_error(&[0.5], &[0.0]), 0.5);
    assert_eq!(largest_error(&[], &[]), 0.0);
}

#[test]
fn what_is_not_a_number_or_not_there_is_infinitely_off() {
    let nan = f32::NAN;
    assert_eq!(largest_error(&[nan], &[nan]), 0.0);
    assert_eq!(largest_error(&[f32::INFINITY], &[f32::INFINITY]), 0.0);
    for (found, expected) in [(nan, 1.0), (1.0, nan), (f32::INFINITY, 1.0), (f32::INFINITY, f32::NEG_INFINITY)] {
        assert_eq!(largest_error(&[found, 1.0], &[expected, 1.0]), f64::INFINITY, "{found} for {expected}");
    }
    assert_eq!(largest_error(&[1.0], &[1.0, 1.0]), f64::INFINITY);
}

#[test]
fn a_distance_is_a_share_of_the_length() {
    assert_eq!(compare::distance(&[3.0, 5.0], &[3.0, 4.0]), 0.2);
    assert_eq!(compare::distance(&[0.0], &[0.0]), 0.0);
    for (found, expected) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::INFINITY, 1.0), (f32::INFINITY, f32::INFINITY)] {
        assert_eq!(compare::distance(&[found, 1.0], &[expected, 1.0]), f64::INFINITY, "{found} for {expected}");
    }
    assert_eq!(compare::distance(&[1.0], &[1.0, 1.0]), f64::INFINITY);
}

/// Ending of the name of a kernel that breaks off.
const BREAKS_OFF: &str = " breaks off";

/// The definitions with one kernel that is wrong, or breaks off.
#[derive(Clone)]
pub(super) struct Faulty(pub &'static str);

impl Faulty {
    fn spoil(&self, kernel: &str, values: &mut [f32]) {
        if self.0.strip_suffix(BREAKS_OFF) == Some(kernel) {
            DeviceFailure::Other("out of memory".to_owned()).throw();
        }
        if self.0 == kernel
            && let Some(last) = values.last_mut()
        {
            *last += 0.25;
        }
    }
}

impl Storage for Faulty {
    type Buffer = Vec<f32>;
    type Staged = Vec<f32>;

    fn zeros(&self, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn len(&self, buffer: &Vec<f32>) -> usize {
        buffer.len()
    }

    fn upload(&self, values: &[f32], buffer: &mut Vec<f32>) {
        Definitions.upload(values, buffer);
    }

    fn download(&self, buffer: &Vec<f32>, len: usize) -> Vec<f32> {
        Definitions.download(buffer, len)
    }

    fn download_rows(&self, buffer: &Vec<f32>, rows: usize, width: usize) -> Vec<f32> {
        Definitions.download_rows(buffer, rows, width)
    }

    fn stage(&self, values: Vec<f32>) -> Vec<f32> {
        values
    }

    fn staged_len(&self, staged: &Vec<f32>) -> usize {
        staged.len()
    }

    fn place(&self, staged: Vec<f32>, buffer: &mut Vec<f32>) {
        Definitions.place(staged, buffer);
        self.spoil("place", buffer);
    }

    fn place_rows(&self, staged: Vec<f32>, width: usize, buffer: &mut Vec<f32>) {
        Definitions.place_rows(staged, width, buffer);
        self.spoil("place_rows", buffer);
    }

    fn steps_ahead(&self) -> usize {
        1
    }
}

/// Passes everything on, and spoils the last value of what the kernel of this name writes.
macro_rules! faulty {
    ($trait:ident, $names:ident: $(fn $kernel:ident($($argument:ident: $type:ty),*) writes $written:ident;)*) => {
        impl $trait for Faulty {
            $(fn $kernel(&self, $($argument: $type),*) {
                Definitions.$kernel($($argument),*);
                self.spoil(stringify!($kernel), $written);
            })*
        }

        const $names: &[&str] = &[$(stringify!($kernel)),*];
    };
}

type Values = Vec<f32>;

faulty! {
    EmbeddingKernels, OF_EMBEDDINGS:
    fn normalise(n: usize, w: usize, x: &Values, y: &mut Values) writes y;
    fn normalise_gradient(n: usize, w: usize, x: &Values, y: &Values, dy: &Values, dx: &mut Values) writes dx;
    fn select_rows(o: &[u32], w: usize, x: &Values, y: &mut Values) writes y;
    fn mix_embeddings(m: &RowMix, w: usize, x: &Values, y: &mut Values) writes y;
    fn copy_within(y: &mut Values, from: Span, to: usize) writes y;
    fn cross_entropy(o: &CrossEntropy, q: &Values, k: &Values, g: &mut Values, l: &mut Values) writes g;
    fn cosine_distance(n: usize, w: usize, q: &Values, t: &Values, g: &mut Values, l: &mut Values) writes l;
    fn observe(q: &QueryRows, l: &Values, e: &Values, s: usize, o: &mut Values) writes o;
}

faulty! {
    Kernels, OF_ACTIVATIONS:
    fn linear(l: &Linear, n: usize, p: &Values, x: &Values, y: &mut Values, b: bool) writes y;
    fn linear_gradient(l: &Linear, n: usize, x: &Values, dy: &Values, s: &mut Values, y: &mut Values, b: bool) writes y;
    fn linear_input_gradient(l: &Linear, n: usize, p: &Values, dy: &Values, y: &mut Values) writes y;
    fn batch_norm(
        l: &BatchNorm, n: usize, r: usize, p: &Values, t: &mut Values, x: &Values, y: &mut Values, s: &mut Values
    ) writes y;
    fn batch_norm_gradient(
        l: &BatchNorm, n: usize, r: usize, p: &Values, s: &Values, x: &Values, y: &mut Values, g: &mut Values
    ) writes y;
    fn batch_norm_running(l: &BatchNorm, n: usize, p: &Values, t: &Values, y: &mut Values) writes y;
    fn relu(n: usize, y: &mut Values) writes y;
    fn relu_gradient(n: usize, x: &Values, y: &mut Values) writes y;
    fn max_out(l: &MaxOut, n: usize, x: &Values, y: &mut Values) writes y;
    fn max_out_gradient(l: &MaxOut, n: usize, x: &Values, dy: &Values, y: &mut Values) writes y;
    fn convolution(l: &Convolution, n: usize, p: &Values, x: &Values, y: &mut Values) writes y;
    fn convolution_gradient(l: &Convolution, n: usize, x: &Values, dy: &Values, y: &mut Values) writes y;
    fn convolution_input_gradient(
        l: &Convolution, n: usize, p: &Values, dy: &Values, y: &mut Values, add: bool
    ) writes y;
    fn pixel_norm(
        l: &BatchNorm, n: usize, r: usize, p: &Values, t: &mut Values, x: &Values, a: Option<&Values>, y: &mut Values,
        s: &mut Values
    ) writes t;
    fn pixel_norm_gradient(
        l: &BatchNorm, n: usize, r: usize, p: &Values, s: &Values, x: &Values, y: &Values, d: &mut Values,
        dx: &mut Values, g: &mut Values
    ) writes d;
    fn pixel_norm_running(
        l: &BatchNorm, n: usize, p: &Values, t: &Values, a: Option<&Values>, y: &mut Values
    ) writes y;
    fn max_pool(l: &MaxPool, n: usize, x: &Values, y: &mut Values) writes y;
    fn max_pool_gradient(l: &MaxPool, n: usize, x: &Values, dy: &Values, y: &mut Values) writes y;
    fn average_pool(m: FeatureMap, n: usize, x: &Values, y: &mut Values) writes y;
    fn average_pool_gradient(m: FeatureMap, n: usize, dy: &Values, y: &mut Values) writes y;
    fn mix_rows(m: &RowMix, w: usize, x: &Values, y: &mut Values) writes y;
    fn mix_pictures(m: &RowMix, n: usize, x: &Values, y: &mut Values) writes y;
    fn sgd(s: SgdStep, g: &Values, m: &mut Values, y: &mut Values) writes y;
    fn moving_average(n: usize, m: f64, x: &Values, y: &mut Values) writes y;
}

#[test]
fn a_wrong_kernel_fails_its_check_in_every_precision() {
    for precision in Precision::ALL {
        for kernel in OF_ACTIVATIONS.iter().chain(OF_EMBEDDINGS).chain(&["place", "place_rows"]) {
            let checks = kernels(&Faulty(kernel), &Definitions, precision, &mut |_| {});
            assert!(checks.iter().any(|check| !check.ok), "a wrong {kernel} passes in {precision}");
        }
        let right = kernels(&Faulty("none"), &Definitions, precision, &mut |_| {});
        assert!(right.iter().all(|check| check.ok && check.error == 0.0));
    }
}

#[test]
fn what_breaks_off_is_told_and_the_other_checks_go_on() {
    let all = kernels(&Definitions, &Definitions, Precision::F32, &mut |_| {}).len();
    let checks = kernels(&Faulty("relu breaks off"), &Definitions, Precision::F32, &mut |_| {});
    let (failed, passed): (Vec<&Check>, Vec<&Check>) = checks.iter().partition(|check| !check.ok);
    assert!(!failed.is_empty() && passed.len() + 3 * failed.len() >= all, "{failed:#?}");
    assert!(failed.iter().all(|check| check.check.ends_with("broke off: out of memory")), "{failed:#?}");
}
