use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Version of these messages. Changed with every change of their shape.
pub const PROTOCOL: u32 = 7;
/// Path of the WebSocket.
pub const SOCKET_PATH: &str = "/ws";
/// Largest message a browser may send, bytes.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1024;
/// Most closed candles in a [`Market`]; the page keeps no more either.
pub const CANDLES_MAX: usize = 1500;
/// Most trades in a [`Market`]; the page keeps no more either.
pub const TRADES_MAX: usize = 50;
/// Most events in an [`Overview`].
pub const EVENTS_MAX: usize = 20;
/// Most opportunities between exchanges in an [`Overview`].
pub const OPPORTUNITIES_MAX: usize = 3;

/// What the box tells a browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// First message on every socket.
    Hello(Hello),
    /// All instruments, whenever one appeared or changed.
    Catalogue(Vec<Instrument>),
    /// The whole box at a glance; at most twice a second.
    Overview(Overview),
    /// Everything about one instrument, in answer to [`ClientMessage::Watch`].
    Market(Market),
    /// What changed for a watched instrument; at most ten times a second.
    Tick(Tick),
    /// A request of this browser was not carried out: one sentence that says what and why.
    Refused(String),
}

/// Who is speaking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the server.
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// True when the market is the built-in simulation.
    pub demo: bool,
}

/// One pair on one venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Index used by all other messages.
    pub id: u16,
    /// Name of the venue for people.
    pub venue: String,
    /// Pair in canonical spelling, `BTC/USDT`.
    pub pair: String,
    /// Digits of its prices.
    pub price_decimals: u8,
    /// Digits of its quantities.
    pub qty_decimals: u8,
    /// Smallest price step in price units.
    pub tick: u64,
}

/// How a book stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookState {
    /// Checksum matches.
    ProvenChecksum,
    /// Sequence is whole.
    ProvenSequence,
    /// Agreed with a fresh snapshot.
    Compared,
    /// Waiting for the first snapshot, or for a new one after a fault.
    Resyncing,
    /// Nothing heard.
    Silent,
}

/// One venue's connection and books.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedBadge {
    /// Name of the venue.
    pub venue: String,
    /// True while the socket is up.
    pub connected: bool,
    /// Books that hold, of `books`.
    pub books_live: u16,
    /// Books wanted.
    pub books: u16,
    /// State of the worst book.
    pub state: BookState,
    /// Times a book had to be fetched again after a fault, since start.
    pub resyncs: u64,
    /// Messages refused since start.
    pub rejected: u64,
    /// Age of the newest frame, milliseconds; `None` before the first.
    pub age_ms: Option<u32>,
    /// Share of the last 24 hours (or since the first minute, while that is less) in which its books were proven, parts per
    /// million, the mean over its pairs; `None` before the first minute.
    pub proven_ppm: Option<u32>,
    /// The last time one of its books stopped to hold.
    pub last_break: Option<BookBreak>,
    /// The venue's clock minus the box's, milliseconds, while that is half a second or more.
    pub clock_ahead_ms: Option<i32>,
}

/// A book that stopped to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookBreak {
    /// When.
    pub at_ms: i64,
    /// Whose book, `BTC/USDT`.
    pub pair: String,
    /// Why, in a few words.
    pub why: String,
}

/// The verdict on a forecast's skill. Only three words exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The interval lies below zero.
    Worse,
    /// The interval holds zero, or there is too little to tell.
    NotProven,
    /// The interval lies above zero.
    Better,
}

/// A forecast horizon: the newest forecast and its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonCard {
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Newest forecast, if there is one that is not out of date.
    pub forecast: Option<ForecastPoint>,
    /// Scored forecasts in the window (the last seven days at most).
    pub scored: u32,
    /// When the oldest of them was made; `None` while nothing is scored.
    pub since_ms: Option<i64>,
    /// 1 - (mean absolute error / mean absolute error of "no change"); `None` while nothing is scored.
    pub skill: Option<f32>,
    /// 95 % interval of the skill; `None` while it cannot be told.
    pub interval: Option<(f32, f32)>,
    /// Verdict over the interval.
    pub verdict: Verdict,
}

/// One forecast with its bands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastPoint {
    /// Open time of the last minute the model saw.
    pub open_time_ms: i64,
    /// Close the model saw.
    pub price: i64,
    /// Expected natural log-return.
    pub log_return: f32,
    /// Probability of a rise.
    pub p_up: f32,
    /// Half-width of the 50 % band, log-return; `None` while nothing can be said.
    pub band_50: Option<f32>,
    /// Half-width of the 90 % band.
    pub band_90: Option<f32>,
    /// What the bands rest on.
    pub bands_from: BandSource,
}

/// What a forecast's bands rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BandSource {
    /// The model's own past errors at this horizon.
    Errors,
    /// Too few of those yet: the volatility of the last hour, scaled by the square root of the horizon.
    Volatility,
}

/// Forecasts for one instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecasts {
    /// Whose.
    pub instrument: u16,
    /// Why there is no forecast just now, one sentence; empty when there is one.
    pub missing: String,
    /// One card per horizon, shortest first.
    pub horizons: Vec<HorizonCard>,
    /// Recent closes, oldest first, for the small picture.
    pub closes: Vec<i64>,
}

/// An open paper position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRow {
    /// What is held.
    pub instrument: u16,
    /// How much, signed, in quantity units.
    pub qty: i64,
    /// Average entry price in price units.
    pub entry: i64,
    /// Profit or loss at the mid price after entry fees, cash.
    pub pnl: i64,
}

/// The paper account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Cash and positions at mid.
    pub equity: i64,
    /// Money it started with.
    pub start: i64,
    /// Gain since 00:00 UTC.
    pub today: i64,
    /// Trades (filled orders) since 00:00 UTC.
    pub trades_today: u32,
    /// Fees paid since 00:00 UTC.
    pub fees_today: i64,
    /// Fall from the peak, parts per million.
    pub drawdown_ppm: u32,
    /// Limit of that fall.
    pub drawdown_max_ppm: u32,
    /// Loss since 00:00 UTC, parts per million of the equity then; 0 after a gain.
    pub daily_loss_ppm: u32,
    /// Limit of that loss.
    pub daily_loss_max_ppm: u32,
    /// True when a breaker stopped trading.
    pub breaker_open: bool,
    /// True when new orders are allowed.
    pub trading: bool,
    /// Open positions.
    pub positions: Vec<PositionRow>,
    /// (time, equity, buy and hold) at minute ends, oldest first, thinned to a few hundred points.
    pub curve: Vec<(i64, i64, i64)>,
}

/// Where an instrument trades just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Whose.
    pub instrument: u16,
    /// How its book stands. Prices of a book that does not hold are the last ones that did.
    pub state: BookState,
    /// Best bid and best ask; `None` before the first book that held.
    pub best: Option<(i64, i64)>,
    /// Change of the mid against the oldest close of the last 24 hours; `None` without one.
    pub change: Option<Change>,
}

/// A relative change of price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Parts per million.
    pub ppm: i32,
    /// Over how many minutes, at most 1440.
    pub minutes: u16,
}

/// Price differences between exchanges that would pay the taker fees of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arbitrage {
    /// Whether exchanges are compared.
    pub enabled: bool,
    /// Pairs of books that are proven and fresh.
    pub compared: u32,
    /// Pairs of books that would be compared if they were.
    pub waiting: u32,
    /// Opportunities there just now, the most profitable first, at most [`OPPORTUNITIES_MAX`].
    pub open: Vec<Opportunity>,
    /// How many are there.
    pub open_count: u32,
    /// The two books that come nearest to paying both fees; `None` while nothing is compared.
    pub nearest: Option<Gap>,
    /// What ended since 00:00 UTC.
    pub today: ArbitrageDay,
}

/// An opportunity that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opportunity {
    /// Where base is bought.
    pub buy: u16,
    /// Where it is sold.
    pub sell: u16,
    /// Since when.
    pub opened_at_ms: i64,
    /// What is left at the best prices after both fees, hundredths of a basis point.
    pub net_cbps: u32,
    /// The most profitable quantity.
    pub qty: u64,
    /// Digits of the quantity.
    pub qty_decimals: u8,
    /// What it costs, fee included.
    pub cost: i64,
    /// What is left of selling it after the fee.
    pub profit: i64,
    /// The currency of cost and profit.
    pub currency: String,
}

/// What the best prices of two books leave after both fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where base would be bought.
    pub buy: u16,
    /// Where it would be sold.
    pub sell: u16,
    /// Hundredths of a basis point; below zero what is missing.
    pub net_cbps: i32,
}

/// Opportunities of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrageDay {
    /// How many ended.
    pub count: u64,
    /// How long the longest lasted.
    pub longest_ms: u64,
    /// Most that was left at the best prices, hundredths of a basis point.
    pub peak_cbps: u32,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at_ms: i64,
    /// 0 information, 1 warning, 2 alarm.
    pub severity: u8,
    /// One sentence.
    pub text: String,
}

/// How the box is as a whole, the least grave first. Of several that hold the gravest is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lamp {
    /// Everything runs.
    #[default]
    Healthy,
    /// It is being updated.
    Updating,
    /// New orders are switched off.
    Paused,
    /// A connection or a book does not hold.
    Unproven,
    /// Something needs the user.
    NeedsYou,
    /// No book of any exchange holds.
    NoMarket,
    /// A breaker stopped trading.
    Breaker,
}

impl Lamp {
    /// All levels, in their order.
    pub const ALL: [Self; 7] =
        [Self::Healthy, Self::Updating, Self::Paused, Self::Unproven, Self::NeedsYou, Self::NoMarket, Self::Breaker];

    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Updating => "updating",
            Self::Paused => "paused",
            Self::Unproven => "unproven",
            Self::NeedsYou => "needs_you",
            Self::NoMarket => "no_market",
            Self::Breaker => "breaker",
        }
    }

    /// The level in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Updating => "Updating",
            Self::Paused => "Trading paused",
            Self::Unproven => "Unproven feed",
            Self::NeedsYou => "Needs you",
            Self::NoMarket => "No market",
            Self::Breaker => "Breaker open",
        }
    }
}

/// The colours of the lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LampColour {
    /// All is well.
    Green,
    /// It goes on, but not all of it.
    Amber,
    /// It does not go on.
    Red,
}

/// Something about the box that is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Condition {
    /// `clock`, `disk`, `feeds` and so on: always the same for the same matter.
    pub name: String,
    /// What the lamp shows of it.
    pub lamp: Lamp,
    /// Since when.
    pub since_ms: i64,
    /// What is so, one sentence.
    pub text: String,
    /// What to do about it, one sentence.
    pub advice: String,
}

/// The box at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// As of.
    pub at_ms: i64,
    /// One sentence of state, written by rules.
    pub sentence: String,
    /// What the lamp shows.
    pub lamp: Lamp,
    /// What is not as it should be, the gravest first.
    pub conditions: Vec<Condition>,
    /// Name of the model; empty without one.
    pub model: String,
    /// One quote per instrument of the catalogue.
    pub quotes: Vec<Quote>,
    /// The venues.
    pub feeds: Vec<FeedBadge>,
    /// The account.
    pub account: Account,
    /// Forecasts by instrument.
    pub forecasts: Vec<Forecasts>,
    /// Price differences between exchanges.
    pub arbitrage: Arbitrage,
    /// Newest events first, at most [`EVENTS_MAX`].
    pub events: Vec<Event>,
    /// Seconds since start.
    pub uptime_s: u64,
}

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Candle {
    /// Start of the interval.
    pub open_time_ms: i64,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Base volume.
    pub volume: u64,
    /// What is known of how it came to be. An interval without any data has no candle.
    pub kind: CandleKind,
}

/// How a candle came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CandleKind {
    /// From trades, as they happened.
    #[default]
    Traded,
    /// Nothing was traded: the close before it, repeated.
    Quiet,
    /// It was missing or had other values at first.
    Repaired,
    /// The sum of the shorter candles that are known; others of its time are not.
    Partial,
}

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// When, by the venue.
    pub at_ms: i64,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub qty: u64,
    /// 1 a buyer crossed the spread, -1 a seller, 0 unknown.
    pub side: i8,
}

/// A paper fill of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillMark {
    /// When.
    pub at_ms: i64,
    /// Price.
    pub price: i64,
    /// 1 bought, -1 sold.
    pub side: i8,
}

/// The best levels of a book: (price, quantity), best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// How it stands. Levels of a book that does not hold are not shown as live.
    pub state: BookState,
    /// Bids, highest first.
    pub bids: Vec<(i64, u64)>,
    /// Asks, lowest first.
    pub asks: Vec<(i64, u64)>,
}

/// Everything about one instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Market {
    /// Whose.
    pub instrument: u16,
    /// Length of its candles, minutes.
    pub timeframe_min: u16,
    /// As of.
    pub at_ms: i64,
    /// Closed candles, oldest first, at most [`CANDLES_MAX`].
    pub candles: Vec<Candle>,
    /// The running candle.
    pub running: Option<Candle>,
    /// The book.
    pub book: Book,
    /// Newest first, at most [`TRADES_MAX`].
    pub trades: Vec<Trade>,
    /// Paper fills in the candles' range.
    pub fills: Vec<FillMark>,
}

/// What changed for one instrument since the last tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Whose.
    pub instrument: u16,
    /// Length of its candles, minutes.
    pub timeframe_min: u16,
    /// As of.
    pub at_ms: i64,
    /// Candles that closed.
    pub closed: Vec<Candle>,
    /// The running candle.
    pub running: Option<Candle>,
    /// The book, if it changed.
    pub book: Option<Book>,
    /// New trades, newest first.
    pub trades: Vec<Trade>,
    /// New paper fills.
    pub fills: Vec<FillMark>,
}

/// What a browser may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// Send this instrument's market from now on instead of the one before.
    Watch {
        /// Which.
        instrument: u16,
        /// Length of the candles, minutes: 1, 5, 15 or 60.
        timeframe_min: u16,
    },
    /// Send the overview only.
    Unwatch,
    /// Allow or stop new paper orders.
    Trading {
        /// True to allow.
        on: bool,
    },
}

/// A message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of protocol {PROTOCOL}")]
pub struct DecodeError;

/// Encodes a message.
#[must_use]
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    postcard::to_allocvec(message).expect("wire messages hold nothing that postcard cannot encode")
}

/// Decodes a message.
///
/// # Errors
/// [`DecodeError`] when the bytes are not exactly one message.
pub fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, DecodeError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(DecodeError),
    }
}

/// Decodes a message that borrows nothing.
///
/// # Errors
/// As [`decode`].
pub fn decode_owned<M: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<M, DecodeError> {
    decode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_do_not_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            let _ = decode::<ServerMessage>(&bytes);
            let _ = decode::<ClientMessage>(&bytes);
        });
    }

    #[test]
    fn a_message_is_read_back_and_nothing_may_follow_it() {
        let watch = ClientMessage::Watch { instrument: 3, timeframe_min: 15 };
        let mut bytes = encode(&watch);
        assert_eq!(decode(&bytes), Ok(watch));
        bytes.push(0);
        assert_eq!(decode::<ClientMessage>(&bytes), Err(DecodeError));
    }
}
