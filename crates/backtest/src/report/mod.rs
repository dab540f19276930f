//! What a trial came to, beside its controls, and how much of that may be luck.

mod html;
mod text;

use engine::stats::bootstrap::skill_interval;
use engine::stats::overfit::{BLOCKS_MAX, overfitting};
use engine::stats::performance::{Performance, Trades};
use engine::stats::sharpe::{Track, expected_best};
use serde::Serialize;
use types::time::{NS_PER_DAY, NS_PER_MIN};
use types::{AccountId, Cash, Timestamp};

use crate::gather::first_period;
use crate::ledger::Entry;
use crate::peek::Peek;
use crate::plan::Variant;
use crate::sweep::{Sweep, returns};
use crate::what_if::WhatIf;
use crate::{AccountOutcome, Cost, Ledger, Outcome, Source};

/// Daily returns are used from so many days on, hourly ones below.
const DAYS_MIN: usize = 60;
/// Confidence of intervals and of the minimum track record.
const CONFIDENCE: f64 = 0.95;
const DRAWS: usize = 2_000;
const SEED: u64 = 1;
/// Most points of a drawn curve.
const POINTS_MAX: usize = 400;
const BINS: usize = 24;

/// Distance of the returns that everything is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Full hours.
    Hour,
    /// Days, UTC.
    Day,
}

impl Period {
    /// Days where there are sixty of them, hours otherwise.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let days = outcome.accounts.first().map_or(0, |lead| lead.daily.len());
        if days > DAYS_MIN { Self::Day } else { Self::Hour }
    }

    /// Length, seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    const fn a_year(self) -> f64 {
        match self {
            Self::Hour => 365.0 * 24.0,
            Self::Day => 365.0,
        }
    }

    /// Shortest block of the bootstrap: a day of hours, a week of days.
    const fn block(self) -> usize {
        match self {
            Self::Hour => 24,
            Self::Day => 7,
        }
    }

    pub(crate) fn equity(self, account: &AccountOutcome) -> Vec<f64> {
        let values = match self {
            Self::Hour => &account.hourly,
            Self::Day => &account.daily,
        };
        values.iter().map(|value| dollars(*value)).collect()
    }
}

/// The result of one trial. The keys are a contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The trial's name.
    pub name: String,
    /// What it ran over, in words.
    pub source: String,
    /// Digest of the data.
    pub source_digest: String,
    /// Digest of what was tried.
    pub trial_digest: String,
    /// Time of the first input.
    pub from: String,
    /// Time of the last input.
    pub to: String,
    /// Inputs heard.
    pub inputs: u64,
    /// Questions to models.
    pub questions: u64,
    /// Answers heard.
    pub answers: u64,
    /// Inputs that the engine did not use, by reason.
    pub rejections: std::collections::BTreeMap<String, u64>,
    /// What the returns are of.
    pub period: Period,
    /// The strategy.
    pub lead: Account,
    /// The controls that hold and that trade at random. The third, doing nothing, has a return of zero.
    pub controls: Vec<Account>,
    /// Other strategies that ran beside it.
    pub rivals: Vec<Account>,
    /// How far the strategy is ahead of its controls.
    pub ahead: Vec<Ahead>,
    /// What being chosen leaves of it.
    pub chosen: Chosen,
    /// All variants of the sweep, in their order; empty where there was one.
    pub variants: Vec<Variant>,
    /// The search for look-ahead, where it was made.
    pub peek: Option<Peek>,
    /// What other costs would have done, where it was asked.
    pub what_if: Option<WhatIf>,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// What one account came to. Shares, not percent; money in dollars.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Money it started with.
    pub start: f64,
    /// What it was worth at the end.
    pub end: f64,
    /// End over start, less one, after all costs.
    pub net_return: f64,
    /// Fees paid.
    pub fees: f64,
    /// What its orders cost against the middle of the book at their decision.
    pub cost: Costs,
    /// Bought and sold.
    pub turnover: f64,
    /// Finished trades: how many, win rate, profit factor.
    pub trades: Trades,
    /// Positions open at the end.
    pub open: usize,
    /// Orders that went to the paper venue.
    pub orders: u64,
    /// Fills of them.
    pub fills: u64,
    /// Orders that risk refused, by reason.
    pub refused: std::collections::BTreeMap<String, u64>,
    /// Of the curve of equity; `None` for fewer than three points.
    pub performance: Option<Performance>,
    /// Equity at the ends of periods, at most 400 of them.
    pub curve: Vec<(i64, f64)>,
    /// Finished trades by their result.
    pub histogram: Vec<Bin>,
}

/// What orders cost, dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// How far the market went away between decision and arrival; below zero where it came closer.
    pub delay: f64,
    /// Half the spread, at the arrival.
    pub spread: f64,
    /// From the best price to the prices they got.
    pub impact: f64,
    /// Fees.
    pub fee: f64,
}

impl Costs {
    fn of(cost: Cost) -> Self {
        let Cost { delay, spread, impact, fee } = cost;
        let [delay, spread, impact, fee] = [delay, spread, impact, fee].map(dollars);
        Self { delay, spread, impact, fee }
    }
}

/// Trades with a result in `from..to`, dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Lower end.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// How many.
    pub n: usize,
}

/// How far the strategy is ahead of a control.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ahead {
    /// Of which.
    pub of: String,
    /// Mean difference of the returns of a period.
    pub mean: f64,
    /// 95 % interval of it by the moving-block bootstrap; `None` for fewer than two blocks.
    pub interval: Option<(f64, f64)>,
    /// Length of a block, periods.
    pub block: usize,
}

/// What being chosen leaves of a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chosen {
    /// Distinct trials over this data, with those of earlier sweeps.
    pub trials: usize,
    /// Trials of this sweep.
    pub trials_here: usize,
    /// Mean return over its standard deviation, per period.
    pub sharpe: Option<f64>,
    /// Probability that the true ratio is above zero, if this had been the only trial.
    pub probabilistic: Option<f64>,
    /// Ratio that the best of so many trials without skill is expected to show.
    pub expected_best: Option<f64>,
    /// Probability that the true ratio is above zero, being the best of so many trials.
    pub deflated: Option<f64>,
    /// Periods that it takes to say with 95 % confidence that the ratio is above zero.
    pub periods_needed: Option<f64>,
    /// Periods that there are.
    pub periods: usize,
    /// Probability that choosing the best of this sweep chose nothing (0.5 by chance).
    pub overfit: Option<f64>,
}

impl Report {
    /// Of one outcome of a sweep.
    ///
    /// # Panics
    /// When the sweep has no outcome of that number.
    #[must_use]
    pub fn of(source: &Source, sweep: &Sweep, place: usize, ledger: Option<&Ledger>) -> Self {
        let outcome = &sweep.outcomes[place];
        let period = Period::of(outcome);
        let told = |account: &AccountOutcome| Account::of(account, outcome.from, period);
        let lead = outcome.accounts.iter().find(|account| account.account == AccountId::LEAD);
        let lead = lead.expect("every engine has a first account");
        let is_control = |account: &&AccountOutcome| [AccountId::HOLD, AccountId::RANDOM].contains(&account.account);
        let controls: Vec<&AccountOutcome> = outcome.accounts.iter().filter(is_control).collect();
        let rivals = outcome.accounts.iter().filter(|account| account.account >= AccountId::RIVAL).map(told).collect();
        let own = returns(lead, period);
        let flat = vec![0.0; own.len()];
        let mut ahead = vec![Ahead::of("doing nothing", &own, &flat, period)];
        ahead.extend(controls.iter().map(|control| Ahead::of(&control.name, &own, &returns(control, period), period)));
        let chosen = Chosen::of(sweep, &own, period, ledger);
        let lead = told(lead);
        let mut report = Self {
            name: outcome.name.clone(),
            source: source.about(),
            source_digest: sweep.source.clone(),
            trial_digest: outcome.digest.clone(),
            from: outcome.from.to_string(),
            to: outcome.to.to_string(),
            inputs: outcome.inputs,
            questions: outcome.questions,
            answers: outcome.answers,
            rejections: outcome.rejections.clone(),
            period,
            lead,
            controls: controls.into_iter().map(told).collect(),
            rivals,
            ahead,
            chosen,
            variants: Vec::new(),
            peek: None,
            what_if: None,
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        report.warn(source);
        report
    }

    fn warn(&mut self, source: &Source) {
        let mut warnings = Vec::new();
        if source.timeframe().is_some() {
            warnings.push(
                "A candle does not tell the order of its prices. Here it is always open, low, high, close: a stop is met \
                 before a target, a target is not sold at its top, and an entry meets the open of the next candle. Books are \
                 invented around these prices."
                    .to_owned(),
            );
        }
        if self.lead.trades.n < 30 {
            warnings.push(format!("{} finished trades: too few to say much.", self.lead.trades.n));
        }
        if self.lead.open > 0 {
            let open = self.lead.open;
            warnings.push(format!("{open} positions were open at the end; they count at the middle of the last book."));
        }
        let refused: u64 = self.rejections.values().sum();
        if refused > 0 {
            warnings.push(format!("{refused} inputs were not used by the engine; see the reasons below."));
        }
        if self.questions > 0 && self.answers == 0 {
            warnings.push(format!("None of {} questions was answered.", self.questions));
        }
        if self.chosen.trials > 1 && self.chosen.deflated.is_none_or(|probability| probability < CONFIDENCE) {
            let trials = self.chosen.trials;
            warnings.push(format!("As the best of {trials} trials this is not proven to be more than luck."));
        }
        self.warnings = warnings;
    }

    /// All of it as JSON, ending with a line end. The same report gives the same bytes.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values") + "\n"
    }

    /// As plain text for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// As one HTML file with its plots in it.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }
}

impl Account {
    fn of(told: &AccountOutcome, from: Timestamp, period: Period) -> Self {
        let (start, end) = (dollars(told.start), dollars(told.equity));
        let equity = period.equity(told);
        let results: Vec<f64> = told.trades.iter().map(|trade| dollars(trade.result)).collect();
        let step = match period {
            Period::Hour => 60 * NS_PER_MIN,
            Period::Day => NS_PER_DAY,
        };
        let first = first_period(from, step).as_secs();
        let every = equity.len().div_ceil(POINTS_MAX).max(1);
        let is_drawn = |place: usize| place.is_multiple_of(every) || place + 1 == equity.len();
        let points = equity.iter().enumerate().filter(|(place, _)| is_drawn(*place));
        let curve = points.map(|(place, value)| (first + place as i64 * i64::from(period.seconds()), *value));
        Self {
            name: told.name.clone(),
            start,
            end,
            net_return: if start > 0.0 { end / start - 1.0 } else { 0.0 },
            fees: dollars(told.fees),
            cost: Costs::of(told.cost),
            turnover: dollars(told.turnover),
            trades: Trades::of(&results),
            open: told.open,
            orders: told.orders,
            fills: told.fills,
            refused: told.refused.clone(),
            performance: Performance::of(&equity, period.a_year()),
            curve: curve.collect(),
            histogram: histogram(&results),
        }
    }
}

impl Ahead {
    fn of(name: &str, own: &[f64], other: &[f64], period: Period) -> Self {
        let apart: Vec<f64> = own.iter().zip(other).map(|(own, other)| own - other).collect();
        // What hangs together grows with the sample (Hall, Horowitz and Jing 1995: the cube root).
        let block = period.block().max((apart.len() as f64).cbrt().ceil() as usize);
        let mean = if apart.is_empty() { 0.0 } else { apart.iter().sum::<f64>() / apart.len() as f64 };
        // 1 - mean(1 - difference) / mean(1) is the mean difference: the same draws as for the skill of forecasts.
        let pairs: Vec<(f64, f64)> = apart.iter().map(|apart| (1.0 - apart, 1.0)).collect();
        let interval = skill_interval(&pairs, block, DRAWS, CONFIDENCE, SEED);
        Self { of: name.to_owned(), mean, interval, block }
    }

    /// Whether the interval says so, as the word on the box's screens: better, worse, or not proven.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self.interval {
            Some((low, _)) if low > 0.0 => "better",
            Some((_, high)) if high < 0.0 => "worse",
            _ => "not proven",
        }
    }
}

impl Chosen {
    fn of(sweep: &Sweep, own: &[f64], period: Period, ledger: Option<&Ledger>) -> Self {
        let lead = |outcome: &Outcome| {
            let lead = outcome.accounts.iter().find(|account| account.account == AccountId::LEAD);
            lead.map(|lead| returns(lead, period)).unwrap_or_default()
        };
        let here: Vec<Vec<f64>> = sweep.outcomes.iter().map(lead).collect();
        let sharpe = |returns: &Vec<f64>| Track::of(returns).map_or(0.0, |track| track.sharpe);
        let ratios: Vec<f64> = match ledger {
            Some(ledger) => {
                let same = |entry: &&Entry| entry.period_s == period.seconds();
                ledger.of(&sweep.source).filter(same).map(|entry| entry.sharpe.unwrap_or(0.0)).collect()
            }
            None => here.iter().map(sharpe).collect(),
        };
        let variance = variance(&ratios);
        let track = Track::of(own);
        let blocks = BLOCKS_MAX.min(own.len() / 4 / 2 * 2);
        Self {
            trials: sweep.trials,
            trials_here: here.len(),
            sharpe: track.map(|track| track.sharpe),
            probabilistic: track.map(|track| track.probability_above(0.0)),
            expected_best: track.map(|_| expected_best(sweep.trials, variance)),
            deflated: track.map(|track| track.deflated(sweep.trials, variance)),
            periods_needed: track.and_then(|track| track.periods_needed(0.0, CONFIDENCE)),
            periods: own.len(),
            overfit: overfitting(&here, blocks).map(|found| found.probability),
        }
    }
}

/// Variance of the sample; zero for fewer than two.
fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    if values.len() < 2 { 0.0 } else { squares / (count - 1.0) }
}

pub(crate) fn dollars(cash: Cash) -> f64 {
    cash.0 as f64 / 1e8
}

/// Equal bins with an end at zero, so that none holds profits and losses.
fn histogram(results: &[f64]) -> Vec<Bin> {
    let widest = results.iter().fold(0.0f64, |widest, result| widest.max(result.abs()));
    if widest <= 0.0 {
        return Vec::new();
    }
    let half = (BINS / 2) as i64;
    let width = widest / half as f64;
    let place = |result: f64| ((result / width).floor() as i64).clamp(-half, half - 1);
    let (low, high) = results.iter().map(|result| place(*result)).fold((half, -half), |(l, h), p| (l.min(p), h.max(p)));
    let bin = |n: i64| Bin {
        from: n as f64 * width,
        to: (n + 1) as f64 * width,
        n: results.iter().filter(|result| place(**result) == n).count(),
    };
    (low..=high).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_difference_is_told_with_the_interval_that_it_has() {
        // A difference of 0.001 a period with a spell of noise: the interval holds it, and not zero.
        let noise = |n: usize| if (n / 7).is_multiple_of(2) { 0.002 } else { -0.002 };
        let own: Vec<f64> = (0..960).map(|n| 0.001 + noise(n)).collect();
        let ahead = Ahead::of("x", &own, &vec![0.0; 960], Period::Hour);
        let (low, high) = ahead.interval.expect("forty blocks");
        assert!((ahead.mean - 0.001).abs() < 2e-5 && low < 0.001 && 0.001 < high && low > 0.0, "{ahead:?}");
        assert_eq!(ahead.verdict(), "better");
        let behind = Ahead::of("x", &vec![0.0; 960], &own, Period::Hour);
        assert_eq!((behind.verdict(), behind.mean), ("worse", -ahead.mean));
        assert_eq!(Ahead::of("x", &own[..40], &[0.0; 40], Period::Hour).verdict(), "not proven");
    }

    #[test]
    fn every_result_lies_in_one_bin_and_none_holds_both_signs() {
        let results = [-4.0, -0.1, 0.0, 0.1, 12.0, 11.9];
        let bins = histogram(&results);
        assert_eq!(bins.iter().map(|bin| bin.n).sum::<usize>(), results.len());
        assert!(bins.iter().all(|bin| bin.from >= 0.0 || bin.to <= 0.0));
        let losses: usize = bins.iter().filter(|bin| bin.to <= 0.0).map(|bin| bin.n).sum();
        assert_eq!(losses, 2);
        assert_eq!(histogram(&[0.0]), []);
    }
}
