//! When a book is shown.

use std::time::Duration;

use types::market::{Proof, StaleReason};
use types::{BookTop, Input, InstrumentId, Level, Timestamp};

use crate::book::Book;
use crate::io::FeedOutput;
use crate::status::BookState;

/// Shows the best levels of a book that holds, when they changed, at most once in `every`; and says at once when the
/// book does not hold any more.
///
/// ```text
/// Waiting ──held()──> Live ──broken(reason)──> Resyncing ──held()──> Live
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    instrument: InstrumentId,
    depth: usize,
    every: Duration,
    proof: Proof,
    pub(crate) state: BookState,
    has_changed: bool,
    venue_at: Option<Timestamp>,
    shown_at: Option<Timestamp>,
    shown_bids: Vec<Level>,
    shown_asks: Vec<Level>,
}

impl Publisher {
    pub(crate) fn new(instrument: InstrumentId, proof: Proof, depth: u16, every: Duration) -> Self {
        Self {
            instrument,
            depth: usize::from(depth),
            every,
            proof,
            state: BookState::Waiting,
            has_changed: false,
            venue_at: None,
            shown_at: None,
            shown_bids: Vec::new(),
            shown_asks: Vec::new(),
        }
    }

    /// Levels of each side that are shown.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, BookState::Live { .. })
    }

    /// Books can be believed for another reason from now on.
    pub(crate) fn prove_by(&mut self, proof: Proof) {
        self.proof = proof;
    }

    /// The book changed and holds. A book that did not hold before is shown at once.
    pub(crate) fn held(&mut self, venue_at: Option<Timestamp>) {
        self.has_changed = true;
        self.venue_at = venue_at.or(self.venue_at);
        if !self.is_live() {
            self.state = BookState::Live { proof: self.proof };
            self.show_anew();
        }
    }

    /// The book does not hold any more. Told once: true then.
    pub(super) fn broken(&mut self, reason: StaleReason, out: &mut Vec<FeedOutput>) -> bool {
        let is_news = self.is_live();
        if is_news {
            self.state = BookState::Resyncing { reason };
            self.has_changed = false;
            out.push(FeedOutput::Event(Input::BookStale { instrument: self.instrument, reason }));
        }
        is_news
    }

    /// Goes on where `old` stands: a book that was shown and holds here too is shown again only when it differs.
    pub(crate) fn take_over(&mut self, old: &Self, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        if !old.is_live() {
            self.show_anew();
        } else if self.is_live() {
            self.shown_at = old.shown_at;
            self.shown_bids.clone_from(&old.shown_bids);
            self.shown_asks.clone_from(&old.shown_asks);
        } else {
            out.push(FeedOutput::Event(Input::BookStale { instrument: self.instrument, reason }));
        }
        self.has_changed = self.is_live();
    }

    /// Shows the book next time even if it looks the same and was shown just now.
    fn show_anew(&mut self) {
        self.shown_at = None;
        self.shown_bids.clear();
        self.shown_asks.clear();
    }

    /// When the book is to be shown next.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        if !self.has_changed || !self.is_live() {
            return None;
        }
        Some(self.shown_at.map_or(Timestamp::EPOCH, |shown| shown.plus(self.every)))
    }

    /// Shows the book if its time has come and its best levels changed. True when it did.
    pub(crate) fn poll(&mut self, at: Timestamp, book: &Book, out: &mut Vec<FeedOutput>) -> bool {
        if self.deadline().is_none_or(|due| at < due) {
            return false;
        }
        self.has_changed = false;
        // A crossed book is never shown; the update that uncrosses it is a change of its own.
        if book.is_crossed() {
            return false;
        }
        let is_first = self.shown_at.is_none();
        let same = !is_first
            && book.bids.trusted().take(self.depth).eq(self.shown_bids.iter().copied())
            && book.asks.trusted().take(self.depth).eq(self.shown_asks.iter().copied());
        if same {
            return false;
        }
        self.shown_at = Some(at);
        self.shown_bids.clear();
        self.shown_bids.extend(book.bids.trusted().take(self.depth));
        self.shown_asks.clear();
        self.shown_asks.extend(book.asks.trusted().take(self.depth));
        out.push(FeedOutput::Event(Input::Book(BookTop {
            instrument: self.instrument,
            bids: self.shown_bids.clone(),
            asks: self.shown_asks.clone(),
            proof: self.proof,
            venue_at: self.venue_at,
        })));
        true
    }
}

#[cfg(test)]
mod tests {
    use types::{Price, Qty};

    use super::*;

    fn books(out: &mut Vec<FeedOutput>) -> usize {
        out.drain(..).filter(|o| matches!(o, FeedOutput::Event(Input::Book(_)))).count()
    }

    #[test]
    fn books_are_shown_at_the_cadence_when_they_changed_and_at_once_after_a_break() {
        let ms = Timestamp::from_millis;
        let price = |p| Price::new(p).expect("positive");
        let mut publisher = Publisher::new(InstrumentId(3), Proof::Sequence, 1, Duration::from_millis(250));
        let mut book = Book::new();
        let mut out = Vec::new();
        book.bids.set(price(10), Qty(1));
        assert!(!publisher.poll(ms(1_000), &book, &mut out), "nothing holds yet");
        publisher.held(None);
        assert!(publisher.poll(ms(1_000), &book, &mut out));
        assert_eq!(books(&mut out), 1);

        book.bids.set(price(10), Qty(2));
        publisher.held(None);
        assert!(!publisher.poll(ms(1_100), &book, &mut out), "too early");
        assert_eq!(publisher.deadline(), Some(ms(1_250)));
        assert!(publisher.poll(ms(1_250), &book, &mut out));
        assert_eq!(books(&mut out), 1);

        book.bids.set(price(9), Qty(2));
        publisher.held(None);
        assert!(!publisher.poll(ms(2_000), &book, &mut out), "only below the published depth");
        assert_eq!(publisher.deadline(), None);

        publisher.broken(StaleReason::SequenceGap, &mut out);
        publisher.broken(StaleReason::Disconnected, &mut out);
        let stale = Input::BookStale { instrument: InstrumentId(3), reason: StaleReason::SequenceGap };
        assert_eq!(out, [FeedOutput::Event(stale)], "told once, with the first reason");
        out.clear();
        publisher.held(None);
        assert!(publisher.poll(ms(2_001), &book, &mut out), "shown at once, though it looks the same");
    }
}
