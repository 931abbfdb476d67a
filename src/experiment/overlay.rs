//! Partial settings: what an experiment file lays over others.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::recipe::Settings;

use super::error::join;

/// Settings as nested objects or with dotted keys: `{"pretext": {"epochs": 50}}` or `{"pretext.epochs": 50}`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Overlay(Map<String, Value>);

impl Overlay {
    /// Lays these settings over `below`: objects are merged key by key, null removes a setting, anything else replaces
    /// what was there. An object with another `kind` is another thing altogether, so it replaces the old one whole.
    pub fn apply(&self, below: &mut Map<String, Value>) {
        for (key, value) in &self.0 {
            match key.rsplit_once('.') {
                None => merge_entry(below, key, value),
                Some((path, last)) => {
                    let wrap = |inner: Value, key: &str| Value::Object(Map::from_iter([(key.to_owned(), inner)]));
                    let nested = path.split('.').rev().fold(wrap(value.clone(), last), wrap);
                    let Value::Object(nested) = nested else { continue };
                    merge(below, &nested);
                }
            }
        }
    }

    /// JSON pointer, from here, of what sets the setting at `path`, or replaces what it was in.
    pub fn place(&self, path: &[&str]) -> Option<String> {
        self.0.iter().rev().find_map(|(key, value)| {
            let own: Vec<&str> = key.split('.').collect();
            let rest = path.strip_prefix(own.as_slice())?;
            below(value, rest).map(|rest| format!("{}{rest}", join("", key)))
        })
    }
}

fn below(value: &Value, path: &[&str]) -> Option<String> {
    let Some((first, rest)) = path.split_first() else { return Some(String::new()) };
    match value {
        Value::Object(map) => Some(format!("{}{}", join("", first), below(map.get(*first)?, rest)?)),
        // What is asked for was replaced by something without parts.
        _ => Some(String::new()),
    }
}

fn merge(below: &mut Map<String, Value>, above: &Map<String, Value>) {
    for (key, value) in above {
        merge_entry(below, key, value);
    }
}

fn merge_entry(below: &mut Map<String, Value>, key: &str, value: &Value) {
    match (below.get_mut(key), value) {
        (_, Value::Null) => {
            below.shift_remove(key);
        }
        (Some(Value::Object(old)), Value::Object(new)) if !of_another_kind(old, new) => merge(old, new),
        (_, Value::Object(new)) => {
            // Merged into nothing rather than copied, so that a null inside removes here too.
            let mut fresh = Map::new();
            merge(&mut fresh, new);
            below.insert(key.to_owned(), Value::Object(fresh));
        }
        (_, value) => {
            below.insert(key.to_owned(), value.clone());
        }
    }
}

fn of_another_kind(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    matches!((old.get("kind"), new.get("kind")), (Some(old), Some(new)) if old != new)
}

impl JsonSchema for Overlay {
    fn schema_name() -> Cow<'static, str> {
        "Overlay".into()
    }

    /// The schema of `Settings` with nothing required, and dotted keys at the top.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let inlined = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut schema = inlined.into_generator().into_root_schema_for::<Settings>().to_value();
        relax(&mut schema);
        if let Value::Object(map) = &mut schema {
            map.remove("title");
            map.insert(
                "description".to_owned(),
                "Settings as nested objects or with dotted keys; null removes an optional one. An object with another \
                 `kind` replaces the old one whole."
                    .into(),
            );
            map.insert("patternProperties".to_owned(), serde_json::json!({ "^[a-z_]+([.][a-z_]+)+$": true }));
        }
        Schema::try_from(schema).unwrap_or_default()
    }
}

/// Requires nothing. Without its tag a value may fit several variants, so one-of becomes any-of.
fn relax(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("required");
            if let Some(variants) = map.remove("oneOf") {
                map.insert("anyOf".to_owned(), variants);
            }
            map.values_mut().for_each(relax);
        }
        Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn laid(below: Value, above: Value) -> Value {
        let Value::Object(mut below) = below else { panic!("an object") };
        let overlay: Overlay = serde_json::from_value(above).expect("an object");
        overlay.apply(&mut below);
        Value::Object(below)
    }

    #[test]
    fn a_dotted_key_is_a_nested_object() {
        let below = json!({ "pretext": { "epochs": 500, "mix": { "alpha": 1 } } });
        let dotted = laid(below.clone(), json!({ "pretext.mix.alpha": 2, "pretext.epochs": 50 }));
        let nested = laid(below, json!({ "pretext": { "mix": { "alpha": 2 }, "epochs": 50 } }));
        assert_eq!(dotted, nested);
        assert_eq!(dotted, json!({ "pretext": { "epochs": 50, "mix": { "alpha": 2 } } }));
    }

    #[test]
    fn a_setting_has_a_place() {
        let overlay: Overlay = serde_json::from_value(json!({ "a.b": 1, "c": { "d": { "e": 2 } }, "f.g": { "h": 3 } }))
            .expect("an object");
        let place = |path: &str| overlay.place(&path.split('.').collect::<Vec<_>>());
        let found = ["a.b", "a", "c.d.e", "c.d", "f.g.h", "a.c", "c.x", "z"].map(place);
        let expected = [Some("/a.b"), None, Some("/c/d/e"), Some("/c/d"), Some("/f.g/h"), None, None, None];
        assert_eq!(found, expected.map(|place| place.map(str::to_owned)));
    }

    #[test]
    fn null_removes_and_an_array_replaces() {
        assert_eq!(laid(json!({ "a": { "b": 1, "c": 2 } }), json!({ "a.b": null })), json!({ "a": { "c": 2 } }));
        assert_eq!(laid(json!({}), json!({ "a": { "b": null } })), json!({ "a": {} }));
        assert_eq!(laid(json!({ "a": [1, 2] }), json!({ "a": [3] })), json!({ "a": [3] }));
    }

    #[test]
    fn another_kind_replaces_the_whole_object() {
        let below = json!({ "network": { "kind": "mlp", "width": 64 } });
        let other = laid(below.clone(), json!({ "network": { "kind": "resnet", "depth": 50 } }));
        assert_eq!(other, json!({ "network": { "kind": "resnet", "depth": 50 } }));
        let same = laid(below, json!({ "network": { "kind": "mlp", "width": 8 } }));
        assert_eq!(same, json!({ "network": { "kind": "mlp", "width": 8 } }));
    }
}
