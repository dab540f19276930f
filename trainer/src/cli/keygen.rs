//! `keygen`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bundle::SecretKey;
use clap::Args;

/// Make a pair of signing keys: NAME.secret, which stays with you, and NAME.pub, which boxes trust.
#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// Folder the two files go to. Nothing there is overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the key.
    #[arg(long)]
    name: String,
}

impl Keygen {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let is_plain = bundle::container::check_name(&self.name).is_ok();
        ensure!(is_plain, "the name {:?} is not plain: use letters, digits, '-' and '_'", self.name);
        std::fs::create_dir_all(&self.out).with_context(|| format!("{}", self.out.display()))?;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).context("the system gives no randomness")?;
        let key = SecretKey::from_bytes(&bytes);
        write_new(&self.out.join(format!("{}.secret", self.name)), &key.to_text(&self.name), 0o600)?;
        write_new(&self.out.join(format!("{}.pub", self.name)), &key.public().to_text(&self.name), 0o644)?;
        println!("{}", key.public());
        Ok(())
    }
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).with_context(|| format!("{}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{}", path.display()))
}
