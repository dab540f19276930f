//! What can be wrong with what a backtest is given.

use std::path::PathBuf;

use store::StoreError;
use types::Timestamp;

/// Result of everything here.
pub type Result<T> = std::result::Result<T, BacktestError>;

/// Why there is no result. Every message names what is wrong and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// The operating system refused.
    #[error("{}: {what}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// A candle file holds something else.
    #[error("{name}")]
    Csv {
        /// The file, or what the rows are called.
        name: String,
        /// The line and what is wrong with it.
        source: engine::candle::csv::CsvError,
    },
    /// Rows of candles that cannot be played.
    #[error("{name}: {what}")]
    Candles {
        /// The file, or what the rows are called.
        name: String,
        /// What is wrong, and where.
        what: String,
    },
    /// A journal cannot be read.
    #[error(transparent)]
    Journal(#[from] StoreError),
    /// There is no journal.
    #[error("{}: no journal here (no file named journal-YYYYMMDD.redb)", .0.display())]
    NoJournal(PathBuf),
    /// The journal does not tell which instruments there are.
    #[error("nothing before {at} tells what is watched: {what}")]
    NoCatalogue {
        /// Start of the span.
        at: Timestamp,
        /// Why not.
        what: String,
    },
    /// The source has nothing in the span that was asked for.
    #[error("{0}: nothing to play")]
    Empty(String),
    /// Settings or a model that make no sense over this source.
    #[error("trial {trial}: {what}")]
    Trial {
        /// Its name.
        trial: String,
        /// What is wrong.
        what: String,
    },
    /// A report cannot be written there.
    #[error("{}: {what}", path.display())]
    Page {
        /// Where.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// A setting that there is not, or a value that does not fit.
    #[error("settings at {path:?}: {what}")]
    Setting {
        /// Where in the settings.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The list of trials is damaged. It is left as it is.
    #[error("{}: line {line}: {what}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A model could not be asked.
    #[error("the answerer failed: {0}")]
    Answerer(String),
}

impl BacktestError {
    /// Whether a recorded state is one that this program does not know.
    pub(crate) fn is_about_state(&self) -> bool {
        matches!(self, Self::Journal(StoreError::Corrupt { .. } | StoreError::Newer { .. }))
    }

    /// Whether other arguments or other files would do: nothing is wrong with the program or the disk.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Csv { .. }
            | Self::Candles { .. }
            | Self::NoCatalogue { .. }
            | Self::Empty(_)
            | Self::NoJournal(_)
            | Self::Trial { .. }
            | Self::Page { .. }
            | Self::Setting { .. }
            | Self::Ledger { .. } => true,
            Self::Io { what, .. } => *what != "cannot write",
            Self::Journal(error) => matches!(error, StoreError::Missing { .. }),
            Self::Answerer(_) => false,
        }
    }
}
