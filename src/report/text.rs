//! How numbers, names and warnings are spelled, the same in every format.

use crate::experiment::{Deviation, Scale};
use crate::paper::Confidence;
use crate::recipe::Unit;

use super::measured::Published;
use super::statistics::{Interval, Spread};

/// Marks behind published numbers, with their meaning.
pub const LEGEND: [(Confidence, &str, &str); 2] = [
    (Confidence::Recalled, "r", "quoted from memory of the paper, not checked against it"),
    (Confidence::Consistent, "c", "quoted from memory; agrees with a source that constrains it"),
];

/// The letter that marks a published number; none if it was read in a source.
pub fn mark(confidence: Confidence) -> Option<&'static str> {
    LEGEND.into_iter().find(|(of, _, _)| *of == confidence).map(|(_, letter, _)| letter)
}

/// `581012` as `581,012`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A mark as a raised letter.
pub fn raised(letter: &str) -> &'static str {
    if letter == "r" { "ʳ" } else { "ᶜ" }
}

/// Percent with one decimal, as the paper prints it.
pub fn percent(value: f64) -> String {
    let text = format!("{value:.1}");
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

/// A difference with its sign.
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.1}");
    if text == "-0.0" || text == "+0.0" { "0.0".to_owned() } else { text }
}

pub fn interval(interval: &Interval) -> String {
    format!("[{}, {}]", signed(interval.low), signed(interval.high))
}

/// `72.1 ± 0.3`, or `72.1` for a single trial.
pub fn spread(spread: &Spread) -> String {
    with_deviation(spread.mean, spread.std)
}

/// A reading at the head of a column, with what its numbers are given in.
pub fn heading(reading: &str) -> String {
    match Unit::of(reading) {
        Unit::Accuracy => reading.to_owned(),
        Unit::Distance => format!("{reading}, 10⁻⁴"),
    }
}

/// What stands beneath [`heading`].
pub fn spread_of(reading: &str, found: &Spread) -> String {
    let factor = factor(Unit::of(reading));
    spread(&Spread { mean: factor * found.mean, std: found.std.map(|std| factor * std), ..*found })
}

/// A difference between readings, with its unit where that is not percentage points.
pub fn signed_in(unit: Unit, difference: f64) -> String {
    format!("{}{}", signed(factor(unit) * difference), exponent(unit))
}

/// The interval of such a difference.
pub fn interval_in(unit: Unit, found: &Interval) -> String {
    let factor = factor(unit);
    format!("{}{}", interval(&Interval { low: factor * found.low, high: factor * found.high }), exponent(unit))
}

/// One decimal has to show what the numbers differ in: distances are mostly below 0.1.
fn factor(unit: Unit) -> f64 {
    match unit {
        Unit::Accuracy => 1.0,
        Unit::Distance => 1e4,
    }
}

fn exponent(unit: Unit) -> &'static str {
    match unit {
        Unit::Accuracy => "",
        Unit::Distance => " × 10⁻⁴",
    }
}

/// A published number without its mark.
pub fn published(published: &Published) -> String {
    with_deviation(published.mean, published.std)
}

/// A published number with its mark as a raised letter; `-` where there is none.
pub fn published_marked(number: Option<&Published>) -> String {
    match number {
        Some(number) => format!("{}{}", published(number), mark(number.confidence).map_or("", raised)),
        None => "-".to_owned(),
    }
}

fn with_deviation(mean: f64, std: Option<f64>) -> String {
    match std {
        Some(std) => format!("{} ± {}", percent(mean), percent(std)),
        None => percent(mean),
    }
}

/// `pretext.epochs: 50, published 500`.
pub fn deviation(deviation: &Deviation) -> String {
    format!("{}: {}, published {}", deviation.what, deviation.ours, deviation.published)
}

/// What a scale means for whoever reads a number made at it.
pub fn scale(scale: Scale) -> &'static str {
    match scale {
        Scale::Demo => "DEMO SCALE: embedded data, not comparable with the paper",
        Scale::Short => "SHORT SCALE: real data, less training, not comparable with the paper",
        Scale::Paper => "Paper scale: as published, but for the deviations listed",
    }
}

/// How our lines are called, so that a number copied from a smaller scale keeps its label.
pub fn ours(scale: Scale) -> &'static str {
    match scale {
        Scale::Demo => "ours (demo)",
        Scale::Short => "ours (short)",
        Scale::Paper => "ours",
    }
}

/// How many more trials would decide.
pub fn more_trials(more: usize) -> String {
    let trials = if more == 1 { "trial" } else { "trials" };
    format!("about {more} more {trials} would decide if they spread alike")
}

/// Escapes text for HTML, in elements and in quoted attributes.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escapes text for a cell of a Markdown table.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escapes text for LaTeX, outside of mathematics.
pub fn latex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '±' => escaped.push_str("$\\pm$"),
            'ʳ' => escaped.push_str("\\textsuperscript{r}"),
            'ᶜ' => escaped.push_str("\\textsuperscript{c}"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 581_012, 75_169_317].map(grouped), ["0", "999", "1,000", "581,012", "75,169,317"]);
    }

    #[test]
    fn nothing_rounds_to_minus_zero() {
        assert_eq!([percent(-0.04), signed(-0.04), signed(0.04), signed(-0.06)], ["0.0", "0.0", "0.0", "-0.1"]);
    }

    #[test]
    fn distances_are_told_from_percentages() {
        let found = Spread { n: 2, mean: 0.01234, std: Some(0.0005) };
        assert_eq!((heading("frechet"), spread_of("frechet", &found)), ("frechet, 10⁻⁴".into(), "123.4 ± 5.0".into()));
        let found = Spread { n: 1, mean: 72.13, std: None };
        assert_eq!((heading("pinv"), spread_of("pinv", &found)), ("pinv".into(), "72.1".into()));
        let bounds = Interval { low: -0.00012, high: 0.001 };
        assert_eq!(signed_in(Unit::Distance, 0.00055), "+5.5 × 10⁻⁴");
        assert_eq!(interval_in(Unit::Distance, &bounds), "[-1.2, +10.0] × 10⁻⁴");
        assert_eq!(interval_in(Unit::Accuracy, &Interval { low: -1.25, high: 2.0 }), "[-1.2, +2.0]");
    }

    #[test]
    fn each_format_keeps_its_special_characters_harmless() {
        let text = "<a href=\"x\">50% & \\x_1|'y'";
        assert_eq!(html(text), "&lt;a href=&quot;x&quot;&gt;50% &amp; \\x_1|&#39;y&#39;");
        assert_eq!(latex(text), "\\textless{}a href=\"x\"\\textgreater{}50\\% \\& \\textbackslash{}x\\_1|'y'");
        assert_eq!(markdown("a|b_c\nd"), "a\\|b\\_c d");
    }
}
