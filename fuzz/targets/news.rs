//! News, posts and macro calendars: bytes of a known format as what they are; for others the first byte chooses it.
#![no_main]

use std::time::Duration;

use news::read::{Format, Reading, Seen, detect, read};
use news::{DateOrder, Item};
use types::Timestamp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let chosen = || (Format::ALL[usize::from(*choice) % Format::ALL.len()], rest);
    let (format, payload) = detect(bytes).map_or_else(chosen, |format| (format, bytes));
    let at = Timestamp::from_secs(1_760_000_000);
    let how = Reading {
        zone: Some("America/New_York".parse().expect("a zone")),
        date_order: Some(DateOrder::DayFirst),
        year: Some(2_025),
        ..Reading::new(Seen::Archive { at, delay: Duration::from_secs(60) })
    };
    let Ok(batch) = read(format, payload, &how) else { return };
    for found in batch.items {
        let item = found.item;
        assert!(item.usable_from() >= item.published_at && item.usable_from() >= item.seen_at);
        assert!(news::same::traces(&item).iter().all(|trace| trace.key.len() <= 2_200), "{item:?}");
        // NaN is never read, so what is kept is equal to what was read.
        assert_eq!(Item::from_bytes(&item.to_bytes()).expect("written by ourselves"), item);
    }
});
