//! Candles, forecasts, scores and equity: values in time.

use redb::{Error, Table, TableDefinition, WriteTransaction};
use types::effect::{CandleRecord, EquityRecord, ForecastRecord, ScoreRecord};
use types::{InstrumentId, Timeframe};

use super::{Span, State, encoded};
use crate::Result;

type Bytes = &'static [u8];
/// Instrument, minutes of the time frame, open time.
type CandleKey = (u16, u8, i64);
/// Instrument, open time of the last candle seen, horizon in minutes, model.
type ForecastKey = (u16, i64, u16, &'static str);

const CANDLES: TableDefinition<'static, CandleKey, Bytes> = TableDefinition::new("candles");
const FORECASTS: TableDefinition<'static, ForecastKey, Bytes> = TableDefinition::new("forecasts");
const SCORES: TableDefinition<'static, ForecastKey, Bytes> = TableDefinition::new("scores");
const EQUITY: TableDefinition<'static, i64, Bytes> = TableDefinition::new("equity");

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t> {
    candles: Table<'t, CandleKey, Bytes>,
    forecasts: Table<'t, ForecastKey, Bytes>,
    scores: Table<'t, ForecastKey, Bytes>,
    equity: Table<'t, i64, Bytes>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            candles: txn.open_table(CANDLES)?,
            forecasts: txn.open_table(FORECASTS)?,
            scores: txn.open_table(SCORES)?,
            equity: txn.open_table(EQUITY)?,
        })
    }

    pub(super) fn candle(&mut self, candle: &CandleRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (candle.instrument.0, minutes(candle.timeframe), candle.candle.open_time.as_nanos());
        self.candles.insert(key, encoded(candle, scratch))?;
        Ok(())
    }

    pub(super) fn forecast(&mut self, made: &ForecastRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (made.instrument.0, made.open_time.as_nanos(), made.horizon_min, made.model.as_str());
        self.forecasts.insert(key, encoded(made, scratch))?;
        Ok(())
    }

    pub(super) fn score(&mut self, score: &ScoreRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (score.instrument.0, score.open_time.as_nanos(), score.horizon_min, score.model.as_str());
        self.scores.insert(key, encoded(score, scratch))?;
        Ok(())
    }

    pub(super) fn equity(&mut self, equity: &EquityRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.equity.insert(equity.at.as_nanos(), encoded(equity, scratch))?;
        Ok(())
    }
}

impl State {
    /// Candles of an instrument by open time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn candles(&self, instrument: InstrumentId, timeframe: Timeframe, span: Span) -> Result<Vec<CandleRecord>> {
        let key = |at: types::Timestamp| (instrument.0, minutes(timeframe), at.as_nanos());
        self.scan(CANDLES, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// Forecasts of an instrument by the open time of the last candle the model saw, all models and horizons.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn forecasts(&self, instrument: InstrumentId, span: Span) -> Result<Vec<ForecastRecord>> {
        let key = |at: types::Timestamp| (instrument.0, at.as_nanos(), 0, "");
        self.scan(FORECASTS, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// Scores of an instrument by the open time of the last candle the model saw, all models and horizons.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scores(&self, instrument: InstrumentId, span: Span) -> Result<Vec<ScoreRecord>> {
        let key = |at: types::Timestamp| (instrument.0, at.as_nanos(), 0, "");
        self.scan(SCORES, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// The paper account by time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn equity(&self, span: Span) -> Result<Vec<EquityRecord>> {
        self.scan(EQUITY, span, |rows| rows.range(span.from.as_nanos()..span.to.as_nanos()))
    }
}

/// The time frame in a key: its minutes, of which the longest is 60.
const fn minutes(timeframe: Timeframe) -> u8 {
    timeframe.minutes() as u8
}
