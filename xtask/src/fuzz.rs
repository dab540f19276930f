//! `cargo xtask fuzz`: libFuzzer over everything that reads bytes from outside.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::{cargo, root, run, succeeds, target_dir};

/// The bins of `fuzz/Cargo.toml`.
const TARGETS: [&str; 7] = ["kraken", "binance-us", "coinbase", "kucoin", "recording", "files", "news"];

/// Coverage as libFuzzer wants it, by options that a stable compiler has (cargo-fuzz needs a nightly one).
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// Longest input. A few frames fit; the sessions themselves take frames of megabytes.
const INPUT_BYTES_MAX: u32 = 16_384;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which target; all of them, one after the other, without it.
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long each one runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Run this one input instead, to repeat a finding.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

pub(crate) fn run_targets(args: &Args) -> Result<()> {
    ensure!(has_compiler(), "fuzzing needs a C++ compiler; install one with: sudo apt-get install g++");
    let programs = build()?;
    let fuzz = root().join("fuzz");
    for target in TARGETS.iter().filter(|target| args.target.as_deref().is_none_or(|wanted| wanted == **target)) {
        let mut program = Command::new(programs.join(target));
        if let Some(input) = &args.input {
            return run(program.arg(input));
        }
        let (corpus, artifacts) = (fuzz.join("corpus").join(target), fuzz.join("artifacts"));
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        // The first folder takes what is learned, the others are only read.
        program.arg(corpus).arg(root().join("crates/feed/fixtures"));
        program.arg(format!("-max_total_time={}", args.seconds));
        program.arg(format!("-max_len={INPUT_BYTES_MAX}"));
        program.arg(format!("-artifact_prefix={}/", artifacts.display()));
        program.args(["-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"]);
        run(&mut program)?;
    }
    Ok(())
}

/// Whether the targets can be built here.
pub(crate) fn has_compiler() -> bool {
    succeeds("c++", &["--version"])
}

/// Builds all targets; gives the folder that they are in.
pub(crate) fn build() -> Result<PathBuf> {
    let target = target_dir().join("fuzz");
    let host = host()?;
    // With a target named, build scripts and macros are not instrumented.
    run(cargo()
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", INSTRUMENTATION))?;
    Ok(target.join(host).join("release"))
}

/// The machine's own target triple.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV")?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc -vV names no host")?.to_owned())
}
