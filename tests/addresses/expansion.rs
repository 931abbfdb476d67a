//! The cells of experiments made at random, beside a model that goes through every combination one by one.

use std::collections::{BTreeMap, BTreeSet};

use imix_repro::experiment::{Cell, CellData, Experiment, Filter, Origin, Scale};
use imix_repro::recipe::{DataIdentity, PretextRecipe};
use imix_repro::runner::{Graph, LabelledTrial};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

/// Settings that can be anything from 0.001 on, and whether the encoder depends on them.
const SETTINGS: [(&str, bool); 6] = [
    ("pretext.base_rate", true),
    ("pretext.momentum", true),
    ("pretext.mix.alpha", true),
    ("views.mask", true),
    ("evaluation.linear.momentum", false),
    ("evaluation.linear.weight_decay", false),
];

/// Some settings, by name, in thousandths: few numbers, so that cells often agree.
type Set = BTreeMap<&'static str, u32>;

/// Accepted values by axis, both by their number.
type When = BTreeMap<usize, BTreeSet<usize>>;

#[derive(Clone, Debug)]
struct Made {
    /// Of each axis, of each value: its settings, and the scales that have it, all if none is named.
    axes: Vec<Vec<(Set, BTreeSet<usize>)>>,
    without: Vec<When>,
    rules: Vec<(When, Set)>,
    /// Of the demo scale: values kept, settings, rules.
    demo: (When, Set, Vec<(When, Set)>),
}

fn set() -> impl Strategy<Value = Set> {
    let names = prop::sample::select(SETTINGS.map(|(name, _)| name).to_vec());
    prop::collection::btree_map(names, 1..4u32, 0..3)
}

/// What holds for some values of some of `axes`.
fn when(axes: &[usize]) -> impl Strategy<Value = When> + use<> {
    let axes = axes.to_vec();
    let one = (any::<Index>(), prop::collection::vec(any::<Index>(), 1..3));
    prop::collection::vec(one, 0..3).prop_map(move |chosen| {
        let of_axis = |(axis, values): (Index, Vec<Index>)| {
            let axis = axis.index(axes.len());
            (axis, values.into_iter().map(|value| value.index(axes[axis])).collect())
        };
        chosen.into_iter().map(of_axis).collect()
    })
}

fn made() -> impl Strategy<Value = Made> {
    let scales = prop_oneof![4 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(0..3usize, 1..3)];
    let values = prop::collection::vec((set(), scales), 1..4);
    prop::collection::vec(values, 1..4).prop_flat_map(|axes| {
        let sizes: Vec<usize> = axes.iter().map(Vec::len).collect();
        let rule = || prop::collection::vec((when(&sizes), set()), 0..4);
        let without = prop::collection::vec(when(&sizes), 0..2);
        (Just(axes), without, rule(), (when(&sizes), set(), rule())).prop_map(|(axes, without, rules, demo)| Made {
            axes,
            without,
            rules,
            demo,
        })
    })
}

const SCALES: [Scale; 3] = [Scale::Demo, Scale::Short, Scale::Paper];

fn number(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

fn written(set: &Set) -> Value {
    Value::Object(set.iter().map(|(name, thousandths)| ((*name).to_owned(), json!(number(*thousandths)))).collect())
}

fn selected(when: &When) -> Value {
    let value = |values: &BTreeSet<usize>| match values.len() {
        1 => json!(format!("v{}", values.first().expect("one"))),
        _ => values.iter().map(|value| json!(format!("v{value}"))).collect(),
    };
    Value::Object(when.iter().map(|(axis, values)| (format!("a{axis}"), value(values))).collect())
}

fn rules(rules: &[(When, Set)]) -> Value {
    rules.iter().map(|(when, set)| json!({ "when": selected(when), "set": written(set) })).collect()
}

/// Settings of a cell on which nothing was laid.
const BASE: u32 = 500;

fn recipe() -> Value {
    json!({
        "data": { "set": "covtype", "part": "embedded", "standardise": "all-rows" },
        "views": { "kind": "tabular", "mask": number(BASE) },
        "network": { "kind": "mlp", "width": 1 },
        "pretext": {
            "method": "npair", "mix": { "operator": "mixup", "alpha": number(BASE) }, "epochs": 4, "warmup_epochs": 1,
            "schedule": { "kind": "cosine" }, "batch": 512, "replicas": 1, "base_rate": number(BASE),
            "momentum": number(BASE), "weight_decay": 0.0001, "embedding": 16, "head": "mlp", "temperature": 0.1
        },
        "evaluation": {
            "linear": {
                "epochs": 3, "batch": 512, "rates": [1, 10], "momentum": number(BASE), "weight_decay": number(BASE),
                "schedule": { "kind": "cosine" }, "measure_from": 2, "validation": true
            },
            "pinv": { "batch": 512 }
        }
    })
}

impl Made {
    fn document(&self) -> Value {
        let axes: Map<String, Value> = self
            .axes
            .iter()
            .enumerate()
            .map(|(axis, values)| {
                let value = |(at, (set, scales)): (usize, &(Set, BTreeSet<usize>))| {
                    let mut value = json!({ "label": format!("value {at}"), "set": written(set) });
                    if !scales.is_empty() {
                        value["scales"] = scales.iter().map(|scale| json!(SCALES[*scale].id())).collect();
                    }
                    (format!("v{at}"), value)
                };
                (format!("a{axis}"), Value::Object(values.iter().enumerate().map(value).collect()))
            })
            .collect();
        let columns: Vec<String> = (1..self.axes.len()).map(|axis| format!("a{axis}")).collect();
        let (only, set, of_scale) = &self.demo;
        json!({
            "id": "made", "title": "Made at random", "expected": "Nothing.", "cost": "Nothing.", "trials": 2,
            "recipe": recipe(),
            "axes": axes,
            "without": self.without.iter().map(selected).collect::<Vec<_>>(),
            "where": rules(&self.rules),
            "scales": { "demo": { "only": selected(only), "set": written(set), "where": rules(of_scale) } },
            "report": { "kind": "table", "rows": "a0", "columns": columns, "reading": "linear/last/test-rate" }
        })
    }

    /// Every cell of a scale by the numbers of its values, in order, with its settings.
    fn model(&self, scale: usize) -> Vec<(Vec<usize>, Set)> {
        let holds = |when: &When, cell: &[usize]| when.iter().all(|(axis, values)| values.contains(&cell[*axis]));
        let mut cells = vec![vec![]];
        for values in &self.axes {
            cells =
                cells.iter().flat_map(|cell| (0..values.len()).map(move |at| [&cell[..], &[at]].concat())).collect();
        }
        let is_at = |(axis, value): (usize, &usize)| {
            let scales = &self.axes[axis][*value].1;
            scales.is_empty() || scales.contains(&scale)
        };
        let is_demo = scale == 0;
        let is_there = |cell: &Vec<usize>| {
            !self.without.iter().any(|when| holds(when, cell))
                && cell.iter().enumerate().all(is_at)
                && (!is_demo || holds(&self.demo.0, cell))
        };
        cells.retain(is_there);
        let settings = |cell: Vec<usize>| {
            let mut set: Set = SETTINGS.iter().map(|(name, _)| (*name, BASE)).collect();
            cell.iter().enumerate().for_each(|(axis, value)| set.extend(&self.axes[axis][*value].0));
            self.rules.iter().filter(|(when, _)| holds(when, &cell)).for_each(|(_, own)| set.extend(own));
            if is_demo {
                set.extend(&self.demo.1);
                self.demo.2.iter().filter(|(when, _)| holds(when, &cell)).for_each(|(_, own)| set.extend(own));
            }
            (cell, set)
        };
        cells.into_iter().map(settings).collect()
    }
}

fn axes(cell: &[usize]) -> Vec<(String, String)> {
    cell.iter().enumerate().map(|(axis, value)| (format!("a{axis}"), format!("v{value}"))).collect()
}

/// The settings of a cell that experiments made here differ in.
fn found(cell: &Cell) -> Set {
    let settings = serde_json::to_value(&cell.settings).expect("plain data");
    let thousandths = |name: &str| {
        let value = settings.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_f64);
        (value.expect(name) * 1000.0).round() as u32
    };
    SETTINGS.iter().map(|(name, _)| (*name, thousandths(name))).collect()
}

fn identified(cell: &Cell) -> CellData {
    let identify = |settings: &_| Ok::<_, ()>(DataIdentity { settings: Clone::clone(settings), digest: "00ff".into() });
    cell.identify(identify).expect("it names any data")
}

fn experiment(made: &Made) -> Option<Experiment> {
    let parsed = Experiment::parse(made.document().to_string().as_bytes(), "made.json", Origin::Embedded);
    match parsed {
        Ok(experiment) => Some(experiment),
        Err(error) => {
            let is_empty = (0..SCALES.len()).all(|scale| made.model(scale).is_empty());
            assert!(is_empty, "{error}: {:#}", made.document());
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_cell_is_there_once_with_the_settings_that_were_laid_on_it(made in made()) {
        let Some(experiment) = experiment(&made) else { return Ok(()) };
        for (at, scale) in SCALES.into_iter().enumerate() {
            let expected = made.model(at);
            let cells = experiment.cells(scale, &Filter::default()).expect("cells");
            let names: Vec<_> = cells.iter().map(|cell| cell.axes.clone()).collect();
            prop_assert_eq!(&names, &expected.iter().map(|(cell, _)| axes(cell)).collect::<Vec<_>>());
            prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            for (cell, (_, settings)) in cells.iter().zip(&expected) {
                prop_assert_eq!(&found(cell), settings, "{} at {}", cell.name(), scale);
            }
        }
    }

    #[test]
    fn a_filter_selects_what_it_names(made in made(), chosen in prop::collection::vec((any::<Index>(), any::<Index>()), 1..4)) {
        let Some(experiment) = experiment(&made) else { return Ok(()) };
        let mut when = When::new();
        for (axis, value) in chosen {
            let axis = axis.index(made.axes.len());
            when.entry(axis).or_default().insert(value.index(made.axes[axis].len()));
        }
        let pairs = when.iter().flat_map(|(axis, values)| values.iter().map(move |value| format!("a{axis}=v{value}")));
        let text = pairs.collect::<Vec<_>>().join(",");
        let filter: Filter = text.parse().expect("a filter");
        for (at, scale) in SCALES.into_iter().enumerate() {
            let accepted = |cell: &Vec<usize>| when.iter().all(|(axis, values)| values.contains(&cell[*axis]));
            let expected: Vec<_> = made.model(at).into_iter().map(|(cell, _)| cell).filter(accepted).map(|cell| axes(&cell)).collect();
            let is_there = |(axis, value): (&usize, &usize)| {
                let scales = &made.axes[*axis][*value].1;
                scales.is_empty() || scales.contains(&at)
            };
            let are_there = when.iter().all(|(axis, values)| values.iter().all(|value| is_there((axis, value))));
            match experiment.cells(scale, &filter) {
                Ok(cells) => {
                    prop_assert!(are_there);
                    prop_assert_eq!(cells.into_iter().map(|cell| cell.axes).collect::<Vec<_>>(), expected);
                }
                Err(error) => prop_assert!(expected.is_empty() || !are_there, "{} {}: {}", scale, text, error),
            }
        }
    }

    #[test]
    fn encoders_are_shared_where_their_settings_are_equal_and_only_there(made in made()) {
        let Some(experiment) = experiment(&made) else { return Ok(()) };
        for (at, scale) in SCALES.into_iter().enumerate() {
            let expected = made.model(at);
            let cells = experiment.cells(scale, &Filter::default()).expect("cells");
            let mut trials = Vec::new();
            for (cell, seed) in cells.iter().flat_map(|cell| (0..2).map(move |seed| (cell, seed))) {
                let trial = cell.trial(seed, &identified(cell));
                trials.push(LabelledTrial { experiment: "made".into(), cell: cell.name(), trial });
            }
            let of_encoder = |set: &Set| -> Set {
                SETTINGS.iter().filter(|(_, of_encoder)| *of_encoder).map(|(name, _)| (*name, set[name])).collect()
            };
            let settings: Vec<(Set, u64)> =
                expected.iter().flat_map(|(_, set)| (0..2).map(move |seed| (of_encoder(set), seed))).collect();
            let addresses: Vec<_> =
                trials.iter().map(|it| it.trial.pretext.as_ref().map(PretextRecipe::address)).collect();
            for (one, address) in addresses.iter().enumerate() {
                for (other, second) in addresses.iter().enumerate() {
                    prop_assert_eq!(address == second, settings[one] == settings[other]);
                }
            }
            // What is to be run is each encoder once, its closed form once, and a classifier for each of its settings.
            let encoders: BTreeSet<_> = settings.iter().collect();
            let whole: BTreeSet<_> = expected.iter().flat_map(|(_, set)| (0..2).map(move |seed| (set, seed))).collect();
            prop_assert_eq!(Graph::new(&trials).jobs().len(), 2 * encoders.len() + whole.len());
        }
    }
}
