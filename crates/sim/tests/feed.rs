//! The product's own feed, talking to the simulator for an hour of virtual time, ends with the truth: what it published
//! as proven were the venue's books of that very moment, no trade is missing or doubled, candles agree, and nothing that
//! the simulator said was rejected.

use std::collections::BTreeMap;
use std::time::Duration;

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, LinkId, Request, Wanted};
use sim::{ConnectionId, ServerFrame, Sim, SimSettings, Truth};
use types::market::CandleState;
use types::time::{NS_PER_MIN, NS_PER_MS};
use types::{Aggressor, BookTop, Candle, Input, InstrumentId, Level, Qty, Side, Timestamp, Trade, Venue};

/// How long a REST answer takes.
const ANSWER_NS: i64 = 80 * NS_PER_MS;
/// Depth events of Binance.US come on this grid.
const GRID_NS: i64 = 100 * NS_PER_MS;
/// Levels the feed publishes.
const DEPTH: usize = 20;

/// Best bids and best asks.
type Top = (Vec<Level>, Vec<Level>);

/// A feed and its connection.
struct Client {
    venue: Venue,
    symbols: Vec<String>,
    feed: Feed,
    connection: Option<ConnectionId>,
    waiting: Vec<(Timestamp, Request)>,
    /// The true books at the last two points of the grid: between two of them the truth is ahead of what a client can know,
    /// and a book may be published just before the event of its moment is read.
    on_grid: Vec<[Top; 2]>,
    books_checked: usize,
    trades: Vec<BTreeMap<u128, Trade>>,
    candles: Vec<BTreeMap<Timestamp, Candle>>,
}

impl Client {
    fn open(sim: &mut Sim, venue: Venue, symbols: &[&str]) -> Self {
        let wanted =
            |(index, symbol): (usize, &&str)| Wanted { id: InstrumentId(index as u16), symbol: (*symbol).to_owned() };
        let feed =
            Feed::new(FeedSettings::new(venue, symbols.iter().enumerate().map(wanted).collect())).expect("valid");
        let mut client = Self {
            venue,
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            feed,
            connection: None,
            waiting: Vec::new(),
            on_grid: vec![Default::default(); symbols.len()],
            books_checked: 0,
            trades: vec![BTreeMap::new(); symbols.len()],
            candles: vec![BTreeMap::new(); symbols.len()],
        };
        client.handle(sim, FeedInput::Deadline);
        client
    }

    fn next_at(&self) -> Timestamp {
        let answer = self.waiting.iter().map(|(at, _)| *at).min().unwrap_or(Timestamp::MAX);
        self.feed.deadline().unwrap_or(Timestamp::MAX).min(answer)
    }

    /// Everything that is due at the simulator's now.
    fn turn(&mut self, sim: &mut Sim) {
        if sim.now().as_nanos() % GRID_NS == 0 {
            for index in 0..self.symbols.len() {
                let now = self.top(sim, index);
                let [newest, older] = &mut self.on_grid[index];
                *older = std::mem::replace(newest, now);
            }
        }
        let mut frames = Vec::new();
        let connection = self.connection.expect("nothing ends a connection here");
        sim.poll(connection, &mut frames);
        for frame in frames {
            match frame {
                ServerFrame::Text(text) => self.handle(sim, FeedInput::Frame(LinkId::FIRST, text.as_bytes())),
                ServerFrame::Binary(bytes) => self.handle(sim, FeedInput::Frame(LinkId::FIRST, &bytes)),
                ServerFrame::Ping(_) => sim.pong(connection),
                other => panic!("{}: {other:?}", self.venue),
            }
        }
        while let Some(due) = self.waiting.iter().position(|(at, _)| *at <= sim.now()) {
            let (_, request) = self.waiting.remove(due);
            let answer = sim.http(self.venue, &request.path);
            assert_eq!(answer.status, 200, "{}", request.path);
            let retry_after =
                answer.header("Retry-After").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            let (status, body) = (answer.status, &answer.body[..]);
            self.handle(sim, FeedInput::Response { request: request.id, status, retry_after, body });
        }
        if self.feed.deadline().is_some_and(|deadline| deadline <= sim.now()) {
            self.handle(sim, FeedInput::Deadline);
        }
    }

    fn handle(&mut self, sim: &mut Sim, input: FeedInput<'_>) {
        let mut out = Vec::new();
        self.feed.handle(sim.now(), input, &mut out);
        for output in out {
            match output {
                FeedOutput::Connect(link, target) => {
                    self.connection = Some(sim.connect(self.venue, &target.path).expect("accepted"));
                    self.handle(sim, FeedInput::Connected(link));
                }
                FeedOutput::Send(_, text) => sim.receive(self.connection.expect("connected"), &text),
                FeedOutput::Request(request) => {
                    self.waiting.push((Timestamp::from_nanos(sim.now().as_nanos() + ANSWER_NS), request));
                }
                FeedOutput::Event(event) => self.keep(sim, event),
                other => panic!("{}: {other:?}", self.venue),
            }
        }
    }

    fn keep(&mut self, sim: &Sim, event: Input) {
        match event {
            Input::Book(book) => self.check_book(sim, &book),
            Input::Trade(trade) => {
                let before = self.trades[trade.instrument.index()].insert(trade.id, trade);
                assert!(before.is_none(), "doubled {before:?}");
            }
            Input::Candle(venue) if venue.state == CandleState::Final => {
                self.candles[venue.instrument.index()].insert(venue.candle.open_time, venue.candle);
            }
            Input::Candle(_) | Input::Instrument(_) => {}
            other => panic!("{}: {other:?}", self.venue),
        }
    }

    fn check_book(&mut self, sim: &Sim, book: &BookTop) {
        let index = book.instrument.index();
        let published = (book.bids.clone(), book.asks.clone());
        let now = self.top(sim, index);
        let is_earlier = self.venue == Venue::BinanceUs && self.on_grid[index].contains(&published);
        if !is_earlier {
            assert_eq!(published, now, "{} {} at {}", self.venue, self.symbols[index], sim.now());
        }
        assert_eq!((book.bids.len(), book.asks.len()), (DEPTH, DEPTH));
        self.books_checked += 1;
    }

    fn top(&self, sim: &Sim, index: usize) -> Top {
        sim.book_top(self.venue, &self.symbols[index], DEPTH).expect("listed")
    }

    fn truth(&self, sim: &Sim, index: usize) -> Truth {
        sim.truth(self.venue, &self.symbols[index]).expect("listed")
    }

    /// Trades and candles since `start`.
    fn check_record(&self, sim: &Sim, start: Timestamp) {
        for (index, symbol) in self.symbols.iter().enumerate() {
            let name = format!("{} {symbol}", self.venue);
            let truth = self.truth(sim, index);
            let happened = trades(&truth, InstrumentId(index as u16), self.venue);
            let since: BTreeMap<u128, Trade> =
                happened.clone().into_iter().filter(|(_, t)| t.venue_at > start).collect();
            assert!(since.len() > 100, "{name}: {} trades", since.len());
            for (id, trade) in &since {
                assert_eq!(self.trades[index].get(id), Some(trade), "{name}");
            }
            for (id, trade) in &self.trades[index] {
                assert_eq!(Some(trade), happened.get(id), "{name}: a trade that did not happen");
            }
            self.check_candles(&truth, start, index, &name);
        }
    }

    fn check_candles(&self, truth: &Truth, start: Timestamp, index: usize, name: &str) {
        for candle in self.candles[index].values() {
            let happened = truth.candles.iter().find(|c| c.open_time == candle.open_time);
            assert_eq!(Some(candle), happened, "{name}");
        }
        // The last minutes may still be waited for, and Kraken does not send empty ones.
        let grace = Timestamp::from_nanos(truth.at.as_nanos() - 2 * NS_PER_MIN);
        for candle in truth.candles.iter().filter(|c| c.open_time > start && c.open_time < grace && c.trades > 0) {
            assert_eq!(self.candles[index].get(&candle.open_time), Some(candle), "{name}");
        }
        let history = self.candles[index].keys().filter(|open_time| **open_time < start).count();
        assert!(history >= 700, "{name}: {history} minutes of history");
    }
}

/// Trades of the truth as the venue tells them: single fills on Kraken, aggregates on Binance.US.
fn trades(truth: &Truth, instrument: InstrumentId, venue: Venue) -> BTreeMap<u128, Trade> {
    let mut trades: BTreeMap<u128, Trade> = BTreeMap::new();
    for fill in &truth.trades {
        let id = u128::from(if venue == Venue::Kraken { fill.id } else { fill.aggregate });
        let aggressor = if fill.taker == Side::Buy { Aggressor::Buy } else { Aggressor::Sell };
        let trade = trades.entry(id).or_insert(Trade {
            instrument,
            id,
            price: fill.price,
            qty: Qty::ZERO,
            aggressor,
            fills: 0,
            venue_at: fill.at,
        });
        trade.qty = trade.qty.saturating_add(fill.qty);
        trade.fills += 1;
    }
    trades
}

#[test]
fn an_hour_with_the_feed_ends_with_the_truth() {
    for seed in [1, 2] {
        let start = Timestamp::from_millis(SimSettings::default().start.as_millis() + 17_345);
        let mut sim = Sim::new(SimSettings { seed, start, ..SimSettings::default() });
        let mut clients = [
            Client::open(&mut sim, Venue::Kraken, &["BTC/USD", "ETH/USD", "BTC/USDT", "ETH/USDT"]),
            Client::open(&mut sim, Venue::BinanceUs, &["BTCUSDT", "ETHUSDT"]),
        ];
        let end = Timestamp::from_nanos(start.as_nanos() + 60 * NS_PER_MIN);
        while sim.now() < end {
            let next = clients.iter().map(Client::next_at).fold(sim.next_event(), Timestamp::min);
            // A deadline in the past means now; a nanosecond on keeps time moving.
            let next = next.max(Timestamp::from_nanos(sim.now().as_nanos() + 1));
            sim.advance(next);
            clients.iter_mut().for_each(|client| client.turn(&mut sim));
        }
        // Trades before the subscriptions were answered belong to nobody.
        let listening = Timestamp::from_nanos(start.as_nanos() + NS_PER_MIN);
        for client in &clients {
            assert!(client.books_checked > 1_000, "{}: {} books", client.venue, client.books_checked);
            client.check_record(&sim, listening);
            let status = client.feed.status();
            assert_eq!(status.rejected, feed::status::Rejected::default(), "{}", client.venue);
        }
    }
}
