//! One WebSocket connection.

use std::time::Duration;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Longest time for name look-up, TCP, TLS and the upgrade together, real time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time a write may block before the peer counts as dead, real time.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest message taken, bytes. A whole Coinbase book is more than 1 MiB in one frame.
const MESSAGE_BYTES_MAX: usize = 32 << 20;

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
    /// The connection is over; why, for people.
    Closed(String),
}

pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn connect(url: String) -> anyhow::Result<Self> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let connecting = connect_async_with_config(url, Some(config), true);
        let (stream, _) = timeout(CONNECT_TIMEOUT, connecting).await.context("no answer in time")??;
        Ok(Self(stream))
    }

    /// Waits for the next thing. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Event {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Event::Frame(text.into()),
            Some(Ok(Message::Binary(bytes))) => Event::Frame(bytes),
            Some(Ok(Message::Close(Some(frame)))) => {
                Event::Closed(format!("closed by the venue: {} {}", frame.code, frame.reason))
            }
            Some(Ok(Message::Close(None))) => Event::Closed("closed by the venue".to_owned()),
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => Event::Control,
            Some(Ok(Message::Pong(_))) => Event::Pong,
            Some(Err(error)) => Event::Closed(error.to_string()),
            None => Event::Closed("closed by the venue".to_owned()),
        }
    }

    pub(super) async fn send(&mut self, text: String) -> anyhow::Result<()> {
        self.write(Message::text(text)).await
    }

    pub(super) async fn ping(&mut self) -> anyhow::Result<()> {
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> anyhow::Result<()> {
        timeout(SEND_TIMEOUT, self.0.send(message)).await.context("write blocked")??;
        Ok(())
    }
}
