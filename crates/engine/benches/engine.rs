//! Inputs per second through `Engine::handle`, with the mix of a live box: `cargo bench -p tickerbox-engine`.
//!
//! Three instruments for six hours of market time: each 4 books of 20 levels and 2 trades a second, a tick a second, a
//! question to the model a minute which is answered at once.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::random::Rng;
use common::{START, book, instrument, model, prediction, price, settings};
use engine::Engine;
use types::input::ModelSeat;
use types::market::Aggressor;
use types::{Effect, Effects, Input, InstrumentId, Qty, Stamped, Timestamp, Trade};

const INSTRUMENTS: u16 = 3;
const SECONDS: i64 = 6 * 3_600;
const RUNS: usize = 5;

/// The journal of a market: everything except the model's answers, which depend on its questions.
fn market() -> Vec<(Timestamp, Input)> {
    let mut rng = Rng(1);
    let mut mids = [1_000_000i64; INSTRUMENTS as usize];
    let at = |second: i64, quarter: i64| Timestamp::from_millis(START.as_millis() + second * 1_000 + quarter * 250);
    let mut inputs = vec![(START, Input::Boot { version: "bench".to_owned(), settings: Box::new(settings(1_000)) })];
    inputs.extend((0..INSTRUMENTS).map(|id| (START, Input::Instrument(instrument(id)))));
    inputs.push((START, Input::Models { seats: vec![ModelSeat::alone(model())], news: None }));
    inputs.push((START, Input::Clock { synchronised: true }));
    for second in 0..SECONDS {
        for quarter in 0..4 {
            for id in 0..INSTRUMENTS {
                let mid = &mut mids[usize::from(id)];
                *mid += rng.between(-20, 20);
                inputs.push((at(second, quarter), Input::Book(book(id, *mid, 20))));
                if quarter % 2 == 0 {
                    let trade = Trade {
                        instrument: InstrumentId(id),
                        id: inputs.len() as u128,
                        price: price(*mid + rng.between(-2, 2)),
                        qty: Qty(1 + rng.below(50_000)),
                        aggressor: rng.pick(&[Aggressor::Buy, Aggressor::Sell]),
                        fills: 1,
                        venue_at: at(second, quarter),
                    };
                    inputs.push((at(second, quarter), Input::Trade(trade)));
                }
            }
        }
        inputs.push((at(second, 3), Input::Tick));
    }
    inputs
}

/// The same with the model's answers put in where they come.
fn journal() -> Vec<Stamped<Input>> {
    let (mut engine, mut effects, mut rng) = (Engine::new(), Effects::new(), Rng(2));
    let mut journal: Vec<Stamped<Input>> = Vec::new();
    for (at, input) in market() {
        let mut next = vec![input];
        while let Some(input) = next.pop() {
            let stamped = Stamped { seq: journal.len() as u64 + 1, at, input };
            engine.handle(&stamped, &mut effects);
            journal.push(stamped);
            for effect in effects.drain() {
                if let Effect::Infer(asked) = effect {
                    next.push(Input::Answer(prediction(&asked, rng.between(-40, 40) as f32 * 1e-4)));
                }
            }
        }
    }
    assert_eq!(engine.view().rejections().total(), 0, "{:?}", engine.view().rejections());
    journal
}

fn main() {
    let journal = journal();
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (mut engine, mut effects, mut count) = (Engine::new(), Effects::new(), 0);
            let start = Instant::now();
            for input in &journal {
                engine.handle(input, &mut effects);
                count += effects.drain().count();
            }
            let rate = journal.len() as f64 / start.elapsed().as_secs_f64();
            println!("{} inputs, {count} effects: {rate:.0} inputs/s", journal.len());
            rate
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("median {:.0} inputs/s", rates[RUNS / 2]);
    checkpoint(&journal);
}

/// How large a checkpoint is after these hours, and how long it takes.
fn checkpoint(journal: &[Stamped<Input>]) {
    let (mut engine, mut effects) = (Engine::new(), Effects::new());
    for input in journal {
        engine.handle(input, &mut effects);
        effects.clear();
    }
    let start = Instant::now();
    let bytes = postcard::to_allocvec(&engine).expect("the state encodes");
    println!("checkpoint: {} bytes in {:.1} ms", bytes.len(), start.elapsed().as_secs_f64() * 1e3);
}
