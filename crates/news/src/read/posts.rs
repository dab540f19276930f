//! Posts: archives with HTML, tables with texts or with times alone, FactBase.

use super::draft::{self, Draft, When};
use super::json::{self, Fields};
use super::newsapi::not_a_time;
use super::sheet::{Row, Sheet};
use super::{Batch, Found, Place, ReadError, Reading, Reason, SetAside};
use crate::item::{Content, Post};
use crate::{link, relevance, text, zone};

pub(super) fn read_json(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let mut batch = Batch::default();
    for (raw, number) in json::items(json::whole(bytes)?, "an archive of posts is a list")?.iter().zip(1..) {
        draft::add(&mut batch, of_archive(raw.get(), Place::Item(number), how));
    }
    Ok(batch)
}

fn of_archive(raw: &str, place: Place, how: &Reading) -> Result<Found, SetAside> {
    let fields = Fields::of(raw, place)?;
    let id = fields.id("id")?.ok_or_else(|| fields.refuse("id", Reason::Missing))?;
    let created = fields.need("created_at")?;
    let at = zone::instant(created).ok_or_else(|| fields.refuse("created_at", not_a_time(created)))?;
    let html = fields.text("content")?.ok_or_else(|| fields.refuse("content", Reason::Missing))?;
    let address = fields.text("url")?.unwrap_or_default();
    let said = text::of_html(html);
    let media = fields.list_len("media").or_else(|| fields.list_len("media_attachments"));
    let post = Post {
        author: author_of(address).unwrap_or_else(|| how.author.clone()),
        is_repost: relevance::is_repost(&said) || fields.has("reblog"),
        is_quote: fields.has("quote_id") || fields.has("quote"),
        has_media: media.map(|count| count > 0),
        reply_to: fields.id("in_reply_to_id")?,
        url: link::clean(address),
        text: Some(said),
    };
    let media = media.unwrap_or_default().to_string();
    let draft = Draft {
        place,
        source: how.source.as_deref().unwrap_or("posts-json"),
        id,
        when: When::At(at),
        shift: None,
        content: Content::Post(post),
        said: vec![html, created, &media],
        tags: &[],
        raw: raw.as_bytes().to_vec(),
    };
    draft::finish(draft, how)
}

pub(super) fn read_factbase(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let answer = json::object(json::whole(bytes)?, "an answer of FactBase is an object")?;
    let list = answer.get("data").ok_or(ReadError::Shape("an answer of FactBase has data"))?;
    let mut batch = Batch::default();
    for (raw, number) in json::items(list, "data is a list")?.iter().zip(1..) {
        draft::add(&mut batch, of_factbase(raw.get(), Place::Item(number), how));
    }
    Ok(batch)
}

fn of_factbase(raw: &str, place: Place, how: &Reading) -> Result<Found, SetAside> {
    let fields = Fields::of(raw, place)?;
    let date = fields.need("date")?;
    let at = zone::instant(date).ok_or_else(|| fields.refuse("date", not_a_time(date)))?;
    let told = fields.text("text")?.ok_or_else(|| fields.refuse("text", Reason::Missing))?;
    let address = fields.text("post_url")?.or(fields.text("url")?).unwrap_or_default();
    let own = fields.id("document_id")?.or(fields.id("id")?);
    // The address of a post ends with the name that the platform itself gives it.
    let id = id_of(address).or(own).unwrap_or_else(|| text::short_digest([date, text::key(told).as_str()]));
    let social = fields.object("social");
    let flag = |name: &str| social.as_ref().is_some_and(|social| social.is_true(name));
    let said = plain(told);
    let post = Post {
        author: author_of(address).unwrap_or_else(|| how.author.clone()),
        is_repost: relevance::is_repost(&said) || flag("repost_flag"),
        is_quote: flag("quote_flag"),
        has_media: (said.contains("[Video]") || said.contains("[Image]")).then_some(true),
        reply_to: None,
        url: link::clean(address),
        text: Some(said),
    };
    let draft = Draft {
        place,
        source: how.source.as_deref().unwrap_or("factbase"),
        id,
        when: When::At(at),
        shift: None,
        content: Content::Post(post),
        said: vec![told],
        tags: &[],
        raw: raw.as_bytes().to_vec(),
    };
    draft::finish(draft, how)
}

struct Columns {
    id: Option<usize>,
    created: Option<usize>,
    text: Option<usize>,
    content: Option<usize>,
    url: Option<usize>,
    reblog: Option<usize>,
    media: Option<usize>,
}

pub(super) fn read_csv(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let mut sheet = Sheet::new(bytes)?;
    let columns = Columns {
        id: sheet.find(&["id", "post_id"]),
        created: sheet.find(&["created_at", "date", "timestamp"]),
        text: sheet.find(&["text"]),
        content: sheet.find(&["content"]),
        url: sheet.find(&["url"]),
        reblog: sheet.find(&["is_reblog", "is_repost"]),
        media: sheet.find(&["media"]),
    };
    sheet.need(&[("id", columns.id), ("created_at", columns.created)])?;
    let mut batch = Batch::default();
    while let Some(row) = sheet.next()? {
        let made = row.and_then(|row| of_row(&sheet, &row, &columns, how));
        draft::add(&mut batch, made);
    }
    Ok(batch)
}

fn of_row(sheet: &Sheet<'_>, row: &Row, columns: &Columns, how: &Reading) -> Result<Found, SetAside> {
    let id = row.cell(columns.id);
    if id.is_empty() {
        return Err(row.refuse("id", Reason::Missing));
    }
    // Tables that went through a spreadsheet have names such as 1.15E+17, which are nobody's.
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(row.refuse("id", Reason::WrongType("the name of a post")));
    }
    let created = row.cell(columns.created);
    let at = zone::instant(created).ok_or_else(|| row.refuse("created_at", not_a_time(created)))?;
    let (content, own_text) = (row.cell(columns.content), row.cell(columns.text));
    let said = match (columns.text, columns.content) {
        (None, None) => None,
        _ if own_text.is_empty() => Some(plain(content)),
        _ => Some(text::clean(own_text)),
    };
    let address = row.cell(columns.url);
    let is_reblog = row.cell(columns.reblog).eq_ignore_ascii_case("true") || row.cell(columns.reblog) == "1";
    let media = columns.media.map(|column| row.cell(Some(column)));
    let post = Post {
        author: author_of(address).unwrap_or_else(|| how.author.clone()),
        is_repost: is_reblog || said.as_deref().is_some_and(relevance::is_repost),
        is_quote: false,
        has_media: media.map(|media| !matches!(media, "" | "[]")),
        reply_to: None,
        url: link::clean(address),
        text: said,
    };
    let draft = Draft {
        place: row.place(),
        source: how.source.as_deref().unwrap_or("posts-csv"),
        id: id.to_owned(),
        when: When::At(at),
        shift: None,
        content: Content::Post(post),
        said: vec![content, own_text, created],
        tags: &[],
        raw: sheet.raw(row),
    };
    draft::finish(draft, how)
}

/// A text that may be HTML.
fn plain(told: &str) -> String {
    let is_html = ["<p>", "<p ", "<br", "</"].iter().any(|sign| told.contains(sign));
    if is_html { text::of_html(told) } else { text::clean(told) }
}

/// The account of an address such as `https://truthsocial.com/@name/123`.
fn author_of(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("/@")?;
    let name = rest.split(['/', '?', '#']).next()?;
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| name.to_owned())
}

/// The name of the post in such an address.
fn id_of(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("/@")?;
    let id = rest.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next()?;
    let is_id = (8..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_account_and_post() {
        let address = "https://truthsocial.com/@realDonaldTrump/115470116607441456";
        assert_eq!(author_of(address).as_deref(), Some("realDonaldTrump"));
        assert_eq!(id_of(address).as_deref(), Some("115470116607441456"));
        assert_eq!(author_of("https://x.com/"), None);
        assert_eq!(id_of("https://truthsocial.com/@name"), None);
    }
}
