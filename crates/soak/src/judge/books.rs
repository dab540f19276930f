//! Published books of one instrument.

use std::time::Duration;

use sim::Sim;
use types::{BookTop, Level, Timestamp};

use super::{Followed, Knowable};
use crate::diary::What;

/// Venues gather changes for at most a tenth of a second, and two connections are not equally fast: a book may be so much
/// older than the newest frame.
const GATHERED: Duration = Duration::from_millis(300);
/// A book may be so old and count as the present one.
const PRESENT: Duration = Duration::from_secs(10);
/// What was done to a snapshot shows in the book that begins with it.
const BEGINS: Duration = Duration::from_secs(10);

/// What was published last, and what was wrong with it all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    last: Option<BookTop>,
    is_live: bool,
    /// Books compared.
    pub(crate) checked: u64,
    /// Books that were never true.
    pub(crate) wrong: u64,
    /// The first of them, for people.
    pub(crate) first_wrong: Option<String>,
    /// Books that were wrong below what the venue lets us prove, or within the time in which it cannot be seen.
    pub(crate) unknowable: u64,
    /// Books that were left standing as live long after they had been true.
    pub(crate) forgotten: u64,
    /// Until when a difference cannot be known.
    unseen_until: Option<Timestamp>,
    /// When something was last done to it that its venue lets nobody see before the next comparison: where that lies deep
    /// in the book, it may come up much later.
    tainted_at: Option<Timestamp>,
    wrong_since: Option<Timestamp>,
    /// When it was last seen to be right or marked.
    right_at: Timestamp,
    is_forgotten: bool,
}

impl Books {
    /// Something was done to the book's frames that the venue's protocol lets nobody see for some time.
    pub(crate) fn tampered(&mut self, at: Timestamp, unseen: Duration, is_compared: bool) {
        if !unseen.is_zero() {
            self.unseen_until = self.unseen_until.max(Some(at.plus(unseen)));
        }
        if is_compared {
            self.tainted_at = Some(at);
        }
    }

    /// A book was published by a feed that knows what happened up to `known_at`. Tells whether it is the first one after a
    /// mark.
    pub(crate) fn published(
        &mut self,
        sim: &Sim,
        followed: &Followed,
        book: BookTop,
        known_at: Timestamp,
    ) -> Option<What> {
        self.checked += 1;
        let since = known_at.minus(GATHERED);
        let knowable = Knowable::of(followed.venue);
        if !was_true(sim, followed, &book, knowable.depth, since) {
            let wrong_for = sim.now().since(*self.wrong_since.get_or_insert(sim.now()));
            let is_due = self.tainted_at.is_some() && wrong_for <= knowable.unseen;
            if is_due || self.unseen_until.is_some_and(|until| sim.now() < until) {
                self.unknowable += 1;
            } else {
                self.wrong += 1;
                let text = || format!("{} {} at {}: {book:?}", followed.venue, followed.symbol, sim.now());
                self.first_wrong.get_or_insert_with(text);
            }
        } else {
            self.wrong_since = None;
            if knowable.depth < book.bids.len() && !was_true(sim, followed, &book, book.bids.len(), since) {
                self.unknowable += 1;
            }
        }
        self.last = Some(book);
        self.is_forgotten = false;
        let begins = !std::mem::replace(&mut self.is_live, true);
        if begins {
            self.tainted_at.take_if(|at| sim.now().since(*at) > BEGINS);
        }
        begins.then_some(What::Live)
    }

    /// The book was marked.
    pub(crate) fn marked(&mut self) {
        self.is_live = false;
    }

    /// Looks whether a live book has been left standing.
    pub(crate) fn look(&mut self, sim: &Sim, followed: &Followed) {
        if self.is_forgotten || self.unseen_until.is_some_and(|until| sim.now() < until) {
            return;
        }
        let knowable = Knowable::of(followed.venue);
        let unseen = self.tainted_at.map_or(Duration::ZERO, |_| knowable.unseen);
        if !self.is_live || self.holds(sim, followed, PRESENT) {
            self.right_at = sim.now();
        } else if sim.now().since(self.right_at) > knowable.silent_max.max(unseen) {
            self.is_forgotten = true;
            self.forgotten += 1;
        }
    }

    /// Whether the last published book is live and was true within the last `within`.
    pub(crate) fn holds(&self, sim: &Sim, followed: &Followed, within: Duration) -> bool {
        let depth = Knowable::of(followed.venue).depth;
        self.is_live
            && self.last.as_ref().is_some_and(|book| was_true(sim, followed, book, depth, sim.now().minus(within)))
    }
}

fn was_true(sim: &Sim, followed: &Followed, book: &BookTop, depth: usize, since: Timestamp) -> bool {
    let cut = |levels: &[Level]| levels[..levels.len().min(depth)].to_vec();
    let (bids, asks) = (cut(&book.bids), cut(&book.asks));
    sim.was_true(followed.venue, &followed.symbol, &bids, &asks, since) == Some(true)
}
