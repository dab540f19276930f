//! A language model behind Ollama, without I/O.
//!
//! ```text
//! Job --Client::submit--> bounded queue --Client::poll--> Request (version, tags, show, chat), one at a time
//!                                                             |
//! Opinion <--answer::read-- body <--the caller's HTTP client--+   or Outcome: refused, broken, too large
//! ```
//!
//! [`prompt`] makes what is asked, [`answer`] reads what comes back, [`Client`] decides what is asked when, in virtual time. The text is
//! never trusted: it is data between markers, the shape of the answer is forced, and an answer can only be a number, a label and a
//! confidence. The HTTP interface is Ollama's `docs/api.md`.

pub mod answer;
mod client;
pub mod prompt;

pub use client::{Client, Config, Job, Method, Outcome, Output, Request, State, Status};
