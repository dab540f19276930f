//! What the session of every venue is made of.
//!
//! | part | noun |
//! |---|---|
//! | [`Dial`] | when to connect |
//! | [`Link`] | the connection: is it up, when was it heard, what was rejected |
//! | [`Outbox`] | messages to send, spaced as the venue demands |
//! | [`Requests`] | what is wanted by REST, each thing once |
//! | [`Market`] | what is known and counted of one wanted instrument |
//! | [`BookWatch`] | whether an instrument's books are still told |
//! | [`Publisher`] | when a book is shown |
//! | [`TradeGate`] | which trades are new, which are missing |
//! | [`TradeTally`] | whether all trades of a minute were told |
//! | [`Repair`] | when missing trades are asked for, when they are given up |
//! | [`Retry`] | how long to wait before trying again |
//! | [`Subscription`] | one channel of one instrument, as far as the venue has answered |
//! | [`TickerPace`] | how often a venue's own summary is given out |
//! | [`VenueSession`] | what the session of every venue can do |
//! | `handover` | from one connection to the next without a hole |
//! | `clock` | what time it is at the venue |

mod book_watch;
mod clock;
mod dial;
mod handover;
mod link;
mod market;
mod outbox;
mod publisher;
mod repair;
mod requests;
mod retry;
mod seen;
mod subscription;
mod ticker_pace;
mod trade_gate;
mod trade_tally;
mod venue;

pub(crate) use book_watch::{BookWatch, PROOF_PATIENCE};
pub(crate) use dial::Dial;
pub(crate) use link::Link;
pub(crate) use market::Market;
pub(crate) use outbox::Outbox;
pub(crate) use publisher::Publisher;
pub(crate) use repair::Repair;
pub(crate) use requests::{Advice, Answer, Call, Requests};
pub(crate) use retry::Retry;
pub(crate) use subscription::Subscription;
pub(crate) use ticker_pace::TickerPace;
pub(crate) use trade_gate::{Gap, Numbering, Passed, TradeGate};
pub(crate) use trade_tally::{Lack, TradeTally};
pub(crate) use venue::{VenueSession, common_methods};

use types::Timestamp;

/// The earlier of two points in time, where there are any.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}

/// True when the time is set and has come.
pub(crate) fn is_due(time: Option<Timestamp>, at: Timestamp) -> bool {
    time.is_some_and(|time| time <= at)
}
