//! From a pickled object to its named tensors.

use candle_core::DType;

use crate::pickle::{Id, Object, Value};

use super::error::{Fault, shortened};
use super::stored::{Stored, Values};

/// Keys that a checkpoint keeps its state dict under: that of the official i-Mix code and of MoCo first.
const WRAPPERS: [&str; 2] = ["state_dict", "model"];

/// No layer has tensors of more.
const MOST_DIMENSIONS: usize = 8;

/// A tensor as a pickle describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Description<'a> {
    pub name: &'a str,
    /// Key of its storage.
    pub storage: &'a str,
    kind: Kind<'a>,
    shape: Vec<usize>,
    strides: Vec<usize>,
    start: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind<'a> {
    Known(DType),
    Other(&'a str),
}

/// The tensors of a state dict, and how many of its entries are none.
#[derive(Debug, Default)]
pub struct StateDict<'a> {
    pub tensors: Vec<Description<'a>>,
    pub others: usize,
}

impl Description<'_> {
    /// The tensor, with its storage from an archive.
    pub fn stored<'s>(&self, storage: &'s [u8]) -> Stored<'s> {
        let values = match self.kind {
            Kind::Known(kind) => Values::Strided { storage, kind, strides: self.strides.clone(), start: self.start },
            Kind::Other(name) => Values::Other(shortened(name)),
        };
        Stored { shape: self.shape.clone(), values }
    }
}

impl<'a> StateDict<'a> {
    /// Finds the state dict: the object itself, or what it holds under one of [`WRAPPERS`].
    ///
    /// # Errors
    /// An object without tensors, and a tensor that is described in another way than PyTorch does.
    pub fn find(object: &Object<'a>) -> Result<StateDict<'a>, Fault> {
        let Value::Dict(entries) = object.top() else {
            return Err(Fault::new(
                described(object),
                "a state dict: in Python, torch.save(model.state_dict(), \"encoder.pth\")",
            ));
        };
        let own = StateDict::read(object, entries)?;
        if !own.tensors.is_empty() {
            return Ok(own);
        }
        for wrapper in WRAPPERS {
            if let Some(inner) = object.entry(wrapper)
                && let Value::Dict(inner) = object.get(inner)
            {
                return StateDict::read(object, inner);
            }
        }
        let keys: Vec<String> = entries
            .iter()
            .filter_map(|(key, _)| match object.get(*key) {
                Value::Text(text) => Some(format!("`{}`", shortened(text))),
                _ => None,
            })
            .take(8)
            .collect();
        let found =
            if keys.is_empty() { "an empty dictionary".to_owned() } else { format!("keys {}", keys.join(", ")) };
        Err(Fault::new(found, "tensors by name, or a dictionary of them under `state_dict` or `model`"))
    }

    fn read(object: &Object<'a>, entries: &[(Id, Id)]) -> Result<StateDict<'a>, Fault> {
        let mut found = StateDict::default();
        for (key, value) in entries {
            let Value::Text(name) = object.get(*key) else {
                found.others += 1;
                continue;
            };
            match tensor(object, *value) {
                Some(arguments) => found.tensors.push(description(object, name, arguments)?),
                None => found.others += 1,
            }
        }
        Ok(found)
    }
}

fn described(object: &Object) -> String {
    match object.top() {
        Value::Call { callable, .. } => match object.get(*callable) {
            Value::Global("torch._utils", _) => "a single tensor".to_owned(),
            Value::Global(module, name) => format!("a whole object of class {}.{}", shortened(module), shortened(name)),
            _ => "a whole object".to_owned(),
        },
        Value::List(_) | Value::Tuple(_) => "a list".to_owned(),
        _ => "no dictionary".to_owned(),
    }
}

/// The arguments of `_rebuild_tensor_v2`, through the wrappings of parameters and subclasses; none for anything else.
fn tensor<'o>(object: &'o Object, value: Id) -> Option<&'o [Id]> {
    let call = |id: Id| match object.get(id) {
        Value::Call { callable, arguments, .. } => match (object.get(*callable), object.get(*arguments)) {
            (Value::Global(module, name), Value::Tuple(arguments)) => Some((*module, *name, arguments.as_slice())),
            _ => None,
        },
        _ => None,
    };
    match call(value)? {
        ("torch._utils", "_rebuild_tensor_v2", arguments) => Some(arguments),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", arguments) => {
            match call(*arguments.first()?)? {
                ("torch._utils", "_rebuild_tensor_v2", arguments) => Some(arguments),
                _ => None,
            }
        }
        ("torch._tensor", "_rebuild_from_type_v2", arguments) => match (arguments.first(), arguments.get(2)) {
            (Some(function), Some(inner)) => match (object.get(*function), object.get(*inner)) {
                (Value::Global("torch._utils", "_rebuild_tensor_v2"), Value::Tuple(arguments)) => Some(arguments),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Reads `(storage, offset, size, stride, ...)`, the storage being `("storage", class, key, device, count)`.
fn description<'a>(object: &Object<'a>, name: &'a str, arguments: &[Id]) -> Result<Description<'a>, Fault> {
    let read = || {
        let [storage, start, shape, strides, ..] = arguments else { return None };
        let Value::Persistent(storage) = object.get(*storage) else { return None };
        let Value::Tuple(storage) = object.get(*storage) else { return None };
        let [_, class, key, ..] = storage.as_slice() else { return None };
        let (Value::Global(_, class), Value::Text(key)) = (object.get(*class), object.get(*key)) else { return None };
        let (start, shape, strides) = (size(object, *start)?, sizes(object, *shape)?, sizes(object, *strides)?);
        Some(Description { name, storage: key, kind: kind(class), shape, strides, start })
    };
    read().ok_or_else(|| {
        Fault::new("a description without storage, size or strides", "what torch.save writes").of(&shortened(name))
    })
}

fn size(object: &Object, id: Id) -> Option<usize> {
    match object.get(id) {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

fn sizes(object: &Object, id: Id) -> Option<Vec<usize>> {
    match object.get(id) {
        Value::Tuple(items) if items.len() <= MOST_DIMENSIONS => items.iter().map(|item| size(object, *item)).collect(),
        _ => None,
    }
}

fn kind(class: &str) -> Kind<'_> {
    match class {
        "FloatStorage" => Kind::Known(DType::F32),
        "DoubleStorage" => Kind::Known(DType::F64),
        "HalfStorage" => Kind::Known(DType::F16),
        "BFloat16Storage" => Kind::Known(DType::BF16),
        other => Kind::Other(other),
    }
}
