//! The engine's minutes of one instrument.

use engine::Engine;
use sim::Sim;
use types::{Candle, InstrumentId, Timestamp};

use super::Followed;
use crate::report::Score;

/// Compares the minutes that began at `from` or later and before `to`. Prices and volume count, the number of trades does
/// not: venues count in different ways. Differences are told to `differs`: the true minute and the engine's.
pub(crate) fn candles(
    sim: &Sim,
    engine: &Engine,
    followed: &Followed,
    instrument: InstrumentId,
    (from, to): (Timestamp, Timestamp),
    mut differs: impl FnMut(&Candle, Option<&Candle>),
) -> Score {
    let mut score = Score::default();
    let series = engine.view().market(instrument).map(engine::market::Market::series);
    let minutes = sim.final_candles(followed.venue, &followed.symbol).unwrap_or_default();
    for truth in minutes.iter().filter(|minute| (from..to).contains(&minute.open_time)) {
        let ours = series.and_then(|series| series.get(truth.open_time)).map(|entry| &entry.candle);
        let is_equal = ours.is_some_and(|ours| values(ours) == values(truth));
        score.truth += 1;
        score.equal += u64::from(is_equal);
        if !is_equal {
            differs(truth, ours);
        }
    }
    score
}

fn values(candle: &Candle) -> (i64, i64, i64, i64, u64) {
    let [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map(types::Price::mantissa);
    (open, high, low, close, candle.volume.0)
}
