//! The rows of the book ladder.

use wire::Book;

/// Rows shown on each side.
pub const ROWS: usize = 11;

/// One price level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Price, price units.
    pub price: i64,
    /// Resting quantity, quantity units.
    pub qty: u64,
    /// All quantity from the best level to here.
    pub sum: u64,
    /// `qty` as a share of the largest quantity shown on either side, 0 to 1.
    pub share: f32,
}

/// The ladder of one book.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ladder {
    /// Bids, best first, at most [`ROWS`].
    pub bids: Vec<Row>,
    /// Asks, best first, at most [`ROWS`].
    pub asks: Vec<Row>,
    /// What stands between the two.
    pub middle: Option<Middle>,
}

/// What stands between the best bid and the best ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Middle {
    /// Twice the mid price: the mid may lie between two price units.
    pub mid_doubled: i64,
    /// Best ask minus best bid, price units.
    pub spread: i64,
    /// The spread against the mid, basis points.
    pub spread_bps: f64,
    /// (bid quantity - ask quantity) / (bid quantity + ask quantity) over the rows shown, -1 to 1.
    pub imbalance: f64,
}

/// The ladder of a book, sums taken from the best level outwards.
#[must_use]
pub fn ladder(book: &Book) -> Ladder {
    let largest =
        book.bids.iter().take(ROWS).chain(book.asks.iter().take(ROWS)).map(|level| level.1).max().unwrap_or(0);
    let (bids, asks) = (rows(&book.bids, largest), rows(&book.asks, largest));
    let middle = match (bids.first(), asks.first()) {
        (Some(bid), Some(ask)) => Some(middle(bid.price, ask.price, sum(&bids), sum(&asks))),
        _ => None,
    };
    Ladder { bids, asks, middle }
}

/// What stands between a best bid and ask with `bid_qty` and `ask_qty` resting behind them.
fn middle(bid: i64, ask: i64, bid_qty: u64, ask_qty: u64) -> Middle {
    let mid_doubled = bid.saturating_add(ask);
    let spread = ask.saturating_sub(bid);
    let (bids, asks) = (bid_qty as f64, ask_qty as f64);
    Middle {
        mid_doubled,
        spread,
        spread_bps: if mid_doubled == 0 { 0.0 } else { spread as f64 / (mid_doubled as f64 / 2.0) * 1e4 },
        imbalance: if bids + asks == 0.0 { 0.0 } else { (bids - asks) / (bids + asks) },
    }
}

fn rows(levels: &[(i64, u64)], largest: u64) -> Vec<Row> {
    let mut sum = 0u64;
    let row = |&(price, qty): &(i64, u64)| {
        sum = sum.saturating_add(qty);
        Row { price, qty, sum, share: if largest == 0 { 0.0 } else { qty as f32 / largest as f32 } }
    };
    levels.iter().take(ROWS).map(row).collect()
}

fn sum(rows: &[Row]) -> u64 {
    rows.last().map_or(0, |row| row.sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::BookState;

    fn book(bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Ladder {
        ladder(&Book { state: BookState::ProvenChecksum, bids: bids.to_vec(), asks: asks.to_vec() })
    }

    #[test]
    fn sums_run_outwards_from_the_best_level() {
        let ladder = book(&[(100, 3), (99, 5)], &[(101, 4), (103, 4), (104, 2)]);
        assert_eq!(ladder.bids.iter().map(|r| r.sum).collect::<Vec<_>>(), [3, 8]);
        assert_eq!(ladder.asks.iter().map(|r| r.sum).collect::<Vec<_>>(), [4, 8, 10]);
        assert_eq!(ladder.bids.iter().map(|r| r.share).collect::<Vec<_>>(), [0.6, 1.0]);
    }

    #[test]
    fn the_middle_may_lie_between_two_steps() {
        let middle = book(&[(100, 9)], &[(101, 3)]).middle.expect("both sides are there");
        assert_eq!((middle.mid_doubled, middle.spread), (201, 1));
        assert!((middle.spread_bps - 99.502).abs() < 1e-3);
        assert!((middle.imbalance - 0.5).abs() < 1e-12);
    }

    #[test]
    fn an_empty_side_has_no_middle() {
        assert_eq!(book(&[], &[(101, 3)]).middle, None);
        assert_eq!(book(&[], &[]), Ladder::default());
    }

    #[test]
    fn rows_are_bounded_and_sums_do_not_overflow() {
        let deep: Vec<_> = (0..50).map(|n| (1_000 - n, u64::MAX)).collect();
        let ladder = book(&deep, &[]);
        assert_eq!(ladder.bids.len(), ROWS);
        assert_eq!(ladder.bids[10].sum, u64::MAX);
    }
}
