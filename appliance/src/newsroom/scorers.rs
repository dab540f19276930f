//! The engines that take their time: FinBERT on a blocking thread, Ollama through its own task. What waits is what the file holds without
//! their score, the newest first; so a restart forgets nothing, and nothing is asked twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use news::Item;
use sentiment::ollama::{Config, Job, State, Status};
use sentiment::{Engine, Identity, NoOpinion, Opinion};
use store::news::Wanted;
use store::{News, ScoreRow, StoreError};
use tokio::sync::{mpsc, oneshot};
use types::Timestamp;

use super::Inner;
use super::intake::{Scored, has_text, number};
use super::section::OllamaSection;
use crate::sentiment::{Finbert, Rater, current};

/// Items older than this are not worth the time: nothing that is computed looks back so far.
const BACK: Duration = Duration::from_secs(48 * 3_600);
/// Most revisions that are looked at for what has no score yet.
const LOOKED_AT_MAX: usize = 5_000;
/// Texts that Ollama's task has at once.
const OUT_MAX: usize = 32;
/// Texts that FinBERT is given before it is looked what came meanwhile.
const BATCH: usize = 16;
/// How often it is looked for work when nobody says that there is some.
const EVERY: Duration = Duration::from_secs(300);
/// What could not be loaded is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Texts that got no opinion that could be kept; they are left alone until the next start.
const GIVEN_UP_MAX: usize = 10_000;
/// Numbers of texts that are only tried begin here.
const TRIES_FROM: u64 = 1 << 62;
/// Texts that are tried come before all others.
const URGENT: u8 = u8::MAX;
/// Texts that wait to be tried.
pub(super) const TRIES_MAX: usize = 4;

/// A text somebody wants to try.
pub(super) struct Try {
    pub(super) text: String,
    pub(super) reply: oneshot::Sender<Opinion>,
}

/// How it goes with an engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) is_on: bool,
    /// Digest of the model or of the tables; empty while there is none.
    pub(crate) model: String,
    /// In a few words: `ready`, `away`.
    pub(crate) state: &'static str,
    pub(crate) error: String,
    /// Texts that wait.
    pub(crate) queued: usize,
    /// Since the start.
    pub(crate) scored: u64,
    pub(crate) unscored: u64,
    pub(crate) dropped: u64,
    /// Answers that were known already.
    pub(crate) from_memory: u64,
}

/// A text without a score.
struct Waiting {
    name: String,
    revision: u32,
    text: String,
}

/// What the file holds without a score of that engine, the newest first.
fn waiting(
    store: &News,
    engine: Engine,
    now: Timestamp,
    limit: usize,
    but: &BTreeSet<(String, u32)>,
) -> Result<Vec<Waiting>, StoreError> {
    let wanted = Wanted {
        from: now.minus(BACK),
        to: Timestamp::from_nanos(now.as_nanos() + 1),
        kind: None,
        with_same: false,
        newest_first: true,
        limit: LOOKED_AT_MAX,
    };
    let entries = store.entries(&wanted)?;
    let scores = store.scores_of(entries.iter().map(|entry| (entry.name.as_str(), entry.revision)))?;
    let mut found = Vec::new();
    for (entry, scores) in entries.into_iter().zip(&scores) {
        let is_scored = scores.iter().any(|(of, _)| *of == number(engine));
        let key = (entry.name, entry.revision);
        if is_scored || but.contains(&key) {
            continue;
        }
        let Some(item) = Item::from_bytes(&entry.item).ok().filter(has_text) else { continue };
        found.push(Waiting { name: key.0, revision: key.1, text: item.text() });
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// Files a score under its item.
fn keep(
    store: &News,
    waiting: &Waiting,
    identity: Identity,
    opinion: Opinion,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (engine, key) = (number(identity.engine), identity.key());
    let score = Scored { identity, opinion, at }.to_bytes();
    store.keep_scores(&[ScoreRow { name: &waiting.name, revision: waiting.revision, engine, key, score: &score }])
}

/// What was said of the same text by the same model before.
fn remembered(store: &News, identity: &Identity) -> Option<Scored> {
    Scored::from_bytes(&store.score(&identity.key()).ok()??)
}

/// Runs FinBERT until the box stops.
pub(super) async fn finbert(room: Arc<Inner>, dir: Option<PathBuf>, data_dir: PathBuf) {
    let model = loop {
        let (dir, data_dir) = (dir.clone(), data_dir.clone());
        let loaded = tokio::task::spawn_blocking(move || -> anyhow::Result<Finbert> {
            let found = match dir {
                Some(dir) => dir,
                None => current(&data_dir)?.context("no model; `tickerbox news download-model` brings one")?,
            };
            Finbert::open(&found)
        });
        let loaded = loaded.await.context("loading ended early").flatten();
        match loaded {
            Ok(model) => break Arc::new(model),
            Err(error) => {
                tracing::warn!("news: FinBERT: {error:#}");
                room.standing(Engine::Finbert, |it| {
                    (it.is_on, it.state, it.error) = (true, "no model", format!("{error:#}"));
                });
            }
        }
        tokio::time::sleep(room.clock.real(AGAIN_AFTER)).await;
    };
    room.standing(Engine::Finbert, |it| {
        (it.is_on, it.state, it.error) = (true, "ready", String::new());
        model.digest().clone_into(&mut it.model);
    });
    let _ = room.finbert.set(model.clone());
    let mut fresh = room.fresh.subscribe();
    fresh.mark_changed();
    loop {
        let (task_room, task_model) = (room.clone(), model.clone());
        let worked = tokio::task::spawn_blocking(move || score_some(&task_room, &task_model)).await;
        match worked {
            Ok(Ok(count)) if count > 0 => continue,
            Ok(Ok(_)) => room.standing(Engine::Finbert, |it| it.error.clear()),
            Ok(Err(error)) => room.standing(Engine::Finbert, |it| it.error = error.to_string()),
            Err(error) => room.standing(Engine::Finbert, |it| it.error = format!("it ended early: {error}")),
        }
        room.wait_for_fresh(&mut fresh, EVERY).await;
    }
}

/// Scores a batch; gives how many texts that were.
fn score_some(room: &Inner, model: &Finbert) -> Result<usize, StoreError> {
    let now = room.clock.now();
    let some = waiting(&room.store, Engine::Finbert, now, BATCH, &BTreeSet::new())?;
    for waiting in &some {
        let identity = model.identity(&waiting.text);
        let known = remembered(&room.store, &identity);
        room.standing(Engine::Finbert, |it| it.from_memory += u64::from(known.is_some()));
        let opinion = known.map_or_else(|| model.score(&waiting.text), |known| known.opinion);
        let is_scored = opinion.score().is_some();
        keep(&room.store, waiting, identity, opinion, now)?;
        room.standing(Engine::Finbert, |it| if is_scored { it.scored += 1 } else { it.unscored += 1 });
    }
    Ok(some.len())
}

/// Asks Ollama until the box stops.
pub(super) async fn ollama(room: Arc<Inner>, section: OllamaSection, mut tries: mpsc::Receiver<Try>) {
    let mut rater = match Rater::start(&section.base, Config::new(&section.model), room.clock.clone()) {
        Ok(rater) => rater,
        Err(error) => {
            tracing::warn!("news: Ollama: {error:#}");
            room.standing(Engine::Ollama, |it| {
                (it.is_on, it.state, it.error) = (true, "not started", format!("{error:#}"));
            });
            return;
        }
    };
    let (mut out, mut tried) = (BTreeMap::<u64, Waiting>::new(), BTreeMap::new());
    let mut given_up = BTreeSet::new();
    let mut fresh = room.fresh.subscribe();
    let (mut next_id, mut next_try) = (0, TRIES_FROM);
    loop {
        if out.len() < OUT_MAX / 2 {
            let mut but: BTreeSet<(String, u32)> = given_up.clone();
            but.extend(out.values().map(|waiting| (waiting.name.clone(), waiting.revision)));
            let (of_room, status, limit) = (room.clone(), rater.status(), OUT_MAX - out.len());
            let found = tokio::task::spawn_blocking(move || fill(&of_room, &status, limit, &but)).await;
            match found {
                Ok(Ok(found)) => {
                    for waiting in found {
                        let job = Job { id: next_id, text: waiting.text.clone(), priority: 1 };
                        if rater.submit(job).is_err() {
                            break;
                        }
                        out.insert(next_id, waiting);
                        next_id += 1;
                    }
                }
                Ok(Err(error)) => tracing::warn!("news: Ollama: {error}"),
                Err(error) => tracing::warn!("news: Ollama: it ended early: {error}"),
            }
        }
        tell(&room, &rater.status());
        tokio::select! {
            rated = rater.rated.recv() => {
                let Some(rated) = rated else { return };
                if let Some(reply) = tried.remove(&rated.id) {
                    let reply: oneshot::Sender<Opinion> = reply;
                    // Whoever asked may have gone.
                    let _ = reply.send(rated.opinion);
                    continue;
                }
                let Some(waiting) = out.remove(&rated.id) else { continue };
                // A text that only lost its place is found again.
                let is_dropped = rated.opinion == Opinion::NoOpinion(NoOpinion::Dropped);
                match rated.identity.filter(|_| !is_dropped) {
                    Some(identity) => {
                        let (of_room, now) = (room.clone(), room.clock.now());
                        let kept = tokio::task::spawn_blocking(move || {
                            keep(&of_room.store, &waiting, identity, rated.opinion, now)
                        });
                        if let Ok(Err(error)) = kept.await {
                            tracing::warn!("news: Ollama: {error}");
                        }
                    }
                    None if given_up.len() < GIVEN_UP_MAX && !is_dropped => {
                        given_up.insert((waiting.name, waiting.revision));
                    }
                    None => {}
                }
            }
            asked = tries.recv() => {
                let Some(Try { text, reply }) = asked else { return };
                tried.retain(|_, reply: &mut oneshot::Sender<Opinion>| !reply.is_closed());
                let job = Job { id: next_try, text, priority: URGENT };
                match rater.submit(job) {
                    Ok(()) => drop(tried.insert(next_try, reply)),
                    Err(_) => drop(reply.send(Opinion::NoOpinion(NoOpinion::Dropped))),
                }
                next_try += 1;
            }
            () = room.wait_for_fresh(&mut fresh, EVERY) => {}
        }
    }
}

/// Texts to be asked. What is known of a text by its words is filed at once.
fn fill(
    room: &Inner,
    status: &Status,
    limit: usize,
    but: &BTreeSet<(String, u32)>,
) -> Result<Vec<Waiting>, StoreError> {
    let now = room.clock.now();
    let mut wanted = Vec::new();
    for waiting in waiting(&room.store, Engine::Ollama, now, limit, but)? {
        let identity = status.identity(&waiting.text);
        match identity.and_then(|identity| remembered(&room.store, &identity)) {
            Some(known) => {
                keep(&room.store, &waiting, known.identity, known.opinion, now)?;
                room.standing(Engine::Ollama, |it| it.from_memory += 1);
            }
            None => wanted.push(waiting),
        }
    }
    Ok(wanted)
}

fn tell(room: &Inner, status: &Status) {
    room.standing(Engine::Ollama, |it| {
        it.is_on = true;
        it.model = status.digest.clone().unwrap_or_default();
        (it.state, it.error) = match &status.state {
            State::Idle => ("nothing to do yet", String::new()),
            State::Learning => ("asking what is there", String::new()),
            State::Ready => ("ready", String::new()),
            State::NoModel => ("no such model", "the server has no model of that name".to_owned()),
            State::Away(why) => ("away", why.clone()),
            State::Busy => ("busy", String::new()),
        };
        (it.queued, it.scored, it.unscored, it.dropped) =
            (status.queued, status.scored, status.unscored, status.dropped);
    });
}
