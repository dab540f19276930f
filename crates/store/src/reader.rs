//! Reading day files, with every check, without ever writing to them.

use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use types::{Input, Stamped, Timestamp};

use crate::block::{BlockHeader, Sealed};
use crate::digest::{ChainDigest, Digest};
use crate::disk::{Disk, SystemDisk};
use crate::file::{self, META};
use crate::journal::{self, BLOCKS, CHECKPOINTS, DAY, KIND, PACKS};
use crate::{Checkpoint, Result, StoreError, TableSize, pack};

const SECONDS_PER_DAY: i64 = 86_400;

/// A day file, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// UTC day, counted from the epoch.
    pub day: i32,
    /// The file.
    pub path: PathBuf,
}

impl Day {
    /// Whether something of it may lie in the span.
    #[must_use]
    pub fn is_in(&self, span: &Range<Timestamp>) -> bool {
        let start = |day: i32| Timestamp::from_secs(i64::from(day) * SECONDS_PER_DAY);
        start(self.day) < span.end && start(self.day.saturating_add(1)) > span.start
    }
}

/// The day files of a data directory, oldest first. Empty when there are none.
///
/// # Errors
/// When the directory cannot be listed.
pub fn days(dir: &Path) -> Result<Vec<Day>> {
    days_on(&SystemDisk, dir)
}

/// [`days`] on any disk.
pub(crate) fn days_on(disk: &dyn Disk, dir: &Path) -> Result<Vec<Day>> {
    let names = disk.names(dir).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StoreError::Missing { path: dir.to_owned(), what: "no such directory" },
        _ => StoreError::io(dir, "cannot list", e),
    })?;
    let day = |name: &String| file::parse_day_name(name).map(|day| Day { day, path: dir.join(name) });
    let mut days: Vec<Day> = names.iter().filter_map(day).collect();
    days.sort();
    Ok(days)
}

/// One day file, open for reading.
pub struct Reader {
    path: PathBuf,
    database: Arc<Database>,
    day: i32,
    /// Blocks in the day's tail.
    unpacked: Vec<Vec<u8>>,
}

impl Reader {
    /// Opens a day file. A file whose writer was killed is read as of its last commit, in memory.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process writes to it; damage and newer formats by name.
    pub fn open_day(path: &Path) -> Result<Self> {
        Self::open_day_on(&SystemDisk, path)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`open_day`](Self::open_day).
    pub fn open_day_on(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let database = file::open_read(disk, path, KIND)?;
        let day = check_day(&database, path)?;
        let unpacked = journal::unpacked(disk, &database, path)?;
        Ok(Self { path: path.to_owned(), database: Arc::new(database), day, unpacked })
    }

    /// The day that a journal writes to. Blocks that it packs later are seen once.
    pub(crate) fn shared(path: &Path, database: Arc<Database>, day: i32, unpacked: Vec<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), database, day, unpacked }
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
        Blocks::new(&self.database, &self.path, self.day, 0, self.unpacked.clone())
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
        let mut blocks = self.blocks()?;
        let mut headers = Vec::new();
        while let Some((header, _)) = blocks.next_bytes()? {
            headers.push(header);
        }
        Ok(headers)
    }

    /// Sequence number of the last input of a day that is over; `None` while it may go on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sealed(&self) -> Result<Option<u64>> {
        journal::sealed(&self.database, &self.path)
    }

    /// Inputs that a repair could not bring back, by sequence number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fences(&self) -> Result<Vec<RangeInclusive<u64>>> {
        journal::fences(&self.database, &self.path)
    }

    /// Reads everything, holds it against its checksums and the recorded digest, and counts it.
    ///
    /// # Errors
    /// The first damage found.
    pub fn verify(&self) -> Result<DayContent> {
        let mut found = DayContent {
            blocks: 0,
            inputs: 0,
            checkpoints: 0,
            fenced: self.fences()?.iter().map(|fence| fence.end() - fence.start() + 1).sum(),
            digest: Digest([0; 32]),
            is_sealed: self.sealed()?.is_some(),
        };
        let (mut chain, mut packed) = (ChainDigest::default(), ChainDigest::default());
        let first_unpacked =
            self.unpacked.first().and_then(|block| Sealed::open(block).ok()).map(|b| b.header.first_seq);
        let mut blocks = self.blocks()?;
        while let Some((header, bytes)) = blocks.next_bytes()? {
            let plain = Sealed::open(&bytes).and_then(|block| block.plain());
            chain = chain.with(&plain.map_err(|fault| fault.within(&self.path, "block", header.first_seq))?);
            if first_unpacked.is_none_or(|first| header.first_seq < first) {
                packed = chain;
            }
            found.blocks += 1;
            found.inputs += u64::from(header.inputs);
        }
        for checkpoint in self.checkpoints()? {
            checkpoint?;
            found.checkpoints += 1;
        }
        found.digest = chain.0;
        match journal::chain(&self.database, &self.path)? {
            Some(recorded) if recorded != packed => {
                let what = format!("its blocks have the digest {}, recorded was {}", packed.0, recorded.0);
                Err(StoreError::corrupt(&self.path, what))
            }
            _ => Ok(found),
        }
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
        Blocks::new(&self.database, &self.path, self.day, seq.saturating_add(1), self.unpacked.clone())
    }

    /// All inputs, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn inputs(&self) -> Result<Inputs<'_>> {
        Ok(Inputs::new(self.blocks()?, 0))
    }

    /// The inputs after input `seq`, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn inputs_after(&self, seq: u64) -> Result<Inputs<'_>> {
        Ok(Inputs::new(self.blocks_after(seq)?, seq.saturating_add(1)))
    }

    /// The inputs that were received at `at` or later, in order. They are found in as many steps as the number of inputs has
    /// bits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn inputs_from(&self, at: Timestamp) -> Result<impl Iterator<Item = Result<Stamped<Input>>> + '_> {
        let blocks = |seq| Blocks::new(&self.database, &self.path, self.day, seq, self.unpacked.clone());
        let (mut low, mut high) = (0, u64::MAX);
        let mut step = 1u64;
        // The last block that ends before `at` lies before `high`, and none that does not before `low`.
        while low < high {
            let middle = if high == u64::MAX { low.saturating_add(step) } else { low + (high - low) / 2 };
            step = step.saturating_mul(4);
            match blocks(middle)?.next_bytes()? {
                Some((header, _)) if header.last_at < at => low = header.last_seq + 1,
                _ => high = middle,
            }
        }
        let inputs = Inputs::new(blocks(low)?, low);
        Ok(inputs.skip_while(move |input| input.as_ref().is_ok_and(|input| input.at < at)))
    }
}

/// What a whole day file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayContent {
    /// Blocks in it.
    pub blocks: u64,
    /// Inputs in them.
    pub inputs: u64,
    /// Checkpoints in it.
    pub checkpoints: u64,
    /// Inputs that a repair could not bring back.
    pub fenced: u64,
    /// Over all its blocks: the same blocks, the same digest.
    pub digest: Digest,
    /// Whether its day is over.
    pub is_sealed: bool,
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
    blocks: Option<Rows>,
    packs: Option<Rows>,
    day: i32,
    /// Where to look for the next block; `None` at the end.
    next: Option<u64>,
    /// End of the block before.
    last: Option<(u64, Timestamp)>,
    /// Where nothing is expected.
    fences: Vec<RangeInclusive<u64>>,
    /// What is left of the pack that was opened last, plain.
    opened: VecDeque<Vec<u8>>,
    /// What follows all rows, as it is in the tail.
    unpacked: VecDeque<Vec<u8>>,
    /// Rows not seen yet, by the tables' own count; `None` when reading did not begin at the first.
    left: Option<u64>,
}

type Rows = ReadOnlyTable<u64, &'static [u8]>;
type Row = (u64, Vec<u8>);

impl<'a> Blocks<'a> {
    /// Blocks from the one that holds `seq` on.
    pub(crate) fn new(database: &Database, path: &'a Path, day: i32, seq: u64, unpacked: Vec<Vec<u8>>) -> Result<Self> {
        let fences = journal::fences(database, path)?;
        let open = || -> std::result::Result<_, redb::Error> {
            let (blocks, packs) = (optional(database, BLOCKS)?, optional(database, PACKS)?);
            let mut left = 0;
            for rows in [&blocks, &packs].into_iter().flatten() {
                left += rows.len()?;
            }
            let left = (seq == 0).then_some(left);
            let (opened, unpacked) = (VecDeque::new(), unpacked.into());
            Ok(Self { path, blocks, packs, day, next: Some(seq), last: None, fences, opened, unpacked, left })
        };
        open().map_err(|e| StoreError::database(path, "cannot read blocks", e))
    }

    /// The next block as it was written, or plain where it comes out of a pack.
    pub(crate) fn next_bytes(&mut self) -> Result<Option<(BlockHeader, Vec<u8>)>> {
        let Some(from) = self.next.take() else { return Ok(None) };
        let Some((key, bytes)) = self.find(from)? else { return Ok(None) };
        let header = Sealed::open(&bytes).map_err(|fault| fault.within(self.path, "block", key))?.header;
        self.check(key, &header)?;
        self.next = header.last_seq.checked_add(1);
        Ok(Some((header, bytes)))
    }

    fn read(&mut self) -> Result<Option<OpenBlock>> {
        let Some((header, bytes)) = self.next_bytes()? else { return Ok(None) };
        let inputs = Sealed::open(&bytes).and_then(|block| block.inputs());
        let inputs = inputs.map_err(|fault| fault.within(self.path, "block", header.first_seq))?;
        Ok(Some((header, inputs)))
    }

    /// The block that holds input `from`, else the one that follows.
    fn find(&mut self, from: u64) -> Result<Option<Row>> {
        loop {
            if let Some(block) = self.opened.pop_front() {
                let header = Sealed::open(&block).map_err(|fault| fault.within(self.path, "pack", from))?.header;
                if header.last_seq >= from {
                    return Ok(Some((header.first_seq, block)));
                }
                continue;
            }
            let (packs, blocks) = (self.packs.as_ref(), self.blocks.as_ref());
            let rows = packs.map_or(Ok(None), |rows| near(rows, from)).and_then(|pack| {
                let block = blocks.map_or(Ok(None), |rows| near(rows, from))?;
                Ok((pack, block))
            });
            let (pack, block) = rows.map_err(|e| StoreError::database(self.path, "cannot read blocks", e))?;
            let is_pack_next = match (&pack, &block) {
                (Some((pack, _)), Some((block, _))) => pack < block,
                (pack, _) => pack.is_some(),
            };
            match (pack, block) {
                (Some((key, pack)), _) if is_pack_next => {
                    let blocks = pack::open(&pack).map_err(|fault| fault.within(self.path, "pack", key))?;
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    self.opened = blocks.into();
                }
                (_, Some(block)) => {
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    return Ok(Some(block));
                }
                _ if !self.unpacked.is_empty() => self.opened = std::mem::take(&mut self.unpacked),
                _ => {
                    return match self.left {
                        Some(left) if left > 0 => {
                            Err(StoreError::corrupt(self.path, format!("{left} rows of blocks are missing")))
                        }
                        _ => Ok(None),
                    };
                }
            }
        }
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
            let is_fenced = || self.fences.contains(&(seq + 1..=header.first_seq.saturating_sub(1)));
            if header.first_seq != seq + 1 && !is_fenced() {
                return wrong(format!("does not follow input {seq}"));
            }
            if header.first_at < at {
                return wrong("was received before the block before it".to_owned());
            }
        }
        self.last = Some((header.last_seq, header.last_at));
        Ok(())
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<OpenBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
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

/// The row that holds input `seq`, else the one that follows.
fn near(rows: &Rows, seq: u64) -> std::result::Result<Option<Row>, redb::StorageError> {
    let own = |(key, value): (redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &[u8]>)| {
        (key.value(), value.value().to_vec())
    };
    if let Some((key, value)) = rows.range(..=seq)?.next_back().transpose()?.map(own) {
        // Unreadable ones are handed on to be refused with their place.
        if last_seq(&value).is_none_or(|last| last >= seq) {
            return Ok(Some((key, value)));
        }
    }
    rows.range(seq..)?.next().transpose().map(|row| row.map(own))
}

/// Of a block or a pack, which both have it after their first number: at 16.
fn last_seq(row: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*row.get(16..)?.first_chunk()?))
}

/// A table that older or repaired files may not have.
fn optional(
    database: &Database,
    definition: redb::TableDefinition<'static, u64, &'static [u8]>,
) -> std::result::Result<Option<Rows>, redb::Error> {
    match database.begin_read()?.open_table(definition) {
        Ok(table) => Ok(Some(table)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn table(
    database: &Database,
    definition: redb::TableDefinition<'static, u64, &'static [u8]>,
) -> std::result::Result<ReadOnlyTable<u64, &'static [u8]>, redb::Error> {
    Ok(database.begin_read()?.open_table(definition)?)
}
