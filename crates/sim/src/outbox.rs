//! Frames that the server has sent and the client has not yet taken.

use std::collections::VecDeque;

use types::Timestamp;

use crate::frame::ServerFrame;

/// Frames kept for a client that does not read. One more, and the server closes the connection, or drops the frame, as the
/// real one does.
pub(crate) const FRAMES_MAX: usize = 50_000;

/// The sending side of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    frames: VecDeque<ServerFrame>,
    is_closed: bool,
    is_lossy: bool,
    /// When a frame was sent last.
    pub(crate) last_sent: Timestamp,
}

impl Outbox {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { frames: VecDeque::new(), is_closed: false, is_lossy: false, last_sent: at }
    }

    /// One that drops what it has no room for.
    pub(crate) fn lossy(at: Timestamp) -> Self {
        Self { is_lossy: true, ..Self::new(at) }
    }

    /// Sends a text message, unless the connection is closed.
    pub(crate) fn text(&mut self, at: Timestamp, text: String) {
        self.send(at, ServerFrame::Text(text));
    }

    /// Sends a binary message.
    pub(crate) fn binary(&mut self, at: Timestamp, bytes: Vec<u8>) {
        self.send(at, ServerFrame::Binary(bytes));
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
            if self.is_lossy {
                return;
            }
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

    #[test]
    fn a_lossy_one_forgets_what_comes_too_late() {
        let mut outbox = Outbox::lossy(Timestamp::EPOCH);
        (0..FRAMES_MAX + 5).for_each(|n| outbox.text(Timestamp::EPOCH, n.to_string()));
        let mut out = Vec::new();
        assert!(!outbox.poll(&mut out));
        assert_eq!((out.len(), out.pop()), (FRAMES_MAX, Some(ServerFrame::Text((FRAMES_MAX - 1).to_string()))));
    }
}
