//! The record of what was done: who, from where, what, and what came of it. Appended to `audit.jsonl` in the data folder, one JSON
//! object per line; when that is full it becomes `audit.old.jsonl`, in place of the one before.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use wire::api::AuditEvent;

use super::pace::Pace;
use super::visitor::Who;
use crate::clock::wall_now;

const NAME: &str = "audit.jsonl";
const OLD_NAME: &str = "audit.old.jsonl";
/// Largest file, bytes; there are two.
const FILE_BYTES_MAX: u64 = 1 << 19;
/// Events that are told from memory.
pub(crate) const TOLD_MAX: usize = 1_000;
/// Events that wait to be written; more are counted as missed.
const QUEUE_MAX: usize = 256;
/// Most events at once, and how often one more: a program that runs wild wears no card.
const BURST: u32 = 200;
const EVERY: Duration = Duration::from_secs(5);
/// Events within so long are one write.
const GATHER: Duration = Duration::from_millis(100);
/// Longest text of an event, bytes.
const TEXT_BYTES_MAX: usize = 200;

/// One thing that was done, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// UTC.
    at: String,
    who: String,
    /// Id of a session or name of a token.
    name: Option<String>,
    address: Option<IpAddr>,
    what: String,
    #[serde(default)]
    detail: String,
    /// HTTP status of the answer.
    outcome: u16,
    /// So many before this one came too fast to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missed: Option<u32>,
}

impl Event {
    pub(super) fn told(self) -> AuditEvent {
        let Self { at, who, name, address, what, detail, outcome, missed } = self;
        AuditEvent { at, who, name, address: address.map(|it| it.to_string()), what, detail, outcome, missed }
    }

    pub(crate) fn new(who: &Who, address: Option<IpAddr>, what: &str, detail: &str, outcome: u16) -> Self {
        Self {
            at: wall_now().to_string(),
            who: who.kind().to_owned(),
            name: who.name().map(str::to_owned),
            address: address.map(|address| address.to_canonical()),
            what: short(what),
            detail: short(detail),
            outcome,
            missed: None,
        }
    }
}

pub(super) fn short(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The record. Dropping it waits until what was told is written.
#[derive(Debug)]
pub(super) struct Trail {
    newest: Mutex<Newest>,
    queue: Option<SyncSender<Event>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Newest {
    events: VecDeque<Event>,
    pace: Pace,
    missed: u32,
}

impl Trail {
    /// Reads what was recorded, and goes on after it. What cannot be read is left out: the record is not worth a box that does not start.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let mut events = VecDeque::new();
        for name in [OLD_NAME, NAME] {
            read(&dir.join(name), &mut events);
        }
        let (queue, inbox) = sync_channel(QUEUE_MAX);
        let dir: Arc<Path> = dir.into();
        let writer = std::thread::Builder::new().name("audit".to_owned()).spawn(move || write(&dir, &inbox))?;
        let newest = Newest { events, pace: Pace::new(BURST, EVERY), missed: 0 };
        Ok(Self { newest: Mutex::new(newest), queue: Some(queue), writer: Some(writer) })
    }

    /// Records an event, or counts it where there are too many.
    pub(super) fn record(&self, mut event: Event) {
        let mut newest = self.lock();
        if newest.pace.take(Instant::now()).is_err() {
            newest.missed = newest.missed.saturating_add(1);
            return;
        }
        event.missed = (newest.missed > 0).then_some(newest.missed);
        let is_full = |queue: &SyncSender<Event>| matches!(queue.try_send(event.clone()), Err(TrySendError::Full(_)));
        if self.queue.as_ref().is_some_and(is_full) {
            newest.missed = newest.missed.saturating_add(1);
            return;
        }
        newest.missed = 0;
        if newest.events.len() >= TOLD_MAX {
            newest.events.pop_front();
        }
        newest.events.push_back(event);
    }

    /// The newest events, the newest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Event> {
        self.lock().events.iter().rev().take(limit).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn read(path: &Path, events: &mut VecDeque<Event>) {
    let Ok(file) = File::open(path) else { return };
    for line in BufReader::new(file.take(2 * FILE_BYTES_MAX)).split(b'\n').map_while(Result::ok) {
        // A line that the plug cut off is none.
        if let Ok(event) = serde_json::from_slice(&line) {
            events.push_back(event);
        }
    }
    let surplus = events.len().saturating_sub(TOLD_MAX);
    events.drain(..surplus);
}

fn write(dir: &Path, inbox: &Receiver<Event>) {
    while let Ok(first) = inbox.recv() {
        let mut lines = line(&first);
        let until = Instant::now() + GATHER;
        while let Ok(event) = inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            lines.push_str(&line(&event));
        }
        if let Err(error) = append(dir, lines.as_bytes()) {
            tracing::warn!("{}: cannot write: {error}", dir.join(NAME).display());
        }
    }
}

fn line(event: &Event) -> String {
    // An event is made of texts and numbers.
    serde_json::to_string(event).map(|text| text + "\n").unwrap_or_default()
}

fn append(dir: &Path, lines: &[u8]) -> io::Result<()> {
    let path: PathBuf = dir.join(NAME);
    if fs::metadata(&path).is_ok_and(|meta| meta.len() + lines.len() as u64 > FILE_BYTES_MAX) {
        fs::rename(&path, dir.join(OLD_NAME))?;
    }
    let mut file = File::options().read(true).append(true).create(true).mode(0o600).open(&path)?;
    // After a line that was cut off a new one begins.
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    file.write_all(lines)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: &str) -> Event {
        Event::new(&Who::Token("pc".to_owned()), "::ffff:10.0.0.1".parse().ok(), what, "", 202)
    }

    fn whats(trail: &Trail) -> Vec<String> {
        trail.newest(TOLD_MAX).into_iter().map(|event| event.what).collect()
    }

    #[test]
    fn events_outlive_a_restart_and_a_line_that_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let trail = Trail::open(dir.path()).unwrap();
        trail.record(event("one"));
        trail.record(event("two\nlines"));
        drop(trail);
        let mut file = File::options().append(true).open(dir.path().join(NAME)).unwrap();
        file.write_all(b"{\"at\":\"2026").unwrap();
        let trail = Trail::open(dir.path()).unwrap();
        trail.record(event("three"));
        assert_eq!(whats(&trail), ["three", "two lines", "one"]);
        drop(trail);
        let trail = Trail::open(dir.path()).unwrap();
        assert_eq!(whats(&trail), ["three", "two lines", "one"]);
        let first = &trail.newest(1)[0];
        assert_eq!((first.name.as_deref(), first.address), (Some("pc"), "10.0.0.1".parse().ok()));
    }

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let trail = Trail::open(dir.path()).unwrap();
        for n in 0..10_000 {
            trail.record(event(&n.to_string()));
        }
        let shown = trail.newest(TOLD_MAX).len();
        assert!(shown <= BURST as usize, "{shown}");
        assert!(trail.lock().missed >= 9_000);
    }

    #[test]
    fn files_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let long = line(&event(&"x".repeat(1_000)));
        assert!(long.len() < 500, "texts are bounded");
        for _ in 0..20 {
            append(dir.path(), long.repeat(400).as_bytes()).unwrap();
        }
        let size = |name| fs::metadata(dir.path().join(name)).unwrap().len();
        assert!(size(NAME) <= FILE_BYTES_MAX && size(OLD_NAME) <= FILE_BYTES_MAX);
        assert_eq!(Trail::open(dir.path()).unwrap().newest(5_000).len(), TOLD_MAX);
    }
}
