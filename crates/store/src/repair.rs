//! What is still whole in a damaged day file, in a file that can be used again.
//!
//! Damage to one page of a tree can make everything below or after it unreachable, so the tree is not asked. Every leaf page
//! says what it is ("Leaf page" in the design document of redb), and every block and checkpoint carries a checksum and its
//! own place: the file is searched page by page for leaves, and what holds is taken over. What is missing between is
//! *fenced*: the new file says which inputs they are.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use types::Timestamp;

use crate::block::Sealed;
use crate::disk::{Disk, SystemDisk, folder};
use crate::error::Fault;
use crate::file::{self, set_aside_on, sync_dir};
use crate::reader::days_on;
use crate::rewrite::{DayWriter, beside};
use crate::{Checkpoint, Result, StoreError, pack, tail};

/// Size of a page, and what all leaves are aligned to.
const PAGE_BYTES: u64 = 4096;
/// Type of a leaf page, its first byte.
const LEAF: u8 = 1;
/// Most entries of a leaf that is looked at: its directory has to fit into the first page.
const ENTRIES_MAX: usize = 340;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Where the damaged file lies now, byte for byte as it was.
    pub aside: PathBuf,
    /// Blocks taken over.
    pub blocks: u64,
    /// Inputs in them.
    pub inputs: u64,
    /// Checkpoints taken over.
    pub checkpoints: u64,
    /// Inputs that could not be brought back, by sequence number.
    pub fences: Vec<RangeInclusive<u64>>,
}

/// Makes a day file anew of what is whole in a damaged one, which is set aside. `last_seq` is the last input that the day is
/// known to have had, where that is known.
///
/// # Errors
/// When the file cannot be read, holds no checkpoint to begin with, or nothing can be written; the damaged file then has
/// its name still.
pub fn repair_day(path: &Path, last_seq: Option<u64>) -> Result<Repaired> {
    repair_day_on(&SystemDisk, path, last_seq)
}

/// The same on any disk.
///
/// # Errors
/// As [`repair_day`].
pub fn repair_day_on(disk: &dyn Disk, path: &Path, last_seq: Option<u64>) -> Result<Repaired> {
    let io = |what| move |e| StoreError::io(path, what, e);
    let day = path.file_name().and_then(|name| name.to_str()).and_then(file::parse_day_name);
    let day = day.ok_or_else(|| StoreError::corrupt(path, "its name is not that of a day file"))?;
    let damaged = disk.open(path, false).map_err(io("cannot open"))?;
    let mut found = Search::run(&*damaged, day).map_err(io("cannot search"))?;
    let (tails, generation) = tail::search(disk, &folder(path))?;
    for (n, block) in tails.iter().enumerate() {
        found.take_block(block, Source::Tail(n), day);
    }
    let (blocks, checkpoints) = found.chosen();
    if checkpoints.is_empty() {
        return Err(StoreError::corrupt(path, "no checkpoint in it is whole"));
    }
    let fences = fences(&blocks, &checkpoints, last_seq);

    let repaired = beside(path, ".repaired");
    let mut writer = DayWriter::create(disk, &repaired, day, generation + 1)?;
    for place in &checkpoints {
        let bytes = read(&*damaged, &tails, place.source).map_err(io("cannot read"))?;
        let checkpoint = Checkpoint::decode(&bytes).map_err(|fault| fault.within(path, "checkpoint", place.key))?;
        writer.checkpoint(&checkpoint)?;
    }
    let mut opened = (None, Vec::new());
    for place in &blocks {
        if opened.0 != Some(place.source) {
            let bytes = read(&*damaged, &tails, place.source).map_err(io("cannot read"))?;
            opened = (Some(place.source), plain(&bytes).map_err(|fault| fault.within(path, "block", place.key))?);
        }
        let block = opened.1.iter().map(|block| Sealed::open(block)).find(|block| match block {
            Ok(block) => block.header.first_seq == place.key,
            Err(_) => false,
        });
        let block = block.unwrap_or_else(|| Err(Fault::corrupt("it changed while it was read")));
        writer.block(&block.map_err(|fault| fault.within(path, "block", place.key))?)?;
    }
    // A day with another behind it is over: what a tail holds is not its own.
    let is_over = days_on(disk, &folder(path))?.iter().any(|other| other.day > day);
    let last = blocks.iter().chain(&checkpoints).map(|place| place.last_seq).max();
    writer.finish(&fences, last.max(last_seq).filter(|_| is_over))?;
    drop(damaged);
    let aside = set_aside_on(disk, path)?;
    disk.rename(&repaired, path).map_err(|e| StoreError::io(&repaired, "cannot name", e))?;
    sync_dir(disk, path)?;
    Ok(Repaired {
        aside,
        blocks: blocks.len() as u64,
        inputs: blocks.iter().map(|place| place.last_seq - place.key + 1).sum(),
        checkpoints: checkpoints.len() as u64,
        fences,
    })
}

/// Ends repairs that a power cut stopped between the two changes of names.
pub(crate) fn finish(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let names = disk.names(dir).map_err(|e| StoreError::io(dir, "cannot list", e))?;
    for name in names {
        let Some(day) = name.strip_suffix(".repaired").filter(|day| file::parse_day_name(day).is_some()) else {
            continue;
        };
        let (repaired, path) = (dir.join(&name), dir.join(day));
        if disk.exists(&path) {
            disk.remove(&repaired).map_err(|e| StoreError::io(&repaired, "cannot remove", e))?;
        } else {
            disk.rename(&repaired, &path).map_err(|e| StoreError::io(&repaired, "cannot name", e))?;
        }
        sync_dir(disk, &path)?;
    }
    Ok(())
}

/// Where a whole block or checkpoint lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    key: u64,
    /// Of a block its last input, of a checkpoint its place.
    last_seq: u64,
    at: Timestamp,
    source: Source,
}

/// Where a value lies; a pack holds many blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    File {
        offset: u64,
        len: u32,
    },
    /// So many in the tails.
    Tail(usize),
}

/// What was found. Of pages that were written and given up again, both may be there.
#[derive(Debug, Default)]
struct Search {
    blocks: Vec<Place>,
    checkpoints: Vec<Place>,
}

impl Search {
    fn run(file: &dyn StorageBackend, day: i32) -> std::io::Result<Self> {
        let mut found = Self::default();
        let len = file.len()?;
        let mut page = [0; PAGE_BYTES as usize];
        let mut offset = 0;
        while offset + PAGE_BYTES <= len {
            file.read(offset, &mut page)?;
            for (key, range) in entries(&page, len - offset) {
                let mut value = vec![0; range.len()];
                file.read(offset + range.start as u64, &mut value)?;
                found.take(key, offset + range.start as u64, &value, day);
            }
            offset += PAGE_BYTES;
        }
        Ok(found)
    }

    fn take(&mut self, key: u64, offset: u64, value: &[u8], day: i32) {
        let source = Source::File { offset, len: value.len() as u32 };
        if let Ok(checkpoint) = Checkpoint::decode(value)
            && checkpoint.seq == key
        {
            self.checkpoints.push(Place { key, last_seq: key, at: checkpoint.at, source });
            return;
        }
        for block in plain(value).into_iter().flatten() {
            self.take_block(&block, source, day);
        }
    }

    fn take_block(&mut self, block: &[u8], source: Source, day: i32) {
        let Ok(block) = Sealed::open(block) else { return };
        let header = block.header;
        if header.first_at.day() == day {
            self.blocks.push(Place { key: header.first_seq, last_seq: header.last_seq, at: header.first_at, source });
        }
    }

    /// In order, and without what a crash took back: the numbers of what was under way then are given again. Of blocks that
    /// overlap those stay with which the most fit together, and of as many the later ones.
    fn chosen(&self) -> (Vec<Place>, Vec<Place>) {
        let mut places = self.blocks.clone();
        places.sort_by_key(|place| (place.last_seq, place.at, place.key));
        // For every beginning of the list: how many fit together, the last of them, and the beginning before it.
        let mut best: Vec<(usize, Option<usize>, usize)> = vec![(0, None, 0)];
        for (n, place) in places.iter().enumerate() {
            let before = places.partition_point(|other| other.last_seq < place.key).min(n);
            let (without, with) = (best[n], best[before].0 + 1);
            let is_later = |last: usize| places[last].at < place.at;
            let is_better = with > without.0 || with == without.0 && without.1.is_none_or(is_later);
            best.push(if is_better { (with, Some(n), before) } else { without });
        }
        let mut blocks = Vec::new();
        let mut at = best.len() - 1;
        while let (_, Some(last), before) = best[at] {
            blocks.push(places[last]);
            at = before;
        }
        blocks.reverse();

        let is_taken_back = |place: &Place| {
            let within = |block: &Place| block.key <= place.key && place.key < block.last_seq;
            blocks.iter().any(|block| within(block) || block.key <= place.key && block.at > place.at)
        };
        let mut by_key: BTreeMap<u64, Place> = BTreeMap::new();
        for place in self.checkpoints.iter().filter(|place| !is_taken_back(place)) {
            let known = by_key.entry(place.key).or_insert(*place);
            if known.at < place.at {
                *known = *place;
            }
        }
        (blocks, by_key.into_values().collect())
    }
}

/// What a leaf page of the journal's tables would hold: key and place of each value. Anything else gives nothing, or what no
/// checksum agrees with.
fn entries(page: &[u8], rest: u64) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> + '_ {
    let count = usize::from(u16::from_le_bytes([page[2], page[3]]));
    let is_leaf = page[0] == LEAF && (1..=ENTRIES_MAX).contains(&count);
    let count = if is_leaf { count } else { 0 };
    let (ends, keys, values) = (4, 4 + 4 * count, 4 + 12 * count);
    let end = move |n: usize| page[ends + 4 * n..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b) as usize);
    (0..count).filter_map(move |n| {
        let key = u64::from_le_bytes(*page.get(keys + 8 * n..)?.first_chunk()?);
        let range = if n == 0 { values } else { end(n - 1) }..end(n);
        let is_sound = range.start >= values && range.start < range.end && range.end as u64 <= rest;
        is_sound.then_some((key, range))
    })
}

/// The blocks that a value of the journal's tables holds, be it a block or a pack.
fn plain(value: &[u8]) -> std::result::Result<Vec<Vec<u8>>, Fault> {
    match Sealed::open(value).and_then(|block| block.plain()) {
        Ok(block) => Ok(vec![block]),
        Err(_) => pack::open(value),
    }
}

fn read(file: &dyn StorageBackend, tails: &[Vec<u8>], source: Source) -> std::io::Result<Vec<u8>> {
    match source {
        Source::File { offset, len } => {
            let mut bytes = vec![0; len as usize];
            file.read(offset, &mut bytes)?;
            Ok(bytes)
        }
        Source::Tail(n) => tails.get(n).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into()),
    }
}

/// The numbers that no block has, from the first block or checkpoint on.
fn fences(blocks: &[Place], checkpoints: &[Place], last_seq: Option<u64>) -> Vec<RangeInclusive<u64>> {
    let first_state = checkpoints.first().map_or(u64::MAX, |place| place.key + 1);
    let mut next = blocks.first().map_or(u64::MAX, |place| place.key).min(first_state);
    let mut fences = Vec::new();
    for block in blocks {
        if block.key > next {
            fences.push(next..=block.key - 1);
        }
        next = block.last_seq + 1;
    }
    let last = checkpoints.last().map_or(0, |place| place.key).max(last_seq.unwrap_or(0));
    if last >= next {
        fences.push(next..=last);
    }
    fences
}
