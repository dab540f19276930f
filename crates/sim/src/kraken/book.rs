//! What Kraken adds to a book: its checksum, and its spelling of levels.

use types::{Price, Qty, Scale};

use crate::text::put;
use crate::view::View;

/// Levels a side that the checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// CRC-32 of the digits of the ten best asks, then of the ten best bids. A price or quantity at its full precision without
/// point and leading zeros is just its integer.
pub(super) fn checksum(view: &View) -> u32 {
    let mut digits = String::with_capacity(400);
    for level in view.asks.iter().take(CHECKSUM_LEVELS).chain(view.bids.iter().take(CHECKSUM_LEVELS)) {
        put!(digits, "{}{}", level.price.mantissa(), level.qty.0);
    }
    crc32fast::hash(digits.as_bytes())
}

/// `{"price":45283.5,"qty":0.10000000}`: numbers, with every digit of their precision.
pub(super) fn level(out: &mut String, scale: Scale, (price, qty): (Price, Qty)) {
    put!(out, "{{\"price\":{},\"qty\":{}}}", scale.price(price), scale.qty(qty));
}

#[cfg(test)]
mod tests {
    use types::Side;

    use super::*;
    use crate::market::book::Book;
    use crate::view::Leaving;

    /// The worked example of Kraken's checksum guide.
    #[test]
    fn checksum_is_that_of_the_guide() {
        let asks = "45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660 \
                    45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827";
        let bids = "45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586 \
                    45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238";
        let mut book = Book::default();
        for (side, text) in [(Side::Sell, asks), (Side::Buy, bids)] {
            let integers: Vec<i64> =
                text.split_whitespace().map(|n| n.replace('.', "").parse().expect("digits")).collect();
            for pair in integers.chunks(2) {
                book.add(side, Price::new(pair[0]).expect("positive"), 0, Qty(pair[1] as u64));
            }
        }
        let mut view = View::new(&book, 10, Leaving::Silent);
        assert_eq!(checksum(&view), 3_310_070_434);
        view.asks.remove(0);
        assert_ne!(checksum(&view), 3_310_070_434);
    }
}
