//! Kraken: WebSocket v2 and the public REST methods.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the venue's side of all connections, request budget |
//! | [`session`] | one connection: subscriptions, heartbeat |
//! | [`request`] | what clients send on WebSocket |
//! | [`messages`] | the text of what they get |
//! | [`book`] | a client's view of a book at its depth, checksum |
//! | [`rest`] | HTTP answers |
//! | [`symbols`] | Kraken's spellings of currencies and pairs |

mod book;
mod messages;
mod request;
mod rest;
mod session;
mod symbols;

use std::collections::BTreeMap;

use types::{Timestamp, Venue};

use self::session::Session;
use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::limits::{Breaches, Bucket, Window};
use crate::market::listing::Step;
use crate::market::random::Random;
use crate::request::Request;
use crate::server::{Now, VenueServer};
use crate::settings::SimSettings;

/// Connection attempts in ten minutes.
const CONNECTIONS_PER_10_MIN_MAX: usize = 150;

/// All of Kraken.
#[derive(Debug)]
pub(crate) struct Server {
    sessions: BTreeMap<ConnectionId, Session>,
    random: Random,
    budget: Bucket,
    connects: Window,
    breaches: Breaches,
}

impl Server {
    pub(crate) fn new(settings: &SimSettings) -> Self {
        Self {
            sessions: BTreeMap::new(),
            random: Random::new(settings.seed, 3_000),
            budget: Bucket::new(settings.start, settings.kraken_rest_burst, 1),
            connects: Window::new(CONNECTIONS_PER_10_MIN_MAX, 600),
            breaches: Breaches::default(),
        }
    }
}

impl VenueServer for Server {
    fn connect(&mut self, now: Now<'_>, id: ConnectionId, request: &Request) -> Result<(), Refused> {
        if request.path != "/v2" {
            return Err(Refused { status: 404, reason: format!("Kraken has no WebSocket at {}", request.path) });
        }
        if !self.connects.admit(now.at) {
            self.breaches.add(None, "more than 150 connections in ten minutes");
            return Err(Refused { status: 429, reason: "Too many connection attempts".to_owned() });
        }
        self.sessions.insert(id, Session::open(now.at, self.random.bits()));
        Ok(())
    }

    fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.receive(now, id, text, &mut self.breaches);
        }
    }

    fn pong(&mut self, _now: Now<'_>, _id: ConnectionId) {}

    fn disconnect(&mut self, id: ConnectionId) {
        self.sessions.remove(&id);
    }

    fn poll(&mut self, id: ConnectionId, out: &mut Vec<ServerFrame>) -> bool {
        self.sessions.get_mut(&id).is_some_and(|session| session.outbox.poll(out))
    }

    fn http(&mut self, now: Now<'_>, request: &Request) -> HttpAnswer {
        if self.budget.take(now.at) {
            rest::answer(now, request)
        } else {
            self.breaches.add(None, "more REST requests than one a second");
            rest::refuse("EAPI:Rate limit exceeded")
        }
    }

    fn on_step(&mut self, now: Now<'_>, listing: usize, step: &Step) {
        if now.market.listings[listing].settings.venue == Venue::Kraken {
            self.sessions.values_mut().for_each(|session| session.on_step(now, listing, step));
        }
    }

    /// Kraken says nothing when a minute ends: there is no closed mark, and empty minutes are not sent.
    fn on_minute(&mut self, _now: Now<'_>) {}

    fn pushed_rules(&self, now: Now<'_>) -> Option<String> {
        Some(messages::instruments(now.market.listings.iter().filter(|l| l.settings.venue == Venue::Kraken)))
    }

    fn next_timer(&self) -> Timestamp {
        self.sessions.values().map(Session::next_timer).min().unwrap_or(Timestamp::MAX)
    }

    fn on_timer(&mut self, now: Now<'_>) {
        self.sessions.values_mut().for_each(|session| session.on_timer(now.at));
    }

    fn breaches(&mut self) -> &mut Breaches {
        &mut self.breaches
    }
}
