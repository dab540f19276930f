//! Candles per second through the whole engine, with rule `reversion` trading on them:
//! `cargo bench -p tickerbox-engine --bench minutes -- candles/FILE_1m.csv.gz` (a file of minutes in the folder of recordings).
//!
//! Each minute of the file becomes what a market would have told: four trades (open, then low and high in the order of the candle's
//! direction, close), each behind a book of one level a side around its price, and a tick when the minute is over.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use engine::Engine;
use engine::candle::{Bar, csv};
use types::market::{Aggressor, Proof};
use types::settings::{EngineSettings, PaperSettings, Rule};
use types::{
    BookTop, Cash, Effect, Effects, Input, Instrument, InstrumentId, Level, Price, Qty, Record, Scale, Stamped,
    Timeframe, Timestamp, Trade, Venue,
};

const FILE: &str = "candles/binance_BTCUSDT_1m_20250601-20250624.csv.gz";
const ID: InstrumentId = InstrumentId(0);
const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 5 };
const RUNS: usize = 5;
/// What each level of a book shows: enough for every order.
const SHOWN: Qty = Qty(10_000_000);

fn instrument() -> Instrument {
    Instrument {
        id: ID,
        venue: Venue::BinanceUs,
        symbol: "BTCUSDT".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        scale: SCALE,
        tick: 1,
        lot: 1,
        qty_min: Qty(1),
        notional_min: Cash::from_units(5),
    }
}

fn settings() -> EngineSettings {
    let mut settings = EngineSettings { paper: PaperSettings::constant(0), ..EngineSettings::default() };
    settings.signal.rule = Rule::Reversion;
    // Of a rule that loses, all of its trades are wanted.
    (settings.risk.daily_loss_max_ppm, settings.risk.drawdown_max_ppm) = (1_000_000, 1_000_000);
    settings
}

fn units(value: f64, decimals: u8) -> i64 {
    (value * 10f64.powi(decimals.into())).round() as i64
}

/// What the market told in one minute.
fn minute(bar: &Bar, told: &mut impl FnMut(Timestamp, Input)) {
    let (first, second) = if bar.close >= bar.open { (bar.low, bar.high) } else { (bar.high, bar.low) };
    let qty = (units(bar.volume / 4.0, SCALE.qty_decimals) as u64).max(1);
    for (quarter, at_price) in (0i64..).zip([bar.open, first, second, bar.close]) {
        let at = Timestamp::from_nanos(bar.open_time.as_nanos() + quarter * 15_000_000_000 + 1_000_000);
        let mantissa = units(at_price, SCALE.price_decimals);
        let level = |mantissa| vec![Level { price: Price::new(mantissa).expect("a positive price"), qty: SHOWN }];
        let (bids, asks) = (level(mantissa - 1), level(mantissa + 1));
        told(at, Input::Book(BookTop { instrument: ID, bids, asks, proof: Proof::Sequence, venue_at: Some(at) }));
        let id = (bar.open_time.as_millis() + quarter) as u128;
        let price = Price::new(mantissa).expect("a positive price");
        let aggressor = if quarter % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell };
        told(at, Input::Trade(Trade { instrument: ID, id, price, qty: Qty(qty), aggressor, fills: 1, venue_at: at }));
    }
    told(Timestamp::from_nanos(bar.open_time.as_nanos() + 59_000_000_000), Input::Tick);
}

fn journal(bars: &[Bar]) -> Vec<Stamped<Input>> {
    let mut journal = Vec::new();
    let mut told = |at, input| journal.push(Stamped { seq: journal.len() as u64 + 1, at, input });
    let start = bars.first().expect("a candle").open_time;
    told(start, Input::Boot { version: "bench".to_owned(), settings: Box::new(settings()) });
    told(start, Input::Instrument(instrument()));
    told(start, Input::Clock { synchronised: true });
    bars.iter().for_each(|bar| minute(bar, &mut told));
    journal
}

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let Some(text) = testdata::text(file.as_deref().unwrap_or(FILE)) else { return };
    let bars = csv::parse(text.as_bytes()).expect("a file of candles");
    let journal = journal(&bars);
    let runs = (0..RUNS).map(|_| {
        let (mut engine, mut effects) = (Engine::new(), Effects::new());
        let (mut candles, mut fills) = (0, 0);
        let began = Instant::now();
        for input in &journal {
            engine.handle(input, &mut effects);
            for effect in effects.drain() {
                match effect {
                    Effect::Record(Record::Candle(told)) => candles += usize::from(told.timeframe == Timeframe::M1),
                    Effect::Record(Record::Fill(_)) => fills += 1,
                    _ => {}
                }
            }
        }
        let took = began.elapsed().as_secs_f64();
        assert_eq!(engine.view().rejections().total(), 0, "{:?}", engine.view().rejections());
        (took, candles, fills)
    });
    let (took, candles, fills) = runs.min_by(|one, other| one.0.total_cmp(&other.0)).expect("some runs");
    println!(
        "{candles} candles in {took:.4} s, {:.0} candles/s; {:.0} inputs/s, {fills} fills (the fastest of {RUNS})",
        candles as f64 / took,
        journal.len() as f64 / took
    );
}
