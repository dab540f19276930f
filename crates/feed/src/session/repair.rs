//! When missing trades are asked for, and when they are given up.
//!
//! The gate of a market knows which trades are missing; here is the patience. A session does four things, and everything
//! else is done by its [`Market`](crate::session::Market):
//!
//! ```text
//! poll, while its trade subscription stands:
//!     if let Some(gap) = market.repair(at)      a range of trade numbers to ask for now
//!         requests.want(Ask::Trades(index), Priority::Repair, rest::trades_in(symbol, &gap), at)
//! deadline():      market.repair_at()
//! answer:          market.repaired(at, rows, out)      rows as (number, trade), any order, old ones among them
//! no answer:       market.repair_failed(at)
//! ```
//!
//! An answer need not hold the whole gap: as long as each brings something, the rest is asked for at once, page by page.
//! Rows above the highest number seen are trades like any other.

use std::time::Duration;

use types::Timestamp;

use crate::session::Retry;

/// A trade may still come by itself, in another order.
const GRACE: Duration = Duration::from_secs(2);
/// Answers without anything new after which a gap is given up.
const EMPTY_ANSWERS_MAX: u32 = 3;

/// The patience with the gaps of one market.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    /// Not asked before; `None` while a question is under way.
    next_at: Option<Timestamp>,
    empty_answers: u32,
    retry: Retry,
}

impl Repair {
    pub(crate) const fn new() -> Self {
        Self {
            next_at: Some(Timestamp::EPOCH),
            empty_answers: 0,
            retry: Retry::pause(Duration::from_secs(5), Duration::from_secs(60)),
        }
    }

    /// A gap was seen at `at`: others may be waited for already.
    pub(crate) fn noticed(&mut self, at: Timestamp) {
        if let Some(next_at) = &mut self.next_at {
            *next_at = (*next_at).max(at.plus(GRACE));
        }
    }

    pub(crate) const fn next_at(&self) -> Option<Timestamp> {
        self.next_at
    }

    pub(crate) fn asked(&mut self) {
        self.next_at = None;
    }

    /// What was asked will not be answered: the connection is gone.
    pub(crate) fn forgotten(&mut self) {
        *self = Self::new();
    }

    /// No answer, or one that cannot be read.
    pub(crate) fn failed(&mut self, at: Timestamp) {
        self.next_at = Some(self.retry.failed(at));
    }

    /// An answer came that brought something, or not. True when the gap is to be given up.
    pub(crate) fn answered(&mut self, at: Timestamp, has_brought: bool) -> bool {
        if has_brought {
            self.retry.reset();
            self.empty_answers = 0;
            self.next_at = Some(at);
            return false;
        }
        self.empty_answers += 1;
        let is_over = self.empty_answers == EMPTY_ANSWERS_MAX;
        if is_over {
            self.retry.reset();
            self.empty_answers = 0;
            self.next_at = Some(at);
        } else {
            self.failed(at);
        }
        is_over
    }
}
