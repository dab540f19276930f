//! Kraken's book checksum (protocol section 5.1).

use types::Level;

/// Levels of each side that the checksum covers.
const LEVELS: usize = 10;

/// CRC-32 over the best ten asks, then the best ten bids, best first: price digits and quantity digits of each level.
///
/// The venue's rule for the digits is: write the value with exactly its declared decimals, drop the point, drop
/// leading zeros. A mantissa at those decimals, written as an integer, is that text. So the levels' scale must be the
/// instrument's declared precision.
pub(crate) fn checksum(asks: impl Iterator<Item = Level>, bids: impl Iterator<Item = Level>) -> u32 {
    let mut text = Digits::new();
    for level in asks.take(LEVELS).chain(bids.take(LEVELS)) {
        text.push(level.price.mantissa().unsigned_abs());
        text.push(level.qty.0);
    }
    crc32fast::hash(text.as_slice())
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Room for the text of twenty levels; a `u64` has at most twenty digits.
struct Digits {
    bytes: [u8; 2 * LEVELS * 2 * 20],
    len: usize,
}

impl Digits {
    const fn new() -> Self {
        Self { bytes: [0; 2 * LEVELS * 2 * 20], len: 0 }
    }

    fn push(&mut self, value: u64) {
        let digits = value.checked_ilog10().map_or(1, |log| log as usize + 1);
        let mut end = self.len + digits;
        self.len = end;
        // Two digits at a time: half the divisions.
        let mut rest = value;
        while rest >= 100 {
            let pair = &PAIRS[(rest % 100) as usize];
            rest /= 100;
            end -= 2;
            self.bytes[end..end + 2].copy_from_slice(pair);
        }
        let pair = &PAIRS[rest as usize];
        if rest >= 10 {
            self.bytes[end - 2..end].copy_from_slice(pair);
        } else {
            self.bytes[end - 1] = pair[1];
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Book;
    use crate::number::NumberFormat;
    use types::Scale;
    use types::decimal::Exponent;

    fn book(scale: Scale, asks: &[(&str, &str)], bids: &[(&str, &str)]) -> Book {
        let format = NumberFormat { scale, exponent: Exponent::Accept };
        let mut book = Book::new();
        for (ladder, levels) in [(&mut book.asks, asks), (&mut book.bids, bids)] {
            for (price, qty) in levels {
                ladder.set(format.price(price).expect("price"), format.qty(qty).expect("quantity"));
            }
        }
        book
    }

    fn of(book: &Book) -> u32 {
        checksum(book.asks.iter(), book.bids.iter())
    }

    #[test]
    fn version_1_example_of_the_official_guide() {
        let scale = Scale { price_decimals: 5, qty_decimals: 8 };
        let asks: Vec<String> = (0..10).map(|n| format!("0.0{}", 5005 + 5 * n)).collect();
        let asks: Vec<_> = asks.iter().map(|price| (price.as_str(), "0.00000500")).collect();
        let bids = [
            "0.05000", "0.04995", "0.04990", "0.04980", "0.04975", "0.04970", "0.04965", "0.04960", "0.04955",
            "0.04950",
        ];
        let bids: Vec<_> = bids.iter().map(|price| (*price, "0.00000500")).collect();
        assert_eq!(of(&book(scale, &asks, &bids)), 974_947_235);
    }

    /// Section 5.3: four updates of real traffic of April 2021 (version 1, XMR/USD), depth 1000.
    #[test]
    fn recorded_sequence() {
        let scale = Scale { price_decimals: 8, qty_decimals: 8 };
        let asks = [
            ("354.80000000", "1.40000000"),
            ("354.84000000", "6.88212752"),
            ("354.85000000", "11.76000000"),
            ("355.02000000", "7.57500000"),
            ("355.03000000", "15.09600000"),
            ("355.22000000", "22.72500000"),
            ("355.23000000", "5.00000000"),
            ("355.28000000", "167.09600000"),
            ("355.34000000", "7.04284869"),
            ("355.44000000", "136.38890000"),
        ];
        let bids = [
            ("354.16000000", "1.40000000"),
            ("354.14000000", "30.30000000"),
            ("354.13000000", "5.00000000"),
            ("354.12000000", "7.57500000"),
            ("354.11000000", "22.72500000"),
            ("354.08000000", "0.17106559"),
            ("354.04000000", "0.28245396"),
            ("353.94000000", "15.27000000"),
            ("353.92000000", "2.82900000"),
            ("353.85000000", "146.07010000"),
            ("353.79000000", "119.02860000"),
            ("353.74000000", "6.28983399"),
        ];
        let updates = [
            ("354.15000000", "5.00000000", 2_583_817_756),
            ("354.12000000", "0.00000000", 1_822_697_057),
            ("354.11000000", "0.00000000", 2_236_754_247),
            ("354.13000000", "0.00000000", 1_453_093_704),
        ];
        let format = NumberFormat { scale, exponent: Exponent::Accept };
        let mut book = book(scale, &asks, &bids);
        assert_eq!(of(&book), 3_784_355_837);
        for (price, qty, expected) in updates {
            book.bids.set(format.price(price).expect("price"), format.qty(qty).expect("quantity"));
            assert_eq!(of(&book), expected, "after {price} x {qty}");
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        proptest::proptest!(|(values in proptest::collection::vec((proptest::prelude::any::<u64>(), 0u32..64), 0..40))| {
            let mut digits = Digits::new();
            let mut text = String::new();
            for value in values.iter().map(|(value, shift)| value >> shift) {
                digits.push(value);
                text.push_str(&value.to_string());
            }
            proptest::prop_assert_eq!(digits.as_slice(), text.as_bytes());
        });
    }

    #[test]
    fn the_largest_numbers_have_room() {
        let mut book = Book::new();
        for n in 0..12 {
            let price = types::Price::new(i64::MAX - n).expect("positive");
            book.asks.set(price, types::Qty(u64::MAX));
            book.bids.set(price, types::Qty(u64::MAX));
        }
        let text: String = (0..10)
            .rev()
            .map(|n| format!("{}{}", i64::MAX - 2 - n, u64::MAX))
            .chain((0..10).map(|n| format!("{}{}", i64::MAX - n, u64::MAX)))
            .collect();
        assert_eq!(of(&book), crc32fast::hash(text.as_bytes()));
    }
}
