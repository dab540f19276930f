//! `tickerbox backup` and `tickerbox restore`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;
use store::Checkpoint;

use super::print_json;
use crate::backup::{self, Moment};
use crate::clock::wall_now;
use crate::config::NetworkSection;
use crate::recovery;
use crate::venue::Network;

/// Writes a backup of a box to one file: series, account, orders, fills, fetched history and the engine's state.
///
/// Of a running box by its address, which also proves it by restoring it; of one that does not run by its folder.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// A running box, <http://127.0.0.1:8080>, or the data directory of one that does not run.
    #[arg(value_name = "URL|DIR")]
    from: String,
    /// The file to write; a name that is not there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Token of the box, with `control`; better in the environment, where others do not see it.
    #[arg(long, env = "TICKERBOX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Brings a backup into an empty data directory, after proving every file, table and state in it.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the box is to live.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl BackupArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(!self.out.exists(), "{}: is there already", self.out.display());
        let report = if self.from.starts_with("http://") || self.from.starts_with("https://") {
            super::runtime()?.block_on(fetch(self.from.trim_end_matches('/'), self.token.as_deref(), &self.out))?
        } else {
            let made = of_folder(Path::new(&self.from), &self.out)?;
            serde_json::to_value(made)?
        };
        if self.json {
            print_json(&report)?;
        } else {
            let number = |key: &str| report[key].as_u64().unwrap_or(0);
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "{}: {} bytes, {} rows, up to input {}",
                self.out.display(),
                number("bytes"),
                number("rows"),
                number("seq")
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl RestoreArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let manifest = backup::restore(&self.file, &self.data_dir)?;
        if self.json {
            print_json(&manifest)?;
        } else {
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "{}: the box of {} with {} rows, up to input {}",
                self.data_dir.display(),
                manifest.made_at,
                manifest.rows(),
                manifest.seq
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A backup of a box that does not run.
fn of_folder(dir: &Path, out: &Path) -> anyhow::Result<backup::Made> {
    ensure!(dir.join("state.redb").exists(), "{}: no box here (no state.redb)", dir.display());
    let found = recovery::recover(dir)?;
    let at = found.last_at.with_context(|| format!("{}: nothing was ever recorded", dir.display()))?;
    let state = postcard::to_allocvec(&found.engine)?;
    let checkpoint = Checkpoint { seq: found.last_seq, at, state_version: engine::STATE_VERSION, state };
    backup::make(dir, &Moment { state: found.state.snapshot()?, checkpoint }, None, out, wall_now())
}

/// Lets a running box make one, and takes it away.
async fn fetch(base: &str, token: Option<&str>, out: &Path) -> anyhow::Result<Value> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).context("the token is none of a box")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let client = Network::new(&NetworkSection::default())?.http()?.default_headers(headers).build()?;
    let unreachable = || format!("no box answers at {base}; is it running?");
    let answer = client.post(format!("{base}/api/v1/backups")).send().await.with_context(unreachable)?;
    let is_good = answer.status().is_success();
    let text = answer.text().await.with_context(unreachable)?;
    let report: Value =
        serde_json::from_str(&text).with_context(|| format!("{base} answers, but not like a Tickerbox"))?;
    ensure!(is_good, "{base}: {}", report["error"].as_str().unwrap_or("refused"));
    let name = report["file"].as_str().with_context(|| format!("{base}: it does not say which file"))?;
    let mut answer = client.get(format!("{base}/api/v1/backups/{name}")).send().await.with_context(unreachable)?;
    ensure!(answer.status().is_success(), "{base}: {name}: {}", answer.status());
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = std::fs::File::create(&part).with_context(|| format!("{}: cannot create", part.display()))?;
    while let Some(bytes) = answer.chunk().await.with_context(unreachable)? {
        file.write_all(&bytes).with_context(|| format!("{}: cannot write", part.display()))?;
    }
    file.sync_all()?;
    let got = file.metadata()?.len();
    ensure!(Some(got) == report["bytes"].as_u64(), "{base}: {got} bytes of {name} came");
    std::fs::rename(&part, out).with_context(|| format!("{}: cannot name", out.display()))?;
    Ok(report)
}
