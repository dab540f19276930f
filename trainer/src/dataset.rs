//! Feature rows of one or more series, as a file.
//!
//! All numbers are little-endian.
//!
//! ```text
//! 8 bytes   "TBXDATA" and the format number, one byte, 3
//! 4 bytes   length of the header
//! n bytes   header: JSON, see `Header`
//! per series, in the header's order:
//!   8 bytes a candle   when it opens, in minutes since the epoch
//!   8 bytes a candle   close, 64-bit float
//!   8 bytes a candle   price that outcomes count from, 64-bit float, or NaN
//!   4 bytes a value    rows, 32-bit floats, row-major; a masked value is NaN
//! 32 bytes  SHA-256 of all before
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bundle::Digest;
use bundle::manifest::TIMEFRAMES_MIN;
use serde::{Deserialize, Serialize};

use crate::run;

const MAGIC: &[u8; 8] = b"TBXDATA\x03";
/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 4 << 30;

/// Feature rows of some series.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Names of the columns.
    pub features: Vec<String>,
    /// Fingerprint of their definitions.
    pub fingerprint: String,
    /// The series.
    pub series: Vec<Series>,
}

/// Candles of one instrument and length in order, each at most once; missing ones are just not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name of the file or journal it came from.
    pub source: String,
    /// SHA-256 of that.
    pub sha256: Digest,
    /// Length of a candle, minutes.
    pub timeframe_min: u16,
    /// When each candle opens, minutes since the epoch, rising, multiples of the length.
    pub minutes: Vec<i64>,
    /// Closing prices.
    pub closes: Vec<f64>,
    /// Prices that outcomes count from and to: the mid price at the candle's close where a box recorded its book, NaN where none held; of a
    /// candle file the close, for nothing else is known.
    pub prices: Vec<f64>,
    /// Feature rows, row-major; a masked value is NaN.
    pub rows: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    features: Vec<String>,
    fingerprint: String,
    series: Vec<SeriesHeader>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesHeader {
    source: String,
    sha256: Digest,
    timeframe_min: u16,
    candles: u64,
}

impl Series {
    /// Position of the candle that opens at `minute`.
    pub fn index_of(&self, minute: i64) -> Option<usize> {
        self.minutes.binary_search(&minute).ok()
    }

    /// Minutes that so many candles last.
    pub fn last_min(&self, candles: u16) -> i64 {
        i64::from(candles) * i64::from(self.timeframe_min)
    }

    /// Natural logarithm of the price `candles` later over the price at `index`; `None` where one of them is not known.
    pub fn log_return(&self, index: usize, candles: u16) -> Option<f64> {
        let target = self.minutes[index] + self.last_min(candles);
        // Without gaps it is just so many places on.
        let near = (index + usize::from(candles)).min(self.minutes.len() - 1);
        let target = if self.minutes[near] == target { near } else { self.index_of(target)? };
        Some((self.prices[target] / self.prices[index]).ln()).filter(|moved| moved.is_finite())
    }
}

impl Dataset {
    /// First minute of any series and the one after the last.
    pub fn range(&self) -> (i64, i64) {
        let first = self.series.iter().filter_map(|series| series.minutes.first()).min();
        let end = |series: &Series| Some(series.minutes.last()? + i64::from(series.timeframe_min));
        (first.copied().unwrap_or(0), self.series.iter().filter_map(end).max().unwrap_or(0))
    }

    /// Lengths of candles, minutes, rising.
    pub fn timeframes(&self) -> BTreeSet<u16> {
        self.series.iter().map(|series| series.timeframe_min).collect()
    }

    /// Column of a feature.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.features.iter().position(|feature| feature == name)
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = |series: &Series| SeriesHeader {
            source: series.source.clone(),
            sha256: series.sha256,
            timeframe_min: series.timeframe_min,
            candles: series.minutes.len() as u64,
        };
        let header = Header {
            features: self.features.clone(),
            fingerprint: self.fingerprint.clone(),
            series: self.series.iter().map(header).collect(),
        };
        let header = serde_json::to_vec(&header).expect("a header has only strings as keys");
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&(header.len() as u32).to_le_bytes());
        out.extend_from_slice(&header);
        for series in &self.series {
            out.extend(series.minutes.iter().flat_map(|value| value.to_le_bytes()));
            out.extend(series.closes.iter().flat_map(|value| value.to_le_bytes()));
            out.extend(series.prices.iter().flat_map(|value| value.to_le_bytes()));
            out.extend(series.rows.iter().flat_map(|value| value.to_le_bytes()));
        }
        let digest = Digest::of(&out);
        out.extend_from_slice(&digest.0);
        out
    }

    /// Reads a file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let (body, digest) = bytes.split_last_chunk::<32>().context("too short for a dataset")?;
        ensure!(body.starts_with(&MAGIC[..7]), "not a dataset: make one with `tickerbox-trainer import`");
        ensure!(body.starts_with(MAGIC), "made by another version of the trainer: import again");
        ensure!(Digest::of(body).0 == *digest, "damaged: its SHA-256 does not match");
        let mut cursor = &body[MAGIC.len()..];
        let len = u32::from_le_bytes(take(&mut cursor)?) as usize;
        ensure!(len <= cursor.len(), "the header is cut off");
        let (header, mut cursor) = cursor.split_at(len);
        let header: Header = serde_json::from_slice(header).context("header")?;
        let columns = header.features.len();
        let mut series = Vec::new();
        for head in header.series {
            let candles = usize::try_from(head.candles).ok().filter(|n| *n <= cursor.len() / 24).context("candles")?;
            let series_of = Series {
                source: head.source,
                sha256: head.sha256,
                timeframe_min: head.timeframe_min,
                minutes: many(&mut cursor, candles, i64::from_le_bytes)?,
                closes: many(&mut cursor, candles, f64::from_le_bytes)?,
                prices: many(&mut cursor, candles, f64::from_le_bytes)?,
                rows: many(&mut cursor, candles * columns, f32::from_le_bytes)?,
            };
            let known = TIMEFRAMES_MIN.contains(&series_of.timeframe_min);
            ensure!(known, "{}: candles of {} minutes", series_of.source, series_of.timeframe_min);
            ensure!(series_of.minutes.is_sorted_by(|a, b| a < b), "{}: the candles do not rise", series_of.source);
            series.push(series_of);
        }
        ensure!(cursor.is_empty(), "bytes after the last series");
        Ok(Self { features: header.features, fingerprint: header.fingerprint, series })
    }

    /// Writes the file.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        run::write(path, &self.to_bytes())
    }

    /// Reads the file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let read = || {
            let bytes = fs::metadata(path)?.len();
            if bytes > BYTES_MAX {
                bail!("{bytes} bytes, more than the {BYTES_MAX} allowed");
            }
            Self::from_bytes(&fs::read(path)?)
        };
        read().with_context(|| format!("dataset {}", path.display()))
    }
}

fn take<const N: usize>(cursor: &mut &[u8]) -> anyhow::Result<[u8; N]> {
    let (value, rest) = cursor.split_first_chunk::<N>().context("cut off")?;
    *cursor = rest;
    Ok(*value)
}

fn many<T, const N: usize>(cursor: &mut &[u8], count: usize, of: fn([u8; N]) -> T) -> anyhow::Result<Vec<T>> {
    let len = count.checked_mul(N).filter(|len| *len <= cursor.len()).context("cut off")?;
    let (values, rest) = cursor.split_at(len);
    *cursor = rest;
    Ok(values.as_chunks::<N>().0.iter().map(|value| of(*value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Dataset {
        let series = Series {
            source: "a.csv".to_owned(),
            sha256: Digest::of(b"a"),
            timeframe_min: 1,
            minutes: vec![10, 11, 13],
            closes: vec![1.0, 2.0, 3.0],
            prices: vec![1.0, 2.0, 3.0],
            rows: vec![0.1, f32::NAN, 0.3, 0.4, 0.5, 0.6],
        };
        Dataset { features: vec!["x".to_owned(), "y".to_owned()], fingerprint: "f".to_owned(), series: vec![series] }
    }

    #[test]
    fn a_file_gives_back_what_was_put_in() {
        let bytes = tiny().to_bytes();
        let back = Dataset::from_bytes(&bytes).expect("own bytes");
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(back.range(), (10, 14));
        assert_eq!(back.series[0].log_return(0, 1), Some(2f64.ln()));
        assert_eq!(back.series[0].log_return(0, 2), None, "minute 12 is missing");
    }

    #[test]
    fn outcomes_are_counted_in_candles() {
        let mut dataset = tiny();
        dataset.series[0].timeframe_min = 15;
        dataset.series[0].minutes = vec![15, 30, 60];
        assert_eq!(dataset.range(), (15, 75));
        let series = &dataset.series[0];
        assert_eq!(series.log_return(0, 1), Some(2f64.ln()));
        assert_eq!(series.log_return(0, 2), None, "a candle is missing");
        assert_eq!(series.log_return(1, 2), Some(1.5f64.ln()));
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = tiny().to_bytes();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(Dataset::from_bytes(&bytes).is_err(), "byte {at}");
            assert!(Dataset::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
