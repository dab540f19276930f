//! The store on a disk that fails, against a model that says what has to be there.
//!
//! One run is a life of the store from one seed: blocks, records, checkpoints and midnights, with power cuts at any change of
//! the disk (what was not synced is kept, lost or torn at a sector, in any order), full disks, places that cannot be read,
//! syncs that do nothing, flipped bits. After each the store is opened again and everything in it is read and compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use store::disk::faulty::{Faults, FaultyDisk};
use store::{Block, BlockBuilder, Checkpoint, Disk, Entry, Journal, Reader, Span, State, StoreError, repair_day_on};
use types::effect::EquityRecord;
use types::market::Aggressor;
use types::{Cash, Input, InstrumentId, Price, Qty, Record, Stamped, Timestamp, Trade};

const START: Timestamp = Timestamp::from_secs(1_761_955_200);
const NS_PER_S: i64 = 1_000_000_000;

/// What runs lived through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lives of a store.
    pub runs: u64,
    /// Blocks that were promised to be durable.
    pub blocks: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Writes that a full disk refused.
    pub full: u64,
    /// Operations that a place which cannot be read has stopped.
    pub unreadable: u64,
    /// Power cuts after syncs that did nothing.
    pub lies: u64,
    /// Bits flipped in a day that was recorded.
    pub flips: u64,
    /// Of the files with flipped bits, those in which it was found at once. In the others it hit what is not used.
    pub found: u64,
    /// Blocks that a repair brought back, and those that it could not.
    pub repaired: u64,
    /// See `repaired`.
    pub fenced: u64,
    /// Blocks that were under way when power went, were never promised, and came back where the right one was hit.
    pub unpromised: u64,
}

impl Tally {
    /// Adds what another run lived through.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.blocks += other.blocks;
        self.power_cuts += other.power_cuts;
        self.full += other.full;
        self.unreadable += other.unreadable;
        self.lies += other.lies;
        self.flips += other.flips;
        self.found += other.found;
        self.repaired += other.repaired;
        self.fenced += other.fenced;
        self.unpromised += other.unpromised;
    }
}

/// Lives the life of this seed.
///
/// # Errors
/// What was not as it has to be, in one sentence.
pub fn live(seed: u64) -> Result<Tally, String> {
    let told = std::panic::catch_unwind(|| Life::new(seed).run());
    let told = told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    });
    told.map_err(|what| format!("seed {seed}: {what}"))
}

/// What was promised, and what was under way when something failed.
#[derive(Default)]
struct Model {
    /// By first sequence number.
    blocks: BTreeMap<u64, Block>,
    /// Blocks of a write that failed: each of them may be there.
    maybe_blocks: Vec<Block>,
    /// Blocks that were under way and that nothing was found of.
    taken_back: Vec<Block>,
    /// What was written to the state file, in order, with the input that caused it.
    records: Vec<(u64, EquityRecord)>,
    /// How many of them were promised to be durable.
    synced: usize,
}

struct Life {
    random: u64,
    disk: FaultyDisk,
    dir: PathBuf,
    model: Model,
    journal: Option<Journal>,
    state: Option<State>,
    at: Timestamp,
    /// Nothing was written since it was opened: it begins with a checkpoint, as a box does.
    is_fresh: bool,
    is_tail_missing: bool,
    tally: Tally,
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            random: seed,
            disk: FaultyDisk::new(seed),
            dir: PathBuf::from("/box"),
            model: Model::default(),
            journal: None,
            state: None,
            at: START,
            is_fresh: true,
            is_tail_missing: false,
            tally: Tally { runs: 1, ..Tally::default() },
        }
    }

    /// A number below `end` (SplitMix64).
    fn draw(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }

    fn run(mut self) -> Result<Tally, String> {
        self.open()?;
        for _ in 0..10 + self.draw(20) {
            match self.draw(10) {
                0..=3 => self.power_cut()?,
                4 => self.full_disk()?,
                5 => self.unreadable()?,
                6 => self.reopen()?,
                _ => {
                    for _ in 0..1 + self.draw(8) {
                        self.write().map_err(|e| format!("a sound disk: {e}"))?;
                    }
                }
            }
        }
        match self.draw(3) {
            0 => self.lie()?,
            1 => self.flip()?,
            _ => {}
        }
        self.tally.blocks = self.model.blocks.len() as u64;
        Ok(self.tally)
    }

    /// The power goes at some change of the disk during some writes.
    fn power_cut(&mut self) -> Result<(), String> {
        let power_cut_in = Some(1 + self.draw(60) as u32);
        self.disk.set_faults(Faults { power_cut_in, ..Faults::default() });
        while self.disk.has_power() {
            match self.write() {
                Ok(()) => {}
                Err(_) if !self.disk.has_power() => break,
                Err(error) => return Err(format!("before the power was cut: {error}")),
            }
        }
        self.tally.power_cuts += 1;
        self.close();
        self.disk.restart();
        self.open()
    }

    fn full_disk(&mut self) -> Result<(), String> {
        let used: u64 = self.days()?.iter().filter_map(|path| self.disk.size(path).ok()).sum();
        let capacity = Some(used + self.draw(4 << 20));
        self.disk.set_faults(Faults { capacity, ..Faults::default() });
        for _ in 0..400 {
            if self.write().is_err() {
                self.tally.full += 1;
                break;
            }
        }
        self.close();
        self.disk.set_faults(Faults::default());
        self.open()
    }

    fn unreadable(&mut self) -> Result<(), String> {
        self.close();
        let read_fails_one_in = Some(2 + self.draw(40) as u32);
        self.disk.set_faults(Faults { read_fails_one_in, ..Faults::default() });
        // Whatever fails, nothing wrong may be read.
        if self.open_files().is_err() || (0..5).any(|_| self.write().is_err()) {
            self.tally.unreadable += 1;
        }
        self.compare(true).map_err(|wrong| format!("while places could not be read: {wrong}"))?;
        self.close();
        self.disk.set_faults(Faults::default());
        self.open()
    }

    /// An orderly stop and a start.
    fn reopen(&mut self) -> Result<(), String> {
        self.close();
        self.open()
    }

    /// A disk that says "done" and is not: then what is there may be old or damaged, never wrong.
    fn lie(&mut self) -> Result<(), String> {
        self.disk.set_faults(Faults { sync_lies_one_in: Some(3), ..Faults::default() });
        for _ in 0..5 + self.draw(20) {
            self.write().map_err(|e| format!("while the disk lied: {e}"))?;
        }
        self.close();
        self.disk.restart();
        self.tally.lies += 1;
        self.compare(true)
    }

    /// Bits of a recorded day flip: what is read is right or refused, and a repair brings back all but what was hit.
    fn flip(&mut self) -> Result<(), String> {
        self.close();
        let days = self.days()?;
        let mut path = days[self.draw(days.len() as u64) as usize].clone();
        let flips = 1 + self.draw(4);
        let which = self.draw(2);
        let tail = self.dir.join(format!("journal.tail-{which}"));
        if self.draw(3) == 0 && self.disk.exists(&tail) {
            // What is not packed yet belongs to the newest day.
            self.disk.flip_bits(&tail, flips as usize);
            path.clone_from(days.last().expect("there is a day"));
        } else {
            self.disk.flip_bits(&path, flips as usize);
        }
        self.tally.flips += flips;
        self.compare(true).map_err(|what| format!("after bits flipped: {what}"))?;
        let whole = Reader::open_day_on(&self.disk, &path).and_then(|reader| reader.verify());
        self.tally.found += u64::from(whole.is_err());
        let before = self.of_day(&path);
        let last = *before.last_key_value().map_or(&0, |(first, _)| first);
        let last = before.get(&last).map(|block| block.header().last_seq);
        let repaired = match repair_day_on(&self.disk, &path, last) {
            Ok(repaired) => repaired,
            // A day of which the only state was hit cannot begin.
            Err(StoreError::Corrupt { what, .. }) if what.contains("no checkpoint") => return Ok(()),
            Err(error) => return Err(format!("repair: {error}")),
        };
        let reader = Reader::open_day_on(&self.disk, &path).map_err(|e| format!("repaired: {e}"))?;
        let verified = reader.verify().map_err(|e| format!("repaired: {e}"))?;
        let (mut seen, mut unpromised) = (0, 0);
        for block in reader.blocks().map_err(|e| e.to_string())? {
            let (header, _) = block.map_err(|e| format!("repaired: {e}"))?;
            let known = before.get(&header.first_seq).map(Block::header);
            if known == Some(&header) {
                seen += 1;
            } else if self.model.taken_back.iter().any(|block| *block.header() == header) {
                unpromised += 1;
            } else {
                return Err(format!("the repaired day has a block at input {} that never was", header.first_seq));
            }
        }
        // A bit can take a whole pack with it.
        let lost = before.len() as u64 - seen;
        let fenced: u64 = repaired.fences.iter().map(|fence| fence.end() - fence.start() + 1).sum();
        let inputs: u64 = before.values().map(|block| u64::from(block.header().inputs)).sum();
        // Of what went before the first thing that is whole, nothing is known.
        let first = before.first_key_value().map(|(first, _)| *first);
        let is_first_known = reader.headers().is_ok_and(|all| all.first().map(|header| header.first_seq) == first);
        let told = verified.inputs + fenced;
        let adds_up = told == inputs || !is_first_known && told < inputs || unpromised > 0;
        if !adds_up || verified.fenced != fenced {
            return Err(format!("{} inputs and {fenced} fenced ones of {inputs}", verified.inputs));
        }
        self.tally.unpromised += unpromised;
        self.tally.repaired += seen;
        self.tally.fenced += lost;
        drop(reader);
        // The box goes on.
        self.open_files().map_err(|e| format!("after a repair: {e}"))?;
        (0..3).try_for_each(|_| self.write()).map_err(|e| format!("after a repair: {e}"))
    }

    /// A block with its records, a checkpoint now and then, and a new day now and then.
    fn write(&mut self) -> store::Result<()> {
        let (Some(journal), last_at) = (&self.journal, self.at) else {
            return Err(StoreError::Missing { path: self.dir.clone(), what: "not open" });
        };
        let mut seq = journal.last_seq();
        let mut before = None;
        if self.is_fresh || self.draw(12) == 0 {
            self.is_fresh = false;
            before = Some(checkpoint(seq, last_at));
            if seq > 0 && self.draw(2) == 0 {
                self.at = Timestamp::from_nanos(i64::from(last_at.day() + 1) * 86_400 * NS_PER_S);
            }
        }
        let mut builder = BlockBuilder::new();
        let (count, size) = (1 + self.draw(6), self.draw(60));
        for _ in 0..count {
            let next = self.at.plus(std::time::Duration::from_millis(1 + self.draw(2_000)));
            if !builder.fits(next) {
                break;
            }
            self.at = next;
            seq += 1;
            let input = self.input(size);
            builder.push(&Stamped { seq, at: next, input }, &[]).expect("in order and in one day");
        }
        let block = builder.finish().expect("not empty");
        let journal = self.journal.as_mut().expect("open");
        let is_first = before.is_some();
        self.model.maybe_blocks = vec![block.clone()];
        // A checkpoint before a block is a write of its own when it does not begin a day.
        journal.write(&[block], before)?;
        if is_first && seq.is_multiple_of(3) {
            journal.write(&[], Some(checkpoint(seq, self.at)))?;
        }
        for block in self.model.maybe_blocks.drain(..) {
            self.model.blocks.insert(block.header().first_seq, block);
        }
        let at = self.at;
        let cash = Cash(seq as i64);
        let equity = EquityRecord {
            account: types::AccountId::LEAD,
            at,
            cash,
            equity: cash,
            hold: cash,
            fees: cash,
            positions: Vec::new(),
        };
        self.model.records.push((seq, equity.clone()));
        let entry = Entry { seq, rank: 0, record: Record::Equity(equity) };
        let is_synced = self.draw(3) == 0;
        let state = self.state.as_ref().expect("open");
        if is_synced {
            state.write(&[entry], seq)?;
            self.model.synced = self.model.records.len();
        } else {
            state.write_unsynced(&[entry], seq)?;
        }
        Ok(())
    }

    fn input(&mut self, size: u64) -> Input {
        if self.draw(3) == 0 {
            return Input::Tick;
        }
        if size > 50 {
            // A long text stands for whatever makes a block large.
            let text: String = (0..size * 200).map(|_| char::from(b'a' + self.draw(26) as u8)).collect();
            return Input::Boot { version: text, settings: Box::default() };
        }
        Input::Trade(Trade {
            instrument: InstrumentId(self.draw(4) as u16),
            id: self.draw(u64::MAX).into(),
            price: Price::new(1 + self.draw(1_000_000) as i64).expect("positive"),
            qty: Qty(self.draw(1_000_000)),
            aggressor: Aggressor::Buy,
            fills: 1,
            venue_at: self.at,
        })
    }

    fn close(&mut self) {
        self.journal = None;
        self.state = None;
    }

    fn open_files(&mut self) -> store::Result<()> {
        let (journal, found) = Journal::open_on(self.disk.shared(), &self.dir)?;
        self.at = self.at.max(found.last_at.unwrap_or(START));
        self.is_fresh = true;
        self.is_tail_missing = found.is_tail_missing;
        self.journal = Some(journal);
        self.state = Some(State::open_on(&self.disk, &self.dir)?);
        Ok(())
    }

    /// Opens everything on a sound disk and compares it with the model.
    fn open(&mut self) -> Result<(), String> {
        self.compare(false)?;
        self.open_files().map_err(|e| format!("cannot be opened: {e}"))?;
        if self.is_tail_missing {
            return Err("the tail is missing, and nobody took it away".to_owned());
        }
        let state = self.state.as_ref().expect("open");
        let applied = state.applied().map_err(|e| e.to_string())?;
        let rows =
            state.equity(types::AccountId::LEAD, Span::last(usize::MAX, Timestamp::MAX)).map_err(|e| e.to_string())?;
        // What was not synced may have gone away, the last first.
        let (count, model) = (rows.len(), &mut self.model);
        let is_promised = (model.synced..=model.records.len()).contains(&count);
        model.records.truncate(count);
        model.synced = count;
        let is_right = rows.iter().eq(model.records.iter().map(|(_, record)| record));
        if !is_promised || !is_right || applied != model.records.last().map_or(0, |(seq, _)| *seq) {
            return Err(format!("{count} rows up to input {applied} in the state file"));
        }
        let seq = self.journal.as_ref().map_or(0, Journal::last_seq);
        let last = self.model.blocks.last_key_value().map_or(0, |(_, block)| block.header().last_seq);
        if seq == last { Ok(()) } else { Err(format!("the journal ends at input {seq}, not {last}")) }
    }

    fn days(&self) -> Result<Vec<PathBuf>, String> {
        let names = self.disk.names(&self.dir).map_err(|e| e.to_string())?;
        let is_day = |name: &String| name.starts_with("journal-") && name.ends_with(".redb");
        let mut days: Vec<PathBuf> = names.into_iter().filter(is_day).map(|name| self.dir.join(name)).collect();
        days.sort();
        Ok(days)
    }

    /// The blocks of the day of a file.
    fn of_day(&self, path: &Path) -> BTreeMap<u64, Block> {
        let day = |block: &Block| {
            let (year, month, date) = block.header().first_at.date();
            format!("journal-{year:04}{month:02}{date:02}.redb")
        };
        let is_of_day = |block: &Block| path.ends_with(day(block));
        self.model.blocks.iter().filter(|(_, b)| is_of_day(b)).map(|(n, b)| (*n, b.clone())).collect()
    }

    /// Reads every day. On a sound disk it has to be what was promised, and perhaps what was under way; where a disk lied or
    /// bits flipped (`may_lack`), it may be refused or end early, and is right as far as it goes.
    fn compare(&mut self, may_lack: bool) -> Result<(), String> {
        let mut expected = self.model.blocks.values();
        let mut maybe = if may_lack { Vec::new() } else { std::mem::take(&mut self.model.maybe_blocks) };
        let mut found = Vec::new();
        for path in self.days()? {
            if may_lack {
                let day = self.of_day(&path);
                let Ok(reader) = Reader::open_day_on(&self.disk, &path) else { continue };
                let Ok(blocks) = reader.blocks() else { continue };
                for (header, inputs) in blocks.flatten() {
                    if day.get(&header.first_seq).map(Block::header) != Some(&header) {
                        return Err(format!("a block at input {} that never was", header.first_seq));
                    }
                    if inputs.len() != header.inputs as usize {
                        return Err(format!("{} inputs in the block at input {}", inputs.len(), header.first_seq));
                    }
                }
                continue;
            }
            let reader = Reader::open_day_on(&self.disk, &path).map_err(|e| format!("cannot be read: {e}"))?;
            reader.verify().map_err(|e| format!("does not hold: {e}"))?;
            for block in reader.blocks().map_err(|e| e.to_string())? {
                let (header, _) = block.map_err(|e| format!("cannot be read: {e}"))?;
                match expected.next() {
                    Some(block) if *block.header() == header => {}
                    None if maybe.first().is_some_and(|block| *block.header() == header) => {
                        found.push(maybe.remove(0));
                    }
                    other => {
                        let promised = other.map(|block| block.header().first_seq);
                        return Err(format!("block at input {} where {promised:?} was promised", header.first_seq));
                    }
                }
            }
        }
        if let Some(block) = expected.next()
            && !may_lack
        {
            return Err(format!("the block at input {} is lost", block.header().first_seq));
        }
        self.model.taken_back.append(&mut maybe);
        self.model.blocks.extend(found.into_iter().map(|block| (block.header().first_seq, block)));
        Ok(())
    }
}

fn checkpoint(seq: u64, at: Timestamp) -> Checkpoint {
    let state = (0..2_000 + seq % 3_000).flat_map(|n| (n * seq).to_le_bytes()).collect();
    Checkpoint { seq, at, state_version: 1, state }
}
