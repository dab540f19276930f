//! What an update says of itself, and what was signed.
//!
//! The manifest travels as JSON in one spelling: no spaces, keys in the order below, and what does not read back to the very same
//! bytes is refused.
//!
//! | key | what |
//! |---|---|
//! | `format` | 1 |
//! | `version` | of the program, [semantic versioning](https://semver.org) |
//! | `arch` | `aarch64` or `x86_64` |
//! | `program` | `bytes` and `sha256` of the program, `packed_bytes` of its zstd frame |
//! | `signed_at_s` | seconds UTC since 1970 |
//! | `valid_days` | so long it may be installed |
//! | `from_version` | least version that it may be installed over |
//! | `formats` | by name of a data format: `writes`, and the lowest it reads, `reads_from` |

use std::collections::BTreeMap;

use bundle::Digest;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::UpdateError;

/// Newest format of the manifest.
pub(crate) const FORMAT: u32 = 1;
/// Largest program, bytes; today's has a tenth of it.
pub(crate) const PROGRAM_BYTES_MAX: u64 = 256 << 20;
/// Most data formats that a program may name.
const FORMATS_MAX: usize = 32;
/// Longest time that an update may be installed, days.
const VALID_DAYS_MAX: u16 = 3_650;
const DAY_S: i64 = 86_400;

/// A processor's architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// 64-bit ARM: every board of the image.
    Aarch64,
    /// 64-bit PCs.
    #[serde(rename = "x86_64")]
    X86,
}

impl Arch {
    /// As Rust and the manifest name it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Aarch64, Self::X86].into_iter().find(|arch| arch.name() == name)
    }

    /// As Rust and the manifest name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::X86 => "x86_64",
        }
    }

    /// Of a program as Linux has them: ELF, 64 bit, little-endian, and `e_machine`.
    #[must_use]
    pub fn of_program(program: &[u8]) -> Option<Self> {
        let is_elf = program.starts_with(b"\x7fELF\x02\x01");
        match program.get(18..20).filter(|_| is_elf)? {
            [0xb7, 0] => Some(Self::Aarch64),
            [0x3e, 0] => Some(Self::X86),
            _ => None,
        }
    }
}

/// A data format, as a program knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// The number that it writes, and the highest it reads.
    pub writes: u64,
    /// The lowest that it reads.
    pub reads_from: u64,
}

/// Data formats by name.
pub type Formats = BTreeMap<String, Format>;

/// The program of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packed {
    /// Size of the program.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Size of it as it travels, one frame of zstd.
    pub packed_bytes: u64,
}

/// What an update says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of the manifest.
    pub format: u32,
    /// Version of the program.
    pub version: Version,
    /// For which machines.
    pub arch: Arch,
    /// The program.
    pub program: Packed,
    /// When it was signed, seconds UTC since 1970.
    pub signed_at_s: i64,
    /// For so many days it may be installed.
    pub valid_days: u16,
    /// Least version that it may be installed over.
    pub from_version: Version,
    /// The data formats that it writes and reads.
    pub formats: Formats,
}

impl Manifest {
    /// The bytes that are signed.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and maps of them")
    }

    /// Reads what [`to_json`](Self::to_json) makes.
    ///
    /// # Errors
    /// When it is not that, is of a newer format, or says what cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, UpdateError> {
        #[derive(Deserialize)]
        struct Only {
            format: u32,
        }
        let only: Only = serde_json::from_slice(bytes).map_err(UpdateError::Manifest)?;
        if only.format > FORMAT {
            return Err(UpdateError::NewerFormat { found: only.format, known: FORMAT });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(UpdateError::Manifest)?;
        manifest.check()?;
        if manifest.to_json() != bytes {
            return Err(field("spelling", "the same can be said in other bytes"));
        }
        Ok(manifest)
    }

    pub(crate) fn check(&self) -> Result<(), UpdateError> {
        let Packed { bytes, packed_bytes, .. } = self.program;
        let is_name = |name: &str| {
            (1..=32).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if self.format != FORMAT {
            return Err(field("format", format!("{} is unknown", self.format)));
        }
        if !(1..=PROGRAM_BYTES_MAX).contains(&bytes) {
            return Err(field("program.bytes", format!("{bytes} must be 1 to {PROGRAM_BYTES_MAX}")));
        }
        if !(1..=PROGRAM_BYTES_MAX).contains(&packed_bytes) {
            return Err(field("program.packed_bytes", format!("{packed_bytes} must be 1 to {PROGRAM_BYTES_MAX}")));
        }
        if !(1..=VALID_DAYS_MAX).contains(&self.valid_days) {
            return Err(field("valid_days", format!("{} must be 1 to {VALID_DAYS_MAX}", self.valid_days)));
        }
        // Ten thousand years: what is added to it later stays a number.
        if !(0..=315_360_000_000).contains(&self.signed_at_s) {
            return Err(field("signed_at_s", format!("{} is no time", self.signed_at_s)));
        }
        if self.formats.len() > FORMATS_MAX {
            return Err(field("formats", format!("{} are more than {FORMATS_MAX}", self.formats.len())));
        }
        for (name, format) in &self.formats {
            if !is_name(name) {
                return Err(field("formats", format!("{name:?} is no name")));
            }
            if format.reads_from > format.writes {
                return Err(field("formats", format!("{name} is not read by the program that writes it")));
            }
        }
        Ok(())
    }

    /// From when on it may not be installed any more, seconds UTC since 1970.
    #[must_use]
    pub fn expires_at_s(&self) -> i64 {
        self.signed_at_s + i64::from(self.valid_days) * DAY_S
    }

    /// `tickerbox-0.2.0-aarch64.tbu`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("tickerbox-{}-{}.tbu", self.version, self.arch.name())
    }
}

fn field(field: &'static str, what: impl Into<String>) -> UpdateError {
    UpdateError::Field { field, what: what.into() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One that may be installed over 1.0.0.
    pub(crate) fn manifest() -> Manifest {
        Manifest {
            format: 1,
            version: Version::new(1, 2, 0),
            arch: Arch::Aarch64,
            program: Packed { bytes: 4, sha256: Digest::of(b"test"), packed_bytes: 9 },
            signed_at_s: 1_800_000_000,
            valid_days: 90,
            from_version: Version::new(1, 0, 0),
            formats: [("state".to_owned(), Format { writes: 8, reads_from: 1 })].into(),
        }
    }

    #[test]
    fn the_spelling_is_one_and_is_kept() {
        let text = String::from_utf8(manifest().to_json()).unwrap();
        let expected = "{\"format\":1,\"version\":\"1.2.0\",\"arch\":\"aarch64\",\"program\":{\"bytes\":4,\"sha256\":\
            \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"packed_bytes\":9},\"signed_at_s\":1800000000,\
            \"valid_days\":90,\"from_version\":\"1.0.0\",\"formats\":{\"state\":{\"writes\":8,\"reads_from\":1}}}";
        assert_eq!(text, expected);
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest());
        assert_eq!(manifest().file_name(), "tickerbox-1.2.0-aarch64.tbu");
        let spaced = text.replace(":1,", ": 1,");
        assert!(Manifest::parse(spaced.as_bytes()).unwrap_err().to_string().contains("other bytes"));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_field() {
        let check = |expected: &str, change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            let error = Manifest::parse(&manifest.to_json()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("knows up to 1", |it| it.format = 2);
        check("format: 0 is unknown", |it| it.format = 0);
        check("program.bytes: 0 must be", |it| it.program.bytes = 0);
        check("program.bytes", |it| it.program.bytes = u64::MAX);
        check("program.packed_bytes", |it| it.program.packed_bytes = PROGRAM_BYTES_MAX + 1);
        check("valid_days: 0", |it| it.valid_days = 0);
        check("signed_at_s: -1", |it| it.signed_at_s = -1);
        check("signed_at_s", |it| it.signed_at_s = i64::MAX);
        check("\"A b\" is no name", |it| {
            it.formats.insert("A b".to_owned(), Format { writes: 1, reads_from: 1 });
        });
        check("state is not read", |it| {
            it.formats.insert("state".to_owned(), Format { writes: 1, reads_from: 2 });
        });
        check("are more than 32", |it| {
            it.formats = (0..33).map(|n| (format!("f{n}"), Format { writes: 1, reads_from: 1 })).collect();
        });
    }

    #[test]
    fn architectures_are_read_from_the_program() {
        let program = |machine: u8| [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 11], &[machine, 0]].concat();
        assert_eq!(Arch::of_program(&program(0xb7)), Some(Arch::Aarch64));
        assert_eq!(Arch::of_program(&program(0x3e)), Some(Arch::X86));
        assert_eq!((Arch::of_program(&program(0x28)), Arch::of_program(b"#!/bin/sh\n")), (None, None));
        assert_eq!((Arch::parse("x86_64"), Arch::parse("arm")), (Some(Arch::X86), None));
    }
}
