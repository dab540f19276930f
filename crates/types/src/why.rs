//! Why an order was made, and what it met: what "why did it trade" and "what did it cost" are told from.

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::input::Decision;
use crate::instrument::InstrumentId;
use crate::market::{Level, Quote};
use crate::money::{Cash, Qty};
use crate::order::{OrderId, Refusal};
use crate::time::Timestamp;

/// Levels of each side of a book that are kept with an order.
pub const WHY_LEVELS: usize = 3;

/// What was known when risk approved or refused an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyRecord {
    /// Which.
    pub order: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub instrument: InstrumentId,
    /// When.
    pub at: Timestamp,
    /// The forecast that it rests on, if it does on one.
    pub forecast: Option<WhyForecast>,
    /// What it may spend at most, with fee and slippage, in the quote currency; zero for a sale.
    pub value: Cash,
    /// Equity of the account then, dollars.
    pub equity: Cash,
    /// What it was held against, in order, up to the limit that it would pass.
    pub checks: Vec<Check>,
    /// Best bids, highest first, at most [`WHY_LEVELS`].
    pub bids: Vec<Level>,
    /// Best asks, lowest first.
    pub asks: Vec<Level>,
}

/// A forecast as it stood when it was acted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyForecast {
    /// Which model.
    pub model: String,
    /// Open time of the last candle it saw.
    pub open_time: Timestamp,
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Expected natural log-return.
    pub log_return: f32,
    /// Probability of a rise.
    pub p_up: f32,
    /// Half-width of the band around it that held nine of ten outcomes lately, as a log-return; `None` before there were enough.
    pub band_90: Option<f32>,
    /// What the model would do itself, if it says so.
    pub decision: Option<Decision>,
    /// What the model's features were in the last row it saw, by their names; empty for candles longer than a minute.
    pub features: Vec<(String, f32)>,
}

/// A limit that an order was held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which: what risk says where it is passed.
    pub limit: Refusal,
    /// What there was, in the limit's unit: millionths for shares, losses and correlations, cash units for cash, a count for orders.
    pub value: i64,
    /// The limit.
    pub max: i64,
}

/// What an order met when it arrived at the paper venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalRecord {
    /// Which.
    pub order: OrderId,
    /// When it arrived.
    pub at: Timestamp,
    /// Best prices of the proven book it met; `None` while none was proven.
    pub quote: Option<Quote>,
    /// What stood before it in the queue where it began to rest.
    pub ahead: Option<Qty>,
}
