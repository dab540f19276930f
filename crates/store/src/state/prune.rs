//! What is not kept for good.

use std::borrow::Borrow;
use std::ops::Range;

use redb::{Error, Key, ReadableTable, TableDefinition, WriteTransaction};
use types::effect::SealRecord;
use types::{Timeframe, Timestamp};

use super::State;
use super::arbitrage::{ATTEMPTS, OPPORTUNITIES};
use super::quality::{GAPS, QUALITY};
use super::series::{CANDLES, FORECASTS, REVISIONS, SEALS};
use crate::Result;

/// Most rows that are removed in one commit: nobody is to wait for long.
const ROWS_MAX: usize = 20_000;

impl State {
    /// Removes what is older than `before` and not kept for good: candles shorter than an hour, forecasts, how well
    /// minutes were heard, opportunities between exchanges and what came of trying them. Longer candles, the account and its orders and fills stay. Gives
    /// the number of rows removed; call again until it is 0.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn prune(&self, before: Timestamp) -> Result<u64> {
        let instruments: Vec<u16> = self.catalogue()?.iter().map(|listing| listing.id.0).collect();
        let mut removed = 0;
        self.commit(|txn| {
            let mut left = ROWS_MAX;
            let before = before.as_nanos();
            let short = Timeframe::ALL.into_iter().filter(|timeframe| *timeframe < Timeframe::H1).map(Timeframe::code);
            let short: Vec<u8> = short.collect();
            for id in &instruments {
                for code in &short {
                    remove(txn, CANDLES, (*id, *code, i64::MIN)..(*id, *code, before), &mut left)?;
                    remove(txn, REVISIONS, (*id, *code, i64::MIN, 0)..(*id, *code, before, 0), &mut left)?;
                }
                remove(txn, FORECASTS, (*id, i64::MIN, "")..(*id, before, ""), &mut left)?;
                remove(txn, QUALITY, (*id, i64::MIN)..(*id, before), &mut left)?;
                remove(txn, GAPS, (*id, i64::MIN)..(*id, before), &mut left)?;
            }
            prune_seals(txn, before, &mut left)?;
            remove(txn, OPPORTUNITIES, (i64::MIN, 0, 0, 0)..(before, 0, 0, 0), &mut left)?;
            remove(txn, ATTEMPTS, (i64::MIN, 0, 0, 0)..(before, 0, 0, 0), &mut left)?;
            removed = ROWS_MAX - left;
            Ok(())
        })?;
        Ok(removed as u64)
    }
}

/// Removes the first links of the chain of forecasts, whose forecasts are gone, but for the last of them: the next is checked with it.
fn prune_seals(txn: &WriteTransaction, before: i64, left: &mut usize) -> std::result::Result<(), Error> {
    let mut seals = txn.open_table(SEALS)?;
    let mut gone = Vec::new();
    for row in seals.iter()?.take(left.saturating_add(1)) {
        let (number, seal) = row?;
        let seal: SealRecord = postcard::from_bytes(seal.value())
            .map_err(|e| Error::Corrupted(format!("a link of the chain of forecasts: {e}")))?;
        if seal.open_time.as_nanos() >= before {
            break;
        }
        gone.push(number.value());
    }
    gone.pop();
    for number in gone {
        seals.remove(number)?;
        *left -= 1;
    }
    Ok(())
}

/// Removes the first rows of a range, at most as many as are left to remove.
fn remove<'a, K: Key + 'static, B: Borrow<K::SelfType<'a>> + 'a>(
    txn: &WriteTransaction,
    table: TableDefinition<'static, K, &'static [u8]>,
    range: Range<B>,
    left: &mut usize,
) -> std::result::Result<(), Error> {
    let mut table = txn.open_table(table)?;
    for row in table.extract_from_if(range, |_, _| true)?.take(*left) {
        row?;
        *left -= 1;
    }
    Ok(())
}
