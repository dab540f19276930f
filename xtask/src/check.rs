//! Checks besides the tests.

use anyhow::{Result, bail};

use crate::process::{cargo, run, succeeds};
use crate::{fuzz, tools, web};

/// The target of a 64-bit Raspberry Pi OS.
pub(crate) const PI: &str = "aarch64-unknown-linux-gnu";

pub(crate) fn all() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    for workspace in ["trainer", "fuzz"] {
        run(cargo().args(["fmt", "--all", "--check", "--manifest-path", &format!("{workspace}/Cargo.toml")]))?;
    }
    // The dashboard is part of the appliance: it is built for wasm first.
    web::build()?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    if succeeds("cargo-deny", &["--version"]) {
        run(cargo().args(["deny", "check", "licenses", "bans", "sources"]))?;
    }
    if fuzz::has_compiler() {
        fuzz::build()?;
    } else {
        eprintln!("no C++ compiler: the fuzz targets are not built");
    }
    tools::rust_target(PI)?;
    if !tools::cross_compiler() {
        bail!("the check for the Pi needs a cross compiler");
    }
    run(cargo().args(["build", "--package", "tickerbox", "--target", PI]))
}
