//! Forecasts that wait for their outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::effect::{ForecastRecord, ScoreRecord};
use types::time::NS_PER_MIN;
use types::{InstrumentId, Price, Timestamp};

use super::bands::Widths;

/// How long a forecast whose target minute is a gap waits for history to fill it.
const PATIENCE_MIN: i64 = 60;

/// A forecast with the bands that were shown around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    forecast: ForecastRecord,
    shown: Option<Widths>,
}

/// Forecasts by instrument, target minute and horizon. A forecast made after the minute at `open_time` closed is about the
/// close of the minute `horizon_min` later.
///
/// Bounded by use: one forecast a minute for each instrument and horizon, none kept longer than its horizon and an hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    forecasts: BTreeMap<(InstrumentId, i64, u16), Waiting>,
    dropped: u64,
}

impl Pending {
    /// Adds a forecast with the bands around it, where there were any. One for the same instrument, minute and horizon is
    /// replaced.
    pub fn push(&mut self, forecast: ForecastRecord, shown: Option<Widths>) {
        let target = minute_of(forecast.open_time) + i64::from(forecast.horizon_min);
        self.forecasts.insert((forecast.instrument, target, forecast.horizon_min), Waiting { forecast, shown });
    }

    /// The minute at `open_time` of `instrument` closed at `close`: adds the scores due to `out`, shortest horizon first.
    /// Forecasts whose target minute is a gap for an hour are dropped and counted.
    pub fn resolve(
        &mut self,
        instrument: InstrumentId,
        open_time: Timestamp,
        close: Price,
        out: &mut Vec<(ScoreRecord, Option<Widths>)>,
    ) {
        let minute = minute_of(open_time);
        let missed = self.take(instrument, i64::MIN, minute.saturating_sub(PATIENCE_MIN));
        self.dropped += missed.len() as u64;
        out.extend(
            self.take(instrument, minute, minute + 1)
                .into_iter()
                .map(|waiting| (score(waiting.forecast, close), waiting.shown)),
        );
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
        let range = (instrument, from, 0)..(instrument, to, 0);
        let keys: Vec<_> = self.forecasts.range(range).map(|(key, _)| *key).collect();
        keys.iter().filter_map(|key| self.forecasts.remove(key)).collect()
    }
}

fn score(forecast: ForecastRecord, close: Price) -> ScoreRecord {
    ScoreRecord {
        instrument: forecast.instrument,
        open_time: forecast.open_time,
        model: forecast.model,
        horizon_min: forecast.horizon_min,
        log_return: forecast.log_return,
        outcome: log_return(forecast.price, close),
    }
}

/// The outcome of a forecast made at `price`: natural logarithm of `close` over it.
#[must_use]
pub fn log_return(price: Price, close: Price) -> f32 {
    libm::log(close.mantissa() as f64 / price.mantissa() as f64) as f32
}

fn minute_of(moment: Timestamp) -> i64 {
    moment.as_nanos().div_euclid(NS_PER_MIN)
}
