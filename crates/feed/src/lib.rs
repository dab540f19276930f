//! Venue protocols without I/O: messages of a venue go in with their time; proven books, trades, candles, and what is
//! to be sent and requested come out.
//!
//! ```text
//!            Connected, Disconnected, Frame, Pong, Response, Failed, Deadline
//!                                     |  at
//!                                     v
//!   Feed ── kraken | binance_us | coinbase | kucoin ::Session   (one folder per venue, the same file names in each)
//!                                     |
//!                                     v
//!            Event(Input), Connect, Send, Ping, Request, Reconnect, Rejected
//! ```
//!
//! A venue's folder holds `mod.rs` (the session: its state and what time alone brings about), `heard.rs` (what follows
//! from a message), `asked.rs` (what is sent and requested, and what follows from answers), `messages.rs` (the wire),
//! `book.rs` (how a book is proven), `instruments.rs` (rules of instruments) and `rest.rs` (paths and bodies). Another
//! venue is another such folder, a line in `feed/lane.rs`, and its recordings in `capture`.
//!
//! [`capture`] runs recorded files through the same book machines.

pub mod backfill;
pub mod capture;
pub mod io;
pub mod limiter;
pub mod rest;
pub mod settings;
pub mod status;

mod binance_us;
mod book;
mod coinbase;
mod decode;
mod digits;
mod feed;
mod kraken;
mod kucoin;
mod level;
mod listing;
mod number;
mod quality;
mod scan;
mod session;
mod symbols;
mod synced;
mod times;

#[cfg(test)]
mod any_bytes;

pub use feed::Feed;
pub use io::{
    FeedInput, FeedOutput, LinkId, Method, Priority, ReconnectReason, RejectReason, Rejection, Request, RequestId,
    Target,
};
pub use kucoin::{KucoinBook, KucoinSettings};
pub use limiter::{Limiter, Limits};
pub use listing::Listing;
pub use settings::{Bases, FeedSettings, SettingsError, Wanted, default_bases};
pub use status::{BookState, FeedStatus, InstrumentStatus};

use types::Venue;

/// The venues whose protocol is spoken.
pub const SPOKEN: [Venue; 4] = Venue::ALL;
