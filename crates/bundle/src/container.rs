//! A bundle as one file, `.tbx`.
//!
//! All numbers are little-endian. No compression: models do not compress, and a length is then what it says.
//!
//! ```text
//! 8 bytes   "TBXBNDL" and the format number, one byte, 1
//! 1 byte    number of files
//! per file, in ascending order of the name:
//!   1 byte    length of the name
//!   n bytes   name
//!   8 bytes   length of the content
//!   m bytes   content
//! ```
//!
//! The container itself proves nothing; what is in it is verified as a folder's files are.

use std::collections::BTreeMap;

use crate::{
    BundleError, FILE_BYTES_MAX, FILES_MAX, MANIFEST_BYTES_MAX, MANIFEST_NAME, SIGNATURE_BYTES_MAX, SIGNATURE_NAME,
};

/// Newest format of the container.
pub const FORMAT: u8 = 1;
/// First bytes of every container.
pub const MAGIC: &[u8; 7] = b"TBXBNDL";

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Largest size allowed for a file of this name.
#[must_use]
pub fn limit_of(name: &str) -> u64 {
    match name {
        MANIFEST_NAME => MANIFEST_BYTES_MAX,
        SIGNATURE_NAME => SIGNATURE_BYTES_MAX,
        _ => FILE_BYTES_MAX,
    }
}

/// Checks that a name is plain: it can neither leave its folder nor hide in it.
///
/// # Errors
/// [`BundleError::Name`] when it is not.
pub fn check_name(name: &str) -> Result<(), BundleError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let holds = (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain);
    if holds { Ok(()) } else { Err(BundleError::Name(name.to_owned())) }
}

/// Packs files into one. They must have passed [`check_name`], as the files of a [`crate::Bundle`] have.
#[must_use]
pub fn write(files: &Files) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(FORMAT);
    out.push(u8::try_from(files.len()).expect("a bundle has a handful of files"));
    for (name, content) in files {
        out.push(u8::try_from(name.len()).expect("a plain name has at most 64 bytes"));
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(content.len() as u64).to_le_bytes());
        out.extend_from_slice(content);
    }
    out
}

/// Unpacks files. Each is checked for its name and size before it is copied.
///
/// # Errors
/// Damage, a newer format, odd names or sizes; with the byte where it was found.
pub fn read(bytes: &[u8]) -> Result<Files, BundleError> {
    let mut cursor = Cursor { bytes, at: 0 };
    if cursor.take(7)? != MAGIC {
        return Err(BundleError::Container { what: "the first bytes are not those of a container", at: 0 });
    }
    match cursor.take(1)?[0] {
        FORMAT => {}
        found if found > FORMAT => {
            return Err(BundleError::NewerFormat { name: "container", found: found.into(), known: FORMAT.into() });
        }
        _ => return Err(BundleError::Container { what: "unknown format number", at: 7 }),
    }
    let count = usize::from(cursor.take(1)?[0]);
    if count > FILES_MAX + 2 {
        return Err(cursor.error("too many files"));
    }
    let mut files = Files::new();
    for _ in 0..count {
        let len = cursor.take(1)?[0];
        let name = core::str::from_utf8(cursor.take(len.into())?).map_err(|_| cursor.error("a name is not text"))?;
        check_name(name)?;
        if files.last_key_value().is_some_and(|(last, _)| last.as_str() >= name) {
            return Err(cursor.error("names do not rise"));
        }
        let len = u64::from_le_bytes(*cursor.take(8)?.as_array().expect("eight bytes were taken"));
        if len > limit_of(name) {
            return Err(BundleError::TooLarge { name: name.to_owned(), bytes: len, limit: limit_of(name) });
        }
        let content = cursor.take(len as usize)?.to_vec();
        files.insert(name.to_owned(), content);
    }
    if cursor.at < bytes.len() {
        return Err(cursor.error("bytes after the last file"));
    }
    Ok(files)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], BundleError> {
        let end = self.at.checked_add(len).ok_or_else(|| self.error("a length is out of range"))?;
        let part = self.bytes.get(self.at..end).ok_or_else(|| self.error("the file ends early"))?;
        self.at = end;
        Ok(part)
    }

    fn error(&self, what: &'static str) -> BundleError {
        BundleError::Container { what, at: self.at as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        [("a", vec![1, 2, 3]), ("b.txt", vec![])].map(|(name, bytes)| (name.to_owned(), bytes)).into()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        assert_eq!(read(&write(&files())).expect("own bytes"), files());
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        for name in ["../a", "a/b", "a\\b", "/a", "", ".hidden", "..", "a\0", "C:", "é", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        let evil = write(&[("../a".to_owned(), vec![1])].into());
        assert!(matches!(read(&evil), Err(BundleError::Name(name)) if name == "../a"));
    }

    #[test]
    fn a_cut_file_is_refused_wherever_it_is_cut() {
        let whole = write(&files());
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "cut at {len}");
        }
        assert!(read(&[whole, vec![0]].concat()).is_err());
    }

    #[test]
    fn a_huge_length_is_refused_before_anything_is_copied() {
        let mut bytes = write(&[("a".to_owned(), vec![])].into());
        let at = bytes.len() - 8;
        bytes[at..].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(read(&bytes), Err(BundleError::TooLarge { bytes: u64::MAX, .. })));
    }

    #[test]
    fn any_bytes_do_not_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| { let _ = read(&[MAGIC.as_slice(), &[FORMAT], &bytes].concat()); });
    }
}
