//! Which number stands for which instrument. Given in order of first sight, never changed, never given again.

use redb::{Error, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use types::{Instrument, InstrumentId, Venue};

use super::{State, encoded};
use crate::{Result, StoreError, file};

/// Venue and symbol.
type SymbolKey = (&'static str, &'static str);

const SYMBOLS: TableDefinition<'static, SymbolKey, u16> = TableDefinition::new("symbols");
const INSTRUMENTS: TableDefinition<'static, u16, &'static [u8]> = TableDefinition::new("instruments");

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
        self.list(InstrumentId(id), venue, symbol, None)?;
        Ok(InstrumentId(id))
    }

    /// Keeps an instrument's rules under its own number. A state file that lost the number takes it over.
    ///
    /// # Errors
    /// When the file cannot be written, or the number or the symbol already stands for something else.
    pub fn put_instrument(&self, instrument: &Instrument) -> Result<()> {
        let Instrument { id, venue, symbol, .. } = instrument;
        let known = self.number(*venue, symbol)?;
        let taken = self.listing(*id)?;
        if known.is_some_and(|known| known != *id) || taken.is_some_and(|l| (l.venue, &l.symbol) != (*venue, symbol)) {
            let what = format!("instrument number {} for {venue} {symbol} contradicts the catalogue", id.0);
            return Err(StoreError::order(&self.path, what));
        }
        self.list(*id, *venue, symbol, Some(instrument))
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

    fn listing(&self, id: InstrumentId) -> Result<Option<Listing>> {
        let bytes = self.read(INSTRUMENTS, |table| Ok(table.get(id.0)?.map(|value| value.value().to_vec())))?;
        bytes.map(|bytes| self.decode(id, &bytes)).transpose()
    }

    fn decode(&self, id: InstrumentId, bytes: &[u8]) -> Result<Listing> {
        let (venue, symbol, instrument) = postcard::from_bytes(bytes)
            .map_err(|e| self.unreadable(format_args!("instruments, number {}", id.0), e))?;
        Ok(Listing { id, venue, symbol, instrument })
    }

    fn list(&self, id: InstrumentId, venue: Venue, symbol: &str, instrument: Option<&Instrument>) -> Result<()> {
        file::commit(&self.database, &self.path, |txn| {
            txn.open_table(SYMBOLS)?.insert((venue.slug(), symbol), id.0)?;
            let mut scratch = Vec::new();
            txn.open_table(INSTRUMENTS)?.insert(id.0, encoded(&(venue, symbol, instrument), &mut scratch))?;
            Ok(())
        })
    }
}
