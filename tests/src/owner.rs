//! The owner of a box with a login, and programs with tokens.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;

use crate::visitor::Visitor;

/// The password that [`claim`] chooses.
pub const PASSWORD: &str = "correct horse";

/// The claim code of the box in `dir`.
///
/// # Panics
/// When the box belongs to somebody.
#[must_use]
#[track_caller]
pub fn code(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("claim-code.txt")).expect("a box that belongs to nobody").trim().to_owned()
}

/// Claims the box in `dir`; gives its owner.
///
/// # Panics
/// When it cannot be claimed.
#[must_use]
#[track_caller]
pub fn claim(to: SocketAddr, dir: &Path) -> Visitor {
    let nobody = Visitor::new(to);
    let claimed = nobody.post("/api/v1/claim", &json!({ "code": code(dir), "password": PASSWORD }));
    assert_eq!(claimed.status, 200, "{claimed:?}");
    nobody.with("cookie", &claimed.cookie())
}

/// A program with a token of its own.
///
/// # Panics
/// When there is none to have.
#[must_use]
#[track_caller]
pub fn bearer(owner: &Visitor, name: &str, scopes: &[&str]) -> Visitor {
    let made = owner.post("/api/v1/tokens", &json!({ "name": name, "scopes": scopes }));
    assert_eq!(made.status, 201, "{made:?}");
    let token = made.json()["token"].as_str().expect("told once").to_owned();
    assert!(token.starts_with("tbx_") && token.len() == 68, "{token}");
    Visitor::new(owner.to).with("authorization", &format!("Bearer {token}"))
}
