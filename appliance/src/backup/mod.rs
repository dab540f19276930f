//! Backups: series, account, fetched history, models and the engine's state in one file, made while the box runs, and proven by
//! restoring it.
//!
//! ```text
//! tickerbox-20261121T001000Z.tar.zst
//!   manifest.json            what is in it: sizes, SHA-256, rows and digest of every table
//!   state.redb               series, ledger, catalogue
//!   history.redb             candles fetched and imported, where there are any
//!   news.redb                news, posts, calendars and scores, where there are any
//!   models/...               the registry of models and their bundles, where there are any
//!   access.json              password and tokens, where the box belongs to somebody: `access::for_backup`
//!   settings.toml            settings that were changed on the box, where there are any
//!   journal-20261121.redb    the engine's state, to go on from
//! ```
//!
//! It holds the hash of the password, so nobody but its owner reads the file. The journals of past days stay where they are: they are large, and nothing of the account hangs on them.

mod archive;
mod keeper;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use engine::Engine;
use serde::{Deserialize, Serialize};
use store::{Checkpoint, History, Journal, News, Snapshot, State, StoreError, TableDigest};
use types::Timestamp;

use crate::config::CHANGES_FILE;
use crate::{access, models};

pub(crate) use keeper::{BackupHealth, Keeper, Proven};

/// Backup format written by this program, and the highest it reads.
pub(crate) const FORMAT: u32 = 4;
const STATE: &str = "state.redb";
const HISTORY: &str = "history.redb";
const NEWS: &str = "news.redb";
/// The table with the format of a file.
const META: &str = "meta";

/// The box at one moment.
pub(crate) struct Moment {
    pub(crate) state: Snapshot,
    pub(crate) checkpoint: Checkpoint,
}

/// What a backup holds. The first thing in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// Version of the program that made it.
    pub(crate) program: String,
    /// When, UTC.
    pub(crate) made_at: String,
    /// The last input it contains.
    pub(crate) seq: u64,
    /// Version of the engine's state.
    pub(crate) state_version: u32,
    pub(crate) files: Vec<Member>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// Empty for the journal and for models.
    pub(crate) tables: Vec<TableDigest>,
}

impl Manifest {
    /// Rows of all tables.
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().flat_map(|member| &member.tables).map(|table| table.rows).sum()
    }
}

/// A backup that was made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Made {
    pub(crate) file: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) seq: u64,
    pub(crate) rows: u64,
    pub(crate) made_at: String,
}

/// Writes a backup of a moment of the box in `dir` to `file`, which appears whole or not at all. `news`: the news file where it is open.
///
/// # Errors
/// When something cannot be read or written; `file` is not there then.
pub(crate) fn make(
    dir: &Path,
    moment: &Moment,
    news: Option<&News>,
    file: &Path,
    now: Timestamp,
) -> anyhow::Result<Made> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot create", folder.display()))?;
    let scratch = tempdir_in(folder, "backup")?;
    let mut members = vec![(STATE.to_owned(), moment.state.write_to(&scratch.path.join(STATE))?)];
    match History::open_read(dir) {
        Ok(history) => {
            let tables = history.snapshot()?.write_to(&scratch.path.join(HISTORY))?;
            members.push((HISTORY.to_owned(), tables));
        }
        Err(StoreError::Missing { .. }) => {}
        Err(error) => return Err(error).context("a backup without history is none"),
    }
    let snapshot = match news {
        Some(news) => Some(news.snapshot()?),
        None => match News::open_read(dir) {
            Ok(news) => Some(news.snapshot()?),
            Err(StoreError::Missing { .. }) => None,
            Err(error) => return Err(error).context("a backup without news is none"),
        },
    };
    if let Some(snapshot) = snapshot {
        members.push((NEWS.to_owned(), snapshot.write_to(&scratch.path.join(NEWS))?));
    }
    members.extend(copy_models(dir, &scratch.path)?.into_iter().map(|name| (name, Vec::new())));
    if let Some(bytes) = access::for_backup(dir).context("a backup without its owner is none")? {
        access::write_private(&scratch.path, access::NAME, &bytes)?;
        members.push((access::NAME.to_owned(), Vec::new()));
    }
    match fs::read(dir.join(CHANGES_FILE)) {
        Ok(bytes) => {
            access::write_private(&scratch.path, CHANGES_FILE, &bytes)?;
            members.push((CHANGES_FILE.to_owned(), Vec::new()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("a backup without the changed settings is none"),
    }
    members.push((write_journal(&scratch.path, &moment.checkpoint)?, Vec::new()));
    let mut manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now.to_string(),
        seq: moment.checkpoint.seq,
        state_version: moment.checkpoint.state_version,
        files: Vec::new(),
    };
    for (name, tables) in members {
        let (bytes, sha256) = archive::digest(&scratch.path.join(&name))?;
        manifest.files.push(Member { name, bytes, sha256, tables });
    }
    let bytes = archive::pack(&manifest, &scratch.path, file)?;
    Ok(Made { file: file.to_owned(), bytes, seq: manifest.seq, rows: manifest.rows(), made_at: manifest.made_at })
}

/// Copies the files of models; gives their names in the backup.
fn copy_models(dir: &Path, to: &Path) -> anyhow::Result<Vec<String>> {
    let (from, to) = (dir.join(models::FOLDER), to.join(models::FOLDER));
    let entries = match fs::read_dir(&from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("{}: cannot read", from.display()))?,
    };
    fs::create_dir_all(&to).with_context(|| format!("{}: cannot create", to.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if models::is_file_name(&name) {
            fs::copy(from.join(&name), to.join(&name))
                .with_context(|| format!("{}: cannot copy", from.join(&name).display()))?;
            names.push(format!("{}/{name}", models::FOLDER));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A journal that holds nothing but a state to begin with. Gives the name of its only file.
fn write_journal(dir: &Path, checkpoint: &Checkpoint) -> anyhow::Result<String> {
    let path = Journal::create(dir, checkpoint)?;
    Ok(path.file_name().and_then(|name| name.to_str()).context("a plain name")?.to_owned())
}

/// Brings a backup into an empty data directory, and proves it before anything there has its name: sizes, digests, rows, and
/// that the engine takes its state.
///
/// # Errors
/// When the backup is damaged, newer than this program, or `dir` is not empty; nothing is left behind then.
pub(crate) fn restore(file: &Path, dir: &Path) -> anyhow::Result<Manifest> {
    fs::create_dir_all(dir).with_context(|| format!("{}: cannot create", dir.display()))?;
    let is_taken = |name: &str| name.ends_with(".redb") || [models::FOLDER, access::NAME, CHANGES_FILE].contains(&name);
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(!is_taken(&name), "{}: holds a box already ({name}); restore into an empty folder", dir.display());
    }
    let scratch = tempdir_in(dir, "restore")?;
    let manifest = archive::unpack(file, &scratch.path)?;
    prove(&manifest, &scratch.path).with_context(|| format!("{}: not restored", file.display()))?;
    // The journal comes last: without it there is no box yet.
    if scratch.path.join(models::FOLDER).exists() {
        fs::create_dir(dir.join(models::FOLDER))?;
    }
    for member in &manifest.files {
        fs::rename(scratch.path.join(&member.name), dir.join(&member.name))
            .with_context(|| format!("{}: cannot name", dir.join(&member.name).display()))?;
    }
    fs::File::open(dir)?.sync_all()?;
    Ok(manifest)
}

/// Opens what was unpacked and holds it against what the manifest says.
fn prove(manifest: &Manifest, dir: &Path) -> anyhow::Result<()> {
    for member in &manifest.files {
        let found = match member.name.as_str() {
            STATE => State::open_read(dir)?.snapshot()?.digests()?,
            HISTORY => History::open_read(dir)?.snapshot()?.digests()?,
            NEWS => News::open_read(dir)?.snapshot()?.digests()?,
            _ => Vec::new(),
        };
        // A file of an older format was brought to today's when it was opened; its bytes were held against their digest.
        let is_upgraded = |table: &TableDigest| table.table == META && !found.contains(table);
        if member.tables.iter().any(is_upgraded) {
            continue;
        }
        for (table, found) in member.tables.iter().zip(&found) {
            ensure!(
                table == found,
                "{}: table {} has {} rows with digest {}, saved were {} with {}",
                member.name,
                table.table,
                found.rows,
                found.digest,
                table.rows,
                table.digest
            );
        }
        ensure!(
            member.tables.len() == found.len(),
            "{}: {} tables of {}",
            member.name,
            found.len(),
            member.tables.len()
        );
    }
    access::prove(dir)?;
    ensure!(manifest.files.iter().any(|member| member.name == STATE), "it has no {STATE}");
    let day = store::days(dir)?.pop().context("it has no journal")?;
    let checkpoint = store::Reader::open_day(&day.path)?.first_checkpoint()?;
    ensure!(checkpoint.seq == manifest.seq, "the state is that of input {}, not {}", checkpoint.seq, manifest.seq);
    if checkpoint.state_version == engine::STATE_VERSION {
        postcard::from_bytes::<Engine>(&checkpoint.state).context("the engine cannot read its state")?;
    } else {
        // The start goes on with the accounts alone.
        let accounts = State::open_read(dir)?.accounts()?;
        ensure!(
            !accounts.is_empty(),
            "the engine's state has version {}, this program knows {}, and the account was not written down: restore it with \
             program {}",
            checkpoint.state_version,
            engine::STATE_VERSION,
            manifest.program
        );
    }
    Ok(())
}

/// A folder that goes away with what is in it.
struct Scratch {
    path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is overwritten the next time.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn tempdir_in(dir: &Path, name: &str) -> anyhow::Result<Scratch> {
    let path = dir.join(format!(".{name}"));
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{}: cannot remove", path.display()));
        }
        _ => {}
    }
    fs::create_dir_all(&path).with_context(|| format!("{}: cannot create", path.display()))?;
    Ok(Scratch { path })
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::effect::EquityRecord;
    use types::{AccountDay, AccountId, AccountRecord, Cash, Record};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn moment(dir: &Path) -> Moment {
        let state = State::open(dir).unwrap();
        let cash = Cash(7);
        let equity = EquityRecord {
            account: AccountId::LEAD,
            at: NOW,
            cash,
            equity: cash,
            hold: cash,
            fees: cash,
            positions: Vec::new(),
        };
        state.write(&[Entry { seq: 41, rank: 0, record: Record::Equity(equity) }], 41).unwrap();
        let saved = postcard::to_allocvec(&Engine::new()).unwrap();
        let checkpoint = Checkpoint { seq: 41, at: NOW, state_version: engine::STATE_VERSION, state: saved };
        Moment { state: state.snapshot().unwrap(), checkpoint }
    }

    #[test]
    fn models_come_along_and_nothing_else_of_their_folder() {
        let (home, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = home.path().join(models::FOLDER);
        fs::create_dir(&folder).unwrap();
        let bundle = format!("{}.tbx", "ab".repeat(32));
        for name in ["registry.json", &bundle, "registry.new", "odd.tbx"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let file = home.path().join("one.tar.zst");
        make(home.path(), &moment(home.path()), None, &file, NOW).unwrap();
        assert_eq!(restore(&file, fresh.path()).unwrap().files.len(), 4);
        let mut found: Vec<String> = fs::read_dir(fresh.path().join(models::FOLDER))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, [bundle.as_str(), "registry.json"]);
        assert_eq!(fs::read_to_string(fresh.path().join(models::FOLDER).join(&bundle)).unwrap(), bundle);
    }

    #[test]
    fn news_come_along_with_their_scores_while_they_are_written_to() {
        let (home, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let news = News::open(home.path()).unwrap();
        let row = store::NewsRow {
            name: "article/test/1",
            kind: 1,
            digest: [7; 32],
            usable_from: NOW,
            revised_from: NOW,
            is_archive: false,
            is_partial: false,
            traces: &[],
            item: b"item",
            raw: b"raw",
        };
        news.keep(&[row]).unwrap();
        let score = store::ScoreRow { name: row_name(), revision: 0, engine: 1, key: [1; 32], score: b"score" };
        news.keep_scores(&[score]).unwrap();
        let file = home.path().join("one.tar.zst");
        // The box holds the file: nobody else can open it.
        assert!(make(home.path(), &moment(home.path()), None, &file, NOW).is_err());
        make(home.path(), &moment(home.path()), Some(&news), &file, NOW).unwrap();
        let manifest = restore(&file, fresh.path()).unwrap();
        let member = manifest.files.iter().find(|member| member.name == NEWS).unwrap();
        assert!(member.tables.iter().any(|table| table.table == "scores" && table.rows == 1), "{member:?}");
        let restored = News::open_read(fresh.path()).unwrap();
        assert_eq!(restored.scores_of([(row_name(), 0)]).unwrap(), [vec![(1, b"score".to_vec())]]);
    }

    fn row_name() -> &'static str {
        "article/test/1"
    }

    #[tokio::test]
    async fn who_owns_the_box_owns_the_restored_one_and_its_settings() {
        use std::os::unix::fs::PermissionsExt;

        use crate::access::{Access, AccessSection, Client};

        let (home, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |dir: &Path| Access::open(dir, &AccessSection::default()).unwrap();
        let client = || Client { address: [10, 0, 0, 1].into(), agent: String::new() };
        let access = open(home.path());
        access.claim(access.claim_code().unwrap(), "a password".to_owned(), client()).await.unwrap();
        fs::write(home.path().join(CHANGES_FILE), "log.level = 'debug'").unwrap();
        let file = home.path().join("one.tar.zst");
        make(home.path(), &moment(home.path()), None, &file, NOW).unwrap();
        restore(&file, fresh.path()).unwrap();
        assert_eq!(fs::read_to_string(fresh.path().join(CHANGES_FILE)).unwrap(), "log.level = 'debug'");
        for file in [file, fresh.path().join(access::NAME), fresh.path().join(CHANGES_FILE)] {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
        let restored = open(fresh.path());
        assert!(restored.is_claimed());
        assert!(restored.log_in("a password".to_owned(), client()).await.is_ok());
    }

    #[test]
    fn a_backup_is_restored_onto_a_fresh_box_and_only_there() {
        let (home, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = home.path().join("backups/one.tar.zst");
        let made = make(home.path(), &moment(home.path()), None, &file, NOW).unwrap();
        assert_eq!((made.seq, made.bytes), (41, fs::metadata(&file).unwrap().len()));
        let manifest = restore(&file, fresh.path()).unwrap();
        assert_eq!((manifest.rows(), manifest.files.len()), (made.rows, 2));
        let (_, found) = Journal::open(fresh.path()).unwrap();
        assert_eq!(found.last_seq, 41);
        let equity =
            State::open(fresh.path()).unwrap().equity(AccountId::LEAD, store::Span::last(9, Timestamp::MAX)).unwrap();
        assert_eq!(equity.len(), 1);
        let error = restore(&file, fresh.path()).unwrap_err().to_string();
        assert!(error.contains("holds a box already"), "{error}");
        let names: Vec<_> =
            fs::read_dir(home.path().join("backups")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["one.tar.zst"], "nothing is left lying about");
    }

    #[test]
    fn a_backup_of_another_version_is_restored_when_the_account_was_written_down() {
        let (home, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut old = moment(home.path());
        old.checkpoint.state_version -= 1;
        old.checkpoint.state = b"of another program".to_vec();
        let file = home.path().join("old.tar.zst");
        make(home.path(), &old, None, &file, NOW).unwrap();
        let error = format!("{:#}", restore(&file, fresh.path()).unwrap_err());
        assert!(error.contains("the account was not written down"), "{error}");

        let account = AccountRecord {
            account: AccountId::LEAD,
            name: "lead".to_owned(),
            at: NOW,
            boots: 3,
            start: Cash(100),
            unassigned: Cash(70),
            purses: Vec::new(),
            equity: Cash(99),
            peak: Cash(101),
            day: AccountDay { day: NOW.day(), equity_start: Cash(98), trades: 1, fees: Cash(1) },
            week_start: Cash(98),
            is_breaker_open: true,
            is_stopped_by_user: false,
            losses_in_row: 0,
            positions: Vec::new(),
            by_instrument: Vec::new(),
            by_opener: Vec::new(),
            working: vec![types::OrderId(9)],
            volumes: Vec::new(),
        };
        let record = Record::Account(Box::new(account));
        let state = State::open(home.path()).unwrap();
        state.write(&[Entry { seq: 41, rank: 1, record }], 41).unwrap();
        old.state = state.snapshot().unwrap();
        make(home.path(), &old, None, &file, NOW).unwrap();
        restore(&file, fresh.path()).unwrap();
        let found = crate::recovery::recover(fresh.path()).unwrap();
        let portfolio = found.engine.view().portfolio();
        assert_eq!(
            (portfolio.unassigned(), portfolio.peak(), portfolio.is_breaker_open()),
            (Cash(70), Cash(101), true)
        );
        assert_eq!((found.last_seq, found.engine.view().boots()), (41, 3));
        assert!(found.repaired.is_empty(), "{:?}", found.repaired);
    }

    #[test]
    fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("one.tar.zst");
        make(home.path(), &moment(home.path()), None, &file, NOW).unwrap();
        let whole = fs::read(&file).unwrap();
        let saved = restore(&file, tempfile::tempdir().unwrap().path()).unwrap();
        let is_refused = |bytes: &[u8]| {
            let bad = home.path().join("bad.tar.zst");
            fs::write(&bad, bytes).unwrap();
            let fresh = tempfile::tempdir().unwrap();
            match restore(&bad, fresh.path()) {
                Ok(found) => {
                    // A compressed stream has bits that say nothing.
                    assert_eq!(found, saved);
                    false
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    assert!(error.contains("bad.tar.zst"), "{error}");
                    assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0, "{error}");
                    true
                }
            }
        };
        assert!(is_refused(&whole[..whole.len() / 2]) && is_refused(b"no backup") && is_refused(&[]));
        let flipped = |place: usize| {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            is_refused(&bytes)
        };
        let refused = (20..whole.len() - 8).step_by(whole.len() / 40).filter(|place| flipped(*place)).count();
        assert!(refused >= 36, "{refused} of 40");
    }
}
