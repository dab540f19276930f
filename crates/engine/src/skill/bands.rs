//! Bands around forecasts, from the forecaster's own errors.

use serde::{Deserialize, Serialize};

use crate::stats::conformal::Conformal;

/// Shares of outcomes that the bands should hold.
pub const BANDS: [f64; 2] = [0.5, 0.9];
/// How fast the bands follow: with this speed a thousand outcomes bind the share that is held to 18 points of 90 %, a week to two.
const SPEED: f64 = 0.005;
/// Fewest errors for a band.
const ERRORS_MIN: usize = 100;
/// Newest errors that bands are made of.
const ERRORS_MAX: usize = 1_440;

/// Half-widths (log-return) of the bands of [`BANDS`] around a forecast, as they were when it was made.
pub type Widths = [f32; BANDS.len()];

/// The levels of the bands of one model, instrument and horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bands([Conformal; BANDS.len()]);

impl Bands {
    pub(super) fn new() -> Self {
        Self(BANDS.map(|share| Conformal::new(share, SPEED).expect("constants are sound")))
    }

    /// Half-widths around the next forecast, from the errors known now, the newest first; `None` while they are fewer than a hundred.
    ///
    /// Where a level asks for more than any error known, the largest one stands: an endless band tells nobody anything. This gives up the
    /// promise for markets that keep surpassing all of a day; in others the level comes back by itself.
    pub(super) fn widths(&self, newest_first: impl Iterator<Item = f64>) -> Option<Widths> {
        let mut errors: Vec<f64> = newest_first.take(ERRORS_MAX).collect();
        if errors.len() < ERRORS_MIN {
            return None;
        }
        let largest = errors.iter().copied().fold(0.0, f64::max);
        Some(self.0.map(|band| band.half_width(&mut errors).min(largest) as f32))
    }

    /// A forecast met its outcome, `error` away. Without bands around it nothing was promised.
    pub(super) fn push(&mut self, error: f64, shown: Option<Widths>) {
        for (band, shown) in self.0.iter_mut().zip(shown.into_iter().flatten()) {
            band.push(error, f64::from(shown));
        }
    }

    /// For each band the share of outcomes that it held, and how many there were; `None` before the first.
    pub(super) fn achieved(&self) -> Option<[(f64, u64); BANDS.len()]> {
        let [half, most] = self.0.map(|band| band.achieved());
        Some([half?, most?])
    }
}
