//! RSS, Atom and JSON Feed, by `feed-rs`.

use core::time::Duration;

use encoding_rs::Encoding;
use feed_rs::model::{Entry, FeedType, Text};
use types::Timestamp;

use super::draft::{self, Draft, When};
use super::{Batch, FEED_BYTES_MAX, Found, Place, ReadError, Reading, Reason, SetAside};
use crate::item::{Article, Content};
use crate::{link, text};

/// Where a feed is not told of the address of.
const SOURCE: &str = "rss";
/// Prefixes that feeds use and some forget to declare. Undeclared, their elements would pass for the feed's own:
/// `media:title` for the headline.
const PREFIXES: [(&str, &str); 8] = [
    ("content", "http://purl.org/rss/1.0/modules/content/"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("media", "http://search.yahoo.com/mrss/"),
    ("atom", "http://www.w3.org/2005/Atom"),
    ("itunes", "http://www.itunes.com/dtds/podcast-1.0.dtd"),
    ("sy", "http://purl.org/rss/1.0/modules/syndication/"),
    ("slash", "http://purl.org/rss/1.0/modules/slash/"),
    ("wfw", "http://wellformedweb.org/CommentAPI/"),
];

pub(super) fn read(bytes: &[u8], how: &Reading) -> Result<Batch, ReadError> {
    let text = decode(bytes, how.charset.as_deref());
    if text.len() > 2 * FEED_BYTES_MAX {
        return Err(ReadError::TooLarge { bytes: text.len(), max: 2 * FEED_BYTES_MAX });
    }
    let text = without_declaration(&text);
    let head = text.get(..4_096.min(text.len())).map_or_else(|| text.chars().take(2_048).collect(), str::to_owned);
    let head = head.to_ascii_lowercase();
    if head.contains("<!doctype html") || head.starts_with("<html") {
        return Err(ReadError::WebPage);
    }
    if contains_ignoring_case(text, b"<!entity") {
        return Err(ReadError::Entities);
    }
    let declared = declared(text);
    // Without names of its own the library would make up random ones.
    let parser = feed_rs::parser::Builder::new().id_generator(|_, _, _| String::new()).build();
    let feed = parser.parse(declared.as_bytes()).map_err(|error| ReadError::NotAFeed(short(&error.to_string())))?;
    let host = feed.links.iter().chain(feed.entries.iter().flat_map(|entry| &entry.links));
    let host = host.filter_map(|link| link::host(&link.href)).map(|host| host.to_ascii_lowercase()).next();
    let source = how.source.clone().or(host.filter(|host| super::is_source(host))).unwrap_or_else(|| SOURCE.to_owned());
    let mut batch =
        Batch { ttl: feed.ttl.map(|minutes| Duration::from_secs(60 * u64::from(minutes))), ..Batch::default() };
    let is_rss = matches!(feed.feed_type, FeedType::RSS0 | FeedType::RSS1 | FeedType::RSS2);
    for (entry, number) in feed.entries.iter().zip(1..) {
        draft::add(&mut batch, article(entry, is_rss, &source, Place::Item(number), how));
    }
    Ok(batch)
}

fn article(entry: &Entry, is_rss: bool, source: &str, place: Place, how: &Reading) -> Result<Found, SetAside> {
    let told = |text: Option<&Text>| text.map_or("", |text| text.content.as_str()).to_owned();
    // RSS does not say whether its texts are HTML; most are.
    let plain = |told: &str, kind: Option<&Text>| {
        if is_rss || kind.is_none_or(|kind| kind.content_type.subty() != "plain") {
            text::of_html(told)
        } else {
            text::clean(told)
        }
    };
    let (title, summary) = (told(entry.title.as_ref()), told(entry.summary.as_ref()));
    let body = entry.content.as_ref().and_then(|content| content.body.clone()).unwrap_or_default();
    let alternate = |link: &&feed_rs::model::Link| link.rel.as_deref().is_none_or(|rel| rel == "alternate");
    let address = entry.links.iter().find(alternate).or(entry.links.first()).map_or("", |link| link.href.trim());
    let url = link::clean(address);
    let mut summary_text = plain(&summary, entry.summary.as_ref());
    let body_text = text::of_html(&body);
    if summary_text == body_text {
        summary_text.clear();
    }
    let content = Article {
        title: plain(&title, entry.title.as_ref()),
        summary: summary_text,
        body: body_text,
        author: entry
            .authors
            .iter()
            .find_map(|author| author.name.as_deref().map(text::clean))
            .filter(|name| !name.is_empty()),
        publisher: None,
        url: url.clone(),
        tags: entry.categories.iter().take(50).map(|category| text::clean(&category.term)).collect(),
    };
    if content.title.is_empty() && content.summary.is_empty() && content.body.is_empty() {
        return Err(SetAside::new(place, None, Reason::Empty));
    }
    let moment = entry.published.or(entry.updated);
    let at = moment.and_then(|moment| moment.timestamp_nanos_opt()).map(Timestamp::from_nanos);
    let published = moment.map(|moment| moment.to_rfc3339()).unwrap_or_default();
    let named = Some(entry.id.trim().to_owned()).filter(|id| !id.is_empty());
    let id = named
        .or_else(|| link::key(address))
        .unwrap_or_else(|| text::short_digest([title.as_str(), published.as_str()]));
    let tags = content.tags.clone();
    let draft = Draft {
        place,
        source,
        id,
        when: at.map_or(When::Unknown, When::At),
        shift: None,
        content: Content::Article(content),
        said: vec![&title, &summary, &body],
        tags: &tags,
        raw: serde_json::to_vec(entry).expect("a feed's entry always encodes"),
    };
    draft::finish(draft, how)
}

/// The text of a feed. What names its charset, in order: the HTTP header, the XML declaration, the byte order mark; UTF-8
/// otherwise. Bytes that are no text of that charset become U+FFFD.
fn decode(bytes: &[u8], charset: Option<&str>) -> String {
    let (marked, mark_len) = Encoding::for_bom(bytes).map_or((None, 0), |(encoding, len)| (Some(encoding), len));
    let of_label = |label: &str| Encoding::for_label(label.trim().as_bytes());
    let declared = || {
        let head = String::from_utf8_lossy(&bytes[mark_len..bytes.len().min(mark_len + 200)]).into_owned();
        let (declaration, _) = head.strip_prefix("<?xml")?.split_once("?>")?;
        let (_, rest) = declaration.split_once("encoding")?;
        let quoted = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        of_label(quoted[1..].split(quote).next()?)
    };
    let encoding = charset.and_then(of_label).or_else(declared).or(marked).unwrap_or(encoding_rs::UTF_8);
    // A declaration that can be read byte by byte is not in UTF-16, whatever it says of itself.
    let is_wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    let encoding = if is_wide { marked.unwrap_or(encoding_rs::UTF_8) } else { encoding };
    encoding.decode_without_bom_handling(&bytes[mark_len..]).0.into_owned()
}

/// The text without its XML declaration: its charset is UTF-8 now, whatever that says.
fn without_declaration(text: &str) -> &str {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    let rest = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    rest.map_or(text, |(_, rest)| rest.trim_start())
}

/// The text with the usual meaning of prefixes that it uses and does not declare, told in its first element.
fn declared(text: &str) -> std::borrow::Cow<'_, str> {
    let missing: String = PREFIXES
        .iter()
        .filter(|(prefix, _)| text.contains(&format!("<{prefix}:")) && !text.contains(&format!("xmlns:{prefix}")))
        .map(|(prefix, meaning)| format!(" xmlns:{prefix}=\"{meaning}\""))
        .collect();
    let roots = ["<rss", "<feed", "<rdf:RDF"];
    let root = roots.iter().filter_map(|root| text.find(root).map(|at| at + root.len())).min();
    match root {
        Some(at) if !missing.is_empty() => format!("{}{missing}{}", &text[..at], &text[at..]).into(),
        _ => text.into(),
    }
}

fn contains_ignoring_case(text: &str, needle: &[u8]) -> bool {
    text.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

fn short(message: &str) -> String {
    message.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_are_found_in_their_order() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><rss>\x93caf\xe9\x94</rss>";
        assert!(decode(latin, None).contains("“café”"), "windows-1252 under the name of latin-1");
        assert!(decode(latin, Some("utf-8")).contains('\u{fffd}'));
        assert_eq!(decode(b"\xef\xbb\xbf<rss/>", None), "<rss/>");
        let wide: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("<rss/>".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode(&wide, None), "<rss/>");
        assert_eq!(decode("<?xml version=\"1.0\" encoding=\"utf-16\"?><a>é</a>".as_bytes(), None).len(), 48);
    }
}
