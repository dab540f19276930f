//! What a client of KuCoin's frames alone can know is the truth; and the rules of the connection.

mod reader;

use std::collections::BTreeMap;

use reader::{Seen, SeenCandle, SeenTrade, frames, messages, true_candle, units, wait};
use serde_json::Value;
use sim::{ConnectionId, HttpMethod, HttpRequest, ServerFrame, Sim, SimSettings};
use types::Venue;
use types::time::NS_PER_S;

const SYMBOLS: [&str; 2] = ["BTC-USDT", "ETH-USDT"];

fn token(sim: &mut Sim) -> String {
    let answer = sim.request(Venue::Kucoin, &HttpRequest::new(HttpMethod::Post, "/api/v1/bullet-public"));
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["data"]["token"].as_str().expect("a token").to_owned()
}

fn open(sim: &mut Sim) -> ConnectionId {
    let token = token(sim);
    sim.connect(Venue::Kucoin, &format!("/?token={token}&connectId=me")).expect("accepted")
}

fn subscribe(sim: &mut Sim, connection: ConnectionId, topic: &str) {
    let request = format!(r#"{{"id":"1","type":"subscribe","topic":"{topic}","response":true}}"#);
    sim.receive(connection, &request);
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("not a number: {value}"))
}

/// A book of changes: what came before the snapshot waits for it.
#[derive(Default)]
struct Changes {
    waiting: Vec<Value>,
    /// The snapshot's number, and that of the last change.
    from: Option<u64>,
    last: u64,
    zero_prices: usize,
}

#[derive(Default)]
struct Symbol {
    seen: Seen,
    changes: Changes,
    depth: Seen,
    candles: BTreeMap<i64, SeenCandle>,
    unified: Seen,
    unified_last: Option<u64>,
}

impl Symbol {
    /// Steps 3 to 6 of the venue's procedure.
    fn change(&mut self, data: &Value) {
        let Some(from) = self.changes.from else {
            self.changes.waiting.push(data.clone());
            return;
        };
        let (first, last) = (number(&data["sequenceStart"]), number(&data["sequenceEnd"]));
        if last <= self.changes.last {
            return;
        }
        assert!(first <= self.changes.last + 1, "gap: {} to {first}", self.changes.last);
        for (is_bid, side) in [(true, "bids"), (false, "asks")] {
            for level in data["changes"][side].as_array().expect("levels") {
                if units(&level[0]) == 0 {
                    self.changes.zero_prices += 1;
                } else if number(&level[2]) > from {
                    self.seen.set(is_bid, units(&level[0]), units(&level[1]));
                }
            }
        }
        assert!(!self.seen.is_crossed(), "crossed at {last}");
        self.seen.updates += 1;
        self.changes.last = last;
    }

    fn start(&mut self, snapshot: &Value) {
        self.seen.replace(&snapshot["bids"], &snapshot["asks"]);
        self.changes.last = number(&snapshot["sequence"]);
        self.changes.from = Some(self.changes.last);
        std::mem::take(&mut self.changes.waiting).iter().for_each(|data| self.change(data));
    }

    fn increment(&mut self, message: &Value) {
        let (first, last) = (number(&message["d"]["O"]), number(&message["d"]["C"]));
        if message["t"] == "snapshot" {
            self.unified.replace(&message["d"]["b"], &message["d"]["a"]);
        } else {
            assert_eq!(Some(first), self.unified_last.map(|last| last + 1), "gap");
            for (is_bid, side) in [(true, "b"), (false, "a")] {
                for level in message["d"][side].as_array().expect("levels") {
                    self.unified.set(is_bid, units(&level[0]), units(&level[1]));
                }
            }
            self.unified.updates += 1;
        }
        assert!(self.unified.bids.len() <= 500 && self.unified.asks.len() <= 500);
        self.unified_last = Some(last);
    }
}

#[derive(Default)]
struct Reader {
    symbols: BTreeMap<String, Symbol>,
    unified_trades: usize,
}

impl Reader {
    fn read(&mut self, message: &Value) {
        let data = &message["data"];
        let topic = message["topic"].as_str().unwrap_or_default();
        let name = topic.rsplit(':').next().unwrap_or_default().trim_end_matches("_1min");
        let symbol = self.symbols.entry(name.to_owned()).or_default();
        match message["subject"].as_str().unwrap_or_default() {
            "trade.l3match" => {
                let (price, qty) = (units(&data["price"]), units(&data["size"]));
                let at = data["time"].as_str().expect("text").parse().expect("nanoseconds");
                let trade = SeenTrade { price, qty, is_buy: data["side"] == "buy", at };
                symbol.seen.add_trade(number(&data["tradeId"]), trade);
            }
            "trade.candles.add" | "trade.candles.update" => {
                let row = data["candles"].as_array().expect("a row");
                let [open, close, high, low, volume] = [1, 2, 3, 4, 5].map(|index: usize| units(&row[index]));
                let start: i64 = row[0].as_str().expect("text").parse().expect("seconds");
                symbol.candles.insert(start * NS_PER_S, [open, high, low, close, volume]);
            }
            "trade.l2update" => symbol.change(data),
            "level2" => symbol.depth.replace(&data["bids"], &data["asks"]),
            "" if message["type"] == "welcome" => assert_eq!(message["id"], "me"),
            "" if message["type"] == "ack" || message["type"] == "pong" => assert_eq!(message["id"], "1"),
            _ => panic!("unexpected {message}"),
        }
    }

    fn read_unified(&mut self, message: &Value) {
        let symbol = self.symbols.entry(message["d"]["s"].as_str().unwrap_or_default().to_owned()).or_default();
        match message["T"].as_str() {
            Some("obu.SPOT") => symbol.increment(message),
            Some("trade.SPOT") => {
                self.unified_trades += 1;
                let trade = symbol.seen.trades.get(&number(&message["d"]["ti"])).expect("seen on the other feed");
                assert_eq!((units(&message["d"]["p"]), units(&message["d"]["q"])), (trade.price, trade.qty));
                assert_eq!((message["d"]["S"] == "buy", message["d"]["M"].as_i64()), (trade.is_buy, Some(trade.at)));
            }
            _ => assert!(message["result"] == true || message["message"] == "welcome" || message["type"] == "pong"),
        }
    }
}

fn whole_book(sim: &mut Sim, symbol: &str) -> Value {
    let target = format!("/api/v3/market/orderbook/level2?symbol={symbol}");
    let names = ["KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE"];
    let headers = names.map(|name| (name, "x"));
    let answer =
        sim.request(Venue::Kucoin, &HttpRequest { method: HttpMethod::Get, target: &target, headers: &headers });
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["code"], "200000");
    body["data"].clone()
}

#[test]
fn books_trades_and_candles_of_the_frames_are_the_truth() {
    for (seed, kucoin_binary_frames) in [(1, false), (2, true)] {
        let mut sim = Sim::new(SimSettings { seed, kucoin_binary_frames, ..SimSettings::default() });
        let mut reader = Reader::default();
        let classic = open(&mut sim);
        let list = SYMBOLS.join(",");
        let candles = SYMBOLS.map(|symbol| format!("{symbol}_1min")).join(",");
        for topic in ["/market/match", "/market/level2", "/spotMarket/level2Depth50"] {
            subscribe(&mut sim, classic, &format!("{topic}:{list}"));
        }
        subscribe(&mut sim, classic, &format!("/market/candles:{candles}"));
        let unified = sim.connect(Venue::Kucoin, "/").expect("accepted");
        for symbol in SYMBOLS {
            for channel in [r#""obu","depth":"increment@10ms""#, r#""trade""#] {
                let wanted = format!(r#""tradeType":"SPOT","symbol":"{symbol}","channel":{channel}"#);
                sim.receive(unified, &format!(r#"{{"id":"1","action":"subscribe",{wanted}}}"#));
            }
        }
        let start = sim.now();
        for step in 0..900 {
            // On this grid everything that is gathered has been told.
            wait(&mut sim, 100 * (1 + (step * 7_919) % 30));
            messages(&mut sim, classic).iter().for_each(|message| reader.read(message));
            for frame in frames(&mut sim, unified) {
                let bytes = match frame {
                    ServerFrame::Text(text) if !kucoin_binary_frames => text.into_bytes(),
                    ServerFrame::Binary(bytes) if kucoin_binary_frames => bytes,
                    other => panic!("{other:?}"),
                };
                reader.read_unified(&serde_json::from_slice(&bytes).expect("JSON"));
            }
            if step == 5 {
                for name in SYMBOLS {
                    let snapshot = whole_book(&mut sim, name);
                    reader.symbols.get_mut(name).expect("heard of").start(&snapshot);
                }
            }
            if step % 5 == 0 {
                sim.receive(classic, r#"{"id":"1","type":"ping"}"#);
                sim.receive(unified, r#"{"id":"1","type":"ping"}"#);
            }
            if step > 5 && step % 20 == 0 {
                SYMBOLS.iter().for_each(|name| assert_books(&sim, &reader, name));
            }
        }
        for name in SYMBOLS {
            assert_books(&sim, &reader, name);
            let (symbol, truth) = (&reader.symbols[name], sim.truth(Venue::Kucoin, name).expect("listed"));
            symbol.seen.assert_record(&truth, start, name);
            assert!(symbol.seen.updates > 1_000 && symbol.unified.updates > 1_000 && symbol.changes.zero_prices > 50);
            for candle in truth.candles.iter().filter(|c| c.open_time > start && c.trades > 0) {
                let told = symbol.candles.get(&candle.open_time.as_nanos());
                assert_eq!(told, Some(&true_candle(&truth, candle)), "{name} at {}", candle.open_time);
            }
        }
        assert!(reader.unified_trades > 100 && sim.limits_broken().is_empty(), "{:?}", sim.limits_broken());
    }
}

fn assert_books(sim: &Sim, reader: &Reader, name: &str) {
    let (symbol, truth) = (&reader.symbols[name], sim.truth(Venue::Kucoin, name).expect("listed"));
    symbol.seen.assert_book(&truth, usize::MAX, name);
    symbol.depth.assert_book(&truth, 50, &format!("{name} depth"));
    symbol.unified.assert_book(&truth, 500, &format!("{name} unified"));
    let is_whole = symbol.unified.bids.len() == truth.bids.len().min(500);
    assert!(is_whole && symbol.depth.bids.len() == 50, "{name}: levels that are not there");
}

#[test]
fn rest_rows_are_the_truth_newest_first() {
    let mut sim = Sim::new(SimSettings::default());
    wait(&mut sim, 1_200_000);
    let truth = sim.truth(Venue::Kucoin, "ETH-USDT").expect("listed");
    let mut get = |path: &str| -> Vec<Value> {
        let answer = sim.http(Venue::Kucoin, &format!("/api/v1/market/{path}"));
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        body["data"].as_array().unwrap_or_else(|| panic!("{body}")).clone()
    };
    let seconds = |row: &Value| row[0].as_str().expect("text").parse::<i64>().expect("seconds");
    let rows = get("candles?type=1min&symbol=ETH-USDT");
    let happened: Vec<_> = truth.candles.iter().rev().filter(|candle| candle.trades > 0).collect();
    assert_eq!(rows.len(), happened.len().min(1_500));
    for (row, candle) in rows.iter().zip(&happened) {
        assert_eq!(seconds(row), candle.open_time.as_secs());
        let [open, high, low, close, volume] = true_candle(&truth, candle);
        assert_eq!([1, 2, 3, 4, 5].map(|index: usize| units(&row[index])), [open, close, high, low, volume]);
    }
    let (from, to) = (seconds(&rows[20]), seconds(&rows[10]));
    let page = get(&format!("candles?type=1min&symbol=ETH-USDT&startAt={from}&endAt={to}"));
    assert_eq!(page, rows[11..=20], "the start is included, the end is not");
    let trades = get("histories?symbol=ETH-USDT");
    let ids: Vec<u64> = trades.iter().map(|trade| number(&trade["sequence"])).collect();
    let happened: Vec<u64> = truth.trades.iter().rev().take(100).map(|trade| trade.id).collect();
    assert_eq!(ids, happened);
}

#[test]
fn tokens_are_good_once() {
    let mut sim = Sim::new(SimSettings::default());
    let token = token(&mut sim);
    let path = format!("/?token={}&connectId=c7", token.replace('=', "%3D"));
    let first = sim.connect(Venue::Kucoin, &path).expect("accepted");
    assert_eq!(messages(&mut sim, first)[0], serde_json::json!({"id": "c7", "type": "welcome"}));
    let second = sim.connect(Venue::Kucoin, &path).expect("accepted");
    let refused = frames(&mut sim, second);
    let error = r#"{"id":"c7","type":"error","code":401,"data":"token is invalid"}"#;
    assert_eq!(refused[0], ServerFrame::Text(error.to_owned()));
    assert!(matches!(refused[1], ServerFrame::Close { .. }));
    assert_eq!(sim.limits_broken().len(), 1);
}

#[test]
fn subscriptions_are_answered_or_refused() {
    let mut sim = Sim::new(SimSettings::default());
    let connection = open(&mut sim);
    messages(&mut sim, connection);
    let mut ask = |topic: &str, answer: Value| {
        subscribe(&mut sim, connection, topic);
        assert_eq!(messages(&mut sim, connection), [answer], "{topic}");
    };
    let error = |code: u16, topic: &str, what: &str| serde_json::json!({"id": "1", "type": "error", "code": code, "data": format!("topic {topic} is {what}")});
    ask("/market/match:BTC-USDT,NOPE-USDT", serde_json::json!({"id": "1", "type": "ack"}));
    ask("/market/match: BTC-USDT", error(400, "/market/match: BTC-USDT", "invalid"));
    ask("/market/match:NOPE-USDT", error(404, "/market/match:NOPE-USDT", "not found"));
    ask("/market/xyz", error(404, "/market/xyz", "not found"));
    sim.receive(connection, r#"{"id":5,"type":"unsubscribe","topic":"/market/match:BTC-USDT"}"#);
    wait(&mut sim, 50_000);
    assert_eq!(messages(&mut sim, connection), Vec::<Value>::new(), "not answered, and nothing comes any more");
    wait(&mut sim, 20_000);
    let is_close = |frame: &ServerFrame| matches!(frame, ServerFrame::Close { .. });
    assert!(frames(&mut sim, connection).iter().any(is_close), "no ping for a minute");
    assert!(sim.limits_broken().is_empty(), "{:?}", sim.limits_broken());
}

#[test]
fn limits_are_kept_by_force() {
    let mut sim = Sim::new(SimSettings::default());
    let connection = open(&mut sim);
    let ping = r#"{"id":"1","type":"ping"}"#;
    (0..100).for_each(|_| sim.receive(connection, ping));
    assert!(sim.limits_broken().is_empty());
    sim.receive(connection, ping);
    assert!(matches!(frames(&mut sim, connection).last(), Some(ServerFrame::Close { .. })));
    let opened = (0..40).filter(|_| sim.connect(Venue::Kucoin, "/").is_ok()).count();
    assert_eq!((opened, sim.limits_broken().len()), (29, 1 + 11));

    let path = "/api/v1/market/histories?symbol=BTC-USDT";
    let statuses: Vec<u16> = (0..700).map(|_| sim.http(Venue::Kucoin, path).status).collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    // The token has cost ten.
    assert_eq!((served, statuses[699]), ((2_000 - 10) / 3, 429));
    let limited = sim.http(Venue::Kucoin, path);
    let body: Value = serde_json::from_slice(&limited.body).expect("JSON");
    assert_eq!((body["code"].as_str(), limited.header("gw-ratelimit-limit")), (Some("429000"), Some("2000")));
    let reset_ms: i64 = limited.header("GW-RATELIMIT-RESET").expect("told").parse().expect("milliseconds");
    wait(&mut sim, reset_ms);
    assert_eq!(sim.http(Venue::Kucoin, path).status, 200);
}

#[test]
fn who_does_not_read_misses_frames_and_is_not_told() {
    let mut sim = Sim::new(SimSettings { history_minutes: 10, ..SimSettings::default() });
    let connection = open(&mut sim);
    for topic in ["/market/level2", "/market/match", "/spotMarket/level1", "/spotMarket/level2Depth5"] {
        subscribe(&mut sim, connection, &format!("{topic}:{}", SYMBOLS.join(",")));
    }
    let numbers = |messages: Vec<Value>| -> Vec<(u64, u64)> {
        let of_btc = messages.into_iter().filter(|message| message["topic"] == "/market/level2:BTC-USDT");
        of_btc.map(|m| (number(&m["data"]["sequenceStart"]), number(&m["data"]["sequenceEnd"]))).collect()
    };
    for _ in 0..240 {
        wait(&mut sim, 30_000);
        sim.receive(connection, r#"{"id":"1","type":"ping"}"#);
    }
    let kept = numbers(messages(&mut sim, connection));
    wait(&mut sim, 10_000);
    let later = numbers(messages(&mut sim, connection));
    assert!(kept.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "what was kept follows each other");
    assert!(later[0].0 > kept[kept.len() - 1].1 + 1, "then there is a gap");
}
