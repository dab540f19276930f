//! The configuration: one typed tree, each section beside its default.
//!
//! | module | what |
//! |---|---|
//! | `feeds` | the sections of the venues |
//! | `check` | from a TOML text to the tree, with all problems at once |
//! | `rules` | what each key may hold |
//! | `sources` | the rows of what news are read from |
//! | `suggest` | the name that was probably meant |
//! | `document` | the commented default file |
//! | `described` | what that file says about each key |
//! | `layers` | defaults, the configuration file, and changes made on the box itself |

mod check;
mod described;
mod document;
mod feeds;
mod layers;
mod rules;
mod sources;
mod suggest;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use types::settings::EngineSettings;

pub use crate::access::{AccessSection, Mode};
pub use crate::newsroom::{FinbertSection, NewsSection, OllamaSection, ScoresOf, SourceRow};
pub use crate::panel::{Buzzer, PanelBoard, PanelSection};
pub use check::{ConfigError, Problem};
pub use document::DEFAULT_FILE;
pub use feeds::{FeedSection, FeedsSection, LimitsSection};
pub use layers::Layers;

pub use crate::notify::section::{
    DiscordSection, MailSection, MailTls, NotifySection, NtfySection, TelegramSection, ToldFrom, WebhookSection,
};

pub(crate) use described::Described;
pub(crate) use layers::{CHANGES_FILE, find, from_toml};
pub(crate) use rules::{is_secret, kind_and_words};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The web server.
    pub server: ServerSection,
    /// Who may use the box.
    pub access: AccessSection,
    /// The dashboard.
    pub page: PageSection,
    /// Where everything is kept.
    pub store: StoreSection,
    /// The way to the venues.
    pub network: NetworkSection,
    /// The venues.
    pub feeds: FeedsSection,
    /// The model.
    pub model: ModelSection,
    /// Forecasts and paper trading.
    pub engine: EngineSettings,
    /// News, posts and calendars: what is read, and who says what it means.
    pub news: NewsSection,
    /// Files for other programs.
    pub export: ExportSection,
    /// Kafka.
    pub kafka: KafkaSection,
    /// The lamp, the buzzer and the button. Pins are numbers of the processor ("BCM"); -1 where nothing is wired.
    pub panel: PanelSection,
    /// Messages to the owner: nothing is sent before a channel is named.
    pub notify: NotifySection,
    /// Updates of the program.
    pub update: UpdateSection,
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
    /// Whether the dashboard is served over HTTPS, with a certificate that the box makes itself. Browsers ask once whether it is to be
    /// believed; the box tells its fingerprint at the start.
    pub tls: bool,
    /// Most connections at once, of one address a quarter of them; more are closed at once.
    pub connections_max: u16,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allowed_hosts: Vec::new(),
            tls: false,
            connections_max: 256,
        }
    }
}

/// The dashboard. What is changed here counts at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageSection {
    /// Language of the dashboard: `auto` for the first of each browser's own that the dashboard knows, or `en` or `de`.
    pub language: PageLanguage,
    /// Times on the dashboard: `local` for those of the browser's own time zone, or `utc`.
    pub clock: PageClock,
    /// Whether the owner went through the first set-up, or put it off; the dashboard begins with it until then.
    pub set_up: bool,
}

/// What the dashboard speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageLanguage {
    /// What the browser asks for.
    #[default]
    Auto,
    /// English.
    En,
    /// German.
    De,
}

impl PageLanguage {
    /// All of them: what the settings call it, and what it calls itself.
    pub(crate) const ALL: [(Self, &str, &str); 3] =
        [(Self::Auto, "auto", "As the browser asks"), (Self::En, "en", "English"), (Self::De, "de", "Deutsch")];

    pub(crate) fn code(self) -> &'static str {
        Self::ALL.iter().find(|(it, ..)| *it == self).map_or("auto", |(_, code, _)| code)
    }
}

/// In which time zone the dashboard tells times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageClock {
    /// That of the browser.
    #[default]
    Local,
    /// UTC.
    Utc,
}

impl PageClock {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Utc => "utc",
        }
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
    /// Most that the folder may take, MB. Nearing it the box keeps shallower books and deletes the oldest days of the
    /// journal; it never stops to keep orders, fills and the account.
    pub budget_mb: u32,
    /// Free space that is left to others on the card, MB.
    pub reserve_mb: u32,
    /// Days of which everything heard is kept, for replay and training. Older journals are deleted.
    pub raw_days: u16,
    /// Days of which candles shorter than an hour, forecasts and scores are kept. Longer candles, orders, fills and the
    /// account are kept for good.
    pub minute_days: u16,
    /// Folder of the nightly backups, best on another card or disk; `backups` in the data folder where this is left out.
    pub backup_dir: Option<PathBuf>,
    /// Backups that are kept; 0 for none at night.
    pub backups_kept: u16,
}

impl StoreSection {
    /// The folder of backups.
    pub(crate) fn backups(&self) -> PathBuf {
        self.backup_dir.clone().unwrap_or_else(|| self.data_dir.join("backups"))
    }
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data/live"),
            block_interval_s: 2,
            checkpoint_interval_min: 60,
            budget_mb: 8_192,
            reserve_mb: 512,
            raw_days: 14,
            minute_days: 400,
            backup_dir: None,
            backups_kept: 7,
        }
    }
}

/// The way to the venues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSection {
    /// A proxy for all connections, `http://host:port` (with CONNECT) or `socks5://host:port`, `user:password@` before
    /// the host where it asks for that; none where this is left out.
    pub proxy: Option<String>,
    /// File of certificates (PEM) that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// The model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// Whether forecasts are made.
    pub enabled: bool,
    /// Folder or `.tbx` file of a bundle that leads at every start. Where this is left out, the model that led before does; at first the
    /// built-in starter.
    pub bundle: Option<PathBuf>,
    /// Files of public keys that are trusted besides the built-in one.
    pub trusted_keys: Vec<PathBuf>,
    /// Longest time of an answer, milliseconds: a model that takes longer is refused, or loses its place.
    pub budget_ms: u16,
    /// Most that the files of models may take, MB; the oldest ones without a place go first.
    pub keep_mb: u16,
    /// Whether a shadow leads by itself once its forecasts are proven to be better than those of the model that does.
    pub auto_promote: bool,
    /// Whether the last promotion is undone by itself once the leading model is proven to be worse than "no change".
    pub auto_rollback: bool,
    /// Whether a model that is proven to be worse than "no change" makes a request for training.
    pub retrain_on_alarm: bool,
}

impl Default for ModelSection {
    fn default() -> Self {
        Self {
            enabled: true,
            bundle: None,
            trusted_keys: Vec::new(),
            budget_ms: 500,
            keep_mb: 100,
            auto_promote: false,
            auto_rollback: true,
            retrain_on_alarm: true,
        }
    }
}

/// Files for other programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportSection {
    /// Folder into which every day is written when it is over, with `predictions.csv` of the last week; nothing is where
    /// this is left out.
    pub dir: Option<PathBuf>,
    /// The same into a bucket: `s3://BUCKET/FOLDER` or `gs://BUCKET/FOLDER`.
    pub bucket: Option<String>,
    /// Address of a server that speaks S3, where it is not Amazon's.
    pub endpoint: Option<String>,
    /// Region of the bucket, where the server asks for it.
    pub region: Option<String>,
    /// File with the keys: a credentials file as Amazon's tools have it, or Google's key of a service account.
    pub credentials_file: Option<PathBuf>,
    /// Whether CSV files are written.
    pub csv: bool,
    /// Whether Parquet files are written.
    pub parquet: bool,
}

impl Default for ExportSection {
    fn default() -> Self {
        Self { dir: None, bucket: None, endpoint: None, region: None, credentials_file: None, csv: true, parquet: true }
    }
}

/// Trades and candles for a Kafka broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSection {
    /// Brokers to begin with, `HOST:PORT`; nothing is published while there are none.
    pub brokers: Vec<String>,
    /// What the topics' names begin with: `PREFIX.trades` and `PREFIX.candles`.
    pub topic_prefix: String,
    /// How much is caught up after the broker was away; what is older is passed over.
    pub spool_hours: u32,
}

impl Default for KafkaSection {
    fn default() -> Self {
        Self { brokers: Vec::new(), topic_prefix: "tickerbox".to_owned(), spool_hours: 24 }
    }
}

/// Updates of the program. They are installed on a box that the image's launcher started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateSection {
    /// Files of public keys whose updates are taken.
    pub trusted_keys: Vec<PathBuf>,
    /// How long a new program has to be well without a break until it is kept, minutes. One that is failing for so long is taken back.
    pub confirm_min: u16,
    /// Address of an update file that is asked for a newer version; nobody is asked where this is left out.
    pub url: Option<String>,
    /// How often it is asked, hours.
    pub every_h: u16,
    /// Whether a newer version that is found there is installed by itself.
    pub auto: bool,
}

impl Default for UpdateSection {
    fn default() -> Self {
        Self { trusted_keys: Vec::new(), confirm_min: 5, url: None, every_h: 24, auto: false }
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
