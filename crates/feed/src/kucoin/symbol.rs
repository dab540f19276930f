//! What is known of one wanted instrument.

use std::time::Duration;

use types::market::StaleReason;
use types::{Scale, Timestamp};

use super::book::VenueBook;
use super::settings::KucoinBook;
use super::wire::Channel;
use super::{CHANGES_DEPTH, RENEWAL_SPACING};
use crate::Wanted;
use crate::io::FeedOutput;
use crate::kraken::Candles;
use crate::session::{Gap, Market, PROOF_PATIENCE, Retry, TickerPace, earliest, is_due};
use crate::settings::FeedSettings;
use crate::synced::Renewal;

/// Least time between two proofs of a book of which nothing is told.
const QUIET_SPACING: Duration = Duration::from_secs(60);
const NO_SCALE: Scale = Scale { price_decimals: 0, qty_decimals: 0 };

/// One wanted instrument.
#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) market: Market,
    /// The venue's permanent code for it.
    pub(super) code: String,
    pub(super) book: VenueBook,
    pub(super) candles: Candles,
    pub(super) is_subscribed: bool,
    pub(super) is_limit_told: bool,
    pub(super) voices: [Voice; Channel::ALL.len()],
    pub(super) ticker: TickerPace,
    /// The book is to be subscribed anew then.
    pub(super) resubscribe_at: Option<Timestamp>,
    pub(super) resync: Retry,
    /// Of books that were subscribed anew and not heard.
    pub(super) silences: Retry,
    /// The missed trades that were asked for.
    pub(super) missed: Option<Gap>,
    /// A snapshot is not asked for before.
    pub(super) snapshot_at: Timestamp,
    pub(super) snapshot: Retry,
    /// When the book was last built or its renewal begun.
    pub(super) renewed_at: Option<Timestamp>,
    pub(super) renewal_failures: u32,
    /// Since when a fetched snapshot has known changes that the stream has not told.
    pub(super) behind_since: Option<Timestamp>,
    pub(super) history: Retry,
}

/// A channel of a symbol on this connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Voice {
    pub(super) accepted_at: Option<Timestamp>,
    pub(super) was_heard: bool,
    pub(super) is_silence_told: bool,
}

impl Symbol {
    pub(super) fn new(wanted: &Wanted, source: KucoinBook, settings: &FeedSettings) -> Self {
        Self {
            market: Market::new(wanted.clone(), source.proof(), settings).sparse(),
            code: wanted.symbol.clone(),
            book: VenueBook::new(source, NO_SCALE),
            candles: Candles::default(),
            ticker: TickerPace::default(),
            is_subscribed: false,
            is_limit_told: false,
            voices: [Voice::default(); Channel::ALL.len()],
            resubscribe_at: None,
            resync: Retry::snapshot(),
            silences: Retry::silence(),
            missed: None,
            snapshot_at: Timestamp::EPOCH,
            snapshot: Retry::snapshot(),
            renewed_at: None,
            renewal_failures: 0,
            behind_since: None,
            history: Retry::refusal(),
        }
    }

    pub(super) fn disconnected(&mut self) {
        self.book.forget();
        self.candles.disconnected();
        self.is_subscribed = false;
        self.voices = [Voice::default(); Channel::ALL.len()];
        self.resubscribe_at = None;
        self.renewed_at = None;
        self.behind_since = None;
    }

    /// The book begins anew, with the digits of the rules.
    pub(super) fn forget_book(&mut self, source: KucoinBook) {
        let scale = self.market.instrument.as_ref().map_or(NO_SCALE, |instrument| instrument.scale);
        self.book.restart(source, scale);
        self.renewed_at = None;
        self.behind_since = None;
    }

    /// Shows the book when it is time, and renews one that has moved to the edge of its snapshot.
    pub(super) fn publish(&mut self, at: Timestamp, source: KucoinBook, out: &mut Vec<FeedOutput>) {
        if let Some(book) = self.book.book()
            && self.market.publish(at, book, out)
            && source == KucoinBook::Changes
            && book.is_shallow(usize::from(CHANGES_DEPTH))
            && is_due(self.renewed_at.map(|renewed| renewed.plus(RENEWAL_SPACING)), at)
        {
            self.renew(at);
        }
    }

    /// The book does not hold: stale. Its next snapshot, or subscription, comes soon or later.
    pub(super) fn broken(&mut self, at: Timestamp, source: KucoinBook, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        self.market.broken(reason, out);
        self.renewed_at = None;
        self.renewal_failures = 0;
        self.behind_since = None;
        match source {
            // The next picture heals.
            KucoinBook::Pictures => {}
            KucoinBook::Changes | KucoinBook::AllChanges => self.snapshot_at = self.snapshot.failed(at),
            KucoinBook::Unified => self.resubscribe_at = Some(self.resync.failed(at)),
        }
    }

    pub(super) fn renew(&mut self, at: Timestamp) {
        self.book.renew();
        self.renewed_at = Some(at);
        self.snapshot_at = at;
    }

    /// Ends a renewal that has caught up.
    pub(super) fn settle(&mut self, at: Timestamp, venue_at: Option<Timestamp>, out: &mut Vec<FeedOutput>) {
        if let Renewal::Done { agrees } = self.book.settle(self.market.publisher.depth()) {
            self.renewal_failures = 0;
            self.behind_since = None;
            self.market.renewed(at, agrees, venue_at, out);
        }
    }

    /// When the book is to be renewed because of its age, or because nothing was told of it for so long.
    pub(super) fn renewal_at(&self, source: KucoinBook, settings: &FeedSettings) -> Option<Timestamp> {
        let age_max = match source {
            KucoinBook::Changes => settings.kucoin.renew_every,
            KucoinBook::AllChanges => settings.snapshot_age_max,
            KucoinBook::Pictures | KucoinBook::Unified => return None,
        };
        let renewed = self.renewed_at?;
        let quiet = self.market.book_doubtful_at().map(|at| at.max(renewed.plus(QUIET_SPACING)));
        earliest([Some(renewed.plus(age_max)), quiet])
    }

    /// When the book is subscribed anew because nothing is heard of it: trades that it must have told, a snapshot that is
    /// ahead of it, or a silence that is unusual and was not proven to be one of the market.
    pub(super) fn book_silent_at(&self, source: KucoinBook, patience: Duration) -> Option<Timestamp> {
        let behind = self.behind_since.map(|since| since.plus(patience));
        let proof = if source.has_snapshots() { PROOF_PATIENCE } else { Duration::ZERO };
        let quiet = self.market.book_doubtful_at().map(|doubtful| doubtful.plus(proof));
        earliest([self.market.book_dead_at(), behind, quiet])
    }

    /// When missed trades are to be asked for: as soon as the stream tells the present ones.
    pub(super) fn repair_at(&self) -> Option<Timestamp> {
        self.market.repair_at().filter(|_| self.voices[Channel::Trades as usize].is_open())
    }

    pub(super) fn is_newcomer(&self) -> bool {
        !self.is_subscribed && self.market.instrument.is_some()
    }
}

impl Voice {
    /// Accepted or heard: the stream stands.
    pub(super) fn is_open(&self) -> bool {
        self.was_heard || self.accepted_at.is_some()
    }

    /// When its silence is to be told.
    pub(super) fn silence_at(&self, after: Duration) -> Option<Timestamp> {
        self.accepted_at.filter(|_| !self.was_heard && !self.is_silence_told).map(|since| since.plus(after))
    }

    /// Its silence was told, and lasts.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silence_told && !self.was_heard
    }
}
