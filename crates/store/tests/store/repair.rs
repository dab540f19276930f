//! Days that are over and days that are damaged, on a real disk.

use std::path::Path;

use store::{Journal, Reader, StoreError, days, repair_day};
use tempfile::tempdir;

use crate::world::{Machine, end_day, replay_all, write_day};

/// Overwrites a part of what begins with `needle` with other bytes.
fn damage(path: &Path, needle: &[u8]) {
    let mut bytes = std::fs::read(path).expect("reads");
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("is in it");
    bytes[at + 100..at + 132].fill(0xA5);
    std::fs::write(path, bytes).expect("writes");
}

/// A pack of four blocks that begins with this input.
fn pack(first_seq: u64) -> Vec<u8> {
    [&[1, 0, 2, 1, 4, 0, 0, 0][..], &first_seq.to_le_bytes()].concat()
}

#[test]
fn a_day_that_is_over_is_sealed_and_whole() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 403);
    let path = days(dir.path()).expect("lists").remove(0).path;
    let before = replay_all(dir.path()).expect("replays");
    let open = Reader::open_day(&path).and_then(|reader| reader.verify()).expect("whole");
    assert!(!open.is_sealed);
    end_day(dir.path(), &mut world);
    let whole = Reader::open_day(&path).and_then(|reader| reader.verify()).expect("whole");
    assert!(whole.is_sealed);
    assert_eq!((whole.digest, whole.blocks), (open.digest, open.blocks));
    let after = replay_all(dir.path()).expect("replays");
    assert_eq!((after.inputs, after.differs), (before.inputs + 5, 0), "{:?}", after.first_difference);
    let reader = Reader::open_day(&path).expect("opens");
    let from = |seq| reader.blocks_after(seq).expect("reads").map(|block| block.expect("holds").0.first_seq);
    assert_eq!(from(1_000).take(2).collect::<Vec<_>>(), [1_001, 1_051]);
    assert_eq!(from(20_100).collect::<Vec<_>>(), [20_101]);
    assert_eq!(from(20_150).count(), 0);
    assert_eq!(Journal::open(dir.path()).expect("goes on").1.last_seq, world.seq);
}

#[test]
fn damage_is_fenced_and_the_rest_can_be_read_and_replayed() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 14);
    let path = days(dir.path()).expect("lists").remove(0).path;
    damage(&path, &pack(201));
    assert!(Journal::open(dir.path()).err().is_some_and(|error| error.is_corrupt()));
    let repaired = repair_day(&path, None).expect("most of it is whole");
    assert!(repaired.aside.exists() && repaired.aside.to_string_lossy().ends_with(".corrupt-1"), "{repaired:?}");
    // Of the four blocks in it the last two were still in a tail.
    assert_eq!((repaired.blocks, repaired.inputs, repaired.fences.clone()), (12, 600, vec![201..=300]), "{repaired:?}");
    let reader = Reader::open_day(&path).expect("opens");
    assert_eq!(reader.fences().expect("reads"), [201..=300]);
    assert_eq!(reader.verify().expect("whole").fenced, 100);
    assert_eq!(reader.inputs().expect("reads").filter_map(Result::ok).count(), 600);
    drop(reader);
    // Behind the fence a replay waits for the checkpoint at input 400, and is exact from there on.
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.differs, replay.skipped, replay.inputs), (0, 100, 500), "{:?}", replay.first_difference);
    // The box goes on where it was.
    let (journal, found) = Journal::open(dir.path()).expect("opens");
    assert_eq!(found.last_seq, 700);
    assert_eq!(journal.latest_checkpoint().expect("reads").map(|checkpoint| checkpoint.seq), Some(600));
}

#[test]
fn a_repaired_day_that_is_over_has_nothing_to_do_with_the_tail() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 14);
    end_day(dir.path(), &mut world);
    let path = days(dir.path()).expect("lists").remove(0).path;
    damage(&path, &pack(201));
    let repaired = repair_day(&path, None).expect("most of it is whole");
    assert!(repaired.inputs >= 500 && !repaired.fences.is_empty(), "{repaired:?}");
    assert!(Reader::open_day(&path).and_then(|reader| reader.verify()).expect("whole").is_sealed);
    // Whatever generation the tail of the newest day has.
    for _ in 0..6 {
        let (mut journal, _) = Journal::open(dir.path()).expect("opens");
        let checkpoint = world.checkpoint();
        journal.write(&[world.block(5, 1_000)], Some(checkpoint)).expect("goes on");
        journal.write(&[world.block(5, 1_000)], None).expect("goes on");
        drop(journal);
        assert_eq!(replay_all(dir.path()).expect("replays").differs, 0);
    }
}

#[test]
fn damage_to_what_is_not_packed_yet_is_found_and_fenced() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 3);
    let path = days(dir.path()).expect("lists").remove(0).path;
    // Of the two tails one has the blocks.
    let head = [&store::block::BLOCK_FORMAT.to_le_bytes()[..], &[2, 0, 50, 0, 0, 0]].concat();
    let block = [&head[..], &51u64.to_le_bytes()].concat();
    let tails = [0, 1].map(|n| dir.path().join(format!("journal.tail-{n}")));
    let has = |path: &&std::path::PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(block.len()).any(|window| window == block))
    };
    damage(tails.iter().find(has).expect("one has it"), &block);
    let error = Journal::open(dir.path()).err().expect("damaged");
    assert!(error.is_corrupt() && error.to_string().contains("its tail"), "{error}");
    let repaired = repair_day(&path, None).expect("most of it is whole");
    assert_eq!((repaired.blocks, repaired.fences), (2, vec![51..=100]));
    let (mut journal, found) = Journal::open(dir.path()).expect("goes on");
    assert_eq!(found.last_seq, 150);
    journal.write(&[world.block(5, 1_000)], None).expect("goes on");
    drop(journal);
    // Nothing says what the state was behind the fence.
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.differs, replay.inputs, replay.skipped), (0, 50, 55), "{:?}", replay.first_difference);
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
