//! What the world said: news, posts and macro calendars. Payloads in; dated, normalised items out.
//!
//! Nothing here reads a clock, a socket or a file: whoever fetched or opened a payload tells when it was seen
//! ([`read::Reading`]).
//!
//! | module | what |
//! |---|---|
//! | [`item`] | the vocabulary: articles, posts, macro events, and what is known of their times |
//! | [`value`] | what a calendar writes as a number |
//! | [`relevance`] | what a text is about: the economy, crypto, which coins, or nothing |
//! | [`text`] | HTML to plain text, and texts made comparable |
//! | [`link`] | addresses without what only tracks readers |
//! | [`zone`] | local times of files to UTC |
//! | [`known`] | releases whose time everybody knows, to find a wrong time zone |
//! | [`same`] | when two sources tell the same |
//! | [`read`] | the readers, one for each kind of payload |
//! | [`schedule`] | when to ask a source again, with what, and when to stop |
//!
//! A payload that cannot be used is an error that says why ([`read::ReadError`]); an item that cannot be used is set aside
//! with its place and reason ([`read::SetAside`]) and the others go on.
//!
//! ```
//! use news::read::{Format, Reading, Seen};
//! use types::Timestamp;
//!
//! let feed = br#"<rss version="2.0"><channel><title>T</title><item><guid>1</guid><title>Bitcoin rises</title>
//!     <pubDate>Tue, 10 Jun 2025 04:00:00 GMT</pubDate></item></channel></rss>"#;
//! let seen = Timestamp::parse_rfc3339(b"2025-06-10T04:01:00Z").unwrap();
//! let batch = news::read::read(Format::Feed, feed, &Reading::new(Seen::At(seen))).unwrap();
//! let item = &batch.items[0].item;
//! assert_eq!(item.usable_from(), seen);
//! assert_eq!(item.marks.coins.tickers().collect::<Vec<_>>(), ["BTC"]);
//! ```

pub mod item;
pub mod known;
pub mod link;
pub mod read;
pub mod relevance;
pub mod same;
pub mod schedule;
pub mod text;
pub mod value;
pub mod zone;

pub use item::{Article, Content, Importance, Item, Kind, MacroEvent, Marks, Post, Schedule, TimeNote, Transform};
pub use relevance::Coins;
pub use same::Trace;
pub use value::{Unit, Value};
pub use zone::{DateOrder, Shift, Zone};
