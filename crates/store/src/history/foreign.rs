//! Books and forecasts that another program kept. They are shown as they are and go nowhere else: nobody has proven the
//! books, and nobody can tell whether the forecasts were made before what they forecast.

use std::ops::Range;

use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use types::market::Level;
use types::{Scale, Timestamp};

use super::{History, encoded};
use crate::{Result, StoreError, file};

/// Source, symbol, a time.
type Key = (&'static str, &'static str, i64);
type Rows = TableDefinition<'static, Key, &'static [u8]>;

/// What another program kept. Implemented by the kinds that there are.
pub trait Foreign: Serialize + DeserializeOwned {
    #[doc(hidden)]
    const TABLE: Rows;
}

/// Levels of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignBook {
    /// Digits of the levels.
    pub scale: Scale,
    /// Best first.
    pub bids: Vec<Level>,
    /// Best first.
    pub asks: Vec<Level>,
}

impl Foreign for ForeignBook {
    const TABLE: Rows = TableDefinition::new("books");
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignForecast {
    /// What made it, where that is told.
    pub model: String,
    /// The value for each number of minutes ahead, in whatever unit that program forecast.
    pub values: Vec<(u16, f64)>,
    /// Probability of a rise, 0 to 1.
    pub p_up: f64,
}

impl Foreign for ForeignForecast {
    const TABLE: Rows = TableDefinition::new("forecasts");
}

/// What became of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Rows that are new.
    pub fresh: u64,
    /// Rows that say again what is kept.
    pub same: u64,
    /// Places, in what was given, of rows for whose time something else is kept.
    pub other: Vec<usize>,
}

pub(super) fn create(txn: &redb::WriteTransaction) -> std::result::Result<(), redb::Error> {
    txn.open_table(ForeignBook::TABLE)?;
    txn.open_table(ForeignForecast::TABLE)?;
    Ok(())
}

impl History {
    /// Keeps rows of an instrument in one durable commit. What is kept already is never replaced.
    ///
    /// # Errors
    /// What the file system says; nothing of it was kept then.
    pub fn keep_foreign<T: Foreign>(&self, source: &str, symbol: &str, rows: &[(Timestamp, T)]) -> Result<Taken> {
        let mut taken = Taken::default();
        file::commit(&self.database, &self.path, |txn| {
            let mut table = txn.open_table(T::TABLE)?;
            for (index, (at, row)) in rows.iter().enumerate() {
                let (key, row) = ((source, symbol, at.as_nanos()), encoded(row));
                let known = table.get(key)?.map(|known| known.value() == row.as_slice());
                match known {
                    Some(true) => taken.same += 1,
                    Some(false) => taken.other.push(index),
                    None => {
                        table.insert(key, row.as_slice())?;
                        taken.fresh += 1;
                    }
                }
            }
            Ok(())
        })?;
        Ok(taken)
    }

    /// Rows of an instrument, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn foreign<T: Foreign>(
        &self,
        source: &str,
        symbol: &str,
        wanted: Range<Timestamp>,
    ) -> Result<Vec<(Timestamp, T)>> {
        let read = || -> std::result::Result<Vec<(i64, Vec<u8>)>, redb::Error> {
            let rows = self.database.begin_read()?.open_table(T::TABLE)?;
            let range = (source, symbol, wanted.start.as_nanos())..(source, symbol, wanted.end.as_nanos());
            let mut found = Vec::new();
            for row in rows.range::<(&str, &str, i64)>(range)? {
                let (key, row) = row?;
                found.push((key.value().2, row.value().to_vec()));
            }
            Ok(found)
        };
        let rows = read().map_err(|e| StoreError::database(&self.path, "cannot read", e))?;
        let decoded = rows.iter().map(|(at, row)| Ok((Timestamp::from_nanos(*at), postcard::from_bytes(row)?)));
        decoded.collect::<postcard::Result<_>>().map_err(|e| {
            StoreError::corrupt(&self.path, format!("a row of {}: {e}", redb::TableHandle::name(&T::TABLE)))
        })
    }

    /// Sources and symbols of which there are rows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn foreign_names<T: Foreign>(&self) -> Result<Vec<(String, String)>> {
        let read = || -> std::result::Result<Vec<(String, String)>, redb::Error> {
            let rows = self.database.begin_read()?.open_table(T::TABLE)?;
            let mut found: Vec<(String, String)> = Vec::new();
            let mut next = rows.first()?.map(|(key, _)| names(key.value()));
            while let Some((source, symbol)) = next.take() {
                let after = (source.as_str(), symbol.as_str(), i64::MAX);
                let mut rest =
                    rows.range::<(&str, &str, i64)>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))?;
                next = rest.next().transpose()?.map(|(key, _)| names(key.value()));
                found.push((source, symbol));
            }
            Ok(found)
        };
        read().map_err(|e| StoreError::database(&self.path, "cannot read", e))
    }
}

fn names((source, symbol, _): (&str, &str, i64)) -> (String, String) {
    (source.to_owned(), symbol.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn forecast(value: f64) -> ForeignForecast {
        ForeignForecast { model: "v1".to_owned(), values: vec![(5, value), (10, 2.0)], p_up: 0.5 }
    }

    #[test]
    fn rows_are_kept_once_and_never_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        let history = History::open(dir.path()).expect("a new file");
        let rows = [(at(10), forecast(1.0)), (at(20), forecast(2.0))];
        let taken = history.keep_foreign("a", "BTC", &rows).expect("kept");
        assert_eq!(taken, Taken { fresh: 2, ..Taken::default() });
        let again = [(at(10), forecast(1.0)), (at(20), forecast(3.0)), (at(30), forecast(3.0))];
        let taken = history.keep_foreign("a", "BTC", &again).expect("kept");
        assert_eq!(taken, Taken { fresh: 1, same: 1, other: vec![1] });
        history.keep_foreign("a", "ETH", &rows[..1]).expect("kept");
        history.keep_foreign("b", "BTC", &rows[..1]).expect("kept");
        let kept = history.foreign::<ForeignForecast>("a", "BTC", at(20)..at(99)).expect("readable");
        assert_eq!(kept, [(at(20), forecast(2.0)), (at(30), forecast(3.0))]);
        let names = history.foreign_names::<ForeignForecast>().expect("readable");
        let names: Vec<_> = names.iter().map(|(source, symbol)| (source.as_str(), symbol.as_str())).collect();
        assert_eq!(names, [("a", "BTC"), ("a", "ETH"), ("b", "BTC")]);
        assert_eq!(history.foreign_names::<ForeignBook>().expect("readable"), []);
    }

    #[test]
    fn a_file_of_format_1_is_read_as_it_is_and_gets_the_new_tables_when_it_is_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(super::super::NAME);
        let old = file::Kind { format: 1, ..super::super::KIND };
        file::create(&crate::SystemDisk, &path, old, |txn| {
            txn.open_table(super::super::CANDLES)?;
            txn.open_table(super::super::COVERED)?;
            Ok(())
        })
        .expect("an old file");
        let before = std::fs::read(&path).expect("readable");
        let history = History::open_read(dir.path()).expect("readable");
        assert_eq!(history.foreign_names::<ForeignBook>().expect("none"), []);
        drop(history);
        assert_eq!(std::fs::read(&path).expect("readable"), before);
        let history = History::open(dir.path()).expect("taken over");
        history.keep_foreign("a", "BTC", &[(at(1), forecast(1.0))]).expect("kept");
        drop(history);
        assert_eq!(History::open_read(dir.path()).expect("readable").series().expect("none"), []);
    }
}
