//! What the page knows, and how a message of the box changes it. No browser in here.

use std::collections::VecDeque;

use wire::{
    Book, CANDLES_MAX, Candle, FillMark, Forecasts, Hello, Instrument, Market, Overview, PROTOCOL, Quote,
    ServerMessage, TRADES_MAX, Tick, Trade,
};

/// Most paper fills kept for the chart; the oldest go first.
pub const FILLS_MAX: usize = 500;

/// Everything the page knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Who speaks; `None` before the first connection.
    pub hello: Option<Hello>,
    /// All instruments.
    pub catalogue: Vec<Instrument>,
    /// The box at a glance.
    pub overview: Option<Overview>,
    /// What the page asked to watch: instrument and candle length in minutes.
    pub watched: Option<(u16, u16)>,
    /// The watched market, once it came.
    pub market: Option<MarketState>,
    /// Why the last request was refused, until the user puts it away.
    pub refused: Option<String>,
}

/// One watched market.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketState {
    /// Whose.
    pub instrument: u16,
    /// Length of the candles, minutes.
    pub timeframe_min: u16,
    /// As of.
    pub at_ms: i64,
    /// Closed candles, oldest first, by rising open time, at most [`CANDLES_MAX`].
    pub candles: Vec<Candle>,
    /// The running candle.
    pub running: Option<Candle>,
    /// The book.
    pub book: Book,
    /// Trades, newest first, at most [`TRADES_MAX`], each with a number of its own.
    pub trades: VecDeque<(u64, Trade)>,
    /// Number of the next trade.
    next_trade: u64,
    /// Paper fills, oldest first, at most [`FILLS_MAX`].
    pub fills: Vec<FillMark>,
}

/// A part of [`State`] that is drawn on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`State::hello`].
    Hello,
    /// [`State::catalogue`].
    Catalogue,
    /// [`State::overview`].
    Overview,
    /// Another market, or none: everything in [`State::market`].
    Market,
    /// Candles and fills of the market.
    Candles,
    /// The book of the market.
    Book,
    /// The trades of the market.
    Trades,
    /// [`State::refused`].
    Refused,
}

impl State {
    /// True when the box speaks another protocol than this page: only a reload helps.
    #[must_use]
    pub fn is_out_of_date(&self) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.protocol != PROTOCOL)
    }

    /// The instrument with an index.
    #[must_use]
    pub fn instrument(&self, id: u16) -> Option<&Instrument> {
        self.catalogue.iter().find(|i| i.id == id)
    }

    /// The newest quote of an instrument.
    #[must_use]
    pub fn quote(&self, id: u16) -> Option<&Quote> {
        self.overview.as_ref()?.quotes.iter().find(|q| q.instrument == id)
    }

    /// The forecasts for an instrument.
    #[must_use]
    pub fn forecasts(&self, id: u16) -> Option<&Forecasts> {
        self.overview.as_ref()?.forecasts.iter().find(|f| f.instrument == id)
    }

    /// Asks for another market, or for none. The one shown before goes at once, so that nothing wrong is on screen.
    pub fn watch(&mut self, wanted: Option<(u16, u16)>) {
        self.watched = wanted;
        self.market = None;
    }
}

impl MarketState {
    /// The newest candle, running or closed.
    #[must_use]
    pub fn newest(&self) -> Option<&Candle> {
        self.running.as_ref().or_else(|| self.candles.last())
    }
}

/// Applies one message and tells which parts it changed.
///
/// Messages of another protocol than [`PROTOCOL`] cannot be trusted: after such a [`Hello`] nothing else is taken. Markets and
/// ticks that are not the watched ones (they were under way when the page asked for another) are dropped.
pub fn apply(state: &mut State, message: ServerMessage) -> Vec<Part> {
    if state.is_out_of_date() && !matches!(message, ServerMessage::Hello(_)) {
        return Vec::new();
    }
    match message {
        ServerMessage::Hello(hello) => {
            state.hello = Some(hello);
            vec![Part::Hello]
        }
        ServerMessage::Catalogue(catalogue) => {
            state.catalogue = catalogue;
            vec![Part::Catalogue]
        }
        ServerMessage::Overview(overview) => {
            state.overview = Some(overview);
            vec![Part::Overview]
        }
        ServerMessage::Refused(reason) => {
            state.refused = Some(reason);
            vec![Part::Refused]
        }
        ServerMessage::Market(market) => {
            if state.watched != Some((market.instrument, market.timeframe_min)) {
                return Vec::new();
            }
            state.market = Some(whole(market));
            vec![Part::Market, Part::Candles, Part::Book, Part::Trades]
        }
        ServerMessage::Tick(tick) => match &mut state.market {
            Some(market) if (market.instrument, market.timeframe_min) == (tick.instrument, tick.timeframe_min) => {
                change(market, tick)
            }
            _ => Vec::new(),
        },
    }
}

fn whole(market: Market) -> MarketState {
    let count = market.trades.len().min(TRADES_MAX);
    let mut state = MarketState {
        instrument: market.instrument,
        timeframe_min: market.timeframe_min,
        at_ms: market.at_ms,
        candles: Vec::with_capacity(market.candles.len().min(CANDLES_MAX)),
        running: market.running,
        book: market.book,
        trades: (0..count as u64).rev().zip(market.trades).collect(),
        next_trade: count as u64,
        fills: market.fills,
    };
    for candle in market.candles {
        push_candle(&mut state.candles, candle);
    }
    drop_oldest(&mut state.candles, CANDLES_MAX);
    drop_oldest(&mut state.fills, FILLS_MAX);
    state
}

fn change(market: &mut MarketState, tick: Tick) -> Vec<Part> {
    let mut parts = Vec::with_capacity(3);
    market.at_ms = tick.at_ms;
    if !tick.closed.is_empty() || !tick.fills.is_empty() || tick.running != market.running {
        parts.push(Part::Candles);
    }
    for candle in tick.closed {
        push_candle(&mut market.candles, candle);
    }
    market.running = tick.running;
    market.fills.extend(tick.fills);
    drop_oldest(&mut market.candles, CANDLES_MAX);
    drop_oldest(&mut market.fills, FILLS_MAX);
    if let Some(book) = tick.book {
        market.book = book;
        parts.push(Part::Book);
    }
    if !tick.trades.is_empty() {
        for trade in tick.trades.into_iter().rev() {
            market.trades.push_front((market.next_trade, trade));
            market.next_trade += 1;
        }
        market.trades.truncate(TRADES_MAX);
        parts.push(Part::Trades);
    }
    parts
}

/// Adds a closed candle. One that is there already is replaced; one older than the newest is not taken, because the box
/// sends them in order and a repeated history comes as a whole market.
fn push_candle(candles: &mut Vec<Candle>, candle: Candle) {
    match candles.last_mut() {
        Some(last) if last.open_time_ms == candle.open_time_ms => *last = candle,
        Some(last) if last.open_time_ms > candle.open_time_ms => {}
        _ => candles.push(candle),
    }
}

fn drop_oldest<T>(items: &mut Vec<T>, max: usize) {
    let excess = items.len().saturating_sub(max);
    items.drain(..excess);
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{BookState, CandleKind};

    fn hello(protocol: u32) -> ServerMessage {
        ServerMessage::Hello(Hello { protocol, version: "0.1.0".into(), demo: true })
    }

    fn candle(minute: i64, close: i64) -> Candle {
        let kind = CandleKind::Traded;
        Candle { open_time_ms: minute * 60_000, open: 1, high: close.max(1), low: 1, close, volume: 1, kind }
    }

    fn trade(price: i64) -> Trade {
        Trade { at_ms: 0, price, qty: 1, side: 1 }
    }

    fn book(price: i64) -> Book {
        Book { state: BookState::ProvenSequence, bids: vec![(price, 1)], asks: vec![(price + 1, 1)] }
    }

    fn market(instrument: u16, timeframe_min: u16) -> Market {
        Market {
            instrument,
            timeframe_min,
            at_ms: 1,
            candles: vec![candle(1, 10), candle(2, 20)],
            running: Some(candle(3, 25)),
            book: book(25),
            trades: vec![trade(25), trade(24)],
            fills: Vec::new(),
        }
    }

    fn tick(instrument: u16, timeframe_min: u16) -> Tick {
        Tick {
            instrument,
            timeframe_min,
            at_ms: 2,
            closed: Vec::new(),
            running: Some(candle(3, 25)),
            book: None,
            trades: Vec::new(),
            fills: Vec::new(),
        }
    }

    fn watching() -> State {
        let mut state = State { watched: Some((0, 1)), ..State::default() };
        apply(&mut state, hello(PROTOCOL));
        let parts = apply(&mut state, ServerMessage::Market(market(0, 1)));
        assert_eq!(parts, [Part::Market, Part::Candles, Part::Book, Part::Trades]);
        state
    }

    #[track_caller]
    fn shown(state: &State) -> &MarketState {
        state.market.as_ref().expect("a market is shown")
    }

    #[test]
    fn another_protocol_is_not_read_further() {
        let mut state = State::default();
        apply(&mut state, hello(PROTOCOL + 1));
        assert!(state.is_out_of_date());
        assert_eq!(apply(&mut state, ServerMessage::Refused("no".into())), []);
        assert_eq!(state.refused, None);
        apply(&mut state, hello(PROTOCOL));
        assert!(!state.is_out_of_date());
        assert_eq!(apply(&mut state, ServerMessage::Refused("no".into())), [Part::Refused]);
    }

    #[test]
    fn a_market_nobody_asked_for_is_dropped() {
        let mut state = watching();
        assert_eq!(apply(&mut state, ServerMessage::Market(market(1, 1))), []);
        assert_eq!(apply(&mut state, ServerMessage::Market(market(0, 5))), []);
        assert_eq!(apply(&mut state, ServerMessage::Tick(tick(0, 5))), []);
        assert_eq!(apply(&mut state, ServerMessage::Tick(tick(1, 1))), []);
        assert_eq!(shown(&state).at_ms, 1);
    }

    #[test]
    fn asking_for_another_market_clears_the_old_one() {
        let mut state = watching();
        state.watch(Some((1, 5)));
        assert_eq!(state.market, None);
        assert_eq!(apply(&mut state, ServerMessage::Tick(tick(0, 1))), []);
        apply(&mut state, ServerMessage::Market(market(1, 5)));
        assert_eq!(shown(&state).timeframe_min, 5);
    }

    #[test]
    fn a_tick_names_only_what_it_changed() {
        let mut state = watching();
        assert_eq!(apply(&mut state, ServerMessage::Tick(tick(0, 1))), []);
        assert_eq!(shown(&state).at_ms, 2);
        let moved = Tick { running: Some(candle(3, 26)), ..tick(0, 1) };
        assert_eq!(apply(&mut state, ServerMessage::Tick(moved)), [Part::Candles]);
        let deeper = Tick { book: Some(book(30)), running: Some(candle(3, 26)), ..tick(0, 1) };
        assert_eq!(apply(&mut state, ServerMessage::Tick(deeper)), [Part::Book]);
        assert_eq!(shown(&state).book, book(30));
    }

    #[test]
    fn closed_candles_extend_replace_and_never_go_back() {
        let mut state = watching();
        let closed = vec![candle(2, 21), candle(1, 99), candle(3, 30), candle(5, 31)];
        apply(&mut state, ServerMessage::Tick(Tick { closed, running: None, ..tick(0, 1) }));
        let got: Vec<_> = shown(&state).candles.iter().map(|c| (c.open_time_ms / 60_000, c.close)).collect();
        assert_eq!(got, [(1, 10), (2, 21), (3, 30), (5, 31)]);
        assert_eq!(shown(&state).newest(), Some(&candle(5, 31)));
    }

    #[test]
    fn trades_stay_newest_first_with_lasting_numbers() {
        let mut state = watching();
        apply(&mut state, ServerMessage::Tick(Tick { trades: vec![trade(27), trade(26)], ..tick(0, 1) }));
        let got: Vec<_> = shown(&state).trades.iter().map(|(number, t)| (*number, t.price)).collect();
        assert_eq!(got, [(3, 27), (2, 26), (1, 25), (0, 24)]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut state = watching();
        for minute in 3..4_000 {
            let fills = vec![FillMark { at_ms: minute, price: 1, side: 1 }];
            let trades = vec![trade(minute); 3];
            apply(
                &mut state,
                ServerMessage::Tick(Tick { closed: vec![candle(minute, 5)], trades, fills, ..tick(0, 1) }),
            );
        }
        let market = shown(&state);
        assert_eq!(
            (market.candles.len(), market.trades.len(), market.fills.len()),
            (CANDLES_MAX, TRADES_MAX, FILLS_MAX)
        );
        assert_eq!(market.candles.last().map(|c| c.open_time_ms / 60_000), Some(3_999));
        assert_eq!(market.fills.last().map(|f| f.at_ms), Some(3_999));
    }
}
