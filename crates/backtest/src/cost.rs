//! What orders cost, part by part.

use serde::Serialize;
use types::market::Quote;
use types::money::{CASH_DECIMALS, divide};
use types::order::Liquidity;
use types::{Cash, Fill, Instrument, Qty, Rounding, Side};

/// What an order cost against the middle of the book at its decision, in the quote currency; below zero what it gained. The parts add
/// up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// How far the middle of the book went against it until it arrived.
    pub delay: Cash,
    /// From the middle to the best price at its arrival; what a resting order earned of that is below zero.
    pub spread: Cash,
    /// From the best price to the prices it got.
    pub impact: Cash,
    /// Fees.
    pub fee: Cash,
}

impl Cost {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            delay: self.delay.saturating_add(other.delay),
            spread: self.spread.saturating_add(other.spread),
            impact: self.impact.saturating_add(other.impact),
            fee: self.fee.saturating_add(other.fee),
        }
    }

    /// Each part changed, as into another currency.
    #[must_use]
    pub fn map(self, change: impl Fn(Cash) -> Cash) -> Self {
        let Self { delay, spread, impact, fee } = self;
        Self { delay: change(delay), spread: change(spread), impact: change(impact), fee: change(fee) }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> Cash {
        [self.delay, self.spread, self.impact, self.fee].into_iter().fold(Cash::ZERO, Cash::saturating_add)
    }

    /// Of the fills of one order. Without the book at the decision or at the arrival only the fees are known.
    #[must_use]
    pub fn of(instrument: &Instrument, decided: Option<Quote>, arrived: Option<Quote>, fills: &[Fill]) -> Self {
        let mut cost = Self::default();
        for fill in fills {
            cost.fee = cost.fee.saturating_add(fill.fee);
            let Some((decided, arrived)) = decided.zip(arrived) else { continue };
            // Middles are doubled, so that they are whole.
            let (before, then) = (doubled(decided), doubled(arrived));
            let best = match fill.side {
                Side::Buy => arrived.ask,
                Side::Sell => arrived.bid,
            };
            let (price, best) = (2 * i128::from(fill.price.mantissa()), 2 * i128::from(best.mantissa()));
            // A resting order pays no way from the best price; what it got counts as spread.
            let reached = if fill.liquidity == Liquidity::Taker { best } else { price };
            let part = |from: i128, to: i128| half(instrument, fill.side, to - from, fill.qty);
            cost.delay = cost.delay.saturating_add(part(before, then));
            cost.spread = cost.spread.saturating_add(part(then, reached));
            cost.impact = cost.impact.saturating_add(part(reached, price));
        }
        cost
    }
}

fn doubled(quote: Quote) -> i128 {
    i128::from(quote.bid.mantissa()) + i128::from(quote.ask.mantissa())
}

/// What `qty` costs more at a doubled price that is higher by so much; a sale costs less.
fn half(instrument: &Instrument, side: Side, higher: i128, qty: Qty) -> Cash {
    let decimals = i32::from(instrument.scale.price_decimals) + i32::from(instrument.scale.qty_decimals);
    let shift = decimals - i32::from(CASH_DECIMALS);
    let product = higher.saturating_mul(qty.0.into());
    let power = 10i128.pow(shift.unsigned_abs());
    let cash = if shift >= 0 {
        divide(product, 2 * power, Rounding::HalfEven)
    } else {
        divide(product.saturating_mul(power), 2, Rounding::HalfEven)
    };
    let cash = Cash(cash.clamp(i64::MIN.into(), i64::MAX.into()) as i64);
    if side == Side::Buy { cash } else { -cash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{AccountId, InstrumentId, OrderId, Price, Scale, Timestamp, Venue};

    fn instrument() -> Instrument {
        let (symbol, base, quote) = ("BTC/USD".to_owned(), "BTC".to_owned(), "USD".to_owned());
        let scale = Scale { price_decimals: 2, qty_decimals: 3 };
        let (id, venue, qty_min, notional_min) = (InstrumentId(0), Venue::Kraken, Qty(1), Cash::ZERO);
        Instrument { id, venue, symbol, base, quote, scale, tick: 1, lot: 1, qty_min, notional_min }
    }

    fn quote(bid: i64, ask: i64) -> Option<Quote> {
        Some(Quote { bid: Price::new(bid)?, ask: Price::new(ask)? })
    }

    fn fill(side: Side, price: i64, qty: u64, liquidity: Liquidity) -> Fill {
        let (order, account, at) = (OrderId(1), AccountId::LEAD, Timestamp::EPOCH);
        let (price, qty, fee) = (Price::new(price).unwrap(), Qty(qty), Cash(7));
        Fill { order, account, instrument: InstrumentId(0), side, price, qty, fee, liquidity, at }
    }

    #[track_caller]
    fn check(fills: &[Fill], expected: [i64; 4]) {
        // 100.00 in the middle at the decision, 100.50 at the arrival.
        let cost = Cost::of(&instrument(), quote(9_999, 10_001), quote(10_049, 10_051), fills);
        let units = |cash: Cash| cash.0 / 1_000_000;
        assert_eq!([cost.delay, cost.spread, cost.impact].map(units), expected[..3], "hundredths of a dollar");
        assert_eq!(cost.fee, Cash(expected[3]));
        // Against the middle at the decision, and fees: that is what was paid in all.
        let paid: i64 = fills
            .iter()
            .map(|fill| {
                let side = if fill.side == Side::Buy { 1 } else { -1 };
                side * (fill.price.mantissa() - 10_000) * fill.qty.0 as i64 * 1_000 + fill.fee.0
            })
            .sum();
        assert_eq!(cost.total(), Cash(paid));
    }

    #[test]
    fn a_cost_is_told_in_its_parts() {
        use Liquidity::{Maker, Taker};
        check(&[fill(Side::Buy, 10_051, 1_000, Taker)], [50, 1, 0, 7]);
        check(&[fill(Side::Buy, 10_051, 1_000, Taker), fill(Side::Buy, 10_061, 2_000, Taker)], [150, 3, 20, 14]);
        check(&[fill(Side::Sell, 10_049, 1_000, Taker)], [-50, 1, 0, 7]);
        check(&[fill(Side::Buy, 10_049, 1_000, Maker)], [50, -1, 0, 7]);
        let blind = Cost::of(&instrument(), None, quote(1, 2), &[fill(Side::Buy, 5, 1, Taker)]);
        assert_eq!(blind, Cost { fee: Cash(7), ..Cost::default() });
    }
}
