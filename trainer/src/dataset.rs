//! Feature rows of one or more series, as a file.
//!
//! All numbers are little-endian.
//!
//! ```text
//! 8 bytes   "TBXDATA" and the format number, one byte, 1
//! 4 bytes   length of the header
//! n bytes   header: JSON, see `Header`
//! per series, in the header's order:
//!   8 bytes a minute   number of the minute since the epoch
//!   8 bytes a minute   close, 64-bit float
//!   4 bytes a value    rows, 32-bit floats, row-major; a masked value is NaN
//! 32 bytes  SHA-256 of all before
//! ```

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bundle::Digest;
use serde::{Deserialize, Serialize};

use crate::run;

const MAGIC: &[u8; 8] = b"TBXDATA\x01";
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

/// Minutes of one instrument in order, each at most once; missing ones are just not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name of the file or journal it came from.
    pub source: String,
    /// SHA-256 of that.
    pub sha256: Digest,
    /// Minutes since the epoch, rising.
    pub minutes: Vec<i64>,
    /// Closing prices.
    pub closes: Vec<f64>,
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
    minutes: u64,
}

impl Series {
    /// Position of a minute.
    pub fn index_of(&self, minute: i64) -> Option<usize> {
        self.minutes.binary_search(&minute).ok()
    }

    /// Natural logarithm of the close `horizon_min` later over the close at `index`; `None` where that minute is missing.
    pub fn log_return(&self, index: usize, horizon_min: u16) -> Option<f64> {
        let target = self.index_of(self.minutes[index] + i64::from(horizon_min))?;
        Some((self.closes[target] / self.closes[index]).ln())
    }
}

impl Dataset {
    /// First minute of any series and the one after the last.
    pub fn range(&self) -> (i64, i64) {
        let first = self.series.iter().filter_map(|series| series.minutes.first()).min();
        let last = self.series.iter().filter_map(|series| series.minutes.last()).max();
        (first.copied().unwrap_or(0), last.map_or(0, |minute| minute + 1))
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
            minutes: series.minutes.len() as u64,
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
            let minutes = usize::try_from(head.minutes).ok().filter(|n| *n <= cursor.len() / 16).context("minutes")?;
            let series_of = Series {
                source: head.source,
                sha256: head.sha256,
                minutes: many(&mut cursor, minutes, i64::from_le_bytes)?,
                closes: many(&mut cursor, minutes, f64::from_le_bytes)?,
                rows: many(&mut cursor, minutes * columns, f32::from_le_bytes)?,
            };
            ensure!(series_of.minutes.is_sorted_by(|a, b| a < b), "{}: the minutes do not rise", series_of.source);
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
            minutes: vec![10, 11, 13],
            closes: vec![1.0, 2.0, 3.0],
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
