//! `news.redb`: news, posts and macro events, each with every revision that was seen, and as it came; what engines said of them; and how
//! it goes with each source.
//!
//! What an item is, others know: here it is bytes with a name, a digest and the first moment at which it may be used. Nothing is
//! ever replaced: another digest under the same name is one revision more. What two sources tell alike is found by the
//! *traces* of items; the second is kept too, with the name of the first. What is old goes only by [`News::remove`].
//!
//! ```text
//! row ── name known? ── digest known? ── same
//!           │                └─ no ───── a revision more
//!           └─ no ── trace known? ────── new, the same as another
//!                        └─ no ───────── new
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::disk::SystemDisk;
use crate::file::{self, Kind, META};
use crate::{Result, Snapshot, StoreError, TableSize};

/// News file format written by this program, and the highest it reads.
pub const FORMAT: u64 = 2;

const NAME: &str = "news.redb";
const KIND: Kind = Kind { format: FORMAT, what: "the news file", cache_bytes: 8 << 20 };
/// Longest raw item that is unpacked, bytes.
const RAW_BYTES_MAX: usize = 64 << 20;

/// Name of the item, revision.
type Key = (&'static str, u32);
/// Usable from, kind, name, revision.
type TimeKey = (i64, u8, &'static str, u32);
const ITEMS: TableDefinition<'static, Key, &'static [u8]> = TableDefinition::new("items");
const RAW: TableDefinition<'static, Key, &'static [u8]> = TableDefinition::new("raw");
const BY_TIME: TableDefinition<'static, TimeKey, ()> = TableDefinition::new("by_time");
/// Key of a trace and the time of the item that left it, to that item's name.
const TRACES: TableDefinition<'static, (&'static str, i64), &'static str> = TableDefinition::new("traces");
/// Name of an item to the name of the one that told the same before, or tells more.
const SAME: TableDefinition<'static, &'static str, &'static str> = TableDefinition::new("same");

/// Key of a score to the score.
const SCORES: TableDefinition<'static, &'static [u8; 32], &'static [u8]> = TableDefinition::new("scores");
/// Name of the item, revision, number of the engine, to the key of the score.
const SCORED: TableDefinition<'static, (&'static str, u32, u8), &'static [u8; 32]> = TableDefinition::new("scored");
/// Name of a source to how it goes with it.
const SOURCES: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("sources");
/// Source and what is wrong, to when that was seen first and last, and how often.
const ASIDE: TableDefinition<'static, (&'static str, &'static str), (i64, i64, u64)> = TableDefinition::new("aside");
/// Most reasons that are kept of a source; the one seen longest ago goes.
const ASIDE_MAX: usize = 200;
/// Longest reason, bytes.
const REASON_BYTES_MAX: usize = 500;
/// Keys of `meta`: before then nothing is kept, and nothing of low worth.
const HORIZONS: [&str; 2] = ["horizon", "horizon_low"];

/// What is kept of an item.
#[derive(Clone, Debug)]
pub struct NewsRow<'a> {
    /// Its name: the same in every revision, another for every source.
    pub name: &'a str,
    /// Which kind of item it is.
    pub kind: u8,
    /// SHA-256 of what it says: another one is another revision.
    pub digest: [u8; 32],
    /// The first moment at which it may be used.
    pub usable_from: Timestamp,
    /// The same should this turn out to be a revision of something known: an archive cannot tell when it was edited, only when
    /// the edit was seen.
    pub revised_from: Timestamp,
    /// It comes from an archive: then a digest that any revision had is nothing new. What is heard live may return to what
    /// it said before.
    pub is_archive: bool,
    /// It says less than there is; one that says more takes its place.
    pub is_partial: bool,
    /// What it has in common with others that tell the same: a key, a time, and how far, in nanoseconds, the times of two may be from
    /// each other.
    pub traces: &'a [(String, Timestamp, i64)],
    /// The item.
    pub item: &'a [u8],
    /// The item as it came.
    pub raw: &'a [u8],
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was not known.
    New,
    /// It was known and said something else; the number of its revisions before.
    Revised(u32),
    /// It was known and says nothing new.
    Same,
    /// It was not known; another source told the same, under this name. It was kept too.
    SameAs(String),
}

/// A revision that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsEntry {
    /// Name of the item.
    pub name: String,
    /// Number of the revision, from 0.
    pub revision: u32,
    /// The first moment at which it may be used.
    pub usable_from: Timestamp,
    /// The item that told the same before, or tells more.
    pub same_as: Option<String>,
    /// The item.
    pub item: Vec<u8>,
}

/// Which revisions.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Usable from then on or later.
    pub from: Timestamp,
    /// Usable before then.
    pub to: Timestamp,
    /// Only of that kind.
    pub kind: Option<u8>,
    /// With items that tell the same as another.
    pub with_same: bool,
    /// The newest come first.
    pub newest_first: bool,
    /// At most so many.
    pub limit: usize,
}

/// What an engine said of a revision.
#[derive(Clone, Copy, Debug)]
pub struct ScoreRow<'a> {
    /// Name of the item.
    pub name: &'a str,
    /// Its revision.
    pub revision: u32,
    /// Number of the engine.
    pub engine: u8,
    /// What the score is filed under: the same for the same text, engine and model.
    pub key: [u8; 32],
    /// The score.
    pub score: &'a [u8],
}

/// The number of an engine, and what it said.
pub type EngineScore = (u8, Vec<u8>);

/// Something that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where and why.
    pub what: String,
    /// When it was seen first.
    pub first_at: Timestamp,
    /// When it was seen last.
    pub last_at: Timestamp,
    /// How often.
    pub count: u64,
}

/// Up to when everything was removed: what is older is not kept again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizons {
    /// Nothing from before is kept.
    pub all: Timestamp,
    /// Nothing of low worth from before is kept.
    pub low: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    kind: u8,
    digest: [u8; 32],
    usable_from: i64,
    is_partial: bool,
    item: &'a [u8],
}

/// The news file of a data directory.
pub struct News {
    path: PathBuf,
    database: Database,
}

impl News {
    /// Opens `news.redb` in `dir`, creating both.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open; damage and newer formats by name.
    pub fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, "cannot create the data directory", e))?;
        let path = dir.join(NAME);
        let database = if path.exists() {
            let database = file::open(&SystemDisk, &path, KIND)?;
            file::commit(&database, &path, upgrade)?;
            database
        } else {
            file::create(&SystemDisk, &path, KIND, create)?
        };
        Ok(Self { path, database })
    }

    /// Opens the news file that is in `dir` for looking at it. It is not changed.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, [`StoreError::InUse`] while another process writes to it; damage and newer
    /// formats by name.
    pub fn open_read(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let database = file::open_read(&SystemDisk, &path, KIND)?;
        // In memory only.
        file::commit(&database, &path, upgrade)?;
        Ok(Self { path, database })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file's tables hold.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tables(&self) -> Result<Vec<TableSize>> {
        file::tables(&self.database, &self.path)
    }

    /// Keeps rows in their order, in one durable commit; tells what became of each. Twice is the same as once.
    ///
    /// # Errors
    /// What the file system says; nothing of it was kept then.
    pub fn keep(&self, rows: &[NewsRow<'_>]) -> Result<Vec<Kept>> {
        // Most of what a source tells was told before; to look is not to write to the card.
        if self.are_known(rows)? {
            return Ok(vec![Kept::Same; rows.len()]);
        }
        let mut kept = Vec::with_capacity(rows.len());
        let mut damage = None;
        file::commit(&self.database, &self.path, |txn| {
            let mut tables = Tables::open(txn)?;
            for row in rows {
                match tables.keep(row)? {
                    Ok(what) => kept.push(what),
                    Err(what) => {
                        damage.get_or_insert(what);
                        return Err(redb::Error::Corrupted(damage.clone().unwrap_or_default()));
                    }
                }
            }
            Ok(())
        })?;
        Ok(kept)
    }

    /// Revisions by the time from which they may be used, and by kind and name where that is the same.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self, wanted: &Wanted) -> Result<Vec<NewsEntry>> {
        let read = || -> std::result::Result<Vec<(NewsEntry, bool)>, redb::Error> {
            let txn = self.database.begin_read()?;
            let (by_time, items, same) = (txn.open_table(BY_TIME)?, txn.open_table(ITEMS)?, txn.open_table(SAME)?);
            let mut found = Vec::new();
            let range = (wanted.from.as_nanos(), 0, "", 0)..(wanted.to.as_nanos(), 0, "", 0);
            if wanted.from >= wanted.to {
                return Ok(found);
            }
            let mut rows = by_time.range::<(i64, u8, &str, u32)>(range)?;
            while found.len() < wanted.limit {
                let Some(row) = (if wanted.newest_first { rows.next_back() } else { rows.next() }) else { break };
                let row = row?.0;
                let (usable_from, kind, name, revision) = row.value();
                if wanted.kind.is_some_and(|only| only != kind) {
                    continue;
                }
                let same_as = same.get(name)?.map(|first| first.value().to_owned());
                if same_as.is_some() && !wanted.with_same {
                    continue;
                }
                let stored = items.get((name, revision))?;
                let item =
                    stored.as_ref().and_then(|stored| decoded(stored.value())).map(|stored| stored.item.to_vec());
                let is_whole = item.is_some();
                let usable_from = Timestamp::from_nanos(usable_from);
                let item = item.unwrap_or_default();
                found.push((NewsEntry { name: name.to_owned(), revision, usable_from, same_as, item }, is_whole));
            }
            Ok(found)
        };
        let rows = read().map_err(|e| StoreError::database(&self.path, "cannot read", e))?;
        let whole = |(entry, is_whole): (NewsEntry, bool)| {
            if is_whole { Ok(entry) } else { Err(StoreError::corrupt(&self.path, format!("the item {}", entry.name))) }
        };
        rows.into_iter().map(whole).collect()
    }

    fn are_known(&self, rows: &[NewsRow<'_>]) -> Result<bool> {
        self.read(|txn| {
            let items = txn.open_table(ITEMS)?;
            for row in rows {
                let newest =
                    items.range::<(&str, u32)>((row.name, 0)..=(row.name, u32::MAX))?.next_back().transpose()?;
                let is_known = newest
                    .is_some_and(|(_, value)| decoded(value.value()).is_some_and(|stored| stored.digest == row.digest));
                if !is_known {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Keeps scores, in one durable commit. The same again changes nothing.
    ///
    /// # Errors
    /// What the file system says; nothing of it was kept then.
    pub fn keep_scores(&self, rows: &[ScoreRow<'_>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        file::commit(&self.database, &self.path, |txn| {
            let (mut scores, mut scored) = (txn.open_table(SCORES)?, txn.open_table(SCORED)?);
            for row in rows {
                scores.insert(&row.key, row.score)?;
                scored.insert((row.name, row.revision, row.engine), &row.key)?;
            }
            Ok(())
        })
    }

    /// The score that is filed under a key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn score(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>> {
        self.read(|txn| Ok(txn.open_table(SCORES)?.get(key)?.map(|score| score.value().to_vec())))
    }

    /// The scores of revisions, in their order: numbers of engines with what they said.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scores_of<'a>(&self, items: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Vec<Vec<EngineScore>>> {
        self.read(|txn| {
            let (scores, scored) = (txn.open_table(SCORES)?, txn.open_table(SCORED)?);
            let mut found = Vec::new();
            for (name, revision) in items {
                let mut of_item = Vec::new();
                let keys = scored.range::<(&str, u32, u8)>((name, revision, 0)..=(name, revision, u8::MAX))?;
                for row in keys {
                    let (key, score) = row?;
                    if let Some(score) = scores.get(score.value())? {
                        of_item.push((key.value().2, score.value().to_vec()));
                    }
                }
                found.push(of_item);
            }
            Ok(found)
        })
    }

    /// How many scores there are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scores(&self) -> Result<u64> {
        self.read(|txn| Ok(redb::ReadableTableMetadata::len(&txn.open_table(SCORES)?)?))
    }

    /// How it went with a source, as it was kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn source(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read(|txn| Ok(txn.open_table(SOURCES)?.get(name)?.map(|state| state.value().to_vec())))
    }

    /// Keeps how it goes with sources; of others nothing stays.
    ///
    /// # Errors
    /// What the file system says.
    pub fn put_sources(&self, sources: &[(String, Vec<u8>)]) -> Result<()> {
        file::commit(&self.database, &self.path, |txn| {
            let mut table = txn.open_table(SOURCES)?;
            table.retain(|name, _| sources.iter().any(|(known, _)| known == name))?;
            for (name, state) in sources {
                table.insert(name.as_str(), state.as_slice())?;
            }
            Ok(())
        })
    }

    /// Notes what of a source cannot be used, where and why.
    ///
    /// # Errors
    /// What the file system says.
    pub fn set_aside(&self, source: &str, at: Timestamp, reasons: &[String]) -> Result<()> {
        // A broken item is told again each time; to count it every quarter of an hour is not worth a write.
        let known: BTreeSet<String> = self.aside(source)?.into_iter().map(|aside| aside.what).collect();
        let reasons = reasons.iter().map(|what| &what[..what.floor_char_boundary(REASON_BYTES_MAX)]);
        let reasons: BTreeSet<&str> = reasons.take(ASIDE_MAX).collect();
        if reasons.iter().all(|what| known.contains(*what)) {
            return Ok(());
        }
        file::commit(&self.database, &self.path, |txn| {
            let mut table = txn.open_table(ASIDE)?;
            for what in &reasons {
                let before = table.get((source, *what))?.map(|row| row.value());
                let (first, count) = before.map_or((at.as_nanos(), 0), |(first, _, count)| (first, count));
                table.insert((source, *what), (first, at.as_nanos(), count + 1))?;
            }
            let mut all = Vec::new();
            for row in table.range::<(&str, &str)>((source, "")..)? {
                let (key, value) = row?;
                if key.value().0 != source {
                    break;
                }
                all.push((value.value().1, key.value().1.to_owned()));
            }
            all.sort_unstable();
            for (_, what) in all.iter().take(all.len().saturating_sub(ASIDE_MAX)) {
                table.remove((source, what.as_str()))?;
            }
            Ok(())
        })
    }

    /// What of a source cannot be used, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn aside(&self, source: &str) -> Result<Vec<Aside>> {
        let mut found = self.read(|txn| {
            let table = txn.open_table(ASIDE)?;
            let mut found = Vec::new();
            for row in table.range::<(&str, &str)>((source, "")..)? {
                let (key, value) = row?;
                let ((of, what), (first, last, count)) = (key.value(), value.value());
                if of != source {
                    break;
                }
                let (first_at, last_at) = (Timestamp::from_nanos(first), Timestamp::from_nanos(last));
                found.push(Aside { what: what.to_owned(), first_at, last_at, count });
            }
            Ok(found)
        })?;
        found.sort_by_key(|aside| core::cmp::Reverse(aside.last_at));
        Ok(found)
    }

    /// Up to when things were removed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn horizons(&self) -> Result<Horizons> {
        let [all, low] = self.read(|txn| {
            let meta = txn.open_table(META)?;
            let one = |key: &str| -> std::result::Result<Timestamp, redb::Error> {
                let found = meta.get(key)?.map(|value| value.value().cast_signed());
                Ok(Timestamp::from_nanos(found.unwrap_or(i64::MIN)))
            };
            Ok([one(HORIZONS[0])?, one(HORIZONS[1])?])
        })?;
        Ok(Horizons { all, low })
    }

    /// Removes revisions with their traces and scores, and remembers up to when that was done; in one durable commit. Gives how many
    /// revisions there were.
    ///
    /// # Errors
    /// What the file system says; nothing was removed then.
    pub fn remove(&self, doomed: &[(String, u32)], horizons: Horizons) -> Result<u64> {
        let mut removed = 0;
        file::commit(&self.database, &self.path, |txn| {
            let mut tables = Tables::open(txn)?;
            let (mut scores, mut scored) = (txn.open_table(SCORES)?, txn.open_table(SCORED)?);
            let (mut gone, mut keys) = (BTreeSet::new(), BTreeSet::new());
            for (name, revision) in doomed {
                let at = match tables.items.remove((name.as_str(), *revision))? {
                    Some(stored) => decoded(stored.value()).map(|stored| (stored.usable_from, stored.kind)),
                    None => continue,
                };
                removed += 1;
                tables.raw.remove((name.as_str(), *revision))?;
                if let Some((usable_from, kind)) = at {
                    tables.by_time.remove((usable_from, kind, name.as_str(), *revision))?;
                }
                let range = (name.as_str(), *revision, 0)..=(name.as_str(), *revision, u8::MAX);
                for row in scored.extract_from_if::<(&str, u32, u8), _>(range, |_, _| true)? {
                    keys.insert(*row?.1.value());
                }
                let rest = (name.as_str(), 0)..=(name.as_str(), u32::MAX);
                if tables.items.range::<(&str, u32)>(rest)?.next().is_none() {
                    tables.same.remove(name.as_str())?;
                    gone.insert(name.as_str());
                }
            }
            tables.traces.retain(|_, owner| !gone.contains(owner))?;
            // Another item may say the same word by word.
            for row in scored.iter()? {
                keys.remove(row?.1.value());
            }
            for key in &keys {
                scores.remove(key)?;
            }
            let mut meta = txn.open_table(META)?;
            for (key, at) in HORIZONS.into_iter().zip([horizons.all, horizons.low]) {
                let known = meta.get(key)?.map_or(i64::MIN, |value| value.value().cast_signed());
                meta.insert(key, at.as_nanos().max(known).cast_unsigned())?;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// Bytes of all keys and values.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stored_bytes(&self) -> Result<u64> {
        Ok(self.tables()?.iter().map(|table| table.stored_bytes).sum())
    }

    /// The file as it is now, whatever is written to it meanwhile.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::new(&self.database, &self.path, KIND, |pass| {
            pass.table(META)?;
            pass.table(ITEMS)?;
            pass.table(RAW)?;
            pass.table(BY_TIME)?;
            pass.table(TRACES)?;
            pass.table(SAME)?;
            pass.table(SCORES)?;
            pass.table(SCORED)?;
            pass.table(SOURCES)?;
            pass.table(ASIDE)
        })
    }

    fn read<T>(&self, read: impl FnOnce(&redb::ReadTransaction) -> std::result::Result<T, redb::Error>) -> Result<T> {
        let txn = self.database.begin_read().map_err(|e| StoreError::database(&self.path, "cannot read", e))?;
        read(&txn).map_err(|e| StoreError::database(&self.path, "cannot read", e))
    }

    /// A revision as it came; `None` where there is no such revision.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn raw(&self, name: &str, revision: u32) -> Result<Option<Vec<u8>>> {
        let read = || -> std::result::Result<Option<Vec<u8>>, redb::Error> {
            let raw = self.database.begin_read()?.open_table(RAW)?;
            Ok(raw.get((name, revision))?.map(|packed| packed.value().to_vec()))
        };
        let packed = read().map_err(|e| StoreError::database(&self.path, "cannot read", e))?;
        let unpack = |packed: Vec<u8>| zstd::bulk::decompress(&packed, RAW_BYTES_MAX);
        packed
            .map(unpack)
            .transpose()
            .map_err(|e| StoreError::corrupt(&self.path, format!("the item {name} as it came: {e}")))
    }
}

fn create(txn: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    Tables::open(txn)?;
    txn.open_table(SCORES)?;
    txn.open_table(SCORED)?;
    txn.open_table(SOURCES)?;
    txn.open_table(ASIDE)?;
    Ok(())
}

/// Format 1 had neither scores nor sources.
fn upgrade(txn: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    txn.open_table(META)?.insert("format", FORMAT)?;
    create(txn)
}

struct Tables<'txn> {
    items: Table<'txn, Key, &'static [u8]>,
    raw: Table<'txn, Key, &'static [u8]>,
    by_time: Table<'txn, TimeKey, ()>,
    traces: Table<'txn, (&'static str, i64), &'static str>,
    same: Table<'txn, &'static str, &'static str>,
}

/// What is known of an item.
struct Known {
    revision: u32,
    digests: Vec<[u8; 32]>,
    is_partial: bool,
}

/// The inner error says what is damaged.
type Checked<T> = std::result::Result<std::result::Result<T, String>, redb::Error>;

impl<'txn> Tables<'txn> {
    fn open(txn: &'txn WriteTransaction) -> std::result::Result<Self, redb::Error> {
        Ok(Self {
            items: txn.open_table(ITEMS)?,
            raw: txn.open_table(RAW)?,
            by_time: txn.open_table(BY_TIME)?,
            traces: txn.open_table(TRACES)?,
            same: txn.open_table(SAME)?,
        })
    }

    fn keep(&mut self, row: &NewsRow<'_>) -> Checked<Kept> {
        let known = match self.known(row.name)? {
            Ok(known) => known,
            Err(damage) => return Ok(Err(damage)),
        };
        if let Some(known) = known {
            let latest = known.digests.last() == Some(&row.digest);
            let is_known = latest || (row.is_archive && known.digests.contains(&row.digest));
            if is_known || (row.is_partial && !known.is_partial) {
                return Ok(Ok(Kept::Same));
            }
            let revision = known.revision + 1;
            // What was lacking was there from the beginning: that is no edit.
            let usable_from = if known.is_partial { row.usable_from } else { row.revised_from };
            self.insert(row, revision, usable_from)?;
            let first = self.same.get(row.name)?.map(|first| first.value().to_owned());
            self.leave_traces(row, first.as_deref().unwrap_or(row.name))?;
            return Ok(Ok(Kept::Revised(revision)));
        }
        let Some(owner) = self.owner(row)? else {
            self.insert(row, 0, row.usable_from)?;
            self.leave_traces(row, row.name)?;
            return Ok(Ok(Kept::New));
        };
        self.insert(row, 0, row.usable_from)?;
        let is_partial = match self.known(&owner)? {
            Ok(known) => known.is_some_and(|known| known.is_partial),
            Err(damage) => return Ok(Err(damage)),
        };
        if is_partial && !row.is_partial {
            self.same.insert(owner.as_str(), row.name)?;
            for (key, at, window) in row.traces {
                let found = self.trace(key, *at, *window)?.map(|(found, _)| found);
                self.traces.insert((key.as_str(), found.unwrap_or(at.as_nanos())), row.name)?;
            }
            return Ok(Ok(Kept::New));
        }
        self.same.insert(row.name, owner.as_str())?;
        self.leave_traces(row, &owner)?;
        Ok(Ok(Kept::SameAs(owner)))
    }

    fn known(&self, name: &str) -> Checked<Option<Known>> {
        let mut known: Option<Known> = None;
        for row in self.items.range::<(&str, u32)>((name, 0)..=(name, u32::MAX))? {
            let (key, value) = row?;
            let Some(stored) = decoded(value.value()) else { return Ok(Err(format!("the item {name}"))) };
            let known = known.get_or_insert(Known { revision: 0, digests: Vec::new(), is_partial: false });
            known.revision = key.value().1;
            known.digests.push(stored.digest);
            known.is_partial = stored.is_partial;
        }
        Ok(Ok(known))
    }

    /// The item that told the same, by its surest trace.
    fn owner(&self, row: &NewsRow<'_>) -> std::result::Result<Option<String>, redb::Error> {
        for (key, at, window) in row.traces {
            if let Some((_, owner)) = self.trace(key, *at, *window)? {
                return Ok(Some(owner));
            }
        }
        Ok(None)
    }

    fn trace(&self, key: &str, at: Timestamp, window: i64) -> std::result::Result<Option<(i64, String)>, redb::Error> {
        let at = at.as_nanos();
        let range = (key, at.saturating_sub(window))..=(key, at.saturating_add(window));
        match self.traces.range::<(&str, i64)>(range)?.next() {
            None => Ok(None),
            Some(found) => {
                let (found_key, owner) = found?;
                Ok(Some((found_key.value().1, owner.value().to_owned())))
            }
        }
    }

    fn insert(
        &mut self,
        row: &NewsRow<'_>,
        revision: u32,
        usable_from: Timestamp,
    ) -> std::result::Result<(), redb::Error> {
        let usable_from = usable_from.as_nanos();
        let stored =
            Stored { kind: row.kind, digest: row.digest, usable_from, is_partial: row.is_partial, item: row.item };
        let stored = postcard::to_allocvec(&stored).expect("plain values always encode");
        self.items.insert((row.name, revision), stored.as_slice())?;
        let packed = zstd::bulk::compress(row.raw, 0).map_err(redb::Error::Io)?;
        self.raw.insert((row.name, revision), packed.as_slice())?;
        self.by_time.insert((usable_from, row.kind, row.name, revision), ())?;
        Ok(())
    }

    /// Traces that nobody left yet lead to `owner`.
    fn leave_traces(&mut self, row: &NewsRow<'_>, owner: &str) -> std::result::Result<(), redb::Error> {
        for (key, at, _) in row.traces {
            let key = (key.as_str(), at.as_nanos());
            if self.traces.get(key)?.is_none() {
                self.traces.insert(key, owner)?;
            }
        }
        Ok(())
    }
}

fn decoded(bytes: &[u8]) -> Option<Stored<'_>> {
    postcard::from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// A row with one trace of a window of 10 s.
    struct Made {
        name: String,
        text: String,
        traces: Vec<(String, Timestamp, i64)>,
        second: i64,
        is_archive: bool,
        is_partial: bool,
    }

    fn made(name: &str, text: &str, second: i64, trace: &str) -> Made {
        let traces = vec![(trace.to_owned(), at(second), 10_000_000_000)];
        Made { name: name.to_owned(), text: text.to_owned(), traces, second, is_archive: false, is_partial: false }
    }

    impl Made {
        fn row(&self) -> NewsRow<'_> {
            let mut digest = [0; 32];
            digest[..self.text.len()].copy_from_slice(self.text.as_bytes());
            NewsRow {
                name: &self.name,
                kind: 1,
                digest,
                usable_from: at(self.second),
                revised_from: at(1_000 + self.second),
                is_archive: self.is_archive,
                is_partial: self.is_partial,
                traces: &self.traces,
                item: self.text.as_bytes(),
                raw: self.text.as_bytes(),
            }
        }
    }

    fn keep(news: &News, made: &Made) -> Kept {
        news.keep(&[made.row()]).expect("kept").remove(0)
    }

    fn all() -> Wanted {
        Wanted {
            from: Timestamp::from_nanos(i64::MIN),
            to: Timestamp::MAX,
            kind: None,
            with_same: false,
            newest_first: false,
            limit: 100,
        }
    }

    fn texts(news: &News, wanted: &Wanted) -> Vec<(String, u32, i64)> {
        let entries = news.entries(wanted).expect("readable");
        let told = |entry: NewsEntry| {
            (String::from_utf8(entry.item).expect("text"), entry.revision, entry.usable_from.as_secs())
        };
        entries.into_iter().map(told).collect()
    }

    #[test]
    fn twice_is_once_and_edits_are_kept_beside_what_was_said_first() {
        let dir = tempfile::tempdir().expect("a folder");
        let news = News::open(dir.path()).expect("a new file");
        let first = made("a", "one", 5, "t");
        assert_eq!(keep(&news, &first), Kept::New);
        assert_eq!(keep(&news, &first), Kept::Same);
        assert_eq!(keep(&news, &made("a", "two", 5, "t")), Kept::Revised(1));
        let of_archive = Made { is_archive: true, ..made("a", "one", 5, "t") };
        assert_eq!(keep(&news, &of_archive), Kept::Same, "an old archive tells nothing new");
        assert_eq!(keep(&news, &first), Kept::Revised(2), "heard live, it says the first again");
        drop(news);
        let news = News::open_read(dir.path()).expect("it is there");
        let told = |text: &str, revision, second| (text.to_owned(), revision, second);
        let expected = [told("one", 0, 5), told("two", 1, 1_005), told("one", 2, 1_005)];
        assert_eq!(texts(&news, &all()), expected);
        assert_eq!(texts(&news, &Wanted { from: at(6), limit: 1, newest_first: true, ..all() }), expected[2..]);
        assert_eq!(texts(&news, &Wanted { to: at(1_005), ..all() }), expected[..1]);
        assert_eq!(texts(&news, &Wanted { kind: Some(2), ..all() }), []);
        assert_eq!(news.raw("a", 1).expect("readable").as_deref(), Some(b"two".as_slice()));
        assert_eq!(news.raw("a", 9).expect("readable"), None);
    }

    #[test]
    fn what_two_sources_tell_is_found_within_the_window() {
        let dir = tempfile::tempdir().expect("a folder");
        let news = News::open(dir.path()).expect("a new file");
        assert_eq!(keep(&news, &made("a", "one", 100, "t")), Kept::New);
        assert_eq!(keep(&news, &made("b", "one.", 110, "t")), Kept::SameAs("a".to_owned()));
        assert_eq!(keep(&news, &made("c", "again", 90, "t")), Kept::SameAs("a".to_owned()));
        assert_eq!(keep(&news, &made("d", "later", 130, "t")), Kept::New);
        assert_eq!(keep(&news, &made("e", "other", 100, "u")), Kept::New);
        assert_eq!(texts(&news, &all()).len(), 3);
        let with_same = Wanted { with_same: true, ..all() };
        let entries = news.entries(&with_same).expect("readable");
        assert_eq!(entries.len(), 5);
        assert_eq!(entries[0].same_as.as_deref(), Some("a"));
    }

    #[test]
    fn who_tells_more_takes_the_place_of_who_tells_less() {
        let dir = tempfile::tempdir().expect("a folder");
        let news = News::open(dir.path()).expect("a new file");
        let times = |name: &str| Made { is_partial: true, ..made(name, "", 100, "t") };
        assert_eq!(keep(&news, &times("a")), Kept::New);
        assert_eq!(keep(&news, &times("b")), Kept::SameAs("a".to_owned()));
        assert_eq!(keep(&news, &made("c", "whole", 101, "t")), Kept::New);
        assert_eq!(keep(&news, &made("d", "whole!", 100, "t")), Kept::SameAs("c".to_owned()));
        assert_eq!(texts(&news, &all()), [("whole".to_owned(), 0, 101)]);
        // The same source tells the text later: no edit, so usable from the beginning; and never back to less.
        assert_eq!(keep(&news, &made("a", "whole", 100, "t")), Kept::Revised(1));
        assert_eq!(keep(&news, &times("a")), Kept::Same);
        let of_a: Vec<_> = news.entries(&Wanted { with_same: true, ..all() }).expect("readable");
        assert!(of_a.iter().any(|entry| entry.name == "a" && entry.revision == 1 && entry.usable_from == at(100)));
    }

    fn score<'a>(name: &'a str, revision: u32, key: u8, score: &'a [u8]) -> ScoreRow<'a> {
        ScoreRow { name, revision, engine: 1, key: [key; 32], score }
    }

    #[test]
    fn scores_are_kept_by_what_was_scored_and_go_with_the_last_item_that_says_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let news = News::open(dir.path()).expect("a new file");
        for (name, second) in [("a", 5), ("b", 50), ("c", 500)] {
            keep(&news, &made(name, name, second, name));
        }
        news.keep_scores(&[score("a", 0, 7, b"x"), score("b", 0, 7, b"x"), score("c", 0, 8, b"y")]).expect("kept");
        let of = |names: &[&str]| news.scores_of(names.iter().map(|name| (*name, 0))).expect("readable");
        assert_eq!(of(&["a", "c", "d"]), [vec![(1, b"x".to_vec())], vec![(1, b"y".to_vec())], vec![]]);
        let horizons = Horizons { all: at(6), low: at(60) };
        assert_eq!(news.horizons().expect("readable").all, Timestamp::from_nanos(i64::MIN));
        assert_eq!(news.remove(&[("a".to_owned(), 0), ("z".to_owned(), 0)], horizons).expect("removed"), 1);
        assert_eq!(
            (news.score(&[7; 32]).expect("readable"), news.scores().expect("readable")),
            (Some(b"x".to_vec()), 2)
        );
        assert_eq!(news.remove(&[("b".to_owned(), 0)], Horizons { all: at(1), low: at(70) }).expect("removed"), 1);
        assert_eq!(news.score(&[7; 32]).expect("readable"), None);
        assert_eq!(news.horizons().expect("readable"), Horizons { all: at(6), low: at(70) }, "it never goes back");
        assert_eq!(texts(&news, &all()), [("c".to_owned(), 0, 500)]);
        // What was removed left no trace: another that says the same is new.
        assert_eq!(keep(&news, &made("d", "d", 5, "a")), Kept::New);
    }

    #[test]
    fn what_cannot_be_used_is_counted_and_bounded_and_sources_are_remembered() {
        let dir = tempfile::tempdir().expect("a folder");
        let news = News::open(dir.path()).expect("a new file");
        let reasons = |numbers: std::ops::Range<usize>| {
            numbers.map(|n| format!("item {n}: {}", "ä".repeat(300))).collect::<Vec<_>>()
        };
        news.set_aside("s", at(1), &reasons(0..2)).expect("kept");
        news.set_aside("s", at(2), &reasons(1..3)).expect("kept");
        news.set_aside("t", at(2), &reasons(0..1)).expect("kept");
        let aside = news.aside("s").expect("readable");
        assert_eq!((aside.len(), aside[0].last_at, aside[2].last_at), (3, at(2), at(1)));
        assert!(aside[0].what.len() <= REASON_BYTES_MAX && aside.iter().any(|aside| aside.count == 2));
        for n in 0..3 {
            news.set_aside("s", at(10 + n as i64), &reasons(100 * n..100 * n + 100)).expect("kept");
        }
        assert_eq!(news.aside("s").expect("readable").len(), ASIDE_MAX);
        let state = |name: &str| (name.to_owned(), vec![1, 2]);
        news.put_sources(&[state("a"), state("b")]).expect("kept");
        news.put_sources(&[state("b")]).expect("kept");
        assert_eq!(news.source("a").expect("readable"), None);
        assert_eq!(news.source("b").expect("readable"), Some(vec![1, 2]));
    }

    #[test]
    fn a_copy_holds_all_of_it() {
        let (dir, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let news = News::open(dir.path()).expect("a new file");
        keep(&news, &made("a", "one", 5, "t"));
        news.keep_scores(&[score("a", 0, 7, b"x")]).expect("kept");
        let written = news.snapshot().and_then(|snapshot| snapshot.write_to(&to.path().join(NAME))).expect("copied");
        let copy = News::open_read(to.path()).expect("it is there");
        assert_eq!(copy.snapshot().and_then(|snapshot| snapshot.digests()).expect("readable"), written);
        assert_eq!(texts(&copy, &all()).len(), 1);
        let tables = copy.tables().expect("readable");
        assert_eq!(tables.len(), written.len(), "no table is forgotten");
    }

    #[test]
    fn a_file_of_format_1_is_read_and_goes_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let news = News::open(dir.path()).expect("a new file");
        keep(&news, &made("a", "one", 5, "t"));
        // As format 1 was: without the tables that came later.
        file::commit(&news.database, &news.path, |txn| {
            txn.open_table(META)?.insert("format", 1)?;
            txn.delete_table(SCORES)?;
            txn.delete_table(SCORED)?;
            txn.delete_table(SOURCES)?;
            txn.delete_table(ASIDE)?;
            Ok(())
        })
        .expect("written");
        drop(news);
        let old = News::open_read(dir.path()).expect("readable");
        assert_eq!((texts(&old, &all()).len(), old.scores().expect("readable")), (1, 0));
        drop(old);
        let news = News::open(dir.path()).expect("readable");
        news.keep_scores(&[score("a", 0, 7, b"x")]).expect("kept");
        assert_eq!(news.scores().expect("readable"), 1);
    }

    #[test]
    fn a_newer_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let newer = Kind { format: FORMAT + 1, ..KIND };
        file::create(&SystemDisk, &dir.path().join(NAME), newer, |_| Ok(())).expect("a newer file");
        assert!(matches!(News::open(dir.path()), Err(StoreError::Newer { found: 3, .. })));
    }
}
