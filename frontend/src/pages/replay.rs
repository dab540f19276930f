//! Whether the engine makes of a recorded day what it made of it then.

use wire::api::{ReplayEnded, ReplayFound, Replays, Storage};

use super::{Action, Block, Row, Said, Section, Sends, Table, dollars, moment, or_dash, plain, size};
use crate::calendar::{DAY_MS, Zone};
use crate::format;
use crate::sentence::Tone;

/// The days that can be replayed.
#[must_use]
pub fn days(storage: &Storage, chosen: &str, symbol: &str) -> Section {
    let row = |day: &wire::api::RecordedDay| {
        let mark = if day.day == chosen { "here" } else { "" };
        Row::of(vec![day.day.clone().into(), size(day.bytes).into(), mark.into()]).to(address(&day.day, symbol))
    };
    let section = Section::new("days", "Recorded days").note("UTC");
    if storage.days.is_empty() {
        return section.say("Nothing is recorded yet.");
    }
    let rows = storage.days.iter().map(row).collect();
    section.with(Block::Table(Table { name: "days", heads: vec!["Day", "Size", "Shown"], rows }))
}

/// The page of a day in a market.
#[must_use]
pub fn address(day: &str, symbol: &str) -> String {
    format!("/replay?day={day}&symbol={symbol}")
}

/// Where the box tells of a day in a market; of today where none is asked for.
#[must_use]
pub fn course(day: &str, symbol: &str) -> String {
    format!("/api/v1/day?day={day}&symbol={symbol}")
}

/// The day that is chosen, or the newest one.
#[must_use]
pub fn chosen(storage: &Storage, asked: &str) -> Option<String> {
    let is_there = storage.days.iter().any(|day| day.day == asked);
    if is_there { Some(asked.to_owned()) } else { storage.days.first().map(|day| day.day.clone()) }
}

/// What can be done with the chosen day, and what came of the last replay.
#[must_use]
pub fn replay(replays: &Replays, day: Option<&str>, zone: Zone) -> Section {
    let section = Section::new("replay", "Replay");
    let section = match &replays.running {
        Some(going) => section.with(Block::Text(Said::plain(&format!(
            "Replaying {} to {}: {} inputs so far.",
            moment(zone, going.from_ms),
            moment(zone, going.to_ms),
            format::count(going.inputs)
        )))),
        None => section,
    };
    let section = match &replays.last {
        Some(ended) => told(section, ended, zone),
        None if replays.running.is_none() => section
            .say("A replay gives the recorded inputs to the engine again and compares all it does, byte for byte."),
        None => section,
    };
    let Some(day) = day.filter(|_| replays.running.is_none()) else { return section };
    let next = day_after(day);
    section.with(Block::Actions(vec![Action {
        id: "replay-begin",
        label: "Replay the chosen day",
        question: format!("Replay {day}?"),
        consequence: "It runs beside the box and changes nothing. A whole day takes minutes on a Raspberry Pi.",
        method: "POST",
        path: match next {
            Some(next) => format!("/api/v1/replays?from={day}&to={next}"),
            None => format!("/api/v1/replays?from={day}"),
        },
        asks: Vec::new(),
        sends: Sends::Address,
        done: "The replay has begun.",
    }]))
}

/// The end of a day, which for today is now: the box refuses none of the future.
fn day_after(day: &str) -> Option<String> {
    let mut parts = day.split('-').map(str::parse::<i64>);
    let (year, month, date) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    // Counted from a day that is known to come before.
    let guess = (year - 1970) * 365 + (year - 1970) / 4;
    let days = (guess - 40..guess + 400).find(|days| crate::calendar::civil(*days) == (year, month as usize, date))?;
    let (year, month, date) = crate::calendar::civil(days + 1);
    Some(format!("{year:04}-{month:02}-{date:02}"))
}

fn told(section: Section, ended: &ReplayEnded, zone: Zone) -> Section {
    let span = if ended.to_ms - ended.from_ms == DAY_MS {
        zone.date(ended.from_ms)
    } else {
        format!("{} to {}", moment(zone, ended.from_ms), moment(zone, ended.to_ms))
    };
    match (&ended.found, &ended.error) {
        (Some(found), _) => verdict(section, found, &span, ended.took_ms),
        (None, error) => {
            section.with(Block::Text(Said::toned(&format!("{span}: {}", or_dash(error.clone())), Tone::Warning)))
        }
    }
}

fn verdict(section: Section, found: &ReplayFound, span: &str, took_ms: u64) -> Section {
    let said = format!("{span}: {} of {} events differ.", format::count(found.differs), format::count(found.effects));
    let tone = if found.differs == 0 { Tone::Good } else { Tone::Bad };
    let mut facts = vec![
        plain("Inputs", &format::count(found.inputs), "What was heard, applied again in its order"),
        plain("Orders", &format::count(found.orders), "Of the first account"),
        plain("Fills", &format::count(found.fills), "Of the first account"),
        plain("Took", &format::age(took_ms), ""),
        plain("Digest", &super::short(&found.digest), "SHA-256 over all events: the same on every machine"),
    ];
    if let Some(equity) = &found.equity {
        facts.push(plain("Equity at the end", &dollars(equity), ""));
    }
    let section = section.with(Block::Text(Said::toned(&said, tone))).with(Block::Facts(facts));
    match &found.first_difference {
        Some(first) => section.with(Block::Text(Said::toned(first, Tone::Bad))),
        None => section,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(differs: u64) -> Replays {
        let found = ReplayFound {
            inputs: 1_204_331,
            effects: 900,
            differs,
            digest: "abcdef0123".into(),
            days: 1,
            orders: 2,
            fills: 3,
            equity: Some("10000.00000000".into()),
            first_difference: (differs > 0).then(|| "input 7: another order".into()),
        };
        let last = ReplayEnded { from_ms: 0, to_ms: DAY_MS, took_ms: 61_000, found: Some(found), error: None };
        Replays { running: None, last: Some(last) }
    }

    #[test]
    fn a_replay_says_how_many_events_differ() {
        let section = replay(&ended(0), Some("2026-01-31"), Zone::default());
        assert_eq!(section.blocks[0], Block::Text(Said::toned("1 Jan: 0 of 900 events differ.", Tone::Good)));
        let Some(Block::Actions(actions)) = section.blocks.last() else { panic!("an action") };
        assert_eq!(actions[0].path, "/api/v1/replays?from=2026-01-31&to=2026-02-01");
        assert!(format!("{:?}", replay(&ended(1), None, Zone::default())).contains("another order"));
    }

    #[test]
    fn days_follow_each_other_over_leap_years() {
        for (day, next) in [("2026-12-31", "2027-01-01"), ("2028-02-28", "2028-02-29"), ("1970-01-01", "1970-01-02")] {
            assert_eq!(day_after(day).as_deref(), Some(next));
        }
        assert_eq!(day_after("soon"), None);
    }
}
