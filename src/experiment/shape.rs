//! Checks a JSON value against a JSON Schema and names the places that do not fit.
//!
//! Covers the part of the language that `schemars` writes for the types of this crate, and gives better messages than
//! deserialising does: a pointer into the file, and the nearest valid spelling.

use serde_json::{Map, Value};

use super::error::{Mismatch, join, listed, nearest, shortened};

/// A schema with its definitions.
pub struct Shape {
    root: Value,
}

impl Shape {
    pub fn new(schema: schemars::Schema) -> Shape {
        Shape { root: schema.to_value() }
    }

    /// Every place that does not fit, in the order of the document.
    pub fn faults(&self, value: &Value) -> Vec<Mismatch> {
        self.fits(&self.root, value, "")
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        reference.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Vec<Mismatch> {
        let schema = self.resolve(schema);
        if let Some(variants) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            let faults = self.fits_one(variants, value, at);
            if !faults.is_empty() {
                return faults;
            }
        }
        if let Some(types) = schema.get("type") {
            let types: Vec<&str> = match types {
                Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect(),
            };
            if !types.iter().any(|name| is_of(value, name)) {
                let expected: Vec<&str> = types.iter().map(|name| with_article(name)).collect();
                return vec![Mismatch::new(at, described(value), expected.join(" or "))];
            }
        }
        if let Some(names) = self.strings(schema) {
            return at_most_one(fits_strings(&names, value, at));
        }
        match value {
            Value::Number(number) => at_most_one(fits_range(schema, number.as_f64().unwrap_or(f64::NAN), value, at)),
            Value::Array(items) => self.fits_array(schema, items, at),
            Value::Object(entries) => self.fits_object(schema, entries, at),
            _ => Vec::new(),
        }
    }

    /// The strings that a schema allows, if it allows only certain ones.
    fn strings<'a>(&'a self, schema: &'a Value) -> Option<Vec<&'a str>> {
        let schema = self.resolve(schema);
        if let Some(only) = schema.get("const") {
            return only.as_str().map(|only| vec![only]);
        }
        let names = schema.get("enum")?.as_array()?;
        names.iter().map(Value::as_str).collect()
    }

    fn fits_one(&self, variants: &[Value], value: &Value, at: &str) -> Vec<Mismatch> {
        let variants: Vec<&Value> = variants.iter().map(|variant| self.resolve(variant)).collect();
        let names: Option<Vec<Vec<&str>>> = variants.iter().map(|variant| self.strings(variant)).collect();
        if let Some(names) = names {
            return at_most_one(fits_strings(&names.concat(), value, at));
        }
        if let (Value::Object(entries), Some(tags)) = (value, self.tags(&variants)) {
            return self.fits_tagged(&tags, &variants, entries, at);
        }
        let mut reasons = Vec::new();
        for variant in &variants {
            let faults = self.fits(variant, value, at);
            if faults.is_empty() {
                return faults;
            }
            reasons.push(faults);
        }
        // What was probably meant is the variant that gets furthest; failing at once, each was as likely.
        let further = |faults: &Vec<Mismatch>| {
            faults.first().is_some_and(|reason| reason.pointer != at || reason.nearest.is_some())
        };
        match reasons.iter().position(further) {
            Some(furthest) => reasons.swap_remove(furthest),
            None => {
                let firsts = reasons.into_iter().filter_map(|faults| faults.into_iter().next());
                let mut expected: Vec<String> = firsts.map(|reason| reason.expected).collect();
                expected.dedup();
                vec![Mismatch::new(at, described(value), expected.join(" or "))]
            }
        }
    }

    /// The value of `kind` that picks each variant, if that is how they are told apart.
    fn tags<'a>(&'a self, variants: &[&'a Value]) -> Option<Vec<&'a str>> {
        variants.iter().map(|variant| variant.pointer("/properties/kind/const").and_then(Value::as_str)).collect()
    }

    fn fits_tagged(&self, tags: &[&str], variants: &[&Value], entries: &Map<String, Value>, at: &str) -> Vec<Mismatch> {
        if let Some(kind) = entries.get("kind") {
            let picked = tags.iter().zip(variants).find(|(tag, _)| kind.as_str() == Some(tag));
            return match picked {
                Some((_, variant)) => self.fits_object(variant, entries, at),
                None => at_most_one(fits_strings(tags, kind, &join(at, "kind"))),
            };
        }
        let mut first = None;
        for variant in variants {
            let faults = self.fits_object(variant, entries, at);
            if faults.is_empty() {
                return faults;
            }
            first = first.or(Some(faults));
        }
        let keys = || variants.iter().filter_map(|variant| properties(variant)).flat_map(Map::keys).map(String::as_str);
        match entries.keys().find(|key| !keys().any(|known| known == *key)) {
            Some(key) => vec![unknown_key(at, key, keys())],
            None => first.unwrap_or_default(),
        }
    }

    fn fits_array(&self, schema: &Value, items: &[Value], at: &str) -> Vec<Mismatch> {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64).map(|bound| bound as usize);
        if bound("minItems").is_some_and(|least| items.len() < least)
            || bound("maxItems").is_some_and(|most| items.len() > most)
        {
            let expected = match (bound("minItems"), bound("maxItems")) {
                (Some(least), Some(most)) if least == most => format!("{least} items"),
                (Some(least), _) => format!("at least {least}"),
                (None, most) => format!("at most {}", most.unwrap_or(usize::MAX)),
            };
            return vec![Mismatch::new(at, format!("{} items", items.len()), expected)];
        }
        let Some(of) = schema.get("items") else { return Vec::new() };
        let items = items.iter().enumerate();
        items.flat_map(|(index, item)| self.fits(of, item, &join(at, &index.to_string()))).collect()
    }

    fn fits_object(&self, schema: &Value, entries: &Map<String, Value>, at: &str) -> Vec<Mismatch> {
        let mut faults = Vec::new();
        let known = properties(schema);
        let dotted = schema.get("patternProperties").is_some();
        for (key, value) in entries {
            let place = join(at, key);
            match known.and_then(|known| known.get(key)) {
                Some(of) => faults.extend(self.fits(of, value, &place)),
                None if dotted && key.contains('.') => faults.extend(self.fits_dotted(schema, key, value, &place)),
                None => match schema.get("additionalProperties") {
                    Some(Value::Bool(false)) => {
                        let keys = known.into_iter().flat_map(Map::keys).map(String::as_str);
                        faults.push(unknown_key(at, key, keys));
                    }
                    Some(of @ Value::Object(_)) => faults.extend(self.fits(of, value, &place)),
                    _ => {}
                },
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !entries.contains_key(key) {
                faults.push(Mismatch::new(at, format!("no `{key}`"), self.wanted(known, key)));
            }
        }
        faults
    }

    /// What a missing key should hold.
    fn wanted(&self, known: Option<&Map<String, Value>>, key: &str) -> String {
        let Some(schema) = known.and_then(|known| known.get(key)).map(|schema| self.resolve(schema)) else {
            return "one".to_owned();
        };
        let variants = schema.get("oneOf").and_then(Value::as_array);
        let names =
            variants.map(|variants| variants.iter().filter_map(|v| self.strings(v)).collect::<Vec<_>>().concat());
        match (self.strings(schema).or(names).filter(|names| !names.is_empty()), schema.get("type")) {
            (Some(names), _) => listed(&names),
            (None, Some(Value::String(name))) => with_article(name).to_owned(),
            _ => "one".to_owned(),
        }
    }

    /// A key such as `pretext.mix.alpha`: the place of its last part says what the value has to be.
    fn fits_dotted(&self, schema: &Value, key: &str, value: &Value, place: &str) -> Vec<Mismatch> {
        let mut nested = value.clone();
        let mut path = key.rsplit('.').peekable();
        while let Some(part) = path.next() {
            if path.peek().is_none() {
                let known = properties(schema);
                let Some(of) = known.and_then(|known| known.get(part)) else {
                    let known = known.into_iter().flat_map(Map::keys).map(String::as_str);
                    return vec![Mismatch::unknown(place, "the setting", part, known)];
                };
                let faults = self.fits(of, &nested, place).into_iter();
                return faults.map(|inner| dotted_place(inner, key, place)).collect();
            }
            nested = Value::Object(Map::from_iter([(part.to_owned(), nested)]));
        }
        Vec::new()
    }
}

/// The file holds one key where the check saw nested objects: the pointer has to stop at that key.
fn dotted_place(inner: Mismatch, key: &str, place: &str) -> Mismatch {
    let below = inner.pointer.strip_prefix(place).unwrap_or_default().to_owned();
    let path: String = key.split('.').skip(1).map(|part| format!("/{part}")).collect();
    match below.strip_prefix(&path) {
        Some(rest) => Mismatch { pointer: format!("{place}{rest}"), ..inner },
        None => Mismatch { pointer: place.to_owned(), ..inner },
    }
}

fn at_most_one(checked: Result<(), Mismatch>) -> Vec<Mismatch> {
    checked.err().into_iter().collect()
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn unknown_key<'a>(at: &str, key: &str, known: impl Iterator<Item = &'a str>) -> Mismatch {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    Mismatch {
        pointer: join(at, &shortened(key)),
        found: "an unknown key".to_owned(),
        expected: listed(&known),
        nearest: nearest(key, known),
    }
}

fn fits_strings(names: &[&str], value: &Value, at: &str) -> Result<(), Mismatch> {
    match value.as_str() {
        Some(found) if names.contains(&found) => Ok(()),
        Some(found) => {
            let nearest = nearest(found, names.iter().copied());
            Err(Mismatch { nearest, ..Mismatch::new(at, described(value), listed(names)) })
        }
        None => Err(Mismatch::new(at, described(value), listed(names))),
    }
}

fn fits_range(schema: &Value, number: f64, value: &Value, at: &str) -> Result<(), Mismatch> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return Err(Mismatch::new(at, described(value), format!("at least {least}")));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        return Err(Mismatch::new(at, described(value), format!("at most {most}")));
    }
    Ok(())
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn with_article(name: &str) -> &str {
    match name {
        "null" => "null",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

/// A found value, for a message.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => format!("\"{}\"", shortened(text)),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
