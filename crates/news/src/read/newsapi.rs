//! NewsAPI v2.

use super::draft::{self, Draft, When};
use super::json::{self, Fields};
use super::{Batch, Found, Place, ReadError, Reading, Reason, SetAside};
use crate::item::{Article, Content};
use crate::{link, text, zone};

const SOURCE: &str = "newsapi";

/// An error that a service answers with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service answers {code}: {message}")]
pub struct ServiceError {
    /// Its own code.
    pub code: String,
    /// Its own words, the first 300 characters.
    pub message: String,
}

impl ServiceError {
    /// True when asking again cannot help before somebody acts: a key that is wrong, disabled or missing.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        is_permanent(&self.code)
    }

    pub(super) fn new(code: &str, message: &str) -> Self {
        Self { code: code.chars().take(60).collect(), message: message.chars().take(300).collect() }
    }
}

/// Whether a code of NewsAPI says that asking again cannot help before somebody acts.
#[must_use]
pub fn is_permanent(code: &str) -> bool {
    matches!(code, "apiKeyDisabled" | "apiKeyInvalid" | "apiKeyMissing")
}

pub(super) fn read(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let answer = json::object(json::whole(bytes)?, "an answer of NewsAPI is an object")?;
    let word = |name: &str| -> String {
        answer.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    };
    match word("status").as_str() {
        "ok" => {}
        "error" => return Err(ServiceError::new(&word("code"), &word("message")).into()),
        _ => return Err(ReadError::Shape("an answer of NewsAPI has a status")),
    }
    let articles = answer.get("articles").ok_or(ReadError::Shape("an answer of NewsAPI has articles"))?;
    let mut batch = Batch::default();
    for (raw, number) in json::items(articles, "articles is a list")?.iter().zip(1..) {
        match article(raw.get(), Place::Item(number), how) {
            Ok(None) => batch.withdrawn += 1,
            Ok(Some(found)) => batch.items.push(found),
            Err(set_aside) => batch.refuse(set_aside),
        }
    }
    Ok(batch)
}

/// An article; `None` for one that was removed.
fn article(raw: &str, place: Place, how: &Reading) -> Result<Option<Found>, SetAside> {
    let fields = Fields::of(raw, place)?;
    let told = |field| fields.text(field).map(Option::unwrap_or_default);
    let (title, description, content) = (told("title")?, told("description")?, told("content")?);
    let address = fields.need("url")?;
    if title == "[Removed]" || link::host(address).as_deref() == Some("removed.com") {
        return Ok(None);
    }
    let url = link::clean(address).ok_or_else(|| fields.refuse("url", Reason::WrongType("a web address")))?;
    let published = fields.need("publishedAt")?;
    let when = zone::instant(published).ok_or_else(|| fields.refuse("publishedAt", not_a_time(published)))?;
    let said = Article {
        title: text::of_html(title),
        summary: text::of_html(description),
        body: text::of_html(without_count(content)),
        author: fields.text("author")?.map(text::clean).filter(|author| !author.is_empty()),
        publisher: fields.object("source").and_then(|source| source.text("name").ok().flatten().map(text::clean)),
        url: Some(url.clone()),
        tags: Vec::new(),
    };
    if said.title.is_empty() && said.summary.is_empty() && said.body.is_empty() {
        return Err(SetAside::new(place, None, Reason::Empty));
    }
    let id = link::key(address).unwrap_or_else(|| url.clone());
    let draft = Draft {
        place,
        source: how.source.as_deref().unwrap_or(SOURCE),
        id,
        when: When::At(when),
        shift: None,
        content: Content::Article(said),
        said: vec![title, description, content, published],
        tags: &[],
        raw: raw.as_bytes().to_vec(),
    };
    draft::finish(draft, how).map(Some)
}

/// The reason for a time that cannot be read: it may only lack its zone.
pub(super) fn not_a_time(text: &str) -> Reason {
    let shown: String = text.chars().take(60).collect();
    let is_local = text.trim().parse::<jiff::civil::DateTime>().is_ok();
    if is_local { Reason::NoZone(shown) } else { Reason::NotATime(shown) }
}

/// The text without the mark that it was cut: `... [+1234 chars]`.
fn without_count(content: &str) -> &str {
    let trimmed = content.trim_end();
    let cut = || {
        let (before, count) = trimmed.strip_suffix(" chars]")?.rsplit_once("[+")?;
        count.bytes().all(|b| b.is_ascii_digit()).then(|| before.trim_end())
    };
    cut().unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_cut_goes() {
        assert_eq!(without_count("first characters… [+1234 chars]"), "first characters…");
        assert_eq!(without_count("all of it"), "all of it");
        assert_eq!(without_count("odd [+12x chars]"), "odd [+12x chars]");
    }
}
