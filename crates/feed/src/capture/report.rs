//! What a recorded file showed; its JSON is the answer of `tickerbox feed --json`.

use serde::Serialize;
use types::{Level, Scale, Venue};

use crate::book::Book;
use crate::status::Counts;

/// Levels of each side in a report.
const LEVELS: usize = 10;

/// What a recorded file showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaptureReport {
    /// Whose recording.
    pub venue: Venue,
    /// Received records: `recv` records of a capture, lines of the other formats.
    pub frames: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// Subscriptions that the venue refused in the recording.
    pub refused: u64,
    /// Checksums compared and matched.
    pub checksums: Checksums,
    /// Breaks in the streams of book updates: missing numbers, or a checksum that does not match.
    pub gaps: u64,
    /// Books built anew after one that held; a first snapshot is none.
    pub resyncs: u64,
    /// What was seen of each instrument, by symbol.
    pub instruments: Vec<InstrumentReport>,
    /// The first few records that could not be read.
    pub rejections: Vec<RejectionReport>,
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
    /// Trades received, each counted once.
    pub trades: u64,
    /// Candle rows received, running ones included.
    pub candles: u64,
    /// Of these, those that the venue closed.
    pub candles_final: u64,
    /// Updates after which the best bid was at or above the best ask.
    pub crossed: u64,
    /// Breaks in its stream of book updates.
    pub gaps: u64,
    /// Snapshots that a book was built from.
    pub snapshots: u64,
    /// Times its book was built anew after one that held.
    pub resyncs: u64,
    /// Book updates and trades received a second time, or already contained in a snapshot.
    pub duplicates: u64,
    /// Breaks in its sequence of trade numbers.
    pub trade_gaps: u64,
    /// Whether its book holds at the end: built from a snapshot and proven to the last update.
    pub live: bool,
    /// Best ten levels of each side at the end, as the venue's own decimal text; empty when the book does not hold.
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

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectionReport {
    /// Its line in the file.
    pub line: u64,
    /// Why.
    pub detail: String,
}

impl InstrumentReport {
    /// `written` are the digits the venue writes; no level may have more.
    pub(super) fn new(symbol: &str, counts: &Counts, book: Option<(&Book, Scale, Scale)>) -> Self {
        Self {
            symbol: symbol.to_owned(),
            deltas: counts.deltas,
            trades: counts.trades,
            candles: counts.candles,
            candles_final: counts.candles_final,
            crossed: counts.crossed,
            gaps: counts.gaps,
            snapshots: counts.snapshots,
            resyncs: counts.resyncs,
            duplicates: counts.duplicates,
            trade_gaps: counts.trade_gaps,
            live: book.is_some(),
            book: book.map(|(book, scale, written)| BookReport::new(book, scale, written)).unwrap_or_default(),
        }
    }
}

impl InstrumentReport {
    /// For a venue that writes no zeros at the end of a number.
    pub(super) fn without_zeros(mut self) -> Self {
        for (price, qty) in self.book.bids.iter_mut().chain(&mut self.book.asks) {
            for text in [price, qty].into_iter().filter(|text| text.contains('.')) {
                text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
            }
        }
        self
    }
}

impl BookReport {
    fn new(book: &Book, scale: Scale, written: Scale) -> Self {
        let level = |level: Level| {
            let (mut price, mut qty) = (scale.price(level.price), scale.qty(level.qty));
            price.mantissa /= 10i128.pow(u32::from(scale.price_decimals.saturating_sub(written.price_decimals)));
            price.decimals = price.decimals.min(written.price_decimals);
            qty.mantissa /= 10i128.pow(u32::from(scale.qty_decimals.saturating_sub(written.qty_decimals)));
            qty.decimals = qty.decimals.min(written.qty_decimals);
            (price.to_string(), qty.to_string())
        };
        Self {
            bids: book.bids.iter().take(LEVELS).map(level).collect(),
            asks: book.asks.iter().take(LEVELS).map(level).collect(),
        }
    }
}
