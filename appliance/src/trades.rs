//! Why an order was made, what it met, and what it cost.

use std::collections::BTreeMap;
use std::time::Duration;

use backtest::Cost;
use store::{Span, State};
use types::decimal::Fixed;
use types::market::Quote;
use types::order::Reason;
use types::why::{Check, WhyForecast, WhyRecord};
use types::{AccountId, ArrivalRecord, Fill, Instrument, Order, OrderId, Qty, Timestamp};
use wire::api::{BestPrices, LimitCheck, OrderCost, OrderFill, OrderForecast, OrderRow, OrderStory};

use crate::accounts::words;
use crate::kept;

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
        let since = Span::between(order.at, over(state, std::slice::from_ref(&order))?, usize::MAX);
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
    pub(crate) fn told(&self, instrument: &Instrument, account: &str) -> OrderStory {
        let scale = instrument.scale;
        let quote = |quote: Quote| BestPrices {
            bid: scale.price(quote.bid).to_string(),
            ask: scale.price(quote.ask).to_string(),
        };
        let fill = |fill: &Fill| OrderFill {
            at_ms: fill.at.as_millis(),
            price: scale.price(fill.price).to_string(),
            qty: scale.qty(fill.qty).to_string(),
            fee: fill.fee.fixed().to_string(),
            liquidity: format!("{:?}", fill.liquidity).to_lowercase(),
        };
        let (cost, why) = (self.cost(instrument), self.why.as_ref());
        let check = |check: &Check| LimitCheck {
            limit: words(&format!("{:?}", check.limit)),
            value: check.value,
            max: check.max,
        };
        OrderStory {
            order: self.order.id.0.to_string(),
            account: account.to_owned(),
            symbol: format!("{}:{}", instrument.venue, instrument.symbol),
            side: kept::side_name(self.order.side).to_owned(),
            qty: scale.qty(self.order.qty).to_string(),
            at_ms: self.order.at.as_millis(),
            reason: reason(self.order.reason),
            forecast: why.and_then(|why| why.forecast.as_ref()).map(|it| forecast(it, self.order.reason)),
            equity: why.map(|why| why.equity.fixed().to_string()),
            checks: why.iter().flat_map(|why| &why.checks).map(check).collect(),
            decided: self.decided().map(quote),
            arrived_at_ms: self.arrival.map(|arrival| arrival.at.as_millis()),
            arrived: self.arrival.and_then(|arrival| arrival.quote).map(quote),
            queue_ahead: self.arrival.and_then(|arrival| arrival.ahead).map(|qty| scale.qty(qty).to_string()),
            fills: self.fills.iter().map(fill).collect(),
            end: self.end.as_ref().map(|(end, _)| end.replace('-', " ")),
            ended_at_ms: self.end.as_ref().map(|(_, at)| at.as_millis()),
            cost: OrderCost {
                currency: instrument.quote.clone(),
                delay: cost.delay.fixed().to_string(),
                spread: cost.spread.fixed().to_string(),
                impact: cost.impact.fixed().to_string(),
                fee: cost.fee.fixed().to_string(),
                total: cost.total().fixed().to_string(),
            },
        }
    }

    /// In one line.
    pub(crate) fn row(&self, instrument: &Instrument, account: &str) -> OrderRow {
        let scale = instrument.scale;
        let filled = self.fills.iter().fold(Qty::ZERO, |sum, fill| sum.saturating_add(fill.qty));
        OrderRow {
            id: self.order.id.0.to_string(),
            account: account.to_owned(),
            symbol: format!("{}:{}", instrument.venue, instrument.symbol),
            at_ms: self.order.at.as_millis(),
            side: kept::side_name(self.order.side).to_owned(),
            qty: scale.qty(self.order.qty).to_string(),
            filled: scale.qty(filled).to_string(),
            price: self.mean_price(instrument, filled),
            kind: kept::kind_text(self.order.kind, scale),
            reason: reason(self.order.reason),
            end: self.end.as_ref().map(|(end, _)| end.replace('-', " ")),
            cost: self.cost(instrument).total().fixed().to_string(),
        }
    }

    /// Of all fills, with a digit more than prices have.
    fn mean_price(&self, instrument: &Instrument, filled: Qty) -> Option<String> {
        let sum: i128 = self.fills.iter().map(|fill| i128::from(fill.price.mantissa()) * i128::from(fill.qty.0)).sum();
        let mantissa = (sum * 10).checked_div(i128::from(filled.0))?;
        let decimals = instrument.scale.price_decimals;
        Some(if self.fills.len() == 1 {
            Fixed { mantissa: mantissa / 10, decimals }.to_string()
        } else {
            Fixed { mantissa, decimals: decimals + 1 }.to_string()
        })
    }
}

/// What an order is for, in words.
fn reason(reason: Reason) -> String {
    match reason {
        Reason::Forecast { horizon_min, .. } => format!("forecast of {horizon_min} min"),
        Reason::Policy { .. } => "the model's own decision".to_owned(),
        Reason::Reversion { .. } => "back into the Bollinger band".to_owned(),
        other => words(&format!("{other:?}")),
    }
}

fn forecast(it: &WhyForecast, reason: Reason) -> OrderForecast {
    let bps = |log_return: f32| f64::from(log_return) * 1e4;
    let expected = bps(it.log_return);
    let (edge, cost) = match reason {
        Reason::Forecast { edge_cbps, cost_cbps, .. } | Reason::Policy { edge_cbps, cost_cbps, .. } => {
            (Some(f64::from(edge_cbps) / 1e2), Some(f64::from(cost_cbps) / 1e2))
        }
        _ => (None, None),
    };
    OrderForecast {
        model: it.model.clone(),
        horizon_min: it.horizon_min,
        expected_bps: expected,
        interval_bps: it.band_90.map(|half| (expected - bps(half), expected + bps(half))),
        p_up: f64::from(it.p_up),
        edge_bps: edge,
        cost_bps: cost,
        features: it.features.iter().map(|(name, value)| (name.clone(), f64::from(*value))).collect(),
    }
}

/// Before when all fills of these orders came: the fills of years are not read for the orders of a day.
fn over(state: &State, orders: &[Order]) -> store::Result<Timestamp> {
    let mut over = Timestamp::EPOCH;
    for order in orders {
        let Some((_, at)) = state.order_end(order.id)? else { return Ok(Timestamp::MAX) };
        over = over.max(at.plus(Duration::from_nanos(1)));
    }
    Ok(over)
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
    for fill in state.fills(account, Span::between(since, over(state, &orders)?, usize::MAX))? {
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
