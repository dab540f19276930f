//! The configuration of access.

use serde::{Deserialize, Serialize};

/// Who may use the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSection {
    /// `owner`: a password, which the first visitor chooses with the code that the box tells at its start. `open`: no password;
    /// everybody who reaches the box's address sees everything and may change everything.
    pub mode: Mode,
    /// How long a browser stays logged in after it was last used, days.
    pub session_days: u16,
}

impl Default for AccessSection {
    fn default() -> Self {
        Self { mode: Mode::Owner, session_days: 30 }
    }
}

/// Whether there is a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The owner's password, tokens and the guest link.
    #[default]
    Owner,
    /// Everybody may do everything.
    Open,
}

impl Mode {
    /// The name used in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Open => "open",
        }
    }
}
