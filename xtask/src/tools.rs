//! What the commands need beyond Rust and a C compiler: installed where that can be done without asking, else explained.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::process::{run, succeeds, target_dir};

/// Versions of the programs that are fetched into the target directory.
const AXE_CORE: &str = "axe-core@4.14.1";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Makes sure that a target's standard library is there.
pub(crate) fn rust_target(target: &str) -> Result<()> {
    if !succeeds("rustup", &["--version"]) {
        bail!("rustup is needed to add the target {target}: https://rustup.rs (or install the target your own way)");
    }
    if succeeds("rustup", &["target", "add", target]) {
        return Ok(());
    }
    bail!("could not add a target; try: rustup target add {target}")
}

/// Makes sure that `probe` can be started, from Debian's `packages` if need be. False when it is missing and cannot be
/// installed here; what to do has been said.
pub(crate) fn debian(probe: &str, packages: &[&str]) -> bool {
    if succeeds(probe, &["--version"]) {
        return true;
    }
    let list = packages.join(" ");
    let can_install = succeeds("apt-get", &["--version"]) && succeeds("sh", &["-c", "test $(id -u) -eq 0"]);
    if can_install {
        let update = run(Command::new("apt-get").args(["update", "-qq"]));
        let install = update.and_then(|()| {
            run(Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-y", "-qq", "--no-install-recommends"])
                .args(packages))
        });
        if install.is_ok() && succeeds(probe, &["--version"]) {
            return true;
        }
    }
    eprintln!("{probe} is missing; install it with: sudo apt-get install {list}");
    false
}

/// Explains all programs that are missing at once: each is given with the Debian package that has it.
pub(crate) fn on_path(needed: &[(&str, &str)]) -> Result<()> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let is_there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let (names, mut packages): (Vec<&str>, Vec<&str>) =
        needed.iter().filter(|(name, _)| !is_there(name)).copied().unzip();
    packages.sort_unstable();
    packages.dedup();
    ensure!(
        names.is_empty(),
        "missing: {}; install with: sudo apt-get install {}",
        names.join(", "),
        packages.join(" ")
    );
    Ok(())
}

/// Debian's cross compiler for the Pi.
pub(crate) fn cross_compiler() -> bool {
    debian("aarch64-linux-gnu-gcc", &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"])
}

/// Debian's browser and its driver.
pub(crate) fn browser() -> bool {
    debian("chromium", &["chromium", "chromium-driver"]) && debian("chromedriver", &["chromium-driver"])
}

/// Debian's user-mode emulator.
pub(crate) fn emulator() -> bool {
    debian("qemu-aarch64", &["qemu-user"])
}

/// axe-core's file for browsers, from npm.
pub(crate) fn axe() -> Result<PathBuf> {
    let folder = target_dir().join("axe");
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        ensure!(succeeds("npm", &["--version"]), "axe-core comes from npm; install it with: sudo apt-get install npm");
        std::fs::create_dir_all(&folder)?;
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(AXE_CORE))?;
    }
    Ok(file)
}

/// Schemathesis in an environment of its own.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let folder = target_dir().join("schemathesis");
    let program = folder.join("bin/schemathesis");
    if !program.exists() {
        let needs = "Schemathesis needs Python 3.10 or newer with venv: sudo apt-get install python3-venv";
        ensure!(succeeds("python3", &["-c", "import sys, venv; assert sys.version_info >= (3, 10)"]), "{needs}");
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", SCHEMATHESIS]))?;
    }
    Ok(program)
}
