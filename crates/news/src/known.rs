//! Releases whose time everybody knows, to find calendars that were read in a wrong time zone.
//!
//! United States, New York time: 08:30 for what the statistical offices release (CPI, PPI, employment, retail sales, GDP, PCE,
//! jobless claims), 10:00 ISM, 14:00 statements and minutes of the FOMC, 14:30 its press conference. Before 2013 the FOMC had
//! other times; those are not looked at.

use core::fmt;
use std::collections::BTreeMap;

use jiff::civil::{DateTime, Time, time};
use types::Timestamp;

use crate::item::{Content, Item, MacroEvent, Schedule};
use crate::text;
use crate::zone::Zone;

const NEW_YORK: &str = "America/New_York";
/// A calendar is refused when more than one in so many known releases is at another time. Single ones do move.
const ONE_IN: usize = 10;
const EXAMPLES_MAX: usize = 5;
/// First year in which the FOMC kept its present times all year.
const FOMC_FROM: i16 = 2014;

const MORNING: [&str; 21] = [
    "cpi",
    "core cpi",
    "ppi",
    "core ppi",
    "nonfarm payrolls",
    "non farm payrolls",
    "non farm employment change",
    "unemployment rate",
    "average hourly earnings",
    "retail sales",
    "core retail sales",
    "gdp",
    "advance gdp",
    "prelim gdp",
    "final gdp",
    "core pce price index",
    "pce price index",
    "initial jobless claims",
    "unemployment claims",
    "continuing jobless claims",
    "jobless claims",
];
const ISM: [&str; 4] =
    ["ism manufacturing pmi", "ism services pmi", "ism non manufacturing pmi", "ism manufacturing prices"];
const FOMC: [&str; 7] = [
    "fomc statement",
    "federal funds rate",
    "fed interest rate decision",
    "fomc rate decision",
    "fomc interest rate decision",
    "fomc meeting minutes",
    "fomc minutes",
];

/// Known releases at times that they never have: the calendar was read in a wrong time zone, or is wrong itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTimes {
    /// The zone it was read in; `None` where every time had its own.
    pub zone: Option<String>,
    /// How many known releases there are.
    pub known: usize,
    /// How many of them are at another time.
    pub wrong: usize,
    /// The same by name: wrong, and of how many.
    pub by_name: Vec<(String, usize, usize)>,
    /// Some of them.
    pub examples: Vec<WrongTime>,
    /// Zones in which the times would fit, the best first, each with the number of releases that do.
    pub fits: Vec<(String, usize)>,
}

/// A known release at another time than it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTime {
    /// As the calendar calls it.
    pub name: String,
    /// New York time as it was read.
    pub found: DateTime,
    /// When it takes place there.
    pub expected: Time,
}

impl std::error::Error for WrongTimes {}

impl fmt::Display for WrongTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = self.zone.as_ref().map_or_else(|| "as they stand".to_owned(), |zone| format!("read as {zone}"));
        let (wrong, known) = (self.wrong, self.known);
        write!(f, "{read}, {wrong} of {known} releases whose time is known are at another time")?;
        let names = self.by_name.iter().take(EXAMPLES_MAX).map(|(name, wrong, of)| format!("{name} {wrong} of {of}"));
        write!(f, " ({})", names.collect::<Vec<_>>().join(", "))?;
        if let Some(WrongTime { name, found, expected }) = self.examples.first() {
            let found = found.strftime("%Y-%m-%d %H:%M");
            write!(f, "; {name} would be at {found} in New York instead of {}", expected.strftime("%H:%M"))?;
        }
        match self.fits.as_slice() {
            [] => f.write_str("; no single time zone fits: the times may be of several zones"),
            fits => {
                let fits = fits.iter().map(|(zone, fitting)| format!("{zone} ({fitting} of {known})"));
                write!(f, "; what fits: {}", fits.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Looks at the known releases among items; gives the places of those that are at another time.
///
/// # Errors
/// [`WrongTimes`] when that are more than one in ten.
pub fn check<'a>(items: impl Iterator<Item = &'a Item>, zone: Option<&Zone>) -> Result<Vec<usize>, WrongTimes> {
    let new_york = Zone::known(NEW_YORK);
    let mut by_name: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut known, mut wrong) = (Vec::new(), Vec::new());
    let mut examples = Vec::new();
    for (place, item) in items.enumerate() {
        let Content::Macro(event) = &item.content else { continue };
        let found = new_york.local(event.scheduled_at);
        let Some(expected) = expected(event, found.year()) else { continue };
        known.push((event.scheduled_at, expected));
        let count = by_name.entry(event.name.clone()).or_default();
        count.1 += 1;
        if found.time() != expected {
            count.0 += 1;
            wrong.push(place);
            if examples.len() < EXAMPLES_MAX {
                examples.push(WrongTime { name: event.full_name.clone(), found, expected });
            }
        }
    }
    if wrong.len() * ONE_IN <= known.len() {
        return Ok(wrong);
    }
    let mut by_name: Vec<_> = by_name.into_iter().map(|(name, (wrong, of))| (name, wrong, of)).collect();
    by_name.retain(|(_, wrong, _)| *wrong > 0);
    by_name.sort_by_key(|(_, wrong, _)| usize::MAX - wrong);
    let fits = fitting(&known, zone, &new_york);
    let zone = zone.map(Zone::to_string);
    Err(WrongTimes { zone, known: known.len(), wrong: wrong.len(), by_name, examples, fits })
}

/// The New York time at which an event takes place; `None` for one of which that is not known.
#[must_use]
pub fn expected(event: &MacroEvent, year: i16) -> Option<Time> {
    if event.country != "US" || event.schedule != Schedule::Exact {
        return None;
    }
    let name = text::key(&event.name);
    let is_in = |names: &[&str]| names.contains(&name.as_str());
    if is_in(&MORNING) {
        Some(time(8, 30, 0, 0))
    } else if is_in(&ISM) {
        Some(time(10, 0, 0, 0))
    } else if year >= FOMC_FROM && is_in(&FOMC) {
        Some(time(14, 0, 0, 0))
    } else if year >= FOMC_FROM && name == "fomc press conference" {
        Some(time(14, 30, 0, 0))
    } else {
        None
    }
}

/// Zones in which what the calendar's clock showed would be the known times: at most three, the best first.
fn fitting(known: &[(Timestamp, Time)], zone: Option<&Zone>, new_york: &Zone) -> Vec<(String, usize)> {
    let utc = Zone::utc();
    let told = zone.unwrap_or(&utc);
    let names = [
        NEW_YORK,
        "UTC",
        "America/Chicago",
        "America/Denver",
        "America/Los_Angeles",
        "Europe/London",
        "Europe/Berlin",
        "Europe/Moscow",
        "Asia/Tehran",
        "Asia/Kolkata",
        "Asia/Shanghai",
        "Asia/Tokyo",
        "Australia/Sydney",
    ];
    let offsets = (-12..=14).filter(|hours| *hours != 0).map(|hours: i32| format!("{hours:+03}:00"));
    let mut fits = Vec::new();
    for name in names.into_iter().map(str::to_owned).chain(offsets) {
        let candidate: Zone = name.parse().expect("a zone of the list");
        if candidate == *told {
            continue;
        }
        let is_right = |(at, expected): &&(Timestamp, Time)| {
            let moment = candidate.moment(told.local(*at));
            moment.is_some_and(|(moment, _)| new_york.local(moment).time() == *expected)
        };
        let right = known.iter().filter(is_right).count();
        if (known.len() - right) * ONE_IN <= known.len() {
            fits.push((name, right));
        }
    }
    fits.sort_by_key(|(_, right)| usize::MAX - right);
    fits.truncate(3);
    fits
}
