//! What each request needs. One table; what is not in it needs the owner, and a test fails when a route is missing.

use axum::http::Method;

use crate::access::{Scope, Visitor};

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it tells no secrets and changes nothing.
    Nothing,
    /// One of these scopes.
    One(&'static [Scope]),
}

const READ: Need = Need::One(&[Scope::Read]);
const CONTROL: Need = Need::One(&[Scope::Control]);
const MODELS: Need = Need::One(&[Scope::Models]);
/// To give models their place is trading as well as models.
const SEATS: Need = Need::One(&[Scope::Control, Scope::Models]);
const OWNER: Need = Need::One(&[Scope::Owner]);

/// Path, method and need of every route. `HEAD` is as `GET`.
#[rustfmt::skip]
pub(super) const ROUTES: &[(&str, &str, Need)] = &[
    ("/healthz", "GET", Need::Nothing),
    ("/", "GET", Need::Nothing),
    ("/guest/{key}", "GET", Need::Nothing),
    ("/api/v1/access", "GET", Need::Nothing),
    ("/api/v1/claim", "POST", Need::Nothing),
    ("/api/v1/login", "POST", Need::Nothing),
    ("/api/v1/logout", "POST", Need::Nothing),
    ("/api/v1/password", "POST", OWNER),
    ("/api/v1/sessions", "GET", OWNER),
    ("/api/v1/sessions", "DELETE", OWNER),
    ("/api/v1/sessions/{id}", "DELETE", OWNER),
    ("/api/v1/tokens", "GET", OWNER),
    ("/api/v1/tokens", "POST", OWNER),
    ("/api/v1/tokens/{name}", "DELETE", OWNER),
    ("/api/v1/guest", "GET", OWNER),
    ("/api/v1/guest", "POST", OWNER),
    ("/api/v1/guest", "DELETE", OWNER),
    ("/api/v1/audit", "GET", OWNER),
    ("/api/v1/backups", "GET", READ),
    ("/api/v1/backups", "POST", CONTROL),
    // A backup holds the hash of the password.
    ("/api/v1/backups/{name}", "GET", CONTROL),
    ("/api/v1/replays", "GET", READ),
    ("/api/v1/replays", "POST", CONTROL),
    ("/api/v1/verify", "POST", READ),
    ("/api/v1/models", "GET", READ),
    ("/api/v1/models", "POST", MODELS),
    ("/api/v1/models/rollback", "POST", SEATS),
    ("/api/v1/models/{model}/{verb}", "POST", SEATS),
    ("/api/v1/retrain", "GET", READ),
    ("/api/v1/retrain", "POST", MODELS),
    ("/api/v1/timeseries", "POST", READ),
    ("/api/v1/why", "GET", READ),
    ("/api/v1/skill", "GET", READ),
    ("/api/v1/chart", "GET", READ),
    ("/api/v1/past", "GET", READ),
    ("/api/v1/day", "GET", READ),
    ("/api/v1/quality", "GET", READ),
    ("/api/v1/storage", "GET", READ),
    ("/api/v1/news", "GET", READ),
    ("/api/v1/news/health", "GET", READ),
    ("/api/v1/news/try", "POST", READ),
    ("/api/v1/calendar", "GET", READ),
    ("/api/v1/accounts", "GET", READ),
    ("/api/v1/risk", "GET", READ),
    ("/api/v1/curve", "GET", READ),
    ("/api/v1/latest", "GET", READ),
    ("/api/v1/order", "GET", READ),
    ("/api/v1/arbitrage", "GET", READ),
    ("/api/v1/trading", "POST", CONTROL),
    ("/metrics", "GET", READ),
    ("/api/v1/openapi.json", "GET", Need::Nothing),
    ("/api/v1/system", "GET", READ),
    ("/api/v1/support", "GET", CONTROL),
    ("/api/v1/lamp/acknowledge", "POST", CONTROL),
    // A guest needs neither names of folders and machines nor what was asked of whom.
    ("/api/v1/logs", "GET", CONTROL),
    ("/api/v1/settings", "GET", CONTROL),
    // Access is a setting too.
    ("/api/v1/settings", "POST", OWNER),
    ("/api/v1/setup", "GET", CONTROL),
    ("/api/v1/notify/test", "POST", CONTROL),
    ("/api/v1/restart", "POST", CONTROL),
    ("/api/v1/update", "GET", READ),
    ("/api/v1/update", "POST", OWNER),
    ("/api/v1/update/rollback", "POST", OWNER),
    ("/verify", "POST", READ),
    ("/retrain", "GET", READ),
    ("/retrain", "POST", MODELS),
    ("/timeseries", "POST", READ),
    ("/api/v1/{kind}", "GET", READ),
    // What a browser says on it is looked at by itself.
    (wire::SOCKET_PATH, "GET", READ),
];

/// What a request to a route needs; `None` is the way of the dashboard's files.
pub(super) fn need(route: Option<&str>, method: &Method, path: &str) -> Need {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    match route {
        None if path.starts_with("/api/") => READ,
        None => Need::Nothing,
        Some(route) => {
            let found = ROUTES.iter().find(|(path, of, _)| *path == route && *of == method);
            found.map_or(OWNER, |(_, _, need)| *need)
        }
    }
}

impl Need {
    pub(super) fn allows(self, visitor: &Visitor) -> bool {
        match self {
            Self::Nothing => true,
            Self::One(scopes) => scopes.iter().any(|scope| visitor.may(*scope)),
        }
    }

    /// In words, for who lacks it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::One(scopes) => scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" or "),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Paths and methods of the routes as `web/mod.rs` has them.
    fn routes() -> BTreeSet<(String, &'static str)> {
        let source = include_str!("mod.rs");
        let mut found = BTreeSet::new();
        for part in source.split(".route(").skip(1) {
            let part = part.split(".fallback(").next().unwrap();
            let (path, handlers) = part.trim_start().split_once(',').unwrap();
            let path = if path == "wire::SOCKET_PATH" { wire::SOCKET_PATH } else { path.trim_matches('"') };
            for (word, method) in [("get(", "GET"), ("post(", "POST"), ("delete(", "DELETE"), ("put(", "PUT")] {
                let is_there = handlers.match_indices(word).any(|(at, _)| {
                    !handlers[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_')
                });
                if is_there {
                    found.insert((path.to_owned(), method));
                }
            }
            assert!(!handlers.contains("any(") && !handlers.contains("patch("), "{path}: teach this test the method");
        }
        found
    }

    #[test]
    fn every_route_says_what_it_needs_and_no_other_does() {
        let told: BTreeSet<(String, &str)> = ROUTES.iter().map(|(path, of, _)| ((*path).to_owned(), *of)).collect();
        assert_eq!(told.len(), ROUTES.len(), "none twice");
        let routes = routes();
        let missing: Vec<_> = routes.difference(&told).collect();
        let surplus: Vec<_> = told.difference(&routes).collect();
        assert!(missing.is_empty(), "say in `ROUTES` what these need: {missing:?}");
        assert!(surplus.is_empty(), "these are no routes: {surplus:?}");
    }

    #[test]
    fn only_these_need_nothing_and_reading_changes_nothing() {
        let public: Vec<&str> = ROUTES.iter().filter(|(_, _, need)| *need == Need::Nothing).map(|row| row.0).collect();
        let expected = [
            "/healthz",
            "/",
            "/guest/{key}",
            "/api/v1/access",
            "/api/v1/claim",
            "/api/v1/login",
            "/api/v1/logout",
            "/api/v1/openapi.json",
        ];
        assert_eq!(public, expected);
        for (path, method, need) in ROUTES.iter().filter(|(_, method, _)| *method != "GET") {
            let is_open = need.allows(&Visitor::NOBODY);
            assert!(!is_open || public.contains(path), "{method} {path}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_needs_the_owner() {
        assert_eq!(need(Some("/api/v1/new"), &Method::GET, "/api/v1/new"), OWNER);
        assert_eq!(need(Some("/api/v1/models"), &Method::PUT, "/api/v1/models"), OWNER);
        assert_eq!(need(Some("/api/v1/{kind}"), &Method::HEAD, "/api/v1/candles"), READ);
        assert_eq!(need(None, &Method::GET, "/api/v1/a/b/c"), READ);
        assert_eq!(need(None, &Method::GET, "/market"), Need::Nothing);
    }
}
