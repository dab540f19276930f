//! Why an order was made, what it met, and what it cost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use store::{Span, State};
use types::market::Quote;
use types::money::{CASH_DECIMALS, divide};
use types::order::Liquidity;
use types::why::{Check, WhyRecord};
use types::{AccountId, ArrivalRecord, Cash, Fill, Instrument, Order, OrderId, Qty, Rounding, Side, Timestamp};

/// What an order cost against the middle of the book at its decision, in the quote currency; below zero what it gained. The parts add
/// up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// How far the middle of the book went against it until it arrived.
    pub(crate) delay: Cash,
    /// From the middle to the best price at its arrival; what a resting order earned of that is below zero.
    pub(crate) spread: Cash,
    /// From the best price to the prices it got.
    pub(crate) impact: Cash,
    /// Fees.
    pub(crate) fee: Cash,
}

impl Cost {
    pub(crate) fn total(&self) -> Cash {
        [self.delay, self.spread, self.impact, self.fee].into_iter().fold(Cash::ZERO, Cash::saturating_add)
    }

    /// Of the fills of one order. Without the book at the decision or at the arrival only the fees are known.
    pub(crate) fn of(instrument: &Instrument, decided: Option<Quote>, arrived: Option<Quote>, fills: &[Fill]) -> Self {
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

/// Everything that was kept of an order.
pub(crate) struct Trade {
    pub(crate) order: Order,
    pub(crate) why: Option<WhyRecord>,
    pub(crate) arrival: Option<ArrivalRecord>,
    pub(crate) fills: Vec<Fill>,
    end: Option<(String, Timestamp)>,
}

impl Trade {
    /// Of an order and its fills.
    pub(crate) fn of(state: &State, order: Order, fills: Vec<Fill>) -> store::Result<Self> {
        let (why, arrival) = (state.why(order.id)?, state.arrival(order.id)?);
        let end = state.order_end(order.id)?.map(|(end, at)| (end.name().to_owned(), at));
        Ok(Self { order, why, arrival, fills, end })
    }

    /// The order of this number; `None` where there is none.
    pub(crate) fn find(state: &State, id: OrderId) -> store::Result<Option<Self>> {
        // What tells why also tells when; older programs did not write that down.
        let (from, to) = state
            .why(id)?
            .map_or((Timestamp::EPOCH, Timestamp::MAX), |why| (why.at, why.at.plus(Duration::from_nanos(1))));
        let all = Span::between(from, to, usize::MAX);
        let Some(order) = state.orders(None, all)?.into_iter().find(|order| order.id == id) else { return Ok(None) };
        let since = Span::between(order.at, Timestamp::MAX, usize::MAX);
        let fills = state.fills(Some(order.account), since)?.into_iter().filter(|fill| fill.order == id);
        Self::of(state, order, fills.collect()).map(Some)
    }

    /// The book at the decision.
    pub(crate) fn decided(&self) -> Option<Quote> {
        let why = self.why.as_ref()?;
        Some(Quote { bid: why.bids.first()?.price, ask: why.asks.first()?.price })
    }

    /// What it cost.
    pub(crate) fn cost(&self, instrument: &Instrument) -> Cost {
        Cost::of(instrument, self.decided(), self.arrival.and_then(|arrival| arrival.quote), &self.fills)
    }

    /// For people and programs.
    pub(crate) fn told(&self, instrument: &Instrument, account: &str) -> Value {
        let scale = instrument.scale;
        let quote = |quote: Quote| json!({ "bid": scale.price(quote.bid).to_string(), "ask": scale.price(quote.ask).to_string() });
        let fill = |fill: &Fill| {
            json!({
                "at": fill.at.to_string(),
                "price": scale.price(fill.price).to_string(),
                "qty": scale.qty(fill.qty).to_string(),
                "fee": fill.fee.fixed().to_string(),
                "liquidity": format!("{:?}", fill.liquidity).to_lowercase(),
            })
        };
        let cost = self.cost(instrument);
        let checks = self.why.iter().flat_map(|why| &why.checks).map(CheckRow::of).collect::<Vec<_>>();
        json!({
            "order": self.order.id.0.to_string(),
            "account": account,
            "symbol": format!("{}:{}", instrument.venue, instrument.symbol),
            "side": if self.order.side == Side::Buy { "buy" } else { "sell" },
            "qty": scale.qty(self.order.qty).to_string(),
            "at": self.order.at.to_string(),
            "reason": format!("{:?}", self.order.reason),
            "forecast": self.why.as_ref().and_then(|why| why.forecast.as_ref()),
            "equity": self.why.as_ref().map(|why| why.equity.fixed().to_string()),
            "checks": checks,
            "decided": self.decided().map(quote),
            "arrived_at": self.arrival.map(|arrival| arrival.at.to_string()),
            "arrived": self.arrival.and_then(|arrival| arrival.quote).map(quote),
            "queue_ahead": self.arrival.and_then(|arrival| arrival.ahead).map(|qty| scale.qty(qty).to_string()),
            "fills": self.fills.iter().map(fill).collect::<Vec<_>>(),
            "end": self.end.as_ref().map(|(end, _)| end),
            "ended": self.end.as_ref().map(|(_, at)| at.to_string()),
            "cost": {
                "currency": instrument.quote,
                "delay": cost.delay.fixed().to_string(),
                "spread": cost.spread.fixed().to_string(),
                "impact": cost.impact.fixed().to_string(),
                "fee": cost.fee.fixed().to_string(),
                "total": cost.total().fixed().to_string(),
            },
        })
    }
}

#[derive(Serialize)]
struct CheckRow {
    limit: String,
    value: i64,
    max: i64,
}

impl CheckRow {
    fn of(check: &Check) -> Self {
        Self { limit: format!("{:?}", check.limit), value: check.value, max: check.max }
    }
}

/// All orders of a time whose instrument is wanted, those of an account or of all.
pub(crate) fn all(
    state: &State,
    account: Option<AccountId>,
    span: Span,
    instrument: &dyn Fn(&Order) -> Option<Instrument>,
) -> store::Result<Vec<(Trade, Instrument)>> {
    let orders = state.orders(account, span)?;
    let since = orders.first().map_or(span.from, |order| order.at);
    let mut fills: BTreeMap<OrderId, Vec<Fill>> = BTreeMap::new();
    for fill in state.fills(account, Span::between(since, Timestamp::MAX, usize::MAX))? {
        fills.entry(fill.order).or_default().push(fill);
    }
    let mut trades = Vec::new();
    for order in orders {
        let Some(instrument) = instrument(&order) else { continue };
        let own = fills.remove(&order.id).unwrap_or_default();
        trades.push((Trade::of(state, order, own)?, instrument));
    }
    Ok(trades)
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{InstrumentId, Price, Scale, Venue};

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
