//! The project's own commands. `cargo xtask --help` lists them.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

mod build;
mod check;
mod fuzz;
mod image;
mod process;
mod test;
mod tools;
mod update;
mod web;

use anyhow::Result;
use clap::{Parser, Subcommand};
use process::{cargo, run};

/// Commands of the Tickerbox project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build dashboard and appliance and run them on the built-in market; no internet needed.
    #[command(disable_help_flag = true)]
    Demo(PassedOn),
    /// Build dashboard and appliance and run them on live exchanges.
    #[command(disable_help_flag = true)]
    Run(PassedOn),
    /// Serve the built-in market alone, in the venues' own wire formats.
    #[command(disable_help_flag = true)]
    Sim(PassedOn),
    /// Run all tests: both workspaces, end to end, browser and emulation included.
    Test(test::Args),
    /// What continuous integration runs besides the tests: format, lints, wasm and aarch64.
    Check,
    /// `check`, then `test`.
    Ci,
    /// Build the dashboard into frontend/dist.
    Web,
    /// Build the appliance with its dashboard, for this machine or another (`--target aarch64-unknown-linux-gnu`).
    Build(build::Args),
    /// Pack and sign a program as an update for boxes that run.
    Update(update::Args),
    /// Make a pair of keys for updates: NAME.secret, which stays with you, and NAME.pub, which boxes trust.
    UpdateKey(update::KeyArgs),
    /// Make the image for Raspberry Pi: packed, with digest, list of contents and manifest for Raspberry Pi Imager.
    Image(image::Args),
    /// Start the image on an emulated board, and try what people rely on.
    ImageTest(image::boot::Args),
    /// Kill the box under load, and let the store live on a disk that fails.
    #[command(disable_help_flag = true)]
    Crash(PassedOn),
    /// Take a picture of every page of the dashboard, wide and narrow, dark and light, into a folder.
    #[command(disable_help_flag = true)]
    Shots(PassedOn),
    /// Look for what keeps people out of every page of the dashboard, with axe-core (npm).
    #[command(disable_help_flag = true)]
    Axe(PassedOn),
    /// Hold what the box says of its API against what it does, with Schemathesis (Python).
    #[command(disable_help_flag = true)]
    Schemathesis(PassedOn),
    /// Attack a box as a hostile network would, and tell what that did to the engine.
    #[command(disable_help_flag = true)]
    Hostile(PassedOn),
    /// Tell how smoothly the chart follows a drag, in frames a second.
    #[command(disable_help_flag = true)]
    Panning(PassedOn),
    /// List the texts of the dashboard that a word list of another language does not have.
    #[command(disable_help_flag = true)]
    Untold(PassedOn),
    /// Let many browsers watch one market, and tell what each costs the box; or what the page costs a browser.
    #[command(disable_help_flag = true)]
    Watchers(PassedOn),
    /// Fuzz everything that reads bytes from outside, for a while (see fuzz/README.md).
    Fuzz(fuzz::Args),
    /// Run the benchmarks of docs/benchmarks.md.
    #[command(disable_help_flag = true)]
    Bench(PassedOn),
}

/// Arguments that are handed to the program as they are.
#[derive(clap::Args)]
struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn main() -> Result<()> {
    std::env::set_current_dir(process::root())?;
    match Cli::parse().command {
        Command::Demo(passed) => appliance("demo", &passed.arguments),
        Command::Run(passed) => appliance("run", &passed.arguments),
        Command::Sim(passed) => appliance("sim", &passed.arguments),
        Command::Test(args) => test::all(&args),
        Command::Check => check::all(),
        Command::Ci => check::all().and_then(|()| test::all(&test::Args::default())),
        Command::Web => web::build(),
        Command::Build(args) => args.run(),
        Command::Update(args) => args.run(),
        Command::UpdateKey(args) => args.run(),
        Command::Image(args) => args.run(),
        Command::ImageTest(args) => args.run(),
        Command::Crash(passed) => crash(&passed.arguments),
        Command::Shots(passed) => shots(&passed.arguments),
        Command::Axe(passed) => axe(&passed.arguments),
        Command::Schemathesis(passed) => schemathesis(&passed.arguments),
        Command::Hostile(passed) => on_a_box("hostile", &[], &passed.arguments),
        Command::Panning(passed) => on_a_box("panning", &[], &passed.arguments),
        Command::Untold(passed) => on_a_box("untold", &[], &passed.arguments),
        Command::Watchers(passed) => on_a_box("watchers", &[], &passed.arguments),
        Command::Fuzz(args) => fuzz::run_targets(&args),
        Command::Bench(passed) => bench(&passed.arguments),
    }
}

/// Builds what `tickerbox COMMAND` needs and becomes it.
fn appliance(command: &str, arguments: &[String]) -> Result<()> {
    web::build()?;
    run(cargo().args(["build", "--release", "--package", "tickerbox"]))?;
    let mut program = std::process::Command::new(process::target_dir().join("release/tickerbox"));
    process::replace(program.arg(command).args(arguments))
}

/// The tests of pulled plugs and failing disks, for as long as is wanted.
fn crash(arguments: &[String]) -> Result<()> {
    on_a_box("crash", &[], arguments)
}

fn shots(arguments: &[String]) -> Result<()> {
    anyhow::ensure!(tools::browser(), "pictures need a browser");
    on_a_box("shots", &[], arguments)
}

fn axe(arguments: &[String]) -> Result<()> {
    anyhow::ensure!(tools::browser(), "the pages need a browser");
    on_a_box("axe", &[tools::axe()?], arguments)
}

fn schemathesis(arguments: &[String]) -> Result<()> {
    on_a_box("schemathesis", &[tools::schemathesis()?], arguments)
}

/// Builds the box and becomes a program of `tests` that starts it.
fn on_a_box(name: &str, given: &[std::path::PathBuf], arguments: &[String]) -> Result<()> {
    web::build()?;
    run(cargo().args(["build", "--package", "tickerbox", "--package", "tickerbox-tests", "--bins"]))?;
    let mut program = std::process::Command::new(process::target_dir().join("debug").join(name));
    process::replace(program.args(given).args(arguments))
}

/// Every benchmark, or the crate named first (`cargo xtask bench feed`).
fn bench(arguments: &[String]) -> Result<()> {
    let (packages, rest) = match arguments.split_first() {
        Some((name, rest)) if !name.starts_with('-') => (vec![name.as_str()], rest),
        _ => (vec!["feed", "engine", "store", "infer"], arguments),
    };
    for package in packages {
        run(cargo().args(["bench", "--package", &format!("tickerbox-{package}"), "--benches", "--"]).args(rest))?;
    }
    Ok(())
}
