//! The update file, `tickerbox-VERSION-ARCH.tbu`.
//!
//! All numbers are little-endian.
//!
//! ```text
//! 8 bytes   "TBXUPDT" and the format number, one byte, 1
//! 4 bytes   length of the manifest
//! n bytes   manifest, JSON
//! 4 bytes   length of the signature
//! m bytes   signature: text as of a bundle, for another purpose
//! rest      the program, one frame of zstd, as long as the manifest says
//! ```
//!
//! It is read as a stream, from wherever it comes: who it is from is known before anything else of it is looked at, and what may not
//! be installed costs no more than its first kilobytes. No length in it makes the reader take more than the limits here.

use std::io::{BufReader, Read, Write};

use bundle::signature::{self, Purpose};
use bundle::{Digest, PublicKey, SIGNATURE_BYTES_MAX, SecretKey, TrustedKeys};
use sha2::{Digest as _, Sha256};

use crate::about::About;
use crate::manifest::{self, PROGRAM_BYTES_MAX};
use crate::{Arch, Manifest, Packed, UpdateError, Version};

/// Newest format of the file.
pub const FORMAT: u8 = 1;
/// First bytes of every update file.
pub const MAGIC: &[u8; 7] = b"TBXUPDT";
/// Largest manifest, bytes.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 10;
/// Largest update file, bytes.
pub const BYTES_MAX: u64 = 16 + MANIFEST_BYTES_MAX + SIGNATURE_BYTES_MAX + PROGRAM_BYTES_MAX;
/// How hard the program is pressed: it is packed once, and unpacks as fast as any.
const LEVEL: i32 = 19;
/// Largest window of the frame, as a power of two: what unpacking takes of memory.
const WINDOW_LOG_MAX: u32 = 23;
const PIECE: usize = 64 << 10;

/// What a maker decides about an update.
#[derive(Clone, Debug)]
pub struct Terms {
    /// When it is signed, seconds UTC since 1970.
    pub signed_at_s: i64,
    /// For so many days it may be installed.
    pub valid_days: u16,
    /// Least version that it may be installed over.
    pub from_version: Version,
}

/// Packs and signs a program. Version, architecture and formats are its own.
///
/// # Errors
/// When it does not say them, or the terms cannot be.
pub fn pack(program: &[u8], terms: &Terms, key: &SecretKey) -> Result<(Manifest, Vec<u8>), UpdateError> {
    let arch = Arch::of_program(program).ok_or(UpdateError::Program("not a Linux program for aarch64 or x86_64"))?;
    pack_as(program, About::find(program)?, arch, terms, key)
}

/// As [`pack`], with what a program cannot say of itself: for tests, whose programs are scripts.
///
/// # Errors
/// When the terms cannot be.
pub fn pack_as(
    program: &[u8],
    about: About,
    arch: Arch,
    terms: &Terms,
    key: &SecretKey,
) -> Result<(Manifest, Vec<u8>), UpdateError> {
    let packed = press(program).map_err(|source| UpdateError::Io { what: "the program cannot be packed", source })?;
    let manifest = Manifest {
        format: manifest::FORMAT,
        version: about.version,
        arch,
        program: Packed { bytes: program.len() as u64, sha256: Digest::of(program), packed_bytes: packed.len() as u64 },
        signed_at_s: terms.signed_at_s,
        valid_days: terms.valid_days,
        from_version: terms.from_version.clone(),
        formats: about.formats,
    };
    manifest.check()?;
    let text = manifest.to_json();
    let signature = signature::sign_for(Purpose::Update, &text, key);
    let mut file = MAGIC.to_vec();
    file.push(FORMAT);
    for part in [text.as_slice(), signature.as_bytes()] {
        file.extend_from_slice(&u32::try_from(part.len()).expect("a few kilobytes").to_le_bytes());
        file.extend_from_slice(part);
    }
    file.extend_from_slice(&packed);
    Ok((manifest, file))
}

fn press(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), LEVEL)?;
    encoder.window_log(WINDOW_LOG_MAX)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(program.len() as u64))?;
    encoder.write_all(program)?;
    encoder.finish()
}

/// An update whose manifest a trusted key signed. Its program comes next in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    manifest: Manifest,
    signer: PublicKey,
    /// Bytes read so far.
    at: u64,
}

impl Signed {
    /// Reads an update up to its program.
    ///
    /// # Errors
    /// When it is none, is damaged, or nobody trusted signed it.
    pub fn read(from: &mut impl Read, trusted: &TrustedKeys) -> Result<Self, UpdateError> {
        let mut head = Head { from, at: 0 };
        let magic = head.take(8)?;
        match magic[7] {
            _ if !magic.starts_with(MAGIC) => {
                return Err(UpdateError::Damaged { what: "the first bytes are not those of an update", at: 0 });
            }
            FORMAT => {}
            0 => return Err(UpdateError::Damaged { what: "unknown format number", at: 7 }),
            found => return Err(UpdateError::NewerFormat { found: found.into(), known: FORMAT.into() }),
        }
        let text = head.part(MANIFEST_BYTES_MAX, "the manifest is too long")?;
        let signature = head.part(SIGNATURE_BYTES_MAX, "the signature is too long")?;
        let signer =
            signature::verify_for(Purpose::Update, &text, &signature, trusted).map_err(UpdateError::Signature)?;
        Ok(Self { manifest: Manifest::parse(&text)?, signer, at: head.at })
    }

    /// What it says.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who signed it.
    #[must_use]
    pub const fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// Unpacks the program into `to`. What was written before an error is to be thrown away.
    ///
    /// # Errors
    /// When it is not the program that was signed, more or less follows than that, or `to` does not take it.
    pub fn unpack(&self, from: impl Read, to: &mut impl Write) -> Result<(), UpdateError> {
        let Packed { bytes, sha256, packed_bytes } = self.manifest.program;
        let damaged = |what| UpdateError::Damaged { what, at: self.at };
        let read = |source| UpdateError::Io { what: "the program in the update cannot be read", source };
        let mut packed = BufReader::with_capacity(PIECE, from.take(packed_bytes));
        let mut decoder = zstd::stream::Decoder::with_buffer(&mut packed).map_err(read)?.single_frame();
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(read)?;
        let (mut hasher, mut written, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE]);
        loop {
            let got = decoder.read(&mut piece).map_err(read)?;
            if got == 0 {
                break;
            }
            written += got as u64;
            if written > bytes {
                return Err(damaged("the program is longer than the manifest says"));
            }
            hasher.update(&piece[..got]);
            to.write_all(&piece[..got]).map_err(|source| UpdateError::Io { what: "cannot write", source })?;
        }
        drop(decoder);
        let found = Digest(hasher.finalize().into());
        if found != sha256 || written != bytes {
            return Err(UpdateError::Changed { expected: sha256, found });
        }
        let mut rest = [0];
        if packed.read(&mut rest).map_err(read)? > 0 {
            return Err(damaged("something follows the program in its frame"));
        }
        if packed.into_inner().into_inner().read(&mut rest).map_err(read)? > 0 {
            return Err(damaged("something follows the program"));
        }
        Ok(())
    }
}

struct Head<'a, R> {
    from: &'a mut R,
    at: u64,
}

impl<R: Read> Head<'_, R> {
    fn take(&mut self, len: usize) -> Result<Vec<u8>, UpdateError> {
        let mut bytes = vec![0; len];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(UpdateError::Damaged { what: "the file ends early", at: self.at });
            }
            Err(source) => return Err(UpdateError::Io { what: "the update cannot be read", source }),
        }
        self.at += len as u64;
        Ok(bytes)
    }

    fn part(&mut self, most: u64, too_long: &'static str) -> Result<Vec<u8>, UpdateError> {
        let len = u32::from_le_bytes(*self.take(4)?.as_array().expect("four bytes were taken"));
        if u64::from(len) > most {
            return Err(UpdateError::Damaged { what: too_long, at: self.at - 4 });
        }
        self.take(len as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::about;

    const ABOUT: [u8; about::TEXT_MAX] = about::text("1.2.0", &[("state", 8, 1)]);

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[7; 32])
    }

    fn trusted() -> TrustedKeys {
        TrustedKeys::only(&[key().public()])
    }

    fn program() -> Vec<u8> {
        let noise = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
        let head = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 11], &[0xb7, 0]].concat();
        head.into_iter().chain(ABOUT).chain(noise).collect()
    }

    fn terms() -> Terms {
        Terms { signed_at_s: 1_800_000_000, valid_days: 90, from_version: Version::new(1, 0, 0) }
    }

    fn packed() -> Vec<u8> {
        pack(&program(), &terms(), &key()).unwrap().1
    }

    fn unpacked(mut file: &[u8]) -> Result<Vec<u8>, UpdateError> {
        let signed = Signed::read(&mut file, &trusted())?;
        let mut program = Vec::new();
        signed.unpack(file, &mut program).map(|()| program)
    }

    #[test]
    fn what_is_packed_is_unpacked_and_says_what_the_program_says() {
        let (manifest, file) = pack(&program(), &terms(), &key()).unwrap();
        assert_eq!((manifest.version.to_string(), manifest.arch), ("1.2.0".to_owned(), Arch::Aarch64));
        assert_eq!(unpacked(&file).unwrap(), program());
        let signed = Signed::read(&mut file.as_slice(), &trusted()).unwrap();
        assert_eq!((signed.manifest(), *signed.signer()), (&manifest, key().public()));
        assert!((file.len() as u64) < BYTES_MAX);
    }

    #[test]
    fn only_who_is_trusted_signs_and_for_an_update_alone() {
        let file = packed();
        let other = TrustedKeys::only(&[SecretKey::from_bytes(&[8; 32]).public()]);
        let error = Signed::read(&mut file.as_slice(), &other).unwrap_err().to_string();
        assert!(error.contains("not among the 1 trusted keys"), "{error}");
        // The same manifest, signed as if it were a bundle's.
        let len = u32::from_le_bytes(*file[8..12].as_array().unwrap()) as usize;
        let text = &file[12..12 + len];
        let forged = signature::sign(text, &key());
        let at = 12 + len + 4;
        let forged = [&file[..at], forged.as_bytes(), &file[at + forged.len()..]].concat();
        let error = Signed::read(&mut forged.as_slice(), &trusted()).unwrap_err().to_string();
        assert!(error.contains("does not match its signature"), "{error}");
    }

    #[test]
    fn a_cut_or_longer_file_is_refused() {
        let file = packed();
        for len in (0..600).chain((600..file.len()).step_by(997)) {
            assert!(unpacked(&file[..len]).is_err(), "cut at {len}");
        }
        let error = unpacked(&[file, vec![0]].concat()).unwrap_err().to_string();
        assert!(error.contains("something follows"), "{error}");
    }

    #[test]
    fn no_flipped_bit_gives_another_program() {
        let file = packed();
        let whole = program();
        for place in (0..1_500).chain((1_500..file.len()).step_by(1_009)) {
            let mut bad = file.clone();
            bad[place] ^= 0x10;
            if let Ok(found) = unpacked(&bad) {
                assert_eq!(found, whole, "at {place}");
            }
        }
    }

    #[test]
    fn a_signed_lie_about_the_size_is_found_before_it_fills_the_card() {
        let program = vec![0; 5_000_000];
        let about = About { version: Version::new(2, 0, 0), formats: Default::default() };
        let (mut manifest, file) = pack_as(&program, about, Arch::X86, &terms(), &key()).unwrap();
        manifest.program.bytes = 70_000;
        let mut written = Vec::new();
        let signed = Signed { manifest, signer: key().public(), at: 0 };
        let frame = &file[file.len() - signed.manifest.program.packed_bytes as usize..];
        let error = signed.unpack(frame, &mut written).unwrap_err().to_string();
        assert!(error.contains("longer than the manifest"), "{error}");
        assert!(written.len() <= 70_000, "{}", written.len());
    }

    #[test]
    fn what_says_nothing_of_itself_is_not_packed() {
        let error = |program: &[u8]| pack(program, &terms(), &key()).unwrap_err().to_string();
        assert!(error(b"#!/bin/sh").contains("not a Linux program"));
        assert!(error(&program()[..20]).contains("does not say its version"));
        let terms = Terms { valid_days: 0, ..terms() };
        assert!(pack(&program(), &terms, &key()).is_err());
    }

    #[test]
    fn any_bytes_do_not_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            let file = [MAGIC.as_slice(), &[FORMAT], &bytes].concat();
            let _ = Signed::read(&mut file.as_slice(), &trusted());
        });
    }
}
