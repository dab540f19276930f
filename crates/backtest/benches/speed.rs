//! Candles and journal inputs a second through a whole trial, with three accounts and rule `reversion`: `cargo bench -p
//! tickerbox-backtest --bench speed -- candles/FILE.csv.gz` (a candle file in the folder of recordings).
//!
//! The journal is the same market, written as a box writes it.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::time::Instant;

use backtest::source::{CandleMarket, Candles, Invented, JournalDays};
use backtest::{Source, Trial};
use engine::Engine;
use store::{BlockBuilder, Checkpoint, Journal};
use types::settings::{EngineSettings, Rule};
use types::{Effects, Stamped, Timeframe, Timestamp, Venue};

const FILE: &str = "candles/binance_BTCUSDT_1m_20250601-20250624.csv.gz";
const RUNS: usize = 3;

fn record(source: &Source, dir: &std::path::Path) {
    let (mut engine, mut effects, mut seq) = (Engine::new(), Effects::new(), 0);
    let (mut journal, _) = Journal::open(dir).unwrap();
    let mut builder = BlockBuilder::new();
    let state = |engine: &Engine, seq: u64, at: Timestamp| Checkpoint {
        seq,
        at,
        state_version: engine::STATE_VERSION,
        state: postcard::to_allocvec(engine).unwrap(),
    };
    let mut last = None;
    source
        .play(&mut |at, input| {
            if last.is_none() {
                journal.write(&[], Some(state(&engine, 0, at))).unwrap();
            }
            let is_midnight = last.is_some_and(|last: Timestamp| last.day() != at.day());
            if !builder.fits(at) {
                let checkpoint = is_midnight.then(|| state(&engine, seq, last.unwrap()));
                journal.write(&[builder.finish().unwrap()], checkpoint).unwrap();
            }
            seq += 1;
            let stamped = Stamped { seq, at, input };
            engine.handle(&stamped, &mut effects);
            builder.push(&stamped, effects.as_slice()).unwrap();
            effects.clear();
            last = Some(at);
            Ok(())
        })
        .unwrap();
    journal.write(&[builder.finish().unwrap()], None).unwrap();
}

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let Some(path) = testdata::path(file.as_deref().unwrap_or(FILE)) else { return };
    let began = Instant::now();
    let market =
        CandleMarket::read(&path, &(Timestamp::EPOCH..Timestamp::MAX), Venue::BinanceUs, "BTC", "USDT").unwrap();
    let (count, timeframe) = (market.candles().len(), market.timeframe());
    println!("{count} candles of {} read in {:.3} s", timeframe.name(), began.elapsed().as_secs_f64());
    let source = Source::Candles(Candles::new(vec![market], Invented::default()).unwrap());
    let mut settings = EngineSettings::default();
    settings.signal.rule = if timeframe == Timeframe::M1 { Rule::Reversion } else { Rule::Off };
    let trial = Trial::new("speed", settings);
    let measure = |source: &Source, what: &str| {
        let runs = (0..RUNS).map(|_| {
            let began = Instant::now();
            let outcome = trial.run(source, None).unwrap();
            (began.elapsed().as_secs_f64(), outcome)
        });
        let (took, outcome) = runs.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap();
        println!(
            "{what}: {took:.3} s, {:.0} candles/s, {:.0} inputs/s, {} orders of the strategy (the fastest of {RUNS})",
            count as f64 / took,
            outcome.inputs as f64 / took,
            outcome.accounts[0].orders
        );
    };
    measure(&source, "candles");
    let dir = tempfile::tempdir().unwrap();
    record(&source, dir.path());
    let journal = JournalDays::open(dir.path(), Timestamp::EPOCH..Timestamp::MAX).unwrap();
    measure(&Source::Journal(journal), "journal");
}
