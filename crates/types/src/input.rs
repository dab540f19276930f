//! What enters the engine: the journal holds exactly these, in this order.

use serde::{Deserialize, Serialize};

use crate::instrument::{Instrument, InstrumentId};
use crate::market::{BookTop, StaleReason, Ticker, Trade, TradesMissing, TradingStatus, VenueCandle};
use crate::quality::QualityMinute;
use crate::settings::EngineSettings;
use crate::time::Timestamp;

/// An input with its place in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// Position in the journal: one more than the input before, across days and restarts. It orders; times describe.
    pub seq: u64,
    /// When this box received it; never smaller than the one before.
    pub at: Timestamp,
    /// What happened.
    pub input: T,
}

/// Everything that can change the engine's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The program started. Working orders are cancelled and books are stale until they are heard again.
    Boot {
        /// Version of the program.
        version: String,
        /// Everything that affects trading.
        settings: Box<EngineSettings>,
    },
    /// An instrument of the catalogue appeared or changed.
    Instrument(Instrument),
    /// Which model answers from now on; `None` when there is none.
    Model(Option<ModelSpec>),
    /// Whether the wall clock may be believed.
    Clock {
        /// True once time was synchronised.
        synchronised: bool,
    },
    /// A book that holds.
    Book(BookTop),
    /// A book that does not hold any more.
    BookStale {
        /// Whose book.
        instrument: InstrumentId,
        /// Why.
        reason: StaleReason,
    },
    /// A trade.
    Trade(Trade),
    /// A venue's own candle: history before the first trade, and the check of what is built here.
    Candle(VenueCandle),
    /// An answer to [`Effect::Infer`](crate::Effect::Infer).
    Prediction(Prediction),
    /// Time went on (once a second): closes minutes, expires orders.
    Tick,
    /// The user asked for something.
    Command(Command),
    /// A venue's own summary of a market.
    Ticker(Ticker),
    /// How well an instrument was heard in a minute that is over.
    Quality(QualityMinute),
    /// Trades happened that were not heard (yet).
    TradesMissing(TradesMissing),
    /// A venue matches orders for an instrument, or does not any more.
    Status {
        /// Whose.
        instrument: InstrumentId,
        /// What it is now.
        status: TradingStatus,
    },
}

/// What the user may ask the engine for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Allow or stop new paper orders.
    Trading {
        /// True to allow.
        on: bool,
    },
    /// Close the drawdown breaker if it is open; the peak starts again from today's equity.
    ResetBreaker,
}

/// What a model needs and gives, as its manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Identifier: the bundle's digest in hexadecimal.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Feature names in the order of the input's columns.
    pub features: Vec<String>,
    /// Fingerprint of the feature definitions it was trained on (see `engine::feature::fingerprint`).
    pub fingerprint: String,
    /// Rows of its window: minutes of history.
    pub window_min: u16,
    /// Horizons of its outputs, minutes, ascending.
    pub horizons_min: Vec<u16>,
}

/// A model's answer for one instrument and minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Whose forecast.
    pub instrument: InstrumentId,
    /// Open time of the last candle in the window.
    pub open_time: Timestamp,
    /// Which model answered (see [`ModelSpec::id`]).
    pub model: String,
    /// One forecast per horizon, in the model's order. Empty when the model failed.
    pub horizons: Vec<HorizonForecast>,
    /// How much the model looked at each minute of the window, oldest first, summing to one. May be empty.
    pub attention: Vec<f32>,
}

/// A forecast for one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonForecast {
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Expected natural logarithm of price then over price now.
    pub log_return: f32,
    /// Probability that the price then is above the price now.
    pub p_up: f32,
}
