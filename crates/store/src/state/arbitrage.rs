//! Opportunities between exchanges, by when they began.

use redb::{Error, Table, TableDefinition, WriteTransaction};
use types::ArbitrageRecord;

use super::{Span, State, encoded};
use crate::Result;

type Bytes = &'static [u8];
/// When it began, sequence number of the input that began it, where base is bought, where it is sold.
pub(super) type OpportunityKey = (i64, u64, u16, u16);

pub(super) const OPPORTUNITIES: TableDefinition<'static, OpportunityKey, Bytes> = TableDefinition::new("arbitrage");

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t>(Table<'t, OpportunityKey, Bytes>);

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self(txn.open_table(OPPORTUNITIES)?))
    }

    /// What is known of an opportunity now replaces what was known before.
    pub(super) fn opportunity(
        &mut self,
        known: &ArbitrageRecord,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        let key = (known.opened_at.as_nanos(), known.seq, known.buy.instrument.0, known.sell.instrument.0);
        self.0.insert(key, encoded(known, scratch))?;
        Ok(())
    }
}

impl State {
    /// Opportunities between exchanges by when they began.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn arbitrage(&self, span: Span) -> Result<Vec<ArbitrageRecord>> {
        let key = |at: types::Timestamp| (at.as_nanos(), 0, 0, 0);
        self.scan(OPPORTUNITIES, span, |rows| rows.range(key(span.from)..key(span.to)))
    }
}
