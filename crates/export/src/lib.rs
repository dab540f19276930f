//! What a box has kept, as CSV and Parquet files that other programs read as they are.
//!
//! ```text
//! kind=candles_1m/day=2026-07-19/symbol=BTC-USD/venue=kraken/part.parquet
//! kind=equity/day=2026-07-19/part.parquet
//! metadata.json
//! predictions.csv
//! ```
//!
//! A day is UTC. A file is written anew only when what is in it has changed, and put in its place in one step, so an export
//! that was broken off goes on where it stopped and one that is repeated changes nothing. `metadata.json` says of each file
//! how many rows it has, which span they cover, and its SHA-256.

mod file;
mod rows;
pub mod sheet;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use store::state::Listing;
use store::{Reader, Span, State, StoreError, days};
use types::{Input, Scale, Timeframe, Timestamp};

pub use file::Format;
use file::{Part, Table, place};
pub use target::{Folder, Target};

const SECONDS_PER_DAY: i64 = 86_400;
const METADATA: &str = "metadata.json";
const PREDICTIONS: &str = "predictions.csv";

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Candles of one length, by the day of their start.
    Candles(Timeframe),
    /// Trades, by the day on which they were received.
    Trades,
    /// Forecasts with what came, by the day of the last candle that the model saw.
    Forecasts,
    /// The paper account, minute by minute.
    Equity,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Candles(Timeframe::M1),
        Self::Candles(Timeframe::M5),
        Self::Candles(Timeframe::M15),
        Self::Candles(Timeframe::H1),
        Self::Candles(Timeframe::D1),
        Self::Trades,
        Self::Forecasts,
        Self::Equity,
    ];

    /// The name in paths.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Candles(timeframe) => format!("candles_{}", timeframe.name()),
            Self::Trades => "trades".to_owned(),
            Self::Forecasts => "forecasts".to_owned(),
            Self::Equity => "equity".to_owned(),
        }
    }
}

/// What to export.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Kinds.
    pub kinds: Vec<Kind>,
    /// Days, counted from the epoch: from the first up to, not including, the second.
    pub days: std::ops::Range<i32>,
    /// File formats.
    pub formats: Vec<Format>,
}

/// What became of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Files that were written.
    pub written: u64,
    /// Files that were there with the same content.
    pub unchanged: u64,
    /// Rows in all of these.
    pub rows: u64,
    /// Bytes of all of these.
    pub bytes: u64,
}

/// What `metadata.json` says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Kind, as in the path.
    pub kind: String,
    /// UTC day.
    pub day: String,
    /// Canonical pair, `BTC-USD`; none for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// Venue; none for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Time of the first and the last row, milliseconds since the epoch.
    pub from_ms: i64,
    /// See `from_ms`.
    pub to_ms: i64,
    /// Size.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// When the file was written last, milliseconds since the epoch; 0 in older metadata.
    #[serde(default)]
    pub updated_ms: i64,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What was kept cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Rows cannot be put into the format.
    #[error("{path}: {detail}")]
    Format {
        /// Of which file.
        path: String,
        /// Why.
        detail: String,
    },
}

/// The days of which a data directory has anything, counted from the epoch: from the first up to, not including, the
/// second. Empty when it has nothing.
///
/// # Errors
/// When it cannot be read.
pub fn days_kept(state: &State, data_dir: &Path) -> Result<std::ops::Range<i32>, ExportError> {
    let mut kept: Vec<i32> = days(data_dir)?.iter().map(|day| day.day).collect();
    for listing in state.catalogue()? {
        for (limit, newest) in [(1, false), (1, true)] {
            let span = Span { from: Timestamp::from_nanos(i64::MIN), to: Timestamp::MAX, limit, newest };
            let found = state.candles(listing.id, Timeframe::M1, span)?;
            kept.extend(found.iter().map(|record| record.candle.open_time.day()));
        }
    }
    Ok(match (kept.iter().min(), kept.iter().max()) {
        (Some(first), Some(last)) => *first..last.saturating_add(1),
        _ => 0..0,
    })
}

/// Writes what is wanted under `out` at the time `now`; `progress` hears each file's path below it.
///
/// # Errors
/// [`ExportError`]; what was written before stays, and is not written again the next time.
pub fn export(
    state: &State,
    data_dir: &Path,
    out: &dyn Target,
    wanted: &Wanted,
    now: Timestamp,
    mut progress: impl FnMut(&str),
) -> Result<Exported, ExportError> {
    let before = read_metadata(out)?;
    let mut metadata = before.clone();
    let mut exported = Exported::default();
    let listings = state.catalogue()?;
    for day in wanted.days.clone() {
        for kind in &wanted.kinds {
            for (part, table) in tables(state, data_dir, &listings, *kind, day)? {
                for format in &wanted.formats {
                    let path = format!("{}/part.{}", part.folder(), format.extension());
                    progress(&path);
                    let (entry, is_new) = file::write(out, &path, &part, &table, (*format, now), metadata.get(&path))?;
                    exported.written += u64::from(is_new);
                    exported.unchanged += u64::from(!is_new);
                    exported.rows += entry.rows;
                    exported.bytes += entry.bytes;
                    metadata.insert(path, entry);
                }
            }
        }
    }
    write_metadata(out, &before, &metadata)?;
    Ok(exported)
}

/// The UTC days (`2026-07-19`) of which something was exported to `out`.
///
/// # Errors
/// When its `metadata.json` cannot be read.
pub fn days_exported(out: &dyn Target) -> Result<BTreeSet<String>, ExportError> {
    Ok(read_metadata(out)?.into_values().map(|entry| entry.day).collect())
}

/// Writes the forecasts of some days with what came as one `predictions.csv` in `out`, oldest first. Gives their number.
///
/// # Errors
/// [`ExportError`]; the file is as it was then.
pub fn predictions(state: &State, out: &dyn Target, wanted: std::ops::Range<i32>) -> Result<u64, ExportError> {
    let at = |day: i32| Timestamp::from_secs(i64::from(day) * SECONDS_PER_DAY);
    let span = Span::between(at(wanted.start), at(wanted.end), usize::MAX);
    let mut rows = Vec::new();
    for listing in state.catalogue()? {
        let forecasts = rows::forecasts(state.forecasts(listing.id, span)?);
        rows.extend(forecasts.into_iter().map(|forecast| rows::PredictionRow::of(&listing, forecast)));
    }
    rows.sort_by(|a, b| a.open_time.cmp(&b.open_time));
    let format = |detail: String| ExportError::Format { path: place(out, PREDICTIONS), detail };
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(|error| format(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| format(error.to_string()))?;
    file::put(out, PREDICTIONS, &bytes)?;
    Ok(rows.len() as u64)
}

/// The tables of a kind and day that have rows.
fn tables(
    state: &State,
    data_dir: &Path,
    listings: &[Listing],
    kind: Kind,
    day: i32,
) -> Result<Vec<(Part, Table)>, ExportError> {
    let start = Timestamp::from_secs(i64::from(day) * SECONDS_PER_DAY);
    let end = Timestamp::from_secs((i64::from(day) + 1) * SECONDS_PER_DAY);
    let span = Span::between(start, end, usize::MAX);
    let known = listings.iter().filter_map(|listing| Some((listing, listing.instrument.as_ref()?)));
    let part = |of: Option<(&Listing, &types::Instrument)>| Part {
        kind: kind.name(),
        day: start.to_string()[..10].to_owned(),
        symbol: of.map(|(_, instrument)| format!("{}-{}", instrument.base, instrument.quote)),
        venue: of.map(|(listing, _)| listing.venue.slug().to_owned()),
    };
    let mut found = Vec::new();
    match kind {
        Kind::Candles(timeframe) => {
            for (listing, instrument) in known {
                let records = state.candles(listing.id, timeframe, span)?;
                let rows = records.iter().map(|record| rows::CandleRow::of(record, instrument.scale)).collect();
                found.push((part(Some((listing, instrument))), Table::Candles(rows)));
            }
        }
        Kind::Forecasts => {
            for (listing, instrument) in known {
                let rows = rows::forecasts(state.forecasts(listing.id, span)?);
                found.push((part(Some((listing, instrument))), Table::Forecasts(rows)));
            }
        }
        Kind::Trades => {
            let mut by_instrument: BTreeMap<u16, (Part, Scale, Vec<rows::TradeRow>)> = known
                .map(|(listing, instrument)| {
                    (listing.id.0, (part(Some((listing, instrument))), instrument.scale, Vec::new()))
                })
                .collect();
            for file in days(data_dir)?.into_iter().filter(|file| file.day == day) {
                for input in Reader::open_day(&file.path)?.inputs()? {
                    let input = input?;
                    if let Input::Trade(trade) = &input.input
                        && let Some((_, scale, rows)) = by_instrument.get_mut(&trade.instrument.0)
                    {
                        rows.push(rows::TradeRow::of(trade, input.at, *scale));
                    }
                }
            }
            found.extend(by_instrument.into_values().map(|(part, _, rows)| (part, Table::Trades(rows))));
        }
        Kind::Equity => {
            let mut rows = Vec::new();
            for account in state.accounts()? {
                let told = state.equity(account.account, span)?;
                rows.extend(told.iter().map(|record| rows::EquityRow::of(&account.name, record)));
            }
            found.push((part(None), Table::Equity(rows)));
        }
    }
    found.retain(|(_, table)| table.len() > 0);
    Ok(found)
}

/// By path below the folder.
type Metadata = BTreeMap<String, FileEntry>;

fn read_metadata(out: &dyn Target) -> Result<Metadata, ExportError> {
    let path = || place(out, METADATA);
    let Some(bytes) = out.get(METADATA).map_err(|error| ExportError::File { path: path(), error })? else {
        return Ok(Metadata::new());
    };
    serde_json::from_slice(&bytes).map_err(|error| ExportError::Format { path: path(), detail: error.to_string() })
}

/// Written only when something in it has changed.
fn write_metadata(out: &dyn Target, before: &Metadata, metadata: &Metadata) -> Result<(), ExportError> {
    if before == metadata {
        return Ok(());
    }
    let bytes = serde_json::to_vec_pretty(metadata)
        .map_err(|error| ExportError::Format { path: place(out, METADATA), detail: error.to_string() })?;
    file::put(out, METADATA, &bytes)
}

#[cfg(test)]
mod tests;
