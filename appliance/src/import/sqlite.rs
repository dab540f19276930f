//! SQLite databases as TickerML keeps them. Its candles: table `ohlcv` with `timestamp`, `symbol`, `timeframe` (one minute where there is
//! no such column), `open`, `high`, `low`, `close` and `volume`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use types::Timeframe;

use super::others;
use super::rows::{Quarantined, Row};
use super::table::{Table, time};

/// First bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Tables of TickerML for which the box has no place.
const LEFT_OUT: [&str; 4] = ["trades", "portfolio_state", "news_articles", "news_sentiment_hourly"];

/// What a database holds.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) connection: Connection,
    /// Rows of candles by symbol and length.
    pub(crate) series: BTreeMap<(String, Timeframe), Vec<Values>>,
    /// Rows whose length is none of ours, by that length.
    pub(crate) other_lengths: BTreeMap<String, u64>,
    /// Rows of tables that are left out.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// A row with its id: time, open, high, low, close and volume as text.
#[derive(Debug)]
pub(crate) struct Values(u64, [String; 6]);

/// Whether a file is an SQLite database.
pub(crate) fn is_database(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *MAGIC
}

/// Opens a database, which is not changed, and reads all its candles.
///
/// # Errors
/// When it cannot be read or has none of the tables that can be taken over.
pub(crate) fn read(path: &Path) -> anyhow::Result<Database> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let columns = columns(&connection, "ohlcv")?;
    let mut found =
        Database { connection, series: BTreeMap::new(), other_lengths: BTreeMap::new(), left_out: BTreeMap::new() };
    if columns.is_empty() {
        let mut others = others::TABLES.iter().map(|table| self::columns(&found.connection, table));
        ensure!(others.any(|columns| columns.is_ok_and(|columns| !columns.is_empty())), "it has no table ohlcv");
    } else {
        found.read_candles(&columns)?;
    }
    for table in LEFT_OUT {
        // A table that is not there has nothing to leave out.
        let query = format!("SELECT COUNT(*) FROM {table}");
        if let Ok(count) = found.connection.query_row(&query, [], |row| row.get::<_, i64>(0)) {
            found.left_out.insert(table.to_owned(), count.cast_unsigned());
        }
    }
    Ok(found)
}

impl Database {
    fn read_candles(&mut self, columns: &[String]) -> anyhow::Result<()> {
        for column in ["timestamp", "symbol", "open", "high", "low", "close", "volume"] {
            ensure!(columns.iter().any(|name| name == column), "its table ohlcv has no column {column}");
        }
        let length = if columns.iter().any(|name| name == "timeframe") { "timeframe" } else { "'1m'" };
        let mut statement = self.connection.prepare(&format!(
            "SELECT rowid, symbol, {length}, timestamp, open, high, low, close, volume FROM ohlcv ORDER BY symbol, rowid"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next().context("a row of ohlcv")? {
            let text = |n: usize| row.get_ref(n).map(text_of);
            let (id, symbol, length) = (row.get::<_, i64>(0)?, text(1)?, text(2)?);
            let Ok(timeframe) = length.parse::<Timeframe>() else {
                *self.other_lengths.entry(length).or_default() += 1;
                continue;
            };
            let values = [text(3)?, text(4)?, text(5)?, text(6)?, text(7)?, text(8)?];
            self.series.entry((symbol, timeframe)).or_default().push(Values(id.cast_unsigned(), values));
        }
        Ok(())
    }
}

/// Names of a table's columns; none where there is no such table.
pub(super) fn columns(connection: &Connection, table: &str) -> anyhow::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect::<Result<_, _>>().context("not an SQLite database")
}

/// The rows of one series.
pub(super) fn table(values: &[Values]) -> Table<'_> {
    let mut table = Table::default();
    for Values(id, [at, open, high, low, close, volume]) in values {
        match time(at) {
            Some(open_time) => {
                table.rows.push(Row { line: *id, open_time, values: [open, high, low, close, volume] });
            }
            None => table.unreadable.push(Quarantined { line: *id, reason: format!("{at:?} is no time") }),
        }
    }
    table
}

pub(super) fn text_of(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use store::History;
    use types::Timestamp;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn made(schema: &str, rows: &[&str]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let connection = Connection::open(file.path()).unwrap();
        connection.execute_batch(schema).unwrap();
        for row in rows {
            connection.execute(&format!("INSERT INTO ohlcv VALUES ({row})"), []).unwrap();
        }
        file
    }

    #[test]
    fn each_symbol_and_length_is_a_series_and_what_has_no_place_is_counted() {
        let file = made(
            "CREATE TABLE ohlcv (timestamp INTEGER, symbol TEXT, timeframe TEXT, open REAL, high REAL, low REAL,
               close REAL, volume REAL);
             CREATE TABLE trades (id INTEGER); INSERT INTO trades VALUES (1), (2);",
            &[
                "1700000040000, 'BTCUSD', '1m', 10.5, 12, 10, 11.25, 0.1",
                "1700000100000, 'BTCUSD', '1m', 11, 12, 10, 11, 0.00000012",
                "1700000100000, 'BTCUSD', '1m', 11, 12, 10, 11, 0.00000012",
                "1700000160000, 'BTCUSD', '1m', NULL, 12, 10, 11, 1",
                "'soon', 'BTCUSD', '1m', 10, 12, 10, 11, 1",
                "1700000100000, 'ETHUSD', '15m', 1, 2, 1, 2, 3",
                "1700000000000, 'ETHUSD', '3m', 1, 2, 1, 2, 3",
            ],
        );
        assert!(is_database(file.path()));
        let found = read(file.path()).unwrap();
        assert_eq!(found.other_lengths, BTreeMap::from([("3m".to_owned(), 1)]));
        assert_eq!(found.left_out, BTreeMap::from([("trades".to_owned(), 2)]));
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path()).unwrap();
        let (reports, others) = super::super::import_database(&found, "tickerml", &history, NOW).unwrap();
        assert!(others.is_empty());
        let told: Vec<_> = reports.iter().map(|r| (r.rows, r.imported, r.duplicates, r.quarantined)).collect();
        assert_eq!(told, [(5, 2, 1, 2), (1, 1, 0, 0)]);
        assert_eq!(reports[0].quarantine.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 5]);
        let series = store::history::Series {
            source: "tickerml".to_owned(),
            symbol: "BTCUSD".to_owned(),
            timeframe: Timeframe::M1,
        };
        let kept = history.candles(&series, Timestamp::EPOCH..NOW).unwrap();
        let volumes: Vec<String> = kept.iter().map(|(scale, c)| scale.qty(c.volume).to_string()).collect();
        assert_eq!(volumes, ["0.10000000", "0.00000012"]);
        let (again, _) = super::super::import_database(&found, "tickerml", &history, NOW).unwrap();
        assert!(again.iter().all(|report| report.imported == 0));
    }

    #[test]
    fn older_files_have_minutes_alone_and_other_databases_are_refused() {
        let schema = "CREATE TABLE ohlcv (timestamp INTEGER, symbol TEXT, open REAL, high REAL, low REAL, close REAL, volume REAL)";
        let file = made(schema, &["1700000040, 'BTCUSD', 10, 12, 10, 11, 1"]);
        let found = read(file.path()).unwrap();
        assert_eq!(found.series.keys().collect::<Vec<_>>(), [&("BTCUSD".to_owned(), Timeframe::M1)]);
        let other = made("CREATE TABLE notes (text TEXT)", &[]);
        assert!(read(other.path()).unwrap_err().to_string().contains("no table ohlcv"));
        let short = made("CREATE TABLE ohlcv (timestamp INTEGER, symbol TEXT)", &[]);
        assert!(read(short.path()).unwrap_err().to_string().contains("no column open"));
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0xA5; 4_000]);
        std::fs::write(other.path(), bytes).unwrap();
        assert!(is_database(other.path()) && read(other.path()).is_err());
    }
}
