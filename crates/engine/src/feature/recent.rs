//! The last values of something, side by side in memory.

use serde::{Deserialize, Serialize};

/// The last `keep` values, oldest first. They lie in one piece, so that sums over them may be taken in lanes and still be the same
/// bits wherever the values came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(super) struct Recent {
    keep: usize,
    /// Up to four times as many as are kept: the oldest leave together.
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
        if self.values.len() >= 4 * self.keep {
            self.values.drain(..self.values.len() - self.keep + 1);
        }
        self.values.push(value);
    }

    fn all(&self) -> &[f64] {
        &self.values[self.values.len().saturating_sub(self.keep)..]
    }

    /// The newest `count` values; `None` before there are so many.
    pub(super) fn last(&self, count: usize) -> Option<&[f64]> {
        debug_assert!(count <= self.keep, "{count} of {} kept", self.keep);
        self.values.get(self.values.len().checked_sub(count)?..)
    }

    /// The value `ago` values before the newest.
    pub(super) fn ago(&self, ago: usize) -> Option<f64> {
        self.last(ago + 1).map(|values| values[0])
    }

    /// Sum of the newest `count` values.
    #[inline(always)]
    pub(super) fn sum(&self, count: usize) -> Option<f64> {
        self.last(count).map(sum)
    }

    /// Mean of the newest `count` values.
    #[inline(always)]
    pub(super) fn mean(&self, count: usize) -> Option<f64> {
        self.sum(count).map(|sum| sum / count as f64)
    }

    /// For sums over growing lengths.
    pub(super) fn growing(&self) -> Growing<'_> {
        Growing { recent: self, count: 0, sum: 0.0 }
    }

    /// Lowest of the newest `count` values.
    pub(super) fn lowest(&self, count: usize) -> Option<f64> {
        let lower = |a: f64, b: f64| if b < a { b } else { a };
        self.last(count).map(|values| join(lanes(values, f64::INFINITY, lower), lower))
    }

    /// Highest of the newest `count` values.
    pub(super) fn highest(&self, count: usize) -> Option<f64> {
        let higher = |a: f64, b: f64| if b > a { b } else { a };
        self.last(count).map(|values| join(lanes(values, f64::NEG_INFINITY, higher), higher))
    }
}

/// Sums of the newest values of a [`Recent`], for lengths that grow: each is the one before it and the values between.
pub(super) struct Growing<'a> {
    recent: &'a Recent,
    count: usize,
    sum: f64,
}

impl Growing<'_> {
    /// Sum of the newest `count` values, which are more than were asked for before.
    #[inline(always)]
    pub(super) fn sum(&mut self, count: usize) -> Option<f64> {
        let values = self.recent.last(count)?;
        self.sum += sum(&values[..count - self.count]);
        self.count = count;
        Some(self.sum)
    }

    /// Their mean.
    #[inline(always)]
    pub(super) fn mean(&mut self, count: usize) -> Option<f64> {
        self.sum(count).map(|sum| sum / count as f64)
    }
}

// What sums is always inlined: where a length is known when the program is built, its loop is unrolled.

/// The sum in four lanes: the same bits on every processor, and as fast as one with vectors.
#[inline(always)]
pub(super) fn sum(values: &[f64]) -> f64 {
    join(lanes(values, 0.0, |sum, value| sum + value), |a, b| a + b)
}

/// The sum of the squared distances from `mean`, in the same lanes.
#[inline(always)]
pub(super) fn squares_around(values: &[f64], mean: f64) -> f64 {
    join(lanes(values, 0.0, |sum, value| sum + (value - mean) * (value - mean)), |a, b| a + b)
}

const LANES: usize = 4;

/// Every fourth value is folded into the same lane.
#[inline(always)]
fn lanes(values: &[f64], start: f64, step: impl Fn(f64, f64) -> f64) -> [f64; LANES] {
    let mut lanes = [start; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, *value);
    }
    lanes
}

/// Pair by pair, always in the same order.
fn join(lanes: [f64; LANES], step: impl Fn(f64, f64) -> f64) -> f64 {
    let [a, b, c, d] = lanes;
    step(step(a, c), step(b, d))
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
        assert_eq!((recent.ago(2), recent.mean(2)), (Some(18.0), Some(19.5)));
        assert_eq!((recent.lowest(3), recent.highest(2)), (Some(18.0), Some(20.0)));
    }

    #[test]
    fn sums_in_lanes_are_sums() {
        let mut recent = Recent::new(40);
        (1..=30).for_each(|number| recent.push(f64::from(number)));
        let mut growing = recent.growing();
        assert_eq!(
            [1, 2, 11, 30, 31].map(|count| growing.sum(count)),
            [Some(30.0), Some(59.0), Some(275.0), Some(465.0), None]
        );
        assert_eq!(recent.sum(30), Some(465.0));
        assert_eq!(squares_around(recent.last(11).unwrap(), 25.0).to_bits(), 110f64.to_bits());
        assert_eq!((recent.lowest(19), recent.highest(19)), (Some(12.0), Some(30.0)));
    }
}
