//! Offline analysis of recorded files.

use serde::Serialize;
use types::Venue;

/// Longest line of a recorded file, bytes. Readers should stop reading a line here.
pub const LINE_BYTES_MAX: usize = 32 << 20;

/// Reads a recorded file line by line with the book machines of the live feed.
#[derive(Debug)]
pub struct Capture {
    venue: Venue,
}

impl Capture {
    /// For a recording of this venue.
    #[must_use]
    pub fn new(venue: Venue) -> Self {
        Self { venue }
    }

    /// Takes one line, without its line end; `number` counts from one and names the line in errors.
    ///
    /// # Errors
    /// [`CaptureError`] when the file cannot be a recording of this venue.
    pub fn line(&mut self, number: u64, line: &[u8]) -> Result<(), CaptureError> {
        let _ = (number, line);
        Err(CaptureError::UnspokenVenue { venue: self.venue })
    }

    /// What the file showed.
    ///
    /// # Errors
    /// [`CaptureError`] when the file held nothing readable for the venue or was cut off.
    pub fn finish(self) -> Result<CaptureReport, CaptureError> {
        Err(CaptureError::Empty)
    }
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
    #[error("line {line}: not text: {detail}")]
    NotText {
        /// Its number.
        line: u64,
        /// What was found.
        detail: String,
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
        "nothing in the file is {venue} data: all {frames} messages were rejected, the first at line {line}: {detail}"
    )]
    NothingReadable {
        /// The venue asked for.
        venue: Venue,
        /// Messages in the file.
        frames: u64,
        /// Line of the first rejected one.
        line: u64,
        /// Why it was rejected.
        detail: String,
    },
    /// The venue's protocol is not spoken.
    #[error("the protocol of {venue} is not spoken; spoken are kraken, binance-us")]
    UnspokenVenue {
        /// The venue asked for.
        venue: Venue,
    },
}

/// What a recorded file showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaptureReport {
    /// Whose recording.
    pub venue: Venue,
    /// Received records: `recv` records of a capture, lines of the other formats.
    pub frames: u64,
    /// Of these, those that could not be read.
    pub rejected: u64,
    /// Checksums compared and matched.
    pub checksums: Checksums,
    /// Breaks in the streams of book updates.
    pub gaps: u64,
    /// Books built anew after one that held.
    pub resyncs: u64,
    /// What was seen of each instrument, by symbol.
    pub instruments: Vec<InstrumentReport>,
}

/// Checksums compared and matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checksums {
    /// Compared.
    pub checked: u64,
    /// Matched.
    pub matched: u64,
}

/// What was seen of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstrumentReport {
    /// The venue's symbol.
    pub symbol: String,
    /// Book updates received; snapshots are none.
    pub deltas: u64,
    /// Trades received.
    pub trades: u64,
    /// Candle rows received, running ones included.
    pub candles: u64,
    /// Updates after which the best bid was at or above the best ask.
    pub crossed: u64,
    /// Best ten levels of each side at the end, as the venue's own decimal text; empty when the book did not hold.
    pub book: BookReport,
}

/// The best levels of each side: price and quantity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BookReport {
    /// Highest first.
    pub bids: Vec<(String, String)>,
    /// Lowest first.
    pub asks: Vec<(String, String)>,
}
