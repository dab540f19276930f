//! A small box, exported and read back.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use store::{Entry, State};
use types::effect::{Base, CandleRecord, ForecastRecord, RulesRecord, ScoreRecord};
use types::market::{CandleSource, Quote};
use types::{Candle, Cash, Instrument, InstrumentId, Price, Qty, Record, Venue};

use super::*;

/// 2026-01-31.
const DAY: i32 = 20_484;

fn minute(n: i64) -> Timestamp {
    Timestamp::from_secs(i64::from(DAY) * SECONDS_PER_DAY + 60 * n)
}

fn box_with_candles(dir: &Path) -> State {
    let state = State::open(dir).expect("a new file");
    let id = state.resolve(Venue::Kraken, "BTC/USD").expect("numbered");
    let instrument = Instrument {
        id,
        venue: Venue::Kraken,
        symbol: "BTC/USD".to_owned(),
        base: "BTC".to_owned(),
        quote: "USD".to_owned(),
        scale: Scale { price_decimals: 1, qty_decimals: 8 },
        tick: 1,
        lot: 1,
        qty_min: Qty(1),
        notional_min: Cash(0),
    };
    let mut records = vec![Record::Rules(Box::new(RulesRecord { at: minute(0), instrument }))];
    for n in [1_438, 1_439, 1_440] {
        let price = Price::new(1_000_005 + n).expect("positive");
        records.push(Record::Candle(CandleRecord {
            instrument: InstrumentId(0),
            timeframe: Timeframe::M1,
            candle: Candle { volume: Qty(150_000_000), trades: 7, ..Candle::flat(minute(n), price) },
            source: CandleSource::Built,
            agrees: Some(true),
            revision: 0,
            is_clock_set: true,
            quote: Some(Quote { bid: price, ask: Price::new(1_000_006 + n).expect("positive") }),
        }));
    }
    for horizon_min in [5, 10] {
        let (instrument, open_time, model) = (InstrumentId(0), minute(1), "m".to_owned());
        let forecast = ForecastRecord {
            instrument,
            open_time,
            model,
            horizon_min,
            base: Base::Close(Price::new(1).expect("positive")),
            log_return: 0.25,
            p_up: 0.5,
            quantiles: Vec::new(),
        };
        records.push(Record::Forecast(forecast));
    }
    let score = ScoreRecord {
        instrument: InstrumentId(0),
        open_time: minute(1),
        model: "m".to_owned(),
        horizon_min: 5,
        log_return: 0.25,
        outcome: -0.5,
    };
    records.push(Record::Score(score));
    let entries: Vec<Entry> = (1..).zip(records).map(|(seq, record)| Entry { seq, rank: 0, record }).collect();
    state.write(&entries, 9).expect("written");
    state
}

fn to(out: &tempfile::TempDir) -> Folder {
    Folder(out.path().to_owned())
}

fn all() -> Wanted {
    Wanted { kinds: Kind::ALL.to_vec(), days: DAY..DAY + 2, formats: vec![Format::Csv, Format::Parquet] }
}

#[test]
fn candles_lie_by_day_and_are_what_was_kept_in_both_formats() {
    let (dir, out) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let state = box_with_candles(dir.path());
    assert_eq!(days_kept(&state, dir.path()).expect("read"), DAY..DAY + 2);
    let exported = export(&state, dir.path(), &to(&out), &all(), minute(9), |_| {}).expect("exported");
    // Two days of candles and one of forecasts, each as CSV and Parquet.
    assert_eq!((exported.written, exported.unchanged, exported.rows), (6, 0, 2 * (3 + 2)));
    let folder = out.path().join("kind=candles_1m/day=2026-01-31/symbol=BTC-USD/venue=kraken");
    let csv = std::fs::read_to_string(folder.join("part.csv")).expect("written");
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("open_time_ms,open,high,low,close,volume,trades,revision,made_by,agrees,clock_set,bid,ask")
    );
    assert_eq!(
        lines.next(),
        Some("1769903880000,100144.3,100144.3,100144.3,100144.3,1.5,7,0,built,true,true,100144.3,100144.4")
    );
    assert_eq!(lines.count(), 1);
    let file = std::fs::File::open(folder.join("part.parquet")).expect("written");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 2);
    let row = reader.get_row_iter(None).expect("rows").nth(1).expect("two").expect("readable");
    assert_eq!((row.get_long(0).ok(), row.get_double(4).ok()), (Some(1_769_903_940_000), Some(100_144.4)));
    assert_eq!((row.get_long(6).ok(), row.get_string(8).ok().map(String::as_str)), (Some(7), Some("built")));
    let forecasts = out.path().join("kind=forecasts/day=2026-01-31/symbol=BTC-USD/venue=kraken/part.csv");
    let text = std::fs::read_to_string(forecasts).expect("written");
    assert_eq!(
        text,
        "open_time_ms,horizon_min,model,log_return,p_up,outcome\n1769817660000,5,m,0.25,0.5,-0.5\n1769817660000,10,m,0.25,0.5,\n"
    );
}

#[test]
fn a_second_export_changes_nothing_and_a_damaged_file_is_mended() {
    let (dir, out) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let state = box_with_candles(dir.path());
    export(&state, dir.path(), &to(&out), &all(), minute(9), |_| {}).expect("exported");
    let metadata = std::fs::read(out.path().join(METADATA)).expect("written");
    let again = export(&state, dir.path(), &to(&out), &all(), minute(9), |_| {}).expect("exported");
    assert_eq!((again.written, again.unchanged), (0, 6));
    assert_eq!(std::fs::read(out.path().join(METADATA)).expect("written"), metadata);
    let entries: Metadata = serde_json::from_slice(&metadata).expect("JSON");
    let (path, entry) = entries.iter().next().expect("files");
    assert_eq!((entry.kind.as_str(), entry.rows, entry.symbol.as_deref()), ("candles_1m", 2, Some("BTC-USD")));
    assert_eq!((entry.from_ms, entry.to_ms), (minute(1_438).as_millis(), minute(1_439).as_millis()));
    std::fs::write(out.path().join(path), "damaged").expect("written");
    let mended = export(&state, dir.path(), &to(&out), &all(), minute(9), |_| {}).expect("exported");
    assert_eq!((mended.written, mended.unchanged), (1, 5));
    // One day only: what was said of the others stays.
    let one = Wanted { days: DAY..DAY + 1, ..all() };
    export(&state, dir.path(), &to(&out), &one, minute(9), |_| {}).expect("exported");
    assert_eq!(std::fs::read(out.path().join(METADATA)).expect("written"), metadata);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let state = box_with_candles(dir.path());
    let out = dir.path().join("file");
    std::fs::write(&out, "no folder").expect("written");
    let error = export(&state, dir.path(), &Folder(out), &all(), minute(9), |_| {}).expect_err("refused").to_string();
    assert!(error.contains("file"), "{error}");
    let out = tempfile::tempdir().expect("a folder");
    std::fs::write(out.path().join(METADATA), "{").expect("written");
    let error = export(&state, dir.path(), &to(&out), &all(), minute(9), |_| {}).expect_err("refused").to_string();
    assert!(error.contains(METADATA), "{error}");
}
