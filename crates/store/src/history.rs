//! `history.redb`: candles of the past as venues told them later or files hold them, beside what the box heard itself; and
//! books and forecasts that another program kept. No journal knows of them; they can be fetched or imported again.
//!
//! Three things are told apart: a candle; an interval for which the venue has answered and which has no candle (nothing
//! traded); and one for which nobody has asked yet, or nothing could be had.

mod foreign;

use std::ops::Range;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use types::{Candle, Scale, Timeframe, Timestamp};

use crate::copy::Snapshot;
use crate::disk::SystemDisk;
use crate::file::{self, Kind, META};
use crate::{Result, StoreError, TableSize};

pub use foreign::{Foreign, ForeignBook, ForeignForecast, Taken};

/// History file format written by this program, and the highest it reads.
pub const FORMAT: u64 = 2;

/// Source, symbol, code of the time frame ([`Timeframe::code`]), a time.
type Key = (&'static str, &'static str, u8, i64);
/// A digits-and-values pair: a venue may change the digits of an instrument.
type Row = (Scale, Candle);

const NAME: &str = "history.redb";
const KIND: Kind = Kind { format: FORMAT, what: "the history file", cache_bytes: 8 << 20 };
const CANDLES: TableDefinition<'static, Key, &'static [u8]> = TableDefinition::new("candles");
/// From the key's time up to, and without, the value. Neighbours are joined, so no two touch.
const COVERED: TableDefinition<'static, Key, i64> = TableDefinition::new("covered");

/// Which candles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Who told them: a venue's slug, or the name under which a file was imported.
    pub source: String,
    /// The source's own name of the instrument.
    pub symbol: String,
    /// Their length.
    pub timeframe: Timeframe,
}

impl Series {
    fn key(&self, time: i64) -> (&str, &str, u8, i64) {
        (&self.source, &self.symbol, self.timeframe.code(), time)
    }
}

/// The history file of a data directory.
pub struct History {
    path: PathBuf,
    database: Database,
}

impl History {
    /// Opens `history.redb` in `dir`, creating both.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open; damage and newer formats by name.
    pub fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, "cannot create the data directory", e))?;
        let path = dir.join(NAME);
        let database = if path.exists() {
            let database = file::open(&SystemDisk, &path, KIND)?;
            file::commit(&database, &path, upgrade)?;
            database
        } else {
            file::create(&SystemDisk, &path, KIND, create)?
        };
        Ok(Self { path, database })
    }

    /// Opens the history file that is in `dir` for looking at it. It is not changed.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, [`StoreError::InUse`] while another process writes to it; damage and newer
    /// formats by name.
    pub fn open_read(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let database = file::open_read(&SystemDisk, &path, KIND)?;
        // In memory only.
        file::commit(&database, &path, upgrade)?;
        Ok(Self { path, database })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file's tables hold.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tables(&self) -> Result<Vec<TableSize>> {
        file::tables(&self.database, &self.path)
    }

    /// All of the file as it is now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::new(&self.database, &self.path, KIND, |pass| {
            pass.table(META)?;
            pass.table(CANDLES)?;
            pass.table(COVERED)?;
            pass.table(ForeignBook::TABLE)?;
            pass.table(ForeignForecast::TABLE)
        })
    }

    /// The parts of `wanted` for which the venue has not answered yet, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn missing(&self, series: &Series, wanted: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>> {
        let (mut from, to) = (wanted.start.as_nanos(), wanted.end.as_nanos());
        let mut missing = Vec::new();
        for (covered_from, covered_to) in self.covered_nanos(series)? {
            if covered_to <= from {
                continue;
            }
            if covered_from >= to {
                break;
            }
            if covered_from > from {
                missing.push(from..covered_from);
            }
            from = covered_to;
        }
        if from < to {
            missing.push(from..to);
        }
        Ok(missing.into_iter().map(|part| times(part.start, part.end)).collect())
    }

    /// All for which the venue has answered, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn covered(&self, series: &Series) -> Result<Vec<Range<Timestamp>>> {
        Ok(self.covered_nanos(series)?.into_iter().map(|(from, to)| times(from, to)).collect())
    }

    /// Keeps a venue's answer in one durable commit: that it has answered for `covered`, and the candles it has there.
    /// Twice is the same as once.
    ///
    /// # Errors
    /// What the file system says; nothing of it was kept then.
    pub fn keep(&self, series: &Series, scale: Scale, covered: Range<Timestamp>, candles: &[Candle]) -> Result<()> {
        file::commit(&self.database, &self.path, |txn| {
            let mut rows = txn.open_table(CANDLES)?;
            for candle in candles {
                let row = encoded(&(scale, *candle));
                rows.insert(series.key(candle.open_time.as_nanos()), row.as_slice())?;
            }
            cover(&mut txn.open_table(COVERED)?, series, covered.start.as_nanos(), covered.end.as_nanos())
        })
    }

    /// Candles by open time, oldest first, each with the digits of its values.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn candles(&self, series: &Series, wanted: Range<Timestamp>) -> Result<Vec<(Scale, Candle)>> {
        let read = || -> std::result::Result<Vec<Vec<u8>>, redb::Error> {
            let rows = self.database.begin_read()?.open_table(CANDLES)?;
            let range = series.key(wanted.start.as_nanos())..series.key(wanted.end.as_nanos());
            let mut found = Vec::new();
            for row in rows.range::<(&str, &str, u8, i64)>(range)? {
                found.push(row?.1.value().to_vec());
            }
            Ok(found)
        };
        let rows = read().map_err(|e| StoreError::database(&self.path, "cannot read", e))?;
        let decoded = rows.iter().map(|row| postcard::from_bytes::<Row>(row));
        decoded
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| StoreError::corrupt(&self.path, format!("a candle: {e}")))
    }

    /// All series of which something is kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn series(&self) -> Result<Vec<Series>> {
        let read = || -> std::result::Result<Vec<Series>, redb::Error> {
            let covered = self.database.begin_read()?.open_table(COVERED)?;
            let mut found: Vec<Series> = Vec::new();
            for row in covered.iter()? {
                let (key, _) = row?;
                let (source, symbol, code, _) = key.value();
                let known = Timeframe::ALL.into_iter().find(|timeframe| timeframe.code() == code);
                let Some(timeframe) = known else { continue };
                let series = Series { source: source.to_owned(), symbol: symbol.to_owned(), timeframe };
                if found.last() != Some(&series) {
                    found.push(series);
                }
            }
            Ok(found)
        };
        read().map_err(|e| StoreError::database(&self.path, "cannot read", e))
    }

    fn covered_nanos(&self, series: &Series) -> Result<Vec<(i64, i64)>> {
        let read = || -> std::result::Result<Vec<(i64, i64)>, redb::Error> {
            spans(&self.database.begin_read()?.open_table(COVERED)?, series)
        };
        read().map_err(|e| StoreError::database(&self.path, "cannot read", e))
    }
}

fn create(txn: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    txn.open_table(CANDLES)?;
    txn.open_table(COVERED)?;
    foreign::create(txn)
}

/// Brings a file of an older program to what this one reads and writes: format 1 had candles alone.
fn upgrade(txn: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    txn.open_table(META)?.insert("format", FORMAT)?;
    create(txn)
}

/// Joins `from..to` to what is covered.
fn cover(table: &mut Table<'_, Key, i64>, series: &Series, from: i64, to: i64) -> std::result::Result<(), redb::Error> {
    if from >= to {
        return Ok(());
    }
    let (mut joined_from, mut joined_to) = (from, to);
    for (known_from, known_to) in spans(table, series)? {
        if known_from <= to && from <= known_to {
            joined_from = joined_from.min(known_from);
            joined_to = joined_to.max(known_to);
            table.remove(series.key(known_from))?;
        }
    }
    table.insert(series.key(joined_from), joined_to)?;
    Ok(())
}

fn spans(table: &impl ReadableTable<Key, i64>, series: &Series) -> std::result::Result<Vec<(i64, i64)>, redb::Error> {
    let mut found = Vec::new();
    for row in table.range::<(&str, &str, u8, i64)>(series.key(i64::MIN)..=series.key(i64::MAX))? {
        let (key, to) = row?;
        found.push((key.value().3, to.value()));
    }
    Ok(found)
}

fn times(from: i64, to: i64) -> Range<Timestamp> {
    Timestamp::from_nanos(from)..Timestamp::from_nanos(to)
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("plain values always encode")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use types::{Price, Qty};

    use super::*;

    fn series(symbol: &str) -> Series {
        Series { source: "coinbase".to_owned(), symbol: symbol.to_owned(), timeframe: Timeframe::M1 }
    }

    fn digits(price_decimals: u8) -> Scale {
        Scale { price_decimals, qty_decimals: 8 }
    }

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_secs(60 * number)
    }

    fn candle(number: i64) -> Candle {
        Candle {
            volume: Qty(5),
            trades: 1,
            ..Candle::flat(minute(number), Price::new(100 + number).expect("positive"))
        }
    }

    fn spans_of(history: &History, series: &Series) -> Vec<(i64, i64)> {
        let covered = history.covered(series).expect("readable");
        covered.iter().map(|span| (span.start.as_secs() / 60, span.end.as_secs() / 60)).collect()
    }

    #[test]
    fn what_was_answered_is_not_missing_and_what_is_absent_there_did_not_trade() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mine, other) = (series("BTC-USD"), series("BTC-USDT"));
        {
            let history = History::open(dir.path()).expect("a new file");
            history.keep(&mine, digits(2), minute(10)..minute(20), &[candle(10), candle(12)]).expect("kept");
            history.keep(&mine, digits(4), minute(30)..minute(40), &[candle(30)]).expect("kept");
            history.keep(&mine, digits(2), minute(10)..minute(20), &[candle(10), candle(12)]).expect("kept again");
        }
        let history = History::open_read(dir.path()).expect("it is there");
        assert_eq!(spans_of(&history, &mine), [(10, 20), (30, 40)]);
        let missing = history.missing(&mine, minute(5)..minute(35)).expect("readable");
        assert_eq!(missing, [minute(5)..minute(10), minute(20)..minute(30)]);
        assert_eq!(history.missing(&mine, minute(31)..minute(40)).expect("readable"), []);
        assert_eq!(history.missing(&other, minute(5)..minute(6)).expect("readable"), [minute(5)..minute(6)]);
        let rows = history.candles(&mine, minute(0)..minute(31)).expect("readable");
        assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), [candle(10), candle(12), candle(30)]);
        assert_eq!(rows.iter().map(|row| row.0.price_decimals).collect::<Vec<_>>(), [2, 2, 4]);
        assert_eq!(history.series().expect("readable"), [mine]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever is answered in whatever order: what is missing is what was not.
        #[test]
        fn coverage_is_a_set(parts in prop::collection::vec((0i64..40, 0i64..12), 1..12), wanted in (0i64..30, 0i64..30)) {
            let dir = tempfile::tempdir().expect("a folder");
            let (history, series) = (History::open(dir.path()).expect("a new file"), series("BTC-USD"));
            let mut known = [false; 64];
            for (from, len) in parts {
                history.keep(&series, digits(2), minute(from)..minute(from + len), &[]).expect("kept");
                (from..from + len).for_each(|number| known[number as usize] = true);
            }
            let spans = spans_of(&history, &series);
            prop_assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{spans:?}");
            let (from, to) = (wanted.0, wanted.0 + wanted.1);
            let missing = history.missing(&series, minute(from)..minute(to)).expect("readable");
            let is_missing = |number: i64| missing.iter().any(|span| span.contains(&minute(number)));
            for number in 0..64 {
                let expected = (from..to).contains(&number) && !known[number as usize];
                prop_assert_eq!(is_missing(number), expected, "minute {}", number);
            }
        }
    }
}
