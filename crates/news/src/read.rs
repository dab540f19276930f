//! The readers: one payload in, its items and what was set aside out.

mod calendar;
mod calendar_json;
mod cryptocompare;
mod detect;
mod draft;
mod events;
mod feed;
mod headlines;
mod json;
mod newsapi;
mod posts;
mod sheet;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;

use types::Timestamp;

use crate::item::Item;
use crate::known::WrongTimes;
use crate::zone::{DateOrder, Zone};

pub use detect::detect;
pub use newsapi::{ServiceError, is_permanent};

/// Largest payload, bytes, unpacked.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 20;
/// Largest RSS or Atom feed, bytes, unpacked.
pub const FEED_BYTES_MAX: usize = 5 << 20;
/// Most items of one payload.
pub const ITEMS_MAX: usize = 500_000;
/// Largest item as it came, bytes.
pub const ITEM_BYTES_MAX: usize = 1 << 20;
/// Longest headline, bytes.
pub const TITLE_BYTES_MAX: usize = 4 << 10;
/// Longest plain text, bytes.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// How many of the items that were set aside are listed one by one; all are counted.
pub const LISTED_MAX: usize = 1_000;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Answer of NewsAPI v2.
    NewsApi,
    /// RSS, Atom or JSON Feed.
    Feed,
    /// News list of CryptoCompare.
    CryptoCompare,
    /// Posts as an archive of Truth Social's interface: a JSON array with HTML.
    PostsJson,
    /// The same as a table, with texts or without.
    PostsCsv,
    /// Posts as FactBase tells them.
    FactBase,
    /// Calendar table in the way of ForexFactory's.
    ForexFactory,
    /// Calendar table in the way of Investing.com's.
    Investing,
    /// Calendar of a week as JSON, in the way of ForexFactory's.
    CalendarJson,
    /// One JSON object a line, each an event.
    EventsJsonl,
    /// A table of dates and headlines.
    Headlines,
}

/// How to read a payload: what its bytes do not say.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Who told it: `[a-z0-9._-]`, at most 64 characters. `None` for what the format or the payload says.
    pub source: Option<String>,
    /// When it was seen.
    pub seen: Seen,
    /// The zone of times that have none of their own.
    pub zone: Option<Zone>,
    /// The order of dates such as `03/04/2022`.
    pub date_order: Option<DateOrder>,
    /// The year of dates that have none.
    pub year: Option<i16>,
    /// The charset that the HTTP header names.
    pub charset: Option<String>,
    /// Whose posts these are, where the payload does not say.
    pub author: String,
}

/// When a payload was seen.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// Fetched at that moment: its items cannot be known before.
    At(Timestamp),
    /// An archive that came later: its items are taken to be known `delay` after they were published.
    Archive {
        /// When the archive was read.
        at: Timestamp,
        /// From being published to being seen, assumed.
        delay: Duration,
    },
}

/// What a payload held.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Items, in the payload's order.
    pub items: Vec<Found>,
    /// Items that cannot be used, the first [`LISTED_MAX`] of them.
    pub set_aside: Vec<SetAside>,
    /// How many were set aside, by the name of the reason.
    pub set_aside_counts: BTreeMap<&'static str, u64>,
    /// Items the source has withdrawn; they say nothing.
    pub withdrawn: u64,
    /// Rows that are in the payload word by word already.
    pub repeated: u64,
    /// How long the feed asks not to be fetched again.
    pub ttl: Option<Duration>,
}

/// An item, as it is used and as it came.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where in the payload.
    pub place: Place,
    /// The item.
    pub item: Item,
    /// The item as it came: its JSON, its row; for feeds its elements as JSON.
    pub raw: Vec<u8>,
}

/// Where in a payload something is, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The item in the list.
    Item(u64),
    /// The line of the text.
    Line(u64),
}

/// An item that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where.
    pub place: Place,
    /// In which field.
    pub field: Option<&'static str>,
    /// Why.
    pub reason: Reason,
}

/// Why an item cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The field is needed.
    #[error("is missing")]
    Missing,
    /// A value of another type was expected.
    #[error("is not {0}")]
    WrongType(&'static str),
    /// No time, or one outside the years that can be told.
    #[error("`{0}` is not a time")]
    NotATime(String),
    /// A time without a zone where each has to have its own.
    #[error("`{0}` has no time zone")]
    NoZone(String),
    /// Not a date of the order that was chosen.
    #[error("`{0}` is not a date")]
    NotADate(String),
    /// Not a number with a unit.
    #[error("`{0}` is not a number with a unit")]
    NotAValue(String),
    /// Larger than anything that is sent on purpose.
    #[error("is {bytes} bytes long, more than {max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A row with more or fewer fields than the header.
    #[error("has {found} fields, the header {expected}")]
    Fields {
        /// In the row.
        found: usize,
        /// In the header.
        expected: usize,
    },
    /// Bytes that are no UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// Neither headline nor text nor address.
    #[error("says nothing")]
    Empty,
}

impl Reason {
    /// A short name, the same for all of its sort.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing field",
            Self::WrongType(_) => "wrong type",
            Self::NotATime(_) => "not a time",
            Self::NoZone(_) => "no time zone",
            Self::NotADate(_) => "not a date",
            Self::NotAValue(_) => "not a value",
            Self::TooLong { .. } => "too long",
            Self::Fields { .. } => "number of fields",
            Self::NotText => "not text",
            Self::Empty => "empty",
        }
    }
}

/// Why a payload cannot be used as a whole. Nothing of it was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// More bytes than a payload of its kind ever has.
    #[error("{bytes} bytes are more than {max}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// More items than a payload ever has.
    #[error("more than {ITEMS_MAX} items")]
    TooMany,
    /// Not the text it should be.
    #[error("not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// JSON of another shape.
    #[error("not what was expected: {0}")]
    Shape(&'static str),
    /// A web page where data was expected: an error page, a captcha, a login.
    #[error("a web page, not data")]
    WebPage,
    /// Columns that are needed are not there.
    #[error("no column {}; there are: {}", missing.join(", "), found.join(", "))]
    Columns {
        /// Each with its other names.
        missing: Vec<&'static str>,
        /// As the header has them.
        found: Vec<String>,
    },
    /// No header, or none that can be read.
    #[error("no table with a header: {0}")]
    NotATable(String),
    /// The feed defines entities: nothing honest needs that, and it is how small files become large.
    #[error("the feed declares entities of its own")]
    Entities,
    /// No feed that can be read.
    #[error("not a feed: {0}")]
    NotAFeed(String),
    /// The service answered with an error.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The name of the source is none.
    #[error("`{0}` cannot be the name of a source: up to 64 of a-z, 0-9, `.`, `_` and `-`")]
    Source(String),
    /// Times without a zone, and none was chosen.
    #[error("the times have no time zone of their own; say in which they are told")]
    ZoneNeeded,
    /// Dates without a year, and none was chosen.
    #[error("the dates have no year; say which it is")]
    YearNeeded,
    /// Dates without a year that pass into another.
    #[error("line {line}: the dates pass into another year; split the file there")]
    YearPassed {
        /// Where.
        line: u64,
    },
    /// Dates that can be read in two ways, and none was chosen.
    #[error("dates such as `{0}` can be read day first and month first; say which it is")]
    DateOrderNeeded(String),
    /// Known releases at other times than they have.
    #[error(transparent)]
    WrongTimes(#[from] WrongTimes),
}

impl ReadError {
    /// True when asking again later cannot help before somebody acts: a key that is refused.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Service(error) if error.is_permanent())
    }
}

/// Reads a payload.
///
/// # Errors
/// [`ReadError`] when nothing of it can be used. Items that cannot be used are in [`Batch::set_aside`].
pub fn read(format: Format, bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let max = if format == Format::Feed { FEED_BYTES_MAX } else { PAYLOAD_BYTES_MAX };
    if bytes.len() > max {
        return Err(ReadError::TooLarge { bytes: bytes.len(), max });
    }
    if let Some(source) = how.source.as_deref().filter(|source| !is_source(source)) {
        return Err(ReadError::Source(source.to_owned()));
    }
    let bytes = if format == Format::Feed { bytes } else { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) };
    match format {
        Format::NewsApi => newsapi::read(bytes, how),
        Format::Feed => feed::read(bytes, how),
        Format::CryptoCompare => cryptocompare::read(bytes, how),
        Format::PostsJson => posts::read_json(bytes, how),
        Format::PostsCsv => posts::read_csv(bytes, how),
        Format::FactBase => posts::read_factbase(bytes, how),
        Format::ForexFactory | Format::Investing => calendar::read(format, bytes, how),
        Format::CalendarJson => calendar_json::read(bytes, how),
        Format::EventsJsonl => events::read(bytes, how),
        Format::Headlines => headlines::read(bytes, how),
    }
}

fn is_source(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

impl Reading {
    /// With nothing chosen but when it was seen.
    #[must_use]
    pub fn new(seen: Seen) -> Self {
        Self {
            source: None,
            seen,
            zone: None,
            date_order: None,
            year: None,
            charset: None,
            author: "realDonaldTrump".to_owned(),
        }
    }
}

impl Seen {
    /// When the payload was at hand.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        match self {
            Self::At(at) | Self::Archive { at, .. } => at,
        }
    }

    /// True for archives.
    #[must_use]
    pub const fn is_archive(self) -> bool {
        matches!(self, Self::Archive { .. })
    }
}

impl Batch {
    pub(crate) fn refuse(&mut self, set_aside: SetAside) {
        *self.set_aside_counts.entry(set_aside.reason.name()).or_default() += 1;
        if self.set_aside.len() < LISTED_MAX {
            self.set_aside.push(set_aside);
        }
    }

    /// How many items cannot be used.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.set_aside_counts.values().sum()
    }

    /// How many items the payload has, of whatever sort.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.items.len() as u64 + self.refused() + self.withdrawn + self.repeated
    }
}

impl SetAside {
    pub(crate) const fn new(place: Place, field: Option<&'static str>, reason: Reason) -> Self {
        Self { place, field, reason }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(number) => write!(f, "item {number}"),
            Self::Line(number) => write!(f, "line {number}"),
        }
    }
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{}: {field} {}", self.place, self.reason),
            None => write!(f, "{}: {}", self.place, self.reason),
        }
    }
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 11] = [
        Self::NewsApi,
        Self::Feed,
        Self::CryptoCompare,
        Self::PostsJson,
        Self::PostsCsv,
        Self::FactBase,
        Self::ForexFactory,
        Self::Investing,
        Self::CalendarJson,
        Self::EventsJsonl,
        Self::Headlines,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewsApi => "newsapi",
            Self::Feed => "rss",
            Self::CryptoCompare => "cryptocompare",
            Self::PostsJson => "posts-json",
            Self::PostsCsv => "posts-csv",
            Self::FactBase => "factbase",
            Self::ForexFactory => "forexfactory",
            Self::Investing => "investing",
            Self::CalendarJson => "calendar-json",
            Self::EventsJsonl => "events-jsonl",
            Self::Headlines => "headlines-csv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not one of newsapi, rss, cryptocompare, posts-json, posts-csv, factbase, forexfactory, investing, calendar-json, \
     events-jsonl, headlines-csv"
)]
pub struct NotAFormat;

impl FromStr for Format {
    type Err = NotAFormat;
    fn from_str(text: &str) -> Result<Self, NotAFormat> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or(NotAFormat)
    }
}

#[cfg(test)]
mod tests;
