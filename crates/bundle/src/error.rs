//! Why a bundle is refused.

use std::io;
use std::path::PathBuf;

use crate::{Digest, PublicKey};

/// Why a bundle, a key or a signature is refused. Nothing of a refused bundle is used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Neither a bundle's folder, nor its manifest, nor a container.
    #[error("{path} is not a bundle: give its folder, the {manifest} in it, or a .tbx file",
        path = .0.display(), manifest = crate::MANIFEST_NAME)]
    NotABundle(PathBuf),
    /// A file is missing.
    #[error("the bundle lacks {0}")]
    Missing(String),
    /// A file lies in the bundle which the manifest does not list.
    #[error("{0} does not belong to the bundle: only {manifest}, {signature} and what the manifest lists may be in it",
        manifest = crate::MANIFEST_NAME, signature = crate::SIGNATURE_NAME)]
    Unexpected(String),
    /// A file is larger than allowed; it was not read.
    #[error("{name} has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Which file.
        name: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A name that could leave the bundle's folder or is not a plain name.
    #[error("{0:?} is not a plain file name (letters, digits, '.', '-', '_', no leading dot, at most 64)")]
    Name(String),
    /// The container is damaged.
    #[error("container: {what} at byte {at}")]
    Container {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: u64,
    },
    /// The signature file cannot be read.
    #[error("{file}: {0}", file = crate::SIGNATURE_NAME)]
    SignatureText(&'static str),
    /// The manifest or the signature was changed, or they do not belong together.
    #[error("{manifest} does not match its signature by key {key}: one of them was changed", manifest = crate::MANIFEST_NAME)]
    SignatureMismatch {
        /// The key that is said to have signed.
        key: PublicKey,
    },
    /// The signer is not trusted.
    #[error("signed by key {key}, which is not among the {trusted} trusted keys")]
    UnknownKey {
        /// The signer.
        key: PublicKey,
        /// How many keys are trusted.
        trusted: usize,
    },
    /// A key file cannot be read.
    #[error("key: {0}")]
    Key(&'static str),
    /// Made by a newer program.
    #[error("{name} has format {found}, this program knows up to {known}: update it to use this bundle")]
    NewerFormat {
        /// Which file.
        name: &'static str,
        /// Its format.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// The manifest is not what it should be.
    #[error("{manifest}: {0}", manifest = crate::MANIFEST_NAME)]
    Manifest(#[source] serde_json::Error),
    /// A value of the manifest makes no sense.
    #[error("{manifest}: {field}: {what}", manifest = crate::MANIFEST_NAME)]
    Field {
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A listed file has another size.
    #[error("{name} has {found} bytes, the manifest says {expected}")]
    Size {
        /// Which file.
        name: String,
        /// As listed.
        expected: u64,
        /// As found.
        found: u64,
    },
    /// A listed file has other bytes.
    #[error("{name} was changed: its SHA-256 is {found}, the manifest says {expected}")]
    Changed {
        /// Which file.
        name: String,
        /// As listed.
        expected: Digest,
        /// As found.
        found: Digest,
    },
}

impl BundleError {
    /// Whether the bytes were damaged or changed, as opposed to being out of reach, untrusted or too new.
    #[must_use]
    pub const fn is_corrupt(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::NotABundle(_) | Self::UnknownKey { .. } | Self::NewerFormat { .. })
    }
}
