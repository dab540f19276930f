//! CryptoCompare's news list.

use types::Timestamp;

use super::draft::{self, Draft, When};
use super::json::{self, Fields};
use super::{Batch, Found, Place, ReadError, Reading, Reason, ServiceError, SetAside};
use crate::item::{Article, Content};
use crate::{link, text};

const SOURCE: &str = "cryptocompare";

pub(super) fn read(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let answer = json::object(json::whole(bytes)?, "a news list of CryptoCompare is an object")?;
    let word = |name: &str| -> String {
        answer.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    };
    if word("Response") == "Error" {
        let code = answer.get("Type").map_or("error", |code| code.get());
        return Err(ServiceError::new(code, &word("Message")).into());
    }
    let list = answer.get("Data").ok_or(ReadError::Shape("a news list of CryptoCompare has Data"))?;
    let mut batch = Batch::default();
    for (raw, number) in json::items(list, "Data is a list")?.iter().zip(1..) {
        draft::add(&mut batch, article(raw.get(), Place::Item(number), how));
    }
    Ok(batch)
}

fn article(raw: &str, place: Place, how: &Reading) -> Result<Found, SetAside> {
    let fields = Fields::of(raw, place)?;
    let id = fields.id("id")?.ok_or_else(|| fields.refuse("id", Reason::Missing))?;
    let title = fields.need("title")?;
    let body = fields.text("body")?.unwrap_or_default();
    let seconds = fields.integer("published_on")?.ok_or_else(|| fields.refuse("published_on", Reason::Missing))?;
    // Up to the year 2262, as a timestamp tells.
    if !(0..=9_223_372_036).contains(&seconds) {
        return Err(fields.refuse("published_on", Reason::NotATime(seconds.to_string())));
    }
    let list = |field| -> Result<Vec<String>, SetAside> {
        let told = fields.text(field)?.unwrap_or_default();
        Ok(told.split('|').map(text::clean).filter(|tag| !tag.is_empty()).take(50).collect())
    };
    let (tags, categories) = (list("tags")?, list("categories")?);
    let publisher = fields.object("source_info").and_then(|source| source.text("name").ok().flatten().map(text::clean));
    let content = Article {
        title: text::of_html(title),
        summary: String::new(),
        body: text::of_html(body),
        author: None,
        publisher: publisher.or(fields.text("source")?.map(text::clean)),
        url: fields.text("url")?.and_then(link::clean),
        tags,
    };
    let draft = Draft {
        place,
        source: how.source.as_deref().unwrap_or(SOURCE),
        id,
        when: When::At(Timestamp::from_secs(seconds)),
        shift: None,
        content: Content::Article(content),
        said: vec![title, body],
        // A text without coins has categories that name them.
        tags: &categories,
        raw: raw.as_bytes().to_vec(),
    };
    draft::finish(draft, how)
}
