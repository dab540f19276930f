//! The columns of each kind. Their names are a contract; docs/formats.md tells them.

use parquet_derive::ParquetRecordWriter;
use serde::Serialize;
use store::ScoredForecast;
use store::state::Listing;
use types::effect::{CandleRecord, EquityRecord};
use types::market::CandleSource;
use types::{Aggressor, Cash, Scale, Timestamp, Trade};

#[derive(Clone, Debug, Serialize, ParquetRecordWriter)]
pub(crate) struct CandleRow {
    pub(crate) open_time_ms: i64,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: f64,
    pub(crate) trades: i64,
    pub(crate) revision: i32,
    pub(crate) made_by: String,
    pub(crate) agrees: Option<bool>,
    pub(crate) clock_set: bool,
    pub(crate) bid: Option<f64>,
    pub(crate) ask: Option<f64>,
}

#[derive(Clone, Debug, Serialize, ParquetRecordWriter)]
pub(crate) struct TradeRow {
    pub(crate) venue_time_us: i64,
    pub(crate) received_us: i64,
    pub(crate) id: String,
    pub(crate) price: f64,
    pub(crate) qty: f64,
    pub(crate) taker: String,
    pub(crate) fills: i64,
}

#[derive(Clone, Debug, Serialize, ParquetRecordWriter)]
pub(crate) struct ForecastRow {
    pub(crate) open_time_ms: i64,
    pub(crate) horizon_min: i32,
    pub(crate) model: String,
    pub(crate) log_return: f32,
    pub(crate) p_up: f32,
    pub(crate) outcome: Option<f32>,
}

#[derive(Clone, Debug, Serialize, ParquetRecordWriter)]
pub(crate) struct EquityRow {
    pub(crate) account: String,
    pub(crate) at_ms: i64,
    pub(crate) cash: f64,
    pub(crate) equity: f64,
    pub(crate) hold: f64,
    pub(crate) fees: f64,
    pub(crate) positions: i32,
}

impl CandleRow {
    pub(crate) fn of(record: &CandleRecord, scale: Scale) -> Self {
        let candle = &record.candle;
        Self {
            open_time_ms: candle.open_time.as_millis(),
            open: scale.price_f64(candle.open),
            high: scale.price_f64(candle.high),
            low: scale.price_f64(candle.low),
            close: scale.price_f64(candle.close),
            volume: scale.qty_f64(candle.volume),
            trades: i64::from(candle.trades),
            revision: i32::from(record.revision),
            made_by: match record.source {
                CandleSource::Stream => "stream",
                CandleSource::Rest => "rest",
                CandleSource::Built => "built",
                CandleSource::Filled => "filled",
            }
            .to_owned(),
            agrees: record.agrees,
            clock_set: record.is_clock_set,
            bid: record.quote.map(|quote| scale.price_f64(quote.bid)),
            ask: record.quote.map(|quote| scale.price_f64(quote.ask)),
        }
    }
}

impl TradeRow {
    pub(crate) fn of(trade: &Trade, received: Timestamp, scale: Scale) -> Self {
        Self {
            venue_time_us: trade.venue_at.as_nanos().div_euclid(1_000),
            received_us: received.as_nanos().div_euclid(1_000),
            id: trade.id.to_string(),
            price: scale.price_f64(trade.price),
            qty: scale.qty_f64(trade.qty),
            taker: match trade.aggressor {
                Aggressor::Buy => "buy",
                Aggressor::Sell => "sell",
                Aggressor::Unknown => "unknown",
            }
            .to_owned(),
            fills: i64::from(trade.fills),
        }
    }
}

impl EquityRow {
    pub(crate) fn of(account: &str, record: &EquityRecord) -> Self {
        let amount = |cash: Cash| cash.0 as f64 / 1e8;
        Self {
            account: account.to_owned(),
            at_ms: record.at.as_millis(),
            cash: amount(record.cash),
            equity: amount(record.equity),
            hold: amount(record.hold),
            fees: amount(record.fees),
            positions: i32::try_from(record.positions.len()).unwrap_or(i32::MAX),
        }
    }
}

/// Forecasts with what came, where that is known.
pub(crate) fn forecasts(scored: Vec<ScoredForecast>) -> Vec<ForecastRow> {
    let row = |ScoredForecast { forecast, outcome }| ForecastRow {
        open_time_ms: forecast.open_time.as_millis(),
        horizon_min: i32::from(forecast.horizon_min),
        log_return: forecast.log_return,
        p_up: forecast.p_up,
        outcome,
        model: forecast.model,
    };
    scored.into_iter().map(row).collect()
}

/// A forecast as people read it, in `predictions.csv`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PredictionRow {
    /// Open of the last candle that the model saw, UTC.
    pub(crate) open_time: String,
    pub(crate) venue: String,
    pub(crate) symbol: String,
    pub(crate) model: String,
    pub(crate) horizon_min: i32,
    /// Expected natural log-return.
    pub(crate) log_return: f32,
    pub(crate) p_up: f32,
    /// The log-return that came; empty before it is known.
    pub(crate) outcome: Option<f32>,
    pub(crate) abs_error: Option<f32>,
    /// What "no change" missed by.
    pub(crate) abs_error_no_change: Option<f32>,
}

impl PredictionRow {
    pub(crate) fn of(listing: &Listing, forecast: ForecastRow) -> Self {
        Self {
            open_time: Timestamp::from_nanos(forecast.open_time_ms * types::time::NS_PER_MS).to_string(),
            venue: listing.venue.slug().to_owned(),
            symbol: listing.symbol.clone(),
            model: forecast.model,
            horizon_min: forecast.horizon_min,
            log_return: forecast.log_return,
            p_up: forecast.p_up,
            outcome: forecast.outcome,
            abs_error: forecast.outcome.map(|outcome| (outcome - forecast.log_return).abs()),
            abs_error_no_change: forecast.outcome.map(f32::abs),
        }
    }
}
