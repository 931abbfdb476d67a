//! Mixtures of rows: what mixing inside a network does to activations.

/// Row `i` becomes `own[i]` of itself and `other[i]` of row `partner[i]`. A linear map, the same for every feature.
#[derive(Clone, Debug, PartialEq)]
pub struct RowMix {
    partner: Vec<u32>,
    own: Vec<f32>,
    other: Vec<f32>,
}

impl RowMix {
    /// Row `i` becomes `lambda[i]` of itself and `1 - lambda[i]` of row `partner[i]`. None where the partners are not an
    /// order of the rows, each of them once.
    pub fn new(partner: Vec<u32>, lambda: Vec<f32>) -> Option<RowMix> {
        let mut seen = vec![false; lambda.len()];
        let fits = partner.len() == lambda.len()
            && partner.iter().all(|row| seen.get_mut(*row as usize).is_some_and(|seen| !std::mem::replace(seen, true)));
        let other = lambda.iter().map(|lambda| 1.0 - lambda).collect();
        fits.then_some(RowMix { partner, own: lambda, other })
    }

    pub fn rows(&self) -> usize {
        self.own.len()
    }

    /// The transpose, which takes gradients back: each row is the partner of just one.
    pub fn transposed(&self) -> RowMix {
        let (mut partner, mut other) = (vec![0; self.rows()], vec![0.0; self.rows()]);
        for (row, of) in self.partner.iter().enumerate() {
            partner[*of as usize] = row as u32;
            other[*of as usize] = self.other[row];
        }
        RowMix { partner, own: self.own.clone(), other }
    }

    /// What each row is made of, in order: its own share, its partner and the partner's share.
    pub fn terms(&self) -> impl Iterator<Item = (f32, usize, f32)> + '_ {
        self.own
            .iter()
            .zip(&self.partner)
            .zip(&self.other)
            .map(|((own, partner), other)| (*own, *partner as usize, *other))
    }
}
