//! `ensemble`.

use std::path::PathBuf;

use clap::Args;

use crate::ensemble;

/// Make one model of several runs over the same dataset, features, window, horizons and quantiles: its answers are the mean of
/// theirs. The folder is exported and packed like a run.
#[derive(Debug, Args)]
pub(super) struct Ensemble {
    /// Folder of a finished run; given once for each member.
    #[arg(long = "run", required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// New folder of the ensemble.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Ensemble {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let members = ensemble::gather(&self.runs, &self.out)?;
        for (folder, member) in self.runs.iter().zip(&members) {
            let settings = &member.trained.settings;
            println!("{}: {:?}, seed {}", folder.display(), settings.model, settings.seed);
        }
        println!("{}: the mean of {}", self.out.display(), members.len());
        Ok(())
    }
}
