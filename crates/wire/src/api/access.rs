//! Who may look, and who may change. `docs/access.md` has every request.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/access`: what this visitor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Standing {
    /// `owner`, or `open` where everybody may do everything.
    pub mode: String,
    /// Whether the box belongs to somebody.
    pub claimed: bool,
    /// `nobody`, `owner`, `token`, `guest`, or `everyone` where the box is open.
    pub who: String,
    /// Name of the token that was shown.
    pub name: Option<String>,
    /// `read`, `control`, `models`, `owner`.
    pub scopes: Vec<String>,
    /// Whether this request came over HTTPS.
    pub tls: bool,
    /// SHA-256 of the box's certificate; null without HTTPS.
    pub fingerprint: Option<String>,
    /// Times on the dashboard: `local` or `utc`.
    pub clock: String,
    /// Whether the owner went through the first set-up, or put it off.
    pub set_up: bool,
}

/// Answer of `GET /api/v1/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sessions {
    /// Newest first.
    pub sessions: Vec<SessionRow>,
}

/// A browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionRow {
    /// What tells it apart.
    pub id: String,
    /// When it logged in, UTC.
    pub made_at: String,
    /// Day on which it was used last.
    pub used: String,
    /// From where it logged in.
    pub address: String,
    /// What it says it is.
    pub agent: String,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// Answer of `GET /api/v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Oldest first.
    pub tokens: Vec<TokenRow>,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// What it may.
    pub scopes: Vec<String>,
    /// When it was made, UTC.
    pub made_at: String,
    /// Day on which it was used last.
    pub used: Option<String>,
}

/// Answer of `POST /api/v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it may.
    pub scopes: Vec<String>,
    /// The token itself; it is told only here.
    pub token: String,
}

/// Answer of `GET /api/v1/guest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GuestState {
    /// The link, if there is one.
    pub guest: Option<GuestRow>,
}

/// The guest link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GuestRow {
    /// When it was made, UTC.
    pub made_at: String,
    /// Day on which it was used last.
    pub used: Option<String>,
}

/// Answer of `POST /api/v1/guest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewGuest {
    /// The link's path; it is told only here.
    pub path: String,
}

/// Answer of `GET /api/v1/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Audit {
    /// Newest first.
    pub events: Vec<AuditEvent>,
}

/// Something that was done, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEvent {
    /// When, UTC.
    pub at: String,
    /// `owner`, `token`, `guest`, `nobody`, `everyone`.
    pub who: String,
    /// Id of the session or name of the token.
    pub name: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// What was asked for.
    pub what: String,
    /// More of it; may be empty.
    pub detail: String,
    /// HTTP status of the answer.
    pub outcome: u16,
    /// So many before this one came too fast to be written.
    pub missed: Option<u32>,
}
