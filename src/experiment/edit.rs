//! Changes to JSON text that leave the rest of it as it was written, line breaks and all.

use jsonc_parser::cst::{CstInputValue, CstNode, CstObject};

/// Takes the values that `keep` does not want out of an object or array, with their keys. It is asked about each value by
/// its path and its own text, and then about the parts of those that stay.
pub fn prune(node: &CstNode, path: &[&str], keep: &dyn Fn(&[&str], &str) -> bool) {
    let inner = |name: &str, value: &CstNode| {
        let path: Vec<&str> = path.iter().copied().chain([name]).collect();
        let kept = keep(&path, &value.to_string());
        if kept {
            prune(value, &path, keep);
        }
        kept
    };
    if let Some(object) = node.as_object() {
        for property in object.properties() {
            let (name, value) = (property.decoded_name().unwrap_or_default(), property.value());
            if value.is_some_and(|value| !inner(&name, &value)) {
                property.remove();
            }
        }
    } else if let Some(array) = node.as_array() {
        for (index, item) in array.elements().into_iter().enumerate() {
            if !inner(&index.to_string(), &item) {
                item.remove();
            }
        }
    }
}

/// Sets a member to a text. A new one stands first.
pub fn set_text(object: &CstObject, key: &str, text: &str) {
    let value = CstInputValue::String(text.to_owned());
    match object.get(key) {
        Some(property) => property.set_value(value),
        None => {
            object.insert(0, key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonc_parser::ParseOptions;
    use jsonc_parser::cst::CstRootNode;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const TEXT: &str = "{\n  \"a\": [1, 2, 3],\n  \"b,\": { \"c\": \"}\\\"\", \"d\": null },\n\n  \"e\": []\n}\n";

    fn parsed(text: &str) -> CstRootNode {
        CstRootNode::parse(text, &ParseOptions::default()).expect("JSON")
    }

    fn without(text: &str, dropped: &[&[&str]]) -> String {
        let root = parsed(text);
        prune(&root.value().expect("a value"), &[], &|path, _| !dropped.contains(&path));
        root.to_string()
    }

    #[test]
    fn what_is_kept_is_kept_to_the_letter() {
        assert_eq!(without(TEXT, &[]), TEXT);
        assert_eq!(without(" 1 ", &[]), " 1 ");
        assert_eq!(without(TEXT, &[&["a", "1"]]), TEXT.replace(" 2,", ""));
        assert_eq!(without(TEXT, &[&["a", "1"], &["a", "2"]]), TEXT.replace("1, 2, 3", "1"));
        assert_eq!(without(TEXT, &[&["a"]]), TEXT.replace("  \"a\": [1, 2, 3],\n", ""));
        assert_eq!(without(TEXT, &[&["b,", "c"]]), TEXT.replace(" \"c\": \"}\\\"\",", ""));
    }

    #[test]
    fn a_text_is_set_in_its_place_or_put_first() {
        let root = parsed(TEXT);
        let object = root.object_value().expect("an object");
        set_text(&object, "e", "\"");
        set_text(&object, "k", "0");
        assert_eq!(root.to_string(), TEXT.replace("[]", "\"\\\"\"").replacen("{\n", "{\n  \"k\": \"0\",\n", 1));
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
