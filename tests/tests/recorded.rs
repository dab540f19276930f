//! What a running box has recorded: trades and books over HTTP, and a replay of today.

use serde_json::Value;
use tickerbox_tests::demo::{Demo, ask, get};
use tickerbox_tests::tickerbox;

fn json(demo: &Demo, path: &str) -> Value {
    let (status, body) = get(demo.address(), path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All rows of a kind before a time, page by page.
fn paged(demo: &Demo, kind: &str, symbol: &str, to: i64) -> Vec<Value> {
    let (mut rows, mut from) = (Vec::new(), "0".to_owned());
    loop {
        let page = json(demo, &format!("/api/v1/{kind}?symbol={symbol}&limit=17&from={from}&to={to}"));
        rows.extend(page["rows"].as_array().expect("rows").iter().cloned());
        match page["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => return rows,
        }
    }
}

#[test]
fn trades_and_books_are_told_and_today_is_replayed_while_the_box_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(dir.path(), &["--speed", "30", "--log", "error"]);
    let health = demo.wait_until("some inputs", |health| health["store"]["committed_seq"].as_u64() > Some(15_000));
    let to = health["engine"]["at_ms"].as_i64().expect("a time");
    // What was heard until then is in the journal, and so is told.
    let seq = health["engine"]["seq"].as_u64();
    demo.wait_until("all of it", |health| health["store"]["committed_seq"].as_u64() >= seq);
    let instruments = json(&demo, "/api/v1/instruments");
    let symbol = instruments["rows"][0]["symbol"].as_str().expect("a name").to_owned();
    let told = ["trades", "books"].map(|kind| (kind, paged(&demo, kind, &symbol, to)));

    let (status, body) = ask(demo.address(), "POST", &format!("/api/v1/replays?to={to}"));
    assert_eq!(status, 202, "{body}");
    let replay = loop {
        let shown = json(&demo, "/api/v1/replays");
        if shown["running"].is_null() {
            break shown["last"].clone();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let found = &replay["found"];
    assert_eq!(found["differs"], 0, "{replay}");
    assert!(found["inputs"].as_u64() > Some(3_000) && replay["took_ms"].is_u64(), "{replay}");
    for (path, expected) in [("/api/v1/replays?from=soon", 400), ("/api/v1/replays?from=2026-01-02&to=2026-01-01", 400)]
    {
        assert_eq!(ask(demo.address(), "POST", path).0, expected, "{path}");
    }
    assert_eq!(get(demo.address(), "/api/v1/trades").0, 400);
    assert_eq!(get(demo.address(), "/api/v1/books?symbol=kraken:NONE").0, 404);
    demo.kill();

    // The same from the files.
    let dir = dir.path().to_str().expect("a plain name");
    let text = time(to);
    for (kind, rows) in told {
        let query =
            tickerbox(&["query", kind, "--data-dir", dir, "--symbol", &symbol, "--to", &text, "--format", "json"]);
        let kept = query.json();
        let kept = kept.as_array().expect("rows");
        assert_eq!(rows.len(), kept.len(), "{kind}: {:?} {:?}", rows.last(), kept.last());
        assert!(rows.len() > 10 && *kept == rows, "{kind}");
    }
    let again = tickerbox(&["replay", dir, "--to", &text, "--json"]).json();
    for key in ["inputs", "effects", "digest", "differs"] {
        assert_eq!(again[key], found[key], "{key}: {again} {replay}");
    }
}

/// Milliseconds as the command line takes them.
fn time(ms: i64) -> String {
    types::Timestamp::from_millis(ms).to_string()
}
