//! What happened.

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::text::{self, Unit};

/// Longest key, characters.
pub const KEY_CHARS_MAX: usize = 120;
/// Longest title, characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest text, characters.
pub const TEXT_CHARS_MAX: usize = 1_000;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is wrong and wants to be looked at.
    Warning,
    /// Is told in quiet hours too.
    Urgent,
}

impl Level {
    /// What it is called in messages to programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Urgent => "urgent",
        }
    }
}

/// Whether it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A condition began that will end.
    Begins,
    /// The condition of the same key is over.
    Ends,
    /// It was at a moment.
    Happened,
}

impl State {
    /// What it is called in messages to programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Ends => "ends",
            Self::Happened => "happened",
        }
    }
}

/// Something that the owner may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about, for programs: `feed:kraken`. Alerts of the same key are about the same; what stands before the first colon is
    /// the class, and alerts of a class are gathered into one message.
    pub key: String,
    /// How much it matters.
    pub level: Level,
    /// Whether it lasts.
    pub state: State,
    /// A few words.
    pub title: String,
    /// One or more sentences; may be empty.
    pub text: String,
    /// When, by the time of the box.
    pub at: Timestamp,
}

impl Alert {
    /// What stands before the first colon of the key.
    #[must_use]
    pub fn class(&self) -> &str {
        self.key.split(':').next().unwrap_or_default()
    }

    /// The same within all bounds, without characters that control terminals and headers.
    #[must_use]
    pub fn bounded(self) -> Self {
        let line = |text: &str, max| text::cut(&text::line(text), max, Unit::Chars).into_owned();
        Self {
            key: line(&self.key, KEY_CHARS_MAX),
            title: line(&self.title, TITLE_CHARS_MAX),
            text: text::cut(&text::lines(&self.text), TEXT_CHARS_MAX, Unit::Chars).into_owned(),
            ..self
        }
    }
}
