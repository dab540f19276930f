//! `GET /api/v1/logs?level=info&contains=&after=0&limit=200`: the newest lines of the log.

use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use wire::api::LogLevel;

use super::form::Form;
use super::kept::Refusal;
use crate::log::{self, Wanted};

const LIMIT: usize = 200;
const LIMIT_MAX: usize = 2_000;

/// What may be asked for in the address.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    level: LogLevel,
    contains: String,
    after: u64,
    limit: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self { level: LogLevel::Info, contains: String::new(), after: 0, limit: LIMIT }
    }
}

/// `GET /api/v1/logs`.
pub(super) async fn logs(form: Form, Query(asked): Query<Asked>) -> Response {
    let Asked { level, contains, after, limit } = asked;
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Refusal::Bad(format!("limit: {limit} is not a number from 1 to {LIMIT_MAX}")).into_response();
    }
    form.of(&log::ring().lines(&Wanted { level, contains, after, limit }))
}
