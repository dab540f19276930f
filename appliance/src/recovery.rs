//! Start, restart and power loss are this one path: newest checkpoint, then the inputs after it.

use std::path::Path;

use anyhow::Context;
use engine::Engine;
use store::{Entry, Journal, State};
use types::{Effect, Effects, Timestamp};

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
}

/// Opens `dir`, creating it at the first start, and brings the engine to where it was.
pub(crate) fn recover(dir: &Path) -> anyhow::Result<Recovered> {
    let (journal, found) = Journal::open(dir)?;
    let state = State::open(dir)?;
    let mut engine = Engine::new();
    if let Some(checkpoint) = journal.latest_checkpoint()? {
        anyhow::ensure!(
            checkpoint.state_version == engine::STATE_VERSION,
            "{}: the engine's state was written by another version of this program ({}, this one knows {}); \
             run that version, or move the journal away to start anew",
            dir.display(),
            checkpoint.state_version,
            engine::STATE_VERSION
        );
        engine = postcard::from_bytes(&checkpoint.state)
            .with_context(|| format!("{}: the checkpoint at input {} cannot be read", dir.display(), checkpoint.seq))?;
        apply_tail(&journal, &state, checkpoint.seq + 1, &mut engine)?;
    }
    Ok(Recovered { journal, state, engine, last_seq: found.last_seq, last_at: found.last_at })
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
