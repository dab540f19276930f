//! What a client of Coinbase's frames alone can know is the truth; and the rules of the connection.

mod reader;

use std::collections::BTreeMap;

use reader::{Seen, SeenTrade, frames, messages, units, wait};
use serde_json::Value;
use sim::{ConnectionId, ServerFrame, Sim, SimSettings};
use types::{Timestamp, Venue};

const SYMBOLS: [&str; 4] = ["BTC-USD", "ETH-USD", "BTC-USDT", "ETH-USDT"];

/// A client of matches and books.
#[derive(Default)]
struct Reader {
    seen: BTreeMap<String, Seen>,
    last_matches: BTreeMap<String, u64>,
    heartbeats: usize,
    tickers: usize,
}

impl Reader {
    fn read(&mut self, message: &Value) {
        let text = |key: &str| message[key].as_str().unwrap_or_default();
        let symbol = text("product_id").to_owned();
        let seen = self.seen.entry(symbol.clone()).or_default();
        match text("type") {
            "snapshot" => seen.replace(&message["bids"], &message["asks"]),
            "l2update" => {
                seen.updates += 1;
                for change in message["changes"].as_array().expect("changes") {
                    seen.set(change[0] == "buy", units(&change[1]), units(&change[2]));
                }
                assert!(!seen.is_crossed(), "{symbol} crossed");
            }
            "last_match" => {
                self.last_matches.insert(symbol, message["trade_id"].as_u64().expect("id"));
            }
            "match" => seen.add_trade(message["trade_id"].as_u64().expect("id"), trade(message)),
            "ticker" => {
                self.tickers += 1;
                assert_eq!(units(&message["best_bid"]).cmp(&units(&message["best_ask"])), std::cmp::Ordering::Less);
                if let Some(trade) = seen.trades.get(&message["trade_id"].as_u64().expect("id")) {
                    // Here the side is the taker's.
                    assert_eq!(message["side"] == "buy", trade.is_buy);
                    assert_eq!(units(&message["last_size"]), trade.qty);
                }
            }
            "heartbeat" => {
                self.heartbeats += 1;
                let last = seen.trades.last_key_value().map(|(id, _)| *id).or(self.last_matches.get(&symbol).copied());
                assert_eq!(message["last_trade_id"].as_u64(), last, "{symbol}");
            }
            "subscriptions" => {}
            other => panic!("unexpected {other}: {message}"),
        }
    }
}

/// The side told is the maker's.
fn trade(message: &Value) -> SeenTrade {
    let nanos = |time: &Value| {
        let time = time.as_str().and_then(|text| Timestamp::parse_rfc3339(text.as_bytes()));
        time.expect("a time").as_nanos()
    };
    let (price, qty) = (units(&message["price"]), units(&message["size"]));
    SeenTrade { price, qty, is_buy: message["side"] == "sell", at: nanos(&message["time"]) }
}

fn subscribe(sim: &mut Sim, connection: ConnectionId, symbols: &[&str], channels: &[&str]) {
    let request = serde_json::json!({"type": "subscribe", "product_ids": symbols, "channels": channels});
    sim.receive(connection, &request.to_string());
}

#[test]
fn books_trades_and_candles_of_the_frames_are_the_truth() {
    for seed in 1..4 {
        let mut sim = Sim::new(SimSettings { seed, ..SimSettings::default() });
        let connection = sim.connect(Venue::Coinbase, "/").expect("accepted");
        let mut reader = Reader::default();
        subscribe(&mut sim, connection, &SYMBOLS, &["level2_batch", "matches", "ticker", "heartbeat"]);
        let start = sim.now();
        for step in 0..900 {
            // Only on the grid of the batches is the book that was told the book that is.
            wait(&mut sim, 50 * (1 + (step * 7_919) % 60));
            messages(&mut sim, connection).iter().for_each(|message| reader.read(message));
            if step % 20 == 0 {
                for symbol in SYMBOLS {
                    let truth = sim.truth(Venue::Coinbase, symbol).expect("listed");
                    reader.seen[symbol].assert_book(&truth, usize::MAX, &format!("seed {seed} {symbol}"));
                }
            }
        }
        for symbol in SYMBOLS {
            let (seen, truth) = (&reader.seen[symbol], sim.truth(Venue::Coinbase, symbol).expect("listed"));
            let name = format!("seed {seed} {symbol}");
            seen.assert_book(&truth, usize::MAX, &name);
            seen.assert_record(&truth, start, &name);
            assert!(seen.updates > 500, "{name}: only {} updates", seen.updates);
            let first = seen.trades.first_key_value().map(|(id, _)| *id);
            assert_eq!(first, Some(reader.last_matches[symbol] + 1), "the last match is the one before");
        }
        let seconds = (sim.now().as_secs() - start.as_secs()) as usize;
        assert_eq!(reader.heartbeats, seconds * SYMBOLS.len());
        assert!(reader.tickers > 100 && sim.limits_broken().is_empty());
    }
}

fn reply(sim: &mut Sim, connection: ConnectionId, text: &str) -> Vec<Value> {
    wait(sim, 200);
    frames(sim, connection);
    sim.receive(connection, text);
    messages(sim, connection)
}

#[test]
fn answers_list_the_whole_connection_and_one_bad_product_rejects_all() {
    let mut sim = Sim::new(SimSettings::default());
    let connection = sim.connect(Venue::Coinbase, "/").expect("accepted");
    let mut ask = |text: &str| reply(&mut sim, connection, text);
    let first = ask(r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["heartbeat","level2_batch"]}"#);
    let kinds: Vec<&str> = first.iter().filter_map(|message| message["type"].as_str()).collect();
    assert_eq!(kinds, ["subscriptions", "snapshot"]);
    let second = ask(r#"{"type":"subscribe","channels":[{"name":"matches","product_ids":["ETH-USD"]},"status"]}"#);
    let listed = serde_json::json!([
        {"name": "heartbeat", "product_ids": ["BTC-USD"]},
        {"name": "level2_batch", "product_ids": ["BTC-USD"]},
        {"name": "matches", "product_ids": ["ETH-USD"]},
        {"name": "status", "product_ids": []},
    ]);
    assert_eq!(second[0]["channels"], listed);
    assert_eq!((&second[1]["type"], &second[2]["type"]), (&"status".into(), &"last_match".into()));
    let refused = ask(r#"{"type":"subscribe","product_ids":["ETH-USD","NOPE-USD"],"channels":["ticker"]}"#);
    assert_eq!(refused[0]["reason"], "NOPE-USD is not a valid product");
    let private = ask(r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["full"]}"#);
    assert_eq!(private[0]["message"], "Failed to subscribe");
    let left = ask(r#"{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["level2_batch","status"]}"#);
    let names: Vec<&Value> = left[0]["channels"].as_array().expect("list").iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["heartbeat", "matches"]);
    let again = ask(r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#);
    assert_eq!(again[1]["type"], "snapshot", "a new subscription begins with a new snapshot");
}

fn close_code(frames: &[ServerFrame]) -> Option<u16> {
    frames.iter().find_map(|f| if let ServerFrame::Close { code, .. } = f { Some(*code) } else { None })
}

#[test]
fn who_does_not_subscribe_in_time_is_dropped() {
    let mut sim = Sim::new(SimSettings::default());
    let [mute, wrong, quick] = [(); 3].map(|()| sim.connect(Venue::Coinbase, "/").expect("accepted"));
    subscribe(&mut sim, wrong, &["NOPE-USD"], &["matches"]);
    subscribe(&mut sim, quick, &["BTC-USD"], &["heartbeat"]);
    wait(&mut sim, 5_000);
    assert_eq!([mute, wrong, quick].map(|c| close_code(&frames(&mut sim, c)).is_some()), [true, true, false]);
    let broken: Vec<_> = sim.limits_broken().iter().map(|b| (b.venue, b.connection)).collect();
    assert_eq!(broken, [(Venue::Coinbase, Some(mute)), (Venue::Coinbase, Some(wrong))]);
}

#[test]
fn limits_are_kept_by_force() {
    let mut sim = Sim::new(SimSettings::default());
    let connections: Vec<_> = (0..11)
        .map(|_| {
            wait(&mut sim, 300);
            let connection = sim.connect(Venue::Coinbase, "/").expect("accepted");
            subscribe(&mut sim, connection, &["BTC-USD"], &["ticker"]);
            connection
        })
        .collect();
    let last = messages(&mut sim, connections[10]);
    assert_eq!(last[0]["reason"], "more than 10 subscriptions of ticker for BTC-USD");
    assert_eq!(sim.limits_broken().len(), 1);

    wait(&mut sim, 3_000);
    let chatty = connections[0];
    frames(&mut sim, chatty);
    (0..101).for_each(|_| subscribe(&mut sim, chatty, &["BTC-USD"], &["ticker"]));
    let answers = frames(&mut sim, chatty);
    let limited = |f: &&ServerFrame| matches!(f, ServerFrame::Text(text) if text.contains("Rate limit exceeded"));
    assert_eq!(answers.iter().filter(limited).count(), 80, "twenty at once are served");
    assert_eq!(close_code(&answers), Some(1008));
    assert_eq!(sim.limits_broken().len(), 1 + 80 + 1);
    assert!(sim.connect(Venue::Coinbase, "/").is_err(), "connections count as well");
}

#[test]
fn who_does_not_read_is_dropped_and_that_is_no_limit() {
    let mut sim = Sim::new(SimSettings { history_minutes: 10, ..SimSettings::default() });
    let connection = sim.connect(Venue::Coinbase, "/").expect("accepted");
    subscribe(&mut sim, connection, &SYMBOLS, &["level2_batch", "matches", "ticker", "heartbeat"]);
    wait(&mut sim, 2 * 3_600_000);
    let left = frames(&mut sim, connection);
    assert_eq!((left.len(), close_code(&left)), (1, Some(1008)), "what it did not read is gone");
    assert!(sim.limits_broken().is_empty());
}
