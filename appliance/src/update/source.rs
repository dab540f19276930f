//! Where an update comes from: a stream that is read on a thread and filled by the runtime.

use std::io::{self, Read};

use anyhow::{Context, ensure};
use axum::body::Bytes;
use tokio::sync::mpsc;
use update::file;

/// Pieces that wait to be read.
const PIECES_MAX: usize = 8;

/// What comes over the network, for who reads without a runtime.
#[derive(Debug)]
pub(crate) struct Incoming {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Incoming {
    /// The stream and what fills it.
    pub(crate) fn pair() -> (mpsc::Sender<io::Result<Bytes>>, Self) {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        (sender, Self { pieces, piece: Bytes::new() })
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let len = self.piece.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}

/// Fills `to` with the answer of an address until it is over, or nobody reads any more.
pub(crate) async fn fetch(
    client: &reqwest::Client,
    url: &str,
    to: mpsc::Sender<io::Result<Bytes>>,
) -> anyhow::Result<()> {
    let fetched = async {
        let mut answer = client.get(url).send().await.context("does not answer")?;
        ensure!(answer.status().is_success(), "answers {}", answer.status());
        let mut bytes = 0;
        while let Some(piece) = answer.chunk().await.context("broke off")? {
            bytes += piece.len() as u64;
            ensure!(bytes <= file::BYTES_MAX, "sends more than {} bytes", file::BYTES_MAX);
            if to.send(Ok(piece)).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let result: anyhow::Result<()> = fetched.await;
    if let Err(error) = &result {
        let _ = to.send(Err(io::Error::other(format!("{url}: {error:#}")))).await;
    }
    result.with_context(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_one_stream_and_an_error_ends_it() {
        let (to, mut from) = Incoming::pair();
        for piece in [b"ab".as_slice(), b"", b"cde"] {
            to.blocking_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
        }
        to.blocking_send(Err(io::Error::other("gone"))).unwrap();
        drop(to);
        let mut read = [0; 5];
        from.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"abcde");
        assert_eq!(from.read(&mut read).unwrap_err().to_string(), "gone");
        assert_eq!(from.read(&mut read).unwrap(), 0);
    }
}
