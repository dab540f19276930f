//! The appliance: everything that touches the world. It carries bytes and values between sockets, files, threads and
//! browsers, and leaves the thinking to `feed` and `engine`.
//!
//! ```text
//!  venue tasks --+                    +--> inference thread --+
//!  timers -------+--> engine thread --+--> store thread       |
//!  browsers -----+         ^          +--> browsers           |
//!                          +----------------------------------+
//! ```

mod access;
mod accounts;
mod appliance;
mod backfill;
mod backup;
mod bucket;
mod card;
mod chart;
pub mod cli;
mod clock;
mod conditions;
pub mod config;
mod day;
mod engine_thread;
mod exporter;
mod gauges;
mod housekeeping;
mod import;
mod inference_thread;
mod kept;
mod latency;
mod log;
mod machine;
mod market_server;
mod models;
mod monitor;
mod newsroom;
mod notify;
mod opportunities;
mod panel;
mod projection;
mod publisher;
mod recordings;
mod recovery;
mod replay;
mod risk;
mod scoreboard;
mod seals;
mod sentiment;
mod settings;
mod store_thread;
mod supervisor;
mod trades;
mod update;
mod venue;
mod web;

pub use appliance::{Appliance, Door, Running, Setup};
pub use clock::Clock;
pub use market_server::MarketServer;
pub use supervisor::Supervisor;
pub use update::Launched;
