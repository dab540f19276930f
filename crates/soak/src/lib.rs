//! A box without a box: the real feeds and the real engine against the simulator, in virtual time, judged by what really
//! happened.
//!
//! ```text
//!          Sim (market, venues, faults)
//!            ▲ │  frames, answers          network: seeded latencies
//!   messages │ ▼
//!          Driver per venue ── Feed ──► events ──► Engine
//!                                          └─────► Judge ◄── truth of Sim
//! ```
//!
//! | module | noun |
//! |---|---|
//! | [`world`] | everything together, and the clock that drives it |
//! | [`driver`] | one venue's feed with its connections and requests, as the appliance drives it |
//! | [`network`] | how long things take |
//! | [`judge`] | books, trades and candles compared with the truth |
//! | [`diary`] | what a feed did, for tests that assert a reaction |
//! | [`plan`] | the fault table as faults at random times |
//! | [`report`] | the outcome |

pub mod diary;
pub mod driver;
pub mod judge;
pub mod network;
pub mod plan;
pub mod report;
pub mod world;

pub use diary::{Diary, Entry, What};
pub use driver::Driver;
pub use network::Network;
pub use plan::Row;
pub use report::{Report, Score};
pub use world::{Settings, World};
