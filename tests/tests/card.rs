//! Cards that are full, and files on them that are damaged: the real program goes on and says what happened.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::tickerbox;

const FAST: [&str; 4] = ["--speed", "30", "--log", "error"];

fn committed(health: &Value) -> u64 {
    health["store"]["committed_seq"].as_u64().unwrap_or(0)
}

/// A folder of a box that ran for a while and was killed.
fn lived(dir: &Path) -> u64 {
    // A start packs all that is there, and so does the second.
    let mut last = 0;
    for _ in 0..3 {
        let demo = Demo::start(dir, &FAST);
        let health = demo.wait_until("some blocks", |health| committed(health) > last + 2_000);
        demo.kill();
        last = committed(&health);
    }
    last
}

fn journal(dir: &Path) -> PathBuf {
    let names = std::fs::read_dir(dir).expect("lists").map(|entry| entry.expect("entry").path());
    names
        .filter(|path| path.extension().is_some_and(|e| e == "redb"))
        .find(|path| path.to_string_lossy().contains("journal-"))
        .expect("a day")
}

/// Overwrites the middle of the first pack of a day.
fn damage(path: &Path) {
    let bytes = std::fs::read(path).expect("reads");
    // Format 1, Zstandard, a pack, and the number of the first input: 1.
    let is_pack = |at: &usize| bytes[*at..*at + 4] == [1, 0, 2, 1] && bytes[at + 8..at + 16] == 1u64.to_le_bytes();
    let at = (0..bytes.len() - 200).find(is_pack).expect("the first pack");
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opens");
    file.seek(SeekFrom::Start(at as u64 + 100)).expect("seeks");
    file.write_all(&[0xA5; 32]).expect("writes");
}

#[test]
fn a_damaged_day_is_repaired_at_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let before = lived(dir.path());
    let day = journal(dir.path());
    damage(&day);
    tickerbox(&["replay".as_ref(), dir.path().as_os_str()]).assert_refused(&["corrupt"]);
    let check = tickerbox(&["repair".as_ref(), dir.path().as_os_str(), "--check".as_ref(), "--json".as_ref()]);
    assert!(check.code == Some(1) && check.out.contains("\"is_whole\":false"), "{check:?}");
    let demo = Demo::start(dir.path(), &FAST);
    let health = demo.wait_until("it goes on", |health| committed(health) > before);
    let told = health["card"]["repaired"].to_string();
    assert!(told.contains("corrupt-1") && told.contains("inputs brought back"), "{health}");
    demo.kill();
    assert!(day.with_extension("redb.corrupt-1").exists());
    let replay = tickerbox(&["replay".as_ref(), dir.path().as_os_str(), "--json".as_ref()]).json();
    assert_eq!(replay["differs"], 0, "{replay}");
    let check = tickerbox(&["repair".as_ref(), dir.path().as_os_str(), "--check".as_ref(), "--json".as_ref()]).json();
    assert!(check["days"][0]["lost"].as_u64().is_some_and(|lost| lost > 0), "{check}");
}

#[test]
fn a_tail_that_went_away_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(dir.path(), &FAST);
    demo.wait_until("a record", |health| {
        let seq = committed(health);
        seq > 5_000 && health["store"]["commits"].as_u64() > Some(5)
    });
    demo.kill();
    // The second one is made when the first pack is written.
    let tails = ["journal.tail-0", "journal.tail-1"];
    let removed = tails.iter().filter(|tail| std::fs::remove_file(dir.path().join(tail)).is_ok()).count();
    assert!(removed > 0, "one is there");
    let demo = Demo::start(dir.path(), &FAST);
    let health = demo.wait_until("it goes on", |health| committed(health) > 1_000);
    assert!(health["card"]["repaired"].to_string().contains("journal.tail is missing"), "{health}");
    demo.kill();
}

#[test]
fn a_damaged_state_file_is_made_again_from_the_journal() {
    let dir = tempfile::tempdir().expect("a folder");
    let before = lived(dir.path());
    let rows = |kind: &str| {
        let dir = dir.path().to_str().expect("a plain name");
        tickerbox(&["query", kind, "--data-dir", dir, "--format", "json"]).json().as_array().map_or(0, Vec::len)
    };
    let candles = rows("candles");
    let state = dir.path().join("state.redb");
    let bytes = std::fs::read(&state).expect("reads");
    std::fs::write(&state, &bytes[..bytes.len() / 2]).expect("writes");
    let demo = Demo::start(dir.path(), &FAST);
    let health = demo.wait_until("it goes on", |health| committed(health) > before);
    assert!(health["card"]["repaired"].to_string().contains("made again from 1 days"), "{health}");
    demo.kill();
    assert!(rows("candles") >= candles && candles > 0, "{} candles, {candles} before", rows("candles"));
}

#[test]
fn a_full_card_stops_everything_until_there_is_room_again() {
    if !Command::new("prlimit").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no prlimit (util-linux) here");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Demo::start_with_limits(dir.path(), &FAST);
    demo.wait_until("some blocks", |health| committed(health) > 1_000);
    // No file may grow from here on, which is what a full disk looks like to who writes.
    let pid = demo.id().to_string();
    let limit = |bytes: &str| {
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]).status();
        assert!(status.expect("prlimit starts").success());
    };
    limit("1000000");
    let health = demo.wait_until("it says that it is full", |health| health["card"]["state"] == "full");
    assert_eq!(health["status"], "failing", "{health}");
    assert!(health["card"]["error"].as_str().is_some_and(|error| error.contains(".redb")), "{health}");
    let stopped = committed(&health);
    limit("unlimited");
    demo.wait_until("it goes on", |health| {
        health["card"]["state"] == "ok" && health["status"] != "failing" && committed(health) > stopped + 1_000
    });
    demo.kill();
    let replay = tickerbox(&["replay".as_ref(), dir.path().as_os_str(), "--json".as_ref()]).json();
    assert_eq!((&replay["differs"], &replay["skipped"]), (&0.into(), &0.into()), "{replay}");
}
