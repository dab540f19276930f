//! A whole backtest: variants, the one that is shown, and everything that is asked of it.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use types::{AccountId, Timestamp};

use crate::dial::{self, Dial};
use crate::report::{Report, dollars};
use crate::sweep::{self, Sweep};
use crate::trial::MakeAnswerer;
use crate::{BacktestError, Ledger, Outcome, Result, Source, Trial, peek, what_if};

/// The list of trials beside a report.
pub const LEDGER_NAME: &str = "trials.jsonl";
/// Where the search for look-ahead begins to draw its cuts.
const PEEK_SEED: u64 = 1;

/// What is to be done.
pub struct Plan<'a> {
    /// Over what.
    pub source: &'a Source,
    /// The settings to begin with.
    pub base: Trial,
    /// What of them is turned.
    pub dials: Vec<Dial>,
    /// Who answers, with the name that makes it another trial; `None` for the recorded answers.
    pub answerer: Option<(&'a str, &'a MakeAnswerer<'a>)>,
    /// Until when the data reached that models were made from, by their names.
    pub made_until: Vec<(String, Timestamp)>,
    /// Variants at the same time.
    pub threads: usize,
    /// How often the source is cut in the search for look-ahead; 0 for no search.
    pub cuts: usize,
    /// Whether the table of other costs is made.
    pub what_if: bool,
}

/// One variant of a sweep, by its first account. Shares, not percent; money in dollars.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variant {
    /// Its name: what was set.
    pub name: String,
    /// What makes it this trial.
    pub digest: String,
    /// What the money became after all costs, less one.
    pub net_return: f64,
    /// Mean return over its standard deviation, per period; `None` where returns do not vary.
    pub sharpe: Option<f64>,
    /// Fees.
    pub fees: f64,
    /// Finished trades.
    pub trades: usize,
    /// Orders that risk refused.
    pub refused: u64,
}

impl Variant {
    fn of(outcome: &Outcome) -> Option<Self> {
        let lead = outcome.accounts.iter().find(|account| account.account == AccountId::LEAD)?;
        let start = dollars(lead.start);
        Some(Self {
            name: outcome.name.clone(),
            digest: outcome.digest.clone(),
            net_return: if start > 0.0 { dollars(lead.equity) / start - 1.0 } else { 0.0 },
            sharpe: sweep::sharpe(outcome),
            fees: dollars(lead.fees),
            trades: lead.trades.len(),
            refused: lead.refused.values().sum(),
        })
    }
}

impl Plan<'_> {
    /// The variants that the dials make, for checks of the caller.
    ///
    /// # Errors
    /// As [`dial::variants`], and a table of other costs for more than one variant.
    pub fn variants(&self) -> Result<Vec<Trial>> {
        let trials = dial::variants(&self.base, &self.dials)?;
        if self.what_if && trials.len() > 1 {
            let names: Vec<&str> = self.dials.iter().map(|dial| dial.name.as_str()).collect();
            let what = format!("{} variants: \"what if\" asks about one set of settings", trials.len());
            return Err(BacktestError::Setting { path: names.join(", "), what });
        }
        Ok(trials)
    }

    /// Runs all of it. Every variant is counted in the ledger before a result is shown; of several the one with the highest
    /// Sharpe ratio is (the first of equals).
    ///
    /// # Errors
    /// As [`Self::variants`], [`sweep::run`] and [`peek::look`].
    pub fn run(&self, ledger: &mut Ledger) -> Result<Report> {
        let trials = self.variants()?;
        let found = sweep::run(self.source, &trials, self.answerer, self.threads, Some(ledger))?;
        let place = best(&found);
        let mut report = Report::of(self.source, &found, place, Some(ledger));
        if trials.len() > 1 {
            report.variants = found.outcomes.iter().filter_map(Variant::of).collect();
        }
        // Candles are played a few seconds before the first.
        let begin = found.outcomes[place].from.plus(Duration::from_secs(60));
        for (model, until) in self.made_until.iter().filter(|(_, until)| *until > begin) {
            report.warnings.push(format!(
                "Model {model} was made from data up to {until}: what lies before that is no test of it."
            ));
        }
        let shown = &trials[place];
        if self.cuts > 0 {
            let answerer = self.answerer.map(|(_, make)| make);
            report.peek = Some(peek::look(shown, self.source, answerer, self.cuts, PEEK_SEED)?);
        }
        if self.what_if {
            report.what_if = Some(what_if::ask(shown, self.source, self.answerer, self.threads)?);
        }
        Ok(report)
    }
}

fn best(sweep: &Sweep) -> usize {
    // Who does nothing stands at zero: above whoever loses.
    let ratios: Vec<f64> = sweep.outcomes.iter().map(|it| sweep::sharpe(it).unwrap_or(0.0)).collect();
    (0..ratios.len()).rev().max_by(|a, b| ratios[*a].total_cmp(&ratios[*b])).unwrap_or(0)
}

/// Where the trials of a report are counted: beside it, or in the present folder.
#[must_use]
pub fn ledger_beside(report: Option<&Path>) -> PathBuf {
    report.and_then(Path::parent).unwrap_or(Path::new("")).join(LEDGER_NAME)
}

/// Whether a report can be written there, before anything is computed.
///
/// # Errors
/// A folder that is not there; a page that is called like its JSON.
pub fn check_page(page: &Path) -> Result<()> {
    let refuse = |what: &str| Err(BacktestError::Page { path: page.to_owned(), what: what.to_owned() });
    let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty());
    if page.extension().is_some_and(|ending| ending == "json") {
        return refuse("the page would be overwritten by its JSON: name it .html");
    }
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return refuse("no such folder");
    }
    if page.is_dir() { refuse("is a folder") } else { Ok(()) }
}

impl Report {
    /// Writes the page, and its JSON beside it with the ending `.json`. Gives the path of the latter.
    ///
    /// # Errors
    /// As [`check_page`], and what cannot be written.
    pub fn write(&self, page: &Path) -> Result<PathBuf> {
        check_page(page)?;
        let json = page.with_extension("json");
        for (path, text) in [(page, self.html()), (json.as_path(), self.json())] {
            let io = |source| BacktestError::Io { path: path.to_owned(), what: "cannot write", source };
            fs::write(path, text).map_err(io)?;
        }
        Ok(json)
    }
}
