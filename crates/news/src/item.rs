//! The vocabulary of what the world said.
//!
//! An [`Item`] is kept as [`Item::to_bytes`], a format on disk: fields and variants are only appended, and the number in
//! front is raised when that is not enough.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::relevance::Coins;
use crate::value::Value;
use crate::zone::Shift;

/// Number in front of the bytes of an item.
pub const FORMAT: u8 = 1;

/// One thing that was said, and when it could be known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Who told it to us: a feed, a service, an archive.
    pub source: String,
    /// What the source calls it; the same in every revision.
    pub id: String,
    /// When it came into the world, as far as that is told ([`TimeNote`] says how far).
    pub published_at: Timestamp,
    /// When we saw it; for archives what is assumed of that.
    pub seen_at: Timestamp,
    /// What the source claims, where that cannot be: a time after it was seen.
    pub claimed_at: Option<Timestamp>,
    /// What is to be thought of its times.
    pub time: TimeNote,
    /// SHA-256 of what it says in the source's own words, markup included. Numbers that change without an edit (likes,
    /// replies) are not in it, so another hash is another revision.
    pub raw_hash: [u8; 32],
    /// What it is about.
    pub marks: Marks,
    /// What it says.
    pub content: Content,
}

/// What is to be thought of an item's times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeNote {
    /// The source tells a date and no time of day. It counts as published at the end of that day.
    pub is_day_only: bool,
    /// The source tells no time that can be read. It counts as published when it was seen.
    pub is_missing: bool,
    /// The source tells a time after it was seen, or a known release at another time than it has.
    pub is_suspicious: bool,
    /// `seen_at` was not observed: it is `published_at` and a delay that was chosen.
    pub is_seen_assumed: bool,
    /// The local time does not exist, or exists twice.
    pub shift: Option<Shift>,
}

/// What an item is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// It has words about the economy, rates, trade or markets.
    pub is_economic: bool,
    /// It is about crypto in general or about a coin.
    pub is_crypto: bool,
    /// It says nothing that could be read: empty, `[Video]`, only a link, somebody else's post.
    pub is_low_information: bool,
    /// Coins it names.
    pub coins: Coins,
}

/// What an item says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// An article of a newspaper or agency.
    Article(Article),
    /// A post of a person.
    Post(Post),
    /// A release, speech or holiday of a calendar.
    Macro(MacroEvent),
}

/// An article. All texts are plain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// Headline.
    pub title: String,
    /// Summary, empty where there is none.
    pub summary: String,
    /// Text, or as much of it as the source gives; empty where it gives none.
    pub body: String,
    /// Who wrote it.
    pub author: Option<String>,
    /// Where it appeared, where the source collects from many.
    pub publisher: Option<String>,
    /// Address without tracking parameters.
    pub url: Option<String>,
    /// The source's own tags and categories.
    pub tags: Vec<String>,
}

/// A post.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Account, without `@`.
    pub author: String,
    /// Plain text; `None` where the source knows that there was a post and not what it said.
    pub text: Option<String>,
    /// Somebody else's post passed on.
    pub is_repost: bool,
    /// Somebody else's post with a remark.
    pub is_quote: bool,
    /// With pictures or films; `None` where the source does not tell.
    pub has_media: Option<bool>,
    /// The post that it answers.
    pub reply_to: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// A row of an economic calendar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MacroEvent {
    /// ISO country code, `EU` for the euro area, `All` for the world; otherwise as the source writes it.
    pub country: String,
    /// Name without transform and period.
    pub name: String,
    /// The name as the source writes it.
    pub full_name: String,
    /// Compared with what.
    pub transform: Option<Transform>,
    /// The time it is about: `Sep`, `Q3`.
    pub period: Option<String>,
    /// Its place, from 0, among rows of one calendar that have the same country, name, transform, period and time.
    /// Some calendars list monthly and yearly changes under one name.
    pub position: u16,
    /// How much the calendar makes of it.
    pub importance: Option<Importance>,
    /// When it takes place: the moment, or the start of the local day where that is all that is told.
    pub scheduled_at: Timestamp,
    /// How well the time is known.
    pub schedule: Schedule,
    /// What it came to; `None` before, and for what has no number.
    pub actual: Option<Value>,
    /// What was expected.
    pub forecast: Option<Value>,
    /// What it came to the time before.
    pub previous: Option<Value>,
}

/// How well the time of a calendar row is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// To the minute.
    Exact,
    /// The whole day.
    AllDay,
    /// Some time of that day; not decided.
    Tentative,
    /// As the calendar puts it: `Day 2`, `8th June`.
    Other(String),
}

/// Compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The month before.
    MonthOnMonth,
    /// The quarter before.
    QuarterOnQuarter,
    /// The year before.
    YearOnYear,
    /// The week before.
    WeekOnWeek,
}

/// How much a calendar makes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// Banks and exchanges are closed.
    Holiday,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

/// Articles, posts or macro events. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Content::Article`].
    Article = 1,
    /// [`Content::Post`].
    Post = 2,
    /// [`Content::Macro`].
    Macro = 3,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Article, Self::Post, Self::Macro];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Post => "post",
            Self::Macro => "macro",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no kind of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of article, post, macro")]
pub struct NotAKind;

impl FromStr for Kind {
    type Err = NotAKind;
    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(NotAKind)
    }
}

/// Why bytes are not an item that was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// Written by a later program.
    #[error("an item of format {found}; this program knows formats up to {FORMAT}: update it")]
    Newer {
        /// Its number.
        found: u8,
    },
    /// Not what was once written.
    #[error("not an item: {0}")]
    Damaged(#[from] postcard::Error),
}

impl Item {
    /// Articles, posts or macro events.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.content {
            Content::Article(_) => Kind::Article,
            Content::Post(_) => Kind::Post,
            Content::Macro(_) => Kind::Macro,
        }
    }

    /// What all its revisions are kept under: kind, source and the source's own name of it.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}/{}/{}", self.kind(), self.source, self.id)
    }

    /// The first moment at which anybody may use it: published, and seen.
    #[must_use]
    pub fn usable_from(&self) -> Timestamp {
        self.published_at.max(self.seen_at)
    }

    /// True when the source tells less than there is: a post without its text. Whoever tells more is to be preferred.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        matches!(&self.content, Content::Post(Post { text: None, .. }))
    }

    /// The text in which it is told, headline first; for a macro event its name.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.content {
            Content::Article(article) => {
                let parts = [&article.title, &article.summary, &article.body];
                let told: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
                told.join("\n")
            }
            Content::Post(post) => post.text.clone().unwrap_or_default(),
            Content::Macro(event) => event.full_name.clone(),
        }
    }

    /// The item as it is kept.
    ///
    /// # Panics
    /// Never: plain values always encode.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).expect("plain values always encode")
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`ItemError`] for bytes of a later program, and for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ItemError> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => Ok(postcard::from_bytes(rest)?),
            Some((&found, _)) if found > FORMAT => Err(ItemError::Newer { found }),
            _ => Err(ItemError::Damaged(postcard::Error::DeserializeUnexpectedEnd)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_and_others_are_refused() {
        let item = Item {
            source: "test".to_owned(),
            id: "1".to_owned(),
            published_at: Timestamp::from_secs(20),
            seen_at: Timestamp::from_secs(10),
            claimed_at: None,
            time: TimeNote::default(),
            raw_hash: [7; 32],
            marks: Marks::default(),
            content: Content::Post(Post { author: "a".to_owned(), text: Some("x".to_owned()), ..Post::default() }),
        };
        let mut bytes = item.to_bytes();
        assert_eq!(Item::from_bytes(&bytes).expect("own bytes"), item);
        assert_eq!((item.identity().as_str(), item.usable_from()), ("post/test/1", Timestamp::from_secs(20)));
        assert!(Item::from_bytes(&bytes[..bytes.len() - 3]).is_err());
        bytes[0] = FORMAT + 1;
        assert!(matches!(Item::from_bytes(&bytes), Err(ItemError::Newer { found: 2 })));
        assert!(Item::from_bytes(&[]).is_err());
    }
}
