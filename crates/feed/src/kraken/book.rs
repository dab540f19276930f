//! How a Kraken book is proven (protocol section 5).
//!
//! 1. A snapshot replaces the book; its checksum is verified. One that is older than an update that was heard before it
//!    lacks that update, which no checksum would show until the next one: it is not used.
//! 2. An update applies all its levels in order; quantity zero removes, an absent level is no error.
//! 3. Then each side is cut to the subscribed depth: the venue sends no removal for levels that fall out.
//! 4. Then the checksum is verified. It is the only detector of gaps: one that does not match drops the book, and
//!    nothing is taken until the next snapshot.
//! 5. A crossed book with a right checksum is what the venue has: not to be shown, but no reason to start anew.

use types::market::StaleReason;
use types::{Level, Scale, Timestamp};

use super::checksum::{Checksum, Sheet};
use super::messages::{BookData, Kind, number_format};
use crate::book::{Book, Ladder, Verdict};
use crate::number::NumberError;

/// Changed or all levels of a book, and the checksum after them.
pub(crate) trait Change {
    fn checksum(&self) -> u32;

    /// When the venue made it.
    fn venue_at(&self) -> Option<Timestamp>;

    /// Bids in order.
    fn bids(&self, scale: Scale) -> impl Iterator<Item = Result<Level, NumberError>>;

    /// Asks in order.
    fn asks(&self, scale: Scale) -> impl Iterator<Item = Result<Level, NumberError>>;
}

impl Change for BookData<'_> {
    fn checksum(&self) -> u32 {
        self.checksum
    }

    fn venue_at(&self) -> Option<Timestamp> {
        self.venue_at()
    }

    fn bids(&self, scale: Scale) -> impl Iterator<Item = Result<Level, NumberError>> {
        self.bids.iter().map(move |level| level.level(number_format(scale)))
    }

    fn asks(&self, scale: Scale) -> impl Iterator<Item = Result<Level, NumberError>> {
        self.asks.iter().map(move |level| level.level(number_format(scale)))
    }
}

/// The book of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct ProvenBook {
    book: Book,
    checksum: Checksum,
    depth: usize,
    scale: Scale,
    has_snapshot: bool,
    /// The venue's time of the newest update that was heard, used or not.
    updated_at: Option<Timestamp>,
    checked: u64,
    matched: u64,
}

impl ProvenBook {
    /// An empty book of a subscription with `depth` levels; `scale` must be the pair's declared precisions.
    pub(crate) const fn new(depth: u16, scale: Scale) -> Self {
        Self {
            book: Book::new(),
            checksum: Checksum::new(),
            depth: depth as usize,
            scale,
            has_snapshot: false,
            updated_at: None,
            checked: 0,
            matched: 0,
        }
    }

    pub(crate) const fn book(&self) -> &Book {
        &self.book
    }

    pub(crate) const fn scale(&self) -> Scale {
        self.scale
    }

    /// Checksums compared and matched so far.
    pub(crate) const fn checksums(&self) -> (u64, u64) {
        (self.checked, self.matched)
    }

    /// It is subscribed (anew): its snapshot is still to come, and no update heard before says anything about that one.
    pub(crate) fn subscribed(&mut self) {
        self.updated_at = None;
    }

    /// Forgets the levels and waits for a snapshot.
    pub(crate) fn drop_book(&mut self) {
        self.clear();
        self.has_snapshot = false;
    }

    fn clear(&mut self) {
        self.book.clear();
        self.checksum.clear();
    }

    /// Other digits or another depth from now on; waits for a snapshot.
    pub(crate) fn restart(&mut self, depth: u16, scale: Scale) {
        self.drop_book();
        self.depth = usize::from(depth);
        self.scale = scale;
    }

    /// A live book knows more; without one, another snapshot is needed, and that one is believed.
    fn refuse_old_snapshot(&mut self) -> Verdict {
        if self.has_snapshot {
            return Verdict::Old;
        }
        self.updated_at = None;
        Verdict::Broken(StaleReason::SequenceGap)
    }

    /// Takes a message of the book channel.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; the book is dropped then, for part of the message is in it.
    pub(crate) fn apply(&mut self, kind: Kind, data: &impl Change) -> Result<Verdict, NumberError> {
        let venue_at = data.venue_at();
        match kind {
            Kind::Snapshot if venue_at.is_some_and(|at| self.updated_at.is_some_and(|newest| at < newest)) => {
                return Ok(self.refuse_old_snapshot());
            }
            Kind::Snapshot => self.clear(),
            Kind::Update => {
                let is_late = venue_at.is_some_and(|at| self.updated_at.is_some_and(|newest| at < newest));
                self.updated_at = self.updated_at.max(venue_at);
                if !self.has_snapshot {
                    return Ok(Verdict::Waiting);
                }
                // Its checksum may be that of the book as it was then.
                if is_late {
                    self.drop_book();
                    return Ok(Verdict::Broken(StaleReason::SequenceGap));
                }
            }
        }
        let scale = self.scale;
        let (book, checksum) = (&mut self.book, &mut self.checksum);
        let applied = set_all(&mut book.bids, &mut checksum.bids, data.bids(scale))
            .and_then(|()| set_all(&mut book.asks, &mut checksum.asks, data.asks(scale)));
        if let Err(error) = applied {
            self.drop_book();
            return Err(error);
        }
        self.book.cut(self.depth);
        self.checked += 1;
        if self.checksum.complete(&self.book) != data.checksum() {
            self.drop_book();
            return Ok(Verdict::Broken(StaleReason::ChecksumMismatch));
        }
        self.matched += 1;
        self.has_snapshot = true;
        Ok(match kind {
            _ if self.book.is_crossed() => Verdict::Crossed,
            Kind::Snapshot => Verdict::Rebuilt,
            Kind::Update => Verdict::Held,
        })
    }
}

fn set_all(
    ladder: &mut Ladder,
    sheet: &mut Sheet,
    mut levels: impl Iterator<Item = Result<Level, NumberError>>,
) -> Result<(), NumberError> {
    // A whole side at once is cheaper to build than level by level.
    if ladder.is_empty() {
        let levels: Result<Vec<_>, _> = levels.collect();
        ladder.load(&levels?, false);
        return Ok(());
    }
    levels.try_for_each(|level| {
        let level = level?;
        ladder.set(level.price, level.qty);
        sheet.set(level.price, level.qty);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kraken::messages::{Message, decode};

    /// The table of section 5.1, as a snapshot.
    const GUIDE: &str = include_str!("../../fixtures/kraken_guide_snapshot.json");
    const BTC: Scale = Scale { price_decimals: 1, qty_decimals: 8 };

    #[track_caller]
    fn apply(book: &mut ProvenBook, message: &str) -> Result<Verdict, NumberError> {
        let Ok(Message::Book { kind, books }) = decode(message) else { panic!("no book message: {message}") };
        book.apply(kind, &books[0])
    }

    fn update(bids: &str, asks: &str, checksum: u32) -> String {
        format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{checksum}}}]}}"#
        )
    }

    fn level(price: &str, qty: &str) -> String {
        format!(r#"{{"price":{price},"qty":{qty}}}"#)
    }

    #[test]
    fn the_guides_example_and_the_updates_derived_from_it() {
        let mut book = ProvenBook::new(10, BTC);
        assert_eq!(apply(&mut book, GUIDE), Ok(Verdict::Rebuilt));
        let add_bid = update(&level("45284.0", "0.50000000"), "", 1_818_405_665);
        assert_eq!(apply(&mut book, &add_bid), Ok(Verdict::Held));
        let mut nine_asks = book.clone();
        let asks = format!("{},{}", level("45285.2", "0"), level("45300.0", "0.25000000"));
        assert_eq!(apply(&mut book, &update("", &asks, 717_196_778)), Ok(Verdict::Held));
        let removed = update("", &level("45285.2", "0.0"), 4_015_869_771);
        assert_eq!(apply(&mut nine_asks, &removed), Ok(Verdict::Held));
        assert_eq!(nine_asks.book().asks.iter().count(), 9);
        assert_eq!(book.checksums(), (3, 3));
    }

    #[test]
    fn every_spelling_of_zero_and_of_numbers_gives_the_same_book() {
        for zero in ["0", "0.0", "0.00000000", "0e0", "0.0E+1"] {
            let mut book = ProvenBook::new(10, BTC);
            apply(&mut book, GUIDE).expect("guide");
            apply(&mut book, &update(&level("45284.0", "5.0e-1"), "", 1_818_405_665)).expect("exponent");
            let removed = update("", &level("4.52852e4", zero), 4_015_869_771);
            assert_eq!(apply(&mut book, &removed), Ok(Verdict::Held), "{zero}");
        }
    }

    /// Section 5, test case: what fell out of the depth stays out.
    #[test]
    fn a_level_that_fell_out_of_the_depth_does_not_come_back() {
        let scale = Scale { price_decimals: 1, qty_decimals: 0 };
        let prices = |book: &ProvenBook| -> Vec<i64> { book.book().asks.iter().map(|l| l.price.mantissa()).collect() };
        let crc = |prices: &[i64]| {
            let text: String = prices.iter().map(|p| format!("{p}1")).collect();
            crc32fast::hash(text.as_bytes())
        };
        let mut book = ProvenBook::new(10, scale);
        let ten: Vec<i64> = (1..=10).map(|p| p * 10).collect();
        let levels: Vec<String> = (1..=10).map(|p| level(&format!("{p}.0"), "1")).collect();
        let snapshot = update("", &levels.join(","), crc(&ten)).replace("update", "snapshot");
        assert_eq!(apply(&mut book, &snapshot), Ok(Verdict::Rebuilt));
        let cut: Vec<i64> = [&[10, 20, 25], &ten[2..9]].concat();
        assert_eq!(apply(&mut book, &update("", &level("2.5", "1"), crc(&cut))), Ok(Verdict::Held));
        assert_eq!(prices(&book), cut);
        let after: Vec<i64> = [&ten[..9], &[110]].concat();
        let asks = format!("{},{}", level("2.5", "0"), level("11.0", "1"));
        assert_eq!(apply(&mut book, &update("", &asks, crc(&after))), Ok(Verdict::Held));
        assert_eq!(prices(&book), after);
    }

    #[test]
    fn a_wrong_checksum_drops_the_book_until_the_next_snapshot() {
        let mut book = ProvenBook::new(10, BTC);
        assert_eq!(apply(&mut book, &update(&level("45284.0", "0.5"), "", 1)), Ok(Verdict::Waiting));
        apply(&mut book, GUIDE).expect("guide");
        let wrong = update(&level("45284.0", "0.5"), "", 1_818_405_666);
        assert_eq!(apply(&mut book, &wrong), Ok(Verdict::Broken(StaleReason::ChecksumMismatch)));
        assert!(book.book().bids.is_empty());
        let right = update(&level("45284.0", "0.5"), "", 1_818_405_665);
        assert_eq!(apply(&mut book, &right), Ok(Verdict::Waiting));
        assert_eq!(apply(&mut book, GUIDE), Ok(Verdict::Rebuilt));
        assert_eq!(book.checksums(), (3, 2));
    }

    #[test]
    fn a_snapshot_that_is_older_than_an_update_before_it_is_not_used() {
        let at = |message: &str, time: &str| {
            message.replace(r#""checksum""#, &format!(r#""timestamp":"{time}","checksum""#))
        };
        let guide = GUIDE.replace("2023-10-06T17:35:55.440295Z", "2023-10-06T17:35:55Z");
        let late = at(&update("", "", 3_310_070_434), "2023-10-06T17:35:56Z");
        let mut book = ProvenBook::new(10, BTC);
        assert_eq!(apply(&mut book, &late), Ok(Verdict::Waiting));
        assert_eq!(apply(&mut book, &guide), Ok(Verdict::Broken(StaleReason::SequenceGap)));
        assert_eq!(apply(&mut book, &guide), Ok(Verdict::Rebuilt), "the clock of the venue may have gone back");
        assert_eq!(apply(&mut book, &late), Ok(Verdict::Held));
        assert_eq!(apply(&mut book, &guide), Ok(Verdict::Old), "it came twice, the second time late");
        assert!(!book.book().bids.is_empty());
    }

    #[test]
    fn a_level_that_cannot_be_read_drops_the_book() {
        for (price, qty) in [("45284.05", "1"), ("0", "1"), ("-1", "1"), ("45284.0", "-1"), ("\"45284.0\"", "1")] {
            let mut book = ProvenBook::new(10, BTC);
            apply(&mut book, GUIDE).expect("guide");
            assert!(apply(&mut book, &update(&level(price, qty), "", 0)).is_err(), "{price} x {qty}");
            assert_eq!(apply(&mut book, &update("", "", 3_310_070_434)), Ok(Verdict::Waiting));
        }
    }

    #[test]
    fn the_last_of_a_doubled_price_counts() {
        let mut book = ProvenBook::new(10, BTC);
        apply(&mut book, GUIDE).expect("guide");
        let twice = format!("{},{}", level("45284.0", "9"), level("45284.0", "0.50000000"));
        assert_eq!(apply(&mut book, &update(&twice, "", 1_818_405_665)), Ok(Verdict::Held));
        let gone = format!("{},{}", level("45284.5", "9"), level("45284.5", "0"));
        // The tenth bid fell out with the first level of the pair only after the whole message: nothing changes.
        assert_eq!(apply(&mut book, &update(&gone, "", 1_818_405_665)), Ok(Verdict::Held));
    }
}
