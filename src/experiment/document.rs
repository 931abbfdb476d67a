//! JSON text to a value, with the place of what is wrong with it.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::ExperimentError;
use super::error::join;

/// Reads a document in which no object has a key twice. `file` is how messages call it.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Value, ExperimentError> {
    let duplicate = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { pointer: String::new(), duplicate: &duplicate };
    let parsed = strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|error| {
        let (file, line, column) = (file.to_owned(), error.line(), error.column());
        match duplicate.take() {
            Some((pointer, key)) => ExperimentError::DuplicateKey { file, line, column, pointer, key },
            None => {
                let message = error.to_string();
                let place = format!(" at line {line} column {column}");
                let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
                ExperimentError::Syntax { file, line, column, message }
            }
        }
    })
}

struct Strict<'a> {
    pointer: String,
    /// Object and key, once one is found.
    duplicate: &'a RefCell<Option<(String, String)>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let pointer = join(&self.pointer, &values.len().to_string());
            match items.next_element_seed(Strict { pointer, duplicate: self.duplicate })? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                self.duplicate.replace(Some((self.pointer, key)));
                return Err(A::Error::custom("duplicate key"));
            }
            let pointer = join(&self.pointer, &key);
            let value = entries.next_value_seed(Strict { pointer, duplicate: self.duplicate })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_names_line_and_column() {
        let error = parse("x.json", b"{\n  \"id\": \"a\"\n  \"title\": 1\n}").expect_err("a comma is missing");
        assert_eq!(error.to_string(), "x.json, line 3, column 3: not JSON: expected `,` or `}`");
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let error = parse("x.json", b"{ \"axes\": [{\n \"a/b\": { \"k\": 1, \"k\": 2 } }] }").expect_err("k twice");
        assert_eq!(error.to_string(), "x.json, line 2, column 21: the key `k` stands twice in /axes/0/a~1b");
    }

    #[test]
    fn what_is_well_formed_is_kept_in_order() {
        let text = r#"{"b":[1,-2,0.1,true,null,"x"],"a":{}}"#;
        assert_eq!(parse("x.json", text.as_bytes()).expect("JSON").to_string(), text);
        assert!(parse("x.json", b"{} {}").is_err());
        assert!(parse("x.json", "[".repeat(100_000).as_bytes()).is_err());
    }
}
