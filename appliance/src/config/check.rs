//! From a TOML text to a configuration, with all of its problems at once.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use types::settings::EngineSettings;

use super::Config;
use super::rules::{RULES, Rule};
use super::suggest::nearest;

/// Largest configuration file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Keys that had another name once, and their present one. Entries stay for ever: an old file says what to change.
const RENAMED: &[(&str, &str)] = &[("engine.paper.fees", "engine.fees")];

/// One thing that is wrong with a configuration text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line it stands in, from 1.
    pub line: usize,
    /// Column of that line, in characters from 1.
    pub column: usize,
    /// Path of the key, `feeds.kraken.book_depth`; empty when the text is not TOML there.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "line {}, column {}: {}", self.line, self.column, self.what),
            path => write!(f, "line {}: {path}: {}", self.line, self.what),
        }
    }
}

/// Why a configuration was not taken. Shows one line for each problem.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {what}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The content is wrong.
    #[error("{}", show(path, problems))]
    Content {
        /// Which file.
        path: PathBuf,
        /// Everything that is wrong, in the order of the file.
        problems: Vec<Problem>,
    },
}

fn show(path: &Path, problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}: {problem}", path.display())).collect::<Vec<_>>().join("\n")
}

/// The text of a configuration file.
pub(super) fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |what: String| ConfigError::File { path: path.to_owned(), what };
    let meta = std::fs::metadata(path).map_err(|e| unreadable(format!("cannot be read: {e}")))?;
    if meta.is_dir() {
        return Err(unreadable("is a folder, not a configuration file".to_owned()));
    }
    if meta.len() > FILE_BYTES_MAX {
        return Err(unreadable(format!("larger than {} KiB: not a configuration file", FILE_BYTES_MAX >> 10)));
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(format!("cannot be read: {e}")))?;
    String::from_utf8(bytes)
        .map_err(|e| unreadable(format!("not a text file (byte {} is not UTF-8)", e.utf8_error().valid_up_to())))
}

impl Config {
    /// Reads a configuration file. What it does not say has its default.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        Self::parse(&text).map_err(|problems| ConfigError::Content { path: path.to_owned(), problems })
    }

    /// What is wrong with settings of the engine that were not read from a file, by the rules for files. Lines and columns mean
    /// nothing.
    #[must_use]
    pub fn check_engine(settings: &EngineSettings) -> Vec<Problem> {
        let engine = toml::Value::try_from(settings).expect("settings are made of TOML's types");
        let table = toml::Table::from_iter([("engine".to_owned(), engine)]);
        Self::parse(&table.to_string()).err().unwrap_or_default()
    }

    /// Reads a configuration text. What it does not say has its default.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the text; never empty.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut check = Check { text, renamed: RENAMED, problems: Vec::new() };
        for error in &errors {
            check.add(error.span().unwrap_or(0..0), String::new(), error.message().to_owned());
        }
        check.problems.dedup_by_key(|problem| problem.line);
        let broken: Vec<usize> = check.problems.iter().map(|problem| problem.line).collect();
        check.section("", table.get_ref());
        check.feeds(table.get_ref());
        let mut problems = check.problems;
        // What was guessed of a broken line is not worth another message.
        problems.retain(|problem| problem.path.is_empty() || !broken.contains(&problem.line));
        if problems.is_empty() {
            match assemble(text) {
                Ok(config) => return Ok(config),
                // The rules let something pass that the tree does not take: still a message, not a crash.
                Err(error) => {
                    problems.push(Problem {
                        line: 1,
                        column: 1,
                        path: String::new(),
                        what: error.message().to_owned(),
                    });
                }
            }
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(problems)
    }
}

/// Lays what the text says over the defaults.
fn assemble(text: &str) -> Result<Config, toml::de::Error> {
    let mut all = toml::Table::try_from(Config::default()).expect("the configuration is made of TOML's types");
    overlay(&mut all, text.parse()?);
    all.try_into()
}

/// Lays one table over another: sections key by key, all else as a whole.
pub(super) fn overlay(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => overlay(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

struct Check<'t> {
    text: &'t str,
    renamed: &'t [(&'t str, &'t str)],
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn add(&mut self, span: Range<usize>, path: String, what: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        // A message is one line, whatever was quoted in it.
        let what = what.trim().replace('\n', ", ");
        self.problems.push(Problem { line, column, path, what });
    }

    fn section(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            if let Some((_, now)) = self.renamed.iter().find(|(old, _)| *old == path) {
                self.add(key.span(), path, format!("is called {now} now"));
            } else if let Some((_, rule)) = RULES.iter().find(|(known, _)| *known == path) {
                self.value(path, *rule, value);
            } else if children(&path).next().is_some() {
                match value.get_ref() {
                    DeValue::Table(table) => self.section(&path, table),
                    other => {
                        self.add(value.span(), path, format!("is a section, not a value of type {}", other.type_str()));
                    }
                }
            } else {
                let what = unknown(prefix, key.get_ref());
                self.add(key.span(), path, what);
            }
        }
    }

    fn value(&mut self, path: String, rule: Rule, value: &Spanned<DeValue<'_>>) {
        // Where the text is broken the parser puts in a value that has no place.
        if value.span().is_empty() {
            return;
        }
        if let Err(what) = rule.check(value.get_ref()) {
            self.add(value.span(), path, what);
        }
    }

    /// A venue that is watched needs something to watch.
    fn feeds(&mut self, table: &DeTable<'_>) {
        let Some(DeValue::Table(feeds)) = table.get("feeds").map(Spanned::get_ref) else { return };
        for (venue, section) in feeds {
            let DeValue::Table(section) = section.get_ref() else { continue };
            let is_off = section.get("enabled").is_some_and(|v| v.get_ref().as_bool() == Some(false));
            if let Some(symbols) = section.get("symbols")
                && !is_off
                && symbols.get_ref().as_array().is_some_and(|s| s.is_empty())
            {
                let path = format!("feeds.{}.symbols", venue.get_ref());
                self.add(symbols.span(), path, "is empty: name a symbol, or set enabled = false".to_owned());
            }
        }
    }
}

/// Names of the keys and sections directly in a section.
fn children(prefix: &str) -> impl Iterator<Item = &'static str> {
    RULES.iter().filter_map(move |(path, _)| {
        let path = path.as_str();
        let rest = if prefix.is_empty() { path } else { path.strip_prefix(prefix)?.strip_prefix('.')? };
        rest.split('.').next()
    })
}

/// What is wrong with a key that no rule knows.
pub(super) fn unknown(prefix: &str, key: &str) -> String {
    if let Some(near) = nearest(key, children(prefix)) {
        return format!("unknown key; did you mean {near}?");
    }
    let elsewhere = RULES.iter().find(|(path, _)| path.rsplit('.').next() == Some(key));
    match elsewhere {
        Some((path, _)) => format!("unknown key here; there is {path}"),
        None => "unknown key".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use types::Ppm;
    use types::fee::{FeeRow, FeeRows};
    use types::settings::Rule as SignalRule;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = Config::parse(text).err().unwrap_or_default().iter().map(Problem::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        let text = "[feeds.kraken]\nbook_depth = 10\n[model]\nbundle = \"m.tbx\"\n[[engine.fees.kraken]]\nvalid_from = \"2026-02-01\"\nmaker_ppm = 1600\ntaker_ppm = 2600";
        let config = Config::parse(text).unwrap();
        let mut expected = Config::default();
        expected.feeds.kraken.book_depth = 10;
        expected.engine.fees.kraken = FeeRows::try_from(vec![FeeRow {
            volume_min: 0,
            valid_from: "2026-02-01".parse().unwrap(),
            maker_ppm: Ppm(1_600),
            taker_ppm: Ppm(2_600),
            confirmed: false,
            source: String::new(),
        }])
        .unwrap();
        expected.model.bundle = Some(PathBuf::from("m.tbx"));
        assert_eq!(config, expected);
        assert_eq!(Config::parse("engine.signal.rule = \"off\"").unwrap().engine.signal.rule, SignalRule::Off);
    }

    #[test]
    fn settings_that_were_not_read_are_held_against_the_same_rules() {
        let mut settings = EngineSettings::default();
        assert_eq!(Config::check_engine(&settings), []);
        settings.signal.size_ppm = 2_000_000;
        settings.signal.rule = SignalRule::Hold;
        let found: Vec<String> = Config::check_engine(&settings).into_iter().map(|problem| problem.path).collect();
        assert_eq!(found, ["engine.signal.rule", "engine.signal.size_ppm"]);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        check(
            "[server]\nlisten = 8080\nlisen = \"127.0.0.1:80\"\n\n[feeds.kraken]\nbook_depth = 7\n",
            &[
                "line 2: server.listen: must be a text such as \"127.0.0.1:8080\", not an integer",
                "line 3: server.lisen: unknown key; did you mean listen?",
                "line 6: feeds.kraken.book_depth: 7 is not one of 10, 25, 100, 500, 1000",
            ],
        );
    }

    #[test]
    fn each_kind_of_mistake_has_its_sentence() {
        check("[store]\nblock_interval_s = 0", &["line 2: store.block_interval_s: 0 is not in 1 to 60"]);
        check(
            "store.block_interval_s = 99999999999999999999",
            &["line 1: store.block_interval_s: 99999999999999999999 is too large"],
        );
        check("store.data_dir = ''", &["line 1: store.data_dir: is empty"]);
        check("store = 5", &["line 1: store: is a section, not a value of type integer"]);
        for bad in ["ftp://host/file", "https://host", "/file", "https://", ""] {
            let told = format!("line 1: update.url: {bad:?} is not an address of a file such as https://host/file");
            check(&format!("update.url = {bad:?}"), &[&told]);
        }
        check("model.enabled = 'yes'", &["line 1: model.enabled: must be true or false, not a string"]);
        check(
            "server.listen = '8080'",
            &["line 1: server.listen: \"8080\" is not an address and port such as 127.0.0.1:8080"],
        );
        check(
            "server.allowed_hosts = ['http://x']",
            &["line 1: server.allowed_hosts: \"http://x\" is not a host name such as box.example.org"],
        );
        check(
            "engine.signal.rule = 'on'",
            &["line 1: engine.signal.rule: \"on\" is not one of off, forecast, reversion, policy"],
        );
        check(
            "feeds.kraken.ws_base = 'https://x'",
            &["line 1: feeds.kraken.ws_base: \"https://x\" is not an address such as wss://host, without a path"],
        );
        check(
            "feeds.kraken.symbols = ['btc']",
            &["line 1: feeds.kraken.symbols: \"btc\" is not a venue's symbol such as BTC/USD or BTCUSDT"],
        );
        check(
            "feeds.kraken.symbols = ['A', 5]",
            &["line 1: feeds.kraken.symbols: must be a list of texts, not an integer"],
        );
        check("feeds.kraken.symbols = ['A', 'B', 'A']", &["line 1: feeds.kraken.symbols: \"A\" stands there twice"]);
        check(
            "[feeds.kraken]\nsymbols = []",
            &["line 2: feeds.kraken.symbols: is empty: name a symbol, or set enabled = false"],
        );
        check("[feeds.kraken]\nenabled = false\nsymbols = []", &[]);
        check("[feeds.krakn]\nenabled = true", &["line 1: feeds.krakn: unknown key; did you mean kraken?"]);
        check("network.proxy = 'ftp://x'", &["line 1: network.proxy: ftp is not spoken; spoken are http and socks5"]);
        check(
            "export.bucket = 'lake'",
            &["line 1: export.bucket: \"lake\" is not an address such as s3://bucket/folder or gs://bucket/folder"],
        );
        check(
            "kafka.brokers = ['lan']",
            &["line 1: kafka.brokers: \"lan\" is not a host and port such as kafka.lan:9092"],
        );
        check(
            "notify.quiet_from = '25:00'",
            &["line 1: notify.quiet_from: `25:00` is not a time of the day such as 22:30"],
        );
        check(
            "notify.time_zone = 'Berlin'",
            &["line 1: notify.time_zone: `Berlin` is no time zone: use an IANA name such as Europe/Berlin, or UTC"],
        );
        check(
            "notify.mail.to = ['me@x.org, you']",
            &["line 1: notify.mail.to: \"me@x.org, you\" is not an address such as me@example.org"],
        );
        check(
            "notify.link = 'box'",
            &["line 1: notify.link: \"box\" is not an address such as http://tickerbox.local"],
        );
        // What is wrong with a secret is told without it.
        check(
            "notify.discord.webhook = 'https://discord.com/SECRET'",
            &[
                "line 1: notify.discord.webhook: webhook: not an address such as https://discord.com/api/webhooks/ID/TOKEN",
            ],
        );
        check("notify.telegram.token = ''", &["line 1: notify.telegram.token: is empty"]);
        check("feeds.kucoin.limits.pause_s = 0", &["line 1: feeds.kucoin.limits.pause_s: 0 is not in 1 to 3600"]);
        check("[store]\nlisten = 'x'", &["line 2: store.listen: unknown key here; there is server.listen"]);
        check("zzz = 1", &["line 1: zzz: unknown key"]);
        check(
            "log.level = 'a=b=c'",
            &[
                "line 1: log.level: \"a=b=c\" is not a log level such as info, or directives such as tickerbox=debug,warn",
            ],
        );
    }

    #[test]
    fn a_row_of_fees_is_told_with_its_number() {
        let check_rows = |rows: &str, what: &str| {
            check(&format!("engine.fees.kraken = {rows}"), &[&format!("line 1: engine.fees.kraken: {what}")]);
        };
        let row = |date: &str| format!("{{ valid_from = '{date}', maker_ppm = 1, taker_ppm = 2 }}");
        check(&format!("engine.fees.kraken = [{}, {}]", row("2025-11-01"), row("2026-01-01")), &[]);
        check_rows("[]", "has 0 rows: must be 1 to 100");
        check_rows("5", "must be a list of rows by date, and of one date by volume, not an integer");
        check_rows("[5]", "must be a list of rows by date, and of one date by volume, not an integer");
        check_rows(
            &format!("[{}]", row("2025-02-30")),
            "row 1: valid_from: \"2025-02-30\" is not a date such as 2025-11-01",
        );
        check_rows(
            &format!("[{}, {}]", row("2026-01-01"), row("2026-01-01")),
            "row 2: volume_min: 0 is not more than in the row before it, which is of the same date",
        );
        check_rows(
            &format!("[{}, {}]", row("2026-01-01"), row("2025-01-01")),
            "row 2: valid_from: 2025-01-01 is earlier than the row before it",
        );
        let tier = |volume: i64| row("2026-01-01").replace(" }", &format!(", volume_min = {volume} }}"));
        check(&format!("engine.fees.kraken = [{}, {}]", row("2026-01-01"), tier(10_000)), &[]);
        check_rows(
            &format!("[{}]", tier(10_000)),
            "row 1: volume_min: must be 0 in the first row of a date, for everybody",
        );
        check_rows("[{ valid_from = '2025-11-01', maker_ppm = 1 }]", "row 1: taker_ppm is missing");
        check_rows(
            "[{ valid_from = '2025-11-01', maker_ppm = 1, taker_ppm = 100001 }]",
            "row 1: taker_ppm: 100001 is not in 0 to 100000",
        );
        check_rows("[{ taker_pm = 1 }]", "row 1: taker_pm: unknown key; did you mean taker_ppm?");
        check("engine.paper.fees.kraken.taker_ppm = 1", &["line 1: engine.paper.fees: is called engine.fees now"]);
    }

    #[test]
    fn broken_toml_is_told_with_line_and_column() {
        check(
            "[server]\nlisten = = 3\n\n[stor]\n",
            &["line 2, column 10: extra `=`, expected nothing", "line 4: stor: unknown key; did you mean store?"],
        );
        assert!(Config::parse("[server\n").is_err());
        assert!(Config::parse("[server]\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'").is_err());
        assert!(Config::parse("\"\"\"").is_err());
    }

    #[test]
    fn a_renamed_key_tells_its_new_name() {
        let text = "[store]\nfolder = 'x'\n";
        let (table, errors) = DeTable::parse_recoverable(text);
        assert!(errors.is_empty());
        let mut check = Check { text, renamed: &[("store.folder", "store.data_dir")], problems: Vec::new() };
        check.section("", table.get_ref());
        assert_eq!(check.problems[0].to_string(), "line 2: store.folder: is called store.data_dir now");
        for (old, now) in RENAMED {
            let is_now = |path: &str| path == *now || path.strip_prefix(now).is_some_and(|rest| rest.starts_with('.'));
            assert!(RULES.iter().any(|(path, _)| is_now(path)), "{now} is no key or section");
            assert!(!RULES.iter().any(|(path, _)| path == old), "{old} is a key again");
        }
    }

    #[test]
    fn every_key_of_the_tree_has_a_rule_that_takes_its_default() {
        fn leaves(table: &toml::Table, prefix: &str, into: &mut BTreeSet<String>) {
            for (key, value) in table {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                match value {
                    toml::Value::Table(table) => leaves(table, &path, into),
                    _ => drop(into.insert(path)),
                }
            }
        }
        let mut whole = Config::default();
        whole.model.bundle = Some(PathBuf::from("bundle"));
        whole.network.proxy = Some("http://proxy.lan:3128".to_owned());
        whole.network.ca_file = Some(PathBuf::from("ca.pem"));
        whole.store.backup_dir = Some(PathBuf::from("/mnt/disk"));
        whole.panel.chip = Some(PathBuf::from("/dev/gpiochip0"));
        whole.panel.shutdown_file = Some(PathBuf::from("/run/tickerbox/shutdown"));
        whole.update.url = Some("https://pc.lan/tickerbox-aarch64.tbu".to_owned());
        whole.export = crate::config::ExportSection {
            dir: Some(PathBuf::from("/mnt/lake")),
            bucket: Some("s3://lake/box".to_owned()),
            endpoint: Some("https://minio.lan:9000".to_owned()),
            region: Some("eu-central-1".to_owned()),
            credentials_file: Some(PathBuf::from("keys")),
            ..whole.export
        };
        let notify = "quiet_from = '22:30'\nquiet_to = '07:00'\nlink = 'http://box.local/'\n\
            discord = {webhook = 'https://discord.com/api/webhooks/1/t', webhook_file = 'a'}\n\
            webhook = {url = 'https://x.org/', secret = 's', secret_file = 'b'}\n\
            ntfy = {topic = 't', user = 'u', token = 'tk', token_file = 'c'}\n\
            telegram = {token = '1:a', token_file = 'd', chat = '5'}\n\
            mail = {host = 'x.org', user = 'u', password = 'p', password_file = 'e', from = 'a@x.org', to = ['b@x.org']}";
        whole.notify = toml::from_str(notify).unwrap();
        whole.news.finbert.dir = Some(PathBuf::from("finbert"));
        let text = toml::to_string(&whole).unwrap();
        let mut keys = BTreeSet::new();
        leaves(&text.parse().unwrap(), "", &mut keys);
        let rules: BTreeSet<String> = RULES.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(keys, rules);
        assert_eq!(Config::parse(&text).unwrap(), whole);
    }

    #[test]
    fn files_that_are_no_configuration_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let message = |bytes: &[u8]| {
            let path = dir.path().join("box.toml");
            std::fs::write(&path, bytes).unwrap();
            Config::load(&path).unwrap_err().to_string()
        };
        assert!(message(b"\xff\xfe").contains("box.toml: not a text file (byte 0 is not UTF-8)"));
        assert!(message(&vec![b'#'; 2 << 20]).contains("larger than 1024 KiB"));
        assert_eq!(message(b"a = 1\nb = 2").lines().count(), 2);
        assert!(message(b"a = 1").contains("box.toml: line 1: a: unknown key"));
        assert!(Config::load(dir.path()).unwrap_err().to_string().contains("is a folder"));
        assert!(Config::load(&dir.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
    }
}
