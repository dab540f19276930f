//! `/api/v1/backups`: the box's backups, to make one now and to take one away.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/backups` | names, the oldest first, and the last that was proven |
//! | `POST /api/v1/backups` | makes one, restores it beside, and tells it |
//! | `GET /api/v1/backups/NAME` | the file |

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::oneshot;
use tower_http::services::ServeFile;

use super::Site;
use crate::engine_thread::Message;

fn refused(status: StatusCode, error: impl std::fmt::Display) -> Response {
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}

/// `GET /api/v1/backups`.
pub(super) async fn list(State(site): State<Site>) -> Response {
    match site.inner.backups.names() {
        Ok(names) => Json(json!({ "names": names, "health": site.inner.backups.health() })).into_response(),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// `POST /api/v1/backups`.
pub(super) async fn make(State(site): State<Site>) -> Response {
    let (reply, moment) = oneshot::channel();
    if site.inner.engine.try_send(Message::Backup(reply)).is_err() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the box is too busy: ask again later");
    }
    let Ok(moment) = moment.await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the box cannot read what it has kept: see its log");
    };
    let (backups, now) = (site.inner.backups.clone(), site.inner.clock.now());
    // Reading and writing wait for the card.
    match tokio::task::spawn_blocking(move || backups.run(&moment, now)).await {
        Ok(Ok(proven)) => Json(proven).into_response(),
        Ok(Err(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, format!("it ended early: {error}")),
    }
}

/// `GET /api/v1/backups/NAME`.
pub(super) async fn download(State(site): State<Site>, Path(name): Path<String>, request: Request) -> Response {
    let Some(path) = site.inner.backups.path(&name) else {
        return refused(StatusCode::NOT_FOUND, format!("no backup {name:?}"));
    };
    match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
