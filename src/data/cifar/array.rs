//! NumPy arrays of bytes, as pickles describe them.

use std::borrow::Cow;

use crate::data::Fault;
use crate::pickle::{Id, Object, Value};

/// A NumPy array of bytes.
pub(super) struct Array<'a> {
    pub shape: Vec<usize>,
    /// Columns first.
    pub is_fortran: bool,
    pub data: Cow<'a, [u8]>,
}

/// Whether a name belongs to an array: of NumPy 1 or 2, written by Python 2 or 3.
pub(super) fn is_known(module: &str, name: &str) -> bool {
    matches!((module, name), ("numpy", "ndarray" | "dtype") | ("_codecs", "encode")) || maker(module, name).is_some()
}

/// How an array comes about.
enum Maker {
    /// `_reconstruct` makes an empty array, which is then given its state.
    State,
    /// `_frombuffer(data, type, shape, order)`.
    Arguments,
}

fn maker(module: &str, name: &str) -> Option<Maker> {
    match (module, name) {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(Maker::State),
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Some(Maker::Arguments),
        _ => None,
    }
}

/// What was expected and what was found.
type Trouble = (&'static str, String);

fn trouble<T>(expected: &'static str) -> Result<T, Trouble> {
    Err((expected, "something else".to_owned()))
}

impl<'a> Array<'a> {
    /// The array that a value describes; `place` is for messages.
    pub fn of(object: &Object<'a>, id: Id, place: &str) -> Result<Array<'a>, Fault> {
        Array::read(object, id).map_err(|(expected, found)| Fault::new(place, expected, found))
    }

    fn read(object: &Object<'a>, id: Id) -> Result<Array<'a>, Trouble> {
        const ARRAY: &str = "an array of bytes";
        let Value::Call { callable, arguments, state } = object.get(id) else { return trouble(ARRAY) };
        let Value::Global(module, name) = object.get(*callable) else { return trouble(ARRAY) };
        match (maker(module, name), state) {
            (Some(Maker::State), Some(state)) => match tuple(object, *state) {
                Some([_version, shape, kind, order, data]) => {
                    let is_fortran = matches!(object.get(*order), Value::Int(1));
                    Array::with(object, *shape, *kind, is_fortran, *data)
                }
                _ => trouble("the state of an array"),
            },
            (Some(Maker::Arguments), _) => match tuple(object, *arguments) {
                Some([data, kind, shape, order]) => {
                    let is_fortran = matches!(object.get(*order), Value::Text("F") | Value::Bytes(b"F"));
                    Array::with(object, *shape, *kind, is_fortran, *data)
                }
                _ => trouble("bytes, type, shape and order of an array"),
            },
            _ => trouble(ARRAY),
        }
    }

    fn with(object: &Object<'a>, shape: Id, kind: Id, is_fortran: bool, data: Id) -> Result<Array<'a>, Trouble> {
        match element_type(object, kind) {
            Some(b"u1") => {}
            Some(kind) => return Err(("an array of bytes (u1)", format!("one of {}", String::from_utf8_lossy(kind)))),
            None => return trouble("the element type of an array"),
        }
        let side = |id: &Id| match object.get(*id) {
            Value::Int(side) => usize::try_from(*side).ok(),
            _ => None,
        };
        let shape: Option<Vec<usize>> =
            tuple(object, shape).and_then(|sides| sides.iter().map(side).collect::<Option<Vec<usize>>>());
        let Some(shape) = shape else { return trouble("the shape of an array") };
        let Some(data) = bytes(object, data) else { return trouble("the bytes of an array") };
        let size = shape.iter().try_fold(1usize, |size, side| size.checked_mul(*side));
        if Some(data.len()) != size {
            return Err(("as many bytes as its shape says", format!("{} for {shape:?}", data.len())));
        }
        Ok(Array { shape, is_fortran, data })
    }
}

fn tuple<'o>(object: &'o Object, id: Id) -> Option<&'o [Id]> {
    match object.get(id) {
        Value::Tuple(items) => Some(items),
        _ => None,
    }
}

/// `dtype(name, ...)`. Its state is byte order and the like, of which one byte has none.
fn element_type<'a>(object: &Object<'a>, id: Id) -> Option<&'a [u8]> {
    match object.get(*tuple(object, called(object, id, "numpy", "dtype")?)?.first()?) {
        Value::Text(name) => Some(name.as_bytes()),
        Value::Bytes(name) => Some(name),
        _ => None,
    }
}

/// Bytes, also as Python 3 writes them for Python 2: `encode(text, "latin1")`.
fn bytes<'a>(object: &Object<'a>, id: Id) -> Option<Cow<'a, [u8]>> {
    if let Value::Bytes(bytes) = object.get(id) {
        return Some(Cow::Borrowed(bytes));
    }
    let Value::Text(text) = object.get(*tuple(object, called(object, id, "_codecs", "encode")?)?.first()?) else {
        return None;
    };
    text.chars().map(|one| u8::try_from(one).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
}

/// The arguments of a call of that function.
fn called(object: &Object, id: Id, module: &str, name: &str) -> Option<Id> {
    match object.get(id) {
        Value::Call { callable, arguments, .. } if *object.get(*callable) == Value::Global(module, name) => {
            Some(*arguments)
        }
        _ => None,
    }
}
