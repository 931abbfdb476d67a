//! Pickles, Python's format of objects, read without executing anything.
//!
//! A pickle is a program for a stack machine, and Python's own machine calls whatever function a pickle names. This one
//! has no way to: a call becomes a [`Value::Call`] that says what was to be called. It builds values in one list and
//! refers to them by index, so that shared and deeply nested objects cost what their opcodes cost. It knows the opcodes
//! of protocols 2 to 5 that NumPy's arrays and PyTorch's state dicts, with optimisers and settings beside them, are made
//! of.

mod machine;
#[cfg(test)]
pub(crate) mod tests;

use thiserror::Error;

use machine::Machine;

/// Opcodes at most. CIFAR's largest pickle has about 400,000.
const STEPS: usize = 1 << 22;

/// Index of a value.
pub type Id = usize;

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number of at most 64 bits, or a truth value.
    Int(i64),
    Text(&'a str),
    /// Bytes, and strings of Python 2, which did not tell them apart.
    Bytes(&'a [u8]),
    /// Module and name of a class or function.
    Global(&'a str, &'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// What was to be called, the tuple of its arguments, and the state that what it returns was to be given.
    Call {
        callable: Id,
        arguments: Id,
        state: Option<Id>,
    },
    /// A reference to something outside the pickle: for PyTorch, a storage.
    Persistent(Id),
    /// Nothing that arrays and tensors are described by.
    Other,
}

/// Where a pickle stops making sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("byte {at}: expected {expected}, found {found}")]
pub struct PickleError {
    /// First byte of the opcode.
    pub at: usize,
    pub expected: String,
    pub found: String,
}

/// Every value of a pickle.
#[derive(Debug)]
pub struct Object<'a> {
    values: Vec<Value<'a>>,
    top: Id,
}

impl<'a> Object<'a> {
    /// Reads a pickle up to its end opcode. `known` tells, by module and name, which classes and functions may be named in
    /// it.
    ///
    /// # Errors
    /// The first opcode that is none of those known here, does not fit what is before it, or names what is not `known`;
    /// an end too early; more than 4 million opcodes.
    pub fn read(bytes: &'a [u8], known: impl Fn(&str, &str) -> bool) -> Result<Object<'a>, PickleError> {
        let mut machine = Machine::new(bytes, known);
        for _ in 0..STEPS {
            let at = machine.at();
            match machine.step() {
                Ok(None) => {}
                Ok(Some(top)) => return Ok(Object { values: machine.into_values(), top }),
                Err((expected, found)) => return Err(PickleError { at, expected, found }),
            }
        }
        let expected = format!("at most {STEPS} instructions");
        Err(PickleError { at: machine.at(), expected, found: "more".to_owned() })
    }

    /// The value that the pickle stands for.
    pub fn top(&self) -> &Value<'a> {
        self.get(self.top)
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id]
    }

    /// What stands under a key of the dictionary that the pickle stands for; none where that is no dictionary.
    pub fn entry(&self, key: &str) -> Option<Id> {
        let Value::Dict(entries) = self.top() else { return None };
        let is_it = |id: Id| match self.get(id) {
            Value::Text(text) => *text == key,
            Value::Bytes(bytes) => *bytes == key.as_bytes(),
            _ => false,
        };
        // As in Python, the last one of equal keys counts.
        entries.iter().rev().find(|(found, _)| is_it(*found)).map(|(_, value)| *value)
    }
}
