//! Reading day files, with every check, without ever writing to them.

use std::fs;
use std::path::{Path, PathBuf};

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use types::{Input, Stamped, Timestamp};

use crate::block::{BlockHeader, Sealed};
use crate::file::{self, META};
use crate::journal::{BLOCKS, CHECKPOINTS, DAY, FORMAT};
use crate::{Checkpoint, Result, StoreError, TableSize};

/// Enough for the inner pages of a day's tree; blocks are read once.
const CACHE_BYTES: usize = 4 << 20;

/// A day file, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// UTC day, counted from the epoch.
    pub day: i32,
    /// The file.
    pub path: PathBuf,
}

/// The day files of a data directory, oldest first. Empty when there are none.
///
/// # Errors
/// When the directory cannot be listed.
pub fn days(dir: &Path) -> Result<Vec<Day>> {
    let listing = fs::read_dir(dir).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StoreError::Missing { path: dir.to_owned(), what: "no such directory" },
        _ => StoreError::io(dir, "cannot list", e),
    })?;
    let mut days = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|e| StoreError::io(dir, "cannot list", e))?;
        if let Some(day) = entry.file_name().to_str().and_then(file::parse_day_name) {
            days.push(Day { day, path: entry.path() });
        }
    }
    days.sort();
    Ok(days)
}

/// One day file, open for reading.
pub struct Reader {
    path: PathBuf,
    database: Database,
    day: i32,
}

impl Reader {
    /// Opens a day file. A file whose writer was killed is read as of its last commit, in memory.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process writes to it; damage and newer formats by name.
    pub fn open_day(path: &Path) -> Result<Self> {
        let database = file::open_read(path, FORMAT, "the journal", CACHE_BYTES)?;
        let day = check_day(&database, path)?;
        Ok(Self { path: path.to_owned(), database, day })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its UTC day, counted from the epoch.
    #[must_use]
    pub const fn day(&self) -> i32 {
        self.day
    }

    /// The state the day began with.
    ///
    /// # Errors
    /// When it is not there or damaged.
    pub fn first_checkpoint(&self) -> Result<Checkpoint> {
        self.checkpoints()?.next().unwrap_or_else(|| Err(StoreError::corrupt(&self.path, "no checkpoint")))
    }

    /// All checkpoints, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checkpoints(&self) -> Result<Checkpoints<'_>> {
        Checkpoints::new(&self.database, &self.path)
    }

    /// All blocks with their inputs, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn blocks(&self) -> Result<Blocks<'_>> {
        Blocks::new(&self.database, &self.path, self.day, 0)
    }

    /// The newest state whose last input was received at or before `at`; the first one where there is none.
    ///
    /// # Errors
    /// When it is not there or damaged.
    pub fn checkpoint_before(&self, at: Timestamp) -> Result<Checkpoint> {
        let mut newest = self.first_checkpoint()?;
        for checkpoint in self.checkpoints()? {
            let checkpoint = checkpoint?;
            if checkpoint.at > at {
                break;
            }
            newest = checkpoint;
        }
        Ok(newest)
    }

    /// The heads of all blocks, in order; each block is checked, and its inputs are not read.
    ///
    /// # Errors
    /// When the file cannot be read or a block is damaged.
    pub fn headers(&self) -> Result<Vec<BlockHeader>> {
        let read = || -> std::result::Result<Vec<(u64, Vec<u8>)>, redb::Error> {
            let rows = table(&self.database, BLOCKS)?;
            let row = |row: std::result::Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &[u8]>), _>| {
                row.map(|(key, value)| (key.value(), value.value().to_vec()))
            };
            Ok(rows.iter()?.map(row).collect::<std::result::Result<_, redb::StorageError>>()?)
        };
        let blocks = read().map_err(|e| StoreError::database(&self.path, "cannot read blocks", e))?;
        let header = |(key, bytes): &(u64, Vec<u8>)| match Sealed::open(bytes) {
            Ok(block) => Ok(block.header),
            Err(fault) => Err(fault.within(&self.path, "block", *key)),
        };
        blocks.iter().map(header).collect()
    }

    /// What the file's tables hold.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tables(&self) -> Result<Vec<TableSize>> {
        file::tables(&self.database, &self.path)
    }

    /// The blocks after an input that ends one, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn blocks_after(&self, seq: u64) -> Result<Blocks<'_>> {
        Blocks::new(&self.database, &self.path, self.day, seq.saturating_add(1))
    }

    /// All inputs, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn inputs(&self) -> Result<Inputs<'_>> {
        Ok(Inputs::new(self.blocks()?, 0))
    }
}

/// The day a file says it holds; its name must not say another.
pub(crate) fn check_day(database: &Database, path: &Path) -> Result<i32> {
    let read = || -> std::result::Result<Option<u64>, redb::Error> {
        Ok(database.begin_read()?.open_table(META)?.get(DAY)?.map(|v| v.value()))
    };
    let day = read()
        .map_err(|e| StoreError::database(path, "cannot read its day", e))?
        .and_then(|day| i32::try_from(day.cast_signed()).ok())
        .ok_or_else(|| StoreError::corrupt(path, "does not say which day it holds"))?;
    let named = path.file_name().and_then(|n| n.to_str()).and_then(file::parse_day_name);
    if named.is_some_and(|named| named != day) {
        return Err(StoreError::corrupt(path, format!("holds the day of {}", file::day_name(day))));
    }
    Ok(day)
}

/// Checkpoints of a file in order, each checked.
pub struct Checkpoints<'a> {
    path: &'a Path,
    table: ReadOnlyTable<u64, &'static [u8]>,
    next: Option<u64>,
}

impl<'a> Checkpoints<'a> {
    pub(crate) fn new(database: &Database, path: &'a Path) -> Result<Self> {
        let table =
            table(database, CHECKPOINTS).map_err(|e| StoreError::database(path, "cannot read checkpoints", e))?;
        Ok(Self { path, table, next: Some(0) })
    }

    /// The newest.
    pub(crate) fn newest(&self) -> Result<Option<Checkpoint>> {
        let last = self.table.last().map_err(|e| StoreError::database(self.path, "cannot read checkpoints", e))?;
        last.map(|(key, value)| decode_checkpoint(self.path, key.value(), value.value())).transpose()
    }
}

fn decode_checkpoint(path: &Path, key: u64, bytes: &[u8]) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::decode(bytes).map_err(|fault| fault.within(path, "checkpoint", key))?;
    if checkpoint.seq != key {
        return Err(StoreError::corrupt(
            path,
            format!("checkpoint at input {key} says it stands at {}", checkpoint.seq),
        ));
    }
    Ok(checkpoint)
}

impl Iterator for Checkpoints<'_> {
    type Item = Result<Checkpoint>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        let found = self.table.range(from..).and_then(|mut range| range.next().transpose());
        match found {
            Err(e) => Some(Err(StoreError::database(self.path, "cannot read checkpoints", e))),
            Ok(None) => None,
            Ok(Some((key, value))) => {
                let checkpoint = decode_checkpoint(self.path, key.value(), value.value());
                self.next = checkpoint.as_ref().ok().and_then(|c| c.seq.checked_add(1));
                Some(checkpoint)
            }
        }
    }
}

/// A block with its inputs decoded.
pub type OpenBlock = (BlockHeader, Vec<Stamped<Input>>);

/// Blocks of a file in order, each checked by itself and against the one before. Ends after the first error.
pub struct Blocks<'a> {
    path: &'a Path,
    table: ReadOnlyTable<u64, &'static [u8]>,
    day: i32,
    /// Where to look for the next block; `None` at the end.
    next: Option<u64>,
    /// End of the block before.
    last: Option<(u64, Timestamp)>,
    /// Blocks not seen yet, by the table's own count; `None` when reading did not begin at the first.
    left: Option<u64>,
}

impl<'a> Blocks<'a> {
    /// Blocks from the one that holds `seq` on.
    pub(crate) fn new(database: &Database, path: &'a Path, day: i32, seq: u64) -> Result<Self> {
        let open = || -> std::result::Result<_, redb::Error> {
            let table = table(database, BLOCKS)?;
            let first = table.first()?.map(|(key, _)| key.value());
            let holding = table.range(..=seq)?.next_back().transpose()?.map(|(key, _)| key.value());
            let next = holding.or(first);
            let left = if next == first { Some(table.len()?) } else { None };
            Ok(Self { path, table, day, next, last: None, left })
        };
        open().map_err(|e| StoreError::database(path, "cannot read blocks", e))
    }

    fn read(&mut self, from: u64) -> Result<Option<OpenBlock>> {
        let found = self.table.range(from..).and_then(|mut range| range.next().transpose());
        let Some((key, value)) = found.map_err(|e| StoreError::database(self.path, "cannot read blocks", e))? else {
            return match self.left {
                Some(left) if left > 0 => Err(StoreError::corrupt(self.path, format!("{left} blocks are missing"))),
                _ => Ok(None),
            };
        };
        let key = key.value();
        let block = Sealed::open(value.value()).map_err(|fault| fault.within(self.path, "block", key))?;
        self.check(key, &block.header)?;
        let inputs = block.inputs().map_err(|fault| fault.within(self.path, "block", key))?;
        Ok(Some((block.header, inputs)))
    }

    fn check(&mut self, key: u64, header: &BlockHeader) -> Result<()> {
        let wrong = |what: String| {
            Err(StoreError::Corrupt {
                path: self.path.to_owned(),
                block: Some(key),
                what: format!("block at input {key}: {what}"),
            })
        };
        if header.first_seq != key {
            return wrong(format!("says it begins at {}", header.first_seq));
        }
        if header.first_at.day() != self.day {
            return wrong(format!("was received at {}, another day", header.first_at));
        }
        if let Some((seq, at)) = self.last {
            if header.first_seq != seq + 1 {
                return wrong(format!("does not follow input {seq}"));
            }
            if header.first_at < at {
                return wrong("was received before the block before it".to_owned());
            }
        }
        self.last = Some((header.last_seq, header.last_at));
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(())
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<OpenBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        let block = self.read(from).transpose()?;
        if let Ok((header, _)) = &block {
            self.next = header.last_seq.checked_add(1);
        }
        Some(block)
    }
}

/// Inputs in order, checked block by block. Ends after the first error.
pub struct Inputs<'a> {
    blocks: Blocks<'a>,
    open: std::vec::IntoIter<Stamped<Input>>,
    from: u64,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(blocks: Blocks<'a>, from: u64) -> Self {
        Self { blocks, open: Vec::new().into_iter(), from }
    }
}

impl Iterator for Inputs<'_> {
    type Item = Result<Stamped<Input>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(stamped) = self.open.next() {
                if stamped.seq >= self.from {
                    return Some(Ok(stamped));
                }
                continue;
            }
            match self.blocks.next()? {
                Ok((_, inputs)) => self.open = inputs.into_iter(),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

fn table(
    database: &Database,
    definition: redb::TableDefinition<'static, u64, &'static [u8]>,
) -> std::result::Result<ReadOnlyTable<u64, &'static [u8]>, redb::Error> {
    Ok(database.begin_read()?.open_table(definition)?)
}
