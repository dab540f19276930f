//! The one thread that writes to the card.
//!
//! For each batch the journal comes first. The records that its inputs caused are shown to readers then, and synced some
//! minutes later with others; a checkpoint is written after all records before it. So a start that loads the newest
//! checkpoint and applies what follows it writes again every record that a pulled plug may have swallowed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use store::{Block, Checkpoint, Entry, Journal, Pending, Reader, State, StoreError};

use tokio::sync::oneshot;

use crate::backup::Moment;
use crate::card::Card;
use crate::latency::Latency;

/// Most batches waiting. When full the engine thread waits: nothing happens that is not written down.
pub(crate) const QUEUE_MAX: usize = 8;

/// Something to write.
pub(crate) enum Batch {
    /// Consecutive inputs and the records they caused; given to the queue at `handed`.
    Block { block: Block, records: Vec<Entry>, handed: Instant },
    /// The engine's state after everything sent before.
    Checkpoint(Checkpoint),
    /// What is there after everything sent before is wanted for a backup.
    Moment(oneshot::Sender<Moment>),
    /// Somebody wants to read the day that is written to, as it is after everything sent before.
    Read(oneshot::Sender<Option<Reader>>),
}

/// How long to wait before a failed write is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Figures of the store thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) committed_seq: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Batches that were sent and are not written yet, the one at work included.
    pub(crate) waiting: AtomicU64,
    /// From handing a block over until it survives a pulled plug.
    pub(crate) commit: Latency,
    error: Mutex<String>,
    stopping: AtomicBool,
}

impl Counters {
    /// Asks the thread not to wait for a card that does not take what is written.
    pub(crate) fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Why writing failed; empty while all is well.
    pub(crate) fn error(&self) -> String {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread, which ends with what kept it from writing.
pub(crate) type StoreThread = JoinHandle<Result<(), StoreError>>;

/// Starts the thread. It ends when the sender is dropped, or when something is damaged. While the card is full or fails for
/// another reason a write is tried again and again: the queue fills, the engine waits, and nothing happens that is not
/// written down. What is wrong is logged, told by `card`, and the box goes on by itself when there is room again.
pub(crate) fn start(
    dir: PathBuf,
    journal: Journal,
    state: Arc<State>,
    counters: Arc<Counters>,
    card: Arc<Card>,
) -> std::io::Result<(SyncSender<Batch>, StoreThread)> {
    let (sender, inbox) = mpsc::sync_channel(QUEUE_MAX);
    let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
        let mut writer = Writer { dir, journal: Some(journal), state, pending: Pending::default(), counters, card };
        let ended = inbox.into_iter().try_for_each(|batch| {
            let taken = writer.take(batch);
            writer.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            taken
        });
        ended.and_then(|()| writer.surely(Writer::sync)).inspect_err(|error| {
            tracing::error!("cannot write: {error}");
            *writer.counters.error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
        })
    })?;
    Ok((sender, thread))
}

struct Writer {
    dir: PathBuf,
    /// Empty after a failure until it could be opened again.
    journal: Option<Journal>,
    state: Arc<State>,
    pending: Pending,
    counters: Arc<Counters>,
    card: Arc<Card>,
}

impl Writer {
    fn take(&mut self, batch: Batch) -> Result<(), StoreError> {
        match batch {
            Batch::Block { block, records, handed } => {
                self.pending.hold(block.header(), records);
                self.surely(|writer| writer.write_block(&block, handed))
            }
            Batch::Checkpoint(checkpoint) => self.surely(|writer| {
                writer.sync()?;
                writer.journal()?.write(&[], Some(checkpoint.clone()))
            }),
            Batch::Moment(reply) => {
                self.surely(Self::sync)?;
                self.tell(reply);
                Ok(())
            }
            Batch::Read(reply) => {
                // One who does not wait any more needs none.
                drop(reply.send(self.journal.as_ref().and_then(Journal::reader)));
                Ok(())
            }
        }
    }

    /// Tries until it works.
    fn surely(&mut self, write: impl Fn(&mut Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let Err(mut error) = write(self) else { return Ok(()) };
        tracing::error!("cannot write, trying again: {error}");
        loop {
            // Damage does not go away by trying again; a start repairs it.
            if error.is_corrupt() || self.counters.is_stopping() {
                return Err(error);
            }
            self.card.failed(&error);
            thread::sleep(AGAIN_AFTER);
            match self.reopen().and_then(|()| write(self)) {
                Ok(()) => {
                    tracing::warn!("writing works again");
                    self.card.works();
                    return Ok(());
                }
                Err(again) => error = again,
            }
        }
    }

    /// Whoever wants a backup hears nothing when it cannot be had, and the log says why.
    fn tell(&self, reply: oneshot::Sender<Moment>) {
        let read = || -> Result<Option<Moment>, StoreError> {
            let checkpoint = self.journal.as_ref().map(Journal::latest_checkpoint).transpose()?.flatten();
            let state = self.state.snapshot()?;
            Ok(checkpoint.map(|checkpoint| Moment { state, checkpoint }))
        };
        match read() {
            // One who does not wait any more needs none.
            Ok(Some(moment)) => drop(reply.send(moment)),
            Ok(None) => tracing::error!("no backup: there is no checkpoint"),
            Err(error) => tracing::error!("no backup: {error}"),
        }
    }

    /// Only the files know what is in them after a failure.
    fn reopen(&mut self) -> Result<(), StoreError> {
        self.journal = None;
        self.pending.again();
        self.state.reopen()?;
        self.journal = Some(Journal::open(&self.dir)?.0);
        Ok(())
    }

    fn journal(&mut self) -> Result<&mut Journal, StoreError> {
        self.journal
            .as_mut()
            .ok_or_else(|| StoreError::Missing { path: self.dir.clone(), what: "the journal is not open" })
    }

    fn write_block(&mut self, block: &Block, handed: Instant) -> Result<(), StoreError> {
        let header = block.header();
        let journal = self.journal()?;
        // A failure may have come after the block was written.
        if journal.last_seq() < header.last_seq {
            journal.write(std::slice::from_ref(block), None)?;
            self.counters.commit.note(handed.elapsed());
            self.counters.bytes.fetch_add(block.as_bytes().len() as u64, Ordering::Relaxed);
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
        }
        self.counters.committed_seq.store(header.last_seq, Ordering::Release);
        self.pending.write(&self.state, header.last_at)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.pending.sync(&self.state)
    }
}
