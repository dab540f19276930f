//! The built-in market on the loopback interface: carries bytes between sockets and the sans-IO [`Sim`], each venue on a
//! port of its own, so that the box runs unchanged apart from its base addresses.

mod rough;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use sim::{BrokenLimit, ConnectionId, HttpMethod, HttpRequest, Recording, ServerFrame, Sim, SimSettings};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_http::compression::CompressionLayer;
use types::Venue;

use crate::clock::Clock;
use crate::venue::Endpoint;
use rough::RoughListener;

/// Venues that the market speaks, in the order of their ports.
const VENUES: [Venue; 4] = Venue::ALL;
/// Longest pause between two steps of the market, real time.
const STEP_MAX: Duration = Duration::from_millis(20);

/// How bytes go to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// As they are.
    #[default]
    Smooth,
    /// Messages in fragments with control frames between them, bytes one by one or in odd packets.
    Rough,
}

/// What is served, and how.
#[derive(Clone, Debug, Default)]
pub struct MarketSettings {
    /// The generated market.
    pub sim: SimSettings,
    /// Venues that say what was recorded instead, each at most once.
    pub recordings: Vec<Recording>,
    /// How bytes go to the client.
    pub way: Way,
}

/// The running market. Dropping it closes all its sockets.
#[derive(Debug)]
pub struct MarketServer {
    endpoints: Vec<(Venue, Endpoint)>,
    market: Market,
    tasks: JoinSet<()>,
}

impl MarketServer {
    /// Makes the market at the clock's present and serves it. `port` is the first venue's port, the next venue gets the
    /// next one; 0 lets the system choose. Answers are compressed and in chunks for clients that take them so.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start(settings: MarketSettings, clock: Clock, port: u16) -> anyhow::Result<Self> {
        let MarketSettings { sim: settings, recordings, way } = settings;
        let mut listeners = Vec::new();
        let mut endpoints = Vec::new();
        for (offset, venue) in (0u16..).zip(VENUES) {
            let port = if port == 0 { 0 } else { port.checked_add(offset).context("four ports are needed")? };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let listener =
                TcpListener::bind(address).await.with_context(|| format!("{venue}: cannot use {address}"))?;
            let address = listener.local_addr()?;
            listeners.push((venue, listener));
            endpoints
                .push((venue, Endpoint { ws_base: format!("ws://{address}"), rest_base: format!("http://{address}") }));
        }
        let sockets = endpoints.iter().find(|(venue, _)| *venue == Venue::Kucoin);
        let kucoin_endpoint = sockets.map(|(_, endpoint)| format!("{}/", endpoint.ws_base)).unwrap_or_default();
        let settings = SimSettings { start: clock.now(), kucoin_endpoint, ..settings };
        let mut sim = Sim::new(settings);
        recordings.into_iter().for_each(|recording| sim.play(recording));
        let market = Market { sim: Arc::new(Mutex::new(sim)), clock, stepped: watch::Sender::new(()) };
        let mut tasks = JoinSet::new();
        for (venue, listener) in listeners {
            let desk = Desk { venue, market: market.clone() };
            let router = Router::new().fallback(serve).with_state(desk).layer(CompressionLayer::new());
            tasks.spawn(async move {
                let served = match way {
                    Way::Smooth => axum::serve(listener, router).await,
                    Way::Rough => axum::serve(RoughListener(listener), router).await,
                };
                if let Err(error) = served {
                    tracing::error!(%venue, "market server: {error}");
                }
            });
        }
        tasks.spawn(market.clone().run());
        Ok(Self { endpoints, market, tasks })
    }

    /// Where each venue listens.
    #[must_use]
    pub fn endpoints(&self) -> &[(Venue, Endpoint)] {
        &self.endpoints
    }

    /// The limits that clients have broken so far.
    #[must_use]
    pub fn limits_broken(&self) -> Vec<BrokenLimit> {
        self.market.sim().limits_broken().to_vec()
    }

    /// Serves until stopped from outside.
    pub async fn wait(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

#[derive(Clone, Debug)]
struct Market {
    sim: Arc<Mutex<Sim>>,
    clock: Clock,
    stepped: watch::Sender<()>,
}

impl Market {
    fn sim(&self) -> MutexGuard<'_, Sim> {
        self.sim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self) {
        loop {
            let next = {
                let mut sim = self.sim();
                sim.advance(self.clock.now());
                sim.next_event()
            };
            self.stepped.send_replace(());
            let wait = self.clock.real(next.since(self.clock.now()));
            tokio::time::sleep(wait.clamp(Duration::from_millis(1), STEP_MAX)).await;
        }
    }
}

#[derive(Clone)]
struct Desk {
    venue: Venue,
    market: Market,
}

async fn serve(
    State(desk): State<Desk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response<Body> {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    match upgrade {
        Ok(upgrade) => {
            let connected = desk.market.sim().connect(desk.venue, path);
            match connected {
                Ok(id) => upgrade.on_upgrade(move |socket| Connection { id, market: desk.market, socket }.carry()),
                Err(refused) => {
                    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
                    (status, refused.reason).into_response()
                }
            }
        }
        Err(_) => {
            let method = match method {
                Method::GET => HttpMethod::Get,
                Method::POST => HttpMethod::Post,
                other => return (StatusCode::METHOD_NOT_ALLOWED, format!("{other} is not served")).into_response(),
            };
            let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let request = HttpRequest { method, target: path, headers: &headers };
            let reply = desk.market.sim().exchange(desk.venue, &request);
            tokio::time::sleep(desk.market.clock.real(reply.after)).await;
            let Some(answer) = reply.answer else {
                // Without an answer until the client gives up.
                return std::future::pending().await;
            };
            let mut response = Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value);
            }
            response.body(Body::from(answer.body)).unwrap_or_else(|error| {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("simulator: {error}")).into_response()
            })
        }
    }
}

struct Connection {
    id: ConnectionId,
    market: Market,
    socket: WebSocket,
}

impl Connection {
    async fn carry(mut self) {
        // The client went away, or the server closed: either way the simulator forgets the connection.
        let _ = self.exchange().await;
        self.market.sim().disconnect(self.id);
    }

    async fn exchange(&mut self) -> Result<(), axum::Error> {
        let mut stepped = self.market.stepped.subscribe();
        let mut frames = Vec::new();
        loop {
            self.market.sim().poll(self.id, &mut frames);
            for frame in frames.drain(..) {
                match frame {
                    ServerFrame::Text(text) => self.socket.send(Frame::text(text)).await?,
                    ServerFrame::Binary(bytes) => self.socket.send(Frame::binary(bytes)).await?,
                    ServerFrame::Ping(payload) => self.socket.send(Frame::Ping(payload.into())).await?,
                    // The WebSocket library answers pings by itself.
                    ServerFrame::Pong => {}
                    ServerFrame::Abort => return Ok(()),
                    ServerFrame::Close { code, reason } => {
                        let close = CloseFrame { code, reason: reason.into() };
                        return self.socket.send(Frame::Close(Some(close))).await;
                    }
                }
            }
            tokio::select! {
                received = self.socket.recv() => match received {
                    Some(Ok(Frame::Text(text))) => self.market.sim().receive(self.id, &text),
                    Some(Ok(Frame::Pong(_))) => self.market.sim().pong(self.id),
                    Some(Ok(Frame::Close(_))) | None => return Ok(()),
                    Some(Ok(Frame::Binary(_) | Frame::Ping(_))) => {}
                    Some(Err(error)) => return Err(error),
                },
                changed = stepped.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }
}

#[cfg(test)]
mod tests;
