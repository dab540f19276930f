//! A report for a terminal.

use std::fmt::Write as _;

use super::{Account, Period, Report};

/// A share as percent with its sign.
pub(super) fn percent(share: f64) -> String {
    format!("{:+.2} %", share * 100.0)
}

pub(super) fn maybe(value: Option<f64>, told: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), told)
}

pub(super) fn period(period: Period) -> &'static str {
    match period {
        Period::Hour => "hour",
        Period::Day => "day",
    }
}

/// Rows of figures about an account: what, and as text.
pub(super) fn figures(account: &Account) -> [(&'static str, String); 14] {
    let of = account.performance;
    let plain = |value: f64| format!("{value:.2}");
    [
        ("net return", percent(account.net_return)),
        ("end, dollars", plain(account.end)),
        ("fees, dollars", plain(account.fees)),
        ("turnover, dollars", plain(account.turnover)),
        ("finished trades", account.trades.n.to_string()),
        ("win rate", maybe(account.trades.win_rate, |rate| format!("{:.1} %", rate * 100.0))),
        ("profit factor", maybe(account.trades.profit_factor, plain)),
        ("result of a trade, dollars", maybe(account.trades.expectancy, plain)),
        ("largest drawdown", maybe(of.map(|of| of.drawdown_max), |fall| format!("{:.2} %", fall * 100.0))),
        ("volatility a year", maybe(of.map(|of| of.annual_volatility), |share| format!("{:.1} %", share * 100.0))),
        ("Sharpe ratio a year", maybe(of.and_then(|of| of.sharpe), plain)),
        ("Sortino ratio a year", maybe(of.and_then(|of| of.sortino), plain)),
        ("orders, fills", format!("{}, {}", account.orders, account.fills)),
        ("orders refused", account.refused.values().sum::<u64>().to_string()),
    ]
}

/// What being chosen leaves: what, and as text.
pub(super) fn chosen(report: &Report) -> Vec<(&'static str, String)> {
    let chosen = &report.chosen;
    let share = |value: f64| format!("{:.1} %", value * 100.0);
    let period = period(report.period);
    vec![
        ("trials over this data", format!("{}, of them {} in this sweep", chosen.trials, chosen.trials_here)),
        ("Sharpe ratio", maybe(chosen.sharpe, |ratio| format!("{ratio:.4} a {period}"))),
        ("best of so many without skill", maybe(chosen.expected_best, |ratio| format!("{ratio:.4} a {period}"))),
        ("probability that it is above zero, alone", maybe(chosen.probabilistic, share)),
        ("the same, being the best of all trials", maybe(chosen.deflated, share)),
        ("probability that the choice is overfit", maybe(chosen.overfit, share)),
        (
            "track record",
            format!(
                "{} {period}s; {} needed for 95 %",
                chosen.periods,
                maybe(chosen.periods_needed, |periods| format!("{:.0}", periods.ceil()))
            ),
        ),
    ]
}

/// How far ahead of its controls: name and sentence.
pub(super) fn ahead(report: &Report) -> Vec<(String, String)> {
    let bps = |value: f64| format!("{:+.3}", value * 1e4);
    let line = |ahead: &super::Ahead| {
        let interval = ahead.interval.map_or_else(
            || "too short for an interval".to_owned(),
            |(low, high)| format!("95 %: {} to {}", bps(low), bps(high)),
        );
        let (mean, period) = (bps(ahead.mean), period(report.period));
        (ahead.of.clone(), format!("{mean} bps a {period} ({interval}): {}", ahead.verdict()))
    };
    report.ahead.iter().map(line).collect()
}

pub(super) fn peek(report: &Report) -> Option<String> {
    let peek = report.peek.as_ref()?;
    Some(match peek.findings.first() {
        None => format!("No look-ahead found: {} cuts, {} comparisons.", peek.cuts, peek.compared),
        Some(first) => {
            format!("LOOK-AHEAD: {} findings in {} cuts, the first: {first}", peek.findings.len(), peek.cuts)
        }
    })
}

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let mut put = |line: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", line.trim_end());
    };
    put(format!("{}: {}", report.name, percent(report.lead.net_return)));
    put(format!("{}\n{} to {}", report.source, report.from, report.to));
    for warning in &report.warnings {
        put(format!("! {warning}"));
    }
    put(String::new());
    let accounts: Vec<&Account> =
        core::iter::once(&report.lead).chain(&report.controls).chain(&report.rivals).collect();
    let header: String = accounts.iter().map(|account| format!("{:>14}", short(&account.name))).collect();
    put(format!("{:<28}{header}", ""));
    let columns: Vec<_> = accounts.iter().map(|account| figures(account)).collect();
    for row in 0..columns[0].len() {
        let cells: String = columns.iter().map(|column| format!("{:>14}", column[row].1)).collect();
        put(format!("{:<28}{cells}", columns[0][row].0));
    }
    put(String::new());
    put("Ahead of the controls, mean difference of returns:".to_owned());
    for (name, line) in ahead(report) {
        put(format!("  {name:<16}{line}"));
    }
    put(String::new());
    put("What being chosen leaves of it:".to_owned());
    for (name, line) in chosen(report) {
        put(format!("  {name:<42}{line}"));
    }
    if let Some(line) = peek(report) {
        put(format!("\n{line}"));
    }
    for (title, counts) in [("Orders refused", &report.lead.refused), ("Inputs not used", &report.rejections)] {
        if !counts.is_empty() {
            let list: Vec<String> = counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            put(format!("\n{title}: {}", list.join(", ")));
        }
    }
    let (source, trial) = (&report.source_digest, &report.trial_digest);
    put(format!("\n{} inputs, data {source:.16}, trial {trial:.16}", report.inputs));
    out
}

fn short(name: &str) -> String {
    name.chars().take(13).collect()
}
