//! `tickerbox notify`: whether messages reach the owner.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use notify::Channel;
use wire::api::NotifyTest;

use super::WrongArguments;
use crate::cli;
use crate::clock::Clock;
use crate::config::Layers;
use crate::notify::{Carrier, NoTest, Places, Tester};
use crate::venue::Network;

/// Whether messages reach the owner.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send a test message by the configured channels, and print what the services answer.
    ///
    /// Exit code 0: all of them took it; 1: one did not; 2: no such channel is configured.
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Configuration file, as for `tickerbox run`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder, whose changed settings count too, instead of `store.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// By this channel alone.
    #[arg(long, value_name = "NAME", value_parser = Channel::ALL.map(Channel::name))]
    channel: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Command::Test(args) = self.command;
        args.run()
    }
}

impl TestArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (layers, config) = Layers::load(self.config.as_deref(), toml::Table::new(), self.data_dir.as_deref())?;
        if !layers.trouble().is_empty() {
            eprintln!("tickerbox: without the changed settings: {}", layers.trouble());
        }
        let places = Places::of(&config.notify);
        let carrier = Arc::new(Carrier::new(&Network::new(&config.network)?)?);
        let tester = Tester::new(&places, carrier, Clock::wall());
        let tested = cli::runtime()?.block_on(tester.test(self.channel.as_deref()));
        let channels = match tested {
            Ok(channels) => channels,
            Err(NoTest::Unknown(why)) => return Err(WrongArguments(why).into()),
            Err(NoTest::Busy) => anyhow::bail!("another test is running"),
        };
        let have_arrived = channels.iter().all(|channel| channel.arrived);
        if self.json {
            super::print_json(&NotifyTest { channels })?;
        } else {
            let mut out = std::io::stdout().lock();
            for channel in &channels {
                let how = if channel.arrived { "arrived" } else { "did not arrive" };
                writeln!(out, "{}: {how}: {}", channel.channel, channel.told)?;
            }
        }
        Ok(if have_arrived { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
