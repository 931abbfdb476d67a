//! What differs between two sets of settings.

use serde_json::{Map, Value};

/// A setting that two documents do not agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Dotted, for instance `pretext.mix.alpha`.
    pub path: String,
    /// None where the setting is missing.
    pub left: Option<Value>,
    pub right: Option<Value>,
}

/// Every leaf that differs, in the order of `left`, then what only `right` has. Arrays are leaves.
pub fn differences(left: &Value, right: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    collect("", Some(left), Some(right), &mut found);
    found
}

fn collect(path: &str, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<Difference>) {
    if left == right {
        return;
    }
    let empty = Map::new();
    let (lefts, rights) = match (left, right) {
        (Some(Value::Object(lefts)), Some(Value::Object(rights))) => (lefts, rights),
        (Some(Value::Object(lefts)), None) => (lefts, &empty),
        (None, Some(Value::Object(rights))) => (&empty, rights),
        _ => {
            found.push(Difference { path: path.to_owned(), left: left.cloned(), right: right.cloned() });
            return;
        }
    };
    let missing = rights.keys().filter(|key| !lefts.contains_key(*key));
    for key in lefts.keys().chain(missing) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        collect(&path, lefts.get(key), rights.get(key), found);
    }
}

/// A setting as a table shows it.
pub fn shown(value: &Option<Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_are_compared_one_by_one() {
        let left = json!({ "a": 1, "b": { "c": [1, 2], "d": 3 }, "e": { "f": 1 } });
        let right = json!({ "b": { "d": 3, "c": [1] }, "a": 1, "g": 5 });
        let found = differences(&left, &right);
        let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["b.c", "e.f", "g"]);
        assert_eq!((shown(&found[0].left), shown(&found[0].right)), ("[1,2]".to_owned(), "[1]".to_owned()));
        assert_eq!((shown(&found[1].left), shown(&found[1].right)), ("1".to_owned(), "none".to_owned()));
        assert!(differences(&left, &left).is_empty());
    }
}
