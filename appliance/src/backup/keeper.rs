//! The backups of a running box: one every night, each proven by restoring it, the oldest deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use store::News;
use types::Timestamp;

use super::{Made, Moment, make, restore};

const PREFIX: &str = "tickerbox-";
const SUFFIX: &str = ".tar.zst";
/// Where the last proof is kept.
const PROVEN: &str = "last-proven.json";

/// A backup that was restored, opened, counted and digested.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Proven {
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// When the backup was made, UTC.
    pub(crate) made_at: String,
    /// When it was restored, UTC.
    pub(crate) proven_at: String,
    /// The last input in it.
    pub(crate) seq: u64,
    /// Rows of all its tables, each table with the digest that it had.
    pub(crate) rows: u64,
    pub(crate) took_ms: u64,
}

/// What `/healthz` says about backups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct BackupHealth {
    /// The last one that was proven.
    pub(crate) last_proven: Option<Proven>,
    /// Why the last try failed; empty when it did not.
    pub(crate) error: String,
}

/// The folder of backups, which one at a time may use.
pub(crate) struct Keeper {
    data_dir: PathBuf,
    folder: PathBuf,
    /// Most backups kept.
    kept: usize,
    /// The news file where the box has it open.
    news: Option<Arc<News>>,
    busy: Mutex<()>,
    health: Mutex<BackupHealth>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(crate) fn new(data_dir: &Path, folder: PathBuf, kept: usize, news: Option<Arc<News>>) -> Self {
        let proven = fs::read(folder.join(PROVEN)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let health = BackupHealth { last_proven: proven, error: String::new() };
        Self { data_dir: data_dir.to_owned(), folder, kept, news, busy: Mutex::new(()), health: Mutex::new(health) }
    }

    pub(crate) fn health(&self) -> BackupHealth {
        self.lock().clone()
    }

    /// True when the last proven backup is of another day than `now`, and backups are wanted.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let made_at = self.lock().last_proven.as_ref().map(|proven| proven.made_at.clone());
        let day = made_at.and_then(|text| Timestamp::parse_rfc3339(text.as_bytes())).map(Timestamp::day);
        self.kept > 0 && day != Some(now.day())
    }

    /// Makes a backup of this moment, restores it beside, deletes the oldest, and keeps what came of it.
    ///
    /// # Errors
    /// When another one is being made, or it failed; that is also told by [`health`](Self::health).
    pub(crate) fn run(&self, moment: &Moment, now: Timestamp) -> anyhow::Result<Proven> {
        let Ok(_alone) = self.busy.try_lock() else { bail!("another backup is being made") };
        let result = self.make_and_prove(moment, now);
        let mut health = self.lock();
        match &result {
            Ok(proven) => *health = BackupHealth { last_proven: Some(proven.clone()), error: String::new() },
            Err(error) => health.error = format!("{error:#}"),
        }
        result
    }

    fn make_and_prove(&self, moment: &Moment, now: Timestamp) -> anyhow::Result<Proven> {
        let started = Instant::now();
        let name = format!("{PREFIX}{}{SUFFIX}", compact(now));
        let Made { bytes, seq, rows, made_at, .. } =
            make(&self.data_dir, moment, self.news.as_deref(), &self.folder.join(&name), now)?;
        let rehearsal = self.folder.join(".rehearsal");
        let _ = fs::remove_dir_all(&rehearsal);
        let restored = restore(&self.folder.join(&name), &rehearsal);
        let _ = fs::remove_dir_all(&rehearsal);
        restored.context("a backup that cannot be restored")?;
        let took_ms = started.elapsed().as_millis() as u64;
        let proven = Proven { file: name, bytes, made_at, proven_at: now.to_string(), seq, rows, took_ms };
        // First what proves it, then the file's name: a half-written one would be none.
        let text = serde_json::to_vec_pretty(&proven)?;
        let part = self.folder.join(format!("{PROVEN}.part"));
        fs::write(&part, text).and_then(|()| fs::rename(&part, self.folder.join(PROVEN)))?;
        for old in self.names()?.into_iter().rev().skip(self.kept.max(1)) {
            fs::remove_file(self.folder.join(&old)).with_context(|| format!("{old}: cannot be deleted"))?;
        }
        Ok(proven)
    }

    /// Backups by name, the oldest first.
    pub(crate) fn names(&self) -> std::io::Result<Vec<String>> {
        let listing = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing?,
        };
        let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)).collect();
        names.sort();
        Ok(names)
    }

    /// The file of a name that [`names`](Self::names) gives.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.names().ok()?.iter().any(|known| known == name).then(|| self.folder.join(name))
    }

    fn lock(&self) -> MutexGuard<'_, BackupHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `20261121T001000Z`.
fn compact(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or(&text).trim_end_matches('Z');
    format!("{}Z", seconds.replace(['-', ':'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        assert_eq!(compact(Timestamp::from_secs(1_763_683_800)), "20251121T001000Z");
        assert_eq!(compact(Timestamp::from_nanos(1_763_683_800_123_456_789)), "20251121T001000Z");
    }
}
