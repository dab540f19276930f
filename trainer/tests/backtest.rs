//! `tickerbox-trainer backtest`: the starter over made-up minutes.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Start of what was held out when the starter was made, and some hours of it.
const HELD_OUT_MS: i64 = 1_750_407_360_000;

fn candles(folder: &Path, from_ms: i64) -> String {
    let mut rows = "open_time_ms,open,high,low,close,volume\n".to_owned();
    for minute in 0..300i64 {
        let price = |minute: i64| 50_000.0 + ((minute * 7_919) % 997) as f64 / 10.0;
        let (open, close) = (price(minute), price(minute + 1));
        let (high, low, at) = (open.max(close) + 1.0, open.min(close) - 1.0, from_ms + minute * 60_000);
        writeln!(rows, "{at},{open:.2},{high:.2},{low:.2},{close:.2},{}", 1 + minute % 9).expect("a string");
    }
    let path = folder.join("coinbase_BTC-USD_1m.csv");
    std::fs::write(&path, rows).expect("writes");
    path.display().to_string()
}

fn backtest(folder: &Path, arguments: &[&str]) -> Output {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/starter");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickerbox-trainer"));
    command.arg("backtest").arg("--bundle").arg(bundle).arg("--trials").arg(folder.join("trials.jsonl"));
    command.args(arguments).output().expect("it starts")
}

#[test]
fn a_bundle_answers_over_candles_and_every_variant_is_counted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = candles(dir.path(), HELD_OUT_MS - 100 * 60_000);
    let run = |more: &[&str]| {
        let output = backtest(dir.path(), &[&["--candles", &file, "--json"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let all = run(&["--fee-ppm", "0,1000", "--peek", "2"]);
    assert!(all["questions"].as_u64() > Some(100), "{all}");
    assert_eq!((all["variants"].as_array().map(Vec::len), &all["chosen"]["trials"]), (Some(2), &Value::from(2)));
    assert_eq!(all["peek"]["findings"], Value::Array(Vec::new()));
    assert!(all["warnings"].to_string().contains("was made from data up to 2025-06-20"), "{all}");
    // What was held out alone is a test of the model, and there is no warning.
    let page = dir.path().join("report.html");
    let held_out = run(&["--held-out", "--what-if", "--out", &page.display().to_string()]);
    assert!(held_out["source"].as_str().is_some_and(|told| told.starts_with("200 candles of 1m")), "{held_out}");
    assert!(!held_out["warnings"].to_string().contains("was made from"), "{held_out}");
    assert_eq!(held_out["what_if"]["rows"].as_array().map(Vec::len), Some(8));
    assert!(page.exists() && page.with_extension("json").exists());
}

#[test]
fn what_cannot_be_run_is_told_with_code_2() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = candles(dir.path(), HELD_OUT_MS - 20_000 * 60_000);
    let check = |arguments: &[&str], expected: &str| {
        let output = backtest(dir.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(expected), "{arguments:?}: {said}");
    };
    check(&["--candles", &file, "--held-out"], "nothing to play");
    check(&["--candles", &file, "--set", "engine.signal.edge=1"], "there is no \"edge\"");
    check(&["--candles", &dir.path().join("kraken_A-B_1m.csv").display().to_string()], "cannot read");
    check(&["--journal", &dir.path().join("none").display().to_string()], "no such directory");
    assert!(!dir.path().join("trials.jsonl").exists());
}
