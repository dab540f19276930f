//! `tickerbox verify`: whether what was said is what was sealed, and what came is what came.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use store::State;
use types::Timestamp;
use wire::api::ChainFound;

use super::print_json;
use crate::seals::verify;

/// Recomputes the chain of forecasts and every outcome of a box.
///
/// Every forecast was bound to all before it when it was made; one that was changed, left out or added later breaks the chain. The end of
/// the chain is printed: noted somewhere else, it proves later that nothing before it was changed. Not while a box is writing to the
/// folder (it answers POST /api/v1/verify itself). Exit code 1 when something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let found = verify(&State::open_read(&self.data_dir)?, Timestamp::MAX)?;
        if self.json {
            print_json(&found)?;
        } else {
            print(&found)?;
        }
        Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(found: &ChainFound) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let ChainFound { sealed, pruned, broken, late, unsealed, scored, revised, differ, without_candle, .. } = found;
    match (&found.first, &found.head) {
        (Some(first), Some((number, link))) => writeln!(out, "links {first} to {number}, the last is {link}")?,
        _ => writeln!(out, "no forecast is sealed")?,
    }
    writeln!(
        out,
        "{sealed} links hold, {broken} do not, {late} were made too late, {unsealed} forecasts have none; of {pruned} the \
         forecasts are gone with age"
    )?;
    writeln!(
        out,
        "{scored} outcomes are those of the candles, {differ} are not; {revised} candles were corrected since, \
         {without_candle} are not kept"
    )?;
    found.findings.iter().try_for_each(|finding| writeln!(out, "  {finding}"))
}
