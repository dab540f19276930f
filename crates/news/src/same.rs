//! When two sources tell the same.
//!
//! | kind | the same when |
//! |---|---|
//! | articles | same address without tracking; else same words in the headline within [`TITLE_WINDOW`] |
//! | posts | same account and id; else same words within [`POST_WINDOW`] |
//! | macro events | same country, name, transform, period, time, and place among rows of one name |

use core::time::Duration;

use types::Timestamp;

use crate::item::{Content, Item, Kind, MacroEvent, Schedule, Transform};
use crate::{link, text};

/// Agencies' texts appear in many papers within hours; columns have one headline every day.
pub const TITLE_WINDOW: Duration = Duration::from_secs(12 * 3_600);
/// Archives round times; people say the same again.
pub const POST_WINDOW: Duration = Duration::from_secs(120);
/// Headlines of fewer words are too common to tell articles apart.
const TITLE_WORDS_MIN: usize = 4;

/// Something two items of different identity have in common when they tell the same: the same key, and times of which the
/// difference is at most the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The key; at most 2 200 bytes.
    pub key: String,
    /// The time of the item.
    pub at: Timestamp,
    /// How far two times may be from each other; `None` for any distance.
    pub window: Option<Duration>,
}

/// What an item has in common with others that tell the same, the surest first.
#[must_use]
pub fn traces(item: &Item) -> Vec<Trace> {
    let at = item.published_at;
    let mut traces = Vec::new();
    match &item.content {
        Content::Article(article) => {
            if let Some(key) = article.url.as_deref().and_then(link::key) {
                traces.push(Trace { key: format!("url/{key}"), at, window: None });
            }
            let title = title_key(&article.title, article.publisher.as_deref());
            if title.split(' ').count() >= TITLE_WORDS_MIN && !item.time.is_missing {
                let key = format!("title/{}", text::short_digest([title.as_str()]));
                traces.push(Trace { key, at, window: Some(TITLE_WINDOW) });
            }
        }
        Content::Post(post) => {
            let author = post.author.to_ascii_lowercase();
            traces.push(Trace { key: format!("post/{author}/{}", item.id), at, window: None });
            if let Some(said) = post.text.as_deref().filter(|_| !item.marks.is_low_information) {
                let key = format!("said/{author}/{}", text::short_digest([text::key(said).as_str()]));
                traces.push(Trace { key, at, window: Some(POST_WINDOW) });
            }
        }
        Content::Macro(event) => {
            let key = format!("{}/{}", Kind::Macro, macro_key(event));
            traces.push(Trace { key, at: event.scheduled_at, window: None });
        }
    }
    traces
}

/// What names a macro event, the source left out: country, name, transform, period, time, and its place among rows of one
/// name.
#[must_use]
pub fn macro_key(event: &MacroEvent) -> String {
    let transform = match event.transform {
        None => "",
        Some(Transform::MonthOnMonth) => "m/m",
        Some(Transform::QuarterOnQuarter) => "q/q",
        Some(Transform::YearOnYear) => "y/y",
        Some(Transform::WeekOnWeek) => "w/w",
    };
    let time = event.scheduled_at.to_string();
    let time = if event.schedule == Schedule::Exact { &time[..16] } else { &time[..10] };
    let period = event.period.as_deref().unwrap_or("").to_lowercase();
    let name = text::key(&event.name);
    format!("{}|{name}|{transform}|{period}|{time}|{}", event.country, event.position)
}

/// The words of a headline without the name of the paper at its end.
fn title_key(title: &str, publisher: Option<&str>) -> String {
    let told = publisher.and_then(|publisher| title.strip_suffix(publisher)).and_then(|rest| {
        let rest = rest.trim_end();
        rest.strip_suffix(['-', '|', '–', '—'])
    });
    text::key(told.unwrap_or(title))
}
