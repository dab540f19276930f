//! `/api/v1/access` and its neighbours: to claim the box, log in and out, and say who else may what. `docs/access.md` has every
//! request and answer.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use wire::api::{Audit, GuestState, NewGuest, NewToken, Sessions, Standing, Tokens};

use super::Site;
use super::form::Form;
use super::guard::{self, Told};
use super::server::Peer;
use crate::access::{Mode, Refused, Scopes, Shown, TOLD_MAX, Visitor, Who};

/// Largest body of a request here, bytes.
pub(super) const BODY_BYTES_MAX: usize = 4 << 10;
/// Events that are told where no number is asked for.
const EVENTS: usize = 100;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Open | Self::Claimed | Self::Unclaimed | Self::Taken(_) => StatusCode::CONFLICT,
            Self::Length | Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::WrongCode | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = (status, Json(json!({ "error": self.to_string() }))).into_response();
        if let Self::Wait(wait) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}

/// `GET /api/v1/access`.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    form.of(&shown(&site, &peer, &visitor))
}

fn shown(site: &Site, peer: &Peer, visitor: &Visitor) -> Standing {
    let access = &site.inner.access;
    let page = site.inner.settings.page();
    let token = visitor.who.name().filter(|_| matches!(visitor.who, Who::Token(_)));
    Standing {
        mode: access.mode().name().to_owned(),
        claimed: access.is_claimed(),
        who: visitor.who.kind().to_owned(),
        name: token.map(str::to_owned),
        scopes: visitor.scopes.names(),
        tls: peer.is_tls,
        fingerprint: site.inner.fingerprint.clone(),
        clock: page.clock.name().to_owned(),
        set_up: page.set_up,
    }
}

/// Body of `POST /api/v1/claim`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    code: String,
    password: String,
}

/// `POST /api/v1/claim`.
pub(super) async fn claim(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Claim { code, password } = match parse(&body) {
        Ok(claim) => claim,
        Err(refused) => return refused.into_response(),
    };
    let client = guard::client(&peer, &headers);
    let claimed = site.inner.access.claim(code, password, client).await;
    enter(&site, &peer, claimed)
}

/// Body of `POST /api/v1/login`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    password: String,
}

/// `POST /api/v1/login`.
pub(super) async fn log_in(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Login { password } = match parse(&body) {
        Ok(login) => login,
        Err(refused) => return refused.into_response(),
    };
    let client = guard::client(&peer, &headers);
    let entered = site.inner.access.log_in(password, client).await;
    enter(&site, &peer, entered)
}

/// Gives a browser its session.
fn enter(site: &Site, peer: &Peer, secret: Result<String, Refused>) -> Response {
    let secret = match secret {
        Ok(secret) => secret,
        Err(refused) => return refused.into_response(),
    };
    let Some(visitor) = site.inner.access.visitor(Some(Shown::Cookie(&secret))) else {
        return Refused::Disk("the session was ended at once".to_owned()).into_response();
    };
    let mut response = Json(shown(site, peer, &visitor)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, guard::set_cookie(Some(&secret), peer.is_tls));
    told(response, Some(visitor.who), String::new())
}

/// `POST /api/v1/logout`.
pub(super) async fn log_out(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    done(site.inner.access.log_out(&visitor).await.map(|()| guard::set_cookie(None, peer.is_tls)))
}

/// Body of `POST /api/v1/password`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    old: String,
    new: String,
}

/// `POST /api/v1/password`.
pub(super) async fn change_password(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let NewPassword { old, new } = match parse(&body) {
        Ok(passwords) => passwords,
        Err(refused) => return refused.into_response(),
    };
    let client = guard::client(&peer, &headers);
    match site.inner.access.change_password(&visitor, old, new, client).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        // Who asks is logged in: 401 would send it to the login.
        Err(Refused::WrongPassword) => {
            (StatusCode::FORBIDDEN, Json(json!({ "error": "the old password is wrong" }))).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

/// `GET /api/v1/sessions`.
pub(super) async fn sessions(State(site): State<Site>, Extension(visitor): Extension<Visitor>, form: Form) -> Response {
    if site.inner.access.mode() == Mode::Open {
        return Refused::Open.into_response();
    }
    form.of(&Sessions { sessions: site.inner.access.sessions(&visitor) })
}

/// `DELETE /api/v1/sessions`.
pub(super) async fn end_sessions(State(site): State<Site>, Extension(peer): Extension<Arc<Peer>>) -> Response {
    done(site.inner.access.end_sessions().await.map(|()| guard::set_cookie(None, peer.is_tls)))
}

/// `DELETE /api/v1/sessions/{id}`.
pub(super) async fn end_session(State(site): State<Site>, Path(id): Path<String>) -> Response {
    no_content(site.inner.access.end_session(id).await)
}

/// `GET /api/v1/tokens`.
pub(super) async fn tokens(State(site): State<Site>, form: Form) -> Response {
    if site.inner.access.mode() == Mode::Open {
        return Refused::Open.into_response();
    }
    form.of(&Tokens { tokens: site.inner.access.tokens() })
}

/// Body of `POST /api/v1/tokens`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WishedToken)]
pub(super) struct Wished {
    name: String,
    #[schema(value_type = Vec<String>)]
    scopes: Scopes,
}

/// `POST /api/v1/tokens`.
pub(super) async fn make_token(State(site): State<Site>, form: Form, body: Bytes) -> Response {
    let Wished { name, scopes } = match parse(&body) {
        Ok(token) => token,
        Err(refused) => return refused.into_response(),
    };
    match site.inner.access.make_token(name, scopes).await {
        Ok((token, secret)) => {
            let detail = format!("{} with {scopes}", token.name);
            let made = NewToken { name: token.name, scopes: token.scopes, token: secret };
            told((StatusCode::CREATED, form.of(&made)).into_response(), None, detail)
        }
        Err(refused) => refused.into_response(),
    }
}

/// `DELETE /api/v1/tokens/{name}`.
pub(super) async fn revoke_token(State(site): State<Site>, Path(name): Path<String>) -> Response {
    no_content(site.inner.access.revoke_token(name).await)
}

/// `GET /api/v1/guest`.
pub(super) async fn guest(State(site): State<Site>, form: Form) -> Response {
    if site.inner.access.mode() == Mode::Open {
        return Refused::Open.into_response();
    }
    form.of(&GuestState { guest: site.inner.access.guest() })
}

/// `POST /api/v1/guest`.
pub(super) async fn make_guest(State(site): State<Site>, form: Form) -> Response {
    match site.inner.access.make_guest().await {
        Ok(secret) => {
            let link = NewGuest { path: format!("/guest/{secret}") };
            (StatusCode::CREATED, form.of(&link)).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

/// `DELETE /api/v1/guest`.
pub(super) async fn revoke_guest(State(site): State<Site>) -> Response {
    no_content(site.inner.access.revoke_guest().await)
}

/// `GET /guest/{key}`.
pub(super) async fn enter_as_guest(
    State(site): State<Site>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(visitor): Extension<Visitor>,
    Path(key): Path<String>,
) -> Response {
    let home = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]);
    match site.inner.access.visitor(Some(Shown::Cookie(&key))) {
        // Who may more tries the link out, and stays who it is.
        Some(guest) if guest.who == Who::Guest && matches!(visitor.who, Who::Nobody | Who::Guest) => {
            let mut response = home.into_response();
            response.headers_mut().insert(header::SET_COOKIE, guard::set_cookie(Some(&key), peer.is_tls));
            told(response, Some(Who::Guest), String::new())
        }
        Some(known) if matches!(known.who, Who::Guest | Who::Everyone) => home.into_response(),
        _ => super::assets::plain(StatusCode::NOT_FOUND, "this link is void; ask for the new one\n"),
    }
}

/// `GET /api/v1/audit`.
pub(super) async fn audit(
    State(site): State<Site>,
    form: Form,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let limit = match asked.get("limit").map(|text| text.parse()) {
        None => EVENTS,
        Some(Ok(limit)) if (1..=TOLD_MAX).contains(&limit) => limit,
        Some(_) => return Refused::Bad(format!("limit: must be a number from 1 to {TOLD_MAX}")).into_response(),
    };
    form.of(&Audit { events: site.inner.access.recorded(limit) })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::Bad(error.to_string()))
}

fn no_content(outcome: Result<(), Refused>) -> Response {
    outcome.map_or_else(IntoResponse::into_response, |()| StatusCode::NO_CONTENT.into_response())
}

fn done(cookie: Result<HeaderValue, Refused>) -> Response {
    match cookie {
        Ok(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        Err(refused) => refused.into_response(),
    }
}

fn told(mut response: Response, who: Option<Who>, detail: String) -> Response {
    response.extensions_mut().insert(Told { who, detail });
    response
}
