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
    #[error("{}: {what}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// A candle file holds something else.
    #[error("{name}: {source}")]
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
    /// A patch that does not fit the settings.
    #[error("settings at {path:?}: {what}")]
    Patch {
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
