//! Candles of a list of trades.

use types::{Candle, Trade};

/// The full minutes of a list of trades, oldest first.
#[must_use]
pub fn from_trades(trades: &[Trade]) -> Vec<Candle> {
    let _ = trades;
    todo!()
}
