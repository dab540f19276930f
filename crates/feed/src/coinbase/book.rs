//! How far a Coinbase book is proven (protocol section 5).
//!
//! Updates carry no number and no checksum, so a book is a snapshot with every update that was heard since, and alarms:
//!
//! 1. Updates before the snapshot are dropped.
//! 2. A snapshot replaces the book, also a live one.
//! 3. An update applies its changes in order; size zero, however it is written, removes, an absent level is no error.
//! 4. The time of updates must not go back by more than a second (rule c). A smaller step back is only a reason to
//!    compare: messages of one connection come in order, their stamps need not.
//! 5. The book must not stay crossed for more than two messages or a second (rule b), but while the venue holds an
//!    auction or has restricted trading.
//!
//! The other rules need more than the book: silence (a) and the ticker (e) are the session's, and what nothing of all
//! this shows, a lost update, is found by comparing with REST (d, [`Comparison`](super::compare::Comparison)).

use std::time::Duration;

use types::market::StaleReason;
use types::{Level, Price, Qty, Scale, Timestamp};

use super::messages::{BookSide, SnapshotData, UpdateData};
use crate::book::{Book, Verdict};
use crate::level::read_all;
use crate::number::NumberError;

/// Rule c: a larger step back in time breaks the book.
const STEP_BACK_MAX: Duration = Duration::from_secs(1);
/// Rule b: messages after which the book may be crossed.
const CROSSED_MESSAGES_MAX: u32 = 2;
/// Rule b: time for which it may be crossed.
const CROSSED_FOR_MAX: Duration = Duration::from_secs(1);

/// The book of one product.
#[derive(Clone, Debug)]
pub(crate) struct CheckedBook {
    book: Book,
    scale: Scale,
    has_snapshot: bool,
    /// The latest time of an update.
    venue_at: Option<Timestamp>,
    crossed: Option<Crossed>,
}

/// Since when, and after how many messages, the book is crossed.
#[derive(Clone, Copy, Debug)]
struct Crossed {
    since: Timestamp,
    messages: u32,
}

/// A change of a level, with what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) side: BookSide,
    pub(crate) price: Price,
    pub(crate) before: Qty,
}

/// An update, however it was read.
pub(crate) trait Update {
    fn venue_at(&self) -> Option<Timestamp>;
    /// The new whole sizes of levels, in order, at the product's digits.
    fn changes(&self, scale: Scale) -> impl Iterator<Item = Result<(BookSide, Level), NumberError>>;
}

impl Update for UpdateData<'_> {
    fn venue_at(&self) -> Option<Timestamp> {
        self.venue_at()
    }

    fn changes(&self, scale: Scale) -> impl Iterator<Item = Result<(BookSide, Level), NumberError>> {
        self.changes.iter().map(move |change| Ok((change.side, change.level.level(scale)?)))
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) verdict: Verdict,
    /// Its time is before that of another one.
    pub(crate) is_late: bool,
}

impl CheckedBook {
    pub(crate) const fn new(scale: Scale) -> Self {
        Self { book: Book::new(), scale, has_snapshot: false, venue_at: None, crossed: None }
    }

    pub(crate) const fn book(&self) -> &Book {
        &self.book
    }

    pub(crate) const fn scale(&self) -> Scale {
        self.scale
    }

    /// True from the snapshot on until something breaks the book.
    pub(crate) const fn has_snapshot(&self) -> bool {
        self.has_snapshot
    }

    /// Forgets the levels and waits for a snapshot.
    pub(crate) fn drop_book(&mut self) {
        self.book.clear();
        self.has_snapshot = false;
        self.venue_at = None;
        self.crossed = None;
    }

    /// Other digits from now on; waits for a snapshot.
    pub(crate) fn restart(&mut self, scale: Scale) {
        self.drop_book();
        self.scale = scale;
    }

    /// Keeps the levels and takes more digits from now on. False when a level does not fit those: the book is dropped
    /// then.
    pub(crate) fn refine(&mut self, scale: Scale) -> bool {
        let power = |new: u8, old: u8| 10i64.checked_pow(u32::from(new.saturating_sub(old)));
        let powers = power(scale.price_decimals, self.scale.price_decimals)
            .zip(power(scale.qty_decimals, self.scale.qty_decimals));
        let finer = |level: Level| {
            let (price, qty) = powers?;
            let price = Price::new(level.price.mantissa().checked_mul(price)?)?;
            Some(Level { price, qty: Qty(level.qty.0.checked_mul(qty.unsigned_abs())?) })
        };
        let bids: Option<Vec<Level>> = self.book.bids.iter().map(finer).collect();
        let asks: Option<Vec<Level>> = self.book.asks.iter().map(finer).collect();
        self.scale = scale;
        let Some((bids, asks)) = bids.zip(asks) else {
            self.drop_book();
            return false;
        };
        self.book.bids.load(&bids, false);
        self.book.asks.load(&asks, false);
        true
    }

    /// Step 2.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; the book is dropped then.
    pub(crate) fn snapshot(&mut self, at: Timestamp, data: &SnapshotData<'_>) -> Result<Verdict, NumberError> {
        self.drop_book();
        let bids = read_all(&data.bids, self.scale)?;
        let asks = read_all(&data.asks, self.scale)?;
        self.book.bids.load(&bids, false);
        self.book.asks.load(&asks, false);
        self.has_snapshot = true;
        self.venue_at = data.venue_at();
        self.note_crossing(at);
        Ok(Verdict::Rebuilt)
    }

    /// Steps 1, 3, 4 and 5. `is_strict`: a crossed book is an alarm. Every change is told to `changed`.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; the book is dropped then, for part of the update is in it.
    pub(crate) fn update(
        &mut self,
        at: Timestamp,
        data: &impl Update,
        is_strict: bool,
        changed: impl FnMut(Change),
    ) -> Result<Applied, NumberError> {
        if !self.has_snapshot {
            return Ok(Applied { verdict: Verdict::Waiting, is_late: false });
        }
        let venue_at = data.venue_at();
        let step_back = self.venue_at.zip(venue_at).map_or(Duration::ZERO, |(latest, this)| latest.since(this));
        if step_back > STEP_BACK_MAX {
            self.drop_book();
            return Ok(Applied { verdict: Verdict::Broken(StaleReason::SequenceGap), is_late: true });
        }
        self.venue_at = self.venue_at.max(venue_at);
        if let Err(error) = self.set_all(data, changed) {
            self.drop_book();
            return Err(error);
        }
        self.note_crossing(at);
        let verdict = match self.crossed {
            None => Verdict::Held,
            Some(crossed) if is_strict && crossed.is_over(at) => {
                self.drop_book();
                Verdict::Broken(StaleReason::Crossed)
            }
            Some(_) => Verdict::Crossed,
        };
        Ok(Applied { verdict, is_late: step_back > Duration::ZERO })
    }

    fn set_all(&mut self, data: &impl Update, mut changed: impl FnMut(Change)) -> Result<(), NumberError> {
        for change in data.changes(self.scale) {
            let (side, Level { price, qty }) = change?;
            let ladder = match side {
                BookSide::Bids => &mut self.book.bids,
                BookSide::Asks => &mut self.book.asks,
            };
            let before = ladder.set(price, qty);
            changed(Change { side, price, before });
        }
        Ok(())
    }

    fn note_crossing(&mut self, at: Timestamp) {
        self.crossed = self.book.is_crossed().then(|| match self.crossed {
            Some(crossed) => Crossed { messages: crossed.messages.saturating_add(1), ..crossed },
            None => Crossed { since: at, messages: 1 },
        });
    }

    /// When the book has been crossed for too long, if nothing else is heard.
    pub(crate) fn crossed_until(&self) -> Option<Timestamp> {
        self.crossed.map(Crossed::until)
    }
}

impl Crossed {
    fn until(self) -> Timestamp {
        self.since.plus(CROSSED_FOR_MAX)
    }

    fn is_over(self, at: Timestamp) -> bool {
        self.messages > CROSSED_MESSAGES_MAX || self.until() <= at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::coinbase::messages::{Message, decode};

    const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 4 };
    const BACK: Verdict = Verdict::Broken(StaleReason::SequenceGap);

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[track_caller]
    fn snapshot(book: &mut CheckedBook, bids: &str, asks: &str) -> Verdict {
        let text = format!(r#"{{"type":"snapshot","product_id":"A-B","bids":[{bids}],"asks":[{asks}]}}"#);
        let Ok(Message::Snapshot(data)) = decode(&text) else { panic!("no snapshot: {text}") };
        book.snapshot(s(0), &data).expect("readable")
    }

    fn update_at(book: &mut CheckedBook, at: Timestamp, time: &str, changes: &str) -> Result<Applied, NumberError> {
        let text = format!(r#"{{"type":"l2update","product_id":"A-B","changes":[{changes}],"time":"{time}"}}"#);
        let Ok(Message::Update(data)) = decode(&text) else { panic!("no update: {text}") };
        book.update(at, &data, true, |_| {})
    }

    #[track_caller]
    fn update(book: &mut CheckedBook, changes: &str) -> Verdict {
        update_at(book, s(0), "2026-01-01T00:00:00Z", changes).expect("readable").verdict
    }

    fn bids(book: &CheckedBook) -> Vec<(i64, u64)> {
        book.book().bids.iter().map(|level| (level.price.mantissa(), level.qty.0)).collect()
    }

    #[test]
    fn what_comes_before_the_snapshot_is_dropped_and_a_second_one_replaces_the_book() {
        let mut book = CheckedBook::new(SCALE);
        assert_eq!(update(&mut book, r#"["buy","9.00","1"]"#), Verdict::Waiting);
        assert_eq!(snapshot(&mut book, r#"["10.00","1.5"],["9.5","2"]"#, r#"["11","1"]"#), Verdict::Rebuilt);
        assert_eq!(bids(&book), [(1_000, 15_000), (950, 20_000)]);
        assert_eq!(update(&mut book, r#"["buy","10.5","3"],["buy","9.50","0"]"#), Verdict::Held);
        assert_eq!(bids(&book), [(1_050, 30_000), (1_000, 15_000)]);
        assert_eq!(snapshot(&mut book, r#"["8","1"]"#, ""), Verdict::Rebuilt);
        assert_eq!(bids(&book), [(800, 10_000)]);
        assert!(book.book().asks.is_empty());
    }

    #[test]
    fn prices_are_the_same_in_every_spelling_and_so_is_nothing() {
        for zero in ["0", "0.0", "0.00000000"] {
            let mut book = CheckedBook::new(SCALE);
            snapshot(&mut book, r#"["100.10","1"]"#, "");
            assert_eq!(update(&mut book, &format!(r#"["buy","100.1","{zero}"]"#)), Verdict::Held);
            assert_eq!(bids(&book), [], "{zero}");
            assert_eq!(update(&mut book, &format!(r#"["buy","100.1","{zero}"]"#)), Verdict::Held, "absent is fine");
        }
    }

    #[test]
    fn changes_are_told_with_what_was_there() {
        let mut book = CheckedBook::new(SCALE);
        snapshot(&mut book, r#"["10","1"]"#, r#"["11","2"]"#);
        let text =
            r#"{"type":"l2update","product_id":"A-B","changes":[["buy","10","3"],["sell","12","1"],["buy","10","0"]]}"#;
        let Ok(Message::Update(data)) = decode(text) else { panic!("no update") };
        let mut changes = Vec::new();
        book.update(s(0), &data, true, |change| changes.push((change.side, change.before.0))).expect("readable");
        assert_eq!(changes, [(BookSide::Bids, 10_000), (BookSide::Asks, 0), (BookSide::Bids, 30_000)]);
    }

    #[test]
    fn time_may_stand_still_or_step_back_a_little() {
        let mut book = CheckedBook::new(SCALE);
        snapshot(&mut book, "", "");
        let mut at = |time: &str| {
            let applied = update_at(&mut book, s(0), &format!("2026-01-01T00:00:{time}Z"), "").expect("readable");
            (applied.verdict, applied.is_late)
        };
        assert_eq!(at("10.5"), (Verdict::Held, false));
        assert_eq!(at("10.500"), (Verdict::Held, false));
        assert_eq!(at("09.5"), (Verdict::Held, true), "a second is allowed");
        assert_eq!(at("10.4"), (Verdict::Held, true), "the latest time counts");
        assert_eq!(at("11"), (Verdict::Held, false));
        assert_eq!(at("09.999999"), (BACK, true));
        assert_eq!(at("12"), (Verdict::Waiting, false));
    }

    #[test]
    fn a_crossed_book_breaks_after_two_messages_or_a_second() {
        let mut book = CheckedBook::new(SCALE);
        let cross = r#"["buy","11","1"]"#;
        let crossed = Verdict::Broken(StaleReason::Crossed);
        snapshot(&mut book, r#"["10","1"]"#, r#"["11","1"]"#);
        assert_eq!(update(&mut book, cross), Verdict::Crossed, "locked is crossed");
        assert_eq!(book.crossed_until(), Some(s(1)));
        assert_eq!(update(&mut book, ""), Verdict::Crossed);
        assert_eq!(update(&mut book, r#"["buy","11","0"]"#), Verdict::Held);
        assert_eq!(book.crossed_until(), None);
        for expected in [Verdict::Crossed, Verdict::Crossed, crossed, Verdict::Waiting] {
            assert_eq!(update(&mut book, cross), expected);
        }
        snapshot(&mut book, r#"["11","1"]"#, r#"["11","1"]"#);
        assert_eq!(book.crossed_until(), Some(s(1)), "a snapshot counts as a message");
        let late = update_at(&mut book, s(1), "2026-01-01T00:00:00Z", "").expect("readable");
        assert_eq!(late.verdict, crossed);
    }

    #[test]
    fn while_trading_is_restricted_a_crossed_book_is_only_not_shown() {
        let mut book = CheckedBook::new(SCALE);
        snapshot(&mut book, r#"["12","1"]"#, r#"["11","1"]"#);
        let text = r#"{"type":"l2update","product_id":"A-B","changes":[["buy","12","2"]]}"#;
        let Ok(Message::Update(data)) = decode(text) else { panic!("no update") };
        for at in 1..10 {
            let applied = book.update(s(at), &data, false, |_| {}).expect("readable");
            assert_eq!(applied.verdict, Verdict::Crossed);
        }
    }

    #[test]
    fn a_level_that_cannot_be_read_drops_the_book() {
        for level in
            [r#""10.005","1""#, r#""0","1""#, r#""-1","1""#, r#""10","-1""#, r#""10","0.00001""#, r#""1e1","1""#]
        {
            let mut book = CheckedBook::new(SCALE);
            snapshot(&mut book, r#"["10","1"]"#, "");
            let changes = format!(r#"["buy","9","1"],["buy",{level}]"#);
            assert!(update_at(&mut book, s(0), "2026-01-01T00:00:00Z", &changes).is_err(), "{level}");
            assert!(!book.has_snapshot() && book.book().bids.is_empty());
        }
    }

    proptest! {
        /// In whatever pieces changes come: the book is a map.
        #[test]
        fn a_book_is_a_map(
            start in prop::collection::vec((1u8..60, 1u8..9), 0..40),
            messages in prop::collection::vec(prop::collection::vec((1u8..60, 0u8..4), 0..6), 0..60),
        ) {
            let mut book = CheckedBook::new(SCALE);
            let text = |(price, qty): &(u8, u8)| format!(r#"["{price}","{qty}.0"]"#);
            snapshot(&mut book, &start.iter().map(text).collect::<Vec<_>>().join(","), "");
            let mut map: BTreeMap<u8, u8> = start.into_iter().collect();
            for changes in messages {
                for (price, qty) in &changes {
                    if *qty == 0 { map.remove(price); } else { map.insert(*price, *qty); }
                }
                let text = |(price, qty): &(u8, u8)| format!(r#"["buy","{price}.00","{qty}"]"#);
                update(&mut book, &changes.iter().map(text).collect::<Vec<_>>().join(","));
                let expected: Vec<_> = map.iter().rev().map(|(p, q)| (i64::from(*p) * 100, u64::from(*q) * 10_000)).collect();
                prop_assert_eq!(bids(&book), expected);
            }
        }
    }
}
