//! Candles as bars on screen.

use wire::Candle;

use super::view::View;
use crate::calendar::MINUTE_MS;

/// One bar: a candle, or all candles of one device pixel where they are denser than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Middle, CSS pixels.
    pub x: f64,
    /// First price, price units, like the next three.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Volume, quantity units.
    pub volume: f64,
}

impl Bar {
    /// True when it did not fall.
    #[must_use]
    pub fn rises(&self) -> bool {
        self.close >= self.open
    }
}

/// The slot a time lies in, with its fraction.
#[must_use]
pub fn slot(at_ms: i64, timeframe_min: u16) -> f64 {
    at_ms as f64 / (f64::from(timeframe_min.max(1)) * MINUTE_MS as f64)
}

/// The time at a slot.
#[must_use]
pub fn time_ms(slot: f64, timeframe_min: u16) -> i64 {
    (slot * f64::from(timeframe_min.max(1)) * MINUTE_MS as f64) as i64
}

/// The visible candles (given by rising time), each `slots` wide, as bars on a plot `width_px` wide, one per device pixel at most.
#[must_use]
pub fn bars<'a>(
    candles: impl Iterator<Item = &'a Candle>,
    timeframe_min: u16,
    slots: f64,
    view: View,
    width_px: f64,
    device_ratio: f64,
) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut column_before = f64::NAN;
    let dense = view.span > slots * width_px * device_ratio;
    for candle in candles {
        let middle = slot(candle.open_time_ms, timeframe_min) + slots / 2.0;
        if middle < view.left() - slots || middle > view.right + slots {
            continue;
        }
        let x = view.x(middle, width_px);
        let column = (x * device_ratio).floor();
        match bars.last_mut() {
            Some(bar) if dense && column.total_cmp(&column_before).is_eq() => {
                bar.high = bar.high.max(candle.high as f64);
                bar.low = bar.low.min(candle.low as f64);
                bar.close = candle.close as f64;
                bar.volume = bar.volume.max(candle.volume as f64);
            }
            _ => bars.push(Bar {
                x,
                open: candle.open as f64,
                high: candle.high as f64,
                low: candle.low as f64,
                close: candle.close as f64,
                volume: candle.volume as f64,
            }),
        }
        column_before = column;
    }
    bars
}

/// Lowest and highest of the bars and of `others`, with a little air; `None` when there is nothing.
#[must_use]
pub fn price_range(bars: &[Bar], others: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in bars.iter().flat_map(|bar| [bar.low, bar.high]).chain(others).filter(|v| v.is_finite()) {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > high {
        return None;
    }
    let air = ((high - low) * 0.06).max(low.abs() * 1e-5).max(1.0);
    Some((low - air, high + air))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(minute: i64, open: i64, close: i64) -> Candle {
        let (high, low) = (open.max(close) + 1, open.min(close) - 1);
        let kind = wire::CandleKind::Traded;
        Candle { open_time_ms: minute * MINUTE_MS, open, high, low, close, volume: 5, kind }
    }

    fn view(left: f64, right: f64) -> View {
        View { right, span: right - left, follows: false }
    }

    #[test]
    fn only_visible_candles_become_bars() {
        let candles: Vec<_> = (0..100).map(|m| candle(m, 10, 11)).collect();
        let bars = bars(candles.iter(), 1, 1.0, view(40.0, 60.0), 200.0, 1.0);
        assert_eq!(bars.len(), 22);
        assert!((bars[1].x - 5.0).abs() < 1e-9, "slot 40 has its middle at half of 10 pixels: {}", bars[1].x);
    }

    #[test]
    fn dense_candles_share_a_pixel_and_keep_their_extremes() {
        let candles: Vec<_> = (0..400).map(|m| candle(m, m, m + 1)).collect();
        let merged = bars(candles.iter(), 1, 1.0, view(0.0, 400.0), 100.0, 1.0);
        assert_eq!(merged.len(), 100);
        let first = merged[0];
        assert!((first.low + 1.0).abs() < 1e-9 && (first.high - 5.0).abs() < 1e-9 && first.rises(), "{first:?}");
        assert_eq!(bars(candles.iter(), 1, 1.0, view(0.0, 400.0), 100.0, 4.0).len(), 400, "four device pixels to one");
        let long = bars([candle(60, 1, 2)].iter(), 1, 60.0, view(0.0, 120.0), 120.0, 1.0);
        assert!((long[0].x - 90.0).abs() < 1e-9, "an hour from 60 to 120 has its middle at 90");
    }

    #[test]
    fn the_range_holds_everything_with_air() {
        let bars = [Bar { x: 0.0, open: 10.0, high: 20.0, low: 5.0, close: 15.0, volume: 1.0 }];
        let (low, high) = price_range(&bars, [30.0, f64::NAN].into_iter()).expect("there is a bar");
        assert!(low < 5.0 && (30.0..40.0).contains(&high));
        assert_eq!(price_range(&[], std::iter::empty()), None);
        let (low, high) = price_range(&[], std::iter::once(7.0)).expect("there is a value");
        assert!(low < high);
    }
}
