//! The connection of a session.

use std::time::Duration;

use types::time::NS_PER_MIN;
use types::{InstrumentId, Timestamp};

use crate::decode::DecodeError;
use crate::io::{FeedOutput, LinkId, ReconnectReason, RejectReason, Rejection};
use crate::listing::Listings;
use crate::session::clock::VenueClock;
use crate::status::Rejected;

/// Unreadable messages in a minute from which on a connection is given up, if most of what it says is unreadable.
const GARBLED_MAX: u64 = 100;

/// Is the connection up, when was it heard, and what of it was rejected.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) connected_at: Option<Timestamp>,
    pub(crate) connections: u64,
    pub(crate) frames: u64,
    pub(crate) last_frame_at: Option<Timestamp>,
    pub(crate) rejected: Rejected,
    pub(crate) clock: VenueClock,
    pub(crate) listings: Listings,
    /// Messages received in this minute, and those of them that could not be read.
    minute: (Timestamp, u64, u64),
    /// The venue said that it will close this connection.
    is_ending: bool,
    /// A new connection was asked for and this one is only waited out.
    is_given_up: bool,
    /// When a sign of life was last asked for on this connection.
    asked_at: Option<Timestamp>,
}

impl Link {
    pub(crate) fn new(id: LinkId) -> Self {
        Self {
            id,
            connected_at: None,
            connections: 0,
            frames: 0,
            last_frame_at: None,
            rejected: Rejected::default(),
            clock: VenueClock::default(),
            listings: Listings::default(),
            minute: (Timestamp::EPOCH, 0, 0),
            is_ending: false,
            is_given_up: false,
            asked_at: None,
        }
    }

    pub(crate) fn connected(&mut self, at: Timestamp) {
        self.connected_at = Some(at);
        self.connections += 1;
        self.is_ending = false;
        self.is_given_up = false;
        self.asked_at = None;
        self.clock = VenueClock::default();
        self.minute = (at.floor_to(NS_PER_MIN), 0, 0);
    }

    pub(crate) fn disconnected(&mut self) {
        self.connected_at = None;
        self.is_ending = false;
        self.is_given_up = false;
    }

    pub(crate) fn is_up(&self) -> bool {
        self.connected_at.is_some() && !self.is_given_up
    }

    pub(crate) fn heard(&mut self, at: Timestamp) {
        self.frames += 1;
        self.last_frame_at = Some(at);
        let minute = at.floor_to(NS_PER_MIN);
        if self.minute.0 != minute {
            self.minute = (minute, 0, 0);
        }
        self.minute.1 += 1;
    }

    /// Most of what is heard cannot be read.
    pub(crate) fn is_garbled(&self) -> bool {
        let (_, heard, unreadable) = self.minute;
        unreadable >= GARBLED_MAX && unreadable * 2 > heard
    }

    /// When something was last heard on this connection; its start where nothing was.
    pub(crate) fn heard_at(&self) -> Option<Timestamp> {
        self.connected_at.map(|since| self.last_frame_at.map_or(since, |last| last.max(since)))
    }

    /// When a sign of life is to be asked for next: `after` silence, and `after` since the last question.
    pub(crate) fn question_at(&self, after: Duration) -> Option<Timestamp> {
        if !self.is_up() {
            return None;
        }
        self.heard_at().max(self.asked_at).map(|last| last.plus(after))
    }

    pub(crate) fn asked(&mut self, at: Timestamp) {
        self.asked_at = Some(at);
    }

    /// When a sign of life is to be sent next, whatever is heard: `every` after the last one or the start.
    pub(crate) fn ping_at(&self, every: Duration) -> Option<Timestamp> {
        if self.is_up() { self.asked_at.or(self.connected_at).map(|last| last.plus(every)) } else { None }
    }

    /// The venue said that it will close the connection: another one is prepared while this one is still heard.
    pub(crate) fn ends_soon(&mut self) {
        self.is_ending = true;
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Counts on from where `old` stands.
    pub(crate) fn take_over(&mut self, old: &Self) {
        self.connections += old.connections;
        self.frames += old.frames;
        self.last_frame_at = self.last_frame_at.max(old.last_frame_at);
        self.rejected.add(&old.rejected);
    }

    pub(crate) fn reconnect(&mut self, reason: ReconnectReason, out: &mut Vec<FeedOutput>) {
        if self.is_up() {
            self.is_given_up = true;
            out.push(FeedOutput::Reconnect(self.id, reason));
        }
    }

    pub(crate) fn reject(&mut self, rejection: Rejection, out: &mut Vec<FeedOutput>) {
        self.rejected.count(rejection.reason);
        self.minute.2 += u64::from(rejection.reason == RejectReason::Malformed);
        out.push(FeedOutput::Rejected(rejection));
    }

    /// A message that cannot be used.
    pub(crate) fn refuse(&mut self, error: DecodeError, received: &[u8], out: &mut Vec<FeedOutput>) {
        self.reject(Rejection::new(error.reason, error, received), out);
    }

    pub(crate) fn reject_of(
        &mut self,
        instrument: InstrumentId,
        reason: RejectReason,
        detail: impl core::fmt::Display,
        received: &[u8],
        out: &mut Vec<FeedOutput>,
    ) {
        self.reject(Rejection::new(reason, detail, received).of(instrument), out);
    }
}
