//! Whether an instrument's books are still told.

use std::time::Duration;

use types::Timestamp;

/// A book message so shortly before a trade may have been the trade's own.
const BEFORE_TRADE: Duration = Duration::from_secs(1);
/// Messages after which it is known how long a book uses to be silent.
const KNOWN_AFTER: u32 = 50;
/// Messages after which what was usual before is forgotten step by step.
const BLOCK: u32 = 200;
/// A silence so many times as long as usual ones is unusual.
const UNUSUAL: u32 = 10;
/// No shorter silence is doubted, however busy the book is.
const DOUBT_MIN: Duration = Duration::from_secs(30);

/// How long the proof of a book of which nothing is told may take.
pub(crate) const PROOF_PATIENCE: Duration = Duration::from_secs(30);

/// A trade changes the book: when trades are told and nothing of the book, its channel is dead, whatever else is heard
/// on the connection. A book of which nothing is told for much longer than usual may be right, in a quiet market, but is to
/// be proven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookWatch {
    after_trade: Duration,
    after_all: Duration,
    last_book_at: Option<Timestamp>,
    /// A trade was told, and nothing of the book since.
    unbooked_since: Option<Timestamp>,
    /// Messages heard, and the longest pauses between two in this block of them and the one before.
    heard: u32,
    longest: [Longest; 2],
}

/// The longest pauses. The second counts: one alone may have been none of the market's.
#[derive(Clone, Copy, Debug, Default)]
struct Longest {
    first: Duration,
    second: Duration,
}

impl Longest {
    fn add(&mut self, pause: Duration) {
        if pause > self.first {
            *self = Self { first: pause, second: self.first };
        } else {
            self.second = self.second.max(pause);
        }
    }
}

impl BookWatch {
    pub(crate) fn new(after_trade: Duration, after_all: Duration) -> Self {
        Self {
            after_trade,
            after_all,
            last_book_at: None,
            unbooked_since: None,
            heard: 0,
            longest: [Longest::default(); 2],
        }
    }

    pub(crate) fn book(&mut self, at: Timestamp) {
        let pause = self.last_book_at.map_or(Duration::ZERO, |last| at.since(last));
        self.heard = self.heard.saturating_add(1);
        if self.heard.is_multiple_of(BLOCK) {
            self.longest = [Longest::default(), self.longest[0]];
        }
        self.longest[0].add(pause);
        self.last_book_at = Some(at);
        self.unbooked_since = None;
    }

    /// The book was proven to be right by other means: its silence is the market's.
    pub(crate) fn proven(&mut self, at: Timestamp) {
        self.last_book_at = Some(at);
    }

    pub(crate) fn trade(&mut self, at: Timestamp) {
        if self.last_book_at.is_some_and(|last| at.since(last) > BEFORE_TRADE) {
            self.unbooked_since.get_or_insert(at);
        }
    }

    /// The channel is subscribed anew: the pause until the next message says nothing.
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
        let [this, before] = self.longest;
        let usual_max = if self.heard < KNOWN_AFTER {
            Duration::MAX
        } else {
            this.second.max(before.second).saturating_mul(UNUSUAL)
        };
        let after = usual_max.max(DOUBT_MIN).min(self.after_all);
        self.last_book_at.map(|last| last.plus(after))
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
        watch.proven(s(400));
        assert_eq!(watch.doubtful_at(), Some(s(700)));
        watch.reset();
        assert_eq!(watch.doubtful_at(), None);
    }

    #[test]
    fn a_silence_is_doubted_by_what_is_usual() {
        let s = Timestamp::from_secs;
        let doubted_after = |pause: i64| {
            let mut watch = BookWatch::new(Duration::from_secs(10), Duration::from_secs(300));
            (0..KNOWN_AFTER - 1).for_each(|n| watch.book(s(i64::from(n) * pause)));
            let last = i64::from(KNOWN_AFTER - 1) * pause;
            let before = watch.doubtful_at();
            assert_eq!(before, Some(s(last - pause + 300)), "little is known");
            watch.book(s(last));
            watch.doubtful_at().expect("heard").since(s(last)).as_secs()
        };
        assert_eq!([1, 5, 60].map(doubted_after), [30, 50, 300]);

        let mut watch = BookWatch::new(Duration::from_secs(10), Duration::from_secs(300));
        (0..i64::from(KNOWN_AFTER)).for_each(|n| watch.book(s(60 * n)));
        let last = 60 * i64::from(KNOWN_AFTER);
        (0..i64::from(2 * BLOCK)).for_each(|n| watch.book(s(last + n)));
        assert_eq!(watch.doubtful_at(), Some(s(last + i64::from(2 * BLOCK) - 1 + 30)), "it has become lively");
    }
}
