//! What a box has kept, as rows for people and programs: numbers as decimal text, times as RFC 3339.

use serde::Serialize;
use store::state::Listing;
use store::{ScoredForecast, Span, State};
use types::decimal::Fixed;
use types::effect::{CandleRecord, EquityRecord};
use types::market::CandleSource;
use types::order::{OrderKind, Trigger};
use types::{
    AccountId, Aggressor, Candle, Cash, Fill, Input, InstrumentId, Level, Order, Qty, Rounding, Scale, Side, Stamped,
    Timeframe, Timestamp,
};

use crate::trades;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CandleRow {
    pub(crate) source: String,
    pub(crate) symbol: String,
    pub(crate) open_time: String,
    pub(crate) open: String,
    pub(crate) high: String,
    pub(crate) low: String,
    pub(crate) close: String,
    pub(crate) volume: String,
    pub(crate) trades: u32,
    pub(crate) revision: u16,
    pub(crate) made_by: &'static str,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TradeRow {
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) received: String,
    pub(crate) venue_time: String,
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) qty: String,
    pub(crate) taker: &'static str,
    pub(crate) fills: u32,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BookRow {
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) received: String,
    pub(crate) venue_time: Option<String>,
    pub(crate) bid: Option<String>,
    pub(crate) bid_qty: Option<String>,
    pub(crate) ask: Option<String>,
    pub(crate) ask_qty: Option<String>,
    pub(crate) levels: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ForecastRow {
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) open_time: String,
    pub(crate) horizon_min: u16,
    pub(crate) model: String,
    pub(crate) log_return: f32,
    pub(crate) p_up: f32,
    pub(crate) outcome: Option<f32>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = KeptOrderRow)]
pub(crate) struct OrderRow {
    pub(crate) account: String,
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) at: String,
    pub(crate) id: String,
    pub(crate) side: &'static str,
    pub(crate) qty: String,
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) end: Option<String>,
    pub(crate) ended: Option<String>,
}

/// What an order cost, in the quote currency; below zero what it gained.
#[derive(Debug, Serialize)]
pub(crate) struct CostRow {
    pub(crate) account: String,
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) at: String,
    pub(crate) order: String,
    pub(crate) side: &'static str,
    pub(crate) filled: String,
    pub(crate) value: String,
    pub(crate) delay: String,
    pub(crate) spread: String,
    pub(crate) impact: String,
    pub(crate) fee: String,
    pub(crate) total: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FillRow {
    pub(crate) account: String,
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) at: String,
    pub(crate) order: String,
    pub(crate) side: &'static str,
    pub(crate) price: String,
    pub(crate) qty: String,
    pub(crate) fee: String,
    pub(crate) liquidity: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EquityRow {
    pub(crate) account: String,
    pub(crate) at: String,
    pub(crate) cash: String,
    pub(crate) equity: String,
    pub(crate) hold: String,
    pub(crate) fees: String,
    pub(crate) positions: usize,
}

/// A catalogued instrument whose rules are known.
pub(crate) struct Known {
    pub(crate) id: InstrumentId,
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) scale: Scale,
}

impl Known {
    /// The catalogued instruments that `is_wanted`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn all(state: &State, is_wanted: impl Fn(&Listing) -> bool) -> store::Result<Vec<Self>> {
        let known = state.catalogue()?.into_iter().filter(is_wanted).filter_map(|listing| {
            let scale = listing.instrument.as_ref()?.scale;
            Some(Self { id: listing.id, venue: listing.venue.slug(), symbol: listing.symbol, scale })
        });
        Ok(known.collect())
    }
}

/// `kraken:BTC/USD`.
pub(crate) fn full_name(listing: &Listing) -> String {
    format!("{}:{}", listing.venue, listing.symbol)
}

/// By the venue's own name, or by the canonical pair, with or without its venue.
pub(crate) fn is_meant(listing: &Listing, wanted: &str) -> bool {
    let pair = wanted.split_once(':').map_or(wanted, |(_, pair)| pair);
    let is_there = |venue: &str| venue == listing.venue.slug();
    full_name(listing) == *wanted
        || (wanted.split_once(':').is_none_or(|(venue, _)| is_there(venue))
            && listing.instrument.as_ref().is_some_and(|instrument| instrument.pair() == pair))
}

/// Rows with their times, oldest first.
pub(crate) type Rows<T> = store::Result<Vec<(Timestamp, T)>>;

/// Candles of an instrument by open time.
pub(crate) fn candles(state: &State, known: &Known, timeframe: Timeframe, span: Span) -> Rows<CandleRow> {
    let row = |record: &CandleRecord| {
        let row = CandleRow {
            revision: record.revision,
            made_by: source_name(record.source),
            ..candle_row(known.venue, &known.symbol, known.scale, &record.candle)
        };
        (record.candle.open_time, row)
    };
    Ok(state.candles(known.id, timeframe, span)?.iter().map(row).collect())
}

/// A candle of any source.
pub(crate) fn candle_row(source: &str, symbol: &str, scale: Scale, candle: &Candle) -> CandleRow {
    let price = |price| scale.price(price).to_string();
    CandleRow {
        source: source.to_owned(),
        symbol: symbol.to_owned(),
        open_time: candle.open_time.to_string(),
        open: price(candle.open),
        high: price(candle.high),
        low: price(candle.low),
        close: price(candle.close),
        volume: scale.qty(candle.volume).to_string(),
        trades: candle.trades,
        revision: 0,
        made_by: "history",
    }
}

const fn source_name(source: CandleSource) -> &'static str {
    match source {
        CandleSource::Stream => "stream",
        CandleSource::Rest => "rest",
        CandleSource::Built => "built",
        CandleSource::Filled => "filled",
    }
}

/// Forecasts of an instrument by the open time of the last candle that the model saw.
pub(crate) fn forecasts(state: &State, known: &Known, span: Span) -> Rows<ForecastRow> {
    let row = |ScoredForecast { forecast, outcome }| {
        let row = ForecastRow {
            venue: known.venue,
            symbol: known.symbol.clone(),
            open_time: forecast.open_time.to_string(),
            horizon_min: forecast.horizon_min,
            log_return: forecast.log_return,
            p_up: forecast.p_up,
            outcome,
            model: forecast.model,
        };
        (forecast.open_time, row)
    };
    Ok(state.forecasts(known.id, span)?.into_iter().map(row).collect())
}

/// A trade of one of these instruments, as it was received.
pub(crate) fn trade(known: &[Known], input: &Stamped<Input>) -> Option<TradeRow> {
    let Input::Trade(trade) = &input.input else { return None };
    let known = known.iter().find(|known| known.id == trade.instrument)?;
    Some(TradeRow {
        venue: known.venue,
        symbol: known.symbol.clone(),
        received: input.at.to_string(),
        venue_time: trade.venue_at.to_string(),
        id: trade.id.to_string(),
        price: known.scale.price(trade.price).to_string(),
        qty: known.scale.qty(trade.qty).to_string(),
        taker: match trade.aggressor {
            Aggressor::Buy => "buy",
            Aggressor::Sell => "sell",
            Aggressor::Unknown => "unknown",
        },
        fills: trade.fills,
    })
}

/// The best levels of a book of one of these instruments, as it was shown to the engine.
pub(crate) fn book(known: &[Known], input: &Stamped<Input>) -> Option<BookRow> {
    let Input::Book(book) = &input.input else { return None };
    let known = known.iter().find(|known| known.id == book.instrument)?;
    let price = |level: Option<&Level>| level.map(|level| known.scale.price(level.price).to_string());
    let qty = |level: Option<&Level>| level.map(|level| known.scale.qty(level.qty).to_string());
    Some(BookRow {
        venue: known.venue,
        symbol: known.symbol.clone(),
        received: input.at.to_string(),
        venue_time: book.venue_at.map(|at| at.to_string()),
        bid: price(book.bids.first()),
        bid_qty: qty(book.bids.first()),
        ask: price(book.asks.first()),
        ask_qty: qty(book.asks.first()),
        levels: book.bids.len() + book.asks.len(),
    })
}

/// Which accounts are wanted, and what they are called.
pub(crate) struct Accounts {
    names: Vec<(AccountId, String)>,
    wanted: Option<AccountId>,
}

impl Accounts {
    /// The account of a name, or `all` of them.
    ///
    /// # Errors
    /// When the store cannot be read; the names there are when none is meant.
    pub(crate) fn named(state: &State, name: &str) -> store::Result<Result<Self, String>> {
        let mut names: Vec<_> = state.accounts()?.into_iter().map(|told| (told.account, told.name)).collect();
        if names.is_empty() {
            names.push((AccountId::LEAD, LEAD.to_owned()));
        }
        let wanted = names.iter().find(|(_, known)| known == name).map(|(id, _)| *id);
        Ok(if wanted.is_some() || name == "all" {
            Ok(Self { names, wanted })
        } else {
            let known: Vec<&str> = names.iter().map(|(_, known)| known.as_str()).collect();
            Err(format!("{name:?} is no account; there are {} and all", known.join(", ")))
        })
    }

    /// The one that is wanted; `None` for all.
    pub(crate) const fn one(&self) -> Option<AccountId> {
        self.wanted
    }

    pub(crate) fn name(&self, id: AccountId) -> String {
        self.names.iter().find(|(known, _)| *known == id).map_or_else(|| id.0.to_string(), |(_, name)| name.clone())
    }
}

/// The name of the first account.
pub(crate) const LEAD: &str = "lead";

/// Paper orders of these instruments.
pub(crate) fn orders(state: &State, accounts: &Accounts, known: &[Known], span: Span) -> Rows<OrderRow> {
    let mut rows = Vec::new();
    for order in state.orders(accounts.wanted, span)? {
        let Some(known) = known.iter().find(|known| known.id == order.instrument) else { continue };
        let end = state.order_end(order.id)?;
        let row = OrderRow {
            account: accounts.name(order.account),
            venue: known.venue,
            symbol: known.symbol.clone(),
            at: order.at.to_string(),
            id: order.id.0.to_string(),
            side: side_name(order.side),
            qty: known.scale.qty(order.qty).to_string(),
            kind: kind_text(order.kind, known.scale),
            reason: format!("{:?}", order.reason),
            end: end.map(|(end, _)| format!("{end:?}")),
            ended: end.map(|(_, at)| at.to_string()),
        };
        rows.push((order.at, row));
    }
    Ok(rows)
}

/// What paper orders of these instruments cost that were filled.
pub(crate) fn costs(state: &State, accounts: &Accounts, known: &[Known], span: Span) -> Rows<CostRow> {
    let catalogue = state.catalogue()?;
    let instrument = |order: &Order| {
        let is_wanted = known.iter().any(|known| known.id == order.instrument);
        let listing = catalogue.iter().find(|listing| listing.id == order.instrument).filter(|_| is_wanted);
        listing.and_then(|listing| listing.instrument.clone())
    };
    let mut rows = Vec::new();
    for (trade, instrument) in trades::all(state, accounts.wanted, span, &instrument)? {
        if trade.fills.is_empty() {
            continue;
        }
        let cost = trade.cost(&instrument);
        let filled = trade.fills.iter().fold(Qty::ZERO, |sum, fill| sum.saturating_add(fill.qty));
        let value = |fill: &Fill| instrument.scale.notional(fill.price, fill.qty, Rounding::HalfEven);
        let row = CostRow {
            account: accounts.name(trade.order.account),
            venue: instrument.venue.slug(),
            symbol: instrument.symbol.clone(),
            at: trade.order.at.to_string(),
            order: trade.order.id.0.to_string(),
            side: side_name(trade.order.side),
            filled: instrument.scale.qty(filled).to_string(),
            value: cash(trade.fills.iter().map(value).fold(Cash::ZERO, Cash::saturating_add)),
            delay: cash(cost.delay),
            spread: cash(cost.spread),
            impact: cash(cost.impact),
            fee: cash(cost.fee),
            total: cash(cost.total()),
        };
        rows.push((trade.order.at, row));
    }
    Ok(rows)
}

/// `market`, `limit 9.5`, `stop 9.6 limit 9.5`.
pub(crate) fn kind_text(kind: OrderKind, scale: Scale) -> String {
    let ticket = kind.ticket();
    let trigger = match ticket.trigger {
        None => String::new(),
        Some(Trigger::Stop(price)) => format!("stop {} ", scale.price(price)),
        Some(Trigger::TakeProfit(price)) => format!("take-profit {} ", scale.price(price)),
        Some(Trigger::Trailing(distance)) => {
            let distance = Fixed { mantissa: i128::from(distance), decimals: scale.price_decimals };
            format!("trailing {distance} ")
        }
    };
    let limit = ticket.price.map_or_else(|| "market".to_owned(), |price| format!("limit {}", scale.price(price)));
    format!("{trigger}{limit}")
}

/// Fills of paper orders of these instruments.
pub(crate) fn fills(state: &State, accounts: &Accounts, known: &[Known], span: Span) -> Rows<FillRow> {
    let row = |fill: Fill| {
        let known = known.iter().find(|known| known.id == fill.instrument)?;
        let row = FillRow {
            account: accounts.name(fill.account),
            venue: known.venue,
            symbol: known.symbol.clone(),
            at: fill.at.to_string(),
            order: fill.order.0.to_string(),
            side: side_name(fill.side),
            price: known.scale.price(fill.price).to_string(),
            qty: known.scale.qty(fill.qty).to_string(),
            fee: cash(fill.fee),
            liquidity: format!("{:?}", fill.liquidity).to_lowercase(),
        };
        Some((fill.at, row))
    };
    Ok(state.fills(accounts.wanted, span)?.into_iter().filter_map(row).collect())
}

/// Paper accounts, one after the other.
pub(crate) fn equity(state: &State, accounts: &Accounts, span: Span) -> Rows<EquityRow> {
    let row = |record: EquityRecord| {
        let row = EquityRow {
            account: accounts.name(record.account),
            at: record.at.to_string(),
            cash: cash(record.cash),
            equity: cash(record.equity),
            hold: cash(record.hold),
            fees: cash(record.fees),
            positions: record.positions.len(),
        };
        (record.at, row)
    };
    let mut rows = Vec::new();
    for (id, _) in accounts.names.iter().filter(|(id, _)| accounts.wanted.is_none_or(|wanted| *id == wanted)) {
        rows.extend(state.equity(*id, span)?.into_iter().map(row));
    }
    Ok(rows)
}

pub(crate) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn cash(cash: Cash) -> String {
    cash.fixed().to_string()
}
