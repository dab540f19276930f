//! Trades and candles for Kafka.
//!
//! The journal and the state file are the spool: what is published is read from them, from a remembered place on, so that
//! nothing is written twice to the card and a broker that is away costs nothing. It is caught up as far back as `spool_hours`
//! says; what is older is passed over, counted and told. A message is sent again after a restart or an answer that was
//! lost, always with the same key.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::export::{Folder, Target};
use anyhow::Context;
use rskafka::BackoffConfig;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;
use serde::{Deserialize, Serialize};
use store::{Span, State};
use tokio::time::{MissedTickBehavior, timeout};
use types::{Timeframe, Timestamp};

use crate::clock::Clock;
use crate::config::KafkaSection;
use crate::kept::{self, Known};
use crate::recordings::Recordings;

/// How often it is looked for something new.
const EVERY: Duration = Duration::from_secs(2);
/// A broker that does not answer for so long is away.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it is left alone then.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Most messages of one request.
const BATCH_MAX: usize = 2_000;
/// Closed candles get other values for so long at most, and are looked at again.
const REVISED_FOR: Duration = Duration::from_secs(3 * 3_600);
/// How often the place is remembered: what came after it is sent again after a pulled plug.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);
const FILE: &str = "kafka.json";

/// What `/healthz` says about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct KafkaHealth {
    /// Whether the last request was answered.
    pub(crate) connected: bool,
    /// Messages that the broker has taken since start.
    pub(crate) trades: u64,
    /// See `trades`.
    pub(crate) candles: u64,
    /// Age of the oldest input that is not published yet, seconds; 0 when all is.
    pub(crate) behind_s: u64,
    /// Times that something was passed over because the broker was away for longer than the spool reaches.
    pub(crate) passed_over: u64,
    /// What is wrong; empty while it works.
    pub(crate) error: String,
}

/// Shared with `/healthz`.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<KafkaHealth>);

impl Shown {
    pub(crate) fn health(&self) -> KafkaHealth {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, KafkaHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to where everything is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The last input.
    seq: u64,
    /// When it was received, nanoseconds.
    at_ns: i64,
    /// Until when candles are published, nanoseconds.
    candles_ns: i64,
}

/// Publishes while the box runs.
pub(crate) struct Publisher {
    section: KafkaSection,
    dir: Folder,
    recordings: Recordings,
    state: Arc<State>,
    clock: Clock,
    shown: Arc<Shown>,
    /// None before the first look at the journal.
    place: Option<Place>,
    remembered: (Option<Place>, tokio::time::Instant),
    /// Values of candles that were published, by key.
    candles: HashMap<String, (Timestamp, Vec<u8>)>,
}

/// A message for one topic.
struct Message {
    /// Messages with the same go to the same partition, in order.
    of: String,
    key: String,
    at: Timestamp,
    value: Vec<u8>,
}

#[derive(Serialize)]
struct CandleMessage {
    timeframe: Timeframe,
    #[serde(flatten)]
    candle: kept::CandleRow,
}

/// The partitions of a topic.
type Partitions = Vec<PartitionClient>;

struct Broker {
    trades: Partitions,
    candles: Partitions,
}

impl Publisher {
    pub(crate) fn new(
        section: KafkaSection,
        data_dir: PathBuf,
        recordings: Recordings,
        state: Arc<State>,
        clock: Clock,
        shown: Arc<Shown>,
    ) -> Self {
        let dir = Folder(data_dir);
        let place = read(&dir).unwrap_or_else(|error| {
            tracing::warn!("kafka: {FILE}: {error:#}; it begins with what comes now");
            None
        });
        let remembered = (place, tokio::time::Instant::now());
        Self { section, dir, recordings, state, clock, shown, place, remembered, candles: HashMap::new() }
    }

    /// Runs until the box stops.
    pub(crate) async fn run(mut self) {
        loop {
            let error = match self.connect().await {
                Ok(broker) => self.publish(&broker).await,
                Err(error) => error,
            };
            let text = format!("{error:#}");
            {
                let mut shown = self.shown.lock();
                if shown.error != text {
                    tracing::warn!("kafka: {text}");
                }
                (shown.connected, shown.error) = (false, text);
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    async fn connect(&self) -> anyhow::Result<Broker> {
        let backoff = BackoffConfig { deadline: Some(PATIENCE), max_backoff: PATIENCE / 4, ..BackoffConfig::default() };
        let builder = ClientBuilder::new(self.section.brokers.clone()).client_id("tickerbox").backoff_config(backoff);
        let client = timeout(2 * PATIENCE, builder.build()).await.context("no broker answers")?.context("no broker")?;
        Ok(Broker { trades: self.topic(&client, "trades").await?, candles: self.topic(&client, "candles").await? })
    }

    /// The partitions of a topic, which is created where there is none.
    async fn topic(&self, client: &Client, name: &str) -> anyhow::Result<Partitions> {
        let name = format!("{}.{name}", self.section.topic_prefix);
        let of = async {
            let find = async || -> anyhow::Result<Vec<i32>> {
                let topics = client.list_topics().await?;
                let topic = topics.into_iter().find(|topic| topic.name == name);
                Ok(topic.map(|topic| topic.partitions.into_iter().collect()).unwrap_or_default())
            };
            let mut partitions = find().await?;
            if partitions.is_empty() {
                client.controller_client()?.create_topic(&name, 1, 1, PATIENCE.as_millis() as i32).await?;
                partitions = find().await?;
            }
            let mut clients = Vec::new();
            for partition in partitions {
                clients.push(client.partition_client(&name, partition, UnknownTopicHandling::Error).await?);
            }
            anyhow::ensure!(!clients.is_empty(), "it has no partition");
            Ok(clients)
        };
        timeout(2 * PATIENCE, of).await.context("no answer").flatten().with_context(|| format!("topic {name}"))
    }

    /// Publishes until something goes wrong, and says what.
    async fn publish(&mut self, broker: &Broker) -> anyhow::Error {
        let mut timer = tokio::time::interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            if let Err(error) = self.round(broker).await {
                return error;
            }
            let mut shown = self.shown.lock();
            shown.connected = true;
            shown.error.clear();
        }
    }

    /// Everything that is new.
    async fn round(&mut self, broker: &Broker) -> anyhow::Result<()> {
        let oldest = Timestamp::from_nanos(
            self.clock.now().as_nanos() - i64::from(self.section.spool_hours) * 3_600 * types::time::NS_PER_S,
        );
        while self.trades(broker, oldest).await? {}
        self.send_candles(broker, oldest).await?;
        self.remember()
    }

    /// Publishes trades of the next inputs; true when there are more.
    async fn trades(&mut self, broker: &Broker, oldest: Timestamp) -> anyhow::Result<bool> {
        let place = self.place;
        let from = place.map_or(self.clock.now(), |place| Timestamp::from_nanos(place.at_ns));
        let is_too_old = from < oldest;
        let from = from.max(oldest);
        let open = self.recordings.open(from..Timestamp::MAX, false).await.map_err(anyhow::Error::msg)?;
        let state = self.state.clone();
        let after = place.filter(|_| !is_too_old).map_or(0, |place| place.seq);
        let found = tokio::task::spawn_blocking(move || {
            // After the journal was opened: the state file has the instruments of all that is in it.
            let known = Known::all(&state, |_| true)?;
            open.after(from, after, BATCH_MAX, |input| {
                let row = kept::trade(&known, input)?;
                let of = format!("{}:{}", row.venue, row.symbol);
                let value = serde_json::to_vec(&row).ok()?;
                Some(Message { key: format!("{of}:{}", row.id), of, at: input.at, value })
            })
        });
        let found = found.await??;
        let sent = found.rows.len() as u64;
        send(&broker.trades, found.rows).await?;
        let mut shown = self.shown.lock();
        shown.trades += sent;
        shown.passed_over += u64::from(is_too_old);
        let (seq, at) = found.last.unwrap_or((after, from));
        let candles_ns = place.map_or(from.as_nanos(), |place| place.candles_ns);
        self.place = Some(Place { seq, at_ns: at.as_nanos(), candles_ns });
        shown.behind_s = if found.has_more { self.clock.now().since(at).as_secs() } else { 0 };
        Ok(found.has_more)
    }

    /// Publishes candles that closed since, and those of the last hours that have other values now.
    async fn send_candles(&mut self, broker: &Broker, oldest: Timestamp) -> anyhow::Result<()> {
        let now = self.clock.now();
        let since = self.place.map_or(now, |place| Timestamp::from_nanos(place.candles_ns)).max(oldest);
        let state = self.state.clone();
        let mut fresh = tokio::task::spawn_blocking(move || candles(&state, since, now)).await??;
        fresh.retain(|message| self.candles.get(&message.key).is_none_or(|(_, known)| *known != message.value));
        while !fresh.is_empty() {
            let batch: Vec<Message> = fresh.drain(..fresh.len().min(BATCH_MAX)).collect();
            let sent: Vec<_> = batch.iter().map(|m| (m.key.clone(), (m.at, m.value.clone()))).collect();
            send(&broker.candles, batch).await?;
            self.shown.lock().candles += sent.len() as u64;
            self.candles.extend(sent);
        }
        if let Some(place) = &mut self.place {
            place.candles_ns = now.as_nanos();
        }
        // What is not looked at any more need not be known.
        let forgotten = Timestamp::from_nanos(since.as_nanos() - 3 * Timeframe::D1.nanos());
        self.candles.retain(|_, (at, _)| *at >= forgotten);
        Ok(())
    }

    fn remember(&mut self) -> anyhow::Result<()> {
        let (known, when) = &self.remembered;
        if *known == self.place || known.is_some() && when.elapsed() < REMEMBER_EVERY {
            return Ok(());
        }
        self.dir.put(FILE, &serde_json::to_vec(&self.place)?).context(FILE)?;
        self.remembered = (self.place, tokio::time::Instant::now());
        Ok(())
    }
}

/// The remembered place; `None` where there is none yet.
fn read(dir: &Folder) -> anyhow::Result<Option<Place>> {
    let bytes = dir.get(FILE)?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?.flatten())
}

/// Closed candles since a time, and those before it that may have got other values.
fn candles(state: &State, since: Timestamp, now: Timestamp) -> anyhow::Result<Vec<Message>> {
    let mut found = Vec::new();
    for known in &Known::all(state, |_| true)? {
        for timeframe in Timeframe::ALL {
            let back = i64::try_from(REVISED_FOR.as_nanos()).unwrap_or(i64::MAX).max(2 * timeframe.nanos());
            let from = Timestamp::from_nanos(since.as_nanos() - back);
            for (at, candle) in kept::candles(state, known, timeframe, Span::between(from, now, usize::MAX))? {
                let of = format!("{}:{}", candle.source, candle.symbol);
                let key = format!("{of}:{}:{}", timeframe.name(), candle.open_time);
                let value = serde_json::to_vec(&CandleMessage { timeframe, candle })?;
                found.push(Message { of, key, at, value });
            }
        }
    }
    Ok(found)
}

/// Sends messages to their partitions and waits until all are taken.
async fn send(partitions: &Partitions, messages: Vec<Message>) -> anyhow::Result<()> {
    let mut of: BTreeMap<usize, Vec<Record>> = BTreeMap::new();
    for message in messages {
        let place = crc32fast::hash(message.of.as_bytes()) as usize % partitions.len();
        let timestamp = rskafka::chrono::DateTime::from_timestamp_millis(message.at.as_millis());
        of.entry(place).or_default().push(Record {
            key: Some(message.key.into_bytes()),
            value: Some(message.value),
            headers: BTreeMap::new(),
            timestamp: timestamp.context("a time that Kafka cannot say")?,
        });
    }
    for (place, records) in of {
        let partition = &partitions[place];
        let sent = timeout(2 * PATIENCE, partition.produce(records, Compression::NoCompression)).await;
        sent.context("no answer").and_then(|sent| Ok(sent?)).with_context(|| format!("topic {}", partition.topic()))?;
    }
    Ok(())
}
