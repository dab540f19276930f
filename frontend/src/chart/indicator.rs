//! Indicators to choose from. Their values are the box's own features; nothing is computed here.

use std::ops::Range;

use wire::Candle;

use super::ring::Timed;

/// Names of the engine's features that indicators are made of.
pub const LINES: [&str; 15] = [
    "ema_20",
    "ema_50",
    "ema_200",
    "sma_20",
    "sma_50",
    "sma_200",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "vwap",
    "rsi_14",
    "macd",
    "macd_signal",
    "macd_hist",
    "atr_14",
];

/// A candle with the value of each line after its close; not a number where that was not asked for or is not warm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The candle.
    pub candle: Candle,
    /// In the order of [`LINES`].
    pub values: [f64; LINES.len()],
}

impl Row {
    /// A candle of which no line is known.
    #[must_use]
    pub const fn bare(candle: Candle) -> Self {
        Self { candle, values: [f64::NAN; LINES.len()] }
    }
}

impl Timed for Row {
    fn at_ms(&self) -> i64 {
        self.candle.open_time_ms
    }
}

impl Timed for wire::api::PastForecast {
    fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

/// Where an indicator is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Over the candles.
    Prices,
    /// In a pane below, from 0 to 100.
    Percent,
    /// In a pane below, around zero, the last line as columns.
    Around,
    /// In a pane below.
    Alone,
}

/// Something to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// Its name on screen.
    pub label: &'static str,
    /// Its lines within [`LINES`].
    pub first: usize,
    /// How many they are.
    pub count: usize,
    /// Where it is drawn.
    pub place: Place,
}

impl Indicator {
    const fn new(label: &'static str, first: usize, count: usize, place: Place) -> Self {
        Self { label, first, count, place }
    }

    /// Its lines within [`LINES`].
    #[must_use]
    pub const fn lines(&self) -> Range<usize> {
        self.first..self.first + self.count
    }
}

/// All indicators.
pub const INDICATORS: [Indicator; 11] = [
    Indicator::new("EMA 20", 0, 1, Place::Prices),
    Indicator::new("EMA 50", 1, 1, Place::Prices),
    Indicator::new("EMA 200", 2, 1, Place::Prices),
    Indicator::new("SMA 20", 3, 1, Place::Prices),
    Indicator::new("SMA 50", 4, 1, Place::Prices),
    Indicator::new("SMA 200", 5, 1, Place::Prices),
    Indicator::new("Bollinger 20, 2", 6, 3, Place::Prices),
    Indicator::new("VWAP of the day", 9, 1, Place::Prices),
    Indicator::new("RSI 14", 10, 1, Place::Percent),
    Indicator::new("MACD 12, 26, 9", 11, 3, Place::Around),
    Indicator::new("ATR 14", 14, 1, Place::Alone),
];

/// Which of [`INDICATORS`] are chosen, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen(u16);

impl Chosen {
    /// From what [`Chosen::text`] wrote; what is not known is left out.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let bit = |name: &str| LINES.iter().position(|line| *line == name);
        let of_line = |line: usize| INDICATORS.iter().position(|it| it.first == line);
        Self(text.split(',').filter_map(bit).filter_map(of_line).fold(0, |bits, n| bits | 1 << n))
    }

    /// To be remembered.
    #[must_use]
    pub fn text(self) -> String {
        self.all().map(|it| LINES[it.first]).collect::<Vec<_>>().join(",")
    }

    /// Whether the indicator with this index is.
    #[must_use]
    pub const fn has(self, index: usize) -> bool {
        self.0 & 1 << index != 0
    }

    /// With the indicator of this index switched.
    #[must_use]
    pub const fn switched(self, index: usize) -> Self {
        Self(self.0 ^ 1 << index)
    }

    /// Those that are.
    pub fn all(self) -> impl Iterator<Item = &'static Indicator> {
        INDICATORS.iter().enumerate().filter(move |(index, _)| self.has(*index)).map(|(_, it)| it)
    }

    /// Those with a pane of their own.
    pub fn panes(self) -> impl Iterator<Item = &'static Indicator> {
        self.all().filter(|it| it.place != Place::Prices)
    }

    /// What the box is asked for.
    #[must_use]
    pub fn lines(self) -> Vec<usize> {
        self.all().flat_map(Indicator::lines).collect()
    }
}

/// Points of a line as pixels of a picture, one for each device pixel at most; a value that is not a number breaks it.
#[must_use]
pub fn points(values: impl Iterator<Item = (f64, f64)>, device_ratio: f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (x, value) in values {
        match points.last_mut() {
            Some(last) if (last.0 * device_ratio).floor() >= (x * device_ratio).floor() => *last = (x, value),
            _ => points.push((x, value)),
        }
    }
    points
}

/// Moves marks, which rise, where they lie closer than `room`, just so far that they do not.
pub fn spread(marks: &mut [f64], room: f64) {
    for n in 1..marks.len() {
        marks[n] = marks[n].max(marks[n - 1] + room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_remembered_and_unknown_names_are_forgotten() {
        let chosen = Chosen::default().switched(0).switched(6).switched(9);
        assert_eq!(chosen.text(), "ema_20,bb_upper,macd");
        assert_eq!(Chosen::of(&chosen.text()), chosen);
        assert_eq!(Chosen::of("sma_7,bb_lower,,rsi_14").text(), "rsi_14");
        assert_eq!(chosen.switched(6).lines(), [0, 11, 12, 13]);
        assert_eq!(chosen.panes().map(|it| it.label).collect::<Vec<_>>(), ["MACD 12, 26, 9"]);
    }

    #[test]
    fn every_line_belongs_to_one_indicator() {
        let lines: Vec<usize> = INDICATORS.iter().flat_map(Indicator::lines).collect();
        assert_eq!(lines, (0..LINES.len()).collect::<Vec<_>>());
    }

    #[test]
    fn lines_have_one_point_a_pixel_and_break_where_nothing_is_known() {
        let dense = points((0..100).map(|n| (f64::from(n) / 10.0, f64::from(n))), 1.0);
        assert_eq!(dense.len(), 10);
        assert!((dense[0].1 - 9.0).abs() < 1e-9, "the last of its pixel");
        let broken = points([(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)].into_iter(), 1.0);
        assert!(broken.len() == 3 && broken[1].1.is_nan());
    }

    #[test]
    fn marks_do_not_lie_over_each_other() {
        let mut marks = [10.0, 12.0, 14.0, 50.0];
        spread(&mut marks, 10.0);
        assert_eq!(marks.map(|mark| mark as i32), [10, 20, 30, 50]);
    }
}
