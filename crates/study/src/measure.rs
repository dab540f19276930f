//! What is measured around a time.

use std::time::Duration;

use serde::Serialize;
use types::Timestamp;

use crate::{Bars, Plan};

/// A number about the minutes around a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "measure", content = "minutes")]
pub enum Measure {
    /// How far the price went in the minutes before, whichever way, basis points: an effect here means that something else moved it.
    Before(u32),
    /// How far it went in the minutes after, basis points.
    Return(u32),
    /// The same in the direction that the event speaks for.
    Signed(u32),
    /// How far it went whichever way, basis points.
    Magnitude(u32),
    /// What was traded in the minutes after: natural logarithm, so that a difference is a ratio.
    Volume(u32),
}

impl Measure {
    pub(crate) fn all(plan: &Plan) -> impl Iterator<Item = Self> {
        let kinds: [fn(u32) -> Self; 4] = [Self::Return, Self::Signed, Self::Magnitude, Self::Volume];
        let after = kinds.into_iter().flat_map(|kind| plan.horizons_min.iter().map(move |minutes| kind(*minutes)));
        let before = (plan.before_min > 0).then_some(Self::Before(plan.before_min));
        before.into_iter().chain(after)
    }

    /// Its value at a time; nothing where candles are missing or it does not apply.
    pub(crate) fn of(self, bars: &Bars, at: Timestamp, sign: Option<f64>) -> Option<f64> {
        let minutes = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
        let moved = |from: Timestamp, to: Timestamp| Some(1e4 * (bars.close(to)? / bars.close(from)?).ln());
        match self {
            Self::Before(before) => moved(at.minus(minutes(before)), at).map(f64::abs),
            Self::Return(after) => moved(at, at.plus(minutes(after))),
            Self::Signed(after) => {
                let sign = sign.filter(|sign| *sign != 0.0)?;
                moved(at, at.plus(minutes(after))).map(|bps| bps * sign.signum())
            }
            Self::Magnitude(after) => moved(at, at.plus(minutes(after))).map(f64::abs),
            Self::Volume(after) => bars.volume(at, at.plus(minutes(after))).filter(|volume| *volume > 0.0).map(f64::ln),
        }
    }
}
