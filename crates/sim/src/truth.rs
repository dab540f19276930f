//! What really happened, for tests to compare with what a client made of the frames.

use types::{Candle, Level, Price, Qty, Side, Timestamp};

/// One instrument at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The moment; everything up to it has happened.
    pub at: Timestamp,
    /// Fraction digits of prices here.
    pub price_decimals: u8,
    /// Fraction digits of quantities here.
    pub qty_decimals: u8,
    /// Identifier of the last change of the book.
    pub update_id: u64,
    /// All bids, highest first.
    pub bids: Vec<Level>,
    /// All asks, lowest first.
    pub asks: Vec<Level>,
    /// The kept trades, oldest first.
    pub trades: Vec<TruthTrade>,
    /// The kept minutes, oldest first and without a hole; the last one is running.
    pub candles: Vec<Candle>,
}

/// One fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruthTrade {
    /// The fill's identifier: one more than the one before.
    pub id: u64,
    /// The identifier which all fills of one taker order at one price share (Binance's aggregate).
    pub aggregate: u64,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Side of the taker.
    pub taker: Side,
    /// When, at the venue's own resolution.
    pub at: Timestamp,
}
