//! The simulator: one market, its venues, their connections, one virtual clock.

use std::collections::BTreeMap;

use types::{Candle, Level, Side, Timestamp, Venue};

use crate::frame::{ConnectionId, HttpAnswer, HttpMethod, HttpRequest, Refused, ServerFrame};
use crate::limits::BrokenLimit;
use crate::market::listing::{Listing, Step};
use crate::market::{Event, Market};
use crate::request::Request;
use crate::server::{Now, VenueServer};
use crate::settings::SimSettings;
use crate::truth::{TradesSoFar, Truth, TruthTrade};
use crate::{binance_us, coinbase, kraken};

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
        ];
        Self {
            now: settings.start,
            market: Market::new(&settings),
            servers,
            connections: BTreeMap::new(),
            last_connection: 0,
            step: Step::default(),
            limits_broken: Vec::new(),
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
            let (market_at, timer_at) = (self.market.next_at(), self.timer_at());
            if market_at.min(timer_at) > to {
                break;
            }
            // What the market does at a moment comes before what venues do about that moment.
            if market_at <= timer_at {
                self.advance_market(market_at);
            } else {
                self.now = timer_at;
                (0..self.servers.len()).for_each(|index| self.serve(index, |server, now| server.on_timer(now)));
            }
        }
        self.now = self.now.max(to);
    }

    fn advance_market(&mut self, at: Timestamp) {
        self.now = at;
        let event = self.market.step(&mut self.step);
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
        self.market.next_at().min(self.timer_at())
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
        let id = ConnectionId(self.last_connection + 1);
        self.serve(index, |server, now| server.connect(now, id, &Request::parse(path_and_query)))?;
        self.last_connection = id.0;
        self.connections.insert(id, index);
        Ok(id)
    }

    /// The client sent a text message. Ignored for a closed connection.
    pub fn receive(&mut self, connection: ConnectionId, text: &str) {
        if let Some(&index) = self.connections.get(&connection) {
            self.serve(index, |server, now| server.receive(now, connection, text));
        }
    }

    /// The client answered a ping. Ignored for a closed connection.
    pub fn pong(&mut self, connection: ConnectionId) {
        if let Some(&index) = self.connections.get(&connection) {
            self.serve(index, |server, now| server.pong(now, connection));
        }
    }

    /// The client went away. No frame follows.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        if let Some(index) = self.connections.remove(&connection) {
            self.servers[index].1.disconnect(connection);
        }
    }

    /// Moves all frames that the server has sent on this connection to the end of `out`. After
    /// [`ServerFrame::Close`] the connection is gone.
    pub fn poll(&mut self, connection: ConnectionId, out: &mut Vec<ServerFrame>) {
        if let Some(&index) = self.connections.get(&connection)
            && self.servers[index].1.poll(connection, out)
        {
            self.disconnect(connection);
        }
    }

    /// Answers a GET request as our own client makes it.
    pub fn http(&mut self, venue: Venue, path_and_query: &str) -> HttpAnswer {
        self.request(venue, &HttpRequest::new(HttpMethod::Get, path_and_query))
    }

    /// Answers an HTTP request.
    pub fn request(&mut self, venue: Venue, request: &HttpRequest<'_>) -> HttpAnswer {
        match self.server_index(venue) {
            Some(index) => self.serve(index, |server, now| server.http(now, &Request::of(request))),
            None => HttpAnswer::json(404, "{}".to_owned()),
        }
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
    let trades = listing.tape.fills().iter().map(|fill| TruthTrade {
        id: fill.id,
        aggregate: fill.aggregate,
        price: fill.price,
        qty: fill.qty,
        taker: fill.taker,
        at: fill.at,
    });
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
