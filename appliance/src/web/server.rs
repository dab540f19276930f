//! Connections: so many and no more, each with a time for its request's head.
//!
//! ```text
//! accept --> a place? --> first byte --> TLS --------> site
//!              |             |
//!              no            not TLS, though it should be --> the way to https
//!              v
//!            closed
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::assets;
use super::refusals::{Refusals, Why};

/// How long a connection may take for a request's head, and be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take for its first byte and the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// What was sent and is not taken for so long ends a connection.
const STALLED: Duration = Duration::from_secs(30);
/// Pause after the system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log tells of who was turned away.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The other end of a connection. Its place is taken while anybody holds it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) is_tls: bool,
    _place: Place,
}

/// What is served on a port.
#[derive(Clone)]
pub(super) struct Served {
    /// The site.
    pub(super) router: Router,
    /// With HTTPS: how, and what those get who speak HTTP.
    pub(super) tls: Option<(TlsAcceptor, Router)>,
    pub(super) refusals: Arc<Refusals>,
}

/// Serves until `stop` is done; connections that are open then are closed.
pub(super) async fn serve(
    listener: TcpListener,
    served: Served,
    connections_max: usize,
    stop: impl Future<Output = ()>,
) {
    let hall = Hall::new(connections_max);
    let mut open = JoinSet::new();
    let mut tell = tokio::time::interval(TELL_EVERY);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            Some(_) = open.join_next() => {}
            _ = tell.tick() => {
                if let Some(news) = served.refusals.news() {
                    tracing::warn!("{news}");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // Who finds no place is closed at once: an answer would cost what is lacking.
                    match hall.enter(address.ip()) {
                        Some(place) => drop(open.spawn(attend(stream, address, place, served.clone()))),
                        None => served.refusals.note(Why::NoPlace, Some(address.ip())),
                    }
                }
                Err(error) => {
                    tracing::warn!("cannot take a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn attend(stream: TcpStream, address: SocketAddr, place: Place, served: Served) {
    // A connection without these options is one all the same.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, STALLED.as_millis() as u32);
    let Served { router, tls, refusals } = served;
    let Some((acceptor, redirect)) = tls else {
        return speak(stream, router, Peer { address, is_tls: false, _place: place }, &refusals).await;
    };
    // The first byte of TLS is the type of a handshake record; no method of HTTP begins with it.
    let mut first = [0];
    let is_tls = match tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await {
        Ok(Ok(1)) => first == [0x16],
        _ => return,
    };
    let peer = Peer { address, is_tls, _place: place };
    if !is_tls {
        return speak(stream, redirect, peer, &refusals).await;
    }
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        speak(stream, router, peer, &refusals).await;
    }
}

/// HTTP on one connection, to its end.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    peer: Peer,
    refusals: &Refusals,
) {
    let address = peer.address.ip();
    let peer = Arc::new(peer);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    // A client that goes away or speaks nonsense is no error of ours.
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await
        && error.is_parse()
    {
        refusals.note(Why::Malformed, Some(address));
    }
}

/// The answer to HTTP where HTTPS is spoken.
pub(super) async fn redirect(request: Request) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match HeaderValue::from_str(&format!("https://{host}{path}")) {
        Ok(place) if matches!(*request.method(), Method::GET | Method::HEAD) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response()
        }
        _ => assets::plain(StatusCode::UPGRADE_REQUIRED, "this box speaks HTTPS: ask at https://\n"),
    }
}

/// The places for connections.
#[derive(Clone, Debug)]
struct Hall {
    seats: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
struct Place {
    hall: Hall,
    address: IpAddr,
}

impl Hall {
    fn new(seats: usize) -> Self {
        Self { seats, taken: Arc::default() }
    }

    /// Nothing where all places are taken, or a quarter of them by this address.
    fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&address).copied().unwrap_or(0));
        if all >= self.seats || own >= self.seats.div_ceil(4) {
            return None;
        }
        taken.insert(address, own + 1);
        Some(Place { hall: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.hall.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_takes_a_quarter_and_all_together_no_more_than_there_are() {
        let hall = Hall::new(16);
        let from = |n: u8| hall.enter([10, 0, 0, n].into());
        let mut held: Vec<Place> = std::iter::from_fn(|| from(1)).collect();
        assert_eq!(held.len(), 4);
        held.extend((2..=9).filter_map(from));
        held.extend((2..=9).filter_map(from));
        assert_eq!(held.len(), 16);
        assert!(from(10).is_none());
        held.pop();
        assert!(from(10).is_some());
        drop(held);
        assert!(hall.taken.lock().unwrap().is_empty(), "who left is forgotten");
    }
}
