//! What a text says of the market, by three engines, and how often they are right.
//!
//! ```text
//! text --normalise--> content hash --+--> lexicon (rules and weighted words, microseconds)
//!                                    +--> finbert (tokens here, the network in `infer::text`)   --> Opinion --> aggregate
//!                                    +--> ollama  (a language model on the same machine or LAN)
//! ```
//!
//! Pure: no clock, no files, no sockets. Times are arguments, and what is to be sent or read comes and goes as values. An engine that
//! cannot tell says so ([`Opinion::NoOpinion`]); a missing score is never a zero.

pub mod aggregate;
pub mod finbert;
pub mod lexicon;
pub mod measure;
pub mod ollama;
mod score;
mod text;

pub use lexicon::Lexicon;
pub use score::{Engine, Identity, Label, NoOpinion, Opinion, Probabilities, Score};
pub use text::{ContentHash, Part, content_hash, normalise, part_of};
