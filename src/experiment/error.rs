//! What can be wrong with an experiment file, and with what is asked of it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An experiment that cannot be used.
#[derive(Debug, Error)]
pub enum ExperimentError {
    #[error("no experiment `{name}`{}; an experiment is one of {}, or the path of a file", hint(.nearest), listed(.known))]
    NoSuchExperiment { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("cannot read the experiment file {path}: {reason}")]
    Read { path: PathBuf, reason: io::Error },
    #[error("{file}, line {line}, column {column}: not JSON: {message}")]
    Syntax { file: String, line: usize, column: usize, message: String },
    #[error("{file}, line {line}, column {column}: the key `{key}` stands twice in {}", place(.pointer))]
    DuplicateKey { file: String, line: usize, column: usize, pointer: String, key: String },
    #[error("{file} has format {found}; this release reads formats up to {supported}: use a newer release of repro")]
    Newer { file: String, found: u64, supported: u32 },
    /// Something in the file is not what it has to be.
    #[error("{file}: {mismatch}")]
    File { file: String, mismatch: Box<Mismatch> },
    /// The file reads well, but a cell it gives cannot be run.
    #[error("{file}{}: the cell {cell}{} at the {scale} scale, {mismatch}", set_at.as_ref().map(|at| format!(": at {at}")).unwrap_or_default(), others(*also))]
    Cell {
        file: String,
        /// JSON pointer of what last set the setting, if anything did.
        set_at: Option<String>,
        cell: String,
        /// How many more cells of the file have the same fault from the same place.
        also: usize,
        scale: super::Scale,
        /// Its pointer is the setting's, in the resolved settings of the cell.
        mismatch: Box<Mismatch>,
    },
    /// An axis or value in a selection that the experiment does not have.
    #[error("--only: {what} `{found}` in {experiment}{}; expected one of {}", hint(.nearest), listed(.expected))]
    Selection { experiment: String, what: String, found: String, nearest: Option<String>, expected: Vec<String> },
    #[error("--only: {experiment} has no cell with all of these values")]
    NoCells { experiment: String },
}

/// Everything that was found wrong, with an experiment file if nothing else is said, in the order in which it is looked
/// for: at least one thing.
#[derive(Debug)]
pub struct Faults<E = ExperimentError> {
    pub first: Box<E>,
    pub others: Vec<E>,
}

impl<E> Faults<E> {
    /// An error where anything was found.
    pub fn none_in(errors: impl IntoIterator<Item = E>) -> Result<(), Faults<E>> {
        let mut errors = errors.into_iter();
        match errors.next() {
            Some(first) => Err(Faults { first: Box::new(first), others: errors.collect() }),
            None => Ok(()),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &E> {
        std::iter::once(&*self.first).chain(&self.others)
    }

    /// Each of them as something else.
    pub fn map<F>(self, mut change: impl FnMut(E) -> F) -> Faults<F> {
        Faults { first: Box::new(change(*self.first)), others: self.others.into_iter().map(change).collect() }
    }
}

impl<E> IntoIterator for Faults<E> {
    type Item = E;
    type IntoIter = std::iter::Chain<std::iter::Once<E>, std::vec::IntoIter<E>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(*self.first).chain(self.others)
    }
}

impl<E> From<E> for Faults<E> {
    fn from(first: E) -> Faults<E> {
        Faults { first: Box::new(first), others: Vec::new() }
    }
}

/// A place in a JSON document where something else was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at {}: found {found}, expected {expected}{}", place(.pointer), hint(.nearest))]
pub struct Mismatch {
    /// JSON pointer (RFC 6901) of the place.
    pub pointer: String,
    pub found: String,
    pub expected: String,
    /// The valid spelling that comes closest.
    pub nearest: Option<String>,
}

impl Mismatch {
    pub fn new(pointer: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Mismatch {
        Mismatch { pointer: pointer.into(), found: found.into(), expected: expected.into(), nearest: None }
    }

    /// `found` is none of the names in `known`.
    pub fn unknown<'a>(
        pointer: impl Into<String>,
        what: &str,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Mismatch {
        let known: Vec<&str> = known.into_iter().collect();
        Mismatch {
            pointer: pointer.into(),
            found: format!("{what} `{}`", shortened(found)),
            expected: listed(&known),
            nearest: nearest(found, known.iter().copied()),
        }
    }
}

/// The spelling in `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Longer words are no typing errors, and would take long to compare.
    if word.chars().count() > 100 {
        return None;
    }
    let allowed = 1 + word.chars().count() / 3;
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// Adds a key or an index to a JSON pointer.
pub fn join(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// Text of unknown length, for a message of one line.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let text = text.escape_debug().to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}...")
}

pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// Keys of a file may hold anything: what a terminal would take for a command is escaped.
fn place(pointer: &str) -> String {
    if pointer.is_empty() {
        return "the top".to_owned();
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    pointer.chars().map(escaped).collect()
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (and 1 more cell)".to_owned(),
        n => format!(" (and {n} more cells)"),
    }
}
