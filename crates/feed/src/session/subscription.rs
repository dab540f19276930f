//! One channel of one instrument, as far as the venue has answered.

use std::time::Duration;

use types::Timestamp;

use crate::session::Retry;

/// ```text
/// Off ──asked──> Asked ──answered──> Live
///                  └ refused or unanswered ──> Refused ──again_at──> Asked
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    state: State,
    refusals: Retry,
    /// Of requests that were not answered: who does not answer may do so the next time.
    silences: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    Asked { since: Timestamp },
    Live,
    Refused { again_at: Timestamp },
}

impl Subscription {
    pub(crate) const fn off() -> Self {
        Self { state: State::Off, refusals: Retry::refusal(), silences: Retry::silence() }
    }

    pub(crate) fn asked(&mut self, at: Timestamp) {
        self.state = State::Asked { since: at };
    }

    pub(crate) const fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    pub(crate) const fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.state, State::Live)
    }

    pub(crate) fn answered(&mut self) {
        self.state = State::Live;
    }

    pub(crate) fn refused(&mut self, at: Timestamp) {
        self.state = State::Refused { again_at: self.refusals.failed(at) };
    }

    /// No answer came in time.
    pub(crate) fn unanswered(&mut self, at: Timestamp) {
        self.state = State::Refused { again_at: self.silences.failed(at) };
    }

    pub(crate) fn disconnected(&mut self) {
        self.state = State::Off;
    }

    /// When the venue's patience with us, or ours with the venue, ends.
    pub(crate) fn times_out_at(&self, timeout: Duration) -> Option<Timestamp> {
        match self.state {
            State::Asked { since } => Some(since.plus(timeout)),
            _ => None,
        }
    }

    /// When a refused or unanswered subscription is to be tried again.
    pub(crate) fn again_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Refused { again_at } => Some(again_at),
            _ => None,
        }
    }
}
