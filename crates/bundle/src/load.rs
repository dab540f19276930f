//! From a path to proven bytes.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::container::{self, Files};
use crate::{
    Bundle, BundleError, Digest, FILE_BYTES_MAX, FILES_MAX, MANIFEST_NAME, MODEL_NAME, Manifest, PublicKey,
    SIGNATURE_NAME, TrustedKeys, signature,
};

/// A bundle whose every byte a trusted key signed.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    manifest: Manifest,
    digest: Digest,
    signer: PublicKey,
    files: Files,
}

impl VerifiedBundle {
    /// What the model is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bundle's identity: the SHA-256 of its manifest, which holds the digests of all other files.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Who signed.
    #[must_use]
    pub const fn signer(&self) -> PublicKey {
        self.signer
    }

    /// The model, ONNX.
    #[must_use]
    pub fn model(&self) -> &[u8] {
        &self.files[MODEL_NAME]
    }

    /// A listed file's content.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.manifest.file(name).and_then(|file| self.files.get(&file.name)).map(Vec::as_slice)
    }
}

/// Reads and verifies a bundle: its folder, the `manifest.json` in its folder, or a container (`.tbx`, told by content).
///
/// Sizes are checked before anything is read whole, the signature before anything is understood.
///
/// # Errors
/// Everything that is not exactly as a trusted key signed it; the message names the file and what is wrong.
pub fn load(path: &Path, trusted: &TrustedKeys) -> Result<VerifiedBundle, BundleError> {
    Bundle::read(path)?.verify(trusted)
}

impl Bundle {
    /// Reads a bundle as [`load`] does; nothing of it is believed yet.
    ///
    /// # Errors
    /// It is no bundle, or a file is too large.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        read_files(path).map(Self::from_files)
    }

    /// Verifies all of a bundle's bytes.
    ///
    /// # Errors
    /// As [`load`].
    pub fn verify(self, trusted: &TrustedKeys) -> Result<VerifiedBundle, BundleError> {
        let mut files = self.into_files();
        let missing = |name: &str| BundleError::Missing(name.to_owned());
        for (name, content) in &files {
            let (bytes, limit) = (content.len() as u64, container::limit_of(name));
            if bytes > limit {
                return Err(BundleError::TooLarge { name: name.clone(), bytes, limit });
            }
        }
        let manifest_bytes = files.remove(MANIFEST_NAME).ok_or_else(|| missing(MANIFEST_NAME))?;
        let signature_bytes = files.remove(SIGNATURE_NAME).ok_or_else(|| missing(SIGNATURE_NAME))?;
        let signer = signature::verify(&manifest_bytes, &signature_bytes, trusted)?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        for entry in &manifest.files {
            let content = files.get(&entry.name).ok_or_else(|| missing(&entry.name))?;
            let (name, expected, found) = (entry.name.clone(), entry.bytes, content.len() as u64);
            if found != expected {
                return Err(BundleError::Size { name, expected, found });
            }
            let (expected, found) = (entry.sha256, Digest::of(content));
            if found != expected {
                return Err(BundleError::Changed { name, expected, found });
            }
        }
        match files.keys().find(|name| manifest.file(name).is_none()) {
            Some(name) => Err(BundleError::Unexpected(name.clone())),
            None => Ok(VerifiedBundle { digest: Digest::of(&manifest_bytes), manifest, signer, files }),
        }
    }
}

/// All files of a bundle, bounded, not verified.
fn read_files(path: &Path) -> Result<Files, BundleError> {
    let io = |source| BundleError::Io { path: path.to_owned(), source };
    if path.file_name().is_some_and(|name| name == MANIFEST_NAME) && path.is_file() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return read_folder(folder);
    }
    if fs::metadata(path).map_err(io)?.is_dir() {
        return read_folder(path);
    }
    let limit = (FILES_MAX as u64 + 2) * FILE_BYTES_MAX;
    let mut start = Vec::new();
    File::open(path).map_err(io)?.take(container::MAGIC.len() as u64).read_to_end(&mut start).map_err(io)?;
    if start != container::MAGIC {
        return Err(BundleError::NotABundle(path.to_owned()));
    }
    container::read(&read_bounded(path, &path.display().to_string(), limit)?)
}

fn read_folder(folder: &Path) -> Result<Files, BundleError> {
    let io = |source| BundleError::Io { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        container::check_name(&name).map_err(|_| BundleError::Unexpected(name.clone()))?;
        if !entry.path().is_file() || names.len() >= FILES_MAX + 2 {
            return Err(BundleError::Unexpected(name));
        }
        names.push(name);
    }
    if !names.iter().any(|name| name == MANIFEST_NAME) {
        return Err(BundleError::NotABundle(folder.to_owned()));
    }
    names.sort_unstable();
    names
        .into_iter()
        .map(|name| {
            let content = read_bounded(&folder.join(&name), &name, container::limit_of(&name))?;
            Ok((name, content))
        })
        .collect()
}

/// A whole file, unless it is larger than `limit`; a file that grows meanwhile is caught too.
fn read_bounded(path: &Path, name: &str, limit: u64) -> Result<Vec<u8>, BundleError> {
    let read = || -> io::Result<(u64, Vec<u8>)> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut content = Vec::new();
        if len <= limit {
            file.take(limit + 1).read_to_end(&mut content)?;
        }
        Ok((len.max(content.len() as u64), content))
    };
    let (bytes, content) = read().map_err(|source| BundleError::Io { path: path.to_owned(), source })?;
    if bytes > limit { Err(BundleError::TooLarge { name: name.to_owned(), bytes, limit }) } else { Ok(content) }
}
