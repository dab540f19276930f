//! `/api/v1/settings` and `/api/v1/restart`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/settings` | every key of the configuration: what it does, what it may be, what it is and what it will be |
//! | `POST /api/v1/settings` `{"changes": {"engine.signal.rule": "off"}}` | stores changes, all or none; null takes one back; 400 with all that is wrong |
//! | `POST /api/v1/restart` | stops in order and starts again with the stored changes; 202 |

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use wire::api::{SettingChanges, SettingsRefused};

use super::Site;
use super::form::Form;
use super::kept::Refusal;
use crate::settings::NotStored;

/// The answer goes out before the box stops.
const RESTART_AFTER: Duration = Duration::from_millis(200);

/// `GET /api/v1/settings`.
pub(super) async fn show(State(site): State<Site>, form: Form) -> Response {
    form.of(&site.inner.settings.shown())
}

/// `POST /api/v1/settings`.
pub(super) async fn change(State(site): State<Site>, form: Form, body: Bytes) -> Response {
    let SettingChanges { changes } = match serde_json::from_slice(&body) {
        Ok(changes) => changes,
        Err(error) => {
            let refused = SettingsRefused { error: error.to_string(), problems: Vec::new() };
            return (StatusCode::BAD_REQUEST, Json(refused)).into_response();
        }
    };
    let keys = changes.keys().cloned().collect::<Vec<_>>().join(", ");
    let settings = site.inner.settings.clone();
    let stored = tokio::task::spawn_blocking(move || settings.change(&changes)).await;
    match stored {
        Ok(Ok(())) => {
            tracing::info!("settings changed by the API, for the next start: {keys}");
            form.of(&site.inner.settings.shown())
        }
        Ok(Err(NotStored::Wrong(problems))) => {
            let told: Vec<String> = problems.iter().map(|it| format!("{}: {}", it.key, it.problem)).collect();
            let refused = SettingsRefused { error: told.join("; "), problems };
            (StatusCode::BAD_REQUEST, Json(refused)).into_response()
        }
        Ok(Err(NotStored::Failed(error))) => Refusal::Failed(format!("nothing was stored: {error}")).into_response(),
        Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
    }
}

/// `POST /api/v1/restart`.
pub(super) async fn restart(State(site): State<Site>) -> Response {
    if !site.inner.settings.can_restart() {
        let error = "this program cannot start itself again here: restart it by hand";
        return (StatusCode::CONFLICT, Json(json!({ "error": error }))).into_response();
    }
    tracing::warn!("restart asked for by the API");
    tokio::spawn(async move {
        tokio::time::sleep(RESTART_AFTER).await;
        site.inner.restart.notify_one();
    });
    StatusCode::ACCEPTED.into_response()
}
