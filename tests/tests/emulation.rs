//! The program for the Pi, under emulation.

use std::path::PathBuf;
use std::process::Command;

use tickerbox_tests::demo::Demo;
use tickerbox_tests::{binary, tickerbox};

/// The emulator and what it runs; `None`, said aloud, where one of them is missing.
fn emulated() -> Option<(Command, PathBuf)> {
    let has_emulator = Command::new("qemu-aarch64").arg("--version").output().is_ok_and(|o| o.status.success());
    if !has_emulator {
        eprintln!("skipped: no qemu-aarch64");
        return None;
    }
    let profile = binary().parent().expect("lies in a profile").to_owned();
    let name = profile.file_name().expect("a profile has a name");
    let target =
        profile.parent().expect("lies in target").join("aarch64-unknown-linux-gnu").join(name).join("tickerbox");
    if !target.exists() {
        eprintln!("skipped: {} was not built (cargo xtask test builds it)", target.display());
        return None;
    }
    let mut command = Command::new("qemu-aarch64");
    // Fixed: the emulator's default processor has instructions that no Pi has.
    command.args(["-cpu", "cortex-a72", "-L", "/usr/aarch64-linux-gnu"]).arg(&target);
    Some((command, target))
}

#[test]
fn a_day_recorded_here_replays_to_the_same_digest_on_the_pi() {
    let Some((mut command, _)) = emulated() else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "11", "--speed", "60"]);
    demo.wait_until("some forecasts were made and written", |health| {
        health["model"]["answers"].as_u64() > Some(12) && health["store"]["commits"].as_u64() > Some(5)
    });
    demo.kill();
    let here = tickerbox(&["replay".as_ref(), dir.path().as_os_str(), "--json".as_ref()]).json();
    let output = command.arg("replay").arg(dir.path()).arg("--json").output().expect("the emulator starts");
    let there: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(here["differs"], 0, "{here}");
    assert_eq!(here, there);
}
