//! `tickerbox paper`: the worked cases, on recordings made by hand and on real ones.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;
use tickerbox_tests::{Finished, tickerbox};

/// A recording of Binance.US with asks 100.00 x 0.5, 100.10 x 1.0, 100.30 x 2.0 and a bid 99.90 x 100 from second 1000 on.
fn recording(more: &[String]) -> String {
    let snapshot =
        r#"{"lastUpdateId":1,"bids":[["99.90","100.0"]],"asks":[["100.00","0.5"],["100.10","1.0"],["100.30","2.0"]]}"#;
    let url = "https://api.binance.us/api/v3/depth?symbol=BTCUSDT&limit=1000";
    let first = json!({"t": "http", "url": url, "ts": "1000.0", "data": snapshot}).to_string();
    [vec![first], more.to_vec()].concat().join("\n")
}

fn received(at_s: f64, data: &Value) -> String {
    json!({"t": "recv", "conn": "a", "ts": format!("{at_s}"), "data": data.to_string()}).to_string()
}

fn depth(at_s: f64, id: u64, bids: &Value, asks: &Value) -> String {
    let ms = (at_s * 1e3) as u64;
    received(at_s, &json!({"e": "depthUpdate", "E": ms, "s": "BTCUSDT", "U": id, "u": id, "b": bids, "a": asks}))
}

fn sold(at_s: f64, id: u64, price: &str, qty: &str) -> String {
    let ms = (at_s * 1e3) as u64;
    received(at_s, &json!({"e": "trade", "E": ms, "s": "BTCUSDT", "t": id, "p": price, "q": qty, "T": ms, "m": true}))
}

fn run(frames: &Path, orders: &str, more: &[&str]) -> Finished {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("orders.json");
    std::fs::write(&file, orders).expect("writes");
    let mut args = vec!["paper".as_ref(), "--frames".as_ref(), frames.as_os_str()];
    args.extend(["--orders".as_ref(), file.as_os_str(), "--json".as_ref()]);
    args.extend(more.iter().map(|one| OsStr::new(*one)));
    tickerbox(&args)
}

fn paper(more: &[String], orders: &Value) -> Value {
    let folder = tempdir().expect("a folder");
    let frames = folder.path().join("capture.jsonl");
    std::fs::write(&frames, recording(more)).expect("writes");
    run(&frames, &orders.to_string(), &["--venue", "binance-us", "--latency-ms", "100"]).json()
}

fn fills(report: &Value) -> Vec<(Value, Value, Value, Value, Value)> {
    let of = |fill: &Value, key: &str| fill[key].clone();
    let row = |fill: &Value| {
        (of(fill, "order"), of(fill, "at_ms"), of(fill, "price"), of(fill, "qty"), of(fill, "liquidity"))
    };
    report["fills"].as_array().expect("fills").iter().map(row).collect()
}

fn fill(order: u64, at_ms: f64, price: &str, qty: &str, liquidity: &str) -> (Value, Value, Value, Value, Value) {
    (json!(order), json!(at_ms), json!(price), json!(qty), json!(liquidity))
}

#[test]
fn a_buy_of_1_2_costs_120_07() {
    let market = json!([{"id": 1, "at_ms": 1_000_100, "side": "buy", "type": "market", "qty": 1.2}]);
    let report = paper(&[], &market);
    let expected = [fill(1, 1_000_200.0, "100", "0.5", "taker"), fill(1, 1_000_200.0, "100.1", "0.7", "taker")];
    assert_eq!(fills(&report), expected);
    // 0.1 % of 50 and of 70.07.
    assert_eq!((&report["fees"], &report["cash"]), (&json!("0.12007"), &json!("-120.19007")));
    assert_eq!((&report["position"], &report["open"]), (&json!("1.2"), &json!([])));
    assert_eq!(report["clock"], "receive");
}

#[test]
fn a_level_of_100_a_trade_of_80_and_one_of_30() {
    let frames = [
        sold(1_001.0, 7, "99.90", "80"),
        depth(1_001.1, 2, &json!([["99.90", "20"]]), &json!([])),
        sold(1_002.0, 8, "99.90", "30"),
    ];
    let order = json!([{"id": 1, "at_ms": 1_000_100, "side": "buy", "type": "limit", "price": "99.90", "qty": 50, "tif": "gtc"}]);
    let report = paper(&frames, &order);
    assert_eq!(fills(&report), [fill(1, 1_002_000.0, "99.9", "10", "maker")]);
    assert_eq!(report["open"], json!([{"id": 1, "remaining": "40"}]));
    let first = paper(&frames[..2], &order);
    assert_eq!((fills(&first).len(), &first["open"]), (0, &json!([{"id": 1, "remaining": "50"}])));
}

#[test]
fn a_level_we_emptied_does_not_fill_us_twice() {
    let market = |id, at_ms| json!({"id": id, "at_ms": at_ms, "side": "buy", "type": "market", "qty": 0.5});
    let orders = json!([market(1, 1_000_100), market(2, 1_002_000), market(3, 1_004_000)]);
    let grown = depth(1_003.0, 3, &json!([]), &json!([["100.00", "0.9"]]));
    let frames = [depth(1_001.0, 2, &json!([["99.90", "1"]]), &json!([])), grown];
    let expected = [
        fill(1, 1_000_200.0, "100", "0.5", "taker"),
        fill(2, 1_002_100.0, "100.1", "0.5", "taker"),
        fill(3, 1_004_100.0, "100", "0.4", "taker"),
        fill(3, 1_004_100.0, "100.1", "0.1", "taker"),
    ];
    assert_eq!(fills(&paper(&frames, &orders)), expected);
}

#[test]
fn a_gap_in_the_sequence_fills_nothing() {
    let market = json!([{"id": 1, "at_ms": 1_002_000, "side": "buy", "type": "market", "qty": 1}]);
    let frames = [
        depth(1_001.0, 2, &json!([]), &json!([["100.00", "0.4"]])),
        depth(1_001.5, 9, &json!([]), &json!([["100.00", "0.3"]])),
        depth(1_003.0, 10, &json!([]), &json!([["100.00", "0.2"]])),
    ];
    let report = paper(&frames, &market);
    assert_eq!(fills(&report), []);
    assert_eq!((&report["ended"][0]["end"], &report["cash"]), (&json!("stale-book"), &json!("0")));
}

#[test]
fn a_replay_from_memory_is_measured_and_must_give_the_same() {
    let frames =
        [sold(1_001.0, 7, "99.90", "80"), depth(1_001.1, 2, &json!([["99.90", "20"]]), &json!([["100.10", "0"]]))];
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("capture.jsonl");
    std::fs::write(&file, recording(&frames)).expect("writes");
    let market = json!([{"id": 1, "at_ms": 1_001_200, "side": "buy", "type": "market", "qty": 1}]).to_string();
    let report = run(&file, &market, &["--venue", "binance-us", "--latency-ms", "100", "--repeat", "2"]).json();
    let expected = [fill(1, 1_001_300.0, "100", "0.5", "taker"), fill(1, 1_001_300.0, "100.3", "0.5", "taker")];
    assert_eq!(fills(&report), expected);
    // The snapshot's four levels, a trade, and two levels that changed.
    let repeat = &report["repeat"];
    assert_eq!((&repeat["runs"], &repeat["messages"], &repeat["changes"]), (&json!(2), &json!(3), &json!(7)));
}

#[test]
fn bad_input_is_told_with_what_and_where() {
    let folder = tempdir().expect("a folder");
    let frames = folder.path().join("capture.jsonl");
    std::fs::write(&frames, recording(&[])).expect("writes");
    let refused = |orders: &str, more: &[&str], words: &[&str]| {
        run(&frames, orders, &[&["--venue", "binance-us"], more].concat()).assert_refused(words);
    };
    let order = r#"{"id": 5, "at_ms": 1, "side": "buy", "type": "market", "qty": 1}"#;
    let list = format!("[{order}]");
    refused(&list.replace("buy", "bye"), &[], &[r#"orders.json: order 1 (id 5): side "bye" is neither buy nor sell"#]);
    refused("{", &[], &["orders.json: not an object with a list of orders"]);
    refused(
        &list,
        &["--symbol", "ETHUSDT"],
        &["capture.jsonl: the recording does not tell of ETHUSDT, but of BTCUSDT"],
    );
    std::fs::write(&frames, "{\"t\":\"recv\",\"conn\":\"a\",\"ts\":\"soon\",\"data\":\"{}\"}").expect("writes");
    refused(&list, &[], &["capture.jsonl, line 1", "ts soon is no time"]);
}

#[test]
fn orders_in_real_recordings_are_filled_by_their_books_and_trades() {
    for (venue, file, symbol) in [
        ("kraken", "ws/kraken_v2_book10_BTCUSD_20260719.jsonl.gz", "BTC/USD"),
        ("binance-us", "l2/binance_spot_btcusdt_20240808.txt.gz", "BTCUSDT"),
        ("coinbase", "ws/coinbase_exchange_20210417.jsonl.gz", "YFI-BTC"),
        ("kucoin", "ws/kucoin_20210425.jsonl.gz", "BCHSV-USDT"),
    ] {
        let Some(file) = testdata::path(file) else { return };
        // When the recording begins is told by an order that comes long before it.
        let early = json!([{"id": "a", "at_ms": 1, "side": "buy", "type": "limit", "price": "900000", "qty": "0.001"}]);
        let report = run(&file, &early.to_string(), &["--venue", venue, "--symbol", symbol]).json();
        let found = fills(&report);
        assert!(!found.is_empty() && report["ended"][0]["end"] == "filled", "{venue}: {report}");
        assert_eq!(report["clock"], if venue == "kraken" { "venue" } else { "receive" });
    }
}
