//! `tickerbox quality`: the data-quality ledger of a box.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use store::state::Listing;
use store::{Span, State};
use types::market::{StaleReason, TradingStatus};
use types::quality::{GapReason, GapRecord, QualityRecord, QuarantineReason};
use types::time::NS_PER_MIN;
use types::{InstrumentId, Timeframe, Timestamp};

use super::{print_json, time};

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// Shows how well each instrument was heard, minute by minute, and what was set aside as implausible.
///
/// Not while a box is writing to the folder: it shows the same figure on its dashboard.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only this instrument, as the venue names it: kraken:BTC/USD. May be repeated.
    #[arg(long, value_name = "VENUE:SYMBOL")]
    instrument: Vec<String>,
    /// From this time on, UTC: 2026-07-19 or 2026-07-19T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Print one JSON object, minutes included.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    instruments: Vec<Ledger>,
    quarantine: Vec<SetAside>,
}

/// One instrument.
#[derive(Serialize)]
struct Ledger {
    venue: &'static str,
    symbol: String,
    summary: Summary,
    minutes: Vec<Minute>,
    gaps: Vec<Gap>,
    /// Whether the venue matched orders, from each time on until the next.
    statuses: Vec<Status>,
}

/// One instrument's span in figures.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Summary {
    /// The first minute looked at and the end of the last one; none without a row.
    from: Option<String>,
    to: Option<String>,
    /// Minutes of that span, and of them those in which the feed was at work.
    minutes: u64,
    minutes_watched: u64,
    /// Share of the span in which the book was proven.
    coverage_percent: f64,
    gaps: u64,
    resyncs: u64,
    checksum_failures: u64,
    crossed: u64,
    duplicates: u64,
    trades: u64,
    trades_repaired: u64,
    trade_gaps: u64,
    rejected: u64,
    refused: u64,
    quarantined: u64,
    connections: u64,
    silence_max_ms: u32,
    /// Minutes that ended without data, and of them those that got a candle later.
    minutes_without_data: u64,
    minutes_repaired: u64,
    /// Minutes in which the clock was not believed.
    minutes_clock_unset: u64,
    /// The newest minute in which the book broke, and why.
    broke: Option<(String, StaleReason)>,
}

/// A row of the ledger.
#[derive(Serialize)]
struct Minute {
    minute: String,
    watched_ms: u32,
    live_ms: u32,
    silence_max_ms: u32,
    gaps: u32,
    resyncs: u32,
    checksum_failures: u32,
    crossed: u32,
    duplicates: u32,
    trades: u32,
    trades_repaired: u32,
    trade_gaps: u32,
    rejected: u32,
    refused: u32,
    quarantined: u32,
    connections: u32,
    venue_ahead_ns: Option<i64>,
    broke: Option<StaleReason>,
    clock_set: bool,
}

/// Minutes without data.
#[derive(Serialize)]
struct Gap {
    from: String,
    to: String,
    reason: GapReason,
    clock_set: bool,
}

/// What the venue said about trading.
#[derive(Serialize)]
struct Status {
    at: String,
    status: TradingStatus,
}

/// Something implausible.
#[derive(Serialize)]
struct SetAside {
    at: String,
    instrument: u16,
    reason: QuarantineReason,
    what: String,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = State::open_read(&self.data_dir)?;
        let from = self.from.unwrap_or(Timestamp::EPOCH);
        let span = Span::between(from, self.to.unwrap_or(Timestamp::MAX), usize::MAX);
        let listings = self.listings(&state)?;
        let chosen: BTreeSet<InstrumentId> = listings.iter().map(|listing| listing.id).collect();
        let ledgers = listings.into_iter().map(|listing| ledger(&state, listing, span));
        let instruments = ledgers.collect::<Result<Vec<_>, _>>()?;
        let quarantine = state.quarantine(span)?;
        let quarantine = quarantine.into_iter().filter(|record| chosen.contains(&record.instrument));
        let set_aside = quarantine.map(|record| SetAside {
            at: record.at.to_string(),
            instrument: record.instrument.0,
            reason: record.reason,
            what: format!("{:?}", record.what),
        });
        let report = Report { instruments, quarantine: set_aside.collect() };
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn listings(&self, state: &State) -> anyhow::Result<Vec<Listing>> {
        let all = state.catalogue()?;
        if self.instrument.is_empty() {
            return Ok(all);
        }
        let name = |listing: &Listing| format!("{}:{}", listing.venue, listing.symbol);
        for wanted in &self.instrument {
            let known = || all.iter().map(name).collect::<Vec<_>>().join(", ");
            let is_known = all.iter().any(|listing| name(listing) == *wanted);
            anyhow::ensure!(is_known, "{}: no instrument {wanted:?}; known are {}", self.data_dir.display(), known());
        }
        Ok(all.into_iter().filter(|listing| self.instrument.contains(&name(listing))).collect())
    }
}

fn ledger(state: &State, listing: Listing, span: Span) -> anyhow::Result<Ledger> {
    let rows = state.quality(listing.id, span)?;
    let gaps = state.gaps(listing.id, span)?;
    let mut repaired = 0;
    for gap in &gaps {
        let inside = Span::between(gap.from, gap.to, usize::MAX);
        repaired += state.candles(listing.id, Timeframe::M1, inside).context("candles")?.len() as u64;
    }
    let summary = Summary { minutes_repaired: repaired, ..summary(&rows, &gaps) };
    let gaps = gaps.iter().map(|gap| Gap {
        from: gap.from.to_string(),
        to: gap.to.to_string(),
        reason: gap.reason,
        clock_set: gap.is_clock_set,
    });
    let statuses = state.statuses(listing.id, span)?;
    let statuses = statuses.iter().map(|row| Status { at: row.at.to_string(), status: row.status }).collect();
    let (minutes, gaps) = (rows.iter().map(Minute::of).collect(), gaps.collect());
    Ok(Ledger { venue: listing.venue.slug(), symbol: listing.symbol, summary, minutes, gaps, statuses })
}

/// Adds up rows that are in order. A minute between the first and the last one without a row is one nobody listened in.
fn summary(rows: &[QualityRecord], gaps: &[GapRecord]) -> Summary {
    let mut sum = Summary::default();
    let minutes_of = |gap: &GapRecord| (gap.to.as_nanos() - gap.from.as_nanos()) / NS_PER_MIN;
    sum.minutes_without_data = gaps.iter().map(minutes_of).sum::<i64>().unsigned_abs();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return sum };
    let end = Timestamp::from_nanos(last.heard.minute.as_nanos() + NS_PER_MIN);
    sum.from = Some(first.heard.minute.to_string());
    sum.to = Some(end.to_string());
    sum.minutes = ((end.as_nanos() - first.heard.minute.as_nanos()) / NS_PER_MIN).unsigned_abs();
    sum.minutes_watched = rows.len() as u64;
    let mut live_ms = 0;
    for QualityRecord { heard, refused, quarantined, is_clock_set } in rows {
        live_ms += u64::from(heard.live_ms);
        sum.gaps += u64::from(heard.gaps);
        sum.resyncs += u64::from(heard.resyncs);
        sum.checksum_failures += u64::from(heard.checksum_failures);
        sum.crossed += u64::from(heard.crossed);
        sum.duplicates += u64::from(heard.duplicates);
        sum.trades += u64::from(heard.trades);
        sum.trades_repaired += u64::from(heard.trades_repaired);
        sum.trade_gaps += u64::from(heard.trade_gaps);
        sum.rejected += u64::from(heard.rejected);
        sum.refused += u64::from(*refused);
        sum.quarantined += u64::from(*quarantined);
        sum.connections += u64::from(heard.connections);
        sum.silence_max_ms = sum.silence_max_ms.max(heard.silence_max_ms);
        sum.minutes_clock_unset += u64::from(!is_clock_set);
        sum.broke = heard.broke.map(|reason| (heard.minute.to_string(), reason)).or(sum.broke);
    }
    sum.coverage_percent = live_ms as f64 * 100.0 / (sum.minutes * MINUTE_MS) as f64;
    sum
}

impl Minute {
    fn of(row: &QualityRecord) -> Self {
        let QualityRecord { heard, refused, quarantined, is_clock_set } = row;
        Self {
            minute: heard.minute.to_string(),
            watched_ms: heard.watched_ms,
            live_ms: heard.live_ms,
            silence_max_ms: heard.silence_max_ms,
            gaps: heard.gaps,
            resyncs: heard.resyncs,
            checksum_failures: heard.checksum_failures,
            crossed: heard.crossed,
            duplicates: heard.duplicates,
            trades: heard.trades,
            trades_repaired: heard.trades_repaired,
            trade_gaps: heard.trade_gaps,
            rejected: heard.rejected,
            refused: *refused,
            quarantined: *quarantined,
            connections: heard.connections,
            venue_ahead_ns: heard.venue_ahead_ns,
            broke: heard.broke,
            clock_set: *is_clock_set,
        }
    }
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<12} {:<12} {:>8} {:>9} {:>6} {:>8} {:>8} {:>9} {:>10}",
        "venue", "symbol", "minutes", "proven", "gaps", "resyncs", "no data", "repaired", "set aside"
    )?;
    for Ledger { venue, symbol, summary, .. } in &report.instruments {
        let Summary {
            minutes,
            coverage_percent,
            gaps,
            resyncs,
            minutes_without_data,
            minutes_repaired,
            quarantined,
            ..
        } = summary;
        writeln!(
            out,
            "{venue:<12} {symbol:<12} {minutes:>8} {coverage_percent:>7.2} % {gaps:>6} {resyncs:>8} \
             {minutes_without_data:>8} {minutes_repaired:>9} {quarantined:>10}"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::{QualityMinute, Record, Venue};

    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + 60 * n)
    }

    fn row(id: InstrumentId, n: i64, live_ms: u32) -> QualityRecord {
        let heard = QualityMinute { live_ms, watched_ms: 60_000, trades: 2, ..QualityMinute::new(id, minute(n)) };
        QualityRecord { heard, refused: 1, quarantined: 0, is_clock_set: n > 0 }
    }

    #[test]
    fn a_minute_without_a_row_counts_as_not_proven() {
        let id = InstrumentId(0);
        let mut broken = row(id, 3, 30_000);
        broken.heard.broke = Some(StaleReason::SequenceGap);
        let gap = |n, to| GapRecord {
            instrument: id,
            from: minute(n),
            to: minute(to),
            reason: GapReason::NotHeard,
            is_clock_set: true,
        };
        let found = summary(&[row(id, 0, 60_000), row(id, 1, 60_000), broken], &[gap(2, 3), gap(5, 15)]);
        assert_eq!((found.minutes, found.minutes_watched, found.coverage_percent), (4, 3, 62.5));
        assert_eq!((found.trades, found.refused, found.minutes_clock_unset, found.minutes_without_data), (6, 3, 1, 11));
        assert_eq!(found.broke, Some((minute(3).to_string(), StaleReason::SequenceGap)));
        assert_eq!(summary(&[], &[]), Summary::default());
    }

    #[test]
    fn the_ledger_of_a_folder_is_read_and_unknown_instruments_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let id = state.resolve(Venue::Kraken, "BTC/USD").unwrap();
        let other = state.resolve(Venue::Coinbase, "BTC-USD").unwrap();
        let entry = |seq, record| Entry { seq, rank: 0, record };
        let rows = [row(id, 0, 60_000), row(id, 1, 0), row(other, 0, 1)];
        let entries: Vec<Entry> = (1..).zip(rows).map(|(seq, row)| entry(seq, Record::Quality(row))).collect();
        state.write(&entries, 3).unwrap();
        drop(state);
        let args = |instrument: &str, from| Args {
            data_dir: dir.path().to_owned(),
            instrument: vec![instrument.to_owned()],
            from,
            to: None,
            json: true,
        };
        let state = State::open_read(dir.path()).unwrap();
        let chosen = args("kraken:BTC/USD", None).listings(&state).unwrap();
        assert_eq!(chosen.len(), 1);
        let span = Span::between(minute(1), Timestamp::MAX, usize::MAX);
        let ledger = ledger(&state, chosen.into_iter().next().unwrap(), span).unwrap();
        assert_eq!((ledger.venue, ledger.minutes.len(), ledger.summary.coverage_percent), ("kraken", 1, 0.0));
        let error = args("kraken:ETH/USD", None).listings(&state).unwrap_err().to_string();
        assert!(
            error.ends_with("no instrument \"kraken:ETH/USD\"; known are kraken:BTC/USD, coinbase:BTC-USD"),
            "{error}"
        );
    }

    #[test]
    fn times_are_dates_or_moments() {
        assert_eq!(time("1970-01-02"), Ok(Timestamp::from_secs(86_400)));
        assert_eq!(time("1970-01-01T00:01:00Z"), Ok(Timestamp::from_secs(60)));
        assert!(time("yesterday").is_err());
    }
}
