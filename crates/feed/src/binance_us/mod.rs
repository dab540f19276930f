//! Binance.US (and Binance.com, which speaks the same).
//!
//! ```text
//! Connected ─> GET exchangeInfo ─> SUBSCRIBE depth, aggTrade, kline of all listed symbols
//!                               └> GET klines of each
//! book:  first update ─> kept ─> GET depth ─> joined ─> update ... ─> gap ─> stale, kept, GET depth of this symbol
//! ```
//!
//! A quiet market says nothing for seconds: after a while of silence the session asks for its list of subscriptions,
//! and wants a new connection only when that is not answered either.

mod asked;
mod book;
mod heard;
pub(crate) mod instruments;
pub(crate) mod messages;
mod quick;
pub(crate) mod rest;

pub(crate) use book::SyncedBook;
pub(crate) use instruments::WRITTEN;

use std::time::Duration;

use types::Timestamp;
use types::market::{Proof, StaleReason};

use crate::io::{FeedOutput, LinkId, Priority, ReconnectReason, RejectReason, Target};
use crate::level::Levels;
use crate::session::{
    Link, Market, Outbox, PROOF_PATIENCE, Requests, Retry, VenueSession, common_methods, earliest, is_due,
};
use crate::settings::FeedSettings;
use crate::symbols::Symbols;
use book::Renewal;
use messages::TradeStream;

/// Control messages: five a second are allowed, and the socket's own pongs count too (section 2).
const SEND_SPACING: Duration = Duration::from_millis(300);
/// Streams in one subscription.
const BATCH: usize = 90;
/// Least time between two renewals of a book that has moved to the edge of its snapshot.
const RENEWAL_SPACING: Duration = Duration::from_secs(60);
/// The rules are fetched again this often while a stream is silent (section 9.11) or a symbol is not traded.
const RULES_WHILE_SUSPICIOUS: Duration = Duration::from_secs(120);

/// Binance.US's feed.
#[derive(Debug)]
pub(crate) struct Session {
    settings: FeedSettings,
    link: Link,
    outbox: Outbox,
    requests: Requests<Ask>,
    rules_at: Option<Timestamp>,
    /// Whether the rules of all symbols were asked for, to know what is listed.
    has_asked_for_all: bool,
    rules_retry: Retry,
    symbols: Vec<Symbol>,
    by_symbol: Symbols,
    /// Of the message that is read.
    levels: Levels,
    next_id: u64,
    subscribing: Vec<Batch>,
    subscribe_retry: Retry,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Rules of the wanted symbols.
    Rules,
    /// Rules of all symbols: the first question fails as a whole when one symbol is unknown.
    AllRules,
    /// The book of the symbol with this index.
    Snapshot(usize),
    /// The candles of the symbol with this index.
    Candles(usize),
    /// Trades that were missed of the symbol with this index.
    Trades(usize),
}

/// A subscription that was not accepted yet.
#[derive(Debug)]
struct Batch {
    id: u64,
    streams: Vec<String>,
    state: BatchState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BatchState {
    Asked { since: Timestamp },
    Refused { again_at: Timestamp },
}

/// One wanted instrument.
#[derive(Debug)]
struct Symbol {
    market: Market,
    book: SyncedBook,
    /// When the streams were subscribed on this connection.
    subscribed_at: Option<Timestamp>,
    streams: [StreamVoice; 3],
    is_silence_told: bool,
    trade_stream: Option<TradeStream>,
    /// A snapshot is not asked for before.
    snapshot_at: Timestamp,
    snapshot: Retry,
    /// When the book was last built or its renewal begun.
    renewed_at: Option<Timestamp>,
    /// Since when a fetched snapshot knows more than the stream has told.
    behind_since: Option<Timestamp>,
    history: Retry,
}

/// A stream of a symbol, and whether it was heard on this connection.
#[derive(Clone, Copy, Debug)]
struct StreamVoice {
    channel: &'static str,
    was_heard: bool,
}

const DEPTH: usize = 0;
const TRADES: usize = 1;
const KLINES: usize = 2;
const STREAMS: [StreamVoice; 3] = [
    StreamVoice { channel: "depth@100ms", was_heard: false },
    StreamVoice { channel: "aggTrade", was_heard: false },
    StreamVoice { channel: "kline_1m", was_heard: false },
];

impl Session {
    pub(crate) fn new(settings: FeedSettings, link: LinkId) -> Self {
        let symbol = |wanted: &crate::Wanted| Symbol {
            market: Market::new(wanted.clone(), Proof::Sequence, &settings),
            book: SyncedBook::new(WRITTEN),
            subscribed_at: None,
            streams: STREAMS,
            is_silence_told: false,
            trade_stream: None,
            snapshot_at: Timestamp::EPOCH,
            snapshot: Retry::snapshot(),
            renewed_at: None,
            behind_since: None,
            history: Retry::refusal(),
        };
        Self {
            symbols: settings.instruments.iter().map(symbol).collect(),
            by_symbol: Symbols::new(settings.instruments.iter().map(|wanted| wanted.symbol.as_str())),
            levels: Levels::default(),
            link: Link::new(link),
            outbox: Outbox::new(link, SEND_SPACING),
            requests: Requests::new(),
            rules_at: None,
            has_asked_for_all: false,
            rules_retry: Retry::refusal(),
            next_id: 1,
            subscribing: Vec::new(),
            subscribe_retry: Retry::refusal(),
            settings,
        }
    }

    /// Nothing is said before the rules are known.
    fn connected(&mut self, _at: Timestamp) {}

    fn disconnected(&mut self, _at: Timestamp, _out: &mut Vec<FeedOutput>) {
        self.subscribing.clear();
        for symbol in &mut self.symbols {
            symbol.forget_book();
            symbol.subscribed_at = None;
            symbol.streams = STREAMS;
            symbol.is_silence_told = false;
        }
    }

    /// What is due by time alone, and what has waited for its turn.
    fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.link.is_up() {
            self.poll_link(at, out);
        }
        for index in 0..self.symbols.len() {
            let symbol = &mut self.symbols[index];
            if let Some(book) = symbol.book.book()
                && symbol.market.publish(at, book, out)
                && book.is_shallow(symbol.market.publisher.depth())
                && is_due(symbol.renewed_at.map(|renewed| renewed.plus(RENEWAL_SPACING)), at)
            {
                symbol.renew(at);
            }
            if self.link.is_up() {
                self.poll_symbol(index, at, out);
                self.want_missed_trades(index, at);
            }
        }
        if self.link.is_up() {
            if is_due(self.rules_due_at(), at) {
                self.want_rules(at);
            }
            self.subscribe_newcomers(at);
            self.outbox.poll(at, out);
        }
        self.requests.poll(at, out);
    }

    fn poll_link(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if is_due(self.silent_at(), at) {
            for symbol in &mut self.symbols {
                symbol.market.broken(StaleReason::Silent, out);
            }
            self.link.reconnect(ReconnectReason::Silent, out);
        } else if is_due(self.subscribe_timeout_at(), at) {
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else {
            if is_due(self.link.question_at(self.settings.keepalive_after), at) {
                self.link.asked(at);
                let id = self.id();
                self.outbox.push(format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#));
            }
            while let Some(refused) = self.subscribing.iter().position(|batch| is_due(batch.again_at(), at)) {
                let batch = self.subscribing.remove(refused);
                self.subscribe(at, batch.streams);
            }
        }
    }

    fn poll_symbol(&mut self, index: usize, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let symbol = &mut self.symbols[index];
        if is_due(symbol.renewal_at(self.settings.snapshot_age_max), at) {
            symbol.renew(at);
        }
        if symbol.book.wants_snapshot() && !self.requests.is_wanted(Ask::Snapshot(index)) {
            let call = rest::snapshot(&symbol.market.wanted.symbol);
            self.requests.want(Ask::Snapshot(index), Priority::Book, call, symbol.snapshot_at);
        }
        if is_due(symbol.stream_dead_at(self.settings.book_silent_after), at) {
            symbol.broken(at, StaleReason::Silent, out);
            symbol.forget_book();
            self.resubscribe(at, index, DEPTH);
        }
        if self.symbols[index].market.wants_history(at) {
            self.want_candles(index, at, at);
        }
        let symbol = &mut self.symbols[index];
        if symbol.market.has_dead_trades(at) {
            self.resubscribe(at, index, TRADES);
        }
        let symbol = &mut self.symbols[index];
        if is_due(symbol.silence_at(self.settings.subscription_silent_after), at) {
            symbol.is_silence_told = true;
            let wanted = &symbol.market.wanted;
            for stream in symbol.streams.iter().filter(|stream| !stream.was_heard) {
                let name = stream_name(&wanted.symbol, stream.channel);
                let detail = "accepted, but never heard";
                self.link.reject_of(wanted.id, RejectReason::SilentSubscription, detail, name.as_bytes(), out);
            }
        }
    }

    fn silent_at(&self) -> Option<Timestamp> {
        self.link.heard_at().map(|heard| heard.plus(self.settings.silent_after))
    }

    fn subscribe_timeout_at(&self) -> Option<Timestamp> {
        let timeout = self.settings.subscribe_timeout;
        earliest(self.subscribing.iter().map(|batch| match batch.state {
            BatchState::Asked { since } => Some(since.plus(timeout)),
            BatchState::Refused { .. } => None,
        }))
    }

    /// When the rules are to be fetched; `None` while that is under way.
    fn rules_due_at(&self) -> Option<Timestamp> {
        if self.requests.is_wanted(Ask::Rules) || self.requests.is_wanted(Ask::AllRules) {
            return None;
        }
        let is_suspicious = |symbol: &Symbol| symbol.has_told_silence() || symbol.market.is_suspect();
        let age_max = self.settings.instruments_age_max;
        let has_suspect = self.symbols.iter().any(is_suspicious);
        let age = if has_suspect { age_max.min(RULES_WHILE_SUSPICIOUS) } else { age_max };
        Some(self.rules_at.map_or(Timestamp::EPOCH, |at| at.plus(age)))
    }
}

impl VenueSession for Session {
    common_methods!(symbols);

    fn connect(&mut self, _at: Timestamp, out: &mut Vec<FeedOutput>) {
        out.push(FeedOutput::Connect(self.link.id, Target::on_base("/stream")));
    }

    fn deadline(&self) -> Option<Timestamp> {
        let mut next = self.requests.deadline();
        if self.link.is_up() {
            let batches = self.subscribing.iter().map(Batch::again_at);
            next = earliest(batches.chain([
                next,
                self.outbox.deadline(),
                self.silent_at(),
                self.subscribe_timeout_at(),
                self.rules_due_at(),
                self.link.question_at(self.settings.keepalive_after),
            ]));
        }
        for symbol in &self.symbols {
            next = earliest([next, symbol.market.publisher.deadline()]);
            if self.link.is_up() {
                next = earliest([
                    next,
                    symbol.renewal_at(self.settings.snapshot_age_max),
                    symbol.silence_at(self.settings.subscription_silent_after),
                    symbol.stream_dead_at(self.settings.book_silent_after),
                    symbol.market.count_at(),
                    symbol.market.history_at(),
                    symbol.market.repair_at().filter(|_| symbol.live_trades().is_some()),
                ]);
            }
        }
        next
    }

    fn is_settled(&self) -> bool {
        let is_open = |batch: &Batch| batch.again_at().is_none();
        self.rules_at.is_some()
            && self.link.is_up()
            && !self.symbols.iter().any(Symbol::is_newcomer)
            && !self.subscribing.iter().any(is_open)
    }
}

impl Batch {
    fn again_at(&self) -> Option<Timestamp> {
        match self.state {
            BatchState::Asked { .. } => None,
            BatchState::Refused { again_at } => Some(again_at),
        }
    }
}

impl Symbol {
    fn is_newcomer(&self) -> bool {
        self.subscribed_at.is_none() && self.market.instrument.is_some()
    }

    /// The streams tell the present: a trade from now on will be heard.
    fn is_heard_live(&self) -> bool {
        self.streams.iter().any(|stream| stream.was_heard)
    }

    /// The stream that tells the present trades, once anything of the symbol was heard on this connection.
    fn live_trades(&self) -> Option<TradeStream> {
        self.trade_stream.filter(|_| self.is_heard_live())
    }

    /// When the stream of the book counts as dead: trades that it must have told, a snapshot that is ahead of it, or an
    /// unusual silence that was not proven to be one of the market.
    fn stream_dead_at(&self, patience: Duration) -> Option<Timestamp> {
        let behind = self.behind_since.map(|since| since.plus(patience));
        let quiet = self.market.book_doubtful_at().map(|doubtful| doubtful.plus(PROOF_PATIENCE));
        earliest([self.market.book_dead_at(), behind, quiet])
    }

    fn forget_book(&mut self) {
        self.behind_since = None;
        let scale = self.market.instrument.as_ref().map_or(WRITTEN, |instrument| instrument.scale);
        self.book.restart(scale);
        self.renewed_at = None;
    }

    /// The book does not hold: stale, and a new snapshot soon or later.
    fn broken(&mut self, at: Timestamp, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        self.market.broken(reason, out);
        self.renewed_at = None;
        self.behind_since = None;
        self.snapshot_at = self.snapshot.failed(at);
    }

    fn renew(&mut self, at: Timestamp) {
        self.book.renew();
        self.renewed_at = Some(at);
        self.snapshot_at = at;
    }

    /// Ends a renewal that has caught up.
    fn settle(&mut self, at: Timestamp, venue_at: Option<Timestamp>, out: &mut Vec<FeedOutput>) {
        if let Renewal::Done { agrees } = self.book.settle(self.market.publisher.depth()) {
            self.behind_since = None;
            self.market.renewed(at, agrees, venue_at, out);
        }
    }

    /// When the book is to be renewed because of its age, or because nothing was told of it for so long.
    fn renewal_at(&self, age_max: Duration) -> Option<Timestamp> {
        let renewed = self.renewed_at?;
        let quiet = self.market.book_doubtful_at().map(|at| at.max(renewed.plus(RENEWAL_SPACING)));
        earliest([Some(renewed.plus(age_max)), quiet])
    }

    /// When the silence of a stream is to be told.
    fn silence_at(&self, after: Duration) -> Option<Timestamp> {
        let is_open = !self.is_silence_told && self.streams.iter().any(|stream| !stream.was_heard);
        self.subscribed_at.filter(|_| is_open).map(|since| since.plus(after))
    }

    fn has_told_silence(&self) -> bool {
        self.is_silence_told && self.streams.iter().any(|stream| !stream.was_heard)
    }
}

fn stream_name(symbol: &str, channel: &str) -> String {
    format!("{}@{channel}", symbol.to_ascii_lowercase())
}
