//! `tickerbox first-boot`: what the image makes of Raspberry Pi Imager's files.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

/// Reads `user-data` and `network-config` of Raspberry Pi Imager, and writes what the image needs of them: `hostname`, `timezone`,
/// `authorized_keys` and `wpa_supplicant.conf`, as far as they were asked for.
///
/// What cannot be done is told on standard error and left out: a mistake on the card does not keep the box from starting.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The boot partition.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut problems = Vec::new();
        let mut file = |name: &str| {
            text(&self.from.join(name)).unwrap_or_else(|error| {
                problems.push(format!("{error:#}"));
                None
            })
        };
        let (user_data, network) = (file("user-data"), file("network-config"));
        let read = firstboot::read(user_data.as_deref(), network.as_deref());
        for problem in problems.iter().chain(&read.problems) {
            eprintln!("tickerbox: {problem}");
        }
        for (name, content) in read.wishes.files() {
            write(&self.to.join(name), &content)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(path: &Path) -> anyhow::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut text = String::new();
    // One more than is taken, so that a larger file is refused and not cut.
    let most = firstboot::FILE_MAX as u64 + 1;
    file.take(most).read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(text))
}

/// There are secrets in them.
fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    open()
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
