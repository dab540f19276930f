//! Who may ask. The box has no login in the home network yet, so pages of *other* sites must not reach it through a
//! visitor's browser: neither by a name that was rebound to its address, nor by opening its WebSocket.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::middleware::Next;
use std::net::IpAddr;

use super::{Site, assets};

/// Refuses requests for host names that are not this box's.
pub(super) async fn check_host(State(site): State<Site>, request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_own_host(host, &site.inner.allowed_hosts) {
        next.run(request).await
    } else {
        assets::plain(
            StatusCode::MISDIRECTED_REQUEST,
            "this box does not answer to that host name; add it to server.allowed_hosts\n",
        )
    }
}

/// True when a WebSocket was opened by a page of this box, or by a program that is not a browser.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        (Some(_), None) => false,
    }
}

/// Addresses, `localhost`, names in `.local` and names without a dot belong to the home network; others must be allowed.
fn is_own_host(host: &str, allowed: &[String]) -> bool {
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

    #[test]
    fn sockets_of_other_sites_are_refused() {
        let headers = |origin: Option<&str>| {
            let mut map = HeaderMap::new();
            map.insert(header::HOST, "tickerbox.local:8080".parse().unwrap());
            if let Some(origin) = origin {
                map.insert(header::ORIGIN, origin.parse().unwrap());
            }
            map
        };
        assert!(is_same_origin(&headers(None)));
        assert!(is_same_origin(&headers(Some("http://tickerbox.local:8080"))));
        assert!(!is_same_origin(&headers(Some("http://evil.example"))));
        assert!(!is_same_origin(&headers(Some("null"))));
    }
}
