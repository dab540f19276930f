//! What the world said: items with their scores, releases, and how it goes with who tells them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/news`: the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct News {
    /// Whether the box reads news; without it there are no items.
    pub is_read: bool,
    /// Articles and posts.
    pub items: Vec<NewsItem>,
    /// The `before` of the page that follows; null at the end.
    pub next: Option<String>,
}

/// An article or a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsItem {
    /// Its name: kind, source, and what the source calls it.
    pub name: String,
    /// How often it was edited before.
    pub revision: u32,
    /// `article` or `post`.
    pub kind: String,
    /// Who told it.
    pub source: String,
    /// From when it could be used: published, and seen.
    pub usable_from_ms: i64,
    /// When it was published, as far as that is told.
    pub published_at_ms: i64,
    /// Whether its time is not what it claims, or lacks a time of day.
    pub is_time_doubtful: bool,
    /// Headline; of a post its beginning.
    pub title: String,
    /// Summary, or the post; shortened.
    pub text: String,
    /// Who wrote it.
    pub author: Option<String>,
    /// Where it can be read in full: `http` or `https`, nothing else.
    pub url: Option<String>,
    /// Coins it names.
    pub coins: Vec<String>,
    /// Whether it is about crypto or a coin.
    pub is_crypto: bool,
    /// Whether it is about the economy.
    pub is_economic: bool,
    /// What the engines say of it; those that have not looked yet are not here.
    pub scores: Vec<NewsScore>,
}

/// What an engine says of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsScore {
    /// `lexicon`, `finbert` or `ollama`.
    pub engine: String,
    /// -1 (bad news for prices) to 1 (good news); null where the engine cannot tell, which is not neutral.
    pub value: Option<f64>,
    /// `negative`, `neutral` or `positive`; empty where the engine cannot tell.
    pub label: String,
    /// How sure the engine is by its own account, 0 to 1.
    pub confidence: Option<f64>,
    /// Why there is no score; empty where there is one.
    pub why_none: String,
    /// Digest of the model or of the word tables.
    pub model: String,
}

/// Answer of `GET /api/v1/calendar`: releases, speeches and holidays by time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Calendar {
    /// Whether the box reads news; without it there are no events.
    pub is_read: bool,
    /// Begins then.
    pub from_ms: i64,
    /// Ends before.
    pub to_ms: i64,
    /// The earliest first.
    pub events: Vec<CalendarEvent>,
}

/// A row of an economic calendar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CalendarEvent {
    /// Who told it.
    pub source: String,
    /// When it takes place; the start of the day where no time is known.
    pub at_ms: i64,
    /// Whether the time of day is known.
    pub is_time_known: bool,
    /// ISO country code, `EU`, `All`, or a currency as the calendar has it.
    pub country: String,
    /// As the calendar writes it.
    pub name: String,
    /// `holiday`, `low`, `medium` or `high`; empty where nobody says.
    pub importance: String,
    /// What it came to, as it was written; null before.
    pub actual: Option<String>,
    /// What was expected.
    pub consensus: Option<String>,
    /// What it came to the time before.
    pub previous: Option<String>,
    /// What it came to minus what was expected, in their common unit; null where one is unknown or the units differ.
    pub surprise: Option<f64>,
    /// When the result could be known; null before.
    pub actual_from_ms: Option<i64>,
}

/// Answer of `GET /api/v1/news/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsHealth {
    /// Whether the box reads news.
    pub is_read: bool,
    /// The sources.
    pub sources: Vec<NewsSource>,
    /// The engines.
    pub engines: Vec<NewsEngine>,
    /// Whose scores the features are made of.
    pub scorer: String,
    /// Up to when the engine was told what was written; null before.
    pub mood_at_ms: Option<i64>,
    /// Rows of the file: items with their revisions.
    pub items: u64,
    /// Scores that are kept.
    pub scores: u64,
    /// Bytes that all of it takes.
    pub stored_bytes: u64,
    /// Most that it may take.
    pub may_use_bytes: u64,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsSource {
    /// Its name on the box.
    pub name: String,
    /// What it tells: `rss`, `calendar-json`.
    pub kind: String,
    /// Where it is, without what may be a secret.
    pub address: String,
    /// What the owner noted of it.
    pub note: String,
    /// When it was read last; null before.
    pub last_success_ms: Option<i64>,
    /// When it is asked next; null when it is not asked any more.
    pub next_ms: Option<i64>,
    /// Why it is not asked any more; empty while it is.
    pub stopped: String,
    /// What went wrong the last time; empty when nothing did.
    pub error: String,
    /// Requests since it is known.
    pub requests: u64,
    /// Answers that nothing had changed.
    pub unchanged: u64,
    /// Tries that came to nothing.
    pub failures: u64,
    /// Items that nobody told before.
    pub new: u64,
    /// Items that said something else than before.
    pub revised: u64,
    /// Items that another source told before.
    pub same_as_others: u64,
    /// Items that cannot be used, each time they came.
    pub set_aside: u64,
    /// Some of those, with place and reason, the newest first.
    pub aside: Vec<NewsAside>,
}

/// Something that cannot be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsAside {
    /// Where and why.
    pub what: String,
    /// When it was seen first.
    pub first_at_ms: i64,
}

/// An engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsEngine {
    /// `lexicon`, `finbert` or `ollama`.
    pub engine: String,
    /// Whether it is asked.
    pub is_on: bool,
    /// Digest of the model or of the word tables; empty while there is none.
    pub model: String,
    /// In a few words: `ready`, `away`.
    pub state: String,
    /// What is wrong; empty when nothing is.
    pub error: String,
    /// Texts that wait.
    pub queued: u64,
    /// Texts that got a score since the start; the lexicon does not count.
    pub scored: u64,
    /// Texts that got none.
    pub unscored: u64,
    /// Texts that lost their place to others.
    pub dropped: u64,
    /// Scores that were known already, of the same text by the same model.
    pub from_memory: u64,
}

/// Answer of `POST /api/v1/news/try`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsTried {
    /// What each engine that is on says.
    pub scores: Vec<NewsScore>,
    /// Coins that the text names.
    pub coins: Vec<String>,
    /// What the lexicon's score is made of, the strongest first.
    pub reasons: Vec<NewsReason>,
}

/// What a word or rule adds to the lexicon's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewsReason {
    /// The word, pair of words, or the rule (with an @).
    pub term: String,
    /// What it adds to bad news, as a logit against neutral.
    pub negative: f64,
    /// What it adds to good news.
    pub positive: f64,
}
