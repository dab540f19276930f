//! The demo from the outside: alive at once, keeps everything, survives being killed.

use std::collections::BTreeSet;

use tickerbox_tests::demo::{Demo, get};
use tickerbox_tests::tickerbox;

/// Fifty by command: `TICKERBOX_KILLS=50 cargo nextest run -p tickerbox-tests kill`.
fn kills() -> u32 {
    std::env::var("TICKERBOX_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

#[test]
fn it_is_alive_and_tells_about_all_its_parts() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "7", "--speed", "20"]);
    let (status, _) = get(demo.address(), "/healthz");
    assert_eq!(status, 200);
    let health = demo.wait_until("every book of both venues holds, and there is a forecast", |health| {
        ["kraken", "binance-us"].iter().all(|venue| {
            let feed = &health["feeds"][venue];
            feed["connected"] == true && feed["books"].as_u64() > Some(0) && feed["books_live"] == feed["books"]
        }) && health["model"]["answers"].as_u64() > Some(0)
    });
    assert_eq!(health["status"], "ok", "{health}");
    let parts: BTreeSet<&str> = health.as_object().expect("an object").keys().map(String::as_str).collect();
    for part in ["feeds", "engine", "store", "model"] {
        assert!(parts.contains(part), "{part} is missing in {health}");
    }
    for venue in ["kraken", "binance-us"] {
        assert_eq!(health["feeds"][venue]["rejected"], 0, "{health}");
    }
    let (status, page) = get(demo.address(), "/");
    assert_eq!(status, 200);
    assert!(page.contains("<!doctype html>") || page.contains("<!DOCTYPE html>"), "{page:.200}");
    assert_eq!(get(demo.address(), "/no/such.file").0, 404);
}

#[test]
fn nothing_committed_is_lost_however_often_it_is_killed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut committed = 0;
    for round in 0..kills() {
        let demo = Demo::start(dir.path(), &["--seed", "7", "--speed", "30"]);
        let health = demo.wait_until("the store goes on", |health| {
            health["store"]["committed_seq"].as_u64().is_some_and(|seq| seq > committed + 200)
        });
        // Killed at another moment of the writing each time.
        std::thread::sleep(std::time::Duration::from_millis(u64::from(round * 37 % 250)));
        committed = demo.health()["store"]["committed_seq"].as_u64().expect("a number").max(committed);
        assert_eq!(health["store"]["error"], "");
        demo.kill();
    }
    let report = tickerbox(&["replay".as_ref(), dir.path().as_os_str(), "--json".as_ref()]).json();
    assert_eq!(report["differs"], 0, "{report}");
    assert!(report["inputs"].as_u64() >= Some(committed), "{committed} inputs were committed, {report}");
    let again = tickerbox(&["replay".as_ref(), dir.path().as_os_str(), "--json".as_ref()]).json();
    assert_eq!(report, again);
}

#[test]
fn a_port_in_use_and_a_folder_in_use_are_told() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let arguments = |listen: &str| {
        ["demo", "--listen", listen, "--data-dir"].map(std::ffi::OsString::from).into_iter().chain([dir.path().into()])
    };
    tickerbox(&arguments(&address).collect::<Vec<_>>()).assert_refused(&[&address, "in use"]);
    let demo = Demo::start(dir.path(), &[]);
    tickerbox(&arguments("127.0.0.1:0").collect::<Vec<_>>()).assert_refused(&["in use"]);
    demo.kill();
}
