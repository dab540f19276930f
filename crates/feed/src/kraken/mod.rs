//! Kraken, WebSocket version 2.
//!
//! ```text
//! Connected ─> subscribe instrument ─> snapshot of rules ─> subscribe book, trade, ohlc of all listed symbols
//!                                                        └> request OHLC history of each
//! book:  snapshot ─> proven ─> update ... ─> checksum mismatch ─> stale, unsubscribe + subscribe this symbol
//! ```
//!
//! No answer to a subscription, or nothing heard for five seconds: a new connection is wanted.

mod asked;
mod book;
mod candles;
mod checksum;
mod heard;
mod instruments;
pub(crate) mod messages;
mod quick;
pub(crate) mod rest;

pub(crate) use book::ProvenBook;
pub(crate) use candles::Candles;

use std::collections::VecDeque;
use std::time::Duration;

use types::market::{CandleSource, Proof, StaleReason};
use types::{Scale, Timestamp};

use crate::io::{FeedOutput, LinkId, ReconnectReason, RejectReason, Target};
use crate::level::Levels;
use crate::session::{
    Link, Market, Outbox, Requests, Retry, Subscription, VenueSession, common_methods, earliest, is_due,
};
use crate::settings::FeedSettings;
use crate::symbols::Symbols;
use crate::times::Times;
use messages::Channel;

/// The venue allows about five messages a second (section 2).
const SEND_SPACING: Duration = Duration::from_millis(250);
/// Symbols in one subscription.
const BATCH: usize = 50;
/// Our numbered subscriptions that may still be answered.
const ASKED_MAX: usize = 64;
/// The rules are not fetched again more often because of checksums.
const RULES_REFETCH: Duration = Duration::from_secs(60);

/// Kraken's feed.
#[derive(Debug)]
pub(crate) struct Session {
    settings: FeedSettings,
    link: Link,
    is_online: bool,
    outbox: Outbox,
    requests: Requests<Ask>,
    rules: Subscription,
    rules_asked_at: Option<Timestamp>,
    /// Data was subscribed: from then on something is heard every second.
    subscribed_at: Option<Timestamp>,
    pairs: Vec<Pair>,
    by_symbol: Symbols,
    times: Times,
    /// Of the message that is read.
    levels: Levels,
    next_req_id: u64,
    asked: VecDeque<(u64, Channel)>,
}

/// What a request asks for, of the instrument with this index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Minutes of the past.
    History(usize),
    /// Trades that were missed.
    Trades(usize),
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
    pub(crate) fn new(settings: FeedSettings, link: LinkId) -> Self {
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
            by_symbol: Symbols::new(settings.instruments.iter().map(|wanted| wanted.symbol.as_str())),
            times: Times::new(),
            levels: Levels::default(),
            link: Link::new(link),
            is_online: true,
            outbox: Outbox::new(link, SEND_SPACING),
            requests: Requests::new(),
            rules: Subscription::off(),
            rules_asked_at: None,
            subscribed_at: None,
            next_req_id: 1,
            asked: VecDeque::new(),
            settings,
        }
    }

    fn connected(&mut self, at: Timestamp) {
        self.ask_rules(at);
    }

    fn disconnected(&mut self, _at: Timestamp, _out: &mut Vec<FeedOutput>) {
        self.asked.clear();
        self.rules.disconnected();
        self.subscribed_at = None;
        for pair in &mut self.pairs {
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
        let told_to = self.link.clock.told_to(at);
        for index in 0..self.pairs.len() {
            let pair = &mut self.pairs[index];
            pair.market.publish(at, pair.book.book(), out);
            if let Some(candle) = pair.candles.close(told_to, self.settings.candle_grace) {
                pair.market.count_minute(at, &candle);
                pair.market.final_candle(candle, CandleSource::Stream, out);
            }
            if self.link.is_up() {
                if is_due(self.pairs[index].book_silent_at(), at) {
                    self.resync(index, at, StaleReason::Silent, out);
                }
                self.poll_subscriptions(index, at, out);
                if self.pairs[index].market.wants_history(at) {
                    self.want_history(index, at);
                }
                self.want_missed_trades(index, at);
            }
        }
        if self.link.is_up() {
            self.outbox.poll(at, out);
        }
        self.requests.poll(at, out);
    }

    fn poll_link(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if is_due(self.silent_at(), at) {
            for pair in &mut self.pairs {
                pair.market.broken(StaleReason::Silent, out);
            }
            self.link.reconnect(ReconnectReason::Silent, out);
        } else if is_due(self.unanswered_at(), at) {
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else if is_due(self.link.ping_at(self.settings.keepalive_after), at) {
            self.link.asked(at);
            let req_id = self.req_id();
            self.outbox.push(format!(r#"{{"method":"ping","req_id":{req_id}}}"#));
            // The venue may talk on without hearing us: a ping that is not answered tells.
            out.push(FeedOutput::Ping(self.link.id));
        }
    }

    fn poll_subscriptions(&mut self, index: usize, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if is_due(self.pairs[index].resync_at, at) {
            self.pairs[index].resync_at = None;
            self.resubscribe(at, Channel::Book, index);
        }
        if self.pairs[index].market.has_dead_trades(at) {
            self.resubscribe(at, Channel::Trade, index);
        }
        for channel in [Channel::Book, Channel::Trade, Channel::Ohlc] {
            let (timeout, is_online) = (self.settings.subscribe_timeout, self.is_online);
            let subscription = self.pairs[index].subscription(channel);
            if is_online && is_due(subscription.times_out_at(timeout), at) {
                subscription.unanswered(at);
                let again_at = subscription.again_at();
                let pair = &mut self.pairs[index];
                // A book that stands already brings no snapshot.
                if channel == Channel::Book {
                    pair.resync_at = again_at;
                }
                let id = pair.market.wanted.id;
                let detail = "subscribed, but not answered";
                self.link.reject_of(id, RejectReason::SilentSubscription, detail, channel.name().as_bytes(), out);
            } else if is_due(subscription.again_at(), at) {
                self.subscribe(at, channel, &[index]);
            }
        }
    }

    fn silent_at(&self) -> Option<Timestamp> {
        let since = self.link.heard_at().max(self.subscribed_at);
        self.subscribed_at.and(since).map(|since| since.plus(self.settings.silent_after))
    }

    /// When the connection is of no use, because the rules or all of the subscriptions are not answered.
    fn unanswered_at(&self) -> Option<Timestamp> {
        let timeout = self.settings.subscribe_timeout;
        let mut pairs = self.pairs.iter().flat_map(Pair::subscriptions_ref);
        let is_deaf = !pairs.clone().any(Subscription::is_live);
        let first = pairs.find_map(|subscription| subscription.times_out_at(timeout)).filter(|_| is_deaf);
        earliest([self.rules.times_out_at(timeout), first]).filter(|_| self.is_online)
    }

    /// When one channel of one instrument is given up for some time.
    fn subscription_timeout(&self) -> Option<Timestamp> {
        let timeout = self.settings.subscribe_timeout;
        let pairs = self.pairs.iter().flat_map(Pair::subscriptions_ref);
        earliest(pairs.map(|subscription| subscription.times_out_at(timeout))).filter(|_| self.is_online)
    }
}

impl VenueSession for Session {
    common_methods!(pairs);

    fn connect(&mut self, _at: Timestamp, out: &mut Vec<FeedOutput>) {
        out.push(FeedOutput::Connect(self.link.id, Target::on_base("/v2")));
    }

    fn deadline(&self) -> Option<Timestamp> {
        let mut next = self.requests.deadline();
        if self.link.is_up() {
            next = earliest([
                next,
                self.outbox.deadline(),
                self.silent_at(),
                self.unanswered_at(),
                self.subscription_timeout(),
                self.link.ping_at(self.settings.keepalive_after),
            ]);
        }
        for pair in &self.pairs {
            let closes_at = pair.candles.closes_at(self.settings.candle_grace);
            next = earliest([
                next,
                pair.market.publisher.deadline(),
                closes_at.map(|venue_at| self.link.clock.told_by(venue_at)),
            ]);
            if self.link.is_up() {
                let again = pair.subscriptions_ref().map(Subscription::again_at);
                let repair = pair.market.repair_at().filter(|_| pair.trade_subscription.is_live());
                let market = &pair.market;
                let own = [next, pair.resync_at, repair, pair.book_silent_at(), market.count_at(), market.history_at()];
                next = earliest(own.into_iter().chain(again));
            }
        }
        next
    }

    fn is_settled(&self) -> bool {
        let is_open = |subscription: &Subscription| subscription.is_off() || subscription.is_asked();
        let mut listed = self.pairs.iter().filter(|pair| pair.market.instrument.is_some());
        self.subscribed_at.is_some() && !listed.any(|pair| pair.subscriptions_ref().into_iter().any(is_open))
    }

    fn is_venue_online(&self) -> bool {
        self.is_online
    }
}

impl Pair {
    /// When the book is subscribed anew because nothing is heard of it: only a snapshot proves a quiet one.
    fn book_silent_at(&self) -> Option<Timestamp> {
        earliest([self.market.book_dead_at(), self.market.book_doubtful_at()])
    }

    fn subscription(&mut self, channel: Channel) -> &mut Subscription {
        match channel {
            Channel::Trade => &mut self.trade_subscription,
            Channel::Ohlc => &mut self.ohlc_subscription,
            Channel::Book | Channel::Instrument => &mut self.book_subscription,
        }
    }

    fn subscriptions(&mut self) -> [&mut Subscription; 3] {
        [&mut self.book_subscription, &mut self.trade_subscription, &mut self.ohlc_subscription]
    }

    fn subscriptions_ref(&self) -> [&Subscription; 3] {
        [&self.book_subscription, &self.trade_subscription, &self.ohlc_subscription]
    }
}
