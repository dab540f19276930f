//! The newest lines of the log, in memory, for the dashboard.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use wire::api::{LogLevel, LogLine, Logs};

use super::secrets::without_secrets;
use crate::clock::wall_now;

/// Most lines that are kept, and most bytes of them; the oldest go first.
const LINES_MAX: usize = 2_000;
const BYTES_MAX: usize = 1 << 20;
/// Most bytes of a line; the rest is cut off.
const LINE_BYTES_MAX: usize = 2_000;

/// The lines. What writes one waits for nobody but who reads them, and that is short.
#[derive(Debug)]
pub(crate) struct Ring(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Number of the newest line.
    newest: u64,
}

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// So grave or graver.
    pub(crate) level: LogLevel,
    /// With this in the text or the target, whatever the case; empty for all.
    pub(crate) contains: String,
    /// Newer than this one.
    pub(crate) after: u64,
    /// At most so many, the newest.
    pub(crate) limit: usize,
}

impl Ring {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Kept { lines: VecDeque::new(), bytes: 0, newest: 0 }))
    }

    /// The newest that are wanted, oldest first.
    pub(crate) fn lines(&self, wanted: &Wanted) -> Logs {
        let contains = wanted.contains.to_lowercase();
        let is_wanted = |line: &&LogLine| {
            line.level <= wanted.level
                && (line.text.to_lowercase().contains(&contains) || line.target.to_lowercase().contains(&contains))
        };
        let kept = self.lock();
        let newer = kept.lines.iter().rev().take_while(|line| line.seq > wanted.after);
        let mut lines: Vec<LogLine> = newer.filter(is_wanted).take(wanted.limit).cloned().collect();
        lines.reverse();
        Logs { lines, next: kept.newest }
    }

    fn push(&self, level: LogLevel, target: &str, text: &str) {
        let mut text = without_secrets(text);
        text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
        let mut kept = self.lock();
        kept.newest += 1;
        let seq = kept.newest;
        kept.bytes += text.len() + target.len();
        kept.lines.push_back(LogLine { seq, at_ms: wall_now().as_millis(), level, target: target.to_owned(), text });
        while kept.lines.len() > LINES_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.text.len() + oldest.target.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps every event in a ring.
pub(super) struct Keep(pub(super) &'static Ring);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG => LogLevel::Debug,
            Level::TRACE => LogLevel::Trace,
        };
        let target = line.target.as_deref().unwrap_or_else(|| event.metadata().target());
        line.text.push_str(&line.fields);
        self.0.push(level, target, &line.text);
    }
}

/// A line as it comes together: the message, then the other fields.
#[derive(Default)]
struct Line {
    text: String,
    fields: String,
    /// Of a line that came through the `log` crate.
    target: Option<String>,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.target = Some(value.to_owned());
        } else {
            self.record_debug(field, &format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            // Where a line of the `log` crate stands in its source.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn wanted(level: LogLevel, contains: &str, after: u64, limit: usize) -> Wanted {
        Wanted { level, contains: contains.to_owned(), after, limit }
    }

    #[track_caller]
    fn check(ring: &Ring, wanted: &Wanted, expected: &[&str]) -> u64 {
        let Logs { lines, next } = ring.lines(wanted);
        assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), expected, "{wanted:?}");
        next
    }

    #[test]
    fn events_become_lines_that_can_be_chosen_and_followed() {
        let ring: &'static Ring = Box::leak(Box::new(Ring::new()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Keep(ring)), || {
            tracing::info!(venue = "kraken", tries = 3, "connected");
            tracing::warn!("connection lost: {}", "reset by peer");
            tracing::debug!("proxy http://me:pa55@lan:1");
        });
        check(
            ring,
            &wanted(LogLevel::Info, "", 0, 9),
            &["connected venue=kraken tries=3", "connection lost: reset by peer"],
        );
        check(ring, &wanted(LogLevel::Warn, "", 0, 9), &["connection lost: reset by peer"]);
        check(ring, &wanted(LogLevel::Trace, "LOST", 0, 9), &["connection lost: reset by peer"]);
        check(ring, &wanted(LogLevel::Trace, "log::ring", 0, 1), &["proxy http://***@lan:1"]);
        assert_eq!(check(ring, &wanted(LogLevel::Trace, "", 2, 9), &["proxy http://***@lan:1"]), 3);
        assert_eq!(check(ring, &wanted(LogLevel::Error, "", 0, 9), &[]), 3, "what does not match is passed");
        let lines = ring.lines(&wanted(LogLevel::Info, "", 0, 9)).lines;
        assert!(lines[0].target.ends_with("log::ring::tests") && lines[0].at_ms > 1_700_000_000_000, "{lines:?}");
    }

    #[test]
    fn lines_and_their_bytes_are_bounded_and_the_oldest_go_first() {
        let ring = Ring::new();
        for n in 0..3_000 {
            ring.push(LogLevel::Info, "t", &n.to_string());
        }
        let all = ring.lines(&wanted(LogLevel::Trace, "", 0, usize::MAX));
        assert_eq!((all.lines.len(), all.next, all.lines[0].seq), (LINES_MAX, 3_000, 1_001));
        let long = "ä".repeat(LINE_BYTES_MAX);
        for _ in 0..1_000 {
            ring.push(LogLevel::Info, "t", &long);
        }
        let kept = ring.lock();
        let bytes: usize = kept.lines.iter().map(|line| line.text.len() + line.target.len()).sum();
        assert!(bytes == kept.bytes && bytes <= BYTES_MAX && bytes > BYTES_MAX - 3_000, "{bytes}");
        assert_eq!(kept.lines.back().unwrap().text.len(), LINE_BYTES_MAX);
    }
}
