//! `/api/v1/models`, `/api/v1/retrain` and `/api/v1/timeseries`: the models of the box, and what they say of candles from outside.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/models` | places, versions, the newest events, requests for training |
//! | `POST /api/v1/models?symbols=..&request=N` | takes the `.tbx` file that is sent, proves it, and watches it as a shadow; 409 where it is refused |
//! | `POST /api/v1/models/DIGEST/promote`, `/shadow?symbols=..`, `/unseat` | changes a place; the first letters of the digest will do |
//! | `POST /api/v1/models/rollback` | undoes the last promotion |
//! | `GET /api/v1/retrain`, `POST /api/v1/retrain` | requests for training; `{"why": "..", "symbols": [..]}`, or `?why=..&symbols=..`, makes one |
//! | `GET /api/v1/why?symbol=..&model=DIGEST` | the newest forecast for an instrument, what the model looked at and what each feature does to it; without `model` of the one that leads |
//! | `POST /api/v1/timeseries` | forecasts of a model for the candles that are sent |

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::candle::Bar;
use serde::Deserialize;
use serde_json::json;
use types::Timestamp;

use super::Site;
use super::form::Form;
use super::kept::{self, Refusal};
use crate::cli::predict;
use crate::models::Models;

/// Largest bundle that is taken, bytes.
pub(super) const BUNDLE_BYTES_MAX: usize = 80 << 20;
/// Largest list of candles, bytes.
pub(super) const CANDLES_BYTES_MAX: usize = 16 << 20;
/// Most forecasts of one answer.
const FORECASTS_MAX: usize = 10_000;

/// What may be asked for in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    /// Separated by commas.
    symbols: String,
    request: Option<u64>,
    why: String,
}

impl Asked {
    fn symbols(&self) -> Vec<String> {
        self.symbols.split(',').map(str::trim).filter(|symbol| !symbol.is_empty()).map(str::to_owned).collect()
    }
}

/// `GET /api/v1/models`.
pub(super) async fn list(State(site): State<Site>, form: Form) -> Response {
    form.of(&site.inner.models.shown())
}

/// `POST /api/v1/models`.
pub(super) async fn add(State(site): State<Site>, Query(asked): Query<Asked>, container: Bytes) -> Response {
    change(&site, move |models| {
        let model = models.add(&container, asked.symbols(), asked.request)?;
        Ok(json!({ "model": model }))
    })
    .await
}

/// `POST /api/v1/models/{model}/{verb}`.
pub(super) async fn seat(
    State(site): State<Site>,
    Path((model, verb)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Response {
    if !["promote", "shadow", "unseat"].contains(&verb.as_str()) {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": format!("nothing is called {verb:?}") })))
            .into_response();
    }
    change(&site, move |models| {
        match verb.as_str() {
            "promote" => models.promote(&model, &asked.why),
            "shadow" => models.shadow(&model, asked.symbols()),
            _ => models.unseat(&model),
        }?;
        Ok(json!(models.shown()))
    })
    .await
}

/// `POST /api/v1/models/rollback`.
pub(super) async fn roll_back(State(site): State<Site>, Query(asked): Query<Asked>) -> Response {
    change(&site, move |models| {
        models.roll_back(&asked.why)?;
        Ok(json!(models.shown()))
    })
    .await
}

/// What `POST /api/v1/retrain` takes.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wish {
    why: String,
    symbols: Vec<String>,
}

/// `POST /api/v1/retrain`.
pub(super) async fn retrain(State(site): State<Site>, Query(asked): Query<Asked>, body: Bytes) -> Response {
    let wish = if body.is_empty() {
        Wish { symbols: asked.symbols(), why: asked.why }
    } else {
        match parse(&body) {
            Ok(wish) => wish,
            Err(refused) => return *refused,
        }
    };
    change(&site, move |models| Ok(json!({ "request": models.request(&wish.why, wish.symbols)? }))).await
}

/// `GET /api/v1/retrain`.
pub(super) async fn requests(State(site): State<Site>) -> Response {
    Json(json!({ "requests": site.inner.models.requests() })).into_response()
}

/// What `GET /api/v1/why` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    symbol: String,
    model: Option<String>,
}

/// `GET /api/v1/why`.
pub(super) async fn why(State(site): State<Site>, form: Form, Query(asked): Query<Question>) -> Response {
    let inner = site.inner.clone();
    form.of_work(move || {
        let known = kept::one(&inner.state, &asked.symbol)?;
        let why = inner.models.why(&known, asked.model.as_deref());
        why.map(Arc::unwrap_or_clone).map_err(|error| Refusal::Unknown(format!("{error:#}")))
    })
    .await
}

/// What `POST /api/v1/timeseries` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Series {
    /// A digest or its first letters; the model that leads without it.
    #[serde(default)]
    model: Option<String>,
    candles: Vec<Row>,
    /// Only so many of the newest forecasts.
    #[serde(default)]
    last: Option<usize>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CandleOfYours)]
struct Row {
    open_time_ms: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

impl Row {
    fn bar(&self) -> anyhow::Result<Bar> {
        let Self { open, high, low, close, volume, .. } = *self;
        let bar = Bar { open_time: Timestamp::from_millis(self.open_time_ms), open, high, low, close, volume };
        let is_sound = [open, high, low, close].iter().all(|price| price.is_finite() && *price > 0.0)
            && volume.is_finite()
            && volume >= 0.0
            && [open, close].iter().all(|price| (low..=high).contains(price));
        anyhow::ensure!(is_sound, "the candle of {} contradicts itself", bar.open_time);
        Ok(bar)
    }
}

/// `POST /api/v1/timeseries`.
pub(super) async fn forecast(State(site): State<Site>, body: Bytes) -> Response {
    let series: Series = match parse(&body) {
        Ok(series) => series,
        Err(refused) => return *refused,
    };
    let Ok(turn) = site.inner.verifying.clone().try_acquire_owned() else {
        return (StatusCode::CONFLICT, Json(json!({ "error": "another one is running" }))).into_response();
    };
    change(&site, move |models| {
        let _turn = turn;
        let bars = series.candles.iter().map(Row::bar).collect::<anyhow::Result<Vec<Bar>>>()?;
        let model = models.borrow(series.model.as_deref())?;
        let bars = predict::check_bars(bars, model.manifest().timeframe_min)?;
        let last = series.last.unwrap_or(FORECASTS_MAX).min(FORECASTS_MAX);
        let forecasts = predict::forecasts(&model, &bars, Some(last))?;
        let manifest = model.manifest();
        Ok(json!({ "model": format!("{} r{}", manifest.name, manifest.revision), "forecasts": forecasts }))
    })
    .await
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Box<Response>> {
    serde_json::from_slice(body).map_err(|error| {
        Box::new((StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response())
    })
}

/// Runs what may wait for the card or a model.
async fn change(
    site: &Site,
    work: impl FnOnce(&Models) -> anyhow::Result<serde_json::Value> + Send + 'static,
) -> Response {
    let refused = |status: StatusCode, error: String| (status, Json(json!({ "error": error }))).into_response();
    let models = site.inner.models.clone();
    match tokio::task::spawn_blocking(move || work(&models)).await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(error)) => refused(StatusCode::CONFLICT, format!("{error:#}")),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, format!("it ended early: {error}")),
    }
}
