//! Which format bytes have, where that is beyond doubt.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Format;
use super::sheet::Sheet;

/// The format of a payload; `None` where the bytes do not say.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match bytes.first()? {
        b'<' => {
            let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4_096)]).into_owned();
            ["<rss", "<feed", "<rdf:RDF"].iter().any(|root| head.contains(root)).then_some(Format::Feed)
        }
        b'{' => of_object(bytes),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_slice(bytes).ok()?;
            let first: BTreeMap<String, &RawValue> = serde_json::from_str(items.first()?.get()).ok()?;
            let has = |name: &str| first.contains_key(name);
            if has("created_at") && has("content") {
                Some(Format::PostsJson)
            } else if has("title") && has("country") && has("date") {
                Some(Format::CalendarJson)
            } else {
                None
            }
        }
        _ => of_table(bytes),
    }
}

fn of_object(bytes: &[u8]) -> Option<Format> {
    let first = serde_json::Deserializer::from_slice(bytes).into_iter::<BTreeMap<String, &RawValue>>().next()?.ok()?;
    let has = |name: &str| first.contains_key(name);
    if has("status") && (has("articles") || has("code")) {
        Some(Format::NewsApi)
    } else if has("Data") && has("Type") {
        Some(Format::CryptoCompare)
    } else if has("data") && has("meta") {
        Some(Format::FactBase)
    } else if has("event_name") {
        Some(Format::EventsJsonl)
    } else {
        None
    }
}

fn of_table(bytes: &[u8]) -> Option<Format> {
    let sheet = Sheet::new(bytes).ok()?;
    let has = |names: &[&str]| sheet.find(names).is_some();
    let is_calendar = has(&["actual"]) && has(&["previous"]) && has(&["event", "text", "title"]);
    if is_calendar && has(&["cur", "currency"]) {
        Some(Format::ForexFactory)
    } else if is_calendar {
        Some(Format::Investing)
    } else if has(&["id"]) && has(&["created_at"]) {
        Some(Format::PostsCsv)
    } else if has(&["date", "published_at"]) && has(&["news", "headline"]) {
        Some(Format::Headlines)
    } else {
        None
    }
}
