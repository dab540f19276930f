//! The deterministic middle of Tickerbox: one input with its time goes in, effects come out.
//!
//! ```text
//! Stamped<Input> ─► Engine::handle ─► market (book, candles, features, forecasts)
//!                                        │ forecast or closed minute
//!                                        ▼
//!                                     signal ─► risk ─► paper ─► portfolio ─► Effects
//!                                     wants     Approved  fills   cash and
//!                                     an order  <Order>           positions
//!                                  arbitrage ─► Effects: what several venues' books of one base would leave after fees
//! ```
//!
//! [`Engine::handle`] is the only way to change anything. It cannot fail: odd input is a counted [`rejection`].
//! The whole state is one serialisable value, which is the checkpoint of a replay: the same inputs on the same state give
//! the same effects, byte for byte, on every machine.

pub mod arbitrage;
pub mod book;
pub mod candle;
mod desk;
mod desks;
mod engine;
pub mod feature;
pub mod forecast;
pub mod market;
pub mod mood;
pub mod notice;
pub mod paper;
pub mod portfolio;
pub mod quality;
pub mod rehearsal;
pub mod rejection;
pub mod risk;
pub mod seal;
pub mod signal;
pub mod skill;
pub mod stats;
pub mod view;

pub use engine::{Engine, STATE_VERSION, TIME_MAX};
