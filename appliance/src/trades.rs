//! Why an order was made, what it met, and what it cost.

use std::collections::BTreeMap;
use std::time::Duration;

use backtest::Cost;
use serde::Serialize;
use serde_json::{Value, json};
use store::{Span, State};
use types::market::Quote;
use types::why::{Check, WhyRecord};
use types::{AccountId, ArrivalRecord, Fill, Instrument, Order, OrderId, Side, Timestamp};

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
