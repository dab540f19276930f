//! Orders, refusals, fills and how orders ended: what happened to the paper money.

use redb::{Error, Table, TableDefinition, WriteTransaction};
use types::order::{OrderEnd, Refusal};
use types::{AccountRecord, Fill, Order, OrderId, Timestamp};

use super::{Span, State, encoded};
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
/// The account as it is, for a program that cannot read the engine's state.
pub(super) const ACCOUNT: TableDefinition<'static, &'static str, Bytes> = TableDefinition::new("account");
/// The only account there is.
const PAPER: &str = "paper";

pub(super) fn create(txn: &WriteTransaction) -> std::result::Result<(), Error> {
    Writer::open(txn).map(drop)
}

pub(super) struct Writer<'t> {
    orders: Table<'t, OrderKey, Bytes>,
    refusals: Table<'t, OrderKey, Bytes>,
    order_ends: Table<'t, u64, Bytes>,
    fills: Table<'t, FillKey, Bytes>,
    account: Table<'t, &'static str, Bytes>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> std::result::Result<Self, Error> {
        Ok(Self {
            orders: txn.open_table(ORDERS)?,
            refusals: txn.open_table(REFUSALS)?,
            order_ends: txn.open_table(ORDER_ENDS)?,
            fills: txn.open_table(FILLS)?,
            account: txn.open_table(ACCOUNT)?,
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

    pub(super) fn account(&mut self, account: &AccountRecord, scratch: &mut Vec<u8>) -> std::result::Result<(), Error> {
        self.account.insert(PAPER, encoded(account, scratch))?;
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
    /// Orders that risk approved, by when they were made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn orders(&self, span: Span) -> Result<Vec<Order>> {
        self.scan(ORDERS, span, |rows| rows.range((span.from.as_nanos(), 0)..(span.to.as_nanos(), 0)))
    }

    /// Orders that risk refused, and why, by when they were made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refusals(&self, span: Span) -> Result<Vec<(Order, Refusal)>> {
        self.scan(REFUSALS, span, |rows| rows.range((span.from.as_nanos(), 0)..(span.to.as_nanos(), 0)))
    }

    /// Fills by time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fills(&self, span: Span) -> Result<Vec<Fill>> {
        self.scan(FILLS, span, |rows| rows.range((span.from.as_nanos(), 0, 0)..(span.to.as_nanos(), 0, 0)))
    }

    /// The account as it was after the last input whose records are here; `None` where a program without this record wrote the
    /// file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn account(&self) -> Result<Option<AccountRecord>> {
        let found = self.read(ACCOUNT, |table| {
            Ok(table.get(PAPER)?.map(|value| postcard::from_bytes::<AccountRecord>(value.value())))
        })?;
        found.transpose().map_err(|e| self.unreadable(ACCOUNT, e))
    }

    /// How and when an order ended; `None` while it works.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn order_end(&self, order: OrderId) -> Result<Option<(OrderEnd, Timestamp)>> {
        let found = self.read(ORDER_ENDS, |table| {
            Ok(table.get(order.0)?.map(|value| postcard::from_bytes::<(OrderEnd, Timestamp)>(value.value())))
        })?;
        found.transpose().map_err(|e| self.unreadable(ORDER_ENDS, e))
    }
}
