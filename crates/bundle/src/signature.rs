//! The signature file.
//!
//! Three lines of text:
//!
//! ```text
//! tickerbox-signature 1
//! key <public key, 64 hexadecimal digits>
//! signature <ed25519 signature, 128 hexadecimal digits>
//! ```
//!
//! What is signed is the 18 bytes `tickerbox bundle 1` and then the 32 bytes of the SHA-256 of `manifest.json` as stored.
//! The prefix ([`Purpose`]) keeps a signature for a bundle from ever being one for something else. The manifest holds the
//! digests of the other files, so the signature covers all of them.

use crate::{BundleError, Digest, PublicKey, SIGNATURE_NAME, SecretKey, TrustedKeys, hex};

/// Newest format of the signature file.
pub const FORMAT: u32 = 1;
const HEADER: &str = "tickerbox-signature ";

/// What a signature is for: one for one thing is none for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A model bundle.
    Bundle,
    /// An update of the box's program.
    Update,
}

impl Purpose {
    const fn context(self) -> &'static [u8] {
        match self {
            Self::Bundle => b"tickerbox bundle 1",
            Self::Update => b"tickerbox update 1",
        }
    }

    fn message(self, manifest: &[u8]) -> Vec<u8> {
        [self.context(), &Digest::of(manifest).0].concat()
    }
}

/// The text of the signature file of a bundle, for its manifest as stored.
#[must_use]
pub fn sign(manifest: &[u8], key: &SecretKey) -> String {
    sign_for(Purpose::Bundle, manifest, key)
}

/// The text of the signature file for a manifest as stored.
#[must_use]
pub fn sign_for(purpose: Purpose, manifest: &[u8], key: &SecretKey) -> String {
    let signature = hex::encode(&key.sign(&purpose.message(manifest)));
    format!("{HEADER}{FORMAT}\nkey {}\nsignature {signature}\n", key.public())
}

/// Checks the signature file of a bundle against its manifest as stored and returns the signer.
///
/// # Errors
/// The text is no signature file or a newer one, the signer is not trusted, or the signature is not his.
pub fn verify(manifest: &[u8], text: &[u8], trusted: &TrustedKeys) -> Result<PublicKey, BundleError> {
    verify_for(Purpose::Bundle, manifest, text, trusted)
}

/// As [`verify`], for any purpose.
///
/// # Errors
/// As [`verify`]; a signature for another purpose is not his.
pub fn verify_for(
    purpose: Purpose,
    manifest: &[u8],
    text: &[u8],
    trusted: &TrustedKeys,
) -> Result<PublicKey, BundleError> {
    let bad = BundleError::SignatureText;
    let text = core::str::from_utf8(text).map_err(|_| bad("not text"))?;
    let lines: Vec<&str> = text.strip_suffix('\n').ok_or(bad("does not end with a line end"))?.split('\n').collect();
    let format = lines.first().and_then(|line| line.strip_prefix(HEADER)).ok_or(bad("not a signature file"))?;
    match format.parse::<u32>() {
        Ok(found) if found > FORMAT => {
            return Err(BundleError::NewerFormat { name: SIGNATURE_NAME, found, known: FORMAT });
        }
        Ok(_) if format == "1" => {}
        _ => return Err(bad("unknown format number")),
    }
    let [_, key, signature] = lines[..] else { return Err(bad("three lines are expected")) };
    let key = key.strip_prefix("key ").and_then(hex::decode_array).ok_or(bad("the key line is damaged"))?;
    let key = PublicKey::from_bytes(&key).ok_or(bad("the key is not a valid one"))?;
    let signature = signature.strip_prefix("signature ").and_then(hex::decode_array);
    let signature = signature.ok_or(bad("the signature line is damaged"))?;
    if !trusted.contains(&key) {
        return Err(BundleError::UnknownKey { key, trusted: trusted.len() });
    }
    if !key.verifies(&purpose.message(manifest), &signature) {
        return Err(BundleError::SignatureMismatch { key });
    }
    Ok(key)
}
