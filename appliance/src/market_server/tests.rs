//! The market over real sockets.

use std::collections::BTreeSet;

use feed::{FeedSettings, Wanted};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;
use types::{Input, InstrumentId};

use super::*;
use crate::clock::wall_now;
use crate::config::NetworkSection;
use crate::engine_thread::Message;
use crate::venue::{Bans, Network, VenueTask};

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

async fn market() -> MarketServer {
    market_with(Way::Smooth, Clock::scaled(wall_now(), 10.0)).await
}

async fn market_with(way: Way, clock: Clock) -> MarketServer {
    let sim = SimSettings { history_minutes: 10, ..SimSettings::default() };
    MarketServer::start(MarketSettings { sim, way, ..MarketSettings::default() }, clock, 0).await.expect("free ports")
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
        if let tungstenite::Message::Text(text) = message {
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
    socket.send(tungstenite::Message::text(wanted)).await.expect("sent");
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
    socket.send(tungstenite::Message::text(wanted)).await.expect("sent");
    for kind in ["subscriptions", "snapshot", "heartbeat", "l2update"] {
        hear(&mut socket, |message| message["type"] == kind).await;
    }
    // Five seconds pass in half of one.
    let mut mute = connect(&url).await;
    let closed = mute.next().await.expect("a frame").expect("in order");
    assert!(closed.is_close(), "{closed}");
    assert_eq!(market.limits_broken()[0].venue, Venue::Coinbase);
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let market = market().await;
    let url = format!("{}/0/public/AssetPairs", endpoint(&market, Venue::Kraken).rest_base);
    let bare = reqwest::Client::builder().no_gzip().build().expect("a client");
    let packed = bare.get(&url).header("accept-encoding", "gzip").send().await.expect("answered");
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["transfer-encoding"], "chunked");
    assert!(packed.bytes().await.expect("a body").starts_with(&[0x1f, 0x8b]));
    let plain = bare.get(&url).send().await.expect("answered");
    assert_eq!(plain.headers().get("content-encoding"), None);
    let ours = reqwest::Client::new().get(&url).send().await.expect("answered");
    assert_eq!(ours.bytes().await.expect("a body"), plain.bytes().await.expect("a body"));
}

/// The box's own way in, over a way as rough as the protocols allow.
#[tokio::test]
async fn books_trades_and_minutes_come_over_a_rough_way_as_well() {
    let clock = Clock::scaled(wall_now(), 5.0);
    let market = market_with(Way::Rough, clock.clone()).await;
    let symbols = SimSettings::default().listings;
    let dir = tempfile::tempdir().expect("a folder");
    let mut tasks = JoinSet::new();
    for venue in Venue::ALL {
        let listed = symbols.iter().filter(|listing| listing.venue == venue).zip(0..);
        let wanted: Vec<_> =
            listed.map(|(listing, id)| Wanted { id: InstrumentId(id), symbol: listing.symbol.clone() }).collect();
        let count = wanted.len();
        let settings = FeedSettings::new(venue, wanted);
        let (status, mut seen) = watch::channel(VenueTask::initial_status(&settings).expect("settings that work"));
        let (engine, mut inbox) = mpsc::channel(1_024);
        let task = VenueTask {
            settings,
            endpoint: endpoint(&market, venue).clone(),
            clock: clock.clone(),
            network: Network::new(&NetworkSection { proxy: None, ca_file: None }).expect("no proxy"),
            bans: Bans::load(dir.path()),
            engine,
            status,
        };
        let carrying = tokio::spawn(task.run());
        tasks.spawn(async move {
            let mut open: BTreeSet<(&str, u32)> =
                (0..count as u32).flat_map(|id| ["book", "trade", "minute"].map(|what| (what, id))).collect();
            while !open.is_empty() {
                let Some(Message::Heard { input, .. }) = inbox.recv().await else { panic!("{venue}: the task ended") };
                match input {
                    Input::Book(book) => open.remove(&("book", u32::from(book.instrument.0))),
                    Input::Trade(trade) => open.remove(&("trade", u32::from(trade.instrument.0))),
                    Input::Candle(candle) => open.remove(&("minute", u32::from(candle.instrument.0))),
                    _ => false,
                };
            }
            // The status is published a few times a second.
            let status = seen.wait_for(|status| status.feed.last_frame_at.is_some()).await.expect("the task runs");
            let feed = status.feed.clone();
            drop(status);
            carrying.abort();
            (venue, feed)
        });
    }
    let all = async {
        let mut feeds = Vec::new();
        while let Some(done) = tasks.join_next().await {
            feeds.push(done.expect("no panic"));
        }
        feeds
    };
    let feeds = tokio::time::timeout(Duration::from_secs(120), all).await.expect("all is heard");
    assert_eq!(feeds.len(), 4);
    for (venue, feed) in feeds {
        assert_eq!(feed.rejected.total(), 0, "{venue}: {:?}", feed.rejected);
    }
    assert!(market.limits_broken().is_empty(), "{:?}", market.limits_broken());
}
