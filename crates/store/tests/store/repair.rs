//! Days that are over and days that are damaged, on a real disk.

use std::path::Path;

use store::{Journal, Reader, StoreError, days, pack_day, repair_day};
use tempfile::tempdir;

use crate::world::{Machine, end_day, replay_all, write_day};

/// Overwrites a page in the middle of a file with zeros.
fn damage(path: &Path) {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opens");
    // Somewhere after the first blocks; where exactly is up to the database.
    let bytes = std::fs::read(path).expect("reads");
    let needle = b"\x02\x00\x01\x00\x32\x00\x00\x00\x65\x00\x00\x00";
    let block = bytes.windows(needle.len()).position(|window| window == needle).expect("the block at input 101");
    file.seek(SeekFrom::Start(block as u64 + 200)).expect("seeks");
    file.write_all(&[0; 64]).expect("writes");
}

#[test]
fn a_day_that_is_over_takes_less_room_and_stays_what_it_was() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 400);
    let path = days(dir.path()).expect("lists").remove(0).path;
    assert_eq!(pack_day(&path).expect("not over"), None);
    end_day(dir.path(), &mut world);
    let before = replay_all(dir.path()).expect("replays");
    let whole = Reader::open_day(&path).and_then(|reader| reader.verify()).expect("whole");
    assert!(whole.is_sealed);
    let (old, new) = pack_day(&path).expect("packs").expect("it is over");
    assert!(new < old, "{old} bytes became {new}");
    assert_eq!(pack_day(&path).expect("packed already"), None);
    assert_eq!(Reader::open_day(&path).and_then(|reader| reader.verify()).expect("whole"), whole);
    assert_eq!(replay_all(dir.path()).expect("replays"), before);
    let reader = Reader::open_day(&path).expect("opens");
    let after: Vec<u64> =
        reader.blocks_after(1_000).expect("reads").map(|block| block.expect("holds").0.first_seq).take(2).collect();
    assert_eq!(after, [1_001, 1_051]);
    assert_eq!(Journal::open(dir.path()).expect("goes on").1.last_seq, world.seq);
}

#[test]
fn damage_is_fenced_and_the_rest_can_be_read_and_replayed() {
    let dir = tempdir().expect("temporary directory");
    let world = write_day(dir.path(), 12);
    let path = days(dir.path()).expect("lists").remove(0).path;
    damage(&path);
    assert!(Journal::open(dir.path()).err().is_some_and(|error| error.is_corrupt()));
    let repaired = repair_day(&path, None).expect("most of it is whole");
    assert!(repaired.aside.exists() && repaired.aside.to_string_lossy().ends_with(".corrupt-1"), "{repaired:?}");
    assert_eq!((repaired.blocks, repaired.inputs, repaired.fences.clone()), (11, 550, vec![101..=150]), "{repaired:?}");
    let reader = Reader::open_day(&path).expect("opens");
    assert_eq!(reader.fences().expect("reads"), [101..=150]);
    assert_eq!(reader.verify().expect("whole").fenced, 50);
    assert_eq!(reader.inputs().expect("reads").filter_map(Result::ok).count(), 550);
    drop(reader);
    // Behind the fence a replay waits for the checkpoint at input 200, and is exact from there on.
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.differs, replay.skipped, replay.inputs), (0, 50, 500), "{:?}", replay.first_difference);
    // The box goes on where it was.
    let (journal, found) = Journal::open(dir.path()).expect("opens");
    assert_eq!(found.last_seq, 600);
    assert_eq!(journal.latest_checkpoint().expect("reads").map(|checkpoint| checkpoint.seq), Some(600));
    assert_eq!(world.seq, 600);
}

#[test]
fn numbers_that_were_lost_are_not_given_again() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 2);
    let path = days(dir.path()).expect("lists").remove(0).path;
    let repaired = repair_day(&path, Some(140)).expect("all of it is whole");
    assert_eq!(repaired.fences, [101..=140]);
    let (mut journal, found) = Journal::open(dir.path()).expect("opens");
    assert_eq!(found.last_seq, 140);
    world.seq = 140;
    let checkpoint = world.checkpoint();
    journal.write(&[world.block(5, 1_000)], Some(checkpoint)).expect("goes on");
    drop(journal);
    let replay = store::replay::replay(&days(dir.path()).expect("lists"), &mut Machine::default(), |_| {});
    let replay = replay.expect("replays");
    assert_eq!((replay.differs, replay.skipped, replay.inputs), (0, 0, 105), "{:?}", replay.first_difference);
}

#[test]
fn what_is_no_day_file_or_holds_no_state_is_not_repaired() {
    let dir = tempdir().expect("temporary directory");
    let path = dir.path().join("journal-20251101.redb");
    std::fs::write(&path, vec![7; 50_000]).expect("writes");
    let error = repair_day(&path, None).expect_err("noise");
    assert!(error.to_string().contains("no checkpoint in it is whole"), "{error}");
    assert!(path.exists());
    let other = dir.path().join("state.redb");
    std::fs::write(&other, b"x").expect("writes");
    assert!(matches!(repair_day(&other, None), Err(StoreError::Corrupt { .. })));
}
