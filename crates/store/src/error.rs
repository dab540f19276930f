//! What can go wrong with files.

use std::path::{Path, PathBuf};

/// Why a file could not be read or written. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file or the directory open.
    #[error("{}: in use by another process", path.display())]
    InUse {
        /// Which file or directory.
        path: PathBuf,
    },
    /// There is no such file or directory, or nothing of what was asked in it.
    #[error("{}: {what}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The bytes are not what was once written. The file is left as it is.
    #[error("{}: corrupt: {what}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// First sequence number of the block concerned, where it is about one.
        block: Option<u64>,
        /// What is wrong, and where.
        what: String,
    },
    /// Written by a later version of the program.
    #[error("{}: {what} has format {found}; this program knows formats up to {known}: update it", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Which part of it.
        what: &'static str,
        /// Its number.
        found: u64,
        /// The highest known number.
        known: u64,
    },
    /// The operating system refused: disk full, no permission, a device that went away.
    #[error("{}: {what}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// What was asked to be written does not follow what is there. Nothing was written.
    #[error("{}: refused: {what}", path.display())]
    Order {
        /// Which file or directory.
        path: PathBuf,
        /// Which rule it breaks.
        what: String,
    },
    /// The database library refused for another reason.
    #[error("{}: {what}: {source}", path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// Its answer.
        source: Box<redb::Error>,
    },
}

impl StoreError {
    /// True when bytes on disk are damaged: the user must decide what becomes of the file.
    #[must_use]
    pub const fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// True when another process holds the file: try again later, or stop the other.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }

    /// The file or directory it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::InUse { path }
            | Self::Missing { path, .. }
            | Self::Corrupt { path, .. }
            | Self::Newer { path, .. }
            | Self::Io { path, .. }
            | Self::Order { path, .. }
            | Self::Database { path, .. } => path,
        }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), block: None, what: what.into() }
    }

    pub(crate) fn order(path: &Path, what: impl Into<String>) -> Self {
        Self::Order { path: path.to_owned(), what: what.into() }
    }

    pub(crate) fn io(path: &Path, what: &'static str, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), what, source }
    }

    /// Sorts an answer of the database library into what its user can do about it.
    pub(crate) fn database(path: &Path, what: &'static str, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse { path: path.to_owned() },
            redb::Error::Corrupted(message) => Self::corrupt(path, message),
            redb::Error::UpgradeRequired(version) => {
                Self::corrupt(path, format!("written by an older database library (file format {version})"))
            }
            redb::Error::Io(source) => match source.kind() {
                // The library reads past the end of a file that lost its tail, and asserts its magic number.
                std::io::ErrorKind::UnexpectedEof => Self::corrupt(path, "the file ends too early"),
                std::io::ErrorKind::InvalidData => Self::corrupt(path, source.to_string()),
                _ => Self::io(path, what, source),
            },
            error @ (redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }) => Self::corrupt(path, error.to_string()),
            source => Self::Database { path: path.to_owned(), what, source: Box::new(source) },
        }
    }
}

/// Why bytes of a block or checkpoint were refused, before the file's name is known.
#[derive(Debug)]
pub(crate) enum Fault {
    Newer { what: &'static str, found: u16, known: u16 },
    Corrupt(String),
}

impl Fault {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Names the file, the kind of thing and its sequence number.
    pub(crate) fn within(self, path: &Path, kind: &str, seq: u64) -> StoreError {
        match self {
            Self::Newer { what, found, known } => {
                StoreError::Newer { path: path.to_owned(), what, found: found.into(), known: known.into() }
            }
            Self::Corrupt(what) => StoreError::Corrupt {
                path: path.to_owned(),
                block: (kind == "block").then_some(seq),
                what: format!("{kind} at input {seq}: {what}"),
            },
        }
    }
}
