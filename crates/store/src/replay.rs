//! Comparing recorded days with what today's program makes of them.

use std::ops::Range;

use sha2::{Digest as _, Sha256};
use types::{Effects, Input, Stamped, Timestamp};

use crate::digest::{Digest, EffectDigest};
use crate::reader::{Day, Reader};
use crate::{Checkpoint, Result, StoreError};

const ALWAYS: Range<Timestamp> = Timestamp::from_nanos(i64::MIN)..Timestamp::MAX;

/// What is replayed: the engine, seen from here.
pub trait Replayer {
    /// Takes over a recorded state.
    ///
    /// # Errors
    /// One sentence when it cannot read the state, or not this version of it.
    fn restore(&mut self, state_version: u32, state: &[u8]) -> std::result::Result<(), String>;

    /// Applies an input; `effects` is empty before.
    fn apply(&mut self, input: &Stamped<Input>, effects: &mut Effects);

    /// The state now, with the version of its encoding, as a checkpoint would hold it.
    fn state(&self) -> (u32, Vec<u8>);
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Day files read.
    pub days: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Inputs applied.
    pub inputs: u64,
    /// Effects they caused now.
    pub effects: u64,
    /// Checkpoints compared.
    pub checkpoints: u64,
    /// Inputs passed over: behind a fence, and before an update of the program, nothing is known until the next checkpoint.
    pub skipped: u64,
    /// Effects in blocks that differ from the recording, and checkpoints that do.
    pub differs: u64,
    /// SHA-256 of all blocks' recomputed effects digests, in order.
    pub digest: Digest,
    /// The first thing that differs, in words.
    pub first_difference: Option<String>,
}

/// Replays `days` in order through `replayer`: each file from its first checkpoint on, every block and every later
/// checkpoint compared with what was recorded. `progress` hears the counts so far after each block.
///
/// # Errors
/// When a file cannot be read, is damaged, or begins with a state that `replayer` cannot take over.
pub fn replay(days: &[Day], replayer: &mut impl Replayer, progress: impl FnMut(&Replay)) -> Result<Replay> {
    replay_span(days, ALWAYS, replayer, progress)
}

/// The same for what was received in `span`: from the newest state before it on, and only its blocks are counted and
/// compared.
///
/// # Errors
/// As [`replay`].
pub fn replay_span(
    days: &[Day],
    span: Range<Timestamp>,
    replayer: &mut impl Replayer,
    mut progress: impl FnMut(&Replay),
) -> Result<Replay> {
    let wanted = days.iter().filter(|day| day.is_in(&span));
    replay_readers(wanted.map(|day| Reader::open_day(&day.path)), span.clone(), replayer, &mut progress)
}

/// The same for days that are opened already, in order: one of them may be written to.
///
/// # Errors
/// As [`replay`].
pub fn replay_readers(
    days: impl Iterator<Item = Result<Reader>>,
    span: Range<Timestamp>,
    replayer: &mut impl Replayer,
    mut progress: impl FnMut(&Replay),
) -> Result<Replay> {
    let mut run = Run { span, ..Run::default() };
    for reader in days {
        run.day(&reader?, replayer, &mut progress)?;
    }
    run.found.digest = Digest(run.digest.finalize().into());
    Ok(run.found)
}

struct Run {
    span: Range<Timestamp>,
    found: Replay,
    digest: Sha256,
    effects: Effects,
    block: EffectDigest,
    /// Last input applied, when the state goes on from there.
    seq: Option<u64>,
}

impl Default for Run {
    fn default() -> Self {
        let found = Replay {
            days: 0,
            blocks: 0,
            inputs: 0,
            effects: 0,
            checkpoints: 0,
            skipped: 0,
            differs: 0,
            digest: Digest([0; 32]),
            first_difference: None,
        };
        let span = ALWAYS;
        Self { span, found, digest: Sha256::new(), effects: Effects::new(), block: EffectDigest::new(), seq: None }
    }
}

impl Run {
    fn day(&mut self, reader: &Reader, replayer: &mut impl Replayer, progress: &mut impl FnMut(&Replay)) -> Result<()> {
        let path = reader.path();
        let first = reader.checkpoint_before(self.span.start)?;
        let mut checkpoints = reader.checkpoints()?.peekable();
        // Where this day goes on from the one before, its beginning is one more state to compare.
        if self.seq == Some(first.seq) {
            self.compare(&first, replayer, path);
        }
        while checkpoints.next_if(|c| c.as_ref().is_ok_and(|c| c.seq <= first.seq)).is_some() {}
        let first = match self.restore(&first, replayer, path) {
            Ok(()) => first,
            Err(error) => {
                let later = self.restore_later(&mut checkpoints, replayer, path)?.ok_or(error)?;
                self.found.skipped += later.seq - first.seq;
                later
            }
        };
        for block in reader.blocks_after(first.seq)? {
            let (header, inputs) = block?;
            if header.first_at >= self.span.end {
                self.found.days += 1;
                return Ok(());
            }
            if self.seq.is_some_and(|seq| header.first_seq > seq + 1) {
                // Behind a fence. A checkpoint that stands in it or before this block knows the way again.
                let mut known = None;
                while let Some(Ok(c)) = checkpoints.next_if(|c| c.as_ref().is_ok_and(|c| c.seq < header.first_seq)) {
                    known = Some(c);
                }
                match known.filter(|checkpoint| checkpoint.seq + 1 == header.first_seq) {
                    Some(checkpoint) => self.restore(&checkpoint, replayer, path)?,
                    None => {
                        self.found.skipped += inputs.len() as u64;
                        if let Some(checkpoint) =
                            checkpoints.next_if(|c| c.as_ref().is_ok_and(|c| c.seq == header.last_seq)).transpose()?
                        {
                            self.restore(&checkpoint, replayer, path)?;
                        }
                        continue;
                    }
                }
            }
            for input in &inputs {
                self.effects.clear();
                replayer.apply(input, &mut self.effects);
                self.block.add(self.effects.as_slice());
            }
            let (effects, digest) = self.block.take();
            self.seq = Some(header.last_seq);
            if header.last_at < self.span.start {
                while checkpoints.next_if(|c| c.as_ref().is_ok_and(|c| c.seq <= header.last_seq)).is_some() {}
                continue;
            }
            self.digest.update(digest.0);
            self.found.blocks += 1;
            self.found.inputs += inputs.len() as u64;
            self.found.effects += u64::from(effects);
            if (effects, digest) != (header.effects, header.effects_digest) {
                self.differ(u64::from(effects.max(header.effects)), || {
                    format!(
                        "{}: block at input {}: {effects} effects {digest}, recorded were {} effects {}",
                        path.display(),
                        header.first_seq,
                        header.effects,
                        header.effects_digest
                    )
                });
            }
            while let Some(Ok(checkpoint)) = checkpoints.next_if(|c| c.as_ref().is_ok_and(|c| c.seq <= header.last_seq))
            {
                self.compare(&checkpoint, replayer, path);
            }
            progress(&self.found);
        }
        if let Some(left) = checkpoints.next()
            && reader.fences()?.is_empty()
        {
            let what = format!("checkpoint at input {} stands after the last block", left?.seq);
            return Err(StoreError::corrupt(path, what));
        }
        self.found.days += 1;
        Ok(())
    }

    /// The first of these states that can be taken over: the program was updated during the day.
    fn restore_later(
        &mut self,
        checkpoints: &mut impl Iterator<Item = Result<Checkpoint>>,
        replayer: &mut impl Replayer,
        path: &std::path::Path,
    ) -> Result<Option<Checkpoint>> {
        for checkpoint in checkpoints {
            let checkpoint = checkpoint?;
            if self.restore(&checkpoint, replayer, path).is_ok() {
                return Ok(Some(checkpoint));
            }
        }
        Ok(None)
    }

    fn restore(&mut self, from: &Checkpoint, replayer: &mut impl Replayer, path: &std::path::Path) -> Result<()> {
        replayer
            .restore(from.state_version, &from.state)
            .map_err(|e| StoreError::corrupt(path, format!("checkpoint at input {}: {e}", from.seq)))?;
        self.seq = Some(from.seq);
        Ok(())
    }

    fn compare(&mut self, recorded: &Checkpoint, replayer: &impl Replayer, path: &std::path::Path) {
        self.found.checkpoints += 1;
        let (version, state) = replayer.state();
        let same = self.seq == Some(recorded.seq) && version == recorded.state_version && state == recorded.state;
        if !same {
            self.differ(1, || {
                format!("{}: the state after input {} is not the recorded one", path.display(), recorded.seq)
            });
        }
    }

    fn differ(&mut self, count: u64, what: impl FnOnce() -> String) {
        // A block without effects on either side cannot differ, so a difference is at least one.
        self.found.differs += count.max(1);
        self.found.first_difference.get_or_insert_with(what);
    }
}
