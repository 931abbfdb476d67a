//! The experiment files that are part of the program.

/// Id and text of each, in the order of the paper.
pub const FILES: &[(&str, &str)] = &[
    ("table1", include_str!("../../experiments/table1.json")),
    ("table2", include_str!("../../experiments/table2.json")),
    ("table3", include_str!("../../experiments/table3.json")),
    ("table4", include_str!("../../experiments/table4.json")),
    ("figure1", include_str!("../../experiments/figure1.json")),
    ("figure2", include_str!("../../experiments/figure2.json")),
    ("ablations", include_str!("../../experiments/ablations.json")),
];
