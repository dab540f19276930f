//! Coinbase Exchange: the public WebSocket feed and REST interface.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the venue's side of all connections, and when channels speak |
//! | [`session`] | one connection: subscriptions, the five-second rule |
//! | [`request`] | what clients send on WebSocket, names of channels |
//! | [`messages`] | the text of what they get |
//! | [`rest`] | HTTP answers |

mod messages;
mod request;
mod rest;
mod session;

use std::collections::BTreeMap;

use types::time::{NS_PER_MS, NS_PER_S};
use types::{Timestamp, Venue};

use self::request::Channel;
use self::session::Session;
use crate::batch::Batch;
use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::limits::{Breaches, Bucket};
use crate::market::listing::Step;
use crate::request::Request;
use crate::server::{Now, VenueServer, next_on_grid};
use crate::settings::SimSettings;

/// The grid on which book changes are gathered.
const BATCH_NS: i64 = 50 * NS_PER_MS;
/// Seconds between two batched tickers, and between two pictures of all products. The latter is not documented.
const TICKER_BATCH_S: i64 = 5;
const STATUS_S: i64 = 5;
/// REST requests: so many at once, then so many a second.
const REST: (u32, u32) = (15, 10);
/// Connections and subscriptions together, likewise.
const CONTROL: (u32, u32) = (20, 8);
/// Subscriptions of one product and channel, over all connections.
const SUBSCRIPTIONS_MAX: usize = 10;

/// All of Coinbase Exchange.
#[derive(Debug)]
pub(crate) struct Server {
    sessions: BTreeMap<ConnectionId, Session>,
    products: BTreeMap<usize, Product>,
    next_tick: Timestamp,
    rest: Bucket,
    control: Bucket,
    breaches: Breaches,
}

/// What has been said about one product so far. All connections hear the same.
#[derive(Debug)]
struct Product {
    batch: Batch,
    has_traded: bool,
}

impl Server {
    pub(crate) fn new(settings: &SimSettings) -> Self {
        Self {
            sessions: BTreeMap::new(),
            products: BTreeMap::new(),
            next_tick: Timestamp::MAX,
            rest: Bucket::new(settings.start, REST.0, REST.1),
            control: Bucket::new(settings.start, CONTROL.0, CONTROL.1),
            breaches: Breaches::default(),
        }
    }

    /// Sends what `make` makes to every connection that has subscribed this.
    fn publish(&mut self, at: Timestamp, channel: Channel, product: usize, make: impl FnOnce() -> String) {
        let has = |session: &&mut Session| session.has(channel, product);
        let mut sessions = self.sessions.values_mut().filter(has).peekable();
        if sessions.peek().is_some() {
            let text = make();
            sessions.for_each(|session| session.outbox.text(at, text.clone()));
        }
    }

    /// Book changes whenever there are some, the rest on whole seconds.
    fn tick(&mut self, now: Now<'_>) {
        let second = (now.at.as_nanos() % NS_PER_S == 0).then(|| now.at.as_secs());
        let is_every = |seconds| second.is_some_and(|second| second % seconds == 0);
        let mut products = std::mem::take(&mut self.products);
        for (&index, product) in &mut products {
            let listing = &now.market.listings[index];
            if let Some(event) = product.batch.take(listing, listing.update_id) {
                self.publish(now.at, Channel::Level2Batch, index, || messages::l2update(listing, &event));
            }
            if is_every(1) {
                self.publish(now.at, Channel::Heartbeat, index, || messages::heartbeat(listing, now.at));
            }
            if is_every(TICKER_BATCH_S) && std::mem::take(&mut product.has_traded) {
                self.publish(now.at, Channel::TickerBatch, index, || messages::ticker(listing));
            }
        }
        self.products = products;
        if is_every(STATUS_S) {
            let listeners = self.sessions.values_mut().filter(|session| session.has_status());
            listeners.for_each(|session| session.outbox.text(now.at, messages::status(now)));
        }
        self.next_tick = next_on_grid(now.at, NS_PER_S);
    }

    fn is_full(&self, channel: Channel, product: usize) -> bool {
        self.sessions.values().filter(|session| session.has(channel, product)).count() >= SUBSCRIPTIONS_MAX
    }
}

impl VenueServer for Server {
    fn connect(&mut self, now: Now<'_>, id: ConnectionId, _request: &Request) -> Result<(), Refused> {
        if !self.control.take(now.at) {
            self.breaches.add(None, "more than 8 connections and requests in a second");
            return Err(Refused { status: 429, reason: "Too Many Requests".to_owned() });
        }
        if self.sessions.is_empty() {
            // Nobody has listened: gathering begins here.
            let listings = now.market.of_venue(Venue::Coinbase);
            let product = |update_id| Product { batch: Batch::new(update_id), has_traded: false };
            self.products = listings.map(|(index, listing)| (index, product(listing.update_id))).collect();
            self.next_tick = next_on_grid(now.at, NS_PER_S);
        }
        self.sessions.insert(id, Session::open(now.at));
        Ok(())
    }

    fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str) {
        // Taken out, because the other connections' subscriptions matter, too.
        if let Some(mut session) = self.sessions.remove(&id) {
            if let Some(request) = session.read(now, id, text, &mut self.breaches) {
                if !self.control.take(now.at) {
                    self.breaches.add(id, "more than 8 connections and requests in a second");
                    session.outbox.text(now.at, messages::error("Rate limit exceeded", None));
                } else if let Err(refusal) = session.obey(now, request, |channel, index| self.is_full(channel, index)) {
                    if refusal.is_limit {
                        self.breaches.add(id, refusal.reason.as_str());
                    }
                    session.outbox.text(now.at, messages::error("Failed to subscribe", Some(&refusal.reason)));
                }
            }
            self.sessions.insert(id, session);
        }
    }

    fn pong(&mut self, _now: Now<'_>, _id: ConnectionId) {}

    fn disconnect(&mut self, id: ConnectionId) {
        self.sessions.remove(&id);
        if self.sessions.is_empty() {
            self.products.clear();
            self.next_tick = Timestamp::MAX;
        }
    }

    fn poll(&mut self, id: ConnectionId, out: &mut Vec<ServerFrame>) -> bool {
        self.sessions.get_mut(&id).is_some_and(|session| session.outbox.poll(out))
    }

    fn http(&mut self, now: Now<'_>, request: &Request) -> HttpAnswer {
        if self.rest.take(now.at) {
            rest::answer(now, request)
        } else {
            self.breaches.add(None, "more than 10 REST requests in a second");
            HttpAnswer::json(429, r#"{"message":"Public rate limit exceeded"}"#.to_owned())
        }
    }

    fn on_step(&mut self, now: Now<'_>, index: usize, step: &Step) {
        let Some(product) = self.products.get_mut(&index) else { return };
        let listing = &now.market.listings[index];
        if !step.changes.is_empty() {
            product.batch.add(&step.changes);
            self.next_tick = self.next_tick.min(next_on_grid(now.at, BATCH_NS));
        }
        product.has_traded |= !step.fills.is_empty();
        for fill in &step.fills {
            self.publish(now.at, Channel::Matches, index, || messages::matched(listing, "match", fill));
        }
        if !step.fills.is_empty() {
            self.publish(now.at, Channel::Ticker, index, || messages::ticker(listing));
        }
    }

    /// Coinbase has no candle channel.
    fn on_minute(&mut self, _now: Now<'_>) {}

    fn next_timer(&self) -> Timestamp {
        self.sessions.values().map(|session| session.subscribe_by).fold(self.next_tick, Timestamp::min)
    }

    fn on_timer(&mut self, now: Now<'_>) {
        if self.next_tick <= now.at {
            self.tick(now);
        }
        for (&id, session) in &mut self.sessions {
            session.on_timer(now.at, id, &mut self.breaches);
        }
    }

    fn breaches(&mut self) -> &mut Breaches {
        &mut self.breaches
    }
}
