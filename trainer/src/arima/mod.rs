//! Forecasts of daily closes by classical models, with intervals.
//!
//! Everything is computed on logarithms of prices: a day's move is a share of the price, and an interval never reaches below zero. On
//! daily prices the search mostly ends at (0,1,0), which says "the last close" with a band that widens.

mod closes;
mod rolling;
mod search;
#[cfg(test)]
mod tests;

use engine::stats::special::normal_quantile;
use serde::Serialize;

pub use closes::Closes;
pub use rolling::{Rolling, rolling};
pub use search::AutoArima;

/// What intervals should hold.
pub const LEVEL: f64 = 0.95;

/// What one model expects of the next days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// The model and its order: `ARIMA(1,1,0) with drift`, `drift`, `naive`.
    pub model: String,
    /// Corrected information criterion of the fit to the log prices; `None` for models without one.
    pub aicc: Option<f64>,
    /// Why it is not what was asked for.
    pub fallback: Option<String>,
    /// The days after the last known one.
    #[serde(skip)]
    pub steps: Vec<Step>,
}

/// One day of an outlook, natural logarithms of prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Expected.
    pub mean: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Step {
    fn normal(mean: f64, deviation: f64) -> Self {
        let half = normal_quantile(f64::midpoint(1.0, LEVEL)) * deviation;
        Self { mean, low: mean - half, high: mean + half }
    }
}

/// A model of one series.
pub trait Forecaster: Sync {
    /// Fits a history of log prices, one a day, oldest first, and looks `steps` days ahead.
    ///
    /// # Errors
    /// The history is too short, or no model fits it.
    fn forecast(&self, history: &[f64], steps: usize) -> anyhow::Result<Outlook>;
}

/// The last value stays: a random walk without drift.
#[derive(Clone, Copy, Debug)]
pub struct Naive;

impl Forecaster for Naive {
    fn forecast(&self, history: &[f64], steps: usize) -> anyhow::Result<Outlook> {
        anyhow::ensure!(history.len() >= 2, "{} days are too few, 2 are needed", history.len());
        let last = history[history.len() - 1];
        let squares: f64 = history.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        let deviation = (squares / (history.len() - 1) as f64).sqrt();
        let steps = (1..=steps).map(|step| Step::normal(last, deviation * (step as f64).sqrt())).collect();
        Ok(Outlook { model: "naive".to_owned(), aicc: None, fallback: None, steps })
    }
}

/// A random walk with the mean daily move as its drift (Hyndman and Athanasopoulos, *Forecasting: principles and practice*, third
/// edition, section 5.5).
#[derive(Clone, Copy, Debug)]
pub struct Drift;

impl Forecaster for Drift {
    fn forecast(&self, history: &[f64], steps: usize) -> anyhow::Result<Outlook> {
        anyhow::ensure!(history.len() >= 3, "{} days are too few, 3 are needed", history.len());
        let (last, moves) = (history[history.len() - 1], (history.len() - 1) as f64);
        let drift = (last - history[0]) / moves;
        let squares: f64 = history.windows(2).map(|pair| (pair[1] - pair[0] - drift).powi(2)).sum();
        let deviation = (squares / (moves - 1.0)).sqrt();
        let step = |step: usize| {
            let ahead = step as f64;
            Step::normal(last + drift * ahead, deviation * (ahead * (1.0 + ahead / moves)).sqrt())
        };
        Ok(Outlook { model: "drift".to_owned(), aicc: None, fallback: None, steps: (1..=steps).map(step).collect() })
    }
}

/// Auto-ARIMA; where it finds no model, drift, and where that has too little, the naive forecast.
#[derive(Clone, Copy, Debug)]
pub struct Daily;

impl Forecaster for Daily {
    fn forecast(&self, history: &[f64], steps: usize) -> anyhow::Result<Outlook> {
        AutoArima.forecast(history, steps).or_else(|error| {
            let simple = Drift.forecast(history, steps).or_else(|_| Naive.forecast(history, steps))?;
            Ok(Outlook { fallback: Some(format!("{error:#}")), ..simple })
        })
    }
}
