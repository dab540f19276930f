//! One WebSocket connection.

use std::time::Duration;

use anyhow::Context;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::network::Network;
use super::rest::retry_after;

/// Longest time for name look-up, TCP, TLS and the upgrade together, real time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time a write may block before the peer counts as dead, real time.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest message taken, bytes. A whole Coinbase book is more than 1 MiB in one frame.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Messages that wait to be written. The feed spaces them; when so many wait, nothing is written at all.
const WRITES_MAX: usize = 64;

/// What a connection gives.
pub(super) enum Event {
    /// The connection that was asked for stands.
    Connected,
    /// A text or binary message.
    Frame(Bytes),
    /// The answer to a ping of ours.
    Pong,
    /// A ping; answered by the library.
    Control,
    /// The venue answered the handshake with an HTTP status.
    Refused {
        /// HTTP status.
        status: u16,
        /// The `Retry-After` header.
        retry_after: Option<Duration>,
    },
    /// The connection is over, or could not be made; why, for people.
    Closed(String),
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection that stands. Reading and writing do not wait for each other.
pub(super) struct Socket {
    reader: SplitStream<Stream>,
    writes: mpsc::Sender<Message>,
    /// Why writing ended.
    failed: oneshot::Receiver<String>,
    /// Holds the writer; dropping it ends the writer.
    _writer: JoinSet<()>,
}

impl Socket {
    /// Connects; the error is what is to be told to the feed.
    pub(super) async fn connect(network: Network, url: String) -> Result<Self, Event> {
        match timeout(CONNECT_TIMEOUT, open(&network, &url)).await {
            Ok(Ok(stream)) => Ok(Self::new(stream)),
            Ok(Err(error)) => Err(failure(error)),
            Err(_) => Err(Event::Closed("no answer in time".to_owned())),
        }
    }

    fn new(stream: Stream) -> Self {
        let (sink, reader) = stream.split();
        let (writes, waiting) = mpsc::channel(WRITES_MAX);
        let (tell, failed) = oneshot::channel();
        let mut writer = JoinSet::new();
        writer.spawn(write(sink, waiting, tell));
        Self { reader, writes, failed, _writer: writer }
    }

    /// Waits for the next thing. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            message = self.reader.next() => match message {
                Some(Ok(Message::Text(text))) => Event::Frame(text.into()),
                Some(Ok(Message::Binary(bytes))) => Event::Frame(bytes),
                Some(Ok(Message::Close(Some(frame)))) => {
                    Event::Closed(format!("closed by the venue: {} {}", frame.code, frame.reason))
                }
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => Event::Control,
                Some(Ok(Message::Pong(_))) => Event::Pong,
                Some(Err(error)) => Event::Closed(error.to_string()),
                Some(Ok(Message::Close(None))) | None => Event::Closed("closed by the venue".to_owned()),
            },
            reason = &mut self.failed => Event::Closed(reason.unwrap_or_else(|_| "writing ended".to_owned())),
        }
    }

    /// Sends a text message, without waiting.
    ///
    /// # Errors
    /// When too many wait already.
    pub(super) fn send(&self, text: String) -> anyhow::Result<()> {
        self.write(Message::text(text))
    }

    /// Sends a ping, without waiting.
    ///
    /// # Errors
    /// When too many messages wait already.
    pub(super) fn ping(&self) -> anyhow::Result<()> {
        self.write(Message::Ping(Bytes::new()))
    }

    fn write(&self, message: Message) -> anyhow::Result<()> {
        self.writes.try_send(message).context("writes are stuck")
    }
}

async fn open(network: &Network, url: &str) -> anyhow::Result<Stream> {
    let request = url.into_client_request()?;
    let host = request.uri().host().context("the address names no host")?.to_owned();
    let port = match (request.uri().port_u16(), request.uri().scheme_str()) {
        (Some(port), _) => port,
        (None, Some("wss")) => 443,
        (None, _) => 80,
    };
    let tcp = network.connect(&host, port).await?;
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    let tls = Connector::Rustls(network.tls());
    let (stream, _) = client_async_tls_with_config(request, tcp, Some(config), Some(tls)).await?;
    Ok(stream)
}

fn failure(error: anyhow::Error) -> Event {
    match error.downcast_ref::<Error>() {
        Some(Error::Http(answer)) => {
            let status = answer.status().as_u16();
            Event::Refused { status, retry_after: retry_after(status, answer.headers()) }
        }
        _ => Event::Closed(format!("{error:#}")),
    }
}

async fn write(
    mut sink: SplitSink<Stream, Message>,
    mut waiting: mpsc::Receiver<Message>,
    failed: oneshot::Sender<String>,
) {
    while let Some(message) = waiting.recv().await {
        let reason = match timeout(SEND_TIMEOUT, sink.send(message)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a write was blocked for too long".to_owned(),
        };
        // Nobody listens any more when the socket is gone.
        let _ = failed.send(reason);
        return;
    }
}
