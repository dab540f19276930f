//! Signing keys and who is trusted.
//!
//! A key file is one line of text: `ed25519-public <64 hexadecimal digits> <name>`, or `ed25519-secret ...` for the part
//! that stays with the signer. Lines that start with `#` are comments.

use core::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::{BundleError, hex};

/// Public keys that ship with the program, one per file of `models/keys`.
const BUILTIN: [&str; 1] = [include_str!("../../../models/keys/starter.pub")];

/// A public key, known to be a valid curve point and not a weak one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`BundleError::Key`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let bytes = parse_line(text, "ed25519-public")?;
        Self::from_bytes(&bytes).ok_or(BundleError::Key("not a valid ed25519 public key"))
    }

    /// From its 32 bytes; `None` for bytes that are no usable key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(|_| Self(*bytes))
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The text of its key file.
    #[must_use]
    pub fn to_text(&self, name: &str) -> String {
        format!("ed25519-public {self} {name}\n")
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(&self.0).expect("the constructor proved the point");
        key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret key. It prints as nothing.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From 32 bytes of good randomness.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`BundleError::Key`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        parse_line(text, "ed25519-secret").map(|bytes| Self::from_bytes(&bytes))
    }

    /// The text of its key file: keep it secret.
    #[must_use]
    pub fn to_text(&self, name: &str) -> String {
        format!("ed25519-secret {} {name}\n", hex::encode(self.0.as_bytes()))
    }

    /// The part for everybody.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// Whose bundles are accepted.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<PublicKey>);

impl TrustedKeys {
    /// The keys that ship with the program.
    #[must_use]
    pub fn builtin() -> Self {
        Self(BUILTIN.iter().map(|text| PublicKey::parse(text).expect("a test parses every built-in key")).collect())
    }

    /// These keys and no others.
    #[must_use]
    pub fn only(keys: &[PublicKey]) -> Self {
        Self(keys.to_vec())
    }

    /// Trusts one more.
    pub fn trust(&mut self, key: PublicKey) {
        if !self.contains(&key) {
            self.0.push(key);
        }
    }

    /// Whether this key is trusted.
    #[must_use]
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.contains(key)
    }

    /// How many keys are trusted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The 32 bytes of the first line that is not a comment.
fn parse_line(text: &str, kind: &str) -> Result<[u8; 32], BundleError> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = lines.next().ok_or(BundleError::Key("the file is empty"))?;
    if lines.next().is_some() {
        return Err(BundleError::Key("more than one line"));
    }
    let mut words = line.split_whitespace();
    match words.next() {
        Some(word) if word == kind => {}
        Some("ed25519-public") => return Err(BundleError::Key("this is a public key, a secret one is needed")),
        Some("ed25519-secret") => return Err(BundleError::Key("this is a secret key, the public one is needed")),
        _ => return Err(BundleError::Key("does not start with ed25519-public or ed25519-secret")),
    }
    let digits = words.next().ok_or(BundleError::Key("the digits are missing"))?;
    hex::decode_array(digits).ok_or(BundleError::Key("the key is not 64 lower-case hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_keys_are_valid() {
        assert_eq!(TrustedKeys::builtin().len(), BUILTIN.len());
    }

    #[test]
    fn key_files_round_trip_and_are_not_mixed_up() {
        let secret = SecretKey::from_bytes(&[7; 32]);
        let public = secret.public();
        assert_eq!(PublicKey::parse(&public.to_text("me")).expect("own text"), public);
        assert_eq!(SecretKey::parse(&secret.to_text("me")).expect("own text").public(), public);
        assert!(PublicKey::parse(&secret.to_text("me")).is_err());
        assert!(SecretKey::parse(&public.to_text("me")).is_err());
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    }

    #[test]
    fn weak_and_odd_keys_are_refused() {
        // The neutral point verifies anything for anybody.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert!(PublicKey::from_bytes(&neutral).is_none());
        for text in ["", "# only a comment", "ed25519-public", "ed25519-public 00", "rsa 00"] {
            assert!(PublicKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn any_text_does_not_panic() {
        proptest::proptest!(|(text: String)| { let _ = PublicKey::parse(&text); let _ = SecretKey::parse(&text); });
    }
}
