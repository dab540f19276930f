//! `import`.

use std::path::PathBuf;

use clap::Args;

use crate::{import, journal, run};

/// Compute feature rows from recorded minutes and keep them as a dataset.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Candle files of one-minute rows (`open_time_ms,open,high,low,close,volume`), gzipped or plain.
    #[arg(required_unless_present = "journal", value_name = "FILE.csv[.gz]")]
    files: Vec<PathBuf>,
    /// Data directory of a box: its journal days are replayed and every instrument becomes a series.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Where the dataset goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Import {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let features: Vec<String> = run::FEATURES.map(str::to_owned).into();
        let mut dataset = import::dataset(&self.files, &features)?;
        if let Some(dir) = &self.journal {
            dataset.series.extend(journal::series(dir, &features)?);
        }
        dataset.save(&self.out)?;
        for series in &dataset.series {
            println!("{}: {} minutes", series.source, series.minutes.len());
        }
        println!("{}: {} features, fingerprint {}", self.out.display(), dataset.features.len(), dataset.fingerprint);
        Ok(())
    }
}
