//! `/api/v1/replays`: does the engine make of what was recorded what it made of it then?
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/replays?from=..&to=..` | begins one, of today without them; 202, or 409 while one runs |
//! | `GET /api/v1/replays` | the one that runs with its inputs so far, and the last one with what it found |

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use store::replay::replay_readers;
use types::Timestamp;
use types::time::NS_PER_DAY;

use super::Site;
use super::kept::{Refusal, time};
use crate::recordings::Open;
use crate::replay::{EngineReplayer, Report};

/// What runs and what ran.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Shown>);

/// What `GET` answers.
#[derive(Clone, Debug, Default, Serialize)]
struct Shown {
    running: Option<Going>,
    last: Option<Ended>,
}

#[derive(Clone, Debug, Serialize)]
struct Going {
    from: String,
    to: String,
    inputs: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Ended {
    from: String,
    to: String,
    took_ms: u64,
    #[serde(flatten)]
    report: Option<Report>,
    /// Why it found nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Replays {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False while another one runs.
    fn begin(&self, span: &Range<Timestamp>) -> bool {
        let mut shown = self.lock();
        if shown.running.is_some() {
            return false;
        }
        shown.running = Some(Going { from: span.start.to_string(), to: span.end.to_string(), inputs: 0 });
        true
    }

    fn run(&self, open: Open, span: Range<Timestamp>) {
        let began = Instant::now();
        let mut replayer = EngineReplayer::default();
        let found = replay_readers(open.readers(), span.clone(), &mut replayer, |so_far| {
            if let Some(running) = &mut self.lock().running {
                running.inputs = so_far.inputs;
            }
        });
        let (report, error) = match found {
            Ok(found) if found.blocks > 0 => (Some(Report::of(found, &replayer)), None),
            Ok(_) => (None, Some("nothing was recorded in that time".to_owned())),
            Err(error) => (None, Some(error.to_string())),
        };
        let took_ms = began.elapsed().as_millis() as u64;
        let mut shown = self.lock();
        let (from, to) = (span.start.to_string(), span.end.to_string());
        *shown = Shown { running: None, last: Some(Ended { from, to, took_ms, report, error }) };
    }
}

/// `GET /api/v1/replays`.
pub(super) async fn show(State(site): State<Site>) -> Response {
    let shown = site.inner.replays.lock().clone();
    Json(shown).into_response()
}

/// `POST /api/v1/replays`.
pub(super) async fn begin(State(site): State<Site>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    let now = site.inner.clock.now();
    let midnight = now.floor_to(NS_PER_DAY);
    let span = time(&parameters, "from", midnight).and_then(|from| Ok(from..time(&parameters, "to", now)?));
    let span = match span {
        Ok(span) if span.start < span.end => span,
        Ok(_) => return Refusal::Bad("from is not before to".to_owned()).into_response(),
        Err(refusal) => return refusal.into_response(),
    };
    let open = match site.inner.recordings.open(span.clone(), true).await {
        Ok(open) => open,
        Err(error) => return Refusal::Busy(error).into_response(),
    };
    if !site.inner.replays.begin(&span) {
        return (StatusCode::CONFLICT, Json(json!({ "error": "another replay is running" }))).into_response();
    }
    // A thread of its own, which nothing waits for when the box stops.
    let replaying = site.clone();
    let begun =
        std::thread::Builder::new().name("replay".to_owned()).spawn(move || replaying.inner.replays.run(open, span));
    match begun {
        Ok(_) => (StatusCode::ACCEPTED, Json(site.inner.replays.lock().clone())).into_response(),
        Err(error) => {
            site.inner.replays.lock().running = None;
            Refusal::Failed(format!("no thread for it: {error}")).into_response()
        }
    }
}
