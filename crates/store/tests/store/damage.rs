//! Damaged files: a clear error or the true content, never a panic, never a change.

use std::fs;
use std::path::{Path, PathBuf};

use store::{Journal, Reader, StoreError, days, set_aside};
use tempfile::tempdir;
use types::{Input, Stamped};

use crate::world::{World, mix, write_day};

type Content = (Vec<Stamped<Input>>, Vec<u64>);

fn content(path: &Path) -> store::Result<Content> {
    let reader = Reader::open_day(path)?;
    let inputs = reader.inputs()?.collect::<store::Result<_>>()?;
    let checkpoints = reader.checkpoints()?.map(|c| c.map(|c| c.seq)).collect::<store::Result<_>>()?;
    Ok((inputs, checkpoints))
}

const FLIPS: u64 = 400;

fn one_day(dir: &Path) -> PathBuf {
    write_day(dir, 12);
    days(dir).expect("lists").remove(0).path
}

/// Reading and starting on these bytes give an error about damage; the bytes stay.
#[track_caller]
fn check(bytes: &[u8], what: &str) {
    let dir = tempdir().expect("temporary directory");
    let path = dir.path().join("journal-20251101.redb");
    fs::write(&path, bytes).expect("writes");
    for error in [content(&path).expect_err("damaged"), Journal::open(dir.path()).err().expect("damaged")] {
        assert!(error.is_corrupt(), "{error}");
        assert!(error.to_string().contains("journal-20251101.redb: corrupt: "), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(fs::read(&path).expect("reads") == bytes, "the file was changed");
}

#[test]
fn what_is_not_a_day_file_is_told() {
    check(b"", "cut short");
    check(b"redb", "cut short");
    check(&[0; 100_000], "not a redb file");
    check("hello, world".repeat(1_000).as_bytes(), "not a redb file");
    check(&(0..50_000).map(|n| mix(n) as u8).collect::<Vec<_>>(), "not a redb file");
}

#[test]
fn a_file_without_its_tail_is_told() {
    let dir = tempdir().expect("temporary directory");
    let whole = fs::read(one_day(dir.path())).expect("reads");
    for part in 1..16 {
        check(&whole[..whole.len() * part / 16], "");
    }
}

fn is_one_commit_less(less: &Content, truth: &Content) -> bool {
    less.0.len() + 50 == truth.0.len() && truth.0.starts_with(&less.0) && truth.1.starts_with(&less.1)
}

#[test]
fn a_flipped_byte_is_found_or_harmless() {
    let dir = tempdir().expect("temporary directory");
    let path = one_day(dir.path());
    let closed = fs::read(&path).expect("reads");
    let truth = content(&path).expect("whole");
    let open = {
        let (_journal, _) = Journal::open(dir.path()).expect("opens");
        fs::read(&path).expect("reads as after a power cut")
    };
    let used: Vec<usize> = (0..closed.len()).filter(|at| closed[*at] != 0).collect();
    let mut found = 0;
    for n in 0..FLIPS {
        let whole = if n % 2 == 0 { &closed } else { &open };
        // The database's own header gets more than its share.
        let at = if n % 4 < 2 { mix(n) as usize % 320 } else { used[mix(n) as usize % used.len()] };
        let mut bytes = whole.clone();
        if n % 16 > 13 {
            // A whole page of noise, as worn-out flash gives.
            let page = at / 4096 * 4096;
            bytes[page..page + 4096].iter_mut().enumerate().for_each(|(i, byte)| *byte = mix(n ^ i as u64) as u8);
        } else {
            bytes[at] ^= 1 << (mix(n ^ 99) % 8);
        }
        fs::write(&path, &bytes).expect("writes");
        match content(&path) {
            Ok(same) if same == truth => {}
            // The last commit of a file that was not closed may have been torn by the power cut: it is taken back.
            Ok(less) => {
                assert!(n % 2 == 1 && is_one_commit_less(&less, &truth), "byte {at}: other content, not a word");
            }
            Err(StoreError::Io { source, .. }) => panic!("byte {at}: {source}"),
            Err(_) => found += 1,
        }
        assert!(fs::read(&path).expect("reads") == bytes, "byte {at}: reading changed the file");
        // A start may repair what can be repaired, never fail otherwise than by saying so.
        if let Ok((journal, recovery)) = Journal::open(dir.path()) {
            assert!(recovery.last_seq <= 600, "byte {at}");
            let _ = journal.latest_checkpoint().map(|c| c.map(|c| c.seq));
        }
    }
    assert!(found > FLIPS / 4, "only {found} of {FLIPS} flips were noticed");
}

#[test]
fn a_file_under_another_days_name_is_told() {
    let dir = tempdir().expect("temporary directory");
    let path = one_day(dir.path());
    let wrong = path.with_file_name("journal-20251102.redb");
    fs::rename(&path, &wrong).expect("renames");
    let error = Reader::open_day(&wrong).err().expect("wrong");
    assert!(error.to_string().contains("holds the day of journal-20251101.redb"), "{error}");
}

#[test]
fn a_damaged_day_is_set_aside_not_deleted() {
    let dir = tempdir().expect("temporary directory");
    let path = one_day(dir.path());
    fs::write(&path, b"gone").expect("writes");
    assert!(Journal::open(dir.path()).err().expect("damaged").is_corrupt());
    let aside = set_aside(&path).expect("renames");
    assert!(aside.ends_with("journal-20251101.redb.corrupt-1"));
    assert_eq!(fs::read(&aside).expect("reads"), b"gone");
    let (mut journal, recovery) = Journal::open(dir.path()).expect("starts without it");
    assert_eq!((recovery.last_seq, recovery.days), (0, 0));
    journal.write(&[], Some(World::new().checkpoint())).expect("writes");
    drop(journal);
    assert!(set_aside(&path).expect("renames").ends_with("journal-20251101.redb.corrupt-2"));
}

#[test]
fn a_missing_file_or_directory_is_told() {
    let dir = tempdir().expect("temporary directory");
    let nowhere = dir.path().join("nowhere");
    assert!(days(&nowhere).expect_err("missing").to_string().ends_with("nowhere: no such directory"));
    assert!(matches!(Reader::open_day(&nowhere), Err(StoreError::Missing { .. })));
    let file = dir.path().join("file");
    fs::write(&file, b"x").expect("writes");
    assert!(matches!(Journal::open(&file), Err(StoreError::Io { .. })));
    for name in ["journal-2025110.redb", "journal-20251301.redb", "journal-20250230.redb", "journal-20251101.redb.new"]
    {
        fs::write(dir.path().join(name), b"x").expect("writes");
    }
    assert_eq!(days(dir.path()).expect("lists"), []);
}
