//! Making bundles.

use std::fs;
use std::path::Path;

use crate::container::{self, Files};
use crate::manifest::FileEntry;
use crate::{BundleError, Digest, MANIFEST_NAME, Manifest, SIGNATURE_NAME, SecretKey, signature};

/// A bundle's files, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    files: Files,
}

impl Bundle {
    /// Completes a manifest with the list of `files` (the model, a card) and signs it. The same content and key
    /// always give the same bytes.
    ///
    /// # Errors
    /// A manifest or a name that [`crate::load`] would refuse.
    pub fn pack(mut manifest: Manifest, mut files: Files, key: &SecretKey) -> Result<Self, BundleError> {
        let entry = |(name, content): (&String, &Vec<u8>)| FileEntry {
            name: name.clone(),
            bytes: content.len() as u64,
            sha256: Digest::of(content),
        };
        manifest.files = files.iter().map(entry).collect();
        manifest.check()?;
        let manifest = manifest.to_bytes();
        files.insert(SIGNATURE_NAME.to_owned(), signature::sign(&manifest, key).into_bytes());
        files.insert(MANIFEST_NAME.to_owned(), manifest);
        Ok(Self { files })
    }

    /// Files as they were found.
    #[must_use]
    pub const fn from_files(files: Files) -> Self {
        Self { files }
    }

    /// The files by name.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// The files by name.
    #[must_use]
    pub fn into_files(self) -> Files {
        self.files
    }

    /// The bundle's identity: the SHA-256 of its manifest (not of the signature); `None` without a manifest.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.files.get(MANIFEST_NAME).map(|manifest| Digest::of(manifest))
    }

    /// The bundle as one file.
    #[must_use]
    pub fn to_container(&self) -> Vec<u8> {
        container::write(&self.files)
    }

    /// Writes a folder. Each file is written aside and renamed, the signature last: until it is there, the folder is refused.
    /// Files of a former bundle which this one lacks are left, and make [`crate::load`] refuse the folder.
    ///
    /// # Errors
    /// [`BundleError::Io`] with the path.
    pub fn write_folder(&self, folder: &Path) -> Result<(), BundleError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| BundleError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let signature = folder.join(SIGNATURE_NAME);
        if signature.exists() {
            fs::remove_file(&signature).map_err(io(&signature))?;
        }
        let (last, first): (Vec<_>, Vec<_>) = self.files.iter().partition(|(name, _)| *name == SIGNATURE_NAME);
        for (name, content) in first.into_iter().chain(last) {
            container::check_name(name)?;
            let (path, scratch) = (folder.join(name), folder.join(format!(".{name}.new")));
            fs::write(&scratch, content).map_err(io(&scratch))?;
            fs::rename(&scratch, &path).map_err(io(&path))?;
        }
        Ok(())
    }
}
