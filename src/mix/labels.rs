//! The labels of mixed queries.

use std::ops::Range;

/// The virtual labels of a batch of queries: an N x N matrix with at most two entries in a row.
///
/// The own label of query `i` is key `i`. Query `i` is `lambda[i]` of its own label and `1 - lambda[i]` of
/// `partner[i]`. Without partners the batch is clean: every query is wholly itself.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualLabels {
    pub partner: Option<Vec<u32>>,
    /// In [0, 1]; not read where there are no partners.
    pub lambda: Vec<f32>,
}

/// Labels that do not describe the batch they came with.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum LabelError {
    #[error("{found} lambdas and {partners} partners for a batch of {rows}")]
    Length { rows: usize, found: usize, partners: usize },
    #[error("the partner of row {row} is row {partner}, outside its share {share:?} of the batch")]
    Partner { row: usize, partner: u32, share: Range<usize> },
}

impl VirtualLabels {
    /// Of unmixed queries.
    pub fn clean(rows: usize) -> VirtualLabels {
        VirtualLabels { partner: None, lambda: vec![1.0; rows] }
    }

    /// Of queries mixed with the given rows.
    pub fn mixed(partner: Vec<u32>, lambda: Vec<f32>) -> VirtualLabels {
        VirtualLabels { partner: Some(partner), lambda }
    }

    pub fn is_mixed(&self) -> bool {
        self.partner.is_some()
    }

    /// Queries in the batch.
    pub fn rows(&self) -> usize {
        self.lambda.len()
    }

    /// The entries of the label matrix, `(query, key, weight)`, those of a query together and in order.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        (0..self.rows()).flat_map(move |row| {
            let (own, other) = match &self.partner {
                None => (1.0, None),
                Some(partner) => (self.lambda[row], Some((row, partner[row] as usize, 1.0 - self.lambda[row]))),
            };
            std::iter::once((row, row, own)).chain(other)
        })
    }

    /// The labels of each of `shares` equal contiguous shares, numbered within the share.
    ///
    /// # Errors
    /// Lengths that disagree, or a partner outside its row's share.
    pub fn split(&self, shares: usize) -> Result<Vec<VirtualLabels>, LabelError> {
        let rows = self.rows();
        let partners = self.partner.as_ref().map_or(rows, Vec::len);
        if partners != rows || shares == 0 || !rows.is_multiple_of(shares) {
            return Err(LabelError::Length { rows, found: rows, partners });
        }
        let size = rows / shares;
        (0..shares).map(|index| self.within(index * size..(index + 1) * size)).collect()
    }

    fn within(&self, share: Range<usize>) -> Result<VirtualLabels, LabelError> {
        let renumber = |row: usize, partner: u32| {
            let inside = share.contains(&(partner as usize));
            let outside = || LabelError::Partner { row, partner, share: share.clone() };
            inside.then(|| partner - share.start as u32).ok_or_else(outside)
        };
        let partner = match &self.partner {
            None => None,
            Some(partner) => {
                Some(share.clone().map(|row| renumber(row, partner[row])).collect::<Result<Vec<u32>, LabelError>>()?)
            }
        };
        Ok(VirtualLabels { partner, lambda: self.lambda[share.clone()].to_vec() })
    }
}
