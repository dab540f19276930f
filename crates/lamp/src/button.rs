//! A contact that bounces, as presses.

use core::time::Duration;

/// A contact that changes back within this time bounces.
const BOUNCE: Duration = Duration::from_millis(30);
/// Who holds the button for so long means more than a press.
const LONG: Duration = Duration::from_secs(5);

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Pressed and let go.
    Short,
    /// Held for five seconds; told while it is still held.
    Long,
}

/// The button.
#[derive(Clone, Copy, Debug, Default)]
pub struct Button {
    is_down: bool,
    /// Since when the contact is the other way.
    changing: Option<Duration>,
    /// When the button went down; nothing once a long press was told.
    down_at: Option<Duration>,
}

impl Button {
    /// The contact as it is now. To be called often, at least every 20 ms while somebody may press.
    pub fn sampled(&mut self, at: Duration, is_down: bool) -> Option<Press> {
        if is_down == self.is_down {
            self.changing = None;
        } else {
            let since = *self.changing.get_or_insert(at);
            if at.saturating_sub(since) >= BOUNCE {
                (self.is_down, self.changing) = (is_down, None);
                if is_down {
                    self.down_at = Some(since);
                } else {
                    return self.down_at.take().map(|_| Press::Short);
                }
            }
        }
        if self.is_down && self.down_at.is_some_and(|down| at.saturating_sub(down) >= LONG) {
            self.down_at = None;
            return Some(Press::Long);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches of the contact in milliseconds, up and down in turn, sampled every 10 ms.
    #[track_caller]
    fn check(stretches_ms: &[u64], expected: &[Press]) {
        let mut button = Button::default();
        let mut heard = Vec::new();
        let mut at = 0;
        for (place, ms) in stretches_ms.iter().enumerate() {
            for _ in 0..ms / 10 {
                heard.extend(button.sampled(Duration::from_millis(at), place % 2 == 1));
                at += 10;
            }
        }
        assert_eq!(heard, expected);
    }

    #[test]
    fn presses_are_told_once() {
        check(&[100, 200, 100], &[Press::Short]);
        check(&[100, 200, 100, 200, 100], &[Press::Short, Press::Short]);
        check(&[100, 4_900, 100], &[Press::Short]);
        check(&[100, 9_000, 1_000], &[Press::Long]);
        check(&[100, 9_000, 1_000, 300, 100], &[Press::Long, Press::Short]);
    }

    #[test]
    fn a_contact_that_bounces_is_one_press() {
        check(&[100, 10, 10, 20, 10, 200, 20, 10, 10, 20, 200], &[Press::Short]);
        check(&[100, 20, 300, 10, 50, 20, 1_000], &[]);
        check(&[100, 3_000, 10, 3_000, 100], &[Press::Long]);
    }
}
