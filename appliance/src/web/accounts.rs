//! `/api/v1/accounts`, `/api/v1/arbitrage` and `/api/v1/trading`: the paper accounts, and what the user may say to them.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/accounts?days=30` | all accounts with their money, positions, results by symbol and by model, and their performance over the hours of so many days; the breakers that are open |
//! | `GET /api/v1/arbitrage?limit=20&days=30` | the newest opportunities between exchanges and what came of trying them on paper, and counts by day |
//! | `POST /api/v1/trading?do=WORD` | `pause`: no new positions; `resume`: new ones are allowed; `flatten`: close all positions, and pause; `reset`: close all breakers. 202 |

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;
use types::Input;
use types::input::Command;

use super::Site;
use super::kept::Refusal;
use crate::engine_thread::Message;
use crate::opportunities;

const DAYS: u16 = 30;
const DAYS_MAX: u16 = 366;
/// Opportunities that are listed.
const LISTED: u16 = 20;
const LISTED_MAX: u16 = 1_000;
/// The engine answers between two inputs, once all money it knows of is written down.
const PATIENCE: Duration = Duration::from_secs(10);

/// `GET /api/v1/accounts`.
pub(super) async fn list(State(site): State<Site>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    let days = match number(&parameters, "days", DAYS, DAYS_MAX) {
        Ok(days) => days,
        Err(refusal) => return refusal.into_response(),
    };
    let busy = || Refusal::Busy("the engine is busy; ask again".to_owned()).into_response();
    let (reply, answer) = oneshot::channel();
    if site.inner.engine.try_send(Message::Accounts(reply)).is_err() {
        return busy();
    }
    let Ok(Ok(mut told)) = tokio::time::timeout(PATIENCE, answer).await else { return busy() };
    let since = site.inner.clock.now().minus(Duration::from_secs(u64::from(days) * 86_400));
    let state = site.inner.state.clone();
    // Reading waits for the card.
    let looked = tokio::task::spawn_blocking(move || {
        told.accounts.iter_mut().try_for_each(|account| account.look_back(&state, since)).map(|()| told)
    });
    match looked.await {
        Ok(Ok(told)) => Json(told).into_response(),
        Ok(Err(error)) => Refusal::from(error).into_response(),
        Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
    }
}

/// A parameter from 1 to `max`.
fn number(parameters: &HashMap<String, String>, key: &str, default: u16, max: u16) -> Result<u16, Refusal> {
    let Some(text) = parameters.get(key).filter(|text| !text.is_empty()) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Refusal::Bad(format!("{key}: {text:?} is not a number from 1 to {max}")))
}

/// `GET /api/v1/arbitrage`.
pub(super) async fn opportunities(
    State(site): State<Site>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let wanted = number(&parameters, "days", DAYS, DAYS_MAX)
        .and_then(|days| Ok((days, number(&parameters, "limit", LISTED, LISTED_MAX)?)));
    let (days, limit) = match wanted {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal.into_response(),
    };
    let state = site.inner.state.clone();
    // Reading waits for the card.
    match tokio::task::spawn_blocking(move || opportunities::report(&state, limit.into(), days)).await {
        Ok(Ok(report)) => Json(report).into_response(),
        Ok(Err(error)) => Refusal::from(error).into_response(),
        Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
    }
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
