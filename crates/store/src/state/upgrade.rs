//! State files of past formats: brought to the present one when they are opened, in one commit.

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use types::effect::{CandleRecord, ForecastRecord, ScoreRecord};
use types::market::CandleSource;
use types::{Candle, InstrumentId, Timeframe};

use super::series::{self, CANDLES, CandleKey};
use super::{FORMAT, encoded};
use crate::file::META;

/// A candle of format 1: it had no revisions, and nobody asked whether the clock was right.
#[derive(Deserialize)]
struct CandleV1 {
    instrument: InstrumentId,
    timeframe: Timeframe,
    candle: Candle,
    source: CandleSource,
    agrees: Option<bool>,
}

/// Instrument, open time of the last candle seen, horizon in minutes, model.
type HorizonKey = (u16, i64, u16, &'static str);
/// Forecasts and scores up to format 2: a row for each horizon.
const FORECASTS_V2: TableDefinition<'static, HorizonKey, &'static [u8]> = TableDefinition::new("forecasts");
const SCORES_V2: TableDefinition<'static, HorizonKey, &'static [u8]> = TableDefinition::new("scores");

/// Brings a file to the present format.
pub(super) fn upgrade(txn: &WriteTransaction) -> Result<(), Error> {
    let mut meta = txn.open_table(META)?;
    let format = meta.get("format")?.map_or(FORMAT, |format| format.value());
    if format < 2 {
        add_revisions(&mut txn.open_table(CANDLES)?)?;
    }
    if format < 3 {
        join_horizons(txn)?;
    }
    if format < FORMAT {
        meta.insert("format", FORMAT)?;
    }
    Ok(())
}

fn add_revisions(candles: &mut Table<'_, CandleKey, &'static [u8]>) -> Result<(), Error> {
    let mut after = None;
    let mut scratch = Vec::new();
    // Row by row: a year of candles does not fit into memory.
    while let Some((key, old)) = next(candles, after)? {
        let CandleV1 { instrument, timeframe, candle, source, agrees } =
            postcard::from_bytes(&old).map_err(|e| Error::Corrupted(format!("a candle of format 1: {e}")))?;
        let (revision, is_clock_set) = (0, true);
        let record = CandleRecord { instrument, timeframe, candle, source, agrees, revision, is_clock_set };
        candles.insert(key, encoded(&record, &mut scratch))?;
        after = Some(key);
    }
    Ok(())
}

fn join_horizons(txn: &WriteTransaction) -> Result<(), Error> {
    let mut series = series::Writer::open(txn)?;
    let mut scratch = Vec::new();
    each::<ForecastRecord>(txn, FORECASTS_V2, |made| series.forecast(&made, &mut scratch))?;
    each::<ScoreRecord>(txn, SCORES_V2, |score| series.score(&score, &mut scratch))?;
    txn.delete_table(FORECASTS_V2)?;
    txn.delete_table(SCORES_V2)?;
    Ok(())
}

fn each<T: DeserializeOwned>(
    txn: &WriteTransaction,
    table: TableDefinition<'static, HorizonKey, &'static [u8]>,
    mut run: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    for row in txn.open_table(table)?.iter()? {
        let (_, value) = row?;
        let value = postcard::from_bytes(value.value());
        run(value.map_err(|e| Error::Corrupted(format!("a value of {table}: {e}")))?)?;
    }
    Ok(())
}

fn next(
    candles: &Table<'_, CandleKey, &'static [u8]>,
    after: Option<CandleKey>,
) -> Result<Option<(CandleKey, Vec<u8>)>, Error> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = after.map_or(Unbounded, Excluded);
    let row = candles.range::<CandleKey>((from, Unbounded))?.next().transpose()?;
    Ok(row.map(|(key, value)| (key.value(), value.value().to_vec())))
}
