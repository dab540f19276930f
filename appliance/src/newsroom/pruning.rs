//! What of the news goes: first by age, then by room; of each the items that say little before the others.

use news::Item;
use store::News;
use store::news::{Horizons, NewsEntry, Wanted};
use types::Timestamp;

use super::intake::is_of_low_worth;

/// Items of low worth are kept for one part in so many of the time.
const LOW_PART: i64 = 8;
/// Revisions that are looked at, and removed, in one go.
const BATCH: usize = 5_000;
/// Once there is too much, it goes down to so many hundredths of what is allowed: else it would be a little every day.
const DOWN_TO_PERCENT: u64 = 90;

/// Removes what is older than `keep_ns`, or than a part of it where it is of low worth; and while more than `bytes_max` is stored, the
/// oldest of low worth and then the oldest. Gives how many revisions went.
///
/// # Errors
/// When the file cannot be read or written; what went until then is gone.
pub(super) fn prune(store: &News, now: Timestamp, keep_ns: i64, bytes_max: u64) -> store::Result<u64> {
    let before = |ns: i64| Timestamp::from_nanos(now.as_nanos().saturating_sub(ns));
    let known = store.horizons()?;
    let horizons = Horizons { all: known.all.max(before(keep_ns)), low: known.low.max(before(keep_ns / LOW_PART)) };
    let mut removed = remove_before(store, horizons.all, |_| true, horizons)?;
    removed += remove_before(store, horizons.low, is_low, horizons)?;
    if store.stored_bytes()? > bytes_max {
        removed += make_room(store, bytes_max / 100 * DOWN_TO_PERCENT, is_low, true)?;
    }
    if store.stored_bytes()? > bytes_max {
        removed += make_room(store, bytes_max / 100 * DOWN_TO_PERCENT, |_| true, false)?;
    }
    Ok(removed)
}

/// Low in worth, or the same as another tells.
fn is_low(entry: &NewsEntry) -> bool {
    entry.same_as.is_some() || Item::from_bytes(&entry.item).is_ok_and(|item| is_of_low_worth(&item))
}

fn page(store: &News, from: Timestamp, to: Timestamp) -> store::Result<Vec<NewsEntry>> {
    store.entries(&Wanted { from, to, kind: None, with_same: true, newest_first: false, limit: BATCH })
}

/// Removes those from before a time that are meant.
fn remove_before(
    store: &News,
    to: Timestamp,
    is_meant: impl Fn(&NewsEntry) -> bool,
    horizons: Horizons,
) -> store::Result<u64> {
    let (mut removed, mut from) = (0, Timestamp::from_nanos(i64::MIN));
    loop {
        let some = page(store, from, to)?;
        let Some(last) = some.last().map(|entry| entry.usable_from) else { break };
        let doomed: Vec<(String, u32)> =
            some.iter().filter(|entry| is_meant(entry)).map(|entry| (entry.name.clone(), entry.revision)).collect();
        if !doomed.is_empty() {
            removed += store.remove(&doomed, horizons)?;
        }
        if some.len() < BATCH {
            break;
        }
        // More of one moment than a page holds cannot be told apart by time: those that stay are passed over.
        from = if last > from { last } else { Timestamp::from_nanos(last.as_nanos() + 1) };
    }
    Ok(removed)
}

/// Removes the oldest of those that are meant until no more than `bytes` are stored.
fn make_room(store: &News, bytes: u64, is_meant: impl Fn(&NewsEntry) -> bool, is_low: bool) -> store::Result<u64> {
    let (mut removed, mut from) = (0, Timestamp::from_nanos(i64::MIN));
    loop {
        let stored = store.stored_bytes()?;
        let some = page(store, from, Timestamp::MAX)?;
        let Some(last) = some.last().map(|entry| entry.usable_from) else { return Ok(removed) };
        if stored <= bytes {
            return Ok(removed);
        }
        // An item takes its own bytes a few times over: as it came, its traces, its scores.
        let mut room = 0;
        let mut doomed = Vec::new();
        let mut newest = from;
        for entry in some.iter().filter(|entry| is_meant(entry)) {
            if room >= stored - bytes {
                break;
            }
            room += entry.item.len() as u64 * 3;
            newest = newest.max(entry.usable_from);
            doomed.push((entry.name.clone(), entry.revision));
        }
        if !doomed.is_empty() {
            let known = store.horizons()?;
            let horizons = if is_low {
                Horizons { low: known.low.max(newest), ..known }
            } else {
                Horizons { all: known.all.max(newest), ..known }
            };
            removed += store.remove(&doomed, horizons)?;
        }
        if doomed.is_empty() {
            if some.len() < BATCH {
                return Ok(removed);
            }
            from = if last > from { last } else { Timestamp::from_nanos(last.as_nanos() + 1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use news::item::{Article, Content, Marks, TimeNote};
    use store::NewsRow;
    use types::time::NS_PER_DAY;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn keep(store: &News, days_ago: i64, title: &str) {
        let at = Timestamp::from_nanos(NOW.as_nanos() - days_ago * NS_PER_DAY);
        let id = format!("{days_ago}-{title}");
        let mut raw_hash = [0; 32];
        raw_hash[..id.len().min(32)].copy_from_slice(&id.as_bytes()[..id.len().min(32)]);
        let item = Item {
            source: "test".to_owned(),
            id,
            published_at: at,
            seen_at: at,
            claimed_at: None,
            time: TimeNote::default(),
            raw_hash,
            marks: news::relevance::marks(title, &[]),
            content: Content::Article(Article { title: title.to_owned(), ..Article::default() }),
        };
        assert_eq!(item.marks == Marks::default(), title.starts_with("Cat"));
        let (name, bytes, raw) = (item.identity(), item.to_bytes(), vec![7; 2_000]);
        let row = NewsRow {
            name: &name,
            kind: 1,
            digest: item.raw_hash,
            usable_from: at,
            revised_from: at,
            is_archive: false,
            is_partial: false,
            traces: &[],
            item: &bytes,
            raw: &raw,
        };
        store.keep(&[row]).unwrap();
    }

    fn left(store: &News) -> Vec<String> {
        let all = page(store, Timestamp::EPOCH, Timestamp::MAX).unwrap();
        all.into_iter().map(|entry| entry.name["article/test/".len()..].to_owned()).collect()
    }

    #[test]
    fn what_says_little_goes_first_and_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = News::open(dir.path()).unwrap();
        for days_ago in [90, 20, 5] {
            keep(&store, days_ago, "Bitcoin rises");
            keep(&store, days_ago, "Cats sleep");
        }
        assert_eq!(prune(&store, NOW, 80 * NS_PER_DAY, u64::MAX).unwrap(), 3);
        assert_eq!(left(&store), ["20-Bitcoin rises", "5-Bitcoin rises", "5-Cats sleep"]);
        assert_eq!(prune(&store, NOW, 80 * NS_PER_DAY, u64::MAX).unwrap(), 0, "once is enough");
        let horizons = store.horizons().unwrap();
        assert_eq!((NOW.since(horizons.all).as_secs(), NOW.since(horizons.low).as_secs()), (80 * 86_400, 10 * 86_400));
    }

    #[test]
    fn where_there_is_too_much_the_oldest_goes_until_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let store = News::open(dir.path()).unwrap();
        for days_ago in 1..=200 {
            keep(&store, days_ago, if days_ago % 4 == 0 { "Cats sleep" } else { "Bitcoin rises" });
        }
        let stored = store.stored_bytes().unwrap();
        prune(&store, NOW, 10_000 * NS_PER_DAY, stored - 100).unwrap();
        let some = left(&store);
        assert!(some.len() < 200 && some.iter().any(|name| name.ends_with("sleep")), "{}", some.len());
        assert_eq!(some.iter().filter(|name| name.ends_with("rises")).count(), 150, "of low worth there was enough");
        prune(&store, NOW, 10_000 * NS_PER_DAY, stored / 2).unwrap();
        let fewer = left(&store);
        assert!(store.stored_bytes().unwrap() <= stored / 2);
        assert!(fewer.iter().all(|name| name.ends_with("rises")) && fewer.len() < 150 && fewer.len() > 20);
        assert_eq!(fewer.last().map(String::as_str), Some("1-Bitcoin rises"), "the newest stays");
    }
}
