//! Frames that the server has sent and the client has not yet taken.

use std::collections::VecDeque;

use types::Timestamp;

use crate::frame::ServerFrame;

/// Frames kept for a client that does not read. One more, and the server closes the connection, as real ones do.
pub(crate) const FRAMES_MAX: usize = 50_000;

/// The sending side of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    frames: VecDeque<ServerFrame>,
    is_closed: bool,
    /// When a frame was sent last.
    pub(crate) last_sent: Timestamp,
}

impl Outbox {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { frames: VecDeque::new(), is_closed: false, last_sent: at }
    }

    /// Sends a text message, unless the connection is closed.
    pub(crate) fn text(&mut self, at: Timestamp, text: String) {
        self.send(at, ServerFrame::Text(text));
    }

    /// Sends a ping.
    pub(crate) fn ping(&mut self, at: Timestamp, payload: Vec<u8>) {
        self.send(at, ServerFrame::Ping(payload));
    }

    /// Closes: nothing follows.
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        if !self.is_closed {
            self.is_closed = true;
            self.frames.push_back(ServerFrame::Close { code, reason: reason.to_owned() });
        }
    }

    /// Whether the server has closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Moves everything to `out`; true when the server has closed.
    pub(crate) fn poll(&mut self, out: &mut Vec<ServerFrame>) -> bool {
        out.extend(self.frames.drain(..));
        self.is_closed
    }

    fn send(&mut self, at: Timestamp, frame: ServerFrame) {
        if self.is_closed {
            return;
        }
        if self.frames.len() == FRAMES_MAX {
            self.frames.clear();
            self.close(1008, "client does not read fast enough");
            return;
        }
        self.last_sent = at;
        self.frames.push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_read_is_dropped() {
        let mut outbox = Outbox::new(Timestamp::EPOCH);
        (0..=FRAMES_MAX).for_each(|_| outbox.text(Timestamp::EPOCH, String::new()));
        outbox.text(Timestamp::EPOCH, "late".to_owned());
        let mut out = Vec::new();
        outbox.poll(&mut out);
        assert!(outbox.is_closed());
        assert!(matches!(&out[..], [ServerFrame::Close { code: 1008, .. }]), "{} frames", out.len());
    }
}
