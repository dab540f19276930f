//! Where files go: a folder, or something else that keeps files by their paths.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::FileEntry;

/// What keeps exported files.
pub trait Target {
    /// Its name for people.
    fn name(&self) -> String;

    /// The content of a file; `None` when it is not there.
    ///
    /// # Errors
    /// When that cannot be told.
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Puts a file in its place in one step.
    ///
    /// # Errors
    /// When it cannot be written; what was there stays.
    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Whether a file has this content already. `known` is what the metadata says of it, `entry` what they would say.
    fn holds(&self, path: &str, bytes: &[u8], entry: &FileEntry, known: Option<&FileEntry>) -> bool;
}

/// A folder of this machine.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Target for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(path);
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = folder.join(name);
        let mut file = fs::File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    }

    /// Somebody may have changed it: its bytes are looked at.
    fn holds(&self, path: &str, bytes: &[u8], _entry: &FileEntry, _known: Option<&FileEntry>) -> bool {
        fs::read(self.0.join(path)).is_ok_and(|known| known == bytes)
    }
}
