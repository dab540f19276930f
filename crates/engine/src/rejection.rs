//! Input the engine did not use, counted by reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{InstrumentId, Timestamp};

/// Why an input was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejection {
    /// Its sequence number is not above that of the input before.
    SeqNotIncreasing,
    /// Its time is before that of the input before.
    TimeBackwards,
    /// Its time is before 1970 or after [`TIME_MAX`](crate::TIME_MAX).
    TimeImpossible,
    /// The first input must be [`Input::Boot`](types::Input::Boot).
    BeforeBoot,
    /// The catalogue does not hold its instrument.
    UnknownInstrument,
    /// The instrument's own rules make no sense (a step of zero, too many decimals).
    InstrumentInvalid,
    /// The catalogue holds [`INSTRUMENTS_MAX`](crate::market::INSTRUMENTS_MAX) instruments already.
    CatalogueFull,
    /// A known instrument came with another venue, symbol, currency or scale; that needs an id of its own.
    InstrumentChanged,
    /// Best bid at or above best ask.
    BookCrossed,
    /// Levels out of order or doubled.
    BookUnsorted,
    /// A level without quantity.
    BookEmptyLevel,
    /// More levels than [`LEVELS_MAX`](crate::book::LEVELS_MAX) on a side.
    BookTooDeep,
    /// A trade of nothing.
    TradeEmpty,
    /// A trade of a minute that closed too long ago.
    TradeLate,
    /// A trade of a minute that lies in the future by this box's clock.
    TradeEarly,
    /// A candle whose high, low, open and close contradict one another, or which does not start at a minute.
    CandleInvalid,
    /// A candle of a minute that lies in the future by this box's clock.
    CandleEarly,
    /// The model's description makes no sense (no feature, no window, no horizon, or too many).
    ModelInvalid,
    /// The model was trained on features that are not this engine's.
    ModelFingerprint,
    /// The answer of a model that is not the present one.
    PredictionModel,
    /// The answer came after the next minute had closed.
    PredictionLate,
    /// The answer to a question that is not open.
    PredictionUnasked,
    /// The model could not answer.
    PredictionFailed,
    /// Not finite, no probability, or other horizons than the model has.
    PredictionInvalid,
    /// A row of the quality ledger that is no minute of its own after the one before.
    QualityInvalid,
    /// A trade that was taken before.
    TradeDoubled,
    /// A candle that is called final and is not.
    CandleUnfinished,
    /// A book far from all prices that are believed; it waits for confirmation.
    BookImplausible,
    /// A trade far from all prices that are believed; it waits for confirmation.
    TradeImplausible,
    /// A candle far from all prices that are believed; it waits for confirmation.
    CandleImplausible,
    /// A venue's summary far from all prices that are believed.
    TickerImplausible,
    /// A mood that contradicts itself, of the future, or not newer than the one before.
    MoodInvalid,
}

impl Rejection {
    /// The reason in a few words for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::SeqNotIncreasing => "sequence number not increasing",
            Self::TimeBackwards => "time going backwards",
            Self::TimeImpossible => "impossible time",
            Self::BeforeBoot => "before the first start",
            Self::UnknownInstrument => "unknown instrument",
            Self::InstrumentInvalid => "instrument with impossible rules",
            Self::CatalogueFull => "catalogue full",
            Self::InstrumentChanged => "instrument changed its scale or name",
            Self::BookCrossed => "crossed book",
            Self::BookUnsorted => "book out of order",
            Self::BookEmptyLevel => "book level without quantity",
            Self::BookTooDeep => "book too deep",
            Self::TradeEmpty => "trade of nothing",
            Self::TradeLate => "late trade",
            Self::TradeEarly => "trade from the future",
            Self::CandleInvalid => "candle that contradicts itself",
            Self::CandleEarly => "candle from the future",
            Self::ModelInvalid => "model without a usable description",
            Self::ModelFingerprint => "model made for other features",
            Self::PredictionModel => "forecast of another model",
            Self::PredictionLate => "late forecast",
            Self::PredictionUnasked => "forecast nobody asked for",
            Self::PredictionFailed => "model failed",
            Self::PredictionInvalid => "forecast that is not a number",
            Self::QualityInvalid => "quality row out of order",
            Self::TradeDoubled => "trade taken before",
            Self::CandleUnfinished => "final candle that is not finished",
            Self::BookImplausible => "implausible book",
            Self::TradeImplausible => "implausible trade",
            Self::CandleImplausible => "implausible candle",
            Self::TickerImplausible => "implausible ticker",
            Self::MoodInvalid => "mood of the news that makes no sense",
        }
    }
}

/// How often one reason was counted, and the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How often since the first start.
    pub count: u64,
    /// The last time.
    pub last_at: Timestamp,
    /// The instrument of the last one, if it had one.
    pub last_instrument: Option<InstrumentId>,
}

/// Tallies by reason; as many at most as there are reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejections(BTreeMap<Rejection, Tally>);

impl Rejections {
    /// Counts one.
    pub fn count(&mut self, reason: Rejection, at: Timestamp, instrument: Option<InstrumentId>) {
        let tally = self.0.entry(reason).or_insert(Tally { count: 0, last_at: at, last_instrument: instrument });
        tally.count = tally.count.saturating_add(1);
        tally.last_at = at;
        tally.last_instrument = instrument;
    }

    /// How often `reason` was counted.
    #[must_use]
    pub fn of(&self, reason: Rejection) -> u64 {
        self.0.get(&reason).map_or(0, |tally| tally.count)
    }

    /// All reasons that were counted, in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Rejection, &Tally)> {
        self.0.iter().map(|(reason, tally)| (*reason, tally))
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |sum, tally| sum.saturating_add(tally.count))
    }
}
