//! Files of the data directory: their names, how they are opened, and what becomes of damaged ones.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Database, ReadableDatabase, ReadableTableMetadata, StorageBackend, TableDefinition, TableHandle, WriteTransaction,
};
use types::Timestamp;
use types::time::NS_PER_DAY;

use crate::overlay::Overlay;
use crate::verified::Verified;
use crate::{Result, StoreError};

/// Small facts about a file; its `format` is read before anything else.
pub(crate) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";

/// Locks the directory for its only writer. The lock ends with the process, however it ends.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, "cannot create the data directory", e))?;
    let path = dir.join("journal.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| StoreError::io(&path, "cannot open", e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(e)) => Err(StoreError::io(&path, "cannot lock", e)),
    }
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
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("file");
    let mut number = 1u32;
    let aside = loop {
        let aside = path.with_file_name(format!("{name}.corrupt-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    fs::rename(path, &aside).map_err(|e| StoreError::io(path, "cannot set aside", e))?;
    sync_dir(path)?;
    Ok(aside)
}

/// Makes names in the file's directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| StoreError::io(dir, "cannot sync the directory", e))
}

/// Opens a file that exists for writing, after a power cut too. Every page is verified.
pub(crate) fn open(path: &Path, known_format: u64, what: &'static str, cache_bytes: usize) -> Result<Database> {
    check_head(path)?;
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|e| StoreError::io(path, "cannot open", e))?;
    let backend = FileBackend::new(file).map_err(|e| StoreError::database(path, "cannot open", e))?;
    open_on(backend, path, known_format, what, cache_bytes)
}

/// Opens a file for reading. Every page is verified, and the file is not changed. Not while another process writes to it.
pub(crate) fn open_read(path: &Path, known_format: u64, what: &'static str, cache_bytes: usize) -> Result<Database> {
    check_head(path)?;
    open_on(Overlay::open(path)?, path, known_format, what, cache_bytes)
}

fn open_on(
    backend: impl StorageBackend,
    path: &Path,
    known_format: u64,
    what: &'static str,
    cache_bytes: usize,
) -> Result<Database> {
    let database = redb::Builder::new()
        .set_cache_size(cache_bytes)
        .create_with_backend(Verified::new(backend))
        .map_err(|e| StoreError::database(path, "cannot open", e))?;
    check_format(&database, path, known_format, what)?;
    Ok(database)
}

/// Creates a file whose first durable commit holds its format and what `first` writes. The file has its name only
/// after that commit, so a file with its name is never without it.
pub(crate) fn create(
    path: &Path,
    format: u64,
    cache_bytes: usize,
    first: impl FnOnce(&WriteTransaction) -> std::result::Result<(), redb::Error>,
) -> Result<Database> {
    let mut scratch = path.as_os_str().to_owned();
    scratch.push(".new");
    let scratch = PathBuf::from(scratch);
    match fs::remove_file(&scratch) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(StoreError::io(&scratch, "cannot remove a half-made file", e));
        }
        _ => {}
    }
    let database = redb::Builder::new()
        .set_cache_size(cache_bytes)
        .create(&scratch)
        .map_err(|e| StoreError::database(&scratch, "cannot create", e))?;
    commit(&database, &scratch, |txn| {
        txn.open_table(META)?.insert(FORMAT, format)?;
        first(txn)
    })?;
    fs::rename(&scratch, path).map_err(|e| StoreError::io(path, "cannot name", e))?;
    sync_dir(path)?;
    Ok(database)
}

/// One durable commit: all of what `write` does, or nothing.
pub(crate) fn commit(
    database: &Database,
    path: &Path,
    write: impl FnOnce(&WriteTransaction) -> std::result::Result<(), redb::Error>,
) -> Result<()> {
    let commit = || -> std::result::Result<(), redb::Error> {
        let txn = database.begin_write()?;
        write(&txn)?;
        txn.commit()?;
        Ok(())
    };
    commit().map_err(|e| StoreError::database(path, "cannot write", e))
}

fn check_format(database: &Database, path: &Path, known: u64, what: &'static str) -> Result<()> {
    let read = || -> std::result::Result<Option<u64>, redb::Error> {
        Ok(database.begin_read()?.open_table(META)?.get(FORMAT)?.map(|v| v.value()))
    };
    match read().map_err(|e| StoreError::database(path, "cannot read its format", e))? {
        Some(found) if (1..=known).contains(&found) => Ok(()),
        Some(found) if found > known => Err(StoreError::Newer { path: path.to_owned(), what, found, known }),
        _ => Err(StoreError::corrupt(path, "no format number")),
    }
}

/// The database library takes an empty file for a new one: to us a file without its beginning is a damaged one.
fn check_head(path: &Path) -> Result<()> {
    /// First bytes of every redb file.
    const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";
    let mut head = [0; MAGIC.len()];
    let mut file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned(), what: "no such file" },
        _ => StoreError::io(path, "cannot open", e),
    })?;
    match std::io::Read::read_exact(&mut file, &mut head) {
        Ok(()) if head == MAGIC => Ok(()),
        Ok(()) => Err(StoreError::corrupt(path, "not a redb file")),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(StoreError::corrupt(path, "the file is cut short"))
        }
        Err(e) => Err(StoreError::io(path, "cannot read", e)),
    }
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
