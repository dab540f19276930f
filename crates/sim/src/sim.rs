//! The simulator: one market, its venues, their connections, one virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use types::{Candle, Level, Side, Timestamp, Venue};

use crate::fault::{Fault, Injected, Injector, Reply};
use crate::frame::{Arrived, ConnectionId, HttpAnswer, HttpMethod, HttpRequest, Refused, ServerFrame};
use crate::limits::BrokenLimit;
use crate::market::listing::{Listing, Step};
use crate::market::tape::Fill;
use crate::market::{Event, Market};
use crate::recorded::{self, Recording};
use crate::request::Request;
use crate::server::{Now, VenueServer};
use crate::settings::SimSettings;
use crate::truth::{TradesSoFar, Truth, TruthTrade};
use crate::witness::Witness;
use crate::{binance_us, coinbase, kraken, kucoin};

/// Open connections of all venues together; one more is refused with 503.
const CONNECTIONS_MAX: usize = 256;

/// A market and the venues that show it.
///
/// ```text
/// loop { sleep until next_event ── advance(now) ── poll each connection ── write its frames }
/// client's frame ── receive / pong / disconnect        client's request ── http
/// ```
///
/// What happens depends on the settings and on the calls with their virtual times alone; in how many steps time advances
/// makes no difference.
#[derive(Debug)]
pub struct Sim {
    now: Timestamp,
    market: Market,
    servers: Vec<(Venue, Box<dyn VenueServer>)>,
    connections: BTreeMap<ConnectionId, usize>,
    last_connection: u64,
    step: Step,
    limits_broken: Vec<BrokenLimit>,
    faults: Injector,
    witness: Option<Witness>,
    frames: Vec<ServerFrame>,
}

impl Sim {
    /// Makes the market with its history and lets it run up to `settings.start`.
    ///
    /// # Panics
    /// When the settings do not describe a market (see [`SimSettings`]).
    #[must_use]
    pub fn new(settings: SimSettings) -> Self {
        settings.check();
        let servers: Vec<(Venue, Box<dyn VenueServer>)> = vec![
            (Venue::Kraken, Box::new(kraken::Server::new(&settings))),
            (Venue::BinanceUs, Box::new(binance_us::Server::new(&settings))),
            (Venue::Coinbase, Box::new(coinbase::Server::new(&settings))),
            (Venue::Kucoin, Box::new(kucoin::Server::new(&settings))),
        ];
        Self {
            now: settings.start,
            faults: Injector::new(settings.seed),
            market: Market::new(&settings),
            servers,
            connections: BTreeMap::new(),
            last_connection: 0,
            step: Step::default(),
            limits_broken: Vec::new(),
            witness: None,
            frames: Vec::new(),
        }
    }

    /// From now on a venue says what was recorded. Its market should list the recorded instruments
    /// ([`Recording::settings`]); no client should be connected to it yet.
    pub fn play(&mut self, recording: Recording) {
        if let Some(index) = self.server_index(recording.venue()) {
            let (venue, inner) = self.servers.swap_remove(index);
            self.servers.push((venue, Box::new(recorded::Server::new(inner, recording))));
            // Connections name their server by its place.
            let last = self.servers.len() - 1;
            self.servers.swap(index, last);
        }
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets everything happen that happens up to and including `to`. An earlier time than now changes nothing.
    pub fn advance(&mut self, to: Timestamp) {
        loop {
            let (market_at, timer_at, fault_at) = (self.market.next_at(), self.timer_at(), self.faults.due_at());
            if market_at.min(timer_at).min(fault_at) > to {
                break;
            }
            // What the market does at a moment comes before what venues do about that moment, and last comes what goes wrong.
            if market_at <= timer_at.min(fault_at) {
                self.advance_market(market_at);
            } else if timer_at <= fault_at {
                self.now = timer_at;
                (0..self.servers.len()).for_each(|index| self.serve(index, |server, now| server.on_timer(now)));
            } else {
                self.now = self.now.max(fault_at);
                self.faults.on_time(self.now);
            }
            self.carry();
        }
        self.now = self.now.max(to);
    }

    fn advance_market(&mut self, at: Timestamp) {
        self.now = at;
        let event = self.market.step(&mut self.step);
        if let (Event::Listing(index), Some(witness)) = (event, &mut self.witness) {
            witness.changed(at, index, &self.market.listings[index].book, &self.step.changes);
        }
        let now = Now { at, market: &self.market };
        for (_, server) in &mut self.servers {
            match event {
                Event::Listing(index) => server.on_step(now, index, &self.step),
                Event::Minute => server.on_minute(now),
            }
        }
    }

    fn timer_at(&self) -> Timestamp {
        self.servers.iter().map(|(_, server)| server.next_timer()).min().unwrap_or(Timestamp::MAX)
    }

    /// When something will happen next; a server may sleep until then.
    #[must_use]
    pub fn next_event(&self) -> Timestamp {
        self.market.next_at().min(self.timer_at()).min(self.faults.next_at())
    }

    /// Opens a WebSocket connection. Its first frames can be polled at once.
    ///
    /// # Errors
    /// [`Refused`] with the HTTP status a real server would answer.
    pub fn connect(&mut self, venue: Venue, path_and_query: &str) -> Result<ConnectionId, Refused> {
        let index = self
            .server_index(venue)
            .ok_or_else(|| Refused { status: 404, reason: format!("{venue} is not simulated") })?;
        if self.connections.len() == CONNECTIONS_MAX {
            return Err(Refused { status: 503, reason: format!("{CONNECTIONS_MAX} connections are open") });
        }
        if let Some(refused) = self.faults.handshake(self.now, venue) {
            return Err(refused);
        }
        let id = ConnectionId(self.last_connection + 1);
        self.serve(index, |server, now| server.connect(now, id, &Request::parse(path_and_query)))?;
        self.last_connection = id.0;
        self.connections.insert(id, index);
        self.faults.connected(self.now, venue, id);
        self.carry();
        Ok(id)
    }

    /// The client sent a text message. Ignored for a closed connection.
    pub fn receive(&mut self, connection: ConnectionId, text: &str) {
        if let Some(index) = self.hears(connection) {
            self.serve(index, |server, now| server.receive(now, connection, text));
            self.carry();
        }
    }

    /// The client answered a ping. Ignored for a closed connection.
    pub fn pong(&mut self, connection: ConnectionId) {
        if let Some(index) = self.hears(connection) {
            self.serve(index, |server, now| server.pong(now, connection));
            self.carry();
        }
    }

    /// The client sent a ping: [`ServerFrame::Pong`] follows.
    pub fn ping(&mut self, connection: ConnectionId) {
        if self.hears(connection).is_some() {
            self.faults.pong(self.now, connection);
        }
    }

    /// The server of the connection, if it stands and the client's words come through.
    fn hears(&self, connection: ConnectionId) -> Option<usize> {
        self.connections.get(&connection).copied().filter(|_| !self.faults.is_deaf(connection))
    }

    /// The client went away. No frame follows.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        if let Some(index) = self.connections.remove(&connection) {
            self.servers[index].1.disconnect(connection);
            self.faults.disconnected(connection);
        }
    }

    /// Moves all frames of this connection that have arrived to the end of `out`. After [`ServerFrame::Close`] and
    /// [`ServerFrame::Abort`] the connection is gone.
    pub fn poll(&mut self, connection: ConnectionId, out: &mut Vec<ServerFrame>) {
        let mut arrived = Vec::new();
        self.poll_arrived(connection, &mut arrived);
        out.extend(arrived.into_iter().map(|arrived| arrived.frame));
    }

    /// The same as [`Sim::poll`], with the times at which the frames were sent, as far as something made them late.
    pub fn poll_arrived(&mut self, connection: ConnectionId, out: &mut Vec<Arrived>) {
        let Some(&index) = self.connections.get(&connection) else { return };
        let begin = out.len();
        if self.faults.is_used() {
            self.carry();
        } else {
            self.servers[index].1.poll(connection, &mut self.frames);
            out.extend(self.frames.drain(..).map(|frame| Arrived { sent_at: self.now, frame }));
        }
        self.faults.poll(self.now, connection, out);
        if out[begin..].iter().any(|arrived| arrived.frame.is_last()) {
            self.disconnect(connection);
        }
    }

    /// Puts what servers have sent on the way to the clients. Without faults that way is none, and [`Sim::poll`] takes the
    /// frames where they are.
    fn carry(&mut self) {
        if !self.faults.is_used() {
            return;
        }
        for (&id, &index) in &self.connections {
            let is_closed = self.servers[index].1.poll(id, &mut self.frames);
            self.frames.drain(..).for_each(|frame| self.faults.frame(self.now, id, frame));
            if is_closed {
                self.servers[index].1.disconnect(id);
            }
        }
    }

    /// Answers a GET request as our own client makes it.
    pub fn http(&mut self, venue: Venue, path_and_query: &str) -> HttpAnswer {
        self.request(venue, &HttpRequest::new(HttpMethod::Get, path_and_query))
    }

    /// Answers an HTTP request. One that a fault leaves without an answer gets 504 here.
    pub fn request(&mut self, venue: Venue, request: &HttpRequest<'_>) -> HttpAnswer {
        self.exchange(venue, request).answer.unwrap_or_else(|| HttpAnswer::json(504, String::new()))
    }

    /// Answers an HTTP request, and tells how long that takes when something goes wrong.
    pub fn exchange(&mut self, venue: Venue, request: &HttpRequest<'_>) -> Reply {
        let Some(index) = self.server_index(venue) else {
            return Reply::at_once(HttpAnswer::json(404, "{}".to_owned()));
        };
        let request = Request::of(request);
        let (now, mut faults) = (self.now, std::mem::take(&mut self.faults));
        let answer = || self.serve(index, |server, now| server.http(now, &request));
        let reply = faults.reply(now, venue, &request, answer);
        self.faults = faults;
        reply
    }

    /// Lets something go wrong.
    pub fn fault(&mut self, fault: Fault) {
        self.carry();
        let now = Now { at: self.now, market: &self.market };
        for (venue, server) in &self.servers {
            if let Some(rules) = server.pushed_rules(now) {
                self.faults.learn_rules(*venue, rules);
            }
        }
        self.faults.add(self.now, fault);
    }

    /// From now on no new fault begins. What has begun goes on to its end.
    pub fn stop_faults(&mut self) {
        self.faults.stop();
    }

    /// The faults that have happened, oldest first; the newest twenty thousand of them.
    pub fn faults(&self) -> impl DoubleEndedIterator<Item = &Injected> + '_ {
        self.faults.log().iter()
    }

    /// How many faults have happened.
    #[must_use]
    pub fn faults_injected(&self) -> u64 {
        self.faults.total()
    }

    /// From now on remembers the `depth` best levels of each side of all listings for `window`, to be asked for with
    /// [`Sim::was_true`].
    pub fn remember_books(&mut self, depth: usize, window: Duration) {
        self.witness = Some(Witness::new(depth, window, &self.market.listings, self.now));
    }

    /// Whether the best levels were these at some moment from `since` on, as far back as the window of
    /// [`Sim::remember_books`] reaches. `None` for a listing that does not exist, and for no levels or too many.
    #[must_use]
    pub fn was_true(
        &self,
        venue: Venue,
        symbol: &str,
        bids: &[Level],
        asks: &[Level],
        since: Timestamp,
    ) -> Option<bool> {
        self.witness.as_ref()?.was_true(self.market.find(venue, symbol)?, bids, asks, since)
    }

    /// The kept trades with an identifier above `id`, oldest first.
    pub fn trades_after(&self, venue: Venue, symbol: &str, id: u64) -> impl Iterator<Item = TruthTrade> + '_ {
        let listing = self.market.find(venue, symbol).map(|index| &self.market.listings[index]);
        let fills = listing.map(|listing| listing.tape.fills());
        let skipped = fills.map_or(0, |fills| fills.partition_point(|fill| fill.id <= id));
        fills.into_iter().flatten().skip(skipped).map(truth_trade)
    }

    /// The limits that clients have broken so far, oldest first; the first thousand of them.
    #[must_use]
    pub fn limits_broken(&self) -> &[BrokenLimit] {
        &self.limits_broken
    }

    /// What really happened; `None` when the venue does not list the symbol (venue's WebSocket spelling).
    #[must_use]
    pub fn truth(&self, venue: Venue, symbol: &str) -> Option<Truth> {
        self.market.find(venue, symbol).map(|index| truth(self.now, &self.market.listings[index]))
    }

    /// All trades since the listing's live market opened, in a fixed size.
    #[must_use]
    pub fn trades_so_far(&self, venue: Venue, symbol: &str) -> Option<TradesSoFar> {
        let listing = &self.market.listings[self.market.find(venue, symbol)?];
        Some(TradesSoFar {
            last_id: listing.last_fill,
            last_aggregate: listing.last_aggregate,
            fills: listing.tape.fills_digest,
            aggregates: listing.tape.aggregates_digest,
        })
    }

    /// The kept minutes that are over, oldest first and without a hole.
    #[must_use]
    pub fn final_candles(&self, venue: Venue, symbol: &str) -> Option<Vec<Candle>> {
        let minutes = self.market.listings[self.market.find(venue, symbol)?].tape.closed();
        Some(minutes.map(|minute| minute.candle).collect())
    }

    /// The true best levels, bids then asks, at most `depth` a side; cheaper than [`Sim::truth`].
    #[must_use]
    pub fn book_top(&self, venue: Venue, symbol: &str, depth: usize) -> Option<(Vec<Level>, Vec<Level>)> {
        let book = &self.market.listings[self.market.find(venue, symbol)?].book;
        Some((book.levels(Side::Buy).take(depth).collect(), book.levels(Side::Sell).take(depth).collect()))
    }

    /// Lets a venue do something, and records the limits that its clients broke by it.
    fn serve<T>(&mut self, index: usize, act: impl FnOnce(&mut dyn VenueServer, Now<'_>) -> T) -> T {
        let (venue, server) = &mut self.servers[index];
        let done = act(server.as_mut(), Now { at: self.now, market: &self.market });
        server.breaches().drain_to(*venue, self.now, &mut self.limits_broken);
        done
    }

    fn server_index(&self, venue: Venue) -> Option<usize> {
        self.servers.iter().position(|(of, _)| *of == venue)
    }
}

fn truth(at: Timestamp, listing: &Listing) -> Truth {
    let trades = listing.tape.fills().iter().map(truth_trade);
    Truth {
        at,
        price_decimals: listing.settings.price_decimals,
        qty_decimals: listing.settings.qty_decimals,
        update_id: listing.update_id,
        bids: listing.book.levels(Side::Buy).collect(),
        asks: listing.book.levels(Side::Sell).collect(),
        trades: trades.collect(),
        candles: listing.tape.minutes().map(|minute| minute.candle).collect(),
    }
}

fn truth_trade(fill: &Fill) -> TruthTrade {
    TruthTrade {
        id: fill.id,
        aggregate: fill.aggregate,
        price: fill.price,
        qty: fill.qty,
        taker: fill.taker,
        at: fill.at,
    }
}
