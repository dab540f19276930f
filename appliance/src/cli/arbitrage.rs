//! `tickerbox arbitrage`: opportunities between exchanges that a box has kept, and what came of trying them.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use store::State;
use types::{ArbitrageEndReason, AttemptEnd, Timestamp};

use super::print_json;
use crate::opportunities::{self, Report, Row, Size, Summary, Tried};

/// Lists opportunities between exchanges, and counts them by day, venues and currency.
///
/// One counts where base could have been bought on one venue and sold on another at once for more than both taker fees, by
/// walking both books. The paper account "arbitrage" tries each of them once, with an order on each side: what it caught of them,
/// and what was gone when its orders arrived, is told with them. Withdrawals, transfers and their time are not in it. Reads what a
/// box has kept, without changing it, while the box does not run.
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

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = State::open_read(&self.data_dir).with_context(|| {
            format!("cannot look into {} (a running box tells them at /api/v1/arbitrage)", self.data_dir.display())
        })?;
        let report = opportunities::report(&state, self.limit, self.days)?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report, &self)?;
        }
        Ok(ExitCode::SUCCESS)
    }
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
        let tried = row.tried.as_ref().map_or_else(|| "not tried".to_owned(), |tried| sentence(tried, currency));
        writeln!(
            out,
            "{at} {lasted:>8} ms  {base} {buy} to {sell}: {qty} for {cost}, left {profit} {currency}; peak {net} bps; {ended}; {tried}"
        )?;
    }
    for line in &report.summary {
        let Summary { day, buy, sell, currency, count, duration_ms, peak_net_bps, best_profit, best_cost, .. } = line;
        writeln!(
            out,
            "{day}  {buy} to {sell}: {count} in {duration_ms} ms, best {best_profit} of {best_cost} {currency}, peak {peak_net_bps} bps"
        )?;
        let Summary { caught, part, one_sided, gone, cut_off, no_money, no_coins, not_sent, expected, result, .. } =
            line;
        let sent = caught + part + one_sided + gone + cut_off;
        if sent + no_money + no_coins + not_sent > 0 {
            writeln!(
                out,
                "            on paper {sent} tried: {caught} caught, {part} in part, {one_sided} on one side only, {gone} gone, \
                 {cut_off} cut off; not sent: {no_money} for want of money, {no_coins} of coins, {not_sent} others"
            )?;
            writeln!(out, "            promised {expected} {currency}, brought {result}")?;
        }
    }
    writeln!(out, "After both taker fees; before withdrawals, transfers and their time.")
}

fn sentence(tried: &Tried, currency: &str) -> String {
    let Tried { bought, sold, evened, expected, result, .. } = tried;
    let sums = || format!("{result} of {expected} {currency}");
    match tried.end {
        AttemptEnd::Caught => format!("caught {}", sums()),
        AttemptEnd::Part => format!("caught {bought} of {}: {}", tried.qty, sums()),
        AttemptEnd::OneSided => format!("bought {bought}, sold {sold}, took back {evened}: {}", sums()),
        AttemptEnd::Gone => format!("gone by arrival: 0 of {expected} {currency}"),
        AttemptEnd::NoMoney => "no money there".to_owned(),
        AttemptEnd::NoCoins => "no coins there".to_owned(),
        AttemptEnd::TooSmall => "too little for what was there".to_owned(),
        AttemptEnd::Busy => "another one was on its way".to_owned(),
        AttemptEnd::Refused(refusal) => format!("refused: {refusal:?}"),
        AttemptEnd::CutOff => format!("cut off: {}", sums()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

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
        assert_eq!(opportunities::report(&State::open_read(dir.path()).unwrap(), 20, 30).unwrap(), Report::default());
    }
}
