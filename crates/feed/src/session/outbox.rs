//! Messages to send, spaced as the venue demands.

use std::collections::VecDeque;
use std::time::Duration;

use types::Timestamp;

use crate::io::{FeedOutput, LinkId};

/// Messages that wait for their turn. What is put in is bounded by the sessions: a handful per instrument and connect.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    link: LinkId,
    spacing: Duration,
    waiting: VecDeque<String>,
    next_at: Option<Timestamp>,
}

impl Outbox {
    /// Leaves at least `spacing` between two messages.
    pub(crate) const fn new(link: LinkId, spacing: Duration) -> Self {
        Self { link, spacing, waiting: VecDeque::new(), next_at: None }
    }

    pub(crate) fn push(&mut self, message: String) {
        self.waiting.push_back(message);
    }

    /// Forgets everything: the connection is gone.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.next_at = None;
    }

    /// Sends the next message when its time has come.
    pub(crate) fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.next_at.is_some_and(|next| at < next) {
            return;
        }
        if let Some(message) = self.waiting.pop_front() {
            out.push(FeedOutput::Send(self.link, message));
            self.next_at = Some(at.plus(self.spacing));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        if self.waiting.is_empty() { None } else { Some(self.next_at.unwrap_or(Timestamp::EPOCH)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_spaced() {
        let ms = Timestamp::from_millis;
        let mut outbox = Outbox::new(LinkId::FIRST, Duration::from_millis(300));
        let mut out = Vec::new();
        for text in ["a", "b", "c"] {
            outbox.push(text.to_owned());
        }
        for at in [1_000, 1_299, 1_300, 1_301, 1_600, 1_900] {
            outbox.poll(ms(at), &mut out);
        }
        let sent: Vec<_> = ["a", "b", "c"].map(|text| FeedOutput::Send(LinkId::FIRST, text.to_owned())).into();
        assert_eq!(out, sent);
        assert_eq!(outbox.deadline(), None);
    }
}
