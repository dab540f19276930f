//! The embedded dashboard. Hashed files are kept by the browser for ever, the page itself is asked for each time.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Site;
use crate::config::PageLanguage;

#[derive(RustEmbed)]
#[folder = "../frontend/dist"]
struct Dist;

/// Encodings that the build writes beside each file, best first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

pub(super) async fn asset(State(site): State<Site>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    if uri.path().starts_with("/api/") {
        return plain(StatusCode::NOT_FOUND, "nothing is called that here\n");
    }
    let path = uri.path().trim_start_matches('/');
    // A path without a dot is a page of the dashboard, which routes by itself.
    let is_page = !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let page = if is_page { page(site.inner.settings.page().language, &headers) } else { String::new() };
    let path = if is_page { &page } else { path };
    match choose(path, &headers) {
        Some((file, encoding)) => answer(path, &file, encoding, &headers),
        None => plain(StatusCode::NOT_FOUND, "no such file\n"),
    }
}

/// The file of the page in the language that was set, or else in the first one that the browser asks for and the dashboard has.
fn page(set: PageLanguage, headers: &HeaderMap) -> String {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let code = match set {
        PageLanguage::Auto => preferred(accepted),
        set => set.code(),
    };
    if code == "en" { "index.html".into() } else { format!("index.{code}.html") }
}

/// The language of an `Accept-Language` header that the dashboard has (RFC 9110, section 12.5.4), or else English. Regions are not told apart.
fn preferred(accepted: &str) -> &'static str {
    let known = |tag: &str| {
        let language = tag.split('-').next().unwrap_or_default().trim();
        PageLanguage::ALL[1..].iter().find(|(_, code, _)| language.eq_ignore_ascii_case(code)).map(|(_, code, _)| *code)
    };
    let asked = accepted.split(',').filter_map(|part| {
        let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        Some((known(tag)?, weight.trim().parse::<f32>().ok().filter(|weight| *weight > 0.0)?))
    });
    // Of equal ones the first.
    let best = asked.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or("en", |(code, _)| code)
}

fn choose(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    for (name, suffix) in ENCODINGS {
        if accepts(accepted, name)
            && let Some(file) = Dist::get(&format!("{path}{suffix}"))
        {
            return Some((file, Some(name)));
        }
    }
    Dist::get(path).map(|file| (file, None))
}

/// Whether an `Accept-Encoding` header allows `encoding` (RFC 9110, section 12.5.3; `q=0` forbids).
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        pieces.next() == Some(encoding)
            && pieces.all(|p| p.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_none_or(|q| q > 0.0))
    })
}

fn answer(path: &str, file: &EmbeddedFile, encoding: Option<&'static str>, headers: &HeaderMap) -> Response<Body> {
    let etag = etag(file);
    let matches = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let (status, body) = if matches {
        (StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        (StatusCode::OK, Body::from(file.data.clone().into_owned()))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let out = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, value);
    }
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding, accept-language"));
    let keep = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

fn etag(file: &EmbeddedFile) -> String {
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in &file.metadata.sha256_hash()[..16] {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push('"');
    tag
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::{accepts, preferred};

    #[test]
    fn the_page_speaks_what_the_browser_asks_for_first() {
        for (accepted, language) in [
            ("", "en"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en-GB, de;q=0.5", "en"),
            ("fr-FR,fr;q=0.9,de;q=0.4,en;q=0.3", "de"),
            ("fr", "en"),
            ("de;q=0, en;q=0.1", "en"),
            ("DE", "de"),
            ("den", "en"),
            (";q=,,;", "en"),
        ] {
            assert_eq!(preferred(accepted), language, "{accepted}");
        }
    }

    #[test]
    fn encodings_are_taken_as_the_browser_says() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }
}
