//! A backup of a running box, taken away and restored onto a fresh one.

use std::path::Path;

use serde_json::Value;
use tickerbox_tests::demo::{Demo, get};
use tickerbox_tests::tickerbox;

const FAST: [&str; 4] = ["--speed", "30", "--log", "error"];

fn committed(health: &Value) -> u64 {
    health["store"]["committed_seq"].as_u64().unwrap_or(0)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

#[test]
fn a_running_box_is_backed_up_and_lives_on_elsewhere() {
    let (home, fresh, away) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let file = away.path().join("box.tar.zst");
    let demo = Demo::start(home.path(), &FAST);
    demo.wait_until("some candles", |health| health["store"]["commits"].as_u64() > Some(6));
    let url = format!("http://{}", demo.address());
    let made = tickerbox(&["backup", &url, "--out", text(&file), "--json"]).json();
    // It went on meanwhile.
    let seq = made["seq"].as_u64().expect("a number");
    // Health is told once a second: what it says of the store may be ahead of what it says of backups.
    let health =
        demo.wait_until("it goes on", |health| committed(health) > seq && !health["backup"]["last_proven"].is_null());
    let proven = &health["backup"]["last_proven"];
    assert_eq!(
        (&proven["seq"], &proven["rows"], &proven["bytes"]),
        (&made["seq"], &made["rows"], &made["bytes"]),
        "{health}"
    );
    let (status, list) = get(demo.address(), "/api/v1/backups");
    assert!(status == 200 && list.contains(made["file"].as_str().expect("a name")), "{list}");
    assert_eq!(get(demo.address(), "/api/v1/backups/..%2Fstate.redb").0, 404);
    tickerbox(&["backup", &url, "--out", text(&file)]).assert_refused(&["box.tar.zst", "there already"]);
    tickerbox(&["backup", text(home.path()), "--out", text(&away.path().join("b"))]).assert_refused(&["in use"]);
    demo.kill();

    let restored = tickerbox(&["restore", text(&file), "--data-dir", text(fresh.path()), "--json"]).json();
    assert_eq!(restored["seq"], made["seq"], "{restored}");
    tickerbox(&["restore", text(&file), "--data-dir", text(fresh.path())]).assert_refused(&["holds a box already"]);
    let query = |dir: &Path| tickerbox(&["query", "equity", "--data-dir", text(dir), "--format", "json"]).json();
    let (then, now) = (query(fresh.path()), query(home.path()));
    let rows = then.as_array().expect("rows").len();
    assert!(rows > 0 && then.as_array().expect("rows")[..] == now.as_array().expect("rows")[..rows]);

    let demo = Demo::start(fresh.path(), &FAST);
    let health = demo.wait_until("it goes on", |health| committed(health) > seq + 500);
    assert_eq!(health["card"]["repaired"], serde_json::json!([]), "{health}");
    demo.kill();
    let replay = tickerbox(&["replay", text(fresh.path()), "--json"]).json();
    assert_eq!(replay["differs"], 0, "{replay}");

    // One that does not run, by its folder.
    let offline = away.path().join("offline.tar.zst");
    let made = tickerbox(&["backup", text(home.path()), "--out", text(&offline), "--json"]).json();
    assert!(made["seq"].as_u64() > Some(seq), "{made}");
    let bytes = std::fs::read(&offline).expect("reads");
    std::fs::write(&offline, &bytes[..bytes.len() - 100]).expect("writes");
    let empty = away.path().join("empty");
    tickerbox(&["restore", text(&offline), "--data-dir", text(&empty)]).assert_refused(&["offline.tar.zst"]);
    assert_eq!(std::fs::read_dir(&empty).expect("lists").count(), 0);
}
