//! The depth of a book: how much rests up to each price, on both sides of the mid.

use wire::Book;

use super::shape;

/// Size of the picture, CSS pixels; it is stretched to its frame.
pub const SIZE: (f64, f64) = (280.0, 110.0);

/// Share of the height that the deeper side fills.
const FILLED: f64 = 0.94;

/// A picture of the depth, as paths within [`SIZE`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Depth {
    /// Outline of the bids, from the outside to the middle.
    pub bids: String,
    /// Outline of the asks, from the middle to the outside.
    pub asks: String,
    /// Lowest and highest price of the picture, price units; as far from the mid on both sides.
    pub prices: (i64, i64),
    /// What rests on the bid side within the picture, quantity units.
    pub bid_sum: u64,
    /// The same of the asks.
    pub ask_sum: u64,
}

/// The picture of a book; `None` while one side is empty. Both sides share one scale, and reach as far as the shorter one does.
#[must_use]
pub fn depth(book: &Book) -> Option<Depth> {
    let (bid, ask) = (book.bids.first()?.0, book.asks.first()?.0);
    let (lowest, highest) = (book.bids.last()?.0, book.asks.last()?.0);
    let mid = (bid as f64 + ask as f64) / 2.0;
    let reach = (mid - lowest as f64).min(highest as f64 - mid).max(1.0);
    let (bids, asks) = (sums(&book.bids, mid, reach), sums(&book.asks, mid, reach));
    let sum = |side: &[(f64, u64)]| side.last().map_or(0, |(_, sum)| *sum);
    let (bid_sum, ask_sum) = (sum(&bids), sum(&asks));
    let most = bid_sum.max(ask_sum).max(1) as f64;
    let (width, height) = SIZE;
    let y = |sum: u64| height * (1.0 - FILLED * sum as f64 / most);
    let outline = |side: &[(f64, u64)], sign: f64| {
        let x = |away: f64| width / 2.0 * (1.0 + sign * away / reach);
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (away, sum) in side {
            let before = points.last().map_or(height, |point| point.1);
            points.extend([(x(*away), before), (x(*away), y(*sum))]);
        }
        let last = points.last().map_or(height, |point| point.1);
        points.extend([(x(reach), last), (x(reach), height)]);
        shape::line(points.into_iter()) + "Z"
    };
    Some(Depth {
        bids: outline(&bids, -1.0),
        asks: outline(&asks, 1.0),
        prices: ((mid - reach).round() as i64, (mid + reach).round() as i64),
        bid_sum,
        ask_sum,
    })
}

/// Distance from the mid, and all that rests up to there.
fn sums(levels: &[(i64, u64)], mid: f64, reach: f64) -> Vec<(f64, u64)> {
    let mut sum = 0u64;
    let within = levels.iter().map(|(price, qty)| ((*price as f64 - mid).abs(), qty));
    within
        .take_while(|(away, _)| *away <= reach)
        .map(|(away, qty)| {
            sum = sum.saturating_add(*qty);
            (away, sum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::BookState;

    fn book(bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Book {
        Book { state: BookState::ProvenChecksum, bids: bids.to_vec(), asks: asks.to_vec() }
    }

    #[test]
    fn both_sides_reach_as_far_as_the_shorter_one() {
        let depth = depth(&book(&[(100, 3), (90, 5), (60, 9)], &[(110, 4), (125, 12)])).expect("two sides");
        assert_eq!(depth.prices, (85, 125));
        assert_eq!((depth.bid_sum, depth.ask_sum), (8, 16), "what lies further away is left out");
        assert!(depth.bids.starts_with("M105.0 110.0L105.0 90.6L"), "{}", depth.bids);
        assert!(depth.asks.starts_with("M175.0 110.0L175.0 84.2L280.0 84.2L280.0 6.6L"), "{}", depth.asks);
        assert!(depth.bids.ends_with("L0.0 110.0Z") && depth.asks.ends_with("L280.0 110.0Z"));
    }

    #[test]
    fn an_empty_side_has_no_picture_and_huge_sums_do_not_overflow() {
        assert_eq!(depth(&book(&[(100, 1)], &[])), None);
        let deep = depth(&book(&[(100, u64::MAX), (99, u64::MAX)], &[(101, 1), (102, 1)])).expect("two sides");
        assert_eq!(deep.bid_sum, u64::MAX);
    }
}
