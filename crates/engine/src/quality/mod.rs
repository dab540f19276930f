//! How far an instrument's data may be trusted: what was heard of it minute by minute, and which trades were taken.

mod integrity;
mod trade_ids;

pub use integrity::{Break, Integrity};
pub(crate) use trade_ids::TradeIds;
