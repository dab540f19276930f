//! What a client of Binance.US's frames alone can know is the truth. The reader here is small and shares no code with
//! `crates/feed` or the simulator.

use std::collections::BTreeMap;

use serde_json::Value;
use sim::{ConnectionId, ServerFrame, Sim, SimSettings, Truth};
use types::time::{NS_PER_MIN, NS_PER_MS};
use types::{Side, Timestamp, Venue};

const STREAMS: [&str; 6] = ["depth@100ms", "depth", "aggTrade", "trade", "kline_1m", "bookTicker"];

/// Text with eight fraction digits as an integer.
fn units(value: &Value) -> i128 {
    let text = value.as_str().expect("a string");
    let (whole, fraction) = text.split_once('.').expect("a point");
    assert_eq!(fraction.len(), 8, "{text}");
    format!("{whole}{fraction}").parse().expect("digits")
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not an integer: {value}"))
}

#[derive(Default)]
struct Book {
    id: Option<i64>,
    waiting: Vec<Value>,
    events: usize,
    bids: BTreeMap<i128, i128>,
    asks: BTreeMap<i128, i128>,
}

#[derive(Default)]
struct Seen {
    fast: Book,
    slow: Book,
    /// Price, quantity, taker buys, milliseconds.
    trades: BTreeMap<i64, (i128, i128, bool, i64)>,
    /// Price, quantity, first and last trade.
    aggregates: BTreeMap<i64, (i128, i128, i64, i64)>,
    /// Open, high, low, close, volume, count, final.
    klines: BTreeMap<i64, ([i128; 4], i128, i64, bool)>,
    touch: Option<[i128; 4]>,
}

impl Book {
    fn start(&mut self, snapshot: &Value) {
        self.id = Some(int(&snapshot["lastUpdateId"]));
        apply(&mut self.bids, &snapshot["bids"]);
        apply(&mut self.asks, &snapshot["asks"]);
        for event in std::mem::take(&mut self.waiting) {
            self.read(&event);
        }
    }

    /// The venue's procedure, steps 4 to 7.
    fn read(&mut self, event: &Value) {
        let Some(id) = self.id else {
            self.waiting.push(event.clone());
            return;
        };
        let (first, last) = (int(&event["U"]), int(&event["u"]));
        if last <= id {
            return;
        }
        if self.events == 0 {
            assert!(first <= id + 1 && id < last, "the first event {first}..{last} does not splice to {id}");
        } else {
            assert_eq!(first, id + 1, "gap");
        }
        apply(&mut self.bids, &event["b"]);
        apply(&mut self.asks, &event["a"]);
        assert!(self.bids.last_key_value().expect("bids").0 < self.asks.first_key_value().expect("asks").0, "crossed");
        self.id = Some(last);
        self.events += 1;
    }
}

fn apply(side: &mut BTreeMap<i128, i128>, levels: &Value) {
    for level in levels.as_array().expect("levels") {
        match units(&level[1]) {
            0 => side.remove(&units(&level[0])),
            qty => side.insert(units(&level[0]), qty),
        };
    }
}

impl Seen {
    fn read(&mut self, stream: &str, data: &Value) {
        match stream {
            "depth@100ms" => self.fast.read(data),
            "depth" => self.slow.read(data),
            "trade" => {
                let row = (units(&data["p"]), units(&data["q"]), data["m"] == false, int(&data["T"]));
                assert!(self.trades.insert(int(&data["t"]), row).is_none(), "doubled trade");
            }
            "aggTrade" => {
                let row = (units(&data["p"]), units(&data["q"]), int(&data["f"]), int(&data["l"]));
                assert!(self.aggregates.insert(int(&data["a"]), row).is_none(), "doubled aggregate");
            }
            "kline_1m" => {
                let k = &data["k"];
                let prices = [&k["o"], &k["h"], &k["l"], &k["c"]].map(units);
                let row = (prices, units(&k["v"]), int(&k["n"]), k["x"] == true);
                let before = self.klines.insert(int(&k["t"]), row);
                assert!(before.is_none_or(|b| !b.3), "a candle changed after it was final");
            }
            "bookTicker" => {
                let touch = [&data["b"], &data["B"], &data["a"], &data["A"]].map(units);
                assert_ne!(self.touch, Some(touch), "nothing changed");
                self.touch = Some(touch);
            }
            other => panic!("unexpected stream {other}"),
        }
    }
}

fn pump(sim: &mut Sim, connection: ConnectionId, seen: &mut BTreeMap<String, Seen>) {
    let mut frames = Vec::new();
    sim.poll(connection, &mut frames);
    for frame in frames {
        match frame {
            ServerFrame::Ping(_) => sim.pong(connection),
            ServerFrame::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                let (symbol, stream) = message["stream"].as_str().expect("wrapped").split_once('@').expect("a name");
                seen.get_mut(&symbol.to_uppercase()).expect("subscribed").read(stream, &message["data"]);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn advance(sim: &mut Sim, ms: i64) {
    let to = Timestamp::from_nanos(sim.now().as_nanos() + ms * NS_PER_MS);
    sim.advance(to);
}

fn open(sim: &mut Sim) -> (ConnectionId, BTreeMap<String, Seen>) {
    let symbols = ["BTCUSDT", "ETHUSDT"];
    let names: Vec<String> =
        symbols.iter().flat_map(|s| STREAMS.map(|stream| format!("{}@{stream}", s.to_lowercase()))).collect();
    let path = format!("/stream?streams={}", names.join("/"));
    let connection = sim.connect(Venue::BinanceUs, &path).expect("accepted");
    (connection, symbols.map(|symbol| (symbol.to_owned(), Seen::default())).into())
}

#[test]
fn books_trades_and_candles_of_the_frames_are_the_truth() {
    for seed in 1..=4 {
        // In the middle of a minute, so that streams and books start anywhere.
        let start = Timestamp::from_millis(SimSettings::default().start.as_millis() + 33_471);
        let mut sim = Sim::new(SimSettings { seed, start, ..SimSettings::default() });
        let (connection, mut seen) = open(&mut sim);
        for step in 0..900 {
            advance(&mut sim, 1 + (step * 7_919) % 4_000);
            pump(&mut sim, connection, &mut seen);
            if step == 3 {
                for (symbol, seen) in &mut seen {
                    let answer = sim.http(Venue::BinanceUs, &format!("/api/v3/depth?symbol={symbol}&limit=5000"));
                    let snapshot: Value = serde_json::from_slice(&answer.body).expect("JSON");
                    seen.fast.start(&snapshot);
                    seen.slow.start(&snapshot);
                }
            }
        }
        // The last changes are sent with the next second.
        let second = sim.now().as_millis() / 1_000 * 1_000 + 1_000;
        sim.advance(Timestamp::from_millis(second));
        pump(&mut sim, connection, &mut seen);
        for (symbol, seen) in &seen {
            assert_symbol(&sim, symbol, seen, start, seed);
        }
    }
}

fn assert_symbol(sim: &Sim, symbol: &str, seen: &Seen, start: Timestamp, seed: u64) {
    let truth = sim.truth(Venue::BinanceUs, symbol).expect("listed");
    let price = |p: types::Price| i128::from(p.mantissa()) * 10i128.pow(u32::from(8 - truth.price_decimals));
    let qty = |q: types::Qty| i128::from(q.0) * 10i128.pow(u32::from(8 - truth.qty_decimals));
    for book in [&seen.fast, &seen.slow] {
        let bids: BTreeMap<i128, i128> = truth.bids.iter().map(|l| (price(l.price), qty(l.qty))).collect();
        let asks: BTreeMap<i128, i128> = truth.asks.iter().map(|l| (price(l.price), qty(l.qty))).collect();
        assert_eq!((&book.bids, &book.asks), (&bids, &asks), "seed {seed} {symbol} book");
        assert_eq!(book.id, Some(truth.update_id as i64));
    }
    assert!(seen.fast.events > seen.slow.events && seen.slow.events > 500);
    let best = (truth.bids[0], truth.asks[0]);
    let touch = [price(best.0.price), qty(best.0.qty), price(best.1.price), qty(best.1.qty)];
    assert_eq!(seen.touch, Some(touch), "{symbol} touch");
    assert_trades(&truth, seen, start, symbol);
    for (minute, kline) in &seen.klines {
        let candle = truth.candles.iter().find(|c| c.open_time.as_millis() == *minute).expect("a minute of the truth");
        let is_over = *minute + NS_PER_MIN / NS_PER_MS <= truth.at.as_millis();
        assert_eq!(kline.3, is_over, "{symbol}: final when the minute is over");
        if is_over {
            let prices = [candle.open, candle.high, candle.low, candle.close].map(price);
            assert_eq!(*kline, (prices, qty(candle.volume), i64::from(candle.trades), true), "{symbol} {minute}");
        }
    }
    let over = truth.candles.iter().filter(|c| c.open_time > start && c.open_time < truth.at);
    assert!(over.count() > 20 && seen.klines.len() > 20);
}

fn assert_trades(truth: &Truth, seen: &Seen, start: Timestamp, symbol: &str) {
    let price = |p: types::Price| i128::from(p.mantissa()) * 10i128.pow(u32::from(8 - truth.price_decimals));
    let qty = |q: types::Qty| i128::from(q.0) * 10i128.pow(u32::from(8 - truth.qty_decimals));
    let happened: BTreeMap<i64, _> = truth
        .trades
        .iter()
        .filter(|t| t.at > start)
        .map(|t| (t.id as i64, (price(t.price), qty(t.qty), t.taker == Side::Buy, t.at.as_millis())))
        .collect();
    assert_eq!(seen.trades, happened, "{symbol} trades");
    let ids: Vec<i64> = seen.aggregates.keys().copied().collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{symbol}: aggregates follow each other");
    let mut next = *seen.trades.keys().next().expect("trades");
    for (price, qty, first, last) in seen.aggregates.values() {
        assert_eq!(*first, next, "{symbol}: every trade is in one aggregate");
        let parts = seen.trades.range(first..=last);
        assert_eq!(parts.clone().map(|(_, t)| t.1).sum::<i128>(), *qty);
        assert!(parts.clone().all(|(_, t)| t.0 == *price));
        next = last + 1;
    }
}

fn texts(sim: &mut Sim, connection: ConnectionId) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    sim.poll(connection, &mut frames);
    frames
}

#[test]
fn control_messages_are_answered_and_unknown_streams_stay_silent() {
    let mut sim = Sim::new(SimSettings::default());
    let connection = sim.connect(Venue::BinanceUs, "/ws").expect("accepted");
    let mut ask = |text: &str, answer: &str| {
        advance(&mut sim, 1_000);
        texts(&mut sim, connection);
        sim.receive(connection, text);
        assert_eq!(texts(&mut sim, connection), [ServerFrame::Text(answer.to_owned())]);
    };
    ask(r#"{"method":"SUBSCRIBE","params":["nope@trade"],"id":1}"#, r#"{"result":null,"id":1}"#);
    ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#, r#"{"result":["nope@trade"],"id":3}"#);
    ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":5}"#, r#"{"result":false,"id":5}"#);
    ask(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":6}"#, r#"{"result":null,"id":6}"#);
    ask(r#"{"method":"UNSUBSCRIBE","params":["nope@trade"],"id":7}"#, r#"{"result":null,"id":7}"#);
    ask(r#"{"method":"NOPE","id":8}"#, r#"{"code":2,"msg":"Invalid request: unknown method"}"#);
    assert!(sim.connect(Venue::BinanceUs, "/v2").is_err());
}

#[test]
fn rules_of_the_connection_are_kept_by_force() {
    let closes = |frames: &[ServerFrame]| {
        frames.iter().find_map(|f| if let ServerFrame::Close { code, .. } = f { Some(*code) } else { None })
    };
    let mut sim = Sim::new(SimSettings::default());
    let chatty = sim.connect(Venue::BinanceUs, "/ws").expect("accepted");
    (0..6).for_each(|id| sim.receive(chatty, &format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#)));
    let frames = texts(&mut sim, chatty);
    assert_eq!((frames.len(), closes(&frames)), (6, Some(1_008)));
    assert!(texts(&mut sim, chatty).is_empty(), "a closed connection is gone");

    let mute = sim.connect(Venue::BinanceUs, "/ws").expect("accepted");
    let polite = sim.connect(Venue::BinanceUs, "/ws").expect("accepted");
    let (mut mute_frames, mut pings) = (Vec::new(), 0);
    for _ in 0..24 * 60 * 6 + 6 {
        advance(&mut sim, 10_000);
        mute_frames.extend(texts(&mut sim, mute));
        for frame in texts(&mut sim, polite) {
            match frame {
                ServerFrame::Ping(_) => {
                    sim.pong(polite);
                    pings += 1;
                }
                ServerFrame::Close { code, .. } => {
                    assert_eq!(code, 1_001, "only age ends it");
                    pings += 1_000_000;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(mute_frames.len(), 4, "three pings, then the end: {mute_frames:?}");
    assert_eq!(closes(&mute_frames), Some(1_008));
    assert_eq!(pings, 1_000_000 + 3 * 60 * 24 - 1);
}
