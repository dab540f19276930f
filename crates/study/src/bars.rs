//! Candles on an even grid of time.

use std::time::Duration;

use types::Timestamp;

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its beginning.
    pub open_time: Timestamp,
    /// The last price in it.
    pub close: f64,
    /// What was traded in it.
    pub volume: f64,
}

/// Candles of one length, with holes where there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    first: Timestamp,
    step: Duration,
    /// Close and volume.
    rows: Vec<Option<(f64, f64)>>,
}

/// Longest stretch of candles that is taken: twenty years of minutes.
const ROWS_MAX: usize = 20 * 366 * 1_440;

impl Bars {
    /// From candles in any order; of two of the same time the later one counts, and what is no price is left out. Candles that do not lie
    /// on the grid of the first one are left out too, as is what lies further from it than twenty years of minutes.
    #[must_use]
    pub fn new(step: Duration, bars: impl IntoIterator<Item = Bar>) -> Self {
        let step = step.max(Duration::from_secs(1));
        let mut all: Vec<Bar> =
            bars.into_iter().filter(|bar| bar.close.is_finite() && bar.close > 0.0 && bar.volume.is_finite()).collect();
        all.sort_by_key(|bar| bar.open_time);
        let first = all.first().map_or(Timestamp::EPOCH, |bar| bar.open_time);
        let mut rows: Vec<Option<(f64, f64)>> = Vec::new();
        for bar in all {
            let after = bar.open_time.since(first).as_nanos();
            let place = usize::try_from(after / step.as_nanos()).unwrap_or(usize::MAX);
            if after % step.as_nanos() == 0 && place < ROWS_MAX {
                if rows.len() <= place {
                    rows.resize(place + 1, None);
                }
                rows[place] = Some((bar.close, bar.volume));
            }
        }
        Self { first, step, rows }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Length of a candle, minutes.
    pub(crate) fn step_min(&self) -> f64 {
        self.step.as_secs_f64() / 60.0
    }

    pub(crate) fn step(&self) -> Duration {
        self.step
    }

    /// The place of the last candle that is over at a time.
    fn place(&self, at: Timestamp) -> Option<usize> {
        if at < self.first {
            return None;
        }
        let over = at.since(self.first).as_nanos() / self.step.as_nanos();
        usize::try_from(over).ok()?.checked_sub(1)
    }

    /// The last price that was known at a time; nothing where its candle is missing.
    pub(crate) fn close(&self, at: Timestamp) -> Option<f64> {
        self.rows.get(self.place(at)?)?.map(|(close, _)| close)
    }

    /// What was traded in the candles that ended after `from`, up to `to`; nothing where one is missing.
    pub(crate) fn volume(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        let (first, last) = (self.place(from)? + 1, self.place(to)?);
        self.rows.get(first..=last)?.iter().try_fold(0.0, |sum, row| Some(sum + row.as_ref()?.1))
    }

    /// Whether every candle is there that has to do with a time.
    pub(crate) fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        let (Some(first), Some(last)) = (self.place(from), self.place(to)) else { return false };
        self.rows.get(first..=last).is_some_and(|rows| rows.iter().all(Option::is_some))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(300);

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + s)
    }

    fn bar(s: i64, close: f64) -> Bar {
        Bar { open_time: at(s), close, volume: 10.0 }
    }

    #[test]
    fn a_price_is_known_when_its_candle_is_over() {
        let bars = Bars::new(STEP, [bar(300, 2.0), bar(0, 1.0), bar(900, 4.0), bar(10, 9.0), bar(600, f64::NAN)]);
        let known = [-1, 0, 299, 300, 599, 600, 900, 1_199, 1_200, 1_499, 1_500].map(|s| bars.close(at(s)));
        let (one, two, four) = (Some(1.0), Some(2.0), Some(4.0));
        // The candle of 600 is no price, the one of 10 lies on no grid.
        assert_eq!(known, [None, None, None, one, one, two, None, None, four, four, None]);
        assert!(bars.covers(at(300), at(899)) && !bars.covers(at(300), at(900)));
        assert_eq!(bars.volume(at(300), at(600)), Some(10.0));
        assert_eq!(bars.volume(at(300), at(300)), Some(0.0));
        assert_eq!(bars.volume(at(300), at(1_200)), None);
    }
}
