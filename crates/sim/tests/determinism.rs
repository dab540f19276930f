//! Same seed and same calls, same bytes; and the clock may be advanced in any steps.

use sim::{ServerFrame, Sim, SimSettings};
use types::time::NS_PER_MS;
use types::{Timestamp, Venue};

/// All frames of all venues over four minutes in steps of `step_ms`, and a few REST answers.
fn transcript(seed: u64, step_ms: i64) -> (Vec<ServerFrame>, Vec<Vec<u8>>) {
    let mut sim = Sim::new(SimSettings { seed, ..SimSettings::default() });
    let start = sim.now();
    let kraken = sim.connect(Venue::Kraken, "/v2").expect("accepted");
    for channel in ["book", "trade", "ohlc", "ticker"] {
        let params = format!(r#"{{"channel":"{channel}","symbol":["BTC/USD","ETH/USDT"]}}"#);
        sim.receive(kraken, &format!(r#"{{"method":"subscribe","params":{params}}}"#));
    }
    let path = "/stream?streams=btcusdt@depth@100ms/ethusdt@aggTrade/btcusdt@kline_1m/!miniTicker@arr";
    let binance = sim.connect(Venue::BinanceUs, path).expect("accepted");
    let coinbase = sim.connect(Venue::Coinbase, "/").expect("accepted");
    let channels = r#"["level2_batch","matches","ticker","ticker_batch","heartbeat","status"]"#;
    sim.receive(coinbase, &format!(r#"{{"type":"subscribe","product_ids":["ETH-USD"],"channels":{channels}}}"#));
    let kucoin = sim.connect(Venue::Kucoin, "/").expect("accepted");
    for channel in [r#""trade""#, r#""obu","depth":"increment@10ms""#, r#""kline","interval":"1min""#] {
        let wanted = format!(r#""tradeType":"SPOT","symbol":"BTC-USDT","channel":{channel}"#);
        sim.receive(kucoin, &format!(r#"{{"id":"1","action":"subscribe",{wanted}}}"#));
    }
    let connections = [kraken, binance, coinbase, kucoin];
    let mut frames = [const { Vec::new() }; 4];
    for step in 1..=4 * 60_000 / step_ms {
        sim.advance(Timestamp::from_nanos(start.as_nanos() + step * step_ms * NS_PER_MS));
        for (connection, frames) in connections.into_iter().zip(&mut frames) {
            sim.poll(connection, frames);
        }
    }
    let frames = frames.concat();
    let answers = ["/api/v3/depth?symbol=BTCUSDT&limit=5000", "/api/v3/klines?symbol=ETHUSDT&interval=1m"]
        .map(|path| sim.http(Venue::BinanceUs, path).body);
    (frames, answers.into())
}

#[test]
fn same_seed_same_bytes_in_any_steps() {
    let one = transcript(11, 100);
    assert!(one.0.len() > 1_000, "{} frames", one.0.len());
    assert_eq!(one, transcript(11, 100));
    assert_eq!(one, transcript(11, 6_000));
    assert_ne!(one, transcript(12, 100));
}

/// The first levels of one seed, written down: a change of the generator, or a machine that computes differently, shows.
#[test]
fn the_market_of_a_seed_is_the_same_everywhere() {
    let mut sim = Sim::new(SimSettings { seed: 42, ..SimSettings::default() });
    let start = sim.now();
    sim.advance(Timestamp::from_nanos(start.as_nanos() + 600_000 * NS_PER_MS));
    let mut digest = 0xCBF2_9CE4_8422_2325u64;
    for (venue, symbol) in [(Venue::Kraken, "BTC/USD"), (Venue::BinanceUs, "ETHUSDT")] {
        let truth = sim.truth(venue, symbol).expect("listed");
        let numbers = (truth.bids.iter().chain(&truth.asks).flat_map(|l| [l.price.mantissa() as u64, l.qty.0]))
            .chain(truth.trades.iter().flat_map(|t| [t.id, t.price.mantissa() as u64, t.qty.0, t.at.as_nanos() as u64]))
            .chain(truth.candles.iter().flat_map(|c| [c.high.mantissa() as u64, c.volume.0, c.trades.into()]));
        // FNV-1a over whole numbers.
        numbers.for_each(|number| digest = (digest ^ number).wrapping_mul(0x0000_0100_0000_01B3));
    }
    assert_eq!(digest, 10_885_265_261_451_273_283);
}

/// A message for each feed.
const VALID: [&str; 5] = [
    r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10},"req_id":1}"#,
    r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","ethusdt@kline_1m"],"id":1}"#,
    r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch",{"name":"ticker"}]}"#,
    r#"{"id":"1","type":"subscribe","topic":"/market/candles:BTC-USDT_1min","response":true}"#,
    r#"{"id":"1","action":"subscribe","channel":"obu","tradeType":"SPOT","symbol":"BTC-USDT","depth":"increment@10ms"}"#,
];

#[test]
fn nothing_a_client_sends_breaks_it() {
    let settings = SimSettings { history_minutes: 2, ..SimSettings::default() };
    let sim = std::cell::RefCell::new(Sim::new(settings));
    proptest::proptest!(|(text: String, path: String, cut in 0usize..120)| {
        let mut sim = sim.borrow_mut();
        let cuts = VALID.map(|valid| valid.chars().take(cut).collect::<String>());
        for venue in Venue::ALL {
            let _ = sim.http(venue, &path);
            let _ = sim.http(venue, &format!("/api/v3/klines?symbol=BTCUSDT&interval=1m&{path}"));
            let _ = sim.http(venue, &format!("/0/public/Trades?pair=XBTUSD&since={path}"));
            let _ = sim.http(venue, &format!("/products/BTC-USD/candles?start=1&end={path}"));
            let _ = sim.http(venue, &format!("/products/BTC-USD/trades?after={path}"));
            let _ = sim.http(venue, &format!("/api/v1/market/candles?symbol=BTC-USDT&type=1min&startAt={path}"));
            let _ = sim.connect(venue, &path);
            for path in ["/v2", "/ws", "/", "/?token=x"] {
                let now = sim.now();
                sim.advance(Timestamp::from_nanos(now.as_nanos() + 3_000 * NS_PER_MS));
                if let Ok(connection) = sim.connect(venue, path) {
                    sim.receive(connection, &text);
                    cuts.iter().for_each(|cut| sim.receive(connection, cut));
                    sim.pong(connection);
                    sim.disconnect(connection);
                    sim.receive(connection, &text);
                }
            }
        }
    });
}
