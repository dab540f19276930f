//! What inputs caused, in 32 bytes.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use types::Effect;

/// A SHA-256. Shows itself in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Digest of all blocks of a day so far: SHA-256 of the digest before and the plain form of the next block, from
/// 32 zeros on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainDigest(pub(crate) Digest);

impl Default for ChainDigest {
    fn default() -> Self {
        Self(Digest([0; 32]))
    }
}

impl ChainDigest {
    /// With one more block.
    pub(crate) fn with(self, plain: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0.0);
        hasher.update(plain);
        Self(Digest(hasher.finalize().into()))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0.0
    }
}

/// Counts and digests effects as they come: the same effects in the same order give the same value everywhere.
#[derive(Clone, Debug, Default)]
pub struct EffectDigest {
    hasher: Sha256,
    count: u32,
    scratch: Vec<u8>,
}

impl EffectDigest {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the effects of the next input.
    pub fn add(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.scratch.clear();
            append(effect, &mut self.scratch);
            self.hasher.update(&self.scratch);
        }
        self.count += effects.len() as u32;
    }

    /// The number and the digest of all that was added, and starts again from nothing.
    pub fn take(&mut self) -> (u32, Digest) {
        let digest = Digest(self.hasher.finalize_reset().into());
        (std::mem::take(&mut self.count), digest)
    }
}

/// Appends the postcard encoding of `value`.
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    struct Append<'a>(&'a mut Vec<u8>);
    impl postcard::ser_flavors::Flavor for Append<'_> {
        type Output = ();
        fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
            self.0.push(byte);
            Ok(())
        }
        fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
            self.0.extend_from_slice(data);
            Ok(())
        }
        fn finalize(self) -> postcard::Result<()> {
            Ok(())
        }
    }
    postcard::serialize_with_flavor::<T, _, ()>(value, Append(bytes))
        .expect("our types have no sequences of unknown length and memory does not refuse bytes");
}
