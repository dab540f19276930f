//! What the box answers under `/api/v1`: JSON for people, and the same in postcard for the page, which asks for
//! [`POSTCARD_TYPE`].
//!
//! Amounts of money, prices and quantities are decimal texts, so that nobody's floats change them; times are milliseconds
//! UTC; shares and rates are fractions of one.

mod access;
mod arbitrage;
mod chart;
mod data;
mod day;
mod logs;
mod models;
mod news;
mod notify;
mod risk;
mod settings;
mod setup;
mod skill;
mod system;
mod trading;
mod update;

pub use access::*;
pub use arbitrage::*;
pub use chart::*;
pub use data::*;
pub use day::*;
pub use logs::*;
pub use models::*;
pub use news::*;
pub use notify::*;
pub use risk::*;
pub use settings::*;
pub use setup::*;
pub use skill::*;
pub use system::*;
pub use trading::*;
pub use update::*;

/// The media type of answers in postcard, of this [`PROTOCOL`](crate::PROTOCOL) alone: a page of another one is told to reload.
pub const POSTCARD_TYPE: &str = "application/vnd.tickerbox.7+postcard";
