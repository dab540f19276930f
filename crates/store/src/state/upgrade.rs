//! State files of past formats: brought to the present one when they are opened, in one commit.

use std::ops::Bound::{Excluded, Unbounded};

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use types::effect::{Base, CandleRecord, EquityRecord, ForecastRecord, ScoreRecord};
use types::legacy::{AccountV1, AccountV2, EquityV1, FillV1, OrderV1};
use types::market::CandleSource;
use types::order::Refusal;
use types::{AccountRecord, Candle, Fill, InstrumentId, Order, Price, Timeframe, Timestamp};

use super::ledger::{ACCOUNTS, FILLS, ORDERS, REFUSALS};
use super::series::{self, CANDLES, EQUITY, FORECASTS, Horizon, REVISIONS, Said};
use super::{FORMAT, encoded};
use crate::file::META;

type Bytes = &'static [u8];

/// A candle of format 1: it had no revisions, and nobody asked whether the clock was right.
#[derive(Deserialize)]
struct CandleV1 {
    instrument: InstrumentId,
    timeframe: Timeframe,
    candle: Candle,
    source: CandleSource,
    agrees: Option<bool>,
}

/// A candle of formats 2 to 4: the book was not kept with it.
#[derive(Deserialize)]
struct CandleV2 {
    instrument: InstrumentId,
    timeframe: Timeframe,
    candle: Candle,
    source: CandleSource,
    agrees: Option<bool>,
    revision: u16,
    is_clock_set: bool,
}

/// A forecast of formats 1 and 2.
#[derive(Deserialize)]
struct ForecastV1 {
    instrument: InstrumentId,
    open_time: Timestamp,
    model: String,
    horizon_min: u16,
    price: Price,
    log_return: f32,
    p_up: f32,
}

/// A forecast for one horizon in a row of formats 3 and 4.
#[derive(Deserialize)]
struct HorizonV3 {
    minutes: u16,
    price: Price,
    log_return: f32,
    p_up: f32,
    outcome: Option<f32>,
}

/// Instrument, open time of the last candle seen, horizon in minutes, model.
type HorizonKey = (u16, i64, u16, &'static str);
/// Forecasts and scores up to format 2: a row for each horizon.
const FORECASTS_V1: TableDefinition<'static, HorizonKey, Bytes> = TableDefinition::new("forecasts");
const SCORES_V1: TableDefinition<'static, HorizonKey, Bytes> = TableDefinition::new("scores");

/// The account and its equity up to format 5: there was one.
const ACCOUNT_V1: TableDefinition<'static, &'static str, Bytes> = TableDefinition::new("account");
const EQUITY_V1: TableDefinition<'static, i64, Bytes> = TableDefinition::new("equity");

/// Brings a file to the present format.
pub(super) fn upgrade(txn: &WriteTransaction) -> Result<(), Error> {
    let mut meta = txn.open_table(META)?;
    let format = meta.get("format")?.map_or(FORMAT, |format| format.value());
    match format {
        1 => rewrite(&mut txn.open_table(CANDLES)?, from_v1)?,
        2..=4 => {
            rewrite(&mut txn.open_table(CANDLES)?, from_v2)?;
            rewrite(&mut txn.open_table(REVISIONS)?, from_v2)?;
        }
        _ => {}
    }
    match format {
        1 | 2 => join_horizons(txn)?,
        3 | 4 => with_base(txn)?,
        _ => {}
    }
    match format {
        1..=5 => with_accounts(txn)?,
        6 => rewrite(&mut txn.open_table(ACCOUNTS)?, |old: AccountV2| AccountRecord::from(old))?,
        _ => {}
    }
    if format < FORMAT {
        meta.insert("format", FORMAT)?;
    }
    Ok(())
}

fn from_v1(old: CandleV1) -> CandleRecord {
    let CandleV1 { instrument, timeframe, candle, source, agrees } = old;
    let (revision, is_clock_set, quote) = (0, true, None);
    CandleRecord { instrument, timeframe, candle, source, agrees, revision, is_clock_set, quote }
}

fn from_v2(old: CandleV2) -> CandleRecord {
    let CandleV2 { instrument, timeframe, candle, source, agrees, revision, is_clock_set } = old;
    CandleRecord { instrument, timeframe, candle, source, agrees, revision, is_clock_set, quote: None }
}

/// Row by row: a year of candles does not fit into memory.
fn rewrite<K, T, U>(table: &mut Table<'_, K, Bytes>, present: fn(T) -> U) -> Result<(), Error>
where
    for<'a> K: redb::Key<SelfType<'a> = K> + Clone + 'static,
    T: DeserializeOwned,
    U: Serialize,
{
    let (mut after, mut scratch) = (None::<K>, Vec::new());
    loop {
        let from = after.as_ref().map_or(Unbounded, Excluded);
        let row = table.range::<&K>((from, Unbounded))?.next().transpose()?;
        let Some((key, old)) = row.map(|(key, value)| (key.value(), value.value().to_vec())) else { return Ok(()) };
        let old = postcard::from_bytes(&old).map_err(|e| Error::Corrupted(format!("a row: {e}")))?;
        table.insert(&key, encoded(&present(old), &mut scratch))?;
        after = Some(key);
    }
}

fn join_horizons(txn: &WriteTransaction) -> Result<(), Error> {
    let mut series = series::Writer::open(txn)?;
    let mut scratch = Vec::new();
    each(txn, FORECASTS_V1, |old: ForecastV1| {
        let ForecastV1 { instrument, open_time, model, horizon_min, price, log_return, p_up } = old;
        let (base, quantiles) = (Base::Close(price), Vec::new());
        let made = ForecastRecord { instrument, open_time, model, horizon_min, base, log_return, p_up, quantiles };
        series.forecast(&made, &mut scratch)
    })?;
    each::<ScoreRecord>(txn, SCORES_V1, |score| series.score(&score, &mut scratch))?;
    txn.delete_table(FORECASTS_V1)?;
    txn.delete_table(SCORES_V1)?;
    Ok(())
}

fn each<T: DeserializeOwned>(
    txn: &WriteTransaction,
    table: TableDefinition<'static, HorizonKey, Bytes>,
    mut run: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    for row in txn.open_table(table)?.iter()? {
        let (_, value) = row?;
        let value = postcard::from_bytes(value.value());
        run(value.map_err(|e| Error::Corrupted(format!("a value of {table}: {e}")))?)?;
    }
    Ok(())
}

/// The price, which was the same for all horizons, is told once.
fn with_base(txn: &WriteTransaction) -> Result<(), Error> {
    let mut table = txn.open_table(FORECASTS)?;
    let mut after: Option<(u16, i64, String)> = None;
    let mut scratch = Vec::new();
    loop {
        let from = after.as_ref().map(|(instrument, at, model)| (*instrument, *at, model.as_str()));
        let row = table.range((from.map_or(Unbounded, Excluded), Unbounded))?.next().transpose()?;
        let Some((key, old)) = row.map(|(key, value)| {
            let (instrument, at, model) = key.value();
            ((instrument, at, model.to_owned()), value.value().to_vec())
        }) else {
            return Ok(());
        };
        let old: Vec<HorizonV3> = postcard::from_bytes(&old).map_err(series::unreadable)?;
        if let Some(first) = old.first() {
            let base = Base::Close(first.price);
            let horizon = |HorizonV3 { minutes, log_return, p_up, outcome, .. }: HorizonV3| Horizon {
                minutes,
                log_return,
                p_up,
                quantiles: Vec::new(),
                outcome,
            };
            let said = Said { base, horizons: old.into_iter().map(horizon).collect() };
            table.insert((key.0, key.1, key.2.as_str()), encoded(&said, &mut scratch))?;
        }
        after = Some(key);
    }
}

/// Orders, fills and equity are of an account.
fn with_accounts(txn: &WriteTransaction) -> Result<(), Error> {
    rewrite(&mut txn.open_table(ORDERS)?, |old: OrderV1| Order::from(old))?;
    rewrite(&mut txn.open_table(FILLS)?, |old: FillV1| Fill::from(old))?;
    rewrite(&mut txn.open_table(REFUSALS)?, |(old, why): (OrderV1, Refusal)| (Order::from(old), why))?;
    let unreadable = |e| Error::Corrupted(format!("a row: {e}"));
    let mut scratch = Vec::new();
    let mut equity = txn.open_table(EQUITY)?;
    for row in txn.open_table(EQUITY_V1)?.iter()? {
        let old: EquityV1 = postcard::from_bytes(row?.1.value()).map_err(unreadable)?;
        let record = EquityRecord::from(old);
        equity.insert((record.account.0, record.at.as_nanos()), encoded(&record, &mut scratch))?;
    }
    let mut accounts = txn.open_table(ACCOUNTS)?;
    for row in txn.open_table(ACCOUNT_V1)?.iter()? {
        let old: AccountV1 = postcard::from_bytes(row?.1.value()).map_err(unreadable)?;
        for account in old.split() {
            accounts.insert(account.account.0, encoded(&account, &mut scratch))?;
        }
    }
    txn.delete_table(EQUITY_V1)?;
    txn.delete_table(ACCOUNT_V1)?;
    Ok(())
}
