//! `/api/v1/quality` and `/api/v1/storage`: how well the venues were heard, and what lies on the card.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/quality?hours=168` | every instrument hour by hour, its minutes without data, and what was set aside |
//! | `GET /api/v1/storage` | the card, recorded days, backups, exports |

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Response;
use store::{Span, State as Kept};
use types::quality::{GapReason, GapRecord, QualityRecord, QuarantineReason, QuarantineRecord, Quarantined};
use types::time::NS_PER_MIN;
use types::{Date, InstrumentId, Timeframe, Timestamp};
use wire::api::{
    ExportState, KafkaState, Ledger, LedgerGap, LedgerHour, ProvenBackup, Quality, RecordedDay, SetAside, Storage,
};

use super::Site;
use super::accounts::number;
use super::form::Form;
use super::kept::Refusal;
use crate::kept::full_name;

const NS_PER_HOUR: i64 = 60 * NS_PER_MIN;
const HOURS: u16 = 7 * 24;
const HOURS_MAX: u16 = 31 * 24;
/// Gaps of an instrument, and things set aside, that are listed.
const LISTED: usize = 50;

/// `GET /api/v1/quality`.
pub(super) async fn quality(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let (state, now) = (site.inner.state.clone(), site.inner.clock.now());
    form.of_work(move || {
        let hours = number(&parameters, "hours", HOURS, HOURS_MAX)?;
        Ok(ledgers(&state, now, hours)?)
    })
    .await
}

/// The hours up to and with that of `now`.
fn ledgers(state: &Kept, now: Timestamp, hours: u16) -> store::Result<Quality> {
    let to = Timestamp::from_nanos(now.floor_to(NS_PER_HOUR).as_nanos() + NS_PER_HOUR);
    let from = to.minus(Duration::from_secs(u64::from(hours) * 3_600));
    let span = Span::between(from, to, usize::MAX);
    let mut ledgers = Vec::new();
    let mut names: BTreeMap<InstrumentId, String> = BTreeMap::new();
    for listing in state.catalogue()? {
        let symbol = full_name(&listing);
        names.insert(listing.id, symbol.clone());
        let rows = state.quality(listing.id, span)?;
        let mut told: Vec<Option<LedgerHour>> = vec![None; hours.into()];
        for row in &rows {
            let place = (row.heard.minute.as_nanos() - from.as_nanos()).div_euclid(NS_PER_HOUR);
            if let Some(hour) = usize::try_from(place).ok().and_then(|place| told.get_mut(place)) {
                add(hour.get_or_insert_default(), row);
            }
        }
        for hour in told.iter_mut().flatten() {
            // It was the sum of the minutes' shares.
            hour.proven_ppm /= hour.minutes.max(1);
        }
        let gaps = state.gaps(listing.id, span)?;
        let newest = &gaps[gaps.len().saturating_sub(LISTED)..];
        let gaps = newest.iter().rev().map(|gap| told_gap(state, listing.id, gap)).collect::<store::Result<_>>()?;
        ledgers.push(Ledger { symbol, hours: told, gaps });
    }
    let aside = state.quarantine(span)?;
    let newest = &aside[aside.len().saturating_sub(LISTED)..];
    let set_aside = newest.iter().rev().map(|record| told_aside(record, &names)).collect();
    Ok(Quality { from_ms: from.as_millis(), to_ms: to.as_millis(), ledgers, set_aside })
}

fn add(hour: &mut LedgerHour, row: &QualityRecord) {
    let heard = &row.heard;
    hour.minutes += 1;
    hour.proven_ppm += (u64::from(heard.live_ms.min(60_000)) * 1_000_000 / 60_000) as u32;
    hour.gaps += heard.gaps;
    hour.resyncs += heard.resyncs;
    hour.checksum_failures += heard.checksum_failures;
    hour.duplicates += heard.duplicates;
    hour.rejected += heard.rejected;
    hour.silence_max_ms = hour.silence_max_ms.max(heard.silence_max_ms);
}

fn told_gap(state: &Kept, id: InstrumentId, gap: &GapRecord) -> store::Result<LedgerGap> {
    let inside = state.candles(id, Timeframe::M1, Span::between(gap.from, gap.to, usize::MAX))?;
    let reason = match gap.reason {
        GapReason::NotHeard => "nobody listened",
        GapReason::TradesMissing => "trades are missing",
        GapReason::NoPrice => "no price before it",
    };
    Ok(LedgerGap {
        from_ms: gap.from.as_millis(),
        to_ms: gap.to.as_millis(),
        reason: reason.to_owned(),
        repaired: inside.len() as u32,
    })
}

fn told_aside(record: &QuarantineRecord, names: &BTreeMap<InstrumentId, String>) -> SetAside {
    let reason = match record.reason {
        QuarantineReason::Price => "its price is far from all that is believed",
        QuarantineReason::Empty => "a trade of nothing",
        QuarantineReason::Contradictory => "a candle that contradicts itself",
        QuarantineReason::Unfinished => "a candle that is called final and is not",
        QuarantineReason::Future => "its time lies in the future",
    };
    let what = match &record.what {
        Quarantined::Trade(_) => "trade",
        Quarantined::Candle(_) => "candle",
        Quarantined::Book { .. } => "book",
        Quarantined::Ticker(_) => "summary",
    };
    SetAside {
        at_ms: record.at.as_millis(),
        symbol: names.get(&record.instrument).cloned().unwrap_or_default(),
        reason: reason.to_owned(),
        what: what.to_owned(),
    }
}

/// `GET /api/v1/storage`.
pub(super) async fn storage(State(site): State<Site>, form: Form) -> Response {
    let inner = site.inner.clone();
    form.of_work(move || {
        let health = inner.health.borrow().clone();
        let failed = |error: std::io::Error| Refusal::Failed(error.to_string());
        let today = Date::of(inner.clock.now());
        let days = store::days(inner.recordings.dir())?;
        let day = |day: &store::Day| {
            let date = Date::of(Timestamp::from_secs(i64::from(day.day) * 86_400));
            let bytes = std::fs::metadata(&day.path).map_or(0, |metadata| metadata.len());
            RecordedDay { day: date.to_string(), bytes, is_over: date < today }
        };
        let mut backups = inner.backups.names().map_err(failed)?;
        backups.reverse();
        let at_ms = |text: &str| Timestamp::parse_rfc3339(text.as_bytes()).map_or(0, Timestamp::as_millis);
        // As the keeper has it: the page looks right after a backup was made.
        let backup = inner.backups.health();
        let proven = backup.last_proven.map(|proven| ProvenBackup {
            made_at_ms: at_ms(&proven.made_at),
            proven_at_ms: at_ms(&proven.proven_at),
            name: proven.file,
            bytes: proven.bytes,
            rows: proven.rows,
        });
        let export = health.export.map(|it| ExportState { written_at_ms: it.written_at_ms, error: it.error });
        let kafka = health.kafka.map(|it| KafkaState {
            connected: it.connected,
            trades: it.trades,
            candles: it.candles,
            behind_s: it.behind_s,
            error: it.error,
        });
        Ok(Storage {
            card: health.card.state.word().to_owned(),
            keeps: health.card.keeps.text().to_owned(),
            used_mb: health.card.used_mb,
            may_use_mb: health.card.may_use_mb,
            free_mb: health.card.free_mb,
            error: health.card.error,
            repaired: health.card.repaired,
            days: days.iter().rev().map(day).collect(),
            backups,
            proven,
            backup_error: backup.error,
            export,
            kafka,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::quality::QualityMinute;
    use types::{Record, Venue};

    use super::*;

    #[test]
    fn minutes_are_gathered_by_the_hour_and_hours_without_any_stay_empty() {
        let dir = tempfile::tempdir().unwrap();
        let state = Kept::open(dir.path()).unwrap();
        let id = state.resolve(Venue::Kraken, "BTC/USD").unwrap();
        let now = Timestamp::from_secs(1_800_000_000 + 600);
        let record = |minutes_ago: u64, live_ms| {
            let minute = now.minus(Duration::from_secs(60 * minutes_ago)).floor_to(types::time::NS_PER_MIN);
            let heard = QualityMinute { live_ms, watched_ms: 60_000, gaps: 1, ..QualityMinute::new(id, minute) };
            Record::Quality(QualityRecord { heard, refused: 0, quarantined: 0, is_clock_set: true })
        };
        let records = [record(200, 60_000), record(2, 30_000), record(1, 60_000)];
        let entries: Vec<Entry> = (1..).zip(records).map(|(seq, record)| Entry { seq, rank: 0, record }).collect();
        state.write(&entries, 3).unwrap();
        let told = ledgers(&state, now, 6).unwrap();
        assert_eq!(told.to_ms - told.from_ms, 6 * 3_600_000);
        let hours = &told.ledgers[0].hours;
        assert_eq!(hours.len(), 6);
        let known: Vec<_> = hours.iter().flatten().map(|hour| (hour.minutes, hour.proven_ppm, hour.gaps)).collect();
        assert_eq!(known, [(1, 1_000_000, 1), (2, 750_000, 2)]);
        assert_eq!(hours[5].map(|hour| hour.minutes), Some(2), "the last one is that of now");
    }
}
