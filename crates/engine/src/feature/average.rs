//! Recursive averages, seeded and rounded in the same order as TA-Lib's.

use serde::{Deserialize, Serialize};

/// Exponential average with factor 2/(`PERIOD`+1); its first value is the mean of the first `PERIOD` values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ema<const PERIOD: u16> {
    seen: u16,
    /// Sum of the first values, then the average.
    value: f64,
}

impl<const PERIOD: u16> Ema<PERIOD> {
    pub(super) fn update(&mut self, value: f64) -> Option<f64> {
        if self.seen < PERIOD {
            self.seen += 1;
            self.value += value;
            if self.seen < PERIOD {
                return None;
            }
            self.value /= f64::from(PERIOD);
        } else {
            self.value += (value - self.value) * const { 2.0 / (PERIOD + 1) as f64 };
        }
        Some(self.value)
    }
}

/// Wilder's average with factor 1/`PERIOD`; its first value is the mean of the first `PERIOD` values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Wilder<const PERIOD: u16> {
    seen: u16,
    value: f64,
}

impl<const PERIOD: u16> Wilder<PERIOD> {
    pub(super) fn update(&mut self, value: f64) -> Option<f64> {
        let period = f64::from(PERIOD);
        if self.seen < PERIOD {
            self.seen += 1;
            self.value += value;
            if self.seen < PERIOD {
                return None;
            }
        } else {
            self.value = self.value * (period - 1.0) + value;
        }
        self.value /= period;
        Some(self.value)
    }
}

/// Fast minus slow average, its average, and their difference. All three begin with bar 34, and the fast average is seeded
/// with the twelve values that end where the slow one's 26 end, as in TA-Lib.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Macd {
    seen: u16,
    fast: Ema<{ Macd::FAST }>,
    slow: Ema<{ Macd::SLOW }>,
    signal: Ema<{ Macd::SIGNAL }>,
}

impl Macd {
    const FAST: u16 = 12;
    const SLOW: u16 = 26;
    const SIGNAL: u16 = 9;

    /// (macd, signal, histogram) of the next value.
    pub(super) fn update(&mut self, value: f64) -> Option<[f64; 3]> {
        let slow = self.slow.update(value);
        if self.seen < Self::SLOW - Self::FAST {
            self.seen += 1;
            return None;
        }
        let macd = self.fast.update(value)? - slow?;
        let signal = self.signal.update(macd)?;
        Some([macd, signal, macd - signal])
    }
}

/// Relative strength index of consecutive changes of the close.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rsi<const PERIOD: u16> {
    gain: Wilder<PERIOD>,
    loss: Wilder<PERIOD>,
}

impl<const PERIOD: u16> Rsi<PERIOD> {
    pub(super) fn update(&mut self, change: f64) -> Option<f64> {
        /// What TA-Lib takes for zero.
        const EPSILON: f64 = 1e-14;
        let gain = self.gain.update(change.max(0.0));
        let loss = self.loss.update((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        let sum = gain + loss;
        Some(if sum < EPSILON { 0.0 } else { 100.0 * (gain / sum) })
    }
}
