//! `tickerbox candles`, `features` and `predict` on real data.

use std::io::Read;

use serde_json::Value;
use tickerbox_tests::{root, tickerbox};

fn unpacked(path: &std::path::Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("readable");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("a gzip file");
    text
}

#[test]
fn candles_from_trades_equal_the_exchanges_own() {
    let (Some(trades), Some(ohlc)) = (
        testdata::path("rest/kraken_Trades_XBTUSDT_202511.json.gz"),
        testdata::path("rest/kraken_OHLC_XBTUSDT_1m_202511.json.gz"),
    ) else {
        return;
    };
    let built = tickerbox(&[
        "candles".as_ref(),
        "--trades".as_ref(),
        trades.as_os_str(),
        "--venue".as_ref(),
        "kraken".as_ref(),
        "--json".as_ref(),
    ])
    .json();
    let built = built["candles"].as_array().expect("candles");
    let told: Value = serde_json::from_str(&unpacked(&ohlc)).expect("JSON");
    let told = told["result"]["XBTUSDT"].as_array().expect("rows");
    let number =
        |value: &Value| value.as_str().map_or_else(|| value.as_f64(), |text| text.parse().ok()).expect("a number");
    let mut with_trades = 0;
    // The first and the last minute of the trades are not whole.
    for candle in &built[1..built.len() - 1] {
        let open_time = candle["open_time_ms"].as_i64().expect("a time") / 1_000;
        let row = told.iter().find(|row| row[0].as_i64() == Some(open_time)).expect("the exchange has this minute");
        for (key, column) in [("open", 1), ("high", 2), ("low", 3), ("close", 4), ("volume", 6), ("trades", 7)] {
            assert!((number(&candle[key]) - number(&row[column])).abs() < 1e-9, "{key} of {open_time}: {candle} {row}");
        }
        with_trades += u32::from(candle["trades"].as_u64() > Some(0));
    }
    assert!(with_trades >= 270, "{with_trades}");
}

#[test]
fn feature_rows_of_a_candle_file_are_written() {
    let Some(candles) = testdata::path("candles/binance_BTCUSDT_1m_20250601-20250624.csv.gz") else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let out = dir.path().join("rows.csv");
    let ran =
        tickerbox(&["features".as_ref(), "--candles".as_ref(), candles.as_os_str(), "--out".as_ref(), out.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let text = std::fs::read_to_string(&out).expect("written");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let first = "open_time_ms,rsi_14,macd,macd_signal,macd_hist,bb_upper,bb_middle,bb_lower,atr_14,";
    assert!(header.starts_with(first), "{header}");
    assert_eq!(lines.clone().count(), 33_520);
    let masked = lines.next().expect("a row");
    assert!(masked.starts_with("1748798400000,,,,,,,,,"), "masked values are empty: {masked}");
    let full = lines.nth(5_000).expect("a row");
    assert!(full.split(',').skip(1).take(8).all(|field| field.parse::<f64>().is_ok()), "{full}");
}

#[test]
fn the_starter_model_forecasts_every_minute_it_can() {
    let Some(candles) = testdata::path("candles/binance_ETHUSDT_1m_20250601-20250624.csv.gz") else { return };
    let starter = root().join("models/starter");
    let report = tickerbox(&[
        "predict".as_ref(),
        "--bundle".as_ref(),
        starter.as_os_str(),
        "--candles".as_ref(),
        candles.as_os_str(),
        "--last".as_ref(),
        "50".as_ref(),
        "--json".as_ref(),
    ])
    .json();
    let forecasts = report["forecasts"].as_array().expect("forecasts");
    assert_eq!(forecasts.len(), 50);
    for forecast in forecasts {
        for horizon in ["5", "10", "30"] {
            let one = &forecast["horizons"][horizon];
            assert!(one["log_return"].as_f64().is_some_and(|r| r.abs() < 0.1), "{forecast}");
            assert!(one["p_up"].as_f64().is_some_and(|p| (0.0..=1.0).contains(&p)), "{forecast}");
        }
    }
}

#[test]
fn a_model_is_measured_by_itself() {
    let starter = root().join("models/starter");
    let report = tickerbox(&[
        "predict".as_ref(),
        "--bundle".as_ref(),
        starter.as_os_str(),
        "--repeat".as_ref(),
        "20".as_ref(),
        "--json".as_ref(),
    ])
    .json();
    let [median, p99] = ["median", "p99"].map(|rank| report["latency_us"][rank].as_f64().expect("a time"));
    assert!(0.0 < median && median <= p99, "{report}");
    assert!(report["integer_share"].as_f64().is_some_and(|share| share > 0.6), "{report}");
    assert_eq!(report["forecasts"].as_array().map(Vec::len), Some(0));
}

/// Rows, missing intervals and gaps of the real candle files, as their README counts them; a second time adds nothing.
#[test]
fn import_counts_what_the_files_hold() {
    let expected = [
        ("binance_BTCUSDT_1h_201708-202312.csv.gz", 55_740, 128, 28),
        ("binance_ETHUSDT_1h_202301-202312.csv.gz", 8_759, 1, 1),
        ("coinbase_BTC-USD_5m_20260126-20260228.csv.gz", 9_791, 1, 1),
        ("multi/binance_PEPEUSDT_1d_202404-202409.csv.gz", 159, 0, 0),
    ];
    let dir = tempfile::tempdir().expect("a folder");
    for is_second in [false, true] {
        for (file, rows, missing, gaps) in expected {
            let Some(path) = testdata::path(&format!("candles/{file}")) else { return };
            let folder = dir.path().as_os_str();
            let arguments = ["import".as_ref(), path.as_os_str(), "--data-dir".as_ref(), folder, "--json".as_ref()];
            let report = tickerbox(&arguments).json();
            let counts = |key: &str| report[key].as_u64().expect("a number");
            assert_eq!((counts("rows"), counts("missing"), counts("gaps")), (rows, missing, gaps), "{file}");
            let (new, known) = if is_second { (0, rows) } else { (rows, 0) };
            assert_eq!((counts("imported"), counts("duplicates")), (new, known), "{file}");
            assert_eq!((counts("unfinished"), counts("quarantined")), (0, 0), "{file}");
        }
    }
}
