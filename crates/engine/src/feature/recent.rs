//! The last values of something, side by side in memory.

use serde::{Deserialize, Serialize};

/// The last `keep` values, oldest first. They lie in one piece, so that sums over them may be taken in lanes and still be the same
/// bits wherever the values came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(super) struct Recent {
    keep: usize,
    /// Up to twice as many as are kept: the oldest leave together.
    values: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct Kept(usize, Vec<f64>);

impl From<Kept> for Recent {
    fn from(Kept(keep, values): Kept) -> Self {
        Self { keep, values }
    }
}

impl From<Recent> for Kept {
    fn from(recent: Recent) -> Self {
        Self(recent.keep, recent.all().to_vec())
    }
}

impl PartialEq for Recent {
    fn eq(&self, other: &Self) -> bool {
        self.keep == other.keep && self.all() == other.all()
    }
}

impl Recent {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, values: Vec::new() }
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.values.len() >= 2 * self.keep {
            self.values.drain(..self.values.len() - self.keep + 1);
        }
        self.values.push(value);
    }

    fn all(&self) -> &[f64] {
        &self.values[self.values.len().saturating_sub(self.keep)..]
    }

    /// The newest `count` values; `None` before there are so many.
    pub(super) fn last(&self, count: usize) -> Option<&[f64]> {
        let all = self.all();
        all.get(all.len().checked_sub(count)?..)
    }

    /// The value `ago` values before the newest.
    pub(super) fn ago(&self, ago: usize) -> Option<f64> {
        self.last(ago + 1).map(|values| values[0])
    }

    /// Mean of the newest `count` values.
    pub(super) fn mean(&self, count: usize) -> Option<f64> {
        self.last(count).map(|values| sum(values) / count as f64)
    }

    /// Lowest and highest of the newest `count` values.
    pub(super) fn range(&self, count: usize) -> Option<(f64, f64)> {
        let fold = |(low, high): (f64, f64), value: &f64| (low.min(*value), high.max(*value));
        self.last(count).map(|values| values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), fold))
    }
}

/// The sum in four lanes: the same bits on every processor, and as fast as one with vectors.
pub(super) fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (quads, rest) = values.as_chunks::<4>();
    for quad in quads {
        for (lane, value) in lanes.iter_mut().zip(quad) {
            *lane += value;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += value;
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_values_are_there_and_storing_them_changes_nothing() {
        let mut recent = Recent::new(3);
        assert_eq!((recent.last(1), recent.mean(1), recent.ago(0)), (None, None, None));
        for number in 1..=20 {
            recent.push(f64::from(number));
            let restored: Recent = postcard::from_bytes(&postcard::to_allocvec(&recent).unwrap()).unwrap();
            assert_eq!(restored, recent);
            assert_eq!(restored.last(3), recent.last(3));
        }
        assert_eq!(recent.last(3), Some(&[18.0, 19.0, 20.0][..]));
        assert_eq!((recent.last(4), recent.ago(2), recent.ago(3)), (None, Some(18.0), None));
        assert_eq!((recent.mean(2), recent.range(3)), (Some(19.5), Some((18.0, 20.0))));
        assert_eq!(sum(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).to_bits(), 28f64.to_bits());
    }
}
