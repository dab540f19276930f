//! `cargo xtask build`: the appliance as it is given to others, dashboard inside, for this machine or another.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{self, cargo, run};
use crate::{tools, web};

/// What boards run.
pub(crate) const PI: &str = "aarch64-unknown-linux-gnu";

/// Arguments of `cargo xtask build`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For which machine, as Rust names it; without it for this one.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        let program = appliance(self.target.as_deref())?;
        let size = std::fs::metadata(&program)?.len();
        println!("{}", program.display());
        println!("{size} bytes, {:.1} MB", size as f64 / 1e6);
        match glibc(&std::fs::read(&program)?) {
            Some((major, minor)) => println!("needs GLIBC {major}.{minor} or newer"),
            None => println!("needs no GLIBC"),
        }
        Ok(())
    }
}

/// Builds dashboard and appliance, and tells where the program lies.
pub(crate) fn appliance(target: Option<&str>) -> Result<PathBuf> {
    if let Some(target) = target {
        tools::rust_target(target)?;
        if target == PI && !cfg!(all(target_arch = "aarch64", target_os = "linux")) {
            ensure!(
                tools::cross_compiler(),
                "building for {PI} needs a C compiler for it: sudo apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
                 (or cross, https://github.com/cross-rs/cross: cross build --release --target {PI} -p tickerbox)"
            );
        }
    }
    web::build()?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "tickerbox"]);
    let mut folder = process::target_dir();
    if let Some(target) = target {
        build.args(["--target", target]);
        folder.push(target);
    }
    run(&mut build)?;
    let program = folder.join("release/tickerbox");
    ensure!(program.is_file(), "cargo built no {}", program.display());
    Ok(program)
}

/// The newest `GLIBC_x.y` that a program names: what it cannot start without.
fn glibc(program: &[u8]) -> Option<(u32, u32)> {
    const NAME: &[u8] = b"GLIBC_";
    let version = |at: usize| {
        let rest = &program[at + NAME.len()..];
        let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
        let mut parts = std::str::from_utf8(&rest[..end]).ok()?.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let starts = program.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    starts.filter_map(|(at, _)| version(at)).max()
}

/// Seconds since 1970 of the newest commit: the time of everything that is made of it.
pub(crate) fn commit_time() -> Result<u64> {
    if let Some(given) = std::env::var_os("SOURCE_DATE_EPOCH") {
        let given = given.to_string_lossy().into_owned();
        return given.parse().with_context(|| format!("SOURCE_DATE_EPOCH is {given}: must be a number of seconds"));
    }
    let git = Command::new("git").current_dir(process::root()).args(["log", "-1", "--format=%ct"]).output();
    match git {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().parse().context("git tells no time of the last commit")
        }
        _ => bail!("the time of the last commit is needed: set SOURCE_DATE_EPOCH where there is no git"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_counts() {
        assert_eq!(glibc(b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.17\0GLIBC_PRIVATE\0"), Some((2, 34)));
        assert_eq!(glibc(b"GLIBC_PRIVATE\0 GLIBC_2"), None);
    }
}
