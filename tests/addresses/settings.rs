//! Every setting that there is, of every recipe of the embedded experiments, is part of the addresses that depend on it
//! and of no others.

use std::collections::{BTreeMap, BTreeSet};

use imix_repro::experiment::{Cell, Experiment, Filter, Scale, Trial};
use imix_repro::recipe::{Address, DataIdentity, EvaluationRecipe, PretextRecipe, Settings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::values::{WORDS, kinds, optional};

/// A setting that is changed to something else of its type, taken away or put there.
struct Edit {
    /// Dotted; an element of a list is `[]`.
    place: String,
    settings: Value,
}

/// Everything that can be changed at one place.
fn edits(whole: &Value) -> Vec<Edit> {
    let mut found = Vec::new();
    let (kinds, optional) = (kinds(), optional());
    let mut put = |place: &str, steps: &[String], value: Option<Value>| {
        let mut settings = whole.clone();
        let (last, path) = steps.split_last().expect("a setting");
        let inside = path.iter().fold(&mut settings, |inside, step| match inside {
            Value::Array(items) => &mut items[step.parse::<usize>().expect("an index")],
            Value::Object(map) => map.get_mut(step).expect("the path is from here"),
            _ => panic!("{place} leads nowhere"),
        });
        match (inside, value) {
            (Value::Object(map), Some(value)) => drop(map.insert(last.clone(), value)),
            (Value::Object(map), None) => drop(map.shift_remove(last)),
            (Value::Array(items), Some(value)) => items[last.parse::<usize>().expect("an index")] = value,
            _ => panic!("{place} leads nowhere"),
        }
        found.push(Edit { place: place.to_owned(), settings });
    };
    walk(whole, "", &mut Vec::new(), &mut |place, steps, value| match value {
        Value::Bool(is_so) => put(place, steps, Some(json!(!is_so))),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().expect("a float");
            put(place, steps, Some(json!(number * 0.5 + 0.001)));
            put(place, steps, Some(json!(if number == 0.0 { 5e-324 } else { number.next_up() })));
        }
        Value::Number(number) => put(place, steps, Some(json!(number.as_u64().expect("a size") + 1))),
        Value::String(_) if place.ends_with(".kind") => {}
        Value::String(word) if place.ends_with("folder.name") => put(place, steps, Some(json!(format!("{word}s")))),
        Value::String(word) => {
            let others = WORDS.iter().filter(|words| words.contains(&word.as_str())).flat_map(|words| words.iter());
            let mut count = 0;
            // `imagenet` is a set and a stem: what is of the other type does not parse.
            for other in others.filter(|other| *other != word) {
                put(place, steps, Some(json!(other)));
                count += 1;
            }
            assert!(count > 0, "no other word for {place}: {word}");
        }
        Value::Array(items) => {
            let longer: Vec<&Value> = items.iter().chain(items.last()).collect();
            // The four strengths of colour jitter are always four.
            if !place.ends_with("jitter") && !items.is_empty() {
                put(place, steps, Some(json!(longer)));
                put(place, steps, Some(json!(items[1..])));
            }
        }
        Value::Object(map) => {
            if let Some(kind) = map.get("kind") {
                let all = kinds.iter().find(|all| all.iter().any(|one| one["kind"] == *kind)).expect("a known kind");
                for other in all.iter().filter(|other| other["kind"] != *kind) {
                    put(&format!("{place}.kind"), steps, Some(other.clone()));
                }
            }
            let inside = if place.is_empty() { String::new() } else { format!("{place}.") };
            for (name, value) in &optional {
                let Some(key) = name.strip_prefix(inside.as_str()).filter(|key| !key.contains('.')) else { continue };
                let steps = [steps, &[key.to_owned()]].concat();
                put(name, &steps, (!map.contains_key(key)).then(|| value.clone()));
            }
        }
        Value::Null => panic!("{place} is null"),
    });
    found
}

/// Tells of every value inside another, with its place and the way to it.
fn walk(value: &Value, place: &str, steps: &mut Vec<String>, tell: &mut dyn FnMut(&str, &[String], &Value)) {
    if !steps.is_empty() {
        tell(place, steps, value);
    }
    let inside: Vec<(String, String, &Value)> = match value {
        Value::Object(map) => {
            let dot = if place.is_empty() { "" } else { "." };
            map.iter().map(|(key, value)| (format!("{place}{dot}{key}"), key.clone(), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (format!("{place}[]"), at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (place, step, value) in inside {
        steps.push(step);
        walk(value, &place, steps, tell);
        steps.pop();
    }
}

/// Every place that the schema of settings knows.
fn places() -> BTreeSet<String> {
    let schema = schemars::schema_for!(Settings).to_value();
    let mut found = BTreeSet::new();
    of_schema(&schema, &schema, "", &mut found);
    found
}

fn of_schema(root: &Value, schema: &Value, place: &str, found: &mut BTreeSet<String>) {
    if let Some(path) = schema["$ref"].as_str() {
        of_schema(root, root.pointer(path.trim_start_matches('#')).expect("a definition"), place, found);
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        schema[several].as_array().into_iter().flatten().for_each(|one| of_schema(root, one, place, found));
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        found.insert(format!("{place}[]"));
        of_schema(root, items, &format!("{place}[]"), found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        found.insert(place.clone());
        of_schema(root, property, &place, found);
    }
}

/// Settings of every cell of every embedded experiment at every scale, each once, and some that none has.
fn settings() -> Vec<Settings> {
    let mut all: Vec<Settings> = Vec::new();
    for experiment in Experiment::all().unwrap() {
        for scale in Scale::ALL {
            all.extend(experiment.cells(scale, &Filter::default()).unwrap().into_iter().map(|cell| cell.settings));
        }
    }
    let mut full = serde_json::to_value(&all[0]).unwrap();
    for (place, value) in optional() {
        let (path, last) = place.rsplit_once('.').expect("a path");
        if let Some(Value::Object(map)) = full.pointer_mut(&format!("/{}", path.replace('.', "/"))) {
            map.insert(last.to_owned(), value);
        }
    }
    // Each of its kinds too, so that what is inside them is changed.
    let kinds = edits(&full).into_iter().filter(|edit| edit.place.ends_with(".kind"));
    all.extend(kinds.map(|edit| serde_json::from_value(edit.settings).unwrap()));
    all.push(serde_json::from_value(full).unwrap());
    let mut kept: Vec<Settings> = Vec::new();
    // Cells that differ in nothing but numbers have the same places.
    let mut shapes = BTreeSet::new();
    for settings in all {
        let mut shape = Vec::new();
        walk(&serde_json::to_value(&settings).unwrap(), "", &mut Vec::new(), &mut |place, _, value| {
            shape.push(format!("{place}{}", value.as_str().unwrap_or_default()));
        });
        if shapes.insert(shape) {
            kept.push(settings);
        }
    }
    kept
}

fn trial(settings: Settings) -> Trial {
    let (axes, reading, deviations) = (Vec::new(), String::new(), Vec::new());
    let cell = Cell { axes, settings, trials: 1, reading, deviations };
    let identify = |settings: &_| Ok::<_, ()>(DataIdentity { settings: Clone::clone(settings), digest: "00ff".into() });
    cell.trial(0, &cell.identify(identify).unwrap())
}

/// Addresses by what they are of: `pretext`, `linear` and so on.
fn addresses(trial: &Trial) -> BTreeMap<String, String> {
    let pretext = trial.pretext.iter().map(|recipe| ("pretext".to_owned(), recipe.address().to_string()));
    let evaluations = trial.evaluations.iter();
    pretext.chain(evaluations.map(|recipe| (recipe.evaluation.id().to_owned(), recipe.address().to_string()))).collect()
}

/// Whether the address of `what` has to change with the setting at `place`.
fn depends(what: &str, place: &str, transfer: bool) -> bool {
    let root = place.split(['.', '[']).next().expect("a root");
    let is_of_pretext = ["data", "views", "network", "pretext"].contains(&root);
    let has_encoder = !["raw", "supervised"].contains(&what);
    if what == "pretext" {
        return is_of_pretext;
    }
    match place.strip_prefix("evaluation.") {
        Some(own) => {
            let kind = what.replace('-', "_");
            ["data", "subset", &kind].iter().any(|it| own == *it || own.starts_with(&format!("{it}.")))
        }
        None if has_encoder => is_of_pretext,
        // A network trained from scratch reads the encoder's data, unless there is other data, and no encoder.
        None => root == "network" || root == "data" && !transfer && !place.starts_with("data.subset"),
    }
}

#[test]
fn every_setting_is_in_the_addresses_that_depend_on_it_and_in_no_others() {
    let (mut changed, mut tried) = (BTreeSet::new(), 0);
    for settings in settings() {
        let before = addresses(&trial(settings.clone()));
        let transfer = settings.evaluation.data.is_some();
        let whole = serde_json::to_value(&settings).unwrap();
        let mut seen: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for Edit { place, settings: edited } in edits(&whole) {
            // One word of two types, or nothing where there has to be something.
            let Ok(settings) = serde_json::from_value::<Settings>(edited.clone()) else { continue };
            assert_ne!(serde_json::to_value(&settings).unwrap(), whole, "{place} was not changed");
            let after = addresses(&trial(settings));
            for what in before.keys().filter(|what| after.contains_key(*what)) {
                let expected = depends(what, &place, transfer);
                assert_eq!(before[what] != after[what], expected, "{what} by {place}: {whole:#}\n{edited:#}");
            }
            if let Some(other) = seen.insert(edited.to_string(), after.clone()) {
                assert_eq!(other, after);
            }
            changed.insert(place);
            tried += 1;
        }
        // No two changes come to the same encoder, but those that have nothing to do with it.
        let mut pretext: BTreeMap<&String, Value> = BTreeMap::new();
        for (edited, after) in &seen {
            let edited: Value = serde_json::from_str(edited).unwrap();
            let of_encoder: Map<String, Value> = ["data", "views", "network", "pretext"]
                .into_iter()
                .map(|root| (root.to_owned(), normal(&edited[root])))
                .collect();
            let of_encoder = Value::Object(of_encoder);
            if let Some(address) = after.get("pretext") {
                let known = pretext.entry(address).or_insert_with(|| of_encoder.clone());
                assert_eq!(*known, of_encoder, "two runs with the address {address}");
            }
        }
    }
    let missing: Vec<String> = places().difference(&changed).filter(|place| !is_a_whole(place)).cloned().collect();
    assert!(missing.is_empty(), "settings that no edit changed: {missing:?}");
    assert!(tried > 1000, "{tried} edits");
}

/// Whole numbers where a setting is a float, as the types write them.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), normal(value))).collect()),
        other => other.clone(),
    }
}

/// Places of what has to be there as it is: what is inside is changed, one thing at a time. The subset of the read-outs'
/// data has its place outside.
fn is_a_whole(place: &str) -> bool {
    let required = ["data", "views", "network", "pretext", "evaluation", "pretext.mix", "views.jitter"];
    required.contains(&place) || place.ends_with(".schedule") || place.starts_with("evaluation.data.subset")
}

/// Panics unless each of these changes to a recipe, and each to its format, seed, data and revisions, gives an address of
/// its own.
fn all_differ<R: Serialize + DeserializeOwned>(recipe: &R, address: fn(&R) -> Address, more: &[(&str, Value)]) {
    let recipe = serde_json::to_value(recipe).unwrap();
    let mut changes: Vec<(&str, Value)> =
        vec![("format", json!(99)), ("seed", json!(recipe["seed"].as_u64().unwrap() + 1))];
    let mut data = recipe["data"].clone();
    data["digest"] = json!("00fe");
    changes.push(("data", data));
    for (name, revision) in recipe["revisions"].as_object().unwrap() {
        let (mut raised, mut less) = (recipe["revisions"].clone(), recipe["revisions"].clone());
        raised[name] = json!(revision.as_u64().unwrap() + 1);
        less.as_object_mut().unwrap().remove(name);
        changes.extend([("revisions", raised), ("revisions", less)]);
    }
    changes.extend(more.iter().cloned());
    let of = |(key, value): &(&str, Value)| {
        let mut changed = recipe.clone();
        changed[key] = value.clone();
        address(&serde_json::from_value(changed).unwrap())
    };
    let mut all: BTreeSet<Address> = changes.iter().map(of).collect();
    all.insert(address(&serde_json::from_value(recipe.clone()).unwrap()));
    assert_eq!(all.len(), changes.len() + 1, "{recipe:#}");
}

#[test]
fn every_revision_and_all_else_of_a_recipe_is_in_its_address() {
    let mut components = BTreeSet::new();
    for settings in settings() {
        let trial = trial(settings);
        for recipe in trial.pretext.iter() {
            all_differ(recipe, PretextRecipe::address, &[]);
            components.extend(recipe.revisions.keys().cloned());
        }
        for recipe in &trial.evaluations {
            // Another encoder, or none where there was one.
            let mut encoders = vec![("encoder", json!("00ff"))];
            encoders.extend(recipe.encoder.as_ref().map(|_| ("encoder", Value::Null)));
            all_differ(recipe, EvaluationRecipe::address, &encoders);
            components.extend(recipe.revisions.keys().cloned());
        }
    }
    let expected = [
        "data.images",
        "data.speech",
        "data.tabular",
        "evaluate.fine-tune",
        "evaluate.frechet",
        "evaluate.linear",
        "evaluate.pinv",
        "evaluate.supervised",
        "mix.cutmix",
        "mix.input-mix",
        "mix.layers",
        "mix.mixup",
        "network.mlp",
        "network.resnet",
        "objective.byol",
        "objective.moco",
        "objective.npair",
        "objective.simclr",
        "random",
        "train",
        "views.identity",
        "views.image",
        "views.padded-crop",
        "views.resized-crop",
        "views.speech",
        "views.tabular",
    ];
    assert_eq!(components.into_iter().collect::<Vec<_>>(), expected);
}
