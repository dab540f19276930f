//! A day of four venues with four pairs each, top 20 four times a second: the journal and the state file as the box writes them,
//! beside SQLite with the schema of TickerML, on the same day in one run.
//!
//! `cargo bench -p tickerbox-store --bench day -- --hours 24 [--dir DIR]`; with `--codecs DIR` codecs are compared on the journal of
//! such a run instead.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use export::sheet::{Column, SheetWriter};
use rusqlite::{Connection, params};
use sim::SimSettings;
use soak::{Settings, World};
use store::{BlockBuilder, Checkpoint, Entry, Journal, Pending, Reader, Span, State, days};
use types::effect::{Base, CandleRecord, ForecastRecord, ScoreRecord, SealRecord};
use types::market::{CandleSource, Quote};
use types::{Candle, Effect, Input, InstrumentId, Price, Qty, Record, Scale, Stamped, Timeframe, Timestamp, Venue};

const PAIRS: usize = 4;
const VENUES: [Venue; 4] = [Venue::Kraken, Venue::BinanceUs, Venue::Coinbase, Venue::Kucoin];
/// Orders in a second on each book: with these nearly every quarter of a second brings another book.
const ORDERS_PER_S_MILLI: u32 = 12_000;
/// As configured by default, with the quarter that is left for writing.
const BLOCK: Duration = Duration::from_millis(1_500);
const CHECKPOINT: Duration = Duration::from_secs(3_600);
/// Levels of a side.
const DEPTH: usize = 20;
/// Inputs that SQLite takes one by one: more would take hours.
const OWN_ROWS: u64 = 20_000;
/// As long as the digest of a bundle.
const MODEL: &str = "123c10930a4b053142f40f89e1d7963dd8e0da9619aba4e17b3a0a277d6c29c3";
/// What the reading of a month is measured on.
const MONTH_MIN: i64 = 30 * 1_440;

/// Candles as TickerML keeps them.
const CANDLES: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE ohlcv (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER NOT NULL, symbol TEXT NOT NULL,
      timeframe TEXT NOT NULL DEFAULT '1m', open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL,
      close REAL NOT NULL, volume REAL NOT NULL, trade_count INTEGER, taker_buy_volume REAL,
      taker_buy_quote_volume REAL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
      UNIQUE(timestamp, symbol, timeframe));
    CREATE INDEX idx_ohlcv_timestamp_symbol ON ohlcv(timestamp, symbol, timeframe);";
/// And its books and trades.
const BOOKS_AND_TRADES: &str = "
    CREATE TABLE order_books (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER NOT NULL, exchange TEXT NOT NULL,
      symbol TEXT NOT NULL, bids TEXT NOT NULL, asks TEXT NOT NULL, mid_price REAL NOT NULL, spread REAL NOT NULL,
      spread_bps REAL NOT NULL, imbalance REAL NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE trades (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp REAL NOT NULL, symbol TEXT NOT NULL,
      trade_id INTEGER NOT NULL, price REAL NOT NULL, quantity REAL NOT NULL, is_buyer_maker BOOLEAN NOT NULL,
      event_time REAL NOT NULL, UNIQUE(symbol, trade_id));
    CREATE INDEX idx_order_books_symbol_timestamp ON order_books(symbol, timestamp DESC);
    CREATE INDEX idx_order_books_exchange_symbol ON order_books(exchange, symbol, timestamp DESC);
    CREATE INDEX idx_trades_symbol_timestamp ON trades(symbol, timestamp);";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let hours: u32 = after("--hours").map_or(1, |hours| hours.parse().expect("a number of hours"));
    let scratch = tempfile::tempdir().expect("a folder");
    let dir = after("--dir").map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    let mut out = std::io::stdout();
    let mut say = |line: String| writeln!(out, "{line}").expect("written");

    if let Some(recorded) = after("--codecs") {
        return codecs(Path::new(recorded), &mut say);
    }
    let ours = dir.join("ours");
    let (written, names) = live(&ours, hours);
    let day = |bytes: u64| bytes as f64 / f64::from(hours) * 24.0 / 1e6;
    let size = |name: &str| total(&ours, name);
    let kept = size("journal-");
    say(format!("a day: {} inputs in {hours} hours, {} books", written.inputs, written.books));
    say(format!("ours: {:.0} inputs/s into the store", written.inputs as f64 / written.spent.as_secs_f64()));
    say(format!(
        "ours: CPU and waiting of the store {:.1} s, {:.3} % of a core",
        written.spent.as_secs_f64(),
        100.0 * written.spent.as_secs_f64() / f64::from(hours) / 3_600.0
    ));
    say(format!("ours: journal {:.0} MB a day", day(kept)));
    say(format!("ours: state file {:.1} MB", size("state") as f64 / 1e6));
    say(format!(
        "ours: {:.0} MB a day written to the device, of which blocks are {:.0}; {:.0} commits a day",
        day(written.device),
        day(written.size),
        day(written.commits) * 1e6
    ));
    let size = kept + size("state");
    let own = sqlite(&ours, &dir.join("own.db"), &names, Some(OWN_ROWS));
    say(format!(
        "SQLite committing every row, as TickerML does: {:.0} inputs/s, ours {:.0} times as many",
        own.inputs as f64 / own.spent.as_secs_f64(),
        (written.inputs as f64 / written.spent.as_secs_f64()) / (own.inputs as f64 / own.spent.as_secs_f64())
    ));
    let theirs = sqlite(&ours, &dir.join("theirs.db"), &names, None);
    let day = |bytes: u64| bytes as f64 / f64::from(hours) * 24.0 / 1e6;
    say(format!(
        "SQLite: {:.0} inputs/s, {:.0} MB a day kept, {:.0} MB a day written",
        theirs.inputs as f64 / theirs.spent.as_secs_f64(),
        day(theirs.size),
        day(theirs.device)
    ));
    let ratio =
        (written.inputs as f64 / written.spent.as_secs_f64()) / (theirs.inputs as f64 / theirs.spent.as_secs_f64());
    say(format!(
        "ratio: {ratio:.1} times the inputs/s, 1/{:.1} of the size, 1/{:.1} of the bytes written",
        theirs.size as f64 / size as f64,
        theirs.device as f64 / written.device as f64
    ));
    let files = parquet(&ours, &dir);
    say(format!(
        "Parquet (Zstandard) of its books and trades: {:.0} MB a day, {:.2} times our journal",
        day(files),
        files as f64 / kept as f64
    ));
    month(&dir, &mut say);
}

/// The books and trades of the journal as Parquet with a column for each level's price and quantity, all of them whole numbers.
/// Gives the size.
fn parquet(ours: &Path, dir: &Path) -> u64 {
    let whole = |name: String| (name, Column::Whole);
    let mut columns = vec![("at".to_owned(), Column::Time), whole("instrument".to_owned())];
    for side in ["bid", "ask"] {
        for n in 0..DEPTH {
            columns.extend([whole(format!("{side}_{n}")), whole(format!("{side}_qty_{n}"))]);
        }
    }
    let create = |name: &str| std::fs::File::create(dir.join(name)).expect("creates");
    let mut books = SheetWriter::new(create("books.parquet"), columns).expect("begins");
    let columns = ["instrument", "price", "qty", "buys"].map(|name| whole(name.to_owned()));
    let columns = [("at".to_owned(), Column::Time), ("id".to_owned(), Column::Text)].into_iter().chain(columns);
    let mut trades = SheetWriter::new(create("trades.parquet"), columns.collect()).expect("begins");
    for day in days(ours).expect("lists") {
        let reader = Reader::open_day(&day.path).expect("opens");
        for stamped in reader.inputs().expect("reads") {
            let stamped = stamped.expect("whole");
            let at = stamped.at.to_string();
            match &stamped.input {
                Input::Book(book) => {
                    let mut row = vec![at, book.instrument.0.to_string()];
                    for side in [&book.bids, &book.asks] {
                        for n in 0..DEPTH {
                            let level = side.get(n);
                            row.push(level.map(|level| level.price.mantissa().to_string()).unwrap_or_default());
                            row.push(level.map(|level| level.qty.0.to_string()).unwrap_or_default());
                        }
                    }
                    books.push(row.iter().map(String::as_str)).expect("writes");
                }
                Input::Trade(trade) => {
                    let buys = u8::from(trade.aggressor == types::Aggressor::Buy);
                    let numbers =
                        [i64::from(trade.instrument.0), trade.price.mantissa(), trade.qty.0 as i64, buys.into()];
                    let numbers = numbers.map(|number| number.to_string());
                    let row = [at.as_str(), &trade.id.to_string()].map(str::to_owned).into_iter().chain(numbers);
                    let row: Vec<String> = row.collect();
                    trades.push(row.iter().map(String::as_str)).expect("writes");
                }
                _ => {}
            }
        }
    }
    books.finish().expect("ends");
    trades.finish().expect("ends");
    total(dir, "books.parquet") + total(dir, "trades.parquet")
}

/// Codecs on blocks by themselves and on as many together as make a pack.
fn codecs(dir: &Path, say: &mut impl FnMut(String)) {
    const TOGETHER: usize = 36;
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let (mut first, mut last) = (None, Timestamp::EPOCH);
    for day in days(dir).expect("lists") {
        let reader = Reader::open_day(&day.path).expect("opens");
        for block in reader.blocks().expect("reads") {
            let (header, inputs) = block.expect("whole");
            first = first.or(Some(header.first_at));
            last = header.last_at;
            let mut raw = Vec::new();
            let mut before = header.first_at;
            for stamped in &inputs {
                raw.extend(
                    postcard::to_allocvec(&(stamped.at.since(before).as_nanos() as u64, &stamped.input))
                        .expect("plain"),
                );
                before = stamped.at;
            }
            blocks.push(raw);
        }
    }
    let packs: Vec<Vec<u8>> = blocks.chunks(TOGETHER).map(<[Vec<u8>]>::concat).collect();
    let raw: usize = blocks.iter().map(Vec::len).sum();
    let days = last.since(first.expect("not empty")).as_secs_f64() / 86_400.0;
    say(format!("{} blocks, {:.0} MB a day before compression", blocks.len(), raw as f64 / days / 1e6));
    let mut measure = |name: &str, pieces: &[Vec<u8>], compress: &dyn Fn(&[u8]) -> Vec<u8>| {
        let began = Instant::now();
        let size: usize = pieces.iter().map(|piece| compress(piece).len()).sum();
        let speed = raw as f64 / began.elapsed().as_secs_f64() / 1e6;
        say(format!(
            "{name}: {:.2} times smaller, {:.0} MB a day, {speed:.0} MB/s",
            raw as f64 / size as f64,
            size as f64 / days / 1e6
        ));
    };
    for (what, pieces) in [("a block", &blocks), ("a pack", &packs)] {
        measure(&format!("{what}, LZ4"), pieces, &|raw| lz4_flex::block::compress(raw));
        for level in [1, 3, 6, 9] {
            measure(&format!("{what}, Zstandard {level}"), pieces, &|raw| {
                zstd::bulk::compress(raw, level).expect("compresses")
            });
        }
    }
}

/// What was written, how long the store took for it, and how much reached the device.
struct Written {
    inputs: u64,
    books: u64,
    commits: u64,
    spent: Duration,
    device: u64,
    size: u64,
}

fn settings(hours: u32) -> Settings {
    let mut sim = SimSettings::wide();
    sim.trades_kept = 20_000;
    sim.minutes_kept = hours * 60 + 1_200;
    for venue in VENUES {
        let mut seen = 0;
        sim.listings.retain(|listing| {
            seen += usize::from(listing.venue == venue);
            listing.venue != venue || seen <= PAIRS
        });
    }
    for listing in &mut sim.listings {
        listing.orders_per_s_milli = ORDERS_PER_S_MILLI;
    }
    let mut settings = Settings { keeps_diary: false, ..Settings::new(sim, VENUES) };
    // A plain rule that trades now and then.
    settings.engine.signal.rule = types::settings::Rule::Reversion;
    settings
}

/// The store thread of a box, without the thread.
struct Store {
    journal: Journal,
    state: State,
    block: BlockBuilder,
    records: Vec<Entry>,
    pending: Pending,
    block_at: Timestamp,
    checkpoint_at: Timestamp,
    last: (u64, Timestamp),
    written: Written,
}

impl Store {
    /// Takes an input, and a state of the engine right after it now and then. What was before the first one is in the state
    /// after it.
    fn hear(&mut self, stamped: &Stamped<Input>, effects: &[Effect], state: &dyn Fn() -> Vec<u8>) {
        let began = Instant::now();
        let is_first = self.last.0 == 0;
        self.last = (stamped.seq, stamped.at);
        if !is_first {
            if !self.block.fits(stamped.at) || stamped.at.since(self.block_at) >= BLOCK {
                self.flush();
                self.block_at = stamped.at;
            }
            self.block.push(stamped, effects).expect("in order, within one day");
            let mut rank = 0;
            for effect in effects {
                if let Effect::Record(record) = effect {
                    self.records.push(Entry { seq: stamped.seq, rank, record: record.clone() });
                    rank += 1;
                }
            }
        }
        if is_first || stamped.at.since(self.checkpoint_at) >= CHECKPOINT {
            self.flush();
            self.pending.sync(&self.state).expect("writes");
            let (seq, at) = self.last;
            let checkpoint = Checkpoint { seq, at, state_version: engine::STATE_VERSION, state: state() };
            self.journal.write(&[], Some(checkpoint)).expect("writes");
            self.checkpoint_at = stamped.at;
        }
        self.written.inputs += 1;
        self.written.books += u64::from(matches!(stamped.input, Input::Book(_)));
        self.written.spent += began.elapsed();
    }

    fn flush(&mut self) {
        let Some(block) = self.block.finish() else { return };
        self.written.commits += 1;
        self.written.size += block.as_bytes().len() as u64;
        self.pending.hold(block.header(), std::mem::take(&mut self.records));
        let now = block.header().last_at;
        self.journal.write(&[block], None).expect("writes");
        self.pending.write(&self.state, now).expect("writes");
    }
}

/// Lives through the hours, and writes what is heard as a box does. Gives names and digits of the instruments as well.
fn live(dir: &Path, hours: u32) -> (Written, HashMap<InstrumentId, (String, Scale)>) {
    let settings = settings(hours);
    let mut names = HashMap::new();
    for feed in &settings.feeds {
        for wanted in &feed.instruments {
            let listing = settings.sim.listings.iter().find(|l| l.venue == feed.venue && l.symbol == wanted.symbol);
            let listing = listing.expect("listed");
            let scale = Scale { price_decimals: listing.price_decimals, qty_decimals: listing.qty_decimals };
            names.insert(wanted.id, (format!("{}:{}", feed.venue, wanted.symbol), scale));
        }
    }
    let mut world = World::new(&settings).expect("right settings");
    let now = world.now();
    let state = State::open(dir).expect("opens");
    for venue in VENUES {
        for feed in settings.feeds.iter().filter(|feed| feed.venue == venue) {
            for wanted in &feed.instruments {
                state.resolve(venue, &wanted.symbol).expect("resolves");
            }
        }
    }
    let device = device_bytes();
    let store = Rc::new(RefCell::new(Store {
        journal: Journal::open(dir).expect("opens").0,
        state,
        block: BlockBuilder::new(),
        records: Vec::new(),
        pending: Pending::default(),
        block_at: now,
        checkpoint_at: now,
        last: (0, now),
        written: Written { inputs: 0, books: 0, commits: 0, spent: Duration::ZERO, device: 0, size: 0 },
    }));
    let hears = store.clone();
    world.listen(move |stamped, effects, engine| {
        let state = || postcard::to_allocvec(engine).expect("plain data");
        hears.borrow_mut().hear(stamped, effects.as_slice(), &state);
    });
    for hour in 0..hours {
        // The market begins at midnight; the next day would be another file.
        world.run_for(Duration::from_secs(if hour + 1 == hours { 3_599 } else { 3_600 }));
        eprint!("\r{} of {hours} hours", hour + 1);
    }
    eprintln!();
    drop(world);
    let mut store = Rc::into_inner(store).expect("nobody else has it").into_inner();
    let began = Instant::now();
    store.flush();
    store.pending.sync(&store.state).expect("writes");
    store.written.spent += began.elapsed();
    store.written.device = device_bytes() - device;
    (store.written, names)
}

/// The same day into SQLite as TickerML keeps it: a row for each book with its levels as JSON, a row for each trade and
/// candle, in WAL. Committed as often as our blocks are; or, for so many inputs, after every row as its collector does.
fn sqlite(ours: &Path, file: &Path, names: &HashMap<InstrumentId, (String, Scale)>, every_row: Option<u64>) -> Written {
    let mut connection = Connection::open(file).expect("opens");
    connection.execute_batch(CANDLES).and_then(|()| connection.execute_batch(BOOKS_AND_TRADES)).expect("a schema");
    let mut written = Written { inputs: 0, books: 0, commits: 0, spent: Duration::ZERO, device: 0, size: 0 };
    let device = device_bytes();
    let state = State::open_read(ours).expect("opens");
    let mut ids: Vec<_> = names.iter().collect();
    ids.sort_by_key(|(id, _)| id.0);
    for day in days(ours).expect("lists") {
        let reader = Reader::open_day(&day.path).expect("opens");
        for block in reader.blocks().expect("reads") {
            let (_, inputs) = block.expect("whole");
            let began = Instant::now();
            if let Some(most) = every_row {
                for stamped in &inputs {
                    let txn = connection.transaction().expect("begins");
                    written.inputs += 1;
                    insert(&txn, stamped, names);
                    txn.commit().expect("commits");
                }
                written.spent += began.elapsed();
                if written.inputs >= most {
                    return written;
                }
                continue;
            }
            let txn = connection.transaction().expect("begins");
            for stamped in &inputs {
                written.inputs += 1;
                insert(&txn, stamped, names);
            }
            txn.commit().expect("commits");
            written.spent += began.elapsed();
        }
    }
    let began = Instant::now();
    let txn = connection.transaction().expect("begins");
    for (id, (name, scale)) in ids {
        for record in state.candles(*id, Timeframe::M1, Span::last(usize::MAX, Timestamp::MAX)).expect("reads") {
            insert_candle(&txn, name, *scale, &record.candle);
        }
    }
    txn.commit().expect("commits");
    written.spent += began.elapsed();
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
    drop(connection);
    written.device = device_bytes() - device;
    written.size = total(file.parent().expect("a folder"), "theirs");
    written
}

fn insert(txn: &rusqlite::Transaction<'_>, stamped: &Stamped<Input>, names: &HashMap<InstrumentId, (String, Scale)>) {
    let f = |fixed: String| fixed.parse::<f64>().expect("a number");
    match &stamped.input {
        Input::Book(book) => {
            let (name, scale) = &names[&book.instrument];
            let (exchange, symbol) = name.split_once(':').expect("venue and symbol");
            let side = |levels: &[types::market::Level]| -> Vec<[f64; 2]> {
                levels.iter().map(|l| [f(scale.price(l.price).to_string()), f(scale.qty(l.qty).to_string())]).collect()
            };
            let (bids, asks) = (side(&book.bids), side(&book.asks));
            let (bid, ask) = (bids.first().map_or(0.0, |l| l[0]), asks.first().map_or(0.0, |l| l[0]));
            let depth = |side: &[[f64; 2]]| side.iter().take(5).map(|level| level[1]).sum::<f64>();
            let (b, a) = (depth(&bids), depth(&asks));
            let mut statement = txn
                .prepare_cached(
                    "INSERT INTO order_books (timestamp, exchange, symbol, bids, asks, mid_price, spread, spread_bps, imbalance)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .expect("prepares");
            let (mid, json) = ((bid + ask) / 2.0, |side: &[[f64; 2]]| serde_json::to_string(side).expect("numbers"));
            statement
                .execute(params![
                    stamped.at.as_nanos() / 1_000,
                    exchange,
                    symbol,
                    json(&bids),
                    json(&asks),
                    mid,
                    ask - bid,
                    (ask - bid) / mid * 10_000.0,
                    (b - a) / (b + a)
                ])
                .expect("inserts");
        }
        Input::Trade(trade) => {
            let (name, scale) = &names[&trade.instrument];
            let mut statement = txn
                .prepare_cached(
                    "INSERT OR IGNORE INTO trades (timestamp, symbol, trade_id, price, quantity, is_buyer_maker, event_time)
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )
                .expect("prepares");
            let time = trade.venue_at.as_nanos() as f64 / 1e9;
            statement
                .execute(params![
                    time,
                    name,
                    trade.id as i64,
                    f(scale.price(trade.price).to_string()),
                    f(scale.qty(trade.qty).to_string()),
                    false,
                    time
                ])
                .expect("inserts");
        }
        _ => {}
    }
}

fn insert_candle(txn: &rusqlite::Transaction<'_>, name: &str, scale: Scale, candle: &Candle) {
    let price = |price: Price| scale.price(price).to_string().parse::<f64>().expect("a number");
    let mut statement = txn
        .prepare_cached(
            "INSERT OR REPLACE INTO ohlcv (timestamp, symbol, timeframe, open, high, low, close, volume, trade_count)
             VALUES (?, ?, '1m', ?, ?, ?, ?, ?, ?)",
        )
        .expect("prepares");
    statement
        .execute(params![
            candle.open_time.as_millis(),
            name,
            price(candle.open),
            price(candle.high),
            price(candle.low),
            price(candle.close),
            scale.qty(candle.volume).to_string().parse::<f64>().expect("a number"),
            candle.trades
        ])
        .expect("inserts");
}

/// A month of candles, forecasts, scores and seals of eight instruments: its size, and how long reading takes.
fn month(dir: &Path, say: &mut impl FnMut(String)) {
    const INSTRUMENTS: u16 = 8;
    let (ours, theirs) = (dir.join("month"), dir.join("month.db"));
    let state = State::open(&ours).expect("opens");
    let scale = Scale { price_decimals: 2, qty_decimals: 8 };
    let start = Timestamp::from_secs(1_761_955_200);
    let mut random = 1u64;
    let mut draw = |end: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % end
    };
    let connection = Connection::open(&theirs).expect("opens");
    connection.execute_batch(CANDLES).expect("a schema");
    let mut connection = connection;
    let mut closes = vec![9_500_000i64; usize::from(INSTRUMENTS)];
    let mut sealed = 0;
    for day in 0..30 {
        let mut entries = Vec::new();
        let txn = connection.transaction().expect("begins");
        for n in day * 1_440..(day + 1) * 1_440 {
            let at = Timestamp::from_secs(start.as_secs() + 60 * n);
            for id in 0..INSTRUMENTS {
                let close = &mut closes[usize::from(id)];
                let open = *close;
                *close += draw(4_001) as i64 - 2_000;
                let (low, high) = (open.min(*close) - draw(900) as i64, open.max(*close) + draw(900) as i64);
                let price = |value: i64| Price::new(value).expect("positive");
                let candle = Candle {
                    open: price(open),
                    high: price(high),
                    low: price(low),
                    close: price(*close),
                    volume: Qty(draw(3_000_000_000)),
                    trades: draw(400) as u32,
                    ..Candle::flat(at, price(open))
                };
                let quote = Quote { bid: candle.low, ask: candle.high };
                insert_candle(&txn, &format!("SYMBOL{id}"), scale, &candle);
                let instrument = InstrumentId(id);
                let mut push = |record| entries.push(Entry { seq: n as u64 + 1, rank: 0, record });
                push(Record::Candle(CandleRecord {
                    instrument,
                    timeframe: Timeframe::M1,
                    candle,
                    source: CandleSource::Built,
                    agrees: Some(true),
                    revision: 0,
                    is_clock_set: true,
                    quote: Some(quote),
                }));
                sealed += 1;
                push(Record::Seal(SealRecord {
                    number: sealed,
                    at: Timestamp::from_secs(at.as_secs() + 61),
                    instrument,
                    open_time: at,
                    link: core::array::from_fn(|_| draw(256) as u8),
                }));
                for horizon_min in [5, 10, 30] {
                    let model = MODEL.to_owned();
                    let log_return = draw(2_000) as f32 / 1e6 - 0.001;
                    let p_up = draw(1_000) as f32 / 1e3;
                    push(Record::Forecast(ForecastRecord {
                        instrument,
                        open_time: at,
                        base: Base::Quote(quote),
                        horizon_min,
                        model: model.clone(),
                        log_return,
                        p_up,
                        quantiles: Vec::new(),
                    }));
                    let outcome = draw(2_000) as f32 / 1e6 - 0.001;
                    push(Record::Score(ScoreRecord {
                        instrument,
                        open_time: at,
                        horizon_min,
                        model,
                        log_return,
                        outcome,
                    }));
                }
            }
        }
        txn.commit().expect("commits");
        for entries in entries.chunks(8_000) {
            state.write(entries, 1).expect("writes");
        }
    }
    say(format!(
        "30 days of candles, forecasts, scores and seals of {INSTRUMENTS} instruments: {:.0} MB",
        total(&ours, "state") as f64 / 1e6
    ));
    let end = Timestamp::from_secs(start.as_secs() + 60 * MONTH_MIN);
    let measure = |times: u32, run: &mut dyn FnMut(u16) -> usize, expected: usize| {
        let began = Instant::now();
        for n in 0..times {
            assert_eq!(run((n % u32::from(INSTRUMENTS)) as u16), expected);
        }
        began.elapsed().as_secs_f64() / f64::from(times) * 1e6
    };
    let mut ask = connection
        .prepare("SELECT timestamp, open, high, low, close, volume FROM ohlcv WHERE symbol = ? AND timeframe = '1m' AND timestamp >= ? ORDER BY timestamp")
        .expect("prepares");
    for (what, minutes, times) in [("the last 60 minutes", 60, 2_000), ("30 days of minutes", MONTH_MIN, 20)] {
        let from = Timestamp::from_secs(end.as_secs() - 60 * minutes);
        let ours = measure(
            times,
            &mut |id| {
                state
                    .candles(InstrumentId(id), Timeframe::M1, Span::between(from, end, usize::MAX))
                    .expect("reads")
                    .len()
            },
            minutes as usize,
        );
        let theirs = measure(
            times,
            &mut |id| {
                let rows = ask.query_map(params![format!("SYMBOL{id}"), from.as_millis()], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, f64>(1)?,
                        row.get::<_, f64>(2)?,
                        row.get::<_, f64>(3)?,
                        row.get::<_, f64>(4)?,
                        row.get::<_, f64>(5)?,
                    ))
                });
                rows.expect("asks").map(|row| row.expect("a row")).collect::<Vec<_>>().len()
            },
            minutes as usize,
        );
        say(format!("reading {what}: ours {ours:.0} us, SQLite {theirs:.0} us, {:.1} times as fast", theirs / ours));
    }
}

/// Bytes that this process had written to devices so far.
fn device_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("Linux tells");
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).expect("a number")
}

/// Bytes on disk of the files that begin so.
fn total(dir: &Path, prefix: &str) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).expect("lists").map(|entry| entry.expect("an entry"));
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.metadata().expect("is there").blocks() * 512)
        .sum()
}
