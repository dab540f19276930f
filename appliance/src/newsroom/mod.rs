//! What the world said, in the running box: reads the sources, keeps their items, lets engines score them, and tells the engine thread how
//! much was written of what, and how it sounds.
//!
//! ```text
//! sources --reader--> news.redb --> scorers: lexicon at once, FinBERT and Ollama in their own time --> news.redb
//!                         |
//!                         +--> mood, every five minutes --> Input::Mood --> engine thread
//! ```
//!
//! Nothing here is waited for by the engine thread, and nobody waits for a source.

mod fetch;
mod intake;
mod mood;
mod pruning;
mod reader;
mod scorers;
mod section;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use sentiment::{Engine, Lexicon, NoOpinion, Opinion};
use store::News;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use types::time::{NS_PER_DAY, NS_PER_MIN};
use types::{Input, Timestamp};

use self::scorers::{TRIES_MAX, Try};
use crate::clock::Clock;
use crate::engine_thread::Message;
use crate::sentiment::Finbert;
use crate::venue::Network;

pub(crate) use self::intake::{Scored, number};
pub(crate) use self::scorers::Standing;
pub(crate) use self::section::SOURCES_MAX;
pub use self::section::{FinbertSection, NewsSection, OllamaSection, ScoresOf, SourceRow};
pub(crate) use self::source::Counts;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// News are read as long as some source of texts was heard within so many of its intervals, but at least within an hour.
const HEARD_INTERVALS: u32 = 3;
const HEARD_MIN: Duration = Duration::from_secs(3_600);

/// How often the file is measured, real time.
const SIZES_EVERY: Duration = Duration::from_secs(60);

/// How it goes with a source.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Without what may be a secret.
    pub(crate) address: String,
    pub(crate) note: String,
    is_of_texts: bool,
    interval: Duration,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) next: Option<Timestamp>,
    /// Why it is not asked any more.
    pub(crate) stopped: Option<String>,
    pub(crate) counts: Counts,
    /// What went wrong the last time; empty when nothing did.
    pub(crate) error: String,
}

/// What the file holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    /// Items with their revisions.
    pub(crate) items: u64,
    pub(crate) scores: u64,
    pub(crate) stored_bytes: u64,
}

/// The newsroom of a box. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Newsroom(Arc<Inner>);

struct Inner {
    store: Arc<News>,
    clock: Clock,
    section: NewsSection,
    lexicon: Lexicon,
    /// Once it is loaded.
    finbert: OnceLock<Arc<Finbert>>,
    shown: Mutex<Vec<Shown>>,
    standings: Mutex<[Standing; 3]>,
    /// Something new was kept.
    fresh: watch::Sender<u64>,
    tries: mpsc::Sender<Try>,
    mood_at: Mutex<Option<Timestamp>>,
    sizes: Mutex<Option<(Instant, Sizes)>>,
}

/// The tasks of a newsroom before they run.
pub(crate) struct Tasks {
    room: Newsroom,
    reader: reader::Reader,
    tries: mpsc::Receiver<Try>,
}

impl Newsroom {
    /// Opens `news.redb` in `data_dir` and gets everything ready.
    ///
    /// # Errors
    /// When the file cannot be opened, or a source cannot be what it is said to be.
    pub(crate) fn open(
        data_dir: &Path,
        section: &NewsSection,
        network: &Network,
        clock: Clock,
    ) -> anyhow::Result<(Self, Tasks)> {
        let store = Arc::new(News::open(data_dir)?);
        let sources = section.sources.iter().filter(|row| row.enabled).map(source::Source::of);
        let sources = sources.collect::<anyhow::Result<Vec<_>>>()?;
        let client = network
            .http()?
            .connect_timeout(CONNECT_TIMEOUT)
            // Where a source sends to is decided here, not by the library.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("HTTP client")?;
        let (tries, asked) = mpsc::channel(TRIES_MAX);
        let lexicon = Lexicon::new();
        let model = lexicon.identity("").model;
        let standings = [
            Standing { is_on: true, model, state: "ready", ..Standing::default() },
            Standing { is_on: section.finbert.enabled, state: "loading", ..Standing::default() },
            Standing { is_on: section.ollama.enabled, state: "nothing to do yet", ..Standing::default() },
        ];
        let scorer = section.engine.engine();
        if !standings[usize::from(number(scorer)) - 1].is_on {
            tracing::warn!("news.engine is {scorer}, which is switched off: the features of news stay masked");
        }
        let room = Self(Arc::new(Inner {
            store,
            clock,
            section: section.clone(),
            lexicon,
            finbert: OnceLock::new(),
            shown: Mutex::default(),
            standings: Mutex::new(standings),
            fresh: watch::Sender::new(0),
            tries,
            mood_at: Mutex::default(),
            sizes: Mutex::default(),
        }));
        let reader = reader::Reader::new(room.0.clone(), client, sources);
        Ok((room.clone(), Tasks { room, reader, tries: asked }))
    }

    /// The file.
    pub(crate) fn store(&self) -> &Arc<News> {
        &self.0.store
    }

    /// What is configured.
    pub(crate) fn section(&self) -> &NewsSection {
        &self.0.section
    }

    /// How it goes with each source.
    pub(crate) fn sources(&self) -> Vec<Shown> {
        self.0.shown().clone()
    }

    /// How it goes with each engine, in the order of [`Engine::ALL`].
    pub(crate) fn engines(&self) -> [Standing; 3] {
        self.0.standings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Up to when the engine was told what was written; `None` before.
    pub(crate) fn mood_at(&self) -> Option<Timestamp> {
        *self.0.mood_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file holds; counted once a minute at most, because that reads much of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn sizes(&self) -> store::Result<Sizes> {
        let mut known = self.0.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, sizes)) = *known
            && at.elapsed() < SIZES_EVERY
        {
            return Ok(sizes);
        }
        let tables = self.0.store.tables()?;
        let rows = |name: &str| tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows);
        let stored_bytes = tables.iter().map(|table| table.stored_bytes).sum();
        let sizes = Sizes { items: rows("items"), scores: rows("scores"), stored_bytes };
        *known = Some((Instant::now(), sizes));
        Ok(sizes)
    }

    /// Removes what is too old, or too much; gives how many revisions. Waits for the card.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn prune(&self, now: Timestamp) -> store::Result<u64> {
        let keep_ns = i64::from(self.0.section.keep_days) * NS_PER_DAY;
        let bytes_max = u64::from(self.0.section.keep_mb) << 20;
        pruning::prune(&self.0.store, now, keep_ns, bytes_max)
    }

    /// What the lexicon says of a text, and why.
    pub(crate) fn lexicon(&self) -> &Lexicon {
        &self.0.lexicon
    }

    /// FinBERT, once it is loaded.
    pub(crate) fn finbert(&self) -> Option<Arc<Finbert>> {
        self.0.finbert.get().cloned()
    }

    /// Lets Ollama say something of a text before all others; `None` where it is not asked.
    pub(crate) fn ask_ollama(&self, text: String) -> Option<oneshot::Receiver<Opinion>> {
        if !self.0.section.ollama.enabled {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        if let Err(refused) = self.0.tries.try_send(Try { text, reply }) {
            let Try { reply, .. } = refused.into_inner();
            let _ = reply.send(Opinion::NoOpinion(NoOpinion::Dropped));
        }
        Some(answer)
    }
}

impl Tasks {
    /// Starts them once the clock is believed: what was seen when is what the past of every feature hangs on.
    pub(crate) fn start(
        self,
        tasks: &mut JoinSet<()>,
        data_dir: &Path,
        engine: mpsc::Sender<Message>,
        mut is_clock_believed: watch::Receiver<bool>,
    ) {
        let Self { room: Newsroom(room), reader, tries } = self;
        if room.section.finbert.enabled {
            tasks.spawn(scorers::finbert(room.clone(), room.section.finbert.dir.clone(), data_dir.to_owned()));
        }
        if room.section.ollama.enabled {
            tasks.spawn(scorers::ollama(room.clone(), room.section.ollama.clone(), tries));
        }
        tasks.spawn(async move {
            if is_clock_believed.wait_for(|is_believed| *is_believed).await.is_err() {
                return;
            }
            tokio::join!(reader.run(), tell_mood(room, engine));
        });
    }
}

/// Tells the engine every five minutes what was written, while anybody is read.
async fn tell_mood(room: Arc<Inner>, engine: mpsc::Sender<Message>) {
    let every = mood::EVERY_MIN * NS_PER_MIN;
    loop {
        let now = room.clock.now();
        let next = Timestamp::from_nanos(now.floor_to(every).as_nanos() + every);
        room.clock.sleep_until(next).await;
        let as_of = room.clock.now();
        if !room.is_heard(as_of) {
            continue;
        }
        let (of_room, scorer) = (room.clone(), room.section.engine.engine());
        let told = tokio::task::spawn_blocking(move || mood::mood(&of_room.store, as_of, scorer)).await;
        match told {
            Ok(Ok(mood)) => {
                if engine.send(Message::Input(Input::Mood(mood))).await.is_err() {
                    return;
                }
                *room.mood_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(as_of);
            }
            Ok(Err(error)) => tracing::warn!("news: {error}"),
            Err(error) => tracing::warn!("news: the mood ended early: {error}"),
        }
    }
}

impl Inner {
    fn shown(&self) -> MutexGuard<'_, Vec<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self, engine: Engine, change: impl FnOnce(&mut Standing)) {
        let mut all = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut all[usize::from(number(engine)) - 1]);
    }

    fn fresh(&self) {
        self.fresh.send_modify(|count| *count += 1);
    }

    /// Waits until something new was kept, at most so long.
    async fn wait_for_fresh(&self, fresh: &mut watch::Receiver<u64>, most: Duration) {
        tokio::select! {
            _ = fresh.changed() => {}
            () = tokio::time::sleep(self.clock.real(most)) => {}
        }
    }

    /// Whether some source of texts is read.
    fn is_heard(&self, now: Timestamp) -> bool {
        self.shown().iter().filter(|source| source.is_of_texts).any(|source| {
            let patience = (source.interval * HEARD_INTERVALS).max(HEARD_MIN);
            source.last_success.is_some_and(|heard| now.since(heard) <= patience)
        })
    }
}
