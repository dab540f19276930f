//! `tickerbox export`: what a box has kept, as files for other programs.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ::export::{Exported, Folder, Format, Kind, Target, Wanted};
use store::State;
use types::{Timeframe, Timestamp};

use super::{print_json, time};
use crate::bucket::{Bucket, Place};
use crate::clock::wall_now;

/// Writes candles, trades, forecasts and the account as CSV and Parquet files, by kind, day, pair and venue.
///
/// Not while a box is writing to the folder. A file that is there with the same content is left as it is, so a broken export
/// goes on and a repeated one changes nothing. DuckDB, pandas, Spark and Athena read the folders as they are.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where the files go: a folder, or s3://BUCKET/FOLDER or gs://BUCKET/FOLDER.
    #[arg(long, value_name = "DIR")]
    out: String,
    /// Address of a server that speaks S3, where it is not Amazon's.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Region of the bucket, where the server asks for it.
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// File with the keys: a credentials file as Amazon's tools have it, or Google's key of a service account.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// What: candles (all lengths), candles-1m and so on, trades, forecasts, equity; separated by commas. Everything without it.
    #[arg(long, value_name = "LIST", value_parser = kinds)]
    kinds: Option<Kinds>,
    /// From this UTC day on (2026-07-19).
    #[arg(long, value_name = "DAY", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this UTC day.
    #[arg(long, value_name = "DAY", value_parser = time)]
    to: Option<Timestamp>,
    /// csv, parquet, or both separated by a comma.
    #[arg(long, value_name = "LIST", default_value = "csv,parquet", value_parser = formats)]
    format: Formats,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

// One value that is a list; a plain `Vec` would be an argument that may come several times.
type Kinds = Vec<Kind>;
type Formats = Vec<Format>;

fn kinds(text: &str) -> Result<Kinds, String> {
    let name = |kind: &Kind| kind.name().replace('_', "-");
    let mut found = Vec::new();
    for wanted in text.split(',').map(str::trim) {
        let candles = || Timeframe::ALL.map(Kind::Candles).to_vec();
        let of = match wanted {
            "candles" => candles(),
            _ => Kind::ALL.into_iter().filter(|kind| name(kind) == wanted).collect(),
        };
        if of.is_empty() {
            let known = Kind::ALL.iter().map(name).collect::<Vec<_>>().join(", ");
            return Err(format!("{wanted:?} cannot be exported; there are candles, {known}"));
        }
        found.extend(of.into_iter().filter(|kind| !found.contains(kind)).collect::<Vec<_>>());
    }
    Ok(found)
}

fn formats(text: &str) -> Result<Formats, String> {
    let of = |name: &str| match name {
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        _ => Err(format!("{name:?} is not a format; there are csv and parquet")),
    };
    text.split(',').map(str::trim).map(of).collect()
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = State::open_read(&self.data_dir)?;
        let kept = ::export::days_kept(&state, &self.data_dir)?;
        let from = self.from.map_or(kept.start, |from| kept.start.max(from.day()));
        let to = self.to.map_or(kept.end, |to| kept.end.min(to.day()));
        let wanted =
            Wanted { kinds: self.kinds.unwrap_or_else(|| Kind::ALL.to_vec()), days: from..to, formats: self.format };
        let is_watched = std::io::stderr().is_terminal();
        let out: Box<dyn Target> = if self.out.contains("://") {
            let (url, endpoint) = (self.out.clone(), self.endpoint);
            let place = Place { url, endpoint, region: self.region, credentials: self.credentials, ..Place::default() };
            Box::new(Bucket::new(&place)?)
        } else {
            Box::new(Folder(PathBuf::from(&self.out)))
        };
        let exported = ::export::export(&state, &self.data_dir, &*out, &wanted, wall_now(), |path| {
            if is_watched {
                // Progress is for whoever is there to see it: a closed terminal is no reason to stop.
                let _ = writeln!(std::io::stderr(), "{path}");
            }
        })?;
        if self.json {
            print_json(&exported)?;
        } else {
            let Exported { written, unchanged, rows, bytes } = exported;
            writeln!(
                std::io::stdout().lock(),
                "{written} files written, {unchanged} unchanged: {rows} rows, {bytes} bytes under {}",
                self.out
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_formats_are_read_and_odd_ones_told() {
        assert_eq!(kinds("candles-1d,trades"), Ok(vec![Kind::Candles(Timeframe::D1), Kind::Trades]));
        assert_eq!(kinds("candles,candles-1m").map(|kinds| kinds.len()), Ok(5));
        assert!(kinds("news").is_err_and(|error| error.contains("candles-15m")));
        assert_eq!(formats("parquet"), Ok(vec![Format::Parquet]));
        assert!(formats("xlsx").is_err());
    }
}
