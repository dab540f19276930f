//! The vocabulary that every part of Tickerbox shares.
//!
//! Values only: nothing here reads a clock, a file, a socket or randomness. Money is integers at
//! declared decimals ([`money`]); floating point begins at the feature boundary and never comes back.
//!
//! Enum variants of anything that is journalled ([`input`], [`effect`] and what they hold) are only
//! appended, never reordered or removed: their postcard encoding is an on-disk format.

pub mod account;
pub mod arbitrage;
pub mod breaker;
pub mod date;
pub mod decimal;
pub mod effect;
pub mod fee;
pub mod input;
pub mod instrument;
pub mod legacy;
pub mod market;
pub mod money;
pub mod order;
pub mod quality;
pub mod rename;
pub mod settings;
pub mod time;
pub mod why;

pub use account::{AccountDay, AccountId, AccountPosition, AccountPurse, AccountRecord, DayVolume, Lot, Tally};
pub use arbitrage::{ArbitrageEndReason, ArbitrageRecord, ArbitrageSize, AttemptEnd, AttemptRecord};
pub use breaker::{BreakerCause, BreakerRecord, BreakerScope};
pub use date::Date;
pub use effect::{Effect, Effects, Record, RulesRecord, StatusRecord};
pub use input::{Input, Stamped};
pub use instrument::{Instrument, InstrumentId, Scale, Venue};
pub use market::{Aggressor, BookTop, Candle, Level, Side, Ticker, Timeframe, Trade, TradingStatus};
pub use money::{Cash, Position, Ppm, Price, Qty, Rounding};
pub use order::{Fill, Order, OrderId};
pub use quality::QualityMinute;
pub use time::Timestamp;
pub use why::{ArrivalRecord, WhyRecord};
