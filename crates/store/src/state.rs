//! `state.redb`: series, ledger and catalogue, as queries want them. All of it follows from the journal.

mod arbitrage;
mod catalogue;
mod ledger;
mod pending;
mod prune;
mod quality;
mod series;
mod upgrade;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{
    AccessGuard, Database, Durability, Key, ReadOnlyTable, ReadableDatabase, TableDefinition, Value, WriteTransaction,
};
use serde::de::DeserializeOwned;
use types::{Record, Timestamp};

use crate::copy::{Pass, Snapshot};
use crate::digest::append;
use crate::disk::{Disk, SystemDisk};
use crate::file::{self, Kind, META};
use crate::{Result, StoreError, TableSize};

pub use catalogue::Listing;
pub use pending::Pending;
pub use quality::QUARANTINE_MAX;
pub use series::ScoredForecast;

/// State file format written by this program, and the highest it reads.
pub const FORMAT: u64 = 7;

type Rows<K> = ReadOnlyTable<K, &'static [u8]>;
type Row<'a, K> = (AccessGuard<'a, K>, AccessGuard<'a, &'static [u8]>);

const NAME: &str = "state.redb";
const APPLIED: &str = "applied";
const KIND: Kind = Kind { format: FORMAT, what: "the state file", cache_bytes: 16 << 20 };

/// A record with its place in the journal, which is what makes writing it twice the same as once.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Sequence number of the input that caused it.
    pub seq: u64,
    /// Its rank among that input's effects.
    pub rank: u16,
    /// The record.
    pub record: Record,
}

/// Which part of a series is wanted. Answers are always oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
    /// Most values; when there are more, `newest` says which.
    pub limit: usize,
    /// True for the last `limit`, false for the first.
    pub newest: bool,
}

impl Span {
    /// The last `limit` values before `to`.
    #[must_use]
    pub const fn last(limit: usize, to: Timestamp) -> Self {
        Self { from: Timestamp::from_nanos(i64::MIN), to, limit, newest: true }
    }

    /// The first `limit` values from `from` up to, not including, `to`.
    #[must_use]
    pub const fn between(from: Timestamp, to: Timestamp, limit: usize) -> Self {
        Self { from, to, limit, newest: false }
    }
}

/// The state file of a data directory. Reading and writing may happen in different threads; a reader sees the last
/// commit.
pub struct State {
    path: PathBuf,
    /// Empty after a failure until it could be opened again.
    database: RwLock<Option<Database>>,
}

impl State {
    /// Opens `state.redb` in `dir`, creating both.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open; damage and newer formats by name.
    pub fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, "cannot create the data directory", e))?;
        Self::open_on(&SystemDisk, dir)
    }

    /// Opens the file again, which is needed after any error of a write. Readers wait.
    ///
    /// # Errors
    /// As [`open`](Self::open); the file is closed then, and this may be tried again.
    pub fn reopen(&self) -> Result<()> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old one holds the lock of the file.
        drop(database.take());
        let opened = file::open(&SystemDisk, &self.path, KIND)?;
        *database = Some(opened);
        Ok(())
    }

    /// The same on any disk, in a folder that is there.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: &dyn Disk, dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let database = if disk.exists(&path) {
            let database = file::open(disk, &path, KIND)?;
            file::commit(&database, &path, upgrade)?;
            database
        } else {
            file::create(disk, &path, KIND, |txn| {
                txn.open_table(META)?.insert(APPLIED, 0)?;
                create(txn)
            })?
        };
        Ok(Self { path, database: RwLock::new(Some(database)) })
    }

    /// Opens the state file that is in `dir` for looking at it. It is not changed.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, [`StoreError::InUse`] while a box writes to it; damage and newer formats
    /// by name.
    pub fn open_read(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let database = file::open_read(&SystemDisk, &path, KIND)?;
        // In memory only.
        file::commit(&database, &path, upgrade)?;
        Ok(Self { path, database: RwLock::new(Some(database)) })
    }

    /// Writes records in one durable commit, and that all records of inputs up to `applied` are here now.
    ///
    /// # Errors
    /// What the file system says; nothing of it was written then.
    pub fn write(&self, entries: &[Entry], applied: u64) -> Result<()> {
        self.commit(|txn| put(txn, entries, applied))
    }

    /// The same in a commit that readers see at once and that is durable only with the next durable one.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_unsynced(&self, entries: &[Entry], applied: u64) -> Result<()> {
        self.with(|database| {
            file::commit_with(database, &self.path, Durability::None, |txn| put(txn, entries, applied))
        })
    }

    /// All records of inputs up to this sequence number are here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn applied(&self) -> Result<u64> {
        let applied = self.read(META, |table| Ok(table.get(APPLIED)?.map(|v| v.value())))?;
        Ok(applied.unwrap_or(0))
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
        self.with(|database| file::tables(database, &self.path))
    }

    /// All of the file as it is now. While it lives the file keeps the pages that it sees.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.with(|database| Snapshot::new(database, &self.path, KIND, tables))
    }

    fn with<T>(&self, run: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        match &*database {
            Some(database) => run(database),
            None => Err(StoreError::Missing { path: self.path.clone(), what: "closed after a failure" }),
        }
    }

    fn commit(&self, write: impl FnOnce(&WriteTransaction) -> std::result::Result<(), redb::Error>) -> Result<()> {
        self.with(|database| file::commit(database, &self.path, write))
    }

    fn read<K: Key + 'static, V: Value + 'static, T>(
        &self,
        table: TableDefinition<'_, K, V>,
        read: impl FnOnce(&ReadOnlyTable<K, V>) -> std::result::Result<T, redb::Error>,
    ) -> Result<T> {
        self.with(|database| {
            let run = || -> std::result::Result<T, redb::Error> { read(&database.begin_read()?.open_table(table)?) };
            run().map_err(|e| StoreError::database(&self.path, "cannot read", e))
        })
    }

    /// Decodes what a range of a table holds, oldest first, at most `span.limit` from the wanted end.
    fn scan<K: Key + 'static, T: DeserializeOwned>(
        &self,
        table: TableDefinition<'_, K, &'static [u8]>,
        span: Span,
        range: impl FnOnce(&Rows<K>) -> std::result::Result<redb::Range<'static, K, &'static [u8]>, redb::StorageError>,
    ) -> Result<Vec<T>> {
        self.scan_where(table, span, range, |_| true)
    }

    /// The same of the rows that are wanted: the others do not count.
    fn scan_where<K: Key + 'static, T: DeserializeOwned>(
        &self,
        table: TableDefinition<'_, K, &'static [u8]>,
        span: Span,
        range: impl FnOnce(&Rows<K>) -> std::result::Result<redb::Range<'static, K, &'static [u8]>, redb::StorageError>,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>> {
        if span.from >= span.to {
            return Ok(Vec::new());
        }
        let found = self.read(table, |rows| {
            let range = range(rows)?;
            let decode = |row: std::result::Result<Row<'_, K>, redb::StorageError>| {
                row.map(|(_, value)| postcard::from_bytes::<T>(value.value()))
            };
            // What cannot be read or decoded is not passed over.
            let is_wanted = |row: &std::result::Result<postcard::Result<T>, redb::StorageError>| match row {
                Ok(Ok(value)) => is_wanted(value),
                _ => true,
            };
            let mut found: Vec<postcard::Result<T>> = if span.newest {
                range.rev().map(decode).filter(is_wanted).take(span.limit).collect::<std::result::Result<_, _>>()?
            } else {
                range.map(decode).filter(is_wanted).take(span.limit).collect::<std::result::Result<_, _>>()?
            };
            if span.newest {
                found.reverse();
            }
            Ok(found)
        })?;
        found.into_iter().map(|item| item.map_err(|e| self.unreadable(table.to_string(), e))).collect()
    }

    fn unreadable(&self, what: impl std::fmt::Display, error: postcard::Error) -> StoreError {
        StoreError::corrupt(&self.path, format!("a value of {what} cannot be read: {error}"))
    }
}

fn put(txn: &WriteTransaction, entries: &[Entry], applied: u64) -> std::result::Result<(), redb::Error> {
    let mut series = series::Writer::open(txn)?;
    let mut ledger = ledger::Writer::open(txn)?;
    let mut arbitrage = arbitrage::Writer::open(txn)?;
    let mut quality = quality::Writer::open(txn)?;
    let mut scratch = Vec::new();
    for entry in entries {
        match &entry.record {
            Record::Candle(candle) => series.candle(candle, &mut scratch)?,
            Record::Forecast(forecast) => series.forecast(forecast, &mut scratch)?,
            Record::Score(score) => series.score(score, &mut scratch)?,
            Record::Equity(equity) => series.equity(equity, &mut scratch)?,
            Record::Order(order) => ledger.order(order, &mut scratch)?,
            Record::Refused { order, refusal } => ledger.refused(order, *refusal, &mut scratch)?,
            Record::Fill(fill) => ledger.fill(entry.seq, entry.rank, fill, &mut scratch)?,
            Record::OrderEnd { order, end, at } => ledger.order_end(*order, *end, *at, &mut scratch)?,
            Record::Quality(row) => quality.minute(row, &mut scratch)?,
            Record::Gap(gap) => quality.gap(gap, &mut scratch)?,
            Record::Quarantine(record) => quality.quarantine(entry.seq, entry.rank, record, &mut scratch)?,
            Record::Rules(rules) => catalogue::put(txn, rules, &mut scratch)?,
            Record::Status(status) => quality.status(status, &mut scratch)?,
            Record::Arbitrage(known) => arbitrage.opportunity(known, &mut scratch)?,
            Record::Seal(seal) => series.seal(seal, &mut scratch)?,
            Record::Account(account) => ledger.account(account, &mut scratch)?,
            Record::Why(why) => ledger.why(why, &mut scratch)?,
            Record::Arrival(arrival) => ledger.arrival(arrival, &mut scratch)?,
            Record::Attempt(attempt) => arbitrage.attempt(attempt, &mut scratch)?,
            Record::Breaker(breaker) => ledger.breaker(entry.seq, entry.rank, breaker, &mut scratch)?,
        }
    }
    txn.open_table(META)?.insert(APPLIED, applied)?;
    Ok(())
}

/// Every table of the file.
fn tables(pass: &mut Pass<'_>) -> std::result::Result<(), redb::Error> {
    pass.table(META)?;
    pass.table(series::CANDLES)?;
    pass.table(series::REVISIONS)?;
    pass.table(series::FORECASTS)?;
    pass.table(series::SEALS)?;
    pass.table(series::EQUITY)?;
    pass.table(ledger::ORDERS)?;
    pass.table(ledger::REFUSALS)?;
    pass.table(ledger::ORDER_ENDS)?;
    pass.table(ledger::FILLS)?;
    pass.table(ledger::WHY)?;
    pass.table(ledger::ARRIVALS)?;
    pass.table(ledger::ACCOUNTS)?;
    pass.table(ledger::BREAKERS)?;
    pass.table(arbitrage::OPPORTUNITIES)?;
    pass.table(arbitrage::ATTEMPTS)?;
    pass.table(quality::QUALITY)?;
    pass.table(quality::GAPS)?;
    pass.table(quality::STATUS)?;
    pass.table(quality::QUARANTINE)?;
    pass.table(catalogue::SYMBOLS)?;
    pass.table(catalogue::RULES)?;
    pass.table(catalogue::INSTRUMENTS)
}

/// Makes all tables that are not there.
fn create(txn: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    series::create(txn)?;
    ledger::create(txn)?;
    arbitrage::create(txn)?;
    quality::create(txn)?;
    catalogue::create(txn)
}

/// Brings a file of an older program to what this one reads and writes.
fn upgrade(txn: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    upgrade::upgrade(txn)?;
    create(txn)
}

/// The postcard encoding of `value` in `scratch`.
fn encoded<'s, T: serde::Serialize>(value: &T, scratch: &'s mut Vec<u8>) -> &'s [u8] {
    scratch.clear();
    append(value, scratch);
    scratch
}
