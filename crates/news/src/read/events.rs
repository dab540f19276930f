//! Events as JSON lines, one object each: `event_name`, `event_time_utc` (or `event_date`), `actual`, `forecast`, `previous`,
//! `units`.

use types::Date;

use super::calendar::{Calendar, Told};
use super::json::Fields;
use super::newsapi::not_a_time;
use super::{Batch, ITEMS_MAX, Place, ReadError, Reading, Reason, SetAside};
use crate::item::Schedule;
use crate::value::{Unit, Value};
use crate::zone;

const SOURCE: &str = "events-jsonl";
const DAY: core::time::Duration = core::time::Duration::from_secs(86_400);

pub(super) fn read(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(ReadError::WebPage);
    }
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ReadError::Shape("each line is a JSON object"));
    }
    let mut calendar = Calendar::default();
    let lines = bytes.split(|b| *b == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    for (count, (line, number)) in lines.enumerate() {
        if count >= ITEMS_MAX {
            return Err(ReadError::TooMany);
        }
        let place = Place::Line(number);
        let text = std::str::from_utf8(line).map_err(|_| SetAside::new(place, None, Reason::NotText));
        if let Err(set_aside) = text.and_then(|text| event(&mut calendar, text.trim(), place, how)) {
            calendar.refuse(set_aside);
        }
    }
    calendar.done(None)
}

fn event(calendar: &mut Calendar, raw: &str, place: Place, how: &Reading) -> Result<(), SetAside> {
    let fields = Fields::of(raw, place)?;
    let name = fields.need("event_name")?;
    let of_type = fields.text("event_type")?.unwrap_or_default();
    let (scheduled_at, day_end, schedule) = match fields.text("event_time_utc")? {
        Some(time) => {
            let at = zone::instant(time).ok_or_else(|| fields.refuse("event_time_utc", not_a_time(time)))?;
            (at, at, Schedule::Exact)
        }
        None => {
            let text = fields.need("event_date")?;
            let date: Date = text
                .parse()
                .map_err(|_| fields.refuse("event_date", Reason::NotADate(text.chars().take(60).collect())))?;
            (date.start(), date.start().plus(DAY), Schedule::Tentative)
        }
    };
    let unit = Unit::of_word(fields.text("units")?.unwrap_or_default());
    let value = |field| Ok(fields.number(field)?.map(|number| Value::from_number(number, unit)));
    let values = [value("actual")?, value("forecast")?, value("previous")?];
    let texts = values.each_ref().map(|value| value.as_ref().map_or(String::new(), |value| value.text.clone()));
    let [actual, forecast, previous] = values;
    // The archives this comes from are about the United States where they do not say otherwise.
    let country = fields.text("country")?.unwrap_or("US").to_owned();
    let own = fields.text("source")?.map(str::to_lowercase).filter(|name| super::is_source(name));
    let source = how.source.clone().or(own).unwrap_or_else(|| SOURCE.to_owned());
    calendar.add(
        Told {
            place,
            country: &country,
            name,
            importance: None,
            scheduled_at,
            day_end,
            schedule,
            shift: None,
            actual,
            forecast,
            previous,
            raw: raw.as_bytes().to_vec(),
            said: vec![name, of_type, &texts[0], &texts[1], &texts[2]],
        },
        &source,
        how,
    );
    Ok(())
}
