//! `POST /api/v1/verify`: the chain of forecasts and every outcome, computed again. One at a time; 409 while one runs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use types::Timestamp;
use types::time::NS_PER_MIN;

use super::Site;
use super::kept::Refusal;
use crate::seals;

/// Forecasts newer than this may be on their way to the card.
const SETTLED_MIN: i64 = 5;

pub(super) async fn verify(State(site): State<Site>) -> Response {
    let Ok(turn) = site.inner.verifying.clone().try_acquire_owned() else {
        return (StatusCode::CONFLICT, Json(json!({ "error": "another one is running" }))).into_response();
    };
    let settled = Timestamp::from_nanos(site.inner.clock.now().as_nanos() - SETTLED_MIN * NS_PER_MIN);
    let state = site.inner.state.clone();
    // Reading waits for the card; who goes away meanwhile does not end it.
    let found = tokio::task::spawn_blocking(move || {
        let found = seals::verify(&state, settled);
        drop(turn);
        found
    });
    match found.await {
        Ok(Ok(found)) => Json(json!({ "is_sound": found.is_sound(), "found": found })).into_response(),
        Ok(Err(error)) => Refusal::from(error).into_response(),
        Err(error) => Refusal::Failed(format!("it ended early: {error}")).into_response(),
    }
}
