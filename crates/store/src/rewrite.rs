//! A day file made anew.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use redb::Database;

use crate::block::Sealed;
use crate::digest::ChainDigest;
use crate::disk::Disk;
use crate::file::{self, META};
use crate::journal::{CHAIN, CHAIN_KEY, CHECKPOINTS, FENCES, PACKS, SEALED, create_day};
use crate::pack::{Pack, Packer};
use crate::{Checkpoint, Result};

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
    pub(crate) fn create(disk: &dyn Disk, path: &Path, day: i32, generation: u64) -> Result<Self> {
        let database = create_day(disk, path, day, generation, &[])?;
        let chain = ChainDigest::default();
        Ok(Self { path: path.to_owned(), database, packer: Packer::new(), chain, packs: Vec::new() })
    }

    /// Adds the next block.
    pub(crate) fn block(&mut self, block: &Sealed<'_>) -> Result<()> {
        let header = &block.header;
        let plain = block.plain().map_err(|fault| fault.within(&self.path, "block", header.first_seq))?;
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
            txn.open_table(CHECKPOINTS)?.insert(checkpoint.seq, checkpoint.encode().as_slice())?;
            Ok(())
        })
    }

    /// Writes the rest, what is missing in it, and of a day that is over its last input.
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
                self.chain = pack.blocks.iter().fold(self.chain, |chain, plain| chain.with(plain));
            }
            txn.open_table(CHAIN)?.insert(CHAIN_KEY, self.chain.as_bytes())?;
            Ok(())
        })
    }
}

/// A name beside a file's own.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
