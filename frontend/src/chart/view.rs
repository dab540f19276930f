//! The visible stretch of time, and how panning and zooming change it.

/// Fewest slots on screen.
pub const SPAN_MIN: f64 = 12.0;
/// A fitted view is at least this many times as wide as the room ahead.
const PAST_AND_AHEAD: f64 = 2.6;
/// Slots of a fitted view of a market that has only a few candles.
const FEW: f64 = 48.0;
/// Share of the span that may be empty beyond either end of the candles.
const EMPTY_MAX: f64 = 0.8;

/// The slots there is something to show for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Slot of the oldest candle.
    pub first: f64,
    /// Slot of the newest candle.
    pub newest: f64,
    /// Slots to keep free to the right of the newest candle for forecasts.
    pub ahead: f64,
}

/// The visible stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Slot at the right edge.
    pub right: f64,
    /// Slots on screen.
    pub span: f64,
    /// True while the newest candle is on screen: the view then moves along with it.
    pub follows: bool,
}

impl View {
    /// The view to start with and to come back to: the newest candles, each about `slot_px` wide, with room ahead.
    /// On a narrow plot they get narrower, so that what was takes more room than what may come.
    #[must_use]
    pub fn fit(extent: Extent, width_px: f64, slot_px: f64) -> Self {
        let all = (extent.newest + 1.0 - extent.first + extent.ahead).max(FEW);
        let span = (width_px / slot_px).min(all).max(extent.ahead * PAST_AND_AHEAD).max(SPAN_MIN);
        Self { right: extent.newest + 1.0 + extent.ahead, span, follows: true }
    }

    /// Slot at the left edge.
    #[must_use]
    pub fn left(self) -> f64 {
        self.right - self.span
    }

    /// The pixel of a slot on a plot `width_px` wide.
    #[must_use]
    pub fn x(self, slot: f64, width_px: f64) -> f64 {
        (slot - self.left()) / self.span * width_px
    }

    /// The slot at a pixel.
    #[must_use]
    pub fn slot(self, x: f64, width_px: f64) -> f64 {
        self.left() + x / width_px.max(1.0) * self.span
    }

    /// Moves by `slots`; positive shows later times.
    #[must_use]
    pub fn pan(self, slots: f64, extent: Extent) -> Self {
        Self { right: self.right + slots, ..self }.held_by(extent)
    }

    /// Shows `factor` times as many slots, keeping the slot at `anchor` (0 left edge, 1 right edge) where it is.
    #[must_use]
    pub fn zoom(self, factor: f64, anchor: f64, extent: Extent) -> Self {
        let span_max = ((extent.newest - extent.first) * 1.25 + extent.ahead).max(SPAN_MIN * 4.0);
        let span = (self.span * factor).clamp(SPAN_MIN, span_max);
        let fixed = self.left() + anchor * self.span;
        // To see more of the past is not to see more of what has not come yet.
        let most = self.right.max(extent.newest + 1.0 + extent.ahead);
        let right = (fixed + (1.0 - anchor) * span).min(most);
        Self { right, span, ..self }.held_by(extent)
    }

    /// Follows the newest candle from `before` to now, if it was on screen.
    #[must_use]
    pub fn advance(self, before: f64, extent: Extent) -> Self {
        if self.follows { Self { right: self.right + (extent.newest - before), ..self } } else { self }
    }

    /// Keeps some candles on screen and notes whether the newest one is.
    fn held_by(self, extent: Extent) -> Self {
        let empty = self.span * EMPTY_MAX;
        let low = extent.first + self.span - empty;
        let high = (extent.newest + 1.0 + empty).max(low);
        let right = self.right.clamp(low, high);
        Self { right, follows: right >= extent.newest + 1.0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { first: 1_000.0, newest: 2_000.0, ahead: 30.0 };

    fn fitted() -> View {
        View::fit(EXTENT, 800.0, 8.0)
    }

    #[track_caller]
    fn same(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn a_fitted_view_keeps_room_ahead_and_follows() {
        let view = fitted();
        same(view.span, 100.0);
        same(view.right, 2_031.0);
        assert!(view.follows);
        same(View::fit(EXTENT, 160.0, 8.0).span, 78.0);
        same(View::fit(Extent { first: 1_999.0, ahead: 2.0, ..EXTENT }, 800.0, 8.0).span, FEW);
        same(View::fit(Extent { ahead: 2.0, ..EXTENT }, 10.0, 8.0).span, SPAN_MIN);
    }

    #[test]
    fn pixels_and_slots_are_inverse() {
        let view = fitted();
        same(view.slot(view.x(1_987.5, 640.0), 640.0), 1_987.5);
        same(view.x(view.right, 640.0), 640.0);
    }

    #[test]
    fn zoom_keeps_the_slot_under_the_pointer() {
        let view = fitted().pan(-300.0, EXTENT);
        let under = view.slot(200.0, 800.0);
        for factor in [0.5, 0.9, 1.7] {
            same(view.zoom(factor, 0.25, EXTENT).slot(200.0, 800.0), under);
        }
    }

    #[test]
    fn zooming_out_leaves_no_more_room_for_the_future() {
        let wide = fitted().zoom(10.0, 0.5, EXTENT);
        same(wide.right, fitted().right);
        same(wide.span, 1_000.0);
        let past = fitted().pan(-300.0, EXTENT).zoom(10.0, 0.5, EXTENT);
        same(past.right, EXTENT.newest + 1.0 + EXTENT.ahead);
    }

    #[test]
    fn zoom_ends_at_both_limits() {
        let mut view = fitted();
        for _ in 0..200 {
            view = view.zoom(0.8, 0.5, EXTENT);
        }
        same(view.span, SPAN_MIN);
        for _ in 0..200 {
            view = view.zoom(1.3, 0.5, EXTENT);
        }
        same(view.span, 1_280.0);
    }

    #[test]
    fn candles_never_leave_the_screen() {
        for slots in [-1e9, -5_000.0, 5_000.0, 1e9] {
            let view = fitted().pan(slots, EXTENT);
            assert!(view.left() < EXTENT.newest && view.right > EXTENT.first, "{view:?}");
        }
    }

    #[test]
    fn a_view_follows_only_while_the_newest_candle_is_on_screen() {
        let later = Extent { newest: 2_001.0, ..EXTENT };
        same(fitted().advance(2_000.0, later).right, 2_032.0);
        let past = fitted().pan(-200.0, EXTENT);
        assert!(!past.follows);
        assert_eq!(past.advance(2_000.0, later), past);
        assert!(past.pan(200.0, EXTENT).follows);
    }
}
