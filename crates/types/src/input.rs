//! What enters the engine: the journal holds exactly these, in this order.

use serde::{Deserialize, Serialize};

use crate::effect::Severity;
use crate::instrument::{Instrument, InstrumentId};
use crate::market::{
    BookTop, Candle, StaleReason, Ticker, Timeframe, Trade, TradesMissing, TradingStatus, VenueCandle,
};
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
    /// Which model answers from now on, alone and for everything; `None` when there is none. Written before there was
    /// [`Input::Models`].
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
    /// An answer to [`Effect::Infer`](crate::Effect::Infer). Written before there was [`Input::Answer`].
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
    /// Which models answer from now on.
    Models {
        /// The models.
        seats: Vec<ModelSeat>,
        /// Why it changed, for the user; `None` where nobody needs to be told.
        news: Option<(Severity, String)>,
    },
    /// An answer to [`Effect::Infer`](crate::Effect::Infer).
    Answer(Answer),
    /// Longer candles of before the minutes that are known here.
    History(History),
    /// How much was written lately, and how it sounds.
    Mood(Mood),
}

/// What the user may ask the engine for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Allow or stop new paper orders.
    Trading {
        /// True to allow.
        on: bool,
    },
    /// Close all breakers that are open, that of the drawdown too: its peak starts again from today's equity.
    ResetBreaker,
    /// Close all positions, and open no new ones.
    Flatten,
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
    /// Rows of its window, one for each candle.
    pub rows: u16,
    /// Horizons of its outputs, minutes, ascending.
    pub horizons_min: Vec<u16>,
}

/// A model and what it is there for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSeat {
    /// What it needs and gives.
    pub spec: ModelSpec,
    /// Length of the candles that its rows are made of.
    pub timeframe: Timeframe,
    /// Whether its forecasts are acted on.
    pub role: ModelRole,
    /// The instruments it answers for; empty for all.
    pub instruments: Vec<InstrumentId>,
}

impl ModelSeat {
    /// A model of minutes that answers for everything.
    #[must_use]
    pub const fn alone(spec: ModelSpec) -> Self {
        Self { spec, timeframe: Timeframe::M1, role: ModelRole::Active, instruments: Vec::new() }
    }

    /// Whether it answers for an instrument.
    #[must_use]
    pub fn covers(&self, instrument: InstrumentId) -> bool {
        self.instruments.is_empty() || self.instruments.contains(&instrument)
    }
}

/// What the forecasts of a model are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelRole {
    /// They are shown and acted on. Of several active models the first one that tells a horizon counts.
    Active,
    /// They are sealed and scored, and nothing hangs on them.
    Shadow,
}

/// A model's answer for one instrument and minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Whose forecast.
    pub instrument: InstrumentId,
    /// Open time of the last minute in the window.
    pub open_time: Timestamp,
    /// Which model answered (see [`ModelSpec::id`]).
    pub model: String,
    /// One forecast per horizon, in the model's order. Empty when the model failed.
    pub horizons: Vec<HorizonAnswer>,
    /// What the model would do, where it tells.
    pub decision: Option<Decision>,
    /// How much the model looked at each row of the window, oldest first, summing to one. May be empty.
    pub attention: Vec<f32>,
    /// How long the model took, microseconds.
    pub took_us: u32,
}

/// A forecast for one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonAnswer {
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Expected natural logarithm of price then over price now.
    pub log_return: f32,
    /// Probability that the price then is above the price now.
    pub p_up: f32,
    /// Quantiles of the log-return at [`QUANTILES`](crate::effect::QUANTILES), rising; empty where the model tells none.
    pub quantiles: Vec<f32>,
}

/// What a model would do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Probabilities of the three actions, summing to one.
    pub sell: f32,
    /// To leave things as they are.
    pub hold: f32,
    /// To buy.
    pub buy: f32,
    /// Share of the equity that it would put in, 0 to 0.25.
    pub size: f32,
    /// Expected standard deviation of the log-return at the longest horizon.
    pub risk: f32,
}

impl From<Prediction> for Answer {
    fn from(told: Prediction) -> Self {
        let Prediction { instrument, open_time, model, horizons, attention } = told;
        let horizon = |HorizonForecast { horizon_min, log_return, p_up }| HorizonAnswer {
            horizon_min,
            log_return,
            p_up,
            quantiles: Vec::new(),
        };
        let horizons = horizons.into_iter().map(horizon).collect();
        Self { instrument, open_time, model, horizons, decision: None, attention, took_us: 0 }
    }
}

/// Longer candles of the past, for features that look back further than the minutes that are known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Whose.
    pub instrument: InstrumentId,
    /// Their length.
    pub timeframe: Timeframe,
    /// By open time, rising; all of them over.
    pub candles: Vec<Candle>,
}

/// How much was written lately about each currency, and how it sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// The end of the spans: only what could be known then is in it.
    pub as_of: Timestamp,
    /// Whose scores these are: `lexicon`, `finbert` or `ollama`.
    pub scorer: String,
    /// By currency, rising, those too of which nothing was written. Of any other nothing is known.
    pub currencies: Vec<CurrencyMood>,
}

/// The same of one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurrencyMood {
    /// `BTC`.
    pub currency: String,
    /// The hour up to [`Mood::as_of`].
    pub hour: Said,
    /// The day up to then.
    pub day: Said,
}

/// What was written in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Items, scored or not.
    pub items: u32,
    /// Those that have a score.
    pub scored: u32,
    /// Their mean, -1 (bad news) to 1; `None` without any.
    pub mean: Option<f32>,
    /// Their sample standard deviation; `None` for fewer than two.
    pub dispersion: Option<f32>,
}

/// A model's answer as it was written before there was [`Answer`].
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

/// A forecast of a [`Prediction`] for one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonForecast {
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Expected natural logarithm of price then over price now.
    pub log_return: f32,
    /// Probability that the price then is above the price now.
    pub p_up: f32,
}
