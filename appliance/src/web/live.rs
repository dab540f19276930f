//! The dashboard's WebSocket: one task per browser, all of them sending the same encoded messages.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::{broadcast, oneshot};
use types::InstrumentId;
use types::input::{Command, Input};
use wire::{ClientMessage, Hello, PROTOCOL, ServerMessage};

use super::Site;
use super::server::Peer;
use crate::access::{Event, Scope, Visitor};
use crate::engine_thread::{Message, Watch, WatchKey, Watched};

/// How often it is looked whether a browser may still watch, where nothing was changed: its session may have become too old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

pub(super) async fn upgrade(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(visitor): Extension<Visitor>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Ok(permit) = site.inner.browsers.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many browsers at once\n").into_response();
    };
    let upgrade =
        upgrade.max_message_size(wire::CLIENT_MESSAGE_BYTES_MAX).max_frame_size(wire::CLIENT_MESSAGE_BYTES_MAX);
    upgrade.on_upgrade(move |socket| async move {
        // A browser that goes away is no error of ours.
        let _ = Browser { socket, site, peer, visitor, watched: None }.serve().await;
        drop(permit);
    })
}

/// The browser went away or the box is stopping.
struct Gone;

impl From<axum::Error> for Gone {
    fn from(_: axum::Error) -> Self {
        Self
    }
}

struct Browser {
    socket: WebSocket,
    site: Site,
    /// Its place is taken while the browser is here.
    peer: Arc<Peer>,
    visitor: Visitor,
    watched: Option<(WatchKey, broadcast::Receiver<Bytes>)>,
}

impl Browser {
    async fn serve(mut self) -> Result<(), Gone> {
        let hello =
            Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), demo: self.site.inner.demo };
        self.send(wire::encode(&ServerMessage::Hello(hello)).into()).await?;
        let mut catalogue = self.site.inner.published.catalogue.clone();
        let mut overview = self.site.inner.published.overview.clone();
        let mut changes = self.site.inner.access.changes();
        changes.mark_changed();
        let mut look = tokio::time::interval(LOOK_EVERY);
        catalogue.mark_changed();
        overview.mark_changed();
        loop {
            tokio::select! {
                biased;
                _ = changes.changed() => self.check_visitor().await?,
                _ = look.tick() => self.check_visitor().await?,
                frame = self.socket.recv() => match frame {
                    Some(Ok(Frame::Binary(bytes))) => self.obey(&bytes).await?,
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return Err(Gone),
                    Some(Ok(_)) => {}
                },
                changed = catalogue.changed() => {
                    changed.map_err(|_| Gone)?;
                    let bytes = catalogue.borrow_and_update().clone();
                    self.send(bytes).await?;
                }
                changed = overview.changed() => {
                    changed.map_err(|_| Gone)?;
                    let bytes = overview.borrow_and_update().clone();
                    self.send(bytes).await?;
                }
                tick = next_tick(&mut self.watched) => match tick {
                    Ok(bytes) => self.send(bytes).await?,
                    // A browser that fell behind gets the whole market again instead of what it missed.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        if let Some((key, _)) = self.watched.take() {
                            self.watch(key).await?;
                        }
                    }
                    Err(broadcast::error::RecvError::Closed) => self.watched = None,
                },
            }
        }
    }

    /// Ends the conversation with who lost what it might.
    async fn check_visitor(&mut self) -> Result<(), Gone> {
        if self.site.inner.access.still(&self.visitor) {
            return Ok(());
        }
        let close = CloseFrame { code: close_code::POLICY, reason: "logged out".into() };
        self.socket.send(Frame::Close(Some(close))).await?;
        Err(Gone)
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        Ok(self.socket.send(Frame::Binary(bytes)).await?)
    }

    async fn obey(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        match wire::decode(bytes) {
            Ok(ClientMessage::Watch { instrument, timeframe_min }) => {
                self.watch(WatchKey { instrument: InstrumentId(instrument), timeframe_min }).await
            }
            Ok(ClientMessage::Unwatch) => {
                self.watched = None;
                Ok(())
            }
            Ok(ClientMessage::Trading { on }) => {
                let may = self.visitor.may(Scope::Control);
                let what = if on { "trading on" } else { "trading off" };
                let outcome = if may { StatusCode::ACCEPTED } else { StatusCode::FORBIDDEN };
                let address = Some(self.peer.address.ip());
                self.site.inner.access.record(Event::new(&self.visitor.who, address, what, "", outcome.as_u16()));
                if !may {
                    let why = format!("to trade needs {}; you have {}", Scope::Control.name(), self.visitor.scopes);
                    return self.send(wire::encode(&ServerMessage::Refused(why)).into()).await;
                }
                tracing::info!("trading switched {} from the dashboard", if on { "on" } else { "off" });
                self.command(Command::Trading { on }).await?;
                // The page asks for both in one: who allows trading again after a breaker has seen why it opened.
                if on { self.command(Command::ResetBreaker).await } else { Ok(()) }
            }
            // The page speaks another protocol: end the conversation, it will reload.
            Err(_) => Err(Gone),
        }
    }

    fn command(&self, command: Command) -> impl Future<Output = Result<(), Gone>> + Send + use<> {
        let engine = self.site.inner.engine.clone();
        async move { engine.send(Message::Input(Input::Command(command))).await.map_err(|_| Gone) }
    }

    async fn watch(&mut self, key: WatchKey) -> Result<(), Gone> {
        let (reply, answer) = oneshot::channel();
        self.site.inner.engine.send(Message::Watch(Watch { key, reply })).await.map_err(|_| Gone)?;
        // No answer: there is no such instrument or time frame.
        if let Ok(Watched { snapshot, ticks }) = answer.await {
            self.send(snapshot).await?;
            self.watched = Some((key, ticks));
        }
        Ok(())
    }
}

async fn next_tick(
    watched: &mut Option<(WatchKey, broadcast::Receiver<Bytes>)>,
) -> Result<Bytes, broadcast::error::RecvError> {
    match watched {
        Some((_, ticks)) => ticks.recv().await,
        None => std::future::pending().await,
    }
}
