//! A seeded market that speaks the venues' own wire formats, without I/O.
//!
//! ```text
//!  market    one event list per instrument  ──►  kraken      ──►  frames, HTTP answers
//!            (price, order flow, book, tape) ──►  binance_us  ──►  frames, HTTP answers
//!                                            ├─►  coinbase    ──►  frames, HTTP answers
//!                                            ├─►  kucoin      ──►  frames, HTTP answers
//!                                            └─►  truth        what really happened, for tests
//! ```
//!
//! Everything a client can see is derived from the event list of [`market`], so books, trades, candles and tickers agree
//! to the last digit. Time is an argument ([`Sim::advance`]); the same settings and the same calls give the same bytes
//! on every machine.

mod batch;
mod binance_us;
mod coinbase;
pub mod fault;
pub mod frame;
mod kraken;
mod kucoin;
pub mod limits;
mod market;
mod outbox;
mod presets;
pub mod recorded;
mod request;
mod server;
pub mod settings;
pub mod sim;
mod text;
pub mod truth;
mod view;
mod witness;

pub use fault::{Fault, Injected};
pub use frame::{Arrived, ConnectionId, HttpAnswer, HttpMethod, HttpRequest, Refused, ServerFrame};
pub use limits::BrokenLimit;
pub use recorded::{Recording, RecordingError};
pub use settings::{AssetSettings, ListingSettings, SimSettings};
pub use sim::Sim;
pub use truth::{TradeDigest, TradesSoFar, Truth, TruthTrade};
