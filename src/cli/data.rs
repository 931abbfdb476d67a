//! `repro data`: which data sets are at hand, fetching them, checking them.

use std::path::Path;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::{Common, Data, DataAction, DataName};
use super::{Exit, Output};
use crate::data::fetch::{Origin, Progress, fetch};
use crate::data::{CATALOGUE, DataCopy, DataError, Descriptor, Library, PublishedFile, Standing};
use crate::experiment::nearest;
use crate::report::grouped;

pub fn execute(arguments: Data, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let library = Library::new(common.data.as_deref());
    match arguments.action {
        DataAction::Status(name) => status(&chosen(&name)?, &library, output),
        DataAction::Fetch(name) => fetch_all(&chosen(&name)?, &library, output),
        DataAction::Verify(name) => verify(&chosen(&name)?, name.name.is_some(), &library, output),
    }
}

/// The data set of that name, or all of them.
fn chosen(name: &DataName) -> anyhow::Result<Vec<&'static Descriptor>> {
    let Some(name) = &name.name else { return Ok(CATALOGUE.to_vec()) };
    if let Some(found) = CATALOGUE.iter().find(|descriptor| descriptor.set.id() == name) {
        return Ok(vec![found]);
    }
    let ids = CATALOGUE.map(|descriptor| descriptor.set.id());
    let nearest = nearest(name, ids).map(|id| format!("did you mean `{id}`? ")).unwrap_or_default();
    bail!("unknown data set `{name}`: {nearest}Known are {}", ids.join(", "))
}

fn status(descriptors: &[&Descriptor], library: &Library, output: &Output) -> anyhow::Result<Exit> {
    let mut lines = vec![["SET", "PART", "ROWS (TRAIN + TEST)", "STATE", "LICENCE", "PATH"].map(str::to_owned)];
    let mut details = Vec::new();
    for descriptor in descriptors {
        let line = |part: &str, rows, state: String, path: String| {
            [descriptor.set.id().to_owned(), part.to_owned(), counts(rows), state, descriptor.licence.to_owned(), path]
        };
        if descriptor.embedded_rows.is_some() {
            lines.push(line("embedded", descriptor.embedded_rows, "ok".to_owned(), "in the program".to_owned()));
        }
        if descriptor.layouts().is_empty() {
            continue;
        }
        let copies = library.copies(descriptor.set);
        if copies.is_empty() {
            lines.push(line("full", descriptor.rows, "missing".to_owned(), String::new()));
            details.push(to_get(descriptor));
        }
        for copy in &copies {
            let (state, detail) = judged(library.standing(descriptor.set, copy));
            lines.push(line("full", descriptor.rows, state, copy.path.display().to_string()));
            details.extend(detail);
        }
    }
    aligned(&lines).iter().for_each(|line| output.result(line));
    details.iter().for_each(|detail| output.note(detail));
    Ok(Exit::Done)
}

fn verify(descriptors: &[&Descriptor], named: bool, library: &Library, output: &Output) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for descriptor in descriptors {
        let id = descriptor.set.id();
        if descriptor.layouts().is_empty() {
            output.result(format!("{id}: ok: in the program"));
            continue;
        }
        let copies = library.copies(descriptor.set);
        if copies.is_empty() {
            output.result(format!("{id}: missing"));
            output.note(to_get(descriptor));
            // Checking all there is finds nothing wrong where there is nothing.
            exit = if named { Exit::Failed } else { exit };
        }
        for copy in &copies {
            let (state, detail) = judged(library.verify(descriptor.set, copy));
            output.result(format!("{id}: {state}: {}", copy.path.display()));
            if let Some(detail) = detail {
                output.note(detail);
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn to_get(descriptor: &Descriptor) -> String {
    format!("To get {}, {}", descriptor.set.id(), descriptor.how_to_get())
}

/// The state of a copy, and what is wrong with it.
fn judged(verified: Result<Standing, DataError>) -> (String, Option<String>) {
    match verified {
        Ok(standing) => (in_words(standing), None),
        Err(error) => {
            let state = match error {
                DataError::Altered { .. } => "altered",
                DataError::Damaged { .. } | DataError::DamagedPictures { .. } => "damaged",
                _ => "unreadable",
            };
            (state.to_owned(), Some(error.to_string()))
        }
    }
}

fn in_words(standing: Standing) -> String {
    match standing {
        Standing::Official => "official".to_owned(),
        Standing::Complete => "complete".to_owned(),
        Standing::Part { have, of } => format!("part: {} of {}", counts(Some(have)), counts(Some(of))),
    }
}

fn fetch_all(descriptors: &[&Descriptor], library: &Library, output: &Output) -> anyhow::Result<Exit> {
    let origin = Origin::from_environment()?;
    let root = library
        .roots()
        .first()
        .context("there is no folder to fetch to: this user has no cache. Name one with --data DIR or REPRO_DATA")?;
    if root.is_file() {
        bail!("{} is a file, expected a folder to fetch to", root.display());
    }
    for descriptor in descriptors {
        let id = descriptor.set.id();
        match descriptor.download {
            Some(file) => {
                fetch_one(descriptor, file, root, &origin, output)?;
                output.note(format!("{id}: {}. {}", descriptor.licence, descriptor.attribution));
            }
            None if descriptor.layouts().is_empty() => {
                output.result(format!("{id}: already there: in the program"));
            }
            None => output.result(format!("{id}: not fetched. {}", to_get(descriptor))),
        }
    }
    Ok(Exit::Done)
}

fn fetch_one(
    descriptor: &Descriptor,
    file: &PublishedFile,
    root: &Path,
    origin: &Origin,
    output: &Output,
) -> anyhow::Result<()> {
    let id = descriptor.set.id();
    let target = Library::with_roots([root.to_owned()]);
    for copy in target.copies(descriptor.set) {
        let path = copy.path.display();
        let verified = target.verify(descriptor.set, &copy);
        let is_whole = matches!(verified, Ok(Standing::Official | Standing::Complete));
        match judged(verified) {
            _ if is_whole => {
                output.result(format!("{id}: already there: {path}"));
                return Ok(());
            }
            (state, detail) if copy.path == root.join(file.folder).join(file.name) => {
                let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
                output.note(format!("{id}: {state}, so it is fetched again{detail}"));
            }
            // It would be found before the fetched one, or stay in the way.
            (state, detail) => {
                output.note(format!("{id}: {state}, and left alone: {}", detail.unwrap_or_else(|| in_the_way(&copy))));
            }
        }
    }
    let mut bar = Bar { output, bar: None, total: None, shown: 0 };
    let path = fetch(descriptor.set, file, root, origin, &mut bar)?;
    bar.finish();
    output.result(format!("{id}: fetched, checksum ok: {}", path.display()));
    Ok(())
}

/// What to do about a part of a set beside the whole one.
fn in_the_way(copy: &DataCopy) -> String {
    format!("{} may be found before the fetched archive; move it away to use that", copy.path.display())
}

/// A progress bar on a terminal, a line for each tenth otherwise.
struct Bar<'a> {
    output: &'a Output,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    /// Tenths that have had their line.
    shown: u64,
}

impl Bar<'_> {
    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar<'_> {
    fn start(&mut self, url: &str, have: u64, total: Option<u64>) {
        self.finish();
        let resumed = if have > 0 { format!(", going on from byte {}", grouped(have)) } else { String::new() };
        self.output.note(format!("fetching {url}{resumed}"));
        self.total = total;
        self.shown = total.map_or(0, |total| have * 10 / total.max(1));
        if self.output.interactive() {
            let bar = match total {
                Some(total) => ProgressBar::new(total).with_style(
                    ProgressStyle::with_template("  {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left")
                        .expect("the template is valid"),
                ),
                None => ProgressBar::new_spinner(),
            };
            self.bar = Some(bar.with_position(have));
        }
    }

    fn advance(&mut self, have: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(have);
        } else if let Some(total) = self.total.filter(|total| *total > 0)
            && have * 10 / total > self.shown
        {
            self.shown = have * 10 / total;
            self.output.note(format!("  {} of {} bytes", grouped(have), grouped(total)));
        }
    }

    fn note(&mut self, text: &str) {
        self.finish();
        self.output.note(text);
    }
}

fn counts(rows: Option<(usize, usize)>) -> String {
    rows.map_or_else(String::new, |(train, test)| format!("{} + {}", grouped(train as u64), grouped(test as u64)))
}

/// Pads columns to the same width, two blanks apart.
fn aligned<const N: usize>(lines: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let padded = |line: &[String; N]| -> String {
        line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect()
    };
    lines.iter().map(|line| padded(line).trim_end().to_owned()).collect()
}
