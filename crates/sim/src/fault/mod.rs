//! What goes wrong between a venue and its client.
//!
//! ```text
//! VenueServer ──► outbox ──► Injector ──► Wire ──► Sim::poll         (frames)
//!             ──► answer ──► Injector ───────────► Sim::request      (HTTP)
//!                              ▲
//!                            Fault {when, scope, kind}
//! ```
//!
//! Venues know nothing of it: a fault reads as little of a frame as it takes to know what the frame is about, and drops,
//! doubles, delays or changes it. The same settings, faults and calls give the same bytes.
//!
//! | file | what |
//! |---|---|
//! | `mod` | what a fault is: when, where, what |
//! | [`kind`] | the kinds with their parameters |
//! | [`topic`] | what a frame or a request is about |
//! | [`edit`] | changed frames: levels, values, candles, answers to subscriptions |
//! | [`malform`] | frames that cannot be read |
//! | [`rules`] | instrument rules that change |
//! | [`http`] | answers that go wrong |
//! | [`wire`] | one connection's frames on their way |
//! | [`entry`] | a fault and when it is due |
//! | [`injector`] | all faults, wires and the log |

mod edit;
mod entry;
mod http;
mod injector;
pub mod kind;
mod malform;
mod rules;
pub(crate) mod topic;
mod wire;

use std::time::Duration;

use types::{Timestamp, Venue};

pub use http::Reply;
pub use kind::{Direction, Kind, Malformed, OddAck, OddAnswer, OddCandle, OddLevel, RuleChange};

pub(crate) use injector::Injector;

use crate::frame::ConnectionId;

/// One way in which things go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub when: When,
    /// Where.
    pub scope: Scope,
    /// What.
    pub kind: Kind,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once. A time that has passed means now.
    At(Timestamp),
    /// Again and again.
    Every {
        /// The first time.
        first: Timestamp,
        /// The distance of the others.
        every: Duration,
    },
    /// Again and again at random distances, exponential with this mean, counted from when the fault was added.
    About {
        /// The mean distance.
        every: Duration,
    },
    /// To each frame, handshake or request in the scope with this probability.
    Chance {
        /// Millionths.
        ppm: u32,
    },
}

/// What a fault concerns; `None` is everything. A scope that names a channel, a part or a symbol catches frames (or
/// requests); a kind that concerns whole connections then happens in place of the next frame it catches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// One venue.
    pub venue: Option<Venue>,
    /// One connection.
    pub connection: Option<ConnectionId>,
    /// One channel.
    pub channel: Option<Channel>,
    /// Snapshots or updates only.
    pub part: Option<Part>,
    /// One instrument, in any of the venue's spellings.
    pub symbol: Option<String>,
}

/// What a frame or a request is about, in words that all venues share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Order books; `depth` and the like over HTTP.
    Book,
    /// Trades.
    Trades,
    /// Candles.
    Candles,
    /// Tickers of whatever kind.
    Ticker,
    /// Signs of life.
    Heartbeat,
    /// Rules of instruments.
    Instruments,
    /// Answers to what the client said, and words of the venue about itself; system status over HTTP.
    Control,
    /// Leave to connect (KuCoin).
    Token,
    /// The venue's time.
    Time,
    /// Anything else.
    Other,
}

/// Whether a frame shows the whole or what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The whole.
    Snapshot,
    /// What changed.
    Update,
}

/// A fault that has happened, with its exact position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// When.
    pub at: Timestamp,
    /// Which of the faults, counted from zero in the order in which they were added.
    pub fault: usize,
    /// Name of its kind.
    pub kind: &'static str,
    /// At which venue.
    pub venue: Option<Venue>,
    /// On which connection.
    pub connection: Option<ConnectionId>,
    /// In place of, or to, which frame of the connection, counted from one as the server sent them; zero when it concerns
    /// the connection or a request.
    pub frame: u64,
    /// What the frame or request was about.
    pub channel: Option<Channel>,
    /// The instrument it was about, as spelled there.
    pub symbol: Option<String>,
}

impl Injected {
    /// Whether it may have kept a change of this instrument's book from a client, or brought it one that was none.
    #[must_use]
    pub fn concerns_book(&self, venue: Venue, symbol: &str) -> bool {
        self.venue.is_none_or(|of| of == venue)
            && self.channel.is_none_or(|channel| channel == Channel::Book)
            && self.symbol.as_deref().is_none_or(|of| topic::is_same(of, symbol))
    }
}

impl Fault {
    /// A fault.
    #[must_use]
    pub const fn new(when: When, scope: Scope, kind: Kind) -> Self {
        Self { when, scope, kind }
    }
}

impl Scope {
    /// Everything of one venue.
    #[must_use]
    pub fn of(venue: Venue) -> Self {
        Self { venue: Some(venue), ..Self::default() }
    }

    /// The same, one channel only.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = Some(channel);
        self
    }

    /// The same, snapshots or updates only.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.part = Some(part);
        self
    }

    /// The same, one instrument only.
    #[must_use]
    pub fn symbol(mut self, symbol: &str) -> Self {
        self.symbol = Some(symbol.to_owned());
        self
    }

    /// Whether it catches frames or requests instead of whole connections.
    pub(crate) fn is_narrow(&self) -> bool {
        self.channel.is_some() || self.part.is_some() || self.symbol.is_some()
    }

    pub(crate) fn has_venue(&self, venue: Venue) -> bool {
        self.venue.is_none_or(|of| of == venue)
    }

    pub(crate) fn has_connection(&self, venue: Venue, id: ConnectionId) -> bool {
        self.has_venue(venue) && self.connection.is_none_or(|of| of == id)
    }

    pub(crate) fn has_topic(&self, topic: &topic::Topic<'_>) -> bool {
        self.channel.is_none_or(|channel| channel == topic.channel)
            && self.part.is_none_or(|part| topic.part == Some(part))
            && self.symbol.as_deref().is_none_or(|symbol| topic.symbol.is_some_and(|of| topic::is_same(of, symbol)))
    }
}
