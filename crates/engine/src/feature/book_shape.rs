//! What features take from the book and from trades, besides candles.

use serde::{Deserialize, Serialize};
use types::{BookTop, Level, Scale};

/// Levels a side that the deep imbalance counts.
const DEEP: usize = 10;

/// The shape of a book at a moment. All values are finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookShape {
    /// Spread over mid, basis points.
    pub spread_bps: f64,
    /// Mid price.
    pub mid: f64,
    /// (bid quantity - ask quantity) / sum at the best level, -1 ..= 1.
    pub imbalance_1: f64,
    /// The same over the five best levels a side, or as many as there are.
    pub imbalance_5: f64,
    /// The same over the ten best levels a side, or as many as there are.
    pub imbalance_10: f64,
    /// The same over the twenty best.
    pub imbalance_20: f64,
    /// Mean distance of the ten best bids from mid, weighted with quantity, basis points.
    pub bid_depth_bps: f64,
    /// The same of the ten best asks.
    pub ask_depth_bps: f64,
    /// Microprice (best prices weighted with the other side's quantity) minus mid, over mid, basis points.
    pub microprice_bps: f64,
}

impl BookShape {
    /// The shape of a book that holds; `None` when a side is empty or without quantity.
    #[must_use]
    pub fn of(book: &BookTop, scale: Scale) -> Option<Self> {
        let (bid, ask) = (book.bids.first()?, book.asks.first()?);
        let (bid_price, ask_price) = (bid.price.mantissa() as f64, ask.price.mantissa() as f64);
        let mid = (bid_price + ask_price) / 2.0;
        let spread_bps = (ask_price - bid_price) / mid * 1e4;
        let imbalance_1 = imbalance(&book.bids[..1], &book.asks[..1])?;
        let over = |levels: usize| {
            let deep = |side: &[Level]| side.len().min(levels);
            imbalance(&book.bids[..deep(&book.bids)], &book.asks[..deep(&book.asks)])
        };
        let (imbalance_5, imbalance_10, imbalance_20) = (over(5)?, over(DEEP)?, over(20)?);
        let (bid_depth_bps, ask_depth_bps) = (depth_bps(&book.bids, mid)?, depth_bps(&book.asks, mid)?);
        let mid = (scale.price_f64(bid.price) + scale.price_f64(ask.price)) / 2.0;
        // (bid·ask_qty + ask·bid_qty) / (bid_qty + ask_qty) - mid is half the spread times the imbalance.
        let microprice_bps = spread_bps / 2.0 * imbalance_1;
        Some(Self {
            spread_bps,
            mid,
            imbalance_1,
            imbalance_5,
            imbalance_10,
            imbalance_20,
            bid_depth_bps,
            ask_depth_bps,
            microprice_bps,
        })
    }
}

/// Mean distance of the ten best levels of a side from mid, weighted with quantity; `None` without quantity.
fn depth_bps(side: &[Level], mid: f64) -> Option<f64> {
    let (mut far, mut total) = (0.0, 0.0);
    for level in side.iter().take(DEEP) {
        let qty = level.qty.0 as f64;
        far += (level.price.mantissa() as f64 - mid).abs() * qty;
        total += qty;
    }
    (total > 0.0).then(|| far / total / mid * 1e4)
}

fn imbalance(bids: &[Level], asks: &[Level]) -> Option<f64> {
    let total = |side: &[Level]| side.iter().map(|level| u128::from(level.qty.0)).sum::<u128>() as f64;
    let (bid, ask) = (total(bids), total(asks));
    (bid + ask > 0.0).then(|| (bid - ask) / (bid + ask))
}

/// Who crossed the spread in one bar. All values are finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Base quantity that aggressors bought.
    pub bought: f64,
    /// Base quantity that aggressors sold.
    pub sold: f64,
    /// Number of fills.
    pub trades: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::market::Proof;
    use types::{InstrumentId, Price, Qty};

    const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 0 };

    fn book(bids: &[(i64, u64)], asks: &[(i64, u64)]) -> BookTop {
        let side = |levels: &[(i64, u64)]| {
            levels.iter().map(|(p, q)| Level { price: Price::new(*p).unwrap(), qty: Qty(*q) }).collect()
        };
        let (bids, asks) = (side(bids), side(asks));
        BookTop { instrument: InstrumentId(0), bids, asks, proof: Proof::Sequence, venue_at: None }
    }

    #[test]
    fn the_shape_of_a_small_book() {
        let book = book(&[(9_999, 3), (9_998, 1)], &[(10_001, 1), (10_002, 3)]);
        let shape = BookShape::of(&book, SCALE).expect("two sides");
        let expected = BookShape {
            spread_bps: 2.0,
            mid: 100.0,
            imbalance_1: 0.5,
            imbalance_5: 0.0,
            imbalance_10: 0.0,
            imbalance_20: 0.0,
            bid_depth_bps: 1.25,
            ask_depth_bps: 1.75,
            microprice_bps: 0.5,
        };
        assert_eq!(shape, expected);
    }

    #[test]
    fn levels_beyond_the_tenth_do_not_count() {
        let bids: Vec<(i64, u64)> = (0..20).map(|n| (100 - n, if n < 10 { 1 } else { 1_000 })).collect();
        let shape = BookShape::of(&book(&bids, &[(101, 10)]), SCALE).expect("two sides");
        assert!(shape.imbalance_10.abs() < 1e-15 && shape.imbalance_20 > 0.9, "{shape:?}");
    }

    #[test]
    fn a_one_sided_book_has_no_shape() {
        assert_eq!(BookShape::of(&book(&[], &[(1, 1)]), SCALE), None);
        assert_eq!(BookShape::of(&book(&[(1, 1)], &[]), SCALE), None);
        assert_eq!(BookShape::of(&book(&[(1, 0)], &[(2, 0)]), SCALE), None);
        let widest = BookShape::of(&book(&[(1, u64::MAX); 12], &[(i64::MAX, u64::MAX); 12]), SCALE).expect("two sides");
        assert!(widest.spread_bps.is_finite() && widest.imbalance_10.abs() <= 1.0);
    }
}
