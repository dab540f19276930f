//! What makes a waiting order active.

use serde::{Deserialize, Serialize};
use types::order::Trigger;
use types::{Price, Side};

use crate::book::Displayed;

/// The memory of a trigger: the best trade since the order's arrival, from which a trailing stop counts.
///
/// Triggers listen to trades, as venues' do by default, never to a book: a price that was only displayed triggers nothing. A
/// trailing stop begins at the best price it could have met when it arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    best: Option<Price>,
}

impl Armed {
    pub(super) fn new(side: Side, book: &dyn Displayed) -> Self {
        let best = book.facing(side).first().filter(|_| book.is_proven());
        Self { best: best.map(|level| level.price) }
    }

    /// Somebody traded: whether that is what the order waited for.
    pub(super) fn hear(&mut self, trigger: Trigger, side: Side, traded: Price) -> bool {
        match (trigger, side) {
            (Trigger::Stop(price), Side::Buy) | (Trigger::TakeProfit(price), Side::Sell) => traded >= price,
            (Trigger::Stop(price), Side::Sell) | (Trigger::TakeProfit(price), Side::Buy) => traded <= price,
            (Trigger::Trailing(distance), side) => {
                let best = self.best.unwrap_or(traded);
                let best = if side == Side::Buy { best.min(traded) } else { best.max(traded) };
                self.best = Some(best);
                traded.mantissa().abs_diff(best.mantissa()) >= distance
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use types::InstrumentId;

    use super::*;
    use crate::book::Book;

    #[track_caller]
    fn check(trigger: Trigger, side: Side, trades: &[i64], expected: Option<usize>) {
        let mut armed = Armed::new(side, &Book::new(InstrumentId(0)));
        let hit = trades.iter().position(|price| armed.hear(trigger, side, Price::new(*price).unwrap()));
        assert_eq!(hit, expected, "{trigger:?} {side:?}");
    }

    #[test]
    fn a_stop_waits_for_a_worse_price_and_a_take_profit_for_a_better_one() {
        let price = |price| Price::new(price).unwrap();
        check(Trigger::Stop(price(100)), Side::Buy, &[98, 99, 100], Some(2));
        check(Trigger::Stop(price(100)), Side::Sell, &[102, 101, 99], Some(2));
        check(Trigger::Stop(price(100)), Side::Sell, &[102, 101], None);
        check(Trigger::TakeProfit(price(100)), Side::Buy, &[102, 101, 100], Some(2));
        check(Trigger::TakeProfit(price(100)), Side::Sell, &[98, 101], Some(1));
    }

    #[test]
    fn a_trailing_stop_follows_the_best_trade_and_never_goes_back() {
        check(Trigger::Trailing(5), Side::Sell, &[100, 110, 106, 120, 116, 115], Some(5));
        check(Trigger::Trailing(5), Side::Sell, &[100, 96, 97, 101, 97, 96], Some(5));
        check(Trigger::Trailing(5), Side::Buy, &[100, 90, 94, 95], Some(3));
        check(Trigger::Trailing(5), Side::Buy, &[100, 99, 98], None);
    }
}
