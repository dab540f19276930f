//! Lengths of candles: those on offer, those that are drawn, and long ones from shorter ones.

use wire::{Candle, CandleKind};

use crate::calendar::MINUTE_MS;

/// Lengths of candles, minutes, with their names.
pub const LENGTHS: [(u16, &str); 6] = [(1, "1m"), (5, "5m"), (15, "15m"), (60, "1h"), (240, "4h"), (1_440, "1d")];

/// The longest candles that the box sends as they happen.
const LIVE_MAX: u16 = 60;
/// Most candles across the screen; of more, the next longer ones are drawn, which fill as many pixels.
const ACROSS_MAX: f64 = 12_000.0;

/// The name of a length; empty for one that is not on offer.
#[must_use]
pub fn name(length_min: u16) -> &'static str {
    LENGTHS.iter().find(|(minutes, _)| *minutes == length_min).map_or("", |(_, name)| name)
}

/// Of what length the box is asked for live candles, to show those of `chosen_min`.
#[must_use]
pub fn live(chosen_min: u16) -> u16 {
    chosen_min.min(LIVE_MAX)
}

/// Which candles are drawn where `span` slots of `chosen_min` minutes are on screen: a year of minutes is drawn of hours.
#[must_use]
pub fn drawn(chosen_min: u16, span: f64) -> u16 {
    let minutes = span * f64::from(chosen_min);
    let fits = |length: &u16| *length >= chosen_min && minutes / f64::from(*length) <= ACROSS_MAX;
    LENGTHS.iter().map(|(minutes, _)| *minutes).find(fits).unwrap_or(chosen_min.max(1_440))
}

/// When the candle of `length_min` opens in which a moment lies.
#[must_use]
pub fn opens(at_ms: i64, length_min: u16) -> i64 {
    let length_ms = i64::from(length_min.max(1)) * MINUTE_MS;
    at_ms.div_euclid(length_ms) * length_ms
}

/// Candles of `length_min` from shorter ones, by rising time. The last one may not be over; the first one lacks what was before it.
#[must_use]
pub fn sums<'a>(candles: impl Iterator<Item = &'a Candle>, length_min: u16) -> Vec<Candle> {
    let mut sums: Vec<Candle> = Vec::new();
    for candle in candles {
        let open_time_ms = opens(candle.open_time_ms, length_min);
        match sums.last_mut() {
            Some(sum) if sum.open_time_ms == open_time_ms => {
                sum.high = sum.high.max(candle.high);
                sum.low = sum.low.min(candle.low);
                sum.close = candle.close;
                sum.volume = sum.volume.saturating_add(candle.volume);
                if candle.kind != CandleKind::Quiet {
                    sum.kind = candle.kind;
                }
            }
            _ => sums.push(Candle { open_time_ms, ..*candle }),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_minutes_is_drawn_of_few_enough_candles() {
        assert_eq!([100.0, 12_000.0, 12_001.0, 60_000.0, 100_000.0].map(|span| drawn(1, span)), [1, 1, 5, 5, 15]);
        assert_eq!((drawn(1, 525_600.0), drawn(240, 5_000.0), drawn(1_440, 1e9)), (60, 240, 1_440));
        assert_eq!(LENGTHS.map(|(minutes, _)| live(minutes)), [1, 5, 15, 60, 60, 60]);
        assert_eq!((name(240), name(7)), ("4h", ""));
    }

    #[test]
    fn long_candles_are_sums_by_the_clock() {
        let candle = |minute: i64, price: i64| Candle {
            open_time_ms: minute * MINUTE_MS,
            open: price,
            high: price + 2,
            low: price - 3,
            close: price + 1,
            volume: 4,
            kind: CandleKind::Traded,
        };
        let minutes = [candle(3, 10), candle(4, 20), candle(5, 30), candle(11, 5)];
        let sums = sums(minutes.iter(), 5);
        let told: Vec<_> =
            sums.iter().map(|c| (c.open_time_ms / MINUTE_MS, c.open, c.high, c.low, c.close, c.volume)).collect();
        assert_eq!(told, [(0, 10, 22, 7, 21, 8), (5, 30, 32, 27, 31, 4), (10, 5, 7, 2, 6, 4)]);
        assert_eq!(opens(-1, 1), -MINUTE_MS);
    }
}
