//! What the default file says about each key, for the dashboard.

use super::document::DEFAULT_FILE;

/// The default file, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    /// Sections and what they are about, in order.
    pub(crate) sections: Vec<Help>,
    /// Keys and what they do, in order.
    pub(crate) keys: Vec<Help>,
}

/// A comment of the default file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Help {
    /// `engine.risk`, or `engine.risk.trading`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Described {
    /// The built-in default file.
    pub(crate) fn built_in() -> Self {
        Self::of(DEFAULT_FILE)
    }

    fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut section: Option<String> = None;
        let mut comment: Vec<&str> = Vec::new();
        for line in text.lines() {
            let help = |path: String, comment: &mut Vec<&str>| Help { path, text: std::mem::take(comment).join(" ") };
            if let Some(path) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
                // A list of rows is one key; only the first row is described, and the keys in it are no keys of the configuration.
                section = None;
                if found.keys.last().is_none_or(|key| key.path != path) {
                    found.keys.push(help(path.to_owned(), &mut comment));
                }
            } else if let Some(path) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = Some(path.to_owned());
                found.sections.push(help(path.to_owned(), &mut comment));
            } else if let Some(key) = key(line) {
                if let Some(section) = &section {
                    found.keys.push(help(format!("{section}.{key}"), &mut comment));
                }
            } else if let Some(words) = line.strip_prefix('#') {
                comment.push(words.trim());
                continue;
            }
            comment.clear();
        }
        found
    }
}

/// The key of a line, also of one that is left out by default: `# key = ""`.
fn key(line: &str) -> Option<&str> {
    let key = match line.strip_prefix("# ") {
        Some(left_out) => left_out.strip_suffix(" = \"\"")?,
        None => line.split_once(" = ")?.0,
    };
    let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    (!key.is_empty() && key.chars().all(is_key)).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::rules::RULES;

    #[test]
    fn every_key_is_described_once_and_nothing_else_is() {
        let Described { sections, keys } = Described::built_in();
        let told: BTreeSet<&str> = keys.iter().map(|key| key.path.as_str()).collect();
        assert_eq!(told.len(), keys.len());
        assert_eq!(told, RULES.iter().map(|(path, _)| path.as_str()).collect());
        for help in keys.iter().chain(&sections) {
            assert!(help.text.ends_with(['.', ')']) && help.text.len() > 4, "{help:?}");
        }
        let of = |path: &str| keys.iter().find(|key| key.path == path).unwrap().text.as_str();
        assert_eq!(of("engine.fees.coinbase"), "Coinbase Exchange.");
        assert_eq!(
            of("model.keep_mb"),
            "Most that the files of models may take, MB; the oldest ones without a place go first. From 1 to 10000."
        );
        assert!(of("network.proxy").starts_with("A proxy for all connections, "));
        assert!(sections.iter().any(|section| section.path == "engine.risk.breakers"));
    }
}
