//! Orders, refusals, fills and how orders ended: what happened to the paper money.

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use types::order::{OrderEnd, Refusal};
use types::{AccountId, AccountRecord, ArrivalRecord, BreakerRecord, Fill, Order, OrderId, Timestamp, WhyRecord};

use super::{Rows, Span, State, encoded};
use crate::Result;

type Bytes = &'static [u8];
/// When it was made, order.
pub(super) type OrderKey = (i64, u64);
/// When, sequence number of the input that caused it, rank among that input's effects. Two fills of one order may be
/// alike in every value and are still two.
pub(super) type FillKey = (i64, u64, u16);
pub(super) const ORDERS: TableDefinition<'static, OrderKey, Bytes> = TableDefinition::new("orders");
pub(super) const REFUSALS: TableDefinition<'static, OrderKey, Bytes> = TableDefinition::new("refusals");
pub(super) const ORDER_ENDS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("order_ends");
pub(super) const FILLS: TableDefinition<'static, FillKey, Bytes> = TableDefinition::new("fills");
/// What was known when an order was approved, and what it met.
pub(super) const WHY: TableDefinition<'static, u64, Bytes> = TableDefinition::new("why");
pub(super) const ARRIVALS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("arrivals");
/// Breakers that opened and closed, by when, in the order of their inputs.
pub(super) const BREAKERS: TableDefinition<'static, FillKey, Bytes> = TableDefinition::new("breakers");
/// The accounts as they are, by number, for a program that cannot read the engine's state.
pub(super) const ACCOUNTS: TableDefinition<'static, u8, Bytes> = TableDefinition::new("accounts");

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t> {
    orders: Table<'t, OrderKey, Bytes>,
    refusals: Table<'t, OrderKey, Bytes>,
    order_ends: Table<'t, u64, Bytes>,
    fills: Table<'t, FillKey, Bytes>,
    why: Table<'t, u64, Bytes>,
    arrivals: Table<'t, u64, Bytes>,
    accounts: Table<'t, u8, Bytes>,
    breakers: Table<'t, FillKey, Bytes>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            orders: txn.open_table(ORDERS)?,
            refusals: txn.open_table(REFUSALS)?,
            order_ends: txn.open_table(ORDER_ENDS)?,
            fills: txn.open_table(FILLS)?,
            why: txn.open_table(WHY)?,
            arrivals: txn.open_table(ARRIVALS)?,
            accounts: txn.open_table(ACCOUNTS)?,
            breakers: txn.open_table(BREAKERS)?,
        })
    }

    pub(super) fn order(&mut self, order: &Order, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.orders.insert((order.at.as_nanos(), order.id.0), encoded(order, scratch))?;
        Ok(())
    }

    pub(super) fn refused(
        &mut self,
        order: &Order,
        refusal: Refusal,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        self.refusals.insert((order.at.as_nanos(), order.id.0), encoded(&(order, refusal), scratch))?;
        Ok(())
    }

    pub(super) fn fill(
        &mut self,
        seq: u64,
        rank: u16,
        fill: &Fill,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        self.fills.insert((fill.at.as_nanos(), seq, rank), encoded(fill, scratch))?;
        Ok(())
    }

    pub(super) fn why(&mut self, why: &WhyRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.why.insert(why.order.0, encoded(why, scratch))?;
        Ok(())
    }

    pub(super) fn arrival(&mut self, arrival: &ArrivalRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.arrivals.insert(arrival.order.0, encoded(arrival, scratch))?;
        Ok(())
    }

    pub(super) fn account(&mut self, account: &AccountRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.accounts.insert(account.account.0, encoded(account, scratch))?;
        Ok(())
    }

    pub(super) fn breaker(
        &mut self,
        seq: u64,
        rank: u16,
        breaker: &BreakerRecord,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        self.breakers.insert((breaker.at.as_nanos(), seq, rank), encoded(breaker, scratch))?;
        Ok(())
    }

    pub(super) fn order_end(
        &mut self,
        order: OrderId,
        end: OrderEnd,
        at: Timestamp,
        scratch: &mut Vec<u8>,
    ) -> std::result::Result<(), Error> {
        self.order_ends.insert(order.0, encoded(&(end, at), scratch))?;
        Ok(())
    }
}

impl State {
    /// Orders that risk approved, by when they were made: those of an account, or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn orders(&self, account: Option<AccountId>, span: Span) -> Result<Vec<Order>> {
        let range = |rows: &Rows<OrderKey>| rows.range((span.from.as_nanos(), 0)..(span.to.as_nanos(), 0));
        self.scan_where(ORDERS, span, range, |order: &Order| account.is_none_or(|account| order.account == account))
    }

    /// Orders that risk refused, and why, by when they were made: those of an account, or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refusals(&self, account: Option<AccountId>, span: Span) -> Result<Vec<(Order, Refusal)>> {
        let range = |rows: &Rows<OrderKey>| rows.range((span.from.as_nanos(), 0)..(span.to.as_nanos(), 0));
        let is_wanted = |(order, _): &(Order, Refusal)| account.is_none_or(|account| order.account == account);
        self.scan_where(REFUSALS, span, range, is_wanted)
    }

    /// Fills by time: those of an account, or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fills(&self, account: Option<AccountId>, span: Span) -> Result<Vec<Fill>> {
        let range = |rows: &Rows<FillKey>| rows.range((span.from.as_nanos(), 0, 0)..(span.to.as_nanos(), 0, 0));
        self.scan_where(FILLS, span, range, |fill: &Fill| account.is_none_or(|account| fill.account == account))
    }

    /// The accounts as they were after the last input whose records are here, by number; none where a program without these records
    /// wrote the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accounts(&self) -> Result<Vec<AccountRecord>> {
        let found = self.read(ACCOUNTS, |table| {
            let rows = table.iter()?.map(|row| Ok(row?.1.value().to_vec()));
            rows.collect::<std::result::Result<Vec<Vec<u8>>, Error>>()
        })?;
        let decoded = found.iter().map(|bytes| postcard::from_bytes::<AccountRecord>(bytes));
        decoded.collect::<postcard::Result<_>>().map_err(|e| self.unreadable(ACCOUNTS, e))
    }

    /// How and when an order ended; `None` while it works.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn order_end(&self, order: OrderId) -> Result<Option<(OrderEnd, Timestamp)>> {
        self.of_order(ORDER_ENDS, order)
    }

    /// Breakers that opened and closed, by when.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn breakers(&self, span: Span) -> Result<Vec<BreakerRecord>> {
        let key = |at: Timestamp| (at.as_nanos(), 0, 0);
        self.scan(BREAKERS, span, |rows| rows.range(key(span.from)..key(span.to)))
    }

    /// What was known when an order was approved; `None` for one of a program that did not write it down.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn why(&self, order: OrderId) -> Result<Option<WhyRecord>> {
        self.of_order(WHY, order)
    }

    /// What an order met when it became active at the paper venue; `None` before that.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn arrival(&self, order: OrderId) -> Result<Option<ArrivalRecord>> {
        self.of_order(ARRIVALS, order)
    }

    fn of_order<T: DeserializeOwned>(
        &self,
        table: TableDefinition<'static, u64, Bytes>,
        order: OrderId,
    ) -> Result<Option<T>> {
        let found =
            self.read(table, |rows| Ok(rows.get(order.0)?.map(|value| postcard::from_bytes::<T>(value.value()))))?;
        found.transpose().map_err(|e| self.unreadable(table, e))
    }
}
