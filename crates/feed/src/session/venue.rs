//! What the session of every venue can do.

use core::fmt;

use types::Timestamp;

use crate::io::{FeedInput, FeedOutput};
use crate::session::{Advice, Link, Market};
use crate::settings::FeedSettings;
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

    /// On this connection everything that can be subscribed was, and was answered: from here on no trade is missed.
    fn is_settled(&self) -> bool;

    /// False while the venue says that it is in maintenance or restricted.
    fn is_venue_online(&self) -> bool {
        true
    }

    /// What it was made with.
    fn settings(&self) -> &FeedSettings;

    /// Its connection.
    fn link(&self) -> &Link;

    /// Its connection.
    fn link_mut(&mut self) -> &mut Link;

    /// Its instruments, in the order of the settings.
    fn markets(&self) -> Vec<&Market>;

    /// Its instruments, in the order of the settings.
    fn markets_mut(&mut self) -> Vec<&mut Market>;

    /// How it is doing.
    fn status(&self) -> FeedStatus {
        let link = self.link();
        FeedStatus {
            venue: self.settings().venue,
            is_connected: link.connected_at.is_some(),
            connected_at: link.connected_at,
            connections: link.connections,
            is_venue_online: self.is_venue_online(),
            frames: link.frames,
            last_frame_at: link.last_frame_at,
            rejected: link.rejected,
            venue_ahead_ns: link.clock.ahead_ns(),
            requests_blocked_until: None,
            listed: link.listings.all(),
            instruments: self.markets().into_iter().map(Market::status).collect(),
        }
    }
}

/// The methods of [`VenueSession`] that are the same for all venues. A session has the fields `settings`, `link`,
/// `outbox`, `requests` and the one named here, whose items have a `market`; and methods of its own: `connected`,
/// `disconnected` for what only it knows, `frame`, `answer`, and `poll` for what is due by time.
macro_rules! common_methods {
    ($items:ident) => {
        fn handle(&mut self, at: Timestamp, input: $crate::io::FeedInput<'_>, out: &mut Vec<FeedOutput>) {
            use $crate::io::FeedInput;
            use $crate::session::Answer;

            if matches!(input, FeedInput::Disconnected(_) | FeedInput::Refused { .. })
                || (matches!(input, FeedInput::Connected(_)) && self.link.connected_at.is_some())
            {
                self.link.disconnected();
                self.outbox.clear();
                self.requests.forget();
                for item in &mut self.$items {
                    item.market.disconnected(types::market::StaleReason::Disconnected, out);
                }
                self.disconnected(at, out);
            }
            match input {
                FeedInput::Connected(_) => {
                    self.link.connected(at);
                    self.connected(at);
                }
                FeedInput::Frame(_, bytes) => {
                    self.link.heard(at);
                    self.frame(at, bytes, out);
                }
                FeedInput::Response { request, status, body, .. } => {
                    self.answer(at, request, Answer::Response { status, body }, out);
                }
                FeedInput::Failed { request } => self.answer(at, request, Answer::Failed, out),
                FeedInput::Disconnected(_) | FeedInput::Refused { .. } | FeedInput::Pong(_) | FeedInput::Deadline => {}
            }
            self.poll(at, out);
        }

        fn advice(&mut self) -> $crate::session::Advice {
            self.requests.take_advice()
        }

        fn settings(&self) -> &FeedSettings {
            &self.settings
        }

        fn link(&self) -> &Link {
            &self.link
        }

        fn link_mut(&mut self) -> &mut Link {
            &mut self.link
        }

        fn markets(&self) -> Vec<&Market> {
            self.$items.iter().map(|item| &item.market).collect()
        }

        fn markets_mut(&mut self) -> Vec<&mut Market> {
            self.$items.iter_mut().map(|item| &mut item.market).collect()
        }
    };
}

pub(crate) use common_methods;
