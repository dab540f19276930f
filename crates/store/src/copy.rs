//! Whole files as they were at one moment, while they are written to: copied table by table, counted and digested.

use std::path::{Path, PathBuf};

use redb::{
    Database, Error, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    Value,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::disk::SystemDisk;
use crate::file::{self, Kind};
use crate::{Digest, Result, StoreError};

/// Rows that are written in one commit.
const ROWS_MAX: u64 = 200_000;

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 of all keys and values in order, each after its length as a `u64`; in hexadecimal.
    pub digest: String,
}

/// A file as it is at one moment, whatever is written to it meanwhile.
pub struct Snapshot {
    path: PathBuf,
    txn: ReadTransaction,
    kind: Kind,
    tables: fn(&mut Pass<'_>) -> std::result::Result<(), Error>,
}

impl Snapshot {
    pub(crate) fn new(
        database: &Database,
        path: &Path,
        kind: Kind,
        tables: fn(&mut Pass<'_>) -> std::result::Result<(), Error>,
    ) -> Result<Self> {
        let txn = database.begin_read().map_err(|e| StoreError::database(path, "cannot read", e))?;
        Ok(Self { path: path.to_owned(), txn, kind, tables })
    }

    /// What each table holds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn digests(&self) -> Result<Vec<TableDigest>> {
        self.pass(None)
    }

    /// Writes all of it into a new file, and says what that holds.
    ///
    /// # Errors
    /// When the file cannot be read or the new one cannot be written.
    pub fn write_to(&self, path: &Path) -> Result<Vec<TableDigest>> {
        let to = file::create(&SystemDisk, path, self.kind, |_| Ok(()))?;
        self.pass(Some(&to))
    }

    fn pass(&self, to: Option<&Database>) -> Result<Vec<TableDigest>> {
        let mut pass = Pass { from: &self.txn, to, found: Vec::new() };
        (self.tables)(&mut pass).map_err(|e| StoreError::database(&self.path, "cannot copy", e))?;
        Ok(pass.found)
    }
}

/// One walk over all tables.
pub(crate) struct Pass<'a> {
    from: &'a ReadTransaction,
    to: Option<&'a Database>,
    found: Vec<TableDigest>,
}

impl Pass<'_> {
    /// Walks over a table; one that is not there is empty.
    pub(crate) fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> std::result::Result<(), Error> {
        let mut digest = Sha256::new();
        let mut rows = 0;
        match self.from.open_table(definition) {
            Ok(table) => rows = self.rows(definition, &table, &mut digest)?,
            Err(TableError::TableDoesNotExist(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let digest = Digest(digest.finalize().into()).to_string();
        self.found.push(TableDigest { table: redb::TableHandle::name(&definition).to_owned(), rows, digest });
        Ok(())
    }

    fn rows<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        table: &ReadOnlyTable<K, V>,
        digest: &mut Sha256,
    ) -> std::result::Result<u64, Error> {
        let mut rows = 0;
        let mut range = table.iter()?.peekable();
        loop {
            let txn = self.to.map(redb::Database::begin_write).transpose()?;
            let mut to = txn.as_ref().map(|txn| txn.open_table(definition)).transpose()?;
            for row in range.by_ref().take(ROWS_MAX as usize) {
                let (key, value) = row?;
                for part in [K::as_bytes(&key.value()).as_ref(), V::as_bytes(&value.value()).as_ref()] {
                    digest.update((part.len() as u64).to_le_bytes());
                    digest.update(part);
                }
                if let Some(to) = &mut to {
                    to.insert(key.value(), value.value())?;
                }
                rows += 1;
            }
            drop(to);
            if let Some(txn) = txn {
                txn.commit()?;
            }
            if range.peek().is_none() {
                return Ok(rows);
            }
        }
    }
}
