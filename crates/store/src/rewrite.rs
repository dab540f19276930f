//! A day file made anew: packed because its day is over, or repaired.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use redb::Database;

use crate::block::Sealed;
use crate::digest::ChainDigest;
use crate::disk::{Disk, SystemDisk};
use crate::file::{self, META, sync_dir};
use crate::journal::{CHAIN, CHAIN_KEY, CHECKPOINTS, DAY, FENCES, KIND, PACKS, SEALED};
use crate::pack::{Pack, Packer};
use crate::{Checkpoint, Reader, Result, StoreError};

/// Bytes that are written in one commit.
const COMMIT_BYTES: usize = 4 << 20;

/// A day file that is being written beside the one whose place it will take.
pub(crate) struct DayWriter {
    path: PathBuf,
    database: Database,
    packer: Packer,
    chain: ChainDigest,
    packs: Vec<Pack>,
}

impl DayWriter {
    pub(crate) fn create(disk: &dyn Disk, path: &Path, day: i32) -> Result<Self> {
        let database = file::create(disk, path, KIND, |txn| {
            txn.open_table(META)?.insert(DAY, i64::from(day).cast_unsigned())?;
            txn.open_table(PACKS)?;
            txn.open_table(CHECKPOINTS)?;
            txn.open_table(FENCES)?;
            Ok(())
        })?;
        let chain = ChainDigest::default();
        Ok(Self { path: path.to_owned(), database, packer: Packer::new(), chain, packs: Vec::new() })
    }

    /// Adds the next block.
    pub(crate) fn block(&mut self, block: &Sealed<'_>) -> Result<()> {
        let header = &block.header;
        let plain = block.plain().map_err(|fault| fault.within(&self.path, "block", header.first_seq))?;
        self.chain = self.chain.with(&plain);
        self.packer.push(header.first_seq, header.last_seq, plain);
        while let Some(pack) = self.packer.full() {
            self.packs.push(pack);
        }
        let bytes: usize = self.packs.iter().map(|pack| pack.bytes.len()).sum();
        if bytes >= COMMIT_BYTES { self.commit() } else { Ok(()) }
    }

    /// Adds a checkpoint.
    pub(crate) fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        file::commit(&self.database, &self.path, |txn| {
            txn.open_table(CHECKPOINTS)?.insert(checkpoint.seq, checkpoint.encode_small().as_slice())?;
            Ok(())
        })
    }

    /// Writes the rest: what is missing in it, and of a day that is over its last input.
    pub(crate) fn finish(mut self, fences: &[RangeInclusive<u64>], sealed: Option<u64>) -> Result<()> {
        while let Some(pack) = self.packer.take() {
            self.packs.push(pack);
        }
        self.commit()?;
        file::commit(&self.database, &self.path, |txn| {
            let mut rows = txn.open_table(FENCES)?;
            for fence in fences {
                rows.insert(fence.start(), fence.end())?;
            }
            if let Some(last_seq) = sealed {
                txn.open_table(META)?.insert(SEALED, last_seq)?;
            }
            Ok(())
        })
    }

    fn commit(&mut self) -> Result<()> {
        file::commit(&self.database, &self.path, |txn| {
            let mut rows = txn.open_table(PACKS)?;
            for pack in self.packs.drain(..) {
                rows.insert(pack.first_seq, pack.bytes.as_slice())?;
            }
            txn.open_table(CHAIN)?.insert(CHAIN_KEY, self.chain.as_bytes())?;
            Ok(())
        })
    }
}

/// Packs a day that is over: the same blocks, checkpoints and digest in a third of the room. Gives the sizes before and
/// after; `None` for a file that is packed already or is not sealed.
///
/// # Errors
/// When the file is damaged or nothing can be written; the file is as it was then.
pub fn pack_day(path: &Path) -> Result<Option<(u64, u64)>> {
    pack_day_on(&SystemDisk, path)
}

/// The same on any disk.
///
/// # Errors
/// As [`pack_day`].
pub fn pack_day_on(disk: &dyn Disk, path: &Path) -> Result<Option<(u64, u64)>> {
    let reader = Reader::open_day_on(disk, path)?;
    let Some(last_seq) = reader.sealed()? else { return Ok(None) };
    if reader.is_packed()? {
        return Ok(None);
    }
    let before = disk.size(path).map_err(|e| StoreError::io(path, "cannot tell its size", e))?;
    let scratch = beside(path, ".packed");
    let mut writer = DayWriter::create(disk, &scratch, reader.day())?;
    for checkpoint in reader.checkpoints()? {
        writer.checkpoint(&checkpoint?)?;
    }
    let mut blocks = reader.blocks()?;
    while let Some((header, bytes)) = blocks.next_bytes()? {
        let block = Sealed::open(&bytes).map_err(|fault| fault.within(path, "block", header.first_seq))?;
        writer.block(&block)?;
    }
    drop(blocks);
    writer.finish(&reader.fences()?, Some(last_seq))?;
    // What takes the place of a recording is read back first.
    let (kept, made) = (reader.verify()?, Reader::open_day_on(disk, &scratch)?.verify()?);
    if kept != made {
        return Err(StoreError::corrupt(&scratch, "what was packed is not what was recorded"));
    }
    drop(reader);
    disk.rename(&scratch, path).map_err(|e| StoreError::io(&scratch, "cannot name", e))?;
    sync_dir(disk, path)?;
    let after = disk.size(path).map_err(|e| StoreError::io(path, "cannot tell its size", e))?;
    Ok(Some((before, after)))
}

/// A name beside a file's own.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
