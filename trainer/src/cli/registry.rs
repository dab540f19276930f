//! `push` and `pull`.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use bundle::Bundle;
use clap::Args;
use registry::{Access, Pushed, Reference, Token};

use crate::run;

/// How a place is reached.
#[derive(Debug, Args)]
struct How {
    /// Address of the server, where it is not Amazon's, Google's or Hugging Face's.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// File with credentials: lines `aws_access_key_id = ...` and `aws_secret_access_key = ...` for S3, a service account's key for
    /// Google, a token for a Hub.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Region of a bucket.
    #[arg(long)]
    region: Option<String>,
    /// Token of a box; better in the environment, where others do not see it.
    #[arg(long, env = "TICKERBOX_TOKEN", hide_env_values = true)]
    token: Option<Token>,
}

impl How {
    fn access(&self) -> Access {
        Access {
            endpoint: self.endpoint.clone(),
            credentials: self.credentials.clone(),
            region: self.region.clone(),
            token: self.token.clone(),
        }
    }
}

/// Bring a signed bundle and its card to a box, a folder, a bucket or a Hugging Face Hub. A revision is never replaced.
#[derive(Debug, Args)]
pub(super) struct Push {
    /// Folder, manifest or `.tbx` file.
    #[arg(long, value_name = "PATH")]
    bundle: PathBuf,
    /// A box (`http://tickerbox.local:8080`, which may end in `?symbols=BTC/USDT&request=3`), `s3://BUCKET/FOLDER`, `gs://BUCKET/FOLDER`,
    /// `hf://OWNER/REPOSITORY` or a folder.
    #[arg(long, value_name = "PLACE")]
    to: String,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    trust: super::Trust,
}

impl Push {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let keys = self.trust.keys()?;
        let bundle = Bundle::read(&self.bundle)?;
        let place = registry::open(&self.to, &self.how.access())?;
        let (version, pushed) = registry::push(place.as_ref(), &bundle, &keys)?;
        match pushed {
            Pushed::New => println!("{version}: pushed to {}", place.name()),
            Pushed::Known => println!("{version}: {} has it already", place.name()),
        }
        Ok(())
    }
}

/// Fetch a signed bundle. It is verified before anything is written.
#[derive(Debug, Args)]
pub(super) struct Pull {
    /// `NAME` for the newest revision, or `NAME/REVISION`.
    #[arg(value_name = "NAME[/REVISION]")]
    model: Reference,
    /// `s3://BUCKET/FOLDER`, `gs://BUCKET/FOLDER`, `hf://OWNER/REPOSITORY` or a folder.
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Folder of the bundle, or a file ending in `.tbx`. Nothing there is overwritten.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    trust: super::Trust,
}

impl Pull {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        ensure!(!self.out.exists(), "{}: is there already", self.out.display());
        let place = registry::open(&self.from, &self.how.access())?;
        let (version, bundle) = registry::pull(place.as_ref(), &self.model, &self.trust.keys()?)?;
        if self.out.extension().is_some_and(|extension| extension == "tbx") {
            run::write(&self.out, &Bundle::to_container(&bundle))?;
        } else {
            bundle.write_folder(&self.out).with_context(|| format!("{}", self.out.display()))?;
        }
        println!("{version}: {}", self.out.display());
        Ok(())
    }
}
