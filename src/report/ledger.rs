//! The ledger of deviations: in what our cells differ from the published protocol, and which do.

use crate::experiment::Deviation;

use super::Report;
use super::measured::{Coordinate, MeasuredCell};

impl Report {
    /// Deviations with the cells that have them, in order of first appearance.
    pub(super) fn ledger(&self) -> Vec<(&Deviation, Vec<usize>)> {
        let mut ledger: Vec<(&Deviation, Vec<usize>)> = Vec::new();
        for (index, cell) in self.measured.cells.iter().enumerate() {
            for deviation in &cell.deviations {
                match ledger.iter_mut().find(|(known, _)| *known == deviation) {
                    Some((_, cells)) => cells.push(index),
                    None => ledger.push((deviation, vec![index])),
                }
            }
        }
        ledger
    }

    /// The cells of a ledger line in words: by the axis values that all of them have and no other cell has, as `CIFAR-10,
    /// CIFAR-100; + i-Mix`, or one by one where no values tell them apart.
    pub(super) fn cells_in_words(&self, cells: &[usize]) -> String {
        let all = &self.measured.cells;
        if cells.len() == all.len() {
            return "all".to_owned();
        }
        let axes = all.first().map_or(0, |cell| cell.coordinates.len());
        let values = |axis: usize, of: &mut dyn Iterator<Item = usize>| {
            let mut found: Vec<&Coordinate> = Vec::new();
            for coordinate in of.map(|cell| &all[cell].coordinates[axis]) {
                if !found.iter().any(|known| known.value == coordinate.value) {
                    found.push(coordinate);
                }
            }
            found
        };
        let telling: Vec<(usize, Vec<&Coordinate>)> = (0..axes)
            .map(|axis| (axis, values(axis, &mut cells.iter().copied())))
            .filter(|(axis, found)| found.len() < values(*axis, &mut (0..all.len())).len())
            .collect();
        let has = |cell: &&MeasuredCell| {
            telling.iter().all(|(axis, found)| found.iter().any(|it| it.value == cell.coordinates[*axis].value))
        };
        if all.iter().filter(has).count() == cells.len() {
            let labels =
                |found: &[&Coordinate]| found.iter().map(|it| it.label.as_str()).collect::<Vec<_>>().join(", ");
            return telling.iter().map(|(_, found)| labels(found)).collect::<Vec<_>>().join("; ");
        }
        cells.iter().map(|cell| self.grid.name(*cell)).collect::<Vec<_>>().join("; ")
    }
}
