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
use serde_json::json;
use store::replay::replay_readers;
use types::Timestamp;
use types::time::NS_PER_DAY;

use wire::api::{ReplayEnded, ReplayFound, ReplayGoing, Replays as Shown};

use super::Site;
use super::form::Form;
use super::kept::{Refusal, time};
use crate::recordings::Open;
use crate::replay::{EngineReplayer, Report};

/// What runs and what ran.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Shown>);

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
        shown.running = Some(ReplayGoing { from_ms: span.start.as_millis(), to_ms: span.end.as_millis(), inputs: 0 });
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
        let (found, error) = match found {
            Ok(found) if found.blocks > 0 => (Some(told(Report::of(found, &replayer))), None),
            Ok(_) => (None, Some("nothing was recorded in that time".to_owned())),
            Err(error) => (None, Some(error.to_string())),
        };
        let took_ms = began.elapsed().as_millis() as u64;
        let mut shown = self.lock();
        let (from_ms, to_ms) = (span.start.as_millis(), span.end.as_millis());
        *shown = Shown { running: None, last: Some(ReplayEnded { from_ms, to_ms, took_ms, found, error }) };
    }
}

fn told(report: Report) -> ReplayFound {
    let Report { inputs, effects, digest, differs, days, orders, fills, equity, first_difference, .. } = report;
    ReplayFound { inputs, effects, differs, digest, days, orders, fills, equity, first_difference }
}

/// `GET /api/v1/replays`.
pub(super) async fn show(State(site): State<Site>, form: Form) -> Response {
    let shown = site.inner.replays.lock().clone();
    form.of(&shown)
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
