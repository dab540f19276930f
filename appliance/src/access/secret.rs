//! Random secrets, and what is kept of them: a digest, compared in constant time.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// What a token begins with, so that people and scanners know one when they see it.
pub(super) const TOKEN_PREFIX: &str = "tbx_";
/// Letters and digits that nobody mistakes for each other.
const CODE_LETTERS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// SHA-256 of a secret of at least 128 random bits, which needs no salt; or any 32 bytes that are compared as such. Reads and shows
/// itself as hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Takes the same time whatever differs.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

/// What is compared with secrets does not belong into logs.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        hex(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        unhex(&text).map(Self).ok_or("not 64 hexadecimal digits")
    }
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}

/// A claim code, `ABCD-EFGH`: 39 random bits, enough where tries are counted.
pub(super) fn code() -> String {
    let letters = std::iter::repeat_with(random::<16>).flatten();
    // What lies beyond the last whole alphabet is drawn again: every letter is as likely.
    let even = letters.filter(|byte| *byte < 240).map(|byte| char::from(CODE_LETTERS[usize::from(byte % 30)]));
    let code: String = even.take(8).collect();
    format!("{}-{}", &code[..4], &code[4..])
}

/// Whether `typed` is meant to be `code`: however people write it.
pub(super) fn is_code(typed: &str, code: &str) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    Digest::of(&plain(typed)) == Digest::of(&plain(code))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_no_letters_that_are_mistaken() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let code = code();
            assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
            assert!(!code.contains(['0', '1', 'O', 'I', 'L', 'U']), "{code}");
            seen.extend(code.bytes());
        }
        assert_eq!(seen.len(), 31, "all letters, and the dash");
    }

    #[test]
    fn a_code_is_read_however_it_is_written() {
        assert!(is_code("ABCD-EFGH", "ABCD-EFGH"));
        assert!(is_code(" abcd efgh", "ABCD-EFGH"));
        for wrong in ["", "ABCD-EFGJ", "ABCD", "ABCD-EFGHH"] {
            assert!(!is_code(wrong, "ABCD-EFGH"), "{wrong}");
        }
    }

    #[test]
    fn digests_are_read_back_and_not_shown() {
        let digest = Digest::of("a secret");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert!(digest != Digest::of("another"));
        assert_eq!(format!("{digest:?}"), "Digest(..)");
        for wrong in ["", "00", &"g".repeat(64), &"+1".repeat(32)[..63], &"ä".repeat(32)] {
            assert!(Digest::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
