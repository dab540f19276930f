//! `export`.

use std::path::PathBuf;

use clap::Args;

use crate::dataset::Dataset;
use crate::release;

/// Write a run's network as INT8 ONNX and compare it with the 32-bit network through the box's own inference.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Dataset the run was trained on.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Folder of the finished run or ensemble; `model-1min.onnx` and `export-1min.json` are written there.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Length of candle to export for, when the run was trained on several.
    #[arg(long, value_name = "MINUTES")]
    timeframe: Option<u16>,
}

impl Export {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let exported = release::export(&self.run, &Dataset::load(&self.dataset)?, self.timeframe)?;
        if let Some(why) = &exported.int8_refused {
            eprintln!("{why}: 32-bit floats are shipped");
        }
        println!("{}", serde_json::to_string_pretty(&exported)?);
        Ok(())
    }
}
