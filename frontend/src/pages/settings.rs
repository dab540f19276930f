//! Every setting with what it means, and changes to them.

use wire::api::{Setting, SettingKind, SettingSource, SettingValue, Settings};

use super::{Action, Ask, Block, Cell, Row, Said, Section, Sends, plain};
use crate::format;
use crate::sentence::Tone;

/// What was changed and waits, and whether the file of changes is sound.
#[must_use]
pub fn standing(told: &Settings) -> Section {
    let section = Section::new("settings-state", "Where they come from").wide();
    let mut section = section.facts(vec![
        plain("Configuration file", told.config_file.as_deref().unwrap_or("none"), "What the box was started with"),
        plain("File of changes", &told.changes_file, "What is changed here is written there, and counts more"),
    ]);
    if !told.error.is_empty() {
        section = section.tell(&told.error, Tone::Warning);
    }
    if !told.restart_needed {
        return section.say("Nothing waits for a restart.");
    }
    let section = section.tell("Changes wait for a restart.", Tone::Warning);
    if !told.can_restart {
        return section.say("Stop the box and start it again.");
    }
    section.with(Block::Actions(vec![Action {
        id: "restart",
        label: "Restart the box",
        question: "Restart the box?".into(),
        consequence: "It stops in order and starts again with the changes. Orders on their way end as unknown. The page finds it again by itself.",
        method: "POST",
        path: "/api/v1/restart".into(),
        asks: Vec::new(),
        sends: Sends::Address,
        done: "The box starts again.",
    }]))
}

/// The settings of a section; each leads to its change.
#[must_use]
pub fn section(told: &Settings, name: &str) -> Section {
    let help = told.sections.iter().find(|section| section.name == name).map_or("", |section| section.help.as_str());
    let row = |setting: &Setting| {
        let key = setting.key.strip_prefix(name).and_then(|key| key.strip_prefix('.')).unwrap_or(&setting.key);
        let source = match setting.source {
            SettingSource::Default => Said::quiet("default"),
            SettingSource::File => Said::plain("file"),
            SettingSource::Changes => Said::toned("changed here", Tone::Good),
            SettingSource::Start => Said::plain("start"),
        };
        let value = if setting.next == setting.value {
            Said::plain(&shown(setting.value.as_ref()))
        } else {
            Said::toned(
                &format!("{}, {} after a restart", shown(setting.value.as_ref()), shown(setting.next.as_ref())),
                Tone::Warning,
            )
        };
        Row::of(vec![
            Cell::from(key).hint(&setting.key),
            value.into(),
            Cell::from(source).chip(),
            Said::quiet(&setting.help).into(),
        ])
        .to(format!("/settings?section={name}&key={}", setting.key))
    };
    let rows = told.settings.iter().filter(|setting| setting.section == name).map(row).collect();
    Section::new("setting-list", name).wide().english().note(help).table(
        "settings",
        &["Key", "Value", "From", "What it does"],
        rows,
    )
}

/// A chosen setting, and how it is changed.
#[must_use]
pub fn chosen(told: &Settings, key: &str) -> Option<Section> {
    let setting = told.settings.iter().find(|setting| setting.key == key)?;
    let section = Section::new("setting", key).wide().english().say(&setting.help).facts(vec![
        plain("Now", &shown(setting.value.as_ref()), "What the box runs with"),
        plain("Default", &shown(setting.default.as_ref()), ""),
        plain("Must be", &setting.must_be, ""),
    ]);
    if !setting.fixed.is_empty() {
        return Some(section.tell(&setting.fixed, Tone::Open));
    }
    let act = |id, label, question: String, consequence, asks, value| Action {
        id,
        label,
        question,
        consequence,
        method: "POST",
        path: "/api/v1/settings".into(),
        asks,
        sends: Sends::Setting(setting.key.clone(), value),
        done: "It is stored. Most settings take effect at the next start.",
    };
    let label = match setting.kind {
        SettingKind::Texts | SettingKind::Numbers => "The new values, separated by commas",
        SettingKind::Switch => "true or false",
        _ => "The new value",
    };
    let mut actions = Vec::new();
    if setting.kind != SettingKind::Rows {
        actions.push(act(
            "setting-change",
            "Change",
            format!("Change {key}?"),
            "It is checked as a whole with all other settings before it is stored.",
            vec![Ask::text("value", label)],
            Some(setting.kind.clone()),
        ));
    }
    if setting.changed.is_some() {
        actions.push(act(
            "setting-reset",
            "Take the change back",
            format!("Take the change of {key} back?"),
            "The configuration file's value counts again, or the default.",
            Vec::new(),
            None,
        ));
    }
    let section = if actions.is_empty() {
        section.say("A list of tables: change it in the configuration file.")
    } else {
        section
    };
    Some(section.with(Block::Actions(actions)))
}

fn shown(value: Option<&SettingValue>) -> String {
    match value {
        None => "left out".into(),
        Some(SettingValue::Text(text)) if text.is_empty() => "empty".into(),
        Some(SettingValue::Text(text)) => text.clone(),
        Some(SettingValue::Number(number)) => format::fixed(*number, 0),
        Some(SettingValue::List(values)) if values.is_empty() => "none".into(),
        Some(SettingValue::List(values)) => {
            values.iter().map(|value| shown(Some(value))).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// What was written as a value of a kind.
///
/// # Errors
/// One sentence where it cannot be one.
pub fn value(kind: &SettingKind, text: &str) -> Result<SettingValue, String> {
    let text = text.trim();
    let number = |text: &str| {
        let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{202f}' | '_')).collect();
        text.parse().map(SettingValue::Number).map_err(|_| format!("{text} is not a whole number."))
    };
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    match kind {
        SettingKind::Switch => match text {
            "true" | "yes" | "on" => Ok(SettingValue::Switch(true)),
            "false" | "no" | "off" => Ok(SettingValue::Switch(false)),
            _ => Err("It must be true or false.".into()),
        },
        SettingKind::Number { .. } | SettingKind::NumberOf(_) => number(text),
        SettingKind::Word(_) | SettingKind::Text => Ok(SettingValue::Text(text.into())),
        SettingKind::Texts => Ok(SettingValue::List(parts().map(|part| SettingValue::Text(part.into())).collect())),
        SettingKind::Numbers => parts().map(number).collect::<Result<_, _>>().map(SettingValue::List),
        SettingKind::Rows => Err("A list of tables is changed in the configuration file.".into()),
    }
}

#[cfg(test)]
mod tests {
    use wire::api::SettingSection;

    use super::*;

    fn setting() -> Setting {
        Setting {
            key: "engine.risk.daily_loss_max_ppm".into(),
            section: "engine.risk".into(),
            help: "Loss since 00:00 UTC".into(),
            kind: SettingKind::Number { min: 0, max: 1_000_000 },
            must_be: "a whole number from 0 to 1000000".into(),
            default: Some(SettingValue::Number(50_000)),
            value: Some(SettingValue::Number(50_000)),
            next: Some(SettingValue::Number(40_000)),
            changed: Some(SettingValue::Number(40_000)),
            source: SettingSource::Changes,
            secret: false,
            needs_restart: true,
            fixed: String::new(),
        }
    }

    fn told() -> Settings {
        Settings {
            sections: vec![SettingSection { name: "engine.risk".into(), help: "Limits.".into() }],
            settings: vec![setting()],
            changes_file: "settings.toml".into(),
            restart_needed: true,
            can_restart: true,
            ..Settings::default()
        }
    }

    #[test]
    fn a_change_that_waits_is_told_beside_the_value() {
        let said = format!("{:?}", section(&told(), "engine.risk"));
        assert!(
            said.contains("50\\u{202f}000, 40\\u{202f}000 after a restart") && said.contains("changed here"),
            "{said}"
        );
        assert!(said.contains("\"daily_loss_max_ppm\""), "the key without its section: {said}");
        assert!(format!("{:?}", standing(&told())).contains("/api/v1/restart"));
    }

    #[test]
    fn what_was_written_becomes_a_value_of_its_kind() {
        let number = SettingKind::Number { min: 0, max: 9 };
        assert_eq!(value(&number, " 40 000 "), Ok(SettingValue::Number(40_000)));
        assert!(value(&number, "many").is_err());
        assert_eq!(value(&SettingKind::Switch, "off"), Ok(SettingValue::Switch(false)));
        let texts = value(&SettingKind::Texts, "BTC/USD, ETH/USD,").map(|value| value.to_string());
        assert_eq!(texts.as_deref(), Ok("[\"BTC/USD\",\"ETH/USD\"]"));
        assert!(value(&SettingKind::Rows, "").is_err());
    }

    #[test]
    fn what_cannot_be_changed_here_says_why() {
        let mut told = told();
        assert!(format!("{:?}", chosen(&told, "engine.risk.daily_loss_max_ppm")).contains("setting-reset"));
        told.settings[0].fixed = "given on the command line".into();
        let said = format!("{:?}", chosen(&told, "engine.risk.daily_loss_max_ppm"));
        assert!(said.contains("given on the command line") && !said.contains("setting-change"), "{said}");
        assert_eq!(chosen(&told, "none"), None);
    }
}
