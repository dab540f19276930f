//! Whether all trades of a minute were told.

use std::collections::VecDeque;
use std::time::Duration;

use types::time::NS_PER_MIN;
use types::{Candle, Timestamp, Trade};

/// Minutes that are counted at once: late trades and repaired ones belong to past ones.
const MINUTES_MAX: usize = 4;
/// The last trades of a minute may come after its candle.
const GRACE: Duration = Duration::from_secs(2);
/// Minutes in a row for which the venue counted more trades than it has: then its count is not believed any more.
const FALSE_ALARMS_MAX: u32 = 3;

/// Counts the trades of each minute and compares with the venue's closed candle, which says how many there were. A trade
/// that is missing before others shows in their numbers; this shows that the last ones are missing, as when a channel is
/// dead while others are heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct TradeTally {
    /// Start and count, oldest first.
    minutes: VecDeque<(Timestamp, u32)>,
    /// Venue time of the first trade on this connection: earlier minutes were not heard whole.
    first_at: Option<Timestamp>,
    /// A closed minute with too few trades.
    short: Option<Short>,
    false_alarms: u32,
}

#[derive(Clone, Copy, Debug)]
struct Short {
    minute: Timestamp,
    trades: u32,
    check_at: Timestamp,
}

impl TradeTally {
    /// A trade was given out.
    pub(crate) fn count(&mut self, trade: &Trade) {
        self.first_at.get_or_insert(trade.venue_at);
        let minute = trade.venue_at.floor_to(NS_PER_MIN);
        match self.minutes.iter_mut().find(|(start, _)| *start == minute) {
            Some((_, count)) => *count = count.saturating_add(trade.fills),
            None => {
                if self.minutes.len() == MINUTES_MAX {
                    self.minutes.pop_front();
                }
                self.minutes.push_back((minute, trade.fills));
            }
        }
    }

    /// The venue closed a minute.
    pub(crate) fn closed(&mut self, at: Timestamp, candle: &Candle) {
        let was_heard_whole = self.first_at.is_some_and(|first| first < candle.open_time);
        if was_heard_whole && self.false_alarms < FALSE_ALARMS_MAX && self.of(candle.open_time) < candle.trades {
            self.short = Some(Short { minute: candle.open_time, trades: candle.trades, check_at: at.plus(GRACE) });
        }
    }

    fn of(&self, minute: Timestamp) -> u32 {
        self.minutes.iter().find(|(start, _)| *start == minute).map_or(0, |(_, count)| *count)
    }

    /// When [`TradeTally::is_short`] has something to say.
    pub(crate) fn check_at(&self) -> Option<Timestamp> {
        self.short.map(|short| short.check_at)
    }

    /// The venue told fewer trades of a minute than it counts; said once.
    pub(crate) fn is_short(&mut self, at: Timestamp) -> bool {
        let Some(short) = self.short.take_if(|short| short.check_at <= at) else { return false };
        let is_short = self.of(short.minute) < short.trades;
        self.false_alarms += u32::from(is_short);
        is_short
    }

    /// Asking brought trades that were missing: the venue's count was right.
    pub(crate) fn was_right(&mut self) {
        self.false_alarms = 0;
    }

    /// The connection is gone.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use types::market::Aggressor;
    use types::{InstrumentId, Price, Qty};

    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn trade(at: i64, fills: u32) -> Trade {
        Trade {
            instrument: InstrumentId(0),
            id: 0,
            price: Price::new(1).expect("positive"),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            fills,
            venue_at: s(at),
        }
    }

    fn candle(minute: i64, trades: u32) -> Candle {
        Candle { trades, ..Candle::flat(s(minute * 60), Price::new(1).expect("positive")) }
    }

    #[test]
    fn a_minute_with_fewer_trades_than_the_venue_counts_is_short_after_a_grace() {
        let mut tally = TradeTally::default();
        tally.count(&trade(70, 1));
        tally.closed(s(120), &candle(1, 9));
        assert_eq!(tally.check_at(), None, "the first minute was not heard whole");
        tally.count(&trade(130, 2));
        tally.closed(s(180), &candle(2, 3));
        assert_eq!(tally.check_at(), Some(s(182)));
        assert!(!tally.is_short(s(181)) && tally.is_short(s(182)) && !tally.is_short(s(183)), "said once");
        tally.closed(s(240), &candle(3, 1));
        tally.count(&trade(239, 1));
        assert!(!tally.is_short(s(242)), "it came late");
        tally.closed(s(300), &candle(4, 0));
        assert_eq!(tally.check_at(), None);
    }

    #[test]
    fn a_venue_that_counts_more_than_it_has_is_not_believed_for_ever() {
        let mut tally = TradeTally::default();
        tally.count(&trade(0, 1));
        let mut alarms = 0;
        for minute in 1..20 {
            tally.closed(s(minute * 60 + 60), &candle(minute, 5));
            alarms += u32::from(tally.is_short(s(minute * 60 + 62)));
            if minute == 2 {
                tally.was_right();
            }
        }
        assert_eq!(alarms, 2 + FALSE_ALARMS_MAX);
        tally.reset();
        assert!(tally.minutes.is_empty());
    }
}
