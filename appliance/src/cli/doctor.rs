//! `tickerbox doctor`: looks at everything that a box needs, whether it runs or not.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::{print_json, status};
use crate::clock;
use crate::conditions;
use crate::config::{Config, Layers};
use crate::machine;

const MB: u64 = 1 << 20;

/// Looks at everything that a box needs, whether it runs or not, and says what to do.
///
/// Exit code 0: all is well; 1: something is not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; the defaults apply without one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept, instead of `store.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the box is, instead of `server.listen`.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

/// Something that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: String,
    ok: bool,
    text: String,
    /// What to do; empty when all is well.
    advice: String,
}

impl Check {
    fn well(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok: true, text: text.into(), advice: String::new() }
    }

    fn ill(name: &str, text: impl Into<String>, advice: &str) -> Self {
        Self { name: name.to_owned(), ok: false, text: text.into(), advice: advice.to_owned() }
    }
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut checks = Vec::new();
        let config = match Layers::load(self.config.as_deref(), toml::Table::new(), self.data_dir.as_deref()) {
            Ok((layers, config)) => {
                checks.push(match layers.trouble() {
                    "" => Check::well("configuration", "It can be used."),
                    trouble => {
                        Check::ill("configuration", trouble, "Mend settings.toml in the data folder, or remove it.")
                    }
                });
                config
            }
            Err(error) => {
                let advice = "Mend the file; `tickerbox check-config` lists every problem.";
                checks.push(Check::ill("configuration", error.to_string(), advice));
                Config::default()
            }
        };
        let folder = self.data_dir.unwrap_or_else(|| config.store.data_dir.clone());
        checks.extend(data_folder(&folder, config.store.reserve_mb));
        checks.extend(this_machine());
        let url = self.url.unwrap_or_else(|| {
            let host = config.server.listen.ip();
            let host = if host.is_unspecified() { "127.0.0.1".to_owned() } else { host.to_string() };
            format!("http://{host}:{}", config.server.listen.port())
        });
        checks.extend(the_box(&url, config.server.tls));
        let report = Report { ok: checks.iter().all(|check| check.ok), checks };
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(report: &Report) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for Check { name, ok, text, advice } in &report.checks {
        writeln!(out, "{} {name:<14} {text}", if *ok { "ok" } else { "!!" })?;
        if !advice.is_empty() {
            writeln!(out, "   {:<14} {advice}", "")?;
        }
    }
    Ok(())
}

/// Whether it can be written to, and has room.
fn data_folder(folder: &Path, reserve_mb: u32) -> Vec<Check> {
    let name = folder.display();
    if !folder.exists() {
        return vec![Check::well("data folder", format!("{name} is not there yet; the first start makes it."))];
    }
    let written = match tempfile_in(folder) {
        Ok(()) => Check::well("data folder", format!("{name} can be written to.")),
        Err(error) => {
            let advice =
                "Run this as the box's own user, or give it the folder; a card that is worn out protects itself so.";
            Check::ill("data folder", format!("{name} cannot be written to: {error}."), advice)
        }
    };
    let room = rustix::fs::statvfs(folder).map(|room| room.f_bavail.saturating_mul(room.f_frsize) / MB);
    let room = match room {
        Ok(free) if free >= u64::from(reserve_mb) => Check::well("room", format!("{free} MB are free.")),
        Ok(free) => {
            let text = format!("{free} MB are free, less than the {reserve_mb} MB of store.reserve_mb.");
            Check::ill("room", text, "Make room, or keep fewer days.")
        }
        Err(error) => Check::ill("room", format!("It cannot be measured: {error}."), "Look at the disk."),
    };
    vec![written, room]
}

/// Writes and removes a small file.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&path, "1").and_then(|()| std::fs::File::open(&path)?.sync_all());
    let _ = std::fs::remove_file(&path);
    written
}

fn this_machine() -> Vec<Check> {
    let found = conditions::of_this_machine(clock::wall_now());
    let machine = machine::machine();
    let text = match machine.cpu_celsius {
        Some(warm) => format!("{}, {warm:.0} °C.", machine.model),
        None => format!("{}.", machine.model),
    };
    let mut checks: Vec<Check> = found.iter().map(|it| Check::ill(&it.name, &it.text, &it.advice)).collect();
    if checks.is_empty() {
        checks.push(Check::well("machine", text));
    }
    checks.push(if clock::Clock::wall().is_believed(false) {
        Check::well("clock", "It is synchronised.")
    } else {
        let text = "The system does not say that it is synchronised.";
        Check::ill("clock", text, "Let it reach the internet, or set the time; the box also learns it from exchanges.")
    });
    checks
}

/// What a box that runs says of itself.
fn the_box(url: &str, is_tls: bool) -> Vec<Check> {
    if is_tls {
        return vec![Check::well("box", "It speaks HTTPS; open its page to see how it is.")];
    }
    let health = match status::ask(url) {
        Ok(health) => health,
        Err(error) => {
            return vec![Check::ill("box", format!("{error:#}."), "Start it, or name its address with --url.")];
        }
    };
    let of = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let conditions = health.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    if conditions.is_empty() {
        return vec![Check::well("box", format!("It runs at {url} and is {}.", of(&health, "status")))];
    }
    let mut checks = vec![Check::well("box", format!("It runs at {url} and is {}.", of(&health, "status")))];
    checks.extend(conditions.iter().map(|it| Check {
        name: of(it, "name"),
        // Paused by the owner is no illness.
        ok: of(it, "lamp") == "paused",
        text: of(it, "text"),
        advice: of(it, "advice"),
    }));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_to_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let checks = data_folder(dir.path(), 0);
        assert!(checks.iter().all(|check| check.ok && check.advice.is_empty()), "{checks:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let full = data_folder(dir.path(), u32::MAX);
        assert!(!full[1].ok && full[1].text.contains("store.reserve_mb"), "{full:?}");
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let checks = data_folder(&file, 0);
        assert!(!checks[0].ok && checks[0].text.contains("cannot be written to"), "{checks:?}");
    }

    #[test]
    fn a_box_that_does_not_answer_is_told_with_its_address() {
        let checks = the_box("http://127.0.0.1:1", false);
        assert!(!checks[0].ok && checks[0].text.contains("127.0.0.1:1"), "{checks:?}");
    }
}
