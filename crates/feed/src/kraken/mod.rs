//! Kraken, WebSocket version 2.
//!
//! ```text
//! Connected ─> subscribe instrument ─> snapshot of rules ─> subscribe book, trade, ohlc of all listed symbols
//!                                                        └> request OHLC history of each
//! book:  snapshot ─> proven ─> update ... ─> checksum mismatch ─> stale, unsubscribe + subscribe this symbol
//! ```
//!
//! No answer to a subscription, or nothing heard for five seconds: a new connection is wanted.

mod book;
mod candles;
mod checksum;
mod instruments;
pub(crate) mod messages;
pub(crate) mod rest;
mod subscription;

pub(crate) use book::ProvenBook;
pub(crate) use candles::Candles;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use types::market::{CandleSource, Proof, StaleReason};
use types::{Scale, Timestamp};

use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedInput, FeedOutput, ReconnectReason, RejectReason, Rejection, RequestId};
use crate::session::{Answer, Limits, Link, Market, Outbox, Requests, Retry, earliest, is_due};
use crate::settings::FeedSettings;
use crate::status::FeedStatus;
use messages::{BookData, CandleData, Channel, Kind, Message, Pairs, Refused, Subscribed, TradeData};
use subscription::Subscription;

/// The venue allows about five messages a second (section 2).
const SEND_SPACING: Duration = Duration::from_millis(250);
/// Public REST calls: one a second is safe (section 7).
const REQUEST_LIMITS: Limits =
    Limits { spacing: Duration::from_millis(1_100), weight_per_min: 60, timeout: Duration::from_secs(15) };
/// Symbols in one subscription.
const BATCH: usize = 50;
/// Our numbered subscriptions that may still be answered.
const ASKED_MAX: usize = 64;
/// Times a history request is tried on one connection.
const HISTORY_TRIES: u32 = 5;
/// The rules are not fetched again more often because of checksums.
const RULES_REFETCH: Duration = Duration::from_secs(60);

/// Kraken's feed.
#[derive(Debug)]
pub(crate) struct Session {
    settings: FeedSettings,
    link: Link,
    is_online: bool,
    outbox: Outbox,
    /// What is asked is the history of the instrument with this index.
    requests: Requests<usize>,
    rate_limit: Retry,
    rules: Subscription,
    rules_asked_at: Option<Timestamp>,
    /// Data was subscribed: from then on something is heard every second.
    subscribed_at: Option<Timestamp>,
    pairs: Vec<Pair>,
    by_symbol: BTreeMap<String, usize>,
    next_req_id: u64,
    asked: VecDeque<(u64, Channel)>,
}

/// One wanted instrument.
#[derive(Debug)]
struct Pair {
    market: Market,
    book: ProvenBook,
    book_subscription: Subscription,
    trade_subscription: Subscription,
    ohlc_subscription: Subscription,
    /// The book does not hold and is to be subscribed anew then.
    resync_at: Option<Timestamp>,
    resync: Retry,
    history: Retry,
    candles: Candles,
}

impl Session {
    pub(crate) fn new(settings: FeedSettings) -> Self {
        let no_scale = Scale { price_decimals: 0, qty_decimals: 0 };
        let pair = |wanted: &crate::Wanted| Pair {
            market: Market::new(wanted.clone(), Proof::Checksum, &settings),
            book: ProvenBook::new(settings.book_depth, no_scale),
            book_subscription: Subscription::off(),
            trade_subscription: Subscription::off(),
            ohlc_subscription: Subscription::off(),
            resync_at: None,
            resync: Retry::checksum(),
            history: Retry::refusal(),
            candles: Candles::default(),
        };
        Self {
            pairs: settings.instruments.iter().map(pair).collect(),
            by_symbol: settings.instruments.iter().map(|wanted| wanted.symbol.clone()).zip(0..).collect(),
            link: Link::default(),
            is_online: true,
            outbox: Outbox::new(SEND_SPACING),
            requests: Requests::new(Limits { timeout: settings.request_timeout, ..REQUEST_LIMITS }),
            rate_limit: Retry::refusal(),
            rules: Subscription::off(),
            rules_asked_at: None,
            subscribed_at: None,
            next_req_id: 1,
            asked: VecDeque::new(),
            settings,
        }
    }

    pub(crate) fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        match input {
            FeedInput::Connected => self.connected(at, out),
            FeedInput::Disconnected => self.disconnected(StaleReason::Disconnected, out),
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
            self.disconnected(StaleReason::Disconnected, out);
        }
        self.link.connected(at);
        self.ask_rules(at);
    }

    fn disconnected(&mut self, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        self.link.disconnected();
        self.outbox.clear();
        self.requests.forget_waiting();
        self.asked.clear();
        self.rules.disconnected();
        self.subscribed_at = None;
        for pair in &mut self.pairs {
            pair.market.disconnected(reason, out);
            pair.book.drop_book();
            pair.candles.disconnected();
            pair.resync_at = None;
            for subscription in pair.subscriptions() {
                subscription.disconnected();
            }
        }
    }

    /// What is due by time alone, and what has waited for its turn.
    fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.link.is_up() {
            self.poll_link(at, out);
        }
        let venue_now = self.link.clock.now(at);
        for index in 0..self.pairs.len() {
            let pair = &mut self.pairs[index];
            pair.market.publish(at, pair.book.book(), out);
            if let Some(candle) = pair.candles.close(venue_now, self.settings.candle_grace) {
                pair.market.final_candle(candle, CandleSource::Stream, out);
            }
            if self.link.is_up() {
                self.poll_subscriptions(index, at);
            }
        }
        if let Some(index) = self.requests.take_timed_out(at) {
            self.history_failed(at, index, "no answer in time", &[], true, out);
        }
        if self.link.is_up() {
            self.outbox.poll(at, out);
        }
        self.requests.poll(at, out);
    }

    fn poll_link(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let late = self.subscription_timeout().is_some_and(|timeout| timeout <= at);
        if is_due(self.silent_at(), at) {
            for pair in &mut self.pairs {
                pair.market.publisher.broken(StaleReason::Silent, out);
            }
            self.link.reconnect(ReconnectReason::Silent, out);
        } else if late {
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else if is_due(self.aged_at(), at) {
            self.link.reconnect(ReconnectReason::Age, out);
        } else if is_due(self.link.ping_at(self.settings.keepalive_after), at) {
            self.link.asked(at);
            let req_id = self.req_id();
            self.outbox.push(format!(r#"{{"method":"ping","req_id":{req_id}}}"#));
        }
    }

    fn poll_subscriptions(&mut self, index: usize, at: Timestamp) {
        let pair = &mut self.pairs[index];
        let resync = is_due(pair.resync_at, at);
        if resync {
            pair.resync_at = None;
            self.unsubscribe_book(index);
        }
        let again = |subscription: &Subscription| is_due(subscription.again_at(), at);
        let pair = &self.pairs[index];
        let channels = [
            (Channel::Book, resync || again(&pair.book_subscription)),
            (Channel::Trade, again(&pair.trade_subscription)),
            (Channel::Ohlc, again(&pair.ohlc_subscription)),
        ];
        for (channel, _) in channels.into_iter().filter(|(_, is_due)| *is_due) {
            self.subscribe(at, channel, &[index]);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let mut next = self.requests.deadline();
        if self.link.is_up() {
            next = earliest([
                next,
                self.outbox.deadline(),
                self.silent_at(),
                self.aged_at(),
                self.subscription_timeout(),
                self.link.ping_at(self.settings.keepalive_after),
            ]);
        }
        for pair in &self.pairs {
            let closes_at = pair.candles.closes_at(self.settings.candle_grace);
            next = earliest([
                next,
                pair.market.publisher.deadline(),
                closes_at.map(|venue_at| self.link.clock.when(venue_at)),
            ]);
            if self.link.is_up() {
                let again = pair.subscriptions_ref().map(Subscription::again_at);
                next = earliest([next, pair.resync_at].into_iter().chain(again));
            }
        }
        next
    }

    fn silent_at(&self) -> Option<Timestamp> {
        let since = self.link.heard_at().max(self.subscribed_at);
        self.subscribed_at.and(since).map(|since| since.plus(self.settings.silent_after))
    }

    fn aged_at(&self) -> Option<Timestamp> {
        self.link.connected_at.map(|since| since.plus(self.settings.connection_age_max))
    }

    fn subscription_timeout(&self) -> Option<Timestamp> {
        let timeout = self.settings.subscribe_timeout;
        let pairs = self.pairs.iter().flat_map(Pair::subscriptions_ref);
        earliest(pairs.chain([&self.rules]).map(|subscription| subscription.times_out_at(timeout)))
    }

    pub(crate) fn status(&self) -> FeedStatus {
        FeedStatus {
            venue: self.settings.venue,
            is_connected: self.link.connected_at.is_some(),
            connected_at: self.link.connected_at,
            connections: self.link.connections,
            is_venue_online: self.is_online,
            frames: self.link.frames,
            last_frame_at: self.link.last_frame_at,
            rejected: self.link.rejected,
            venue_ahead_ns: self.link.clock.ahead_ns(),
            requests_blocked_until: self.requests.blocked_until(),
            instruments: self.pairs.iter().map(Pair::status).collect(),
        }
    }
}

/// What is heard.
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
            Message::Heartbeat | Message::Ignored => {}
            Message::Status { is_online } => self.is_online = is_online,
            Message::Pong { venue_at } => {
                if let Some(venue_at) = venue_at {
                    self.link.clock.observe(at, venue_at);
                }
            }
            Message::Instrument { kind, pairs } => self.learn(at, kind, &pairs, bytes, out),
            Message::Book { kind, books } => {
                for data in &books {
                    self.book(at, kind, data, bytes, out)?;
                }
            }
            Message::Trades { trades } => self.trades(at, &trades, out)?,
            Message::Candles { venue_at, rows } => {
                if let Some(venue_at) = venue_at {
                    self.link.clock.observe(at, venue_at);
                }
                for row in &rows {
                    self.candle(at, row, out)?;
                }
            }
            Message::Subscribed(subscribed) => self.subscribed(&subscribed),
            Message::Refused(refused) => self.refused(at, &refused, bytes, out),
            Message::Error { text } => {
                self.link.reject(Rejection::new(RejectReason::VenueError, text, bytes), out);
            }
        }
        Ok(())
    }

    fn find(&self, symbol: &str) -> Result<usize, DecodeError> {
        self.by_symbol
            .get(symbol)
            .copied()
            .ok_or_else(|| DecodeError::new(RejectReason::UnknownSymbol, format_args!("{symbol:?} was not asked for")))
    }

    fn learn(&mut self, at: Timestamp, kind: Kind, pairs: &Pairs<'_>, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let mut seen = vec![false; self.pairs.len()];
        let mut newcomers = Vec::new();
        let by_symbol = &self.by_symbol;
        for pair_data in pairs.find(|symbol| by_symbol.contains_key(symbol)) {
            let learned = pair_data.and_then(|data| {
                let index = self.find(data.symbol.as_str())?;
                let instrument = instruments::instrument(self.pairs[index].market.wanted.id, &data)?;
                Ok((index, instrument))
            });
            match learned {
                Ok((index, instrument)) => {
                    seen[index] = true;
                    let pair = &mut self.pairs[index];
                    let scale = instrument.scale;
                    if pair.market.learn(instrument, out) {
                        pair.book.restart(self.settings.book_depth, scale);
                        pair.market.publisher.broken(StaleReason::Resync, out);
                        // Where the book is subscribed already, its levels have other digits from now on.
                        match self.subscribed_at {
                            Some(_) if pair.book_subscription.is_off() => newcomers.push(index),
                            Some(_) => pair.resync_at = Some(at),
                            None => {}
                        }
                    }
                }
                Err(error) => self.link.reject(Rejection::new(error.reason, error, bytes), out),
            }
        }
        if kind == Kind::Snapshot {
            self.rules.answered();
            self.note_missing(&seen, out);
        }
        if !self.link.is_up() {
            return;
        }
        if self.subscribed_at.is_some() {
            self.subscribe_data(at, &newcomers);
        } else if seen.contains(&true) {
            let listed: Vec<usize> =
                (0..self.pairs.len()).filter(|index| self.pairs[*index].market.instrument.is_some()).collect();
            self.subscribe_data(at, &listed);
            self.subscribed_at = Some(at);
        }
    }

    fn note_missing(&mut self, seen: &[bool], out: &mut Vec<FeedOutput>) {
        for (pair, _) in self.pairs.iter_mut().zip(seen).filter(|(_, is_listed)| !**is_listed) {
            pair.market.publisher.broken(StaleReason::Resync, out);
            if pair.market.not_listed() {
                let symbol = pair.market.wanted.symbol.clone();
                let detail = format_args!("kraken does not list {symbol}");
                self.link.reject_of(pair.market.wanted.id, RejectReason::NotListed, detail, symbol.as_bytes(), out);
            }
        }
    }

    fn book(
        &mut self,
        at: Timestamp,
        kind: Kind,
        data: &BookData<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str())?;
        let pair = &mut self.pairs[index];
        pair.market.last_frame_at = Some(at);
        match kind {
            Kind::Snapshot => pair.book_subscription.answered(),
            Kind::Update => pair.market.counts.deltas += 1,
        }
        let venue_at = data.venue_at();
        if let Some(venue_at) = venue_at {
            self.link.clock.observe(at, venue_at);
        }
        let applied = pair.book.apply(kind, data);
        let counts = &mut pair.market.counts;
        (counts.checksums_checked, counts.checksums_matched) = pair.book.checksums();
        match applied {
            Ok(verdict) => {
                pair.market.count_book(verdict, venue_at);
                match verdict {
                    Verdict::Crossed => pair.market.publisher.broken(StaleReason::Crossed, out),
                    Verdict::Broken(reason) => self.resync(index, at, reason, out),
                    _ => {}
                }
            }
            Err(error) => {
                let id = pair.market.wanted.id;
                self.link.reject_of(id, error.reason(), error, bytes, out);
                self.resync(index, at, StaleReason::Malformed, out);
            }
        }
        Ok(())
    }

    /// The book of one symbol does not hold: stale, and subscribed anew, soon or later.
    fn resync(&mut self, index: usize, at: Timestamp, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        let pair = &mut self.pairs[index];
        pair.market.publisher.broken(reason, out);
        pair.resync_at = Some(pair.resync.failed(at));
        // Section 10.2: changed precisions make all checksums fail.
        let is_suspicious = pair.resync.failures() >= 2;
        if is_suspicious && self.rules_asked_at.is_none_or(|asked| at.since(asked) >= RULES_REFETCH) {
            let req_id = self.req_id();
            let unsubscribe = r#"{"method":"unsubscribe","params":{"channel":"instrument"},"req_id":"#;
            self.outbox.push(format!("{unsubscribe}{req_id}}}"));
            self.ask_rules(at);
        }
    }

    fn trades(
        &mut self,
        at: Timestamp,
        trades: &[TradeData<'_>],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        // A snapshot's order is not promised, and the gate lets only rising numbers pass.
        let mut order: Vec<&TradeData<'_>> = trades.iter().collect();
        order.sort_by_key(|trade| trade.trade_id);
        for data in order {
            let index = self.find(data.symbol.as_str())?;
            let pair = &mut self.pairs[index];
            pair.market.last_frame_at = Some(at);
            pair.trade_subscription.answered();
            let Some(instrument) = &pair.market.instrument else { continue };
            let trade = data.trade(instrument.id, instrument.scale)?;
            self.link.clock.observe(at, trade.venue_at);
            pair.market.trade(data.trade_id, trade, out);
        }
        Ok(())
    }

    fn candle(&mut self, at: Timestamp, data: &CandleData<'_>, out: &mut Vec<FeedOutput>) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str())?;
        let pair = &mut self.pairs[index];
        pair.market.last_frame_at = Some(at);
        pair.ohlc_subscription.answered();
        let Some(instrument) = pair.market.instrument.as_ref().filter(|_| data.interval == 1) else { return Ok(()) };
        let candle = data.candle(instrument.scale)?;
        pair.market.counts.candles += 1;
        if let Some(closed) = pair.candles.row(candle) {
            pair.market.final_candle(closed, CandleSource::Stream, out);
        }
        Ok(())
    }

    fn subscribed(&mut self, subscribed: &Subscribed<'_>) {
        let Some(symbol) = &subscribed.symbol else { return };
        let Ok(index) = self.find(symbol.as_str()) else { return };
        let pair = &mut self.pairs[index];
        // The book is answered by its snapshot and the rules by theirs: without one, the time runs out.
        match subscribed.channel {
            Some(Channel::Trade) => pair.trade_subscription.answered(),
            Some(Channel::Ohlc) => pair.ohlc_subscription.answered(),
            Some(Channel::Book | Channel::Instrument) | None => {}
        }
    }

    fn refused(&mut self, at: Timestamp, refused: &Refused<'_>, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let channel = self.asked.iter().find(|(id, _)| Some(*id) == refused.req_id).map(|(_, channel)| *channel);
        if refused.stands_already() {
            let symbol = refused.symbol.clone();
            self.subscribed(&Subscribed { channel, symbol, depth: None });
            return;
        }
        let index = refused.symbol.as_ref().and_then(|symbol| self.find(symbol.as_str()).ok());
        let mut rejection = Rejection::new(RejectReason::SubscribeRefused, &refused.text, bytes);
        rejection.instrument = index.map(|index| self.pairs[index].market.wanted.id);
        self.link.reject(rejection, out);
        // Without a symbol, the whole request was refused; without a number, whatever was asked for the symbol.
        for (number, pair) in self.pairs.iter_mut().enumerate() {
            if index.is_some_and(|index| index != number) {
                continue;
            }
            for (of, subscription) in [
                (Channel::Book, &mut pair.book_subscription),
                (Channel::Trade, &mut pair.trade_subscription),
                (Channel::Ohlc, &mut pair.ohlc_subscription),
            ] {
                let is_meant = channel.map_or(index.is_some(), |channel| channel == of);
                if is_meant && subscription.is_asked() {
                    subscription.refused(at);
                }
            }
        }
    }
}

/// What is asked for.
impl Session {
    fn req_id(&mut self) -> u64 {
        let id = self.next_req_id;
        self.next_req_id += 1;
        id
    }

    fn ask_rules(&mut self, at: Timestamp) {
        let req_id = self.req_id();
        self.remember(req_id, Channel::Instrument);
        let params = r#"{"channel":"instrument","snapshot":true}"#;
        self.outbox.push(format!(r#"{{"method":"subscribe","params":{params},"req_id":{req_id}}}"#));
        self.rules.asked(at);
        self.rules_asked_at = Some(at);
    }

    fn remember(&mut self, req_id: u64, channel: Channel) {
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((req_id, channel));
    }

    fn subscribe_data(&mut self, at: Timestamp, indexes: &[usize]) {
        for channel in [Channel::Book, Channel::Trade, Channel::Ohlc] {
            for batch in indexes.chunks(BATCH) {
                self.subscribe(at, channel, batch);
            }
        }
        for index in indexes {
            self.pairs[*index].history.reset();
            self.want_history(*index, at);
        }
    }

    fn subscribe(&mut self, at: Timestamp, channel: Channel, indexes: &[usize]) {
        let req_id = self.req_id();
        self.remember(req_id, channel);
        let symbols: Vec<String> =
            indexes.iter().map(|index| format!("\"{}\"", self.pairs[*index].market.wanted.symbol)).collect();
        let symbols = symbols.join(",");
        let parameters = match channel {
            Channel::Book => format!(r#""depth":{},"snapshot":true"#, self.settings.book_depth),
            // After a break the fifty newest trades fill what was missed; at the first start they would be history
            // without a beginning.
            Channel::Trade => format!(r#""snapshot":{}"#, self.link.connections > 1),
            Channel::Ohlc => r#""interval":1,"snapshot":true"#.to_owned(),
            Channel::Instrument => r#""snapshot":true"#.to_owned(),
        };
        let name = channel.name();
        self.outbox.push(format!(
            r#"{{"method":"subscribe","params":{{"channel":"{name}","symbol":[{symbols}],{parameters}}},"req_id":{req_id}}}"#
        ));
        for index in indexes {
            let pair = &mut self.pairs[*index];
            match channel {
                Channel::Book => pair.book_subscription.asked(at),
                Channel::Trade => pair.trade_subscription.asked(at),
                Channel::Ohlc => pair.ohlc_subscription.asked(at),
                Channel::Instrument => {}
            }
        }
    }

    fn unsubscribe_book(&mut self, index: usize) {
        let req_id = self.req_id();
        let symbol = &self.pairs[index].market.wanted.symbol;
        let depth = self.settings.book_depth;
        self.outbox.push(format!(
            r#"{{"method":"unsubscribe","params":{{"channel":"book","symbol":["{symbol}"],"depth":{depth}}},"req_id":{req_id}}}"#
        ));
    }

    fn want_history(&mut self, index: usize, not_before: Timestamp) {
        if self.settings.history_minutes > 0 {
            let path = rest::candles_path(&self.pairs[index].market.wanted.symbol);
            self.requests.want(index, path, 1, not_before);
        }
    }

    fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(index) = self.requests.take(request) else { return };
        match answer {
            Answer::Failed => self.history_failed(at, index, "no answer", &[], true, out),
            Answer::Response { status, retry_after_s, body } => {
                if let Some(seconds) = retry_after_s {
                    self.requests.block_until(at.plus(Duration::from_secs(u64::from(seconds))));
                }
                if status == 200 {
                    self.history(at, index, body, out);
                } else {
                    self.history_failed(at, index, format_args!("HTTP status {status}"), body, true, out);
                }
            }
        }
    }

    fn history(&mut self, at: Timestamp, index: usize, body: &[u8], out: &mut Vec<FeedOutput>) {
        let market = &mut self.pairs[index].market;
        let Some(instrument) = &market.instrument else { return };
        match rest::candles(body, instrument.scale) {
            Ok(candles) => {
                self.rate_limit.reset();
                market.history(&candles, self.settings.history_minutes, out);
            }
            Err(error) => {
                if error.is_rate_limit() {
                    self.requests.block_until(self.rate_limit.failed(at));
                }
                let is_retryable = error.is_retryable();
                self.history_failed(at, index, error, body, is_retryable, out);
            }
        }
    }

    fn history_failed(
        &mut self,
        at: Timestamp,
        index: usize,
        detail: impl std::fmt::Display,
        body: &[u8],
        is_retryable: bool,
        out: &mut Vec<FeedOutput>,
    ) {
        let pair = &mut self.pairs[index];
        let id = pair.market.wanted.id;
        self.link.reject_of(id, RejectReason::RequestFailed, format_args!("candle history: {detail}"), body, out);
        let again_at = pair.history.failed(at);
        if is_retryable && pair.history.failures() < HISTORY_TRIES && self.link.is_up() {
            self.want_history(index, again_at);
        }
    }
}

impl Pair {
    fn subscriptions(&mut self) -> [&mut Subscription; 3] {
        [&mut self.book_subscription, &mut self.trade_subscription, &mut self.ohlc_subscription]
    }

    fn subscriptions_ref(&self) -> [&Subscription; 3] {
        [&self.book_subscription, &self.trade_subscription, &self.ohlc_subscription]
    }

    fn status(&self) -> crate::InstrumentStatus {
        self.market.status()
    }
}
