//! The way out, with real sockets on the loopback interface: TLS, proxies, refusals, large frames, dead peers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::network::Network;
use super::socket::{Event, Socket};
use crate::config::NetworkSection;

/// A venue's side of one connection: says hello, then answers every text with the same.
async fn venue(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut socket = accept_async(stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            socket.send(message).await.unwrap();
        }
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A venue without TLS.
async fn plain_venue() -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(venue(stream));
        }
    });
    address
}

/// A venue with a certificate for `localhost` from an authority of the test's own, and the authority's certificate.
async fn tls_venue() -> (SocketAddr, String) {
    tls_venue_until(4_096).await
}

/// The same with a certificate that ends with the beginning of this year.
async fn tls_venue_until(year: i32) -> (SocketAddr, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    venue(stream).await;
                }
            });
        }
    });
    (address, authority.pem())
}

fn network(proxy: Option<String>, ca_file: Option<PathBuf>) -> Network {
    Network::new(&NetworkSection { proxy, ca_file }).unwrap()
}

async fn connect(network: &Network, url: &str) -> Result<Socket, String> {
    Socket::connect(network.clone(), url.to_owned()).await.map_err(|event| match event {
        Event::Closed(reason) => reason,
        Event::Refused { status, retry_after } => format!("HTTP {status}, {retry_after:?}"),
        _ => panic!("no reason"),
    })
}

async fn text(socket: &mut Socket) -> String {
    loop {
        match socket.next().await {
            Event::Frame(bytes) => return String::from_utf8(bytes.to_vec()).unwrap(),
            Event::Closed(reason) => panic!("{reason}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn words_go_both_ways_and_pings_are_answered() {
    let address = plain_venue().await;
    let mut socket = connect(&network(None, None), &format!("ws://{address}/v2")).await.unwrap();
    assert_eq!(text(&mut socket).await, "hello");
    socket.send("subscribe".to_owned()).unwrap();
    assert_eq!(text(&mut socket).await, "subscribe");
    socket.ping().unwrap();
    assert!(matches!(socket.next().await, Event::Pong));
}

#[tokio::test]
async fn a_certificate_is_believed_when_its_authority_is_configured_and_the_name_is_right() {
    let (address, authority) = tls_venue().await;
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, authority).unwrap();
    let url = format!("wss://localhost:{}/", address.port());
    let mut socket = connect(&network(None, Some(ca_file.clone())), &url).await.unwrap();
    assert_eq!(text(&mut socket).await, "hello");
    let unknown = connect(&network(None, None), &url).await.err().unwrap();
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let wrong_name = connect(&network(None, Some(ca_file)), &format!("wss://{address}/")).await.err().unwrap();
    assert!(wrong_name.contains("not valid for name"), "{wrong_name}");

    let (address, authority) = tls_venue_until(2_020).await;
    let ca_file = dir.path().join("expired.pem");
    std::fs::write(&ca_file, authority).unwrap();
    let url = format!("wss://localhost:{}/", address.port());
    let expired = connect(&network(None, Some(ca_file)), &url).await.err().unwrap();
    assert!(expired.contains("expired"), "{expired}");
}

/// A proxy that speaks `CONNECT`, and asks for a secret.
async fn tunnel(mut client: TcpStream) {
    let mut head = String::new();
    let mut reader = BufReader::new(&mut client);
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).await.unwrap() > 0);
    }
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
    if !head.to_lowercase().contains("proxy-authorization: basic bwu6c2vjcmv0") {
        client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
        return;
    }
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// A proxy that speaks SOCKS version 5 without asking for a name.
async fn socks(mut client: TcpStream) {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).await.unwrap();
    let mut methods = vec![0; usize::from(greeting[1])];
    client.read_exact(&mut methods).await.unwrap();
    client.write_all(&[5, 0]).await.unwrap();
    let mut head = [0; 4];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => {
            let mut ip = [0; 4];
            client.read_exact(&mut ip).await.unwrap();
            std::net::Ipv4Addr::from(ip).to_string()
        }
        3 => {
            let length = client.read_u8().await.unwrap();
            let mut name = vec![0; usize::from(length)];
            client.read_exact(&mut name).await.unwrap();
            String::from_utf8(name).unwrap()
        }
        other => panic!("address of kind {other}"),
    };
    let port = client.read_u16().await.unwrap();
    let mut server = TcpStream::connect((host, port)).await.unwrap();
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// Serves each connection with `serve`.
async fn proxy<F: Future<Output = ()> + Send + 'static>(serve: fn(TcpStream) -> F) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

#[tokio::test]
async fn sockets_and_requests_go_through_a_proxy() {
    let venue = plain_venue().await;
    let tunnel = proxy(tunnel).await;
    let socks = proxy(socks).await;
    for way in [format!("http://me:secret@{tunnel}"), format!("socks5://{socks}")] {
        let through = network(Some(way.clone()), None);
        let mut socket = connect(&through, &format!("ws://{venue}/")).await.unwrap();
        assert_eq!(text(&mut socket).await, "hello", "{way}");
    }
    let refused = connect(&network(Some(format!("http://{tunnel}")), None), &format!("ws://{venue}/")).await;
    let refused = refused.err().unwrap();
    assert!(refused.starts_with(&format!("through {tunnel}")), "{refused}");

    // A name that only the proxy could look up.
    let through = network(Some(format!("socks5://{socks}")), None);
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 1_024];
        let _ = stream.read(&mut seen).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    });
    let client = through.http().unwrap().build().unwrap();
    let answer = client.get(format!("http://localhost:{}/time", address.port())).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
}

#[tokio::test]
async fn a_refused_handshake_tells_its_status_and_how_long_to_wait() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 1_024];
        let _ = stream.read(&mut seen).await.unwrap();
        let answer = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let refused = connect(&network(None, None), &format!("ws://{address}/?token=SECRET")).await.err().unwrap();
    assert_eq!(refused, "HTTP 429, Some(7s)");
}

#[tokio::test]
async fn a_whole_large_book_fits_in_a_frame_and_more_than_that_ends_the_connection() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        for mebibytes in [31, 33] {
            let _ = socket.send(Message::binary(Bytes::from(vec![b'x'; mebibytes << 20]))).await;
        }
    });
    let mut socket = connect(&network(None, None), &format!("ws://{address}/")).await.unwrap();
    assert!(matches!(socket.next().await, Event::Frame(bytes) if bytes.len() == 31 << 20));
    assert!(matches!(socket.next().await, Event::Closed(reason) if reason.contains("too long")));
}

#[tokio::test]
async fn a_peer_that_does_not_read_blocks_nobody() {
    let (listener, address) = listen().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = accept_async(stream).await.unwrap();
        let _ = stopped.await;
        drop(socket);
    });
    let mut socket = connect(&network(None, None), &format!("ws://{address}/")).await.unwrap();
    let large = "x".repeat(1 << 20);
    let stuck = async {
        loop {
            if let Err(error) = socket.send(large.clone()) {
                return error.to_string();
            }
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(60), stuck).await.expect("no write waits");
    assert_eq!(error, "writes are stuck");
    let silent = tokio::time::timeout(Duration::from_millis(1), socket.next()).await;
    assert!(silent.is_err(), "reading goes on");
    drop(stop);
}
