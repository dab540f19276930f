//! The calendar of a week as JSON, in the way of ForexFactory's: every time has its offset.

use super::calendar::{self, Calendar, Told};
use super::json::{self, Fields};
use super::newsapi::not_a_time;
use super::{Batch, Place, ReadError, Reading, Reason, SetAside};
use crate::item::{Importance, Schedule};
use crate::value::Value;
use crate::zone;

const SOURCE: &str = "calendar-json";
const DAY: core::time::Duration = core::time::Duration::from_secs(86_400);

pub(super) fn read(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let source = how.source.as_deref().unwrap_or(SOURCE);
    let mut calendar = Calendar::default();
    for (raw, number) in json::items(json::whole(bytes)?, "a calendar is a list")?.iter().zip(1..) {
        if let Err(set_aside) = event(&mut calendar, raw.get(), Place::Item(number), source, how) {
            calendar.refuse(set_aside);
        }
    }
    calendar.done(None)
}

fn event(calendar: &mut Calendar, raw: &str, place: Place, source: &str, how: &Reading) -> Result<(), SetAside> {
    let fields = Fields::of(raw, place)?;
    let (name, country, date) = (fields.need("title")?, fields.need("country")?, fields.need("date")?);
    let at = zone::instant(date).ok_or_else(|| fields.refuse("date", not_a_time(date)))?;
    let cell = |field| fields.text(field).map(Option::unwrap_or_default);
    let (impact, actual, forecast, previous) = (cell("impact")?, cell("actual")?, cell("forecast")?, cell("previous")?);
    let value = |field: &'static str, cell: &str| {
        Value::parse(cell).map_err(|_| fields.refuse(field, Reason::NotAValue(cell.chars().take(60).collect())))
    };
    let importance = calendar::importance(impact);
    let schedule = if importance == Some(Importance::Holiday) { Schedule::AllDay } else { Schedule::Exact };
    calendar.add(
        Told {
            place,
            country,
            name,
            importance,
            scheduled_at: at,
            day_end: at.plus(DAY),
            schedule,
            shift: None,
            actual: value("actual", actual)?,
            forecast: value("forecast", forecast)?,
            previous: value("previous", previous)?,
            raw: raw.as_bytes().to_vec(),
            said: vec![name, actual, forecast, previous, impact],
        },
        source,
        how,
    );
    Ok(())
}
