//! A reader of the pickles that Python's CIFAR archives are made of.
//!
//! It knows what numbers, strings, lists, dictionaries and NumPy arrays of any protocol from 2 to 5 are written with. A
//! pickle may name any function of Python; nothing is ever called here, and a name other than NumPy's own is a fault.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::data::Fault;

/// Instructions at most. The largest pickle of CIFAR has about 400,000.
const STEPS: usize = 1 << 22;

/// Place of a value among the values of a pickle.
pub(super) type Id = usize;

pub(super) enum Value<'a> {
    None,
    /// A whole number or a truth value.
    Int(i64),
    /// A string or bytes: Python 2 did not tell them apart.
    Text(Cow<'a, [u8]>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// Module and name of something in Python.
    Name(&'a [u8], &'a [u8]),
    /// A NumPy element type such as `u1`.
    Type(Vec<u8>),
    /// None until its state comes.
    Array(Option<Array>),
}

/// A NumPy array of bytes.
pub(super) struct Array {
    pub shape: Vec<usize>,
    /// Columns first.
    pub is_fortran: bool,
    /// Where its bytes are.
    pub data: Id,
}

/// All values of a pickle and the one that it stands for.
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle to its end.
    pub fn read(bytes: &'a [u8]) -> Result<Pickle<'a>, Fault> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            decoded: 0,
        };
        for _ in 0..STEPS {
            let start = machine.at;
            match machine.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(Pickle { values: machine.values, root }),
                Err((expected, found)) => return Err(Fault::new(format!("byte {start}"), expected, found)),
            }
        }
        Err(Fault::new(format!("byte {}", machine.at), format!("at most {STEPS} instructions"), "more"))
    }

    pub fn value(&self, id: Id) -> &Value<'a> {
        &self.values[id]
    }

    /// The value of a key of the dictionary that the pickle stands for.
    pub fn entry(&self, key: &str) -> Option<&Value<'a>> {
        let Value::Dict(entries) = self.value(self.root) else { return None };
        let is_it = |id: Id| matches!(self.value(id), Value::Text(text) if **text == *key.as_bytes());
        entries.iter().rev().find(|(entry, _)| is_it(*entry)).map(|(_, value)| self.value(*value))
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    /// Next byte.
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack that were marked.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    /// Bytes that strings were decoded to.
    decoded: usize,
}

/// What was expected and what was found.
type Trouble = (String, String);

fn trouble<T>(expected: &str, found: impl Into<String>) -> Result<T, Trouble> {
    Err((expected.to_owned(), found.into()))
}

impl<'a> Machine<'a> {
    /// Carries out one instruction. Returns the result at the last.
    fn step(&mut self) -> Result<Option<Id>, Trouble> {
        match self.byte()? {
            0x80 => match self.byte()? {
                2..=5 => {}
                other => return trouble("a pickle of protocol 2 to 5", format!("protocol {other}")),
            },
            // FRAME says only how much may be read ahead.
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Int(1)),
            0x89 => self.push(Value::Int(0)),
            b'K' => self.int(1, false)?,
            b'M' => self.int(2, false)?,
            b'J' => self.int(4, true)?,
            0x8a => match self.byte()? {
                length @ 0..=8 => self.int(usize::from(length), true)?,
                length => return trouble("a number of at most 8 bytes", format!("{length} bytes")),
            },
            b'U' | b'C' | 0x8c => self.text(1)?,
            b'T' | b'B' | b'X' => self.text(4)?,
            0x8d | 0x8e | 0x96 => self.text(8)?,
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            count @ 0x85..=0x87 => self.tuple(usize::from(count - 0x84))?,
            b't' => {
                let items = self.marked()?;
                self.push(Value::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.extend_list(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(vec![key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.extend_dict(items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Name(module, name));
            }
            0x93 => self.stack_name()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len(), top);
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            other => {
                return trouble("a pickle of lists, dictionaries and arrays", format!("the instruction 0x{other:02x}"));
            }
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Trouble> {
        let rest = &self.bytes[self.at..];
        match rest.get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => {
                trouble("the rest of the pickle", format!("an end after {} bytes: the file is cut short", rest.len()))
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Trouble> {
        self.take(1).map(|taken| taken[0])
    }

    /// An unsigned number in little-endian order.
    fn length(&mut self, bytes: usize) -> Result<usize, Trouble> {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(self.take(bytes)?);
        usize::try_from(u64::from_le_bytes(wide)).or_else(|_| trouble("a length", "a number past all memory"))
    }

    fn line(&mut self) -> Result<&'a [u8], Trouble> {
        let rest = &self.bytes[self.at..];
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                self.at += end + 1;
                Ok(&rest[..end])
            }
            None => trouble("a line", "an end in its middle: the file is cut short"),
        }
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, Trouble> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<Id, Trouble> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.get(floor..).and_then(<[Id]>::last) {
            Some(top) => Ok(*top),
            None => trouble("a value before it", "none"),
        }
    }

    fn marked(&mut self) -> Result<Vec<Id>, Trouble> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => trouble("a mark before it", "none"),
        }
    }

    fn int(&mut self, bytes: usize, is_signed: bool) -> Result<(), Trouble> {
        let taken = self.take(bytes)?;
        let negative = is_signed && taken.last().is_some_and(|byte| *byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes].copy_from_slice(taken);
        self.push(Value::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn text(&mut self, length_bytes: usize) -> Result<(), Trouble> {
        let length = self.length(length_bytes)?;
        let text = self.take(length)?;
        self.push(Value::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), Trouble> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<Id>, Trouble>>()?;
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<Id>) -> Result<(), Trouble> {
        let target = self.top()?;
        match &mut self.values[target] {
            Value::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => trouble("a list to add to", "something else"),
        }
    }

    fn extend_dict(&mut self, items: Vec<Id>) -> Result<(), Trouble> {
        let target = self.top()?;
        match &mut self.values[target] {
            Value::Dict(entries) if items.len().is_multiple_of(2) => {
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                Ok(())
            }
            _ => trouble("a dictionary to add to", "something else"),
        }
    }

    fn stack_name(&mut self) -> Result<(), Trouble> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (&self.values[module], &self.values[name]) {
            (Value::Text(Cow::Borrowed(module)), Value::Text(Cow::Borrowed(name))) => {
                self.push(Value::Name(module, name));
                Ok(())
            }
            _ => trouble("the name of a type", "something else"),
        }
    }

    fn remember(&mut self, bytes: usize) -> Result<(), Trouble> {
        let key = self.length(bytes)?;
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, bytes: usize) -> Result<(), Trouble> {
        let key = self.length(bytes)?;
        match self.memo.get(&key) {
            Some(id) => {
                self.stack.push(*id);
                Ok(())
            }
            None => trouble("a value that was kept", format!("none under {key}")),
        }
    }

    /// Stands in for a call: what NumPy and Python would make of it, where it is one of the few that are known.
    fn reduce(&mut self) -> Result<(), Trouble> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Value::Tuple(arguments) = &self.values[arguments] else {
            return trouble("a tuple of arguments", "something else");
        };
        let arguments = arguments.clone();
        let Value::Name(module, name) = self.values[callable] else {
            return trouble("the name of a type", "something else");
        };
        let made = match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Value::Array(None),
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => match arguments[..] {
                [data, kind, shape, order] => {
                    let is_fortran = matches!(&self.values[order], Value::Text(order) if **order == *b"F");
                    Value::Array(Some(self.array(shape, kind, is_fortran, data)?))
                }
                _ => return trouble("bytes, type, shape and order of an array", "something else"),
            },
            (b"numpy", b"dtype") => match arguments.first().map(|first| &self.values[*first]) {
                Some(Value::Text(kind)) => Value::Type(kind.to_vec()),
                _ => return trouble("the name of an element type", "something else"),
            },
            // How Python 3 writes bytes for Python 2.
            (b"_codecs", b"encode") => match arguments.first().map(|first| &self.values[*first]) {
                Some(Value::Text(text)) => Value::Text(Cow::Owned(self.latin1(text)?)),
                _ => return trouble("a string to encode", "something else"),
            },
            _ => {
                let name = [module, b".", name].concat();
                return trouble("NumPy arrays only", format!("a call of `{}`", String::from_utf8_lossy(&name)));
            }
        };
        if let Value::Text(text) = &made {
            self.decoded += text.len();
        }
        self.push(made);
        Ok(())
    }

    fn latin1(&self, text: &[u8]) -> Result<Vec<u8>, Trouble> {
        if self.decoded + text.len() > self.bytes.len() {
            return trouble("no more encoded text than the file has bytes", "more");
        }
        let decoded = std::str::from_utf8(text).ok().map(|text| text.chars().map(|one| u8::try_from(one).ok()));
        match decoded.and_then(|bytes| bytes.collect()) {
            Some(bytes) => Ok(bytes),
            None => trouble("text in Latin-1", "other text"),
        }
    }

    /// Gives an array or a type its state.
    fn build(&mut self) -> Result<(), Trouble> {
        let (state, target) = (self.pop()?, self.top()?);
        match (&self.values[target], &self.values[state]) {
            (Value::Array(None), Value::Tuple(state)) => match state[..] {
                [_version, shape, kind, order, data] => {
                    let is_fortran = matches!(self.values[order], Value::Int(1));
                    self.values[target] = Value::Array(Some(self.array(shape, kind, is_fortran, data)?));
                    Ok(())
                }
                _ => trouble("the state of an array", "something else"),
            },
            // Byte order and the like: one byte has none.
            (Value::Type(_), _) => Ok(()),
            _ => trouble("an array or its type to give a state to", "something else"),
        }
    }

    fn array(&self, shape: Id, kind: Id, is_fortran: bool, data: Id) -> Result<Array, Trouble> {
        match &self.values[kind] {
            Value::Type(kind) if kind == b"u1" => {}
            Value::Type(kind) => {
                return trouble("an array of bytes (u1)", format!("one of {}", String::from_utf8_lossy(kind)));
            }
            _ => return trouble("the element type of an array", "something else"),
        }
        let Value::Tuple(sides) = &self.values[shape] else {
            return trouble("the shape of an array", "something else");
        };
        let side = |id: &Id| match self.values[*id] {
            Value::Int(side) => usize::try_from(side).ok(),
            _ => None,
        };
        let Some(shape) = sides.iter().map(side).collect::<Option<Vec<usize>>>() else {
            return trouble("the shape of an array", "something else");
        };
        let size = shape.iter().try_fold(1usize, |size, side| size.checked_mul(*side));
        match &self.values[data] {
            Value::Text(bytes) if Some(bytes.len()) == size => Ok(Array { shape, is_fortran, data }),
            Value::Text(bytes) => {
                trouble(&format!("as many bytes as an array of {shape:?}"), format!("{}", bytes.len()))
            }
            _ => trouble("the bytes of an array", "something else"),
        }
    }
}
