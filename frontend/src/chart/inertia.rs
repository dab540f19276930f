//! A dragged chart runs on a little when it is let go.

/// Time in which the speed falls to 1/e, milliseconds.
const DECAY_MS: f64 = 325.0;
/// Below this speed it stands still, pixels per millisecond.
const STILL: f64 = 0.02;
/// Movements older than this do not count for the speed, milliseconds.
const MEMORY_MS: f64 = 90.0;
/// Most movements remembered.
const SAMPLES_MAX: usize = 8;

/// Remembers the last movements of a drag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drag {
    samples: Vec<(f64, f64)>,
}

impl Drag {
    /// Notes where the pointer is, pixels, at a time in milliseconds.
    pub fn note(&mut self, at_ms: f64, x: f64) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.remove(0);
        }
        self.samples.push((at_ms, x));
    }

    /// The speed at release, pixels per millisecond; zero when the pointer rested before.
    #[must_use]
    pub fn speed(&self, now_ms: f64) -> f64 {
        let mut recent = self.samples.iter().filter(|(at, _)| now_ms - at <= MEMORY_MS);
        match (recent.next(), self.samples.last()) {
            (Some((from, x0)), Some((to, x1))) if to > from => (x1 - x0) / (to - from),
            _ => 0.0,
        }
    }
}

/// A chart that runs on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glide {
    speed: f64,
}

impl Glide {
    /// A glide from `speed`, pixels per millisecond; `None` when that is too slow to be seen.
    #[must_use]
    pub fn new(speed: f64) -> Option<Self> {
        (speed.is_finite() && speed.abs() > STILL).then_some(Self { speed })
    }

    /// The way over the next `step_ms`, pixels, and the glide after it; `None` when it stands still.
    #[must_use]
    pub fn step(self, step_ms: f64) -> (f64, Option<Self>) {
        let kept = (-step_ms / DECAY_MS).exp();
        (self.speed * DECAY_MS * (1.0 - kept), Self::new(self.speed * kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flick_runs_on_and_comes_to_rest() {
        let (mut way, mut steps, mut glide) = (0.0, 0, Glide::new(1.0));
        while let Some(now) = glide {
            let (step, next) = now.step(16.0);
            (way, steps, glide) = (way + step, steps + 1, next);
            assert!(steps < 200, "does not come to rest");
        }
        assert!((310.0..325.0).contains(&way), "{way}");
    }

    #[test]
    fn the_way_does_not_depend_on_the_frame_rate() {
        let whole = Glide { speed: -2.0 }.step(64.0).0;
        let (first, rest) = Glide { speed: -2.0 }.step(32.0);
        let halves = first + rest.expect("still fast").step(32.0).0;
        assert!((whole - halves).abs() < 1e-9);
    }

    #[test]
    fn a_pointer_that_rested_leaves_no_speed() {
        let mut drag = Drag::default();
        assert!(drag.speed(0.0).abs() < 1e-12);
        for step in 0..20 {
            drag.note(f64::from(step) * 10.0, f64::from(step) * 5.0);
        }
        assert!((drag.speed(190.0) - 0.5).abs() < 1e-12);
        assert!(drag.speed(400.0).abs() < 1e-12);
        assert_eq!(Glide::new(0.0), None);
        assert_eq!(Glide::new(f64::NAN), None);
    }
}
