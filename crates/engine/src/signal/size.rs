//! How large a position is.

use types::Ppm;
use types::input::Decision;
use types::settings::{SignalSettings, Sizing};

/// Minutes of a day.
const DAY_MIN: f64 = 1_440.0;

/// What a size may rest on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ground {
    /// Expected log-return over the horizon, after costs.
    pub net_return: Option<f64>,
    /// How far ahead that is, minutes.
    pub horizon_min: u16,
    /// Standard deviation of a minute's log-return, as the last hour tells it.
    pub minute_deviation: Option<f64>,
    /// What the model would do.
    pub decision: Option<Decision>,
}

/// The share of equity to put into a position; zero where its sizing rests on something that is not known.
///
/// - `fixed`: `size_ppm`;
/// - `volatility`: `volatility_ppm` over the deviation of a day, taking the minutes for independent;
/// - `kelly`: `kelly_ppm` of the expected net return over its variance, which is the Kelly fraction of a normally distributed return (Thorp
///   1997, section 7.1);
/// - `model`: what the model says;
/// - `parity`, `mean-variance`: the weight that `weigh` finds for it in a portfolio, which is asked for these only.
///
/// All but `fixed` are at most `size_max_ppm`.
#[must_use]
pub fn size(settings: &SignalSettings, ground: &Ground, weigh: impl FnOnce() -> Option<f64>) -> Ppm {
    let minutes = ground.minute_deviation.filter(|deviation| *deviation > 0.0);
    let share = match settings.sizing {
        Sizing::Fixed => return Ppm(settings.size_ppm),
        Sizing::Volatility => minutes.map(|deviation| part(settings.volatility_ppm) / (deviation * DAY_MIN.sqrt())),
        Sizing::Kelly => minutes.zip(ground.net_return).map(|(deviation, net)| {
            part(settings.kelly_ppm) * net / (deviation * deviation * f64::from(ground.horizon_min.max(1)))
        }),
        Sizing::Parity | Sizing::MeanVariance => weigh(),
        Sizing::Model => ground.decision.map(|decision| f64::from(decision.size)),
    };
    let most = part(settings.size_max_ppm);
    // What is not a number is nothing.
    Ppm((share_or_nothing(share.unwrap_or(0.0), most) * 1e6).round() as u32)
}

fn part(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
}

fn share_or_nothing(share: f64, most: f64) -> f64 {
    if share > 0.0 { share.min(most) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sizing: Sizing, ground: Ground, expected: u32) {
        let settings = SignalSettings { sizing, ..SignalSettings::default() };
        assert_eq!(size(&settings, &ground, || Some(0.05)), Ppm(expected), "{sizing:?} {ground:?}");
    }

    #[test]
    fn each_sizing_by_hand() {
        let decision = Some(Decision { sell: 0.1, hold: 0.2, buy: 0.7, size: 0.125, risk: 0.01 });
        let nothing = Ground::default();
        check(Sizing::Fixed, nothing, 50_000);
        // 0.002 a day over 0.001 x root 1440 a day.
        check(Sizing::Volatility, Ground { minute_deviation: Some(0.001), ..nothing }, 52_705);
        check(Sizing::Volatility, Ground { minute_deviation: Some(0.0), ..nothing }, 0);
        check(Sizing::Volatility, Ground { minute_deviation: Some(1e-9), ..nothing }, 250_000);
        // A quarter of 0.0012 / (0.01^2 x 30): one tenth.
        let kelly = Ground { net_return: Some(0.0012), horizon_min: 30, minute_deviation: Some(0.01), ..nothing };
        check(Sizing::Kelly, kelly, 100_000);
        check(Sizing::Kelly, Ground { net_return: Some(-0.0012), ..kelly }, 0);
        check(Sizing::Kelly, Ground { net_return: Some(f64::NAN), ..kelly }, 0);
        check(Sizing::Kelly, Ground { minute_deviation: None, ..kelly }, 0);
        check(Sizing::Model, Ground { decision, ..nothing }, 125_000);
        check(Sizing::Model, nothing, 0);
        check(Sizing::Parity, nothing, 50_000);
        check(Sizing::MeanVariance, nothing, 50_000);
        let settings = SignalSettings { sizing: Sizing::Parity, ..SignalSettings::default() };
        assert_eq!(size(&settings, &nothing, || None), Ppm(0), "nothing is known");
        assert_eq!(size(&settings, &nothing, || Some(0.9)), Ppm(250_000));
    }
}
