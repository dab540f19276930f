//! How far an instrument's data may be trusted: what was heard of it minute by minute.

mod integrity;

pub use integrity::{Break, Integrity};
