//! Offline analysis of recorded files, with the very book machines of the live feed. Pure: the caller reads the file.
//!
//! `frames` of the report counts received records: the `recv` records of a capture; all lines of the other two formats,
//! a snapshot line among them included. REST answers in a capture (`http`) are no frames.
//!
//! A line that is not of the file's format is an error, for the file is damaged or of another kind. A message that
//! cannot be read is counted as rejected, unless it is the last one and ends too early: then the file was cut off.

mod binance_us;
mod coinbase;
mod format;
mod kraken;
mod kucoin;
mod report;
mod tape;

pub use report::{BookReport, CaptureReport, Checksums, InstrumentReport, RejectionReport};
pub use tape::{Depth, Heard, TAPE_SCALE, Told};

use std::collections::BTreeSet;

use types::{Timestamp, Venue};

use crate::decode::DecodeError;
use binance_us::BinanceUsCapture;
use coinbase::CoinbaseCapture;
use format::{Format, Record};
use kraken::KrakenCapture;
use kucoin::KucoinCapture;
use tape::Tape;

/// Longest line of a recorded file, bytes. Readers should stop reading a line here.
pub const LINE_BYTES_MAX: usize = 32 << 20;

/// Rejections that are told one by one.
const REJECTIONS_MAX: usize = 5;

/// Reads a recorded file line by line with the book machines of the live feed.
#[derive(Debug)]
pub struct Capture {
    venue: Venue,
    machine: Machine,
    format: Option<Format>,
    frames: u64,
    readable: u64,
    rejected: u64,
    rejections: Vec<RejectionReport>,
    /// The last message, if it ended too early.
    cut_off: Option<u64>,
    connections: BTreeSet<String>,
    tape: Tape,
}

#[derive(Debug)]
enum Machine {
    Kraken(KrakenCapture),
    BinanceUs(BinanceUsCapture),
    Coinbase(CoinbaseCapture),
    Kucoin(KucoinCapture),
}

/// Why a file cannot be analysed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// No lines, or blank ones only.
    #[error("the file is empty")]
    Empty,
    /// A line over [`LINE_BYTES_MAX`].
    #[error("line {line}: longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong {
        /// Its number.
        line: u64,
    },
    /// Not text.
    #[error("line {line}: not text, but binary data")]
    NotText {
        /// Its number.
        line: u64,
    },
    /// A line which is not of the file's format.
    #[error("line {line}: {detail}")]
    Line {
        /// Its number.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// The last line is not complete.
    #[error("line {line}: the file ends in the middle of a message")]
    CutOff {
        /// Its number.
        line: u64,
    },
    /// Nothing in it is of the venue.
    #[error(
        "nothing in the file can be read as {venue} data; all {rejected} messages were rejected, the first one in line {line}: {detail}"
    )]
    NothingReadable {
        /// The venue asked for.
        venue: Venue,
        /// Messages in the file.
        rejected: u64,
        /// Line of the first rejected one.
        line: u64,
        /// Why it was rejected.
        detail: String,
    },
    /// Records without one message of the venue (connections and sent messages only).
    #[error("the file holds no message received from {venue}")]
    NothingRecorded {
        /// The venue asked for.
        venue: Venue,
    },
}

impl Capture {
    /// For a recording of this venue.
    #[must_use]
    pub fn new(venue: Venue) -> Self {
        let machine = match venue {
            Venue::Kraken => Machine::Kraken(KrakenCapture::default()),
            Venue::BinanceUs => Machine::BinanceUs(BinanceUsCapture::default()),
            Venue::Coinbase => Machine::Coinbase(CoinbaseCapture::default()),
            Venue::Kucoin => Machine::Kucoin(KucoinCapture::default()),
        };
        Self {
            venue,
            machine,
            format: None,
            frames: 0,
            readable: 0,
            rejected: 0,
            rejections: Vec::new(),
            cut_off: None,
            connections: BTreeSet::new(),
            tape: Tape::default(),
        }
    }

    /// The same, and all that it tells about its markets can be had with [`Capture::take_heard`].
    #[must_use]
    pub fn with_tape(venue: Venue) -> Self {
        Self { tape: Tape::running(), ..Self::new(venue) }
    }

    /// Takes out what was heard since the last time, in order.
    pub fn take_heard(&mut self) -> impl Iterator<Item = Heard> + '_ {
        self.tape.heard.drain(..)
    }

    /// The symbols heard of so far, in the order of their [instrument numbers](Heard::told).
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.tape.symbols()
    }

    /// When the newest line was received, as far as the recording tells; see [`Heard::at`].
    #[must_use]
    pub const fn at(&self) -> Option<Timestamp> {
        self.tape.at()
    }

    /// Whether the lines tell when they were received; `None` before the first one.
    #[must_use]
    pub const fn has_receive_times(&self) -> Option<bool> {
        match self.format {
            Some(_) => Some(self.tape.line_at.is_some()),
            None => None,
        }
    }

    /// Takes one line, with or without its line end; `number` counts from one and names the line in errors. Blank lines
    /// are skipped.
    ///
    /// # Errors
    /// [`CaptureError`] when the file cannot be a recording of this venue.
    pub fn line(&mut self, number: u64, line: &[u8]) -> Result<(), CaptureError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(CaptureError::LineTooLong { line: number });
        }
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
        let text = std::str::from_utf8(line).ok().filter(|text| !text.contains('\0'));
        let text = text.ok_or(CaptureError::NotText { line: number })?;
        if text.is_empty() {
            return Ok(());
        }
        let format = match self.format {
            Some(format) => format,
            None => Format::detect(text).map_err(|detail| CaptureError::Line { line: number, detail })?,
        };
        self.format = Some(format);
        match format.read(text) {
            Ok((at, record)) => {
                self.tape.begin(at);
                self.record(number, record);
                Ok(())
            }
            Err(error) if error.is_cut_off => Err(CaptureError::CutOff { line: number }),
            Err(error) => Err(CaptureError::Line { line: number, detail: error.detail }),
        }
    }

    fn record(&mut self, number: u64, record: Record<'_>) {
        let tape = &mut self.tape;
        let result = match (record, &mut self.machine) {
            (Record::Received(text), machine) => {
                self.frames += 1;
                self.cut_off = None;
                let read = match machine {
                    Machine::Kraken(kraken) => kraken.frame(text.as_str(), tape),
                    Machine::BinanceUs(binance_us) => binance_us.frame(text.as_str(), tape),
                    Machine::Coinbase(coinbase) => coinbase.frame(text.as_str(), tape),
                    Machine::Kucoin(kucoin) => kucoin.frame(text.as_str(), tape),
                };
                read.map(|()| true)
            }
            (Record::Http { url, body }, Machine::BinanceUs(binance_us)) => {
                binance_us.http(url.as_str(), body.as_str(), tape)
            }
            (Record::Http { url, body }, Machine::Kucoin(kucoin)) => kucoin.http(url.as_str(), body.as_str(), tape),
            (Record::Connect { conn }, machine) => {
                let is_again = !self.connections.insert(conn.as_str().to_owned());
                if is_again {
                    tape.disconnected();
                }
                match machine {
                    Machine::Kraken(kraken) if is_again => kraken.reconnected(),
                    Machine::BinanceUs(binance_us) if is_again => binance_us.reconnected(),
                    Machine::Coinbase(coinbase) if is_again => coinbase.reconnected(),
                    Machine::Kucoin(kucoin) if is_again => kucoin.reconnected(),
                    _ => {}
                }
                return;
            }
            (Record::Http { .. } | Record::Sent, _) => return,
        };
        match result {
            Ok(is_data) => self.readable += u64::from(is_data),
            Err(error) => self.reject(number, error),
        }
    }

    fn reject(&mut self, line: u64, error: DecodeError) {
        self.rejected += 1;
        // Within a capture's own quotes a message is complete, whatever it says.
        if error.is_cut_off && self.format != Some(Format::Capture) {
            self.cut_off = Some(line);
        }
        if self.rejections.len() < REJECTIONS_MAX {
            self.rejections.push(RejectionReport { line, detail: error.detail });
        }
    }

    /// What the file showed.
    ///
    /// # Errors
    /// [`CaptureError`] when the file was empty, cut off, or held nothing readable for the venue.
    pub fn finish(self) -> Result<CaptureReport, CaptureError> {
        let Self { venue, machine, frames, readable, rejected, rejections, cut_off, .. } = self;
        if self.format.is_none() {
            return Err(CaptureError::Empty);
        }
        match (readable, cut_off, rejections.first()) {
            // One message alone that is not complete: nothing more can be said of it.
            (0, Some(line), _) if rejected == 1 => return Err(CaptureError::CutOff { line }),
            (0, _, Some(RejectionReport { line, detail })) => {
                let (line, detail) = (*line, detail.clone());
                return Err(CaptureError::NothingReadable { venue, rejected, line, detail });
            }
            (0, _, None) => return Err(CaptureError::NothingRecorded { venue }),
            (_, Some(line), _) => return Err(CaptureError::CutOff { line }),
            _ => {}
        }
        let (refused, checksums, instruments) = match machine {
            Machine::Kraken(kraken) => {
                let refused = kraken.refused;
                let (checksums, instruments) = kraken.finish();
                (refused, checksums, instruments)
            }
            Machine::BinanceUs(binance_us) => (binance_us.refused, Checksums::default(), binance_us.finish()),
            Machine::Coinbase(coinbase) => (coinbase.refused, Checksums::default(), coinbase.finish()),
            Machine::Kucoin(kucoin) => (kucoin.refused, Checksums::default(), kucoin.finish()),
        };
        Ok(CaptureReport {
            venue,
            frames,
            rejected,
            refused,
            checksums,
            gaps: instruments.iter().map(|instrument| instrument.gaps).sum(),
            resyncs: instruments.iter().map(|instrument| instrument.resyncs).sum(),
            instruments,
            rejections,
        })
    }
}
