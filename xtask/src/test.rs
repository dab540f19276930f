//! `cargo xtask test`: everything that is tested, and one line that counts it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{cargo, run, succeeds, target_dir};
use crate::{check, tools, web};

#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Leave out the trainer's workspace (its dependencies take minutes to build).
    #[arg(long)]
    no_trainer: bool,
    /// Leave out what needs the emulated Pi.
    #[arg(long)]
    no_emulation: bool,
}

pub(crate) fn all(args: &Args) -> Result<()> {
    web::build()?;
    // The tests find these by themselves and say so when they are missing.
    tools::browser();
    if !args.no_emulation && tools::emulator() && tools::cross_compiler() {
        tools::rust_target(check::PI)?;
        run(cargo().args(["build", "--package", "tickerbox", "--target", check::PI]))?;
    }
    // The broker of the tests of Kafka is built with make.
    let more: &[&str] = if tools::debian("make", &["make"]) { &["--features", "tickerbox-tests/kafka"] } else { &[] };
    // The end-to-end tests run the program itself. It is built in one selection with the tests: another selection would
    // unify the features of shared dependencies in another way, and build the large ones twice.
    run(cargo().args(["build", "--workspace", "--lib", "--bins", "--tests"]).args(more))?;
    let mut count = Count::default();
    count.workspace(Path::new("Cargo.toml"), &target_dir(), more)?;
    if !args.no_trainer {
        // Training with unoptimised tensors is hopeless.
        count.workspace(Path::new("trainer/Cargo.toml"), &target_dir().join("trainer"), &["--release"])?;
    }
    println!("{} passed, {} failed, {} skipped", count.passed, count.failed, count.skipped);
    ensure!(count.failed == 0 && count.broken.is_empty(), "failed: {}", count.broken.join(", "));
    ensure!(count.passed > 0, "no test was run");
    Ok(())
}

#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
    broken: Vec<String>,
}

impl Count {
    /// Runs all tests of a workspace, with nextest where it is installed.
    fn workspace(&mut self, manifest: &Path, target: &Path, more: &[&str]) -> Result<()> {
        let mut command = cargo();
        if succeeds("cargo-nextest", &["nextest", "--version"]) {
            command.args([
                "nextest",
                "run",
                "--no-fail-fast",
                "--status-level",
                "slow",
                "--final-status-level",
                "fail",
            ]);
        } else {
            command.args(["test", "--no-fail-fast", "--quiet"]);
        }
        command.args(["--workspace", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(target).args(more);
        self.stream(&mut command)
    }

    /// Passes the output on and counts what the runner's summary lines say.
    fn stream(&mut self, command: &mut Command) -> Result<()> {
        let shown = format!("{command:?}");
        eprintln!("\x1b[1m$ {shown}\x1b[0m");
        // nextest speaks on standard error, `cargo test` on standard output: both become one stream.
        let (reader, writer) = std::io::pipe()?;
        let mut child = command
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        // The command holds the other ends of the pipe; without this the reader would never see its end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        for line in BufReader::new(reader).lines() {
            let line = line?;
            eprintln!("{line}");
            self.read(&line);
        }
        let status = child.wait()?;
        if !status.success() {
            self.broken.push(shown);
        }
        Ok(())
    }

    fn read(&mut self, line: &str) {
        let is_summary = line.trim_start().starts_with("Summary [") || line.starts_with("test result:");
        if !is_summary {
            return;
        }
        let words: Vec<&str> = line.split([' ', ',', ';', ':']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" | "timed" => self.failed += number,
                "skipped" | "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn summary_lines_of_both_runners_are_counted() {
        let mut count = Count::default();
        count.read("     Summary [   0.034s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped");
        count.read("test result: ok. 5 passed; 0 failed; 3 ignored; 0 measured; 7 filtered out; finished in 0.00s");
        count.read("a test printed: 99 passed");
        assert_eq!((count.passed, count.failed, count.skipped), (16, 1, 5));
    }
}
