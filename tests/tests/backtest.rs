//! `tickerbox backtest`: over the journal of a demo, over candle files, and what it says to what cannot be run.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tickerbox_tests::demo::{Demo, get};
use tickerbox_tests::{Finished, tickerbox};

/// A minute of the market is a second here.
const PATIENCE: Duration = Duration::from_secs(120);

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

fn backtest(arguments: &[&str]) -> Finished {
    tickerbox(&[&["backtest"], arguments].concat())
}

/// A demo on `dir` that has bought and sold and was answered by its model, killed. Gives the fills that it has shown: those are
/// durable.
fn record(dir: &Path) -> Vec<Value> {
    let demo = Demo::start(dir, &["--seed", "7", "--speed", "60", "--log", "error"]);
    demo.wait_until("answers", |health| health["model"]["answers"].as_u64() > Some(40));
    let began = Instant::now();
    loop {
        let (_, body) = get(demo.address(), "/api/v1/fills");
        let told: Value = serde_json::from_str(&body).expect("JSON");
        let rows = told["rows"].as_array().expect("rows");
        if rows.len() > 4 && rows.iter().any(|row| row["side"] == "sell") {
            demo.kill();
            return rows.clone();
        }
        assert!(began.elapsed() < PATIENCE, "too little was sold: {body:.400}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Every key of the report, for its readers.
const KEYS: [&str; 21] = [
    "ahead",
    "answers",
    "chosen",
    "controls",
    "from",
    "inputs",
    "lead",
    "name",
    "notes",
    "peek",
    "period",
    "questions",
    "rejections",
    "rivals",
    "source",
    "source_digest",
    "to",
    "trial_digest",
    "variants",
    "warnings",
    "what_if",
];

#[track_caller]
fn assert_keys(value: &Value, expected: &[&str]) {
    let mut found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_recorded_day_gives_its_own_fills_and_tells_what_other_costs_would_have_done() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let data = dir.path().join("data");
    let shown = record(&data);
    let (data, page) = (text(&data), dir.path().join("report.html"));

    // As it was: the box began in this journal, nothing was set, the answers are the recorded ones.
    let report = backtest(&["--data-dir", data, "--what-if", "--peek", "2", "--json", "--out", text(&page)]).json();
    assert_keys(&report, &KEYS);
    let what_if = &report["what_if"];
    assert_keys(what_if, &["recorded", "reasons", "fills", "rows"]);
    let fills = &what_if["fills"];
    assert!(fills["recorded"].as_u64() > Some(4), "{what_if}");
    assert_eq!((&fills["backtest"], &fills["same"]), (&fills["recorded"], &fills["recorded"]), "{what_if}");
    assert_eq!(what_if["reasons"], Value::Array(Vec::new()));
    let rows = what_if["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    let expected = ["as set", "fees x 0", "fees x 2", "size x 0.5", "size x 2", "latency + 100 ms", "latency + 500 ms"];
    assert_eq!(names[..7], expected);
    let keys =
        ["name", "net", "fees", "spread", "impact", "delay", "before_costs", "trades", "orders", "fills", "refused"];
    assert_keys(&rows[0], &keys);
    for key in &keys[1..] {
        assert_eq!(rows[0][key], what_if["recorded"][key], "{key}");
    }
    assert!(rows[0]["fees"].as_f64() > Some(0.1), "{rows:?}");
    assert_eq!(rows[1]["fees"], 0.0);
    assert_eq!(report["chosen"]["trials"], 1, "other costs are no trials");
    let peek = &report["peek"];
    assert!(peek["cuts"] == 2 && peek["findings"] == Value::Array(Vec::new()), "{peek}");
    assert!(peek["compared"].as_u64() > Some(10), "{peek}");
    // The fills that the box has shown itself are among them, with their fees.
    let count = fills["recorded"].as_u64().expect("a count") as usize;
    let paid: f64 = shown.iter().map(|row| row["fee"].as_str().expect("text").parse::<f64>().expect("a number")).sum();
    let fees = rows[0]["fees"].as_f64().expect("a number");
    assert!((5..=count).contains(&shown.len()) && paid <= fees * 1.01, "{} of {count}, {paid} of {fees}", shown.len());
    assert!(shown.len() < count || (paid / fees - 1.0).abs() < 0.01, "{paid} of {fees}");

    let written: Value =
        serde_json::from_slice(&std::fs::read(page.with_extension("json")).expect("there")).expect("JSON");
    assert_eq!(written, report);
    let html = std::fs::read_to_string(&page).expect("there");
    assert!(html.starts_with("<!doctype html>") && html.contains("What other costs would have done"));
    assert!(!html.contains("<script") && !html.contains("http"), "the page is whole by itself");
    assert_eq!(std::fs::read_to_string(dir.path().join("trials.jsonl")).expect("beside").lines().count(), 2);

    // Without any model, and with the one that the box has asked anew: the rule needs none, and trades as before.
    let trials = dir.path().join("others.jsonl");
    let run =
        |more: &[&str]| backtest(&[&["--data-dir", data, "--json", "--trials", text(&trials)], more].concat()).json();
    // Up to a whole minute: an answer may be the last that was recorded, and without it nothing fills what it let arrive.
    let to = report["to"].as_str().expect("a time");
    let minute = format!("{}:00Z", &to[..16]);
    let until = ["--until", minute.as_str()];
    let recorded = run(&until);
    let silent = run(&[&until[..], &["--answers", "none"]].concat());
    assert_eq!((silent["questions"].as_u64(), silent["answers"].as_u64()), (Some(0), Some(0)));
    assert!(recorded["answers"].as_u64() > Some(0), "{recorded}");
    assert_eq!(silent["lead"]["fills"], recorded["lead"]["fills"]);
    assert_eq!(silent["lead"]["end"], recorded["lead"]["end"]);
    let starter = run(&[&until[..], &["--answers", "models"]].concat());
    let (questions, answers) = (starter["questions"].as_u64().expect("a count"), starter["answers"].as_u64());
    assert!(questions > 20 && answers.is_some_and(|answers| answers + 20 >= questions), "{starter}");
    assert!(starter["name"].as_str().is_some_and(|name| name.starts_with("rule reversion, starter r")), "{starter}");
    assert_eq!(starter["lead"]["end"], recorded["lead"]["end"]);

    // A sweep: every variant is counted, the same ones once, and none of them is missing.
    let dials = ["--answers", "none", "--set", "engine.signal.hold_max_min=5,60", "--fee-ppm", "0,100,1000"];
    let grid = [&until[..], &dials].concat();
    let sweep = run(&grid);
    assert_eq!(sweep["variants"].as_array().map(Vec::len), Some(6));
    assert_eq!(sweep["chosen"]["trials"], 9, "three from before, and six");
    assert_eq!(run(&grid)["chosen"]["trials"], 9, "counted once");
    let free = &sweep["variants"][0];
    assert_eq!((&free["name"], free["fees"].as_f64()), (&Value::from("signal.hold_max_min=5 fee_ppm=0"), Some(0.0)));
}

#[test]
fn candle_files_are_traded_with_the_starter_model_and_that_is_told() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let candles = dir.path().join("coinbase_BTC-USD_1m.csv");
    let mut rows = "open_time_ms,open,high,low,close,volume\n".to_owned();
    for minute in 0..600i64 {
        let price = |minute: i64| 50_000.0 + ((minute * 7_919) % 997) as f64 / 10.0;
        let (open, close) = (price(minute), price(minute + 1));
        let (high, low) = (open.max(close) + 1.0, open.min(close) - 1.0);
        let at = 1_740_960_000_000 + minute * 60_000;
        rows.push_str(&format!("{at},{open:.2},{high:.2},{low:.2},{close:.2},{}\n", 1 + minute % 9));
    }
    std::fs::write(&candles, rows).expect("writes");
    let trials = dir.path().join("trials.jsonl");
    let run = |more: &[&str]| {
        let nowhere = dir.path().join("nobody");
        let all = ["--candles", text(&candles), "--data-dir", text(&nowhere), "--trials", text(&trials)];
        backtest(&[&all, more].concat())
    };
    let report = run(&["--json", "--peek", "3"]).json();
    let (questions, answers) = (report["questions"].as_u64(), report["answers"].as_u64());
    // The last answer would have come after the last candle.
    assert!(questions > Some(300) && questions == answers.map(|answers| answers + 1), "{report}");
    assert_eq!(report["peek"]["findings"], Value::Array(Vec::new()));
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("always open, low, high, close"), "{warnings}");
    assert!(warnings.contains("was made from data up to"), "{warnings}");
    let told = run(&["--answers", "none", "--set", "engine.signal.rule=reversion", "--from", "2025-03-03T02:00:00Z"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(
        told.out.contains("always open, low, high, close") && told.out.contains("480 candles of 1m"),
        "{}",
        told.out
    );
}

#[test]
fn what_cannot_be_run_is_told_and_nothing_is_counted() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("writes");
        text(&path).to_owned()
    };
    let rows = "open_time_ms,open,high,low,close,volume\n1740960000000,1,2,0.5,1,1\n1740960060000,1,2,0.5,1,1\n1740960120000,1,2,0.5,1,1\n";
    let sound = file("kraken_BTC-USD_1m.csv", rows);
    let bad = file("kraken_ETH-USD_1m.csv", "open_time_ms,open,high,low,close,volume\n1740960000000,1,2,0.5,high,1\n");
    let nameless = file("candles.csv", rows);
    let trials = dir.path().join("trials.jsonl");
    let check = |arguments: &[&str], words: &[&str]| {
        let found = backtest(&[arguments, &["--trials", text(&trials)]].concat());
        found.assert_refused(words);
        assert_eq!(found.code, Some(2), "{arguments:?}: {}", found.err);
        assert!(!trials.exists(), "{arguments:?} was counted");
    };
    let empty = text(dir.path());
    let none = dir.path().join("none");
    check(&["--data-dir", text(&none)], &["none: no such directory"]);
    check(&["--data-dir", empty], &["no journal here"]);
    check(&["--data-dir", empty, "--from", "2026-01-02", "--until", "2026-01-01"], &["is not before --until"]);
    let missing = dir.path().join("kraken_BTC-USD_5m.csv");
    check(&["--candles", text(&missing)], &["kraken_BTC-USD_5m.csv: cannot read"]);
    check(&["--candles", &bad], &["kraken_ETH-USD_1m.csv: line 2"]);
    check(&["--candles", &nameless], &["candles.csv: the name does not tell venue and pair", "kraken:BTC/USD=FILE"]);
    check(&["--candles", &sound, "--answers", "recorded"], &["--answers recorded", "models or none"]);
    let plain = |more: &[&str], words: &[&str]| {
        check(&[&["--candles", sound.as_str(), "--answers", "none"], more].concat(), words);
    };
    plain(&["--from", "2026-01-01"], &["kraken_BTC-USD_1m.csv from 2026-01-01", "2025-03-03", "nothing to play"]);
    plain(&["--set", "engine.signal.edge=1"], &["signal.edge", "there is no \"edge\"", "edge_min_cbps"]);
    plain(&["--set", "model.budget_ms=1"], &["model.budget_ms", "only keys below \"engine.\""]);
    plain(&["--set", "engine.signal.size_ppm=5,2000000"], &["engine.signal.size_ppm: 2000000 is not in"]);
    plain(&["--set", "engine.signal.rule=hope"], &["signal.rule", "unknown variant `hope`"]);
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    plain(&["--fee-ppm", &many.join(","), "--latency-ms", &many.join(",")], &["10201 combinations", "at most 10000"]);
    plain(&["--what-if", "--fee-ppm", "1,2"], &["fee_ppm", "2 variants"]);
    plain(&["--latency-ms", "30000"], &["over candles at most 27s"]);
    plain(&["--out", text(&none.join("report.html"))], &["none/report.html: no such folder"]);
    plain(&["--model", &sound], &["--model needs --answers models"]);
}
