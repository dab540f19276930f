//! What the session of every venue is made of.
//!
//! | part | noun |
//! |---|---|
//! | [`Dial`] | when to connect |
//! | [`Link`] | the connection: is it up, when was it heard, what was rejected |
//! | [`Outbox`] | messages to send, spaced as the venue demands |
//! | [`Requests`] | REST requests: one queue, one breaker, a weight budget |
//! | [`Market`] | what is known and counted of one wanted instrument |
//! | [`Publisher`] | when a book is shown |
//! | [`TradeGate`] | which trades are new |
//! | [`Retry`] | how long to wait before trying again |
//! | `clock` | what time it is at the venue |

mod clock;
mod dial;
mod link;
mod market;
mod outbox;
mod publisher;
mod requests;
mod retry;
mod trade_gate;

pub(crate) use dial::Dial;
pub(crate) use link::Link;
pub(crate) use market::Market;
pub(crate) use outbox::Outbox;
pub(crate) use publisher::Publisher;
pub(crate) use requests::{Answer, Limits, Requests};
pub(crate) use retry::Retry;
pub(crate) use trade_gate::{Passed, TradeGate};

use types::Timestamp;

/// The earlier of two points in time, where there are any.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}

/// True when the time is set and has come.
pub(crate) fn is_due(time: Option<Timestamp>, at: Timestamp) -> bool {
    time.is_some_and(|time| time <= at)
}
