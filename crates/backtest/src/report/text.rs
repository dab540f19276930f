//! A report for a terminal.

use std::fmt::Write as _;

use super::{Account, Period, Report};
use crate::plan::Variant;
use crate::what_if::{Row, WhatIf};

/// To two digits. A minus in front of zero says nothing.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

/// A share as percent with its sign.
pub(super) fn percent(share: f64) -> String {
    format!("{:+.2} %", rounded(share * 100.0))
}

pub(super) fn maybe(value: Option<f64>, told: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), told)
}

pub(super) const fn period(period: Period) -> &'static str {
    match period {
        Period::Hour => "hour",
        Period::Day => "day",
    }
}

const fn each(period: Period) -> &'static str {
    match period {
        Period::Hour => "an hour",
        Period::Day => "a day",
    }
}

/// Rows of figures about an account: what, and as text.
pub(super) fn figures(account: &Account) -> [(&'static str, String); 17] {
    let of = account.performance;
    let plain = |value: f64| format!("{:.2}", rounded(value));
    [
        ("net return", percent(account.net_return)),
        ("end, dollars", plain(account.end)),
        ("fees, dollars", plain(account.fees)),
        ("spread, dollars", plain(account.cost.spread)),
        ("impact, dollars", plain(account.cost.impact)),
        ("delay, dollars", plain(account.cost.delay)),
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
    let (each, period) = (each(report.period), period(report.period));
    vec![
        ("trials over this data", format!("{}, of them {} in this sweep", chosen.trials, chosen.trials_here)),
        ("Sharpe ratio", maybe(chosen.sharpe, |ratio| format!("{ratio:.4} {each}"))),
        ("best of so many without skill", maybe(chosen.expected_best, |ratio| format!("{ratio:.4} {each}"))),
        ("probability that it is above zero, alone", maybe(chosen.probabilistic, share)),
        ("the same, being the best of all trials", maybe(chosen.deflated, share)),
        ("probability that the choice is overfit", maybe(chosen.overfit, share)),
        (
            "track record",
            format!(
                "{} {period}{}; {} needed for 95 %",
                chosen.periods,
                if chosen.periods == 1 { "" } else { "s" },
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
        let (mean, each) = (bps(ahead.mean), each(report.period));
        (ahead.of.clone(), format!("{mean} bps {each} ({interval}): {}", ahead.verdict()))
    };
    report.ahead.iter().map(line).collect()
}

/// Columns of the table of variants, after their names.
pub(super) const VARIANT_COLUMNS: [&str; 5] = ["net return", "Sharpe ratio", "fees", "trades", "refused"];

pub(super) fn variant(variant: &Variant) -> [String; 5] {
    [
        percent(variant.net_return),
        maybe(variant.sharpe, |ratio| format!("{ratio:.4}")),
        format!("{:.2}", variant.fees),
        variant.trades.to_string(),
        variant.refused.to_string(),
    ]
}

/// Columns of the table of other costs, after their names.
pub(super) const COST_COLUMNS: [&str; 10] =
    ["net", "fees", "spread", "impact", "delay", "before costs", "trades", "orders", "fills", "refused"];

pub(super) fn costs(row: &Row) -> [String; 10] {
    let signed = |value: f64| format!("{:+.2}", rounded(value));
    let plain = |value: f64| format!("{:.2}", rounded(value));
    let Row { net, fees, spread, impact, delay, before_costs, trades, orders, fills, refused, .. } = row;
    [
        signed(*net),
        plain(*fees),
        plain(*spread),
        plain(*impact),
        plain(*delay),
        signed(*before_costs),
        trades.to_string(),
        orders.to_string(),
        fills.to_string(),
        refused.to_string(),
    ]
}

/// How far the backtest is the recording.
pub(super) fn same_fills(what_if: &WhatIf) -> Option<String> {
    let same = what_if.fills?;
    Some(if same.is_exact() {
        format!("All {} recorded fills are those of the backtest with unchanged costs.", same.recorded)
    } else {
        format!("Of {} recorded fills and {} of the backtest {} are the same.", same.recorded, same.backtest, same.same)
    })
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
    if !report.variants.is_empty() {
        let header: String = VARIANT_COLUMNS.iter().map(|name| format!("{name:>14}")).collect();
        put(format!("\n{header}  variants; Sharpe ratio {}", each(report.period)));
        for told in &report.variants {
            let cells: String = variant(told).iter().map(|cell| format!("{cell:>14}")).collect();
            let mark = if told.digest == report.trial_digest { "  <- shown above" } else { "" };
            put(format!("{cells}  {}{mark}", told.name));
        }
    }
    if let Some(line) = peek(report) {
        put(format!("\n{line}"));
    }
    if let Some(what_if) = &report.what_if {
        put("\nWhat other costs would have done, dollars (not counted as trials):".to_owned());
        let wide = |column: usize| COST_COLUMNS[column].len().max(8) + 2;
        let header: String =
            (0..COST_COLUMNS.len()).map(|column| format!("{:>1$}", COST_COLUMNS[column], wide(column))).collect();
        put(format!("{:<28}{header}", ""));
        for row in what_if.recorded.iter().chain(&what_if.rows) {
            let cells = costs(row);
            let cells: String =
                cells.iter().enumerate().map(|(column, cell)| format!("{cell:>0$}", wide(column))).collect();
            put(format!("{:<28}{cells}", row.name));
        }
        for line in same_fills(what_if).iter().chain(&what_if.reasons) {
            put(format!("  {line}"));
        }
    }
    for (title, counts) in [("Orders refused", &report.lead.refused), ("Inputs not used", &report.rejections)] {
        if !counts.is_empty() {
            let list: Vec<String> = counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            put(format!("\n{title}: {}", list.join(", ")));
        }
    }
    for note in &report.notes {
        put(format!("\n{note}"));
    }
    let (source, trial) = (&report.source_digest, &report.trial_digest);
    put(format!("\n{} inputs, data {source:.16}, trial {trial:.16}", report.inputs));
    out
}

fn short(name: &str) -> String {
    name.chars().take(13).collect()
}
