//! The newest blocks of the journal, which wait to be packed: two plain files that are written in place.
//!
//! A commit of the database writes some forty kilobytes however little there is to say, and a block comes every other second. So
//! a block goes to a tail first, with one write and one sync, and many together go to the day's file as a pack. Which of the two
//! tails counts is told by the generation in the day's file: what is not packed yet is written to the other tail under the next
//! generation and synced, and then the pack and that generation are one commit. At every moment one of the two holds all
//! that is not packed. What is left in a tail of an older generation counts for nothing.

use std::path::{Path, PathBuf};

use redb::StorageBackend;

use crate::block::{RAW_BYTES_MAX, Sealed};
use crate::disk::Disk;
use crate::file::sync_dir;
use crate::{Result, StoreError};

const MAGIC: [u8; 4] = *b"TBKT";
/// Magic number, length of the block, generation, place among the blocks that were written together, CRC-32 of the three.
const HEADER_BYTES: usize = 24;
/// A record begins a page: what was written before is not written again.
const PAGE_BYTES: usize = 4096;
/// Records of the first tails began at multiples of it.
const ALIGN: usize = 8;

/// The tail that is written to.
pub(crate) struct Tail {
    path: PathBuf,
    file: Box<dyn StorageBackend>,
    generation: u64,
    offset: u64,
}

/// What was found in the tail of a generation.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Blocks as they were written, each following the one before.
    pub(crate) blocks: Vec<Vec<u8>>,
    /// How many whole ones stand behind damage and do not follow.
    pub(crate) behind: usize,
}

fn path_of(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("journal.tail-{}", generation % 2))
}

/// Whether the file of a generation is there.
pub(crate) fn exists(disk: &dyn Disk, dir: &Path, generation: u64) -> bool {
    disk.exists(&path_of(dir, generation))
}

impl Tail {
    /// Begins the tail of a generation with blocks that are not packed yet, given in plain form. They are durable when this returns, and count
    /// once the day's file says so.
    pub(crate) fn begin<'b>(
        disk: &dyn Disk,
        dir: &Path,
        generation: u64,
        blocks: impl Iterator<Item = &'b [u8]>,
    ) -> Result<Self> {
        let path = path_of(dir, generation);
        let open = if disk.exists(&path) { disk.open(&path, true) } else { disk.create(&path) };
        let file = open.map_err(|e| StoreError::io(&path, "cannot open", e))?;
        // Also of one that is there: the sync after its creation may have failed.
        sync_dir(disk, &path)?;
        let mut tail = Self { path, file, generation, offset: 0 };
        let compressed = |plain: &[u8]| Sealed::open(plain).and_then(|sealed| sealed.compressed());
        let blocks: std::result::Result<Vec<Vec<u8>>, _> = blocks.map(compressed).collect();
        let blocks = blocks.map_err(|fault| fault.within(&tail.path, "block", 0))?;
        tail.append(blocks.iter().map(Vec::as_slice))?;
        Ok(tail)
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Adds blocks, durably.
    pub(crate) fn append<'b>(&mut self, blocks: impl Iterator<Item = &'b [u8]>) -> Result<()> {
        let mut bytes = Vec::new();
        for (place, block) in (0..).zip(blocks) {
            let head = header(block.len(), self.generation, place);
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(block);
            bytes.resize(bytes.len().next_multiple_of(PAGE_BYTES), 0);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let end = self.offset + bytes.len() as u64;
        let write = || {
            if self.file.len()? < end {
                // In steps, so that most writes change no length.
                self.file.set_len(end.next_multiple_of(1 << 18))?;
            }
            // Page by page: what is written at once may be kept in memory, and later written again, as one piece.
            let mut at = 0;
            while at < bytes.len() {
                let place = self.offset + at as u64;
                let len = (PAGE_BYTES - place as usize % PAGE_BYTES).min(bytes.len() - at);
                self.file.write(place, &bytes[at..at + len])?;
                at += len;
            }
            self.file.sync_data()
        };
        write().map_err(|e| StoreError::io(&self.path, "cannot write", e))?;
        self.offset = end;
        Ok(())
    }
}

fn header(len: usize, generation: u64, place: u32) -> [u8; HEADER_BYTES] {
    let mut head = [0; HEADER_BYTES];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&(len as u32).to_le_bytes());
    head[8..16].copy_from_slice(&generation.to_le_bytes());
    head[16..20].copy_from_slice(&place.to_le_bytes());
    let crc = crc32fast::hash(&head[4..20]);
    head[20..].copy_from_slice(&crc.to_le_bytes());
    head
}

/// A whole block of a tail.
struct Kept<'a> {
    block: &'a [u8],
    generation: u64,
    place: u32,
    /// Where the next one begins.
    after: usize,
}

/// The block at an offset; `None` where there is no whole one.
fn at(bytes: &[u8], offset: usize) -> Option<Kept<'_>> {
    let head = bytes.get(offset..)?.first_chunk::<HEADER_BYTES>()?;
    let len = u32::from_le_bytes(*head[4..8].first_chunk()?) as usize;
    let generation = u64::from_le_bytes(*head[8..16].first_chunk()?);
    let place = u32::from_le_bytes(*head[16..20].first_chunk()?);
    if len > 2 * RAW_BYTES_MAX || header(len, generation, place) != *head {
        return None;
    }
    let start = offset + HEADER_BYTES;
    let block = bytes.get(start..start.checked_add(len)?)?;
    Sealed::open(block).ok()?;
    Some(Kept { block, generation, place, after: (start + len).next_multiple_of(ALIGN) })
}

/// What the tail of a generation holds after input `seq`.
pub(crate) fn read(disk: &dyn Disk, dir: &Path, generation: u64, seq: u64) -> Result<Found> {
    let path = path_of(dir, generation);
    let bytes = bytes_of(disk, &path)?;
    let mut found = Found::default();
    let (mut offset, mut next) = (0, seq + 1);
    let mut is_torn = false;
    while offset < bytes.len() {
        // The next one begins where this one ends, in the first tails, or with the next page.
        let after = if is_torn { offset } else { offset.next_multiple_of(PAGE_BYTES) };
        let mut kept = [offset, after].into_iter().filter_map(|place| at(&bytes, place));
        let Some(kept) = kept.find(|kept| kept.generation == generation) else {
            is_torn = true;
            offset += ALIGN;
            continue;
        };
        let header = Sealed::open(kept.block).map_err(|fault| fault.within(&path, "block", next))?.header;
        offset = kept.after;
        // What was written together with a torn block was under way with it.
        if is_torn && kept.place > 0 && found.behind == 0 {
            continue;
        }
        if is_torn || header.first_seq > next {
            found.behind += 1;
        } else if header.first_seq == next {
            found.blocks.push(kept.block.to_vec());
            next = header.last_seq + 1;
        }
    }
    Ok(found)
}

/// Every whole block in both tails, for a repair; and the highest generation.
pub(crate) fn search(disk: &dyn Disk, dir: &Path) -> Result<(Vec<Vec<u8>>, u64)> {
    let (mut found, mut highest) = (Vec::new(), 0);
    for tail in 0..2 {
        let bytes = bytes_of(disk, &path_of(dir, tail))?;
        let mut offset = 0;
        while offset < bytes.len() {
            match at(&bytes, offset) {
                Some(kept) => {
                    found.push(kept.block.to_vec());
                    highest = kept.generation.max(highest);
                    offset = kept.after;
                }
                None => offset += ALIGN,
            }
        }
    }
    Ok((found, highest))
}

fn bytes_of(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>> {
    if !disk.exists(path) {
        return Ok(Vec::new());
    }
    let read = || {
        let file = disk.open(path, false)?;
        let mut bytes = vec![0; file.len()? as usize];
        file.read(0, &mut bytes)?;
        file.close()?;
        Ok(bytes)
    };
    read().map_err(|e| StoreError::io(path, "cannot read", e))
}
