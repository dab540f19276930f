//! The configuration of news.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Most sources.
pub(crate) const SOURCES_MAX: usize = 32;

/// News, posts and calendars: what is read, and who says what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewsSection {
    /// Whether the sources are read and their items scored. The box asks nobody for news while this is off.
    pub enabled: bool,
    /// Whose scores the features are made of: `lexicon`, `finbert` or `ollama`. The lexicon scores every item in any case.
    pub engine: ScoresOf,
    /// Days of which items are kept; of those that name no coin and are not about crypto or the economy an eighth of them.
    pub keep_days: u16,
    /// Most that items and scores may take, MB; the oldest go first, and before them the oldest of those that say little.
    pub keep_mb: u32,
    /// A language model behind Ollama, on this machine or in the house.
    pub ollama: OllamaSection,
    /// FinBERT, run by the box itself.
    pub finbert: FinbertSection,
    /// What is read.
    pub sources: Vec<SourceRow>,
}

/// A language model behind Ollama.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OllamaSection {
    /// Whether it is asked.
    pub enabled: bool,
    /// Address of the server.
    pub base: String,
    /// Name of the model as `ollama list` shows it. The box never pulls one.
    pub model: String,
}

/// FinBERT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FinbertSection {
    /// Whether it is asked.
    pub enabled: bool,
    /// Folder of the model's files; where this is left out, the one that `tickerbox news download-model` brought.
    pub dir: Option<PathBuf>,
}

/// Whose scores count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoresOf {
    /// Rules and weighted words.
    #[default]
    Lexicon,
    /// FinBERT.
    Finbert,
    /// A language model behind Ollama.
    Ollama,
}

impl ScoresOf {
    /// The engine of that name.
    pub(crate) const fn engine(self) -> sentiment::Engine {
        match self {
            Self::Lexicon => sentiment::Engine::Lexicon,
            Self::Finbert => sentiment::Engine::Finbert,
            Self::Ollama => sentiment::Engine::Ollama,
        }
    }
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceRow {
    /// Its name on the box: up to 64 of a-z, 0-9, `.`, `_` and `-`.
    pub name: String,
    /// What it tells: `rss` (Atom and JSON Feed too), `newsapi`, `cryptocompare`, `posts-json`, `posts-csv`, `factbase`, `forexfactory`, `investing`,
    /// `calendar-json`, `events-jsonl` or `headlines-csv`.
    pub kind: String,
    /// Where it is: an `https://` or `http://` address, or a folder whose files are read as they come.
    pub address: String,
    /// Whether it is read.
    pub enabled: bool,
    /// From one request to the next, minutes; the source may ask for more.
    pub interval_min: u16,
    /// Most requests of a UTC day; no limit of its own where this is left out.
    pub daily_max: Option<u32>,
    /// The zone of times that have none of their own: an IANA name such as `America/New_York`, an offset that holds all year such as `-04:00`, or `UTC`.
    pub zone: Option<String>,
    /// The order of dates such as 03/04/2022: `dmy` or `mdy`.
    pub date_order: Option<String>,
    /// The year of dates that have none.
    pub year: Option<i16>,
    /// File with the key that the source wants; it goes into a header and never into an address.
    pub key_file: Option<PathBuf>,
    /// Whatever is to be known of it.
    pub note: String,
}

impl Default for SourceRow {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: String::new(),
            address: String::new(),
            enabled: true,
            interval_min: 15,
            daily_max: None,
            zone: None,
            date_order: None,
            year: None,
            key_file: None,
            note: String::new(),
        }
    }
}

impl Default for OllamaSection {
    fn default() -> Self {
        Self { enabled: false, base: "http://127.0.0.1:11434".to_owned(), model: "gemma3:1b".to_owned() }
    }
}

impl Default for NewsSection {
    fn default() -> Self {
        Self {
            enabled: false,
            engine: ScoresOf::Lexicon,
            keep_days: 400,
            keep_mb: 512,
            ollama: OllamaSection::default(),
            finbert: FinbertSection::default(),
            sources: usual(),
        }
    }
}

/// The sources of a box that was told of none.
fn usual() -> Vec<SourceRow> {
    let row = |name: &str, kind: &str, address: &str, note: &str| SourceRow {
        name: name.to_owned(),
        kind: kind.to_owned(),
        address: address.to_owned(),
        note: note.to_owned(),
        ..SourceRow::default()
    };
    let feed = |name, address| row(name, "rss", address, "Address not confirmed.");
    vec![
        feed("coindesk", "https://www.coindesk.com/arc/outboundfeeds/rss/"),
        feed("cointelegraph", "https://cointelegraph.com/rss"),
        feed("decrypt", "https://decrypt.co/feed"),
        feed("federal-reserve", "https://www.federalreserve.gov/feeds/press_monetary.xml"),
        SourceRow {
            interval_min: 360,
            ..row(
                "week-calendar",
                "calendar-json",
                "https://nfs.faireconomy.media/ff_calendar_thisweek.json",
                "This week without results; address seen in other programs, not confirmed.",
            )
        },
        SourceRow {
            enabled: false,
            interval_min: 30,
            ..row(
                "truth-social",
                "posts-json",
                "https://ix.cnn.io/data/truth-social/truth_archive.json",
                "Tens of megabytes each time that it has changed; address seen in other programs, not confirmed.",
            )
        },
    ]
}
