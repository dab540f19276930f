//! Texts before they are scored.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Percent of all texts that weights and rules may be tuned on; the others only judge.
const TUNING_PERCENT: u64 = 60;

/// A text with its white space made single and its control and zero-width characters taken out. Two texts that look the same
/// to a reader are the same after it, but for capitals.
#[must_use]
pub fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c == '\0') {
        let before = normal.len();
        if !normal.is_empty() {
            normal.push(' ');
        }
        let start = normal.len();
        normal.extend(word.chars().filter(|c| !c.is_control() && !is_invisible(*c)));
        if normal.len() == start {
            normal.truncate(before);
        }
    }
    normal
}

/// Zero-width characters, marks of writing direction and the byte-order mark.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// SHA-256 of a normalised text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash(pub [u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The hash of a text, normalised first.
#[must_use]
pub fn content_hash(text: &str) -> ContentHash {
    ContentHash(Sha256::digest(normalise(text)).into())
}

/// What a labelled text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Weights and rules may be tuned on it.
    Tuning,
    /// It judges and nothing else.
    HeldOut,
}

/// The part that a text belongs to, by its content alone: a text that occurs twice is never in both, and a file in another order or
/// with more rows is divided in the same way.
#[must_use]
pub fn part_of(text: &str) -> Part {
    let ContentHash([a, b, c, d, e, f, g, h, ..]) = content_hash(text);
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    if number % 100 < TUNING_PERCENT { Part::Tuning } else { Part::HeldOut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for text in ["Bitcoin  falls", " Bitcoin\u{a0}falls\n", "Bit\u{200b}coin falls\u{feff}", "Bitcoin\0falls"] {
            assert_eq!(normalise(text), "Bitcoin falls", "{text:?}");
        }
        assert_eq!(normalise("\u{200b} \n\t"), "");
        assert_ne!(content_hash("Bitcoin falls"), content_hash("Bitcoin rises"));
        assert_eq!(content_hash("a").to_string().len(), 64);
    }
}
