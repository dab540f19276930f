//! The door: every request comes through [`pass`].
//!
//! 1. The host name must be the box's: a page of another site that was rebound to its address gets nothing.
//! 2. What changes something, and a WebSocket, must not come from a page of another site.
//! 3. The visitor must have what the route needs (`routes`).
//! 4. A body must come in time.
//! 5. An error of the API is told as JSON, whoever noticed it.
//! 6. The answer gets its headers, and what was changed is recorded.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use serde_json::json;

use super::refusals::Why;
use super::routes::need;
use super::server::Peer;
use super::{Site, assets, body};
use crate::access::{Client, Event, Shown, Visitor, Who};

/// The cookie of a session or of a guest.
pub(super) const COOKIE: &str = "tickerbox";
/// Longest text of an error.
const ERROR_BYTES_MAX: usize = 16 << 10;
/// How long a browser keeps the cookie, seconds: as long as browsers do. The box judges by itself.
const COOKIE_S: u32 = 400 * 86_400;

/// Who does not pass: why, and the answer.
type Turned = (Why, Box<Response<Body>>);

/// What an answer tells the record about itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Who asked, where that was found out on the way.
    pub(super) who: Option<Who>,
    pub(super) detail: String,
}

/// Lets a request pass, or says why not.
pub(super) async fn pass(State(site): State<Site>, mut request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path();
    let is_api = path.starts_with("/api/") || super::OLD_PATHS.iter().any(|(old, _)| path == *old);
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    let mut response = match check(&site, &request) {
        Ok(visitor) => {
            let record = Record::of(&request, peer.as_deref());
            request.extensions_mut().insert(visitor.clone());
            let response = next.run(request.map(body::in_time)).await;
            if let Some(record) = record {
                record.write(&site, &visitor, &response);
            }
            response
        }
        Err((why, refused)) => {
            site.inner.refusals.note(why, peer.as_ref().map(|peer| peer.address.ip()));
            let visitor = visitor(&site, request.headers()).unwrap_or(Visitor::NOBODY);
            if let Some(record) = Record::of(&request, peer.as_deref()) {
                record.write(&site, &visitor, &refused);
            }
            *refused
        }
    };
    if is_api {
        response = in_json(response).await;
    }
    harden(response.headers_mut(), is_api);
    response
}

/// An error as JSON: who reads parameters and bodies says in plain text what is wrong with them, and nothing of a method that is not there.
async fn in_json(response: Response<Body>) -> Response<Body> {
    let status = response.status();
    let kind = text(response.headers(), header::CONTENT_TYPE).unwrap_or_default();
    if !(status.is_client_error() || status.is_server_error()) || kind == "application/json" {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, ERROR_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let error = match said.trim() {
        "" => status.canonical_reason().unwrap_or_default(),
        said => said,
    };
    let (told, body) = Json(json!({ "error": error })).into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(told.headers);
    Response::from_parts(parts, body)
}

/// Lets those pass who speak HTTP where HTTPS is spoken: there is nothing behind that needs more than the host's name.
pub(super) async fn pass_to_https(State(site): State<Site>, request: Request, next: Next) -> Response<Body> {
    let mut response = match check_host(&site, request.headers()) {
        Ok(()) => next.run(request).await,
        Err((_, refused)) => *refused,
    };
    harden(response.headers_mut(), false);
    response
}

fn check_host(site: &Site, headers: &HeaderMap) -> Result<(), Turned> {
    let host = text(headers, header::HOST).unwrap_or_default();
    if is_own_host(host, &site.inner.allowed_hosts) {
        return Ok(());
    }
    let error = "this box does not answer to that host name; add it to server.allowed_hosts\n";
    Err((Why::Host, Box::new(assets::plain(StatusCode::MISDIRECTED_REQUEST, error))))
}

fn check(site: &Site, request: &Request) -> Result<Visitor, Turned> {
    let headers = request.headers();
    check_host(site, headers)?;
    let is_watched = is_changing(request.method()) || headers.contains_key(header::UPGRADE);
    if is_watched && !is_same_origin(headers) {
        return Err((Why::Origin, refuse(StatusCode::FORBIDDEN, "asked for by a page of another site")));
    }
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let need = need(route, request.method(), request.uri().path());
    let visitor = visitor(site, headers);
    if need.allows(visitor.as_ref().unwrap_or(&Visitor::NOBODY)) {
        return Ok(visitor.unwrap_or(Visitor::NOBODY));
    }
    Err(match visitor {
        Some(visitor) => {
            let has = visitor.scopes;
            (Why::Scope, refuse(StatusCode::FORBIDDEN, &format!("this needs {}; you have {has}", need.name())))
        }
        None => {
            let mut refused = refuse(StatusCode::UNAUTHORIZED, "log in, or show a token that is valid");
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            (Why::Unknown, refused)
        }
    })
}

fn refuse(status: StatusCode, error: &str) -> Box<Response<Body>> {
    Box::new((status, Json(json!({ "error": error }))).into_response())
}

/// Who asks; nothing where what is shown is not valid. A token counts before a cookie.
fn visitor(site: &Site, headers: &HeaderMap) -> Option<Visitor> {
    let shown = match headers.get(header::AUTHORIZATION) {
        Some(value) => Some(Shown::Bearer(bearer(value).unwrap_or_default())),
        None => cookie(headers).map(Shown::Cookie),
    };
    site.inner.access.visitor(shown)
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The header that gives a browser its secret, or takes it away.
pub(super) fn set_cookie(secret: Option<&str>, is_tls: bool) -> HeaderValue {
    let (value, age_s) = secret.map_or(("", 0), |secret| (secret, COOKIE_S));
    let secure = if is_tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).expect("hexadecimal digits")
}

/// From where a request comes, for limits and records.
pub(super) fn client(peer: &Peer, headers: &HeaderMap) -> Client {
    Client { address: peer.address.ip(), agent: text(headers, header::USER_AGENT).unwrap_or_default().to_owned() }
}

/// What is written down of a request that changes something, or tries to.
struct Record {
    what: String,
    address: Option<IpAddr>,
    /// Who comes to be known.
    is_entrance: bool,
}

impl Record {
    fn of(request: &Request, peer: Option<&Peer>) -> Option<Self> {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        // The guest's path is a secret.
        let is_guest = route == Some("/guest/{key}");
        let is_entrance = is_guest || matches!(route, Some("/api/v1/claim" | "/api/v1/login"));
        let what = match request.uri().path_and_query() {
            Some(path) if !is_guest => path.as_str(),
            _ => "/guest",
        };
        let what = format!("{} {what}", request.method());
        let address = peer.map(|peer| peer.address.ip());
        (is_entrance || is_changing(request.method())).then_some(Self { what, address, is_entrance })
    }

    /// Who is nobody fills no record, unless it tries to become somebody, as often as the limits allow.
    fn write(self, site: &Site, visitor: &Visitor, response: &Response<Body>) {
        let status = response.status();
        let told = response.extensions().get::<Told>().cloned().unwrap_or_default();
        let who = told.who.as_ref().unwrap_or(&visitor.who);
        let is_try = self.is_entrance && status == StatusCode::UNAUTHORIZED;
        if *who == Who::Nobody && !is_try {
            return;
        }
        if is_try {
            let address = self.address.map(|address| address.to_string()).unwrap_or_default();
            tracing::warn!("{} from {address}: refused", self.what);
        }
        site.inner.access.record(Event::new(who, self.address, &self.what, &told.detail, status.as_u16()));
    }
}

/// Headers of every answer: nothing of another site runs, frames or reads it.
pub(super) fn harden(headers: &mut HeaderMap, is_api: bool) {
    const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
        connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    const ALL: [(HeaderName, &str); 7] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=(), serial=()",
        ),
    ];
    for (name, value) in ALL {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_changing(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// True when a request comes from a page of this box, or from a program that is not a browser.
fn is_same_origin(headers: &HeaderMap) -> bool {
    // `none`: typed or opened by the user. Pages that only share the host's name are other sites for us.
    let is_own_site = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => true,
    };
    let is_own_page = match (headers.get(header::ORIGIN), text(headers, header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
    };
    is_own_site && is_own_page
}

/// Addresses, `localhost`, names in `.local` and names without a dot belong to the home network; others must be allowed.
pub(super) fn is_own_host(host: &str, allowed: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let lower = bare.to_ascii_lowercase();
    bare.parse::<IpAddr>().is_ok()
        || (!lower.is_empty() && !lower.contains('.'))
        || lower.ends_with(".local")
        || lower.ends_with(".lan")
        || lower.ends_with(".home.arpa")
        || allowed.iter().any(|a| a.eq_ignore_ascii_case(&lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_home_network_and_allowed_ones_are_served() {
        let allowed = vec!["box.example.org".to_owned()];
        for own in ["127.0.0.1:8080", "[::1]:8080", "localhost", "tickerbox.local:80", "tickerbox", "Box.Example.org"] {
            assert!(is_own_host(own, &allowed), "{own}");
        }
        for foreign in ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example"] {
            assert!(!is_own_host(foreign, &allowed), "{foreign}");
        }
    }

    fn headers(more: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, HeaderValue::from_static("tickerbox.local:8080"));
        for (name, value) in more {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let check = |more: &[(&'static str, &'static str)], expected| {
            assert_eq!(is_same_origin(&headers(more)), expected, "{more:?}");
        };
        check(&[], true);
        check(&[("origin", "http://tickerbox.local:8080")], true);
        check(&[("origin", "http://Tickerbox.local:8080"), ("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("origin", "http://evil.example")], false);
        check(&[("origin", "http://tickerbox.local")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "http://tickerbox.local:8080"), ("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
    }

    #[tokio::test]
    async fn errors_are_json_and_all_else_is_itself() {
        let check = async |status: StatusCode, kind: &'static str, body: &'static str, expected: &str| {
            let response = (status, [(header::CONTENT_TYPE, kind), (header::ALLOW, "GET")], body).into_response();
            let response = in_json(response).await;
            assert_eq!((response.status(), &response.headers()["allow"]), (status, &HeaderValue::from_static("GET")));
            let kind = response.headers()["content-type"].clone();
            assert_eq!(kind == "application/json", expected.starts_with('{'));
            let body = axum::body::to_bytes(response.into_body(), 1 << 10).await.unwrap();
            assert_eq!(body, expected.as_bytes());
        };
        let plain = "text/plain; charset=utf-8";
        check(StatusCode::BAD_REQUEST, plain, "unknown field `x`\n", r#"{"error":"unknown field `x`"}"#).await;
        check(StatusCode::METHOD_NOT_ALLOWED, plain, "", r#"{"error":"Method Not Allowed"}"#).await;
        check(StatusCode::NOT_FOUND, "application/json", r#"{"error":"no"}"#, r#"{"error":"no"}"#).await;
        check(StatusCode::OK, plain, "as it is", "as it is").await;
    }

    #[test]
    fn the_cookie_is_found_among_others_and_tokens_by_their_scheme() {
        let found = |value: &'static str| cookie(&headers(&[("cookie", value)])).map(str::to_owned);
        assert_eq!(found("a=b; tickerbox=secret; c=d").as_deref(), Some("secret"));
        assert_eq!(found("tickerboxes=x; xtickerbox=y"), None);
        assert_eq!(bearer(&HeaderValue::from_static("bearer  tbx_1 ")), Some("tbx_1"));
        assert_eq!(bearer(&HeaderValue::from_static("Basic abc")), None);
    }

    #[test]
    fn the_cookie_is_for_this_site_alone() {
        let text = set_cookie(Some("00ff"), true);
        assert_eq!(text, "tickerbox=00ff; Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(set_cookie(None, false), "tickerbox=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
