//! Model bundles: what a model is, where it came from, and the proof that nobody changed it on the way.
//!
//! A bundle is a folder with `manifest.json`, the files its manifest lists (one `model.onnx`, usually a model card) and
//! `manifest.sig`; as one file it travels as a [`container`] (`.tbx`). Nothing else may lie in it. The format is
//! documented field by field in [`manifest`], [`signature`] and [`container`].
//!
//! ```text
//! trainer:  Manifest + model.onnx --pack--> Bundle --sign--> folder or .tbx
//! box:      folder or .tbx --load--> sizes, signature, format, manifest, files --> VerifiedBundle --> infer
//! ```
//!
//! [`VerifiedBundle`] has no other constructor than [`load`] and [`Bundle::verify`]: whoever holds one holds bytes that a
//! trusted key signed.

pub mod container;
mod digest;
mod error;
mod hex;
pub mod key;
mod load;
pub mod manifest;
pub mod pack;
pub mod signature;

pub use digest::Digest;
pub use error::BundleError;
pub use key::{PublicKey, SecretKey, TrustedKeys};
pub use load::{VerifiedBundle, load};
pub use manifest::{
    Decision, Importance, Manifest, Member, Metrics, Probe, Search, Split, TensorSpec, Tolerance, Training, Verdict,
};
pub use pack::Bundle;

/// Name of the manifest in every bundle.
pub const MANIFEST_NAME: &str = "manifest.json";
/// Name of the signature in every bundle.
pub const SIGNATURE_NAME: &str = "manifest.sig";
/// Name of the model in every bundle.
pub const MODEL_NAME: &str = "model.onnx";
/// Name of the model card, which a bundle may lack.
pub const CARD_NAME: &str = "CARD.md";

/// Largest manifest that is read, bytes.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Largest signature file that is read, bytes.
pub const SIGNATURE_BYTES_MAX: u64 = 1 << 10;
/// Largest listed file that is read, bytes: far above what a Pi runs in time.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Most files a manifest may list.
pub const FILES_MAX: usize = 8;
