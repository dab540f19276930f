//! Opportunities between exchanges, by when they began, and what came of trying them.

use redb::{Error, Table, TableDefinition, WriteTransaction};
use types::{ArbitrageRecord, AttemptRecord};

use super::{Span, State, encoded};
use crate::Result;

type Bytes = &'static [u8];
/// When it began, sequence number of the input that began it, where base is bought, where it is sold.
pub(super) type OpportunityKey = (i64, u64, u16, u16);

pub(super) const OPPORTUNITIES: TableDefinition<'static, OpportunityKey, Bytes> = TableDefinition::new("arbitrage");

/// By the opportunity.
pub(super) const ATTEMPTS: TableDefinition<'static, OpportunityKey, Bytes> = TableDefinition::new("attempts");

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t> {
    opportunities: Table<'t, OpportunityKey, Bytes>,
    attempts: Table<'t, OpportunityKey, Bytes>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self { opportunities: txn.open_table(OPPORTUNITIES)?, attempts: txn.open_table(ATTEMPTS)? })
    }

    /// What is known of an opportunity now replaces what was known before.
    pub(super) fn opportunity(
        &mut self,
        known: &ArbitrageRecord,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        let key = (known.opened_at.as_nanos(), known.seq, known.buy.instrument.0, known.sell.instrument.0);
        self.opportunities.insert(key, encoded(known, scratch))?;
        Ok(())
    }

    /// What came of trying an opportunity.
    pub(super) fn attempt(&mut self, tried: &AttemptRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        let key = (tried.at.as_nanos(), tried.seq, tried.buy.0, tried.sell.0);
        self.attempts.insert(key, encoded(tried, scratch))?;
        Ok(())
    }
}

impl State {
    /// Opportunities between exchanges by when they began.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn arbitrage(&self, span: Span) -> Result<Vec<ArbitrageRecord>> {
        self.scan(OPPORTUNITIES, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// What came of trying opportunities, by when they began.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn attempts(&self, span: Span) -> Result<Vec<AttemptRecord>> {
        self.scan(ATTEMPTS, span, |rows| rows.range(key(span.from)..key(span.to)))
    }
}

const fn key(at: types::Timestamp) -> OpportunityKey {
    (at.as_nanos(), 0, 0, 0)
}
