//! From a payload to what is kept: read, put aside what cannot be used, kept, scored by the lexicon. On a blocking thread.

use std::time::Duration;

use news::read::{Found, ReadError, Reading};
use news::{Item, Kind};
use sentiment::{Engine, Identity, Lexicon, Opinion};
use serde::{Deserialize, Serialize};
use store::news::Horizons;
use store::{Kept, News, ScoreRow, StoreError};
use types::Timestamp;

use super::source::{Counts, Source};
use crate::import::news::keep;

/// Items that are written in one commit at most.
const BATCH: usize = 1_000;
/// Reasons that are noted of a payload at most.
const ASIDE_MAX: usize = 50;

/// What became of a payload.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) counts: Counts,
    /// How long the source asks to be left alone.
    pub(super) ttl: Option<Duration>,
}

/// Why a payload was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A score as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    pub(crate) identity: Identity,
    pub(crate) opinion: Opinion,
    /// When it was given.
    pub(crate) at: Timestamp,
}

/// Number in front of a score.
const FORMAT: u8 = 1;

impl Scored {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).expect("plain values always encode")
    }

    /// `None` for bytes of a later program, or of none: then there is no score.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => postcard::from_bytes(rest).ok(),
            _ => None,
        }
    }
}

/// The number of an engine in `news.redb`.
pub(crate) const fn number(engine: Engine) -> u8 {
    match engine {
        Engine::Lexicon => 1,
        Engine::Finbert => 2,
        Engine::Ollama => 3,
    }
}

/// Whether it says little: about no coin, nor crypto, nor the economy, or nothing that could be read. Such items go first.
pub(crate) const fn is_of_low_worth(item: &Item) -> bool {
    let marks = &item.marks;
    marks.is_low_information || !(marks.is_crypto || marks.is_economic || matches!(item.kind(), Kind::Macro))
}

/// Whether an item has a text to be scored.
pub(crate) fn has_text(item: &Item) -> bool {
    !matches!(item.kind(), Kind::Macro) && !item.is_partial()
}

/// Takes a payload.
///
/// # Errors
/// When nothing of it can be used, or the card does not take it; what was kept of it until then stays.
pub(super) fn take(
    source: &Source,
    bytes: &[u8],
    how: &Reading,
    store: &News,
    lexicon: &Lexicon,
) -> Result<Taken, NotTaken> {
    let mut batch = news::read::read(source.format, bytes, how)?;
    let reasons: Vec<String> = batch.set_aside.iter().take(ASIDE_MAX).map(ToString::to_string).collect();
    if !reasons.is_empty() {
        store.set_aside(&source.name, how.seen.at(), &reasons)?;
    }
    let horizons = store.horizons()?;
    let all = batch.items.len();
    batch.items.retain(|found| is_kept(&found.item, horizons));
    let mut counts =
        Counts { set_aside: batch.refused(), too_old: (all - batch.items.len()) as u64, ..Counts::default() };
    for part in batch.items.chunks(BATCH) {
        let kept = keep(part, how, store)?;
        score(part, &kept, how.seen.at(), store, lexicon)?;
        for kept in kept {
            match kept {
                Kept::New => counts.new += 1,
                Kept::Revised(_) => counts.revised += 1,
                Kept::SameAs(_) => counts.same_as_others += 1,
                Kept::Same => {}
            }
        }
    }
    Ok(Taken { counts, ttl: batch.ttl })
}

fn is_kept(item: &Item, horizons: Horizons) -> bool {
    let horizon = if is_of_low_worth(item) { horizons.low.max(horizons.all) } else { horizons.all };
    item.published_at >= horizon
}

/// The lexicon's word on what is new: it needs nobody and takes microseconds.
fn score(part: &[Found], kept: &[Kept], at: Timestamp, store: &News, lexicon: &Lexicon) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for (found, kept) in part.iter().zip(kept) {
        let revision = match kept {
            Kept::New => 0,
            Kept::Revised(revision) => *revision,
            Kept::Same | Kept::SameAs(_) => continue,
        };
        if !has_text(&found.item) {
            continue;
        }
        let text = found.item.text();
        let identity = lexicon.identity(&text);
        let key = identity.key();
        let scored = Scored { identity, opinion: lexicon.score(&text), at };
        rows.push((found.item.identity(), revision, key, scored.to_bytes()));
    }
    let rows: Vec<ScoreRow<'_>> = rows
        .iter()
        .map(|(name, revision, key, score)| ScoreRow {
            name,
            revision: *revision,
            engine: number(Engine::Lexicon),
            key: *key,
            score,
        })
        .collect();
    store.keep_scores(&rows)
}
