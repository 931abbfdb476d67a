//! The CPU's memory is the host's: nothing travels.

use super::{Cpu, matrix};
use crate::kernels::Storage;

impl Storage for Cpu {
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
        let mut values = vec![0.0; rows * width];
        matrix::transpose(self, &buffer[..rows * width], rows, &mut values);
        values
    }

    fn stage(&self, values: Vec<f32>) -> Vec<f32> {
        values
    }

    fn staged_len(&self, staged: &Vec<f32>) -> usize {
        staged.len()
    }

    fn place(&self, staged: Vec<f32>, buffer: &mut Vec<f32>) {
        buffer[..staged.len()].copy_from_slice(&staged);
    }

    fn place_rows(&self, staged: Vec<f32>, width: usize, buffer: &mut Vec<f32>) {
        matrix::transpose(self, &staged, width, &mut buffer[..staged.len()]);
    }

    fn steps_ahead(&self) -> usize {
        1
    }
}
