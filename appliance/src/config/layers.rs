//! What a configuration is made of: defaults, the file that the box was started with, and the changes made on the box itself, which lie in
//! `settings.toml` in the data folder. What is above counts.
//!
//! A box at home has to come up: changes that cannot be used (the file is damaged, or an update has other rules) are left out as a whole,
//! and told loudly. Parts of them might do something that nobody asked for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::Table;
use wire::api::{SettingProblem, SettingSource, SettingValue};

use super::check::{overlay, read_text, unknown};
use super::rules::RULES;
use super::{Config, ConfigError, Problem};
use crate::access::write_private;
use crate::log::without_secrets;

/// The file of changes, in the data folder.
pub(crate) const CHANGES_FILE: &str = "settings.toml";
const HEAD: &str = "# Settings that were changed on the box itself. They count instead of those of the configuration file. The box writes this file\n\
                    # anew with each change: keys stay, comments do not.\n\n";
/// The file of changes lies there.
const DATA_DIR: &str = "store.data_dir";

/// What a configuration is made of.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The file that the box was started with.
    pub(crate) file: Option<PathBuf>,
    /// What it says.
    base: Table,
    /// The file of changes.
    changes_file: PathBuf,
    /// What it says; empty when it cannot be used.
    changes: Table,
    /// Why it cannot be used; empty while it can.
    trouble: String,
    /// Keys that the start has decided, and how: no file says otherwise.
    fixed: BTreeMap<String, String>,
}

impl Layers {
    /// Reads the configuration file, or takes `base` where there is none, and the changes of the data folder, which is `data_dir` or what the
    /// configuration says. Gives what it comes to.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is wrong with the configuration file. Changes that cannot be used are left out; see
    /// [`trouble`](Self::trouble).
    pub fn load(file: Option<&Path>, base: Table, data_dir: Option<&Path>) -> Result<(Self, Config), ConfigError> {
        let (base, config) = match file {
            Some(path) => {
                let text = read_text(path)?;
                let config = Config::parse(&text)
                    .map_err(|problems| ConfigError::Content { path: path.to_owned(), problems })?;
                (text.parse().expect("the check has read it"), config)
            }
            None => {
                let config = Config::parse(&base.to_string()).expect("what the program sets obeys its rules");
                (base, config)
            }
        };
        let changes_file = data_dir.unwrap_or(&config.store.data_dir).join(CHANGES_FILE);
        let mut layers = Self { file: file.map(Path::to_owned), base, changes_file, ..Self::default() };
        match layers.read_changes() {
            Ok(None) => Ok((layers, config)),
            Ok(Some((changes, config))) => {
                layers.changes = changes;
                Ok((layers, config))
            }
            Err(error) => {
                layers.trouble = without_secrets(&error.to_string());
                Ok((layers, config))
            }
        }
    }

    /// Why the changes are left out; empty while all is well.
    #[must_use]
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    /// Reads the changes again.
    ///
    /// # Errors
    /// [`ConfigError`] with all that is wrong with them.
    pub fn check_changes(&self) -> Result<(), ConfigError> {
        self.read_changes().map(drop)
    }

    /// The start decides a key; `how` is for the user.
    pub(crate) fn fix(&mut self, key: impl Into<String>, how: &str) {
        self.fixed.insert(key.into(), how.to_owned());
    }

    /// Why a key cannot be changed by the file of changes; `None` where it can.
    pub(crate) fn fixed(&self, key: &str) -> Option<&str> {
        match self.fixed.get(key) {
            Some(how) => Some(how),
            None if key == DATA_DIR => Some("the changes themselves lie there: set it in the configuration file"),
            None => None,
        }
    }

    /// Whether the start has decided a key.
    pub(crate) fn is_decided(&self, key: &str) -> bool {
        self.fixed.contains_key(key)
    }

    pub(crate) fn changes_file(&self) -> &Path {
        &self.changes_file
    }

    /// The value of the changes.
    pub(crate) fn changed(&self, key: &str) -> Option<&toml::Value> {
        find(&self.changes, key)
    }

    /// Where a key's value comes from.
    pub(crate) fn source(&self, key: &str) -> SettingSource {
        if self.is_decided(key) {
            SettingSource::Start
        } else if find(&self.changes, key).is_some() {
            SettingSource::Changes
        } else if find(&self.base, key).is_some() {
            SettingSource::File
        } else {
            SettingSource::Default
        }
    }

    /// What all layers come to, without what the start decides.
    pub(crate) fn merged(&self) -> Config {
        self.over(&self.changes).expect("checked when it was read or stored")
    }

    /// The same layers with other changes.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn with(&self, changes: &BTreeMap<String, Option<SettingValue>>) -> Result<Self, Vec<SettingProblem>> {
        let mut table = self.changes.clone();
        let mut problems = Vec::new();
        for (key, value) in changes {
            let mut refuse = |problem: String| problems.push(SettingProblem { key: key.clone(), problem });
            if !RULES.iter().any(|(known, _)| known == key) {
                let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
                refuse(unknown(section, name));
            } else if let Some(why) = self.fixed(key).filter(|_| value.is_some()) {
                refuse(format!("cannot be changed here: {why}"));
            } else if matches!(value, Some(SettingValue::Text(text)) if text.contains("://***@")) {
                refuse("holds *** in place of a name and password: tell it whole".to_owned());
            } else {
                set(&mut table, key, value.as_ref().map(to_toml));
            }
        }
        if let Err(found) = self.over(&table) {
            problems.extend(
                found.into_iter().map(|Problem { path, what, .. }| SettingProblem { key: path, problem: what }),
            );
        }
        if problems.is_empty() {
            Ok(Self { changes: table, trouble: String::new(), ..self.clone() })
        } else {
            Err(problems)
        }
    }

    /// Writes the changes, whole or not at all. A file that could not be used is kept beside it, as `settings.toml.damaged`.
    ///
    /// # Errors
    /// When the card does not take it; the file is as before then.
    pub(crate) fn store(&self, was_damaged: bool) -> io::Result<()> {
        let path = &self.changes_file;
        if was_damaged {
            fs::copy(path, path.with_extension("toml.damaged"))?;
        }
        // It may hold the password of a proxy.
        let folder = path.parent().unwrap_or(Path::new("."));
        write_private(folder, CHANGES_FILE, format!("{HEAD}{}", self.changes).as_bytes())
    }

    /// The file of changes and what the configuration comes to with it; `None` where there is no such file.
    fn read_changes(&self) -> Result<Option<(Table, Config)>, ConfigError> {
        let path = &self.changes_file;
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let text = read_text(path)?;
        let wrong = |problems: Vec<Problem>| ConfigError::Content { path: path.clone(), problems };
        // Lines are told of what is wrong by itself.
        let alone = || wrong(Config::parse(&text).err().unwrap_or_default());
        let Ok(changes) = text.parse::<Table>() else { return Err(alone()) };
        if find(&changes, DATA_DIR).is_some() {
            let what = "cannot be set here: the file itself lies there".to_owned();
            return Err(wrong(vec![Problem { line: 1, column: 1, path: DATA_DIR.to_owned(), what }]));
        }
        match self.over(&changes) {
            Ok(config) => Ok(Some((changes, config))),
            Err(together) => match alone() {
                ConfigError::Content { problems, .. } if problems.is_empty() => Err(wrong(together)),
                alone => Err(alone),
            },
        }
    }

    fn over(&self, changes: &Table) -> Result<Config, Vec<Problem>> {
        let mut all = self.base.clone();
        overlay(&mut all, changes.clone());
        Config::parse(&all.to_string())
    }
}

/// The value at a path.
pub(crate) fn find<'t>(table: &'t Table, path: &str) -> Option<&'t toml::Value> {
    match path.split_once('.') {
        Some((section, rest)) => find(table.get(section)?.as_table()?, rest),
        None => table.get(path),
    }
}

/// Puts a value at a path, or takes it and the sections that it leaves empty away.
fn set(table: &mut Table, path: &str, value: Option<toml::Value>) {
    let Some((section, rest)) = path.split_once('.') else {
        match value {
            Some(value) => drop(table.insert(path.to_owned(), value)),
            None => drop(table.remove(path)),
        }
        return;
    };
    if value.is_none() && !table.contains_key(section) {
        return;
    }
    let below = table.entry(section).or_insert_with(|| Table::new().into());
    if let toml::Value::Table(below) = below {
        set(below, rest, value);
        if below.is_empty() {
            table.remove(section);
        }
    }
}

/// As the wire has it. The configuration holds no floats and no dates of TOML's own.
pub(crate) fn from_toml(value: &toml::Value) -> SettingValue {
    match value {
        toml::Value::Boolean(value) => SettingValue::Switch(*value),
        toml::Value::Integer(value) => SettingValue::Number(*value),
        toml::Value::String(value) => SettingValue::Text(value.clone()),
        toml::Value::Array(values) => SettingValue::List(values.iter().map(from_toml).collect()),
        toml::Value::Table(values) => {
            SettingValue::Table(values.iter().map(|(key, value)| (key.clone(), from_toml(value))).collect())
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) => SettingValue::Text(value.to_string()),
    }
}

fn to_toml(value: &SettingValue) -> toml::Value {
    match value {
        SettingValue::Switch(value) => (*value).into(),
        SettingValue::Number(value) => (*value).into(),
        SettingValue::Text(value) => value.clone().into(),
        SettingValue::List(values) => toml::Value::Array(values.iter().map(to_toml).collect()),
        SettingValue::Table(values) => {
            toml::Value::Table(values.iter().map(|(key, value)| (key.clone(), to_toml(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str) -> BTreeMap<String, Option<SettingValue>> {
        serde_json::from_str(text).unwrap()
    }

    #[track_caller]
    fn refused(layers: &Layers, text: &str, expected: &[(&str, &str)]) {
        let problems = layers.with(&changes(text)).unwrap_err();
        let told: Vec<(&str, &str)> = problems.iter().map(|it| (it.key.as_str(), it.problem.as_str())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn changes_lie_over_the_file_and_the_file_over_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tickerbox.toml");
        fs::write(
            &file,
            "[engine.risk]\nstop_loss_ppm = 1000\ntake_profit_ppm = 2000\n[feeds.kucoin]\nenabled = false\n",
        )
        .unwrap();
        let load = || Layers::load(Some(&file), Table::new(), Some(dir.path())).unwrap();
        let (layers, config) = load();
        assert_eq!(
            (config.engine.risk.stop_loss_ppm, layers.source("engine.risk.stop_loss_ppm")),
            (1_000, SettingSource::File)
        );
        let wanted = r#"{"engine.risk.stop_loss_ppm": 3000, "engine.signal.rule": "off", "feeds.kucoin.symbols": [],
            "engine.rivals": [{"name": "slow", "signal": {"horizon_min": 10}}]}"#;
        let changed = layers.with(&changes(wanted)).unwrap();
        changed.store(false).unwrap();
        let (layers, config) = load();
        assert_eq!(layers.trouble(), "");
        assert_eq!(config, changed.merged());
        assert_eq!((config.engine.risk.stop_loss_ppm, config.engine.risk.take_profit_ppm), (3_000, 2_000));
        assert_eq!(config.engine.rivals[0].name, "slow");
        assert!(config.feeds.kucoin.symbols.is_empty(), "the file has switched it off");
        let sources = ["engine.signal.rule", "engine.risk.take_profit_ppm", "log.level"].map(|key| layers.source(key));
        assert_eq!(sources, [SettingSource::Changes, SettingSource::File, SettingSource::Default]);
        let back =
            layers.with(&changes(r#"{"engine.risk.stop_loss_ppm": null, "engine.rivals": null, "log.level": null}"#));
        let back = back.unwrap();
        back.store(false).unwrap();
        let (layers, config) = load();
        assert_eq!(
            (config.engine.risk.stop_loss_ppm, layers.changed("engine.signal.rule")),
            (1_000, Some(&"off".into()))
        );
        assert!(!fs::read_to_string(layers.changes_file()).unwrap().contains("risk"), "no empty sections");
    }

    #[test]
    fn all_that_is_wrong_with_changes_is_told_at_once_by_key() {
        let dir = tempfile::tempdir().unwrap();
        let (mut layers, _) = Layers::load(None, Table::new(), Some(dir.path())).unwrap();
        layers.fix("server.listen", "it was given with --listen");
        refused(
            &layers,
            r#"{"engine.risk.stop_loss_ppm": 0, "engine.risk.stop_los_ppm": 5, "engine.signal.rule": 7, "feeds.kraken.symbols": [],
                "network.proxy": "http://***@proxy.lan:3128", "server.listen": "0.0.0.0:80", "store.data_dir": "x", "x": true}"#,
            &[
                ("engine.risk.stop_los_ppm", "unknown key; did you mean stop_loss_ppm?"),
                ("network.proxy", "holds *** in place of a name and password: tell it whole"),
                ("server.listen", "cannot be changed here: it was given with --listen"),
                (
                    "store.data_dir",
                    "cannot be changed here: the changes themselves lie there: set it in the configuration file",
                ),
                ("x", "unknown key"),
                ("engine.risk.stop_loss_ppm", "0 is not in 1 to 1000000"),
                ("engine.signal.rule", "must be one of off, forecast, reversion, policy, not an integer"),
                ("feeds.kraken.symbols", "is empty: name a symbol, or set enabled = false"),
            ],
        );
    }

    #[test]
    fn changes_that_cannot_be_used_are_left_out_as_a_whole_and_kept_beside_the_next_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CHANGES_FILE);
        let load = || Layers::load(None, Table::new(), Some(dir.path())).unwrap();
        for (text, parts) in [
            (
                "[engine.risk]\nstop_loss_ppm = 5\nstop_los_ppm = 5\n",
                ["settings.toml: line 3: engine.risk.stop_los_ppm: unknown key", ""],
            ),
            ("[engine.risk\n", ["settings.toml: line 1", ""]),
            ("store.data_dir = 'x'", ["store.data_dir: cannot be set here", ""]),
            ("network.proxy = 'ftp://me:pa55@x'", ["network.proxy: ftp is not spoken", ""]),
            ("feeds.kraken.rest_base = 'https://me:pa55@x'", ["https://***@x", "feeds.kraken.rest_base"]),
        ] {
            fs::write(&path, text).unwrap();
            let (layers, config) = load();
            assert_eq!(config, Config::default(), "{text}");
            assert!(parts.iter().all(|part| layers.trouble().contains(part)), "{}", layers.trouble());
            assert!(!layers.trouble().contains("pa55"), "{}", layers.trouble());
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(load().0.trouble().contains("not a text file"));
        let (layers, _) = load();
        layers.with(&changes(r#"{"log.level": "debug"}"#)).unwrap().store(true).unwrap();
        assert_eq!((load().0.trouble(), load().1.log.level.as_str()), ("", "debug"));
        assert_eq!(fs::read(path.with_extension("toml.damaged")).unwrap(), [0xff, 0xfe]);
    }
}
