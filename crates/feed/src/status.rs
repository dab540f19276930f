//! What a feed can say about itself at any moment.

use std::sync::Arc;
use std::time::Duration;

use types::market::{Proof, StaleReason};
use types::{InstrumentId, Timestamp, Venue};

use crate::book::Verdict;
use crate::io::RejectReason;
use crate::listing::Listing;
use crate::session::Passed;

/// The health of one venue's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    /// Whose feed.
    pub venue: Venue,
    /// Whether a connection stands.
    pub is_connected: bool,
    /// Since when it stands.
    pub connected_at: Option<Timestamp>,
    /// Connections made so far.
    pub connections: u64,
    /// False while the venue says that it is in maintenance or restricted.
    pub is_venue_online: bool,
    /// Messages received.
    pub frames: u64,
    /// When the last one was received.
    pub last_frame_at: Option<Timestamp>,
    /// What was received and not used, by reason.
    pub rejected: Rejected,
    /// Venue time minus our time, nanoseconds, as far as messages show it (never above the true difference); `None`
    /// before the first message with a time.
    pub venue_ahead_ns: Option<i64>,
    /// Requests are held back until then because the venue said so; it may be past.
    pub requests_blocked_until: Option<Timestamp>,
    /// All pairs that the venue lists as traded, by their names; empty until it was asked.
    pub listed: Arc<[Listing]>,
    /// One entry per wanted instrument, in the order of the settings.
    pub instruments: Vec<InstrumentStatus>,
}

/// Counts by [`RejectReason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected([u64; RejectReason::ALL.len()]);

impl Rejected {
    pub(crate) fn count(&mut self, reason: RejectReason) {
        self.0[reason as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, other) in self.0.iter_mut().zip(other.0) {
            *count += other;
        }
    }

    /// How often for this reason.
    #[must_use]
    pub const fn of(&self, reason: RejectReason) -> u64 {
        self.0[reason as usize]
    }

    /// How often altogether.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64)> + '_ {
        RejectReason::ALL.into_iter().map(|reason| (reason, self.of(reason))).filter(|(_, count)| *count > 0)
    }
}

/// The health of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentStatus {
    /// Index in the catalogue.
    pub id: InstrumentId,
    /// The venue's name for it.
    pub symbol: String,
    /// Whether its book can be believed.
    pub book: BookState,
    /// What was counted.
    pub counts: Counts,
    /// When the last message about it was received.
    pub last_frame_at: Option<Timestamp>,
    /// Longest time without a message about it in the minute of the last one.
    pub silence_max: Duration,
}

/// Whether a book can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookState {
    /// Nothing is known of the instrument yet.
    Waiting,
    /// The venue does not list the instrument.
    NotListed,
    /// The book holds.
    Live {
        /// Why it can be believed.
        proof: Proof,
    },
    /// The book does not hold; it is being built anew.
    Resyncing {
        /// What broke it.
        reason: StaleReason,
    },
}

/// What was counted for one instrument since the feed was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Book updates received (snapshots are not updates).
    pub deltas: u64,
    /// Book snapshots taken over.
    pub snapshots: u64,
    /// Books built anew after one that held, for whatever reason; a first snapshot is none.
    pub resyncs: u64,
    /// Breaks in the stream of book updates: missing numbers, or a checksum that does not match.
    pub gaps: u64,
    /// Checksums compared.
    pub checksums_checked: u64,
    /// Checksums that matched.
    pub checksums_matched: u64,
    /// Updates after which the best bid was at or above the best ask.
    pub crossed: u64,
    /// Books that were replaced by a fresh snapshot while they held.
    pub renewals: u64,
    /// Comparisons of a book that holds with the venue's REST interface that led to a judgement.
    pub comparisons: u64,
    /// Books that turned out different from a fresh snapshot or in comparisons.
    pub compare_mismatches: u64,
    /// Trades given out.
    pub trades: u64,
    /// Trades and book updates received a second time.
    pub duplicates: u64,
    /// Breaks in the sequence of trade numbers.
    pub trade_gaps: u64,
    /// Missed trades that were given out after all, from the venue's REST interface.
    pub trades_repaired: u64,
    /// Missed trades that cannot be had any more.
    pub trades_lost: u64,
    /// Candle rows received, running ones included.
    pub candles: u64,
    /// Candles given out as final.
    pub candles_final: u64,
    /// Books published.
    pub published: u64,
}

impl Counts {
    /// Counts a trade that was received.
    pub(crate) fn count_trade(&mut self, passed: Passed) {
        match passed {
            Passed::Doubled => self.duplicates += 1,
            Passed::Next | Passed::Late => self.trades += 1,
            Passed::AfterGap => {
                self.trade_gaps += 1;
                self.trades += 1;
            }
        }
    }

    /// Counts what a message did to the book.
    pub(crate) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Rebuilt => {
                self.resyncs += u64::from(self.snapshots > 0);
                self.snapshots += 1;
            }
            Verdict::Crossed => self.crossed += 1,
            Verdict::Old => self.duplicates += 1,
            Verdict::Broken(StaleReason::Crossed) => self.crossed += 1,
            Verdict::Broken(StaleReason::SequenceGap | StaleReason::ChecksumMismatch) => self.gaps += 1,
            Verdict::Broken(_) | Verdict::Held | Verdict::Waiting | Verdict::SnapshotTooOld => {}
        }
    }
}
