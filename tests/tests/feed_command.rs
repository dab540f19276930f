//! `tickerbox feed` on real recordings.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use tickerbox_tests::{Finished, tickerbox};

fn feed(venue: &str, file: &Path) -> Finished {
    tickerbox(&["feed".as_ref(), "--venue".as_ref(), venue.as_ref(), file.as_os_str(), "--json".as_ref()])
}

#[track_caller]
fn instrument<'a>(report: &'a Value, symbol: &str) -> &'a Value {
    let all = report["instruments"].as_array().expect("instruments");
    all.iter().find(|i| i["symbol"] == symbol).unwrap_or_else(|| panic!("no {symbol} in {report}"))
}

#[test]
fn every_kraken_checksum_of_the_recording_matches() {
    let Some(file) = testdata::path("ws/kraken_v2_book10_BTCUSD_20260719.jsonl.gz") else { return };
    let report = feed("kraken", &file).json();
    assert_eq!(report["venue"], "kraken");
    assert_eq!(report["checksums"], json!({"checked": 1254, "matched": 1254}));
    assert_eq!((&report["frames"], &report["rejected"]), (&json!(1376), &json!(0)));
    assert_eq!((&report["gaps"], &report["resyncs"]), (&json!(0), &json!(0)));
    let btc = instrument(&report, "BTC/USD");
    assert_eq!((&btc["deltas"], &btc["crossed"]), (&json!(1253), &json!(0)));
    assert_eq!(btc["book"]["bids"].as_array().map(Vec::len), Some(10));
    assert_eq!(btc["book"]["asks"].as_array().map(Vec::len), Some(10));
}

#[test]
fn every_binance_us_book_is_spliced_without_a_gap() {
    for (file, symbols, deltas) in
        [("ws/binance_us_20210417.jsonl.gz", 10, 807), ("ws/binance_us_20211011.jsonl.gz", 4, 336)]
    {
        let Some(file) = testdata::path(file) else { return };
        let report = feed("binance-us", &file).json();
        let mut text = String::new();
        let packed = std::fs::File::open(&file).expect("readable");
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("a gzip file");
        assert_eq!((&report["gaps"], &report["resyncs"], &report["rejected"]), (&json!(0), &json!(0), &json!(0)));
        let all = report["instruments"].as_array().expect("instruments");
        assert_eq!(all.len(), symbols);
        assert_eq!(all.iter().filter_map(|i| i["deltas"].as_u64()).sum::<u64>(), deltas);
        for instrument in all {
            assert_eq!(instrument["crossed"], 0, "{instrument}");
            for side in ["bids", "asks"] {
                let best = &instrument["book"][side][0];
                let level = format!(
                    "[\\\"{}\\\",\\\"{}\\\"]",
                    best[0].as_str().unwrap_or("?"),
                    best[1].as_str().unwrap_or("?")
                );
                assert!(text.contains(&level), "{level} is not the venue's own text");
            }
        }
    }
}

#[test]
fn a_recorder_file_of_a_busy_market_never_crosses() {
    let Some(file) = testdata::path("l2/binance_spot_btcusdt_20240808.txt.gz") else { return };
    let report = feed("binance-us", &file).json();
    let btc = instrument(&report, "BTCUSDT");
    assert_eq!((&report["gaps"], &report["resyncs"], &btc["crossed"]), (&json!(0), &json!(0), &json!(0)));
    assert_eq!((&btc["deltas"], &btc["trades"]), (&json!(3451), &json!(9757)));
}

#[test]
fn bare_frames_are_taken_too() {
    let Some(file) = testdata::path("ws/kraken_v2_public_frames_2026.jsonl") else { return };
    let report = feed("kraken", &file).json();
    assert_eq!(report["frames"], 10);
}

#[test]
fn files_that_are_no_recordings_are_refused_with_one_message() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let write = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("temporary file");
        path
    };
    feed("kraken", &dir.path().join("absent")).assert_refused(&["absent"]);
    feed("kraken", dir.path()).assert_refused(&["folder"]);
    feed("kraken", &write("empty", b"")).assert_refused(&["empty"]);
    feed("kraken", &write("binary", &[0, 159, 146, 150, 255, 1, 2, 3, 10, 0, 7])).assert_refused(&["binary"]);
    feed("kraken", &write("long", &vec![b'x'; 50 << 20])).assert_refused(&["line 1", "MiB"]);
    feed("nonesuch", &write("x", b"{}")).assert_refused(&["nonesuch"]);
    if let Some(file) = testdata::path("ws/kraken_v2_book10_BTCUSD_20260719.jsonl.gz") {
        feed("binance-us", &file).assert_refused(&["binance-us"]);
        let whole = std::fs::read(&file).expect("readable");
        feed("kraken", &write("cut.gz", &whole[..whole.len() / 2])).assert_refused(&["cut.gz"]);
    }
}
