//! How far an instrument's data may be trusted.
//!
//! | part | noun |
//! |---|---|
//! | [`ClockStanding`] | how far a venue's clock and ours are apart |
//! | [`Integrity`] | the share of the last day in which the book was proven |
//! | `Guard` | which prices are believed, and what waits for confirmation |
//! | `TradeIds` | which trades were taken |
//! | `VenueTime` | what time it is at a venue |

mod clock_watch;
mod guard;
mod integrity;
mod trade_ids;
mod venue_time;

pub use clock_watch::ClockStanding;
pub(crate) use clock_watch::ClockWatch;
pub(crate) use guard::{Guard, Held, Judgement};
pub use integrity::{Break, Integrity};
pub(crate) use trade_ids::TradeIds;
pub(crate) use venue_time::{Explained, VenueTime};
