//! Which windows a series holds, and their values.

use crate::dataset::{Dataset, Series};
use crate::scaling::Scaling;
use crate::split::Span;

/// A window by its last row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Position of the series in the dataset.
    pub series: usize,
    /// Position of the last row in the series.
    pub end: usize,
}

/// Positions of the last rows of all windows of a series: `len` candles without a gap, no value missing.
pub fn ends(series: &Series, columns: usize, len: usize) -> Vec<usize> {
    let mut run = 0;
    let mut ends = Vec::new();
    for (index, minute) in series.minutes.iter().enumerate() {
        let is_next = index > 0 && series.minutes[index - 1] + i64::from(series.timeframe_min) == *minute;
        let is_complete = series.rows[index * columns..(index + 1) * columns].iter().all(|value| value.is_finite());
        run = match (is_complete, is_next) {
            (false, _) => 0,
            (true, true) => run + 1,
            (true, false) => 1,
        };
        if run >= len {
            ends.push(index);
        }
    }
    ends
}

/// All windows of a dataset whose rows and outcomes lie in `from..to` (minutes), in the order of the series. `len` and
/// `horizon_max` count candles.
pub fn within(dataset: &Dataset, len: usize, horizon_max: u16, (from, to): Span) -> Vec<Window> {
    let inside = |series: &Series, end: usize| {
        let (minute, step) = (series.minutes[end], i64::from(series.timeframe_min));
        minute - (len as i64 - 1) * step >= from && minute + (i64::from(horizon_max) + 1) * step <= to
    };
    let mut windows = Vec::new();
    for (position, series) in dataset.series.iter().enumerate() {
        let ends = ends(series, dataset.features.len(), len);
        windows.extend(ends.into_iter().filter(|end| inside(series, *end)).map(|end| Window { series: position, end }));
    }
    windows
}

/// As [`within`], only windows all of whose outcomes are known.
pub fn labelled(dataset: &Dataset, len: usize, horizons: &[u16], span: Span) -> Vec<Window> {
    let longest = horizons.iter().copied().max().unwrap_or(0);
    let mut windows = within(dataset, len, longest, span);
    windows.retain(|window| {
        let series = &dataset.series[window.series];
        horizons.iter().all(|horizon| series.log_return(window.end, *horizon).is_some())
    });
    windows
}

/// The raw values of a window.
pub fn values(dataset: &Dataset, window: Window, len: usize) -> &[f32] {
    let columns = dataset.features.len();
    &dataset.series[window.series].rows[(window.end + 1 - len) * columns..(window.end + 1) * columns]
}

/// Appends the normalised values of a window.
pub fn normalised(dataset: &Dataset, window: Window, len: usize, scaling: &Scaling, out: &mut Vec<f32>) {
    let columns = dataset.features.len();
    let raw = values(dataset, window, len);
    out.extend(raw.iter().enumerate().map(|(index, value)| scaling.normalise(index % columns, *value)));
}

#[cfg(test)]
mod tests {
    use bundle::Digest;

    use super::*;

    fn series(minutes: &[i64], rows: &[f32]) -> Series {
        Series {
            source: String::new(),
            sha256: Digest::of(b""),
            timeframe_min: 1,
            minutes: minutes.to_vec(),
            closes: vec![1.0; minutes.len()],
            prices: vec![1.0; minutes.len()],
            rows: rows.to_vec(),
        }
    }

    #[test]
    fn no_window_spans_a_gap_or_a_missing_value() {
        let whole = series(&[1, 2, 3, 4, 5], &[0.0; 5]);
        assert_eq!(ends(&whole, 1, 3), [2, 3, 4]);
        let gap = series(&[1, 2, 3, 5, 6, 7], &[0.0; 6]);
        assert_eq!(ends(&gap, 1, 3), [2, 5]);
        let masked = series(&[1, 2, 3, 4, 5], &[0.0, f32::NAN, 0.0, 0.0, 0.0]);
        assert_eq!(ends(&masked, 1, 3), [4]);
        assert_eq!(ends(&masked, 1, 6), [0; 0]);
    }

    #[test]
    fn rows_and_outcomes_stay_inside_their_part() {
        let minutes: Vec<i64> = (0..100).collect();
        let dataset = Dataset {
            features: vec!["x".to_owned()],
            fingerprint: String::new(),
            series: vec![series(&minutes, &[0.0; 100])],
        };
        let windows = within(&dataset, 10, 5, (20, 40));
        let ends: Vec<usize> = windows.iter().map(|window| window.end).collect();
        assert_eq!(ends, (29..35).collect::<Vec<_>>());
    }

    #[test]
    fn a_longer_candle_ends_inside_its_part_too() {
        let mut hours = series(&(0..100).map(|hour| hour * 60).collect::<Vec<_>>(), &[0.0; 100]);
        hours.timeframe_min = 60;
        let dataset = Dataset { features: vec!["x".to_owned()], fingerprint: String::new(), series: vec![hours] };
        let ends = |span| within(&dataset, 2, 1, span).iter().map(|window| window.end).collect::<Vec<_>>();
        assert_eq!(ends((60, 360)), [2, 3, 4]);
        assert_eq!(ends((61, 359)), [3], "rows from hour 2 on, and the outcome is known at the end of hour 4");
    }
}
