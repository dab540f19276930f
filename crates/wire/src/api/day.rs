//! A recorded day, to be gone through again minute by minute.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::OrderRow;

/// Answer of `GET /api/v1/day`: what was known of a market and of an account at the ends of a day's minutes, and the account's orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Day {
    /// `2025-11-01`, UTC.
    pub day: String,
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// Name of the account.
    pub account: String,
    /// Digits of prices.
    pub price_decimals: u8,
    /// Digits of quantities.
    pub qty_decimals: u8,
    /// Oldest first; a minute of which nothing is kept has none.
    pub minutes: Vec<DayMinute>,
    /// The account's orders of the day in all markets, oldest first, each with what it came to; of many the first ones.
    pub orders: Vec<OrderRow>,
    /// Whether there were more.
    pub has_more_orders: bool,
}

/// The end of a minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DayMinute {
    /// When.
    pub at_ms: i64,
    /// The last price, in units of the market's last digit; null where nothing is known of it.
    pub close: Option<i64>,
    /// What the account was worth, and what it would have been worth had it bought and held: 10^-8 of quote currency.
    pub equity: Option<(i64, i64)>,
    /// How much of the market's coin the account held, in units of the last digit.
    pub held: Option<i64>,
    /// The forecast that the leading model made then, for five minutes later.
    pub forecast: Option<DayForecast>,
}

/// A forecast and what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DayForecast {
    /// Expected log-return, basis points.
    pub expected_bps: f64,
    /// Probability of a rise.
    pub p_up: f64,
    /// Log-return that came, basis points; null where that is not known.
    pub came_bps: Option<f64>,
}
