//! A box's journal gives the rows that its candles give, what its books give beside them, and mid prices to count from.

use std::path::Path;

use engine::Engine;
use engine::candle::Bar;
use store::{BlockBuilder, Checkpoint, Journal};
use trainer::random::Random;
use trainer::{import, journal, run};
use types::market::{BookTop, CandleSource, CandleState, Level, Proof, VenueCandle};
use types::settings::EngineSettings;
use types::{Candle, Cash, Effects, Input, Instrument, InstrumentId, Price, Qty, Scale, Stamped, Timestamp, Venue};

const FIRST_MINUTE: i64 = 29_000_160;

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        venue: Venue::Kraken,
        symbol: "BTC/USD".to_owned(),
        base: "BTC".to_owned(),
        quote: "USD".to_owned(),
        scale: Scale { price_decimals: 1, qty_decimals: 8 },
        tick: 1,
        lot: 1,
        qty_min: Qty(1),
        notional_min: Cash(0),
    }
}

fn candles(count: i64) -> Vec<Candle> {
    let mut random = Random::new(1, 1);
    let mut close = 500_000i64;
    let mut candle = |minute: i64| {
        let open = close;
        close += (random.bits() % 201) as i64 - 100;
        let price = |mantissa: i64| Price::new(mantissa).expect("far from zero");
        Candle {
            open_time: Timestamp::from_secs((FIRST_MINUTE + minute) * 60),
            open: price(open),
            high: price(open.max(close) + 5),
            low: price(open.min(close) - 5),
            close: price(close),
            volume: Qty(100_000_000 + random.bits() % 100_000_000),
            trades: 7,
        }
    };
    (0..count).map(&mut candle).collect()
}

/// Journals what a box hears that sees each of these minutes closed by the venue.
fn record(dir: &Path, candles: &[Candle]) {
    let start = candles[0].open_time;
    let boot = Input::Boot { version: "test".to_owned(), settings: Box::new(EngineSettings::default()) };
    let clock = Input::Clock { synchronised: true };
    let mut inputs = vec![(start, boot), (start, clock), (start, Input::Instrument(instrument()))];
    for candle in candles {
        let within = Timestamp::from_secs(candle.open_time.as_secs() + 30);
        inputs.push((within, Input::Book(book(candle.close.mantissa(), within))));
        let heard = Timestamp::from_secs(candle.open_time.as_secs() + 64);
        let (state, source) = (CandleState::Final, CandleSource::Stream);
        let told = VenueCandle { instrument: InstrumentId(0), candle: *candle, state, source };
        inputs.push((heard, Input::Candle(told)));
        inputs.push((heard, Input::Tick));
    }
    let mut engine = Engine::new();
    let state = postcard::to_allocvec(&engine).expect("no sequences of unknown length");
    let checkpoint = Checkpoint { seq: 0, at: start, state_version: engine::STATE_VERSION, state };
    let (mut builder, mut blocks, mut effects) = (BlockBuilder::new(), Vec::new(), Effects::new());
    for (seq, (at, input)) in (1u64..).zip(inputs) {
        let stamped = Stamped { seq, at, input };
        effects.clear();
        engine.handle(&stamped, &mut effects);
        if !builder.fits(at) {
            blocks.extend(builder.finish());
        }
        builder.push(&stamped, effects.as_slice()).expect("it fits");
    }
    blocks.extend(builder.finish());
    let (mut journal, _) = Journal::open(dir).expect("an empty folder");
    journal.write(&blocks, Some(checkpoint)).expect("room on the disk");
}

/// Around a price, 3 units below and 5 above.
fn book(around: i64, venue_at: Timestamp) -> BookTop {
    let level = |mantissa| Level { price: Price::new(mantissa).expect("positive"), qty: Qty(100_000_000) };
    let (bids, asks) = (vec![level(around - 3)], vec![level(around + 5)]);
    BookTop { instrument: InstrumentId(0), bids, asks, proof: Proof::Checksum, venue_at: Some(venue_at) }
}

#[test]
fn rows_of_a_journal_are_those_of_its_candles() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let candles = candles(200);
    record(dir.path(), &candles);
    let features: Vec<String> = run::FEATURES.map(str::to_owned).into();
    let found = journal::series(dir.path(), &features).expect("a sound journal");
    assert_eq!(found.iter().map(|series| series.source.as_str()).collect::<Vec<_>>(), ["kraken-BTC/USD"]);
    let bars: Vec<Bar> = candles.iter().map(|candle| Bar::of(candle, instrument().scale)).collect();
    let expected = import::series(String::new(), found[0].sha256, &bars, 1, &features).expect("known features");
    assert_eq!(found[0].minutes, expected.minutes);
    assert_eq!(found[0].closes, expected.closes);
    let bits = |rows: &[f32]| rows.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    // The first minutes, while the exchange's time is being learned, may be seen otherwise than they are known at the end.
    let from = 10 * features.len();
    assert_eq!(bits(&found[0].rows[from..]), bits(&expected.rows[from..]));
    let mids: Vec<f64> = bars.iter().map(|bar| bar.close + 0.1).collect();
    // Before the exchange's time is known (five messages agree) nobody can say whether a book was of a minute's end.
    let known = found[0].prices.iter().position(|price| price.is_finite()).expect("some are known");
    assert!(known < 10, "{known}");
    for (price, mid) in found[0].prices[known..].iter().zip(&mids[known..]) {
        assert!((price - mid).abs() < 1e-9, "{price} {mid}");
    }
    assert!(found[0].log_return(known, 1).is_some() && found[0].log_return(199, 1).is_none());
    let spread = journal::series(dir.path(), &["spread_bps".to_owned()]).expect("a sound journal");
    let spreads = spread[0].rows[known..].iter().filter(|value| **value > 0.0).count();
    assert_eq!(spreads, 200 - known, "books are in the rows");
}

#[test]
fn a_folder_without_a_journal_is_refused_in_words() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let error = journal::series(dir.path(), &[]).expect_err("nothing is there");
    assert!(format!("{error:#}").contains("no journal here"), "{error:#}");
}
