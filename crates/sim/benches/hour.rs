//! What a virtual hour of the default market costs: alone, and with a client on each venue that hears everything.
//!
//! `cargo bench -p tickerbox-sim --bench hour`
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use sim::{ConnectionId, ServerFrame, Sim, SimSettings};
use types::time::NS_PER_S;
use types::{Timestamp, Venue};

fn main() {
    let began = Instant::now();
    let mut sim = Sim::new(SimSettings::default());
    println!("a market with its history: {:?}", began.elapsed());
    let began = Instant::now();
    run_hour(&mut sim, |_| {});
    println!("an hour, nobody listening: {:?}", began.elapsed());
    SimSettings::default().listings.iter().for_each(|listing| show(&sim, listing.venue, &listing.symbol));

    let clients = clients(&mut sim);
    let (mut frames, mut count, mut bytes) = (Vec::new(), 0usize, 0usize);
    let began = Instant::now();
    run_hour(&mut sim, |sim| {
        clients.iter().for_each(|client| sim.poll(*client, &mut frames));
        for frame in frames.drain(..) {
            count += 1;
            match frame {
                ServerFrame::Text(text) => bytes += text.len(),
                _ => sim.pong(clients[1]),
            }
        }
        if sim.now().as_secs() % 18 == 0 {
            sim.receive(clients[3], r#"{"id":"1","type":"ping"}"#);
        }
    });
    println!("an hour, four clients: {:?}, {count} frames, {} MB", began.elapsed(), bytes / 1_000_000);

    let began = Instant::now();
    let mut sim = Sim::new(SimSettings::wide());
    println!("a wide market with its history: {:?}", began.elapsed());
    let began = Instant::now();
    run_hour(&mut sim, |_| {});
    println!("a wide hour, nobody listening: {:?}", began.elapsed());
}

/// One client on each venue, for its books, trades and candles.
fn clients(sim: &mut Sim) -> [ConnectionId; 4] {
    let kraken = sim.connect(Venue::Kraken, "/v2").expect("accepted");
    for channel in ["book", "trade", "ohlc"] {
        let params = format!(r#""channel":"{channel}","symbol":["BTC/USD","ETH/USD","BTC/USDT","ETH/USDT"]"#);
        let depth = if channel == "book" { r#","depth":100"# } else { "" };
        sim.receive(kraken, &format!(r#"{{"method":"subscribe","params":{{{params}{depth}}}}}"#));
    }
    let streams: Vec<String> = ["btcusdt", "ethusdt"]
        .iter()
        .flat_map(|symbol| ["depth@100ms", "aggTrade", "kline_1m"].map(|stream| format!("{symbol}@{stream}")))
        .collect();
    let binance = sim.connect(Venue::BinanceUs, &format!("/stream?streams={}", streams.join("/"))).expect("accepted");
    let coinbase = sim.connect(Venue::Coinbase, "/").expect("accepted");
    let products = r#"["BTC-USD","ETH-USD","BTC-USDT","ETH-USDT"]"#;
    let channels = r#"["level2_batch","matches","heartbeat"]"#;
    sim.receive(coinbase, &format!(r#"{{"type":"subscribe","product_ids":{products},"channels":{channels}}}"#));
    let kucoin = sim.connect(Venue::Kucoin, "/").expect("accepted");
    for symbol in ["BTC-USDT", "ETH-USDT"] {
        for channel in [r#""trade""#, r#""obu","depth":"increment@10ms""#, r#""kline","interval":"1min""#] {
            let wanted = format!(r#""tradeType":"SPOT","symbol":"{symbol}","channel":{channel}"#);
            sim.receive(kucoin, &format!(r#"{{"id":"1","action":"subscribe",{wanted}}}"#));
        }
    }
    [kraken, binance, coinbase, kucoin]
}

fn run_hour(sim: &mut Sim, mut each_second: impl FnMut(&mut Sim)) {
    for _ in 0..3_600 {
        let to = Timestamp::from_nanos(sim.now().as_nanos() + NS_PER_S);
        sim.advance(to);
        each_second(sim);
    }
}

/// One line about what the hour looked like.
fn show(sim: &Sim, venue: Venue, symbol: &str) {
    let truth = sim.truth(venue, symbol).expect("listed");
    let (bid, ask) = (truth.bids[0].price.mantissa() as f64, truth.asks[0].price.mantissa() as f64);
    let minutes = &truth.candles[truth.candles.len() - 61..][..60];
    let trades: Vec<u32> = minutes.iter().map(|minute| minute.trades).collect();
    let ranges = minutes.iter().map(|m| (m.high.mantissa() - m.low.mantissa()) as f64 / m.low.mantissa() as f64);
    println!(
        "  {venue} {symbol}: spread {:.2} bps, {}+{} levels, trades a minute {}..{} (mean {}), minute range {:.1} bps",
        (ask - bid) / bid * 1e4,
        truth.bids.len(),
        truth.asks.len(),
        trades.iter().min().expect("minutes"),
        trades.iter().max().expect("minutes"),
        trades.iter().sum::<u32>() / 60,
        ranges.sum::<f64>() / 60.0 * 1e4
    );
}
