//! Replays find what differs, and only that.

use store::{Journal, Reader, days};
use tempfile::tempdir;

use crate::world::{Machine, World, replay_all, write_day};

#[test]
fn the_same_machine_agrees_with_itself() {
    let dir = tempdir().expect("temporary directory");
    let world = write_day(dir.path(), 10);
    let first = replay_all(dir.path()).expect("replays");
    assert_eq!((first.inputs, first.blocks, first.differs), (world.seq, 10, 0));
    assert_eq!(first.effects, world.seq / 10 + world.seq / 25);
    assert_eq!(first.checkpoints, 2);
    assert_eq!(replay_all(dir.path()).expect("replays"), first);
    assert_eq!(first.digest.to_string().len(), 64);
}

#[test]
fn another_machine_differs_from_its_first_other_effect_on() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 10);
    let mut other = Machine { fault_from: Some(301), ..Machine::default() };
    let replay = store::replay::replay(&days(dir.path()).expect("lists"), &mut other, |_| {}).expect("replays");
    // Blocks of 50 inputs with 7 effects each: the last four blocks, and the checkpoint after input 400.
    assert_eq!(replay.differs, 4 * 7 + 1);
    let first = replay.first_difference.expect("told");
    assert!(first.contains("block at input 301"), "{first}");
    assert_ne!(replay.digest, replay_all(dir.path()).expect("replays").digest);
}

#[test]
fn a_part_of_a_day_is_replayed_from_the_state_before_it() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 10);
    let days = days(dir.path()).expect("lists");
    let reader = store::Reader::open_day(&days[0].path).expect("opens");
    let headers: Vec<_> = reader.blocks().expect("reads").map(|block| block.expect("sound").0).collect();
    drop(reader);
    let span = headers[6].first_at..headers[8].first_at;
    let part =
        |machine: &mut Machine| store::replay::replay_span(&days, span.clone(), machine, |_| {}).expect("replays");
    let same = part(&mut Machine::default());
    assert_eq!((same.blocks, same.inputs, same.effects, same.differs), (2, 100, 14, 0), "{:?}", same.first_difference);
    let other = part(&mut Machine { fault_from: Some(301), ..Machine::default() });
    assert!(other.differs >= 14 && other.first_difference.expect("told").contains("block at input 301"));
    let beyond = headers[9].last_at.plus(std::time::Duration::from_secs(1))..types::Timestamp::MAX;
    let nothing = store::replay::replay_span(&days, beyond, &mut Machine::default(), |_| {}).expect("replays");
    assert_eq!((nothing.blocks, nothing.differs), (0, 0));
}

#[test]
fn a_state_that_is_not_what_the_inputs_give_is_found() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    let mut world = World::new();
    let first = world.checkpoint();
    let block = world.block(20, 1);
    journal.write(&[block], Some(first)).expect("writes");
    world.machine.volume += 1;
    journal.write(&[], Some(world.checkpoint())).expect("writes");
    drop(journal);
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!(replay.differs, 1);
    let told = replay.first_difference.expect("told");
    assert!(told.contains("the state after input 20"), "{told}");
}

#[test]
fn a_state_of_another_version_is_an_error_with_its_place() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    let mut checkpoint = World::new().checkpoint();
    checkpoint.state_version = 2;
    journal.write(&[], Some(checkpoint)).expect("writes");
    drop(journal);
    let error = replay_all(dir.path()).expect_err("not readable");
    assert!(error.to_string().contains("checkpoint at input 0: state version 2 is not known"), "{error}");
}

#[test]
fn a_day_in_which_the_program_was_updated_is_replayed_from_there_on() {
    let dir = tempdir().expect("temporary directory");
    let (mut journal, _) = Journal::open(dir.path()).expect("opens");
    let mut world = World::new();
    let mut old = world.checkpoint();
    old.state_version = 2;
    let block = world.block(20, 1_000_000);
    journal.write(&[block], Some(old)).expect("writes");
    let mut stopped = world.checkpoint();
    stopped.state_version = 2;
    journal.write(&[], Some(stopped)).expect("writes");
    // The new program begins with a state of its own.
    world.machine = Machine::default();
    journal.write(&[], Some(world.checkpoint())).expect("writes");
    let block = world.block(30, 1_000_000);
    journal.write(&[block], None).expect("writes");
    drop(journal);
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.inputs, replay.skipped, replay.differs), (30, 20, 0), "{:?}", replay.first_difference);
}

#[test]
fn progress_is_told_block_by_block() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 3);
    let mut told = Vec::new();
    let days = days(dir.path()).expect("lists");
    store::replay::replay(&days, &mut Machine::default(), |so_far| told.push(so_far.inputs)).expect("replays");
    assert_eq!(told, [50, 100, 150]);
    assert_eq!(Reader::open_day(&days[0].path).expect("opens").blocks().expect("reads").count(), 3);
}
