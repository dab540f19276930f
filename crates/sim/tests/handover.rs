//! A venue cuts every connection after a day. The product's feed has prepared another one before, so that in 25 hours of
//! virtual time not one trade and not one minute is missing or doubled, no book goes stale, and no limit is broken.

use std::collections::{BTreeMap, BTreeSet};

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, LinkId, Method, Request, Wanted};
use sim::{ConnectionId, HttpMethod, HttpRequest, ServerFrame, Sim, SimSettings};
use types::market::{CandleSource, CandleState};
use types::time::{NS_PER_MIN, NS_PER_MS, NS_PER_S};
use types::{Candle, Input, InstrumentId, Timestamp, Venue};

/// How long a REST answer takes.
const ANSWER_NS: i64 = 80 * NS_PER_MS;
const HOURS: i64 = 25;

struct Client {
    feed: Feed,
    venue: Venue,
    links: [Option<ConnectionId>; 2],
    waiting: Vec<(Timestamp, Request)>,
    trades: BTreeSet<u128>,
    candles: BTreeMap<Timestamp, Candle>,
    connects: usize,
    stale: Vec<(Timestamp, Input)>,
    /// Books of the hour before the cut and of the hour after it.
    books: usize,
}

impl Client {
    fn new(venue: Venue, symbol: &str) -> Self {
        let wanted = vec![Wanted { id: InstrumentId(0), symbol: symbol.to_owned() }];
        Self {
            feed: Feed::new(FeedSettings::new(venue, wanted)).expect("valid"),
            venue,
            links: [None; 2],
            waiting: Vec::new(),
            trades: BTreeSet::new(),
            candles: BTreeMap::new(),
            connects: 0,
            stale: Vec::new(),
            books: 0,
        }
    }

    fn next_at(&self) -> Timestamp {
        let answer = self.waiting.iter().map(|(at, _)| *at).min().unwrap_or(Timestamp::MAX);
        self.feed.deadline().unwrap_or(Timestamp::MAX).min(answer)
    }

    fn turn(&mut self, sim: &mut Sim) {
        for link in LinkId::ALL {
            let Some(connection) = self.links[usize::from(link.0)] else { continue };
            let mut frames = Vec::new();
            sim.poll(connection, &mut frames);
            for frame in frames {
                match frame {
                    ServerFrame::Text(text) => self.handle(sim, FeedInput::Frame(link, text.as_bytes())),
                    ServerFrame::Binary(bytes) => self.handle(sim, FeedInput::Frame(link, &bytes)),
                    ServerFrame::Ping(_) => sim.pong(connection),
                    ServerFrame::Pong => self.handle(sim, FeedInput::Pong(link)),
                    _ => {
                        self.links[usize::from(link.0)] = None;
                        self.handle(sim, FeedInput::Disconnected(link));
                    }
                }
            }
        }
        while let Some(due) = self.waiting.iter().position(|(at, _)| *at <= sim.now()) {
            let (_, request) = self.waiting.remove(due);
            let method = if request.method == Method::Get { HttpMethod::Get } else { HttpMethod::Post };
            let answer = sim.request(self.venue, &HttpRequest::new(method, &request.path));
            assert_eq!(answer.status, 200, "{}", request.path);
            let (status, body) = (answer.status, &answer.body[..]);
            self.handle(sim, FeedInput::Response { request: request.id, status, retry_after: None, body });
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
                    self.connects += 1;
                    let connection = sim.connect(self.venue, &target.path).expect("accepted");
                    self.links[usize::from(link.0)] = Some(connection);
                    self.handle(sim, FeedInput::Connected(link));
                }
                FeedOutput::Reconnect(link, _) => {
                    if let Some(connection) = self.links[usize::from(link.0)].take() {
                        sim.disconnect(connection);
                    }
                    self.handle(sim, FeedInput::Disconnected(link));
                }
                FeedOutput::Send(link, text) => {
                    sim.receive(self.links[usize::from(link.0)].expect("connected"), &text);
                }
                FeedOutput::Ping(link) => sim.ping(self.links[usize::from(link.0)].expect("connected")),
                FeedOutput::Request(request) => {
                    self.waiting.push((Timestamp::from_nanos(sim.now().as_nanos() + ANSWER_NS), request));
                }
                FeedOutput::Event(event) => self.keep(sim, event),
                FeedOutput::Rejected(rejection) => panic!("{rejection:?}"),
            }
        }
    }

    fn keep(&mut self, sim: &Sim, event: Input) {
        match event {
            Input::Trade(trade) => assert!(self.trades.insert(trade.id), "doubled {trade:?} at {}", sim.now()),
            Input::Candle(told) if told.state == CandleState::Final => {
                let before = self.candles.insert(told.candle.open_time, told.candle);
                // The history may confirm what the stream said.
                let is_news = before.is_none_or(|before| told.source == CandleSource::Rest && before == told.candle);
                assert!(is_news, "final twice: {before:?}, {told:?}");
            }
            Input::Book(_) => self.books += 1,
            Input::BookStale { .. } => self.stale.push((sim.now(), event)),
            _ => {}
        }
    }
}

fn a_day_passes_without_a_hole(venue: Venue, symbol: &str) {
    let mut settings = SimSettings::default();
    settings.listings.retain(|listing| listing.venue == venue && listing.symbol == symbol);
    settings.listings[0].orders_per_s_milli = 500;
    settings.listings[0].takers_per_s_milli = 250;
    let start = settings.start;
    let mut sim = Sim::new(settings);
    let mut client = Client::new(venue, symbol);
    let end = Timestamp::from_nanos(start.as_nanos() + HOURS * 60 * NS_PER_MIN);
    while sim.now() < end {
        let next = sim.next_event().min(client.next_at());
        // A deadline in the past means now; a nanosecond on keeps time moving.
        sim.advance(next.max(Timestamp::from_nanos(sim.now().as_nanos() + 1)));
        client.turn(&mut sim);
    }
    assert_eq!(client.connects, 2, "one more in a day");
    assert_eq!(client.stale, []);
    assert!(client.books > 10_000, "{}", client.books);
    assert_eq!(sim.limits_broken(), []);

    let truth = sim.truth(venue, symbol).expect("listed");
    let listening = Timestamp::from_nanos(start.as_nanos() + NS_PER_MIN);
    let told = Timestamp::from_nanos(end.as_nanos() - 2 * NS_PER_S);
    let id = |fill: &sim::TruthTrade| u128::from(if venue == Venue::BinanceUs { fill.aggregate } else { fill.id });
    let happened: BTreeSet<u128> =
        truth.trades.iter().filter(|fill| fill.at > listening && fill.at < told).map(id).collect();
    assert!(happened.len() > 10_000, "{} trades", happened.len());
    let missing: Vec<_> = happened.difference(&client.trades).collect();
    assert!(missing.is_empty(), "{} of {} trades are missing: {missing:?}", missing.len(), happened.len());
    let all: BTreeSet<u128> = truth.trades.iter().map(id).collect();
    assert!(client.trades.is_subset(&all), "a trade that did not happen");

    let closed = Timestamp::from_nanos(end.as_nanos() - 2 * NS_PER_MIN);
    for candle in truth.candles.iter().filter(|c| c.open_time > listening && c.open_time < closed && c.trades > 0) {
        assert_eq!(client.candles.get(&candle.open_time), Some(candle));
    }
}

#[test]
fn a_day_of_binance_us() {
    a_day_passes_without_a_hole(Venue::BinanceUs, "BTCUSDT");
}
