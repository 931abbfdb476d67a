//! What of an experiment is done, and what there is to do.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::recipe::{Address, DataIdentity, DataSettings};
use crate::store::{Results, StoreError};

use super::{Cell, Cost, Trial, cost};

/// How cells learn about data: by content, not by path.
pub trait KnownData {
    /// The content that settings ask for; none where it is not at hand.
    fn identity(&self, settings: &DataSettings) -> Option<DataIdentity>;
    /// Training and test rows, where they are known without reading the data.
    fn rows(&self, settings: &DataSettings) -> Option<(usize, usize)>;
}

/// Pieces of work, each counted once however many cells share it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub todo: usize,
    pub done: usize,
    /// Pieces that more than one cell needs.
    pub shared: usize,
    /// Operations that would be to do again if each cell made its own pieces.
    pub saved: f64,
    /// Of what is to do.
    pub cost: Cost,
}

/// The work of some cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    pub cells: Vec<CellWork>,
    pub pretext: Tally,
    pub evaluations: Tally,
    /// Results that could not be read, and so count as not done.
    pub warnings: Vec<String>,
}

/// The work of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellWork {
    pub axes: Vec<(String, String)>,
    pub trials: usize,
    /// None where the data is not at hand: without its content there is no telling which results are of it.
    pub done: Option<usize>,
    /// Operations to do; what cells share counts for the first of them.
    pub flops: f64,
}

impl Workload {
    /// Trials of all cells, and how many are done; none where that cannot be told of some.
    pub fn trials(&self) -> (usize, Option<usize>) {
        (self.cells.iter().map(|cell| cell.trials).sum(), self.cells.iter().map(|cell| cell.done).sum())
    }
}

/// Looks up the trials of `cells` in the results folder. `trials` stands in for the number that the scale asks for.
pub fn workload(cells: &[Cell], trials: Option<usize>, data: &dyn KnownData, results: &Results) -> Workload {
    let mut survey = Survey { results, seen: BTreeMap::new(), found: Workload::default() };
    for cell in cells {
        survey.cell(cell, trials.unwrap_or(cell.trials), data);
    }
    let mut found = survey.found;
    for piece in survey.seen.values() {
        let tally = if piece.pretext { &mut found.pretext } else { &mut found.evaluations };
        tally.shared += usize::from(piece.cells > 1);
    }
    found
}

/// How much data a cell has.
#[derive(Clone, Copy)]
struct Rows {
    /// Training rows of the pretext run.
    pretext: usize,
    /// Training and test rows of the read-outs.
    read_out: (usize, usize),
}

struct Survey<'a> {
    results: &'a Results,
    seen: BTreeMap<Address, Piece>,
    found: Workload,
}

struct Piece {
    pretext: bool,
    done: bool,
    /// How many cells need it, and the last that was counted.
    cells: usize,
    last: usize,
}

impl Survey<'_> {
    fn cell(&mut self, cell: &Cell, trials: usize, data: &dyn KnownData) {
        let settings = &cell.settings;
        let known = settings.data_sets().all(|settings| data.identity(settings).is_some());
        let Ok(identities) =
            cell.identify(|settings| Ok::<_, Infallible>(data.identity(settings).unwrap_or_else(|| unknown(settings))));
        let rows = |settings| data.rows(settings).unwrap_or_default();
        let rows = Rows { pretext: rows(&settings.data).0, read_out: rows(&settings.read_out_data()) };
        let mut work = CellWork { axes: cell.axes.clone(), trials, done: known.then_some(0), flops: 0.0 };
        for seed in 0..trials {
            let done = self.trial(cell, &cell.trial(seed as u64, &identities), rows, &mut work.flops);
            work.done = work.done.map(|before| before + usize::from(done));
        }
        self.found.cells.push(work);
    }

    /// Counts a trial's pieces, and says whether it is done.
    fn trial(&mut self, cell: &Cell, trial: &Trial, rows: Rows, flops: &mut f64) -> bool {
        let mut every = true;
        for recipe in &trial.evaluations {
            let address = recipe.address();
            let (done, first) = self.piece(&address, false);
            every &= done;
            let cost = cost::of_evaluation(&cell.settings, &recipe.evaluation, rows.read_out).unwrap_or_default();
            *flops += self.found.evaluations.count(done, first, cost);
        }
        if let Some(recipe) = &trial.pretext {
            let (done, first) = self.piece(&recipe.address(), true);
            // An encoder whose evaluations are all there is not needed again.
            let cost = cost::of_pretext(&cell.settings, rows.pretext).unwrap_or_default();
            *flops += self.found.pretext.count(done || every, first, cost);
        }
        every
    }

    /// Whether a piece is done, and whether this is the first that is heard of it.
    fn piece(&mut self, address: &Address, pretext: bool) -> (bool, bool) {
        let cell = self.found.cells.len();
        if let Some(piece) = self.seen.get_mut(address) {
            if piece.last != cell {
                (piece.cells, piece.last) = (piece.cells + 1, cell);
            }
            return (piece.done, false);
        }
        let read = if pretext { pretext_done(self.results, address) } else { evaluation_done(self.results, address) };
        let done = read.unwrap_or_else(|error| {
            self.found.warnings.push(format!("{error}; it counts as not done"));
            false
        });
        self.seen.insert(address.clone(), Piece { pretext, done, cells: 1, last: cell });
        (done, true)
    }
}

impl Tally {
    /// Adds a piece, `first` heard of in this cell or not, and says how many operations of it are to do.
    fn count(&mut self, done: bool, first: bool, cost: Cost) -> f64 {
        if !first {
            self.saved += if done { 0.0 } else { cost.flops };
            return 0.0;
        }
        if done {
            self.done += 1;
            return 0.0;
        }
        self.todo += 1;
        self.cost.flops += cost.flops;
        self.cost.steps += cost.steps;
        self.cost.kept += cost.kept;
        self.cost.scratch = self.cost.scratch.max(cost.scratch);
        cost.flops
    }
}

fn pretext_done(results: &Results, address: &Address) -> Result<bool, StoreError> {
    Ok(results.pretext(address).read_done()?.is_some())
}

fn evaluation_done(results: &Results, address: &Address) -> Result<bool, StoreError> {
    Ok(results.evaluation(address).read_result()?.is_some())
}

/// Stands in for data that is not at hand, so that what cells share can still be told.
fn unknown(settings: &DataSettings) -> DataIdentity {
    DataIdentity { settings: settings.clone(), digest: "unknown".to_owned() }
}
