//! A rough way to the client: everything that HTTP, WebSocket and TCP allow a server and that venues seldom do.
//!
//! Messages come in fragments, with a control frame between the first two; bytes come one by one, then in packets of any
//! size. What the client reads is the same.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of each write, in turn.
const WRITES: [usize; 6] = [1, 1, 1, 5, 1, 1_448];
/// Bytes that are taken in at once.
const TAKEN_MAX: usize = 16 << 10;
/// A message comes in at most so many fragments more than its frames.
const FRAGMENTS: u64 = 4;
const CONTINUATION: u8 = 0;
const FINAL: u8 = 0x80;
/// A pong that nobody asked for. A ping would be answered, and answers count against the client's limit of messages.
const CONTROL: [u8; 5] = [0x8a, 3, b'a', b'h', b'a'];

/// Accepts connections whose way is rough.
pub(super) struct RoughListener(pub(super) TcpListener);

impl Listener for RoughListener {
    type Io = RoughStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (RoughStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Without this the system joins what was written apart.
        let _ = stream.set_nodelay(true);
        (RoughStream { stream, sent: Sent::default(), waiting: VecDeque::new(), turn: 0 }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection whose way to the client is rough.
pub(super) struct RoughStream {
    stream: TcpStream,
    sent: Sent,
    waiting: VecDeque<u8>,
    turn: usize,
}

impl RoughStream {
    /// Writes all that waits.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let (bytes, _) = self.waiting.as_slices();
            let bytes = &bytes[..bytes.len().min(WRITES[self.turn])];
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.drain(..written);
            self.turn = (self.turn + 1) % WRITES.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for RoughStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for RoughStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_waiting(context))?;
        let taken = bytes.len().min(TAKEN_MAX);
        let this = &mut *self;
        this.sent.send(&bytes[..taken], &mut this.waiting);
        // What cannot go out now goes out before the next write or with the flush.
        if let Poll::Ready(Err(error)) = self.poll_waiting(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// What the server has said so far.
#[derive(Debug)]
enum Sent {
    /// The head of the first answer.
    Head(Vec<u8>),
    /// An answer that is none to a WebSocket handshake: the bytes are not looked at any more.
    Plain,
    /// Between frames, or within the head of one.
    FrameHead(Vec<u8>),
    /// Within the payload of a frame that goes out as it is.
    Whole { left: u64 },
    /// Within the payload of a frame that goes out in fragments.
    Fragmented { opcode: u8, is_final: bool, is_first: bool, size: u64, in_fragment: u64, left: u64 },
}

impl Default for Sent {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Sent {
    /// Takes what the server says next, in any pieces.
    fn send(&mut self, mut bytes: &[u8], out: &mut VecDeque<u8>) {
        while let Some((&first, rest)) = bytes.split_first() {
            match self {
                Self::Plain => {
                    out.extend(bytes);
                    return;
                }
                Self::Head(head) => {
                    head.push(first);
                    out.push_back(first);
                    bytes = rest;
                    let handshake = b"HTTP/1.1 101";
                    if !head.starts_with(&handshake[..head.len().min(handshake.len())]) {
                        *self = Self::Plain;
                    } else if head.ends_with(b"\r\n\r\n") {
                        *self = Self::FrameHead(Vec::new());
                    }
                }
                Self::FrameHead(head) => {
                    head.push(first);
                    bytes = rest;
                    if let Some(left) = payload_len(head) {
                        let next = Self::frame(head[0], left);
                        if matches!(next, Self::Whole { .. }) {
                            out.extend(head.iter());
                        }
                        *self = next;
                        self.end_frame();
                    }
                }
                Self::Whole { left } => {
                    let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    out.extend(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    *left -= taken as u64;
                    self.end_frame();
                }
                Self::Fragmented { opcode, is_final, is_first, size, in_fragment, left } => {
                    if *in_fragment == 0 {
                        let len = (*left).min(*size);
                        let ends = if len == *left && *is_final { FINAL } else { 0 };
                        out.push_back(ends | *opcode);
                        push_len(len, out);
                        *in_fragment = len;
                    }
                    let taken = bytes.len().min(usize::try_from(*in_fragment).unwrap_or(usize::MAX));
                    out.extend(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    *in_fragment -= taken as u64;
                    *left -= taken as u64;
                    if *in_fragment == 0 {
                        *opcode = CONTINUATION;
                        if std::mem::take(is_first) && *left > 0 {
                            out.extend(CONTROL);
                        }
                    }
                    self.end_frame();
                }
            }
        }
    }

    /// How a frame with this first byte goes out. Control frames must not be in fragments.
    fn frame(first: u8, left: u64) -> Self {
        let (opcode, is_final) = (first & 0x0f, first & FINAL != 0);
        if opcode >= 8 || left < 2 {
            return Self::Whole { left };
        }
        let size = left.div_ceil(FRAGMENTS);
        Self::Fragmented { opcode, is_final, is_first: true, size, in_fragment: 0, left }
    }

    fn end_frame(&mut self) {
        if let Self::Whole { left: 0 } | Self::Fragmented { left: 0, .. } = self {
            *self = Self::FrameHead(Vec::new());
        }
    }
}

/// The length that a whole head of a frame tells; servers do not mask.
fn payload_len(head: &[u8]) -> Option<u64> {
    match head {
        [_, len @ 0..=125] => Some((*len).into()),
        [_, 126, high, low] => Some(u16::from_be_bytes([*high, *low]).into()),
        [_, 127, rest @ ..] => rest.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
}

fn push_len(len: u64, out: &mut VecDeque<u8>) {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.push_back(len),
        (_, Ok(len)) => {
            out.push_back(126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push_back(127);
            out.extend(len.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = VecDeque::from([first]);
        push_len(payload.len() as u64, &mut out);
        out.extend(payload);
        out.into()
    }

    /// Opcode, whether it is final, payload of each frame.
    fn frames(mut bytes: &[u8]) -> Vec<(u8, bool, Vec<u8>)> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let head = (2..=10).find(|len| payload_len(&bytes[..*len]).is_some()).expect("a head");
            let len = payload_len(&bytes[..head]).expect("a length") as usize;
            frames.push((bytes[0] & 0x0f, bytes[0] & FINAL != 0, bytes[head..head + len].to_vec()));
            bytes = &bytes[head + len..];
        }
        frames
    }

    #[test]
    fn messages_come_in_fragments_with_a_control_frame_between_whatever_the_pieces() {
        let long = vec![b'x'; 70_000];
        let said = [HANDSHAKE, &frame(0x81, b"hello, world"), &frame(0x89, b"p"), &frame(0x81, &long)].concat();
        for piece in [1, 2, 3, 100, said.len()] {
            let (mut sent, mut out) = (Sent::default(), VecDeque::new());
            said.chunks(piece).for_each(|bytes| sent.send(bytes, &mut out));
            let out: Vec<u8> = out.into();
            let told = frames(out.strip_prefix(HANDSHAKE).expect("the handshake is untouched"));
            let opcodes: Vec<_> = told.iter().map(|(opcode, is_final, _)| (*opcode, *is_final)).collect();
            let message = [(1, false), (10, true), (0, false), (0, false), (0, true)];
            assert_eq!(opcodes, [&message[..], &[(9, true)], &message].concat(), "pieces of {piece}");
            let text: Vec<u8> = told.iter().filter(|frame| frame.0 < 8).flat_map(|frame| frame.2.clone()).collect();
            assert_eq!(text, [&b"hello, world"[..], &long].concat());
        }
    }

    #[test]
    fn other_answers_and_empty_messages_are_left_as_they_are() {
        for said in [b"HTTP/1.1 200 OK\r\n\r\n\x81\x03abc".to_vec(), [HANDSHAKE, b"\x81\x00\x81\x01a"].concat()] {
            let (mut sent, mut out) = (Sent::default(), VecDeque::new());
            sent.send(&said, &mut out);
            assert_eq!(Vec::from(out), said);
        }
    }
}
