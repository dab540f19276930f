//! Candles of a list of trades.

use types::time::NS_PER_MIN;
use types::{Candle, Timestamp, Trade};

use super::building::Building;
use super::series::minute_of;

/// Most minutes one list of trades may span; a list with a wild time in it must not cost all memory.
const SPAN_MAX: i64 = 10 * 366 * 1_440;

/// The full minutes of a list of trades in any order, oldest first, minutes without trades as flat rows.
///
/// The minutes of the first and the last trade are left out: the list does not show whether it holds all of them.
/// Of trades at the same instant the one listed first is the earlier. Empty when the list spans more than ten years.
#[must_use]
pub fn from_trades(trades: &[Trade]) -> Vec<Candle> {
    let mut ordered: Vec<&Trade> = trades.iter().collect();
    ordered.sort_by_key(|trade| trade.venue_at);
    let (Some(first), Some(last)) = (ordered.first(), ordered.last()) else { return Vec::new() };
    let (first, last) = (minute_of(first.venue_at), minute_of(last.venue_at));
    if last - first > SPAN_MAX {
        return Vec::new();
    }
    let mut candles: Vec<Candle> = Vec::new();
    for group in ordered.chunk_by(|a, b| minute_of(a.venue_at) == minute_of(b.venue_at)) {
        let mut building = Building::start(group[0]);
        group[1..].iter().for_each(|trade| building.add(trade));
        let minute = minute_of(building.candle.open_time);
        if let Some(close) = candles.last().map(|candle| candle.close) {
            let next = first + candles.len() as i64;
            let flat = |minute: i64| Candle::flat(Timestamp::from_nanos(minute * NS_PER_MIN), close);
            candles.extend((next..minute).map(flat));
        }
        candles.push(building.candle);
    }
    candles.pop();
    candles.drain(..candles.len().min(1));
    candles
}
