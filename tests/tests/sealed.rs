//! Forecasts of a running box: scored, sealed, and still sound after a pulled plug.

use std::time::{Duration, Instant};

use serde_json::Value;
use tickerbox_tests::demo::{Demo, ask, get};
use tickerbox_tests::tickerbox;

const SYMBOL: &str = "kraken:BTC/USD";
/// A forecast is made every minute and scored five later: at sixty times the speed a few seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for so many scored forecasts and gives the cards.
fn scoreboard(demo: &Demo, scored: u64) -> Value {
    let began = Instant::now();
    loop {
        let (status, body) = get(demo.address(), &format!("/api/v1/scoreboard?symbol={SYMBOL}"));
        // Before the exchange has told its instruments there is none.
        let cards: Value = if status == 200 { serde_json::from_str(&body).expect("JSON") } else { Value::Null };
        if cards["rows"][0]["n"].as_u64() >= Some(scored) {
            return cards["rows"].clone();
        }
        assert!(began.elapsed() < PATIENCE, "{status}: {body}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn verified(demo: &Demo) -> Value {
    let (status, body) = ask(demo.address(), "POST", "/api/v1/verify");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["is_sound"], true, "{answer}");
    answer["found"].clone()
}

#[test]
fn what_was_said_is_sealed_scored_and_verified_across_a_pulled_plug() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = || Demo::start(dir.path(), &["--speed", "60", "--log", "error"]);
    let demo = start();
    let cards = scoreboard(&demo, 3);
    let horizons: Vec<u64> = cards.as_array().expect("rows").iter().filter_map(|c| c["horizon_min"].as_u64()).collect();
    assert_eq!(horizons, [5, 10, 30]);
    assert_eq!((&cards[0]["verdict"], cards[0]["naive_mae_bps"].is_number()), (&"not proven".into(), true), "{cards}");
    let before = verified(&demo);
    assert!(before["sealed"].as_u64() >= Some(8) && before["scored"].as_u64() >= Some(3), "{before}");
    demo.kill();

    let demo = start();
    scoreboard(&demo, cards[0]["n"].as_u64().expect("a number") + 2);
    let after = verified(&demo);
    assert!(after["head"][0].as_u64() > before["head"][0].as_u64(), "{before} {after}");
    assert_eq!((&after["first"], &after["late"]), (&1.into(), &0.into()), "{after}");
    demo.kill();

    let dir = dir.path().to_str().expect("a plain name");
    let found = tickerbox(&["verify", "--data-dir", dir, "--json"]).json();
    // What came since the last sync is made again by the next start.
    assert!(found["sealed"].as_u64() >= before["sealed"].as_u64(), "{found} {before}");
    assert_eq!((&found["broken"], &found["unsealed"]), (&0.into(), &0.into()), "{found}");
    let cards = tickerbox(&["scoreboard", "--data-dir", dir, "--symbol", SYMBOL, "--json"]).out;
    assert_eq!(cards.lines().count(), 3, "{cards}");
}
