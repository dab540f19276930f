//! What comparing exchanges costs: `cargo bench -p tickerbox-engine --bench arbitrage`.
//!
//! Four venues with the same six pairs, all books proven. The same books come again and again with other quantities deep
//! down and the same best prices; once with fees that eat every difference, once with one of 24 books crossing the others
//! all the time. The cost of a book without the scanner is measured beside it and taken off.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::{START, book, settings};
use engine::Engine;
use types::{BookTop, Effects, Input, Instrument, Qty, Stamped, Timestamp, Venue};

const SYMBOLS: u16 = 6;
const INSTRUMENTS: u16 = SYMBOLS * 4;
const ROUNDS: u64 = 20_000;
const RUNS: usize = 7;

/// What the engine hears: the catalogue, then books.
struct Case {
    fee_ppm: u32,
    is_scanned: bool,
    /// How far the first venue's first book lies above the others.
    above: i64,
}

fn instrument(id: u16) -> Instrument {
    let base = format!("COIN{}", id % SYMBOLS);
    let venue = Venue::ALL[usize::from(id / SYMBOLS)];
    Instrument { venue, symbol: format!("{base}USD"), base, ..common::instrument(id) }
}

impl Case {
    fn start(&self) -> (Engine, u64) {
        let mut settings = settings(self.fee_ppm);
        settings.arbitrage.enabled = self.is_scanned;
        let boot = Input::Boot { version: "bench".to_owned(), settings: Box::new(settings) };
        let catalogue = (0..INSTRUMENTS).map(|id| Input::Instrument(instrument(id)));
        let inputs = [boot, Input::Clock { synchronised: true }].into_iter().chain(catalogue);
        let (mut engine, mut effects, mut seq) = (Engine::new(), Effects::new(), 0);
        for input in inputs {
            seq += 1;
            engine.handle(&Stamped { seq, at: START, input }, &mut effects);
        }
        (engine, seq)
    }

    /// Two books of every instrument that differ at the last level.
    fn books(&self) -> Vec<Input> {
        let changed = |id, qty| {
            let mid = 1_000_000 + if id == 0 { self.above } else { 0 };
            let mut top: BookTop = book(id, mid, 20);
            top.bids[19].qty = Qty(qty);
            Input::Book(top)
        };
        [5_000, 7_000].into_iter().flat_map(|qty| (0..INSTRUMENTS).map(move |id| changed(id, qty))).collect()
    }

    /// Nanoseconds of a book.
    fn run(&self) -> f64 {
        let (mut engine, mut seq) = self.start();
        let (books, mut effects) = (self.books(), Effects::new());
        let mut inputs: Vec<Stamped<Input>> =
            books.into_iter().map(|input| Stamped { seq: 0, at: START, input }).collect();
        let start = Instant::now();
        for round in 0..ROUNDS {
            let at = Timestamp::from_millis(START.as_millis() + round as i64);
            for stamped in &mut inputs {
                seq += 1;
                (stamped.seq, stamped.at) = (seq, at);
                engine.handle(stamped, &mut effects);
                effects.clear();
            }
        }
        let ns = start.elapsed().as_nanos() as f64 / (ROUNDS as f64 * inputs.len() as f64);
        let open = engine.view().arbitrage().open().count();
        assert_eq!(open > 0, self.is_scanned && self.above > 0, "{open} open");
        ns
    }
}

fn main() {
    let case = |fee_ppm, is_scanned, above| Case { fee_ppm, is_scanned, above };
    let cases = [
        ("a book without the scanner", case(1_000, false, 0)),
        ("nothing pays", case(1_000, true, 0)),
        ("one of 24 books pays against three", case(1_000, true, 5_000)),
    ];
    let mut without = 0.0;
    for (name, case) in cases {
        let mut runs: Vec<f64> = (0..RUNS).map(|_| case.run()).collect();
        runs.sort_by(f64::total_cmp);
        let (median, fastest, slowest) = (runs[RUNS / 2], runs[0], runs[RUNS - 1]);
        if !case.is_scanned {
            without = median;
        }
        println!("{name}: {median:.0} ns a book ({fastest:.0} to {slowest:.0}), scanner {:.0} ns", median - without);
    }
}
