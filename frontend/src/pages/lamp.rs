//! What the lamp on the box would show: one level for the whole of it.

use wire::{BookState, Overview};

use super::Said;
use crate::sentence::Tone;

/// The levels. Of several that hold the gravest is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lamp {
    /// Everything runs.
    Healthy,
    /// New orders are switched off.
    Paused,
    /// A connection or a book does not hold.
    Unproven,
    /// Something needs the user.
    NeedsYou,
    /// No book of any exchange holds.
    NoMarket,
    /// A breaker stopped trading.
    Breaker,
}

/// The level that the overview tells.
#[must_use]
pub fn lamp(overview: &Overview) -> Lamp {
    let is_behind = |state| matches!(state, BookState::Resyncing | BookState::Silent);
    let account = &overview.account;
    let mut feeds = overview.feeds.iter();
    let holds = |feed: &wire::FeedBadge| feed.connected && feed.books_live > 0;
    match () {
        () if account.breaker_open => Lamp::Breaker,
        () if !feeds.clone().any(holds) => Lamp::NoMarket,
        () if feeds.any(|feed| !feed.connected || feed.books_live < feed.books || is_behind(feed.state)) => {
            Lamp::Unproven
        }
        () if !overview.healthy => Lamp::NeedsYou,
        () if !account.trading => Lamp::Paused,
        () => Lamp::Healthy,
    }
}

impl Lamp {
    /// The level in words.
    #[must_use]
    pub fn word(self) -> Said {
        let (word, tone) = match self {
            Self::Healthy => ("Healthy", Tone::Good),
            Self::Paused => ("Trading paused", Tone::Open),
            Self::Unproven => ("Unproven feed", Tone::Warning),
            Self::NeedsYou => ("Needs you", Tone::Warning),
            Self::NoMarket => ("No market", Tone::Bad),
            Self::Breaker => ("Breaker open", Tone::Bad),
        };
        Said::toned(word, tone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::home::well;
    use super::*;

    #[track_caller]
    fn check(change: impl Fn(&mut Overview), expected: Lamp) {
        let (mut told, _) = well();
        change(&mut told);
        assert_eq!(lamp(&told), expected);
    }

    #[test]
    fn the_gravest_level_is_shown() {
        check(|_| {}, Lamp::Healthy);
        check(|it| it.account.trading = false, Lamp::Paused);
        let unhealthy = |it: &mut Overview| {
            it.account.trading = false;
            it.healthy = false;
        };
        check(unhealthy, Lamp::NeedsYou);
        let resyncing = |it: &mut Overview| {
            unhealthy(it);
            it.feeds[0].books_live = 1;
        };
        check(resyncing, Lamp::Unproven);
        let silent = |it: &mut Overview| {
            resyncing(it);
            it.feeds[0].connected = false;
        };
        check(silent, Lamp::NoMarket);
        check(
            |it| {
                silent(it);
                it.account.breaker_open = true;
            },
            Lamp::Breaker,
        );
    }

    #[test]
    fn one_exchange_that_is_silent_is_not_the_whole_market() {
        check(
            |it| {
                let silent = wire::FeedBadge { connected: false, books_live: 0, ..it.feeds[0].clone() };
                it.feeds.push(silent);
            },
            Lamp::Unproven,
        );
        check(|it| it.feeds.clear(), Lamp::NoMarket);
    }

    #[test]
    fn only_a_healthy_box_is_green() {
        let all = [Lamp::Paused, Lamp::Unproven, Lamp::NeedsYou, Lamp::NoMarket, Lamp::Breaker];
        assert!(all.iter().all(|lamp| lamp.word().tone != Tone::Good && !lamp.word().text.is_empty()));
        assert_eq!(Lamp::Healthy.word(), Said::toned("Healthy", Tone::Good));
    }
}
