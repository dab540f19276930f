//! A recording again from memory, to tell how fast that is.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::ensure;
use engine::Engine;
use engine::rehearsal::{Outcome, Rehearsal};
use feed::capture::{Heard, Told};
use serde::Serialize;
use types::settings::EngineSettings;
use types::{BookTop, Effect, Effects, Input, Instrument, Level, Record, Stamped, Timeframe, Timestamp};

/// How often the box's feed shows a book to the engine, and how much of it: the defaults of the configuration.
const CADENCE: Duration = Duration::from_millis(250);
const LEVELS: usize = 20;

/// What a recording told of one market, and the orders that were sent into it.
pub(super) struct Repeat {
    pub(super) heard: Vec<Heard>,
    /// The recording's last word.
    pub(super) end: Timestamp,
    /// Before the first word.
    pub(super) rehearsal: Rehearsal,
}

/// How fast a recording is replayed from memory.
#[derive(Debug, Serialize)]
pub(super) struct Speed {
    /// How many times it was replayed, each time whole.
    runs: u32,
    /// Messages of books and trades.
    messages: usize,
    /// Levels told of books, and trades.
    changes: usize,
    /// The fastest run with nothing but the paper venue at full depth, seconds.
    paper_s: f64,
    /// The same with the box's engine beside it: books as the feed shows them, all trades, candles, and every feature of each
    /// closed minute.
    all_s: f64,
    /// Minutes that closed in it.
    minutes: usize,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, messages, changes, paper_s, all_s, minutes } = self;
        write!(
            f,
            "from memory, the fastest of {runs}: {messages} messages ({changes} levels and trades) in {:.2} ms, with candles and \
             features of {minutes} minutes in {:.2} ms",
            paper_s * 1e3,
            all_s * 1e3
        )
    }
}

impl Repeat {
    /// Replays it `runs` times without and with the engine.
    ///
    /// # Errors
    /// When a replay does not give what the first reading gave.
    pub(super) fn measure(&self, runs: u32, first: &Outcome) -> anyhow::Result<Speed> {
        let (mut paper, mut all, mut minutes) = (Duration::MAX, Duration::MAX, 0);
        for _ in 0..runs {
            let (rehearsal, began) = (self.rehearsal.clone(), Instant::now());
            let outcome = self.paper(rehearsal);
            paper = paper.min(began.elapsed());
            ensure!(outcome == *first, "the replay from memory differs from the reading");
            let (rehearsal, began) = (self.rehearsal.clone(), Instant::now());
            let (outcome, closed) = self.with_engine(rehearsal);
            all = all.min(began.elapsed());
            ensure!(outcome == *first, "the replay beside the engine differs from the reading");
            minutes = closed;
        }
        let levels = |heard: &Heard| match &heard.told {
            Told::Book(depth) | Told::Change(depth) => depth.bids.len() + depth.asks.len(),
            Told::Input(_) => 1,
        };
        Ok(Speed {
            runs,
            messages: self.heard.len(),
            changes: self.heard.iter().map(levels).sum(),
            paper_s: paper.as_secs_f64(),
            all_s: all.as_secs_f64(),
            minutes,
        })
    }

    fn paper(&self, mut rehearsal: Rehearsal) -> Outcome {
        for heard in &self.heard {
            super::hear(&mut rehearsal, heard);
        }
        rehearsal.pass(self.end);
        rehearsal.finish()
    }

    fn with_engine(&self, mut rehearsal: Rehearsal) -> (Outcome, usize) {
        let instrument = rehearsal.instrument().clone();
        let began = self.heard.first().map_or(self.end, |heard| heard.at);
        let mut beside = Beside::new(instrument, began);
        for heard in &self.heard {
            super::hear(&mut rehearsal, heard);
            beside.hear(heard, &rehearsal);
        }
        rehearsal.pass(self.end);
        beside.pass(self.end);
        (rehearsal.finish(), beside.minutes)
    }
}

/// The box's engine, which hears what its feed would tell it.
struct Beside {
    engine: Engine,
    effects: Effects,
    instrument: Instrument,
    seq: u64,
    book_at: Timestamp,
    tick_at: Timestamp,
    minutes: usize,
}

impl Beside {
    fn new(instrument: Instrument, at: Timestamp) -> Self {
        let (engine, effects) = (Engine::new(), Effects::new());
        let mut beside =
            Self { engine, effects, instrument: instrument.clone(), seq: 0, book_at: at, tick_at: at, minutes: 0 };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        beside.handle(at, Input::Boot { version, settings: Box::new(EngineSettings::default()) });
        beside.handle(at, Input::Instrument(instrument));
        beside.handle(at, Input::Clock { synchronised: true });
        beside
    }

    fn hear(&mut self, heard: &Heard, rehearsal: &Rehearsal) {
        let at = heard.at;
        self.pass(at);
        match &heard.told {
            Told::Book(depth) | Told::Change(depth) if at >= self.book_at => {
                let book = rehearsal.displayed();
                let best = |levels: &[Level]| levels[..levels.len().min(LEVELS)].to_vec();
                let (bids, asks) = (best(book.bids()), best(book.asks()));
                let (instrument, proof, venue_at) = (self.instrument.id, depth.proof, depth.venue_at);
                self.handle(at, Input::Book(BookTop { instrument, bids, asks, proof, venue_at }));
                self.book_at = at.plus(CADENCE);
            }
            Told::Book(_) | Told::Change(_) => {}
            Told::Input(input) => self.handle(at, input.clone()),
        }
    }

    fn pass(&mut self, to: Timestamp) {
        while self.tick_at <= to {
            self.handle(self.tick_at, Input::Tick);
            self.tick_at = self.tick_at.plus(Duration::from_secs(1));
        }
    }

    fn handle(&mut self, at: Timestamp, input: Input) {
        self.seq += 1;
        self.engine.handle(&Stamped { seq: self.seq, at, input }, &mut self.effects);
        let is_minute =
            |effect: &Effect| matches!(effect, Effect::Record(Record::Candle(told)) if told.timeframe == Timeframe::M1);
        self.minutes += self.effects.drain().filter(is_minute).count();
    }
}
