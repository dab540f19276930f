//! `tickerbox repair`: what is still whole in a damaged day.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use store::{Reader, StoreError, days, repair_day};

use super::print_json;

/// Checks every day of the journal and repairs those that are damaged.
///
/// Not while a box uses the folder. Of a damaged day all that is whole is taken over into a new file; what is missing is marked in
/// it, and the damaged file is set aside, never deleted. Exit code 0: all is whole, or was repaired; 1: something could
/// not be.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only check.
    #[arg(long)]
    check: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Day {
    file: String,
    inputs: u64,
    /// What was wrong; empty for a whole day.
    damage: String,
    set_aside: Option<String>,
    /// Inputs that could not be brought back, now or by earlier repairs.
    lost: u64,
    is_whole: bool,
    digest: Option<String>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut told = Vec::new();
        for day in days(&self.dir)? {
            let file = day.path.display().to_string();
            let checked = Reader::open_day(&day.path).and_then(|reader| reader.verify());
            let error = match checked {
                Ok(found) => {
                    let digest = Some(found.digest.to_string());
                    let (inputs, lost) = (found.inputs, found.fenced);
                    told.push(Day {
                        file,
                        inputs,
                        damage: String::new(),
                        set_aside: None,
                        lost,
                        is_whole: true,
                        digest,
                    });
                    continue;
                }
                Err(error @ StoreError::Corrupt { .. }) => error,
                Err(error) => return Err(error.into()),
            };
            let damage = error.to_string();
            if self.check {
                told.push(Day { file, inputs: 0, damage, set_aside: None, lost: 0, is_whole: false, digest: None });
                continue;
            }
            told.push(match repair_day(&day.path, None) {
                Ok(found) => Day {
                    file,
                    inputs: found.inputs,
                    damage,
                    set_aside: Some(found.aside.display().to_string()),
                    lost: found.fences.iter().map(|fence| fence.end() - fence.start() + 1).sum(),
                    is_whole: true,
                    digest: Reader::open_day(&day.path)?.verify().ok().map(|found| found.digest.to_string()),
                },
                Err(StoreError::Corrupt { what, .. }) => {
                    let damage = format!("{damage}; {what}");
                    Day { file, inputs: 0, damage, set_aside: None, lost: 0, is_whole: false, digest: None }
                }
                Err(error) => return Err(error.into()),
            });
        }
        anyhow::ensure!(!told.is_empty(), "{}: no journal here", self.dir.display());
        let code = if told.iter().all(|day| day.is_whole) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if self.json {
            print_json(&serde_json::json!({ "days": told }))?;
            return Ok(code);
        }
        let mut out = std::io::stdout().lock();
        for day in &told {
            let Day { file, inputs, damage, set_aside, lost, .. } = day;
            match (damage.as_str(), set_aside) {
                ("", _) if *lost == 0 => writeln!(out, "{file}: whole, {inputs} inputs")?,
                ("", _) => writeln!(out, "{file}: repaired before, {inputs} inputs, {lost} lost")?,
                (damage, Some(aside)) => {
                    writeln!(
                        out,
                        "{damage}\n  {inputs} inputs brought back, {lost} lost; the damaged file is {aside}"
                    )?;
                }
                (damage, None) => writeln!(out, "{damage}")?,
            }
        }
        Ok(code)
    }
}
