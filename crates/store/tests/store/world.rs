//! A small made-up market and a small machine that answers it, for journals that mean something.

use std::path::Path;

use store::{Block, BlockBuilder, Checkpoint, Journal, Replayer, days};
use types::effect::{EquityRecord, Notice, Record, Severity};
use types::market::{Aggressor, BookTop, Level, Proof};
use types::{Cash, Effect, Effects, Input, InstrumentId, Price, Qty, Stamped, Timestamp, Trade};

/// 2025-11-01 00:00 UTC.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_761_955_200);

/// A pseudo-random number that depends on its argument only (SplitMix64).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Input number `seq`: mostly books, some trades, some ticks.
pub(crate) fn input(seq: u64, at: Timestamp) -> Stamped<Input> {
    let random = mix(seq);
    let instrument = InstrumentId((random % 3) as u16);
    let price = |offset: i64| Price::new(645_000 + (seq % 500) as i64 + offset).expect("positive");
    let level =
        |side: i64, n: i64| Level { price: price(side * (n + 1)), qty: Qty(mix(random ^ n as u64) % 1_000_000 + 1) };
    let input = match random % 8 {
        0 => Input::Tick,
        1 | 2 => Input::Trade(Trade {
            instrument,
            id: u128::from(seq),
            price: price(0),
            qty: Qty(random % 1_000_000 + 1),
            aggressor: Aggressor::Buy,
            fills: 1,
            venue_at: at,
        }),
        _ => Input::Book(BookTop {
            instrument,
            bids: (0..20).map(|n| level(-1, n)).collect(),
            asks: (0..20).map(|n| level(1, n)).collect(),
            proof: Proof::Checksum,
            venue_at: Some(at),
        }),
    };
    Stamped { seq, at, input }
}

/// Adds up traded quantities; says so every tenth input and records an equity now and then.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Machine {
    pub seen: u64,
    pub volume: u64,
    /// Makes it answer differently from this input on.
    pub fault_from: Option<u64>,
}

impl Replayer for Machine {
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != 1 {
            return Err(format!("state version {state_version} is not known"));
        }
        (self.seen, self.volume) = postcard::from_bytes(state).map_err(|e| e.to_string())?;
        Ok(())
    }

    fn apply(&mut self, stamped: &Stamped<Input>, effects: &mut Effects) {
        self.seen += 1;
        if let Input::Trade(trade) = &stamped.input {
            self.volume += trade.qty.0;
        }
        if self.fault_from.is_some_and(|from| stamped.seq >= from) {
            self.volume += 1;
        }
        if self.seen.is_multiple_of(10) {
            let text = format!("{} traded after {} inputs", self.volume, self.seen);
            effects.push(Effect::Notice(Notice { severity: Severity::Info, at: stamped.at, instrument: None, text }));
        }
        if self.seen.is_multiple_of(25) {
            let cash = Cash(self.volume as i64);
            let equity = EquityRecord {
                account: types::AccountId::LEAD,
                at: stamped.at,
                cash,
                equity: cash,
                hold: cash,
                fees: Cash(0),
                positions: vec![],
            };
            effects.record(Record::Equity(equity));
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        (1, postcard::to_allocvec(&(self.seen, self.volume)).expect("two integers"))
    }
}

/// A journal's producer: the part of the box between the venues and the store.
pub(crate) struct World {
    pub machine: Machine,
    pub seq: u64,
    pub at: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { machine: Machine::default(), seq: 0, at: START }
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let (state_version, state) = self.machine.state();
        Checkpoint { seq: self.seq, at: self.at, state_version, state }
    }

    /// One block of `count` inputs, `step` nanoseconds apart, or fewer where the day ends.
    pub(crate) fn block(&mut self, count: u64, step: i64) -> Block {
        let mut builder = BlockBuilder::new();
        let mut effects = Effects::new();
        for _ in 0..count {
            let next = Timestamp::from_nanos(self.at.as_nanos() + step);
            if !builder.fits(next) {
                break;
            }
            self.seq += 1;
            self.at = next;
            let stamped = input(self.seq, self.at);
            effects.clear();
            self.machine.apply(&stamped, &mut effects);
            builder.push(&stamped, effects.as_slice()).expect("in order and in one day");
        }
        builder.finish().expect("not empty")
    }
}

/// Writes a day of `blocks` blocks with a checkpoint after every fourth.
pub(crate) fn write_day(dir: &Path, blocks: usize) -> World {
    let (mut journal, _) = Journal::open(dir).expect("opens");
    let mut world = World::new();
    journal.write(&[], Some(world.checkpoint())).expect("first checkpoint");
    for n in 0..blocks {
        let block = world.block(50, 1_000_000);
        let checkpoint = (n % 4 == 3).then(|| world.checkpoint());
        journal.write(&[block], checkpoint).expect("writes");
    }
    world
}

/// Goes on into the next day, so that the day of `world` is over.
pub(crate) fn end_day(dir: &Path, world: &mut World) {
    let (mut journal, _) = Journal::open(dir).expect("opens");
    let checkpoint = world.checkpoint();
    world.at = Timestamp::from_secs((i64::from(world.at.day()) + 1) * 86_400);
    journal.write(&[world.block(5, 1_000)], Some(checkpoint)).expect("a new day");
}

/// Replays all of a directory with a fresh machine.
pub(crate) fn replay_all(dir: &Path) -> store::Result<store::Replay> {
    store::replay::replay(&days(dir)?, &mut Machine::default(), |_| {})
}
