//! `tickerbox news download-model`: FinBERT's files into the data folder.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::print_json;
use crate::sentiment::bring;

/// Brings the files of a FinBERT model (config.json, vocab.txt or tokenizer.json, model.onnx) into the data folder, once.
///
/// Sizes are limited, digests are shown, and the model is loaded and asked before it takes the place of the one before. The published
/// ProsusAI/finbert holds PyTorch weights and no model.onnx: docs/sentiment.md says how to make one on a PC.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder, or the address below which the files are, such as
    /// <https://huggingface.co/OWNER/MODEL/resolve/main>.
    #[arg(long, value_name = "URL|DIR")]
    from: String,
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Refuse a model.onnx with another SHA-256.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let brought = super::runtime()?.block_on(bring(&self.from, &self.data_dir, self.sha256.as_deref()))?;
        if self.json {
            print_json(&brought)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = std::io::stdout().lock();
        for file in &brought.files {
            writeln!(out, "{:<16} {:>11} bytes  SHA-256 {}", file.name, file.bytes, file.sha256)?;
        }
        writeln!(out, "The model lies in {} and answers.", brought.folder.display())?;
        Ok(ExitCode::SUCCESS)
    }
}
