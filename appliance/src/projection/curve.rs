//! The equity curve: one point a minute, kept for thirty days, thinned for the page.

use std::collections::VecDeque;

use types::effect::EquityRecord;

/// Points kept: thirty days of minutes.
pub(crate) const POINTS_MAX: usize = 30 * 1_440;
/// Points shown.
const SHOWN_MAX: usize = 240;

/// Equity at minute ends, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Curve(VecDeque<(i64, i64, i64)>);

impl Curve {
    /// From what the store kept, oldest first.
    pub(crate) fn from_records(records: &[EquityRecord]) -> Self {
        let mut curve = Self::default();
        for record in records {
            curve.push(record);
        }
        curve
    }

    /// Adds a point. One that is not newer than the last (written again after a restart) changes nothing.
    pub(crate) fn push(&mut self, record: &EquityRecord) {
        let at_ms = record.at.as_millis();
        if self.0.back().is_some_and(|(last, _, _)| *last >= at_ms) {
            return;
        }
        if self.0.len() == POINTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((at_ms, record.equity.0, record.hold.0));
    }

    /// At most a few hundred points, evenly taken, the newest always among them.
    pub(crate) fn thinned(&self) -> Vec<(i64, i64, i64)> {
        let step = self.0.len().div_ceil(SHOWN_MAX).max(1);
        let mut points: Vec<_> = self.0.iter().rev().step_by(step).copied().collect();
        points.reverse();
        points
    }
}

#[cfg(test)]
mod tests {
    use types::{Cash, Timestamp};

    use super::*;

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_newest_point() {
        let mut curve = Curve::default();
        for minute in 0..100_000 {
            curve.push(&EquityRecord {
                account: types::AccountId::LEAD,
                at: Timestamp::from_secs(minute * 60),
                cash: Cash::ZERO,
                equity: Cash(minute),
                hold: Cash::ZERO,
                fees: Cash::ZERO,
                positions: Vec::new(),
            });
        }
        let points = curve.thinned();
        assert!(points.len() <= SHOWN_MAX && points.len() > SHOWN_MAX / 2, "{}", points.len());
        assert_eq!(points.last().map(|p| p.1), Some(99_999));
        assert!(points[0].1 >= 100_000 - POINTS_MAX as i64);
    }
}
