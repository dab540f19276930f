//! `/api/v1/chart`, `/api/v1/past` and `/api/v1/day`: what the chart of a market is drawn of, and a day gone through again.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/chart?symbol=..&timeframe=1m&before=TIME&limit=2000&lines=ema_20,rsi_14` | the newest candles that open before a time, with the features of that name |
//! | `GET /api/v1/past?symbol=..&horizon=5&before=TIME&limit=2000` | forecasts of the model that leads there, by the time for which they were made, with what came |
//! | `GET /api/v1/day?symbol=..&day=2025-11-01&account=lead` | price, account and the leading model's forecast at the ends of the day's minutes, and the account's orders |

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use engine::feature::columns_of;
use serde::Serialize;
use types::input::ModelRole;
use types::{Date, InstrumentId, Timestamp, Venue};
use wire::ServerMessage;

use super::accounts::{account, number};
use super::form::Form;
use super::kept::{self, Refusal, one};
use super::{Inner, Site};
use crate::chart::{self, LENGTHS, LIMIT};
use crate::day;
use crate::kept::{Known, LEAD};

/// Most features of one answer.
const LINES_MAX: usize = 16;
/// Furthest that any model looks, minutes.
const HORIZON_MAX: u16 = 10_080;

/// `GET /api/v1/chart`.
pub(super) async fn block(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    in_turn(site, form, move |inner| {
        let symbol = kept::symbol(&parameters)?;
        let wanted = kept::text(&parameters, "timeframe").unwrap_or("1m");
        let length = LENGTHS.iter().find(|(name, _)| *name == wanted).map(|(_, length)| *length);
        let length = length.ok_or_else(|| {
            let names = LENGTHS.map(|(name, _)| name).join(", ");
            Refusal::Bad(format!("timeframe: {wanted:?} is no length of candles; there are {names}"))
        })?;
        let before = kept::time(&parameters, "before", inner.clock.now())?.max(Timestamp::EPOCH);
        let limit = number(&parameters, "limit", LIMIT, LIMIT)?;
        let names: Vec<&str> = kept::text(&parameters, "lines").map(|it| it.split(',').collect()).unwrap_or_default();
        if names.len() > LINES_MAX {
            return Err(Refusal::Bad(format!("lines: more than {LINES_MAX} names")));
        }
        let columns = columns_of(&names).map_err(|error| Refusal::Bad(format!("lines: {error}")))?;
        let Some(known) = known(inner, symbol)? else { return Ok(chart::nothing_yet(symbol, length, before)) };
        Ok(chart::block(&inner.state, inner.recordings.dir(), &known, length, before, limit, &columns)?)
    })
    .await
}

/// The answer of work for a chart, once it has a place among those that are made just now. It keeps it until it is done, also when
/// nobody waits for it any more.
async fn in_turn<T: Serialize + Send + 'static>(
    site: Site,
    form: Form,
    work: impl FnOnce(&Inner) -> Result<T, Refusal> + Send + 'static,
) -> Response {
    let inner = site.inner.clone();
    let turn = inner.charting.clone().acquire_owned().await.expect("it is never closed");
    form.of_work(move || {
        let _turn = turn;
        work(&inner)
    })
    .await
}

/// An instrument; none where the box has just heard of it and keeps it a moment later.
fn known(inner: &Inner, symbol: &str) -> Result<Option<Known>, Refusal> {
    match one(&inner.state, symbol) {
        Err(Refusal::Unknown(_)) if is_announced(&inner.published.catalogue.borrow().clone(), symbol) => Ok(None),
        found => found.map(Some),
    }
}

/// Whether browsers were told of an instrument.
fn is_announced(catalogue: &[u8], symbol: &str) -> bool {
    let Ok(ServerMessage::Catalogue(all)) = wire::decode(catalogue) else { return false };
    let slug = |name: &str| Venue::ALL.into_iter().find(|venue| venue.name() == name).map(Venue::slug);
    let Some((venue, pair)) = symbol.split_once(':') else { return false };
    all.iter().any(|it| slug(&it.venue) == Some(venue) && it.pair == pair)
}

/// `GET /api/v1/day`.
pub(super) async fn course(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    in_turn(site, form, move |inner| {
        let wanted = kept::text(&parameters, "day");
        let day = wanted.map_or_else(|| Ok(Date::of(inner.clock.now())), str::parse);
        let day = day.map_err(|error| Refusal::Bad(format!("day: {:?} is {error}", wanted.unwrap_or_default())))?;
        let symbol = kept::symbol(&parameters)?;
        let name = kept::text(&parameters, "account").unwrap_or(LEAD);
        let Some(known) = known(inner, symbol)? else { return Ok(day::nothing_yet(day, symbol, name)) };
        let account = account(&inner.state, name)?;
        let asked = day::Asked { day, known: &known, account, name };
        Ok(day::course(&inner.state, asked, &|model| leads(inner, known.id, model))?)
    })
    .await
}

/// Whether a model is the one that is acted on in a market.
fn leads(inner: &Inner, instrument: InstrumentId, model: &str) -> bool {
    inner.models.engine_seats().iter().any(|seat| {
        seat.spec.id == model
            && seat.role == ModelRole::Active
            && (seat.instruments.is_empty() || seat.instruments.contains(&instrument))
    })
}

/// `GET /api/v1/past`.
pub(super) async fn past(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    in_turn(site, form, move |inner| {
        let symbol = kept::symbol(&parameters)?;
        let horizon = number(&parameters, "horizon", 5, HORIZON_MAX)?;
        let before = kept::time(&parameters, "before", Timestamp::MAX)?.max(Timestamp::EPOCH);
        let limit = number(&parameters, "limit", LIMIT, LIMIT)?;
        let Some(known) = known(inner, symbol)? else { return Ok(chart::none_yet(symbol, horizon, before)) };
        let shelf = inner.models.shown();
        let named = |model: &str| {
            let version = shelf.versions.iter().find(|version| version.model == model);
            version.map_or_else(|| model.to_owned(), |version| format!("{} r{}", version.name, version.revision))
        };
        let leads = |model: &str| leads(inner, known.id, model);
        Ok(chart::past(&inner.state, &known, horizon, before, limit, &leads, &named)?)
    })
    .await
}
