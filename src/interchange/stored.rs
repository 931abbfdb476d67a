//! Tensors as they lie in a file, and their values as f32.

use candle_core::{DType, Device, Tensor};

use super::error::Fault;

/// A tensor that a file declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<'a> {
    pub shape: Vec<usize>,
    pub values: Values<'a>,
}

/// Where the values of a tensor are.
#[derive(Clone, Debug, PartialEq)]
pub enum Values<'a> {
    /// A view of a storage of floats: steps between neighbours in each dimension and the place of the first value,
    /// in values.
    Strided { storage: &'a [u8], kind: DType, strides: Vec<usize>, start: usize },
    /// Of a kind that weights are never of, by name. Such tensors may only be passed over.
    Other(String),
}

impl<'a> Stored<'a> {
    /// Values without gaps, the last dimension running fastest.
    pub fn contiguous(shape: Vec<usize>, kind: DType, storage: &'a [u8]) -> Stored<'a> {
        let strides = contiguous_strides(&shape);
        Stored { shape, values: Values::Strided { storage, kind, strides, start: 0 } }
    }

    /// Name of the kind of its values.
    pub fn kind(&self) -> String {
        match &self.values {
            Values::Strided { kind, .. } => kind.as_str().to_owned(),
            Values::Other(name) => name.clone(),
        }
    }

    /// Whether its storage holds every value, which bounds the shape.
    ///
    /// # Errors
    /// A view that reaches outside its storage, and values that no weights are of.
    pub fn check(&self) -> Result<(), Fault> {
        self.view().map(drop)
    }

    /// The values as f32, the last dimension running fastest. f16 and bf16 are exact, f64 is rounded to the nearest.
    ///
    /// # Errors
    /// Values that are no floats, or that lie outside the storage.
    pub fn to_f32(&self) -> Result<Vec<f32>, Fault> {
        let view = self.view()?;
        let bytes = view.gathered(&self.shape);
        let converted = Tensor::from_raw_buffer(&bytes, view.kind, &[view.count], &Device::Cpu)
            .and_then(|tensor| tensor.to_dtype(DType::F32))
            .and_then(|tensor| tensor.to_vec1::<f32>());
        converted.map_err(|error| Fault::new(error.to_string(), "values that can be read as f32"))
    }

    fn view(&self) -> Result<View<'_>, Fault> {
        let Values::Strided { storage, kind, strides, start } = &self.values else {
            return Err(Fault::new(format!("values of kind {}", self.kind()), "f32, f64, f16 or bf16"));
        };
        let held = storage.len() / kind.size_in_bytes();
        let fault = || {
            let found = format!("shape {:?} with strides {strides:?} from value {start} on", self.shape);
            Fault::new(found, format!("a view inside its storage of {held} values"))
        };
        let count = self.shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size)).ok_or_else(fault)?;
        let reach = self.shape.iter().zip(strides).try_fold(*start, |last, (size, stride)| {
            size.saturating_sub(1).checked_mul(*stride).and_then(|steps| last.checked_add(steps))
        });
        // As many values as the storage holds at most, even where strides of 0 would give more.
        let inside = count == 0 || reach.is_some_and(|last| last < held);
        if strides.len() != self.shape.len() || count > held || !inside {
            return Err(fault());
        }
        Ok(View { storage, kind: *kind, strides, start: *start, count })
    }
}

/// A view that was checked: each value lies inside the storage.
struct View<'s> {
    storage: &'s [u8],
    kind: DType,
    strides: &'s [usize],
    start: usize,
    count: usize,
}

impl View<'_> {
    /// The bytes of each value in turn, the last dimension running fastest.
    fn gathered(&self, shape: &[usize]) -> Vec<u8> {
        let size = self.kind.size_in_bytes();
        let bytes_at = |at: usize, count: usize| &self.storage[at * size..(at + count) * size];
        if self.count == 0 || self.strides == contiguous_strides(shape) {
            return bytes_at(self.start * usize::from(self.count > 0), self.count).to_vec();
        }
        let mut bytes = Vec::with_capacity(self.count * size);
        let mut index = vec![0usize; shape.len()];
        for _ in 0..self.count {
            let steps: usize = index.iter().zip(self.strides).map(|(index, stride)| index * stride).sum();
            bytes.extend_from_slice(bytes_at(self.start + steps, 1));
            for dimension in (0..shape.len()).rev() {
                index[dimension] += 1;
                if index[dimension] < shape[dimension] {
                    break;
                }
                index[dimension] = 0;
            }
        }
        bytes
    }
}

/// Steps between neighbours in each dimension where nothing lies between them. Sizes that overflow give steps that do
/// not matter: the count of values overflows too.
fn contiguous_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for dimension in (1..shape.len()).rev() {
        strides[dimension - 1] = strides[dimension].saturating_mul(shape[dimension]);
    }
    strides
}
