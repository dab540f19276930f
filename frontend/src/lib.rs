//! The dashboard: one page that reads [`wire`] messages over one WebSocket and draws them.
//!
//! Everything that needs no browser lives in modules that build and are tested on the host: the reducer ([`state`]), the
//! words and numbers ([`format`], [`sentence`], [`between`]), the pages as data ([`pages`]) and as elements ([`markup`]), the book ladder ([`ladder`]), addresses ([`address`]), reconnecting
//! ([`backoff`]) and chart geometry ([`chart`]). The page itself (`ui`) is built for wasm32 alone.

pub mod address;
pub mod backoff;
pub mod between;
pub mod calendar;
pub mod chart;
pub mod export;
pub mod format;
pub mod ladder;
pub mod link;
pub mod markup;
pub mod pages;
pub mod sentence;
pub mod state;
#[cfg(target_arch = "wasm32")]
pub mod ui;
pub mod way;
