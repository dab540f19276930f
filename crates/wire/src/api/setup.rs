//! What the first set-up can choose from.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::SettingValue;

/// Answer of `GET /api/v1/setup`. What is chosen is stored by `POST /api/v1/settings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Setup {
    /// All venues that the box knows.
    pub venues: Vec<SetupVenue>,
    /// Ways to trade on paper, the most careful first.
    pub profiles: Vec<Profile>,
    /// Languages of the dashboard.
    pub languages: Vec<Language>,
    /// Whether the box can restart itself, which a choice of markets or profile needs.
    pub can_restart: bool,
}

/// A language of the dashboard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Language {
    /// Value of the setting `page.language`: `auto`, or a code of ISO 639.
    pub code: String,
    /// What it calls itself.
    pub name: String,
    /// Whether it is the one that is set.
    pub chosen: bool,
}

/// A venue, and what it lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetupVenue {
    /// Its name.
    pub venue: String,
    /// Its section of the settings.
    pub section: String,
    /// Whether it will be watched after the next start.
    pub enabled: bool,
    /// What of it will be watched then, by the venue's names.
    pub symbols: Vec<String>,
    /// Why this cannot be chosen here; empty where it can.
    pub fixed: String,
    /// Whether it is connected just now.
    pub connected: bool,
    /// Why it is not; empty while all is well, and where it is switched off.
    pub trouble: String,
    /// What it lists as traded in dollars (USD, USDT, USDC), in which the paper account counts; empty until it has told.
    pub listed: Vec<ListedPair>,
}

/// A pair that a venue trades.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ListedPair {
    /// The venue's name of it.
    pub symbol: String,
    /// Base currency.
    pub base: String,
    /// Quote currency.
    pub quote: String,
}

/// A way to trade on paper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it means, in a sentence.
    pub text: String,
    /// Settings that make it; null for those of the configuration file or the default. All profiles have the same keys.
    #[cfg_attr(feature = "schema", schema(schema_with = super::settings::changes_schema))]
    pub changes: BTreeMap<String, Option<SettingValue>>,
    /// Whether these are the settings of the next start.
    pub chosen: bool,
}
