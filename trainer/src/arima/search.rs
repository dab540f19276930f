//! The search for an order, by `anofox-forecast`.

use anofox_forecast::core::TimeSeries;
use anofox_forecast::models::Forecaster as _;
use anofox_forecast::models::arima::{AutoARIMA, ModelOrder, r_arima_aicc_for_tests};
use anofox_forecast::models::inspect::Explanation;
use anyhow::{Context as _, ensure};
use chrono::DateTime;

use super::{Forecaster, LEVEL, Outlook, Step};

/// ARIMA without season, its order found stepwise (Hyndman and Khandakar, *Automatic time series forecasting: the forecast package for
/// R*, Journal of Statistical Software 27, 2008). From 151 days on the candidates are compared by conditional sums of squares, as R does.
#[derive(Clone, Copy, Debug)]
pub struct AutoArima;

impl Forecaster for AutoArima {
    fn forecast(&self, history: &[f64], steps: usize) -> anyhow::Result<Outlook> {
        // The model only counts days; which ones they are does not matter to it.
        let days =
            (0..history.len() as i64).map(|day| DateTime::from_timestamp(day * 86_400, 0).expect("within range"));
        let series = TimeSeries::univariate(days.collect(), history.to_vec())?;
        let mut model = AutoARIMA::new();
        model.fit(&series)?;
        let order = model.selected_full_order().context("no order was selected")?;
        let forecast = model.predict_with_intervals(steps, LEVEL)?;
        let (low, high) = (forecast.lower_series(0)?, forecast.upper_series(0)?);
        let ends = low.iter().zip(high);
        let found: Vec<Step> = forecast
            .primary()
            .iter()
            .zip(ends)
            .map(|(mean, (low, high))| Step { mean: *mean, low: *low, high: *high })
            .collect();
        let is_sound = |step: &Step| step.mean.is_finite() && step.low.is_finite() && step.high.is_finite();
        ensure!(found.len() == steps && found.iter().all(is_sound), "the forecast of {} is not finite", name(order));
        let has_constant = has_constant(&model.explanation()?, order);
        // The only way to the criterion of the final fit; the crate is pinned to the version that has it.
        let aicc = r_arima_aicc_for_tests(history, (order.p, order.d, order.q), (0, 0, 0), 1, has_constant, false);
        let constant = match (has_constant, order.d) {
            (false, _) => "",
            (true, 0) => " with mean",
            (true, _) => " with drift",
        };
        Ok(Outlook { model: name(order) + constant, aicc, fallback: None, steps: found })
    }
}

fn name(order: ModelOrder) -> String {
    format!("ARIMA({},{},{})", order.p, order.d, order.q)
}

/// Whether the selected model has a constant, which the crate does not tell: what is left of its last one-step forecast of the
/// differenced series when the terms of its coefficients are taken away.
fn has_constant(explanation: &Explanation, order: ModelOrder) -> bool {
    let Explanation::Arima(fit) = explanation else { return false };
    let (ar, ma) = fit.coefficients.split_at(order.p.min(fit.coefficients.len()));
    let Some(last) = fit.fitted_values.len().checked_sub(1).filter(|last| *last >= order.p.max(order.q)) else {
        return false;
    };
    let value = |t: usize| fit.fitted_values[t] + fit.residuals[t];
    let known = |t: usize| fit.fitted_values[t].is_finite();
    let by_values: f64 =
        ar.iter().enumerate().filter(|(i, _)| known(last - 1 - i)).map(|(i, c)| c * value(last - 1 - i)).sum();
    let by_errors: f64 = ma.iter().enumerate().map(|(i, c)| c * fit.residuals[last - 1 - i]).sum();
    let size = fit.residuals.iter().map(|residual| residual.abs()).fold(0.0, f64::max);
    (fit.fitted_values[last] - by_values - by_errors).abs() > 1e-9 * size
}
