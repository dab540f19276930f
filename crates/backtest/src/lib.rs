//! What trading would have come to: the box's own engine over recorded days or over candle files, and an honest
//! judgement of that.
//!
//! ```text
//! journal days ─┐                       settings, seats, answer_after
//! candle files ─┴─► Source::play ─► Trial::run ──Effect::Infer──► Answerer
//!                     time, Input      │   ▲                         │
//!                                      │   └─────Input::Answer───────┘
//!                                      ▼
//!                                   Outcome: per account equity by hours and days, finished trades, fees, refusals
//!                                      │
//!     sweep::run: many variants, counted in a Ledger ─► Report::of ─► JSON, plain text, one HTML page
//!     peek::look: the same trial over a source whose future was removed ─► findings of look-ahead
//!     what_if::ask: the same trial with other fees, sizes and delays, beside what was recorded
//!     Plan::run: all of these, as the commands do them
//! ```
//!
//! Nothing here computes a feature, a fill or a balance: the engine does, as on the box, and what a backtest tells is
//! read from its effects. Nothing reads a clock: the same source, settings and answers give the same report, byte for
//! byte.
//!
//! Every result stands beside its controls (nothing at all, buying and holding, trading as often at random) and beside
//! the number of trials it is the best of: [`Ledger`] counts those of earlier sweeps over the same data too.

pub mod answers;
mod cost;
pub mod dial;
mod error;
mod gather;
pub mod ledger;
pub mod peek;
pub mod plan;
mod recorded;
pub mod report;
pub mod source;
pub mod sweep;
pub mod trial;
pub mod what_if;

pub use cost::Cost;
pub use dial::Dial;
pub use error::{BacktestError, Result};
pub use gather::{AccountOutcome, ClosedTrade};
pub use ledger::Ledger;
pub use plan::Plan;
pub use report::Report;
pub use source::Source;
pub use trial::{Answerer, Outcome, Trial};
