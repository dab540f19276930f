//! `tickerbox check-config`: all problems of a configuration file at once.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::print_json;
use crate::config::{Config, ConfigError, DEFAULT_FILE, Layers};

/// Checks a configuration file, or prints the default one with comments.
///
/// With `--data-dir` the changes that were made on the box are checked too, over the file or over the defaults.
///
/// Exit code 0: the file is right; 1: it cannot be read; 2: its content is wrong, one line for each problem.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to check.
    #[arg(value_name = "FILE", required_unless_present_any = ["print_default", "data_dir"])]
    file: Option<PathBuf>,
    /// Folder of a box, with the settings that were changed on it (`settings.toml`).
    #[arg(long, value_name = "DIR", conflicts_with = "print_default")]
    data_dir: Option<PathBuf>,
    /// Print the default configuration with a comment for every key.
    #[arg(long, conflicts_with_all = ["file", "json"])]
    print_default: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    problems: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    file: PathBuf,
    line: usize,
    column: usize,
    path: String,
    problem: String,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.print_default {
            std::io::stdout().lock().write_all(DEFAULT_FILE.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let found = match &self.data_dir {
            None => self.file.as_deref().map_or(Ok(()), |file| Config::load(file).map(drop)),
            Some(_) => Layers::load(self.file.as_deref(), toml::Table::new(), self.data_dir.as_deref())
                .and_then(|(layers, _)| layers.check_changes()),
        };
        let (file, problems) = match found {
            Ok(()) => (PathBuf::new(), Vec::new()),
            Err(ConfigError::Content { path, problems }) => (path, problems),
            Err(error @ ConfigError::File { .. }) => return Err(error.into()),
        };
        let ok = problems.is_empty();
        if self.json {
            let rows = problems.into_iter().map(|p| {
                let file = file.clone();
                Row { file, line: p.line, column: p.column, path: p.path, problem: p.what }
            });
            print_json(&Report { ok, problems: rows.collect() })?;
        } else if ok {
            let files = self.file.into_iter().chain(self.data_dir.map(|dir| dir.join("settings.toml")));
            for file in files {
                writeln!(std::io::stdout(), "{}: right", file.display())?;
            }
        } else {
            let mut err = std::io::stderr().lock();
            for problem in &problems {
                writeln!(err, "{}: {problem}", file.display())?;
            }
        }
        Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}
