//! From raw features to what the network likes, and from what it gives to real units. All of it is folded into the
//! exported graph: the box feeds raw rows and reads real numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One scaling for each length of candle, by minutes: an hour moves several times as far as a minute, and a network that
/// reads both should not have to learn that.
pub type Scalings = BTreeMap<u16, Scaling>;

/// Constants around the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Mean of each feature over the training rows.
    pub mean: Vec<f32>,
    /// Standard deviation of each feature over the training rows; never zero.
    pub std: Vec<f32>,
    /// Normalised features are cut at plus and minus this.
    pub clip: f32,
    /// Column of the feature that is the unit of returns.
    pub volatility_column: usize,
    /// Smallest unit, in the feature's own terms: a dead market must not make every move look huge.
    pub volatility_floor: f32,
    /// Log-return of one unit of the feature at each horizon, before shrinkage.
    pub horizon_units: Vec<f32>,
    /// What a forecast return is multiplied with, per horizon: noise that the fit took for signal makes forecasts too large.
    pub return_shrink: Vec<f32>,
    /// What a logit is multiplied with, per horizon, for the same reason.
    pub logit_shrink: Vec<f32>,
}

impl Scaling {
    /// A normalised value.
    pub fn normalise(&self, column: usize, value: f32) -> f32 {
        ((value - self.mean[column]) * self.std[column].recip()).clamp(-self.clip, self.clip)
    }

    /// The unit of returns at a window's last row.
    pub fn volatility(&self, last_row: &[f32]) -> f32 {
        last_row[self.volatility_column].max(self.volatility_floor)
    }
}
