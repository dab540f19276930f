//! `tickerbox arbitrage`: opportunities between exchanges that a box has kept.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use store::{Span, State};
use types::decimal::Fixed;
use types::{ArbitrageEndReason, ArbitrageRecord, ArbitrageSize, Cash, Date, Timestamp, Venue};

use super::print_json;

/// Lists opportunities between exchanges, and counts them by day, venues and currency.
///
/// One counts where base could have been bought on one venue and sold on another at once for more than both taker fees, by
/// walking both books. Withdrawals, transfers and their time are not in it: it is what the books offered to somebody with
/// money on both venues. Reads what a box has kept, without changing it, while the box does not run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Most opportunities to list, the newest ones; all are counted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Days to count, from the day of the newest opportunity back.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3_660))]
    days: u16,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, PartialEq, Serialize)]
struct Report {
    opportunities: Vec<Row>,
    summary: Vec<Summary>,
}

/// One opportunity. Amounts are decimal texts: quantities in base, money in `currency`.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    opened_at_ms: i64,
    /// When it was there for the last time; of one without an end, as far as is kept.
    last_at_ms: i64,
    duration_ms: u64,
    /// Why it ended; absent for one without an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<ArbitrageEndReason>,
    base: String,
    currency: String,
    buy: Venue,
    sell: Venue,
    buy_taker_ppm: u32,
    sell_taker_ppm: u32,
    /// Most that was left at the best prices after both fees, basis points.
    peak_net_bps: String,
    /// When it began.
    first: Size,
    /// When the expected profit was largest.
    best: Size,
    /// How often it was gone for a moment and came back.
    returns: u32,
    /// What one USDT was worth in USD, where one side is in USDT.
    #[serde(skip_serializing_if = "Option::is_none")]
    usdt_usd: Option<String>,
}

/// The most profitable quantity at a moment.
#[derive(Debug, PartialEq, Serialize)]
struct Size {
    at_ms: i64,
    qty: String,
    cost: String,
    profit: String,
    net_bps: String,
}

/// What began on one UTC day between one pair of venues, in one currency.
#[derive(Debug, PartialEq, Serialize)]
struct Summary {
    day: Date,
    buy: Venue,
    sell: Venue,
    currency: String,
    count: u64,
    /// How long they lasted together, and the longest of them.
    duration_ms: u64,
    longest_ms: u64,
    peak_net_bps: String,
    /// The largest expected profit of one, and what that cost.
    best_profit: String,
    best_cost: String,
    /// What all would have brought and cost, each taken once when it began.
    first_profit: String,
    first_cost: String,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = State::open_read(&self.data_dir).with_context(|| {
            format!("cannot look into {} (a running box shows them on its dashboard)", self.data_dir.display())
        })?;
        let report = self.report(&state)?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report, &self)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn report(&self, state: &State) -> Result<Report, store::StoreError> {
        let newest = state.arbitrage(Span::last(self.limit.max(1), Timestamp::MAX))?;
        let mut summary = Vec::new();
        if let Some(last) = newest.last() {
            let end = Date::of(last.opened_at).start();
            for day in (0..u32::from(self.days)).rev() {
                let from = end.minus(DAY * day);
                // A day at a time: what is in memory is bounded by what one day can bring.
                count(Date::of(from), &state.arbitrage(Span::between(from, from.plus(DAY), usize::MAX))?, &mut summary);
            }
        }
        let opportunities = newest.iter().skip(newest.len().saturating_sub(self.limit)).map(Row::of).collect();
        Ok(Report { opportunities, summary })
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The last moment at which an opportunity is known to have been there.
fn last_at(known: &ArbitrageRecord) -> Timestamp {
    known.end.map_or(known.first.at.max(known.best.at), |end| end.at)
}

fn lasted_ms(known: &ArbitrageRecord) -> u64 {
    last_at(known).since(known.opened_at).as_millis() as u64
}

fn bps(cbps: u32) -> String {
    Fixed { mantissa: cbps.into(), decimals: 2 }.to_string()
}

fn money(cash: Cash) -> String {
    cash.fixed().to_string()
}

impl Row {
    fn of(known: &ArbitrageRecord) -> Self {
        let size = |size: &ArbitrageSize| Size {
            at_ms: size.at.as_millis(),
            qty: Fixed { mantissa: size.qty.0.into(), decimals: known.qty_decimals }.to_string(),
            cost: money(size.cost),
            profit: money(size.profit),
            net_bps: bps(size.net_cbps),
        };
        let rate = |rate: types::arbitrage::ArbitrageRate| {
            Fixed { mantissa: rate.price.mantissa().into(), decimals: rate.decimals }.to_string()
        };
        Self {
            opened_at_ms: known.opened_at.as_millis(),
            last_at_ms: last_at(known).as_millis(),
            duration_ms: lasted_ms(known),
            ended: known.end.map(|end| end.reason),
            base: known.base.clone(),
            currency: known.currency.clone(),
            buy: known.buy.venue,
            sell: known.sell.venue,
            buy_taker_ppm: known.buy.taker_ppm.0,
            sell_taker_ppm: known.sell.taker_ppm.0,
            peak_net_bps: bps(known.peak_cbps),
            first: size(&known.first),
            best: size(&known.best),
            returns: known.returns,
            usdt_usd: known.rate.map(rate),
        }
    }
}

/// Sums of one line of the summary.
#[derive(Default)]
struct Sum {
    count: u64,
    duration_ms: u64,
    longest_ms: u64,
    peak_cbps: u32,
    best: (Cash, Cash),
    first: (Cash, Cash),
}

/// Adds the lines of one day.
fn count(day: Date, began: &[ArbitrageRecord], summary: &mut Vec<Summary>) {
    let mut sums: BTreeMap<(Venue, Venue, &str), Sum> = BTreeMap::new();
    for known in began {
        let sum = sums.entry((known.buy.venue, known.sell.venue, known.currency.as_str())).or_default();
        sum.count += 1;
        sum.duration_ms += lasted_ms(known);
        sum.longest_ms = sum.longest_ms.max(lasted_ms(known));
        sum.peak_cbps = sum.peak_cbps.max(known.peak_cbps);
        sum.best = sum.best.max((known.best.profit, known.best.cost));
        sum.first.0 = sum.first.0.saturating_add(known.first.profit);
        sum.first.1 = sum.first.1.saturating_add(known.first.cost);
    }
    summary.extend(sums.into_iter().map(|((buy, sell, currency), sum)| Summary {
        day,
        buy,
        sell,
        currency: currency.to_owned(),
        count: sum.count,
        duration_ms: sum.duration_ms,
        longest_ms: sum.longest_ms,
        peak_net_bps: bps(sum.peak_cbps),
        best_profit: money(sum.best.0),
        best_cost: money(sum.best.1),
        first_profit: money(sum.first.0),
        first_cost: money(sum.first.1),
    }));
}

fn print(report: &Report, args: &Args) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if report.opportunities.is_empty() && report.summary.is_empty() {
        return writeln!(out, "{}: no opportunity was kept", args.data_dir.display());
    }
    for row in &report.opportunities {
        let Row { base, buy, sell, currency, .. } = row;
        let ended = match row.ended {
            None => "without an end",
            Some(ArbitrageEndReason::PricesMoved) => "prices moved",
            Some(ArbitrageEndReason::TooSmall) => "too small",
            Some(ArbitrageEndReason::BookStale) => "book stale",
            Some(ArbitrageEndReason::BookOld) => "book old",
            Some(ArbitrageEndReason::NoRate) => "no USDT/USD rate",
            Some(ArbitrageEndReason::ClockUnset) => "clock unset",
            Some(ArbitrageEndReason::Restart) => "restart",
        };
        let (at, lasted) = (Timestamp::from_millis(row.opened_at_ms), row.duration_ms);
        let Size { qty, cost, profit, .. } = &row.first;
        let net = &row.peak_net_bps;
        writeln!(
            out,
            "{at} {lasted:>8} ms  {base} {buy} to {sell}: {qty} for {cost}, left {profit} {currency}; peak {net} bps; {ended}"
        )?;
    }
    for line in &report.summary {
        let Summary { day, buy, sell, currency, count, duration_ms, peak_net_bps, best_profit, best_cost, .. } = line;
        writeln!(
            out,
            "{day}  {buy} to {sell}: {count} in {duration_ms} ms, best {best_profit} of {best_cost} {currency}, peak {peak_net_bps} bps"
        )?;
    }
    writeln!(out, "After both taker fees; before withdrawals, transfers and their time.")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::Entry;
    use types::arbitrage::{ArbitrageEnd, ArbitrageLeg, ArbitrageRate};
    use types::{InstrumentId, Ppm, Price, Qty, Record};

    use super::*;

    /// 2026-01-05T23:59:59Z.
    const LATE: i64 = 1_767_657_599;

    fn known(seq: u64, second: i64, profit: i64, lasted: Option<i64>) -> ArbitrageRecord {
        let opened_at = Timestamp::from_secs(LATE + second);
        let leg = |id, venue, taker| ArbitrageLeg { instrument: InstrumentId(id), venue, taker_ppm: Ppm(taker) };
        let first = ArbitrageSize {
            at: opened_at,
            qty: Qty(1_234),
            cost: Cash::from_units(100),
            profit: Cash(profit),
            net_cbps: 205,
        };
        let best = ArbitrageSize { profit: Cash(2 * profit), ..first };
        ArbitrageRecord {
            seq,
            opened_at,
            buy: leg(0, Venue::Kraken, 4_000),
            sell: leg(1, Venue::BinanceUs, 1_000),
            base: "BTC".to_owned(),
            currency: "USD".to_owned(),
            qty_decimals: 4,
            rate: Some(ArbitrageRate { instrument: InstrumentId(2), price: Price::new(9_998).unwrap(), decimals: 4 }),
            first,
            best,
            peak_cbps: 310,
            returns: 1,
            end: lasted.map(|seconds| ArbitrageEnd {
                at: Timestamp::from_secs(LATE + second + seconds),
                reason: ArbitrageEndReason::PricesMoved,
            }),
        }
    }

    fn report(dir: &Path, limit: usize) -> Report {
        let args = Args { data_dir: dir.to_owned(), limit, days: 3, json: true };
        args.report(&State::open_read(dir).unwrap()).unwrap()
    }

    #[test]
    fn opportunities_are_listed_and_counted_by_the_day_they_began() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let entry = |known| Entry { seq: 1, rank: 0, record: Record::Arbitrage(Box::new(known)) };
        let unfinished = known(5, 0, 50_000_000, None);
        let finished = known(5, 0, 50_000_000, Some(7));
        let others = [known(6, 0, 10_000_000, Some(1)), known(7, 1, 20_000_000, None)];
        state.write(&[entry(unfinished), entry(finished)], 1).unwrap();
        state.write(&others.map(entry), 2).unwrap();
        drop(state);

        let all = report(dir.path(), 10);
        assert_eq!(all.opportunities.len(), 3, "the end replaced the beginning");
        let row = &all.opportunities[0];
        assert_eq!((row.duration_ms, row.ended), (7_000, Some(ArbitrageEndReason::PricesMoved)));
        assert_eq!((row.first.qty.as_str(), row.best.profit.as_str()), ("0.1234", "1.00000000"));
        assert_eq!((row.first.net_bps.as_str(), row.peak_net_bps.as_str()), ("2.05", "3.10"));
        assert_eq!(row.usdt_usd.as_deref(), Some("0.9998"));
        assert_eq!((all.opportunities[2].duration_ms, all.opportunities[2].ended), (0, None));

        let lines: Vec<_> =
            all.summary.iter().map(|line| (line.day.to_string(), line.count, line.duration_ms)).collect();
        assert_eq!(lines, [("2026-01-05".to_owned(), 2, 8_000), ("2026-01-06".to_owned(), 1, 0)]);
        assert_eq!(
            (all.summary[0].best_profit.as_str(), all.summary[0].first_profit.as_str()),
            ("1.00000000", "0.60000000")
        );
        assert_eq!(all.summary[0].first_cost, "200.00000000");

        let newest = report(dir.path(), 1);
        assert_eq!(newest.opportunities, all.opportunities[2..]);
        assert_eq!(newest.summary, all.summary);
        assert_eq!(report(dir.path(), 0).summary, all.summary);
    }

    #[test]
    fn an_empty_box_and_no_box_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let run = |dir: &Path| Args { data_dir: dir.to_owned(), limit: 20, days: 30, json: true }.run();
        let error = format!("{:#}", run(dir.path()).unwrap_err());
        assert!(error.contains("state.redb: no such file"), "{error}");
        assert!(!dir.path().join("state.redb").exists(), "looking makes nothing");
        let state = State::open(dir.path()).unwrap();
        let error = format!("{:#}", run(dir.path()).unwrap_err());
        assert!(error.contains("in use by another process"), "{error}");
        drop(state);
        assert_eq!(report(dir.path(), 20), Report { opportunities: Vec::new(), summary: Vec::new() });
    }
}
