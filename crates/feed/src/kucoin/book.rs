//! How a KuCoin book is believed (protocol sections 2.5, 2.6 and 3).
//!
//! | source | snapshot | then | broken by |
//! |---|---|---|---|
//! | pictures | the first picture | whole pictures | nothing: the next one replaces all |
//! | changes | fetched, a hundred levels or all | numbered changes, by the steps of [`SyncedBook`] | a missing number |
//! | unified | in the stream | numbered changes | a missing number, a snapshot older than the book |
//!
//! Inside an update that overlaps the snapshot only the changes with a number of their own above the snapshot's are
//! applied. A change at price zero only moves the number. Crossed best levels are tolerated for one message.

use types::market::StaleReason;
use types::{Level, Scale, Timestamp};

use super::messages::{ChangesData, LevelData, PictureData};
use super::settings::KucoinBook;
use crate::book::{Book, Verdict};
use crate::number::NumberError;
use crate::synced::{Change, Numbered, Renewal, SyncedBook};

/// Levels of each side in a picture.
const PICTURE_LEVELS: usize = 50;
/// Levels of each side of the unified book; the venue says nothing of those beyond.
const UNIFIED_LEVELS: usize = 500;
/// So many pictures in a row that are older than the known one show that the venue's clock was set; fewer come late.
const OLD_MAX: u32 = 20;
/// Levels of each side in a public snapshot.
pub(crate) const SNAPSHOT_LEVELS: usize = 100;

impl Numbered for ChangesData<'_> {
    fn first_id(&self) -> u64 {
        self.first_id
    }

    fn last_id(&self) -> u64 {
        self.last_id
    }

    fn bids(&self, scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
        changes(&self.bids, scale)
    }

    fn asks(&self, scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
        changes(&self.asks, scale)
    }
}

fn changes(levels: &[LevelData<'_>], scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
    levels
        .iter()
        .filter(|level| !level.is_nowhere())
        .map(move |data| Ok(Change { level: data.level(scale)?, id: data.id.unwrap_or(u64::MAX) }))
}

/// The book of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct VenueBook {
    source: KucoinBook,
    /// Books of numbered changes.
    synced: SyncedBook,
    pictured: Option<Pictured>,
}

/// The last picture.
#[derive(Clone, Debug)]
struct Pictured {
    book: Book,
    venue_at: Option<Timestamp>,
    /// Older ones in a row since.
    older: u32,
}

impl VenueBook {
    pub(crate) const fn new(source: KucoinBook, scale: Scale) -> Self {
        Self { source, synced: SyncedBook::new(scale), pictured: None }
    }

    /// The book; `None` unless it holds.
    pub(crate) fn book(&self) -> Option<&Book> {
        match &self.pictured {
            Some(pictured) => Some(&pictured.book),
            None => self.synced.book(),
        }
    }

    /// Forgets everything.
    pub(crate) fn restart(&mut self, source: KucoinBook, scale: Scale) {
        *self = Self::new(source, scale);
    }

    /// What the stream tells is the same, only the snapshots come from elsewhere from now on.
    pub(crate) fn continue_from(&mut self, source: KucoinBook) {
        self.source = source;
    }

    /// Forgets the book, and nothing else.
    pub(crate) fn forget(&mut self) {
        self.restart(self.source, self.synced.scale());
    }

    /// True while only a fetched snapshot is missing.
    pub(crate) fn wants_snapshot(&self) -> bool {
        match self.source {
            KucoinBook::Changes | KucoinBook::AllChanges => self.synced.wants_snapshot(),
            KucoinBook::Pictures | KucoinBook::Unified => false,
        }
    }

    /// A renewal waits for the stream: the fetched snapshot knows changes that were not told yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.synced.is_behind()
    }

    pub(crate) fn renew(&mut self) {
        self.synced.renew();
    }

    pub(crate) fn settle(&mut self, depth: usize) -> Renewal {
        self.synced.settle(depth)
    }

    /// Takes a picture of the stream.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; nothing changes then.
    pub(crate) fn picture(&mut self, data: &PictureData<'_>) -> Result<Verdict, NumberError> {
        match (self.source, data.id) {
            (KucoinBook::Unified, Some(id)) => {
                let book = data.book(self.synced.scale(), UNIFIED_LEVELS)?;
                Ok(self.stream_snapshot(id, book))
            }
            (KucoinBook::Pictures, _) => {
                let book = data.book(self.synced.scale(), PICTURE_LEVELS)?;
                Ok(self.replace(Pictured { book, venue_at: data.venue_at, older: 0 }))
            }
            _ => Ok(Verdict::Old),
        }
    }

    /// A picture that is older than the known one comes late.
    fn replace(&mut self, picture: Pictured) -> Verdict {
        if let Some(known) = &mut self.pictured
            && let (Some(known_at), Some(venue_at)) = (known.venue_at, picture.venue_at)
            && venue_at < known_at
            && known.older < OLD_MAX
        {
            known.older += 1;
            return Verdict::Old;
        }
        let known = self.pictured.as_ref();
        let is_crossed = picture.book.is_crossed();
        let was_crossed = known.is_some_and(|known| known.book.is_crossed());
        let is_first = known.is_none();
        self.pictured = Some(picture);
        match (is_crossed, was_crossed) {
            (false, _) if is_first => Verdict::Rebuilt,
            (false, _) => Verdict::Held,
            (true, false) => Verdict::Crossed,
            (true, true) => Verdict::Broken(StaleReason::Crossed),
        }
    }

    /// A snapshot in the stream replaces the book. One that is older than the book, or does not reach the changes heard
    /// before it, shows that the order of the stream cannot be trusted.
    fn stream_snapshot(&mut self, id: u64, book: Book) -> Verdict {
        if book.is_crossed() {
            self.forget();
            return Verdict::Broken(StaleReason::Crossed);
        }
        match self.synced.id() {
            Some(known) if id < known => {
                self.forget();
                Verdict::Broken(StaleReason::SequenceGap)
            }
            known => {
                if known.is_some() {
                    self.forget();
                }
                match self.synced.snapshot(id, book) {
                    Verdict::SnapshotTooOld => {
                        self.forget();
                        Verdict::Broken(StaleReason::SequenceGap)
                    }
                    verdict => verdict,
                }
            }
        }
    }

    /// Takes changes of the stream.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; the book starts anew then.
    pub(crate) fn changes(&mut self, data: &ChangesData<'_>) -> Result<Verdict, NumberError> {
        match self.source {
            KucoinBook::Pictures => Ok(Verdict::Old),
            KucoinBook::Changes | KucoinBook::AllChanges => self.synced.update(data),
            KucoinBook::Unified => {
                let verdict = self.synced.update(data)?;
                self.synced.cut(UNIFIED_LEVELS);
                Ok(match verdict {
                    // The snapshot came in the stream: what does not follow it is a gap.
                    Verdict::SnapshotTooOld => Verdict::Broken(StaleReason::SequenceGap),
                    verdict => verdict,
                })
            }
        }
    }

    /// Takes a fetched snapshot; of a side with `levels_max` levels there are more.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; nothing changes then.
    pub(crate) fn snapshot(&mut self, data: &PictureData<'_>, levels_max: usize) -> Result<Verdict, NumberError> {
        let book = data.book(self.synced.scale(), levels_max)?;
        Ok(self.synced.snapshot(data.id.unwrap_or(0), book))
    }
}

impl PictureData<'_> {
    /// The book it shows. Of a side with `levels_max` levels there are more.
    fn book(&self, scale: Scale, levels_max: usize) -> Result<Book, NumberError> {
        let mut book = Book::new();
        book.bids.load(&read_all(&self.bids, scale)?, self.bids.len() >= levels_max);
        book.asks.load(&read_all(&self.asks, scale)?, self.asks.len() >= levels_max);
        Ok(book)
    }
}

fn read_all(levels: &[LevelData<'_>], scale: Scale) -> Result<Vec<Level>, NumberError> {
    levels.iter().map(|level| level.level(scale)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kucoin::rest;
    use crate::kucoin::{Wire, messages::Message};

    const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 4 };
    const GAP: Verdict = Verdict::Broken(StaleReason::SequenceGap);

    /// Changes of bids and asks from `first` to `last`.
    fn changes(book: &mut VenueBook, first: u64, last: u64, bids: &str, asks: &str) -> Verdict {
        let text = format!(
            r#"{{"type":"message","topic":"/market/level2:X","data":{{"symbol":"X","sequenceStart":{first},"sequenceEnd":{last},"changes":{{"bids":[{bids}],"asks":[{asks}]}}}}}}"#
        );
        let Ok(Message::Changes(data)) = Wire::of(KucoinBook::Changes).decode(&text) else { panic!("{text}") };
        book.changes(&data).expect("readable")
    }

    /// A fetched snapshot.
    fn fetched(book: &mut VenueBook, id: u64, bids: &str, asks: &str, levels_max: usize) -> Verdict {
        let body =
            format!(r#"{{"code":"200000","data":{{"sequence":"{id}","time":1,"bids":[{bids}],"asks":[{asks}]}}}}"#);
        book.snapshot(&rest::book("X", body.as_bytes()).expect("readable"), levels_max).expect("readable")
    }

    fn picture(book: &mut VenueBook, at_ms: i64, bids: &str, asks: &str) -> Verdict {
        let text = format!(
            r#"{{"type":"message","topic":"/spotMarket/level2Depth50:X","data":{{"timestamp":{at_ms},"bids":[{bids}],"asks":[{asks}]}}}}"#
        );
        let Ok(Message::Picture(data)) = Wire::of(KucoinBook::Pictures).decode(&text) else { panic!("{text}") };
        book.picture(&data).expect("readable")
    }

    fn unified(book: &mut VenueBook, kind: &str, first: u64, last: u64, bids: &str, asks: &str) -> Verdict {
        let text = format!(
            r#"{{"T":"obu.SPOT","t":"{kind}","P":1,"d":{{"s":"X","O":{first},"C":{last},"b":[{bids}],"a":[{asks}]}}}}"#
        );
        match Wire::of(KucoinBook::Unified).decode(&text) {
            Ok(Message::Changes(data)) => book.changes(&data).expect("readable"),
            Ok(Message::Picture(data)) => book.picture(&data).expect("readable"),
            other => panic!("{other:?}"),
        }
    }

    /// Price and quantity as texts.
    type Side = Vec<(String, String)>;

    fn levels(book: &VenueBook) -> (Side, Side) {
        let book = book.book().expect("it holds");
        let text = |level: Level| (SCALE.price(level.price).to_string(), (level.qty.0 / 10_000).to_string());
        (book.bids.iter().map(text).collect(), book.asks.iter().map(text).collect())
    }

    fn pairs(levels: &[(&str, &str)]) -> Vec<(String, String)> {
        levels.iter().map(|(price, qty)| ((*price).to_owned(), (*qty).to_owned())).collect()
    }

    /// The worked example of section 2.6: snapshot 16; of the changes 15 and 16 are in it, 18 sets, 19 removes.
    #[test]
    fn the_worked_example() {
        let mut book = VenueBook::new(KucoinBook::AllChanges, SCALE);
        let bids = r#"["3988.51","56"],["3988.50","15"],["3988.49","100"],["3988.48","10"]"#;
        let asks = r#"["3988.59","3"],["3988.60","47"],["3988.61","32"],["3988.62","8"]"#;
        let changed_asks = r#"["3988.62","99","15"],["3988.59","99","16"],["3988.61","0","19"]"#;
        assert_eq!(changes(&mut book, 15, 19, r#"["3988.50","44","18"]"#, changed_asks), Verdict::Waiting);
        assert!(book.wants_snapshot());
        assert_eq!(fetched(&mut book, 16, bids, asks, usize::MAX), Verdict::Rebuilt);
        let expected_bids = pairs(&[("3988.51", "56"), ("3988.50", "44"), ("3988.49", "100"), ("3988.48", "10")]);
        let expected_asks = pairs(&[("3988.59", "3"), ("3988.60", "47"), ("3988.62", "8")]);
        assert_eq!(levels(&book), (expected_bids, expected_asks));
    }

    #[test]
    fn numbers_prove_the_book_and_a_price_of_zero_only_moves_them() {
        let mut book = VenueBook::new(KucoinBook::AllChanges, SCALE);
        changes(&mut book, 10, 10, "", "");
        assert_eq!(fetched(&mut book, 10, r#"["5","1"]"#, r#"["7","1"]"#, usize::MAX), Verdict::Rebuilt);
        assert_eq!(changes(&mut book, 11, 11, "", r#"["0","0","11"]"#), Verdict::Held);
        assert_eq!(changes(&mut book, 12, 13, r#"["0.00","9","12"],["6","2","13"]"#, ""), Verdict::Held);
        assert_eq!(levels(&book).0, pairs(&[("6.00", "2"), ("5.00", "1")]));
        assert_eq!(changes(&mut book, 12, 13, r#"["6","9","13"]"#, ""), Verdict::Old);
        assert_eq!(changes(&mut book, 13, 14, r#"["6","0","14"]"#, ""), Verdict::Held, "an overlap is no gap");
        assert_eq!(changes(&mut book, 16, 16, "", ""), GAP);
        assert!(book.book().is_none() && book.wants_snapshot());
        assert_eq!(fetched(&mut book, 14, "", "", usize::MAX), Verdict::SnapshotTooOld);
        assert_eq!(fetched(&mut book, 15, r#"["4","1"]"#, "", usize::MAX), Verdict::Rebuilt);
        assert_eq!(levels(&book).0, pairs(&[("4.00", "1")]));
    }

    #[test]
    fn crossing_is_tolerated_for_one_message() {
        let mut book = VenueBook::new(KucoinBook::Changes, SCALE);
        changes(&mut book, 1, 1, "", "");
        fetched(&mut book, 1, r#"["5","1"]"#, r#"["6","1"]"#, 100);
        assert_eq!(changes(&mut book, 2, 2, r#"["6","1","2"]"#, ""), Verdict::Crossed);
        assert_eq!(changes(&mut book, 3, 3, "", r#"["6","0","3"],["7","1","3"]"#), Verdict::Held);
        assert_eq!(changes(&mut book, 4, 4, r#"["8","1","4"]"#, ""), Verdict::Crossed);
        assert_eq!(changes(&mut book, 5, 5, "", ""), Verdict::Broken(StaleReason::Crossed));
    }

    #[test]
    fn a_public_snapshot_is_trusted_as_far_as_it_reaches() {
        let rows = |price: &dyn Fn(usize) -> usize, count: usize| {
            (0..count).map(|n| format!(r#"["{}","1"]"#, price(n))).collect::<Vec<_>>().join(",")
        };
        let mut book = VenueBook::new(KucoinBook::Changes, SCALE);
        changes(&mut book, 1, 1, "", "");
        let (bids, asks) = (rows(&|n| 1_000 - n, 100), rows(&|n| 1_001 + n, 30));
        assert_eq!(fetched(&mut book, 1, &bids, &asks, SNAPSHOT_LEVELS), Verdict::Rebuilt);
        // 901 is the last bid of the snapshot: of what lies beyond, only some is known. The asks were all there are.
        changes(&mut book, 2, 2, r#"["900","1","2"]"#, r#"["2000","1","2"]"#);
        let known = book.book().expect("it holds");
        assert_eq!((known.bids.trusted().count(), known.asks.trusted().count()), (100, 31));
        assert!(!known.is_shallow(50));
        for n in 0..51 {
            changes(&mut book, 3 + n, 3 + n, &format!(r#"["{}","0","{}"]"#, 1_000 - n, 3 + n), "");
        }
        assert!(book.book().expect("it holds").is_shallow(50), "49 of the trusted ones are left");
    }

    #[test]
    fn pictures_replace_everything_and_late_ones_nothing() {
        let mut book = VenueBook::new(KucoinBook::Pictures, SCALE);
        assert_eq!(picture(&mut book, 20_000, r#"["5","1"],["4","1"]"#, r#"["6","1"]"#), Verdict::Rebuilt);
        assert_eq!(picture(&mut book, 20_100, r#"["5","2"]"#, r#"["7","1"]"#), Verdict::Held);
        assert_eq!(levels(&book), (pairs(&[("5.00", "2")]), pairs(&[("7.00", "1")])));
        assert_eq!(picture(&mut book, 20_000, r#"["9","1"]"#, ""), Verdict::Old);
        assert_eq!(picture(&mut book, 20_200, r#"["7","1"]"#, r#"["7","1"]"#), Verdict::Crossed);
        assert_eq!(picture(&mut book, 20_300, r#"["7","1"]"#, r#"["7","1"]"#), Verdict::Broken(StaleReason::Crossed));
        assert_eq!(picture(&mut book, 20_400, "", ""), Verdict::Held, "both sides may be empty");
        for _ in 0..OLD_MAX {
            assert_eq!(picture(&mut book, 1_000, r#"["5","1"]"#, ""), Verdict::Old);
        }
        assert_eq!(picture(&mut book, 1_000, r#"["5","1"]"#, ""), Verdict::Held, "the venue has set its clock");
        assert!(!book.wants_snapshot());
    }

    #[test]
    fn the_unified_book_begins_with_its_own_snapshot() {
        let mut book = VenueBook::new(KucoinBook::Unified, SCALE);
        assert_eq!(unified(&mut book, "delta", 4, 5, r#"["9","9"]"#, ""), Verdict::Waiting);
        assert!(!book.wants_snapshot(), "it comes by itself");
        assert_eq!(unified(&mut book, "snapshot", 1, 10, r#"["5","1"]"#, r#"["7","1"]"#), Verdict::Rebuilt);
        assert_eq!(unified(&mut book, "delta", 11, 12, r#"["6","1"],["5","0"]"#, ""), Verdict::Held);
        assert_eq!(unified(&mut book, "delta", 11, 12, r#"["5","1"]"#, ""), Verdict::Old);
        assert_eq!(levels(&book).0, pairs(&[("6.00", "1")]));
        assert_eq!(unified(&mut book, "snapshot", 1, 20, r#"["4","1"]"#, ""), Verdict::Rebuilt, "it replaces");
        assert_eq!(unified(&mut book, "delta", 22, 22, "", ""), GAP);
        assert!(book.book().is_none());
    }

    #[test]
    fn a_unified_snapshot_that_does_not_fit_is_no_beginning() {
        let mut book = VenueBook::new(KucoinBook::Unified, SCALE);
        // Heard in the wrong order: the changes join, or show that some are missing.
        unified(&mut book, "delta", 11, 12, r#"["6","1"]"#, "");
        assert_eq!(unified(&mut book.clone(), "snapshot", 1, 8, "", ""), GAP);
        assert_eq!(unified(&mut book, "snapshot", 1, 10, r#"["5","1"]"#, ""), Verdict::Rebuilt);
        assert_eq!(levels(&book).0, pairs(&[("6.00", "1"), ("5.00", "1")]));
        assert_eq!(unified(&mut book, "snapshot", 1, 10, r#"["5","1"]"#, ""), GAP, "older than the book");
        assert!(book.book().is_none());
        assert_eq!(
            unified(&mut book, "snapshot", 1, 10, r#"["5","1"]"#, r#"["5","1"]"#),
            Verdict::Broken(StaleReason::Crossed)
        );
        assert_eq!(unified(&mut book, "snapshot", 1, 10, r#"["5","1"]"#, ""), Verdict::Rebuilt);
        assert_eq!(unified(&mut book, "delta", 12, 12, "", ""), GAP, "also just behind the snapshot");
    }

    #[test]
    fn the_unified_book_is_cut_to_what_the_venue_tells_of() {
        let mut book = VenueBook::new(KucoinBook::Unified, SCALE);
        let bids: Vec<String> = (0..500).map(|n| format!(r#"["{}","1"]"#, 1_000 - n)).collect();
        unified(&mut book, "snapshot", 1, 1, &bids.join(","), "");
        unified(&mut book, "delta", 2, 2, r#"["2000","1"]"#, "");
        let (bids, _) = levels(&book);
        assert_eq!((bids.len(), bids[0].0.as_str(), bids[499].0.as_str()), (500, "2000.00", "502.00"));
    }
}
