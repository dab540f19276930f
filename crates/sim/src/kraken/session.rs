//! One WebSocket v2 connection.
//!
//! Heartbeats are sent a second after the last frame, once something is subscribed. A connection without a subscription on
//! which the client is silent for a minute is closed. Too many requests are not served.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use types::{Level, Timestamp, Venue};

use super::book;
use super::messages::{self, Served};
use super::request::{Channel, Method, Request, Subscription, Trigger};
use crate::frame::ConnectionId;
use crate::limits::{Breaches, Bucket};
use crate::market::listing::{Listing, Step};
use crate::market::tape::Minute;
use crate::outbox::Outbox;
use crate::server::Now;
use crate::view::{Leaving, View};

/// Silence of the server that ends with a heartbeat.
const HEARTBEAT_AFTER: Duration = Duration::from_secs(1);
/// Requests that are served at once, and a second. The real limit changes with the load and is not published.
const REQUESTS: (u32, u32) = (30, 5);
/// Longest silence of a client that has subscribed nothing.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Trades in the snapshot of the trade channel.
const TRADES_IN_SNAPSHOT: usize = 50;
/// Closed minutes that the snapshot of the candle channel looks back, as in a recorded one.
const MINUTES_IN_SNAPSHOT: usize = 12;

/// One connection and what it has subscribed, by index of the listing.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) outbox: Outbox,
    books: BTreeMap<usize, (Channel, View)>,
    trades: BTreeSet<usize>,
    candles: BTreeSet<usize>,
    tickers: BTreeMap<usize, Ticker>,
    has_instruments: bool,
    requests: Bucket,
    heard_at: Timestamp,
}

#[derive(Debug)]
struct Ticker {
    trigger: Trigger,
    touch: (Level, Level),
}

impl Session {
    pub(super) fn open(at: Timestamp, connection: u64) -> Self {
        let mut outbox = Outbox::new(at);
        outbox.text(at, messages::status(connection));
        Self {
            outbox,
            books: BTreeMap::new(),
            trades: BTreeSet::new(),
            candles: BTreeSet::new(),
            tickers: BTreeMap::new(),
            has_instruments: false,
            requests: Bucket::new(at, REQUESTS.0, REQUESTS.1),
            heard_at: at,
        }
    }

    pub(super) fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str, breaches: &mut Breaches) {
        self.heard_at = now.at;
        if !self.requests.take(now.at) {
            breaches.add(id, "more requests than 5 a second");
            self.outbox.text(now.at, messages::TOO_MANY.to_owned());
            return;
        }
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(unreadable) => {
                let served = Served { at: now.at, req_id: unreadable.req_id.as_ref() };
                let answer = messages::refusal(&unreadable.method, unreadable.error, None, served);
                self.outbox.text(now.at, answer);
                return;
            }
        };
        let served = Served { at: now.at, req_id: request.req_id.as_ref() };
        match &request.method {
            Method::Ping => self.outbox.text(now.at, messages::pong(served)),
            Method::Subscribe(wanted) if wanted.channel == Channel::Instrument => {
                self.subscribe_instruments(now, wanted, served);
            }
            Method::Unsubscribe(wanted) if wanted.channel == Channel::Instrument => {
                let was_subscribed = std::mem::take(&mut self.has_instruments);
                self.answer_unsubscribe(was_subscribed, wanted.channel, None, served);
            }
            Method::Subscribe(wanted) => {
                wanted.symbols.iter().for_each(|symbol| self.subscribe(now, wanted, symbol, served));
            }
            Method::Unsubscribe(wanted) => {
                for symbol in &wanted.symbols {
                    let index = now.market.find(Venue::Kraken, symbol);
                    let was_subscribed = index.is_some_and(|index| self.remove(index, wanted.channel));
                    self.answer_unsubscribe(was_subscribed, wanted.channel, Some(symbol), served);
                }
            }
        }
    }

    fn subscribe_instruments(&mut self, now: Now<'_>, wanted: &Subscription, served: Served<'_>) {
        self.has_instruments = true;
        let result = wanted.channel.result("", Some(wanted.snapshot));
        self.outbox.text(now.at, messages::ack("subscribe", &result, served));
        if wanted.snapshot {
            let listings = now.market.listings.iter().filter(|l| l.settings.venue == Venue::Kraken);
            self.outbox.text(now.at, messages::instruments(listings));
        }
    }

    /// One answer for each symbol: a bad one does not hurt its neighbours.
    fn subscribe(&mut self, now: Now<'_>, wanted: &Subscription, symbol: &str, served: Served<'_>) {
        let Some(index) = now.market.find(Venue::Kraken, symbol) else {
            let error = format!("Currency pair not supported {symbol}");
            self.outbox.text(now.at, messages::refusal("subscribe", &error, Some(symbol), served));
            return;
        };
        let listing = &now.market.listings[index];
        let is_new = match wanted.channel {
            Channel::Book { depth } => {
                !self.books.contains_key(&index)
                    && self
                        .books
                        .insert(index, (wanted.channel, View::new(&listing.book, depth, Leaving::Silent)))
                        .is_none()
            }
            Channel::Trade => self.trades.insert(index),
            Channel::Ohlc => self.candles.insert(index),
            Channel::Ticker(trigger) => {
                !self.tickers.contains_key(&index)
                    && self.tickers.insert(index, Ticker { trigger, touch: listing.touch() }).is_none()
            }
            Channel::Instrument => false,
        };
        if !is_new {
            self.outbox.text(now.at, messages::refusal("subscribe", "Already subscribed", Some(symbol), served));
            return;
        }
        let result = wanted.channel.result(symbol, Some(wanted.snapshot));
        self.outbox.text(now.at, messages::ack("subscribe", &result, served));
        if wanted.snapshot {
            self.send_snapshot(now, index, listing, wanted.channel);
        }
    }

    fn send_snapshot(&mut self, now: Now<'_>, index: usize, listing: &Listing, channel: Channel) {
        let text = match channel {
            Channel::Book { .. } => self.books.get(&index).map(|(_, view)| messages::book_snapshot(listing, view)),
            Channel::Trade => {
                let fills = listing.tape.fills();
                let last = fills.range(fills.len().saturating_sub(TRADES_IN_SNAPSHOT)..);
                Some(messages::trades(listing, "snapshot", last))
            }
            Channel::Ohlc => {
                let mut minutes: Vec<&Minute> = listing.tape.minutes().rev().take(MINUTES_IN_SNAPSHOT + 1).collect();
                minutes.reverse();
                minutes.retain(|minute| minute.candle.trades > 0);
                Some(messages::candles(listing, "snapshot", minutes.into_iter(), now.at))
            }
            Channel::Ticker(_) => Some(messages::ticker(listing, "snapshot")),
            Channel::Instrument => None,
        };
        if let Some(text) = text {
            self.outbox.text(now.at, text);
        }
    }

    fn remove(&mut self, index: usize, channel: Channel) -> bool {
        match channel {
            Channel::Book { .. } => {
                let is_same = self.books.get(&index).is_some_and(|(subscribed, _)| *subscribed == channel);
                is_same && self.books.remove(&index).is_some()
            }
            Channel::Trade => self.trades.remove(&index),
            Channel::Ohlc => self.candles.remove(&index),
            Channel::Ticker(_) => self.tickers.remove(&index).is_some(),
            Channel::Instrument => false,
        }
    }

    fn answer_unsubscribe(&mut self, was_subscribed: bool, channel: Channel, symbol: Option<&str>, served: Served<'_>) {
        let answer = if was_subscribed {
            messages::ack("unsubscribe", &channel.result(symbol.unwrap_or_default(), None), served)
        } else {
            messages::refusal("unsubscribe", "Subscription Not Found", symbol, served)
        };
        self.outbox.text(served.at, answer);
    }

    /// Tells what happened at a listing to a client that wants to hear it.
    pub(super) fn on_step(&mut self, now: Now<'_>, index: usize, step: &Step) {
        let listing = &now.market.listings[index];
        if let Some((_, view)) = self.books.get_mut(&index)
            && let Some(delta) = view.update(&listing.book, &step.changes)
        {
            let checksum = book::checksum(view);
            self.outbox.text(now.at, messages::book_update(listing, &delta, checksum, step.at));
        }
        let has_traded = !step.fills.is_empty();
        if has_traded && self.trades.contains(&index) {
            self.outbox.text(now.at, messages::trades(listing, "update", step.fills.iter()));
        }
        if has_traded && self.candles.contains(&index) {
            let minute = std::iter::once(listing.tape.running());
            self.outbox.text(now.at, messages::candles(listing, "update", minute, step.at));
        }
        if let Some(ticker) = self.tickers.get_mut(&index) {
            let touch = listing.touch();
            let has_moved = ticker.trigger == Trigger::Bbo && touch != ticker.touch;
            if has_moved || (has_traded && ticker.trigger == Trigger::Trades) {
                self.outbox.text(now.at, messages::ticker(listing, "update"));
            }
            ticker.touch = touch;
        }
    }

    fn is_subscribed(&self) -> bool {
        self.has_instruments
            || !(self.books.is_empty() && self.trades.is_empty() && self.candles.is_empty() && self.tickers.is_empty())
    }

    /// When the next heartbeat is due, or the end of an idle connection.
    pub(super) fn next_timer(&self) -> Timestamp {
        if self.outbox.is_closed() {
            Timestamp::MAX
        } else if self.is_subscribed() {
            self.outbox.last_sent.plus(HEARTBEAT_AFTER)
        } else {
            self.heard_at.plus(IDLE_MAX)
        }
    }

    pub(super) fn on_timer(&mut self, at: Timestamp) {
        if self.next_timer() > at {
            return;
        }
        if self.is_subscribed() {
            self.outbox.text(at, messages::HEARTBEAT.to_owned());
        } else {
            self.outbox.close(1000, "idle");
        }
    }
}
