//! Kraken's book checksum (protocol section 5.1).

use types::{Level, Price, Qty};

use crate::book::{Book, Ladder};

/// Levels of each side that the checksum covers.
const LEVELS: usize = 10;
/// Two numbers of twenty digits.
const LEVEL_DIGITS: usize = 2 * 20;

/// CRC-32 over the best ten asks, then the best ten bids, best first: price digits and quantity digits of each level.
///
/// The venue's rule for the digits is: write the value with exactly its declared decimals, drop the point, drop
/// leading zeros. A mantissa at those decimals, written as an integer, is that text. So the levels' scale must be the
/// instrument's declared precision.
///
/// The text is kept from message to message, and only levels that change are written anew. It must be told every change
/// of the book, and to be [completed](Checksum::complete) after those of a message.
#[derive(Clone, Debug)]
pub(crate) struct Checksum {
    pub(crate) asks: Sheet,
    pub(crate) bids: Sheet,
    /// Of the asks alone, if they have not changed since.
    asks_crc: Option<u32>,
}

impl Checksum {
    /// Of an empty book.
    pub(crate) const fn new() -> Self {
        Self { asks: Sheet::new(1), bids: Sheet::new(-1), asks_crc: None }
    }

    /// Nothing is known of the book any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Takes over what moved up in the book, and gives the checksum.
    pub(crate) fn complete(&mut self, book: &Book) -> u32 {
        self.asks.complete(&book.asks);
        self.bids.complete(&book.bids);
        let asks = match self.asks_crc.filter(|_| !self.asks.has_changed) {
            Some(crc) => crc,
            None => crc32fast::hash(self.asks.text()),
        };
        self.asks.has_changed = false;
        self.asks_crc = Some(asks);
        let mut both = crc32fast::Hasher::new_with_initial(asks);
        both.update(self.bids.text());
        both.finalize()
    }
}

/// The text of the best levels of one side.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    /// A price times this grows from the best level to the worst.
    sign: i64,
    /// Best first: prices times the sign.
    keys: [i64; LEVELS],
    /// Bytes of each level in the text.
    lens: [u8; LEVELS],
    len: usize,
    text: [u8; LEVELS * LEVEL_DIGITS],
    text_len: usize,
    has_changed: bool,
}

impl Sheet {
    const fn new(sign: i64) -> Self {
        Self {
            sign,
            keys: [0; LEVELS],
            lens: [0; LEVELS],
            len: 0,
            text: [0; LEVELS * LEVEL_DIGITS],
            text_len: 0,
            has_changed: true,
        }
    }

    fn text(&self) -> &[u8] {
        &self.text[..self.text_len]
    }

    /// The whole quantity at a price has changed; zero: it is gone.
    pub(crate) fn set(&mut self, price: Price, qty: Qty) {
        let key = self.sign * price.mantissa();
        let known = &self.keys[..self.len];
        // What comes behind the known levels may not be the next one of the book: that is for later.
        let Some(at) = known.iter().position(|known| *known >= key) else { return };
        let is_present = known[at] == key;
        match (is_present, qty.is_zero()) {
            (true, true) => self.remove(at),
            (false, true) => {}
            (true, false) => self.write(at, Digits::of(price, qty)),
            (false, false) => {
                if self.len == LEVELS {
                    self.remove(LEVELS - 1);
                }
                self.insert(at, key, Digits::of(price, qty));
            }
        }
    }

    /// Takes the levels behind the known ones from the book.
    fn complete(&mut self, ladder: &Ladder) {
        while self.len > ladder.len() {
            self.remove(self.len - 1);
        }
        if self.len == LEVELS.min(ladder.len()) {
            return;
        }
        let last = self.len.checked_sub(1).and_then(|last| Price::new(self.sign * self.keys[last]));
        let missing = LEVELS - self.len;
        match last {
            Some(last) => ladder.behind(last).take(missing).for_each(|level| self.append(level)),
            None => ladder.iter().take(missing).for_each(|level| self.append(level)),
        }
    }

    fn append(&mut self, level: Level) {
        self.insert(self.len, self.sign * level.price.mantissa(), Digits::of(level.price, level.qty));
    }

    fn insert(&mut self, at: usize, key: i64, digits: Digits) {
        self.keys.copy_within(at..self.len, at + 1);
        self.lens.copy_within(at..self.len, at + 1);
        self.len += 1;
        (self.keys[at], self.lens[at]) = (key, 0);
        self.write(at, digits);
    }

    fn remove(&mut self, at: usize) {
        self.write(at, Digits::new());
        self.keys.copy_within(at + 1..self.len, at);
        self.lens.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Replaces the text of a level.
    fn write(&mut self, at: usize, digits: Digits) {
        let start: usize = self.lens[..at].iter().map(|len| usize::from(*len)).sum();
        let end = start + usize::from(self.lens[at]);
        let new = digits.as_slice();
        self.text.copy_within(end..self.text_len, start + new.len());
        self.text[start..start + new.len()].copy_from_slice(new);
        self.text_len = self.text_len - (end - start) + new.len();
        self.lens[at] = new.len() as u8;
        self.has_changed = true;
    }
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

/// The text of one level.
struct Digits {
    bytes: [u8; LEVEL_DIGITS],
    len: usize,
}

impl Digits {
    const fn new() -> Self {
        Self { bytes: [0; LEVEL_DIGITS], len: 0 }
    }

    fn of(price: Price, qty: Qty) -> Self {
        let mut digits = Self::new();
        digits.push(price.mantissa().unsigned_abs());
        digits.push(qty.0);
        digits
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
    use proptest::prelude::*;

    use super::*;
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
        Checksum::new().complete(book)
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

    /// All from the beginning, as the protocol tells it.
    fn naive(book: &Book) -> u32 {
        let best = book.asks.iter().take(LEVELS).chain(book.bids.iter().take(LEVELS));
        let text: String = best.map(|level| format!("{}{}", level.price.mantissa(), level.qty.0)).collect();
        crc32fast::hash(text.as_bytes())
    }

    proptest! {
        #[test]
        fn a_kept_text_is_that_of_the_book(
            messages in prop::collection::vec(
                prop::collection::vec((any::<bool>(), 1i64..40, (0u64..4, 0u32..64)), 0..6), 1..60,
            ),
            depth in 5usize..20,
        ) {
            let mut book = Book::new();
            let mut checksum = Checksum::new();
            for message in messages {
                for (is_bid, mantissa, (qty, shift)) in message {
                    let (ladder, sheet) = match is_bid {
                        true => (&mut book.bids, &mut checksum.bids),
                        false => (&mut book.asks, &mut checksum.asks),
                    };
                    let (price, qty) = (Price::new(mantissa).expect("positive"), Qty(qty << shift));
                    ladder.set(price, qty);
                    sheet.set(price, qty);
                }
                book.cut(depth);
                prop_assert_eq!(checksum.complete(&book), naive(&book));
            }
        }

        #[test]
        fn digits_are_those_of_the_numbers(price in 1..=i64::MAX, qty: u64, (less, fewer) in (0u32..63, 0u32..64)) {
            let (price, qty) = (Price::new((price >> less).max(1)).expect("positive"), Qty(qty >> fewer));
            let text = format!("{}{}", price.mantissa(), qty.0);
            let digits = Digits::of(price, qty);
            prop_assert_eq!(digits.as_slice(), text.as_bytes());
        }
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
