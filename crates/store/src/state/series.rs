//! Candles, forecasts, scores and equity: values in time.

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use types::effect::{Base, CandleRecord, EquityRecord, ForecastRecord, ScoreRecord, SealRecord};
use types::{AccountId, InstrumentId, Timeframe, Timestamp};

use super::{Span, State, encoded};
use crate::Result;

type Bytes = &'static [u8];
/// Instrument, minutes of the time frame, open time.
pub(super) type CandleKey = (u16, u8, i64);
/// The same and the revision.
pub(super) type RevisionKey = (u16, u8, i64, u16);
/// Instrument, open time of the last candle seen, model.
pub(super) type ForecastKey = (u16, i64, &'static str);

/// The highest revision of each candle.
pub(super) const CANDLES: TableDefinition<'static, CandleKey, Bytes> = TableDefinition::new("candles");
/// The revisions before it.
pub(super) const REVISIONS: TableDefinition<'static, RevisionKey, Bytes> = TableDefinition::new("revisions");
/// What a model said at a time for all horizons, and what came.
pub(super) const FORECASTS: TableDefinition<'static, ForecastKey, Bytes> = TableDefinition::new("forecasts_by_time");
/// The chain of forecasts.
pub(super) const SEALS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("seals");
/// Account, when.
pub(super) type EquityKey = (u8, i64);
pub(super) const EQUITY: TableDefinition<'static, EquityKey, Bytes> = TableDefinition::new("equity_by_account");

/// What a model said at a time, without what its row's key says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) base: Base,
    /// The shortest first.
    pub(super) horizons: Vec<Horizon>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Horizon {
    pub(super) minutes: u16,
    pub(super) log_return: f32,
    pub(super) p_up: f32,
    pub(super) quantiles: Vec<f32>,
    pub(super) outcome: Option<f32>,
}

/// A forecast and, once it is known, what came.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredForecast {
    /// As made.
    pub forecast: ForecastRecord,
    /// Natural log-return that came; `None` until then.
    pub outcome: Option<f32>,
}

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t> {
    candles: Table<'t, CandleKey, Bytes>,
    revisions: Table<'t, RevisionKey, Bytes>,
    forecasts: Table<'t, ForecastKey, Bytes>,
    equity: Table<'t, EquityKey, Bytes>,
    seals: Table<'t, u64, Bytes>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            candles: txn.open_table(CANDLES)?,
            revisions: txn.open_table(REVISIONS)?,
            forecasts: txn.open_table(FORECASTS)?,
            equity: txn.open_table(EQUITY)?,
            seals: txn.open_table(SEALS)?,
        })
    }

    /// The highest revision counts; lower ones are kept beside it, whatever the order they are written in.
    pub(super) fn candle(&mut self, candle: &CandleRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let (instrument, minutes) = (candle.instrument.0, minutes(candle.timeframe));
        let open_time = candle.candle.open_time.as_nanos();
        let key = (instrument, minutes, open_time);
        let known = self.candles.get(key)?.map(|known| known.value().to_vec());
        let known_revision = known.as_deref().map_or(Ok(candle.revision), revision);
        let known_revision = known_revision.map_err(|e| Error::Corrupted(format!("a candle: {e}")))?;
        if candle.revision < known_revision {
            self.revisions.insert((instrument, minutes, open_time, candle.revision), encoded(candle, scratch))?;
            return Ok(());
        }
        if let Some(known) = known.filter(|_| known_revision < candle.revision) {
            self.revisions.insert((instrument, minutes, open_time, known_revision), known.as_slice())?;
        }
        self.candles.insert(key, encoded(candle, scratch))?;
        Ok(())
    }

    pub(super) fn forecast(&mut self, made: &ForecastRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (made.instrument.0, made.open_time.as_nanos(), made.model.as_str());
        let mut said = self.said(key)?.unwrap_or(Said { base: made.base, horizons: Vec::new() });
        said.base = made.base;
        let ForecastRecord { log_return, p_up, horizon_min: minutes, .. } = *made;
        let horizon = |outcome| Horizon { minutes, log_return, p_up, quantiles: made.quantiles.clone(), outcome };
        let horizons = &mut said.horizons;
        match horizons.binary_search_by_key(&minutes, |horizon| horizon.minutes) {
            Ok(at) => horizons[at] = horizon(horizons[at].outcome),
            Err(at) => horizons.insert(at, horizon(None)),
        }
        self.forecasts.insert(key, encoded(&said, scratch))?;
        Ok(())
    }

    /// What came of a forecast. One whose forecast is not here (it was made before the oldest day from which the file was made
    /// again) is passed over.
    pub(super) fn score(&mut self, score: &ScoreRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (score.instrument.0, score.open_time.as_nanos(), score.model.as_str());
        let Some(mut said) = self.said(key)? else { return Ok(()) };
        if let Ok(at) = said.horizons.binary_search_by_key(&score.horizon_min, |horizon| horizon.minutes) {
            said.horizons[at].outcome = Some(score.outcome);
            self.forecasts.insert(key, encoded(&said, scratch))?;
        }
        Ok(())
    }

    fn said(&self, key: (u16, i64, &str)) -> std::result::Result<Option<Said>, Error> {
        self.forecasts.get(key)?.map(|row| postcard::from_bytes(row.value()).map_err(unreadable)).transpose()
    }

    pub(super) fn seal(&mut self, seal: &SealRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.seals.insert(seal.number, encoded(seal, scratch))?;
        Ok(())
    }

    pub(super) fn equity(&mut self, equity: &EquityRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.equity.insert((equity.account.0, equity.at.as_nanos()), encoded(equity, scratch))?;
        Ok(())
    }
}

impl State {
    /// Candles of an instrument by open time, each in its highest revision.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn candles(&self, instrument: InstrumentId, timeframe: Timeframe, span: Span) -> Result<Vec<CandleRecord>> {
        let key = |at: Timestamp| (instrument.0, minutes(timeframe), at.as_nanos());
        self.scan(CANDLES, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// All revisions of one candle, the first one first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn revisions(
        &self,
        instrument: InstrumentId,
        timeframe: Timeframe,
        open_time: Timestamp,
    ) -> Result<Vec<CandleRecord>> {
        let after = Timestamp::from_nanos(open_time.as_nanos().saturating_add(1));
        let key = |at: Timestamp| (instrument.0, minutes(timeframe), at.as_nanos(), 0);
        let span = Span::between(open_time, after, usize::MAX);
        let mut found: Vec<CandleRecord> = self.scan(REVISIONS, span, |rows| rows.range(key(open_time)..key(after)))?;
        found.extend(self.candles(instrument, timeframe, span)?);
        Ok(found)
    }

    /// Forecasts of an instrument with what came of them, by the open time of the last candle the model saw, then by model
    /// and horizon.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn forecasts(&self, instrument: InstrumentId, span: Span) -> Result<Vec<ScoredForecast>> {
        if span.from >= span.to {
            return Ok(Vec::new());
        }
        let key = |at: Timestamp| (instrument.0, at.as_nanos(), "");
        self.read(FORECASTS, |rows| {
            let mut rows = rows.range(key(span.from)..key(span.to))?;
            let mut found = Vec::new();
            while found.len() < span.limit {
                let Some(row) = (if span.newest { rows.next_back() } else { rows.next() }) else { break };
                let (key, value) = row?;
                let (_, open_time, model) = key.value();
                let Said { base, mut horizons } = postcard::from_bytes(value.value()).map_err(unreadable)?;
                if span.newest {
                    horizons.reverse();
                }
                found.extend(horizons.into_iter().map(|horizon| ScoredForecast {
                    forecast: ForecastRecord {
                        instrument,
                        open_time: Timestamp::from_nanos(open_time),
                        model: model.to_owned(),
                        horizon_min: horizon.minutes,
                        base,
                        log_return: horizon.log_return,
                        p_up: horizon.p_up,
                        quantiles: horizon.quantiles,
                    },
                    outcome: horizon.outcome,
                }));
            }
            found.truncate(span.limit);
            if span.newest {
                found.reverse();
            }
            Ok(found)
        })
    }

    /// The chain of forecasts from its place `number` on, at most `limit` links. Links of forecasts that are not kept any more are gone
    /// too, but for the last of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn seals(&self, number: u64, limit: usize) -> Result<Vec<SealRecord>> {
        self.scan(SEALS, Span::between(Timestamp::EPOCH, Timestamp::MAX, limit), |rows| rows.range(number..))
    }

    /// The newest link of the chain of forecasts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_seal(&self) -> Result<Option<SealRecord>> {
        Ok(self.scan(SEALS, Span::last(1, Timestamp::MAX), |rows| rows.range(0..))?.pop())
    }

    /// A paper account by time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn equity(&self, account: AccountId, span: Span) -> Result<Vec<EquityRecord>> {
        let key = |at: Timestamp| (account.0, at.as_nanos());
        self.scan(EQUITY, span, |rows| rows.range(key(span.from)..key(span.to)))
    }
}

/// The time frame in a key: its minutes, of which the longest is 60.
const fn minutes(timeframe: Timeframe) -> u8 {
    timeframe.code()
}

pub(super) fn unreadable(error: postcard::Error) -> Error {
    Error::Corrupted(format!("a row of forecasts: {error}"))
}

fn revision(candle: &[u8]) -> postcard::Result<u16> {
    postcard::from_bytes::<CandleRecord>(candle).map(|candle| candle.revision)
}
