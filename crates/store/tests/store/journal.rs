//! What a journal takes, keeps and refuses.

use store::{BlockBuilder, Journal, Reader, StoreError, days};
use tempfile::tempdir;
use types::time::NS_PER_DAY;
use types::{Input, Stamped, Timestamp};

use crate::world::{START, World, input, replay_all, write_day};

#[test]
fn inputs_come_back_as_they_went_in() {
    let dir = tempdir().expect("temporary directory");
    let world = write_day(dir.path(), 9);
    let days = days(dir.path()).expect("lists");
    assert_eq!(days.len(), 1);
    assert!(days[0].path.ends_with("journal-20251101.redb"));
    let reader = Reader::open_day(&days[0].path).expect("opens");
    let mut expected = World::new();
    for stamped in reader.inputs().expect("reads") {
        expected.seq += 1;
        expected.at = Timestamp::from_nanos(expected.at.as_nanos() + 1_000_000);
        assert_eq!(stamped.expect("holds"), input(expected.seq, expected.at));
    }
    assert_eq!((expected.seq, expected.at), (world.seq, world.at));
    let seqs: Vec<u64> = reader.checkpoints().expect("reads").map(|c| c.expect("holds").seq).collect();
    assert_eq!(seqs, [0, 200, 400]);
}

#[test]
fn a_start_goes_on_from_the_newest_checkpoint() {
    let dir = tempdir().expect("temporary directory");
    let world = write_day(dir.path(), 6);
    let (journal, recovery) = Journal::open(dir.path()).expect("opens");
    assert_eq!((recovery.last_seq, recovery.last_at, recovery.days), (300, Some(world.at), 1));
    let checkpoint = journal.latest_checkpoint().expect("reads").expect("there is one");
    assert_eq!(checkpoint.seq, 200);
    let after: Vec<u64> = journal.read_from(201).expect("reads").map(|i| i.expect("holds").seq).collect();
    assert_eq!(after, (201..=300).collect::<Vec<_>>());
    let within: Vec<u64> = journal.read_from(275).expect("reads").map(|i| i.expect("holds").seq).collect();
    assert_eq!(within, (275..=300).collect::<Vec<_>>());
    assert_eq!(journal.read_from(301).expect("reads").count(), 0);
    assert!(matches!(journal.read_from(0), Err(StoreError::Missing { .. })));
    let status = journal.status();
    assert_eq!((status.last_seq, status.checkpoint_seq), (300, 200));
    assert!(status.file_bytes > 0);
}

#[test]
fn an_empty_journal_begins_with_a_checkpoint() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, recovery) = Journal::open(&dir.path().join("new/deep")).expect("creates the directory");
    assert_eq!((recovery.last_seq, recovery.last_at, recovery.days), (0, None, 0));
    assert!(journal.latest_checkpoint().expect("reads").is_none());
    assert_eq!(journal.read_from(1).expect("reads").count(), 0);
    let mut world = World::new();
    let first = world.checkpoint();
    let block = world.block(3, 1);
    let refused = journal.write(std::slice::from_ref(&block), None).expect_err("no state to start from");
    assert!(refused.to_string().contains("needs a checkpoint before it"), "{refused}");
    journal.write(&[block], Some(first)).expect("with a checkpoint it is a journal");
    assert_eq!(journal.last_seq(), 3);
}

#[test]
fn midnight_begins_a_file_with_the_state_of_that_moment() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    let mut world = World::new();
    let blocks = [world.block(40, 1_000), world.block(40, 1_000)];
    let first = World::new().checkpoint();
    journal.write(&blocks, Some(first)).expect("writes");
    world.at = Timestamp::from_nanos(START.as_nanos() + NS_PER_DAY);
    let midnight = world.checkpoint();
    let next = [world.block(40, 1_000)];
    let refused = journal.write(&next, None).expect_err("a day cannot begin without a state");
    assert!(refused.to_string().contains("begins a day without a checkpoint"), "{refused}");
    journal.write(&[], Some(midnight.clone())).expect("closes the day");
    journal.write(&next, None).expect("begins the next");
    let days = days(dir.path()).expect("lists");
    assert_eq!(days.len(), 2);
    assert!(days[1].path.ends_with("journal-20251102.redb"));
    drop(journal);
    assert_eq!(Reader::open_day(&days[1].path).expect("opens").first_checkpoint().expect("holds"), midnight);
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.days, replay.inputs, replay.differs), (2, 120, 0));
    assert_eq!(replay.checkpoints, 2, "the closing state of the first day and the opening one of the second");
}

#[test]
fn both_sides_of_midnight_may_come_in_one_call() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    let mut world = World::new();
    journal.write(&[], Some(world.checkpoint())).expect("first checkpoint");
    let before = world.block(10, 1_000);
    let midnight = world.checkpoint();
    world.at = Timestamp::from_nanos(START.as_nanos() + 3 * NS_PER_DAY);
    let after = [before, world.block(10, 1_000), world.block(5, 1_000)];
    journal.write(&after, Some(midnight)).expect("writes");
    drop(journal);
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.days, replay.inputs, replay.differs), (2, 25, 0));
    let (_, recovery) = Journal::open(dir.path()).expect("opens");
    assert_eq!(recovery.last_seq, 25);
}

#[test]
fn what_does_not_follow_is_refused_and_nothing_is_written() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 2);
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    let mut check = |blocks: &[store::Block], checkpoint, what: &str| {
        let refused = journal.write(blocks, checkpoint).expect_err(what);
        assert!(matches!(refused, StoreError::Order { .. }), "{refused}");
        assert!(refused.to_string().contains(what), "{refused}");
        assert_eq!(journal.last_seq(), 100);
    };
    let here = world.checkpoint();
    let next = world.block(10, 1);
    let gap = world.block(10, 1);
    check(&[gap], None, "does not follow input 100");
    check(std::slice::from_ref(&next), Some(World::new().checkpoint()), "where the journal stands at 110");
    let mut early = World::new();
    early.seq = 100;
    check(&[early.block(3, 1)], None, "was received before");
    let mut late = here.clone();
    late.seq = 99;
    check(&[], Some(late), "checkpoint of input 99");
    journal.write(&[next], Some(here)).expect("in order it goes on");
}

#[test]
fn a_block_is_closed_before_midnight_and_in_order() {
    let mut builder = BlockBuilder::new();
    assert!(builder.finish().is_none());
    let late = Timestamp::from_nanos(START.as_nanos() + NS_PER_DAY - 1);
    let tick = |seq, at| Stamped { seq, at, input: Input::Tick };
    builder.push(&tick(7, late), &[]).expect("any beginning");
    assert!(builder.fits(late) && !builder.fits(Timestamp::from_nanos(late.as_nanos() + 1)));
    let refused =
        |builder: &mut BlockBuilder, seq, at| builder.push(&tick(seq, at), &[]).expect_err("out of order").to_string();
    assert_eq!(refused(&mut builder, 9, late), "input 9 does not follow input 7");
    assert_eq!(refused(&mut builder, 8, START), "input 8 was received before the one before it");
    let next_day = Timestamp::from_nanos(late.as_nanos() + 1);
    assert_eq!(refused(&mut builder, 8, next_day), "input 8 lies in another UTC day than its block");
    assert_eq!((builder.len(), builder.first_at()), (1, Some(late)));
    builder.push(&tick(8, late), &[]).expect("in order");
    let block = builder.finish().expect("two inputs");
    assert_eq!((block.header().first_seq, block.header().last_seq, block.header().inputs), (7, 8, 2));
    assert!(builder.is_empty() && builder.fits(next_day));
}

#[test]
fn only_one_writer_and_no_reader_beside_it() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 1);
    let (journal, _) = Journal::open(dir.path()).expect("opens");
    let second = Journal::open(dir.path()).err().expect("refused");
    assert!(second.is_in_use() && second.to_string().ends_with("in use by another process"), "{second}");
    let path = &days(dir.path()).expect("lists")[0].path;
    let reader = Reader::open_day(path).err().expect("refused");
    assert!(reader.is_in_use(), "{reader}");
    drop(journal);
    let one = Reader::open_day(path).expect("free again");
    let two = Reader::open_day(path).expect("readers share");
    assert_eq!(one.inputs().expect("reads").count(), two.inputs().expect("reads").count());
    let writer = Journal::open(dir.path()).err().expect("readers keep a writer away");
    assert!(writer.is_in_use(), "{writer}");
}

#[test]
fn the_day_that_is_written_to_can_be_read_beside() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    assert!(journal.reader().is_none());
    let mut world = World::new();
    let first = world.checkpoint();
    journal.write(&[world.block(30, 1_000), world.block(30, 1_000)], Some(first)).expect("writes");
    let reader = journal.reader().expect("there is a day");
    // It is packed while it is read.
    let checkpoint = world.checkpoint();
    journal.write(&[], Some(checkpoint)).expect("packs");
    journal.write(&[world.block(30, 1_000)], None).expect("writes");
    let seqs =
        |reader: &Reader| reader.inputs().expect("reads").map(|input| input.expect("whole").seq).collect::<Vec<_>>();
    assert_eq!(seqs(&reader), (1..=60).collect::<Vec<_>>());
    let reader = journal.reader().expect("there is a day");
    assert_eq!(seqs(&reader), (1..=90).collect::<Vec<_>>());
    let all: Vec<Stamped<Input>> = reader.inputs().expect("reads").map(|input| input.expect("whole")).collect();
    for from in [0, 1, 29, 30, 31, 59, 60, 75, 89] {
        let at = all[from].at;
        let found: Vec<u64> = reader.inputs_from(at).expect("reads").map(|input| input.expect("whole").seq).collect();
        let expected: Vec<u64> = all.iter().filter(|input| input.at >= at).map(|input| input.seq).collect();
        assert_eq!(found, expected, "from {from}");
    }
    assert_eq!(reader.inputs_from(Timestamp::MAX).expect("reads").count(), 0);
    assert_eq!(reader.inputs_from(Timestamp::EPOCH).expect("reads").count(), 90);
}

#[test]
fn a_missing_tail_is_told() {
    let dir = tempdir().expect("temporary directory");
    let mut world = write_day(dir.path(), 3);
    let found = Journal::open(dir.path()).expect("opens").1;
    assert_eq!((found.last_seq, found.is_tail_missing), (150, false));
    for tail in ["journal.tail-0", "journal.tail-1"] {
        std::fs::remove_file(dir.path().join(tail)).expect("is there");
    }
    let (mut journal, found) = Journal::open(dir.path()).expect("opens");
    assert!(found.is_tail_missing && found.last_seq < 150, "{found:?}");
    world.seq = found.last_seq;
    journal.write(&[world.block(5, 1_000)], None).expect("goes on");
    drop(journal);
    assert!(!Journal::open(dir.path()).expect("opens").1.is_tail_missing);
    // One that was made to begin with has none to miss.
    let fresh = tempdir().expect("temporary directory");
    Journal::create(fresh.path(), &world.checkpoint()).expect("creates");
    assert!(!Journal::open(fresh.path()).expect("opens").1.is_tail_missing);
}
