//! Until when venues do not want to be asked, also after a restart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use types::{Timestamp, Venue};

const NAME: &str = "bans.json";

/// The ends of bans, in a small file of the data directory. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Bans {
    path: Arc<PathBuf>,
    /// By the venue's slug, seconds since 1970.
    ends: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl Bans {
    /// Reads what is known. A file that cannot be read is told in the log and counts as empty.
    #[must_use]
    pub(crate) fn load(dir: &Path) -> Self {
        let path = dir.join(NAME);
        let ends = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!("{}: {error}", path.display());
                BTreeMap::new()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!("{}: {error}", path.display());
                BTreeMap::new()
            }
        };
        Self { path: Arc::new(path), ends: Arc::new(Mutex::new(ends)) }
    }

    /// Until when a venue does not want to be asked, as last said; it may be past.
    #[must_use]
    pub(crate) fn end(&self, venue: Venue) -> Option<Timestamp> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(venue.slug()).map(|seconds| Timestamp::from_secs(*seconds))
    }

    /// Notes what a venue said, and writes it when it is new. A write that fails is told in the log: the ban is kept in
    /// memory all the same.
    pub(crate) fn note(&self, venue: Venue, end: Timestamp) {
        // Rounded up: better a second late than early.
        let seconds = end.as_secs() + i64::from(end.as_nanos() % 1_000_000_000 != 0);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.insert(venue.slug().to_owned(), seconds) != Some(seconds)
            && let Err(error) = self.write(&ends)
        {
            tracing::warn!("{}: {error}", self.path.display());
        }
    }

    fn write(&self, ends: &BTreeMap<String, i64>) -> std::io::Result<()> {
        let scratch = self.path.with_extension("json.new");
        fs::write(&scratch, serde_json::to_vec(ends)?)?;
        fs::rename(&scratch, self.path.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_ban_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let bans = Bans::load(dir.path());
        assert_eq!(bans.end(Venue::BinanceUs), None);
        bans.note(Venue::BinanceUs, Timestamp::from_millis(1_800_000_000_001));
        bans.clone().note(Venue::Kraken, Timestamp::from_secs(5));
        let again = Bans::load(dir.path());
        assert_eq!(again.end(Venue::BinanceUs), Some(Timestamp::from_secs(1_800_000_001)));
        assert_eq!((again.end(Venue::Kraken), again.end(Venue::Kucoin)), (Some(Timestamp::from_secs(5)), None));
        fs::write(dir.path().join(NAME), b"{").unwrap();
        assert_eq!(Bans::load(dir.path()).end(Venue::Kraken), None, "a broken file is not the end");
    }
}
