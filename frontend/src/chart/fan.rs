//! Forecasts as a fan that opens from now on.

use wire::{ForecastPoint, HorizonCard};

use crate::calendar::MINUTE_MS;
use crate::pages::ordered;

/// Points per stretch between two horizons: enough to look round.
const STEPS: usize = 8;

/// Lowest and highest price of a band; `None` where past errors do not allow one.
pub type Band = Option<(f64, f64)>;

/// One moment of a fan. Prices in price units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at_ms: i64,
    /// Expected price.
    pub price: f64,
    /// Band that half of the outcomes should lie in.
    pub band_50: Band,
    /// Band that nine of ten outcomes should lie in.
    pub band_90: Band,
}

/// A horizon of the fan: log-returns from the price the model saw.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Knot {
    minutes: f64,
    log_return: f64,
    half_50: Option<f64>,
    half_90: Option<f64>,
}

/// The fan of the newest forecasts, from the end of the last minute the model saw to the furthest horizon.
///
/// Between two horizons the model says nothing: the expectation is drawn straight, and the square of the band's half-width
/// grows evenly, as the variance of a random walk does. Horizons whose forecast is older than the newest are left out.
#[must_use]
pub fn fan<'a>(cards: impl Iterator<Item = &'a HorizonCard> + Clone) -> Vec<Moment> {
    let forecasts = cards.filter_map(|card| Some((card.horizon_min, card.forecast?)));
    let Some(newest) = forecasts.clone().map(|(_, f)| f.open_time_ms).max() else {
        return Vec::new();
    };
    let current = forecasts.filter(|(_, f)| f.open_time_ms == newest).collect();
    let current: Vec<_> = ordered(current, |(horizon, _)| (*horizon).into());
    let Some((_, ForecastPoint { price, .. })) = current.first().copied() else {
        return Vec::new();
    };
    let start_ms = newest + MINUTE_MS;
    let mut before = Knot { minutes: 0.0, log_return: 0.0, half_50: Some(0.0), half_90: Some(0.0) };
    let mut moments = vec![moment(start_ms, price, before)];
    for (horizon_min, forecast) in current {
        let knot = Knot {
            minutes: f64::from(horizon_min),
            log_return: f64::from(forecast.log_return),
            half_50: forecast.band_50.map(f64::from),
            half_90: forecast.band_90.map(f64::from),
        };
        moments.extend((1..=STEPS).map(|n| moment(start_ms, price, between(before, knot, n as f64 / STEPS as f64))));
        before = knot;
    }
    moments
}

fn between(a: Knot, b: Knot, share: f64) -> Knot {
    let mix = |x: f64, y: f64| x + (y - x) * share;
    let half = |x: Option<f64>, y: Option<f64>| match (x, y) {
        (Some(x), Some(y)) => Some(mix(x * x, y * y).sqrt()),
        _ => None,
    };
    Knot {
        minutes: mix(a.minutes, b.minutes),
        log_return: mix(a.log_return, b.log_return),
        half_50: half(a.half_50, b.half_50),
        half_90: half(a.half_90, b.half_90),
    }
}

fn moment(start_ms: i64, price: i64, knot: Knot) -> Moment {
    let at = |log_return: f64| price as f64 * log_return.exp();
    let band = |half: Option<f64>| half.map(|half| (at(knot.log_return - half), at(knot.log_return + half)));
    Moment {
        at_ms: start_ms + (knot.minutes * MINUTE_MS as f64) as i64,
        price: at(knot.log_return),
        band_50: band(knot.half_50),
        band_90: band(knot.half_90),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{BandSource, Verdict};

    fn card(horizon_min: u16, open_time_ms: i64, log_return: f32, band_90: Option<f32>) -> HorizonCard {
        let forecast = Some(ForecastPoint {
            open_time_ms,
            price: 100_000,
            log_return,
            p_up: 0.5,
            band_50: band_90.map(|half| half / 2.0),
            band_90,
            bands_from: BandSource::Errors,
        });
        HorizonCard {
            horizon_min,
            forecast,
            scored: 0,
            since_ms: None,
            skill: None,
            interval: None,
            verdict: Verdict::NotProven,
        }
    }

    #[test]
    fn a_fan_starts_at_the_close_and_passes_each_horizon() {
        let cards = [card(30, 0, 0.003, Some(0.004)), card(10, 0, 0.001, Some(0.002))];
        let fan = fan(cards.iter());
        assert_eq!(fan.len(), 1 + 2 * STEPS);
        assert_eq!((fan[0].at_ms, fan[STEPS].at_ms, fan[2 * STEPS].at_ms), (60_000, 660_000, 1_860_000));
        assert_eq!(fan[0].band_90, Some((100_000.0, 100_000.0)));
        assert!((fan[STEPS].price - 100_000.0 * 0.001f64.exp()).abs() < 0.01);
        assert!(fan.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms));
        let widths: Vec<_> = fan.iter().filter_map(|m| m.band_90.map(|(low, high)| high - low)).collect();
        assert!(widths.windows(2).all(|pair| pair[0] < pair[1]), "{widths:?}");
    }

    #[test]
    fn without_past_errors_there_is_a_line_but_no_band() {
        let fan = fan([card(5, 0, 0.001, None)].iter());
        assert!(fan[1..].iter().all(|m| m.band_90.is_none() && m.band_50.is_none()));
    }

    #[test]
    fn an_older_forecast_is_left_out() {
        let cards = [card(5, 60_000, 0.0, None), card(10, 0, 0.0, None)];
        assert_eq!(fan(cards.iter()).last().map(|m| m.at_ms), Some(120_000 + 5 * 60_000));
        let mut none = card(5, 0, 0.0, None);
        none.forecast = None;
        assert_eq!(fan([none].iter()), []);
    }
}
