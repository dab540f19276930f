//! Binance.US: streams and REST interface version 3.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the venue's side of all connections, and when streams speak |
//! | [`session`] | one connection: streams, pings, message limit |
//! | [`request`] | what clients send on WebSocket, names of streams |
//! | [`messages`] | the text of what they get |
//! | [`rest`] | HTTP answers |
//! | [`weight`] | request weight, 429 and 418 |

mod messages;
mod request;
mod rest;
mod session;
mod weight;

use std::collections::BTreeMap;

use types::time::NS_PER_MS;
use types::{Level, Timestamp, Venue};

use self::request::{Speed, Stream};
use self::session::Session;
use self::weight::Meter;
use crate::batch::Batch;
use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::limits::{Breaches, Window};
use crate::market::listing::{Listing, Step};
use crate::request::Request;
use crate::server::{Now, VenueServer, next_on_grid};
use crate::settings::SimSettings;

/// The grid on which gathered streams are sent.
const TICK_MS: i64 = 100;
/// Ticks between two events of the slow depth streams and of the tickers.
const TICKS_PER_SECOND: i64 = 10;
/// Ticks between two pushes of a candle that changes.
const TICKS_PER_CANDLE: i64 = 20;

/// New connections in five minutes, as the sister venue has it.
const CONNECTIONS_PER_5_MIN_MAX: usize = 300;

/// All of Binance.US.
#[derive(Debug)]
pub(crate) struct Server {
    sessions: BTreeMap<ConnectionId, Session>,
    channels: BTreeMap<usize, Channel>,
    next_tick: Timestamp,
    meter: Meter,
    connects: Window,
    breaches: Breaches,
}

/// What has been said about one listing so far. All connections hear the same events.
#[derive(Debug)]
struct Channel {
    fast: Batch,
    slow: Batch,
    touch: (Level, Level),
    has_candle_changed: bool,
    has_ticker_changed: bool,
}

impl Channel {
    fn new(listing: &Listing) -> Self {
        Self {
            fast: Batch::new(listing.update_id),
            slow: Batch::new(listing.update_id),
            touch: listing.touch(),
            has_candle_changed: false,
            has_ticker_changed: false,
        }
    }
}

impl Server {
    pub(crate) fn new(settings: &SimSettings) -> Self {
        Self {
            sessions: BTreeMap::new(),
            channels: BTreeMap::new(),
            next_tick: Timestamp::MAX,
            meter: Meter::new(settings.binance_us_weight_per_min),
            connects: Window::new(CONNECTIONS_PER_5_MIN_MAX, 300),
            breaches: Breaches::default(),
        }
    }

    /// Sends what `make` makes to every connection that has the stream.
    fn publish(&mut self, at: Timestamp, stream: Stream, make: impl FnOnce() -> String) {
        let mut sessions = self.sessions.values_mut().filter(|session| session.has(stream)).peekable();
        if sessions.peek().is_some() {
            let payload = make();
            sessions.for_each(|session| session.publish(at, stream, &payload));
        }
    }

    fn tick(&mut self, now: Now<'_>) {
        let tick = now.at.as_nanos() / (TICK_MS * NS_PER_MS);
        let is_second = tick % TICKS_PER_SECOND == 0;
        let mut channels = std::mem::take(&mut self.channels);
        for (&index, channel) in &mut channels {
            let listing = &now.market.listings[index];
            self.send_depth(now.at, index, listing, &mut channel.fast, Speed::Fast);
            if is_second {
                self.send_depth(now.at, index, listing, &mut channel.slow, Speed::Slow);
            }
            if tick % TICKS_PER_CANDLE == 0 && std::mem::take(&mut channel.has_candle_changed) {
                let minute = listing.tape.running();
                self.publish(now.at, Stream::Kline(index), || messages::kline(listing, minute, false, now.at));
            }
        }
        if is_second {
            self.send_tickers(now, &mut channels);
        }
        self.channels = channels;
    }

    fn send_depth(&mut self, at: Timestamp, index: usize, listing: &Listing, batch: &mut Batch, speed: Speed) {
        let Some(event) = batch.take(listing, listing.update_id) else { return };
        self.publish(at, Stream::Depth(index, speed), || messages::depth_update(listing, &event, at));
        for levels in request::PARTIAL_LEVELS {
            let stream = Stream::PartialDepth(index, levels, speed);
            self.publish(at, stream, || messages::depth(listing, usize::from(levels)));
        }
    }

    fn send_tickers(&mut self, now: Now<'_>, channels: &mut BTreeMap<usize, Channel>) {
        let mut changed = Vec::new();
        for (&index, channel) in channels {
            if std::mem::take(&mut channel.has_ticker_changed) {
                let listing = &now.market.listings[index];
                changed.push(listing);
                self.publish(now.at, Stream::MiniTicker(index), || messages::mini_ticker(listing, now.at));
                self.publish(now.at, Stream::Ticker(index), || messages::ticker(listing, now.at));
            }
        }
        if !changed.is_empty() {
            let array = |one: fn(&Listing, Timestamp) -> String| {
                let all: Vec<String> = changed.iter().map(|listing| one(listing, now.at)).collect();
                format!("[{}]", all.join(","))
            };
            self.publish(now.at, Stream::AllMiniTickers, || array(messages::mini_ticker));
            self.publish(now.at, Stream::AllTickers, || array(messages::ticker));
        }
    }
}

impl VenueServer for Server {
    fn connect(&mut self, now: Now<'_>, id: ConnectionId, request: &Request) -> Result<(), Refused> {
        if !self.connects.admit(now.at) {
            self.breaches.add(None, "more than 300 connections in five minutes");
            return Err(Refused { status: 429, reason: "Too many connections".to_owned() });
        }
        let session = Session::open(now, request)?;
        if self.sessions.is_empty() {
            // Nobody has listened: gathering begins here.
            let listings = now.market.of_venue(Venue::BinanceUs);
            self.channels = listings.map(|(index, listing)| (index, Channel::new(listing))).collect();
            self.next_tick = next_on_grid(now.at, TICK_MS * NS_PER_MS);
        }
        self.sessions.insert(id, session);
        Ok(())
    }

    fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.receive(now, id, text, &mut self.breaches);
        }
    }

    fn pong(&mut self, now: Now<'_>, id: ConnectionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.pong(now.at, id, &mut self.breaches);
        }
    }

    fn disconnect(&mut self, id: ConnectionId) {
        self.sessions.remove(&id);
        if self.sessions.is_empty() {
            self.channels.clear();
            self.next_tick = Timestamp::MAX;
        }
    }

    fn poll(&mut self, id: ConnectionId, out: &mut Vec<ServerFrame>) -> bool {
        self.sessions.get_mut(&id).is_some_and(|session| session.outbox.poll(out))
    }

    fn http(&mut self, now: Now<'_>, request: &Request) -> HttpAnswer {
        let weight = rest::weight(request);
        match self.meter.charge(now.at, weight) {
            Ok(used) => rest::answer(now, request, self.meter.limit()).with_header("X-MBX-USED-WEIGHT-1M", used),
            Err(limited) => {
                self.breaches.add(None, "more request weight than a minute has, or a request while banned");
                limited.answer()
            }
        }
    }

    fn on_step(&mut self, now: Now<'_>, index: usize, step: &Step) {
        let Some(channel) = self.channels.get_mut(&index) else { return };
        let listing = &now.market.listings[index];
        channel.fast.add(&step.changes);
        channel.slow.add(&step.changes);
        channel.has_candle_changed |= !step.fills.is_empty();
        channel.has_ticker_changed |= !step.fills.is_empty();
        let touch = listing.touch();
        let has_moved = std::mem::replace(&mut channel.touch, touch) != touch;
        for fill in &step.fills {
            self.publish(now.at, Stream::Trade(index), || messages::trade(listing, fill, now.at));
        }
        for fills in step.fills.chunk_by(|a, b| a.aggregate == b.aggregate) {
            self.publish(now.at, Stream::AggTrade(index), || messages::agg_trade(listing, fills, now.at));
        }
        if has_moved {
            self.publish(now.at, Stream::BookTicker(index), || messages::book_ticker(listing));
        }
    }

    /// Every minute is closed with `x`: true, the empty ones too.
    fn on_minute(&mut self, now: Now<'_>) {
        let indexes: Vec<usize> = self.channels.keys().copied().collect();
        for index in indexes {
            let listing = &now.market.listings[index];
            if let Some(minute) = listing.tape.last_closed() {
                self.publish(now.at, Stream::Kline(index), || messages::kline(listing, minute, true, now.at));
            }
        }
        self.channels.values_mut().for_each(|channel| channel.has_candle_changed = false);
    }

    fn next_timer(&self) -> Timestamp {
        self.sessions.values().map(Session::next_timer).fold(self.next_tick, Timestamp::min)
    }

    fn on_timer(&mut self, now: Now<'_>) {
        if self.next_tick <= now.at {
            self.next_tick = Timestamp::from_nanos(self.next_tick.as_nanos() + TICK_MS * NS_PER_MS);
            self.tick(now);
        }
        self.sessions.values_mut().for_each(|session| session.on_timer(now.at));
    }

    fn breaches(&mut self) -> &mut Breaches {
        &mut self.breaches
    }
}
