//! Writing the journal: durable per call, one file per UTC day, and beside the newest a tail of what is not packed yet.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use types::Timestamp;

use crate::block::Sealed;
use crate::digest::{ChainDigest, Digest};
use crate::disk::{Disk, SharedDisk, SystemDisk, folder};
use crate::file::{self, Kind, META};
use crate::pack::Packer;
use crate::reader::{Blocks, Checkpoints, Inputs, Reader, check_day, days_on};
use crate::tail::{self, Tail};
use crate::{Block, Checkpoint, Result, StoreError, pack, repair};

/// Journal file format written by this program, and the highest it reads.
///
/// Format 1 kept its blocks one by one, in [`BLOCKS`]; it had no packs and no tail, no digest, no seal and no fences.
pub const FORMAT: u64 = 2;

/// Blocks by the number of their first input, in files that began in format 1.
pub(crate) const BLOCKS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("blocks");
pub(crate) const CHECKPOINTS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("checkpoints");
/// Many blocks together, by the number of their first input.
pub(crate) const PACKS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("packs");
/// What a repair could not bring back: first and last sequence number.
pub(crate) const FENCES: TableDefinition<'static, u64, u64> = TableDefinition::new("fences");
/// [`ChainDigest`] over all packed blocks, under [`CHAIN_KEY`].
pub(crate) const CHAIN: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("chain");
pub(crate) const CHAIN_KEY: &str = "blocks";
pub(crate) const DAY: &str = "day";
/// In `meta`: the generation of the tail that holds what is not packed yet.
pub(crate) const TAIL: &str = "tail";
/// In `meta` once the day is over: sequence number of its last input.
pub(crate) const SEALED: &str = "sealed";

/// Blocks are written and read once: a few inner pages are all that is worth keeping.
pub(crate) const KIND: Kind = Kind { format: FORMAT, what: "the journal", cache_bytes: 4 << 20 };

/// The journal of a data directory, open for its only writer.
///
/// After an error of [`write`](Self::write) other than [`StoreError::Order`] the journal must be dropped and opened
/// again: only the file knows what is in it.
pub struct Journal {
    disk: SharedDisk,
    dir: PathBuf,
    current: Option<Current>,
    /// Sequence number and time of the last input, or of the first checkpoint before it.
    last: Option<(u64, Timestamp)>,
    /// Place of the newest checkpoint.
    checkpoint_seq: Option<u64>,
    /// Held for as long as the journal is open.
    _lock: Option<File>,
}

/// The day that is written to.
struct Current {
    day: i32,
    path: PathBuf,
    /// Shared with readers of the day that is written to.
    database: Arc<Database>,
    /// Over all that is packed; `None` in a file of format 1.
    chain: Option<ChainDigest>,
    packer: Packer,
    tail: Tail,
}

impl Current {
    /// Opens a day with its tail, and tells whether that is missing. What is in the tail is durable there, so it goes on under
    /// a generation of its own.
    fn open(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<(Self, bool)> {
        let database = file::open(disk, path, KIND)?;
        let day = check_day(&database, path)?;
        let found = unpacked(disk, &database, path)?;
        let before = generation(&database, path)?;
        let has_tail = before > 0 && sealed(&database, path)?.is_none();
        let is_tail_missing = has_tail && !tail::exists(disk, dir, before);
        let mut packer = Packer::new();
        for block in &found {
            push(&mut packer, path, block)?;
        }
        let generation = next_generation(disk, dir, before)?;
        let tail = Tail::begin(disk, dir, generation, packer.rest())?;
        file::commit(&database, path, |txn| {
            let mut meta = txn.open_table(META)?;
            meta.insert(TAIL, generation)?;
            // Time that stood still over a restart may bring a day back.
            meta.remove(SEALED)?;
            Ok(())
        })?;
        let chain = chain(&database, path)?;
        let database = Arc::new(database);
        Ok((Self { day, path: path.to_owned(), database, chain, packer, tail }, is_tail_missing))
    }

    /// Packs what is full, or all of it, together with checkpoints.
    fn pack(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        all: bool,
        checkpoints: &[Checkpoint],
        sealed: Option<u64>,
    ) -> Result<()> {
        let mut packs = Vec::new();
        while let Some(pack) = if all { self.packer.take() } else { self.packer.full() } {
            packs.push(pack);
        }
        let generation = self.tail.generation() + 1;
        let tail = Tail::begin(disk, dir, generation, self.packer.rest())?;
        let plain = packs.iter().flat_map(|pack| &pack.blocks);
        let chain = self.chain.map(|chain| plain.fold(chain, |chain, plain| chain.with(plain)));
        file::commit(&self.database, &self.path, |txn| {
            let mut rows = txn.open_table(PACKS)?;
            for pack in &packs {
                rows.insert(pack.first_seq, pack.bytes.as_slice())?;
            }
            let mut rows = txn.open_table(CHECKPOINTS)?;
            for checkpoint in checkpoints {
                rows.insert(checkpoint.seq, checkpoint.encode().as_slice())?;
            }
            if let Some(chain) = chain {
                txn.open_table(CHAIN)?.insert(CHAIN_KEY, chain.as_bytes())?;
            }
            let mut meta = txn.open_table(META)?;
            meta.insert(TAIL, generation)?;
            if let Some(last_seq) = sealed {
                meta.insert(SEALED, last_seq)?;
            }
            Ok(())
        })?;
        (self.tail, self.chain) = (tail, chain);
        Ok(())
    }
}

fn push(packer: &mut Packer, path: &Path, block: &[u8]) -> Result<()> {
    let plain = Sealed::open(block).and_then(|sealed| Ok((sealed.plain()?, sealed.header)));
    let (plain, header) = plain.map_err(|fault| fault.within(path, "block", 0))?;
    packer.push(header.first_seq, header.last_seq, plain);
    Ok(())
}

/// A generation that no block in a tail has, whose tail is not the one of `now`.
fn next_generation(disk: &dyn Disk, dir: &Path, now: u64) -> Result<u64> {
    let highest = tail::search(disk, dir)?.1.max(now);
    Ok(if highest % 2 == now % 2 { highest + 1 } else { highest + 2 })
}

/// Where the journal stands after it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Sequence number of the last input; 0 when there never was one.
    pub last_seq: u64,
    /// When it was received: no later input may be earlier. `None` for an empty journal.
    pub last_at: Option<Timestamp>,
    /// Number of day files.
    pub days: usize,
    /// The file with the newest blocks is not there. A pulled plug takes none away: somebody did.
    pub is_tail_missing: bool,
}

/// What the journal looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalStatus {
    /// The file that is written to; `None` before the first write ever.
    pub path: Option<PathBuf>,
    /// Its size.
    pub file_bytes: u64,
    /// Sequence number of the last durable input.
    pub last_seq: u64,
    /// Place of the newest checkpoint.
    pub checkpoint_seq: u64,
}

impl Journal {
    /// Opens the journal of `dir`, creating the directory, and finds its end.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open; [`StoreError::Corrupt`] when the newest file is damaged
    /// (nothing is changed then, see [`set_aside`](crate::set_aside)).
    pub fn open(dir: &Path) -> Result<(Self, Recovery)> {
        Self::open_on(SystemDisk::shared(), dir)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: SharedDisk, dir: &Path) -> Result<(Self, Recovery)> {
        let lock = file::lock(&*disk, dir)?;
        repair::finish(&*disk, dir)?;
        let days = days_on(&*disk, dir)?;
        let mut journal =
            Self { disk, dir: dir.to_owned(), current: None, last: None, checkpoint_seq: None, _lock: lock };
        let mut is_tail_missing = false;
        if let Some(newest) = days.last() {
            let current;
            (current, is_tail_missing) = Current::open(&*journal.disk, dir, &newest.path)?;
            let checkpoint = Checkpoints::new(&current.database, &newest.path)?
                .newest()?
                .ok_or_else(|| StoreError::corrupt(&newest.path, "no checkpoint"))?;
            let end = last_block(&current)?;
            let fenced = fences(&current.database, &newest.path)?.last().map(|fence| *fence.end());
            let place = (checkpoint.seq, checkpoint.at);
            let (seq, at) = end.map_or(place, |end| end.max(place));
            // Numbers that a repair could not bring back are not given again.
            journal.last = Some((seq.max(fenced.unwrap_or(0)), at));
            journal.checkpoint_seq = Some(checkpoint.seq);
            journal.current = Some(current);
        }
        let (last_seq, last_at) = (journal.last_seq(), journal.last.map(|(_, at)| at));
        Ok((journal, Recovery { last_seq, last_at, days: days.len(), is_tail_missing }))
    }

    /// Makes a journal that holds nothing but a state to begin with: one file, of which this gives the path.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(dir: &Path, first: &Checkpoint) -> Result<PathBuf> {
        let day = first.at.day();
        let path = dir.join(file::day_name(day));
        create_day(&SystemDisk, &path, day, 0, std::slice::from_ref(first))?;
        Ok(path)
    }

    /// The day that is written to, as it is now; `None` before the first write ever. While the reader lives the file keeps
    /// the pages that it sees.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        let current = self.current.as_ref()?;
        let unpacked = current.packer.rest().map(<[u8]>::to_vec).collect();
        Some(Reader::shared(&current.path, current.database.clone(), current.day, unpacked))
    }

    /// Sequence number of the last durable input; 0 when there never was one.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last.map_or(0, |(seq, _)| seq)
    }

    /// How it stands, for people.
    #[must_use]
    pub fn status(&self) -> JournalStatus {
        let path = self.current.as_ref().map(|c| c.path.clone());
        JournalStatus {
            file_bytes: path.as_deref().and_then(|p| self.disk.size(p).ok()).unwrap_or(0),
            path,
            last_seq: self.last_seq(),
            checkpoint_seq: self.checkpoint_seq.unwrap_or(0),
        }
    }

    /// Writes blocks and a checkpoint durably: around midnight those of one day after those of the other, and a checkpoint
    /// after the blocks that it follows.
    ///
    /// Blocks follow what is there without a gap. The checkpoint stands before the first block or at the end of one.
    /// The first block of a day, and of an empty journal, must directly follow a checkpoint, this call's or an earlier
    /// one: the new file begins with it. So: take a checkpoint after a start before anything else, and whenever a block
    /// was closed because the day ended.
    ///
    /// # Errors
    /// [`StoreError::Order`] when a rule is broken, before anything is written; else what the file system says.
    pub fn write(&mut self, blocks: &[Block], checkpoint: Option<Checkpoint>) -> Result<()> {
        for part in self.plan(blocks, checkpoint)? {
            self.commit(part)?;
        }
        Ok(())
    }

    /// The newest checkpoint; `None` for an empty journal.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>> {
        match &self.current {
            None => Ok(None),
            Some(current) => Checkpoints::new(&current.database, &current.path)?.newest(),
        }
    }

    /// The inputs from sequence number `seq` on, which must lie in the newest file. Those after the newest checkpoint
    /// always do.
    ///
    /// # Errors
    /// When `seq` lies before the newest file, or the file cannot be read.
    pub fn read_from(&self, seq: u64) -> Result<Box<dyn Iterator<Item = Result<types::Stamped<types::Input>>> + '_>> {
        let Some(current) = &self.current else { return Ok(Box::new(std::iter::empty())) };
        let first = Checkpoints::new(&current.database, &current.path)?.next().transpose()?;
        if first.is_some_and(|first| seq <= first.seq) {
            return Err(StoreError::Missing { path: current.path.clone(), what: "these inputs lie in an earlier day" });
        }
        let unpacked = current.packer.rest().map(<[u8]>::to_vec).collect();
        Ok(Box::new(Inputs::new(Blocks::new(&current.database, &current.path, current.day, seq, unpacked)?, seq)))
    }

    /// Checks every rule and sorts what is to be written by day.
    fn plan<'b>(&self, blocks: &'b [Block], checkpoint: Option<Checkpoint>) -> Result<Vec<Part<'b>>> {
        let refuse = |what: String| Err(StoreError::order(&self.dir, what));
        let mut parts: Vec<Part<'b>> = Vec::new();
        let mut day = self.current.as_ref().map(|c| c.day);
        let mut last = self.last;
        // The newest checkpoint on disk; its bytes are fetched only when a file is to begin with it.
        let mut newest = self.checkpoint_seq;
        let mut given = checkpoint;
        if last.is_none() {
            // An empty journal begins where its first checkpoint stands.
            last = given.as_ref().map(|c| (c.seq, c.at));
        }
        for block in blocks {
            let header = block.header();
            let Some((last_seq, last_at)) = last else {
                return refuse("the first block of a journal needs a checkpoint before it".to_owned());
            };
            if header.first_seq != last_seq + 1 {
                return refuse(format!("block at input {} does not follow input {last_seq}", header.first_seq));
            }
            if header.first_at < last_at {
                return refuse(format!("block at input {} was received before input {last_seq}", header.first_seq));
            }
            let before = given.take_if(|c| c.seq == last_seq);
            let block_day = header.first_at.day();
            if day == Some(block_day) {
                let part = Part::of(&mut parts, block_day, false);
                newest = before.as_ref().map(|c| c.seq).or(newest);
                part.checkpoints.extend(before);
            } else {
                let first = match before {
                    Some(checkpoint) => Some(checkpoint),
                    None if newest == Some(last_seq) => match parts.last().and_then(|p| p.checkpoints.last()) {
                        Some(checkpoint) => Some(checkpoint.clone()),
                        None => self.latest_checkpoint()?,
                    },
                    None => None,
                };
                let Some(first) = first else {
                    return refuse(format!(
                        "block at input {} begins a day without a checkpoint before it",
                        last_seq + 1
                    ));
                };
                newest = Some(first.seq);
                Part::of(&mut parts, block_day, true).checkpoints.push(first);
                day = Some(block_day);
            }
            let part = Part::of(&mut parts, block_day, false);
            part.blocks.push(block);
            last = Some((header.last_seq, header.last_at));
        }
        if let Some(checkpoint) = given {
            let at = last.map_or(checkpoint.seq, |(seq, _)| seq);
            if checkpoint.seq != at {
                return refuse(format!("checkpoint of input {} where the journal stands at {at}", checkpoint.seq));
            }
            let (day, starts) = day.map_or((checkpoint.at.day(), true), |day| (day, false));
            Part::of(&mut parts, day, starts).checkpoints.push(checkpoint);
        }
        Ok(parts)
    }

    fn commit(&mut self, part: Part<'_>) -> Result<()> {
        let mut checkpoints = part.checkpoints.as_slice();
        if part.starts {
            self.begin_day(part.day, checkpoints)?;
            checkpoints = &[];
        }
        let Some(current) = &mut self.current else {
            return Err(StoreError::order(&self.dir, "no day to write to"));
        };
        // Blocks first: a checkpoint stands before them only where a day begins, and else at the end of one.
        let is_between =
            checkpoints.len() == 1 && part.blocks.first().is_some_and(|b| b.header().first_seq > checkpoints[0].seq);
        if is_between {
            current.pack(&*self.disk, &self.dir, true, checkpoints, None)?;
            checkpoints = &[];
        }
        if !part.blocks.is_empty() {
            current.tail.append(part.blocks.iter().map(|block| block.as_bytes()))?;
            for block in &part.blocks {
                push(&mut current.packer, &current.path, block.as_bytes())?;
            }
        }
        if !checkpoints.is_empty() {
            current.pack(&*self.disk, &self.dir, true, checkpoints, None)?;
        } else if current.packer.is_full() {
            current.pack(&*self.disk, &self.dir, false, &[], None)?;
        }
        if let Some(checkpoint) = part.checkpoints.last() {
            self.checkpoint_seq = Some(checkpoint.seq);
            self.last = self.last.or(Some((checkpoint.seq, checkpoint.at)));
        }
        if let Some(block) = part.blocks.last() {
            self.last = Some((block.header().last_seq, block.header().last_at));
        }
        Ok(())
    }

    /// Ends the day that is written to, and begins another with the state that it starts from.
    fn begin_day(&mut self, day: i32, checkpoints: &[Checkpoint]) -> Result<()> {
        let path = self.dir.join(file::day_name(day));
        if self.disk.exists(&path) {
            return Err(StoreError::order(&path, "the file of this day exists already"));
        }
        let mut before = 0;
        if let (Some(mut over), Some((last_seq, _))) = (self.current.take(), self.last) {
            over.pack(&*self.disk, &self.dir, true, &[], Some(last_seq))?;
            before = over.tail.generation();
        }
        let generation = next_generation(&*self.disk, &self.dir, before)?;
        let tail = Tail::begin(&*self.disk, &self.dir, generation, std::iter::empty())?;
        let database = create_day(&*self.disk, &path, day, generation, checkpoints)?;
        let (chain, packer) = (Some(ChainDigest::default()), Packer::new());
        self.current = Some(Current { day, path, database: Arc::new(database), chain, packer, tail });
        Ok(())
    }
}

/// Creates the file of a day, without blocks.
pub(crate) fn create_day(
    disk: &dyn Disk,
    path: &Path,
    day: i32,
    generation: u64,
    checkpoints: &[Checkpoint],
) -> Result<Database> {
    file::create(disk, path, KIND, |txn| {
        let mut meta = txn.open_table(META)?;
        meta.insert(DAY, i64::from(day).cast_unsigned())?;
        meta.insert(TAIL, generation)?;
        txn.open_table(FENCES)?;
        txn.open_table(PACKS)?;
        txn.open_table(CHAIN)?.insert(CHAIN_KEY, ChainDigest::default().as_bytes())?;
        let mut rows = txn.open_table(CHECKPOINTS)?;
        for checkpoint in checkpoints {
            rows.insert(checkpoint.seq, checkpoint.encode().as_slice())?;
        }
        Ok(())
    })
}

/// What goes into one file in one commit.
struct Part<'b> {
    day: i32,
    /// The file does not exist yet.
    starts: bool,
    checkpoints: Vec<Checkpoint>,
    blocks: Vec<&'b Block>,
}

impl<'b> Part<'b> {
    /// The last part when it is of `day`, else a new one.
    fn of(parts: &mut Vec<Self>, day: i32, starts: bool) -> &mut Self {
        if parts.last().is_none_or(|p| p.day != day) {
            parts.push(Self { day, starts, checkpoints: Vec::new(), blocks: Vec::new() });
        }
        parts.last_mut().expect("a part was just pushed")
    }
}

/// The digest over the blocks of a file; `None` in one of format 1.
pub(crate) fn chain(database: &Database, path: &Path) -> Result<Option<ChainDigest>> {
    let read = || -> std::result::Result<Option<Vec<u8>>, redb::Error> {
        match database.begin_read()?.open_table(CHAIN) {
            Ok(table) => Ok(table.get(CHAIN_KEY)?.map(|bytes| bytes.value().to_vec())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let bytes = read().map_err(|e| StoreError::database(path, "cannot read its digest", e))?;
    let chain = bytes.map(|bytes| {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| StoreError::corrupt(path, "its digest has no 32 bytes"))?;
        Ok(ChainDigest(Digest(bytes)))
    });
    chain.transpose()
}

/// Sequence number of the last input of a day that is over.
pub(crate) fn sealed(database: &Database, path: &Path) -> Result<Option<u64>> {
    let read = || -> std::result::Result<Option<u64>, redb::Error> {
        Ok(database.begin_read()?.open_table(META)?.get(SEALED)?.map(|seq| seq.value()))
    };
    read().map_err(|e| StoreError::database(path, "cannot read its seal", e))
}

/// Sequence numbers that a repair could not bring back, in order.
pub(crate) fn fences(database: &Database, path: &Path) -> Result<Vec<RangeInclusive<u64>>> {
    let read = || -> std::result::Result<Vec<RangeInclusive<u64>>, redb::Error> {
        let table = match database.begin_read()?.open_table(FENCES) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let fence = |row: std::result::Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, u64>), _>| {
            row.map(|(first, last)| first.value()..=last.value())
        };
        Ok(table.iter()?.map(fence).collect::<std::result::Result<_, redb::StorageError>>()?)
    };
    read().map_err(|e| StoreError::database(path, "cannot read its fences", e))
}

/// The blocks of a day that is not over and that are not packed yet, in order.
///
/// # Errors
/// When something in the tail is damaged.
pub(crate) fn unpacked(disk: &dyn Disk, database: &Database, path: &Path) -> Result<Vec<Vec<u8>>> {
    let generation = generation(database, path)?;
    if generation == 0 || sealed(database, path)?.is_some() {
        return Ok(Vec::new());
    }
    let packed = last_packed(database, path)?;
    let first = Checkpoints::new(database, path)?.next().transpose()?;
    let fenced = fences(database, path)?.last().map_or(0, |fence| *fence.end());
    let seq = packed.map_or_else(|| first.map_or(0, |first| first.seq), |(seq, _)| seq).max(fenced);
    let found = tail::read(disk, &folder(path), generation, seq)?;
    match found.behind {
        0 => Ok(found.blocks),
        behind => {
            let next = found.blocks.len();
            Err(StoreError::corrupt(
                path,
                format!("of its tail {next} blocks are whole, then damage and {behind} more"),
            ))
        }
    }
}

/// The generation of the tail that belongs to a day; 0 in files that never had one.
pub(crate) fn generation(database: &Database, path: &Path) -> Result<u64> {
    let read = || -> std::result::Result<Option<u64>, redb::Error> {
        Ok(database.begin_read()?.open_table(META)?.get(TAIL)?.map(|generation| generation.value()))
    };
    Ok(read().map_err(|e| StoreError::database(path, "cannot read its generation", e))?.unwrap_or(0))
}

fn last_block(current: &Current) -> Result<Option<(u64, Timestamp)>> {
    match current.packer.rest().last() {
        Some(block) => {
            let header = Sealed::open(block).map_err(|fault| fault.within(&current.path, "block", 0))?.header;
            Ok(Some((header.last_seq, header.last_at)))
        }
        None => last_packed(&current.database, &current.path),
    }
}

/// The end of what is in the tables.
fn last_packed(database: &Database, path: &Path) -> Result<Option<(u64, Timestamp)>> {
    type Rows = TableDefinition<'static, u64, &'static [u8]>;
    let read = |definition: Rows| -> std::result::Result<Option<(u64, Vec<u8>)>, redb::Error> {
        match database.begin_read()?.open_table(definition) {
            Ok(table) => Ok(table.last()?.map(|(key, value)| (key.value(), value.value().to_vec()))),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let rows = read(BLOCKS).and_then(|block| Ok((block, read(PACKS)?)));
    let (block, pack) = rows.map_err(|e| StoreError::database(path, "cannot read its last block", e))?;
    let end = |key: u64, bytes: &[u8]| {
        let header = Sealed::open(bytes).map_err(|fault| fault.within(path, "block", key))?.header;
        Ok((header.last_seq, header.last_at))
    };
    let block = block.map(|(key, bytes)| end(key, &bytes)).transpose()?;
    let Some((key, bytes)) = pack else { return Ok(block) };
    let blocks = pack::open(&bytes).map_err(|fault| fault.within(path, "pack", key))?;
    let pack = blocks.last().map(|last| end(key, last)).transpose()?;
    Ok(block.max(pack))
}
