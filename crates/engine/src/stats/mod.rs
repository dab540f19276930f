//! Statistics of forecasts and of trading: errors, scores, tests, intervals. Pure functions; the same bits on every processor.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`error`] | MAE, RMSE, MAPE, MASE | Hyndman and Koehler 2006 |
//! | [`probability`] | Wilson's interval, Brier score and its parts, log loss | Wilson 1927, Brier 1950, Murphy 1973 |
//! | [`quantile`] | pinball loss, CRPS, interval score, coverage | Gneiting and Raftery 2007 |
//! | [`compare`] | Diebold and Mariano's test with Harvey, Leybourne and Newbold's correction | 1995, 1997 |
//! | [`direction`] | whether signs are foreseen | Pesaran and Timmermann 1992 |
//! | [`bootstrap`] | moving-block interval of the skill | Künsch 1989 |
//! | [`sequential`] | evidence that may be looked at every minute | Shafer and others 2011, Henzi and Ziegel 2022 |
//! | [`conformal`] | intervals that keep their promise | Gibbs and Candès 2021 |
//! | [`sharpe`] | probabilistic and deflated Sharpe ratio, minimum track record | Bailey and López de Prado 2012, 2014 |
//! | [`overfit`] | probability of backtest overfitting | Bailey, Borwein, López de Prado and Zhu 2016 |
//! | [`exceedance`] | value at risk, expected shortfall, whether they held | Kupiec 1995 |
//! | [`performance`] | returns, drawdown, Sharpe, Sortino and Calmar ratios, finished trades | Sharpe 1994, Sortino and Price 1994 |
//! | [`special`] | normal and Student's distribution | |

pub mod bootstrap;
pub mod compare;
pub mod conformal;
pub mod direction;
pub mod error;
pub mod exceedance;
pub mod overfit;
pub mod performance;
pub mod probability;
pub mod quantile;
pub mod sequential;
pub mod sharpe;
pub mod special;

/// Mean of values; `None` without any.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// Of a test: both values, within a tolerance.
#[cfg(test)]
#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}
