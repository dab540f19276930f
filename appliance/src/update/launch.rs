//! The launcher: the factory's program, run before any other, decides which one the box is.
//!
//! ```text
//! systemd ─► tickerbox launch ─► state, digest, count ─► exec a/tickerbox, b/tickerbox, or itself ─► the box
//!                 ▲                                                                                  │
//!                 └──────────────────────── a restart that the box asks for ─────────────────────────┘
//! ```
//!
//! Nothing in here keeps the box from starting: what goes wrong leads to the factory's program, and is told.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use update::{Slot, Slots};

use super::about;
use super::folder::Folder;
use crate::clock::wall_now;

/// What the program that runs is told, in the environment: names of variables.
pub(crate) const LAUNCHER: &str = "TICKERBOX_LAUNCHER";
pub(crate) const UPDATES: &str = "TICKERBOX_UPDATES";
pub(crate) const SLOT: &str = "TICKERBOX_SLOT";
pub(crate) const FACTORY_WHEN: &str = "TICKERBOX_FACTORY_WHEN";
pub(crate) const TROUBLE: &str = "TICKERBOX_LAUNCH_TROUBLE";

/// How the program that runs was launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The factory's program.
    launcher: PathBuf,
    /// The folder of updates.
    updates: PathBuf,
    /// Where the file is looked for that asks for the factory's program.
    factory_when: Option<PathBuf>,
    /// The slot that runs.
    slot: Slot,
    /// What was wrong at the launch; empty when nothing was.
    trouble: String,
}

impl Launched {
    /// From the environment, asked by name; nothing for a program that somebody started directly.
    #[must_use]
    pub fn from_environment(get: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let slot = get(SLOT)?;
        let slot = [Slot::Factory, Slot::A, Slot::B].into_iter().find(|it| slot == OsStr::new(it.name()))?;
        Some(Self {
            launcher: get(LAUNCHER)?.into(),
            updates: get(UPDATES)?.into(),
            factory_when: get(FACTORY_WHEN).map(PathBuf::from),
            slot,
            trouble: get(TROUBLE).unwrap_or_default().to_string_lossy().into_owned(),
        })
    }

    pub(crate) fn updates(&self) -> &Path {
        &self.updates
    }

    pub(crate) const fn slot(&self) -> Slot {
        self.slot
    }

    pub(crate) fn trouble(&self) -> &str {
        &self.trouble
    }

    /// The launcher again, with the arguments that this program was started with.
    pub(crate) fn again(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.launcher);
        command.arg("launch").arg("--updates").arg(&self.updates);
        if let Some(file) = &self.factory_when {
            command.arg("--factory-when").arg(file);
        }
        command.arg("--").args(arguments);
        command
    }
}

/// What to launch.
#[derive(Debug)]
pub(crate) struct Launch {
    /// This program, which is the factory's.
    pub(crate) launcher: PathBuf,
    pub(crate) updates: PathBuf,
    pub(crate) factory_when: Option<PathBuf>,
    /// For the program that is launched.
    pub(crate) arguments: Vec<OsString>,
}

impl Launch {
    /// Becomes the program that is chosen. Comes back with an error only when not even the factory's can be started.
    pub(crate) fn run(self) -> anyhow::Error {
        if let Some(file) = self.factory_when.as_deref().filter(|file| file.exists()) {
            return self.become_slot(Slot::Factory, &format!("{} asks for the factory's program", file.display()));
        }
        let folder = Folder::new(self.updates.clone());
        let mut start = self.choose(&folder);
        while start.slot != Slot::Factory {
            // A program that cannot even be started has failed: one that was tried is taken back, and the next one is chosen.
            let error = self.become_slot(start.slot, &start.trouble);
            let why = format!("it cannot be started: {error:#}");
            eprintln!("<3>tickerbox: the program in slot {}: {why}", start.slot.name());
            let failed = folder.change(|slots| Ok(is_trial(slots, start.slot) && slots.failed(&why, now_s())));
            start = match failed {
                Ok(true) => self.choose(&folder),
                Ok(false) => factory(&why),
                Err(error) => factory(&format!("{why}; {error:#}")),
            };
        }
        self.become_slot(Slot::Factory, &start.trouble)
    }

    fn choose(&self, folder: &Folder) -> update::folder::Start {
        let known = |slots: &mut Slots| slots.know_factory(about::version(), about::formats(), now_s());
        let work = std::panic::AssertUnwindSafe(|| folder.start(known, now_s()));
        std::panic::catch_unwind(work).unwrap_or_else(|_| factory("the launcher panicked"))
    }

    /// Comes back only when it failed.
    fn become_slot(&self, slot: Slot, trouble: &str) -> anyhow::Error {
        if !trouble.is_empty() {
            eprintln!("<3>tickerbox: updates: {trouble}");
        }
        let folder = Folder::new(self.updates.clone());
        let program = folder.program(slot).unwrap_or_else(|| self.launcher.clone());
        let mut command = Command::new(&program);
        command.args(&self.arguments).env(LAUNCHER, &self.launcher).env(UPDATES, &self.updates).env(SLOT, slot.name());
        command.env(TROUBLE, trouble);
        match &self.factory_when {
            Some(file) => command.env(FACTORY_WHEN, file),
            None => command.env_remove(FACTORY_WHEN),
        };
        let failed: Result<(), _> = Err(command.exec());
        let Err(error) = failed.with_context(|| program.display().to_string()) else {
            unreachable!("an error was given")
        };
        error
    }
}

fn factory(trouble: &str) -> update::folder::Start {
    update::folder::Start { slot: Slot::Factory, trouble: trouble.to_owned() }
}

fn is_trial(slots: &Slots, slot: Slot) -> bool {
    slots.trial().is_some_and(|trial| trial.slot == slot)
}

fn now_s() -> i64 {
    wall_now().as_secs()
}
