//! `tickerbox update`: updates of the program, beside the box.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use store::Checkpoint;
use update::{Accepted, Slot, TrustedKeys};

use super::print_json;
use crate::backup::{Keeper, Moment};
use crate::clock::wall_now;
use crate::config::{Config, Layers};
use crate::recovery;
use crate::update::{
    FOLDER, Folder, Incoming, Letter, Taken, check, fetch, look, take, trusted_keys, version, what_name,
};
use crate::venue::Network;

/// How long a running box may take with an update: unpacking, and a backup that is proven.
const ANSWER_WITHIN: Duration = Duration::from_mins(20);
/// Most files of a folder that are looked at.
const FILES_MAX: usize = 100;

/// Install an update, show what programs there are, or go back.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Install an update: a .tbu file, the newest one that a folder (a USB stick) has for this box, or one at an address.
    ///
    /// A box that runs installs it itself and starts again. Of one that does not run a backup is made first, as a running box does.
    Install(Install),
    /// Show the programs of a box, and what happened to them.
    Status(Status),
    /// Go back to the program of before, at the next start.
    Rollback(Rollback),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The box's configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The box's data directory, instead of `store.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Place {
    fn config(&self) -> anyhow::Result<Config> {
        let (_, mut config) = Layers::load(self.config.as_deref(), toml::Table::new(), self.data_dir.as_deref())?;
        if let Some(dir) = &self.data_dir {
            config.store.data_dir.clone_from(dir);
        }
        Ok(config)
    }

    fn folder(&self) -> anyhow::Result<Folder> {
        use std::os::unix::fs::MetadataExt as _;

        let dir = self.config()?.store.data_dir;
        let home = std::fs::metadata(&dir).with_context(|| format!("{}: no data directory", dir.display()))?;
        // What root writes here the box could neither read nor replace.
        let is_other = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() != home.uid());
        ensure!(
            !is_other,
            "{}: belongs to another user: run this as that one, in the image with `sudo runuser -u tickerbox -- tickerbox update ..`",
            dir.display()
        );
        Ok(Folder::new(dir.join(FOLDER)))
    }
}

#[derive(Debug, clap::Args)]
struct Install {
    /// File, folder or address.
    #[arg(value_name = "FILE|DIR|URL")]
    from: String,
    /// Install it also where the program of now could not read what the new one writes: then only a backup leads back.
    #[arg(long)]
    no_way_back: bool,
    /// Install it also where this very program was tried before and taken back.
    #[arg(long)]
    again: bool,
    /// Public key that is trusted besides those of the configuration.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Status {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    /// For the record.
    #[arg(long, default_value = "")]
    why: String,
    #[command(flatten)]
    place: Place,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Install(args) => args.run(),
            Command::Status(args) => args.run(),
            Command::Rollback(args) => args.run(),
        }
    }
}

impl Install {
    fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.config()?;
        let folder = self.place.folder()?;
        let keys = trusted_keys(&[config.update.trusted_keys.clone(), self.trust.clone()].concat())?;
        let accepted = Accepted { no_way_back: self.no_way_back, failed_before: self.again };
        let taken = if self.from.starts_with("http://") || self.from.starts_with("https://") {
            let runtime = super::runtime()?;
            let client = Network::new(&config.network)?.http()?.build()?;
            let (to, from) = Incoming::pair();
            let url = self.from.clone();
            runtime.spawn(async move { fetch(&client, &url, to).await });
            give(&config, &folder, &keys, from, accepted)?
        } else {
            let path = Path::new(&self.from);
            let found = if path.is_dir() { newest(path, &folder, &keys, accepted)? } else { Some(path.to_owned()) };
            let Some(path) = found else {
                say("there is nothing newer for this box")?;
                return Ok(ExitCode::SUCCESS);
            };
            let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            give(&config, &folder, &keys, file, accepted).with_context(|| path.display().to_string())?
        };
        if self.place.json {
            print_json(&taken)?;
        } else {
            let backup = taken.backup.as_ref().map(|it| format!(", after backup {it}")).unwrap_or_default();
            say(&format!("version {} is installed{backup}; it has to prove itself at the next start", taken.version))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Lets the box install it where one runs, and does it here where none does.
fn give(
    config: &Config,
    folder: &Folder,
    keys: &TrustedKeys,
    mut from: impl Read,
    accepted: Accepted,
) -> anyhow::Result<Taken> {
    if folder.try_run()?.is_none() {
        let letter = Letter::post(folder, from, accepted)?;
        let began = Instant::now();
        loop {
            if let Some(taken) = letter.answered() {
                return taken;
            }
            if began.elapsed() > ANSWER_WITHIN {
                letter.withdraw();
                bail!("the box that runs there does not answer");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    take(folder, keys, &mut from, accepted, |_| {}, || back_up(config))
}

/// A backup of a box that does not run, proven by restoring it.
fn back_up(config: &Config) -> anyhow::Result<Option<String>> {
    let dir = &config.store.data_dir;
    if !dir.join("state.redb").exists() {
        return Ok(None);
    }
    let found = recovery::recover(dir)?;
    let Some(at) = found.last_at else { return Ok(None) };
    let state = postcard::to_allocvec(&found.engine)?;
    let checkpoint = Checkpoint { seq: found.last_seq, at, state_version: engine::STATE_VERSION, state };
    let news = dir.join("news.redb").exists().then(|| store::News::open(dir)).transpose()?.map(std::sync::Arc::new);
    let keeper = Keeper::new(dir, config.store.backups(), config.store.backups_kept.into(), news);
    Ok(Some(keeper.run(&Moment { state: found.state.snapshot()?, checkpoint }, wall_now())?.file))
}

/// The newest update in a folder that the box may install. What cannot be used is told on standard error.
fn newest(dir: &Path, folder: &Folder, keys: &TrustedKeys, accepted: Accepted) -> anyhow::Result<Option<PathBuf>> {
    let slots = folder.slots()?;
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_update = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("tickerbox-") && name.ends_with(".tbu")
    };
    let mut best = None;
    for path in paths.filter(is_update).take(FILES_MAX) {
        let looked = File::open(&path).map_err(anyhow::Error::from).and_then(|mut file| {
            let manifest = look(&mut file, keys)?;
            file.rewind()?;
            check(&slots, &manifest, accepted).map(|()| manifest)
        });
        match looked {
            Ok(manifest) => {
                if best.as_ref().is_none_or(|(version, _)| manifest.version > *version) {
                    best = Some((manifest.version, path));
                }
            }
            Err(error) => eprintln!("tickerbox: {}: {error:#}", path.display()),
        }
    }
    Ok(best.map(|(_, path)| path))
}

impl Status {
    fn run(self) -> anyhow::Result<ExitCode> {
        let folder = self.place.folder()?;
        let slots = folder.slots()?;
        if self.place.json {
            let value: serde_json::Value = serde_json::from_slice(&slots.to_json())?;
            print_json(&value)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = std::io::stdout().lock();
        for slot in [Slot::Factory, Slot::A, Slot::B] {
            let program = slots.program(slot);
            let version = program.map_or_else(|| "empty".to_owned(), |it| it.version.to_string());
            let version = if slot == Slot::Factory && program.is_none() { version_here() } else { version };
            let is_tried = slots.trial().is_some_and(|trial| trial.slot == slot);
            let role = match slot {
                _ if is_tried => "  on trial",
                _ if slots.present() == slot => "  present",
                _ if slots.previous() == Some(slot) => "  previous",
                _ => "",
            };
            writeln!(out, "{:<8} {version}{role}", slot.name())?;
        }
        for event in slots.events() {
            let at = types::Timestamp::from_secs(event.at_s);
            let version = event.version.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            let why = if event.why.is_empty() { String::new() } else { format!(": {}", event.why) };
            writeln!(out, "{at} {}{version}{why}", what_name(event.what))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where no launcher has run yet, this program is the best guess.
fn version_here() -> String {
    format!("{}, as far as is known", version())
}

impl Rollback {
    fn run(self) -> anyhow::Result<ExitCode> {
        let folder = self.place.folder()?;
        let slot = folder.change(|slots| {
            slots.go_back(&self.why, wall_now().as_secs())?;
            Ok(slots.present())
        })?;
        if self.place.json {
            print_json(&serde_json::json!({ "present": slot.name() }))?;
        } else {
            say(&format!("the next start is of the program in slot {}; restart the box", slot.name()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
