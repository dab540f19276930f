//! One hour of a box with four instruments: how fast it is written and read, and how much room it takes.
//!
//! `cargo bench -p tickerbox-store`

use std::io::Write;
use std::time::{Duration, Instant};

use store::{BlockBuilder, Checkpoint, Journal, Reader, days};
use types::market::{Aggressor, BookTop, Level, Proof};
use types::time::NS_PER_S;
use types::{Input, InstrumentId, Price, Qty, Stamped, Timestamp, Trade};

const SECONDS: i64 = 3_600;
const INSTRUMENTS: u16 = 4;
/// The default interval between blocks.
const BLOCK_SECONDS: i64 = 2;

/// A ladder of 20 levels on each side, of which a few change between two publications, as real ones do.
struct Market {
    random: u64,
    at: Timestamp,
    seq: u64,
    books: Vec<BookTop>,
}

impl Market {
    fn new() -> Self {
        let level =
            |offset: i64| Level { price: Price::new(6_452_510 + offset).expect("positive"), qty: Qty(77_490_540) };
        let book = |id| BookTop {
            instrument: InstrumentId(id),
            bids: (1..=20).map(|n| level(-10 * n)).collect(),
            asks: (1..=20).map(|n| level(10 * n)).collect(),
            proof: Proof::Checksum,
            venue_at: None,
        };
        // 2025-11-01 00:00 UTC.
        let at = Timestamp::from_secs(1_761_955_200);
        Self { random: 1, at, seq: 0, books: (0..INSTRUMENTS).map(book).collect() }
    }

    /// xorshift64*.
    fn next(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// All inputs of one second: four books and a trade of each instrument, and the tick.
    fn second(&mut self, into: &mut Vec<Stamped<Input>>) {
        into.clear();
        let start = self.at;
        for quarter in 0..4 {
            self.at = Timestamp::from_nanos(start.as_nanos() + quarter * NS_PER_S / 4 + 1_234_567);
            for id in 0..usize::from(INSTRUMENTS) {
                for _ in 0..4 {
                    let random = self.next();
                    let book = &mut self.books[id];
                    let side = if random & 1 == 0 { &mut book.bids } else { &mut book.asks };
                    side[(random >> 8) as usize % 20].qty = Qty(random >> 36);
                }
                self.books[id].venue_at = Some(self.at);
                let book = Input::Book(self.books[id].clone());
                self.push(book, into);
                if quarter == 0 {
                    let random = self.next();
                    let trade = Trade {
                        instrument: InstrumentId(id as u16),
                        id: u128::from(self.seq),
                        price: self.books[id].bids[0].price,
                        qty: Qty(random >> 40),
                        aggressor: Aggressor::Sell,
                        fills: 1,
                        venue_at: self.at,
                    };
                    self.push(Input::Trade(trade), into);
                }
            }
        }
        self.push(Input::Tick, into);
        self.at = Timestamp::from_nanos(start.as_nanos() + NS_PER_S);
    }

    fn push(&mut self, input: Input, into: &mut Vec<Stamped<Input>>) {
        self.seq += 1;
        into.push(Stamped { seq: self.seq, at: self.at, input });
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (mut journal, _) = Journal::open(dir.path())?;
    let mut market = Market::new();
    let state = vec![7; 100_000];
    journal.write(&[], Some(Checkpoint { seq: 0, at: market.at, state_version: 1, state }))?;
    let (mut inputs, mut block) = (Vec::new(), BlockBuilder::new());
    let (mut encode, mut packed) = (Duration::ZERO, 0);
    let mut commits = Vec::new();
    for second in 1..=SECONDS {
        market.second(&mut inputs);
        let begin = Instant::now();
        for stamped in &inputs {
            block.push(stamped, &[])?;
        }
        if second % BLOCK_SECONDS == 0 {
            let block = block.finish().expect("two seconds of inputs");
            encode += begin.elapsed();
            packed += block.as_bytes().len();
            let begin = Instant::now();
            journal.write(&[block], None)?;
            commits.push(begin.elapsed());
        } else {
            encode += begin.elapsed();
        }
    }
    drop(journal);

    let path = days(dir.path())?.remove(0).path;
    let size = std::fs::metadata(&path)?.len();
    let begin = Instant::now();
    let reader = Reader::open_day(&path)?;
    let open = begin.elapsed();
    let mut read = 0u64;
    for stamped in reader.inputs()? {
        stamped?;
        read += 1;
    }
    let reading = begin.elapsed() - open;
    assert_eq!(read, market.seq);

    commits.sort_unstable();
    let total: Duration = commits.iter().sum();
    let rate = |time: Duration| market.seq as f64 / time.as_secs_f64();
    let mut out = std::io::stdout().lock();
    writeln!(out, "inputs                    {}", market.seq)?;
    writeln!(out, "encode and compress       {:.0} inputs/s", rate(encode))?;
    writeln!(out, "with a commit each {BLOCK_SECONDS} s     {:.0} inputs/s", rate(encode + total))?;
    writeln!(
        out,
        "one commit                median {:.2?}, p99 {:.2?}",
        commits[commits.len() / 2],
        commits[commits.len() * 99 / 100]
    )?;
    writeln!(out, "open, all pages verified  {open:.1?}")?;
    writeln!(out, "read and check            {:.0} inputs/s", rate(reading))?;
    writeln!(
        out,
        "bytes of an input         {:.1} in its block, {:.1} in the file",
        packed as f64 / market.seq as f64,
        size as f64 / market.seq as f64
    )?;
    writeln!(out, "file                      {:.1} MiB an hour", size as f64 / (1 << 20) as f64)?;
    Ok(())
}
