//! How well each minute was heard, which minutes are without data, when nothing was traded, and what was set aside.

use redb::{Error, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use types::quality::{GapRecord, QualityRecord, QuarantineRecord};
use types::{InstrumentId, StatusRecord, Timestamp};

use super::{Span, State, encoded};
use crate::Result;

/// Most records of things set aside; the oldest goes. A venue that talks nonsense for hours must not fill the card.
pub const QUARANTINE_MAX: u64 = 10_000;

type Bytes = &'static [u8];
/// Instrument, start of the minute or moment.
pub(super) type MinuteKey = (u16, i64);
/// When, sequence number of the input that caused it, rank among that input's effects.
pub(super) type QuarantineKey = (i64, u64, u16);

pub(super) const QUALITY: TableDefinition<'static, MinuteKey, Bytes> = TableDefinition::new("quality");
pub(super) const GAPS: TableDefinition<'static, MinuteKey, Bytes> = TableDefinition::new("gaps");
pub(super) const STATUS: TableDefinition<'static, MinuteKey, Bytes> = TableDefinition::new("status");
pub(super) const QUARANTINE: TableDefinition<'static, QuarantineKey, Bytes> = TableDefinition::new("quarantine");

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t> {
    quality: Table<'t, MinuteKey, Bytes>,
    gaps: Table<'t, MinuteKey, Bytes>,
    status: Table<'t, MinuteKey, Bytes>,
    quarantine: Table<'t, QuarantineKey, Bytes>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            quality: txn.open_table(QUALITY)?,
            gaps: txn.open_table(GAPS)?,
            status: txn.open_table(STATUS)?,
            quarantine: txn.open_table(QUARANTINE)?,
        })
    }

    pub(super) fn minute(&mut self, row: &QualityRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (row.heard.instrument.0, row.heard.minute.as_nanos());
        self.quality.insert(key, encoded(row, scratch))?;
        Ok(())
    }

    pub(super) fn gap(&mut self, gap: &GapRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.gaps.insert((gap.instrument.0, gap.from.as_nanos()), encoded(gap, scratch))?;
        Ok(())
    }

    pub(super) fn status(&mut self, status: &StatusRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.status.insert((status.instrument.0, status.at.as_nanos()), encoded(status, scratch))?;
        Ok(())
    }

    pub(super) fn quarantine(
        &mut self,
        seq: u64,
        rank: u16,
        record: &QuarantineRecord,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        self.quarantine.insert((record.at.as_nanos(), seq, rank), encoded(record, scratch))?;
        while self.quarantine.len()? > QUARANTINE_MAX {
            self.quarantine.pop_first()?;
        }
        Ok(())
    }
}

impl State {
    /// How well an instrument was heard, by minute. A minute without a row is one in which nobody listened.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn quality(&self, instrument: InstrumentId, span: Span) -> Result<Vec<QualityRecord>> {
        let key = |at: Timestamp| (instrument.0, at.as_nanos());
        self.scan(QUALITY, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// Minutes of an instrument that ended without data, by their first minute. A candle that is there for one of them
    /// nevertheless was a repair.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn gaps(&self, instrument: InstrumentId, span: Span) -> Result<Vec<GapRecord>> {
        let key = |at: Timestamp| (instrument.0, at.as_nanos());
        self.scan(GAPS, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// Whether the venue matched orders for an instrument: each row holds until the next.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn statuses(&self, instrument: InstrumentId, span: Span) -> Result<Vec<StatusRecord>> {
        let key = |at: Timestamp| (instrument.0, at.as_nanos());
        self.scan(STATUS, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// What was set aside as implausible, of all instruments, by when it was received; the newest [`QUARANTINE_MAX`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn quarantine(&self, span: Span) -> Result<Vec<QuarantineRecord>> {
        self.scan(QUARANTINE, span, |rows| rows.range((span.from.as_nanos(), 0, 0)..(span.to.as_nanos(), 0, 0)))
    }
}
