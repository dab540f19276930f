//! The simulator: one market, its venues, their connections, one virtual clock.

use types::{Timestamp, Venue};

use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::settings::SimSettings;
use crate::truth::Truth;

/// A market and the venues that show it.
#[derive(Debug)]
pub struct Sim {
    now: Timestamp,
}

impl Sim {
    /// Makes the market with its history and lets it run up to `settings.start`.
    ///
    /// # Panics
    /// When the settings do not describe a market (see [`SimSettings`]).
    #[must_use]
    pub fn new(settings: SimSettings) -> Self {
        Self { now: settings.start }
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets everything happen that happens up to and including `to`. An earlier time than now changes nothing.
    pub fn advance(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
    }

    /// When something will happen next; a server may sleep until then.
    #[must_use]
    pub fn next_event(&self) -> Timestamp {
        self.now
    }

    /// Opens a WebSocket connection.
    ///
    /// # Errors
    /// [`Refused`] with the HTTP status a real server would answer.
    pub fn connect(&mut self, venue: Venue, path_and_query: &str) -> Result<ConnectionId, Refused> {
        Err(Refused { status: 404, reason: format!("{venue} has no {path_and_query}") })
    }

    /// The client sent a text message. Ignored for a closed connection.
    pub fn receive(&mut self, _connection: ConnectionId, _text: &str) {}

    /// The client answered a ping. Ignored for a closed connection.
    pub fn pong(&mut self, _connection: ConnectionId) {}

    /// The client went away. No frame follows.
    pub fn disconnect(&mut self, _connection: ConnectionId) {}

    /// Moves all frames that the server has sent on this connection to the end of `out`. After
    /// [`ServerFrame::Close`] the connection is gone.
    pub fn poll(&mut self, _connection: ConnectionId, _out: &mut Vec<ServerFrame>) {}

    /// Answers a GET request.
    pub fn http(&mut self, venue: Venue, path_and_query: &str) -> HttpAnswer {
        HttpAnswer::json(404, format!("{venue} has no {path_and_query}"))
    }

    /// What really happened; `None` when the venue does not list the symbol (venue's WebSocket spelling).
    #[must_use]
    pub fn truth(&self, _venue: Venue, _symbol: &str) -> Option<Truth> {
        None
    }
}
