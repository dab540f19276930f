//! Whether an instrument's books are still told.

use std::time::Duration;

use types::Timestamp;

/// A book message so shortly before a trade may have been the trade's own.
const BEFORE_TRADE: Duration = Duration::from_secs(1);

/// A trade changes the book: when trades are told and nothing of the book, its channel is dead, whatever else is heard
/// on the connection. A book of which nothing is told for much longer may be right, in a quiet market, but is to be proven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookWatch {
    after_trade: Duration,
    after_all: Duration,
    last_book_at: Option<Timestamp>,
    /// A trade was told, and nothing of the book since.
    unbooked_since: Option<Timestamp>,
}

impl BookWatch {
    pub(crate) const fn new(after_trade: Duration, after_all: Duration) -> Self {
        Self { after_trade, after_all, last_book_at: None, unbooked_since: None }
    }

    pub(crate) fn book(&mut self, at: Timestamp) {
        self.last_book_at = Some(at);
        self.unbooked_since = None;
    }

    pub(crate) fn trade(&mut self, at: Timestamp) {
        if self.last_book_at.is_some_and(|last| at.since(last) > BEFORE_TRADE) {
            self.unbooked_since.get_or_insert(at);
        }
    }

    /// Begins anew: the channel is subscribed anew.
    pub(crate) fn reset(&mut self) {
        self.last_book_at = None;
        self.unbooked_since = None;
    }

    /// When the channel counts as dead, if nothing of the book is told before.
    pub(crate) fn dead_at(&self) -> Option<Timestamp> {
        self.unbooked_since.map(|since| since.plus(self.after_trade))
    }

    /// When the book is to be proven, if nothing of it is told before.
    pub(crate) fn doubtful_at(&self) -> Option<Timestamp> {
        self.last_book_at.map(|last| last.plus(self.after_all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_that_trades_do_not_change_is_dead_and_so_is_one_that_is_silent_for_very_long() {
        let s = Timestamp::from_secs;
        let mut watch = BookWatch::new(Duration::from_secs(10), Duration::from_secs(300));
        watch.trade(s(50));
        assert_eq!(watch.dead_at(), None, "there was no book yet");
        watch.book(s(100));
        watch.trade(s(101));
        assert_eq!(watch.dead_at(), None, "the book may have changed by this very trade");
        watch.trade(s(105));
        watch.trade(s(106));
        assert_eq!((watch.dead_at(), watch.doubtful_at()), (Some(s(115)), Some(s(400))));
        watch.book(s(107));
        assert_eq!((watch.dead_at(), watch.doubtful_at()), (None, Some(s(407))));
        watch.reset();
        assert_eq!(watch.doubtful_at(), None);
    }
}
