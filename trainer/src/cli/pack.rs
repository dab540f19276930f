//! `pack`.

use std::path::PathBuf;

use anyhow::Context as _;
use bundle::{Bundle, SecretKey};
use clap::Args;

use crate::dataset::Dataset;
use crate::release::{self, Release};
use crate::{card, run};

/// Judge an exported model on the held-out part, write its card, pack and sign it.
#[derive(Debug, Args)]
pub(super) struct Pack {
    /// Dataset the run was trained on.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Folder of the exported run or ensemble.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Folder of the bundle.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also write the bundle as one file for travelling.
    #[arg(long, value_name = "FILE.tbx")]
    file: Option<PathBuf>,
    /// Secret key made by `keygen`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Name for people.
    #[arg(long)]
    name: String,
    /// Day of the release; part of the digest, so it is told and not read from a clock.
    #[arg(long, value_name = "YYYY-MM-DD")]
    created: String,
    /// Number of the release under this name.
    #[arg(long, default_value_t = 1)]
    revision: u32,
    /// Length of candle to pack for, when the run was trained on several.
    #[arg(long, value_name = "MINUTES")]
    timeframe: Option<u16>,
    /// Revision of the source the trainer was built from.
    #[arg(long, value_name = "COMMIT")]
    source_revision: Option<String>,
}

impl Pack {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.key).with_context(|| format!("{}", self.key.display()))?;
        let key = SecretKey::parse(&text).with_context(|| format!("{}", self.key.display()))?;
        let release = Release {
            name: self.name,
            created: self.created,
            revision: self.revision,
            source_revision: self.source_revision,
            timeframe_min: self.timeframe,
        };
        let dataset = Dataset::load(&self.dataset)?;
        let packed = release::pack(&self.run, &dataset, &release, &key)?;
        packed.bundle.write_folder(&self.out)?;
        if let Some(file) = &self.file {
            run::write(file, &Bundle::to_container(&packed.bundle))?;
        }
        for (source, report) in &packed.verified.manifest().metrics {
            super::report::print(&format!("held out, {source}"), report);
        }
        let training = &packed.verified.manifest().training;
        println!("{}", card::trials(training.search, &training.members));
        println!("{}: digest {}", self.out.display(), packed.verified.digest());
        Ok(())
    }
}
