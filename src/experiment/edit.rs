//! Changes to JSON text that leave the rest of it as it was written, line breaks and all.

/// What becomes of a value.
pub enum Edit {
    Keep,
    /// With its key and its comma.
    Drop,
    /// JSON to stand in its place.
    Replace(String),
}

/// Asks `decide` about every value of a JSON text, by its path and its own text; parts of what is kept are asked about
/// too.
///
/// The text has to be JSON: of anything else, something comes back that is none either.
pub fn edited(text: &str, decide: &dyn Fn(&[&str], &str) -> Edit) -> String {
    let start = text.len() - text.trim_start().len();
    let end = value_end(text, start);
    format!("{}{}{}", &text[..start], rewritten(&text[start..end], &[], decide), &text[end..])
}

/// An object with a member before its first, laid out like that.
pub fn with_first(object: &str, key: &str, value: &str) -> String {
    let start = object.len() - object.trim_start().len();
    let (parts, _) = parts(&object[start..]);
    let gap = parts.first().map_or("", |part| part.gap);
    let (member, comma) = (format!("{}: {value}", quoted(key)), if parts.is_empty() { "" } else { "," });
    format!("{}{{{gap}{member}{comma}{}", &object[..start], object.get(start + 1..).unwrap_or_default())
}

/// Text as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A member of an object or an item of an array.
struct Part<'a> {
    /// What stands between the part before, or the opening bracket, and this one: the comma and white space.
    gap: &'a str,
    /// The key, or the index.
    name: String,
    /// The key with its colon, as written; nothing for an item.
    head: &'a str,
    value: &'a str,
}

fn rewritten(value: &str, path: &[&str], decide: &dyn Fn(&[&str], &str) -> Edit) -> String {
    if !value.starts_with(['{', '[']) {
        return value.to_owned();
    }
    let (parts, tail) = parts(value);
    let lead = parts.first().map_or("", |part| part.gap);
    let mut kept = String::new();
    for Part { gap, name, head, value } in &parts {
        let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
        let own = match decide(&path, value) {
            Edit::Drop => continue,
            Edit::Replace(other) => other,
            Edit::Keep => rewritten(value, &path, decide),
        };
        kept += if kept.is_empty() { lead } else { gap };
        kept += head;
        kept += &own;
    }
    let tail = if kept.is_empty() { tail.trim_start() } else { tail };
    format!("{}{kept}{tail}", &value[..1])
}

/// The parts of an object or array, and what follows the last one.
fn parts(container: &str) -> (Vec<Part<'_>>, &str) {
    let is_object = container.starts_with('{');
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 1;
    loop {
        let start = skip(container, at, |c| c.is_ascii_whitespace() || c == b',');
        if container.as_bytes().get(start).is_none_or(|c| matches!(c, b'}' | b']')) {
            return (parts, container.get(at..).unwrap_or_default());
        }
        let (name, value) = if is_object {
            let key = value_end(container, start);
            let name = serde_json::from_str(&container[start..key]).unwrap_or_default();
            (name, skip(container, key, |c| c.is_ascii_whitespace() || c == b':'))
        } else {
            (parts.len().to_string(), start)
        };
        let end = value_end(container, value);
        parts.push(Part {
            gap: &container[at..start],
            name,
            head: &container[start..value],
            value: &container[value..end],
        });
        at = end;
    }
}

fn skip(text: &str, from: usize, skipped: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().position(|c| !skipped(*c)).unwrap_or(rest.len())
}

/// Where the value that starts at `from` ends.
fn value_end(text: &str, from: usize) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, c) in text.bytes().enumerate().skip(from) {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            if !in_string && depth == 0 {
                return at + 1;
            }
            continue;
        }
        match c {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const TEXT: &str = "{\n  \"a\": [1, 2, 3],\n  \"b,\": { \"c\": \"}\\\"\", \"d\": null },\n\n  \"e\": []\n}\n";

    fn without(text: &str, dropped: &[&[&str]]) -> String {
        edited(text, &|path, _| if dropped.contains(&path) { Edit::Drop } else { Edit::Keep })
    }

    #[test]
    fn what_is_kept_is_kept_to_the_letter() {
        assert_eq!(without(TEXT, &[]), TEXT);
        assert_eq!(without(" 1 ", &[]), " 1 ");
        assert_eq!(without(TEXT, &[&["a", "1"]]), TEXT.replace(" 2,", ""));
        assert_eq!(without(TEXT, &[&["a", "0"], &["a", "2"]]), TEXT.replace("1, 2, 3", "2"));
        assert_eq!(without(TEXT, &[&["a"], &["e"]]), "{\n  \"b,\": { \"c\": \"}\\\"\", \"d\": null }\n}\n");
        assert_eq!(without(TEXT, &[&["b,", "c"], &["b,", "d"]]), TEXT.replace(" \"c\": \"}\\\"\", \"d\": null ", ""));
    }

    #[test]
    fn a_value_is_replaced_and_a_member_put_first() {
        let replaced = edited(TEXT, &|path, value| match (path, value) {
            (["b,", "d"], "null") => Edit::Replace(quoted("\"")),
            _ => Edit::Keep,
        });
        assert_eq!(replaced, TEXT.replace("null", "\"\\\"\""));
        assert_eq!(with_first("{\n  \"a\": 1 }", "k", "0"), "{\n  \"k\": 0,\n  \"a\": 1 }");
        assert_eq!(with_first("{}", "k", "0"), "{\"k\": 0}");
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<i64>().prop_map(Value::from), ".{0,4}".prop_map(Value::from), Just(json!(null))];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,3}", inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn dropping_a_member_from_text_is_dropping_it_from_the_value(document in documents(), pretty: bool, at: prop::sample::Index) {
            let text = if pretty { format!("{document:#}") } else { document.to_string() };
            prop_assert_eq!(&without(&text, &[]), &text);
            if let Value::Object(mut map) = document && !map.is_empty() {
                let key = map.keys().nth(at.index(map.len())).expect("a key").clone();
                map.shift_remove(&key);
                let left: Value = serde_json::from_str(&without(&text, &[&[key.as_str()]])).expect("JSON");
                prop_assert_eq!(left, Value::Object(map));
            }
        }
    }
}
