//! The configuration: one typed tree, each section beside its default.
//!
//! | module | what |
//! |---|---|
//! | `check` | from a TOML text to the tree, with all problems at once |
//! | `rules` | what each key may hold |
//! | `suggest` | the name that was probably meant |
//! | `document` | the commented default file |

mod check;
mod document;
mod rules;
mod suggest;

use std::net::SocketAddr;
use std::path::PathBuf;

use feed::{FeedSettings, Wanted, default_bases};
use serde::{Deserialize, Serialize};
use store::State;
use types::Venue;
use types::settings::EngineSettings;

use crate::venue::Endpoint;

pub use check::{ConfigError, Problem};
pub use document::DEFAULT_FILE;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The web server.
    pub server: ServerSection,
    /// Where everything is kept.
    pub store: StoreSection,
    /// The venues.
    pub feeds: FeedsSection,
    /// The model.
    pub model: ModelSection,
    /// Forecasts and paper trading.
    pub engine: EngineSettings,
    /// Logs.
    pub log: LogSection,
}

/// The web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// Address and port of the dashboard. `0.0.0.0:8080` lets the home network in.
    pub listen: SocketAddr,
    /// Host names under which the box is reached, besides addresses, `*.local`, `*.lan` and names without a dot.
    pub allowed_hosts: Vec<String>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), allowed_hosts: Vec::new() }
    }
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// Folder of the journal and the state file.
    pub data_dir: PathBuf,
    /// How often the journal is written, seconds: what is lost when the plug is pulled.
    pub block_interval_s: u16,
    /// How often the engine's state is saved, minutes: what must be applied again at a start.
    pub checkpoint_interval_min: u16,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { data_dir: PathBuf::from("data/live"), block_interval_s: 2, checkpoint_interval_min: 60 }
    }
}

/// The venues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FeedsSection {
    /// Kraken.
    pub kraken: FeedSection,
    /// Binance.US.
    pub binance_us: FeedSection,
}

/// One venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSection {
    /// Whether it is watched.
    pub enabled: bool,
    /// The venue's own names of its instruments.
    pub symbols: Vec<String>,
    /// WebSocket address without a path.
    pub ws_base: String,
    /// REST address without a path.
    pub rest_base: String,
    /// Levels of a book that are asked for.
    pub book_depth: u16,
}

impl Default for FeedsSection {
    fn default() -> Self {
        Self {
            kraken: FeedSection::of(Venue::Kraken, &["BTC/USD", "ETH/USD"]),
            binance_us: FeedSection::of(Venue::BinanceUs, &["BTCUSDT", "ETHUSDT"]),
        }
    }
}

impl FeedSection {
    fn of(venue: Venue, symbols: &[&str]) -> Self {
        let bases = default_bases(venue);
        Self {
            enabled: true,
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            ws_base: bases.ws.to_owned(),
            rest_base: bases.rest.to_owned(),
            book_depth: 100,
        }
    }

    /// Reaches the venue at `endpoint` instead.
    pub(crate) fn reach_at(&mut self, endpoint: &Endpoint) {
        self.ws_base.clone_from(&endpoint.ws_base);
        self.rest_base.clone_from(&endpoint.rest_base);
    }
}

impl FeedsSection {
    /// The section of a venue that is spoken; `None` for others.
    pub(crate) fn of_mut(&mut self, venue: Venue) -> Option<&mut FeedSection> {
        match venue {
            Venue::Kraken => Some(&mut self.kraken),
            Venue::BinanceUs => Some(&mut self.binance_us),
            Venue::Coinbase | Venue::Kucoin => None,
        }
    }

    /// What each venue that is switched on watches, with the catalogue's numbers.
    ///
    /// # Errors
    /// When the catalogue cannot be read or written.
    pub(crate) fn resolve(&self, state: &State) -> Result<Vec<(FeedSettings, Endpoint)>, store::StoreError> {
        let all = [(Venue::Kraken, &self.kraken), (Venue::BinanceUs, &self.binance_us)];
        all.into_iter()
            .filter(|(_, section)| section.enabled)
            .map(|(venue, section)| {
                let instruments = section.symbols.iter().map(|symbol| {
                    let id = state.resolve(venue, symbol)?;
                    Ok(Wanted { id, symbol: symbol.clone() })
                });
                let mut settings = FeedSettings::new(venue, instruments.collect::<Result<_, store::StoreError>>()?);
                settings.book_depth = section.book_depth;
                let endpoint = Endpoint { ws_base: section.ws_base.clone(), rest_base: section.rest_base.clone() };
                Ok((settings, endpoint))
            })
            .collect()
    }
}

/// The model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// Whether forecasts are made.
    pub enabled: bool,
    /// Folder or `.tbx` file of the bundle; the built-in starter model where this is left out.
    pub bundle: Option<PathBuf>,
    /// Files of public keys that are trusted besides the built-in one.
    pub trusted_keys: Vec<PathBuf>,
}

impl Default for ModelSection {
    fn default() -> Self {
        Self { enabled: true, bundle: None, trusted_keys: Vec::new() }
    }
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// `error`, `warn`, `info`, `debug`, or directives such as `tickerbox=debug,warn`.
    pub level: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}
