//! `POST /api/v1/verify`: the chain of forecasts and every outcome, computed again. One at a time; 409 while one runs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use types::Timestamp;
use types::time::NS_PER_MIN;
use wire::api::Verification;

use super::Site;
use super::form::Form;
use crate::seals;

/// Forecasts newer than this may be on their way to the card.
const SETTLED_MIN: i64 = 5;

pub(super) async fn verify(State(site): State<Site>, form: Form) -> Response {
    let Ok(turn) = site.inner.verifying.clone().try_acquire_owned() else {
        return (StatusCode::CONFLICT, Json(json!({ "error": "another one is running" }))).into_response();
    };
    let settled = Timestamp::from_nanos(site.inner.clock.now().as_nanos() - SETTLED_MIN * NS_PER_MIN);
    let state = site.inner.state.clone();
    // Who goes away meanwhile does not end it.
    form.of_work(move || {
        let found = seals::verify(&state, settled);
        drop(turn);
        let found = found?;
        Ok(Verification { is_sound: found.is_sound(), found })
    })
    .await
}
