//! From what a reader found to an item: times, hash, marks and limits, the same for all formats.

use types::Timestamp;

use super::{Batch, Found, ITEM_BYTES_MAX, Place, Reading, Reason, Seen, SetAside, TEXT_BYTES_MAX, TITLE_BYTES_MAX};
use crate::item::{Content, Item, MacroEvent, Schedule, TimeNote};
use crate::relevance;
use crate::text;
use crate::zone::Shift;

/// Longest name of an item that is kept as it is, bytes; longer ones are kept as their digest.
const ID_BYTES_MAX: usize = 256;
/// Longest name of a macro event, bytes.
const EVENT_BYTES_MAX: usize = 512;
/// How much later than it was seen something may claim to be published: clocks differ.
const FUTURE_TOLERANCE: core::time::Duration = core::time::Duration::from_secs(120);

/// When something was published, as its source tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    At(Timestamp),
    /// On a day that ends then.
    DayUntil(Timestamp),
    Unknown,
}

/// What a reader found.
pub(super) struct Draft<'a> {
    pub(super) place: Place,
    pub(super) source: &'a str,
    pub(super) id: String,
    pub(super) when: When,
    pub(super) shift: Option<Shift>,
    pub(super) content: Content,
    /// What it says in the source's own words, for the hash.
    pub(super) said: Vec<&'a str>,
    /// Tags of the source that say what it is about.
    pub(super) tags: &'a [String],
    pub(super) raw: Vec<u8>,
}

/// Makes an item of a draft.
pub(super) fn finish(draft: Draft<'_>, how: &Reading) -> Result<Found, SetAside> {
    let Draft { place, source, mut id, when, shift, content, said, tags, raw } = draft;
    check_lengths(place, &content, &raw)?;
    if id.len() > ID_BYTES_MAX {
        id = format!("sha256-{}", text::short_digest([id.as_str()]));
    }
    let at_hand = how.seen.at();
    let mut time = TimeNote { shift, ..TimeNote::default() };
    let mut claimed_at = None;
    let mut published_at = match when {
        When::At(at) => at,
        When::DayUntil(end) => {
            time.is_day_only = true;
            end
        }
        When::Unknown => {
            time.is_missing = true;
            at_hand
        }
    };
    if let Content::Macro(event) = &content {
        // The row of something to come is known when it is seen; its result is not.
        if published_at > at_hand {
            time.is_suspicious = event.actual.is_some() && event.scheduled_at > at_hand;
            published_at = at_hand;
        }
    } else if published_at > at_hand.plus(FUTURE_TOLERANCE) {
        // A day that is not over is no claim about the future.
        let claims_future =
            !time.is_day_only || published_at > at_hand.plus(core::time::Duration::from_secs(36 * 3_600));
        if claims_future {
            time.is_suspicious = true;
            claimed_at = Some(published_at);
        }
        published_at = at_hand;
    }
    let seen_at = match how.seen {
        Seen::At(at) => at,
        Seen::Archive { at, .. } if time.is_missing || published_at == at => at,
        Seen::Archive { at, delay } => {
            time.is_seen_assumed = true;
            published_at.plus(delay).min(at.max(published_at))
        }
    };
    let mut item = Item {
        source: source.to_owned(),
        id,
        published_at,
        seen_at,
        claimed_at,
        time,
        raw_hash: text::digest(said),
        marks: crate::Marks::default(),
        content,
    };
    item.marks = relevance::marks(&item.text(), tags);
    match &item.content {
        Content::Post(post) => item.marks.is_low_information |= post.is_repost,
        Content::Macro(_) => {
            item.marks.is_economic = true;
            item.marks.is_low_information = false;
        }
        Content::Article(_) => {}
    }
    Ok(Found { place, item, raw })
}

/// Adds what a reader made of an item, or why it made nothing.
pub(super) fn add(batch: &mut Batch, made: Result<Found, SetAside>) {
    match made {
        Ok(found) => batch.items.push(found),
        Err(set_aside) => batch.refuse(set_aside),
    }
}

/// The times of a row of a calendar.
pub(super) fn when_of(event: &MacroEvent, day_end: Timestamp) -> When {
    if event.schedule == Schedule::Exact { When::At(event.scheduled_at) } else { When::DayUntil(day_end) }
}

fn check_lengths(place: Place, content: &Content, raw: &[u8]) -> Result<(), SetAside> {
    let check = |field: Option<&'static str>, bytes: usize, max: usize| {
        if bytes <= max { Ok(()) } else { Err(SetAside::new(place, field, Reason::TooLong { bytes, max })) }
    };
    match content {
        Content::Article(article) => {
            check(Some("title"), article.title.len(), TITLE_BYTES_MAX)?;
            check(Some("author"), article.author.as_ref().map_or(0, String::len), TITLE_BYTES_MAX)?;
            check(Some("description"), article.summary.len(), TEXT_BYTES_MAX)?;
            check(Some("text"), article.body.len(), TEXT_BYTES_MAX)?;
        }
        Content::Post(post) => check(Some("text"), post.text.as_ref().map_or(0, String::len), TEXT_BYTES_MAX)?,
        Content::Macro(event) => {
            check(Some("event"), event.full_name.len(), EVENT_BYTES_MAX)?;
            check(Some("country"), event.country.len(), 64)?;
        }
    }
    check(None, raw.len(), ITEM_BYTES_MAX)
}
