//! Where the parts of the candle chart lie.

/// The candle chart's parts, CSS pixels from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Width of the plot; the price axis is to the right of it.
    pub plot_width: f64,
    /// Top and bottom of the prices.
    pub prices: (f64, f64),
    /// Top and bottom of the volume.
    pub volume: (f64, f64),
    /// Height of each pane below the volume.
    pub pane: f64,
    /// How many panes there are.
    pub panes: usize,
    /// Whole width.
    pub width: f64,
    /// Whole height.
    pub height: f64,
}

/// Height of the time axis.
const TIME_AXIS: f64 = 24.0;
/// Free room above the prices.
const HEAD: f64 = 10.0;
/// Share of the plot's height that the volume takes.
const VOLUME_SHARE: f64 = 0.16;
/// Room between prices and volume.
const GAP: f64 = 12.0;
/// Share of the height that a pane takes, and most that all take together.
const PANE_SHARE: f64 = 0.17;
const PANES_SHARE: f64 = 0.4;

impl Layout {
    /// The layout of a chart of this size, with so many panes, whose longest price label is `label_width` wide.
    #[must_use]
    pub fn new(width: f64, height: f64, label_width: f64, panes: usize) -> Self {
        let whole = (height - TIME_AXIS).max(HEAD + GAP);
        // Whatever is chosen, the prices keep more than half of the room.
        let share = PANE_SHARE.min(PANES_SHARE / panes.max(1) as f64);
        let pane = (whole - HEAD) * share;
        let bottom = whole - pane * panes as f64;
        let volume_top = bottom - (bottom - HEAD) * VOLUME_SHARE;
        Self {
            plot_width: (width - label_width - 16.0).max(1.0),
            prices: (HEAD, (volume_top - GAP).max(HEAD + 1.0)),
            volume: (volume_top, bottom),
            pane,
            panes,
            width,
            height,
        }
    }

    /// Top and bottom of a pane, without the gap above it.
    #[must_use]
    pub fn pane(&self, index: usize) -> (f64, f64) {
        let top = self.volume.1 + self.pane * index as f64;
        ((top + GAP).min(top + self.pane), top + self.pane)
    }

    /// The end of what is drawn, where the time axis begins.
    #[must_use]
    pub fn bottom(&self) -> f64 {
        self.volume.1 + self.pane * self.panes as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_in_order_at_every_size() {
        for (size, panes) in [(0.0, 0), (20.0, 1), (300.0, 3), (4_000.0, 2)] {
            let layout = Layout::new(size, size, 60.0, panes);
            assert!(layout.prices.0 < layout.prices.1, "{layout:?}");
            assert!(layout.volume.0 <= layout.volume.1, "{layout:?}");
            assert!(layout.plot_width >= 1.0, "{layout:?}");
            assert!((0..panes).all(|n| layout.pane(n).0 <= layout.pane(n).1), "{layout:?}");
        }
        let usual = Layout::new(800.0, 500.0, 60.0, 3);
        assert!(usual.prices.1 < usual.volume.0 && usual.volume.1 < usual.pane(0).0);
        assert!(
            usual.pane(0).1 < usual.pane(1).0 && usual.pane(2).1 <= usual.bottom() && usual.bottom() < usual.height
        );
        assert!(usual.prices.1 - usual.prices.0 > 200.0, "{usual:?}");
    }
}
