//! What the box heard, and what it keeps.

use wire::api::{Ledger, LedgerHour, Quality, SetAside, Storage};

use super::plot::heat;
use super::{
    Action, Block, Cell, Heat, Limit, Row, Said, Section, Sends, Table, fact, market, moment, or_dash, ordered, plain,
    size,
};
use crate::calendar::Zone;
use crate::format::{self, THIN_SPACE};
use crate::sentence::Tone;

/// How well every instrument was heard, hour by hour.
#[must_use]
pub fn calendar(quality: &Quality, zone: Zone) -> Section {
    let hours = (quality.to_ms - quality.from_ms) / 3_600_000;
    let section = Section::new("quality", "How well it was heard")
        .wide()
        .note(&format!("share of each hour with a proven book, {hours}{THIN_SPACE}h"));
    if quality.ledgers.is_empty() {
        return section.say("Nothing heard yet.");
    }
    let share = |hour: &Option<LedgerHour>| hour.map(|hour| f64::from(hour.proven_ppm) / 1e6);
    let row = |ledger: &Ledger| (market(&ledger.symbol), ledger.hours.iter().map(share).collect());
    let marks = (0..hours).filter_map(|hour| {
        let at_ms = quality.from_ms + hour * 3_600_000;
        let local_ms = zone.local_ms(at_ms);
        (local_ms.rem_euclid(86_400_000) < 3_600_000).then(|| (hour as usize, zone.date(at_ms)))
    });
    let rows = quality.ledgers.iter().map(row).collect();
    let heat =
        heat("Share of each hour with a proven book".into(), rows, marks.collect(), ("never proven", "always proven"));
    section.with(Block::Heat(Heat { aspect: 1, ..heat })).say("Nothing is drawn for hours of which nothing is kept.")
}

/// The ledger in figures.
#[must_use]
pub fn ledger(quality: &Quality) -> Section {
    let row = |ledger: &Ledger| {
        let known: Vec<&LedgerHour> = ledger.hours.iter().flatten().collect();
        let sum = |read: fn(&LedgerHour) -> u32| known.iter().map(|hour| u64::from(read(hour))).sum::<u64>();
        let minutes = sum(|hour| hour.minutes);
        let proven = known.iter().map(|hour| u64::from(hour.proven_ppm) * u64::from(hour.minutes)).sum::<u64>();
        let silent = known.iter().map(|hour| hour.silence_max_ms).max();
        let without: i64 = ledger.gaps.iter().map(|gap| (gap.to_ms - gap.from_ms) / 60_000).sum();
        let repaired: u32 = ledger.gaps.iter().map(|gap| gap.repaired).sum();
        Row::of(vec![
            market(&ledger.symbol).into(),
            // Rounded down: not all is not all.
            or_dash(proven.checked_div(minutes).map(|ppm| format::percent((ppm / 100) as f64 * 100.0, 2))).into(),
            format::count(sum(|hour| hour.resyncs)).into(),
            format::count(sum(|hour| hour.checksum_failures)).into(),
            format::count(sum(|hour| hour.duplicates)).into(),
            or_dash(silent.map(|ms| format::age(ms.into()))).into(),
            Cell::from(format::count(without.unsigned_abs())).hint(&format!("{repaired} of them were repaired later")),
        ])
    };
    Section::new("ledger", "In figures").wide().with(Block::Table(Table {
        name: "quality",
        heads: vec![
            "Market",
            "Proven",
            "Resyncs",
            "Checksums",
            "Duplicates",
            "Longest silence",
            "Minutes without data",
        ],
        rows: quality.ledgers.iter().map(row).collect(),
    }))
}

/// Minutes without data, and what was set aside.
#[must_use]
pub fn holes(quality: &Quality, zone: Zone) -> Vec<Section> {
    let gaps = quality.ledgers.iter().flat_map(|ledger| ledger.gaps.iter().map(move |gap| (ledger, gap))).collect();
    let gaps: Vec<(&Ledger, &wire::api::LedgerGap)> = ordered(gaps, |(_, gap)| -gap.from_ms);
    let row = |(ledger, gap): &(&Ledger, &wire::api::LedgerGap)| {
        let minutes = (gap.to_ms - gap.from_ms) / 60_000;
        let repaired = match i64::from(gap.repaired) {
            0 => Said::quiet("not repaired"),
            n if n >= minutes => Said::toned("repaired", Tone::Good),
            n => Said::toned(&format!("{n} repaired"), Tone::Warning),
        };
        Row::of(vec![
            moment(zone, gap.from_ms).into(),
            market(&ledger.symbol).into(),
            format!("{minutes}{THIN_SPACE}min").into(),
            gap.reason.clone().into(),
            Cell::from(repaired).chip(),
        ])
    };
    let section = Section::new("holes", "Minutes without data");
    let section = if gaps.is_empty() {
        section.say("None.")
    } else {
        let rows = gaps.iter().take(20).map(row).collect();
        section.with(Block::Table(Table { name: "holes", heads: vec!["From", "Market", "Long", "Why", "Since"], rows }))
    };
    let aside = Section::new("set-aside", "Set aside as implausible");
    let row = |it: &SetAside| {
        Row::of(vec![
            moment(zone, it.at_ms).into(),
            market(&it.symbol).into(),
            it.what.clone().into(),
            it.reason.clone().into(),
        ])
    };
    let aside = if quality.set_aside.is_empty() {
        aside.say("Nothing.")
    } else {
        let rows = quality.set_aside.iter().take(20).map(row).collect();
        aside.with(Block::Table(Table { name: "set-aside", heads: vec!["When", "Market", "What", "Why"], rows }))
    };
    vec![section, aside]
}

/// The card.
#[must_use]
pub fn card(storage: &Storage) -> Section {
    let tone = if storage.card == "ok" { Tone::Good } else { Tone::Warning };
    let mb = |mb: u64| size(mb.saturating_mul(1_000_000));
    let mut section = Section::new("card", "The card")
        .with(Block::Text(Said::toned(&storage.card.replace('_', " "), tone)))
        .with(Block::Limits(vec![Limit {
            name: "Data".into(),
            share: storage.used_mb as f64 / storage.may_use_mb.max(1) as f64,
            text: format!("{} of {}", mb(storage.used_mb), mb(storage.may_use_mb)),
        }]))
        .with(Block::Facts(vec![
            plain("Free on the card", &mb(storage.free_mb), ""),
            plain("Kept", &storage.keeps, "What is kept costs depth first when room becomes short"),
        ]));
    for trouble in storage.repaired.iter().chain((!storage.error.is_empty()).then_some(&storage.error)) {
        section = section.with(Block::Text(Said::toned(trouble, Tone::Warning)));
    }
    section
}

/// Backups, and the last one that was proven.
#[must_use]
pub fn backups(storage: &Storage, zone: Zone) -> Section {
    let mut section = Section::new("backups", "Backups");
    section = match &storage.proven {
        Some(proven) => section
            .with(Block::Text(Said::toned(
                &format!("Last proven restore {}: every table was the same.", moment(zone, proven.proven_at_ms)),
                Tone::Good,
            )))
            .with(Block::Facts(vec![
                plain("Made", &moment(zone, proven.made_at_ms), ""),
                plain("Size", &size(proven.bytes), ""),
                plain("Rows", &format::count(proven.rows), ""),
            ])),
        None => section.say("None was proven yet. One is made every night, restored beside and compared."),
    };
    if !storage.backup_error.is_empty() {
        section = section.with(Block::Text(Said::toned(&storage.backup_error, Tone::Bad)));
    }
    let row = |name: &String| Row::of(vec![name.clone().into()]).to(format!("/api/v1/backups/{name}"));
    if !storage.backups.is_empty() {
        let rows = storage.backups.iter().map(row).collect();
        section = section.with(Block::Table(Table { name: "backups", heads: vec!["File (a row downloads it)"], rows }));
    }
    section.with(Block::Actions(vec![Action {
        id: "backup",
        label: "Back up now",
        question: "Make a backup now?".into(),
        consequence: "It is made, restored beside, and compared. The box goes on meanwhile.",
        method: "POST",
        path: "/api/v1/backups".into(),
        asks: Vec::new(),
        sends: Sends::Address,
        done: "The backup was made, restored and compared: equal.",
    }]))
}

/// Recorded days, and files for other programs.
#[must_use]
pub fn records(storage: &Storage, zone: Zone) -> Vec<Section> {
    let row = |day: &wire::api::RecordedDay| {
        let state = if day.is_over { Said::plain("over") } else { Said::toned("today", Tone::Good) };
        Row::of(vec![day.day.clone().into(), size(day.bytes).into(), Cell::from(state).chip()])
            .to(format!("/replay?day={}", day.day))
    };
    let days = Section::new("days", "Recorded days").note("a row leads to its replay").with(Block::Table(Table {
        name: "days",
        heads: vec!["Day (UTC)", "Size", "State"],
        rows: storage.days.iter().map(row).collect(),
    }));
    let export = Section::new("exports", "For other programs");
    let export = match &storage.export {
        None => export.say("No export is configured ([export] in the configuration)."),
        Some(it) => export.with(Block::Facts(vec![
            fact(
                "CSV and Parquet",
                Said::plain(&it.written_at_ms.map_or_else(|| "not since start".into(), |at_ms| moment(zone, at_ms))),
                "When all days that are over were written",
            ),
            fact("State", state(&it.error), ""),
        ])),
    };
    let export = match &storage.kafka {
        None => export.say("No Kafka broker is configured."),
        Some(it) => export.with(Block::Facts(vec![
            fact(
                "Kafka",
                if it.connected {
                    Said::toned("connected", Tone::Good)
                } else {
                    Said::toned("not connected", Tone::Warning)
                },
                "",
            ),
            plain("Trades", &format::count(it.trades), "Since start"),
            plain("Candles", &format::count(it.candles), "Since start"),
            plain("Behind", &format::duration(it.behind_s), "Age of the oldest input that is not published"),
            fact("State", state(&it.error), ""),
        ])),
    };
    vec![days, export]
}

fn state(error: &str) -> Said {
    if error.is_empty() { Said::toned("works", Tone::Good) } else { Said::toned(error, Tone::Warning) }
}

#[cfg(test)]
mod tests {
    use wire::api::{LedgerGap, ProvenBackup, RecordedDay};

    use super::*;

    fn quality() -> Quality {
        let hour = LedgerHour { minutes: 60, proven_ppm: 999_999, resyncs: 1, ..LedgerHour::default() };
        Quality {
            from_ms: 0,
            to_ms: 2 * 3_600_000,
            ledgers: vec![Ledger {
                symbol: "kraken:BTC/USD".into(),
                hours: vec![None, Some(hour)],
                gaps: vec![LedgerGap { from_ms: 0, to_ms: 120_000, reason: "nobody listened".into(), repaired: 1 }],
            }],
            set_aside: Vec::new(),
        }
    }

    #[test]
    fn almost_proven_is_not_told_as_proven() {
        let Block::Table(table) = &ledger(&quality()).blocks[0] else { panic!("a table") };
        assert_eq!(table.rows[0].cells[1].said.text, "99.99\u{202f}%");
        assert_eq!(table.rows[0].cells[6].said.text, "2");
        assert!(table.rows.iter().all(|row| row.cells.len() == table.heads.len()));
        let Block::Heat(heat) = &calendar(&quality(), Zone::default()).blocks[0] else { panic!("squares") };
        assert_eq!((heat.columns, heat.marks.as_slice()), (2, [(0, "1 Jan".to_owned())].as_slice()));
        assert!(format!("{:?}", holes(&quality(), Zone::default())).contains("1 repaired"));
    }

    #[test]
    fn the_card_and_the_backups_are_told() {
        let storage = Storage {
            card: "nearly_full".into(),
            keeps: "everything is kept".into(),
            used_mb: 100,
            may_use_mb: 8_192,
            free_mb: 20_000,
            error: String::new(),
            repaired: vec!["one block of 2026-01-05 was made again".into()],
            days: vec![RecordedDay { day: "2026-01-05".into(), bytes: 1_000, is_over: true }],
            backups: vec!["tickerbox-20260105T031000Z.tar.zst".into()],
            proven: Some(ProvenBackup { name: String::new(), made_at_ms: 0, proven_at_ms: 0, bytes: 1, rows: 2 }),
            backup_error: String::new(),
            export: None,
            kafka: None,
        };
        assert!(format!("{:?}", card(&storage)).contains("nearly full"));
        assert!(format!("{:?}", backups(&storage, Zone::default())).contains("Last proven restore 1 Jan 00:00"));
        let Block::Table(table) = &records(&storage, Zone::default())[0].blocks[0] else { panic!("a table") };
        assert_eq!(table.rows[0].link, "/replay?day=2026-01-05");
    }
}
