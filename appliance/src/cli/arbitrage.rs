//! `tickerbox arbitrage`: opportunities between exchanges that a box has kept, and what came of trying them.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use store::State;
use types::Timestamp;
use wire::api::{Attempt, Opportunities, OpportunityDay, OpportunityRow, OpportunitySize};

use super::print_json;
use crate::opportunities;

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

fn print(report: &Opportunities, args: &Args) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if report.opportunities.is_empty() && report.summary.is_empty() {
        return writeln!(out, "{}: no opportunity was kept", args.data_dir.display());
    }
    for row in &report.opportunities {
        let OpportunityRow { base, buy, sell, currency, .. } = row;
        let ended = row.ended.as_deref().unwrap_or("without an end");
        let (at, lasted) = (Timestamp::from_millis(row.opened_at_ms), row.duration_ms);
        let OpportunitySize { qty, cost, profit, .. } = &row.first;
        let net = &row.peak_net_bps;
        let tried = row.tried.as_ref().map_or_else(|| "not tried".to_owned(), |tried| sentence(tried, currency));
        writeln!(
            out,
            "{at} {lasted:>8} ms  {base} {buy} to {sell}: {qty} for {cost}, left {profit} {currency}; peak {net} bps; {ended}; {tried}"
        )?;
    }
    for line in &report.summary {
        let OpportunityDay {
            day, buy, sell, currency, count, duration_ms, peak_net_bps, best_profit, best_cost, ..
        } = line;
        writeln!(
            out,
            "{day}  {buy} to {sell}: {count} in {duration_ms} ms, best {best_profit} of {best_cost} {currency}, peak {peak_net_bps} bps"
        )?;
        let OpportunityDay {
            caught,
            part,
            one_sided,
            gone,
            cut_off,
            no_money,
            no_coins,
            not_sent,
            expected,
            result,
            ..
        } = line;
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

fn sentence(tried: &Attempt, currency: &str) -> String {
    let Attempt { end, qty, bought, sold, evened, expected, result, orders, .. } = tried;
    if orders.is_empty() {
        return end.clone();
    }
    format!("{end}: of {qty} bought {bought}, sold {sold}, took back {evened}; {result} of {expected} {currency}")
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
        assert_eq!(
            opportunities::report(&State::open_read(dir.path()).unwrap(), 20, 30).unwrap(),
            Opportunities::default()
        );
    }
}
