//! Recursive averages, seeded and rounded in the same order as TA-Lib's.

use serde::{Deserialize, Serialize};

/// Exponential average with factor 2/(period+1); its first value is the mean of the first `period` values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ema {
    period: u16,
    seen: u16,
    /// Sum of the first values, then the average.
    value: f64,
}

impl Ema {
    pub(super) const fn new(period: u16) -> Self {
        Self { period, seen: 0, value: 0.0 }
    }

    pub(super) fn update(&mut self, value: f64) -> Option<f64> {
        if self.seen < self.period {
            self.seen += 1;
            self.value += value;
            if self.seen < self.period {
                return None;
            }
            self.value /= f64::from(self.period);
        } else {
            let factor = 2.0 / f64::from(self.period + 1);
            self.value += (value - self.value) * factor;
        }
        Some(self.value)
    }
}

/// Wilder's average with factor 1/period; its first value is the mean of the first `period` values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Wilder {
    period: u16,
    seen: u16,
    value: f64,
}

impl Wilder {
    pub(super) const fn new(period: u16) -> Self {
        Self { period, seen: 0, value: 0.0 }
    }

    pub(super) fn update(&mut self, value: f64) -> Option<f64> {
        let period = f64::from(self.period);
        if self.seen < self.period {
            self.seen += 1;
            self.value += value;
            if self.seen < self.period {
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Macd {
    seen: u16,
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    const FAST: u16 = 12;
    const SLOW: u16 = 26;
    const SIGNAL: u16 = 9;

    pub(super) const fn new() -> Self {
        Self { seen: 0, fast: Ema::new(Self::FAST), slow: Ema::new(Self::SLOW), signal: Ema::new(Self::SIGNAL) }
    }

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

/// Relative strength index of consecutive closes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rsi {
    before: Option<f64>,
    gain: Wilder,
    loss: Wilder,
}

impl Rsi {
    pub(super) const fn new(period: u16) -> Self {
        Self { before: None, gain: Wilder::new(period), loss: Wilder::new(period) }
    }

    pub(super) fn update(&mut self, close: f64) -> Option<f64> {
        /// What TA-Lib takes for zero.
        const EPSILON: f64 = 1e-14;
        let change = close - self.before.replace(close)?;
        let gain = self.gain.update(change.max(0.0));
        let loss = self.loss.update((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        let sum = gain + loss;
        Some(if sum < EPSILON { 0.0 } else { 100.0 * (gain / sum) })
    }
}
