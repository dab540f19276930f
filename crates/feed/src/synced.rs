//! A book joined from a snapshot and the numbered updates around it.
//!
//! 1. Updates are kept from the first one on.
//! 2. A snapshot is fetched.
//! 3. A snapshot that does not reach the first kept update is too old: fetch again.
//! 4. Kept updates that end at or before the snapshot's number are dropped.
//! 5. The first one left must begin at or before the number after the snapshot's.
//! 6. The book is the snapshot, its number the snapshot's.
//! 7. From then on: an update that ends at or before the number is old; one that begins behind the next number
//!    proves a gap, drops the book and becomes the first kept update of a new start; of any other all changes that
//!    are newer than the snapshot are applied.
//!
//! A crossed book is tolerated for one update. A snapshot with a limit knows nothing beyond its last level, so a book
//! is renewed from time to time in a shadow beside the live one, without going stale; one whose market has run past all
//! that is known of a side is dropped.

use std::collections::VecDeque;

use types::market::StaleReason;
use types::{Level, Scale};

use crate::book::{Book, Ladder, Verdict};
use crate::number::NumberError;

/// Kept updates of one symbol; at ten a second these are more than three minutes. When full the oldest goes, and with
/// it the hope for a snapshot that old.
const KEPT_MAX: usize = 2_048;
/// Levels in the kept updates, a bound on memory.
const KEPT_LEVELS_MAX: usize = 1 << 18;

/// A venue's update as it was received.
pub(crate) trait Numbered {
    /// Number of its first change.
    fn first_id(&self) -> u64;

    /// Number of its last change.
    fn last_id(&self) -> u64;

    /// Its changed bids, in order.
    fn bids(&self, scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>>;

    /// Its changed asks, in order.
    fn asks(&self, scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>>;
}

/// The new whole quantity at a price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) level: Level,
    /// Its own number; the largest there is where the venue numbers only whole updates.
    pub(crate) id: u64,
}

impl Change {
    /// One of an update that is applied whole.
    pub(crate) const fn of_whole(level: Level) -> Self {
        Self { level, id: u64::MAX }
    }
}

/// The book of one symbol, from the first update on.
#[derive(Clone, Debug)]
pub(crate) struct SyncedBook {
    scale: Scale,
    /// The book, once a snapshot joined.
    live: Option<Joined>,
    /// A newer snapshot that follows the updates until it has the same number as the live book.
    shadow: Option<Joined>,
    kept: Kept,
    is_renewing: bool,
}

/// A book and the number of the last update in it.
#[derive(Clone, Debug)]
struct Joined {
    book: Book,
    id: u64,
    /// The number of the snapshot it began with.
    began_id: u64,
    /// The stream of updates was heard before the snapshot. If not, a first update behind the next number shows that
    /// the snapshot was too old, and no gap.
    is_joined: bool,
    was_crossed: bool,
}

/// What became of the shadow of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// It replaced the live book.
    Done {
        /// The trusted best levels were the same.
        agrees: bool,
    },
    /// It did not join, or there is none.
    None,
}

impl SyncedBook {
    pub(crate) const fn new(scale: Scale) -> Self {
        Self { scale, live: None, shadow: None, kept: Kept::new(), is_renewing: false }
    }

    /// The book; `None` unless it holds.
    pub(crate) fn book(&self) -> Option<&Book> {
        self.live.as_ref().map(|live| &live.book)
    }

    /// The number of the last update in the book.
    pub(crate) fn id(&self) -> Option<u64> {
        self.live.as_ref().map(|live| live.id)
    }

    pub(crate) const fn scale(&self) -> Scale {
        self.scale
    }

    /// A renewal waits for the stream: the fetched snapshot knows updates that were not told yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.live.is_some() && self.shadow.is_some()
    }

    /// Forgets all but the best `depth` levels of each side.
    pub(crate) fn cut(&mut self, depth: usize) {
        if let Some(live) = &mut self.live {
            live.book.cut(depth);
        }
    }

    /// True while updates are kept and only a snapshot is missing.
    pub(crate) fn wants_snapshot(&self) -> bool {
        (self.live.is_none() && !self.kept.updates.is_empty()) || (self.is_renewing && self.shadow.is_none())
    }

    /// Forgets everything and starts at step 1.
    pub(crate) fn restart(&mut self, scale: Scale) {
        *self = Self::new(scale);
    }

    /// Starts to renew a live book: updates are kept beside it until a snapshot comes.
    pub(crate) fn renew(&mut self) {
        if self.live.is_some() && !self.is_renewing {
            self.is_renewing = true;
            self.shadow = None;
            self.kept.clear();
        }
    }

    /// Takes an update.
    ///
    /// # Errors
    /// [`NumberError`] when a level cannot be read; the book starts anew then, for part of the update is missing.
    pub(crate) fn update(&mut self, data: &impl Numbered) -> Result<Verdict, NumberError> {
        let verdict = match self.try_update(data) {
            Ok(verdict) => verdict,
            Err(error) => {
                self.restart(self.scale);
                return Err(error);
            }
        };
        // Step 7: start anew from this update. In the other cases it was kept, or is not needed any more.
        if matches!(verdict, Verdict::Broken(_) | Verdict::SnapshotTooOld) && self.live.is_some() {
            let update = Update::read(data, self.scale)?;
            self.restart(self.scale);
            self.kept.push(update);
        }
        Ok(verdict)
    }

    fn try_update(&mut self, data: &impl Numbered) -> Result<Verdict, NumberError> {
        let Some(live) = &mut self.live else { return Ok(self.kept.push(Update::read(data, self.scale)?)) };
        if self.is_renewing {
            let update = Update::read(data, self.scale)?;
            match self.shadow.as_mut().map(|shadow| shadow.follow(&update)) {
                // It can join no more: another snapshot is needed.
                Some(Followed::Gap) => self.shadow = None,
                Some(Followed::Applied | Followed::Old) => {}
                None => {
                    self.kept.push(update);
                }
            }
        }
        match live.admit(data.first_id(), data.last_id()) {
            Followed::Old => return Ok(Verdict::Old),
            Followed::Gap if live.is_joined => return Ok(Verdict::Broken(StaleReason::SequenceGap)),
            Followed::Gap => return Ok(Verdict::SnapshotTooOld),
            Followed::Applied => {}
        }
        let began_id = live.began_id;
        data.bids(self.scale).try_for_each(|change| change.map(|change| change.set(began_id, &mut live.book.bids)))?;
        data.asks(self.scale).try_for_each(|change| change.map(|change| change.set(began_id, &mut live.book.asks)))?;
        if live.book.is_used_up() {
            return Ok(Verdict::Broken(StaleReason::Resync));
        }
        let was_crossed = std::mem::replace(&mut live.was_crossed, live.book.is_crossed());
        Ok(match (live.was_crossed, was_crossed) {
            (false, _) => Verdict::Held,
            (true, false) => Verdict::Crossed,
            (true, true) => Verdict::Broken(StaleReason::Crossed),
        })
    }

    /// Takes a fetched snapshot with its number. For a book that is live it is a renewal, and the verdict is
    /// [`Verdict::Waiting`] until [`SyncedBook::settle`] tells the end of it.
    pub(crate) fn snapshot(&mut self, id: u64, book: Book) -> Verdict {
        let mut fresh = Joined { book, id, began_id: id, is_joined: false, was_crossed: false };
        match &self.live {
            None => {
                let joined = self.kept.updates.iter().all(|update| fresh.follow(update) != Followed::Gap);
                if !joined || fresh.book.is_crossed() {
                    return Verdict::SnapshotTooOld;
                }
                fresh.is_joined |= !self.kept.updates.is_empty();
                self.kept.clear();
                self.live = Some(fresh);
                Verdict::Rebuilt
            }
            Some(live) => {
                let is_covered = fresh.id >= live.id
                    || self.kept.updates.front().is_some_and(|first| first.first_id <= fresh.id.saturating_add(1));
                let joined = is_covered && self.kept.updates.iter().all(|update| fresh.follow(update) != Followed::Gap);
                if joined {
                    self.shadow = Some(fresh);
                    self.is_renewing = true;
                    self.kept.clear();
                    Verdict::Waiting
                } else {
                    Verdict::SnapshotTooOld
                }
            }
        }
    }

    /// Replaces the live book by the shadow when both have come to the same update; `depth` best levels are compared.
    pub(crate) fn settle(&mut self, depth: usize) -> Renewal {
        match (&self.live, &self.shadow) {
            (Some(live), Some(shadow)) if live.id == shadow.id => {
                let agrees = live.book.agrees(&shadow.book, depth);
                let was_crossed = live.was_crossed;
                self.live = self.shadow.take().map(|shadow| Joined { is_joined: true, was_crossed, ..shadow });
                self.is_renewing = false;
                Renewal::Done { agrees }
            }
            _ => Renewal::None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Followed {
    Applied,
    Old,
    Gap,
}

impl Joined {
    /// Step 7: whether an update comes next, and the number after it. Its levels are the caller's to set.
    fn admit(&mut self, first_id: u64, last_id: u64) -> Followed {
        if last_id <= self.id {
            return Followed::Old;
        }
        if first_id > self.id.saturating_add(1) {
            return Followed::Gap;
        }
        self.id = last_id;
        self.is_joined = true;
        Followed::Applied
    }

    fn follow(&mut self, update: &Update) -> Followed {
        let followed = self.admit(update.first_id, update.last_id);
        if followed == Followed::Applied {
            update.bids.iter().for_each(|change| change.set(self.began_id, &mut self.book.bids));
            update.asks.iter().for_each(|change| change.set(self.began_id, &mut self.book.asks));
        }
        followed
    }
}

impl Change {
    /// Sets the level, unless the snapshot with the number `began_id` knows better.
    fn set(&self, began_id: u64, ladder: &mut Ladder) {
        if self.id > began_id {
            ladder.set(self.level.price, self.level.qty);
        }
    }
}

#[derive(Clone, Debug)]
struct Update {
    first_id: u64,
    last_id: u64,
    bids: Vec<Change>,
    asks: Vec<Change>,
}

impl Update {
    fn read(data: &impl Numbered, scale: Scale) -> Result<Self, NumberError> {
        Ok(Self {
            first_id: data.first_id(),
            last_id: data.last_id(),
            bids: data.bids(scale).collect::<Result<_, _>>()?,
            asks: data.asks(scale).collect::<Result<_, _>>()?,
        })
    }

    fn levels(&self) -> usize {
        self.bids.len() + self.asks.len()
    }
}

/// Updates in sequence that wait for a snapshot.
#[derive(Clone, Debug)]
struct Kept {
    updates: VecDeque<Update>,
    levels: usize,
}

impl Kept {
    const fn new() -> Self {
        Self { updates: VecDeque::new(), levels: 0 }
    }

    fn clear(&mut self) {
        self.updates.clear();
        self.levels = 0;
    }

    /// Keeps an update. One that does not follow the last kept one makes those before it useless.
    fn push(&mut self, update: Update) -> Verdict {
        let mut verdict = Verdict::Waiting;
        if let Some(last) = self.updates.back() {
            if update.last_id <= last.last_id {
                return Verdict::Old;
            }
            if update.first_id > last.last_id.saturating_add(1) {
                self.clear();
                verdict = Verdict::Broken(StaleReason::SequenceGap);
            }
        }
        self.levels += update.levels();
        self.updates.push_back(update);
        while self.updates.len() > KEPT_MAX || (self.levels > KEPT_LEVELS_MAX && self.updates.len() > 1) {
            if let Some(oldest) = self.updates.pop_front() {
                self.levels -= oldest.levels();
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use types::{Price, Qty};

    const SCALE: Scale = Scale { price_decimals: 8, qty_decimals: 8 };
    const GAP: Verdict = Verdict::Broken(StaleReason::SequenceGap);

    /// An update of whole prices and quantities.
    struct Step<'a> {
        first: u64,
        last: u64,
        bids: &'a [(i64, u64)],
        asks: &'a [(i64, u64)],
    }

    fn level((price, qty): (i64, u64)) -> Level {
        Level { price: Price::new(price).expect("positive"), qty: Qty(qty) }
    }

    fn changes(levels: &[(i64, u64)]) -> impl Iterator<Item = Result<Change, NumberError>> {
        levels.iter().map(|pair| Ok(Change::of_whole(level(*pair))))
    }

    impl Numbered for Step<'_> {
        fn first_id(&self) -> u64 {
            self.first
        }

        fn last_id(&self) -> u64 {
            self.last
        }

        fn bids(&self, _: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
            changes(self.bids)
        }

        fn asks(&self, _: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
            changes(self.asks)
        }
    }

    #[track_caller]
    fn update(book: &mut SyncedBook, first: u64, last: u64, bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Verdict {
        book.update(&Step { first, last, bids, asks }).expect("readable")
    }

    fn snapshot(book: &mut SyncedBook, id: u64, bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Verdict {
        let mut fresh = Book::new();
        fresh.bids.load(&bids.iter().copied().map(level).collect::<Vec<_>>(), false);
        fresh.asks.load(&asks.iter().copied().map(level).collect::<Vec<_>>(), false);
        book.snapshot(id, fresh)
    }

    fn bids(book: &SyncedBook) -> Vec<(i64, u64)> {
        book.book().expect("live").bids.iter().map(|level| (level.price.mantissa(), level.qty.0)).collect()
    }

    #[test]
    fn steps_1_to_6_join_a_snapshot_with_the_updates_around_it() {
        let mut book = SyncedBook::new(SCALE);
        assert!(!book.wants_snapshot(), "step 1 comes first");
        assert_eq!(update(&mut book, 101, 103, &[(1, 1)], &[]), Verdict::Waiting);
        assert!(book.wants_snapshot());
        assert_eq!(update(&mut book, 104, 106, &[(2, 2)], &[]), Verdict::Waiting);
        assert_eq!(update(&mut book, 107, 107, &[(3, 3)], &[]), Verdict::Waiting);
        assert_eq!(snapshot(&mut book, 99, &[(9, 9)], &[]), Verdict::SnapshotTooOld, "step 3");
        assert!(book.wants_snapshot());
        // 101..=103 is dropped, 104..=106 overlaps and is applied whole, 107 follows.
        assert_eq!(snapshot(&mut book, 105, &[(5, 5)], &[]), Verdict::Rebuilt);
        assert_eq!(bids(&book), [(5, 5), (3, 3), (2, 2)]);
        assert!(!book.wants_snapshot());
        assert_eq!(update(&mut book, 108, 110, &[(5, 0), (4, 0)], &[]), Verdict::Held);
        assert_eq!(bids(&book), [(3, 3), (2, 2)]);
    }

    /// Recorded from Binance.US in 2021.
    #[test]
    fn a_snapshot_with_the_number_of_the_first_update_joins() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 113_129_219, 113_129_219, &[(1, 1)], &[]);
        assert_eq!(snapshot(&mut book, 113_129_219, &[(2, 2)], &[]), Verdict::Rebuilt);
        assert_eq!(bids(&book), [(2, 2)], "step 4 drops the update, which is in the snapshot");
        assert_eq!(update(&mut book, 113_129_220, 113_129_222, &[(1, 1)], &[]), Verdict::Held);
    }

    #[test]
    fn a_snapshot_just_before_the_first_update_joins_and_one_earlier_does_not() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 101, 102, &[(1, 1)], &[]);
        assert_eq!(snapshot(&mut book.clone(), 100, &[], &[]), Verdict::Rebuilt);
        assert_eq!(snapshot(&mut book, 99, &[], &[]), Verdict::SnapshotTooOld);
    }

    #[test]
    fn a_snapshot_newer_than_all_updates_waits_for_the_stream_to_catch_up() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 101, 102, &[(1, 1)], &[]);
        assert_eq!(snapshot(&mut book, 200, &[(7, 7)], &[]), Verdict::Rebuilt);
        assert_eq!(update(&mut book, 103, 150, &[(1, 1)], &[]), Verdict::Old);
        assert_eq!(update(&mut book, 151, 201, &[(8, 8)], &[]), Verdict::Held, "overlap is applied whole");
        assert_eq!(bids(&book), [(8, 8), (7, 7)]);
    }

    #[test]
    fn a_snapshot_before_the_stream_is_too_old_without_being_a_gap() {
        let mut book = SyncedBook::new(SCALE);
        assert_eq!(snapshot(&mut book, 100, &[(7, 7)], &[]), Verdict::Rebuilt);
        assert_eq!(update(&mut book, 105, 106, &[(8, 8)], &[]), Verdict::SnapshotTooOld);
        assert!(book.book().is_none() && book.wants_snapshot());
        assert_eq!(snapshot(&mut book, 106, &[(7, 7)], &[]), Verdict::Rebuilt);
    }

    #[test]
    fn step_7_old_updates_are_ignored_and_a_gap_starts_anew_from_the_update_that_showed_it() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 1, 5, &[], &[]);
        snapshot(&mut book, 5, &[(5, 5)], &[]);
        assert_eq!(update(&mut book, 6, 7, &[(6, 6)], &[]), Verdict::Held);
        assert_eq!(update(&mut book, 6, 7, &[(6, 9)], &[]), Verdict::Old);
        assert_eq!(update(&mut book, 3, 4, &[(6, 9)], &[]), Verdict::Old);
        assert_eq!(update(&mut book, 9, 12, &[(1, 1)], &[]), GAP);
        assert!(book.book().is_none() && book.wants_snapshot());
        assert_eq!(update(&mut book, 13, 13, &[(2, 2)], &[]), Verdict::Waiting);
        assert_eq!(snapshot(&mut book, 10, &[(5, 5)], &[]), Verdict::Rebuilt);
        assert_eq!(bids(&book), [(5, 5), (2, 2), (1, 1)]);
    }

    #[test]
    fn a_gap_while_waiting_makes_the_earlier_updates_useless() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 1, 5, &[(1, 1)], &[]);
        assert_eq!(update(&mut book, 9, 9, &[(2, 2)], &[]), GAP);
        assert_eq!(update(&mut book, 9, 9, &[(2, 2)], &[]), Verdict::Old);
        assert_eq!(snapshot(&mut book, 5, &[], &[]), Verdict::SnapshotTooOld);
        assert_eq!(snapshot(&mut book, 8, &[], &[]), Verdict::Rebuilt);
        assert_eq!(bids(&book), [(2, 2)]);
    }

    #[test]
    fn a_crossed_book_is_tolerated_for_one_update() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 1, 1, &[], &[]);
        snapshot(&mut book, 1, &[(5, 1)], &[(6, 1)]);
        assert_eq!(update(&mut book, 2, 2, &[(6, 1)], &[]), Verdict::Crossed);
        assert_eq!(update(&mut book, 3, 3, &[], &[(6, 0), (7, 1)]), Verdict::Held);
        assert_eq!(update(&mut book, 4, 4, &[(8, 1)], &[]), Verdict::Crossed);
        assert_eq!(update(&mut book, 5, 5, &[(1, 1)], &[]), Verdict::Broken(StaleReason::Crossed));
        assert!(book.wants_snapshot());
    }

    #[test]
    fn a_renewal_swaps_at_the_same_update_and_tells_whether_the_books_agreed() {
        for (qty, agrees) in [(5, true), (4, false)] {
            let mut book = SyncedBook::new(SCALE);
            update(&mut book, 1, 5, &[], &[]);
            snapshot(&mut book, 5, &[(5, 5)], &[]);
            book.renew();
            assert!(book.wants_snapshot());
            assert_eq!(update(&mut book, 6, 6, &[(6, 6)], &[]), Verdict::Held);
            // The snapshot is ahead of the stream: it waits in the shadow.
            assert_eq!(snapshot(&mut book, 8, &[(8, 8), (6, 6), (5, qty)], &[]), Verdict::Waiting);
            assert!(!book.wants_snapshot());
            assert_eq!(book.settle(20), Renewal::None);
            assert_eq!(update(&mut book, 7, 8, &[(8, 8)], &[]), Verdict::Held);
            assert_eq!(book.settle(20), Renewal::Done { agrees });
            assert_eq!(bids(&book)[2], (5, qty));
            assert_eq!(update(&mut book, 9, 9, &[(9, 9)], &[]), Verdict::Held);
        }
    }

    #[test]
    fn a_renewal_behind_the_stream_joins_through_the_updates_kept_for_it() {
        let mut book = SyncedBook::new(SCALE);
        update(&mut book, 1, 5, &[], &[]);
        snapshot(&mut book, 5, &[(5, 5)], &[]);
        book.renew();
        update(&mut book, 6, 6, &[(6, 6)], &[]);
        update(&mut book, 7, 7, &[(7, 7)], &[]);
        assert_eq!(snapshot(&mut book, 3, &[], &[]), Verdict::SnapshotTooOld);
        assert!(book.wants_snapshot() && book.book().is_some(), "the live book stays");
        assert_eq!(snapshot(&mut book, 6, &[(6, 6), (5, 5)], &[]), Verdict::Waiting);
        assert_eq!(book.settle(20), Renewal::Done { agrees: true });
        assert_eq!(bids(&book), [(7, 7), (6, 6), (5, 5)]);
    }

    #[test]
    fn kept_updates_are_bounded() {
        let mut book = SyncedBook::new(SCALE);
        for id in 1..=(KEPT_MAX as u64 + 10) {
            update(&mut book, id, id, &[(1, 1)], &[]);
        }
        assert_eq!(book.kept.updates.len(), KEPT_MAX);
        assert_eq!(book.kept.levels, KEPT_MAX);
        assert_eq!(snapshot(&mut book, 5, &[], &[]), Verdict::SnapshotTooOld);
        assert_eq!(snapshot(&mut book, 10, &[], &[]), Verdict::Rebuilt);
    }

    proptest! {
        /// Whatever is lost, doubled or late: a live book is the venue's book of its number.
        #[test]
        fn a_live_book_is_never_wrong(
            truth in prop::collection::vec((1u8..20, 0u8..4), 1..80),
            deliveries in prop::collection::vec((0usize..80, 0usize..4), 1..120),
            snapshot_at in prop::collection::vec((0usize..120, 0usize..80), 0..12),
        ) {
            let mut book = SyncedBook::new(SCALE);
            let book_at = |id: u64| {
                let mut map = std::collections::BTreeMap::new();
                for (price, qty) in &truth[..id as usize] {
                    if *qty == 0 { map.remove(price); } else { map.insert(*price, *qty); }
                }
                map.into_iter().rev().map(|(p, q)| (i64::from(p), u64::from(q))).collect::<Vec<_>>()
            };
            let mut next = 0usize;
            for (step, (jump, kind)) in deliveries.iter().enumerate() {
                // Mostly in sequence; sometimes anywhere.
                let at = if *kind == 0 { *jump } else { next } % truth.len();
                next = at + 1;
                let (price, qty) = truth[at];
                let id = at as u64 + 1;
                update(&mut book, id, id, &[(i64::from(price), u64::from(qty))], &[]);
                for (_, id) in snapshot_at.iter().filter(|(when, _)| *when == step) {
                    let id = (*id % (truth.len() + 1)) as u64;
                    snapshot(&mut book, id, &book_at(id), &[]);
                }
                if let Renewal::Done { agrees } = book.settle(20) {
                    prop_assert!(agrees);
                }
                if let Some(live) = &book.live {
                    prop_assert_eq!(bids(&book), book_at(live.id));
                }
            }
        }
    }
}
