//! The program of the box and its updates.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/update`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Updates {
    /// Version of the program that runs.
    pub version: String,
    /// The slot that it lies in: `factory`, `a` or `b`; empty where it was started without a launcher.
    pub runs: String,
    /// The slot of the program that has proven itself.
    pub present: String,
    /// The slot that can be gone back to; null where there is none.
    pub previous: Option<String>,
    /// All slots.
    pub slots: Vec<UpdateSlot>,
    /// The program that has to prove itself.
    pub trial: Option<UpdateTrial>,
    /// The version that is being installed; null when none is.
    pub installing: Option<String>,
    /// A newer version that was found at the configured address.
    pub found: Option<UpdateFound>,
    /// Why no update can be installed; empty where one can.
    pub closed: String,
    /// What is wrong with updates; empty when nothing is.
    pub error: String,
    /// What happened, the newest first.
    pub events: Vec<UpdateEvent>,
}

/// A place of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateSlot {
    /// `factory`, `a` or `b`.
    pub slot: String,
    /// Version of its program; null where it is empty or not known.
    pub version: Option<String>,
    /// SHA-256 of its file; null where that is not looked at.
    pub sha256: Option<String>,
    /// When it came, milliseconds UTC; null where it is empty.
    pub since_ms: Option<i64>,
}

/// A program that has to prove itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateTrial {
    /// `a` or `b`.
    pub slot: String,
    /// Its version.
    pub version: String,
    /// Starts that it has left, the one that runs not counted.
    pub starts_left: u8,
    /// So long it has to be well, minutes.
    pub confirm_min: u16,
    /// When it was installed, milliseconds UTC.
    pub since_ms: i64,
}

/// A newer version that may be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateFound {
    /// Its version.
    pub version: String,
    /// When it was signed, milliseconds UTC.
    pub signed_at_ms: i64,
    /// Why this box does not take it; empty where it does.
    pub refused: String,
}

/// Something that happened to a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateEvent {
    /// When, milliseconds UTC.
    pub at_ms: i64,
    /// `installed`, `confirmed`, `taken-back`, `went-back`, `refused` or `damaged`.
    pub what: String,
    /// To which version; null where that is not known.
    pub version: Option<String>,
    /// More of it.
    pub why: String,
}

/// Answer of `POST /api/v1/update`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateInstalled {
    /// The version that is tried now.
    pub version: String,
    /// Who signed it: the public key.
    pub signer: String,
    /// The backup that was made before; null where there was nothing to keep.
    pub backup: Option<String>,
}
