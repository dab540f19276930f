//! What the engine wants done. Effects never change engine state by themselves; answers come back as inputs.

use serde::{Deserialize, Serialize};

use crate::account::{AccountId, AccountRecord};
use crate::arbitrage::{ArbitrageRecord, AttemptRecord};
use crate::breaker::BreakerRecord;
use crate::instrument::{Instrument, InstrumentId};
use crate::market::{Candle, CandleSource, Quote, Timeframe, TradingStatus};
use crate::money::{Cash, Position, Price};
use crate::order::{Fill, Order, OrderEnd, OrderId, Refusal};
use crate::quality::{GapRecord, QualityRecord, QuarantineRecord};
use crate::time::Timestamp;
use crate::why::{ArrivalRecord, WhyRecord};

/// Something the engine asks the rest of the box to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Ask the model. The answer comes as [`Input::Answer`](crate::Input::Answer).
    Infer(InferRequest),
    /// Keep this for ever (series and ledger). Writing it twice must give the same as once.
    Record(Record),
    /// Tell the user.
    Notice(Notice),
}

/// The feature window of one instrument at one closed minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InferRequest {
    /// Whose window.
    pub instrument: InstrumentId,
    /// Open time of the last minute in it.
    pub open_time: Timestamp,
    /// Which model is asked.
    pub model: String,
    /// The rows of the model's features, row-major, oldest row first; no value is missing.
    pub window: Vec<f32>,
}

/// A fact worth keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A candle closed, or a closed one has other values.
    Candle(CandleRecord),
    /// A forecast was made, before its outcome exists.
    Forecast(ForecastRecord),
    /// A forecast met its outcome.
    Score(ScoreRecord),
    /// Risk approved an order and it went to the paper venue.
    Order(Order),
    /// Risk refused an order.
    Refused {
        /// What was wanted.
        order: Order,
        /// Why not.
        refusal: Refusal,
    },
    /// A part of an order was filled.
    Fill(Fill),
    /// An order ended.
    OrderEnd {
        /// Which.
        order: OrderId,
        /// How.
        end: OrderEnd,
        /// When.
        at: Timestamp,
    },
    /// The account at a minute's end.
    Equity(EquityRecord),
    /// How well an instrument was heard in a minute.
    Quality(QualityRecord),
    /// An opportunity between exchanges began, grew or ended.
    Arbitrage(Box<ArbitrageRecord>),
    /// Minutes ended without data.
    Gap(GapRecord),
    /// Something implausible was set aside.
    Quarantine(Box<QuarantineRecord>),
    /// A venue matches orders for an instrument, or does not any more.
    Status(StatusRecord),
    /// An instrument's rules were told for the first time, or have changed.
    Rules(Box<RulesRecord>),
    /// An account, for a later version of the program. The newest of each counts.
    Account(Box<AccountRecord>),
    /// What a model said at a time was bound to all that was said before.
    Seal(SealRecord),
    /// What was known when risk approved an order. Comes right after it.
    Why(Box<WhyRecord>),
    /// What an order met when it arrived at the paper venue.
    Arrival(ArrivalRecord),
    /// What came of trying both sides of an opportunity.
    Attempt(Box<AttemptRecord>),
    /// A breaker opened or closed.
    Breaker(BreakerRecord),
}

impl Record {
    /// Whether money hangs on it.
    #[must_use]
    pub const fn is_ledger(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Fill(_) | Self::OrderEnd { .. })
    }
}

/// Rules of an instrument, and since when they are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesRecord {
    /// When they were received.
    pub at: Timestamp,
    /// The rules.
    pub instrument: Instrument,
}

/// Since when a venue matches orders for an instrument, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRecord {
    /// Whose.
    pub instrument: InstrumentId,
    /// When that was received.
    pub at: Timestamp,
    /// What it has been since.
    pub status: TradingStatus,
}

/// A closed candle. A minute may have several, one for each revision; the highest counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandleRecord {
    /// Whose candle.
    pub instrument: InstrumentId,
    /// Its length.
    pub timeframe: Timeframe,
    /// Its values.
    pub candle: Candle,
    /// Where it came from.
    pub source: CandleSource,
    /// `Some(true)` when the venue's own candle has the same open, high, low, close and volume; `None` when there is
    /// nothing to compare with (yet).
    pub agrees: Option<bool>,
    /// How often it got other values: 0 at first, and at first 1 for a minute that had been a gap. Of a longer candle the sum
    /// over its minutes.
    pub revision: u16,
    /// Whether the clock was believed then.
    pub is_clock_set: bool,
    /// Best prices of the proven book when it was known that the minute is over. `None` for longer candles, for a minute that became
    /// known later, and where no book held.
    pub quote: Option<Quote>,
}

/// A link of the chain of forecasts: made when they were, over all their horizons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealRecord {
    /// Its place in the chain, from 1.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Whose forecasts.
    pub instrument: InstrumentId,
    /// Open time of the last candle the model saw.
    pub open_time: Timestamp,
    /// SHA-256 of the link before and the forecasts (`engine::seal` tells the bytes).
    pub link: [u8; 32],
}

/// A forecast as made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastRecord {
    /// Whose forecast.
    pub instrument: InstrumentId,
    /// Open time of the last minute the model saw (of a longer candle its last one).
    pub open_time: Timestamp,
    /// Which model.
    pub model: String,
    /// How far ahead of that minute's end, minutes.
    pub horizon_min: u16,
    /// What its return counts from.
    pub base: Base,
    /// Expected natural log-return.
    pub log_return: f32,
    /// Probability of a rise.
    pub p_up: f32,
    /// Quantiles of the log-return at [`QUANTILES`], rising; empty where the model tells none.
    pub quantiles: Vec<f32>,
}

/// Levels of the quantiles that a model may tell: the median and the ends of the 50 % and the 90 % band.
pub const QUANTILES: [f32; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// The price that a forecast's return counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    /// The last close that the model saw. So it was up to format 4 of the state file; outcomes counted from close to close, too.
    Close(Price),
    /// The middle between the best prices when the minute's close was known. Outcomes count to the same of their minute: the last trade
    /// jumps between bid and ask, and whoever foretells that much has foretold nothing.
    Quote(Quote),
}

impl Base {
    /// The price in price units, times two so that it is whole.
    #[must_use]
    pub const fn doubled(self) -> i128 {
        match self {
            Self::Close(price) => 2 * price.mantissa() as i128,
            Self::Quote(Quote { bid, ask }) => bid.mantissa() as i128 + ask.mantissa() as i128,
        }
    }
}

/// A forecast against what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRecord {
    /// Whose forecast.
    pub instrument: InstrumentId,
    /// Open time of the last candle the model saw.
    pub open_time: Timestamp,
    /// Which model.
    pub model: String,
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Forecast log-return.
    pub log_return: f32,
    /// Log-return that came.
    pub outcome: f32,
}

/// A paper account at a moment, in [`ACCOUNT_CURRENCY`](crate::account::ACCOUNT_CURRENCY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquityRecord {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// Cash not in positions.
    pub cash: Cash,
    /// Cash and positions at the mid price, after fees paid so far.
    pub equity: Cash,
    /// What the account that buys once and holds is worth at the same moment.
    pub hold: Cash,
    /// Fees paid since the start.
    pub fees: Cash,
    /// Open positions.
    pub positions: Vec<(InstrumentId, Position)>,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is wrong and may heal by itself.
    Warning,
    /// Something needs the user.
    Alarm,
}

/// What happened, where, since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// When.
    pub at: Timestamp,
    /// Where, if it concerns one instrument.
    pub instrument: Option<InstrumentId>,
    /// One sentence for people.
    pub text: String,
}

/// Effects of one input, in order. Reused between inputs so that the steady path does not allocate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Adds a record.
    pub fn record(&mut self, record: Record) {
        self.0.push(Effect::Record(record));
    }

    /// Forgets all, keeping the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes all out in order, keeping the room.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.0.drain(..)
    }

    /// All in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Effect] {
        &self.0
    }
}
