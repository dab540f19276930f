//! `tickerbox check-config`: all problems of a configuration file at once.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::print_json;
use crate::config::{Config, ConfigError, DEFAULT_FILE};

/// Checks a configuration file, or prints the default one with comments.
///
/// Exit code 0: the file is right; 1: it cannot be read; 2: its content is wrong, one line for each problem.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to check.
    #[arg(value_name = "FILE", required_unless_present = "print_default")]
    file: Option<PathBuf>,
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
    line: usize,
    column: usize,
    path: String,
    problem: String,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Some(file) = self.file.filter(|_| !self.print_default) else {
            std::io::stdout().lock().write_all(DEFAULT_FILE.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        };
        let problems = match Config::load(&file) {
            Ok(_) => Vec::new(),
            Err(ConfigError::Content { problems, .. }) => problems,
            Err(error @ ConfigError::File { .. }) => return Err(error.into()),
        };
        let ok = problems.is_empty();
        if self.json {
            let rows =
                problems.into_iter().map(|p| Row { line: p.line, column: p.column, path: p.path, problem: p.what });
            print_json(&Report { ok, problems: rows.collect() })?;
        } else if ok {
            writeln!(std::io::stdout(), "{}: right", file.display())?;
        } else {
            let mut err = std::io::stderr().lock();
            for problem in &problems {
                writeln!(err, "{}: {problem}", file.display())?;
            }
        }
        Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}
