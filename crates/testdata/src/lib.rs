//! The real recordings that tests use, which are not part of the repository.
//!
//! They lie in the folder `TICKERBOX_DATA`, or in `../shared/data` beside the workspace. Where a file is not there, that is
//! said aloud and the test returns: it counts as passed, and everything else goes on without it.

#![allow(clippy::print_stderr, reason = "says what is missing")]

use std::io::Read;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

/// Where a file lies, or `None`.
#[must_use]
pub fn path(file: &str) -> Option<PathBuf> {
    // A test runs in the folder of its crate; the data lies beside the workspace that holds it.
    let beside = || {
        let here = std::env::current_dir().unwrap_or_default();
        let beside = here.ancestors().map(|folder| folder.join("shared/data")).find(|folder| folder.is_dir());
        beside.unwrap_or_else(|| PathBuf::from("../shared/data"))
    };
    let path = std::env::var_os("TICKERBOX_DATA").map_or_else(beside, PathBuf::from).join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no data at {}", path.display());
    None
}

/// What is in a file, unpacked when it is a gzip file, or `None`.
///
/// # Panics
/// When it is there and cannot be read.
#[must_use]
pub fn read(file: &str) -> Option<Vec<u8>> {
    let path = path(file)?;
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Some(packed);
    }
    let mut bytes = Vec::new();
    let unpacked = MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes);
    unpacked.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(bytes)
}

/// The same as text.
///
/// # Panics
/// As [`read`], and when it is no text.
#[must_use]
pub fn text(file: &str) -> Option<String> {
    read(file).map(|bytes| String::from_utf8(bytes).unwrap_or_else(|error| panic!("{file}: {error}")))
}
