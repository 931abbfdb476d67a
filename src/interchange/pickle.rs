//! Pickles, read without executing anything.
//!
//! A pickle is a program for a stack machine. This machine builds values in one list and refers to them by index, so
//! that shared and deeply nested objects cost what their opcodes cost; calls and persistent references become values
//! that say what was to be called. It knows the opcodes of protocols 2 to 5 that state dicts, with optimisers and
//! settings beside them, are made of.

use std::collections::HashMap;

use super::error::Fault;

/// Index of a value.
pub type Id = usize;

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// Module and name of a class or function.
    Global(&'a str, &'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// What was to be called, and the tuple of its arguments.
    Call(Id, Id),
    /// A reference to something outside the pickle: for PyTorch, a storage.
    Persistent(Id),
    /// Nothing that tensors are described by.
    Other,
}

/// Every value of a pickle.
#[derive(Debug)]
pub struct Object<'a> {
    values: Vec<Value<'a>>,
    top: Id,
}

impl<'a> Object<'a> {
    /// Reads a pickle up to its end opcode.
    ///
    /// # Errors
    /// Names the byte at which the pickle stops making sense.
    pub fn read(bytes: &'a [u8]) -> Result<Object<'a>, Fault> {
        let mut machine =
            Machine { bytes, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        loop {
            let at = machine.at;
            match machine.step() {
                Ok(None) => {}
                Ok(Some(top)) => return Ok(Object { values: machine.values, top }),
                Err(found) => {
                    return Err(Fault::new(
                        format!("{found} at byte {at} of data.pkl"),
                        "a pickle as torch.save writes it",
                    ));
                }
            }
        }
    }

    pub fn top(&self) -> &Value<'a> {
        self.get(self.top)
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id]
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which a group began.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

type Step<T> = Result<T, String>;

impl<'a> Machine<'a> {
    /// Does one opcode; gives the object at the end opcode. Opcodes are named as in Python's `pickletools`.
    fn step(&mut self) -> Step<Option<Id>> {
        match self.take(1)?[0] {
            // PROTO, FRAME: nothing that matters here.
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.group()?),
            b'2' => self.stack.push(self.last()?),
            // NONE, NEWTRUE, NEWFALSE, EMPTY_SET.
            b'N' | 0x88 | 0x89 | 0x8f => self.push(Value::Other),
            b'K' => self.int(1)?,
            b'M' => self.int(2)?,
            b'J' => self.int(4)?,
            b'G' => self.other(8)?,
            0x8a => self.long()?,
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            // SHORT_BINBYTES, BINBYTES.
            b'C' => self.blob(1)?,
            b'B' => self.blob(4)?,
            b'c' => self.global()?,
            0x93 => self.stack_global()?,
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
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
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])?;
            }
            b'u' => {
                let items = self.group()?;
                self.set(items)?;
            }
            b'q' => {
                let key = self.unsigned(1)?;
                self.memoise(key)?;
            }
            b'r' => {
                let key = self.unsigned(4)?;
                self.memoise(key)?;
            }
            0x94 => self.memoise(u32::try_from(self.memo.len()).map_err(|_| "too many memos")?)?,
            b'h' => {
                let key = self.unsigned(1)?;
                self.recall(key)?;
            }
            b'j' => {
                let key = self.unsigned(4)?;
                self.recall(key)?;
            }
            // REDUCE, NEWOBJ.
            b'R' | 0x81 => self.call()?,
            // BUILD: the attributes of an object, for a state dict its versions, say nothing about tensors.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id));
            }
            unknown => return Err(format!("opcode {unknown:#04x}, which state dicts do not need")),
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| "the end of the pickle, too early".to_owned())?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Step<()> {
        self.take(count).map(drop)
    }

    /// An unsigned number of up to 4 bytes, the lowest first.
    fn unsigned(&mut self, bytes: usize) -> Step<u32> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn length(&mut self, bytes: usize) -> Step<usize> {
        self.unsigned(bytes)?.try_into().map_err(|_| "a length beyond memory".to_owned())
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// The floor under the stack: what lies below the last mark is out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn last(&self) -> Step<Id> {
        let reachable = self.stack.len() > self.floor();
        self.stack.last().copied().filter(|_| reachable).ok_or_else(|| "an empty stack".to_owned())
    }

    fn pop(&mut self) -> Step<Id> {
        let last = self.last()?;
        self.stack.pop();
        Ok(last)
    }

    fn group(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| "the end of a group that did not begin".to_owned())?;
        Ok(self.stack.split_off(mark))
    }

    /// BININT1 and BININT2 are unsigned, BININT has a sign.
    fn int(&mut self, bytes: usize) -> Step<()> {
        let number = self.unsigned(bytes)?;
        let value = if bytes == 4 { i64::from(number as i32) } else { i64::from(number) };
        self.push(Value::Int(value));
        Ok(())
    }

    /// LONG1: two's complement, the lowest byte first. Numbers beyond 64 bits size no tensor.
    fn long(&mut self) -> Step<()> {
        let length = self.length(1)?;
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
        let number = bytes.iter().rev().fold(sign, |number: i64, byte| number << 8 | i64::from(*byte));
        self.push(if length <= 8 { Value::Int(number) } else { Value::Other });
        Ok(())
    }

    fn other(&mut self, bytes: usize) -> Step<()> {
        self.skip(bytes)?;
        self.push(Value::Other);
        Ok(())
    }

    fn blob(&mut self, length_bytes: usize) -> Step<()> {
        let length = self.length(length_bytes)?;
        self.other(length)
    }

    fn text(&mut self, length_bytes: usize) -> Step<()> {
        let length = self.length(length_bytes)?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "text that is not UTF-8".to_owned())?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Step<&'a str> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| "a line without end".to_owned())?;
        let line = std::str::from_utf8(&rest[..length]).map_err(|_| "a name that is not UTF-8".to_owned())?;
        self.at += length + 1;
        Ok(line)
    }

    fn global(&mut self) -> Step<()> {
        let (module, name) = (self.line()?, self.line()?);
        self.push(Value::Global(module, name));
        Ok(())
    }

    fn stack_global(&mut self) -> Step<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Value::Text(module), Value::Text(name)) = (&self.values[module], &self.values[name]) else {
            return Err("a class whose name is not text".to_owned());
        };
        let global = Value::Global(module, name);
        self.push(global);
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Step<()> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    /// Adds to the list on top. What else takes items, such as a set, is of no use here.
    fn append(&mut self, items: Vec<Id>) -> Step<()> {
        let last = self.last()?;
        if let Value::List(list) = &mut self.values[last] {
            list.extend(items);
        }
        Ok(())
    }

    /// Adds keys and values, in turn, to the dictionary on top.
    fn set(&mut self, items: Vec<Id>) -> Step<()> {
        let last = self.last()?;
        if !items.len().is_multiple_of(2) {
            return Err("a key without a value".to_owned());
        }
        if let Value::Dict(dict) = &mut self.values[last] {
            dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        }
        Ok(())
    }

    fn memoise(&mut self, key: u32) -> Step<()> {
        self.memo.insert(key, self.last()?);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Step<()> {
        let id = self.memo.get(&key).copied().ok_or_else(|| format!("memo {key}, which was never set"))?;
        self.stack.push(id);
        Ok(())
    }

    fn call(&mut self) -> Step<()> {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let value = match self.values[callable] {
            Value::Global("collections", "OrderedDict" | "defaultdict") => Value::Dict(Vec::new()),
            _ => Value::Call(callable, arguments),
        };
        self.push(value);
        Ok(())
    }
}
