//! What a program says of itself, written into it when it is compiled.
//!
//! ```text
//! tickerbox-about 1
//! version 0.1.0
//! format journal 2 1        name, the number it writes, the lowest it reads
//! end
//! ```
//!
//! So the maker of an update needs to run nothing, which for another machine he could not, and an update cannot say other formats
//! than its program has.

use core::fmt::Write as _;

use semver::Version;

use crate::{Format, Formats, UpdateError};

const HEAD: &str = "tickerbox-about 1\n";
const END: &str = "end\n";
/// Longest such text, bytes.
pub const TEXT_MAX: usize = 1_024;

/// What a program says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its version.
    pub version: Version,
    /// The data formats that it writes and reads.
    pub formats: Formats,
}

/// The text to put into a program: of its version, and of name, number written and lowest number read of each format. What is left of
/// the room are line ends.
///
/// # Panics
/// At compile time, when the text has no room in [`TEXT_MAX`] bytes.
#[must_use]
pub const fn text(version: &str, formats: &[(&str, u64, u64)]) -> [u8; TEXT_MAX] {
    let (mut out, mut at) = ([b'\n'; TEXT_MAX], 0);
    at = put(&mut out, at, HEAD);
    at = put(&mut out, at, "version ");
    at = put(&mut out, at, version);
    at = put(&mut out, at, "\n");
    let mut n = 0;
    while n < formats.len() {
        let (name, writes, reads_from) = formats[n];
        at = put(&mut out, at, "format ");
        at = put(&mut out, at, name);
        at = put(&mut out, at, " ");
        at = put_number(&mut out, at, writes);
        at = put(&mut out, at, " ");
        at = put_number(&mut out, at, reads_from);
        at = put(&mut out, at, "\n");
        n += 1;
    }
    put(&mut out, at, END);
    out
}

const fn put(out: &mut [u8; TEXT_MAX], at: usize, text: &str) -> usize {
    let text = text.as_bytes();
    let mut n = 0;
    while n < text.len() {
        out[at + n] = text[n];
        n += 1;
    }
    at + n
}

const fn put_number(out: &mut [u8; TEXT_MAX], mut at: usize, number: u64) -> usize {
    let mut power = 1;
    while number / power >= 10 {
        power *= 10;
    }
    while power > 0 {
        out[at] = b'0' + (number / power % 10) as u8;
        at += 1;
        power /= 10;
    }
    at
}

impl About {
    /// Reads the text of [`text`], and whatever follows it.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = &bytes[..bytes.len().min(TEXT_MAX)];
        let end = bytes.windows(END.len() + 1).position(|it| it == b"\nend\n")? + 1;
        let text = core::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = text.strip_prefix(HEAD)?.lines();
        let version = Version::parse(lines.next()?.strip_prefix("version ")?).ok()?;
        let mut formats = Formats::new();
        for line in lines {
            let [name, writes, reads_from] = line.strip_prefix("format ")?.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let format = Format { writes: writes.parse().ok()?, reads_from: reads_from.parse().ok()? };
            if formats.insert(name.to_owned(), format).is_some() {
                return None;
            }
        }
        Some(Self { version, formats })
    }

    /// Finds the text in a program.
    ///
    /// # Errors
    /// When there is none, or two that differ.
    pub fn find(program: &[u8]) -> Result<Self, UpdateError> {
        let head = HEAD.as_bytes();
        let mut found: Option<Self> = None;
        let mut rest = program;
        // The first letter first: a program is long.
        while let Some(at) = rest.iter().position(|byte| *byte == head[0]) {
            rest = &rest[at..];
            if rest.starts_with(head)
                && let Some(about) = Self::parse(rest)
            {
                if found.as_ref().is_some_and(|it| *it != about) {
                    return Err(UpdateError::Program("it says two different things of itself"));
                }
                found = Some(about);
            }
            rest = &rest[1..];
        }
        found.ok_or(UpdateError::Program(
            "it does not say its version and formats: not a Tickerbox that can be updated to",
        ))
    }

    /// As text, as [`text`] makes it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}version {}\n", self.version);
        for (name, format) in &self.formats {
            writeln!(text, "format {name} {} {}", format.writes, format.reads_from).expect("a String takes everything");
        }
        text + END
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: [u8; TEXT_MAX] = text("1.20.3-rc.1", &[("journal", 2, 1), ("state", 1_007, 10), ("z", 0, u64::MAX)]);

    #[test]
    fn what_is_compiled_in_is_found_in_a_program() {
        let about = About::parse(&TEXT).unwrap();
        assert_eq!(about.version.to_string(), "1.20.3-rc.1");
        assert_eq!(about.formats["state"], Format { writes: 1_007, reads_from: 10 });
        assert_eq!(about.formats["z"], Format { writes: 0, reads_from: u64::MAX });
        assert!(TEXT.starts_with(about.to_text().as_bytes()));
        // The words by which it is looked for stand in a program too, and what follows them is anything.
        let program = [b"\x7fELF".as_slice(), HEAD.as_bytes(), b"\0tt", &TEXT, b"rest", &TEXT].concat();
        assert_eq!(About::find(&program).unwrap(), about);
        let other = text("1.20.4", &[]);
        assert!(About::find(&[TEXT, other].concat()).unwrap_err().to_string().contains("two different"));
        assert!(About::find(HEAD.as_bytes()).is_err() && About::find(&[]).is_err());
    }

    #[test]
    fn any_bytes_do_not_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| { let _ = About::find(&[HEAD.as_bytes(), &bytes].concat()); });
    }
}
