//! Trials that were made, by the data they were made on: whoever tries a hundred settings in ten sweeps has tried a
//! hundred.
//!
//! The file is lines of JSON, first `{"tickerbox_trials":1}`, then one object a trial:
//!
//! | key | what |
//! |---|---|
//! | `source` | digest of the data ([`Source::digest`](crate::Source::digest)) |
//! | `trial` | digest of what was tried ([`Trial::digest`](crate::Trial::digest)), with what was invented around the data and the answerer's label |
//! | `period_s` | length of the periods of the ratio, seconds |
//! | `sharpe` | mean return over its standard deviation, per period; null where returns do not vary |
//!
//! Lines are only ever appended. A line that cannot be read is an error, the last one too: a count that may be too
//! small is worse than none.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{BacktestError, Result};

const HEADER: &str = "{\"tickerbox_trials\":1}";

/// One trial that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Digest of the data.
    pub source: String,
    /// Digest of what was tried.
    pub trial: String,
    /// Length of the periods of the ratio, seconds.
    pub period_s: u32,
    /// Mean return over its standard deviation, per period; `None` where returns do not vary.
    pub sharpe: Option<f64>,
}

/// The list of trials in a file.
#[derive(Clone, Debug)]
pub struct Ledger {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Ledger {
    /// Reads the list; one that is not there is empty.
    ///
    /// # Errors
    /// What cannot be read, and in which line.
    pub fn open(path: &Path) -> Result<Self> {
        let mut text = String::new();
        match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), entries: Vec::new() });
            }
            Err(source) => return Err(BacktestError::Io { path: path.to_owned(), what: "cannot read", source }),
        }
        let damaged = |line: usize, what: String| BacktestError::Ledger { path: path.to_owned(), line, what };
        let mut lines = text.split_inclusive('\n').enumerate().map(|(place, line)| (place + 1, line));
        match lines.next() {
            Some((_, line)) if line.strip_suffix('\n') == Some(HEADER) => {}
            _ => return Err(damaged(1, format!("is not {HEADER}"))),
        }
        let mut entries = Vec::new();
        for (place, line) in lines {
            let line = line.strip_suffix('\n').ok_or_else(|| damaged(place, "is cut off".to_owned()))?;
            entries.push(serde_json::from_str(line).map_err(|error| damaged(place, error.to_string()))?);
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    /// Adds trials, but for those that are there already, and has them on disk before it returns.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn add(&mut self, new: impl IntoIterator<Item = Entry>) -> Result<()> {
        let mut known: BTreeSet<(String, String)> = self.entries.iter().map(key).collect();
        let new: Vec<Entry> = new.into_iter().filter(|entry| known.insert(key(entry))).collect();
        if new.is_empty() {
            return Ok(());
        }
        let lines = new.iter().map(|entry| serde_json::to_string(entry).expect("an entry is plain values"));
        let mut text: String = lines.map(|line| line + "\n").collect();
        let write = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            if file.metadata()?.len() == 0 {
                text.insert_str(0, &format!("{HEADER}\n"));
            }
            // In one call: another sweep may add its own at the same moment.
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        let mut write = write;
        write().map_err(|source| BacktestError::Io { path: self.path.clone(), what: "cannot write", source })?;
        self.entries.extend(new);
        Ok(())
    }

    /// The trials over some data, each once.
    pub fn of<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a Entry> {
        let mut seen = BTreeSet::new();
        self.entries.iter().filter(move |entry| entry.source == source && seen.insert(entry.trial.clone()))
    }
}

fn key(entry: &Entry) -> (String, String) {
    (entry.source.clone(), entry.trial.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(source: &str, trial: &str) -> Entry {
        Entry { source: source.to_owned(), trial: trial.to_owned(), period_s: 3_600, sharpe: Some(0.125) }
    }

    #[test]
    fn trials_are_counted_once_over_all_sweeps_of_the_same_data() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trials.jsonl");
        Ledger::open(&path).unwrap().add([entry("a", "1"), entry("a", "2"), entry("b", "1")]).unwrap();
        let mut again = Ledger::open(&path).unwrap();
        again.add([entry("a", "2"), entry("a", "3"), entry("a", "3")]).unwrap();
        let read = Ledger::open(&path).unwrap();
        assert_eq!((read.of("a").count(), read.of("b").count(), read.of("c").count()), (3, 1, 0));
        assert_eq!(read.of("b").next(), Some(&entry("b", "1")));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5);
    }

    #[test]
    fn a_damaged_list_is_an_error_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trials.jsonl");
        let check = |text: &str, expected: &str| {
            std::fs::write(&path, text).unwrap();
            let error = Ledger::open(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left as it is");
        };
        let whole = r#"{"source":"a","trial":"1","period_s":60,"sharpe":null}"#;
        check("", "line 1: is not");
        check("[]\n", "line 1: is not");
        check(&format!("{HEADER}\n{whole}"), "line 2: is cut off");
        check(&format!("{HEADER}\n{whole}\n{{\"source\":\"a\"\n"), "line 3: ");
        check(&format!("{HEADER}\n{}\n", whole.replace("trial", "tried")), "line 2: unknown field `tried`");
    }
}
