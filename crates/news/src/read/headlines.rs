//! Tables of dates and headlines. The order of columns is free: `date` (or `published_at`, `time`), `news` (or `headline`,
//! `title`, `text`), and where there are `id` and `url`.

use jiff::civil::Date;
use types::Timestamp;

use super::draft::{self, Draft, When};
use super::sheet::{Row, Sheet};
use super::{Batch, Found, ReadError, Reading, Reason, SetAside};
use crate::item::{Article, Content};
use crate::zone::{self, Zone};
use crate::{link, text};

const SOURCE: &str = "headlines";

struct Columns {
    id: Option<usize>,
    date: Option<usize>,
    headline: Option<usize>,
    url: Option<usize>,
}

pub(super) fn read(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let mut sheet = Sheet::new(bytes)?;
    let columns = Columns {
        id: sheet.find(&["id"]),
        date: sheet.find(&["published_at", "date", "datetime", "time"]),
        headline: sheet.find(&["news", "headline", "title", "text"]),
        url: sheet.find(&["url", "link"]),
    };
    sheet.need(&[("date", columns.date), ("news, headline or title", columns.headline)])?;
    let mut batch = Batch::default();
    while let Some(row) = sheet.next()? {
        let made = row.and_then(|row| headline(&sheet, &row, &columns, how));
        draft::add(&mut batch, made);
    }
    Ok(batch)
}

fn headline(sheet: &Sheet<'_>, row: &Row, columns: &Columns, how: &Reading) -> Result<Found, SetAside> {
    let date = row.cell(columns.date);
    let headline = row.cell(columns.headline);
    if headline.is_empty() {
        return Err(row.refuse("headline", Reason::Missing));
    }
    let when = zone::instant(date).map(When::At).or_else(|| day_end(date, how.zone.as_ref()).map(When::DayUntil));
    let when = when.ok_or_else(|| row.refuse("date", Reason::NotATime(date.chars().take(60).collect())))?;
    let title = text::of_html(headline);
    let id = match row.cell(columns.id) {
        "" => text::short_digest([date, headline]),
        id => id.to_owned(),
    };
    let draft = Draft {
        place: row.place(),
        source: how.source.as_deref().unwrap_or(SOURCE),
        id,
        when,
        shift: None,
        content: Content::Article(Article { title, url: link::clean(row.cell(columns.url)), ..Article::default() }),
        said: vec![date, headline],
        tags: &[],
        raw: sheet.raw(row),
    };
    draft::finish(draft, how)
}

/// The end of a day `2022-01-25` in a zone, UTC where none was chosen.
fn day_end(date: &str, zone: Option<&Zone>) -> Option<Timestamp> {
    let date: Date = if date.len() == 10 { date.parse().ok()? } else { return None };
    let next = date.tomorrow().ok()?.at(0, 0, 0, 0);
    Some(zone.map_or_else(|| Zone::utc().moment(next), |zone| zone.moment(next))?.0)
}
