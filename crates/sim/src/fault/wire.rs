//! One connection's frames on their way to the client.

use std::collections::BTreeMap;
use std::time::Duration;

use types::{Timestamp, Venue};

use super::topic::Topic;
use super::{Direction, Scope};
use crate::frame::{Arrived, ServerFrame};
use crate::outbox::FRAMES_MAX;

/// A frame that waits to be overtaken comes after so long even if nothing overtakes it.
const OVERTAKEN_WITHIN: Duration = Duration::from_secs(5);

/// The way of one connection's frames. Without a fault they arrive the moment they are sent, in order.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) venue: Venue,
    /// Frames the server has sent so far.
    pub(super) sent: u64,
    /// By arrival, then in the order in which they were put here.
    frames: BTreeMap<(Timestamp, u64), Arrived>,
    next: u64,
    /// Frames that keep their order arrive at this time or later.
    in_order_at: Timestamp,
    /// The line brings nothing before.
    nothing_before: Timestamp,
    slow: Option<Slow>,
    /// Frames that the server's queue takes while the client does not read, and until when it does not.
    queue: (usize, Timestamp),
    held: Vec<Held>,
    /// Nothing comes out any more.
    pub(super) is_mute: bool,
    /// Nothing of the client comes through any more.
    pub(super) is_deaf: bool,
    is_ended: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slow {
    bytes_per_s: u32,
    until: Timestamp,
}

/// A frame that waits to be overtaken.
#[derive(Debug)]
struct Held {
    frame: ServerFrame,
    scope: Scope,
    left: u32,
    until: Timestamp,
}

impl Wire {
    pub(super) fn new(venue: Venue) -> Self {
        Self {
            venue,
            sent: 0,
            frames: BTreeMap::new(),
            next: 0,
            in_order_at: Timestamp::from_nanos(i64::MIN),
            nothing_before: Timestamp::from_nanos(i64::MIN),
            slow: None,
            queue: (FRAMES_MAX, Timestamp::EPOCH),
            held: Vec::new(),
            is_mute: false,
            is_deaf: false,
            is_ended: false,
        }
    }

    /// Whether anything put here would still come out.
    pub(super) fn is_open(&self) -> bool {
        !(self.is_mute || self.is_ended)
    }

    /// Sends a frame behind those before it.
    pub(super) fn push(&mut self, at: Timestamp, frame: ServerFrame) {
        if !self.is_open() {
            return;
        }
        if self.frames.len() >= self.queue.0 {
            if self.venue != Venue::Kucoin {
                let reason = "client does not read fast enough".to_owned();
                self.end(self.in_order_at.max(at), ServerFrame::Close { code: 1008, reason });
            }
            return;
        }
        self.in_order_at = self.in_order_at.max(at);
        if let Some(slow) = self.slow.filter(|slow| at < slow.until) {
            let ns = size(&frame) as u64 * 1_000_000_000 / u64::from(slow.bytes_per_s.max(1));
            self.in_order_at = self.in_order_at.plus(Duration::from_nanos(ns));
        }
        let is_last = frame.is_last();
        self.insert(at, self.in_order_at, frame);
        self.is_ended |= is_last;
    }

    /// Sends a frame that others may overtake. It comes no earlier than the line brings anything.
    pub(super) fn push_late(&mut self, at: Timestamp, arrives_at: Timestamp, frame: ServerFrame) {
        if self.is_open() {
            self.insert(at, arrives_at.max(self.nothing_before), frame);
        }
    }

    /// Keeps a frame until `left` later ones in `scope` have passed.
    pub(super) fn hold_back(&mut self, at: Timestamp, frame: ServerFrame, scope: Scope, left: u32) {
        self.held.push(Held { frame, scope, left, until: at.plus(OVERTAKEN_WITHIN) });
    }

    /// Whether a frame waits to be overtaken.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// A frame about `topic` has passed: those it has overtaken follow.
    pub(super) fn passed(&mut self, at: Timestamp, topic: &Topic<'_>) {
        for held in self.held.iter_mut().filter(|held| held.scope.has_topic(topic)) {
            held.left = held.left.saturating_sub(1);
        }
        self.release(at);
    }

    fn release(&mut self, at: Timestamp) {
        while let Some(index) = self.held.iter().position(|held| held.left == 0 || held.until <= at) {
            let held = self.held.remove(index);
            self.push(at, held.frame);
        }
    }

    /// Nothing arrives before `until`; order is kept.
    pub(super) fn delay(&mut self, until: Timestamp) {
        self.nothing_before = self.nothing_before.max(until);
        self.in_order_at = self.in_order_at.max(until);
    }

    /// The client does not read before `until`.
    pub(super) fn stall(&mut self, until: Timestamp, queue: usize) {
        self.delay(until);
        self.queue = (queue.min(FRAMES_MAX), until);
    }

    pub(super) fn slow_down(&mut self, bytes_per_s: u32, until: Timestamp) {
        self.slow = Some(Slow { bytes_per_s, until });
    }

    pub(super) fn half_open(&mut self, direction: Direction) {
        self.is_mute |= direction != Direction::ToServer;
        self.is_deaf |= direction != Direction::ToClient;
        if self.is_mute {
            self.frames.clear();
            self.held.clear();
        }
    }

    /// Ends the connection with `last`; what was on its way is lost.
    pub(super) fn end(&mut self, at: Timestamp, last: ServerFrame) {
        if self.is_open() {
            self.frames.clear();
            self.held.clear();
            self.insert(at, at, last);
            self.is_ended = true;
        }
    }

    /// When the next frame arrives.
    pub(super) fn next_at(&self) -> Timestamp {
        let held = self.held.iter().map(|held| held.until);
        let first = self.frames.first_key_value().map(|((at, _), _)| *at);
        held.chain(first).min().unwrap_or(Timestamp::MAX)
    }

    /// Moves what has arrived to the end of `out`.
    pub(super) fn poll(&mut self, now: Timestamp, out: &mut Vec<Arrived>) {
        self.release(now);
        let begin = out.len();
        while let Some(first) = self.frames.first_entry().filter(|first| first.key().0 <= now) {
            out.push(first.remove());
        }
        if self.queue.1 <= now && self.frames.is_empty() {
            self.queue.0 = FRAMES_MAX;
        }
        // What was overtaken by the last frame is lost with the connection.
        if let Some(last) = out[begin..].iter().position(|arrived| arrived.frame.is_last()) {
            out.truncate(begin + last + 1);
            self.frames.clear();
        }
    }

    fn insert(&mut self, sent_at: Timestamp, arrives_at: Timestamp, frame: ServerFrame) {
        self.frames.insert((arrives_at, self.next), Arrived { sent_at, frame });
        self.next += 1;
    }
}

fn size(frame: &ServerFrame) -> usize {
    match frame {
        ServerFrame::Text(text) => text.len(),
        ServerFrame::Binary(bytes) | ServerFrame::Ping(bytes) => bytes.len(),
        ServerFrame::Close { .. } | ServerFrame::Pong | ServerFrame::Abort => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, topic};
    use super::*;

    fn text(text: &str) -> ServerFrame {
        ServerFrame::Text(text.to_owned())
    }

    fn arrived(wire: &mut Wire, at: i64) -> Vec<String> {
        let mut out = Vec::new();
        wire.poll(Timestamp::from_secs(at), &mut out);
        out.into_iter()
            .map(|arrived| match arrived.frame {
                ServerFrame::Text(text) => text,
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn order_is_kept_unless_a_frame_is_late() {
        let s = Timestamp::from_secs;
        let mut wire = Wire::new(Venue::Kraken);
        wire.push(s(1), text("a"));
        wire.push_late(s(1), s(5), text("late"));
        wire.delay(s(3));
        wire.push(s(2), text("b"));
        assert_eq!(wire.next_at(), s(1));
        assert_eq!(arrived(&mut wire, 2), ["a"]);
        assert_eq!(arrived(&mut wire, 4), ["b"]);
        wire.push(s(4), text("c"));
        assert_eq!(arrived(&mut wire, 5), ["c", "late"]);
        assert_eq!(wire.next_at(), Timestamp::MAX);
    }

    #[test]
    fn nothing_overtakes_on_a_line_that_brings_nothing() {
        let s = Timestamp::from_secs;
        let mut wire = Wire::new(Venue::BinanceUs);
        wire.stall(s(5), 100);
        wire.push(s(1), text("a"));
        wire.push_late(s(2), s(2), text("b"));
        assert_eq!(wire.next_at(), s(5));
        assert_eq!(arrived(&mut wire, 4), [""; 0]);
        assert_eq!(arrived(&mut wire, 5), ["a", "b"]);
    }

    #[test]
    fn a_held_frame_comes_after_those_that_overtake_it() {
        let s = Timestamp::from_secs;
        let mut wire = Wire::new(Venue::Kraken);
        let scope = Scope::default().channel(Channel::Book);
        wire.hold_back(s(1), text("held"), scope.clone(), 2);
        for (at, message) in [(2, r#"{"channel":"book"}"#), (3, r#"{"channel":"trade"}"#), (4, r#"{"channel":"book"}"#)]
        {
            wire.push(s(at), text(message));
            wire.passed(s(at), &topic::of_frame(Venue::Kraken, message));
        }
        assert_eq!(arrived(&mut wire, 4).last().map(String::as_str), Some("held"));
        wire.hold_back(s(5), text("alone"), scope, 1);
        assert_eq!(wire.next_at(), s(10));
        assert_eq!(arrived(&mut wire, 10), ["alone"]);
    }

    #[test]
    fn a_full_queue_closes_except_where_the_venue_drops() {
        let s = Timestamp::from_secs;
        for (venue, arrives) in [(Venue::Kucoin, 2), (Venue::Coinbase, 1)] {
            let mut wire = Wire::new(venue);
            wire.stall(s(10), 2);
            for _ in 0..3 {
                wire.push(s(1), text("x"));
            }
            assert_eq!(arrived(&mut wire, 9), Vec::<String>::new());
            let out = arrived(&mut wire, 10);
            assert_eq!(out.len(), arrives, "{venue}: {out:?}");
            assert_eq!(out[0].contains("1008"), venue == Venue::Coinbase);
        }
    }

    #[test]
    fn nothing_follows_the_end_and_nothing_leaves_a_dead_line() {
        let s = Timestamp::from_secs;
        let mut wire = Wire::new(Venue::Kraken);
        wire.push(s(1), text("lost"));
        wire.end(s(1), ServerFrame::Abort);
        wire.push(s(1), text("after"));
        assert_eq!(arrived(&mut wire, 1), ["Abort"]);
        let mut wire = Wire::new(Venue::Kraken);
        wire.half_open(Direction::ToClient);
        wire.push(s(1), text("x"));
        assert!(wire.is_mute && !wire.is_deaf && arrived(&mut wire, 9).is_empty());
    }

    #[test]
    fn a_slow_line_takes_its_time() {
        let s = Timestamp::from_secs;
        let mut wire = Wire::new(Venue::Kraken);
        wire.slow_down(10, s(100));
        wire.push(s(1), text("twenty bytes of text"));
        wire.push(s(1), text("ten bytes."));
        assert_eq!(arrived(&mut wire, 2).len(), 0);
        assert_eq!(arrived(&mut wire, 3).len(), 1);
        assert_eq!(arrived(&mut wire, 4).len(), 1);
    }
}
