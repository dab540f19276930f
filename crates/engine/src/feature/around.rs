//! What is known of a bar besides its prices.

use serde::{Deserialize, Serialize};

use super::book_shape::{BookShape, Flow};
use super::quotes::Quotes;

/// What is known of a bar besides its prices. What is not known is not there, and masks the features that need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Around {
    /// Who crossed the spread; only where every trade was heard.
    pub flow: Option<Flow>,
    /// What the book and other exchanges showed.
    pub backdrop: Backdrop,
}

/// What the market showed when a bar closed, and what the account held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Backdrop {
    /// The book at the close, if it held.
    pub book: Option<BookShape>,
    /// What the best prices did during the bar, if the book held all through it.
    pub quotes: Option<Quotes>,
    /// The same pair on other exchanges.
    pub elsewhere: Option<Elsewhere>,
    /// What the paper account held of it.
    pub stake: Option<Stake>,
    /// What was written of it.
    pub talk: Option<Talk>,
}

/// The same pair on other exchanges whose books hold, in the instrument's own price units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Median of their mid prices.
    pub mid: f64,
    /// Their highest bid.
    pub bid: f64,
    /// Their lowest ask.
    pub ask: f64,
    /// How many.
    pub venues: u8,
}

/// What was written of an instrument's base currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Talk {
    /// Items of the last hour.
    pub items_1h: f64,
    /// Mean score of those that have one, -1 to 1; `None` without any.
    pub mean_1h: Option<f64>,
    /// The same of the last day.
    pub mean_24h: Option<f64>,
}

/// What the paper account holds of an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stake {
    /// Its value over the equity, 0 to 1.
    pub share: f64,
    /// Profit or loss over what it cost, basis points.
    pub pnl_bps: f64,
    /// How long it has been held, minutes.
    pub age_min: f64,
}
