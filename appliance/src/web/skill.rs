//! `GET /api/v1/skill?symbol=..&days=7`: what the forecasts of an instrument were worth, model by model and horizon by horizon.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use types::Timestamp;
use types::input::ModelRole;
use types::time::NS_PER_DAY;
use wire::api::Skill;

use super::Site;
use super::accounts::number;
use super::form::Form;
use super::kept::{self, one};
use crate::scoreboard;

const DAYS: u16 = 7;
const DAYS_MAX: u16 = 60;

pub(super) async fn skill(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let inner = site.inner.clone();
    form.of_work(move || {
        let days = number(&parameters, "days", DAYS, DAYS_MAX)?;
        let known = one(&inner.state, kept::symbol(&parameters)?)?;
        let from = Timestamp::from_nanos(inner.clock.now().as_nanos() - i64::from(days) * NS_PER_DAY);
        let shelf = inner.models.shown();
        let named = |model: &str| {
            let version = shelf.versions.iter().find(|version| version.model == model);
            version.map_or_else(|| model.to_owned(), |version| format!("{} r{}", version.name, version.revision))
        };
        let leads = |model: &str| {
            inner.models.engine_seats().iter().any(|seat| {
                seat.spec.id == model
                    && seat.role == ModelRole::Active
                    && (seat.instruments.is_empty() || seat.instruments.contains(&known.id))
            })
        };
        let tracks = scoreboard::tracks(&inner.state, &known, from, &named, &leads)?;
        Ok(Skill { symbol: format!("{}:{}", known.venue, known.symbol), tracks })
    })
    .await
}
