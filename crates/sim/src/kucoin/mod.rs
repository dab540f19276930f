//! KuCoin: the classic feed, the unified feed, and the public REST interface.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the venue's side of all connections, and when topics speak |
//! | [`session`] | one connection of either feed: topics, keep-alive, limits |
//! | [`topic`] | what can be subscribed |
//! | [`classic`], [`unified`] | the two feeds: what clients send, and the text of what they get |
//! | [`token`] | tokens of the classic feed |
//! | [`rest`], [`weight`] | HTTP answers, and what they cost |

mod classic;
mod rest;
mod session;
mod token;
mod topic;
mod unified;
mod weight;

use std::collections::BTreeMap;

use types::time::NS_PER_MS;
use types::{Level, Timestamp, Venue};

use self::session::{Dialect, Session};
use self::token::Tokens;
use self::topic::Topic;
use self::weight::Meter;
use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::limits::{Breaches, Window};
use crate::market::book::Change;
use crate::market::listing::{Listing, Step};
use crate::market::tape::Minute;
use crate::request::Request;
use crate::server::{Now, VenueServer, next_on_grid};
use crate::settings::SimSettings;
use crate::view::{Leaving, View};

/// The grids on which fast and slow topics are sent.
const FAST_NS: i64 = 10 * NS_PER_MS;
const SLOW_NS: i64 = 100 * NS_PER_MS;
/// Levels a side of the unified feed's incremental book.
const BOOK_DEPTH: usize = 500;
/// New connections in a minute.
const CONNECTIONS_PER_MIN_MAX: usize = 30;

/// All of KuCoin.
#[derive(Debug)]
pub(crate) struct Server {
    sessions: BTreeMap<ConnectionId, Session>,
    symbols: BTreeMap<usize, Symbol>,
    next_tick: Timestamp,
    tokens: Tokens,
    connects: Window,
    meter: Meter,
    endpoint: String,
    is_binary: bool,
    breaches: Breaches,
}

/// What has been said about one symbol so far. All connections hear the same.
#[derive(Debug)]
struct Symbol {
    /// Sequence number up to which single changes have been told.
    told: u64,
    touch: (Level, Level),
    has_touch_moved: bool,
    has_book_changed: bool,
    has_ticker_changed: bool,
    has_candle_changed: bool,
    /// The minute of the last candle that was sent.
    candle_at: Timestamp,
    /// The incremental book of the unified feed, once somebody wants it.
    increments: Option<Increments>,
}

/// The best levels as told so far, and what has happened since.
#[derive(Debug)]
struct Increments {
    view: View,
    changes: Vec<Change>,
    /// Sequence number up to which it has been told.
    told: u64,
}

impl Symbol {
    fn new(listing: &Listing) -> Self {
        Self {
            told: listing.sequence(),
            touch: listing.touch(),
            has_touch_moved: false,
            has_book_changed: false,
            has_ticker_changed: false,
            has_candle_changed: false,
            candle_at: listing.tape.running().candle.open_time,
            increments: None,
        }
    }

    fn is_slow_due(&self) -> bool {
        self.has_book_changed || self.has_ticker_changed || self.has_candle_changed
    }
}

impl Server {
    pub(crate) fn new(settings: &SimSettings) -> Self {
        Self {
            sessions: BTreeMap::new(),
            symbols: BTreeMap::new(),
            next_tick: Timestamp::MAX,
            tokens: Tokens::new(settings.seed),
            connects: Window::new(CONNECTIONS_PER_MIN_MAX, 60),
            meter: Meter::default(),
            endpoint: settings.kucoin_endpoint.clone(),
            is_binary: settings.kucoin_binary_frames,
            breaches: Breaches::default(),
        }
    }

    /// Sends what `make` makes to every connection that has the topic of this symbol.
    fn publish(&mut self, at: Timestamp, topic: Topic, symbol: usize, make: impl FnOnce() -> String) {
        let has = |session: &&mut Session| session.has(topic, symbol);
        let mut sessions = self.sessions.values_mut().filter(has).peekable();
        if sessions.peek().is_some() {
            let text = make();
            sessions.for_each(|session| session.send(at, text.clone()));
        }
    }

    fn tick(&mut self, now: Now<'_>) {
        let is_slow = now.at.as_nanos() % SLOW_NS == 0;
        let mut symbols = std::mem::take(&mut self.symbols);
        for (&index, symbol) in &mut symbols {
            let listing = &now.market.listings[index];
            self.send_increments(now.at, index, listing, symbol.increments.as_mut());
            if std::mem::take(&mut symbol.has_touch_moved) {
                self.publish(now.at, Topic::Level1, index, || classic::level1(listing));
                self.publish(now.at, Topic::UnifiedBook(1), index, || unified::book(listing, 1, now.at));
            }
            if is_slow {
                self.send_slow(now.at, index, listing, symbol);
            }
        }
        let is_slow_due = symbols.values().any(Symbol::is_slow_due);
        self.symbols = symbols;
        self.next_tick = if is_slow_due { next_on_grid(now.at, SLOW_NS) } else { Timestamp::MAX };
    }

    fn send_increments(&mut self, at: Timestamp, index: usize, listing: &Listing, increments: Option<&mut Increments>) {
        let Some(Increments { view, changes, told }) = increments else { return };
        let delta = view.update(&listing.book, changes);
        changes.clear();
        if let Some(delta) = delta {
            let sequences = (*told + 1, listing.sequence());
            *told = sequences.1;
            self.publish(at, Topic::UnifiedIncrements, index, || {
                unified::increments(listing, "delta", sequences, &delta, at)
            });
        }
    }

    fn send_slow(&mut self, at: Timestamp, index: usize, listing: &Listing, symbol: &mut Symbol) {
        if std::mem::take(&mut symbol.has_book_changed) {
            for depth in [5, 50] {
                self.publish(at, Topic::Depth(depth), index, || classic::depth(listing, depth));
                self.publish(at, Topic::UnifiedBook(depth), index, || unified::book(listing, depth, at));
            }
        }
        if std::mem::take(&mut symbol.has_ticker_changed) {
            self.publish(at, Topic::Ticker, index, || classic::ticker(listing, false));
            self.publish(at, Topic::AllTickers, index, || classic::ticker(listing, true));
            self.publish(at, Topic::UnifiedTicker, index, || unified::ticker(listing, at));
        }
        if std::mem::take(&mut symbol.has_candle_changed) {
            self.send_candle(at, index, listing, symbol, listing.tape.running(), false);
        }
    }

    /// A candle that is new is added, the empty one before it as well; one that is known is updated.
    fn send_candle(
        &mut self,
        at: Timestamp,
        index: usize,
        listing: &Listing,
        symbol: &mut Symbol,
        minute: &Minute,
        is_over: bool,
    ) {
        let is_new = symbol.candle_at != minute.candle.open_time;
        let empty = listing.tape.last_closed().filter(|before| {
            is_new && !is_over && before.candle.trades == 0 && before.candle.open_time != symbol.candle_at
        });
        if let Some(empty) = empty {
            self.publish(at, Topic::Candles, index, || classic::candle(listing, "add", empty, at));
        }
        let kind = if is_new { "add" } else { "update" };
        self.publish(at, Topic::Candles, index, || classic::candle(listing, kind, minute, at));
        self.publish(at, Topic::UnifiedCandles, index, || unified::candle(listing, minute, is_over, at));
        symbol.candle_at = minute.candle.open_time;
    }

    /// The incremental book begins with all of it, as it was last told.
    fn begin_increments(&mut self, now: Now<'_>, index: usize, id: ConnectionId) {
        let listing = &now.market.listings[index];
        let Some(symbol) = self.symbols.get_mut(&index) else { return };
        let increments = symbol.increments.get_or_insert_with(|| Increments {
            view: View::new(&listing.book, BOOK_DEPTH, Leaving::Told),
            changes: Vec::new(),
            told: listing.sequence(),
        });
        let sequences = (increments.told, increments.told);
        let text = unified::increments(listing, "snapshot", sequences, &increments.view.whole(), now.at);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.send(now.at, text);
        }
    }
}

impl VenueServer for Server {
    /// A path with a token is the classic feed, one without it the unified feed, which has a host of its own at the venue.
    fn connect(&mut self, now: Now<'_>, id: ConnectionId, request: &Request) -> Result<(), Refused> {
        if !self.connects.admit(now.at) {
            self.breaches.add(None, "more than 30 new connections in a minute");
            return Err(Refused { status: 429, reason: "too many connections".to_owned() });
        }
        let session = match request.get("token") {
            None => Session::open_unified(now.at, id, self.is_binary),
            Some(token) => {
                let is_valid = self.tokens.use_up(token, now.at);
                if !is_valid {
                    self.breaches.add(id, "a token that was used before, is too old, or never existed");
                }
                let connect_id = request.get("connectId").map_or_else(|| id.to_string(), str::to_owned);
                Session::open_classic(now.at, &connect_id, is_valid)
            }
        };
        if self.sessions.is_empty() {
            // Nobody has listened: gathering begins here.
            let listings = now.market.of_venue(Venue::Kucoin);
            self.symbols = listings.map(|(index, listing)| (index, Symbol::new(listing))).collect();
        }
        self.sessions.insert(id, session);
        Ok(())
    }

    fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let fresh = session.receive(now, id, text, &mut self.breaches);
        let is_unified = matches!(session.dialect, Dialect::Unified { .. });
        for (topic, index) in fresh.into_iter().filter(|_| is_unified) {
            let listing = &now.market.listings[index];
            match topic {
                Topic::UnifiedIncrements => self.begin_increments(now, index, id),
                Topic::UnifiedBook(depth) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.send(now.at, unified::book(listing, depth, now.at));
                    }
                }
                _ => {}
            }
        }
    }

    fn pong(&mut self, _now: Now<'_>, _id: ConnectionId) {}

    fn disconnect(&mut self, id: ConnectionId) {
        self.sessions.remove(&id);
        if self.sessions.is_empty() {
            self.symbols.clear();
            self.next_tick = Timestamp::MAX;
        }
    }

    fn poll(&mut self, id: ConnectionId, out: &mut Vec<ServerFrame>) -> bool {
        self.sessions.get_mut(&id).is_some_and(|session| session.outbox.poll(out))
    }

    fn http(&mut self, now: Now<'_>, request: &Request) -> HttpAnswer {
        let answer = if self.meter.charge(now.at, weight::of(request)) {
            rest::answer(now, request, &mut self.tokens, &self.endpoint)
        } else {
            self.breaches.add(None, "more request weight than half a minute has");
            rest::refuse(429, "429000", "Too many requests in a short period of time, please retry later")
        };
        self.meter.headers(now.at).into_iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
    }

    fn on_step(&mut self, now: Now<'_>, index: usize, step: &Step) {
        let Some(symbol) = self.symbols.get_mut(&index) else { return };
        let listing = &now.market.listings[index];
        let has_traded = !step.fills.is_empty();
        if step.changes.is_empty() && !has_traded {
            return;
        }
        let first = symbol.told + 1;
        symbol.told = listing.sequence();
        if let Some(increments) = &mut symbol.increments {
            increments.changes.extend_from_slice(&step.changes);
        }
        let touch = listing.touch();
        let has_moved = std::mem::replace(&mut symbol.touch, touch) != touch;
        symbol.has_touch_moved |= has_moved;
        symbol.has_book_changed = true;
        symbol.has_ticker_changed |= has_moved || has_traded;
        symbol.has_candle_changed |= has_traded;
        self.next_tick = self.next_tick.min(next_on_grid(now.at, FAST_NS));
        for fill in &step.fills {
            self.publish(now.at, Topic::Match, index, || classic::matched(listing, fill));
            self.publish(now.at, Topic::UnifiedTrade, index, || unified::trade(listing, fill, now.at));
        }
        self.publish(now.at, Topic::Level2, index, || classic::l2update(listing, first, step));
    }

    /// The last picture of a minute that has changed since it was sent; nothing says that it is the last.
    fn on_minute(&mut self, now: Now<'_>) {
        let mut symbols = std::mem::take(&mut self.symbols);
        for (&index, symbol) in &mut symbols {
            let listing = &now.market.listings[index];
            if let Some(minute) = listing.tape.last_closed().filter(|_| std::mem::take(&mut symbol.has_candle_changed))
            {
                self.send_candle(now.at, index, listing, symbol, minute, true);
            }
        }
        self.symbols = symbols;
    }

    fn next_timer(&self) -> Timestamp {
        self.sessions.values().map(Session::closes_at).fold(self.next_tick, Timestamp::min)
    }

    fn on_timer(&mut self, now: Now<'_>) {
        if self.next_tick <= now.at {
            self.tick(now);
        }
        self.sessions.values_mut().for_each(|session| session.on_timer(now.at));
    }

    fn breaches(&mut self) -> &mut Breaches {
        &mut self.breaches
    }
}
