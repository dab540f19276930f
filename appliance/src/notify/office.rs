//! Keeps the outbox and hands out what is due.
//!
//! What is handed out is on the card before, with its number: a box that starts again sends it again under the same one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use notify::{Answer, Channel, Effect, Endpoint, Input, Kept, Outbox, Outgoing};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use types::Timestamp;

use super::{Carrier, ChannelHealth, Notifier, NotifyHealth, Order, Places, random_name};
use crate::access::write_private;
use crate::clock::Clock;

/// The file.
pub(super) const NAME: &str = "notify.json";
/// Largest file that is read, bytes: full queues of all channels are less.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest time without a look at the clock, which may have been set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Shortest time from one look to the next when nothing came.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// A channel that fails for so long is an error, not only a trouble.
const FAILING_AFTER: Duration = Duration::from_secs(15 * 60);

/// The only owner of the outbox.
pub(crate) struct Office {
    outbox: Outbox,
    endpoints: Vec<Endpoint>,
    broken: BTreeMap<Channel, String>,
    dir: PathBuf,
    carrier: Arc<Carrier>,
    clock: Clock,
    inbox: mpsc::Receiver<Order>,
    notifier: Notifier,
    /// What lies on the card.
    written: Vec<u8>,
    error: String,
}

/// A message on its way to a channel's task; answers come back the same way.
type Parcel = (Channel, Answer);

impl Office {
    pub(super) fn open(
        places: Places,
        dir: &Path,
        carrier: Arc<Carrier>,
        clock: Clock,
        inbox: mpsc::Receiver<Order>,
        notifier: Notifier,
    ) -> Self {
        let kept = read(dir).unwrap_or_else(|error| {
            let aside = format!("{NAME}.damaged");
            tracing::error!("messages to the owner: {error:#}; what waited is lost, the file is kept as {aside}");
            if let Err(error) = std::fs::rename(dir.join(NAME), dir.join(aside)) {
                tracing::error!("messages to the owner: {NAME} cannot be put aside: {error}");
            }
            Kept::new(random_name())
        });
        let endpoints = places.endpoints.iter().map(|(endpoint, _)| endpoint.clone()).collect();
        let outbox = Outbox::new(clock.now(), places.settings, places.endpoints, kept);
        let (written, error) = (Vec::new(), String::new());
        let broken = places.broken;
        let office =
            Self { outbox, endpoints, broken, dir: dir.to_owned(), carrier, clock, inbox, notifier, written, error };
        office.show(office.clock.now());
        office
    }

    /// Runs until the box stops.
    pub(crate) async fn run(mut self) {
        let (to_office, mut answers) = mpsc::channel::<Parcel>(Channel::ALL.len());
        let mut tasks = JoinSet::new();
        let mut ways = BTreeMap::new();
        for endpoint in std::mem::take(&mut self.endpoints) {
            // The outbox has one message of a channel in flight at most.
            let (way, parcels) = mpsc::channel::<Outgoing>(1);
            ways.insert(endpoint.channel(), way);
            tasks.spawn(carry(endpoint, self.carrier.clone(), parcels, to_office.clone()));
        }
        loop {
            let now = self.clock.now();
            let mut due = Vec::new();
            while let Some(request) = self.outbox.request(now) {
                due.push(request);
            }
            self.keep().await;
            for (channel, outgoing) in due {
                // A task that is still busy with an older try: the outbox asks again.
                let _ = ways.get(&channel).map(|way| way.try_send(outgoing));
            }
            self.show(now);
            let pause = self.outbox.due_at(now).map_or(LOOK_EVERY, |at| self.clock.real(at.since(now)).min(LOOK_EVERY));
            tokio::select! {
                order = self.inbox.recv() => match order {
                    Some(order) => self.take(order),
                    None => return,
                },
                Some((channel, answer)) = answers.recv() => {
                    for effect in self.outbox.answered(self.clock.now(), channel, &answer) {
                        log(&effect);
                    }
                }
                () = tokio::time::sleep(pause.max(LOOK_PAUSE)) => {}
            }
        }
    }

    fn take(&mut self, order: Order) {
        let now = self.clock.now();
        let mut next = Some(order);
        // All that came is written to the card at once.
        while let Some(order) = next {
            let input = match order {
                Order::Alert(alert) => Input::Alert(alert),
                Order::Works(channel) => Input::Works(channel),
            };
            self.outbox.handle(now, input);
            next = self.inbox.try_recv().ok();
        }
    }

    /// Writes what is to be kept, where it has changed. A card that takes nothing keeps nobody from being told.
    async fn keep(&mut self) {
        let bytes = match serde_json::to_vec(self.outbox.kept()) {
            Ok(bytes) => bytes,
            Err(error) => return self.error = format!("{NAME}: {error}"),
        };
        if bytes == self.written {
            return;
        }
        let (dir, copy) = (self.dir.clone(), bytes.clone());
        let written = tokio::task::spawn_blocking(move || write_private(&dir, NAME, &copy)).await;
        let written = written.map_err(std::io::Error::other).flatten();
        let error = written.err().map(|error| format!("{NAME}: cannot write: {error}")).unwrap_or_default();
        if error.is_empty() {
            self.written = bytes;
        } else if error != self.error {
            tracing::error!("messages to the owner: {error}");
        }
        self.error = error;
    }

    /// For `/healthz`.
    fn show(&self, now: Timestamp) {
        let mut channels = BTreeMap::new();
        for (channel, status) in self.outbox.status() {
            let (since, trouble) = status.trouble.unwrap_or((now, String::new()));
            let is_failing = now.since(since) >= FAILING_AFTER;
            let error = status.stopped.unwrap_or_else(|| if is_failing { trouble.clone() } else { String::new() });
            let counts = status.counts;
            let (sent, dead, dropped) = (counts.messages, counts.dead, counts.dropped);
            let health = ChannelHealth { sent, waiting: status.waiting, dead, dropped, trouble, error };
            channels.insert(channel.name().to_owned(), health);
        }
        for (channel, why) in &self.broken {
            channels
                .insert(channel.name().to_owned(), ChannelHealth { error: why.clone(), ..ChannelHealth::default() });
        }
        *self.notifier.shown() = NotifyHealth { channels, refused: 0, error: self.error.clone() };
    }
}

/// The task of a channel: one message after the other.
async fn carry(
    endpoint: Endpoint,
    carrier: Arc<Carrier>,
    mut parcels: mpsc::Receiver<Outgoing>,
    office: mpsc::Sender<Parcel>,
) {
    while let Some(outgoing) = parcels.recv().await {
        let answer = carrier.send(&endpoint, outgoing).await;
        if office.send((endpoint.channel(), answer)).await.is_err() {
            return;
        }
    }
}

/// What waited when the box ended. A box without the file never told anything.
fn read(dir: &Path) -> anyhow::Result<Kept> {
    let path = dir.join(NAME);
    let bytes = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Kept::new(random_name())),
        meta => meta?.len(),
    };
    anyhow::ensure!(bytes <= FILE_BYTES_MAX, "{NAME} has {bytes} bytes: it is none of ours");
    let kept: Kept = serde_json::from_slice(&std::fs::read(&path)?).with_context(|| format!("{NAME} is damaged"))?;
    kept.checked().with_context(|| NAME)
}

fn log(effect: &Effect) {
    match effect {
        Effect::Sent(channel, count) => tracing::debug!("a message about {count} alerts has arrived by {channel}"),
        Effect::Again(channel, _, why) => tracing::debug!("a message by {channel} has to be sent again: {why}"),
        Effect::Dead(_, 0, _) => {}
        Effect::Dead(channel, count, why) => tracing::warn!("{count} alerts will not arrive by {channel}: {why}"),
        Effect::Stopped(channel, why) => tracing::error!("no more messages by {channel}: {why}"),
    }
}
