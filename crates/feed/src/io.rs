//! What goes into a feed and what comes out of it.

use core::fmt;
use std::time::Duration;

use types::{Input, InstrumentId};

/// Names one of a feed's places for a connection. A feed has two: beside the connection in use a second one is prepared
/// when the first has to end soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u8);

impl LinkId {
    /// The link that is used first.
    pub const FIRST: Self = Self(0);

    /// All links of a feed.
    pub const ALL: [Self; 2] = [Self(0), Self(1)];
}

/// Something that happened to a connection of a feed or to one of its requests.
#[derive(Clone, Copy, Debug)]
pub enum FeedInput<'a> {
    /// The WebSocket connection asked for by [`FeedOutput::Connect`] stands. Nothing was sent on it yet.
    Connected(LinkId),
    /// The connection is gone, or could not be made.
    Disconnected(LinkId),
    /// The connection could not be made because the venue answered its handshake with an HTTP status.
    Refused {
        /// Which connection.
        link: LinkId,
        /// HTTP status.
        status: u16,
        /// The `Retry-After` header.
        retry_after: Option<Duration>,
    },
    /// One complete text (or binary) message. The socket answers pings of the venue by itself.
    Frame(LinkId, &'a [u8]),
    /// The venue answered a [`FeedOutput::Ping`].
    Pong(LinkId),
    /// The answer to a [`FeedOutput::Request`], whatever its status.
    Response {
        /// Which request.
        request: RequestId,
        /// HTTP status.
        status: u16,
        /// How long the venue wants nothing to be asked: its `Retry-After` header, or one of its own.
        retry_after: Option<Duration>,
        /// The body as received.
        body: &'a [u8],
    },
    /// A request got no answer: no connection, timeout, or a body over the socket's limit.
    Failed {
        /// Which request.
        request: RequestId,
    },
    /// The time told by [`Feed::deadline`](crate::Feed::deadline) has come.
    Deadline,
}

/// What a feed wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedOutput {
    /// News for the engine: `Instrument`, `Book`, `BookStale`, `Trade` and `Candle` only.
    Event(Input),
    /// Make a connection at once, and say [`FeedInput::Connected`], or [`FeedInput::Disconnected`] when there is none
    /// to be had. Waiting between attempts is the feed's business: it asks when it is time.
    Connect(LinkId, Target),
    /// Send this text message.
    Send(LinkId, String),
    /// Send a WebSocket ping.
    Ping(LinkId),
    /// Make this request and hand in the answer. It may be made while no connection stands.
    Request(Request),
    /// Close the connection, if there is one, and say [`FeedInput::Disconnected`] in any case.
    Reconnect(LinkId, ReconnectReason),
    /// Something received was not used; for the log. Counted in [`FeedStatus`](crate::FeedStatus).
    Rejected(Rejection),
}

/// Names a request until it is answered; never used twice by one feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Where a connection goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// WebSocket base without a path, where the venue has just named one; otherwise the configured one counts.
    pub base: Option<String>,
    /// Path and query, with the leading slash.
    pub path: String,
}

impl Target {
    /// A path on the configured base.
    pub(crate) fn on_base(path: &str) -> Self {
        Self { base: None, path: path.to_owned() }
    }
}

/// Without the query: it may hold a token.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, hidden) = match self.path.split_once('?') {
            Some((path, _)) => (path, "?.."),
            None => (self.path.as_str(), ""),
        };
        write!(f, "{}{path}{hidden}", self.base.as_deref().unwrap_or_default())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// What is done with a request's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Asks for something to be made (KuCoin: a connection token). The body is always empty.
    Post,
}

/// A request on the venue's REST base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// To be handed back with the answer.
    pub id: RequestId,
    /// GET nearly always.
    pub method: Method,
    /// Path and query, percent-encoded, with the leading slash.
    pub path: String,
    /// What the venue charges for it, in the venue's own unit (Kraken: calls).
    pub weight: u32,
    /// What it is for: the feed has put the more important ones first.
    pub priority: Priority,
}

/// What a request is for, the most important first. While a venue's limits hold requests back, the order is this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Without it there is no connection.
    Connect,
    /// Rules of instruments: without them nothing can be subscribed.
    Rules,
    /// A book that is needed or compared.
    Book,
    /// Trades that were missed.
    Repair,
    /// Candles of the past.
    History,
}

/// Why a feed wants a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReconnectReason {
    /// Nothing was heard for longer than the venue's limit.
    Silent,
    /// A ping was not answered in time.
    NoPong,
    /// Most of what was heard could not be read.
    Garbled,
    /// What was heard was said long before: the line does not carry what the venue says.
    Late,
    /// A subscription was not answered in time.
    SubscribeTimeout,
    /// The venue said that it is about to close the connection; another one is in use now.
    ServerShutdown,
    /// The connection has reached its age limit; another one is in use now.
    Age,
    /// It was prepared and is not needed any more.
    NotNeeded,
    /// What has to be asked before a connection can be made was not answered as hoped (KuCoin's token).
    Handshake,
}

impl fmt::Display for ReconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "nothing was heard for too long",
            Self::NoPong => "a ping was not answered",
            Self::Garbled => "most of what was heard could not be read",
            Self::Late => "what was heard was said long before",
            Self::SubscribeTimeout => "a subscription was not answered",
            Self::ServerShutdown => "the venue announced a shutdown",
            Self::Age => "the connection reached its age limit",
            Self::NotNeeded => "it is not needed any more",
            Self::Handshake => "no leave to connect",
        })
    }
}

/// Bytes of a rejected message that are kept for the log.
pub const SAMPLE_BYTES_MAX: usize = 240;

/// Something received that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why not.
    pub reason: RejectReason,
    /// Whose it was, where that is known.
    pub instrument: Option<InstrumentId>,
    /// What exactly was wrong, for people.
    pub detail: String,
    /// The start of what was received, at most [`SAMPLE_BYTES_MAX`] bytes, unreadable bytes replaced.
    pub sample: String,
}

impl Rejection {
    pub(crate) fn new(reason: RejectReason, detail: impl fmt::Display, received: &[u8]) -> Self {
        let head = &received[..received.len().min(SAMPLE_BYTES_MAX)];
        Self {
            reason,
            instrument: None,
            detail: detail.to_string(),
            sample: String::from_utf8_lossy(head).into_owned(),
        }
    }

    pub(crate) fn of(mut self, instrument: InstrumentId) -> Self {
        self.instrument = Some(instrument);
        self
    }
}

/// Why something received was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// Not JSON, or not of the shape the protocol states.
    Malformed,
    /// A number that is not one, or does not fit.
    Number,
    /// A number with more digits than the instrument's rules allow: taking it would change it.
    TooPrecise,
    /// A message of a kind the protocol does not name.
    UnknownMessage,
    /// About an instrument that was not asked for.
    UnknownSymbol,
    /// The venue refused a subscription.
    SubscribeRefused,
    /// The venue said that something was wrong with what we sent.
    VenueError,
    /// A wanted instrument is not listed by the venue.
    NotListed,
    /// A subscription was accepted and never spoke.
    SilentSubscription,
    /// A REST answer with an error, or none.
    RequestFailed,
    /// What the venue said one way is not what it said another way.
    Contradicted,
}

impl RejectReason {
    /// All reasons in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Number,
        Self::TooPrecise,
        Self::UnknownMessage,
        Self::UnknownSymbol,
        Self::SubscribeRefused,
        Self::VenueError,
        Self::NotListed,
        Self::SilentSubscription,
        Self::RequestFailed,
        Self::Contradicted,
    ];

    /// The name used in JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Number => "number",
            Self::TooPrecise => "too-precise",
            Self::UnknownMessage => "unknown-message",
            Self::UnknownSymbol => "unknown-symbol",
            Self::SubscribeRefused => "subscribe-refused",
            Self::VenueError => "venue-error",
            Self::NotListed => "not-listed",
            Self::SilentSubscription => "silent-subscription",
            Self::RequestFailed => "request-failed",
            Self::Contradicted => "contradicted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_shown_without_its_query() {
        let target = Target { base: Some("wss://push.example".to_owned()), path: "/endpoint?token=SECRET".to_owned() };
        assert_eq!(target.to_string(), "wss://push.example/endpoint?..");
        assert_eq!(format!("{target:?}"), "Target(wss://push.example/endpoint?..)");
        assert_eq!(Target::on_base("/v2").to_string(), "/v2");
    }
}
