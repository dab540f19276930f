//! The light and the sound of each level.

use core::time::Duration;

use crate::Level;

/// How a level is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The light of several that is used.
    pub colour: wire::LampColour,
    /// On, off, on, off and so on, milliseconds, again and again; nothing for a light that stays on.
    pub steps_ms: &'static [u16],
}

/// The rhythms differ by how often the light blinks before it pauses: what a person counts without a colour.
#[must_use]
pub const fn pattern(level: Level) -> Pattern {
    use wire::LampColour::{Amber, Green, Red};
    let (colour, steps_ms): (_, &[u16]) = match level {
        Level::Healthy => (Green, &[]),
        Level::Updating => (Green, &[1_000, 1_000]),
        Level::Paused => (Amber, &[2_700, 300]),
        Level::Unproven => (Amber, &[300, 2_700]),
        Level::NeedsYou => (Amber, &[300, 300, 300, 2_100]),
        Level::NoMarket => (Red, &[300, 300, 300, 300, 300, 1_500]),
        Level::Breaker => (Red, &[150, 150]),
    };
    Pattern { colour, steps_ms }
}

impl Pattern {
    /// Whether the light is on so long after the level began, and how long it stays as it is; none where that is for good.
    #[must_use]
    pub fn at(&self, since: Duration) -> (bool, Option<Duration>) {
        let length: u64 = self.steps_ms.iter().map(|ms| u64::from(*ms)).sum();
        if length == 0 {
            return (true, None);
        }
        let within = Duration::from_nanos((since.as_nanos() % (u128::from(length) * 1_000_000)) as u64);
        let mut end = Duration::ZERO;
        for (place, ms) in self.steps_ms.iter().enumerate() {
            end += Duration::from_millis((*ms).into());
            if within < end {
                return (place % 2 == 0, Some(end - within));
            }
        }
        (false, None)
    }
}

/// Tones one after the other: hertz (0 for none) and milliseconds.
pub type Chime = &'static [(u16, u16)];

/// What the buzzer says when a level begins; nothing for one that needs nobody.
#[must_use]
pub const fn chime(level: Level) -> Chime {
    match level {
        Level::Healthy | Level::Updating | Level::Paused | Level::Unproven => &[],
        Level::NeedsYou => &[(880, 120)],
        Level::NoMarket => &[(660, 150), (0, 100), (660, 150)],
        Level::Breaker => &[(1_000, 250), (0, 120), (1_000, 250), (0, 120), (1_320, 400)],
    }
}

/// The tone so long after a chime began, and how long it lasts; none when it is over.
pub(crate) fn tone(chime: Chime, since: Duration) -> Option<(u16, Duration)> {
    let mut end = Duration::ZERO;
    for &(hz, ms) in chime {
        end += Duration::from_millis(ms.into());
        if since < end {
            return Some((hz, end - since));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_rhythm_of_its_own() {
        for one in Level::ALL {
            for other in Level::ALL {
                assert!(one == other || pattern(one).steps_ms != pattern(other).steps_ms, "{one:?} as {other:?}");
            }
            let steps = pattern(one).steps_ms;
            assert!(steps.len().is_multiple_of(2) && steps.iter().all(|ms| *ms >= 100), "{one:?}: {steps:?}");
        }
    }

    #[test]
    fn the_light_follows_its_steps_and_begins_again() {
        let told = |level, ms| pattern(level).at(Duration::from_millis(ms));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(told(Level::Healthy, 12_345), (true, None));
        assert_eq!(told(Level::NeedsYou, 0), (true, ms(300)));
        assert_eq!(told(Level::NeedsYou, 299), (true, ms(1)));
        assert_eq!(told(Level::NeedsYou, 300), (false, ms(300)));
        assert_eq!(told(Level::NeedsYou, 600), (true, ms(300)));
        assert_eq!(told(Level::NeedsYou, 900), (false, ms(2_100)));
        assert_eq!(told(Level::NeedsYou, 3_000), (true, ms(300)));
        assert_eq!(told(Level::NeedsYou, 3_000 * 1_000_000_000 + 900), (false, ms(2_100)), "a century later");
    }

    #[test]
    fn only_who_needs_somebody_is_heard() {
        let heard: Vec<Level> = Level::ALL.into_iter().filter(|level| !chime(*level).is_empty()).collect();
        assert_eq!(heard, [Level::NeedsYou, Level::NoMarket, Level::Breaker]);
        assert_eq!(tone(chime(Level::NoMarket), Duration::from_millis(170)), Some((0, Duration::from_millis(80))));
        assert_eq!(tone(chime(Level::NoMarket), Duration::from_millis(400)), None);
    }
}
