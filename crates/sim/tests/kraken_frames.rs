//! What a client of Kraken's frames alone can know is the truth. The reader here is small and shares no code with
//! `crates/feed` or the simulator: texts, maps, and a checksum bit by bit.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sim::{ConnectionId, ServerFrame, Sim, SimSettings, Truth};
use types::time::{NS_PER_MIN, NS_PER_MS};
use types::{Side, Timestamp, Venue};

const SYMBOLS: [&str; 4] = ["BTC/USD", "ETH/USD", "BTC/USDT", "ETH/USDT"];

#[derive(Deserialize)]
struct Message<'a> {
    channel: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    success: Option<bool>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BookData<'a> {
    symbol: String,
    #[serde(borrow)]
    bids: Vec<LevelData<'a>>,
    #[serde(borrow)]
    asks: Vec<LevelData<'a>>,
    checksum: u32,
}

#[derive(Deserialize)]
struct LevelData<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
}

#[derive(Deserialize)]
struct TradeData<'a> {
    symbol: String,
    side: String,
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
    trade_id: u64,
    timestamp: String,
}

#[derive(Deserialize)]
struct CandleData<'a> {
    symbol: String,
    #[serde(borrow)]
    open: &'a RawValue,
    #[serde(borrow)]
    high: &'a RawValue,
    #[serde(borrow)]
    low: &'a RawValue,
    #[serde(borrow)]
    close: &'a RawValue,
    #[serde(borrow)]
    volume: &'a RawValue,
    trades: u32,
    interval_begin: String,
}

/// The digits of a number as an integer: full precision is always written.
fn digits(number: &RawValue) -> u64 {
    number.get().replace('.', "").parse().expect("plain digits")
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SeenTrade {
    id: u64,
    price: u64,
    qty: u64,
    is_buy: bool,
    at: Timestamp,
}

/// Open, high, low, close, volume, count.
type SeenCandle = (u64, u64, u64, u64, u64, u32);

#[derive(Default)]
struct Seen {
    depth: usize,
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
    updates: usize,
    trades: Vec<SeenTrade>,
    candles: BTreeMap<i64, SeenCandle>,
}

#[derive(Default)]
struct Reader {
    seen: BTreeMap<String, Seen>,
    acks: usize,
    refusals: usize,
    heartbeats: usize,
    statuses: usize,
}

impl Reader {
    fn read(&mut self, text: &str) {
        let message: Message<'_> = serde_json::from_str(text).expect("JSON");
        let data = message.data.map_or("null", RawValue::get);
        match (message.channel.as_deref(), message.success) {
            (None, Some(true)) => self.acks += 1,
            (None, Some(false)) => self.refusals += 1,
            (Some("heartbeat"), _) => self.heartbeats += 1,
            (Some("status"), _) => self.statuses += 1,
            (Some("book"), _) => {
                for book in serde_json::from_str::<Vec<BookData<'_>>>(data).expect("book") {
                    let seen = self.seen.get_mut(&book.symbol).expect("subscribed");
                    seen.read_book(message.kind.as_deref() == Some("snapshot"), &book);
                }
            }
            (Some("trade"), _) => {
                for trade in serde_json::from_str::<Vec<TradeData<'_>>>(data).expect("trade") {
                    self.seen.get_mut(&trade.symbol).expect("subscribed").trades.push(SeenTrade {
                        id: trade.trade_id,
                        price: digits(trade.price),
                        qty: digits(trade.qty),
                        is_buy: trade.side == "buy",
                        at: Timestamp::parse_rfc3339(trade.timestamp.as_bytes()).expect("time"),
                    });
                }
            }
            (Some("ohlc"), _) => {
                for c in serde_json::from_str::<Vec<CandleData<'_>>>(data).expect("ohlc") {
                    let begin = Timestamp::parse_rfc3339(c.interval_begin.as_bytes()).expect("time");
                    let row =
                        (digits(c.open), digits(c.high), digits(c.low), digits(c.close), digits(c.volume), c.trades);
                    self.seen.get_mut(&c.symbol).expect("subscribed").candles.insert(begin.as_nanos(), row);
                }
            }
            other => panic!("unexpected {other:?}: {text}"),
        }
    }
}

impl Seen {
    fn read_book(&mut self, is_snapshot: bool, book: &BookData<'_>) {
        if is_snapshot {
            self.bids.clear();
            self.asks.clear();
        } else {
            self.updates += 1;
        }
        for (side, levels) in [(&mut self.bids, &book.bids), (&mut self.asks, &book.asks)] {
            for level in levels {
                match digits(level.qty) {
                    0 => side.remove(&digits(level.price)),
                    qty => side.insert(digits(level.price), qty),
                };
            }
        }
        while self.bids.len() > self.depth {
            self.bids.pop_first();
        }
        while self.asks.len() > self.depth {
            self.asks.pop_last();
        }
        let mut text = String::new();
        for (price, qty) in self.asks.iter().take(10).chain(self.bids.iter().rev().take(10)) {
            text += &format!("{price}{qty}");
        }
        assert_eq!(crc32(text.as_bytes()), book.checksum, "{} after {} updates", book.symbol, self.updates);
    }

    fn assert_book(&self, truth: &Truth, name: &str) {
        let flat = |levels: &[types::Level]| -> Vec<(u64, u64)> {
            levels.iter().take(self.depth).map(|l| (l.price.mantissa() as u64, l.qty.0)).collect()
        };
        let pairs = |(price, qty): (&u64, &u64)| (*price, *qty);
        assert_eq!(self.bids.iter().rev().map(pairs).collect::<Vec<_>>(), flat(&truth.bids), "{name} bids");
        assert_eq!(self.asks.iter().map(pairs).collect::<Vec<_>>(), flat(&truth.asks), "{name} asks");
    }

    /// Minutes built from the trades seen.
    fn built(&self) -> BTreeMap<i64, SeenCandle> {
        let mut minutes: BTreeMap<i64, SeenCandle> = BTreeMap::new();
        for t in &self.trades {
            let minute = t.at.as_nanos() / NS_PER_MIN * NS_PER_MIN;
            let row = minutes.entry(minute).or_insert((t.price, t.price, t.price, t.price, 0, 0));
            *row = (row.0, row.1.max(t.price), row.2.min(t.price), t.price, row.4 + t.qty, row.5 + 1);
        }
        minutes
    }
}

fn pump(sim: &mut Sim, connection: ConnectionId, reader: &mut Reader) {
    let mut frames = Vec::new();
    sim.poll(connection, &mut frames);
    for frame in frames {
        match frame {
            ServerFrame::Text(text) => reader.read(&text),
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn after(sim: &Sim, ms: i64) -> Timestamp {
    Timestamp::from_nanos(sim.now().as_nanos() + ms * NS_PER_MS)
}

#[test]
fn books_trades_and_candles_of_the_frames_are_the_truth() {
    for (seed, depth) in [(1, 10), (2, 25), (3, 100), (4, 500), (5, 1_000)] {
        let mut sim = Sim::new(SimSettings { seed, ..SimSettings::default() });
        let connection = sim.connect(Venue::Kraken, "/v2").expect("accepted");
        let mut reader = Reader::default();
        for symbol in SYMBOLS {
            reader.seen.insert(symbol.to_owned(), Seen { depth, ..Seen::default() });
        }
        let list = serde_json::json!(SYMBOLS);
        for channel in ["trade", "ohlc"] {
            sim.receive(
                connection,
                &format!(r#"{{"method":"subscribe","params":{{"channel":"{channel}","symbol":{list}}}}}"#),
            );
        }
        let book = format!(r#"{{"method":"subscribe","params":{{"channel":"book","symbol":{list},"depth":{depth}}}}}"#);
        sim.receive(connection, &book);
        let start = sim.now();
        for step in 0..900 {
            let to = after(&sim, 1 + (step * 7_919) % 4_000);
            sim.advance(to);
            pump(&mut sim, connection, &mut reader);
            if step % 50 == 0 {
                for (symbol, seen) in &reader.seen {
                    let truth = sim.truth(Venue::Kraken, symbol).expect("listed");
                    seen.assert_book(&truth, &format!("seed {seed} {symbol}"));
                }
            }
        }
        assert_eq!((reader.acks, reader.refusals, reader.statuses), (12, 0, 1));
        for (symbol, seen) in &reader.seen {
            assert_symbol(&sim, symbol, seen, start);
        }
    }
}

fn assert_symbol(sim: &Sim, symbol: &str, seen: &Seen, start: Timestamp) {
    let truth = sim.truth(Venue::Kraken, symbol).expect("listed");
    seen.assert_book(&truth, symbol);
    assert!(seen.updates > 500, "{symbol}: only {} updates", seen.updates);
    let happened: Vec<SeenTrade> = truth
        .trades
        .iter()
        .filter(|t| t.at > start)
        .map(|t| SeenTrade {
            id: t.id,
            price: t.price.mantissa() as u64,
            qty: t.qty.0,
            is_buy: t.taker == Side::Buy,
            at: t.at,
        })
        .collect();
    assert_eq!(seen.trades, happened, "{symbol} trades");
    let true_candles: BTreeMap<i64, SeenCandle> = truth
        .candles
        .iter()
        .filter(|c| c.trades > 0)
        .map(|c| {
            let [o, h, l, x] = [c.open, c.high, c.low, c.close].map(|p| p.mantissa() as u64);
            (c.open_time.as_nanos(), (o, h, l, x, c.volume.0, c.trades))
        })
        .collect();
    // The minute in which we connected began before us.
    let first = start.as_nanos();
    for (minute, built) in seen.built().range(first + 1..) {
        assert_eq!(Some(built), true_candles.get(minute), "{symbol} built minute");
    }
    for (minute, pushed) in &seen.candles {
        assert_eq!(Some(pushed), true_candles.get(minute), "{symbol} pushed minute");
    }
    assert!(
        seen.candles.len() > 15 && true_candles.range(first..).all(|(minute, _)| seen.candles.contains_key(minute))
    );
}

#[test]
fn heartbeats_come_when_nothing_else_does_and_pings_are_answered() {
    let mut sim = Sim::new(SimSettings::default());
    let connection = sim.connect(Venue::Kraken, "/v2").expect("accepted");
    let to = after(&sim, 5_000);
    sim.advance(to);
    let mut frames = Vec::new();
    sim.poll(connection, &mut frames);
    assert_eq!(frames.len(), 1, "without a subscription only the status: {frames:?}");
    sim.receive(connection, r#"{"method":"subscribe","params":{"channel":"instrument"}}"#);
    sim.receive(connection, r#"{"method":"ping","req_id":101}"#);
    let to = after(&sim, 3_000);
    sim.advance(to);
    frames.clear();
    sim.poll(connection, &mut frames);
    let texts: Vec<&str> = frames.iter().map(|f| if let ServerFrame::Text(t) = f { t.as_str() } else { "" }).collect();
    assert_eq!(texts.iter().filter(|t| **t == r#"{"channel":"heartbeat"}"#).count(), 3);
    assert!(texts.iter().any(|t| t.contains(r#""method":"pong""#) && t.contains(r#""req_id":101"#)), "{texts:?}");
}

#[test]
fn requests_and_idleness_are_limited() {
    let mut sim = Sim::new(SimSettings::default());
    let [chatty, idle] = [(); 2].map(|()| sim.connect(Venue::Kraken, "/v2").expect("accepted"));
    (0..40).for_each(|id| sim.receive(chatty, &format!(r#"{{"method":"ping","req_id":{id}}}"#)));
    let mut frames = Vec::new();
    sim.poll(chatty, &mut frames);
    let is_refused = |f: &&ServerFrame| **f == ServerFrame::Text(r#"{"Error":"Exceeded msg rate"}"#.to_owned());
    assert_eq!((frames.len(), frames.iter().filter(is_refused).count()), (41, 10));
    assert_eq!(sim.limits_broken().len(), 10);
    let to = after(&sim, 61_000);
    sim.advance(to);
    frames.clear();
    sim.poll(idle, &mut frames);
    assert!(matches!(frames.last(), Some(ServerFrame::Close { .. })), "a minute without a word");
    assert_eq!(sim.limits_broken().len(), 10, "which is not a limit");
}

#[test]
fn a_bad_symbol_does_not_hurt_its_neighbours() {
    let mut sim = Sim::new(SimSettings::default());
    let connection = sim.connect(Venue::Kraken, "/v2").expect("accepted");
    let send = |sim: &mut Sim, text: &str| {
        sim.receive(connection, text);
        let mut frames = Vec::new();
        sim.poll(connection, &mut frames);
        frames.into_iter().filter_map(|f| if let ServerFrame::Text(t) = f { Some(t) } else { None }).collect::<Vec<_>>()
    };
    let answers = send(
        &mut sim,
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["XXX/\"USD","BTC/USD"],"depth":10},"req_id":3}"#,
    );
    assert!(answers[1].contains(r#""error":"Currency pair not supported XXX/\"USD""#), "{}", answers[1]);
    assert!(answers[1].contains(r#""success":false"#) && answers[1].contains(r#""req_id":3"#));
    assert!(answers[2].contains(r#""success":true"#) && answers[3].contains(r#""type":"snapshot""#));
    for answer in &answers {
        serde_json::from_str::<serde_json::Value>(answer).expect("JSON");
    }
    let again = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}}"#;
    assert!(send(&mut sim, again)[0].contains("Already subscribed"));
    let wrong_depth = r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}}"#;
    assert!(send(&mut sim, wrong_depth)[0].contains("Subscription Not Found"));
    let right = r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}"#;
    assert!(send(&mut sim, right)[0].contains(r#""success":true"#));
    assert!(sim.connect(Venue::Kraken, "/v7").is_err());
}
