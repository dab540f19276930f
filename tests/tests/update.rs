//! Updates of the program, from a signed file to a box that runs it, and back. Programs here are scripts: they stand for versions that work,
//! crash, or cannot even be started.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tickerbox_tests::demo::{Demo, get, send};
use tickerbox_tests::{Finished, binary, tickerbox};
use update::about::About;
use update::file::{Terms, pack_as};
use update::{Arch, Format, Formats, SecretKey, Version};

const FAST: [&str; 4] = ["--speed", "30", "--log", "error"];

/// A data directory, a key that its box trusts, and a folder for what is made.
struct Home {
    dir: tempfile::TempDir,
    key: SecretKey,
}

impl Home {
    fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().expect("a folder"), key: SecretKey::from_bytes(&[9; 32]) };
        fs::create_dir(home.data()).expect("a folder");
        fs::write(home.public(), home.key.public().to_text("test")).expect("writes");
        home
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn public(&self) -> PathBuf {
        self.dir.path().join("test.pub")
    }

    fn slot(&self, name: &str) -> PathBuf {
        self.data().join("updates").join(name).join("tickerbox")
    }

    /// A signed update with this script in it.
    fn pack(&self, version: &str, script: &str, formats: Formats) -> (PathBuf, Vec<u8>) {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
        let terms = Terms { signed_at_s: now_s, valid_days: 7, from_version: Version::new(0, 1, 0) };
        let about = About { version: version.parse().expect("a version"), formats };
        let arch = Arch::parse(std::env::consts::ARCH).expect("a machine with updates");
        let program = format!("#!/bin/sh\n{script}\n");
        let (manifest, file) = pack_as(program.as_bytes(), about, arch, &terms, &self.key).expect("packs");
        let path = self.dir.path().join(manifest.file_name());
        fs::write(&path, &file).expect("writes");
        (path, file)
    }

    fn install(&self, from: &Path) -> Finished {
        self.install_with(from, &[])
    }

    fn install_with(&self, from: &Path, more: &[&str]) -> Finished {
        let (data, key) = (self.data(), self.public());
        let mut arguments: Vec<&OsStr> = vec!["update".as_ref(), "install".as_ref(), from.as_os_str()];
        arguments.extend(["--data-dir".as_ref(), data.as_os_str(), "--trust".as_ref(), key.as_os_str()]);
        arguments.extend(more.iter().map(OsStr::new));
        tickerbox(&arguments)
    }

    fn status(&self) -> Value {
        let data = self.data();
        tickerbox(&["update".as_ref(), "status".as_ref(), "--data-dir".as_ref(), data.as_os_str(), "--json".as_ref()])
            .json()
    }

    /// What the launched program prints; of scripts, who they are and what they were given.
    fn launch(&self, more: &[&str]) -> String {
        let updates = self.data().join("updates");
        let output = Command::new(binary())
            .args(["launch", "--updates"])
            .arg(updates)
            .args(more)
            .args(["--", "--version"])
            .output()
            .expect("the program can be started");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

const WHO: &str = "echo \"v$V $1 in $TICKERBOX_SLOT\"; exit 1";

fn who(version: &str) -> String {
    WHO.replace("$V", version)
}

#[test]
fn a_program_that_crashes_has_three_starts_and_the_factory_runs_again() {
    let home = Home::new();
    let factory = home.launch(&[]);
    assert!(factory.starts_with("tickerbox "), "{factory}");
    let (file, _) = home.pack("2.0.0", &who("2"), Formats::new());
    assert_eq!(home.install(&file).code, Some(0));
    let said: Vec<String> = (0..5).map(|_| home.launch(&[])).collect();
    assert_eq!(
        said,
        ["v2 --version in a", "v2 --version in a", "v2 --version in a", factory.as_str(), factory.as_str()]
    );
    let status = home.status();
    assert_eq!((&status["present"], &status["trial"]), (&Value::from("factory"), &Value::Null), "{status}");
    assert_eq!(status["factory"]["version"], env!("CARGO_PKG_VERSION"), "{status}");
    // A stick that is still there brings it again: nothing comes of that, but where somebody wants it.
    home.install(&file).assert_refused(&["was tried before and taken back"]);
    assert!(home.install(home.dir.path()).out.contains("nothing newer"));
    assert_eq!(home.install_with(&file, &["--again"]).code, Some(0));
    assert_eq!(home.launch(&[]), "v2 --version in a");
    home.install(&file).assert_refused(&["version 2.0.0 is on trial"]);
}

#[test]
fn what_cannot_run_never_keeps_the_box_from_starting() {
    let home = Home::new();
    let factory = home.launch(&[]);
    let (file, _) = home.pack("2.0.0", &who("2"), Formats::new());
    assert_eq!(home.install(&file).code, Some(0));
    let state = home.data().join("updates/state.json");
    let installed = fs::read(&state).expect("reads");

    // A changed file.
    let program = fs::read(home.slot("a")).expect("reads");
    fs::write(home.slot("a"), [program.as_slice(), b"#"].concat()).expect("writes");
    assert_eq!(home.launch(&[]), factory);
    let status = home.status();
    let why = status["events"].as_array().and_then(|it| it.last()).expect("an event")["why"].to_string();
    assert!(status["trial"].is_null() && why.contains("its file was changed"), "{status}");

    // One that may not be executed, as on a partition that is mounted so.
    fs::write(home.slot("a"), &program).expect("writes");
    fs::write(&state, &installed).expect("writes");
    fs::set_permissions(home.slot("a"), fs::Permissions::from_mode(0o644)).expect("sets");
    assert_eq!(home.launch(&[]), factory);
    assert!(home.status()["events"].to_string().contains("it cannot be started"));
    assert_eq!(home.launch(&[]), factory);
    fs::set_permissions(home.slot("a"), fs::Permissions::from_mode(0o755)).expect("sets");

    // Somebody who holds the card wants the factory's.
    fs::write(&state, &installed).expect("writes");
    let asked = home.public();
    assert_eq!(home.launch(&["--factory-when", asked.to_str().expect("text")]), factory);
    assert_eq!(home.launch(&["--factory-when", "/nowhere/use-factory"]), "v2 --version in a");

    // A state that says nothing, a program that is gone, a folder that is a file.
    for text in ["", "{\"format\":1}", "\0\0\0\0"] {
        fs::write(&state, text).expect("writes");
        assert_eq!(home.launch(&[]), factory, "{text:?}");
    }
    fs::write(&state, &installed).expect("writes");
    fs::remove_file(home.slot("a")).expect("removes");
    assert_eq!(home.launch(&[]), factory);
    fs::remove_dir_all(home.data().join("updates")).expect("removes");
    fs::write(home.data().join("updates"), "").expect("writes");
    assert_eq!(home.launch(&[]), factory);
}

#[test]
fn what_may_not_be_installed_is_refused_with_the_reason_and_changes_nothing() {
    let home = Home::new();
    let formats = |writes| Formats::from([("state".to_owned(), Format { writes, reads_from: 1 })]);
    let (file, bytes) = home.pack("2.0.0", "exit 0", formats(1));
    let path = home.dir.path().join("tickerbox-bad.tbu");
    let refused = |bytes: &[u8], words: &[&str]| {
        fs::write(&path, bytes).expect("writes");
        home.install(&path).assert_refused(words);
        assert!(!home.slot("a").exists());
    };
    refused(&bytes[..bytes.len() - 1], &["tickerbox-bad.tbu"]);
    refused(b"", &["ends early"]);
    let mut flipped = bytes.clone();
    flipped[40] ^= 1;
    refused(&flipped, &["does not match its signature"]);
    refused(&home.pack("0.0.9", "exit 0", formats(1)).1, &["older than"]);
    refused(&home.pack("3.0.0", "exit 0", formats(1_000)).1, &["no way back", "state in format 1000"]);
    let stranger = Home { key: SecretKey::from_bytes(&[1; 32]), dir: tempfile::tempdir().expect("a folder") };
    refused(&stranger.pack("2.0.0", "exit 0", formats(1)).1, &["not among the 1 trusted keys"]);
    let data = home.data();
    let untrusted: [&OsStr; 5] =
        ["update".as_ref(), "install".as_ref(), file.as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
    tickerbox(&untrusted).assert_refused(&["no key is trusted", "update.trusted_keys"]);
    tickerbox(&["update", "install", "/nowhere.tbu", "--data-dir", "/nowhere"]).assert_refused(&["/nowhere"]);

    // Of a folder the newest that may be installed is taken: not that without a way back, nor the old one.
    home.pack("2.5.0", "exit 0", formats(1));
    let done = home.install(home.dir.path());
    assert!(done.code == Some(0) && done.out.contains("version 2.5.0 is installed"), "{done:?}");
    assert!(done.err.contains("tickerbox-3.0.0") && done.err.contains("tickerbox-0.0.9"), "{}", done.err);
}

/// Answers one request with this, and ends.
fn serve_once(status: &str, body: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has one");
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a whole request");
            asked.extend(byte);
        }
        // Who has heard enough goes away.
        stream.write_all(&answer).ok();
    });
    format!("http://{address}/tickerbox.tbu")
}

#[test]
fn an_update_comes_from_an_address_too() {
    let home = Home::new();
    let (_, bytes) = home.pack("2.0.0", &who("2"), Formats::new());
    let from = |url: String| home.install(Path::new(&url));
    from(serve_once("404 Not Found", b"")).assert_refused(&["answers 404"]);
    from(serve_once("200 OK", b"<html>nothing here</html>")).assert_refused(&["not those of an update"]);
    from(format!("http://{}/tickerbox.tbu", free_address())).assert_refused(&["does not answer"]);
    let done = from(serve_once("200 OK", &bytes));
    assert!(done.code == Some(0) && done.out.contains("version 2.0.0 is installed"), "{done:?}");
    assert_eq!(home.launch(&[]), "v2 --version in a");
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port")
}

/// Asks `/api/v1/update` until `holds` does; the box may be away for a while.
#[track_caller]
fn until(address: SocketAddr, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    let mut last = Value::Null;
    while began.elapsed() < Duration::from_secs(90) {
        if std::net::TcpStream::connect(address).is_ok()
            && let Ok((200, body)) = std::panic::catch_unwind(|| get(address, "/api/v1/update"))
        {
            last = serde_json::from_str(&body).expect("JSON");
            if holds(&last) {
                return last;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never: {what}; last answer {last}");
}

#[test]
fn a_running_box_updates_itself_keeps_what_works_and_takes_back_what_does_not() {
    let home = Home::new();
    let settings = format!("[update]\nconfirm_min = 0\ntrusted_keys = [{:?}]\n", home.public());
    fs::write(home.data().join("settings.toml"), settings).expect("writes");
    let address = free_address();
    let demo = Demo::launch_at(&home.data(), address, &FAST);
    let shown = until(address, "it runs", |shown| shown["runs"] == "factory");
    assert_eq!((&shown["closed"], &shown["error"]), (&Value::from(""), &Value::from("")), "{shown}");
    demo.wait_until("some candles", |health| health["store"]["commits"].as_u64() > Some(6));

    // A version that works: the very same program, by another name.
    let works = format!("exec {} \"$@\"", binary().display());
    let (_, bytes) = home.pack("2.0.0", &works, Formats::new());
    let (status, answer) = send(address, "POST", "/api/v1/update", &bytes[..bytes.len() - 3]);
    assert_eq!(status, 409, "{answer}");
    let (status, answer) = send(address, "POST", "/api/v1/update", &bytes);
    assert_eq!(status, 202, "{answer}");
    let installed: Value = serde_json::from_str(&answer).expect("JSON");
    let backup = installed["backup"].as_str().expect("a backup was made before");
    let shown = until(address, "it is kept", |shown| shown["present"] == "a" && shown["runs"] == "a");
    assert!(get(address, "/api/v1/backups").1.contains(backup), "{backup}");
    assert_eq!(shown["events"][0]["what"], "confirmed", "{shown}");
    assert_eq!(send(address, "POST", "/api/v1/update", &bytes).0, 409, "it runs already");

    // One that is brought beside the running box, and crashes at each start. The test plays systemd.
    let (file, _) = home.pack("3.0.0", "exit 1", Formats::new());
    let done = home.install(&file);
    assert!(done.code == Some(0) && done.out.contains("3.0.0 is installed"), "{done:?}");
    demo.wait();
    let updates = home.data().join("updates");
    for _ in 0..2 {
        let crashed = Command::new(binary()).args(["launch", "--updates"]).arg(&updates).args(["--", "demo"]).status();
        assert_eq!(crashed.expect("starts").code(), Some(1));
    }
    let demo = Demo::launch_at(&home.data(), address, &FAST);
    let shown = until(address, "the one before runs again", |shown| shown["runs"] == "a");
    assert_eq!((&shown["present"], &shown["trial"]), (&Value::from("a"), &Value::Null), "{shown}");
    assert_eq!((&shown["events"][0]["what"], &shown["events"][0]["version"]), (&"taken-back".into(), &"3.0.0".into()));
    let state = fs::read_to_string(updates.join("state.json")).expect("reads");
    assert!(!state.contains("\"told\": false"), "the user was told: {state}");

    // And the owner goes back to where he began.
    assert_eq!(send(address, "POST", "/api/v1/update/rollback?why=test", b"").0, 202);
    until(address, "the factory's program runs", |shown| shown["runs"] == "factory" && shown["previous"] == "a");
    let health = demo.wait_until("it goes on", |health| health["status"] == "ok");
    assert_eq!(health["card"]["repaired"], serde_json::json!([]), "{health}");
}

#[test]
fn a_box_that_was_not_launched_is_changed_by_who_started_it() {
    let home = Home::new();
    let demo = Demo::start(&home.data(), &FAST);
    let (_, bytes) = home.pack("2.0.0", "exit 0", Formats::new());
    let (status, answer) = send(demo.address(), "POST", "/api/v1/update", &bytes);
    assert!(status == 409 && answer.contains("was not started with `tickerbox launch`"), "{status} {answer}");
    assert_eq!(send(demo.address(), "POST", "/api/v1/update/rollback", b"").0, 409);
    assert!(!home.data().join("updates").exists());
}

#[test]
fn the_program_says_of_itself_what_an_update_of_it_would_say() {
    let program = fs::read(binary()).expect("reads");
    let about = About::find(&program).expect("it says it");
    assert_eq!(about.version.to_string(), env!("CARGO_PKG_VERSION"));
    assert_eq!(about.formats["state"].writes, store::state::FORMAT);
    assert_eq!(Arch::of_program(&program).map(Arch::name), Some(std::env::consts::ARCH));
}
