//! Pulled plugs and full disks: what was promised is there, whatever the moment.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use store::{Journal, Reader, Replayer, State, days};
use tempfile::tempdir;
use types::{Effects, Timestamp};

use crate::world::{World, input, mix, replay_all};

const DIR: &str = "STORE_CRASH_DIR";
const PACE: &str = "STORE_CRASH_PACE";
const KILLS: u64 = 25;

/// The victim: brings its machine to the end of the journal, then writes until it dies, and says what is durable.
#[test]
#[ignore = "run by the tests below in a process of its own"]
fn victim() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let pace = if std::env::var(PACE).is_ok_and(|pace| pace == "dense") { DENSE } else { SPARSE };
    let mut out = std::io::stdout();
    if let Err(error) = live(Path::new(&dir), pace, |seq| writeln!(out, "durable {seq}").is_ok()) {
        writeln!(out, "failed: {error}").expect("the parent listens");
    }
}

/// Inputs in a block, and nanoseconds between inputs.
type Pace = (u64, i64);
/// A day is over after two dozen blocks.
const SPARSE: Pace = (5, 12 * 60 * 1_000_000_000);
/// A file grows quickly.
const DENSE: Pace = (200, 1_000_000);

/// A box in small: blocks, records in the state file, a checkpoint now and then and at every midnight.
fn live(dir: &Path, (inputs, step): Pace, mut durable: impl FnMut(u64) -> bool) -> store::Result<()> {
    let (mut journal, recovery) = Journal::open(dir)?;
    let state = State::open(dir)?;
    let mut world = World::new();
    if let Some(checkpoint) = journal.latest_checkpoint()? {
        world.machine.restore(checkpoint.state_version, &checkpoint.state).expect("our own state");
        let mut effects = Effects::new();
        for stamped in journal.read_from(checkpoint.seq + 1)? {
            effects.clear();
            world.machine.apply(&stamped?, &mut effects);
        }
        world.seq = recovery.last_seq;
        world.at = recovery.last_at.expect("not empty");
    }
    journal.write(&[], Some(world.checkpoint()))?;
    loop {
        let block = world.block(inputs, step);
        let is_midnight = world.at.day() != Timestamp::from_nanos(world.at.as_nanos() + step).day();
        let checkpoint = (is_midnight || world.seq.is_multiple_of(35)).then(|| world.checkpoint());
        journal.write(&[block], checkpoint)?;
        state.write(&[], world.seq)?;
        if !durable(world.seq) {
            return Ok(());
        }
    }
}

fn spawn(dir: &Path, pace: &str, shell: &str) -> std::process::Child {
    let exe = std::env::current_exe().expect("this test");
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" --exact crash::victim --ignored --nocapture")])
        .arg(exe)
        .env(DIR, dir)
        .env(PACE, pace)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

#[test]
fn nothing_durable_is_lost_by_a_kill() {
    let dir = tempdir().expect("temporary directory");
    let mut promised = 0;
    for kill in 0..KILLS {
        let mut child = spawn(dir.path(), "sparse", "");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // The child goes on while these lines are read, so the kill meets it anywhere in its next writes.
        let mut wanted = 3 + mix(kill) % 25;
        let mut hear = |line: String| {
            assert!(!line.starts_with("failed"), "kill {kill}: {line}");
            let durable = line.strip_prefix("durable ").and_then(|seq| seq.parse::<u64>().ok());
            promised = durable.unwrap_or(promised);
            durable.is_some()
        };
        while wanted > 0 {
            let line = lines.next().expect("the child lives").expect("text");
            wanted -= u64::from(hear(line));
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("gone");
        for line in lines.map_while(Result::ok) {
            hear(line);
        }
        check(dir.path(), promised, kill);
    }
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!(replay.differs, 0, "{:?}", replay.first_difference);
    assert!(replay.days >= 3, "{replay:?}");
}

/// After a kill: every promised input is there, none is missing between, and the state file agrees.
fn check(dir: &Path, promised: u64, kill: u64) {
    let mut expected = 1;
    for day in days(dir).expect("lists") {
        let before = std::fs::read(&day.path).expect("reads");
        let reader = Reader::open_day(&day.path).unwrap_or_else(|e| panic!("kill {kill}: {e}"));
        for stamped in reader.inputs().expect("reads") {
            let stamped = stamped.unwrap_or_else(|e| panic!("kill {kill}: {e}"));
            assert_eq!(stamped, input(expected, stamped.at), "kill {kill}");
            expected += 1;
        }
        drop(reader);
        assert!(std::fs::read(&day.path).expect("reads") == before, "kill {kill}: reading changed {:?}", day.path);
    }
    let (journal, recovery) = Journal::open(dir).unwrap_or_else(|e| panic!("kill {kill}: {e}"));
    assert_eq!(recovery.last_seq + 1, expected, "kill {kill}");
    assert!(recovery.last_seq >= promised, "kill {kill}: {promised} was promised, {} is there", recovery.last_seq);
    let newest = journal.latest_checkpoint().expect("reads").expect("there is one");
    let after: Vec<u64> = journal.read_from(newest.seq + 1).expect("reads").map(|i| i.expect("holds").seq).collect();
    assert_eq!(newest.seq + after.len() as u64, recovery.last_seq, "kill {kill}");
    let state = State::open(dir).unwrap_or_else(|e| panic!("kill {kill}: {e}"));
    let applied = state.applied().expect("reads");
    assert!((promised..=recovery.last_seq).contains(&applied), "kill {kill}: {applied} records applied");
}

#[test]
fn a_full_disk_is_an_error_and_what_was_durable_stays() {
    let dir = tempdir().expect("temporary directory");
    // Files may not grow beyond 4000 blocks (of 512 bytes or a KiB, as the shell has it). The signal of that is ignored,
    // so writes fail as they do on a full disk.
    let child = spawn(dir.path(), "dense", "trap '' XFSZ; ulimit -f 4000;");
    let output = child.wait_with_output().expect("ends by itself");
    let text = String::from_utf8_lossy(&output.stdout);
    let promised = text.lines().rev().find_map(|l| l.strip_prefix("durable ")?.parse::<u64>().ok()).unwrap_or(0);
    let failed =
        text.lines().find_map(|l| l.strip_prefix("failed: ")).unwrap_or_else(|| panic!("no failure in {text}"));
    assert!(failed.contains("cannot") && failed.contains(".redb"), "{failed}");
    assert!(promised > 0, "{text}");
    check(dir.path(), promised, 0);
}

#[test]
fn a_half_made_file_is_made_again() {
    let dir = tempdir().expect("temporary directory");
    std::fs::write(dir.path().join("journal-20251101.redb.new"), b"half").expect("writes");
    std::fs::write(dir.path().join("state.redb.new"), b"half").expect("writes");
    let mut count = 0;
    live(dir.path(), SPARSE, |_| {
        count += 1;
        count < 3
    })
    .expect("starts over it");
    let names: Vec<_> = std::fs::read_dir(dir.path()).expect("lists").map(|e| e.expect("entry").file_name()).collect();
    assert!(!names.iter().any(|n| n.to_string_lossy().ends_with(".new")), "{names:?}");
    let state = State::open(dir.path()).expect("opens");
    assert_eq!(state.applied().expect("reads"), 15);
    assert_eq!(replay_all(dir.path()).expect("replays").differs, 0);
}
