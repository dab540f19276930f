//! `/api/v1/update`: the program of the box.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/update` | which programs there are, which one runs, and what happened |
//! | `POST /api/v1/update?no_way_back=true&again=true` | installs the `.tbu` file that is sent and starts again with it; 202, or 409 where it is refused |
//! | `POST /api/v1/update/rollback?why=..` | starts again with the program of before; 202 |

use std::io;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use update::{Accepted, file};
use wire::api::UpdateInstalled;

use super::Site;
use super::form::Form;
use crate::update::{Incoming, Taken};

/// What may be asked for in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    no_way_back: bool,
    again: bool,
}

/// The same for the way back.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Back {
    why: String,
}

fn refused(status: StatusCode, error: impl std::fmt::Display) -> Response {
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}

/// `GET /api/v1/update`.
pub(super) async fn show(State(site): State<Site>, form: Form) -> Response {
    form.of(&site.inner.updates.told())
}

/// `POST /api/v1/update`. The body is never held: it is unpacked to the card as it comes.
pub(super) async fn install(State(site): State<Site>, Query(asked): Query<Asked>, body: Body) -> Response {
    let accepted = Accepted { no_way_back: asked.no_way_back, failed_before: asked.again };
    let (to, mut from) = Incoming::pair();
    let updates = site.inner.updates.clone();
    let work = tokio::task::spawn_blocking(move || updates.install(&mut from, accepted));
    let mut pieces = body.into_data_stream();
    let (mut bytes, mut to) = (0, Some(to));
    // Who is refused early still sends: the rest is let pass, so that he hears why.
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(io::Error::other);
        bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let is_over = piece.is_err() || bytes > file::BYTES_MAX;
        if let Some(sender) = &to
            && sender.send(piece).await.is_err()
        {
            to = None;
        }
        if is_over {
            break;
        }
    }
    drop(to);
    if bytes > file::BYTES_MAX {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {} bytes", file::BYTES_MAX));
    }
    match work.await {
        Ok(Ok(Taken { version, signer, backup })) => {
            (StatusCode::ACCEPTED, Json(UpdateInstalled { version, signer, backup })).into_response()
        }
        Ok(Err(error)) => refused(StatusCode::CONFLICT, format!("{error:#}")),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, format!("it ended early: {error}")),
    }
}

/// `POST /api/v1/update/rollback`.
pub(super) async fn roll_back(State(site): State<Site>, Query(asked): Query<Back>) -> Response {
    let updates = site.inner.updates.clone();
    match tokio::task::spawn_blocking(move || updates.go_back(&asked.why)).await {
        Ok(Ok(())) => StatusCode::ACCEPTED.into_response(),
        Ok(Err(error)) => refused(StatusCode::CONFLICT, format!("{error:#}")),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, format!("it ended early: {error}")),
    }
}
