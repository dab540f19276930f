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

mod book;
mod instruments;
pub(crate) mod messages;
pub(crate) mod rest;

pub(crate) use book::SyncedBook;
pub(crate) use instruments::WRITTEN;

use std::collections::BTreeMap;
use std::time::Duration;

use types::Timestamp;
use types::market::{CandleSource, Proof, StaleReason};

use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedInput, FeedOutput, ReconnectReason, RejectReason, Rejection, RequestId};
use crate::session::{Answer, Limits, Link, Market, Outbox, Requests, Retry, earliest, is_due};
use crate::settings::FeedSettings;
use crate::status::FeedStatus;
use book::Renewal;
use instruments::ExchangeInfo;
use messages::{DepthData, KlineData, Message, TradeData, TradeStream};

/// Control messages: five a second are allowed, and the socket's own pongs count too (section 2).
const SEND_SPACING: Duration = Duration::from_millis(300);
/// Half of the budget before the venue says otherwise (section 6.1).
const REQUEST_LIMITS: Limits =
    Limits { spacing: Duration::from_millis(250), weight_per_min: 600, timeout: Duration::from_secs(15) };
/// Streams in one subscription.
const BATCH: usize = 90;
/// Least time between two renewals of a book that has moved to the edge of its snapshot.
const RENEWAL_SPACING: Duration = Duration::from_secs(60);
/// The rules are fetched again this often while a stream is silent (section 9.11).
const RULES_WHILE_SILENT: Duration = Duration::from_secs(300);
/// Times a history request is tried on one connection.
const HISTORY_TRIES: u32 = 5;

/// Binance.US's feed.
#[derive(Debug)]
pub(crate) struct Session {
    settings: FeedSettings,
    link: Link,
    outbox: Outbox,
    requests: Requests<Ask>,
    rules_at: Option<Timestamp>,
    rules_retry: Retry,
    symbols: Vec<Symbol>,
    by_symbol: BTreeMap<String, usize>,
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
    pub(crate) fn new(settings: FeedSettings) -> Self {
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
            history: Retry::refusal(),
        };
        Self {
            symbols: settings.instruments.iter().map(symbol).collect(),
            by_symbol: settings.instruments.iter().map(|wanted| wanted.symbol.clone()).zip(0..).collect(),
            link: Link::default(),
            outbox: Outbox::new(SEND_SPACING),
            requests: Requests::new(Limits { timeout: settings.request_timeout, ..REQUEST_LIMITS }),
            rules_at: None,
            rules_retry: Retry::refusal(),
            next_id: 1,
            subscribing: Vec::new(),
            subscribe_retry: Retry::refusal(),
            settings,
        }
    }

    pub(crate) fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        match input {
            FeedInput::Connected => self.connected(at, out),
            FeedInput::Disconnected => self.disconnected(out),
            FeedInput::Frame(bytes) => self.frame(at, bytes, out),
            FeedInput::Response { request, status, retry_after_s, body } => {
                self.answer(at, request, Answer::Response { status, retry_after_s, body }, out);
            }
            FeedInput::Failed { request } => self.answer(at, request, Answer::Failed, out),
            FeedInput::Deadline => {}
        }
        self.poll(at, out);
    }

    fn connected(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.link.connected_at.is_some() {
            self.disconnected(out);
        }
        self.link.connected(at);
    }

    fn disconnected(&mut self, out: &mut Vec<FeedOutput>) {
        self.link.disconnected();
        self.outbox.clear();
        self.requests.forget_waiting();
        self.subscribing.clear();
        for symbol in &mut self.symbols {
            symbol.market.disconnected(StaleReason::Disconnected, out);
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
            }
        }
        if let Some(ask) = self.requests.take_timed_out(at) {
            self.failed(at, ask, "no answer in time", &[], out);
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
                symbol.market.publisher.broken(StaleReason::Silent, out);
            }
            self.link.reconnect(ReconnectReason::Silent, out);
        } else if is_due(self.subscribe_timeout_at(), at) {
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else if is_due(self.aged_at(), at) {
            self.link.reconnect(ReconnectReason::Age, out);
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
            let (path, weight) = rest::snapshot(&symbol.market.wanted.symbol);
            self.requests.want(Ask::Snapshot(index), path, weight, symbol.snapshot_at);
        }
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

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let mut next = self.requests.deadline();
        if self.link.is_up() {
            let batches = self.subscribing.iter().map(Batch::again_at);
            next = earliest(batches.chain([
                next,
                self.outbox.deadline(),
                self.silent_at(),
                self.aged_at(),
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
                ]);
            }
        }
        next
    }

    fn silent_at(&self) -> Option<Timestamp> {
        self.link.heard_at().map(|heard| heard.plus(self.settings.silent_after))
    }

    fn aged_at(&self) -> Option<Timestamp> {
        self.link.connected_at.map(|since| since.plus(self.settings.connection_age_max))
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
        let has_silence = self.symbols.iter().any(Symbol::has_told_silence);
        let age_max = self.settings.instruments_age_max;
        let age = if has_silence { age_max.min(RULES_WHILE_SILENT) } else { age_max };
        Some(self.rules_at.map_or(Timestamp::EPOCH, |at| at.plus(age)))
    }

    pub(crate) fn status(&self) -> FeedStatus {
        FeedStatus {
            venue: self.settings.venue,
            is_connected: self.link.connected_at.is_some(),
            connected_at: self.link.connected_at,
            connections: self.link.connections,
            is_venue_online: true,
            frames: self.link.frames,
            last_frame_at: self.link.last_frame_at,
            rejected: self.link.rejected,
            venue_ahead_ns: self.link.clock.ahead_ns(),
            requests_blocked_until: self.requests.blocked_until(),
            instruments: self.symbols.iter().map(|symbol| symbol.market.status()).collect(),
        }
    }
}

/// What is heard on the socket.
impl Session {
    fn frame(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        self.link.heard(at);
        let result =
            decode::text(bytes).and_then(messages::decode).and_then(|message| self.message(at, message, bytes, out));
        if let Err(error) = result {
            self.link.reject(Rejection::new(error.reason, error, bytes), out);
        }
    }

    fn message(
        &mut self,
        at: Timestamp,
        message: Message<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        match message {
            Message::Depth(data) => self.depth(at, &data, bytes, out),
            Message::Trade(data) => self.trade(at, &data, out),
            Message::Kline(data) => self.kline(at, &data, out),
            Message::Accepted { id } => {
                self.subscribing.retain(|batch| Some(batch.id) != id);
                Ok(())
            }
            Message::Refused { id, text } => {
                self.refused(at, id, text, bytes, out);
                Ok(())
            }
            Message::ServerShutdown => {
                self.link.reconnect(ReconnectReason::ServerShutdown, out);
                Ok(())
            }
            Message::Ignored => Ok(()),
            Message::Snapshot(_) => Err(DecodeError::unknown("a snapshot that nobody asked for")),
        }
    }

    fn find(&mut self, symbol: &str, stream: usize, at: Timestamp) -> Result<usize, DecodeError> {
        let index = *self.by_symbol.get(symbol).ok_or_else(|| {
            DecodeError::new(RejectReason::UnknownSymbol, format_args!("{symbol:?} was not asked for"))
        })?;
        let symbol = &mut self.symbols[index];
        symbol.market.last_frame_at = Some(at);
        symbol.streams[stream].was_heard = true;
        Ok(index)
    }

    fn depth(
        &mut self,
        at: Timestamp,
        data: &DepthData<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), DEPTH, at)?;
        self.link.clock.observe(at, data.venue_at());
        let symbol = &mut self.symbols[index];
        symbol.market.counts.deltas += 1;
        match symbol.book.update(data) {
            Ok(verdict) => {
                symbol.market.count_book(verdict, Some(data.venue_at()));
                match verdict {
                    Verdict::Broken(reason) => symbol.broken(at, reason, out),
                    Verdict::SnapshotTooOld => symbol.broken(at, StaleReason::SequenceGap, out),
                    _ => symbol.settle(Some(data.venue_at()), out),
                }
            }
            Err(error) => {
                let is_too_precise = error.reason() == RejectReason::TooPrecise;
                self.link.reject_of(symbol.market.wanted.id, error.reason(), error, bytes, out);
                symbol.broken(at, StaleReason::Malformed, out);
                // The rules may have changed: ticks do, by announcement.
                if is_too_precise && self.rules_at.is_none_or(|rules_at| at.since(rules_at) >= RULES_WHILE_SILENT) {
                    self.want_rules(at);
                }
            }
        }
        Ok(())
    }

    fn trade(&mut self, at: Timestamp, data: &TradeData<'_>, out: &mut Vec<FeedOutput>) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), TRADES, at)?;
        let symbol = &mut self.symbols[index];
        // Both streams tell the same trades under different numbers: the one heard first counts.
        if *symbol.trade_stream.get_or_insert(data.stream) != data.stream {
            return Err(DecodeError::unknown("single fills and aggregates of one symbol"));
        }
        let Some(instrument) = &symbol.market.instrument else { return Ok(()) };
        let trade = data.trade(instrument.id, instrument.scale)?;
        symbol.market.trade(data.id, trade, out);
        Ok(())
    }

    fn kline(&mut self, at: Timestamp, data: &KlineData<'_>, out: &mut Vec<FeedOutput>) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), KLINES, at)?;
        self.link.clock.observe(at, data.venue_at());
        let market = &mut self.symbols[index].market;
        let Some(instrument) = market.instrument.as_ref().filter(|_| data.kline.interval.as_str() == "1m") else {
            return Ok(());
        };
        let candle = data.candle(instrument.scale)?;
        market.counts.candles += 1;
        if data.kline.is_final {
            market.final_candle(candle, CandleSource::Stream, out);
        }
        Ok(())
    }

    fn refused(&mut self, at: Timestamp, id: Option<u64>, text: &str, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        // Not all servers say which request they refuse: the oldest one that waits, then.
        let is_meant = |batch: &&mut Batch| match id {
            Some(id) => batch.id == id,
            None => batch.again_at().is_none(),
        };
        let reason = match self.subscribing.iter_mut().find(is_meant) {
            Some(batch) => {
                batch.state = BatchState::Refused { again_at: self.subscribe_retry.failed(at) };
                RejectReason::SubscribeRefused
            }
            None => RejectReason::VenueError,
        };
        self.link.reject(Rejection::new(reason, text, bytes), out);
    }
}

/// What is asked for.
impl Session {
    fn id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Subscribes all symbols whose rules are known and that are not subscribed on this connection.
    fn subscribe_newcomers(&mut self, at: Timestamp) {
        let mut streams = Vec::new();
        for (index, symbol) in self.symbols.iter_mut().enumerate().filter(|(_, symbol)| symbol.is_newcomer()) {
            symbol.subscribed_at = Some(at);
            symbol.history.reset();
            let name = &symbol.market.wanted.symbol;
            streams.extend(STREAMS.iter().map(|stream| stream_name(name, stream.channel)));
            if self.settings.history_minutes > 0 {
                let (path, weight) = symbol.candles_wanted(at, self.settings.history_minutes);
                self.requests.want(Ask::Candles(index), path, weight, at);
            }
        }
        for batch in streams.chunks(BATCH) {
            self.subscribe(at, batch.to_vec());
        }
    }

    fn subscribe(&mut self, at: Timestamp, streams: Vec<String>) {
        let id = self.id();
        let quoted: Vec<String> = streams.iter().map(|stream| format!("\"{stream}\"")).collect();
        let params = quoted.join(",");
        self.outbox.push(format!(r#"{{"method":"SUBSCRIBE","params":[{params}],"id":{id}}}"#));
        self.subscribing.push(Batch { id, streams, state: BatchState::Asked { since: at } });
    }

    fn want_rules(&mut self, not_before: Timestamp) {
        let symbols = self.symbols.iter().map(|symbol| symbol.market.wanted.symbol.as_str());
        let (path, weight) = rest::exchange_info(symbols);
        self.requests.want(Ask::Rules, path, weight, not_before);
    }

    fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(ask) = self.requests.take(request) else { return };
        let (status, retry_after_s, body) = match answer {
            Answer::Failed => return self.failed(at, ask, "no answer", &[], out),
            Answer::Response { status, retry_after_s, body } => (status, retry_after_s, body),
        };
        // Section 6.1: slow down (429) or banned (418): nothing at all is asked until then.
        let pause_s = match (status, retry_after_s) {
            (_, Some(seconds)) => Some(seconds),
            (429, None) => Some(60),
            (418, None) => Some(120),
            _ => None,
        };
        if let Some(seconds) = pause_s {
            self.requests.block_until(at.plus(Duration::from_secs(u64::from(seconds))));
        }
        if status == 200 {
            self.answered(at, ask, body, out);
        } else if status == 400 && ask == Ask::Rules {
            let (path, weight) = rest::exchange_info_of_all();
            self.requests.want(Ask::AllRules, path, weight, at);
        } else {
            let detail = format!("HTTP status {status}: {}", rest::error_text(body));
            self.failed(at, ask, &detail, body, out);
        }
    }

    fn answered(&mut self, at: Timestamp, ask: Ask, body: &[u8], out: &mut Vec<FeedOutput>) {
        let result = match ask {
            Ask::Rules | Ask::AllRules => ExchangeInfo::read(body).map(|info| self.learn(at, &info, body, out)),
            Ask::Snapshot(index) => self.snapshot(at, index, body, out),
            Ask::Candles(index) => self.candles(at, index, body, out),
        };
        if let Err(error) = result {
            self.failed(at, ask, &error.detail, body, out);
        }
    }

    fn learn(&mut self, at: Timestamp, info: &ExchangeInfo<'_>, body: &[u8], out: &mut Vec<FeedOutput>) {
        self.rules_at = Some(at);
        self.rules_retry.reset();
        if let Some(weight) = info.weight_per_min() {
            self.requests.allow(weight / 2);
        }
        let mut seen = vec![false; self.symbols.len()];
        let by_symbol = &self.by_symbol;
        for data in info.find(|symbol| by_symbol.contains_key(symbol)) {
            let learned = data.and_then(|data| {
                let index = by_symbol[data.symbol.as_str()];
                Ok((index, instruments::instrument(self.symbols[index].market.wanted.id, &data)?))
            });
            match learned {
                Ok((index, instrument)) => {
                    seen[index] = true;
                    let symbol = &mut self.symbols[index];
                    let scale = instrument.scale;
                    if symbol.market.learn(instrument, out) {
                        symbol.book.restart(scale);
                        symbol.broken(at, StaleReason::Resync, out);
                    }
                }
                Err(error) => self.link.reject(Rejection::new(error.reason, error, body), out),
            }
        }
        for (symbol, _) in self.symbols.iter_mut().zip(&seen).filter(|(_, is_listed)| !**is_listed) {
            symbol.market.publisher.broken(StaleReason::Resync, out);
            if symbol.market.not_listed() {
                let wanted = &symbol.market.wanted;
                let detail = format_args!("binance-us does not list {}", wanted.symbol);
                self.link.reject_of(wanted.id, RejectReason::NotListed, detail, wanted.symbol.as_bytes(), out);
            }
        }
    }

    fn snapshot(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let Message::Snapshot(data) = messages::decode(decode::text(body)?)? else {
            return Err(DecodeError::malformed("no order book in the answer"));
        };
        let symbol = &mut self.symbols[index];
        // The connection broke meanwhile: there is nothing the snapshot could join.
        if !symbol.book.wants_snapshot() {
            return Ok(());
        }
        let is_partial = data.bids.len() >= rest::SNAPSHOT_LIMIT || data.asks.len() >= rest::SNAPSHOT_LIMIT;
        let verdict = symbol.book.snapshot(&data, is_partial)?;
        symbol.market.count_book(verdict, None);
        match verdict {
            Verdict::Rebuilt => symbol.renewed_at = Some(at),
            Verdict::SnapshotTooOld => symbol.snapshot_at = symbol.snapshot.failed(at),
            _ => symbol.settle(None, out),
        }
        Ok(())
    }

    fn candles(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let now = self.link.clock.now(at);
        let market = &mut self.symbols[index].market;
        let Some(instrument) = &market.instrument else { return Ok(()) };
        let candles = rest::candles(body, instrument.scale, now)?;
        market.history(&candles, self.settings.history_minutes, out);
        Ok(())
    }

    fn failed(&mut self, at: Timestamp, ask: Ask, detail: &str, body: &[u8], out: &mut Vec<FeedOutput>) {
        let (what, index) = match ask {
            Ask::Rules | Ask::AllRules => ("instrument rules", None),
            Ask::Snapshot(index) => ("book snapshot", Some(index)),
            Ask::Candles(index) => ("candle history", Some(index)),
        };
        let mut rejection = Rejection::new(RejectReason::RequestFailed, format_args!("{what}: {detail}"), body);
        rejection.instrument = index.map(|index| self.symbols[index].market.wanted.id);
        self.link.reject(rejection, out);
        match ask {
            Ask::Rules | Ask::AllRules => {
                let again_at = self.rules_retry.failed(at);
                self.want_rules(again_at);
            }
            // Asked again by the poll, as long as the book wants one.
            Ask::Snapshot(index) => {
                let symbol = &mut self.symbols[index];
                symbol.snapshot_at = symbol.snapshot.failed(at);
            }
            Ask::Candles(index) => {
                let symbol = &mut self.symbols[index];
                let again_at = symbol.history.failed(at);
                if symbol.history.failures() < HISTORY_TRIES && self.link.is_up() {
                    let (path, weight) = symbol.candles_wanted(at, self.settings.history_minutes);
                    self.requests.want(ask, path, weight, again_at);
                }
            }
        }
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

    fn forget_book(&mut self) {
        let scale = self.market.instrument.as_ref().map_or(WRITTEN, |instrument| instrument.scale);
        self.book.restart(scale);
        self.renewed_at = None;
    }

    /// The book does not hold: stale, and a new snapshot soon or later.
    fn broken(&mut self, at: Timestamp, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        self.market.publisher.broken(reason, out);
        self.renewed_at = None;
        self.snapshot_at = self.snapshot.failed(at);
    }

    fn renew(&mut self, at: Timestamp) {
        self.book.renew();
        self.renewed_at = Some(at);
        self.snapshot_at = at;
    }

    /// Ends a renewal that has caught up. A book that turns out different was wrong: stale, and shown anew at once.
    fn settle(&mut self, venue_at: Option<Timestamp>, out: &mut Vec<FeedOutput>) {
        if let Renewal::Done { agrees } = self.book.settle(self.market.publisher.depth()) {
            self.market.counts.renewals += 1;
            if !agrees {
                self.market.counts.compare_mismatches += 1;
                self.market.publisher.broken(StaleReason::CompareMismatch, out);
                self.market.publisher.held(venue_at);
            }
        }
    }

    /// When the book is to be renewed because of its age.
    fn renewal_at(&self, age_max: Duration) -> Option<Timestamp> {
        self.renewed_at.map(|renewed| renewed.plus(age_max))
    }

    /// When the silence of a stream is to be told.
    fn silence_at(&self, after: Duration) -> Option<Timestamp> {
        let is_open = !self.is_silence_told && self.streams.iter().any(|stream| !stream.was_heard);
        self.subscribed_at.filter(|_| is_open).map(|since| since.plus(after))
    }

    fn has_told_silence(&self) -> bool {
        self.is_silence_told && self.streams.iter().any(|stream| !stream.was_heard)
    }

    /// The newest candles, as many as may be missing, and the running one.
    fn candles_wanted(&self, at: Timestamp, history_minutes: u16) -> rest::Call {
        let all = u64::from(history_minutes) + 1;
        let rows = self.market.missed_minutes(at).map_or(all, |missed| (missed + 2).min(all));
        rest::candles_of(&self.market.wanted.symbol, rows)
    }
}

fn stream_name(symbol: &str, channel: &str) -> String {
    format!("{}@{channel}", symbol.to_ascii_lowercase())
}
