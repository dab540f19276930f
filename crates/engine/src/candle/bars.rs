//! Candles as floating-point numbers, and lists of them as files hold them.

use serde::{Deserialize, Serialize};
use types::{Candle, Scale, Timestamp};

/// A candle as floating-point numbers: what features are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Start of the interval.
    pub open_time: Timestamp,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base volume.
    pub volume: f64,
}

impl Bar {
    /// The candle's values at the instrument's digits.
    #[must_use]
    pub fn of(candle: &Candle, scale: Scale) -> Self {
        Self {
            open_time: candle.open_time,
            open: scale.price_f64(candle.open),
            high: scale.price_f64(candle.high),
            low: scale.price_f64(candle.low),
            close: scale.price_f64(candle.close),
            volume: scale.qty_f64(candle.volume),
        }
    }
}

/// Brings rows into time order; of rows for the same time the last one counts. Tells how many rows that dropped.
pub fn tidy(bars: &mut Vec<Bar>) -> usize {
    let before = bars.len();
    bars.sort_by_key(|bar| bar.open_time);
    bars.dedup_by(|later, earlier| {
        let same = later.open_time == earlier.open_time;
        if same {
            *earlier = *later;
        }
        same
    });
    before - bars.len()
}

/// The most common distance of neighbours in tidy rows, nanoseconds; of two equally common ones the shorter. `None` with
/// fewer than two rows.
#[must_use]
pub fn step_of(bars: &[Bar]) -> Option<i64> {
    let mut steps: Vec<i64> =
        bars.windows(2).map(|pair| pair[1].open_time.as_nanos() - pair[0].open_time.as_nanos()).collect();
    steps.sort_unstable();
    let mut best: Option<&[i64]> = None;
    for run in steps.chunk_by(|a, b| a == b) {
        if best.is_none_or(|best| run.len() > best.len()) {
            best = Some(run);
        }
    }
    best.map(|run| run[0])
}

/// The runs of tidy rows in which each starts `step_ns` after the one before.
pub fn segments(bars: &[Bar], step_ns: i64) -> impl Iterator<Item = &[Bar]> {
    bars.chunk_by(move |a, b| b.open_time.as_nanos() - a.open_time.as_nanos() == step_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(minute: i64, close: f64) -> Bar {
        let open_time = Timestamp::from_secs(minute * 60);
        Bar { open_time, open: close, high: close, low: close, close, volume: 1.0 }
    }

    #[test]
    fn the_last_row_of_a_minute_counts_wherever_it_stands() {
        let mut bars = vec![bar(3, 1.0), bar(1, 2.0), bar(2, 3.0), bar(1, 4.0), bar(3, 5.0), bar(1, 6.0)];
        assert_eq!(tidy(&mut bars), 3);
        assert_eq!(bars, [bar(1, 6.0), bar(2, 3.0), bar(3, 5.0)]);
    }

    #[test]
    fn a_missing_minute_ends_a_segment() {
        let bars: Vec<Bar> = [1, 2, 3, 5, 6, 9].map(|minute| bar(minute, 1.0)).into();
        assert_eq!(step_of(&bars), Some(60_000_000_000));
        let lengths: Vec<usize> = segments(&bars, 60_000_000_000).map(<[Bar]>::len).collect();
        assert_eq!(lengths, [3, 2, 1]);
        assert_eq!(step_of(&bars[..1]), None);
    }
}
