//! What the browser may see: one WebSocket, binary postcard messages, and the answers under `/api/v1` ([`api`]); no engine
//! types.
//!
//! The server speaks first with [`ServerMessage::Hello`]; postcard does not describe itself, so a page whose
//! [`PROTOCOL`] differs must reload and read nothing else. Then the server sends [`ServerMessage::Catalogue`] and
//! [`ServerMessage::Overview`], and on each [`ClientMessage::Watch`] a [`ServerMessage::Market`] with history, followed
//! by [`ServerMessage::Tick`]s. One encoded message is shared by all browsers that watch the same thing.
//!
//! Prices and quantities are integers at the digits of their [`Instrument`]; cash is in 10^-8 of quote currency; times are
//! milliseconds UTC.
// What describes the answers is made of the standard library.
#![cfg_attr(not(feature = "schema"), no_std)]

extern crate alloc;

pub mod api;
mod message;

pub use message::*;
