//! The one thread that owns the engine: stamps inputs, journals them, routes effects, answers browsers.
//!
//! Order of one input: stamp with `seq` and `at`; [`Engine::handle`]; add input and effects to the open block; questions go
//! to the model; records wait in the same batch as their block, so that the store never writes a record before the input
//! that caused it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use engine::Engine;
use store::{BlockBuilder, Checkpoint, Entry, Reader};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use types::input::{Input, Stamped};
use types::market::StaleReason;
use types::{Effect, Effects, InstrumentId, Timestamp};

use crate::accounts;
use crate::backup::Moment;
use crate::card::{Card, Thrift, spare};
use crate::clock::Clock;
use crate::inference_thread::Inference;
use crate::latency::Latency;
use crate::notify::Notifier;
use crate::projection::Projection;
use crate::risk;
use crate::store_thread::{self, Batch};
use crate::supervisor::Pulse;
use crate::web::EngineHealth;

/// Most messages waiting for the engine. When full, venue tasks wait, and through TCP so do the venues.
pub(crate) const QUEUE_MAX: usize = 4_096;

/// Pause until a full store is tried again: short beside what it waits for, a write to a card.
const STORE_FULL_PAUSE: Duration = Duration::from_millis(2);

/// What can be told to the engine thread.
pub(crate) enum Message {
    /// Something happened.
    Input(Input),
    /// A venue said something; read from its connection at `received`.
    Heard { input: Input, received: Instant },
    /// Time to tell browsers what changed.
    Project,
    /// A browser wants to follow a market.
    Watch(Watch),
    /// The paper accounts as they are, once all money in them is written down.
    Accounts(oneshot::Sender<accounts::Told>),
    /// What limits the first account, and how prices move together: too much to be told with the accounts each time.
    Risk(oneshot::Sender<wire::api::Risk>),
    /// The box as it is now, for a backup; left unanswered when it cannot be read.
    Backup(oneshot::Sender<Moment>),
    /// The day that is written to, for reading; `None` before the first write ever.
    Read { reply: oneshot::Sender<Option<Reader>>, with_open_block: bool },
    /// Write everything down and end.
    Stop,
}

/// A market as a browser follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchKey {
    pub(crate) instrument: InstrumentId,
    pub(crate) timeframe_min: u16,
}

/// A browser's wish; left unanswered when there is no such market.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) key: WatchKey,
    pub(crate) reply: oneshot::Sender<Watched>,
}

/// The whole market now, and what changes from now on.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) snapshot: Bytes,
    pub(crate) ticks: broadcast::Receiver<Bytes>,
}

/// Encoded messages that are the same for all browsers; empty before the first.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) catalogue: watch::Receiver<Bytes>,
    pub(crate) overview: watch::Receiver<Bytes>,
}

/// How long each part of an event's way through this thread takes; see [`wire::api::Stage`].
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    pub(crate) receive: Latency,
    pub(crate) engine: Latency,
    pub(crate) effects: Latency,
    pub(crate) published: Latency,
}

/// How often the journal is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cadence {
    pub(crate) block: Duration,
    pub(crate) checkpoint: Duration,
}

/// Everything the engine thread needs.
pub(crate) struct EngineThread {
    pub(crate) inbox: mpsc::Receiver<Message>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) cadence: Cadence,
    /// Place of the last input in the journal, and its time.
    pub(crate) last: (u64, Timestamp),
    pub(crate) store: SyncSender<Batch>,
    pub(crate) written: Arc<store_thread::Counters>,
    pub(crate) card: Arc<Card>,
    pub(crate) inference: Inference,
    pub(crate) projection: Projection,
    pub(crate) health: watch::Sender<EngineHealth>,
    pub(crate) latencies: Arc<Latencies>,
    /// Beats while the loop goes round; [`Message::Project`] keeps it going when nothing else happens.
    pub(crate) pulse: Pulse,
    /// Tells the owner what needs him.
    pub(crate) notifier: Notifier,
}

impl EngineThread {
    /// Starts the thread. It ends on [`Message::Stop`], when nobody can send any more, or when the store is gone.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new().name("engine".to_owned()).spawn(move || Running::new(self).run())
    }
}

/// The store thread is gone: nothing may happen that cannot be written down.
struct StoreGone;

struct Running {
    parts: EngineThread,
    effects: Effects,
    block: BlockBuilder,
    checkpoint_at: Timestamp,
    records: Vec<Entry>,
    /// The last input that changed the ledger. Nobody is shown anything until it is durable.
    ledger_seq: u64,
    thrift: Thrift,
    /// When the oldest was read of what browsers do not know yet.
    unshown: Option<Instant>,
    waiting: Vec<Watch>,
    accounts_wanted: Vec<oneshot::Sender<accounts::Told>>,
    risk_wanted: Vec<oneshot::Sender<wire::api::Risk>>,
}

impl Running {
    fn new(parts: EngineThread) -> Self {
        let now = parts.last.1.max(parts.clock.now());
        Self {
            ledger_seq: 0,
            thrift: Thrift::default(),
            unshown: None,
            waiting: Vec::new(),
            accounts_wanted: Vec::new(),
            risk_wanted: Vec::new(),
            parts,
            effects: Effects::new(),
            block: BlockBuilder::new(),
            checkpoint_at: now,
            records: Vec::new(),
        }
    }

    fn run(mut self) {
        // What happened before the start is in the journal; a day file begins with the state before its first input.
        let mut result = self.checkpoint();
        while result.is_ok() {
            self.parts.pulse.beat();
            result = match self.parts.inbox.blocking_recv() {
                Some(Message::Input(input)) => self.hear(input),
                Some(Message::Heard { input, received }) => {
                    self.parts.latencies.receive.note(received.elapsed());
                    self.unshown = Some(self.unshown.map_or(received, |before| before.min(received)));
                    self.hear(input)
                }
                Some(Message::Project) => self.project(),
                Some(Message::Watch(watch)) => {
                    self.waiting.retain(|waiting| !waiting.reply.is_closed());
                    self.waiting.push(watch);
                    self.answer();
                    Ok(())
                }
                Some(Message::Accounts(reply)) => {
                    self.accounts_wanted.retain(|reply| !reply.is_closed());
                    self.accounts_wanted.push(reply);
                    self.answer();
                    Ok(())
                }
                Some(Message::Risk(reply)) => {
                    self.risk_wanted.retain(|reply| !reply.is_closed());
                    self.risk_wanted.push(reply);
                    self.answer();
                    Ok(())
                }
                Some(Message::Backup(reply)) => {
                    self.flush().and_then(|()| self.checkpoint()).and_then(|()| self.send(Batch::Moment(reply)))
                }
                Some(Message::Read { reply, with_open_block }) => {
                    let flushed = if with_open_block { self.flush() } else { Ok(()) };
                    flushed.and_then(|()| self.send(Batch::Read(reply)))
                }
                Some(Message::Stop) | None => break,
            };
        }
        let written = result.and_then(|()| self.flush()).and_then(|()| self.checkpoint());
        if written.is_err() {
            tracing::error!("the store is gone, the engine stops");
        }
    }

    /// Takes in what the card has room for.
    fn hear(&mut self, input: Input) -> Result<(), StoreGone> {
        let thrift = self.parts.card.thrift();
        if thrift == Thrift::LedgerOnly && self.thrift != thrift {
            let instruments: Vec<InstrumentId> = self.parts.engine.view().markets().map(|m| m.instrument.id).collect();
            for instrument in instruments {
                self.take(Input::BookStale { instrument, reason: StaleReason::CardFull })?;
            }
        }
        self.thrift = thrift;
        match spare(input, thrift) {
            Some(input) => self.take(input),
            None => Ok(()),
        }
    }

    fn take(&mut self, input: Input) -> Result<(), StoreGone> {
        let taken = Instant::now();
        let (seq, before) = self.parts.last;
        let at = self.parts.clock.now().max(before);
        if !self.block.fits(at) {
            self.flush()?;
        }
        if at.day() != before.day() {
            self.checkpoint()?;
        }
        let stamped = Stamped { seq: seq + 1, at, input };
        self.parts.last = (stamped.seq, at);
        self.effects.clear();
        self.parts.engine.handle(&stamped, &mut self.effects);
        let handled = Instant::now();
        self.parts.latencies.engine.note(handled - taken);
        self.block.push(&stamped, self.effects.as_slice()).expect("numbered and timed above, and it fits");
        let mut rank = 0;
        for effect in self.effects.drain() {
            match effect {
                Effect::Infer(question) => self.parts.inference.ask(question),
                Effect::Record(record) => {
                    self.parts.projection.note(&record);
                    if record.is_ledger() {
                        self.ledger_seq = stamped.seq;
                    }
                    self.records.push(Entry { seq: stamped.seq, rank, record });
                    rank += 1;
                }
                Effect::Notice(notice) => {
                    tracing::info!("{}", notice.text);
                    self.parts.notifier.notice(&notice);
                }
            }
        }
        // Orders and fills do not wait for the end of a block.
        let flushed = if self.ledger_seq == stamped.seq { self.flush() } else { Ok(()) };
        self.parts.latencies.effects.note(handled.elapsed());
        flushed
    }

    /// Ten times a second: browsers, and whatever the clock says is due.
    fn project(&mut self) -> Result<(), StoreGone> {
        let now = self.parts.clock.now().max(self.parts.last.1);
        if self.may_show() {
            self.answer();
            self.parts.projection.publish(&self.parts.engine, now);
            if let Some(received) = self.unshown.take() {
                self.parts.latencies.published.note(received.elapsed());
            }
        }
        let view = self.parts.engine.view();
        self.parts.health.send_replace(EngineHealth {
            seq: self.parts.last.0,
            at_ms: self.parts.last.1.as_millis(),
            rejected: Projection::rejections(&self.parts.engine),
            queued: self.parts.inbox.len(),
            is_clock_set: view.is_clock_set(),
            is_breaker_open: view.portfolio().is_breaker_open(),
            is_trading: view.is_trading(),
        });
        let clock = self.parts.clock.clone();
        let real = |since: Timestamp| clock.real(now.since(since));
        if self.block.first_at().is_some_and(|first_at| real(first_at) >= self.parts.cadence.block) {
            self.flush()?;
        }
        if real(self.checkpoint_at) >= self.parts.cadence.checkpoint {
            self.flush()?;
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Whether a pulled plug could take no order or fill out of the engine's state any more.
    fn may_show(&self) -> bool {
        self.parts.written.committed_seq.load(Ordering::Acquire) >= self.ledger_seq
    }

    /// Answers those who wait for a market or for the accounts.
    fn answer(&mut self) {
        if !self.may_show() {
            return;
        }
        let now = self.parts.clock.now().max(self.parts.last.1);
        for watch in self.waiting.drain(..) {
            self.parts.projection.watch(&self.parts.engine, now, watch);
        }
        for reply in self.accounts_wanted.drain(..) {
            // Whoever asked may have gone.
            let _ = reply.send(accounts::told(self.parts.engine.view(), now));
        }
        for reply in self.risk_wanted.drain(..) {
            let _ = reply.send(risk::told(self.parts.engine.view(), now));
        }
    }

    fn flush(&mut self) -> Result<(), StoreGone> {
        let Some(block) = self.block.finish() else { return Ok(()) };
        let records = std::mem::take(&mut self.records);
        self.send(Batch::Block { block, records, handed: Instant::now() })
    }

    fn checkpoint(&mut self) -> Result<(), StoreGone> {
        let (seq, at) = self.parts.last;
        self.checkpoint_at = at;
        let state = postcard::to_allocvec(&self.parts.engine).expect("the engine's state is plain data");
        self.send(Batch::Checkpoint(Checkpoint { seq, at, state_version: engine::STATE_VERSION, state }))
    }

    /// Waits while the store's queue is full. A card that says that it takes no writes is waited for, and known; a store that says
    /// nothing is a hang, and does not beat.
    fn send(&mut self, mut batch: Batch) -> Result<(), StoreGone> {
        self.parts.written.waiting.fetch_add(1, Ordering::Relaxed);
        loop {
            batch = match self.parts.store.try_send(batch) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(StoreGone),
                Err(TrySendError::Full(batch)) => batch,
            };
            if self.parts.card.is_waited_for() {
                self.parts.pulse.beat();
            }
            thread::sleep(STORE_FULL_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::sync::mpsc::sync_channel;

    use store::StoreError;

    use super::*;
    use crate::inference_thread::Counters as Inferred;
    use crate::projection::Curve;
    use crate::supervisor::Supervisor;
    use crate::web::Health;

    /// Whether the engine lives, as the service manager sees it. After one beat for each time round the loop.
    struct Manager(UnixDatagram);

    impl Manager {
        fn hears(&self, patience: Duration) -> bool {
            self.0.set_read_timeout(Some(patience)).unwrap();
            self.0.recv(&mut [0; 64]).is_ok()
        }

        fn forgets(&self) {
            self.0.set_nonblocking(true).unwrap();
            while self.0.recv(&mut [0; 64]).is_ok() {}
            self.0.set_nonblocking(false).unwrap();
        }
    }

    #[test]
    fn an_engine_beats_when_nothing_happens_and_not_when_it_hangs() {
        const SOON: Duration = Duration::from_secs(20);
        const NEVER: Duration = Duration::from_millis(500);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = Manager(UnixDatagram::bind(&path).unwrap());
        let supervisor = Supervisor::new(Some(path.as_os_str()), Some("1".as_ref())).unwrap();
        let (to_engine, inbox) = mpsc::channel(QUEUE_MAX);
        // A store with room for the first checkpoint, which nobody serves.
        let (to_store, served) = sync_channel(1);
        let (card, counters) = (Arc::new(Card::default()), Arc::new(Inferred::default()));
        let (inference, _) = Inference::start(to_engine.clone(), counters, SOON, mpsc::channel(1).0).unwrap();
        let clock = Clock::wall();
        let (projection, _published) =
            Projection::new(Vec::new(), watch::channel(Health::default()).1, Curve::default(), clock.now());
        let engine = EngineThread {
            inbox,
            engine: Engine::new(),
            last: (0, clock.now()),
            clock,
            cadence: Cadence { block: SOON, checkpoint: SOON },
            store: to_store,
            written: Arc::default(),
            card: card.clone(),
            inference,
            projection,
            health: watch::channel(EngineHealth::default()).0,
            latencies: Arc::default(),
            pulse: supervisor.pulse(),
            notifier: Notifier::silent(),
        }
        .start()
        .unwrap();
        let project = || to_engine.try_send(Message::Project).map_err(|_| ()).unwrap();

        project();
        assert!(manager.hears(SOON), "it lives, though no market says anything");
        let (reply, _moment) = oneshot::channel();
        to_engine.try_send(Message::Backup(reply)).map_err(|_| ()).unwrap();
        project();
        while manager.hears(NEVER) {}
        project();
        assert!(!manager.hears(NEVER), "it hangs in a store that says nothing");

        let (path, source) = ("journal".into(), std::io::ErrorKind::StorageFull.into());
        card.failed(&StoreError::Io { path, what: "write", source });
        assert!(manager.hears(SOON), "it waits for a card that is known to be full");
        card.works();
        manager.forgets();
        while manager.hears(NEVER) {}
        drop(std::thread::spawn(move || served.into_iter().count()));
        project();
        assert!(manager.hears(SOON), "it goes on");
        to_engine.try_send(Message::Stop).map_err(|_| ()).unwrap();
        engine.join().unwrap();
    }
}
