//! What the simulator needs from a venue: one implementation in each venue's folder.

use core::fmt;

use types::Timestamp;

use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::limits::Breaches;
use crate::market::Market;
use crate::market::listing::Step;
use crate::request::Request;

/// A moment at the market, as every call sees it: what has happened up to `at`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'a> {
    pub(crate) at: Timestamp,
    pub(crate) market: &'a Market,
}

/// The first point after `at` of a grid that is counted from the epoch.
pub(crate) fn next_on_grid(at: Timestamp, grid_ns: i64) -> Timestamp {
    Timestamp::from_nanos((at.as_nanos().div_euclid(grid_ns) + 1) * grid_ns)
}

/// One venue's side of all its connections.
pub(crate) trait VenueServer: fmt::Debug + Send {
    /// Opens a connection.
    fn connect(&mut self, now: Now<'_>, id: ConnectionId, request: &Request) -> Result<(), Refused>;
    /// A text message came in.
    fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str);
    /// A pong came in.
    fn pong(&mut self, now: Now<'_>, id: ConnectionId);
    /// The client is gone, or has read the close frame.
    fn disconnect(&mut self, id: ConnectionId);
    /// Moves what was sent to `out`; true when the connection is closed.
    fn poll(&mut self, id: ConnectionId, out: &mut Vec<ServerFrame>) -> bool;
    /// Answers an HTTP request.
    fn http(&mut self, now: Now<'_>, request: &Request) -> HttpAnswer;
    /// `step` has just happened at `listing`, which may be another venue's.
    fn on_step(&mut self, now: Now<'_>, listing: usize, step: &Step);
    /// A minute has just ended.
    fn on_minute(&mut self, now: Now<'_>);
    /// The message in which the venue pushes the rules of all instruments, where it does.
    fn pushed_rules(&self, _now: Now<'_>) -> Option<String> {
        None
    }
    /// When [`VenueServer::on_timer`] wants to be called.
    fn next_timer(&self) -> Timestamp;
    /// Does what is due by now.
    fn on_timer(&mut self, now: Now<'_>);
    /// The limits that clients have broken.
    fn breaches(&mut self) -> &mut Breaches;
}
