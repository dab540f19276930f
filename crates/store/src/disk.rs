//! Where the files of a data directory lie: on the operating system's disk, or on one made up for tests.

pub mod faulty;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::StorageBackend;
use redb::backends::FileBackend;

/// What the store needs of a disk. A name is durable after [`sync_names`](Self::sync_names) of its folder, content after the
/// file's own sync; before that a pulled plug may take either back.
pub trait Disk: Debug + Send + Sync {
    /// Makes sure that the folder is there and keeps other writers out of it for as long as the answer lives.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process is in it; else what the system says.
    fn lock(&self, dir: &Path) -> io::Result<Option<File>>;

    /// Opens a file that exists, for reading alone or also for writing.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path, writes: bool) -> io::Result<Box<dyn StorageBackend>>;

    /// Makes an empty file, also where there was one.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>>;

    /// Names of the files in a folder, in no order.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Whether there is such a file.
    fn exists(&self, path: &Path) -> bool;

    /// Size of a file, bytes.
    ///
    /// # Errors
    /// What the system says.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// Gives a file another name, in place of a file of that name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_names(&self, dir: &Path) -> io::Result<()>;
}

/// A disk that several parts of a box use.
pub type SharedDisk = Arc<dyn Disk>;

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl SystemDisk {
    /// For whoever takes any disk.
    #[must_use]
    pub fn shared() -> SharedDisk {
        Arc::new(Self)
    }
}

impl Disk for SystemDisk {
    fn lock(&self, dir: &Path) -> io::Result<Option<File>> {
        fs::create_dir_all(dir)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(dir.join("journal.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(&self, path: &Path, writes: bool) -> io::Result<Box<dyn StorageBackend>> {
        backend(OpenOptions::new().read(true).write(writes).open(path)?)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        backend(OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        // A name that is not UTF-8 is none of ours.
        fs::read_dir(dir)?.filter_map(|entry| entry.map(|e| e.file_name().into_string().ok()).transpose()).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_names(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    match FileBackend::new(file) {
        Ok(backend) => Ok(Box::new(backend)),
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error))) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// The folder that a file lies in.
pub(crate) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if dir.as_os_str().is_empty() => PathBuf::from("."),
        Some(dir) => dir.to_owned(),
        None => PathBuf::from("."),
    }
}
