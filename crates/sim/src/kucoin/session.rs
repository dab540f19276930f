//! One connection of either feed: its topics, and the rules it has to keep.
//!
//! A connection on which no ping has come for a minute is closed, and so is one that sends too many messages. One that does
//! not read loses frames instead.

use std::collections::BTreeSet;
use std::time::Duration;

use types::Timestamp;

use super::topic::Topic;
use super::{classic, unified};
use crate::frame::ConnectionId;
use crate::limits::{Breaches, Window};
use crate::outbox::Outbox;
use crate::server::Now;

/// Longest time without a ping. Tokens are good for a day; what happens to a connection then is not known.
const PING_WITHIN: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) outbox: Outbox,
    pub(super) dialect: Dialect,
    topics: BTreeSet<(Topic, usize)>,
    received: Window,
    pinged_at: Timestamp,
}

/// Which feed it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Classic,
    Unified {
        /// Whether messages come in binary frames.
        is_binary: bool,
    },
}

/// What a client wants of the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// More of them.
    Add(Vec<(Topic, usize)>),
    /// Fewer.
    Remove(Vec<(Topic, usize)>),
    /// None: it only shows that it is there.
    Ping,
}

/// What a message of a client leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obeyed {
    pub(super) wish: Option<Wish>,
    /// What it is answered.
    pub(super) answer: Option<String>,
    /// The limit that it broke.
    pub(super) breach: Option<&'static str>,
}

impl Dialect {
    /// Messages in ten seconds, and topics of one connection.
    const fn limits(self) -> (usize, usize) {
        match self {
            Self::Classic => (100, 400),
            // Measured on the futures feed.
            Self::Unified { .. } => (300, 600),
        }
    }
}

impl Session {
    /// Greets, or refuses a bad token on the open connection.
    pub(super) fn open_classic(at: Timestamp, connect_id: &str, is_token_valid: bool) -> Self {
        let mut session = Self::open(at, Dialect::Classic);
        if is_token_valid {
            session.send(at, classic::welcome(connect_id));
        } else {
            session.send(at, classic::error(connect_id, 401, "token is invalid"));
            session.outbox.close(1008, "token is invalid");
        }
        session
    }

    pub(super) fn open_unified(at: Timestamp, id: ConnectionId, is_binary: bool) -> Self {
        let mut session = Self::open(at, Dialect::Unified { is_binary });
        session.send(at, unified::welcome(id));
        session
    }

    fn open(at: Timestamp, dialect: Dialect) -> Self {
        let received = Window::new(dialect.limits().0, 10);
        Self { outbox: Outbox::lossy(at), dialect, topics: BTreeSet::new(), received, pinged_at: at }
    }

    pub(super) fn has(&self, topic: Topic, symbol: usize) -> bool {
        self.topics.contains(&(topic, symbol))
    }

    pub(super) fn send(&mut self, at: Timestamp, text: String) {
        if self.dialect == (Dialect::Unified { is_binary: true }) {
            self.outbox.binary(at, text.into_bytes());
        } else {
            self.outbox.text(at, text);
        }
    }

    /// Does what is asked; tells the topics that are new.
    pub(super) fn receive(
        &mut self,
        now: Now<'_>,
        id: ConnectionId,
        text: &str,
        breaches: &mut Breaches,
    ) -> Vec<(Topic, usize)> {
        if self.outbox.is_closed() {
            return Vec::new();
        }
        if !self.received.admit(now.at) {
            breaches.add(id, "more messages than ten seconds have room for");
            self.outbox.close(1008, "too many messages");
            return Vec::new();
        }
        let room = self.dialect.limits().1 - self.topics.len();
        let Obeyed { wish, answer, breach } = match self.dialect {
            Dialect::Classic => classic::obey(now, text, room),
            Dialect::Unified { .. } => unified::obey(now, text, room),
        };
        if let Some(breach) = breach {
            breaches.add(id, breach);
        }
        if let Some(answer) = answer {
            self.send(now.at, answer);
        }
        match wish {
            Some(Wish::Add(topics)) => topics.into_iter().filter(|topic| self.topics.insert(*topic)).collect(),
            Some(Wish::Remove(topics)) => {
                self.topics.retain(|topic| !topics.contains(topic));
                Vec::new()
            }
            Some(Wish::Ping) => {
                self.pinged_at = now.at;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// When it will be closed if no ping comes.
    pub(super) fn closes_at(&self) -> Timestamp {
        if self.outbox.is_closed() { Timestamp::MAX } else { self.pinged_at.plus(PING_WITHIN) }
    }

    pub(super) fn on_timer(&mut self, at: Timestamp) {
        if self.closes_at() <= at {
            self.outbox.close(1001, "no ping for a minute");
        }
    }
}
