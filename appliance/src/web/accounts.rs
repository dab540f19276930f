//! `/api/v1/accounts`, `/api/v1/arbitrage` and `/api/v1/trading`: the paper accounts, and what the user may say to them.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/accounts?days=30` | all accounts with their money, positions, results by symbol and by model, and their performance over the hours of so many days; the breakers that are open |
//! | `GET /api/v1/risk` | limits of the first account with what is used of them, breakers, correlations, what was refused |
//! | `GET /api/v1/curve?account=lead&days=30` | equity at the ends of minutes beside buying and holding, at most 600 points |
//! | `GET /api/v1/latest?account=lead&limit=50` | its newest orders, or those of `all`, with what each came to |
//! | `GET /api/v1/order?id=N` | why it was made, what it was held against, what it met, its fills and what it cost |
//! | `GET /api/v1/arbitrage?limit=20&days=30` | the newest opportunities between exchanges and what came of trying them on paper, and counts by day |
//! | `POST /api/v1/trading?do=WORD` | `pause`: no new positions; `resume`: new ones are allowed; `flatten`: close all positions, and pause; `reset`: close all breakers. 202 |

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::Span;
use tokio::sync::oneshot;
use types::input::Command;
use types::{AccountId, Input, Order, OrderId, Timestamp};
use wire::api::{Curve, LatestOrders};

use super::Site;
use super::form::Form;
use super::kept::{self, Refusal};
use crate::engine_thread::Message;
use crate::kept::{Accounts, LEAD};
use crate::trades::{self, Trade};
use crate::{accounts, opportunities, risk};

const DAYS: u16 = 30;
const DAYS_MAX: u16 = 366;
/// Opportunities that are listed.
const LISTED: u16 = 20;
const LISTED_MAX: u16 = 1_000;
/// Orders that are listed.
const LATEST: u16 = 50;
/// Points of a curve: more than a screen can tell apart would only cost time.
const POINTS_MAX: usize = 600;
/// The engine answers between two inputs, once all money it knows of is written down.
const PATIENCE: Duration = Duration::from_secs(10);

/// `GET /api/v1/accounts`.
pub(super) async fn list(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let days = match number(&parameters, "days", DAYS, DAYS_MAX) {
        Ok(days) => days,
        Err(refusal) => return refusal.into_response(),
    };
    let mut told = match ask(&site, Message::Accounts).await {
        Ok(told) => told,
        Err(refusal) => return refusal.into_response(),
    };
    let since = site.inner.clock.now().minus(Duration::from_secs(u64::from(days) * 86_400));
    let state = site.inner.state.clone();
    form.of_work(move || {
        told.look_back(&state, since)?;
        Ok(told.accounts)
    })
    .await
}

/// What the engine has between two inputs.
async fn ask<T>(site: &Site, question: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Refusal> {
    let busy = || Refusal::Busy("the engine is busy; ask again".to_owned());
    let (reply, answer) = oneshot::channel();
    site.inner.engine.try_send(question(reply)).map_err(|_| busy())?;
    tokio::time::timeout(PATIENCE, answer).await.ok().and_then(Result::ok).ok_or_else(busy)
}

/// `GET /api/v1/risk`.
pub(super) async fn risk(State(site): State<Site>, form: Form) -> Response {
    let mut risk = match ask(&site, Message::Risk).await {
        Ok(risk) => risk,
        Err(refusal) => return refusal.into_response(),
    };
    let state = site.inner.state.clone();
    form.of_work(move || {
        risk::look_back(&mut risk, &state)?;
        Ok(risk)
    })
    .await
}

/// `GET /api/v1/curve`.
pub(super) async fn curve(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let now = site.inner.clock.now();
    let state = site.inner.state.clone();
    form.of_work(move || {
        let days = number(&parameters, "days", DAYS, DAYS_MAX)?;
        let name = kept::text(&parameters, "account").unwrap_or(LEAD);
        let account = account(&state, name)?;
        let since = now.minus(Duration::from_secs(u64::from(days) * 86_400));
        let points = accounts::curve(&state, account, since, POINTS_MAX)?;
        Ok(Curve { account: name.to_owned(), points })
    })
    .await
}

pub(super) fn account(state: &store::State, name: &str) -> Result<AccountId, Refusal> {
    let unknown = || Refusal::Bad(format!("account: {name:?} is no account"));
    Accounts::named(state, name)?.map_err(|why| Refusal::Bad(format!("account: {why}")))?.one().ok_or_else(unknown)
}

/// `GET /api/v1/latest`.
pub(super) async fn latest(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let state = site.inner.state.clone();
    form.of_work(move || {
        let limit = number(&parameters, "limit", LATEST, LISTED_MAX)?;
        let name = kept::text(&parameters, "account").unwrap_or(LEAD);
        let account = if name == "all" { None } else { Some(account(&state, name)?) };
        let names = Accounts::named(&state, "all")?.map_err(Refusal::Failed)?;
        let catalogue = state.catalogue()?;
        let instrument = |order: &Order| {
            let listing = catalogue.iter().find(|listing| listing.id == order.instrument)?;
            listing.instrument.clone()
        };
        let span = Span::last(limit.into(), Timestamp::MAX);
        let trades = trades::all(&state, account, span, &instrument)?;
        let row = |(trade, instrument): &(Trade, _)| trade.row(instrument, &names.name(trade.order.account));
        Ok(LatestOrders { orders: trades.iter().rev().map(row).collect() })
    })
    .await
}

/// `GET /api/v1/order`.
pub(super) async fn story(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let state = site.inner.state.clone();
    form.of_work(move || {
        let id = kept::text(&parameters, "id").and_then(|text| text.parse().ok().map(OrderId));
        let id = id.ok_or_else(|| Refusal::Bad("id: the number of an order is missing".to_owned()))?;
        let unknown = || Refusal::Unknown(format!("id: no order {}", id.0));
        let trade = Trade::find(&state, id)?.ok_or_else(unknown)?;
        let listed = state.catalogue()?.into_iter().find(|listing| listing.id == trade.order.instrument);
        let instrument = listed.and_then(|listing| listing.instrument).ok_or_else(unknown)?;
        let names = Accounts::named(&state, "all")?.map_err(Refusal::Failed)?;
        Ok(trade.told(&instrument, &names.name(trade.order.account)))
    })
    .await
}

/// A parameter from 1 to `max`.
pub(super) fn number(parameters: &HashMap<String, String>, key: &str, default: u16, max: u16) -> Result<u16, Refusal> {
    let Some(text) = parameters.get(key).filter(|text| !text.is_empty()) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Refusal::Bad(format!("{key}: {text:?} is not a number from 1 to {max}")))
}

/// `GET /api/v1/arbitrage`.
pub(super) async fn opportunities(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let state = site.inner.state.clone();
    form.of_work(move || {
        let days = number(&parameters, "days", DAYS, DAYS_MAX)?;
        let limit = number(&parameters, "limit", LISTED, LISTED_MAX)?;
        Ok(opportunities::report(&state, limit.into(), days)?)
    })
    .await
}

/// `POST /api/v1/trading`.
pub(super) async fn order(State(site): State<Site>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    let command = match parameters.get("do").map(String::as_str) {
        Some("pause") => Command::Trading { on: false },
        Some("resume") => Command::Trading { on: true },
        Some("flatten") => Command::Flatten,
        Some("reset") => Command::ResetBreaker,
        _ => return Refusal::Bad("do: must be pause, resume, flatten or reset".to_owned()).into_response(),
    };
    tracing::info!("{command:?} asked for by the API");
    match site.inner.engine.send(Message::Input(Input::Command(command))).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(_) => Refusal::Failed("the engine has stopped".to_owned()).into_response(),
    }
}
