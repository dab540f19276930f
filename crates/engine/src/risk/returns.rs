//! How prices moved together over the last day, for limits on what several positions may lose at once.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::time::NS_PER_MIN;
use types::{InstrumentId, Timestamp};

use crate::market::{Market, Markets};
use crate::stats::exceedance::historical;

/// Length of a slot, minutes.
pub(crate) const SLOT_MIN: u16 = 5;
const SLOT_NS: i64 = SLOT_MIN as i64 * NS_PER_MIN;
/// Slots of a day: as many are kept.
pub(crate) const SLOTS: usize = 288;
/// Fewest returns that a correlation is told from: an hour of them.
const CORRELATED_MIN: usize = 12;
/// Fewest returns that a value at risk is told from.
const AT_RISK_MIN: usize = 60;

/// Five-minute log-returns of the middle of every proven book, the newest last. Infinite where it was not proven at both ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Returns {
    slot: i64,
    marks: BTreeMap<InstrumentId, f64>,
    rows: BTreeMap<InstrumentId, VecDeque<f32>>,
}

impl Returns {
    /// Time went on to `at`.
    pub(crate) fn roll(&mut self, at: Timestamp, markets: &Markets) {
        let slot = at.as_nanos().div_euclid(SLOT_NS);
        if slot == self.slot {
            return;
        }
        if slot != self.slot + 1 {
            self.marks.clear();
        }
        self.slot = slot;
        for market in markets.iter() {
            let id = market.instrument.id;
            let before = self.marks.remove(&id);
            let now = mark(market);
            let moved = before.zip(now).map_or(f32::INFINITY, |(before, now)| libm::log(now / before) as f32);
            let row = self.rows.entry(id).or_default();
            if row.len() == SLOTS {
                row.pop_front();
            }
            row.push_back(moved);
            if let Some(now) = now {
                self.marks.insert(id, now);
            }
        }
    }

    /// Pearson's correlation of the returns of two instruments; `None` for fewer than an hour of common ones, or where one did not move.
    #[must_use]
    pub fn correlation(&self, a: InstrumentId, b: InstrumentId) -> Option<f64> {
        let (a, b) = (self.rows.get(&a)?, self.rows.get(&b)?);
        let both = a.iter().rev().zip(b.iter().rev()).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let common: Vec<(f64, f64)> = both.filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
        let n = common.len() as f64;
        if common.len() < CORRELATED_MIN {
            return None;
        }
        let (sum_a, sum_b) = common.iter().fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
        let (mean_a, mean_b) = (sum_a / n, sum_b / n);
        let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
        for (a, b) in &common {
            let (a, b) = (a - mean_a, b - mean_b);
            (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
        }
        (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
    }

    /// Whether enough is known of an instrument's returns to weigh it against others: five hours of them, in which it moved.
    pub(crate) fn is_known(&self, id: InstrumentId) -> bool {
        let returns = || self.rows.get(&id).into_iter().flatten().filter(|value| value.is_finite());
        returns().count() >= AT_RISK_MIN && returns().any(|value| value.abs() > 0.0)
    }

    /// The returns of instruments in slots of which all of theirs are known, oldest first; `None` for fewer than five hours of them.
    pub(crate) fn common(&self, ids: &[InstrumentId]) -> Option<Vec<Vec<f64>>> {
        let rows: Vec<&VecDeque<f32>> = ids.iter().map(|id| self.rows.get(id)).collect::<Option<_>>()?;
        let slots = rows.iter().map(|row| row.len()).min().unwrap_or(0);
        let is_whole = |back: &usize| rows.iter().all(|row| row[row.len() - back].is_finite());
        let whole: Vec<usize> = (1..=slots).rev().filter(is_whole).collect();
        let of = |row: &&VecDeque<f32>| whole.iter().map(|back| f64::from(row[row.len() - back])).collect();
        (whole.len() >= AT_RISK_MIN).then(|| rows.iter().map(of).collect())
    }

    /// What positions of these values would lose in a day on one day in twenty, in the same unit: the 95 % value at risk of five minutes
    /// by historical simulation, times the root of the day's 288. `None` for fewer than five hours of returns.
    #[must_use]
    pub fn value_at_risk(&self, positions: &[(InstrumentId, f64)]) -> Option<f64> {
        let rows: Vec<(&VecDeque<f32>, f64)> =
            positions.iter().map(|(id, value)| Some((self.rows.get(id)?, *value))).collect::<Option<_>>()?;
        let slots = rows.iter().map(|(row, _)| row.len()).min().unwrap_or(0);
        let change =
            |back: usize| rows.iter().map(|(row, value)| f64::from(row[row.len() - back]) * value).sum::<f64>();
        let changes: Vec<f64> = (1..=slots).map(change).filter(|change| change.is_finite()).collect();
        if changes.len() < AT_RISK_MIN {
            return None;
        }
        let (at_risk, _) = historical(&changes, 0.95)?;
        Some(at_risk.max(0.0) * (SLOTS as f64).sqrt())
    }
}

fn mark(market: &Market) -> Option<f64> {
    let price = market.mark().filter(|_| market.book().is_proven())?;
    Some(market.instrument.scale.price_f64(price))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
    }

    fn returns(rows: &[(u16, Vec<f32>)]) -> Returns {
        let rows = rows.iter().map(|(id, row)| (InstrumentId(*id), row.iter().copied().collect())).collect();
        Returns { rows, ..Returns::default() }
    }

    #[test]
    fn correlation_by_hand() {
        let a: Vec<f32> = (0..20).map(|n| if n % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let half: Vec<f32> = (0..20).map(|n| if n % 4 < 2 { 0.25 } else { -0.25 }).collect();
        let opposite = a.iter().map(|value| -2.0 * value).collect();
        let told = returns(&[(0, a.clone()), (1, opposite), (2, half), (3, vec![0.0; 20]), (4, a[..11].to_vec())]);
        let of = |a, b| told.correlation(InstrumentId(a), InstrumentId(b));
        close(of(0, 0).unwrap(), 1.0, 1e-12);
        close(of(0, 1).unwrap(), -1.0, 1e-12);
        close(of(0, 2).unwrap(), 0.0, 1e-12);
        assert_eq!((of(0, 3), of(0, 4), of(0, 9)), (None, None, None), "no move, too few, unknown");
    }

    #[test]
    fn common_returns_are_of_the_same_slots() {
        let mut gap: Vec<f32> = (0..100).map(|n| n as f32).collect();
        gap[90] = f32::INFINITY;
        let (whole, short): (Vec<f32>, _) = ((0..150).map(|n| n as f32).collect(), vec![0.5f32; 59]);
        let told = returns(&[(0, whole), (1, gap), (2, short), (3, vec![0.0; 100])]);
        let common = told.common(&[InstrumentId(0), InstrumentId(1)]).unwrap();
        assert_eq!((common[0].len(), common[0][0], common[1][0]), (99, 50.0, 0.0));
        assert_eq!((common[0][90], common[1][90]), (141.0, 91.0), "the slot of the gap is in neither");
        assert_eq!(told.common(&[InstrumentId(0), InstrumentId(2)]), None, "too few");
        assert_eq!([0, 1, 2, 3, 9].map(|id| told.is_known(InstrumentId(id))), [true, true, false, false, false]);
    }

    #[test]
    fn what_is_lost_together_counts_together() {
        let a: Vec<f32> = (0..100).map(|n| if n % 10 == 0 { -0.01 } else { 0.0 }).collect();
        let hedge: Vec<f32> = a.iter().map(|value| -value).collect();
        let mut gap = a.clone();
        gap[..50].fill(f32::INFINITY);
        let told = returns(&[(0, a), (1, hedge), (2, gap)]);
        let of = |positions: &[(u16, f64)]| {
            let positions: Vec<_> = positions.iter().map(|(id, value)| (InstrumentId(*id), *value)).collect();
            told.value_at_risk(&positions)
        };
        close(of(&[(0, 1_000.0)]).unwrap(), 10.0 * 288f64.sqrt(), 1e-4);
        close(of(&[(0, 1_000.0), (1, 1_000.0)]).unwrap(), 0.0, 1e-9);
        assert_eq!((of(&[(2, 1.0)]), of(&[(7, 1.0)])), (None, None), "too few, unknown");
    }
}
