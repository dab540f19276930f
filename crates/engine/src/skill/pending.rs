//! Forecasts that wait for their outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::effect::{Base, ForecastRecord, ScoreRecord};
use types::market::Quote;
use types::time::NS_PER_MIN;
use types::{InstrumentId, Timestamp};

use super::bands::Widths;

/// A forecast with the bands that were shown around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    forecast: ForecastRecord,
    shown: Option<Widths>,
}

/// Forecasts by instrument, target minute, horizon and model. A forecast made after the minute at `open_time` closed is about the
/// mid price when the minute `horizon_min` later closes.
///
/// Bounded by use: one forecast a minute for each instrument, horizon and model, none kept longer than its horizon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    forecasts: BTreeMap<(InstrumentId, i64, u16, String), Waiting>,
    dropped: u64,
}

impl Pending {
    /// Adds a forecast with the bands around it, where there were any. One of the same model for the same instrument, minute and
    /// horizon is replaced.
    pub fn push(&mut self, forecast: ForecastRecord, shown: Option<Widths>) {
        let target = minute_of(forecast.open_time) + i64::from(forecast.horizon_min);
        let key = (forecast.instrument, target, forecast.horizon_min, forecast.model.clone());
        self.forecasts.insert(key, Waiting { forecast, shown });
    }

    /// The minute at `open_time` of `instrument` closed, with `quote` as the best prices then: adds the scores due to `out`, shortest
    /// horizon first. Forecasts about a minute without a proven book, and about one that never closed, are dropped and counted.
    pub fn resolve(
        &mut self,
        instrument: InstrumentId,
        open_time: Timestamp,
        quote: Option<Quote>,
        out: &mut Vec<(ScoreRecord, Option<Widths>)>,
    ) {
        let minute = minute_of(open_time);
        let (missed, due) = (self.take(instrument, i64::MIN, minute), self.take(instrument, minute, minute + 1));
        let Some(quote) = quote else {
            self.dropped += (missed.len() + due.len()) as u64;
            return;
        };
        self.dropped += missed.len() as u64;
        out.extend(due.into_iter().map(|waiting| (score(waiting.forecast, quote), waiting.shown)));
    }

    /// Forecasts that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.forecasts.len()
    }

    /// True when none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forecasts.is_empty()
    }

    /// Forecasts that never met their outcome.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes out the forecasts about minutes from `from` to before `to`.
    fn take(&mut self, instrument: InstrumentId, from: i64, to: i64) -> Vec<Waiting> {
        let range = (instrument, from, 0, String::new())..(instrument, to, 0, String::new());
        let keys: Vec<_> = self.forecasts.range(range).map(|(key, _)| key.clone()).collect();
        keys.iter().filter_map(|key| self.forecasts.remove(key)).collect()
    }
}

fn score(forecast: ForecastRecord, quote: Quote) -> ScoreRecord {
    ScoreRecord {
        instrument: forecast.instrument,
        open_time: forecast.open_time,
        model: forecast.model,
        horizon_min: forecast.horizon_min,
        log_return: forecast.log_return,
        outcome: log_return(forecast.base, Base::Quote(quote)),
    }
}

/// The outcome of a forecast that counts from `base`: natural logarithm of `then` over it.
#[must_use]
pub fn log_return(base: Base, then: Base) -> f32 {
    libm::log(then.doubled() as f64 / base.doubled() as f64) as f32
}

fn minute_of(moment: Timestamp) -> i64 {
    moment.as_nanos().div_euclid(NS_PER_MIN)
}
