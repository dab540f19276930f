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

/// How many trades there were, and what they were, in a fixed size: two sets of trades are the same when their digests
/// are, in whatever order each was added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeDigest {
    /// Trades.
    pub count: u64,
    /// Sum of the hashes of all trades.
    pub hash: u64,
}

impl TradeDigest {
    /// Adds one trade; prices and quantities in units of their last digit.
    pub fn add(&mut self, id: u64, price: Price, qty: Qty, taker: Side, at: Timestamp) {
        let numbers = [id, price.mantissa().cast_unsigned(), qty.0, taker as u64, at.as_nanos().cast_unsigned()];
        // Each number is stirred in by the finaliser of MurmurHash3.
        let hash = numbers.into_iter().fold(0u64, |hash, number| {
            let mixed = (hash ^ number).wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
            let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
            mixed ^ (mixed >> 33)
        });
        self.count += 1;
        self.hash = self.hash.wrapping_add(hash);
    }

    /// What was added after `earlier`, a digest of the same trades at an earlier time.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { count: self.count - earlier.count, hash: self.hash.wrapping_sub(earlier.hash) }
    }
}

/// All trades of one listing since its live market opened: cheap to ask for, of a size that does not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradesSoFar {
    /// Identifier of the last fill.
    pub last_id: u64,
    /// Identifier of the last aggregate.
    pub last_aggregate: u64,
    /// All fills, by their own identifiers.
    pub fills: TradeDigest,
    /// All aggregates (fills of one taker order at one price), by theirs.
    pub aggregates: TradeDigest,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_compare_sets_of_trades() {
        let trades: Vec<(u64, Side)> =
            (0..100).map(|id| (id, if id % 3 == 0 { Side::Buy } else { Side::Sell })).collect();
        let digest = |trades: &mut dyn Iterator<Item = &(u64, Side)>| {
            let mut digest = TradeDigest::default();
            let price = Price::new(5).expect("positive");
            trades.for_each(|(id, side)| digest.add(*id, price, Qty(id % 7), *side, Timestamp::from_secs(9)));
            digest
        };
        let whole = digest(&mut trades.iter());
        assert_eq!(whole, digest(&mut trades.iter().rev()));
        assert_eq!(whole.since(digest(&mut trades[..40].iter())), digest(&mut trades[40..].iter()));
        assert_ne!(whole.hash, digest(&mut trades[1..].iter()).hash);
        let mut turned = trades.clone();
        turned[5].1 = turned[5].1.opposite();
        assert_ne!(whole, digest(&mut turned.iter()));
    }
}
