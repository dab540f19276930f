//! The commented default configuration.
//!
//! It is made of the doc comments of the configuration's structs, the defaults and the rules. What is printed is the
//! committed file; the tests here make it anew and fail when it is stale.

/// The commented default configuration, `docs/tickerbox.default.toml`.
pub const DEFAULT_FILE: &str = include_str!("../../../docs/tickerbox.default.toml");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use crate::config::Config;
    use crate::config::rules::{FEE_ROW, RULES, Rule};
    use crate::config::sources::SOURCE_ROW;

    use super::DEFAULT_FILE;

    /// The files that the structs stand in.
    const SOURCES: [&str; 8] = [
        include_str!("mod.rs"),
        include_str!("feeds.rs"),
        include_str!("../access/section.rs"),
        include_str!("../panel/section.rs"),
        include_str!("../notify/section.rs"),
        include_str!("../newsroom/section.rs"),
        include_str!("../../../crates/types/src/settings.rs"),
        include_str!("../../../crates/types/src/fee.rs"),
    ];

    const HEAD: &str = "\
# Tickerbox's configuration with all defaults. Every key may be left out.
# Check a file with `tickerbox check-config FILE`, use it with `tickerbox run --config FILE`.
# Sizes and times have their unit in the name: _s seconds, _ms milliseconds, _min minutes, _ppm millionths,
# _cbps hundredths of a basis point.
";

    struct Field {
        key: String,
        kind: String,
        doc: String,
    }

    /// The public fields of all structs in a source text, by the name of the struct. Knows the little Rust that our
    /// settings are written in.
    fn structs(source: &str) -> BTreeMap<String, Vec<Field>> {
        let mut found = BTreeMap::new();
        let mut open: Option<(String, Vec<Field>, bool)> = None;
        let mut doc: Vec<&str> = Vec::new();
        let mut is_kebab = false;
        for line in source.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                doc.push(text.trim());
                continue;
            }
            if line.starts_with("#[") {
                is_kebab |= line.contains("kebab-case");
                continue;
            }
            if let Some(name) = line.strip_prefix("pub struct ").and_then(|l| l.strip_suffix(" {")) {
                open = Some((name.to_owned(), Vec::new(), is_kebab));
            } else if line == "}" {
                if let Some((name, fields, _)) = open.take() {
                    found.insert(name, fields);
                }
            } else if let Some((_, fields, kebab)) = &mut open
                && let Some((name, kind)) = line.strip_prefix("pub ").and_then(|l| l.split_once(": "))
            {
                let key = if *kebab { name.replace('_', "-") } else { name.to_owned() };
                fields.push(Field { key, kind: kind.trim_end_matches(',').to_owned(), doc: doc.join(" ") });
            }
            doc.clear();
            is_kebab = false;
        }
        found
    }

    fn comment(out: &mut String, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.len() + 1 + word.len() > 100 {
                writeln!(out, "{line}").unwrap();
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        writeln!(out, "{line}").unwrap();
    }

    /// The rule in words, where the doc comment does not tell it.
    fn range(rule: Rule, doc: &str) -> String {
        match rule {
            Rule::Range(low, high) => format!(" From {low} to {high}."),
            Rule::OneOf(choices) if !choices.iter().all(|c| doc.contains(&c.to_string())) => {
                format!(" Must be {rule}.")
            }
            Rule::Word(words) if !words.iter().all(|w| doc.contains(w)) => format!(" Must be {rule}."),
            _ => String::new(),
        }
    }

    fn section(out: &mut String, all: &BTreeMap<String, Vec<Field>>, name: &str, path: &str, defaults: &toml::Table) {
        let fields = &all[name];
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let (sections, values): (Vec<_>, Vec<_>) =
            fields.iter().partition(|f| all.contains_key(&f.kind) || is_rows(&f.kind));
        for field in values {
            let path = join(&field.key);
            let rule = RULES.iter().find(|(known, _)| *known == path).unwrap_or_else(|| panic!("no rule for {path}")).1;
            comment(out, &format!("{}{}", field.doc, range(rule, &field.doc)));
            match defaults.get(&field.key) {
                Some(value) => writeln!(out, "{} = {value}", field.key).unwrap(),
                None => writeln!(out, "# {} = \"\"", field.key).unwrap(),
            }
        }
        for field in sections {
            let path = join(&field.key);
            match field.kind.as_str() {
                "FeeRows" => {
                    rows(out, &all["FeeRow"], &FEE_ROW, field, &path, defaults);
                    continue;
                }
                "Vec<SourceRow>" => {
                    rows(out, &all["SourceRow"], &SOURCE_ROW, field, &path, defaults);
                    continue;
                }
                _ => {}
            }
            let defaults = defaults[&field.key].as_table().expect("a section");
            out.push('\n');
            comment(out, &field.doc);
            writeln!(out, "[{path}]").unwrap();
            section(out, all, &field.kind, &path, defaults);
        }
    }

    fn is_rows(kind: &str) -> bool {
        matches!(kind, "FeeRows" | "Vec<SourceRow>")
    }

    /// A list of rows; the first says what their keys are.
    fn rows(
        out: &mut String,
        row: &[Field],
        rules: &[(&str, Rule, bool)],
        list: &Field,
        path: &str,
        defaults: &toml::Table,
    ) {
        for (number, values) in defaults[&list.key].as_array().expect("a list").iter().enumerate() {
            out.push('\n');
            if number == 0 {
                comment(out, &list.doc);
            }
            writeln!(out, "[[{path}]]").unwrap();
            for field in row {
                if number == 0 {
                    let rule = rules.iter().find(|(key, ..)| *key == field.key).expect("every key has a rule").1;
                    comment(out, &format!("{}{}", field.doc, range(rule, &field.doc)));
                }
                match values.get(&field.key) {
                    Some(value) => writeln!(out, "{} = {value}", field.key).unwrap(),
                    None if number == 0 => writeln!(out, "# {} = \"\"", field.key).unwrap(),
                    None => {}
                }
            }
        }
    }

    fn document() -> String {
        let all = SOURCES.into_iter().flat_map(structs).collect();
        let mut out = HEAD.to_owned();
        section(&mut out, &all, "Config", "", &toml::Table::try_from(Config::default()).unwrap());
        out
    }

    #[test]
    fn the_default_file_is_current() {
        assert!(
            document() == DEFAULT_FILE,
            "docs/tickerbox.default.toml is stale; make it anew with\n    \
             cargo test -p tickerbox --lib config::document::tests::write -- --ignored"
        );
    }

    #[test]
    fn the_default_file_says_the_defaults_and_every_key() {
        assert_eq!(Config::parse(DEFAULT_FILE).unwrap(), Config::default());
        for (path, _) in RULES.iter() {
            let key = path.rsplit('.').next().unwrap();
            assert!(
                DEFAULT_FILE.lines().any(|l| {
                    l.trim_start_matches("# ").starts_with(&format!("{key} = ")) || l == format!("[[{path}]]")
                }),
                "{path}"
            );
        }
    }

    #[test]
    #[ignore = "writes into the source tree"]
    fn write() {
        let path = "../docs/tickerbox.default.toml";
        std::fs::write(path, document()).unwrap();
    }
}
