//! The rows of `news.sources`.

use toml::de::{DeTable, DeValue};

use super::rules::{Rule, list};
use super::suggest::nearest;
use crate::newsroom::SOURCES_MAX;

/// What a source tells, as `news::read::Format` names it.
const KINDS: [&str; 11] = [
    "newsapi",
    "rss",
    "cryptocompare",
    "posts-json",
    "posts-csv",
    "factbase",
    "forexfactory",
    "investing",
    "calendar-json",
    "events-jsonl",
    "headlines-csv",
];

/// Keys of a source, and whether one may be left out.
pub(super) const SOURCE_ROW: [(&str, Rule, bool); 11] = [
    ("name", Rule::SourceName, false),
    ("kind", Rule::Word(&KINDS), false),
    ("address", Rule::Place, false),
    ("enabled", Rule::Switch, true),
    // Up to four weeks.
    ("interval_min", Rule::Range(1, 40_320), true),
    ("daily_max", Rule::Range(1, 100_000), true),
    ("zone", Rule::Zone, true),
    ("date_order", Rule::Word(&["dmy", "mdy"]), true),
    ("year", Rule::Range(1_970, 2_261), true),
    ("key_file", Rule::Path, true),
    ("note", Rule::Text, true),
];

/// What is wrong with the sources, as the end of a sentence that begins with their key.
pub(super) fn check(rule: Rule, value: &DeValue<'_>) -> Result<(), String> {
    let rows = value.as_array().ok_or_else(|| rule.mismatch(value))?;
    if rows.len() > SOURCES_MAX {
        return Err(format!("has {}: must be at most {SOURCES_MAX}", rows.len()));
    }
    let mut names = Vec::new();
    for (number, row) in (1..).zip(rows.iter()) {
        let row = row.get_ref().as_table().ok_or_else(|| rule.mismatch(row.get_ref()))?;
        let name = check_row(row).map_err(|what| format!("source {number}: {what}"))?;
        if names.contains(&name) {
            return Err(format!("source {number}: name: {name:?} is taken"));
        }
        names.push(name);
    }
    Ok(())
}

/// Checks one source and tells its name.
fn check_row<'a>(row: &'a DeTable<'_>) -> Result<&'a str, String> {
    let known = || SOURCE_ROW.iter().map(|(key, ..)| *key);
    if let Some((key, _)) = row.iter().find(|(key, _)| !known().any(|known| known == key.get_ref())) {
        let key = key.get_ref();
        return Err(match nearest(key, known()) {
            Some(near) => format!("{key}: unknown key; did you mean {near}?"),
            None => format!("{key}: unknown key; known are {}", list(&known().collect::<Vec<_>>())),
        });
    }
    for (key, rule, is_optional) in SOURCE_ROW {
        match row.get(key) {
            Some(value) => rule.check(value.get_ref()).map_err(|what| format!("{key}: {what}"))?,
            None if is_optional => {}
            None => return Err(format!("{key} is missing")),
        }
    }
    let text = |key: &str| row.get(key).and_then(|value| value.get_ref().as_str());
    let needs_zone = matches!(text("kind"), Some("forexfactory" | "investing"));
    if needs_zone && text("zone").is_none() {
        return Err("zone is missing: such calendars tell local times".to_owned());
    }
    Ok(text("name").unwrap_or_default())
}

/// What is wrong with the name of a source.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(is_name) {
        Ok(())
    } else {
        Err(format!("{text:?} must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`"))
    }
}

/// What is wrong with the address of a source: one for requests, or a folder.
pub(super) fn check_place(text: &str) -> Result<(), String> {
    let (shown, rest) = (text.chars().take(200).collect::<String>(), text.split_once("://"));
    match rest {
        None if text.is_empty() => Err("is empty".to_owned()),
        None => Ok(()),
        Some(("http" | "https", _)) => {
            let url = reqwest::Url::parse(text).map_err(|error| format!("{shown:?} is not an address: {error}"))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(format!("{:?} has a name or password in it: use key_file", url.host_str().unwrap_or("")));
            }
            if text.len() > 2_000 { Err("is longer than 2000 bytes".to_owned()) } else { Ok(()) }
        }
        Some((scheme, _)) => {
            Err(format!("{shown:?}: {scheme} is not spoken; an https:// or http:// address, or a folder"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn kinds_are_those_that_are_read() {
        assert_eq!(KINDS, news::read::Format::ALL.map(news::read::Format::name));
    }

    #[test]
    fn a_source_that_cannot_be_used_is_told_with_its_number_and_key() {
        #[track_caller]
        fn check(rows: &str, expected: &str) {
            let found = Config::parse(&format!("[news]\nsources = [{rows}]")).unwrap_err();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, [format!("line 2: news.sources: {expected}")], "{rows}");
        }
        let good = r#"{ name = "a", kind = "rss", address = "https://a.example/rss" }"#;
        assert_eq!(Config::parse(&format!("news.sources = [{good}]")).unwrap().news.sources.len(), 1);
        check("7", "must be a list of sources with name, kind and address, not an integer");
        check(r#"{ kind = "rss", address = "/a" }"#, "source 1: name is missing");
        check(&format!("{good}, {good}"), "source 2: name: \"a\" is taken");
        check(
            r#"{ name = "A", kind = "rss", address = "/a" }"#,
            "source 1: name: \"A\" must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`",
        );
        check(r#"{ name = "a", kind = "rss", adress = "/a" }"#, "source 1: adress: unknown key; did you mean address?");
        check(
            r#"{ name = "a", kind = "rss", address = "ftp://a" }"#,
            "source 1: address: \"ftp://a\": ftp is not spoken; an https:// or http:// address, or a folder",
        );
        check(
            r#"{ name = "a", kind = "rss", address = "https://me:pass@a.example/" }"#,
            "source 1: address: \"a.example\" has a name or password in it: use key_file",
        );
        check(
            r#"{ name = "a", kind = "investing", address = "/a" }"#,
            "source 1: zone is missing: such calendars tell local times",
        );
        check(
            r#"{ name = "a", kind = "investing", address = "/a", zone = "Mars" }"#,
            "source 1: zone: \"Mars\" is not a time zone such as America/New_York, -04:00 or UTC",
        );
        check(
            r#"{ name = "a", kind = "rss", address = "/a", interval_min = 0 }"#,
            "source 1: interval_min: 0 is not in 1 to 40320",
        );
    }
}
