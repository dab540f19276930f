//! The task that reads all sources: asks who is due, a few at a time, and keeps what they tell.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use news::read::{FEED_BYTES_MAX, Format, ReadError, Reading};
use news::schedule::{Outcome, Request};
use types::Timestamp;

use super::fetch::{self, Fetched, fetch};
use super::intake::{NotTaken, Taken, take};
use super::source::{Counts, FILES_MAX, Memory, Place, Source};
use super::{Inner, Shown};
use crate::cli::read_input;

/// Sources that are asked at once.
const FLIGHTS_MAX: usize = 4;
/// Largest payload that is fetched, bytes; archives of posts are tens of megabytes. Feeds may have less.
const BYTES_MAX: usize = 96 << 20;
/// A request and its body take no longer: of an archive, and of anything else.
const PATIENCE_ARCHIVE: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);
/// How often what is remembered of sources is written.
const REMEMBER_EVERY: Duration = Duration::from_secs(600);
/// How often it is looked who is due when nobody says when.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Longest error that is shown, characters.
const ERROR_CHARS_MAX: usize = 300;

/// The sources with what is remembered of them.
pub(super) struct Reader {
    room: Arc<Inner>,
    client: reqwest::Client,
    sources: Vec<(Source, Memory)>,
    /// Who is being asked.
    busy: Vec<bool>,
    remember_at: Timestamp,
}

type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// What came of asking a source.
struct Landed {
    place: usize,
    what: What,
}

enum What {
    /// The source answered; what was in its body, if there was one to read.
    Answered(Box<Fetched>, Option<Result<Taken, NotTaken>>),
    /// The files of a folder that changed, and what is known of all of them now.
    Folder(Result<Taken, String>, BTreeMap<String, (u64, i64)>),
    /// No answer.
    Failed(String),
}

impl Reader {
    pub(super) fn new(room: Arc<Inner>, client: reqwest::Client, sources: Vec<Source>) -> Self {
        let now = room.clock.now();
        let memory = |source: Source| {
            // What cannot be read is as if it had never been asked.
            let kept = room.store.source(&source.name).ok().flatten();
            let memory = Memory::of(&source, kept.as_deref(), now);
            (source, memory)
        };
        let sources: Vec<(Source, Memory)> = sources.into_iter().map(memory).collect();
        let busy = vec![false; sources.len()];
        let reader = Self { room, client, sources, busy, remember_at: now.plus(LOOK_EVERY) };
        (0..reader.sources.len()).for_each(|place| reader.show(place, None));
        reader
    }

    /// Runs until the box stops.
    pub(super) async fn run(mut self) {
        let mut flights: FuturesUnordered<Flight> = FuturesUnordered::new();
        loop {
            let now = self.room.clock.now();
            for place in 0..self.sources.len() {
                if flights.len() < FLIGHTS_MAX && !self.busy[place] {
                    flights.extend(self.begin(place, now));
                }
            }
            self.remember(now).await;
            let idle = self.sources.iter().zip(&self.busy).filter(|(_, is_busy)| !**is_busy);
            let due = idle.filter_map(|((_, memory), _)| memory.schedule.due_at()).min();
            let latest = now.plus(LOOK_EVERY);
            // With all places taken only a landing changes anything.
            let wake = if flights.len() < FLIGHTS_MAX { due.map_or(latest, |due| due.min(latest)) } else { latest };
            tokio::select! {
                Some(landed) = flights.next(), if !flights.is_empty() => self.landed(landed),
                () = self.room.clock.sleep_until(wake.max(now.plus(Duration::from_millis(50)))) => {}
            }
        }
    }

    /// Asks a source if it is due.
    fn begin(&mut self, place: usize, now: Timestamp) -> Option<Flight> {
        let (source, memory) = &mut self.sources[place];
        let request = memory.schedule.request(now)?;
        memory.counts.requests += 1;
        self.busy[place] = true;
        let (source, room, client) = (source.clone(), self.room.clone(), self.client.clone());
        let files = memory.files.clone();
        Some(Box::pin(async move {
            let what = match &source.place {
                Place::Address(_) => ask(&source, &request, &room, &client).await,
                Place::Folder(path) => {
                    let (path, now) = (path.clone(), room.clock.now());
                    let read = tokio::task::spawn_blocking(move || look(&source, &path, files, now, &room)).await;
                    read.unwrap_or_else(|error| What::Failed(format!("reading ended early: {error}")))
                }
            };
            Landed { place, what }
        }))
    }

    fn landed(&mut self, Landed { place, what }: Landed) {
        let now = self.room.clock.now();
        self.busy[place] = false;
        let (source, memory) = &mut self.sources[place];
        let schedule = &mut memory.schedule;
        let mut error = None;
        let mut taken = None;
        let outcome = match what {
            What::Failed(why) => {
                error = Some(why);
                schedule.failed(now)
            }
            What::Answered(_, Some(Err(NotTaken::Store(why)))) => {
                // The source has done its part: it is asked for the same again once the card takes it.
                error = Some(why.to_string());
                schedule.failed(now)
            }
            What::Answered(fetched, read) => {
                let mut answer = fetched.answer();
                let refused = match &read {
                    Some(Err(NotTaken::Read(why))) => Some((why.to_string(), why.is_permanent())),
                    _ => None,
                };
                answer.is_unreadable = refused.is_some();
                answer.permanent_error =
                    refused.as_ref().filter(|(_, is_permanent)| *is_permanent).map(|(why, _)| why.as_str());
                answer.ttl = read.as_ref().and_then(|read| read.as_ref().ok()?.ttl);
                let outcome = schedule.answered(now, &answer);
                error = match (&refused, outcome) {
                    (Some((why, _)), _) => Some(why.clone()),
                    (None, Outcome::Wait | Outcome::Stopped) => Some(format!("the server says {}", fetched.status)),
                    _ => None,
                };
                taken = read.and_then(Result::ok);
                outcome
            }
            What::Folder(read, files) => {
                memory.files = files;
                match read {
                    Ok(found) => {
                        taken = Some(found);
                        schedule.answered(now, &news::schedule::Answer { status: 200, ..Default::default() })
                    }
                    Err(why) => {
                        error = Some(why);
                        schedule.failed(now)
                    }
                }
            }
        };
        let counts = &mut memory.counts;
        match outcome {
            Outcome::Read => counts.reads += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Moved => tracing::info!("news: {}: it has moved", source.name),
            Outcome::Wait | Outcome::Stopped => counts.failures += 1,
        }
        if matches!(outcome, Outcome::Read | Outcome::Unchanged) {
            memory.last_success = Some(now);
        }
        if let Some(found) = &taken {
            add(counts, &found.counts);
            if found.counts.new + found.counts.revised > 0 {
                self.room.fresh();
            }
        }
        if outcome == Outcome::Stopped {
            tracing::warn!("news: {}: not asked any more: {}", source.name, error.as_deref().unwrap_or_default());
        }
        self.show(place, Some(error.unwrap_or_default()));
    }

    /// Tells how it goes with a source; `error` where that is new.
    fn show(&self, place: usize, error: Option<String>) {
        let (source, memory) = &self.sources[place];
        let mut shown = self.room.shown();
        let before = shown.get(place).map(|shown| shown.error.clone()).unwrap_or_default();
        let error = error.map_or(before.clone(), |error| error.chars().take(ERROR_CHARS_MAX).collect());
        if error != before && !error.is_empty() {
            tracing::warn!("news: {}: {error}", source.name);
        }
        let now = Shown {
            name: source.name.clone(),
            kind: source.format.name(),
            address: source.shown_address(),
            note: source.note.clone(),
            is_of_texts: source.is_of_texts(),
            interval: source.interval,
            last_success: memory.last_success,
            next: memory.schedule.due_at(),
            stopped: memory.stopped(),
            counts: memory.counts,
            error,
        };
        match shown.get_mut(place) {
            Some(shown) => *shown = now,
            None => shown.push(now),
        }
    }

    async fn remember(&mut self, now: Timestamp) {
        if now < self.remember_at {
            return;
        }
        self.remember_at = now.plus(REMEMBER_EVERY);
        let states: Vec<(String, Vec<u8>)> =
            self.sources.iter().map(|(source, memory)| (source.name.clone(), memory.to_bytes())).collect();
        let room = self.room.clone();
        let written = tokio::task::spawn_blocking(move || room.store.put_sources(&states)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!("news: {error}");
        }
    }
}

fn add(counts: &mut Counts, more: &Counts) {
    counts.new += more.new;
    counts.revised += more.revised;
    counts.same_as_others += more.same_as_others;
    counts.set_aside += more.set_aside;
    counts.too_old += more.too_old;
}

/// Fetches and keeps.
async fn ask(source: &Source, request: &Request, room: &Arc<Inner>, client: &reqwest::Client) -> What {
    let key = match &source.key_file {
        None => None,
        Some(path) => {
            let read = fs::read_to_string(path).context("cannot be read");
            match read.and_then(|secret| fetch::key(source.format, &secret)) {
                Ok(key) => Some(key),
                Err(error) => return What::Failed(format!("key_file: {}: {error:#}", path.display())),
            }
        }
    };
    // A source that has moved to somebody else does not take the key along.
    let is_home = source.is_at(&request.address);
    let key = key.filter(|_| is_home);
    let (bytes_max, patience) = match source.format {
        Format::Feed => (FEED_BYTES_MAX, PATIENCE),
        Format::PostsJson | Format::PostsCsv => (BYTES_MAX, PATIENCE_ARCHIVE),
        _ => (BYTES_MAX, PATIENCE),
    };
    let fetched =
        tokio::time::timeout(room.clock.real(patience), fetch(client, request, key.as_ref(), bytes_max)).await;
    let mut fetched = match fetched {
        Err(_) => return What::Failed(format!("not there after {} s", patience.as_secs())),
        Ok(Err(error)) => return What::Failed(format!("{error:#}")),
        Ok(Ok(fetched)) => fetched,
    };
    let body = std::mem::take(&mut fetched.body);
    if fetched.status != 200 {
        // NewsAPI says in a refusal whether asking again helps.
        let refusal = (source.format == Format::NewsApi && fetched.status >= 400)
            .then(|| news::read::read(source.format, &body, &source.reading(room.clock.now(), None)).err())
            .flatten()
            .filter(ReadError::is_permanent);
        return What::Answered(Box::new(fetched), refusal.map(|why| Err(NotTaken::Read(why))));
    }
    let how = source.reading(room.clock.now(), fetched.charset());
    let (source, room) = (source.clone(), room.clone());
    let read = tokio::task::spawn_blocking(move || take(&source, &body, &how, &room.store, &room.lexicon)).await;
    match read {
        Ok(read) => What::Answered(Box::new(fetched), Some(read)),
        Err(error) => What::Failed(format!("reading ended early: {error}")),
    }
}

/// Reads the files of a folder that are new or have changed. One that cannot be used is told, and does not keep the others.
fn look(source: &Source, path: &Path, known: BTreeMap<String, (u64, i64)>, now: Timestamp, room: &Inner) -> What {
    let listed = match list(path) {
        Ok(listed) => listed,
        Err(error) => return What::Folder(Err(format!("{}: cannot be read: {error}", path.display())), known),
    };
    let (mut files, mut taken, mut wrong) = (BTreeMap::new(), Taken::default(), Vec::new());
    for (name, stamp) in listed {
        if known.get(&name) != Some(&stamp) {
            let read = read_input(&path.join(&name)).map_err(|error| format!("{error:#}"));
            let how: Reading = source.reading(now, None);
            let found = read.and_then(|bytes| {
                take(source, &bytes, &how, &room.store, &room.lexicon).map_err(|error| match error {
                    NotTaken::Read(why) => why.to_string(),
                    NotTaken::Store(why) => format!("\u{0}{why}"),
                })
            });
            match found {
                Ok(found) => add(&mut taken.counts, &found.counts),
                // The card does not take it: it is read again.
                Err(why) if why.starts_with('\u{0}') => return What::Folder(Err(why[1..].to_owned()), files),
                Err(why) => wrong.push(format!("{name}: {why}")),
            }
        }
        files.insert(name, stamp);
    }
    if !wrong.is_empty() {
        taken.counts.set_aside += wrong.len() as u64;
        if let Err(error) = room.store.set_aside(&source.name, now, &wrong) {
            return What::Folder(Err(error.to_string()), known);
        }
    }
    What::Folder(Ok(taken), files)
}

/// Plain files by name, with length and time of the last change.
fn list(path: &Path) -> std::io::Result<BTreeMap<String, (u64, i64)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let (metadata, name) = (entry.metadata()?, entry.file_name().to_string_lossy().into_owned());
        if metadata.is_file() && !name.starts_with('.') {
            let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
            found.insert(name, (metadata.len(), i64::try_from(changed.as_nanos()).unwrap_or(i64::MAX)));
            if found.len() > FILES_MAX {
                found.pop_last();
            }
        }
    }
    Ok(found)
}
