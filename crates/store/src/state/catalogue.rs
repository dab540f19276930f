//! Which number stands for which instrument. Given in order of first sight, never changed, never given again.

use redb::{Error, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use types::{Instrument, InstrumentId, RulesRecord, Timestamp, Venue};

use super::{Span, State, encoded};
use crate::{Result, StoreError};

/// Venue and symbol.
pub(super) type SymbolKey = (&'static str, &'static str);

pub(super) const SYMBOLS: TableDefinition<'static, SymbolKey, u16> = TableDefinition::new("symbols");
/// Instrument, when its rules were received.
pub(super) const RULES: TableDefinition<'static, (u16, i64), &'static [u8]> = TableDefinition::new("rules");
pub(super) const INSTRUMENTS: TableDefinition<'static, u16, &'static [u8]> = TableDefinition::new("instruments");

/// An instrument number with what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The number.
    pub id: InstrumentId,
    /// Where it is listed.
    pub venue: Venue,
    /// The venue's name for it.
    pub symbol: String,
    /// Its rules, once the venue has told them.
    pub instrument: Option<Instrument>,
}

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    txn.open_table(SYMBOLS)?;
    txn.open_table(INSTRUMENTS)?;
    txn.open_table(RULES)?;
    Ok(())
}

impl State {
    /// The number of a venue's symbol. A symbol never seen before gets the next free number, durably, before this
    /// returns.
    ///
    /// # Errors
    /// When the file cannot be read or written, or all 65 536 numbers are taken.
    pub fn resolve(&self, venue: Venue, symbol: &str) -> Result<InstrumentId> {
        if let Some(id) = self.number(venue, symbol)? {
            return Ok(id);
        }
        let next = self.read(INSTRUMENTS, |table| Ok(table.last()?.map_or(0, |(id, _)| u32::from(id.value()) + 1)))?;
        let id = u16::try_from(next)
            .map_err(|_| StoreError::order(&self.path, format!("no instrument number left for {venue} {symbol}")))?;
        self.commit(|txn| list(txn, InstrumentId(id), venue, symbol, None, &mut Vec::new()))?;
        Ok(InstrumentId(id))
    }

    /// The rules of an instrument and since when they are known, oldest first: each row holds until the next.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rules(&self, instrument: InstrumentId, span: Span) -> Result<Vec<RulesRecord>> {
        let key = |at: Timestamp| (instrument.0, at.as_nanos());
        self.scan(RULES, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// All instruments by number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn catalogue(&self) -> Result<Vec<Listing>> {
        let rows = self.read(INSTRUMENTS, |table| {
            let mut rows = Vec::with_capacity(table.len()? as usize);
            for row in table.iter()? {
                let (id, value) = row?;
                rows.push((id.value(), value.value().to_vec()));
            }
            Ok(rows)
        })?;
        rows.iter().map(|(id, bytes)| self.decode(InstrumentId(*id), bytes)).collect()
    }

    fn number(&self, venue: Venue, symbol: &str) -> Result<Option<InstrumentId>> {
        self.read(SYMBOLS, |table| Ok(table.get((venue.slug(), symbol))?.map(|id| InstrumentId(id.value()))))
    }

    fn decode(&self, id: InstrumentId, bytes: &[u8]) -> Result<Listing> {
        let (venue, symbol, instrument) = postcard::from_bytes(bytes)
            .map_err(|e| self.unreadable(format_args!("instruments, number {}", id.0), e))?;
        Ok(Listing { id, venue, symbol, instrument })
    }
}

/// Keeps an instrument's rules under its own number. A state file that lost the number takes it over; where the number or
/// the symbol stands for something else, the catalogue stays as it is.
pub(super) fn put(
    txn: &WriteTransaction,
    rules: &RulesRecord,
    scratch: &mut Vec<u8>,
) -> std::result::Result<(), Error> {
    let Instrument { id, venue, symbol, .. } = &rules.instrument;
    txn.open_table(RULES)?.insert((id.0, rules.at.as_nanos()), encoded(rules, scratch))?;
    let number = txn.open_table(SYMBOLS)?.get((venue.slug(), symbol.as_str()))?.map(|known| known.value());
    let is_free = txn.open_table(INSTRUMENTS)?.get(id.0)?.is_none();
    if number == Some(id.0) || (number.is_none() && is_free) {
        list(txn, *id, *venue, symbol, Some(&rules.instrument), scratch)?;
    }
    Ok(())
}

fn list(
    txn: &WriteTransaction,
    id: InstrumentId,
    venue: Venue,
    symbol: &str,
    instrument: Option<&Instrument>,
    scratch: &mut Vec<u8>,
) -> std::result::Result<(), Error> {
    txn.open_table(SYMBOLS)?.insert((venue.slug(), symbol), id.0)?;
    txn.open_table(INSTRUMENTS)?.insert(id.0, encoded(&(venue, symbol, instrument), scratch))?;
    Ok(())
}
