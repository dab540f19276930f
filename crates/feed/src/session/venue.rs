//! What the session of every venue can do.

use core::fmt;

use types::Timestamp;

use crate::io::{FeedInput, FeedOutput};
use crate::session::Advice;
use crate::status::FeedStatus;

/// One venue's protocol on one connection. Everything that is not the venue's own is done around it by the
/// [`Feed`](crate::Feed): when to connect, the venue's limits, and the change from one connection to the next.
pub(crate) trait VenueSession: fmt::Debug + Send {
    /// It is time to connect: asks for the connection with [`FeedOutput::Connect`], at once or when what must be known
    /// before is known. Where that cannot be had, it says [`FeedOutput::Reconnect`], and is told of a disconnection.
    fn connect(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>);

    /// Takes one input; what follows is appended to `out`.
    fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>);

    /// When [`FeedInput::Deadline`] is wanted next.
    fn deadline(&self) -> Option<Timestamp>;

    /// What was learned about the venue's limits since the last time.
    fn advice(&mut self) -> Advice;

    /// How it is doing.
    fn status(&self) -> FeedStatus;
}
