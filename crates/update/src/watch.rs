//! When a program on trial has proven itself.

use core::time::Duration;

/// A program that neither stays well nor stays ill is given up after so many times the time that would prove it.
const PATIENCE: u32 = 6;

/// What is to become of the program on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not known yet.
    Wait,
    /// It was well for long enough.
    Confirm,
    /// It was failing for long enough, or never well for long enough.
    TakeBack,
}

/// Looks at the health of a program on trial. Times are since its start.
#[derive(Clone, Debug)]
pub struct Watch {
    needed: Duration,
    /// Since when it is as it is, and whether that is well.
    since: Option<(Duration, bool)>,
}

impl Watch {
    /// `needed`: how long it has to be well without a break.
    #[must_use]
    pub const fn new(needed: Duration) -> Self {
        Self { needed, since: None }
    }

    /// Is told how it is, as often as one likes; a gap between two calls counts as the first of them.
    pub fn see(&mut self, at: Duration, is_well: bool) -> Verdict {
        let since = match self.since {
            Some((since, was_well)) if was_well == is_well => since,
            _ => at,
        };
        self.since = Some((since, is_well));
        let lasts = at.saturating_sub(since);
        if is_well && lasts >= self.needed {
            Verdict::Confirm
        } else if !is_well && lasts >= self.needed || at >= self.needed * PATIENCE {
            Verdict::TakeBack
        } else {
            Verdict::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict and its second, for a program that is well in the seconds that `is_well` says.
    fn judged(is_well: impl Fn(u64) -> bool) -> (Verdict, u64) {
        let mut watch = Watch::new(Duration::from_secs(300));
        (0..).map(|s| (watch.see(Duration::from_secs(s), is_well(s)), s)).find(|it| it.0 != Verdict::Wait).unwrap()
    }

    #[test]
    fn well_or_ill_for_long_enough_decides_and_so_does_neither() {
        assert_eq!(judged(|_| true), (Verdict::Confirm, 300));
        assert_eq!(judged(|_| false), (Verdict::TakeBack, 300));
        assert_eq!(judged(|s| s > 100), (Verdict::Confirm, 401));
        assert_eq!(judged(|s| s < 100), (Verdict::TakeBack, 400));
        assert_eq!(judged(|s| s / 200 % 2 == 0), (Verdict::TakeBack, 1_800));
    }
}
