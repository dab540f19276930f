//! The one thread that writes to the card.
//!
//! For each batch the journal comes first and the records that its inputs caused second; a checkpoint is written after all
//! records before it. So a start that loads the newest checkpoint and applies what follows it writes again every record
//! that a pulled plug may have swallowed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use store::{Block, Checkpoint, Entry, Journal, State, StoreError};

/// Most batches waiting. When full the engine thread waits: nothing happens that is not written down.
const QUEUE_MAX: usize = 8;

/// Something to write.
#[derive(Debug)]
pub(crate) enum Batch {
    /// Consecutive inputs and the records they caused.
    Block { block: Block, records: Vec<Entry> },
    /// The engine's state after everything sent before.
    Checkpoint(Checkpoint),
}

/// Figures of the store thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) committed_seq: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) bytes: AtomicU64,
    error: Mutex<String>,
}

impl Counters {
    /// Why writing failed; empty while all is well.
    pub(crate) fn error(&self) -> String {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread, which ends with what kept it from writing.
pub(crate) type StoreThread = JoinHandle<Result<(), StoreError>>;

/// Starts the thread. It ends when the sender is dropped, or at the first failure: a box that cannot write must not go on
/// as if it could. The failure is logged, told in `counters`, and seen by the engine thread.
pub(crate) fn start(
    journal: Journal,
    state: Arc<State>,
    counters: Arc<Counters>,
) -> std::io::Result<(SyncSender<Batch>, StoreThread)> {
    let (sender, inbox) = mpsc::sync_channel(QUEUE_MAX);
    let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
        let mut writer = Writer { journal, state, counters };
        for batch in inbox {
            if let Err(error) = writer.write(batch) {
                tracing::error!("cannot write: {error}");
                *writer.counters.error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
                return Err(error);
            }
        }
        Ok(())
    })?;
    Ok((sender, thread))
}

struct Writer {
    journal: Journal,
    state: Arc<State>,
    counters: Arc<Counters>,
}

impl Writer {
    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        match batch {
            Batch::Block { block, records } => {
                let (seq, bytes) = (block.header().last_seq, block.as_bytes().len());
                self.journal.write(&[block], None)?;
                self.counters.committed_seq.store(seq, Ordering::Release);
                self.counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                if records.is_empty() { Ok(()) } else { self.state.write(&records, seq) }
            }
            Batch::Checkpoint(checkpoint) => self.journal.write(&[], Some(checkpoint)),
        }
    }
}
