//! `POST /api/v1/notify/test?channel=NAME`: a test message to the owner by one channel or all, and what the services answered. One test at a
//! time; 404 where no such channel is configured.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use notify::Channel;
use serde_json::json;
use wire::api::NotifyTest;

use super::Site;
use super::form::Form;
use super::kept::Refusal;
use crate::notify::NoTest;

pub(super) async fn test(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    if let Some(name) = parameters.keys().find(|name| *name != "channel") {
        return Refusal::Bad(format!("{name}: no such parameter; there is channel")).into_response();
    }
    let channel = parameters.get("channel").map(String::as_str);
    if let Some(name) = channel.filter(|name| Channel::of(name).is_none()) {
        let known = Channel::ALL.map(Channel::name).join(", ");
        return Refusal::Bad(format!("channel: {name:?} is not one of {known}")).into_response();
    }
    let refused = |status: StatusCode, error: String| (status, Json(json!({ "error": error }))).into_response();
    match site.inner.notifier.test(channel).await {
        Ok(channels) => form.of(&NotifyTest { channels }),
        Err(NoTest::Busy) => refused(StatusCode::CONFLICT, "another test is running".to_owned()),
        Err(NoTest::Unknown(why)) => refused(StatusCode::NOT_FOUND, why),
    }
}
