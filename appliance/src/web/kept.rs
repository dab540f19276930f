//! `/api/v1/…`: what the box has kept, page by page, while it goes on keeping.
//!
//! | path | needs |
//! |---|---|
//! | `instruments` | |
//! | `candles` | `symbol`; `timeframe` (`1m`) |
//! | `forecasts` | `symbol` |
//! | `scoreboard` | `symbol`; without `from` the last seven days with forecasts; no pages |
//! | `trades`, `books` | `symbol`; by the time they were received, up to the last block in the journal |
//! | `orders`, `fills` | `account` (`lead`), or `all` |
//! | `equity` | `account` (`lead`) |
//!
//! `from` and `to` are UTC times as text or milliseconds since 1970, `limit` is the length of a page. The answer has `rows`,
//! oldest first, and `next`: the `from` of the page that follows, or null.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use store::Span;
use store::state::Listing;
use types::{Timeframe, Timestamp};

use super::Site;
use crate::kept::{self, Accounts, Known, full_name, is_meant};
use crate::recordings::Open;
use crate::scoreboard;

/// Rows of a page where none are asked for, and at most.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Bad(String),
    Unknown(String),
    Failed(String),
    Busy(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Bad(error) => (StatusCode::BAD_REQUEST, error),
            Self::Unknown(error) => (StatusCode::NOT_FOUND, error),
            Self::Failed(error) => (StatusCode::INTERNAL_SERVER_ERROR, error),
            Self::Busy(error) => (StatusCode::SERVICE_UNAVAILABLE, error),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// `GET /api/v1/{kind}`.
pub(super) async fn kept(
    State(site): State<Site>,
    Path(kind): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let state = site.inner.state.clone();
    let asked = match Asked::of(&parameters) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.into_response(),
    };
    let recorded = match kind.as_str() {
        // Without the open block: to ask is not to write to the card.
        "trades" | "books" => match site.inner.recordings.open(asked.span.from..asked.span.to, false).await {
            Ok(open) => Some(open),
            Err(error) => return Refusal::Busy(error).into_response(),
        },
        _ => None,
    };
    // Reading waits for the card.
    let answer = tokio::task::spawn_blocking(move || match recorded {
        Some(open) => recorded_rows(&state, open, &kind, asked, &parameters),
        None => answer(&state, &kind, asked, &parameters),
    });
    match answer.await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(refusal)) => refusal.into_response(),
        Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
    }
}

/// Which part is wanted.
#[derive(Clone, Copy)]
struct Asked {
    span: Span,
    limit: usize,
}

impl Asked {
    fn of(parameters: &HashMap<String, String>) -> Result<Self, Refusal> {
        let (from, to) = (time(parameters, "from", Timestamp::EPOCH)?, time(parameters, "to", Timestamp::MAX)?);
        let limit = match text(parameters, "limit") {
            None => LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| Refusal::Bad(format!("limit: {text:?} is not a number from 1 to {LIMIT_MAX}")))?,
        };
        // One more than a page shows whether another one follows.
        Ok(Self { span: Span::between(from, to, limit + 1), limit })
    }
}

/// A parameter that is not empty.
pub(super) fn text<'a>(parameters: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    parameters.get(name).map(String::as_str).filter(|text| !text.is_empty())
}

/// A time among the parameters.
pub(super) fn time(parameters: &HashMap<String, String>, name: &str, usual: Timestamp) -> Result<Timestamp, Refusal> {
    let Some(text) = text(parameters, name) else { return Ok(usual) };
    parse_time(text).ok_or_else(|| {
        Refusal::Bad(format!("{name}: {text:?} is neither a UTC time such as 2026-07-19T17:00:00Z nor milliseconds"))
    })
}

pub(super) fn symbol(parameters: &HashMap<String, String>) -> Result<&str, Refusal> {
    text(parameters, "symbol").ok_or_else(|| Refusal::Bad("symbol: missing, as in kraken:BTC/USD".to_owned()))
}

/// Rows out of the journal.
fn recorded_rows(
    state: &store::State,
    open: Open,
    kind: &str,
    asked: Asked,
    parameters: &HashMap<String, String>,
) -> Result<Value, Refusal> {
    let known = [one(state, symbol(parameters)?)?];
    let (span, limit) = (asked.span.from..asked.span.to, asked.span.limit);
    if kind == "trades" {
        let found = open.find(span, limit, |input| kept::trade(&known, input))?;
        page_until(found.rows, asked.limit, found.next)
    } else {
        let found = open.find(span, limit, |input| kept::book(&known, input))?;
        page_until(found.rows, asked.limit, found.next)
    }
}

fn answer(
    state: &store::State,
    kind: &str,
    asked: Asked,
    parameters: &HashMap<String, String>,
) -> Result<Value, Refusal> {
    let Asked { span, limit } = asked;
    let symbol = || symbol(parameters);
    let accounts = || {
        let name = text(parameters, "account").unwrap_or(kept::LEAD);
        Accounts::named(state, name)?.map_err(|why| Refusal::Bad(format!("account: {why}")))
    };
    match kind {
        "instruments" => Ok(json!({ "rows": instruments(state)?, "next": null })),
        "candles" => {
            let timeframe: Timeframe = match text(parameters, "timeframe") {
                None => Timeframe::M1,
                Some(text) => text.parse().map_err(|error| Refusal::Bad(format!("timeframe: {error}")))?,
            };
            let known = one(state, symbol()?)?;
            page(kept::candles(state, &known, timeframe, span)?, limit)
        }
        "forecasts" => page(kept::forecasts(state, &one(state, symbol()?)?, span)?, limit),
        "scoreboard" => {
            let from = text(parameters, "from").is_some().then_some(span.from);
            let lines = scoreboard::lines(state, &one(state, symbol()?)?, from, span.to)?;
            Ok(json!({ "rows": lines, "next": null }))
        }
        "orders" => page(kept::orders(state, &accounts()?, &Known::all(state, |_| true)?, span)?, limit),
        "fills" => page(kept::fills(state, &accounts()?, &Known::all(state, |_| true)?, span)?, limit),
        // Pages go by time.
        "equity" if text(parameters, "account") == Some("all") => {
            Err(Refusal::Bad("account: ask for the equity of one account at a time".to_owned()))
        }
        "equity" => page(kept::equity(state, &accounts()?, span)?, limit),
        other => Err(Refusal::Unknown(format!(
            "{other:?} is not kept; there are instruments, candles, trades, books, forecasts, scoreboard, orders, fills, equity"
        ))),
    }
}

/// The one instrument of this name.
pub(super) fn one(state: &store::State, symbol: &str) -> Result<Known, Refusal> {
    let mut found = Known::all(state, |listing: &Listing| is_meant(listing, symbol))?;
    match (found.pop(), found.is_empty()) {
        (Some(known), true) => Ok(known),
        (Some(_), false) => {
            Err(Refusal::Bad(format!("symbol: {symbol:?} is traded on several venues; name one, as in kraken:BTC/USD")))
        }
        (None, _) => Err(Refusal::Unknown(format!("symbol: no instrument {symbol:?}"))),
    }
}

fn instruments(state: &store::State) -> Result<Vec<Value>, Refusal> {
    let row = |listing: &Listing| {
        let instrument = listing.instrument.as_ref()?;
        let scale = instrument.scale;
        let step =
            |units: u64, decimals: u8| types::decimal::Fixed { mantissa: i128::from(units), decimals }.to_string();
        Some(json!({
            "symbol": full_name(listing),
            "pair": instrument.pair(),
            "tick": step(instrument.tick, scale.price_decimals),
            "lot": step(instrument.lot, scale.qty_decimals),
            "qty_min": scale.qty(instrument.qty_min).to_string(),
            "notional_min": instrument.notional_min.fixed().to_string(),
        }))
    };
    Ok(state.catalogue()?.iter().filter_map(row).collect())
}

/// At most `limit` rows. Rows of one time stay together, unless they alone are more.
fn page<T: Serialize>(rows: Vec<(Timestamp, T)>, limit: usize) -> Result<Value, Refusal> {
    page_until(rows, limit, None)
}

/// The same of rows that were looked for up to `next` only.
fn page_until<T: Serialize>(
    mut rows: Vec<(Timestamp, T)>,
    limit: usize,
    mut next: Option<Timestamp>,
) -> Result<Value, Refusal> {
    if rows.len() > limit {
        let cut = rows[limit].0;
        let whole = rows.partition_point(|(time, _)| *time < cut);
        if whole > 0 {
            rows.truncate(whole);
            next = Some(cut);
        } else {
            rows.truncate(limit);
            next = cut.as_nanos().checked_add(1).map(Timestamp::from_nanos);
        }
    }
    let rows: Vec<T> = rows.into_iter().map(|(_, row)| row).collect();
    serde_json::to_value(rows)
        .map(|rows| json!({ "rows": rows, "next": next.map(|next| format!("{next:.9}")) }))
        .map_err(|error| Refusal::Failed(error.to_string()))
}

fn parse_time(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(ms) => ms.checked_mul(types::time::NS_PER_MS).map(Timestamp::from_nanos),
        Err(_) if text.len() == 10 => Timestamp::parse_rfc3339(format!("{text}T00:00:00Z").as_bytes()),
        Err(_) => Timestamp::parse_rfc3339(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::effect::{CandleRecord, EquityRecord, RulesRecord};
    use types::market::CandleSource;
    use types::{Candle, Cash, Instrument, InstrumentId, Price, Qty, Record, Scale, Venue};

    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + 60 * n)
    }

    fn state(dir: &std::path::Path) -> store::State {
        let state = store::State::open(dir).unwrap();
        let mut records = Vec::new();
        for (venue, symbol) in [(Venue::Kraken, "BTC/USD"), (Venue::Coinbase, "BTC-USD")] {
            let instrument = Instrument {
                id: state.resolve(venue, symbol).unwrap(),
                venue,
                symbol: symbol.to_owned(),
                base: "BTC".to_owned(),
                quote: "USD".to_owned(),
                scale: Scale { price_decimals: 1, qty_decimals: 8 },
                tick: 5,
                lot: 1,
                qty_min: Qty(5_000),
                notional_min: Cash(50_000_000),
            };
            records.push(Record::Rules(Box::new(RulesRecord { at: minute(0), instrument })));
        }
        for n in 0..5 {
            records.push(Record::Candle(CandleRecord {
                instrument: InstrumentId(0),
                timeframe: Timeframe::M1,
                candle: Candle::flat(minute(n), Price::new(1_000 + n).unwrap()),
                source: CandleSource::Built,
                agrees: None,
                revision: 0,
                is_clock_set: true,
                quote: None,
            }));
        }
        let zero = Cash(0);
        records.push(Record::Equity(EquityRecord {
            account: types::AccountId::LEAD,
            at: minute(1),
            cash: Cash(1_000_000_000_000),
            equity: Cash(1_000_000_000_000),
            hold: zero,
            fees: zero,
            positions: Vec::new(),
        }));
        let entries: Vec<Entry> = (1..).zip(records).map(|(seq, record)| Entry { seq, rank: 0, record }).collect();
        state.write(&entries, 99).unwrap();
        state
    }

    fn asked(state: &store::State, kind: &str, parameters: &[(&str, &str)]) -> Result<Value, Refusal> {
        let parameters =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<HashMap<_, _>>();
        answer(state, kind, Asked::of(&parameters)?, &parameters)
    }

    #[test]
    fn pages_follow_each_other_without_a_hole() {
        let dir = tempfile::tempdir().unwrap();
        let state = state(dir.path());
        let mut from = "0".to_owned();
        let mut closes = Vec::new();
        for _ in 0..9 {
            let parameters = [("symbol", "kraken:BTC/USD"), ("limit", "2"), ("from", from.as_str())];
            let page = asked(&state, "candles", &parameters).unwrap();
            let rows = page["rows"].as_array().unwrap();
            closes.extend(rows.iter().map(|row| row["close"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => from = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(closes, ["100.0", "100.1", "100.2", "100.3", "100.4"]);
        let from = minute(3).as_millis().to_string();
        let to = minute(4).to_string();
        let part = [("symbol", "kraken:BTC/USD"), ("from", from.as_str()), ("to", to.as_str())];
        assert_eq!(asked(&state, "candles", &part).unwrap()["rows"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn rows_of_one_time_stay_together() {
        let rows = |times: &[i64]| times.iter().map(|n| (minute(*n), *n)).collect::<Vec<_>>();
        let told = |times: &[i64], limit| {
            let page = page(rows(times), limit).unwrap();
            (page["rows"].clone(), page["next"].as_str().map(str::to_owned))
        };
        assert_eq!(told(&[1, 2, 2], 2), (json!([1]), Some(format!("{:.9}", minute(2)))));
        assert_eq!(told(&[1, 2, 3], 2), (json!([1, 2]), Some(format!("{:.9}", minute(3)))));
        assert_eq!(told(&[1, 2], 2), (json!([1, 2]), None));
        assert_eq!(told(&[2, 2, 2], 2).0, json!([2, 2]));
    }

    #[test]
    fn instruments_and_the_account_are_told_and_odd_requests_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = state(dir.path());
        let instruments = asked(&state, "instruments", &[]).unwrap();
        assert_eq!(instruments["rows"][0]["symbol"], "kraken:BTC/USD");
        assert_eq!(
            (&instruments["rows"][0]["tick"], &instruments["rows"][0]["notional_min"]),
            (&json!("0.5"), &json!("0.50000000"))
        );
        assert_eq!(asked(&state, "equity", &[]).unwrap()["rows"][0]["equity"], "10000.00000000");
        assert_eq!(asked(&state, "orders", &[]).unwrap()["rows"], json!([]));
        let bad = |kind, parameters: &[(&str, &str)], part: &str| {
            let Err(Refusal::Bad(error) | Refusal::Unknown(error)) = asked(&state, kind, parameters) else { panic!() };
            assert!(error.contains(part), "{error}");
        };
        bad("candles", &[], "symbol: missing");
        bad("candles", &[("symbol", "BTC/USD")], "several venues");
        bad("candles", &[("symbol", "kraken:X")], "no instrument");
        bad("candles", &[("symbol", "kraken:BTC/USD"), ("timeframe", "2m")], "timeframe");
        bad("equity", &[("from", "yesterday")], "from");
        bad("equity", &[("limit", "0")], "limit");
        bad("secrets", &[], "not kept");
    }
}
