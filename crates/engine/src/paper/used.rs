//! Displayed quantity that our own orders have used up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{Level, Ppm, Price, Qty, Side};

use crate::book::Displayed;

/// Levels remembered of one instrument. While it is full, levels that are not in it give nothing.
const LEVELS_MAX: usize = 4_096;

/// What we took of the levels of one instrument, as far as the recorded market still shows it.
///
/// The recorded book does not know our orders: a level that we emptied is displayed as if nothing had happened. Of each level
/// `displayed - taken` is left for us. What was taken counts until the market itself is seen to have changed the level:
///
/// - A level that grows is refreshed by as much as it grew, from one proven book to the next.
/// - A level that shrinks below what we took of it has lost that part: we have taken no more of it than it shows.
/// - A level that is gone is forgotten. When it comes back all of it is new.
/// - A level that looks the same is the same, and one beyond the published depth stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Used {
    /// By the side of whoever takes.
    taken: BTreeMap<(Side, Price), Qty>,
}

impl Used {
    /// Compares with a new proven book.
    pub(super) fn refresh(&mut self, book: &dyn Displayed) {
        if self.taken.is_empty() {
            return;
        }
        self.taken.retain(|(taker, price), taken| {
            match shown(book.facing(*taker), *taker, *price) {
                Some(displayed) => *taken = (*taken).min(displayed),
                None => return true,
            }
            !taken.is_zero()
        });
    }

    /// What is left for a taker of this side of a displayed level, of which at most `share` may be ours.
    pub(super) fn left(&self, taker: Side, level: Level, share: Ppm) -> Qty {
        let most = u128::from(level.qty.0) * u128::from(share.0.min(1_000_000)) / 1_000_000;
        match self.taken.get(&(taker, level.price)) {
            Some(taken) => Qty(most as u64).saturating_sub(*taken),
            None if self.taken.len() >= LEVELS_MAX => Qty::ZERO,
            None => Qty(most as u64),
        }
    }

    /// Uses up a part of a level.
    pub(super) fn take(&mut self, taker: Side, price: Price, qty: Qty) {
        let taken = self.taken.entry((taker, price)).or_default();
        *taken = taken.saturating_add(qty);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

/// The displayed quantity at a price of the side that `taker` faces; `None` beyond the published depth.
fn shown(levels: &[Level], taker: Side, price: Price) -> Option<Qty> {
    let place = match taker {
        Side::Buy => levels.binary_search_by(|level| level.price.cmp(&price)),
        Side::Sell => levels.binary_search_by(|level| price.cmp(&level.price)),
    };
    match place {
        Ok(index) => Some(levels[index].qty),
        Err(index) if index == levels.len() && !levels.is_empty() => None,
        Err(_) => Some(Qty::ZERO),
    }
}
