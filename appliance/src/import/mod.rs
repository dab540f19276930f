//! Takes candles of files, and books and forecasts of databases, over into `history.redb`: people move in with what they have.
//!
//! ```text
//! file ──► table, sqlite: rows ──► rows: each interval once, nothing implausible ──► History: what is not there yet
//! ```
//!
//! What is there is never changed by an import: a row that says something else is set aside.

pub(crate) mod news;
mod others;
mod rows;
pub(crate) mod sqlite;
mod table;

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use store::History;
use store::history::Series;
use types::{Candle, Timeframe, Timestamp};

pub(crate) use others::OtherReport;
use rows::Prepared;
pub(crate) use rows::Quarantined;
use table::Table;

/// Candles that are written in one commit at most.
const BATCH: usize = 10_000;
/// Rows that are told one by one.
const TOLD_MAX: usize = 20;

/// What became of a file. The keys are a contract.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    source: String,
    symbol: String,
    timeframe: Timeframe,
    /// Rows in the file.
    rows: u64,
    /// Candles that are new in the store.
    imported: u64,
    /// Rows that say again what another one, or the store, says.
    duplicates: u64,
    /// Rows that a later one of the same interval replaces, and rows whose interval is not over.
    unfinished: u64,
    /// Runs of intervals without a row, and how many intervals they are.
    gaps: u64,
    missing: u64,
    /// Rows that were left out: unreadable, implausible, or other than what the store has.
    pub(crate) quarantined: u64,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    /// The first of those left out.
    pub(crate) quarantine: Vec<Quarantined>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            source, symbol, timeframe, rows, imported, duplicates, unfinished, gaps, missing, quarantined, ..
        } = self;
        write!(
            f,
            "{source} {symbol} {}: {rows} rows, {imported} new candles, {duplicates} known already, {unfinished} \
             unfinished, {quarantined} set aside; {missing} intervals missing in {gaps} gaps",
            timeframe.name()
        )
    }
}

/// Imports the text of a candle file.
///
/// # Errors
/// When it is no candle file, or the store cannot be read or written.
pub(crate) fn import(text: &str, series: Series, history: &History, now: Timestamp) -> anyhow::Result<Report> {
    import_table(table::read(text)?, series, history, now)
}

/// Imports all candles of an SQLite database, each symbol and length as a series of `source`, and its books and forecasts.
///
/// # Errors
/// When a table has not the columns it should have, or the store cannot be read or written.
pub(crate) fn import_database(
    database: &sqlite::Database,
    source: &str,
    history: &History,
    now: Timestamp,
) -> anyhow::Result<(Vec<Report>, Vec<OtherReport>)> {
    let one = |((symbol, timeframe), values): (&(String, Timeframe), &Vec<sqlite::Values>)| {
        let series = Series { source: source.to_owned(), symbol: symbol.clone(), timeframe: *timeframe };
        import_table(sqlite::table(values), series, history, now)
    };
    let candles = database.series.iter().map(one).collect::<anyhow::Result<_>>()?;
    Ok((candles, others::import(&database.connection, source, history, now)?))
}

fn import_table(table: Table<'_>, series: Series, history: &History, now: Timestamp) -> anyhow::Result<Report> {
    let total = (table.rows.len() + table.unreadable.len()) as u64;
    let Prepared { scale, candles, mut duplicates, unfinished, gaps, missing, quarantined } =
        rows::prepare(&table.rows, series.timeframe, now);
    let mut quarantine = table.unreadable;
    quarantine.extend(quarantined);
    let mut fresh: Vec<Candle> = Vec::new();
    let ends = candles.first().zip(candles.last()).map(|((_, first), (_, last))| (first.open_time, last.open_time));
    if let Some(((first, last), scale)) = ends.zip(scale) {
        let end = Timestamp::from_nanos(last.as_nanos() + series.timeframe.nanos());
        let kept = history.candles(&series, first..end)?;
        let mut kept = kept.iter().peekable();
        for (line, candle) in &candles {
            while kept.next_if(|(_, known)| known.open_time < candle.open_time).is_some() {}
            match kept.peek() {
                Some((known_scale, known)) if known.open_time == candle.open_time => {
                    if same(known, *known_scale, candle, scale) {
                        duplicates += 1;
                    } else {
                        let reason = "the store has other values for this interval".to_owned();
                        quarantine.push(Quarantined { line: *line, reason });
                    }
                }
                _ => fresh.push(*candle),
            }
        }
        let step = series.timeframe.nanos();
        for run in fresh.chunk_by(|a, b| b.open_time.as_nanos() - a.open_time.as_nanos() == step) {
            for batch in run.chunks(BATCH) {
                let to = Timestamp::from_nanos(batch[batch.len() - 1].open_time.as_nanos() + step);
                history.keep(&series, scale, batch[0].open_time..to, batch).context("cannot keep candles")?;
            }
        }
    }
    quarantine.sort_by_key(|row| row.line);
    let left_out = quarantine.len() as u64;
    quarantine.truncate(TOLD_MAX);
    Ok(Report {
        source: series.source,
        symbol: series.symbol,
        timeframe: series.timeframe,
        rows: total,
        imported: fresh.len() as u64,
        duplicates,
        unfinished,
        gaps,
        missing,
        quarantined: left_out,
        from_ms: ends.map(|(first, _)| first.as_millis()),
        to_ms: ends.map(|(_, last)| last.as_millis()),
        quarantine,
    })
}

/// Whether two candles at different digits have the same values.
fn same(a: &Candle, a_scale: types::Scale, b: &Candle, b_scale: types::Scale) -> bool {
    let power = |digits: u8, other: u8| 10i128.pow(u32::from(other.saturating_sub(digits)));
    let (pa, pb) = (a_scale.price_decimals, b_scale.price_decimals);
    let (qa, qb) = (a_scale.qty_decimals, b_scale.qty_decimals);
    let prices = |c: &Candle| [c.open, c.high, c.low, c.close].map(|price| i128::from(price.mantissa()));
    prices(a).iter().zip(prices(b)).all(|(a, b)| a * power(pa, pb) == b * power(pb, pa))
        && i128::from(a.volume.0) * power(qa, qb) == i128::from(b.volume.0) * power(qb, qa)
}

/// Source, symbol and length as a file's name tells them: `SOURCE_SYMBOL_LENGTH...` or `SYMBOL_LENGTH...`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) source: Option<String>,
    pub(crate) symbol: Option<String>,
    pub(crate) timeframe: Option<Timeframe>,
}

/// What the name of a file tells.
pub(crate) fn named(path: &Path) -> Named {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let parts: Vec<&str> = stem.split('_').collect();
    let Some(at) = parts.iter().position(|part| part.parse::<Timeframe>().is_ok()) else { return Named::default() };
    let text = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
    // Between a source and a length, or before a length, stands the symbol; it may itself be in two parts.
    let (source, symbol) = match at {
        0 => (None, None),
        1 => (None, text(parts[0])),
        _ if parts[0].chars().all(|c| c.is_ascii_lowercase() || c == '-') => {
            (text(parts[0]), text(&parts[1..at].join("-")))
        }
        _ => (None, text(&parts[..at].join("-"))),
    };
    Named { source, symbol, timeframe: parts[at].parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn series() -> Series {
        Series { source: "binance".to_owned(), symbol: "BTCUSDT".to_owned(), timeframe: Timeframe::M1 }
    }

    #[test]
    fn names_of_files_tell_whose_candles_they_hold() {
        let check = |name: &str, source: Option<&str>, symbol: Option<&str>, timeframe: Option<Timeframe>| {
            let expected = Named { source: source.map(str::to_owned), symbol: symbol.map(str::to_owned), timeframe };
            assert_eq!(named(Path::new(name)), expected, "{name}");
        };
        let m5 = Some(Timeframe::M5);
        check("a/binance_BTCUSDT_5m_2024.csv.gz", Some("binance"), Some("BTCUSDT"), m5);
        check("coinbase_BTC-USD_5m_20260126-20260228.csv.gz", Some("coinbase"), Some("BTC-USD"), m5);
        check("BTC_USDT_1h.csv", None, Some("BTC-USDT"), Some(Timeframe::H1));
        check("BTCUSDT_1d.csv", None, Some("BTCUSDT"), Some(Timeframe::D1));
        check("candles.csv", None, None, None);
    }

    #[test]
    fn a_second_import_adds_nothing_and_other_values_never_replace_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path()).unwrap();
        let row = |minute: i64, close: &str| format!("{},10,20,5,{close},1.5\n", 1_700_000_040_000 + 60_000 * minute);
        let text =
            ["open_time_ms,open,high,low,close,volume\n", &row(0, "11"), &row(1, "12.5"), &row(3, "13")].concat();
        let first = import(&text, series(), &history, NOW).unwrap();
        assert_eq!((first.rows, first.imported, first.duplicates, first.gaps, first.missing), (3, 3, 0, 1, 1));
        let second = import(&text, series(), &history, NOW).unwrap();
        assert_eq!((second.imported, second.duplicates, second.quarantined), (0, 3, 0));
        // More digits than before, one value that is another, one row that is new.
        let third =
            ["time,open,high,low,close,volume\n", &row(0, "11.000"), &row(1, "12.25"), &row(2, "12.125")].concat();
        let third = import(&third, series(), &history, NOW).unwrap();
        assert_eq!((third.imported, third.duplicates, third.quarantined), (1, 1, 1));
        assert_eq!((third.quarantine[0].line, third.quarantine[0].reason.contains("other values")), (3, true));
        let all = history.candles(&series(), Timestamp::EPOCH..NOW).unwrap();
        let closes: Vec<String> = all.iter().map(|(scale, c)| scale.price(c.close).to_string()).collect();
        assert_eq!(closes, ["11.0", "12.5", "12.125", "13.0"]);
        let covered = history.covered(&series()).unwrap();
        assert_eq!(covered.len(), 1, "four minutes in a row: {covered:?}");
    }
}
