//! Helpers of the end-to-end tests.

pub mod browser;
pub mod chart;
pub mod crash;
pub mod demo;
pub mod owner;
pub mod pages;
pub mod visitor;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The root of the workspace: tests run in the folder of their crate.
///
/// # Panics
/// When the folder is gone.
#[must_use]
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> =
        LazyLock::new(|| std::env::current_dir().and_then(|here| here.join("..").canonicalize()).expect("a workspace"));
    &ROOT
}

/// The program under test, as `cargo build --package tickerbox` made it beside the running test.
///
/// # Panics
/// When it was not built; `cargo xtask test` builds it first.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let name = format!("tickerbox{}", std::env::consts::EXE_SUFFIX);
    // Tests lie in target/PROFILE/deps, programs in target/PROFILE.
    let places =
        [1, 2].map(|up| test.ancestors().nth(up).expect("a program lies in a folder of a profile").join(&name));
    let binary = places.iter().find(|place| place.exists()).unwrap_or(&places[1]).clone();
    assert!(binary.exists(), "{} is missing: cargo build --package tickerbox", binary.display());
    binary
}

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Finished {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// With everything the command said, when it failed or printed no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "failed: {}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {:?}", self.out))
    }

    /// Asserts the manners of a failure: one clear message with all of `words`, a code other than zero, no panic.
    ///
    /// # Panics
    /// When it was not like that.
    #[track_caller]
    pub fn assert_refused(&self, words: &[&str]) {
        assert!(self.code.is_some_and(|code| code != 0), "should have failed: {self:?}");
        assert!(!self.err.contains("panicked"), "panicked: {}", self.err);
        assert!(self.err.len() < 4_000, "not one message but {} bytes: {:.400}", self.err.len(), self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
    }
}

/// Runs `tickerbox` with `arguments` to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn tickerbox<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Finished {
    let output = std::process::Command::new(binary()).args(arguments).output().expect("the program can be started");
    Finished {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
