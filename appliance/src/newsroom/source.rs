//! One source: what it is, and what is remembered of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use news::read::{Format, Reading, Seen};
use news::schedule::{Pace, Schedule, Stop};
use news::{DateOrder, Zone};
use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::section::SourceRow;

/// Number in front of what is kept of a source.
const FORMAT: u8 = 1;
/// Requests of a day to NewsAPI where the owner says nothing: its developer plan has no more.
const NEWSAPI_DAILY: u32 = 100;
/// Files of a folder that are known; the first ones by name count.
pub(super) const FILES_MAX: usize = 1_000;

/// A source as it is configured.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) place: Place,
    pub(super) key_file: Option<PathBuf>,
    pub(super) note: String,
    pub(super) interval: Duration,
    zone: Option<Zone>,
    date_order: Option<DateOrder>,
    year: Option<i16>,
    daily_max: Option<u32>,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Address(String),
    Folder(PathBuf),
}

impl Source {
    /// # Errors
    /// Which key of the row cannot be used; the configuration's rules have told that before.
    pub(super) fn of(row: &SourceRow) -> anyhow::Result<Self> {
        let told = |key: &str| format!("news.sources: {}: {key}", row.name);
        let format: Format = row.kind.parse().with_context(|| told("kind"))?;
        let is_address = row.address.contains("://");
        let daily_max = row.daily_max.or_else(|| (format == Format::NewsApi).then_some(NEWSAPI_DAILY));
        Ok(Self {
            name: row.name.clone(),
            format,
            place: if is_address {
                Place::Address(row.address.clone())
            } else {
                Place::Folder(PathBuf::from(&row.address))
            },
            key_file: row.key_file.clone(),
            note: row.note.clone(),
            interval: Duration::from_secs(60 * u64::from(row.interval_min)),
            zone: row.zone.as_deref().map(str::parse).transpose().with_context(|| told("zone"))?,
            date_order: row.date_order.as_deref().map(str::parse).transpose().with_context(|| told("date_order"))?,
            year: row.year,
            daily_max,
        })
    }

    /// Whether it tells articles or posts, and not dates of releases.
    pub(super) const fn is_of_texts(&self) -> bool {
        !matches!(self.format, Format::ForexFactory | Format::Investing | Format::CalendarJson | Format::EventsJsonl)
    }

    /// How what came at `at` is read.
    pub(super) fn reading(&self, at: Timestamp, charset: Option<String>) -> Reading {
        Reading {
            source: Some(self.name.clone()),
            zone: self.zone.clone(),
            date_order: self.date_order,
            year: self.year,
            charset,
            ..Reading::new(Seen::At(at))
        }
    }

    /// Where it is, for people: nothing of what may be a secret.
    pub(super) fn shown_address(&self) -> String {
        match &self.place {
            Place::Folder(path) => path.display().to_string(),
            Place::Address(address) => address.split(['?', '#']).next().unwrap_or_default().to_owned(),
        }
    }

    /// Whether an address is of the host that is configured.
    pub(super) fn is_at(&self, address: &str) -> bool {
        let origin = |text: &str| reqwest::Url::parse(text).ok().map(|url| url.origin());
        origin(address).is_some_and(|of| Some(of) == origin(self.address()))
    }

    fn pace(&self) -> Pace {
        Pace { interval: self.interval, daily_max: self.daily_max }
    }

    fn address(&self) -> &str {
        match &self.place {
            Place::Address(address) => address,
            Place::Folder(_) => "",
        }
    }
}

/// What came of a source since it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Payloads that were read.
    pub(crate) reads: u64,
    /// Answers that nothing has changed.
    pub(crate) unchanged: u64,
    /// Tries that came to nothing.
    pub(crate) failures: u64,
    pub(crate) new: u64,
    pub(crate) revised: u64,
    /// Items that another source told before.
    pub(crate) same_as_others: u64,
    pub(crate) set_aside: u64,
    /// Items from before what is kept.
    pub(crate) too_old: u64,
}

/// What is remembered of a source, over restarts too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) schedule: Schedule,
    /// As it was configured: another one begins anew.
    address: String,
    pace: Pace,
    pub(super) last_success: Option<Timestamp>,
    pub(super) counts: Counts,
    /// Files of a folder that were read: length and time of the last change.
    pub(super) files: BTreeMap<String, (u64, i64)>,
}

impl Memory {
    /// What was kept, where it is of this very source; else a new one that is due at once. A stopped source is tried again: somebody has
    /// started the box.
    pub(super) fn of(source: &Source, kept: Option<&[u8]>, at: Timestamp) -> Self {
        let known = kept.and_then(|bytes| match bytes.split_first() {
            Some((&FORMAT, rest)) => postcard::from_bytes::<Self>(rest).ok(),
            _ => None,
        });
        match known {
            Some(mut known) if known.address == source.address() && known.pace == source.pace() => {
                known.schedule.resume(at);
                known
            }
            known => Self {
                schedule: Schedule::new(source.address(), source.pace(), at),
                address: source.address().to_owned(),
                pace: source.pace(),
                last_success: None,
                counts: known.as_ref().map(|known| known.counts).unwrap_or_default(),
                files: known.map(|known| known.files).unwrap_or_default(),
            },
        }
    }

    /// As it is kept.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).expect("plain values always encode")
    }

    /// Why it is not asked any more, for people.
    pub(super) fn stopped(&self) -> Option<String> {
        self.schedule.stopped().map(|stop| match stop {
            Stop::Gone => "it says that it is gone for good".to_owned(),
            Stop::Refused(words) => format!("it refuses the key: {words}"),
        })
    }
}
