//! What goes over the imagined wire.

use core::fmt;

use types::Timestamp;

/// Names one WebSocket connection for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What the server sends on a WebSocket connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping control frame; the client answers with [`Sim::pong`](crate::Sim::pong).
    Ping(Vec<u8>),
    /// The server closes. It is the last frame of the connection.
    Close {
        /// WebSocket close code.
        code: u16,
        /// Why, as told to the client.
        reason: String,
    },
    /// The answer to a ping of the client's.
    Pong,
    /// The connection breaks without a word. It is the last frame of the connection.
    Abort,
}

impl ServerFrame {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Close { .. } | Self::Abort)
    }
}

/// A frame, and when the server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// When it was sent; earlier than now only where a fault made it late.
    pub sent_at: Timestamp,
    /// The frame.
    pub frame: ServerFrame,
}

/// The server refuses the WebSocket handshake with an HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("handshake refused with HTTP {status}: {reason}")]
pub struct Refused {
    /// HTTP status of the answer; zero when there was none.
    pub status: u16,
    /// Why.
    pub reason: String,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// To read.
    Get,
    /// To have something made; always without a body here.
    Post,
}

/// An HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpRequest<'a> {
    /// The method.
    pub method: HttpMethod,
    /// Path and query.
    pub target: &'a str,
    /// Headers as name and value.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> HttpRequest<'a> {
    /// A request as our own client makes it: its name in the headers, and nothing else.
    #[must_use]
    pub fn new(method: HttpMethod, target: &'a str) -> Self {
        Self { method, target, headers: &[("User-Agent", "tickerbox")] }
    }
}

/// The answer to an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers as name and value, names in the venue's own spelling.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// A JSON body with `status`.
    pub(crate) fn json(status: u16, body: String) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.into_bytes() }
    }

    /// The same with one header more.
    pub(crate) fn with_header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// The value of a header, its name compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}
