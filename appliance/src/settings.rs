//! The settings as the dashboard shows and changes them: what the box runs with, and what it will run with after a restart.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use toml::Table;
use wire::api::{Setting, SettingProblem, SettingSection, SettingValue, Settings};

use crate::config::{Config, Described, FeedsSection, Layers, PageSection, find, from_toml, is_secret, kind_and_words};
use crate::log::without_secrets;

/// The dashboard asks for these anew each time; each other part of the box takes its settings at its start.
const AT_ONCE: &str = "page.";
/// Keys that may hold a name and a password.
const SECRET: [&str; 1] = ["network.proxy"];
/// What is shown of values that are secrets as a whole.
const STARS: &str = "***";

/// Shared by the dashboard and `/healthz`.
pub(crate) struct Desk {
    described: Described,
    defaults: Table,
    /// What the box runs with.
    running: Table,
    layers: Mutex<Layers>,
    can_restart: bool,
}

/// Why changes were not stored.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// They are wrong.
    Wrong(Vec<SettingProblem>),
    /// The card does not take them.
    Failed(std::io::Error),
}

impl Desk {
    /// Of a box that runs with `config`, which `layers` and the start came to.
    pub(crate) fn new(config: &Config, layers: Layers, can_restart: bool) -> Self {
        Self {
            described: Described::built_in(),
            defaults: table(&Config::default()),
            running: table(config),
            layers: Mutex::new(layers),
            can_restart,
        }
    }

    /// Why the box runs without the file of changes; empty while all is well.
    pub(crate) fn error(&self) -> String {
        self.lock().trouble().to_owned()
    }

    pub(crate) fn can_restart(&self) -> bool {
        self.can_restart
    }

    pub(crate) fn shown(&self) -> Settings {
        let layers = self.lock();
        let coming = table(&layers.merged());
        let settings: Vec<(Setting, bool)> =
            self.described.keys.iter().map(|help| self.setting(&layers, &coming, &help.path, &help.text)).collect();
        let restart_needed = settings.iter().any(|(_, waits)| *waits);
        let sections = self.described.sections.iter();
        Settings {
            sections: sections.map(|it| SettingSection { name: it.path.clone(), help: it.text.clone() }).collect(),
            settings: settings.into_iter().map(|(setting, _)| setting).collect(),
            config_file: layers.file.as_ref().map(|path| path.display().to_string()),
            changes_file: layers.changes_file().display().to_string(),
            error: layers.trouble().to_owned(),
            restart_needed,
            can_restart: self.can_restart,
        }
    }

    /// A key, and whether it waits for a restart.
    fn setting(&self, layers: &Layers, coming: &Table, key: &str, help: &str) -> (Setting, bool) {
        let whole = is_secret(key);
        let secret = whole || SECRET.contains(&key);
        let shown = |value: Option<&toml::Value>| {
            value.map(from_toml).map(|value| match value {
                SettingValue::Text(_) if whole => SettingValue::Text(STARS.to_owned()),
                SettingValue::Text(text) if secret => SettingValue::Text(without_secrets(&text)),
                value => value,
            })
        };
        let (value, next) = (find(&self.running, key), find(coming, key));
        let next = if layers.is_decided(key) { value } else { next };
        let needs_restart = !key.starts_with(AT_ONCE);
        let value = if needs_restart { value } else { next };
        let (kind, must_be) = kind_and_words(key).expect("the default file tells of keys that have a rule");
        let setting = Setting {
            key: key.to_owned(),
            section: key.rsplit_once('.').map_or("", |(section, _)| section).to_owned(),
            help: help.to_owned(),
            kind,
            must_be,
            default: shown(find(&self.defaults, key)),
            value: shown(value),
            next: shown(next),
            changed: shown(layers.changed(key)),
            source: layers.source(key),
            secret,
            needs_restart,
            fixed: layers.fixed(key).unwrap_or_default().to_owned(),
        };
        (setting, value != next)
    }

    /// What the dashboard looks like.
    pub(crate) fn page(&self) -> PageSection {
        self.lock().merged().page
    }

    /// The venues as they will be watched after the next start, but for what the start decides; and why a key cannot be changed.
    pub(crate) fn feeds(&self) -> (FeedsSection, impl Fn(&str) -> String + use<>) {
        let layers = self.lock().clone();
        (layers.merged().feeds, move |key: &str| layers.fixed(key).unwrap_or_default().to_owned())
    }

    /// Stores changes, all or none.
    pub(crate) fn change(&self, changes: &BTreeMap<String, Option<SettingValue>>) -> Result<(), NotStored> {
        let mut layers = self.lock();
        let changed = layers.with(changes).map_err(NotStored::Wrong)?;
        changed.store(!layers.trouble().is_empty()).map_err(NotStored::Failed)?;
        *layers = changed;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Layers> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table(config: &Config) -> Table {
    Table::try_from(config).expect("the configuration is made of TOML's types")
}

#[cfg(test)]
mod tests {
    use wire::api::{SettingKind, SettingSource};

    use super::*;

    fn of<'s>(settings: &'s Settings, key: &str) -> &'s Setting {
        settings.settings.iter().find(|setting| setting.key == key).unwrap()
    }

    #[test]
    fn a_setting_tells_what_it_is_what_it_was_and_what_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        let base: Table = "network.proxy = 'http://me:pa55@proxy.lan:3128'".parse().unwrap();
        let (mut layers, mut config) = Layers::load(None, base, Some(dir.path())).unwrap();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        layers.fix("server.listen", "given with --listen");
        let desk = Desk::new(&config, layers, true);
        let before = desk.shown();
        assert!(!before.restart_needed && before.can_restart && before.error.is_empty());
        let proxy = of(&before, "network.proxy");
        assert_eq!(proxy.value, Some(SettingValue::Text("http://***@proxy.lan:3128".to_owned())));
        assert_eq!((proxy.secret, proxy.source, proxy.default.clone()), (true, SettingSource::File, None));
        let listen = of(&before, "server.listen");
        assert_eq!((listen.fixed.as_str(), listen.source), ("given with --listen", SettingSource::Start));
        assert_eq!(listen.next, Some(SettingValue::Text("127.0.0.1:0".to_owned())));

        let key = "engine.risk.daily_loss_max_ppm".to_owned();
        desk.change(&BTreeMap::from([(key.clone(), Some(SettingValue::Number(40_000)))])).unwrap();
        let after = desk.shown();
        let limit = of(&after, &key);
        assert!(after.restart_needed);
        let number = |n| Some(SettingValue::Number(n));
        assert_eq!((&limit.default, &limit.value, &limit.next), (&number(50_000), &number(50_000), &number(40_000)));
        assert_eq!((limit.source, limit.section.as_str()), (SettingSource::Changes, "engine.risk"));
        assert_eq!(limit.kind, SettingKind::Number { min: 1, max: 1_000_000 });
        assert_eq!(limit.must_be, "a whole number from 1 to 1000000");
        let webhook = "notify.discord.webhook".to_owned();
        let text = |text: &str| Some(SettingValue::Text(text.to_owned()));
        desk.change(&BTreeMap::from([(webhook.clone(), text("https://discord.com/api/webhooks/1/pa55"))])).unwrap();
        let shown = desk.shown();
        let secret = of(&shown, &webhook);
        assert_eq!((&secret.next, &secret.changed, secret.secret), (&text("***"), &text("***"), true));
        assert!(!serde_json::to_string(&shown).unwrap().contains("pa55"));
        let stars = desk.change(&BTreeMap::from([(webhook.clone(), text("***"))])).unwrap_err();
        assert!(matches!(stars, NotStored::Wrong(problems) if problems[0].problem.contains("tell it whole")));
        desk.change(&BTreeMap::from([(webhook, None)])).unwrap();
        let wrong = desk.change(&BTreeMap::from([(key.clone(), number(0))])).unwrap_err();
        assert!(matches!(wrong, NotStored::Wrong(problems) if problems[0].key == key));
        assert_eq!(desk.shown(), after, "all or nothing");
        desk.change(&BTreeMap::from([(key, None)])).unwrap();
        assert_eq!(desk.shown(), before);
        desk.change(&BTreeMap::from([("page.set_up".to_owned(), Some(SettingValue::Switch(true)))])).unwrap();
        let page = desk.shown();
        let set_up = of(&page, "page.set_up");
        assert!(desk.page().set_up && !page.restart_needed && !set_up.needs_restart);
        assert_eq!(set_up.value, Some(SettingValue::Switch(true)), "at once");
        desk.change(&BTreeMap::from([("page.set_up".to_owned(), None)])).unwrap();
        // The page reads what a program reads.
        let bytes = wire::encode(&before);
        assert_eq!(wire::decode::<Settings>(&bytes).unwrap(), before);
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), before);
    }
}
