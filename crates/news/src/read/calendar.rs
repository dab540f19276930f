//! Calendars: tables in the ways of ForexFactory and Investing.com, and what all calendars share.
//!
//! Tables do not say in which zone their times are told; it has to be chosen, and known releases at wrong times refuse the
//! whole table ([`crate::known`]).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time};
use types::Timestamp;

use super::draft::{self, Draft};
use super::sheet::{Row, Sheet};
use super::{Batch, Format, Place, ReadError, Reading, Reason, SetAside};
use crate::item::{Content, Importance, MacroEvent, Schedule, Transform};
use crate::value::Value;
use crate::zone::{DateOrder, Shift, Zone};
use crate::{known, same, text, zone};

/// What a calendar tells of an event.
pub(super) struct Told<'a> {
    pub(super) place: Place,
    pub(super) country: &'a str,
    pub(super) name: &'a str,
    pub(super) importance: Option<Importance>,
    pub(super) scheduled_at: Timestamp,
    pub(super) day_end: Timestamp,
    pub(super) schedule: Schedule,
    pub(super) shift: Option<Shift>,
    pub(super) actual: Option<Value>,
    pub(super) forecast: Option<Value>,
    pub(super) previous: Option<Value>,
    pub(super) raw: Vec<u8>,
    pub(super) said: Vec<&'a str>,
}

/// Collects the events of one calendar.
#[derive(Default)]
pub(super) struct Calendar {
    batch: Batch,
    /// Rows of one name and time, each by what it says.
    namesakes: BTreeMap<String, BTreeSet<[u8; 32]>>,
}

impl Calendar {
    pub(super) fn refuse(&mut self, set_aside: SetAside) {
        self.batch.refuse(set_aside);
    }

    pub(super) fn add(&mut self, told: Told<'_>, source: &str, how: &Reading) {
        let full_name = text::clean(told.name);
        let (name, transform, period) = split_name(&full_name);
        let mut event = MacroEvent {
            country: country(told.country),
            name,
            full_name,
            transform,
            period,
            position: 0,
            importance: told.importance,
            scheduled_at: told.scheduled_at,
            schedule: told.schedule,
            actual: told.actual,
            forecast: told.forecast,
            previous: told.previous,
        };
        let namesakes = self.namesakes.entry(same::macro_key(&event)).or_default();
        event.position = u16::try_from(namesakes.len()).unwrap_or(u16::MAX);
        if !namesakes.insert(text::digest(told.said.iter().copied())) {
            self.batch.repeated += 1;
            return;
        }
        let draft = Draft {
            place: told.place,
            source,
            id: same::macro_key(&event),
            when: draft::when_of(&event, told.day_end),
            shift: told.shift,
            content: Content::Macro(event),
            said: told.said,
            tags: &[],
            raw: told.raw,
        };
        draft::add(&mut self.batch, draft::finish(draft, how));
    }

    /// All events, once the known releases among them are at their times. `zone` is the one they were read in, UTC where each
    /// time had its own.
    pub(super) fn done(mut self, zone: Option<&Zone>) -> Result<Batch, ReadError> {
        let items = self.batch.items.iter().map(|found| &found.item);
        for place in known::check(items, zone)? {
            self.batch.items[place].item.time.is_suspicious = true;
        }
        Ok(self.batch)
    }
}

struct Columns {
    moment: Option<usize>,
    year: Option<usize>,
    date: Option<usize>,
    time: Option<usize>,
    country: Option<usize>,
    importance: Option<usize>,
    name: Option<usize>,
    actual: Option<usize>,
    forecast: Option<usize>,
    previous: Option<usize>,
}

pub(super) fn read(format: Format, bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let mut sheet = Sheet::new(bytes)?;
    let columns = Columns {
        moment: sheet.find(&["datetime", "timestamp", "date_time"]),
        year: sheet.find(&["year"]),
        date: sheet.find(&["date", "day"]),
        time: sheet.find(&["time"]),
        country: sheet.find(&["country", "zone", "cur", "currency"]),
        importance: sheet.find(&["importance", "impact"]),
        name: sheet.find(&["event", "text", "title", "name"]),
        actual: sheet.find(&["actual"]),
        forecast: sheet.find(&["forecast", "consensus"]),
        previous: sheet.find(&["previous"]),
    };
    let mut missing = Vec::new();
    if columns.name.is_none() {
        missing.push("event (or text, title, name)");
    }
    if columns.moment.is_none() && columns.date.is_none() {
        missing.push("date (or day, datetime, timestamp)");
    }
    if columns.moment.is_none() && columns.date.is_some() && columns.time.is_none() {
        missing.push("time");
    }
    if columns.actual.is_none() && columns.forecast.is_none() && columns.previous.is_none() {
        missing.push("actual, forecast or previous");
    }
    if !missing.is_empty() {
        return Err(sheet.without(&missing));
    }
    let mut rows = Vec::new();
    while let Some(row) = sheet.next()? {
        rows.push(row);
    }
    let order = date_order(&rows, &columns, how.date_order)?;
    let source = how.source.as_deref().unwrap_or(format.name());
    let mut calendar = Calendar::default();
    let mut years = Years { chosen: how.year, last_month: None };
    let mut uses_zone = false;
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(set_aside) => {
                calendar.refuse(set_aside);
                continue;
            }
        };
        let when = match when(&row, &columns, order, &mut years)? {
            Ok(when) => when,
            Err(set_aside) => {
                calendar.refuse(set_aside);
                continue;
            }
        };
        let times = match when {
            Local::Moment(at) => Some((at, at, Schedule::Exact, None)),
            Local::Exact(local) => {
                uses_zone = true;
                let zone = how.zone.as_ref().ok_or(ReadError::ZoneNeeded)?;
                zone.moment(local).map(|(at, shift)| (at, at, Schedule::Exact, shift))
            }
            Local::Day(date, schedule) => {
                let zone = how.zone.as_ref().ok_or(ReadError::ZoneNeeded)?;
                let midnight = |date: Date| zone.moment(date.at(0, 0, 0, 0)).map(|(at, _)| at);
                let end = date.tomorrow().ok().and_then(midnight);
                midnight(date).zip(end).map(|(start, end)| (start, end, schedule, None))
            }
        };
        let Some((scheduled_at, day_end, schedule, shift)) = times else {
            calendar.refuse(row.refuse("date", Reason::NotADate(row.cell(columns.date).chars().take(60).collect())));
            continue;
        };
        match told(&row, &columns) {
            Err(set_aside) => calendar.refuse(set_aside),
            Ok([actual, forecast, previous]) => calendar.add(
                Told {
                    place: row.place(),
                    country: row.cell(columns.country),
                    name: row.cell(columns.name),
                    importance: importance(row.cell(columns.importance)),
                    scheduled_at,
                    day_end,
                    schedule,
                    shift,
                    actual,
                    forecast,
                    previous,
                    raw: sheet.raw(&row),
                    said: [columns.name, columns.actual, columns.forecast, columns.previous, columns.importance]
                        .map(|column| row.cell(column))
                        .to_vec(),
                },
                source,
                how,
            ),
        }
    }
    calendar.done(how.zone.as_ref().filter(|_| uses_zone))
}

/// The values of a row.
fn told(row: &Row, columns: &Columns) -> Result<[Option<Value>; 3], SetAside> {
    if row.cell(columns.name).is_empty() {
        return Err(row.refuse("event", Reason::Missing));
    }
    let value = |field: &'static str, column: Option<usize>| {
        let cell = row.cell(column);
        Value::parse(cell).map_err(|_| row.refuse(field, Reason::NotAValue(cell.chars().take(60).collect())))
    };
    Ok([value("actual", columns.actual)?, value("forecast", columns.forecast)?, value("previous", columns.previous)?])
}

/// When a row says that something takes place.
enum Local {
    /// With its own zone.
    Moment(Timestamp),
    Exact(DateTime),
    Day(Date, Schedule),
}

struct Years {
    chosen: Option<i16>,
    last_month: Option<i8>,
}

/// The outer error concerns the whole table, the inner one the row.
fn when(
    row: &Row,
    columns: &Columns,
    order: Option<DateOrder>,
    years: &mut Years,
) -> Result<Result<Local, SetAside>, ReadError> {
    let shown = |cell: &str| cell.chars().take(60).collect::<String>();
    if columns.moment.is_some() {
        let cell = row.cell(columns.moment);
        let local = zone::instant(cell)
            .map(Local::Moment)
            .or_else(|| cell.parse::<DateTime>().ok().filter(|_| cell.len() > 10).map(Local::Exact))
            .or_else(|| cell.parse::<Date>().ok().map(|date| Local::Day(date, Schedule::Tentative)));
        return Ok(local.ok_or_else(|| row.refuse("datetime", Reason::NotATime(shown(cell)))));
    }
    let cell = row.cell(columns.date);
    let not_a_date = || row.refuse("date", Reason::NotADate(shown(cell)));
    let date = match DateText::parse(cell) {
        None => return Ok(Err(not_a_date())),
        Some(DateText::Full(date)) => Some(date),
        Some(DateText::Numbers(first, second, year)) => match order {
            Some(DateOrder::DayFirst) => Date::new(year, second, first).ok(),
            Some(DateOrder::MonthFirst) => Date::new(year, first, second).ok(),
            None => return Err(ReadError::DateOrderNeeded(shown(cell))),
        },
        Some(DateText::NoYear(month, day)) => match row.cell(columns.year) {
            "" => {
                let year = years.chosen.ok_or(ReadError::YearNeeded)?;
                if years.last_month.is_some_and(|last| month < last - 6) {
                    return Err(ReadError::YearPassed { line: row.line });
                }
                years.last_month = Some(month);
                Date::new(year, month, day).ok()
            }
            told => match told.parse() {
                Ok(year) => Date::new(year, month, day).ok(),
                Err(_) => return Ok(Err(row.refuse("year", Reason::NotADate(shown(told))))),
            },
        },
    };
    let Some(date) = date else { return Ok(Err(not_a_date())) };
    let cell = row.cell(columns.time);
    Ok(match time(cell) {
        Some(Ok(time)) => Ok(Local::Exact(date.to_datetime(time))),
        Some(Err(schedule)) => Ok(Local::Day(date, schedule)),
        None => Err(row.refuse("time", Reason::NotATime(shown(cell)))),
    })
}

/// The order of dates such as `03/04/2022`: the one that was chosen, or the only one in which all can be read. `None` where no
/// such date is there.
fn date_order(
    rows: &[Result<Row, SetAside>],
    columns: &Columns,
    chosen: Option<DateOrder>,
) -> Result<Option<DateOrder>, ReadError> {
    if chosen.is_some() || columns.moment.is_some() {
        return Ok(chosen);
    }
    let (mut day_first, mut month_first, mut example) = (false, false, None);
    for row in rows.iter().flatten() {
        let cell = row.cell(columns.date);
        if let Some(DateText::Numbers(first, second, _)) = DateText::parse(cell) {
            example.get_or_insert_with(|| cell.to_owned());
            day_first |= first > 12;
            month_first |= second > 12;
        }
    }
    match (day_first, month_first, example) {
        (_, _, None) => Ok(None),
        (true, false, _) => Ok(Some(DateOrder::DayFirst)),
        (false, true, _) => Ok(Some(DateOrder::MonthFirst)),
        (_, _, Some(example)) => Err(ReadError::DateOrderNeeded(example)),
    }
}

enum DateText {
    Full(Date),
    /// Two numbers of which one is the month, and the year.
    Numbers(i8, i8, i16),
    /// Month and day.
    NoYear(i8, i8),
}

impl DateText {
    /// `2022-01-03`, `03/04/2022` (or with points or dashes), `Oct 29, 2025`, `Thu Oct 2`.
    fn parse(cell: &str) -> Option<Self> {
        let cell = cell.trim();
        if cell.len() > 40 {
            return None;
        }
        let is_iso = cell.len() == 10 && cell.as_bytes()[4] == b'-';
        if is_iso {
            return cell.parse().ok().map(Self::Full);
        }
        let numbers: Vec<&str> = cell.split(['/', '.', '-']).collect();
        if let [first, second, year] = numbers.as_slice() {
            let small = |text: &str| text.parse::<i8>().ok().filter(|n| (1..=31).contains(n) && text.len() <= 2);
            let year = Some(*year).filter(|year| year.len() == 4).and_then(|year| year.parse().ok());
            return Some(Self::Numbers(small(first)?, small(second)?, year?));
        }
        let mut words: Vec<&str> = cell.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        if words.first().is_some_and(|word| is_weekday(word)) {
            words.remove(0);
        }
        match words.as_slice() {
            [name, day] => Some(Self::NoYear(month(name)?, day.parse().ok()?)),
            [name, day, year] if year.len() == 4 => {
                Date::new(year.parse().ok()?, month(name)?, day.parse().ok()?).ok().map(Self::Full)
            }
            _ => None,
        }
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The number of a month by its name or the first three letters (or `Sept`).
fn month(name: &str) -> Option<i8> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_month = |full: &str| full == name || (name.len() == 3 && full.starts_with(&name));
    let place = MONTHS.iter().position(|full| is_month(full) || (name == "sept" && *full == "september"))?;
    i8::try_from(place + 1).ok()
}

fn is_weekday(word: &str) -> bool {
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        .iter()
        .any(|full| *full == word || (word.len() >= 3 && full.starts_with(&word)))
}

/// `14:30`, `8:30am`, and what calendars write where there is no time. `None` for anything else.
fn time(cell: &str) -> Option<Result<Time, Schedule>> {
    let lower = cell.trim().to_ascii_lowercase();
    match lower.as_str() {
        "all day" => return Some(Err(Schedule::AllDay)),
        "" | "tentative" => return Some(Err(Schedule::Tentative)),
        _ => {}
    }
    let words: Vec<&str> = lower.split(' ').collect();
    if let [first, second] = words.as_slice() {
        let is_number = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let ordinal = ["st", "nd", "rd", "th"].iter().find_map(|end| first.strip_suffix(end));
        let is_day = *first == "day" && is_number(second);
        let is_date = ordinal.is_some_and(is_number) && month(second).is_some();
        if is_day || is_date {
            return Some(Err(Schedule::Other(cell.trim().to_owned())));
        }
    }
    let (clock, afternoon) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim_end(), Some(false)),
        (_, Some(clock)) => (clock.trim_end(), Some(true)),
        _ => (lower.as_str(), None),
    };
    let mut parts = clock.split(':');
    let mut number = |len_min: usize| -> Option<i8> {
        let part = parts.next()?;
        let is_number = (len_min..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if is_number { part.parse().ok() } else { None }
    };
    let (hour, minute) = (number(1)?, number(2)?);
    let rest: Vec<&str> = parts.collect();
    let second = match rest.as_slice() {
        [] => 0,
        [second] if second.len() == 2 => second.parse().ok()?,
        _ => return None,
    };
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(is_afternoon) => hour % 12 + if is_afternoon { 12 } else { 0 },
    };
    Time::new(hour, minute, second, 0).ok().map(Ok)
}

/// How much a calendar makes of an event; `None` where it says nothing that is known.
pub(super) fn importance(cell: &str) -> Option<Importance> {
    let cell = cell.trim().to_ascii_lowercase();
    match cell.split(' ').next().unwrap_or_default() {
        "holiday" | "non-economic" => Some(Importance::Holiday),
        "low" | "1" => Some(Importance::Low),
        "medium" | "moderate" | "2" => Some(Importance::Medium),
        "high" | "3" => Some(Importance::High),
        _ => None,
    }
}

/// The code of a country or of the area of a currency; other names stay as they are.
pub(super) fn country(told: &str) -> String {
    const CODES: [(&str, &[&str]); 22] = [
        ("US", &["usd", "united states", "us", "usa", "united states of america"]),
        ("EU", &["eur", "euro zone", "eurozone", "euro area", "european union", "eu"]),
        ("GB", &["gbp", "united kingdom", "uk", "gb"]),
        ("JP", &["jpy", "japan", "jp"]),
        ("CA", &["cad", "canada", "ca"]),
        ("AU", &["aud", "australia", "au"]),
        ("NZ", &["nzd", "new zealand", "nz"]),
        ("CH", &["chf", "switzerland", "ch"]),
        ("CN", &["cny", "china", "cn"]),
        ("DE", &["germany", "de"]),
        ("FR", &["france", "fr"]),
        ("IT", &["italy", "it"]),
        ("ES", &["spain", "es"]),
        ("IN", &["inr", "india", "in"]),
        ("BR", &["brl", "brazil", "br"]),
        ("MX", &["mxn", "mexico", "mx"]),
        ("KR", &["krw", "south korea", "kr"]),
        ("RU", &["rub", "russia", "ru"]),
        ("ZA", &["zar", "south africa", "za"]),
        ("SE", &["sek", "sweden", "se"]),
        ("NO", &["nok", "norway", "no"]),
        ("TR", &["try", "turkey", "tr"]),
    ];
    let told = text::clean(told);
    let lower = told.to_ascii_lowercase();
    let code = CODES.iter().find(|(_, names)| names.contains(&lower.as_str()));
    code.map_or(told, |(code, _)| (*code).to_owned())
}

/// `CPI (YoY) (Sep)`, `CPI m/m`: name, what it is compared with, and the time it is about.
fn split_name(full: &str) -> (String, Option<Transform>, Option<String>) {
    let (mut name, mut transform, mut period) = (full.trim(), None, None);
    loop {
        let bracket = name.strip_suffix(')').and_then(|open| open.rsplit_once('('));
        if let Some((before, inside)) = bracket.filter(|(before, _)| !before.trim().is_empty()) {
            if let (None, Some(found)) = (transform, of_transform(inside)) {
                (transform, name) = (Some(found), before.trim_end());
                continue;
            }
            if period.is_none() && is_period(inside) {
                (period, name) = (Some(inside.trim().to_owned()), before.trim_end());
                continue;
            }
        } else if let Some((before, last)) = name.rsplit_once(' ')
            && let (None, Some(found)) = (transform, of_transform(last))
        {
            (transform, name) = (Some(found), before.trim_end());
            continue;
        }
        return (name.to_owned(), transform, period);
    }
}

fn of_transform(text: &str) -> Option<Transform> {
    match text.trim().to_ascii_lowercase().as_str() {
        "mom" | "m/m" => Some(Transform::MonthOnMonth),
        "qoq" | "q/q" => Some(Transform::QuarterOnQuarter),
        "yoy" | "y/y" => Some(Transform::YearOnYear),
        "wow" | "w/w" => Some(Transform::WeekOnWeek),
        _ => None,
    }
}

/// `Sep`, `Oct 2025`, `Q3`, `Q3 2025`, `2025`.
fn is_period(text: &str) -> bool {
    let is_year = |word: &str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    let is_part = |word: &str| month(word).is_some() || matches!(word, "Q1" | "Q2" | "Q3" | "Q4");
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [one] => is_part(one) || is_year(one),
        [part, year] => is_part(part) && is_year(year),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split() {
        let check = |full: &str, name: &str, transform: Option<Transform>, period: Option<&str>| {
            let found = split_name(full);
            assert_eq!((found.0.as_str(), found.1, found.2.as_deref()), (name, transform, period), "{full}");
        };
        check("CPI (YoY) (Sep)", "CPI", Some(Transform::YearOnYear), Some("Sep"));
        check("Nonfarm Payrolls (Oct)", "Nonfarm Payrolls", None, Some("Oct"));
        check("Core CPI m/m", "Core CPI", Some(Transform::MonthOnMonth), None);
        check("GDP (QoQ) (Q3 2025)", "GDP", Some(Transform::QuarterOnQuarter), Some("Q3 2025"));
        check("OPEC Crude Oil Production Congo (Barrel)", "OPEC Crude Oil Production Congo (Barrel)", None, None);
        check("m/m", "m/m", None, None);
        check("(YoY)", "(YoY)", None, None);
    }

    #[test]
    fn times_are_read_as_calendars_write_them() {
        let exact = |cell: &str, hour: i8, minute: i8| {
            assert_eq!(time(cell), Some(Ok(jiff::civil::time(hour, minute, 0, 0))), "{cell}");
        };
        exact("14:30", 14, 30);
        exact("8:30am", 8, 30);
        exact("2:00PM", 14, 0);
        exact("12:15am", 0, 15);
        exact("12:00 pm", 12, 0);
        exact("08:30:00", 8, 30);
        assert_eq!(time("All Day"), Some(Err(Schedule::AllDay)));
        assert_eq!(time(""), Some(Err(Schedule::Tentative)));
        assert_eq!(time("Day 2"), Some(Err(Schedule::Other("Day 2".to_owned()))));
        assert_eq!(time("8th June"), Some(Err(Schedule::Other("8th June".to_owned()))));
        for cell in ["25:00", "8:3", "13:00pm", "0:30am", "noon", "8:30:99", "8:30:00:00", "1e:00", "Day x", "+8:30"] {
            assert_eq!(time(cell), None, "{cell}");
        }
    }

    #[test]
    fn dates_are_read_as_calendars_write_them() {
        let full = |cell: &str, expected: Date| {
            assert!(matches!(DateText::parse(cell), Some(DateText::Full(date)) if date == expected), "{cell}");
        };
        full("2022-01-03", jiff::civil::date(2022, 1, 3));
        full("Oct 29, 2025", jiff::civil::date(2025, 10, 29));
        full("Wednesday, October 29, 2025", jiff::civil::date(2025, 10, 29));
        assert!(matches!(DateText::parse("Thu Oct 2"), Some(DateText::NoYear(10, 2))));
        assert!(matches!(DateText::parse("03/04/2022"), Some(DateText::Numbers(3, 4, 2022))));
        for cell in ["", "2022-13-01", "99/99/2022", "Foo 3", "3", "1/2/22", "2022/01/03"] {
            assert!(DateText::parse(cell).is_none(), "{cell}");
        }
    }
}
