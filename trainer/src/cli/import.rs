//! `import`.

use std::path::PathBuf;

use clap::Args;

use crate::{import, journal, run};

/// Compute feature rows from recorded candles and keep them as a dataset.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Candle files (`open_time_ms,open,high,low,close,volume`) of 1, 5, 15, 60 minutes or a day, gzipped or plain; several
    /// lengths make a dataset for one model of all.
    #[arg(required_unless_present = "journal", value_name = "FILE.csv[.gz]")]
    files: Vec<PathBuf>,
    /// Data directory of a box: its journal days are replayed and every instrument becomes a series.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Features, instead of the usual sixteen; `all` for every one that candles alone give and that has no price level.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    features: Vec<String>,
    /// Where the dataset goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Import {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let features: Vec<String> = match &self.features[..] {
            [] => run::FEATURES.map(str::to_owned).into(),
            [all] if all == "all" => engine::feature::scale_free().map(str::to_owned).collect(),
            named => named.to_vec(),
        };
        let mut dataset = import::dataset(&self.files, &features)?;
        if let Some(dir) = &self.journal {
            dataset.series.extend(journal::series(dir, &features)?);
        }
        dataset.save(&self.out)?;
        for series in &dataset.series {
            println!("{}: {} candles of {} min", series.source, series.minutes.len(), series.timeframe_min);
        }
        println!("{}: {} features, fingerprint {}", self.out.display(), dataset.features.len(), dataset.fingerprint);
        Ok(())
    }
}
