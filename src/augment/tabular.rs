//! Views of tabular rows: masking noise on the continuous columns.

use rand::RngExt;

use super::{Source, ViewsError};
use crate::data::{DataError, TabularSet};
use crate::random::{Key, Purpose};
use crate::recipe::{Domain, Views};

/// Training rows of a table, seen through masking noise: each continuous value is set to zero with a given
/// probability, without rescaling the others (official `main_pretext.py`, `--inputdrop`).
#[derive(Clone, Debug)]
pub struct TabularViews<'a> {
    inputs: &'a [f32],
    shape: [usize; 1],
    /// Leading columns that masking touches.
    continuous: usize,
    mask: f64,
    seed: u64,
}

impl<'a> TabularViews<'a> {
    /// Views of the training rows of `set`.
    ///
    /// # Errors
    /// Views of another domain, a masking probability outside [0, 1), a set whose counts contradict each other.
    pub fn new(set: &'a TabularSet, views: &Views, seed: u64) -> Result<TabularViews<'a>, ViewsError> {
        let other = |views| Err(ViewsError::Domain { views, set: Domain::Tabular });
        let mask = match views {
            Views::Tabular { mask } if (0.0..1.0).contains(mask) => *mask,
            Views::Tabular { mask } => return Err(ViewsError::Mask { found: *mask }),
            Views::Identity => 0.0,
            Views::Image { .. } => return other(Domain::Images),
            Views::Speech { .. } => return other(Domain::Speech),
        };
        let (width, values) = (set.width(), set.train.inputs.len());
        if set.continuous > width || width == 0 || !values.is_multiple_of(width) {
            return Err(ViewsError::Table { continuous: set.continuous, width, values });
        }
        Ok(TabularViews { inputs: &set.train.inputs, shape: [width], continuous: set.continuous, mask, seed })
    }
}

impl Source for TabularViews<'_> {
    fn len(&self) -> usize {
        self.inputs.len() / self.shape[0]
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn fill(&self, row: usize, view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError> {
        let width = self.shape[0];
        out.copy_from_slice(&self.inputs[row * width..(row + 1) * width]);
        if self.mask == 0.0 {
            return Ok(());
        }
        let mut stream = Key::new(self.seed, Purpose::Views).epoch(epoch).sample(row).view(view).stream();
        for value in &mut out[..self.continuous] {
            if stream.random_bool(self.mask) {
                *value = 0.0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Rows;
    use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

    const ROWS: usize = 4000;

    /// 4 columns, 3 of them continuous, all 1.
    fn ones() -> TabularSet {
        let rows = || Rows { inputs: vec![1.0; ROWS * 4], labels: vec![0; ROWS] };
        TabularSet {
            identity: DataIdentity {
                settings: DataSettings::of(DataSet::Covtype, Part::Embedded),
                digest: String::new(),
            },
            blocks: vec![3, 1],
            continuous: 3,
            classes: 1,
            train: rows(),
            validation: 0..0,
            test: rows(),
            published_rows: (ROWS, ROWS),
        }
    }

    fn view(source: &TabularViews, view: usize, epoch: usize) -> Vec<f32> {
        let rows: Vec<u32> = (0..ROWS as u32).collect();
        let mut out = vec![f32::NAN; ROWS * 4];
        source.fill_rows(&rows, view, epoch, &mut out).unwrap();
        out
    }

    /// Share of the continuous values that are zero in both.
    fn both_masked(a: &[f32], b: &[f32]) -> f64 {
        let both = a.iter().zip(b).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
        both as f64 / (ROWS * 3) as f64
    }

    #[test]
    fn masking_takes_its_share_of_continuous_columns_and_nothing_else() {
        let set = ones();
        let source = TabularViews::new(&set, &Views::Tabular { mask: 0.2 }, 7).unwrap();
        let seen = view(&source, 0, 3);
        assert!(seen.iter().all(|value| *value == 0.0 || *value == 1.0), "values are kept as they are or zero");
        assert!(seen.chunks(4).all(|row| row[3] == 1.0), "the binary column is untouched");
        // 12,000 draws: the standard deviation of the share is 0.0037.
        let share = both_masked(&seen, &seen);
        assert!((share - 0.2).abs() < 0.015, "{share}");
        for column in 0..3 {
            let share = seen.chunks(4).filter(|row| row[column] == 0.0).count() as f64 / ROWS as f64;
            assert!((share - 0.2).abs() < 0.026, "column {column}: {share}");
        }
    }

    #[test]
    fn views_and_epochs_are_masked_independently() {
        let set = ones();
        let source = TabularViews::new(&set, &Views::Tabular { mask: 0.2 }, 7).unwrap();
        let first = view(&source, 0, 3);
        for other in [view(&source, 1, 3), view(&source, 0, 4)] {
            let both = both_masked(&first, &other);
            assert!((both - 0.04).abs() < 0.008, "independent masks coincide in 4%, not {both}");
        }
        assert_eq!(first, view(&source, 0, 3));
    }

    #[test]
    fn a_view_does_not_depend_on_its_place_in_the_batch() {
        let set = ones();
        let source = TabularViews::new(&set, &Views::Tabular { mask: 0.2 }, 7).unwrap();
        let all = view(&source, 1, 0);
        let mut some = vec![0.0; 2 * 4];
        source.fill_rows(&[42, 7], 1, 0, &mut some).unwrap();
        assert_eq!(some[..4], all[42 * 4..43 * 4]);
        assert_eq!(some[4..], all[7 * 4..8 * 4]);
    }

    #[test]
    fn without_masking_both_views_are_the_input() {
        let set = ones();
        for views in [Views::Identity, Views::Tabular { mask: 0.0 }] {
            let source = TabularViews::new(&set, &views, 7).unwrap();
            assert_eq!(view(&source, 0, 0), set.train.inputs);
            assert_eq!((source.len(), source.shape()), (ROWS, [4].as_slice()));
        }
    }

    #[test]
    fn what_is_of_another_domain_or_not_a_probability_is_refused() {
        let set = ones();
        let refused = |views| TabularViews::new(&set, &views, 0).unwrap_err();
        let speech = ViewsError::Domain { views: Domain::Speech, set: Domain::Tabular };
        assert_eq!(refused(Views::Speech { probability: 0.5 }), speech);
        assert_eq!(refused(Views::Tabular { mask: 1.0 }), ViewsError::Mask { found: 1.0 });
        assert!(matches!(refused(Views::Tabular { mask: f64::NAN }), ViewsError::Mask { .. }));
    }
}
