//! Which level is shown, and when it is heard.

use core::time::Duration;

use crate::pattern::{chime, pattern, tone};
use crate::{Level, Pattern};

/// How slow the panel is, so that neither eye nor ear is bothered by what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A graver level is shown after it has held for so long.
    pub rise: Duration,
    /// A less grave one after so long.
    pub fall: Duration,
    /// A level is not heard again sooner than this.
    pub cool_down: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self { rise: Duration::from_secs(3), fall: Duration::from_secs(20), cool_down: Duration::from_secs(600) }
    }
}

/// What the pins do at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The light that is on; none while all are dark.
    pub light: Option<wire::LampColour>,
    /// The buzzer's tone, hertz.
    pub tone_hz: Option<u16>,
    /// When it has to be looked at again, at the latest.
    pub until: Option<Duration>,
}

/// The panel: what it was told, what it shows.
#[derive(Clone, Debug)]
pub struct Panel {
    rules: Rules,
    shown: Level,
    since: Duration,
    told: Level,
    /// Since when something else than what is shown was told, always graver or always less grave, and the mildest change of all that.
    change: Option<(Level, Duration)>,
    /// When the chime of the shown level began.
    chiming: Option<Duration>,
    /// When each level was heard last.
    heard: [Option<Duration>; Level::ALL.len()],
    /// The gravest level that somebody has seen and wants to hear no more of.
    acknowledged: Option<Level>,
}

impl Panel {
    /// A panel that begins with a level.
    #[must_use]
    pub fn new(at: Duration, level: Level, rules: Rules) -> Self {
        Self {
            rules,
            shown: level,
            since: at,
            told: level,
            change: None,
            chiming: None,
            heard: [None; Level::ALL.len()],
            acknowledged: None,
        }
    }

    /// The level that is shown.
    #[must_use]
    pub const fn shown(&self) -> Level {
        self.shown
    }

    /// Whether somebody has seen the shown level, so that it is not heard.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged.is_some_and(|seen| self.shown <= seen)
    }

    /// The box is at a level. To be called when it changes, at least.
    pub fn told(&mut self, at: Duration, level: Level) {
        self.told = level;
        self.follow(at);
    }

    /// Somebody has seen it: what is heard ends, and this level and milder ones are not heard until all was well.
    pub fn acknowledge(&mut self) {
        self.chiming = None;
        if self.shown > Level::Healthy {
            self.acknowledged = self.acknowledged.max(Some(self.shown));
        }
    }

    /// What is shown and heard now. In quiet hours nothing is heard, and nothing of it later.
    pub fn look(&mut self, at: Duration, is_quiet: bool) -> Look {
        self.follow(at);
        if is_quiet {
            self.chiming = None;
        }
        let Pattern { colour, .. } = pattern(self.shown);
        let (is_on, rest) = pattern(self.shown).at(at.saturating_sub(self.since));
        let sound = self.chiming.and_then(|began| tone(chime(self.shown), at.saturating_sub(began)));
        if sound.is_none() {
            self.chiming = None;
        }
        let ends = [rest, sound.map(|(_, rest)| rest)].into_iter().flatten().map(|rest| at + rest);
        Look {
            light: is_on.then_some(colour),
            tone_hz: sound.map(|(hz, _)| hz).filter(|hz| *hz > 0),
            until: ends.chain(self.change_at()).min(),
        }
    }

    fn change_at(&self) -> Option<Duration> {
        let (level, since) = self.change?;
        Some(since + if level > self.shown { self.rules.rise } else { self.rules.fall })
    }

    fn follow(&mut self, at: Duration) {
        let graver = self.told > self.shown;
        self.change = match self.change {
            _ if self.told == self.shown => None,
            // The same way as before: the change that all of it amounts to.
            Some((level, since)) if (level > self.shown) == graver => {
                Some((if graver { level.min(self.told) } else { level.max(self.told) }, since))
            }
            _ => Some((self.told, at)),
        };
        if let (Some((level, _)), Some(due)) = (self.change, self.change_at())
            && due <= at
        {
            self.show(at, level);
            // What is told now may go further the same way.
            self.change = (self.told != self.shown).then_some((self.told, at));
        }
    }

    fn show(&mut self, at: Duration, level: Level) {
        let is_graver = level > self.shown;
        (self.shown, self.since, self.chiming) = (level, at, None);
        if level == Level::Healthy {
            self.acknowledged = None;
        }
        let heard = &mut self.heard[level as usize];
        let is_cool = heard.is_none_or(|heard| at.saturating_sub(heard) >= self.rules.cool_down);
        if is_graver && is_cool && !chime(level).is_empty() && self.acknowledged.is_none_or(|seen| level > seen) {
            *heard = Some(at);
            self.chiming = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wire::LampColour;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn panel() -> Panel {
        Panel::new(s(0), Level::Healthy, Rules::default())
    }

    #[test]
    fn what_passes_is_not_shown() {
        let mut panel = panel();
        panel.told(s(10), Level::NoMarket);
        assert_eq!(panel.look(s(12), false).until, Some(s(13)));
        panel.told(s(12), Level::Healthy);
        panel.look(s(100), false);
        assert_eq!(panel.shown(), Level::Healthy);
    }

    #[test]
    fn of_a_level_that_wavers_the_mildest_change_is_shown() {
        let mut panel = panel();
        for at in 10..14 {
            panel.told(s(at), if at % 2 == 0 { Level::NoMarket } else { Level::Unproven });
        }
        assert_eq!(panel.shown(), Level::Unproven);
        // It goes on wavering between both: three more seconds of at least the graver one never come.
        for at in 14..60 {
            panel.told(s(at), if at % 2 == 0 { Level::NoMarket } else { Level::Unproven });
        }
        assert_eq!(panel.shown(), Level::Unproven);
        panel.told(s(60), Level::Healthy);
        panel.look(s(79), false);
        assert_eq!(panel.shown(), Level::Unproven);
        panel.look(s(80), false);
        assert_eq!(panel.shown(), Level::Healthy);
    }

    #[test]
    fn a_grave_level_is_heard_once_and_again_after_a_while() {
        let mut panel = panel();
        let heard_at = |panel: &mut Panel, at: u64| {
            panel.told(s(at), Level::Breaker);
            panel.look(s(at + 3), false);
            let heard = panel.look(s(at + 3), false).tone_hz;
            assert_eq!(panel.look(s(at + 6), false).tone_hz, None, "it ends");
            panel.told(s(at + 6), Level::Healthy);
            panel.look(s(at + 30), false);
            heard
        };
        assert_eq!(heard_at(&mut panel, 0), Some(1_000));
        assert_eq!(heard_at(&mut panel, 100), None, "too soon");
        assert_eq!(heard_at(&mut panel, 700), Some(1_000));
    }

    #[test]
    fn nothing_is_heard_in_quiet_hours_nor_afterwards() {
        let mut panel = panel();
        panel.told(s(0), Level::NoMarket);
        let look = panel.look(s(3), true);
        assert_eq!((look.light, look.tone_hz), (Some(LampColour::Red), None));
        assert_eq!(panel.look(s(3), false).tone_hz, None);
    }

    #[test]
    fn what_was_seen_is_heard_again_only_when_it_gets_worse() {
        let rules = Rules { cool_down: s(0), ..Rules::default() };
        let mut panel = Panel::new(s(0), Level::Healthy, rules);
        panel.told(s(0), Level::NoMarket);
        assert_eq!(panel.look(s(3), false).tone_hz, Some(660));
        panel.acknowledge();
        assert!(panel.is_acknowledged());
        assert_eq!(panel.look(s(3), false).tone_hz, None);
        panel.told(s(4), Level::Unproven);
        panel.look(s(24), false);
        panel.told(s(25), Level::NoMarket);
        assert_eq!((panel.look(s(28), false).tone_hz, panel.shown()), (None, Level::NoMarket));
        panel.told(s(29), Level::Breaker);
        assert_eq!(panel.look(s(32), false).tone_hz, Some(1_000));
        panel.told(s(40), Level::Healthy);
        panel.look(s(60), false);
        panel.told(s(61), Level::NoMarket);
        assert_eq!(panel.look(s(64), false).tone_hz, Some(660), "all was well in between");
    }

    proptest! {
        /// Whatever is told and however often it is looked at: it shows what was told for long enough, and says when to look again.
        #[test]
        fn it_arrives_where_it_is_told_to_be(told in proptest::collection::vec((0_usize..7, 0_u64..30_000), 1..40)) {
            let mut panel = panel();
            let mut at = Duration::ZERO;
            for (level, ms) in told {
                panel.told(at, Level::ALL[level]);
                let end = at + Duration::from_millis(ms);
                let mut looks = 0;
                while at < end {
                    let until = panel.look(at, false).until.unwrap_or(end);
                    prop_assert!(until > at, "a look that is over at once");
                    looks += 1;
                    prop_assert!(looks < 1_000);
                    at = until.min(end);
                }
            }
            let last = panel.told;
            // One step up, one step down, and one more each.
            for _ in 0..400 {
                at += s(1);
                panel.look(at, false);
            }
            prop_assert_eq!(panel.shown(), last);
            prop_assert_eq!(panel.change, None);
        }
    }
}
