//! What forecasts were worth, and what the newest one rests on.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/skill`: the forecasts of one instrument over the last days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Skill {
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// Everything that has forecasts there, by model and horizon.
    pub tracks: Vec<Track>,
}

/// The forecasts of a model at one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Track {
    /// Digest of the model, or the name of a control.
    pub model: String,
    /// What people call it.
    pub name: String,
    /// Minutes ahead.
    pub horizon_min: u16,
    /// Whether it is the one that leads there.
    pub leads: bool,
    /// Open time of the last candle that the first scored forecast saw.
    pub from_ms: Option<i64>,
    /// The same of the last one.
    pub to_ms: Option<i64>,
    /// Forecasts that have not met their outcome, or never will.
    pub open: u32,
    /// Scored forecasts.
    pub n: u32,
    /// Mean absolute error, basis points of log-return.
    pub mae_bps: Option<f64>,
    /// The same of "no change".
    pub naive_mae_bps: Option<f64>,
    /// 1 - (mean absolute error / that of "no change").
    pub skill: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Share of right signs.
    pub hit_rate: Option<f64>,
    /// Its 95 % interval.
    pub hit_interval: Option<(f64, f64)>,
    /// Brier score of the probabilities of a rise; 0.25 is what always saying one half gets.
    pub brier: Option<f64>,
    /// Share of outcomes within the 50 % band.
    pub coverage_50: Option<f64>,
    /// Share of outcomes within the 90 % band.
    pub coverage_90: Option<f64>,
    /// Mean width of the 90 % band, basis points.
    pub width_90_bps: Option<f64>,
    /// `worse`, `not proven` or `better`.
    pub verdict: String,
    /// What was said of rises against how often they came.
    pub reliability: Vec<Reliability>,
    /// Hour by hour, oldest first.
    pub hours: Vec<ErrorHour>,
    /// The newest forecasts with their outcomes, oldest first.
    pub newest: Vec<Outcome>,
}

/// Forecasts that gave a rise about the same probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reliability {
    /// Their mean probability.
    pub said: f64,
    /// Share of them after which the price rose.
    pub came: f64,
    /// How many.
    pub n: u32,
}

/// The errors of an hour, basis points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ErrorHour {
    /// When it began.
    pub at_ms: i64,
    /// Scored forecasts.
    pub n: u32,
    /// Mean absolute error.
    pub mae_bps: f64,
    /// The same of "no change".
    pub naive_mae_bps: f64,
}

/// A forecast and what came, basis points of log-return.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// Open time of the last candle that it saw.
    pub at_ms: i64,
    /// What was expected.
    pub forecast_bps: f64,
    /// What came.
    pub outcome_bps: f64,
}

/// Answer of `GET /api/v1/why`: what the newest forecast of a model rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Why {
    /// Short name of the venue.
    pub venue: String,
    /// The venue's name of the instrument.
    pub symbol: String,
    /// Digest of the model.
    pub model: String,
    /// What people call it.
    pub name: String,
    /// Open time of the last candle that it saw.
    pub open_time_ms: i64,
    /// The forecast, horizon by horizon.
    pub forecast: Vec<WhyHorizon>,
    /// How much it looked at each candle of its window, oldest first, summing to one; empty where it does not tell.
    pub attention: Vec<Look>,
    /// What each feature does to the forecast, the most first.
    pub features: Vec<FeatureEffect>,
}

/// The forecast at a horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WhyHorizon {
    /// Minutes ahead.
    pub horizon_min: u16,
    /// Expected log-return, basis points.
    pub log_return_bps: f64,
    /// Probability of a rise.
    pub p_up: f64,
    /// Its own quantiles, basis points; empty where it tells none.
    pub quantiles_bps: Vec<f64>,
}

/// How much a model looked at a candle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Look {
    /// Open time of the candle.
    pub open_time_ms: i64,
    /// Share of all its attention.
    pub share: f64,
}

/// A feature, and what it does to a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FeatureEffect {
    /// Its name.
    pub name: String,
    /// Unit of its value.
    pub unit: String,
    /// What it is.
    pub description: String,
    /// In the newest row.
    pub value: f64,
    /// What the forecast is above the one without knowing it, horizon by horizon, basis points.
    pub effect_bps: Vec<f64>,
    /// How far forecasts moved on held-out days when it was shuffled, over their own mean size; null where nobody measured.
    pub moves: Option<f64>,
    /// How much their mean absolute error grew, over itself.
    pub error: Option<f64>,
}

/// Answer of `POST /api/v1/verify`: the chain of forecasts and every outcome, computed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Verification {
    /// Whether nothing was changed, left out or added.
    pub is_sound: bool,
    /// The figures.
    pub found: ChainFound,
}

/// What a verification found. The keys are a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChainFound {
    /// Links that were recomputed and are what they should be.
    pub sealed: u64,
    /// The place from which on the chain is kept; what is before it was pruned with its forecasts.
    pub first: Option<u64>,
    /// The end of the chain: place, and link in hexadecimal. Whoever notes it can prove later that nothing before it was changed.
    pub head: Option<(u64, String)>,
    /// Links whose forecasts are older than any that is kept: gone with age, while the chain was read or before its links went.
    pub pruned: u64,
    /// Links that are not what the kept forecasts give, and places without one.
    pub broken: u64,
    /// Forecasts that were sealed when their outcome could be known.
    pub late: u64,
    /// Forecasts that no link covers.
    pub unsealed: u64,
    /// Outcomes that were computed again from the kept candles and are the same.
    pub scored: u64,
    /// Outcomes that are other ones because the candle was corrected since: of forecasts that count from closes.
    pub revised: u64,
    /// Outcomes that are other ones without such a reason.
    pub differ: u64,
    /// Outcomes whose candle is not kept.
    pub without_candle: u64,
    /// The first of what is wrong, in words.
    pub findings: Vec<String>,
}

impl ChainFound {
    /// True when nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.broken == 0 && self.late == 0 && self.unsealed == 0 && self.differ == 0
    }
}
