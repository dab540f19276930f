//! Takes what payloads of news, posts and calendars hold over into `news.redb`.

use std::collections::BTreeMap;

use anyhow::Context;
use news::read::{Batch, Format, Found, Reading};
use news::same;
use serde::Serialize;
use store::{Kept, News, NewsRow};
use types::Timestamp;

use super::TOLD_MAX;

/// Items that are written in one commit at most.
const BATCH: usize = 10_000;

/// What became of a payload. The keys are a contract.
#[derive(Debug, Serialize)]
pub(crate) struct NewsReport {
    file: String,
    format: &'static str,
    /// Items in the payload.
    read: u64,
    /// Items that nobody told before.
    new: u64,
    /// Items that were known and say something else now.
    revised: u64,
    /// Items that are kept already, word by word.
    known: u64,
    /// Items that another source told before; kept beside it.
    same_as_others: u64,
    /// Items that the source has withdrawn.
    withdrawn: u64,
    /// Rows that are in the payload twice.
    repeated: u64,
    /// Items that cannot be used.
    pub(crate) set_aside: u64,
    set_aside_by_reason: BTreeMap<&'static str, u64>,
    /// Items whose time is not what it claims, or at a wrong place.
    suspicious: u64,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    /// The first of those set aside.
    pub(crate) told: Vec<String>,
}

impl std::fmt::Display for NewsReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            format, read, new, revised, known, same_as_others, withdrawn, repeated, set_aside, suspicious, ..
        } = self;
        write!(
            f,
            "{format}: {read} items, {new} new, {revised} revised, {known} known already, {same_as_others} told by another \
             source, {withdrawn} withdrawn, {repeated} repeated, {set_aside} set aside"
        )?;
        if !self.set_aside_by_reason.is_empty() {
            let reasons = self.set_aside_by_reason.iter().map(|(reason, count)| format!("{reason} {count}"));
            write!(f, " ({})", reasons.collect::<Vec<_>>().join(", "))?;
        }
        if *suspicious > 0 {
            write!(f, "; {suspicious} with a doubtful time")?;
        }
        match self.from_ms.zip(self.to_ms) {
            Some((from, to)) => {
                write!(f, "; {} to {}", Timestamp::from_millis(from), Timestamp::from_millis(to))
            }
            None => Ok(()),
        }
    }
}

/// Keeps what a payload holds.
///
/// # Errors
/// When nothing of the payload can be used ([`news::read::ReadError`]), or the store cannot be written.
pub(crate) fn import(
    file: &str,
    format: Format,
    bytes: &[u8],
    how: &Reading,
    store: &News,
) -> anyhow::Result<NewsReport> {
    let batch = news::read::read(format, bytes, how)?;
    let mut kept = Vec::with_capacity(batch.items.len());
    for part in batch.items.chunks(BATCH) {
        kept.extend(keep(part, how, store).context("cannot keep news")?);
    }
    Ok(report(file, format, &batch, &kept))
}

pub(crate) fn keep(part: &[Found], how: &Reading, store: &News) -> store::Result<Vec<Kept>> {
    struct Encoded {
        name: String,
        item: Vec<u8>,
        traces: Vec<(String, Timestamp, i64)>,
    }
    let encoded = |found: &Found| Encoded {
        name: found.item.identity(),
        item: found.item.to_bytes(),
        traces: same::traces(&found.item).into_iter().map(|trace| (trace.key, trace.at, nanos(trace.window))).collect(),
    };
    let encoded: Vec<Encoded> = part.iter().map(encoded).collect();
    let rows: Vec<NewsRow<'_>> = part
        .iter()
        .zip(&encoded)
        .map(|(found, encoded)| NewsRow {
            name: &encoded.name,
            kind: found.item.kind() as u8,
            digest: found.item.raw_hash,
            usable_from: found.item.usable_from(),
            revised_from: found.item.usable_from().max(how.seen.at()),
            is_archive: how.seen.is_archive(),
            is_partial: found.item.is_partial(),
            traces: &encoded.traces,
            item: &encoded.item,
            raw: &found.raw,
        })
        .collect();
    store.keep(&rows)
}

fn nanos(window: Option<std::time::Duration>) -> i64 {
    window.map_or(i64::MAX, |window| i64::try_from(window.as_nanos()).unwrap_or(i64::MAX))
}

fn report(file: &str, format: Format, batch: &Batch, kept: &[Kept]) -> NewsReport {
    let count = |wanted: fn(&Kept) -> bool| kept.iter().filter(|kept| wanted(kept)).count() as u64;
    let times = || batch.items.iter().map(|found| found.item.published_at.as_nanos().div_euclid(1_000_000));
    NewsReport {
        file: file.to_owned(),
        format: format.name(),
        read: batch.read(),
        new: count(|kept| matches!(kept, Kept::New)),
        revised: count(|kept| matches!(kept, Kept::Revised(_))),
        known: count(|kept| matches!(kept, Kept::Same)),
        same_as_others: count(|kept| matches!(kept, Kept::SameAs(_))),
        withdrawn: batch.withdrawn,
        repeated: batch.repeated,
        set_aside: batch.refused(),
        set_aside_by_reason: batch.set_aside_counts.clone(),
        suspicious: batch.items.iter().filter(|found| found.item.time.is_suspicious).count() as u64,
        from_ms: times().min(),
        to_ms: times().max(),
        told: batch.set_aside.iter().take(TOLD_MAX).map(ToString::to_string).collect(),
    }
}
