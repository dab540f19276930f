//! Books and forecasts in an SQLite database as TickerML keeps them: tables `order_books` and `predictions`.
//!
//! They are kept beside the candles, under the name of their source, and are shown as they were: TickerML writes the levels of a
//! depth update where a book was meant, so nobody may take them for books that hold.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::Serialize;
use store::History;
use store::history::{Foreign, ForeignBook, ForeignForecast};
use types::decimal::{self, Exponent};
use types::market::Level;
use types::{Price, Qty, Scale, Timestamp};

use super::TOLD_MAX;
use super::rows::{DECIMALS_MAX, EARLIEST, Quarantined, digits_of, excerpt};
use super::sqlite::{columns, text_of};
use super::table::time;

/// The tables.
pub(super) const TABLES: [&str; 2] = ["order_books", "predictions"];
/// Rows that are written in one commit at most.
const BATCH: usize = 2_000;
/// Levels of a side that are kept.
const DEPTH_MAX: usize = 5_000;
/// How far two probabilities that sum to one may be off.
const ROUNDING: f64 = 1e-3;

/// What became of the rows of one instrument. The keys are a contract.
#[derive(Debug, Default, Serialize)]
pub(crate) struct OtherReport {
    /// `books` or `forecasts`.
    kind: &'static str,
    source: String,
    symbol: String,
    /// Rows in the table.
    rows: u64,
    /// Rows that are new in the store.
    imported: u64,
    /// Rows that say again what is there.
    duplicates: u64,
    /// Rows that were left out: unreadable, implausible, or other than what the store has.
    pub(crate) quarantined: u64,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    /// The first of those left out.
    pub(crate) quarantine: Vec<Quarantined>,
}

impl std::fmt::Display for OtherReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, source, symbol, rows, imported, duplicates, quarantined, .. } = self;
        write!(
            f,
            "{source} {symbol}: {rows} rows of {kind}, {imported} new, {duplicates} known already, {quarantined} set aside"
        )
    }
}

/// Imports `order_books` and `predictions`, each where it is there.
///
/// # Errors
/// When a table has not the columns it should have, or the store cannot be written.
pub(super) fn import(
    connection: &Connection,
    source: &str,
    history: &History,
    now: Timestamp,
) -> anyhow::Result<Vec<OtherReport>> {
    let mut reports = Vec::new();
    let [books, forecasts] = TABLES;
    if !checked(books, &columns(connection, books)?, &["timestamp", "exchange", "symbol", "bids", "asks"])?.is_empty() {
        let query = "SELECT rowid, symbol, timestamp, exchange, bids, asks FROM order_books ORDER BY rowid";
        reports.extend(rows(connection, query, history, now, "books", |row| {
            let exchange = text_of(row.get_ref(3)?);
            let source = if exchange.is_empty() { source.to_owned() } else { format!("{source}-{exchange}") };
            Ok((source, book(&text_of(row.get_ref(4)?), &text_of(row.get_ref(5)?))))
        })?);
    }
    let columns = columns(connection, forecasts)?;
    if !checked(forecasts, &columns, &["timestamp", "symbol", "confidence_up"])?.is_empty() {
        let minutes: Vec<(u16, &String)> = columns.iter().filter_map(|name| Some((minutes_of(name)?, name))).collect();
        ensure!(!minutes.is_empty(), "its table predictions has no column like prediction_5min");
        let model = if columns.iter().any(|name| name == "model_version") { "model_version" } else { "''" };
        let values: Vec<&str> = minutes.iter().map(|(_, name)| name.as_str()).collect();
        let down = if columns.iter().any(|name| name == "confidence_down") { "confidence_down" } else { "NULL" };
        let query = format!(
            "SELECT rowid, symbol, timestamp, {model}, confidence_up, {down}, {} FROM predictions ORDER BY rowid",
            values.join(", ")
        );
        reports.extend(rows(connection, &query, history, now, "forecasts", |row| {
            let mut told = Vec::new();
            for (at, (minutes, _)) in minutes.iter().enumerate() {
                told.push((*minutes, number(row.get_ref(6 + at)?)));
            }
            let model = text_of(row.get_ref(3)?);
            Ok((source.to_owned(), forecast(model, told, number(row.get_ref(4)?), row.get_ref(5)?)))
        })?);
    }
    Ok(reports)
}

/// The columns of a table that is not there, or has all that are needed.
fn checked<'a>(table: &str, columns: &'a [String], needed: &[&str]) -> anyhow::Result<&'a [String]> {
    for column in needed {
        let is_there = columns.is_empty() || columns.iter().any(|name| name == column);
        ensure!(is_there, "its table {table} has no column {column}");
    }
    Ok(columns)
}

/// Rows of one instrument that wait to be written.
struct Waiting<T> {
    report: OtherReport,
    rows: Vec<(Timestamp, T)>,
    /// Their row numbers.
    lines: Vec<u64>,
}

impl<T: Foreign> Waiting<T> {
    fn write(&mut self, history: &History) -> anyhow::Result<()> {
        let taken = history.keep_foreign(&self.report.source, &self.report.symbol, &self.rows)?;
        self.report.imported += taken.fresh;
        self.report.duplicates += taken.same;
        for index in taken.other {
            self.set_aside(self.lines[index], "the store has something else for this time".to_owned());
        }
        self.rows.clear();
        self.lines.clear();
        Ok(())
    }

    fn set_aside(&mut self, line: u64, reason: String) {
        self.report.quarantined += 1;
        if self.report.quarantine.len() < TOLD_MAX {
            self.report.quarantine.push(Quarantined { line, reason });
        }
    }
}

/// Walks over a table whose first columns are row number, symbol and time; the table may be larger than the memory.
fn rows<T: Foreign>(
    connection: &Connection,
    query: &str,
    history: &History,
    now: Timestamp,
    kind: &'static str,
    mut value: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<(String, Result<T, String>)>,
) -> anyhow::Result<Vec<OtherReport>> {
    let mut found: BTreeMap<(String, String), Waiting<T>> = BTreeMap::new();
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next().with_context(|| format!("a row of {kind}"))? {
        let (line, symbol, at) = (row.get::<_, i64>(0)?, text_of(row.get_ref(1)?), text_of(row.get_ref(2)?));
        let (source, value) = value(row)?;
        let waiting = found.entry((source, symbol)).or_insert_with_key(|(source, symbol)| Waiting {
            report: OtherReport { kind, source: source.clone(), symbol: symbol.clone(), ..OtherReport::default() },
            rows: Vec::new(),
            lines: Vec::new(),
        });
        waiting.report.rows += 1;
        let line = line.cast_unsigned();
        match moment(&at, now).and_then(|at| Ok((at, value?))) {
            Ok((at, value)) => {
                let report = &mut waiting.report;
                report.from_ms = Some(report.from_ms.map_or(at.as_millis(), |from| from.min(at.as_millis())));
                report.to_ms = Some(report.to_ms.map_or(at.as_millis(), |to| to.max(at.as_millis())));
                waiting.rows.push((at, value));
                waiting.lines.push(line);
                if waiting.rows.len() == BATCH {
                    waiting.write(history)?;
                }
            }
            Err(reason) => waiting.set_aside(line, reason),
        }
    }
    for waiting in found.values_mut() {
        waiting.write(history)?;
    }
    Ok(found.into_values().map(|waiting| waiting.report).collect())
}

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let at = time(text).ok_or_else(|| format!("{:?} is no time", excerpt(text)))?;
    if at < EARLIEST {
        return Err(format!("{at} is before there was anything to trade"));
    }
    if at > now {
        return Err(format!("{at} has not come yet"));
    }
    Ok(at)
}

/// `prediction_30min` is 30.
fn minutes_of(column: &str) -> Option<u16> {
    column.strip_prefix("prediction_")?.strip_suffix("min")?.parse().ok()
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
    .filter(|number| number.is_finite())
}

fn forecast(
    model: String,
    told: Vec<(u16, Option<f64>)>,
    up: Option<f64>,
    down: ValueRef<'_>,
) -> Result<ForeignForecast, String> {
    let values = told.into_iter().map(|(minutes, value)| {
        value.map(|value| (minutes, value)).ok_or_else(|| format!("the prediction for {minutes} minutes is no number"))
    });
    let values = values.collect::<Result<_, _>>()?;
    let p_up = up.filter(|p| (0.0..=1.0).contains(p)).ok_or("confidence_up is no probability")?;
    if let Some(down) = number(down)
        && (p_up + down - 1.0).abs() > ROUNDING
    {
        return Err(format!("confidence_up {p_up} and confidence_down {down} do not sum to one"));
    }
    Ok(ForeignForecast { model, values, p_up })
}

/// A book from two JSON lists of `[price, quantity]`.
fn book(bids: &str, asks: &str) -> Result<ForeignBook, String> {
    let side = |name: &str, text: &str| -> Result<Vec<[String; 2]>, String> {
        let levels: Vec<[serde_json::Value; 2]> =
            serde_json::from_str(text).map_err(|error| format!("{name} {:?}: {error}", excerpt(text)))?;
        if levels.len() > DEPTH_MAX {
            return Err(format!("{name}: {} levels, more than {DEPTH_MAX}", levels.len()));
        }
        let plain = |value: &serde_json::Value| match value {
            // Without an exponent, as many digits as it takes.
            serde_json::Value::Number(number) => number.as_f64().map(|number| number.to_string()),
            serde_json::Value::String(text) => Some(text.clone()),
            _ => None,
        };
        let plain = |value| plain(value).ok_or_else(|| format!("{name}: {value} is no number"));
        levels.iter().map(|[price, qty]| Ok([plain(price)?, plain(qty)?])).collect()
    };
    let (bids, asks) = (side("bids", bids)?, side("asks", asks)?);
    if bids.is_empty() && asks.is_empty() {
        return Err("a book without levels".to_owned());
    }
    let most = |column: usize| -> Result<u8, String> {
        let digits = bids.iter().chain(&asks).map(|level| &level[column]);
        let mut digits = digits.map(|text| {
            digits_of(text)
                .ok_or_else(|| format!("{:?} has more than {DECIMALS_MAX} digits or is no number", excerpt(text)))
        });
        digits.try_fold(0, |most, digits| Ok(most.max(digits?)))
    };
    let scale = Scale { price_decimals: most(0)?, qty_decimals: most(1)? };
    let levels = |side: Vec<[String; 2]>| -> Result<Vec<Level>, String> {
        let level = |[price, qty]: &[String; 2]| {
            let mantissa = |text: &String, decimals| {
                decimal::parse(text.as_bytes(), decimals, Exponent::Accept).map_err(|e| format!("{text:?}: {e}"))
            };
            let price = Price::new(mantissa(price, scale.price_decimals)?).ok_or("a price of nothing or less")?;
            let qty = u64::try_from(mantissa(qty, scale.qty_decimals)?).map_err(|_| "a quantity below zero")?;
            Ok(Level { price, qty: Qty(qty) })
        };
        side.iter().map(level).collect()
    };
    let (mut bids, mut asks) = (levels(bids)?, levels(asks)?);
    bids.sort_by_key(|level| std::cmp::Reverse(level.price));
    asks.sort_by_key(|level| level.price);
    if let (Some(bid), Some(ask)) = (bids.first(), asks.first())
        && bid.price > ask.price
    {
        return Err("the best bid is above the best ask".to_owned());
    }
    Ok(ForeignBook { scale, bids, asks })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const SCHEMA: &str = "
        CREATE TABLE order_books (id INTEGER PRIMARY KEY, timestamp INTEGER, exchange TEXT, symbol TEXT, bids TEXT,
          asks TEXT, mid_price REAL);
        CREATE TABLE predictions (id INTEGER PRIMARY KEY, timestamp INTEGER, symbol TEXT, prediction_5min REAL,
          prediction_30min REAL, confidence_up REAL, confidence_down REAL, model_version TEXT);";

    fn made(rows: &str) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection.execute_batch(rows).unwrap();
        connection
    }

    fn counts(report: &OtherReport) -> (&str, u64, u64, u64, u64) {
        (report.source.as_str(), report.rows, report.imported, report.duplicates, report.quarantined)
    }

    #[test]
    fn books_keep_their_digits_and_what_cannot_be_is_set_aside() {
        let rows = "INSERT INTO order_books VALUES
            (1, 1700000000123, 'binance', 'BTCUSD', '[[99.5, 0.00001], [100.25, 2]]', '[[100.5, 1e-7]]', 0),
            (2, 1700000000123, 'binance', 'BTCUSD', '[[99.5, 0.00001], [100.25, 2]]', '[[100.5, 1e-7]]', 0),
            (3, 1700000000123, 'binance', 'BTCUSD', '[[100.25, 3]]', '[]', 0),
            (4, 1700000000223, 'binance', 'BTCUSD', '[[101, 3]]', '[[100, 1]]', 0),
            (5, 1700000000323, 'binance', 'BTCUSD', '[[-1, 3]]', '[[100, 1]]', 0),
            (6, 1700000000423, 'binance', 'BTCUSD', 'none', '[[100, 1]]', 0),
            (7, 1700000000523, 'binance', 'BTCUSD', '[]', '[]', 0),
            (8, 1900000000000, 'binance', 'BTCUSD', '[[1, 1]]', '[]', 0),
            (9, 1700000000623, 'kraken', 'BTCUSD', '[[1, 1]]', '[]', 0);";
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path()).unwrap();
        let reports = import(&made(rows), "tickerml", &history, NOW).unwrap();
        let [binance, kraken] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(counts(binance), ("tickerml-binance", 8, 1, 1, 6));
        assert_eq!(counts(kraken), ("tickerml-kraken", 1, 1, 0, 0));
        let mut lines: Vec<u64> = binance.quarantine.iter().map(|row| row.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
        let kept = history.foreign::<ForeignBook>("tickerml-binance", "BTCUSD", Timestamp::EPOCH..NOW).unwrap();
        let [(at, book)] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(at.as_millis(), 1_700_000_000_123);
        assert_eq!(book.scale, Scale { price_decimals: 2, qty_decimals: 7 });
        let best =
            |side: &[Level]| (book.scale.price(side[0].price).to_string(), book.scale.qty(side[0].qty).to_string());
        assert_eq!(best(&book.bids), ("100.25".to_owned(), "2.0000000".to_owned()));
        assert_eq!(best(&book.asks), ("100.50".to_owned(), "0.0000001".to_owned()));
        let again = import(&made(rows), "tickerml", &history, NOW).unwrap();
        assert_eq!(counts(&again[0]), ("tickerml-binance", 8, 0, 2, 6));
    }

    #[test]
    fn forecasts_keep_what_was_told_and_probabilities_are_checked() {
        let rows = "INSERT INTO predictions VALUES
            (1, 1700000000000, 'BTCUSD', 30000.5, 30010, 0.6, 0.4, 'v1.0'),
            (2, 1700000300000, 'BTCUSD', 30000.5, 30010, 0.6, 0.4, NULL),
            (3, 1700000600000, 'BTCUSD', NULL, 30010, 0.6, 0.4, 'v1.0'),
            (4, 1700000900000, 'BTCUSD', 1, 2, 1.5, -0.5, 'v1.0'),
            (5, 1700001200000, 'BTCUSD', 1, 2, 0.6, 0.6, 'v1.0'),
            (6, 'soon', 'BTCUSD', 1, 2, 0.6, 0.4, 'v1.0');";
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path()).unwrap();
        let reports = import(&made(rows), "tickerml", &history, NOW).unwrap();
        assert_eq!(reports.iter().map(counts).collect::<Vec<_>>(), [("tickerml", 6, 2, 0, 4)]);
        let kept = history.foreign::<ForeignForecast>("tickerml", "BTCUSD", Timestamp::EPOCH..NOW).unwrap();
        assert_eq!(
            kept[0].1,
            ForeignForecast { model: "v1.0".to_owned(), values: vec![(5, 30_000.5), (30, 30_010.0)], p_up: 0.6 }
        );
        assert_eq!(kept[1].1.model, "");
        let other = Connection::open_in_memory().unwrap();
        assert!(import(&other, "x", &history, NOW).unwrap().is_empty(), "no such tables, nothing to import");
        other.execute_batch("CREATE TABLE predictions (timestamp INTEGER, symbol TEXT)").unwrap();
        let error = import(&other, "x", &history, NOW).unwrap_err().to_string();
        assert!(error.contains("predictions has no column confidence_up"), "{error}");
    }
}
