//! One table, one file.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RecordWriter;
use serde::Serialize;
use sha2::{Digest, Sha256};
use types::Timestamp;

use crate::rows::{CandleRow, EquityRow, ForecastRow, TradeRow};
use crate::{ExportError, FileEntry, Target};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, with a header.
    Csv,
    /// Parquet, compressed with Zstandard.
    Parquet,
}

impl Format {
    /// How its files end.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Which part of everything a table is.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) kind: String,
    pub(crate) day: String,
    pub(crate) symbol: Option<String>,
    pub(crate) venue: Option<String>,
}

impl Part {
    pub(crate) fn folder(&self) -> String {
        let mut folder = format!("kind={}/day={}", self.kind, self.day);
        if let (Some(symbol), Some(venue)) = (&self.symbol, &self.venue) {
            folder.push_str(&format!("/symbol={symbol}/venue={venue}"));
        }
        folder
    }
}

/// Rows of one kind, in the order of their time.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    Candles(Vec<CandleRow>),
    Trades(Vec<TradeRow>),
    Forecasts(Vec<ForecastRow>),
    Equity(Vec<EquityRow>),
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Candles(rows) => rows.len(),
            Self::Trades(rows) => rows.len(),
            Self::Forecasts(rows) => rows.len(),
            Self::Equity(rows) => rows.len(),
        }
    }

    /// Earliest and latest time, milliseconds.
    fn ends(&self) -> (i64, i64) {
        let ends = |times: &mut dyn Iterator<Item = i64>| {
            times.fold((i64::MAX, i64::MIN), |(first, last), time| (first.min(time), last.max(time)))
        };
        match self {
            Self::Candles(rows) => ends(&mut rows.iter().map(|row| row.open_time_ms)),
            Self::Trades(rows) => ends(&mut rows.iter().map(|row| row.venue_time_us.div_euclid(1_000))),
            Self::Forecasts(rows) => ends(&mut rows.iter().map(|row| row.open_time_ms)),
            Self::Equity(rows) => ends(&mut rows.iter().map(|row| row.at_ms)),
        }
    }

    fn bytes(&self, format: Format) -> Result<Vec<u8>, String> {
        match self {
            Self::Candles(rows) => encode(rows, format),
            Self::Trades(rows) => encode(rows, format),
            Self::Forecasts(rows) => encode(rows, format),
            Self::Equity(rows) => encode(rows, format),
        }
    }
}

fn encode<T: Serialize>(rows: &[T], format: Format) -> Result<Vec<u8>, String>
where
    for<'a> &'a [T]: RecordWriter<T>,
{
    match format {
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            rows.iter().try_for_each(|row| writer.serialize(row)).map_err(|error| error.to_string())?;
            writer.into_inner().map_err(|error| error.to_string())
        }
        Format::Parquet => parquet(rows).map_err(|error| error.to_string()),
    }
}

/// The same rows give the same bytes.
fn parquet<T>(rows: &[T]) -> Result<Vec<u8>, parquet::errors::ParquetError>
where
    for<'a> &'a [T]: RecordWriter<T>,
{
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by("tickerbox".to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), rows.schema()?, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    rows.write_to_row_group(&mut group)?;
    group.close()?;
    writer.into_inner()
}

/// Writes a table unless the file is there with the same content. True when it was written.
pub(crate) fn write(
    out: &dyn Target,
    path: &str,
    part: &Part,
    table: &Table,
    (format, now): (Format, Timestamp),
    known: Option<&FileEntry>,
) -> Result<(FileEntry, bool), ExportError> {
    let bytes = table.bytes(format).map_err(|detail| ExportError::Format { path: place(out, path), detail })?;
    let (from_ms, to_ms) = table.ends();
    let digest = Sha256::digest(&bytes);
    let mut entry = FileEntry {
        kind: part.kind.clone(),
        day: part.day.clone(),
        symbol: part.symbol.clone(),
        venue: part.venue.clone(),
        rows: table.len() as u64,
        from_ms,
        to_ms,
        bytes: bytes.len() as u64,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        updated_ms: now.as_millis(),
    };
    if out.holds(path, &bytes, &entry, known) {
        entry.updated_ms = known.map_or(entry.updated_ms, |known| known.updated_ms);
        return Ok((entry, false));
    }
    put(out, path, &bytes)?;
    Ok((entry, true))
}

pub(crate) fn put(out: &dyn Target, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
    out.put(path, bytes).map_err(|error| ExportError::File { path: place(out, path), error })
}

/// A file's whole name, for people.
pub(crate) fn place(out: &dyn Target, path: &str) -> String {
    format!("{}/{path}", out.name())
}
