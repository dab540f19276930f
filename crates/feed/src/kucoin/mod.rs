//! KuCoin, in either of its two feeds.
//!
//! ```text
//! classic:  POST bullet-public ─> token, server ─> Connect ─> welcome ─┐
//! unified:                                         Connect ─> welcome ─┤
//!                                                                      v
//!   GET status, GET symbols ─> subscribe book, trades, candles of all listed symbols ─> acks
//!                           └> GET candles of each
//! ```
//!
//! How a book is believed depends on where it comes from ([`KucoinBook`], `book.rs`). The venue wants to be pinged, and
//! answers; without an answer in time a new connection is wanted. Each connection has a token of its own, and after a
//! failure the next server is taken.
//!
//! A session has one connection, and the two feeds have an address each. So the unified feed is a whole alternative:
//! with it, trades and candles come from there too. When it does not answer, or gives no books, the session says so and
//! takes the classic feed for an hour.

mod asked;
mod book;
mod classic;
mod handshake;
mod heard;
pub(crate) mod instruments;
pub(crate) mod messages;
mod quick;
pub(crate) mod rest;
mod settings;
mod subscribing;
mod symbol;
mod unified;
mod wire;

pub(crate) use book::{SNAPSHOT_LEVELS, VenueBook};
pub use settings::{KucoinBook, KucoinSettings};
pub(crate) use wire::{Channel, Wire};

use std::collections::BTreeMap;
use std::time::Duration;

use types::Timestamp;
use types::market::{CandleSource, Proof, StaleReason};

use crate::io::{FeedOutput, LinkId, ReconnectReason, RejectReason, Rejection, Target};
use crate::session::{Link, Market, Outbox, Requests, Retry, VenueSession, common_methods, earliest, is_due};
use crate::settings::FeedSettings;
use messages::Pings;
use rest::VenueState;
use subscribing::Subscribing;
use symbol::{Symbol, Voice};

/// A hundred messages in ten seconds are allowed (section 2.4); pings go beside.
const SEND_SPACING: Duration = Duration::from_millis(120);
/// The venue's state is asked for this often.
const STATE_EVERY: Duration = Duration::from_secs(300);
/// The same while it is in maintenance: the sockets stay up and silent then.
const STATE_EVERY_CLOSED: Duration = Duration::from_secs(60);
/// Least time between two renewals of a book that has moved to the edge of its snapshot.
const RENEWAL_SPACING: Duration = Duration::from_secs(10);
/// Snapshots in a row that do not join a live book, after which the book is not believed any more.
const RENEWAL_FAILURES_MAX: u32 = 5;
/// Levels of each side that are right on a public snapshot (section 2.6).
const CHANGES_DEPTH: u16 = 50;
/// The rules are fetched again this often while a subscription is silent, a symbol is not traded, or a
/// number has too many digits.
const RULES_WHILE_SUSPICIOUS: Duration = Duration::from_secs(120);
/// Connections in a row without a welcome after which the unified feed is given up.
const UNWELCOME_MAX: u32 = 3;
/// Subscribed and not one book heard for so long: the unified feed is given up.
const UNIFIED_SILENT_AFTER: Duration = Duration::from_secs(60);
/// For so long.
const FALLBACK: Duration = Duration::from_secs(3_600);

/// KuCoin's feed.
#[derive(Debug)]
pub(crate) struct Session {
    settings: FeedSettings,
    /// Where books come from now: as wished, or instead.
    source: KucoinBook,
    /// The wished source is tried again at the first connection after.
    fallback_until: Option<Timestamp>,
    /// Connections in a row that were not welcomed.
    unwelcome: u32,
    link: Link,
    pings: Pings,
    welcomed_at: Option<Timestamp>,
    /// The answer to a ping is expected until then.
    pong_due: Option<Timestamp>,
    /// Number of the server to take of those offered.
    server: usize,
    venue_state: VenueState,
    state_at: Option<Timestamp>,
    outbox: Outbox,
    requests: Requests<Ask>,
    rules_at: Option<Timestamp>,
    rules_retry: Retry,
    subscribing: Subscribing,
    refusals: Retry,
    symbols: Vec<Symbol>,
    /// By permanent code, and by the wished name until the code is known.
    by_symbol: BTreeMap<String, usize>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Leave to connect.
    Token,
    /// What time it is at the venue.
    Time,
    /// Whether the venue is open.
    State,
    /// Rules of all symbols.
    Rules,
    /// The book of the symbol with this index.
    Snapshot(usize),
    /// Candles of the past of the symbol with this index.
    Candles(usize),
    /// Trades that were missed of the symbol with this index.
    Trades(usize),
}

impl KucoinBook {
    const fn proof(self) -> Proof {
        match self {
            Self::Pictures => Proof::Compared,
            Self::Changes | Self::AllChanges | Self::Unified => Proof::Sequence,
        }
    }
}

impl Session {
    pub(crate) fn new(settings: FeedSettings, link: LinkId) -> Self {
        let source = settings.kucoin.book;
        let settings = FeedSettings { publish_depth: settings.publish_depth.min(CHANGES_DEPTH), ..settings };
        let symbol = |wanted| Symbol::new(wanted, source, &settings);
        Self {
            symbols: settings.instruments.iter().map(symbol).collect(),
            by_symbol: settings.instruments.iter().map(|wanted| wanted.symbol.clone()).zip(0..).collect(),
            source,
            fallback_until: None,
            unwelcome: 0,
            link: Link::new(link),
            pings: Pings::USUAL,
            welcomed_at: None,
            pong_due: None,
            server: 0,
            venue_state: VenueState::Open,
            state_at: None,
            outbox: Outbox::new(link, SEND_SPACING),
            requests: Requests::new(),
            rules_at: None,
            rules_retry: Retry::refusal(),
            subscribing: Subscribing::default(),
            refusals: Retry::refusal(),
            settings,
        }
    }

    /// Nothing is said before the welcome.
    fn connected(&mut self, _at: Timestamp) {}

    /// The connection is gone, or there was none to be had.
    fn disconnected(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.welcomed_at.is_none() {
            self.unwelcome = self.unwelcome.saturating_add(1);
        }
        self.server = self.server.wrapping_add(1);
        self.welcomed_at = None;
        self.pong_due = None;
        self.subscribing.clear();
        for symbol in &mut self.symbols {
            symbol.disconnected();
        }
        if self.unwelcome >= UNWELCOME_MAX {
            self.unwelcome = 0;
            self.fall_back(at, out);
        }
    }

    /// The unified feed does not do: pictures of the classic one for a while. When that does not do either, back.
    fn fall_back(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.source == KucoinBook::Unified {
            let detail = "the unified feed lets us not connect or gives no books: classic pictures for an hour";
            self.link.reject(Rejection::new(RejectReason::VenueError, detail, &[]), out);
            self.fallback_until = Some(at.plus(FALLBACK));
            self.take_books_from(KucoinBook::Pictures);
        } else if self.fallback_until.is_some() {
            self.fallback_until = Some(at);
        }
    }

    fn take_books_from(&mut self, source: KucoinBook) {
        self.source = source;
        for symbol in &mut self.symbols {
            symbol.market.publisher.prove_by(source.proof());
            symbol.forget_book(source);
        }
    }

    /// What is due by time alone, and what has waited for its turn.
    fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.link.is_up() {
            self.poll_link(at, out);
        }
        let told_to = self.link.clock.told_to(at);
        for index in 0..self.symbols.len() {
            let symbol = &mut self.symbols[index];
            symbol.publish(at, self.source, out);
            symbol.ticker.poll(at, out);
            if let Some(candle) = symbol.candles.close(told_to, self.settings.candle_grace) {
                symbol.market.count_minute(at, &candle);
                symbol.market.final_candle(candle, CandleSource::Stream, out);
            }
            if self.is_welcome() {
                self.poll_symbol(index, at, out);
            }
        }
        if self.is_welcome() {
            if is_due(self.state_due_at(), at) {
                self.want_state(at);
            }
            if is_due(self.rules_due_at(), at) {
                self.want_rules(at);
            }
            self.subscribe_newcomers(at, out);
            self.subscribe_next(at);
            self.outbox.poll(at, out);
            // Another one waits for its turn there.
            self.subscribe_next(at);
        }
        self.requests.poll(at, out);
    }

    /// Connected, and told that we may speak.
    fn is_welcome(&self) -> bool {
        self.link.is_up() && self.welcomed_at.is_some()
    }

    fn poll_link(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let has_no_pong = is_due(self.pong_due, at);
        if has_no_pong || is_due(self.silent_at(), at) {
            for symbol in &mut self.symbols {
                symbol.market.broken(StaleReason::Silent, out);
            }
            let reason = if has_no_pong { ReconnectReason::NoPong } else { ReconnectReason::Silent };
            self.link.reconnect(reason, out);
        } else if is_due(self.welcome_timeout_at(), at) {
            self.link.reconnect(ReconnectReason::Handshake, out);
        } else if is_due(self.subscribe_timeout_at(), at) {
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else if is_due(self.unified_silent_at(), at) {
            self.unwelcome = UNWELCOME_MAX;
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else if is_due(self.ping_at(), at) {
            self.link.asked(at);
            self.pong_due.get_or_insert(at.plus(self.pings.answer_within));
            let id = self.subscribing.id();
            out.push(FeedOutput::Send(self.link.id, Wire::ping(id)));
        }
    }

    fn poll_symbol(&mut self, index: usize, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let symbol = &mut self.symbols[index];
        if is_due(symbol.renewal_at(self.source, &self.settings), at) {
            symbol.renew(at);
        }
        if is_due(symbol.book_silent_at(self.source, self.settings.book_silent_after), at) {
            symbol.book.forget();
            symbol.behind_since = None;
            symbol.renewed_at = None;
            symbol.market.broken(StaleReason::Silent, out);
            symbol.resubscribe_at = Some(symbol.resync.failed(at));
        }
        let is_trade_channel_dead = symbol.market.has_dead_trades(at);
        if is_due(symbol.resubscribe_at, at) {
            // Until it is heard.
            symbol.resubscribe_at = Some(symbol.silences.failed(at).plus(self.settings.subscribe_timeout));
            self.resubscribe(Channel::Book, index);
        }
        if is_trade_channel_dead {
            self.resubscribe(Channel::Trades, index);
        }
        self.want_snapshot(index);
        if self.symbols[index].market.wants_history(at) {
            self.want_candles(index, at, at);
        }
        self.want_missed_trades(index, at);
        let symbol = &mut self.symbols[index];
        let after = self.settings.subscription_silent_after;
        for (voice, channel) in symbol.voices.iter_mut().zip(Channel::ALL) {
            if is_due(voice.silence_at(after), at) {
                voice.is_silence_told = true;
                let wanted = &symbol.market.wanted;
                let name = format!("{} of {}", channel.name(), symbol.code);
                let detail = "accepted, but never heard";
                self.link.reject_of(wanted.id, RejectReason::SilentSubscription, detail, name.as_bytes(), out);
            }
        }
    }

    /// Whatever the venue says about pings, an answer to one may be all there is to hear.
    fn silent_at(&self) -> Option<Timestamp> {
        let after = self.settings.silent_after.max(self.pings.every + self.pings.answer_within);
        self.link.heard_at().map(|heard| heard.plus(after))
    }

    fn welcome_timeout_at(&self) -> Option<Timestamp> {
        let since = self.link.connected_at.filter(|_| self.welcomed_at.is_none());
        since.map(|since| since.plus(self.settings.subscribe_timeout))
    }

    fn ping_at(&self) -> Option<Timestamp> {
        self.welcomed_at.and(self.link.ping_at(self.pings.every))
    }

    fn subscribe_timeout_at(&self) -> Option<Timestamp> {
        self.subscribing.times_out_at(self.settings.subscribe_timeout)
    }

    /// When the unified feed has told no book for too long, though one was accepted.
    fn unified_silent_at(&self) -> Option<Timestamp> {
        let books = self.symbols.iter().map(|symbol| &symbol.voices[Channel::Book as usize]);
        if self.source != KucoinBook::Unified || books.clone().any(|book| book.was_heard) {
            return None;
        }
        let asked = self.symbols.iter().any(|symbol| symbol.is_subscribed);
        self.welcomed_at.filter(|_| asked).map(|since| since.plus(UNIFIED_SILENT_AFTER))
    }

    /// When the venue's state is to be asked for; `None` while that is under way.
    fn state_due_at(&self) -> Option<Timestamp> {
        if self.requests.is_wanted(Ask::State) {
            return None;
        }
        let every = if self.venue_state == VenueState::Open { STATE_EVERY } else { STATE_EVERY_CLOSED };
        Some(self.state_at.map_or(Timestamp::EPOCH, |at| at.plus(every)))
    }

    /// When the rules are to be fetched; `None` while that is under way.
    fn rules_due_at(&self) -> Option<Timestamp> {
        if self.requests.is_wanted(Ask::Rules) {
            return None;
        }
        let is_suspicious = |symbol: &Symbol| symbol.voices.iter().any(Voice::is_silent) || symbol.market.is_suspect();
        let has_suspect = self.symbols.iter().any(is_suspicious);
        let age_max = self.settings.instruments_age_max;
        let age = if has_suspect { age_max.min(RULES_WHILE_SUSPICIOUS) } else { age_max };
        Some(self.rules_at.map_or(Timestamp::EPOCH, |at| at.plus(age)))
    }
}

impl VenueSession for Session {
    common_methods!(symbols);

    fn connect(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.fallback_until.take_if(|until| *until <= at).is_some() {
            self.take_books_from(self.settings.kucoin.book);
        }
        match Wire::of(self.source) {
            Wire::Classic { .. } => self.want_token(at, out),
            Wire::Unified => out.push(FeedOutput::Connect(self.link.id, Target::on_base("/"))),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let mut next = self.requests.deadline();
        if self.link.is_up() {
            next = earliest([
                next,
                self.silent_at(),
                self.pong_due,
                self.welcome_timeout_at(),
                self.subscribe_timeout_at(),
                self.unified_silent_at(),
                self.ping_at(),
            ]);
        }
        if self.is_welcome() {
            next = earliest([
                next,
                self.outbox.deadline(),
                self.subscribing.again_at(),
                self.state_due_at(),
                self.rules_due_at(),
            ]);
        }
        for symbol in &self.symbols {
            let closes_at = symbol.candles.closes_at(self.settings.candle_grace);
            next = earliest([
                next,
                symbol.market.publisher.deadline(),
                symbol.ticker.deadline(),
                closes_at.map(|venue_at| self.link.clock.told_by(venue_at)),
            ]);
            if self.is_welcome() {
                let silence = symbol.voices.iter().map(|v| v.silence_at(self.settings.subscription_silent_after));
                next = earliest(silence.chain([
                    next,
                    symbol.renewal_at(self.source, &self.settings),
                    symbol.book_silent_at(self.source, self.settings.book_silent_after),
                    symbol.market.count_at(),
                    symbol.market.history_at(),
                    symbol.resubscribe_at,
                    symbol.repair_at(),
                ]));
            }
        }
        next
    }

    fn is_settled(&self) -> bool {
        let is_done = |symbol: &Symbol| symbol.is_limit_told || !symbol.is_newcomer();
        self.is_welcome()
            && self.rules_at.is_some()
            && self.subscribing.is_answered()
            && self.symbols.iter().all(is_done)
    }

    fn is_venue_online(&self) -> bool {
        self.venue_state == VenueState::Open
    }
}
