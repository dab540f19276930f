//! Files of the data directory: their names, how they are opened, and what becomes of damaged ones.

use std::fs::File;
use std::path::{Path, PathBuf};

use redb::{
    Database, Durability, ReadableDatabase, ReadableTableMetadata, StorageBackend, TableDefinition, TableHandle,
    WriteTransaction,
};
use types::Timestamp;
use types::time::NS_PER_DAY;

use crate::disk::{Disk, SystemDisk, folder};
use crate::overlay::Overlay;
use crate::verified::Verified;
use crate::{Result, StoreError};

/// Small facts about a file; its `format` is read before anything else.
pub(crate) const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";

/// What a file is, and how it is handled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Format written by this program, and the highest it reads.
    pub(crate) format: u64,
    /// For messages: `the journal`.
    pub(crate) what: &'static str,
    /// Memory for pages.
    pub(crate) cache_bytes: usize,
}

/// Locks the directory for its only writer. The lock ends with the process, however it ends.
pub(crate) fn lock(disk: &dyn Disk, dir: &Path) -> Result<Option<File>> {
    disk.lock(dir).map_err(|e| match e.kind() {
        std::io::ErrorKind::WouldBlock => StoreError::InUse { path: dir.to_owned() },
        _ => StoreError::io(dir, "cannot lock the data directory", e),
    })
}

/// `journal-YYYYMMDD.redb` for a day counted from the epoch.
pub(crate) fn day_name(day: i32) -> String {
    let (year, month, date) = Timestamp::from_nanos(i64::from(day) * NS_PER_DAY).date();
    format!("journal-{year:04}{month:02}{date:02}.redb")
}

/// The inverse of [`day_name`]; `None` for any other name.
pub(crate) fn parse_day_name(name: &str) -> Option<i32> {
    let digits = name.strip_prefix("journal-")?.strip_suffix(".redb")?;
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let start = format!("{}-{}-{}T00:00:00Z", &digits[..4], &digits[4..6], &digits[6..]);
    let start = Timestamp::parse_rfc3339(start.as_bytes())?;
    Some(start.day())
}

/// Renames a file to `NAME.corrupt-N`, the first free N, and gives the new path. Nothing is deleted or overwritten.
///
/// # Errors
/// When the directory cannot be written.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    set_aside_on(&SystemDisk, path)
}

/// [`set_aside`] on any disk.
pub(crate) fn set_aside_on(disk: &dyn Disk, path: &Path) -> Result<PathBuf> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("file");
    let mut number = 1u32;
    let aside = loop {
        let aside = path.with_file_name(format!("{name}.corrupt-{number}"));
        if !disk.exists(&aside) {
            break aside;
        }
        number += 1;
    };
    disk.rename(path, &aside).map_err(|e| StoreError::io(path, "cannot set aside", e))?;
    sync_dir(disk, path)?;
    Ok(aside)
}

/// Makes names in the file's directory durable.
pub(crate) fn sync_dir(disk: &dyn Disk, path: &Path) -> Result<()> {
    let dir = folder(path);
    disk.sync_names(&dir).map_err(|e| StoreError::io(&dir, "cannot sync the directory", e))
}

/// Opens a file that exists for writing, after a power cut too. Every page is verified.
pub(crate) fn open(disk: &dyn Disk, path: &Path, kind: Kind) -> Result<Database> {
    open_on(checked(disk, path, true)?, path, kind)
}

/// Opens a file for reading. Every page is verified, and the file is not changed. Not while another process writes to it.
pub(crate) fn open_read(disk: &dyn Disk, path: &Path, kind: Kind) -> Result<Database> {
    open_on(Box::new(Overlay::new(checked(disk, path, false)?, path)?), path, kind)
}

fn open_on(backend: Box<dyn StorageBackend>, path: &Path, kind: Kind) -> Result<Database> {
    let database = redb::Builder::new()
        .set_cache_size(kind.cache_bytes)
        .create_with_backend(Verified::new(backend))
        .map_err(|e| StoreError::database(path, "cannot open", e))?;
    check_format(&database, path, kind)?;
    Ok(database)
}

/// Creates a file whose first durable commit holds its format and what `first` writes. The file has its name only
/// after that commit, so a file with its name is never without it.
pub(crate) fn create(
    disk: &dyn Disk,
    path: &Path,
    kind: Kind,
    first: impl FnOnce(&WriteTransaction) -> std::result::Result<(), redb::Error>,
) -> Result<Database> {
    let mut scratch = path.as_os_str().to_owned();
    scratch.push(".new");
    let scratch = PathBuf::from(scratch);
    // A half-made file of that name holds nothing that was ever promised.
    let backend = disk.create(&scratch).map_err(|e| StoreError::io(&scratch, "cannot create", e))?;
    let database = redb::Builder::new()
        .set_cache_size(kind.cache_bytes)
        .create_with_backend(Verified::new(backend))
        .map_err(|e| StoreError::database(&scratch, "cannot create", e))?;
    commit(&database, &scratch, |txn| {
        txn.open_table(META)?.insert(FORMAT, kind.format)?;
        first(txn)
    })?;
    disk.rename(&scratch, path).map_err(|e| StoreError::io(path, "cannot name", e))?;
    sync_dir(disk, path)?;
    Ok(database)
}

/// One durable commit: all of what `write` does, or nothing.
pub(crate) fn commit(
    database: &Database,
    path: &Path,
    write: impl FnOnce(&WriteTransaction) -> std::result::Result<(), redb::Error>,
) -> Result<()> {
    commit_with(database, path, Durability::Immediate, write)
}

/// One commit of that durability.
pub(crate) fn commit_with(
    database: &Database,
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&WriteTransaction) -> std::result::Result<(), redb::Error>,
) -> Result<()> {
    let commit = || -> std::result::Result<(), redb::Error> {
        let mut txn = database.begin_write()?;
        txn.set_durability(durability).expect("no savepoint was made in it");
        write(&txn)?;
        txn.commit()?;
        Ok(())
    };
    commit().map_err(|e| StoreError::database(path, "cannot write", e))
}

fn check_format(database: &Database, path: &Path, kind: Kind) -> Result<()> {
    let Kind { format: known, what, .. } = kind;
    let read = || -> std::result::Result<Option<u64>, redb::Error> {
        Ok(database.begin_read()?.open_table(META)?.get(FORMAT)?.map(|v| v.value()))
    };
    match read().map_err(|e| StoreError::database(path, "cannot read its format", e))? {
        Some(found) if (1..=known).contains(&found) => Ok(()),
        Some(found) if found > known => Err(StoreError::Newer { path: path.to_owned(), what, found, known }),
        _ => Err(StoreError::corrupt(path, "no format number")),
    }
}

/// Opens a file of which the beginning is there: the database library takes an empty file for a new one, to us it is a
/// damaged one.
fn checked(disk: &dyn Disk, path: &Path, writes: bool) -> Result<Box<dyn StorageBackend>> {
    /// First bytes of every redb file.
    const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";
    let mut head = [0; MAGIC.len()];
    let file = disk.open(path, writes).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned(), what: "no such file" },
        _ => StoreError::io(path, "cannot open", e),
    })?;
    let len = file.len().map_err(|e| StoreError::io(path, "cannot tell its size", e))?;
    if len < MAGIC.len() as u64 {
        return Err(StoreError::corrupt(path, "the file is cut short"));
    }
    file.read(0, &mut head).map_err(|e| StoreError::io(path, "cannot read", e))?;
    if head == MAGIC { Ok(file) } else { Err(StoreError::corrupt(path, "not a redb file")) }
}

/// How much a table of a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// The table.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of its keys and values.
    pub stored_bytes: u64,
    /// Bytes of the file that it takes.
    pub file_bytes: u64,
}

/// What the tables of a file hold, by name.
pub(crate) fn tables(database: &Database, path: &Path) -> Result<Vec<TableSize>> {
    let read = || -> std::result::Result<Vec<TableSize>, redb::Error> {
        let txn = database.begin_read()?;
        let mut found = Vec::new();
        for handle in txn.list_tables()? {
            let name = handle.name().to_owned();
            let table = txn.open_untyped_table(handle)?;
            let stats = table.stats()?;
            let stored_bytes = stats.stored_bytes();
            let file_bytes = stored_bytes + stats.metadata_bytes() + stats.fragmented_bytes();
            found.push(TableSize { name, rows: table.len()?, stored_bytes, file_bytes });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    };
    read().map_err(|e| StoreError::database(path, "cannot read", e))
}
