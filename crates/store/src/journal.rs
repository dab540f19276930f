//! Writing the journal: one durable commit per call, one file per UTC day.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use types::Timestamp;

use crate::block::Sealed;
use crate::digest::{ChainDigest, Digest};
use crate::disk::{Disk, SharedDisk, SystemDisk};
use crate::error::Fault;
use crate::file::{self, Kind, META};
use crate::reader::{Blocks, Checkpoints, Inputs, check_day, days_on};
use crate::{Block, Checkpoint, Result, StoreError, pack, repair};

/// Journal file format written by this program, and the highest it reads.
///
/// Format 1 had no digest of its blocks, no seal and no fences.
pub const FORMAT: u64 = 2;

pub(crate) const BLOCKS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("blocks");
pub(crate) const CHECKPOINTS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("checkpoints");
/// Many blocks together, by the number of their first input; all before those of [`BLOCKS`].
pub(crate) const PACKS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("packs");
/// What a repair could not bring back: first and last sequence number.
pub(crate) const FENCES: TableDefinition<'static, u64, u64> = TableDefinition::new("fences");
/// [`ChainDigest`] over all blocks, under [`CHAIN_KEY`].
pub(crate) const CHAIN: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("chain");
pub(crate) const CHAIN_KEY: &str = "blocks";
pub(crate) const DAY: &str = "day";
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

/// The file that is written to.
struct Current {
    day: i32,
    path: PathBuf,
    database: Database,
    /// `None` in a file of format 1.
    chain: Option<ChainDigest>,
    is_sealed: bool,
}

impl Current {
    fn open(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let database = file::open(disk, path, KIND)?;
        let day = check_day(&database, path)?;
        let (chain, is_sealed) = (chain(&database, path)?, sealed(&database, path)?.is_some());
        Ok(Self { day, path: path.to_owned(), database, chain, is_sealed })
    }

    /// Says that the day is over. What it holds is told by the digest beside.
    fn seal(&mut self, last_seq: u64) -> Result<()> {
        if self.chain.is_some() && !self.is_sealed {
            file::commit(&self.database, &self.path, |txn| {
                txn.open_table(META)?.insert(SEALED, last_seq)?;
                Ok(())
            })?;
            self.is_sealed = true;
        }
        Ok(())
    }
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
        if let Some(newest) = days.last() {
            let current = Current::open(&*journal.disk, &newest.path)?;
            let checkpoint = Checkpoints::new(&current.database, &newest.path)?
                .newest()?
                .ok_or_else(|| StoreError::corrupt(&newest.path, "no checkpoint"))?;
            let end = last_block(&current.database, &newest.path)?;
            let fenced = fences(&current.database, &newest.path)?.last().map(|fence| *fence.end());
            let place = (checkpoint.seq, checkpoint.at);
            let (seq, at) = end.map_or(place, |end| end.max(place));
            // Numbers that a repair could not bring back are not given again.
            journal.last = Some((seq.max(fenced.unwrap_or(0)), at));
            journal.checkpoint_seq = Some(checkpoint.seq);
            journal.current = Some(current);
        }
        let recovery =
            Recovery { last_seq: journal.last_seq(), last_at: journal.last.map(|(_, at)| at), days: days.len() };
        Ok((journal, recovery))
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

    /// Writes blocks and a checkpoint in one durable commit (around midnight: one for each day, in order).
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
        Ok(Box::new(Inputs::new(Blocks::new(&current.database, &current.path, current.day, seq)?, seq)))
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
        let before = match &self.current {
            Some(current) if !part.starts => current.chain,
            _ => Some(ChainDigest::default()),
        };
        let mut chain = before;
        if let Some(chain) = &mut chain {
            for block in &part.blocks {
                let within = |fault: Fault| fault.within(&self.dir, "block", block.header().first_seq);
                let plain = Sealed::open(block.as_bytes()).and_then(|sealed| sealed.plain()).map_err(within)?;
                *chain = chain.with(&plain);
            }
        }
        let was_sealed = !part.starts && self.current.as_ref().is_some_and(|current| current.is_sealed);
        let write = |txn: &redb::WriteTransaction| -> std::result::Result<(), redb::Error> {
            if let Some(chain) = chain {
                txn.open_table(CHAIN)?.insert(CHAIN_KEY, chain.as_bytes())?;
            }
            // Time that stood still over a restart brings a day back.
            if was_sealed {
                txn.open_table(META)?.remove(SEALED)?;
            }
            let mut blocks = txn.open_table(BLOCKS)?;
            for block in &part.blocks {
                blocks.insert(block.header().first_seq, block.as_bytes())?;
            }
            let mut checkpoints = txn.open_table(CHECKPOINTS)?;
            for checkpoint in &part.checkpoints {
                checkpoints.insert(checkpoint.seq, checkpoint.encode().as_slice())?;
            }
            Ok(())
        };
        match &mut self.current {
            Some(current) if !part.starts => {
                file::commit(&current.database, &current.path, write)?;
                current.chain = chain;
                current.is_sealed = false;
            }
            over => {
                if let (Some(over), Some((last_seq, _))) = (over, self.last) {
                    over.seal(last_seq)?;
                }
                let path = self.dir.join(file::day_name(part.day));
                if self.disk.exists(&path) {
                    return Err(StoreError::order(&path, "the file of this day exists already"));
                }
                let database = file::create(&*self.disk, &path, KIND, |txn| {
                    txn.open_table(META)?.insert(DAY, i64::from(part.day).cast_unsigned())?;
                    txn.open_table(FENCES)?;
                    write(txn)
                })?;
                self.current = Some(Current { day: part.day, path, database, chain, is_sealed: false });
            }
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

fn last_block(database: &Database, path: &Path) -> Result<Option<(u64, Timestamp)>> {
    let read = || -> std::result::Result<_, redb::Error> {
        let txn = database.begin_read()?;
        let last = |table: redb::ReadOnlyTable<u64, &'static [u8]>| {
            table.last().map(|row| row.map(|(key, value)| (key.value(), value.value().to_vec())))
        };
        let block = match txn.open_table(BLOCKS) {
            Ok(table) => last(table)?,
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let pack = match txn.open_table(PACKS) {
            Ok(table) => last(table)?,
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok((block, pack))
    };
    let (key, bytes) = match read().map_err(|e| StoreError::database(path, "cannot read its last block", e))? {
        (Some(block), _) => block,
        (None, Some((key, pack))) => {
            let blocks = pack::open(&pack).map_err(|fault| fault.within(path, "pack", key))?;
            let Some(last) = blocks.into_iter().next_back() else { return Ok(None) };
            (key, last)
        }
        (None, None) => return Ok(None),
    };
    let block = Sealed::open(&bytes).map_err(|fault| fault.within(path, "block", key))?;
    Ok(Some((block.header.last_seq, block.header.last_at)))
}
