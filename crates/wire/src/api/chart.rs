//! What the chart of a market is drawn of. Prices and quantities are whole numbers at the instrument's digits, as in
//! [`Candle`]: a picture of thousands of them is made of numbers.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::Candle;

/// Answer of `GET /api/v1/chart`: candles of an instrument before a time, and the indicators that were asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChartBlock {
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// Length of the candles, minutes.
    pub timeframe_min: u16,
    /// Digits of prices.
    pub price_decimals: u8,
    /// Digits of quantities.
    pub qty_decimals: u8,
    /// All that is known from this time on is told.
    pub from_ms: i64,
    /// Up to this time, exclusive. Equal to `from_ms` with `has_older` where nothing can be told yet: ask again.
    pub to_ms: i64,
    /// Whether something is known of the time before.
    pub has_older: bool,
    /// Oldest first. An interval without data has none.
    pub candles: Vec<Candle>,
    /// One for each indicator, in the order in which they were asked for.
    pub lines: Vec<ChartLine>,
}

/// An indicator: one of the engine's features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChartLine {
    /// Name of the feature, `ema_20`.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// One value for each candle; null while it is not warm.
    pub values: Vec<Option<f64>>,
}

/// Answer of `GET /api/v1/past`: forecasts of the model that leads at a horizon, with what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PastForecasts {
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// Minutes ahead.
    pub horizon_min: u16,
    /// What people call the model; empty where nothing was forecast.
    pub model: String,
    /// Digits of prices.
    pub price_decimals: u8,
    /// All that came true from this time on is told.
    pub from_ms: i64,
    /// Up to this time, exclusive.
    pub to_ms: i64,
    /// Whether forecasts were made before.
    pub has_older: bool,
    /// By the time for which they were made, oldest first.
    pub forecasts: Vec<PastForecast>,
}

/// A forecast that met its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PastForecast {
    /// For when it was made.
    pub at_ms: i64,
    /// What was expected.
    pub price: i64,
    /// Lower and upper end of the band that nine of ten outcomes should lie in, made of the errors known when the forecast was;
    /// null where there were too few.
    pub band_90: Option<(i64, i64)>,
    /// What came.
    pub came: i64,
}
