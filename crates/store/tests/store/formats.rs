//! Format numbers: what is newer is refused, what is older is read.

use std::fs::File;
use std::path::{Path, PathBuf};

use redb::{Database, TableDefinition};
use store::{Journal, Reader, State, StoreError, days};
use tempfile::tempdir;

use crate::world::{replay_all, write_day};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
const PACKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("packs");
const CHECKPOINTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("checkpoints");

fn set_format(path: &Path, format: u64) {
    let database = Database::open(path).expect("opens");
    let txn = database.begin_write().expect("begins");
    txn.open_table(META).expect("opens").insert("format", format).expect("inserts");
    txn.commit().expect("commits");
}

/// Changes the first value of a table.
fn edit(path: &Path, table: TableDefinition<'_, u64, &[u8]>, change: impl Fn(&mut Vec<u8>)) {
    use redb::ReadableTable;
    let database = Database::open(path).expect("opens");
    let txn = database.begin_write().expect("begins");
    {
        let mut table = txn.open_table(table).expect("opens");
        let (key, mut bytes) = {
            let (key, value) = table.first().expect("reads").expect("not empty");
            (key.value(), value.value().to_vec())
        };
        change(&mut bytes);
        table.insert(key, bytes.as_slice()).expect("inserts");
    }
    txn.commit().expect("commits");
}

#[test]
fn newer_formats_are_refused_by_name() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 4);
    let path = days(dir.path()).expect("lists").remove(0).path;
    set_format(&path, 3);
    for error in [Reader::open_day(&path).err(), Journal::open(dir.path()).err()] {
        let text = error.expect("newer").to_string();
        assert!(text.ends_with("the journal has format 3; this program knows formats up to 2: update it"), "{text}");
    }
    set_format(&path, 2);
    drop(State::open(dir.path()).expect("creates"));
    set_format(&dir.path().join("state.redb"), 8);
    let text = State::open(dir.path()).err().expect("newer").to_string();
    assert!(text.contains("the state file has format 8"), "{text}");

    edit(&path, PACKS, |bytes| bytes[0] = 3);
    let error = replay_all(dir.path()).expect_err("newer");
    assert!(matches!(error, StoreError::Newer { found: 3, known: 1, .. }), "{error}");
    edit(&path, PACKS, |bytes| bytes[0] = 1);
    edit(&path, CHECKPOINTS, |bytes| bytes[0] = 9);
    let error = replay_all(dir.path()).expect_err("newer");
    assert!(error.to_string().contains("a checkpoint has format 9"), "{error}");
}

#[test]
fn damage_within_a_block_names_the_block() {
    let dir = tempdir().expect("temporary directory");
    let path = dir.path().join("journal-20251101.redb");
    // Blocks lie by themselves in files of format 1 only.
    unpack(&fixture("journal", 1), &path);
    edit(&path, BLOCKS, |bytes| *bytes.last_mut().expect("long") ^= 1);
    let error = replay_all(dir.path()).expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { block: Some(1), .. }), "{error:?}");
    assert!(error.to_string().contains("block at input 1: checksum is"), "{error}");
    edit(&path, BLOCKS, |bytes| bytes.truncate(10));
    assert!(replay_all(dir.path()).expect_err("damaged").to_string().contains("header cut short"));
    edit(&path, BLOCKS, Vec::clear);
    assert!(replay_all(dir.path()).expect_err("damaged").to_string().contains("empty"));
    set_format(&path, 0);
    assert!(replay_all(dir.path()).expect_err("damaged").to_string().contains("no format number"));
}

/// Fixtures are LZ4 frames, because an empty database already takes a megabyte.
fn fixture(name: &str, format: u64) -> PathBuf {
    PathBuf::from(format!("tests/fixtures/{name}-format-{format}.redb.lz4"))
}

fn unpack(fixture: &Path, to: &Path) {
    let mut packed = lz4_flex::frame::FrameDecoder::new(File::open(fixture).expect("committed"));
    std::io::copy(&mut packed, &mut File::create(to).expect("creates")).expect("unpacks");
}

/// The inputs are those of `write_day(dir, 4)`.
#[track_caller]
fn check_inputs(dir: &Path) {
    let inputs = |dir: &Path| {
        let path = days(dir).expect("lists").remove(0).path;
        let reader = Reader::open_day(&path).expect("opens");
        reader.inputs().expect("reads").collect::<Result<Vec<_>, _>>().expect("reads")
    };
    let written = tempdir().expect("temporary directory");
    write_day(written.path(), 4);
    assert!(inputs(dir) == inputs(written.path()), "the same inputs");
}

/// Written by `write_day(dir, 4)` when format 1 was made.
#[test]
fn journal_format_1_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("journal", 1), &dir.path().join("journal-20251101.redb"));
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.inputs, replay.blocks, replay.effects, replay.checkpoints), (200, 4, 28, 1));
    check_inputs(dir.path());
    // What follows from them has had another shape since equity is of an account.
    assert_eq!(replay.differs, 28, "{:?}", replay.first_difference);
    assert_eq!(Journal::open(dir.path()).expect("opens").1.last_seq, 200);
}

/// The same day as in format 1, written when format 2 was made.
#[test]
fn journal_format_2_is_read() {
    let dir = tempdir().expect("temporary directory");
    let path = dir.path().join("journal-20251101.redb");
    unpack(&fixture("journal", 2), &path);
    let replay = replay_all(dir.path()).expect("replays");
    assert_eq!((replay.inputs, replay.blocks, replay.differs, replay.skipped), (200, 4, 28, 0));
    check_inputs(dir.path());
    let whole = Reader::open_day(&path).and_then(|reader| reader.verify()).expect("whole");
    assert_eq!((whole.blocks, whole.inputs, whole.checkpoints, whole.fenced), (4, 200, 2, 0));
    assert_eq!(whole.digest.to_string(), "0084443f1cb4e5a650f8741b8e0e3f7095177f4bf0fe651f73629708344f0ccc");
    assert!(!whole.is_sealed);
    assert_eq!(Journal::open(dir.path()).expect("opens").1.last_seq, 200);
}

/// Written with `one_of_each()` and one listing when format 1 was made.
#[test]
fn state_format_1_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 1), &dir.path().join("state.redb"));
    crate::state::check_all(&State::open(dir.path()).expect("opens"));
}

#[test]
fn looking_into_an_older_state_file_does_not_change_it() {
    let dir = tempdir().expect("temporary directory");
    let path = dir.path().join("state.redb");
    unpack(&fixture("state", 1), &path);
    let before = std::fs::read(&path).expect("reads");
    let state = State::open_read(dir.path()).expect("opens for looking");
    let all = store::Span::last(9, types::Timestamp::MAX);
    assert_eq!(state.arbitrage(all).expect("a table it does not have is empty"), []);
    drop(state);
    assert!(std::fs::read(&path).expect("reads") == before);
}

/// Written with `kinds_of_format_2()` as well when format 2 was made.
#[test]
fn state_format_2_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 2), &dir.path().join("state.redb"));
    crate::state::check_format_2(&State::open(dir.path()).expect("opens"));
}

/// The same records when format 3 was made: what was forecast for several horizons, and what came, in one row.
#[test]
fn state_format_3_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 3), &dir.path().join("state.redb"));
    crate::state::check_format_2(&State::open(dir.path()).expect("opens"));
}

/// With `kinds_of_format_4()` as well, when the account was first written down.
#[test]
fn state_format_4_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 4), &dir.path().join("state.redb"));
    let state = State::open(dir.path()).expect("opens");
    crate::state::check_format_2(&state);
    crate::state::check_format_4(&state);
    crate::state::check_account_of_format_4(&state);
}

/// With `kinds_of_format_5()` as well, when forecasts began to count from the book.
#[test]
fn state_format_5_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 5), &dir.path().join("state.redb"));
    let state = State::open(dir.path()).expect("opens");
    crate::state::check_format_4(&state);
    crate::state::check_account_of_format_4(&state);
    crate::state::check_format_5(&state);
}

/// With `kinds_of_format_6()` as well, when there was more than one account.
#[test]
fn state_format_6_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 6), &dir.path().join("state.redb"));
    let state = State::open(dir.path()).expect("opens");
    crate::state::check_format_4(&state);
    crate::state::check_format_5(&state);
    crate::state::check_format_6(&state);
}

/// With `kinds_of_format_7()` as well, when differences between exchanges were first tried.
#[test]
fn state_format_7_is_read() {
    let dir = tempdir().expect("temporary directory");
    unpack(&fixture("state", 7), &dir.path().join("state.redb"));
    let state = State::open(dir.path()).expect("opens");
    crate::state::check_format_5(&state);
    crate::state::check_format_6(&state);
    crate::state::check_format_7(&state);
}

/// Makes the fixtures of the present formats. Run by hand when a format number was raised, never to make a test pass.
#[test]
#[ignore = "writes into the source tree"]
fn make_fixtures() {
    let dir = tempdir().expect("temporary directory");
    write_day(dir.path(), 4);
    let state = State::open(dir.path()).expect("creates");
    state.write(&crate::state::one_of_each(), 6).expect("writes");
    state.write(&crate::state::kinds_of_format_2(), 6).expect("writes");
    state.write(&crate::state::kinds_of_format_4(), 6).expect("writes");
    state.write(&crate::state::kinds_of_format_5(), 6).expect("writes");
    state.write(&crate::state::kinds_of_format_6(), 6).expect("writes");
    state.write(&crate::state::kinds_of_format_7(), 6).expect("writes");
    state.resolve(types::Venue::Kraken, "BTC/USD").expect("resolves");
    let made = [
        (days(dir.path()).expect("lists")[0].path.clone(), fixture("journal", store::journal::FORMAT)),
        (state.path().to_owned(), fixture("state", store::state::FORMAT)),
    ];
    drop(state);
    for (made, kept) in made.iter().filter(|(_, kept)| !kept.exists()) {
        let mut packed = lz4_flex::frame::FrameEncoder::new(File::create_new(kept).expect("creates"));
        std::io::copy(&mut File::open(made).expect("opens"), &mut packed).expect("packs");
        packed.finish().expect("ends");
    }
}
