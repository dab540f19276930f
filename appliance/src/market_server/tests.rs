//! The market over real sockets.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::clock::wall_now;

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

async fn market() -> MarketServer {
    let settings = SimSettings { history_minutes: 10, ..SimSettings::default() };
    MarketServer::start(settings, Clock::scaled(wall_now(), 10.0), 0).await.expect("free ports")
}

fn endpoint(market: &MarketServer, venue: Venue) -> &Endpoint {
    &market.endpoints().iter().find(|(of, _)| *of == venue).expect("served").1
}

/// Status and body of a request, spoken by hand.
async fn request(market: &MarketServer, venue: Venue, head: &str) -> (u16, Value) {
    let address = endpoint(market, venue).rest_base.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("listening");
    let text = format!("{head}\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

async fn connect(url: &str) -> Socket {
    tokio_tungstenite::connect_async(url).await.unwrap_or_else(|error| panic!("{url}: {error}")).0
}

/// Reads until a message is `found`.
async fn hear(socket: &mut Socket, found: impl Fn(&Value) -> bool) -> Value {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            if found(&value) {
                return value;
            }
        }
    }
    panic!("the connection ended");
}

#[tokio::test]
async fn every_venue_has_a_port_of_its_own() {
    let market = market().await;
    assert_eq!(market.endpoints().len(), 4);
    let agent = "User-Agent: test";
    for (venue, path) in [
        (Venue::Kraken, "/0/public/Time"),
        (Venue::BinanceUs, "/api/v3/time"),
        (Venue::Coinbase, "/time"),
        (Venue::Kucoin, "/api/v1/timestamp"),
    ] {
        let (status, body) = request(&market, venue, &format!("GET {path} HTTP/1.1\r\n{agent}")).await;
        assert!(status == 200 && body.is_object(), "{venue}: {status} {body}");
    }
    let (status, body) = request(&market, Venue::Coinbase, "GET /time HTTP/1.1").await;
    assert_eq!((status, body["message"].as_str()), (400, Some("User-Agent header is required.")));
}

#[tokio::test]
async fn kucoin_names_the_socket_that_its_token_opens() {
    let market = market().await;
    let (status, body) = request(&market, Venue::Kucoin, "GET /api/v1/bullet-public HTTP/1.1").await;
    assert_eq!((status, body["code"].as_str()), (405, Some("405000")));
    let (_, body) = request(&market, Venue::Kucoin, "POST /api/v1/bullet-public HTTP/1.1").await;
    let text = |path: &str| body.pointer(path).and_then(Value::as_str).expect("text").to_owned();
    let (base, token) = (text("/data/instanceServers/0/endpoint"), text("/data/token"));
    let mut socket = connect(&format!("{base}?token={}&connectId=c", token.replace('=', "%3D"))).await;
    assert_eq!(hear(&mut socket, |_| true).await, json!({"id": "c", "type": "welcome"}));
    let wanted = r#"{"id":"1","type":"subscribe","topic":"/market/level2:BTC-USDT","response":true}"#;
    socket.send(Message::text(wanted)).await.expect("sent");
    hear(&mut socket, |message| message["type"] == "ack").await;
    hear(&mut socket, |message| message["subject"] == "trade.l2update").await;
    assert!(market.limits_broken().is_empty());
}

#[tokio::test]
async fn coinbase_speaks_and_who_breaks_its_rules_is_known() {
    let market = market().await;
    let url = format!("{}/", endpoint(&market, Venue::Coinbase).ws_base);
    let mut socket = connect(&url).await;
    let wanted = r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch","heartbeat"]}"#;
    socket.send(Message::text(wanted)).await.expect("sent");
    for kind in ["subscriptions", "snapshot", "heartbeat", "l2update"] {
        hear(&mut socket, |message| message["type"] == kind).await;
    }
    // Five seconds pass in half of one.
    let mut mute = connect(&url).await;
    let closed = mute.next().await.expect("a frame").expect("in order");
    assert!(closed.is_close(), "{closed}");
    assert_eq!(market.limits_broken()[0].venue, Venue::Coinbase);
}
