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

impl Layout {
    /// The layout of a chart of this size whose longest price label is `label_width` wide.
    #[must_use]
    pub fn new(width: f64, height: f64, label_width: f64) -> Self {
        let bottom = (height - TIME_AXIS).max(HEAD + GAP);
        let volume_top = bottom - (bottom - HEAD) * VOLUME_SHARE;
        Self {
            plot_width: (width - label_width - 16.0).max(1.0),
            prices: (HEAD, (volume_top - GAP).max(HEAD + 1.0)),
            volume: (volume_top, bottom),
            width,
            height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_in_order_at_every_size() {
        for size in [0.0, 20.0, 300.0, 4_000.0] {
            let layout = Layout::new(size, size, 60.0);
            assert!(layout.prices.0 < layout.prices.1, "{layout:?}");
            assert!(layout.volume.0 <= layout.volume.1, "{layout:?}");
            assert!(layout.plot_width >= 1.0, "{layout:?}");
        }
        let usual = Layout::new(800.0, 500.0, 60.0);
        assert!(usual.prices.1 < usual.volume.0 && usual.volume.1 < usual.height);
    }
}
