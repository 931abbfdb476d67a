//! The stack machine. Opcodes are named as in Python's `pickletools`.

use std::collections::HashMap;

use super::{Id, Value};

/// What was expected and what was found.
type Trouble = (String, String);

fn trouble<T>(expected: &str, found: impl Into<String>) -> Result<T, Trouble> {
    Err((expected.to_owned(), found.into()))
}

pub(super) struct Machine<'a, F> {
    bytes: &'a [u8],
    /// Next byte.
    at: usize,
    known: F,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which a group began.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
}

impl<'a, F: Fn(&str, &str) -> bool> Machine<'a, F> {
    pub fn new(bytes: &'a [u8], known: F) -> Machine<'a, F> {
        Machine { bytes, at: 0, known, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn into_values(self) -> Vec<Value<'a>> {
        self.values
    }

    /// Does one opcode. Returns the result at the last.
    pub fn step(&mut self) -> Result<Option<Id>, Trouble> {
        match self.byte()? {
            // PROTO.
            0x80 => match self.byte()? {
                2..=5 => {}
                other => return trouble("a pickle of protocol 2 to 5", format!("protocol {other}")),
            },
            // FRAME says only how much may be read ahead.
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.group()?),
            b'2' => {
                let top = self.last()?;
                self.stack.push(top);
            }
            // NONE, EMPTY_SET.
            b'N' | 0x8f => self.push(Value::Other),
            // NEWTRUE, NEWFALSE.
            0x88 => self.push(Value::Int(1)),
            0x89 => self.push(Value::Int(0)),
            // BININT1 and BININT2 are unsigned, BININT has a sign.
            b'K' => self.int(1, false)?,
            b'M' => self.int(2, false)?,
            b'J' => self.int(4, true)?,
            // LONG1.
            0x8a => match usize::from(self.byte()?) {
                length @ 0..=8 => self.int(length, true)?,
                length => self.other(length)?,
            },
            // BINFLOAT.
            b'G' => self.other(8)?,
            // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8.
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            // SHORT_BINSTRING and SHORT_BINBYTES; BINSTRING and BINBYTES; BINBYTES8 and BYTEARRAY8.
            b'U' | b'C' => self.blob(1)?,
            b'T' | b'B' => self.blob(4)?,
            0x8e | 0x96 => self.blob(8)?,
            // GLOBAL, STACK_GLOBAL.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.name(module, name)?;
            }
            0x93 => self.stack_global()?,
            b')' => self.push(Value::Tuple(Vec::new())),
            // TUPLE1, TUPLE2, TUPLE3.
            count @ 0x85..=0x87 => self.tuple(usize::from(count - 0x84))?,
            b't' => {
                let items = self.group()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            // APPENDS, ADDITEMS.
            b'e' | 0x90 => {
                let items = self.group()?;
                self.append(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let items = self.group()?;
                self.set(items)?;
            }
            // BINPUT, LONG_BINPUT, MEMOIZE.
            b'q' => {
                let key = self.length(1)?;
                self.memoise(key)?;
            }
            b'r' => {
                let key = self.length(4)?;
                self.memoise(key)?;
            }
            0x94 => self.memoise(self.memo.len())?,
            // BINGET, LONG_BINGET.
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            // REDUCE, NEWOBJ.
            b'R' | 0x81 => self.call()?,
            b'b' => self.build()?,
            // BINPERSID.
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id));
            }
            other => return trouble("a pickle of numbers, text, lists and arrays", format!("opcode {other:#04x}")),
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

    /// An unsigned number of up to 8 bytes, the lowest first.
    fn length(&mut self, bytes: usize) -> Result<usize, Trouble> {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(self.take(bytes)?);
        usize::try_from(u64::from_le_bytes(wide)).or_else(|_| trouble("a length", "a number past all memory"))
    }

    fn line(&mut self) -> Result<&'a str, Trouble> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return trouble("a line", "an end in its middle: the file is cut short");
        };
        self.at += length + 1;
        utf8(&rest[..length])
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// The value on top. What lies below the last mark is out of reach.
    fn last(&self) -> Result<Id, Trouble> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.get(floor..).and_then(<[Id]>::last) {
            Some(top) => Ok(*top),
            None => trouble("a value before it", "none"),
        }
    }

    fn pop(&mut self) -> Result<Id, Trouble> {
        let last = self.last()?;
        self.stack.pop();
        Ok(last)
    }

    fn group(&mut self) -> Result<Vec<Id>, Trouble> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => trouble("a mark before it", "none"),
        }
    }

    /// Two's complement where there is a sign, the lowest byte first.
    fn int(&mut self, bytes: usize, is_signed: bool) -> Result<(), Trouble> {
        let taken = self.take(bytes)?;
        let negative = is_signed && taken.last().is_some_and(|byte| *byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes].copy_from_slice(taken);
        self.push(Value::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn other(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.take(bytes)?;
        self.push(Value::Other);
        Ok(())
    }

    fn blob(&mut self, length_bytes: usize) -> Result<(), Trouble> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        self.push(Value::Bytes(bytes));
        Ok(())
    }

    fn text(&mut self, length_bytes: usize) -> Result<(), Trouble> {
        let length = self.length(length_bytes)?;
        let text = utf8(self.take(length)?)?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn stack_global(&mut self) -> Result<(), Trouble> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (&self.values[module], &self.values[name]) {
            (Value::Text(module), Value::Text(name)) => self.name(module, name),
            _ => trouble("the name of a class or function as text", "something else"),
        }
    }

    fn name(&mut self, module: &'a str, name: &'a str) -> Result<(), Trouble> {
        if !(self.known)(module, name) {
            let shown: String = format!("{module}.{name}").chars().take(80).flat_map(char::escape_debug).collect();
            return trouble("only names that such files need", format!("`{shown}`"));
        }
        self.push(Value::Global(module, name));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), Trouble> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<Id>, Trouble>>()?;
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), Trouble> {
        let last = self.last()?;
        match &mut self.values[last] {
            Value::List(list) => list.extend(items),
            other => takes_items(other)?,
        }
        Ok(())
    }

    /// Adds keys and values, in turn, to the dictionary on top.
    fn set(&mut self, items: Vec<Id>) -> Result<(), Trouble> {
        let last = self.last()?;
        if !items.len().is_multiple_of(2) {
            return trouble("a value for every key", "a key without one");
        }
        match &mut self.values[last] {
            Value::Dict(dict) => dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            other => takes_items(other)?,
        }
        Ok(())
    }

    fn memoise(&mut self, key: usize) -> Result<(), Trouble> {
        let last = self.last()?;
        self.memo.insert(key, last);
        Ok(())
    }

    fn recall(&mut self, key_bytes: usize) -> Result<(), Trouble> {
        let key = self.length(key_bytes)?;
        match self.memo.get(&key) {
            Some(id) => {
                self.stack.push(*id);
                Ok(())
            }
            None => trouble("a value that was kept", format!("none under {key}")),
        }
    }

    fn call(&mut self) -> Result<(), Trouble> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        if !matches!(self.values[arguments], Value::Tuple(_)) {
            return trouble("a tuple of arguments", "something else");
        }
        self.push(match self.values[callable] {
            Value::Global("collections", "OrderedDict" | "defaultdict") => Value::Dict(Vec::new()),
            _ => Value::Call { callable, arguments, state: None },
        });
        Ok(())
    }

    /// BUILD: what a call returns is given its state. The attributes of anything else, for a state dict its versions, say
    /// nothing about what it holds.
    fn build(&mut self) -> Result<(), Trouble> {
        let (given, target) = (self.pop()?, self.last()?);
        if let Value::Call { state, .. } = &mut self.values[target] {
            *state = Some(given);
        }
        Ok(())
    }
}

/// Items of what is no plain list or dictionary, such as a set or an object of a class, are of no use here.
fn takes_items(value: &Value) -> Result<(), Trouble> {
    match value {
        Value::Call { .. } | Value::Persistent(_) | Value::Other => Ok(()),
        _ => trouble("a list or a dictionary to add to", "something else"),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Trouble> {
    std::str::from_utf8(bytes).or_else(|_| trouble("text in UTF-8", "other bytes"))
}
