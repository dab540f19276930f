//! What other costs would have done to the same days: the same strategy with other fees, sizes and delays, each changed alone.
//!
//! These are no trials of a search. Nobody chooses among them: fees and delays are what the market does to us, and the table says
//! how much the one result rests on them. Whoever then *sets* what looked best has made a choice, and has to make it with a sweep,
//! which counts.
//!
//! The strategy knows its fees: with others it also decides otherwise (rule `forecast` wants them covered), so the rows differ in
//! what was traded, not only in what it cost.

use std::collections::BTreeMap;

use serde::Serialize;
use types::fee::{FeeRow, FeeRows};
use types::settings::{EngineSettings, SignalSettings};
use types::{AccountId, Fill, Ppm};

use crate::recorded::{Recorded, differing, recorded};
use crate::report::dollars;
use crate::trial::{MakeAnswerer, Watch};
use crate::{AccountOutcome, Result, Source, Trial, sweep};

/// The table. Money in dollars. The keys are a contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// What the box did itself in the span. `None` for candle files, and where its state cannot be read any more.
    pub recorded: Option<Row>,
    /// Why that is not there, or why the first row is another than it, as far as it is known.
    pub reasons: Vec<String>,
    /// How far the fills of the first row are those that were recorded; `None` where nothing was.
    pub fills: Option<SameFills>,
    /// As set, and then each change by itself.
    pub rows: Vec<Row>,
}

/// What the first account came to under some costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was changed.
    pub name: String,
    /// What it earned after all costs.
    pub net: f64,
    /// Fees.
    pub fees: f64,
    /// Half the spread, at the arrival.
    pub spread: f64,
    /// From the best price to the prices it got.
    pub impact: f64,
    /// How far the market went away between decision and arrival; below zero where it came closer.
    pub delay: f64,
    /// What it would have earned, had every fill been at the middle of the book at the decision and free: net with all four added.
    pub before_costs: f64,
    /// Finished trades.
    pub trades: usize,
    /// Orders.
    pub orders: u64,
    /// Fills of them.
    pub fills: u64,
    /// Orders that risk refused.
    pub refused: u64,
}

/// Fills of the recording and of the backtest, compared by time, instrument, side, price, quantity, fee and how they filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SameFills {
    /// Recorded.
    pub recorded: usize,
    /// In the backtest.
    pub backtest: usize,
    /// In both.
    pub same: usize,
}

impl SameFills {
    /// Whether they are the same.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.same == self.recorded && self.same == self.backtest
    }
}

impl Row {
    fn of(name: &str, start: f64, account: &AccountOutcome) -> Self {
        let cost = account.cost;
        let net = dollars(account.equity) - start;
        Self {
            name: name.to_owned(),
            net,
            fees: dollars(cost.fee),
            spread: dollars(cost.spread),
            impact: dollars(cost.impact),
            delay: dollars(cost.delay),
            before_costs: net + dollars(cost.total()),
            trades: account.trades.len(),
            orders: account.orders,
            fills: account.fills,
            refused: account.refused.values().sum(),
        }
    }
}

/// A change of costs, by its name.
type Change = (&'static str, fn(&mut EngineSettings));

/// What is changed, each alone; the last one is the bad case.
const CHANGES: [Change; 7] = [
    ("fees x 0", |it| fees(it, 0)),
    ("fees x 2", |it| fees(it, 2)),
    ("size x 0.5", |it| sizes(it, 500_000)),
    ("size x 2", |it| sizes(it, 2_000_000)),
    ("latency + 100 ms", |it| later(it, 100)),
    ("latency + 500 ms", |it| later(it, 500)),
    ("fees x 2, latency + 500 ms", |it| {
        fees(it, 2);
        later(it, 500);
    }),
];

fn fees(settings: &mut EngineSettings, times: u32) {
    let fees = &mut settings.fees;
    for rows in [&mut fees.kraken, &mut fees.binance_us, &mut fees.coinbase, &mut fees.kucoin] {
        let scaled = |row: &FeeRow| FeeRow {
            maker_ppm: Ppm(row.maker_ppm.0.saturating_mul(times)),
            taker_ppm: Ppm(row.taker_ppm.0.saturating_mul(times)),
            ..row.clone()
        };
        let scaled: Vec<FeeRow> = rows.rows().iter().map(scaled).collect();
        *rows = FeeRows::try_from(scaled).expect("dates and volumes stay as they were");
    }
}

/// Limits of risk stay as they are: what they refuse is told.
fn sizes(settings: &mut EngineSettings, ppm: u64) {
    let scale = |value: &mut u32| *value = (u64::from(*value) * ppm / 1_000_000).min(1_000_000) as u32;
    let signals =
        core::iter::once(&mut settings.signal).chain(settings.rivals.iter_mut().map(|rival| &mut rival.signal));
    for SignalSettings { size_ppm, size_max_ppm, volatility_ppm, kelly_ppm, .. } in signals {
        [size_ppm, size_max_ppm, volatility_ppm, kelly_ppm].into_iter().for_each(scale);
    }
}

fn later(settings: &mut EngineSettings, ms: u32) {
    let paper = &mut settings.paper;
    paper.latency_ms = paper.latency_ms.saturating_add(ms);
    paper.entry_us.iter_mut().for_each(|us| *us = us.saturating_add(ms * 1_000));
}

#[derive(Default)]
struct Fills(Vec<Fill>);

impl Watch for Fills {
    fn on_fill(&mut self, fill: &Fill) {
        if fill.account == AccountId::LEAD {
            self.0.push(fill.clone());
        }
    }
}

/// Runs the trial as it is and with each change, on so many threads. Nothing is added to any list of trials.
///
/// # Errors
/// As [`Trial::run`].
pub fn ask(
    trial: &Trial,
    source: &Source,
    answerer: Option<(&str, &MakeAnswerer<'_>)>,
    threads: usize,
) -> Result<WhatIf> {
    let mut fills = Fills::default();
    let own = match answerer {
        None => trial.run_watched(source, None, &mut fills)?,
        Some((_, make)) => trial.run_watched(source, Some(&mut *make(source)?), &mut fills)?,
    };
    let changed = |(name, change): &Change| {
        let mut settings = trial.settings.clone();
        change(&mut settings);
        Trial { name: (*name).to_owned(), settings, ..trial.clone() }
    };
    let others: Vec<Trial> = CHANGES.iter().map(changed).collect();
    let others = sweep::outcomes(source, &others, answerer, threads)?;
    let lead = |outcome: &crate::Outcome| {
        let lead = outcome.accounts.iter().find(|account| account.account == AccountId::LEAD);
        lead.map(|lead| Row::of(&outcome.name, dollars(lead.start), lead))
    };
    let mut rows: Vec<Row> = core::iter::once(&own).chain(&others).filter_map(lead).collect();
    if let Some(first) = rows.first_mut() {
        "as set".clone_into(&mut first.name);
    }
    let Source::Journal(journal) = source else {
        let reasons = vec!["Candle files: nothing was recorded.".to_owned()];
        return Ok(WhatIf { recorded: None, reasons, fills: None, rows });
    };
    match recorded(journal) {
        Err(error) if error.is_about_state() => {
            let reasons = vec![format!("What was recorded cannot be replayed by this program: {error}")];
            Ok(WhatIf { recorded: None, reasons, fills: None, rows })
        }
        Err(error) => Err(error),
        Ok(found) => {
            let survey = journal.survey()?;
            let row = Row::of("recorded", dollars(found.start), &found.account);
            let same =
                SameFills { recorded: found.fills.len(), backtest: fills.0.len(), same: same(&found.fills, &fills.0) };
            let reasons = reasons(
                &found,
                trial,
                &differing(&survey.settings, &trial.settings),
                survey.others,
                answerer.is_some(),
            );
            Ok(WhatIf { recorded: Some(row), reasons, fills: Some(same), rows })
        }
    }
}

/// Why a backtest may be another than the recording.
fn reasons(found: &Recorded, trial: &Trial, differing: &[String], others: usize, is_answered: bool) -> Vec<String> {
    let mut told = Vec::new();
    if !differing.is_empty() {
        told.push(format!("Other settings than those of the box: {}.", differing.join(", ")));
    }
    if others > 0 {
        told.push(format!("The box had other settings after {others} of its starts."));
    }
    if is_answered || trial.seats.is_some() {
        told.push("The recorded answers of the models were left out.".to_owned());
    }
    if found.is_older {
        told.push(
            "The box's account was older than the span: it had positions, limits and scores of before.".to_owned(),
        );
    }
    if found.commands > 0 {
        told.push(format!("The user asked for something {} times; a backtest leaves that out.", found.commands));
    }
    if found.differs > 0 {
        told.push(format!("Today's program does {} things otherwise than the one that recorded.", found.differs));
    }
    told
}

/// How many fills are in both.
fn same(ours: &[Fill], theirs: &[Fill]) -> usize {
    let key = |fill: &Fill| {
        // Numbers of orders come from the numbers of inputs, which a backtest counts anew.
        let Fill { at, instrument, side, price, qty, fee, liquidity, .. } = fill;
        (*at, *instrument, format!("{side:?} {liquidity:?}"), price.mantissa(), qty.0, fee.0)
    };
    let mut left: BTreeMap<_, usize> = BTreeMap::new();
    theirs.iter().for_each(|fill| *left.entry(key(fill)).or_default() += 1);
    let is_there = |fill: &&Fill| {
        left.get_mut(&key(fill)).is_some_and(|count| core::mem::replace(count, count.saturating_sub(1)) > 0)
    };
    ours.iter().filter(is_there).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_does_what_it_says() {
        let mut base = EngineSettings::default();
        base.paper.entry_us = vec![5, 7];
        let of = |name: &str| {
            let (_, change) = CHANGES.iter().find(|(known, _)| *known == name).unwrap();
            let mut settings = base.clone();
            change(&mut settings);
            settings
        };
        let taker = |settings: &EngineSettings| settings.fees.coinbase.rows()[0].taker_ppm.0;
        assert_eq!([taker(&base), taker(&of("fees x 0")), taker(&of("fees x 2"))], [6_000, 0, 12_000]);
        assert_eq!(of("fees x 2").fees.kraken.rows()[0].valid_from, base.fees.kraken.rows()[0].valid_from);
        let (half, twice) = (of("size x 0.5").signal, of("size x 2").signal);
        assert_eq!((half.size_ppm, twice.size_ppm), (25_000, 100_000));
        assert_eq!((half.size_max_ppm, twice.size_max_ppm), (125_000, 500_000));
        let late = of("latency + 500 ms").paper;
        assert_eq!((late.latency_ms, late.entry_us), (650, vec![500_005, 500_007]));
        let bad = of("fees x 2, latency + 500 ms");
        assert_eq!((taker(&bad), bad.paper.latency_ms, bad.signal), (12_000, 650, base.signal.clone()));
        // Nothing else may change: the row would tell two things at once.
        for (name, change) in CHANGES {
            let mut settings = base.clone();
            change(&mut settings);
            let touched = differing(&base, &settings);
            let expected = ["fees", "paper", "signal"].map(|key| format!("engine.{key}"));
            assert!(!touched.is_empty() && touched.iter().all(|key| expected.contains(key)), "{name}: {touched:?}");
        }
    }
}
