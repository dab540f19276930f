//! From recorded candles to feature rows, by the engine's own feature code.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bundle::Digest;
use bundle::manifest::TIMEFRAMES_MIN;
use engine::candle::{Bar, csv, step_of, tidy};
use engine::feature::{Around, Column, FeatureState, UnknownFeature, columns_of, fingerprint};
use flate2::read::MultiGzDecoder;
use types::time::NS_PER_MIN;

use crate::dataset::{Dataset, Series};

/// Largest candle file that is read, bytes, before and after unpacking: some ninety years of minutes.
const BYTES_MAX: u64 = 4 << 30;

/// The feature rows of some candle files.
pub fn dataset(paths: &[impl AsRef<Path>], features: &[String]) -> anyhow::Result<Dataset> {
    let fingerprint = fingerprint(features)?;
    let mut dataset = Dataset { features: features.to_vec(), fingerprint, series: Vec::new() };
    for path in paths {
        let series = candle_file(path.as_ref(), features)?;
        let is_known = dataset.series.iter().any(|other| other.source == series.source);
        ensure!(!is_known, "two files are called {}", series.source);
        dataset.series.push(series);
    }
    Ok(dataset)
}

/// The feature rows of a candle file, gzipped or plain. The length of a candle is the most common distance between rows.
pub fn candle_file(path: &Path, features: &[String]) -> anyhow::Result<Series> {
    let read = || -> anyhow::Result<Series> {
        let (bars, sha256) = bars(path)?;
        let timeframe_min = timeframe(&bars)?;
        let source = path.file_name().context("no file name")?.to_string_lossy().into_owned();
        Ok(series(source, sha256, &bars, timeframe_min, features)?)
    };
    read().with_context(|| format!("{}", path.display()))
}

/// The tidy rows of a candle file of any length, gzipped or plain, and the SHA-256 of the file.
pub fn bars(path: &Path) -> anyhow::Result<(Vec<Bar>, Digest)> {
    let bytes = read_bounded(path)?;
    let sha256 = Digest::of(&bytes);
    let text = if bytes.starts_with(&[0x1f, 0x8b]) { unpack(&bytes)? } else { bytes };
    let mut bars = csv::parse(&text)?;
    tidy(&mut bars);
    Ok((bars, sha256))
}

fn read_bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= BYTES_MAX, "more than {BYTES_MAX} bytes");
    Ok(bytes)
}

fn unpack(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let result = MultiGzDecoder::new(bytes).take(BYTES_MAX + 1).read_to_end(&mut text);
    match result {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => bail!("the gzip file is cut off"),
        Err(error) => bail!("not a sound gzip file: {error}"),
        Ok(_) => ensure!(text.len() as u64 <= BYTES_MAX, "unpacks to more than {BYTES_MAX} bytes"),
    }
    Ok(text)
}

/// Length of a candle in minutes; one where a single row tells nothing.
fn timeframe(bars: &[Bar]) -> anyhow::Result<u16> {
    let step = step_of(bars).unwrap_or(NS_PER_MIN);
    let known = TIMEFRAMES_MIN.into_iter().find(|minutes| i64::from(*minutes) * NS_PER_MIN == step);
    let apart = step as f64 / NS_PER_MIN as f64;
    let timeframe =
        known.with_context(|| format!("candles of {apart} minutes, models read those of {TIMEFRAMES_MIN:?}"))?;
    if let Some(bar) = bars.iter().find(|bar| bar.open_time.as_nanos() % step != 0) {
        bail!("the candle of {} does not start with a multiple of {timeframe} minutes", bar.open_time);
    }
    Ok(timeframe)
}

/// The rows of tidy bars, each of `timeframe_min` minutes.
///
/// # Errors
/// A feature that is not in the engine's table.
pub fn series(
    source: String,
    sha256: Digest,
    bars: &[Bar],
    timeframe_min: u16,
    features: &[String],
) -> Result<Series, UnknownFeature> {
    let columns = columns_of(features)?;
    let mut state = FeatureState::new(timeframe_min);
    let mut rows = Vec::with_capacity(bars.len() * columns.len());
    for bar in bars {
        let row = state.update(bar, &Around::default());
        let value = |column: &Column| row.get(*column).map_or(f32::NAN, |value| value as f32);
        rows.extend(columns.iter().map(value));
    }
    Ok(Series {
        source,
        sha256,
        timeframe_min,
        minutes: bars.iter().map(|bar| bar.open_time.as_nanos() / NS_PER_MIN).collect(),
        closes: bars.iter().map(|bar| bar.close).collect(),
        prices: bars.iter().map(|bar| bar.close).collect(),
        rows,
    })
}
