//! Start, restart and power loss are this one path: newest checkpoint, then the inputs after it. What is damaged is set aside and
//! made again from what is whole, and that is told.

use std::path::Path;

use anyhow::Context;
use engine::Engine;
use engine::seal::Chain;
use store::replay::replay;
use store::{Checkpoint, Entry, Journal, Replayer, State, StoreError, days, repair_day, set_aside};
use types::effect::RulesRecord;
use types::{Effect, Effects, Input, Record, Stamped, Timestamp};

/// Most records written again in one commit.
const RECORDS_MAX: usize = 10_000;

/// What a data directory held.
pub(crate) struct Recovered {
    pub(crate) journal: Journal,
    pub(crate) state: State,
    pub(crate) engine: Engine,
    /// Sequence number of the last input; 0 when there never was one.
    pub(crate) last_seq: u64,
    /// When it was received.
    pub(crate) last_at: Option<Timestamp>,
    /// What was damaged, and what became of it.
    pub(crate) repaired: Vec<String>,
}

/// Opens `dir`, creating it at the first start, and brings the engine to where it was.
pub(crate) fn recover(dir: &Path) -> anyhow::Result<Recovered> {
    let mut repaired = Vec::new();
    let state = open_state(dir, &mut repaired)?;
    let (journal, found) = open_journal(dir, &state, &mut repaired)?;
    // The journal is written first: it can only be shorter when something of it went away.
    let applied = state.applied()?;
    if repaired.is_empty() && applied > found.last_seq {
        let (dir, last) = (dir.display(), found.last_seq);
        repaired.push(format!("{dir}: the journal ends at input {last}, what followed up to {applied} is lost"));
    }
    if found.is_tail_missing {
        repaired.push(format!("{}: journal.tail is missing, and what was in it is lost", dir.display()));
    }
    for what in &repaired {
        tracing::error!("{what}");
    }
    let mut engine = Engine::new();
    if let Some(checkpoint) = journal.latest_checkpoint()? {
        if checkpoint.state_version == engine::STATE_VERSION {
            engine = postcard::from_bytes(&checkpoint.state).with_context(|| {
                format!("{}: the checkpoint at input {} cannot be read", dir.display(), checkpoint.seq)
            })?;
            apply_tail(&journal, &state, checkpoint.seq + 1, &mut engine)?;
        } else {
            engine = take_over(dir, &state, &checkpoint, found.last_seq, &mut repaired)?;
        }
    }
    Ok(Recovered { journal, state, engine, last_seq: found.last_seq, last_at: found.last_at, repaired })
}

/// The engine of a folder in which another version of the program kept its state: only the accounts go on. What the journal
/// holds after that state stays recorded, and is not applied.
fn take_over(
    dir: &Path,
    state: &State,
    checkpoint: &Checkpoint,
    last_seq: u64,
    repaired: &mut Vec<String>,
) -> anyhow::Result<Engine> {
    let (found, known) = (checkpoint.state_version, engine::STATE_VERSION);
    let accounts = state.accounts()?;
    let account = accounts.first().with_context(|| {
        format!(
            "{}: the engine's state was written by another version of this program ({found}, this one knows {known}), which did \
             not write down the account; run that version, or move the journal away to start anew",
            dir.display()
        )
    })?;
    tracing::warn!(
        "{}: the engine's state has version {found}, this program knows {known}: the account goes on as it was at {}, all else \
         begins anew",
        dir.display(),
        account.at
    );
    let applied = state.applied()?;
    if applied < last_seq {
        let what = "what the account did in between is lost, for another version of the program ran then";
        repaired.push(format!("{}: the account is that of input {applied} of {last_seq}; {what}", dir.display()));
        tracing::error!("{}", repaired[repaired.len() - 1]);
    }
    let chain = state.last_seal()?.as_ref().map_or_else(Chain::default, Chain::after);
    Ok(Engine::resumed(&accounts, chain))
}

/// Opens the state file, or makes it again from the journal where it is damaged.
fn open_state(dir: &Path, repaired: &mut Vec<String>) -> anyhow::Result<State> {
    let error = match State::open(dir) {
        Err(error) if error.is_corrupt() => error,
        opened => return Ok(opened?),
    };
    let aside = set_aside(error.path())?;
    let state = State::open(dir)?;
    let mut again =
        Again { state: &state, engine: Engine::new(), records: Vec::new(), error: None, last: (0, Timestamp::EPOCH) };
    let mut days_used = 0;
    for day in days(dir)? {
        // A damaged day has its own repair; what can be had without it is better than nothing.
        match replay(std::slice::from_ref(&day), &mut again, |_| {}) {
            Ok(_) => days_used += 1,
            Err(other) => tracing::warn!("not used to make the state file again: {other}"),
        }
    }
    again.finish()?;
    repaired
        .push(format!("{error}; set aside as {}, made again from {days_used} days of the journal", aside.display()));
    Ok(state)
}

/// Opens the journal; a damaged newest day is repaired, or set aside where nothing in it can be begun with.
fn open_journal(dir: &Path, state: &State, repaired: &mut Vec<String>) -> anyhow::Result<(Journal, store::Recovery)> {
    loop {
        let error = match Journal::open(dir) {
            Err(error) if error.is_corrupt() => error,
            opened => return Ok(opened?),
        };
        let newest = days(dir)?.pop().context("a damaged journal has a file")?;
        let applied = state.applied()?;
        match repair_day(&newest.path, Some(applied)) {
            Ok(found) => {
                let lost: u64 = found.fences.iter().map(|fence| fence.end() - fence.start() + 1).sum();
                let aside = found.aside.display();
                repaired
                    .push(format!("{error}; set aside as {aside}, {} inputs brought back, {lost} lost", found.inputs));
            }
            Err(StoreError::Corrupt { .. }) => {
                let aside = set_aside(&newest.path)?;
                repaired
                    .push(format!("{error}; set aside as {}, the box goes on from the day before", aside.display()));
            }
            Err(other) => return Err(other.into()),
        }
    }
}

/// Writes again the records of recorded days.
struct Again<'a> {
    state: &'a State,
    engine: Engine,
    records: Vec<Entry>,
    error: Option<StoreError>,
    /// The last input and its time.
    last: (u64, Timestamp),
}

impl Again<'_> {
    fn write(&mut self) {
        if self.error.is_none() {
            self.error = self.state.write(&self.records, self.last.0).err();
        }
        self.records.clear();
    }

    fn finish(mut self) -> anyhow::Result<()> {
        // Rules that were told before the oldest day are known to the engine.
        let markets = self.engine.view().markets();
        let rules = markets.map(|market| RulesRecord { at: self.last.1, instrument: market.instrument.clone() });
        let rules = rules.map(|rules| Entry { seq: self.last.0, rank: 0, record: Record::Rules(Box::new(rules)) });
        self.records.extend(rules.collect::<Vec<_>>());
        self.write();
        self.error.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Replayer for Again<'_> {
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != engine::STATE_VERSION {
            return Err(format!("its state has version {state_version}, this program knows {}", engine::STATE_VERSION));
        }
        self.engine = postcard::from_bytes(state).map_err(|e| format!("the state cannot be read: {e}"))?;
        Ok(())
    }

    fn apply(&mut self, stamped: &Stamped<Input>, effects: &mut Effects) {
        self.engine.handle(stamped, effects);
        self.last = (stamped.seq, stamped.at);
        let records = effects.as_slice().iter().filter_map(|effect| match effect {
            Effect::Record(record) => Some(record.clone()),
            Effect::Infer(_) | Effect::Notice(_) => None,
        });
        let seq = stamped.seq;
        self.records.extend((0..).zip(records).map(|(rank, record)| Entry { seq, rank, record }));
        if self.records.len() >= RECORDS_MAX {
            self.write();
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        (engine::STATE_VERSION, postcard::to_allocvec(&self.engine).expect("the engine's state is plain data"))
    }
}

/// Applies the inputs from `seq` on and writes again the records that may not have reached the state file.
fn apply_tail(journal: &Journal, state: &State, seq: u64, engine: &mut Engine) -> anyhow::Result<()> {
    let applied = state.applied()?;
    let mut effects = Effects::new();
    let mut records = Vec::new();
    let mut inputs = 0u64;
    let mut last = 0;
    for stamped in journal.read_from(seq)? {
        let stamped = stamped?;
        effects.clear();
        engine.handle(&stamped, &mut effects);
        inputs += 1;
        last = stamped.seq;
        if last > applied {
            let caused = effects.drain().filter_map(|effect| match effect {
                Effect::Record(record) => Some(record),
                Effect::Infer(_) | Effect::Notice(_) => None,
            });
            records.extend((0..).zip(caused).map(|(rank, record)| Entry { seq: last, rank, record }));
            if records.len() >= RECORDS_MAX {
                state.write(&records, last)?;
                records.clear();
            }
        }
    }
    if !records.is_empty() {
        state.write(&records, last)?;
    }
    tracing::info!("took up the journal: {inputs} inputs after the newest checkpoint");
    Ok(())
}
