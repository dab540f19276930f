//! Why an update is refused.

use std::io;

use bundle::{BundleError, Digest};

/// Why an update file cannot be used. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It could not be read, or what it holds could not be written.
    #[error("{what}: {source}")]
    Io {
        /// Which of both.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Not a `.tbu` file, or a damaged one.
    #[error("the update file is damaged: {what} at byte {at}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: u64,
    },
    /// Made for a later program.
    #[error("the update has format {found}, this program knows up to {known}: install an earlier update first")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// The signature is no signature, not of a trusted key, or of another manifest.
    #[error("the update's signature: {0}")]
    Signature(#[source] BundleError),
    /// The manifest cannot be read.
    #[error("the update's manifest: {0}")]
    Manifest(#[source] serde_json::Error),
    /// A value of the manifest makes no sense.
    #[error("the update's manifest: {field}: {what}")]
    Field {
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The program is not the one that was signed.
    #[error("the program in the update was changed: its SHA-256 is {found}, the manifest says {expected}")]
    Changed {
        /// As signed.
        expected: Digest,
        /// As found.
        found: Digest,
    },
    /// What is to be packed is no program of this project.
    #[error("the program: {0}")]
    Program(&'static str),
}

impl UpdateError {
    /// Whether another try with the same file may succeed.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}
