//! `tickerbox lamp`: tries out what is wired to the pins.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use wire::Lamp;

use crate::config::{Layers, PanelBoard};
use crate::panel;

/// Shows the levels of the lamp one after the other on the pins of the settings, each with its sound.
///
/// For whoever wires lamps, a buzzer and a button: the box itself must not run meanwhile, because it holds the pins.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; the defaults apply without one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of a box, with the settings that were changed on it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// What the pins are reached by, instead of `panel.board`: `auto`, `rppal` or `gpiocdev`.
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// The GPIO device, instead of `panel.chip`.
    #[arg(long, value_name = "DEVICE")]
    chip: Option<PathBuf>,
    /// Only this level: `healthy`, `updating`, `paused`, `unproven`, `needs_you`, `no_market` or `breaker`.
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// How long each one is shown, seconds.
    #[arg(long, value_name = "S", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (_, config) = Layers::load(self.config.as_deref(), toml::Table::new(), self.data_dir.as_deref())?;
        let mut section = config.panel;
        section.chip = self.chip.or(section.chip);
        section.board = match self.board.as_deref() {
            Some("rppal") => PanelBoard::Rppal,
            Some("gpiocdev") => PanelBoard::Gpiocdev,
            Some("auto") => PanelBoard::Auto,
            Some(other) => {
                return Err(super::WrongArguments(format!("--board {other}: must be auto, rppal or gpiocdev")).into());
            }
            None if section.board == PanelBoard::Simulated => PanelBoard::Auto,
            None => section.board,
        };
        let levels = match &self.level {
            None => Lamp::ALL.to_vec(),
            Some(name) => {
                let found = Lamp::ALL.into_iter().find(|level| level.name() == name);
                let names = Lamp::ALL.map(Lamp::name).join(", ");
                vec![found.ok_or_else(|| super::WrongArguments(format!("--level {name}: must be one of {names}")))?]
            }
        };
        let mut out = std::io::stdout().lock();
        let told = |level: Lamp| {
            writeln!(out, "{}", level.words())?;
            out.flush()
        };
        panel::try_out(section, &levels, Duration::from_secs(self.seconds), told)
            .context("the lamp cannot be switched")?;
        Ok(ExitCode::SUCCESS)
    }
}
