//! Whether all trades of a minute were told.

use std::collections::VecDeque;
use std::time::Duration;

use types::time::NS_PER_MIN;
use types::{Candle, Qty, Timestamp, Trade};

use super::Numbering;

/// Minutes that are counted at once: late trades and repaired ones belong to past ones.
const MINUTES_MAX: usize = 4;
/// The last trades of a minute may come after its candle.
const GRACE: Duration = Duration::from_secs(2);
/// Minutes in a row for which the venue counted more trades than it has: then its count is not believed any more.
const FALSE_ALARMS_MAX: u32 = 3;

/// Adds up the trades of each minute and compares with the venue's closed candle, which says how many there were, or at
/// least how much was traded. A trade that is missing before others shows in their numbers, where they are dense; this
/// shows that the last ones are missing, as when a channel is dead while others are heard, or any where they are not.
#[derive(Clone, Debug, Default)]
pub(crate) struct TradeTally {
    /// Oldest first.
    minutes: VecDeque<Told>,
    /// Venue time of the first trade on this connection: earlier minutes were not heard whole.
    first_at: Option<Timestamp>,
    /// A closed minute with too few trades.
    short: Option<Short>,
    false_alarms: u32,
}

/// What was told of a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    start: Timestamp,
    trades: u32,
    volume: Qty,
}

#[derive(Clone, Copy, Debug)]
struct Short {
    minute: Timestamp,
    measure: Measure,
    check_at: Timestamp,
}

/// What the venue says of a minute.
#[derive(Clone, Copy, Debug)]
enum Measure {
    Trades(u32),
    Volume(Qty),
}

/// What a closed minute turned out to lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// All or the last of its trades: their channel is dead.
    Channel,
    /// Something, or the candle does.
    Unknown,
}

impl TradeTally {
    /// A trade was given out.
    pub(crate) fn count(&mut self, trade: &Trade) {
        self.first_at.get_or_insert(trade.venue_at);
        let minute = trade.venue_at.floor_to(NS_PER_MIN);
        if !self.minutes.iter().any(|told| told.start == minute) {
            if self.minutes.len() == MINUTES_MAX {
                self.minutes.pop_front();
            }
            self.minutes.push_back(Told { start: minute, ..Told::default() });
        }
        for told in self.minutes.iter_mut().filter(|told| told.start == minute) {
            told.trades = told.trades.saturating_add(trade.fills);
            told.volume = told.volume.saturating_add(trade.qty);
        }
    }

    /// The venue closed a minute. `numbering`: where trades are numbered one by one, it counts them too.
    pub(crate) fn closed(&mut self, at: Timestamp, candle: &Candle, numbering: Numbering) {
        let was_heard_whole = self.first_at.is_some_and(|first| first < candle.open_time);
        let measure = match numbering {
            Numbering::Dense => Measure::Trades(candle.trades),
            Numbering::Sparse => Measure::Volume(candle.volume),
        };
        if was_heard_whole && self.false_alarms < FALSE_ALARMS_MAX && self.lack(candle.open_time, measure).is_some() {
            self.short = Some(Short { minute: candle.open_time, measure, check_at: at.plus(GRACE) });
        }
    }

    fn lack(&self, minute: Timestamp, measure: Measure) -> Option<Lack> {
        let told = self.minutes.iter().find(|told| told.start == minute).copied().unwrap_or_default();
        match measure {
            Measure::Trades(trades) => (told.trades < trades).then_some(Lack::Channel),
            Measure::Volume(volume) if volume == told.volume => None,
            Measure::Volume(_) => Some(if told.trades == 0 { Lack::Channel } else { Lack::Unknown }),
        }
    }

    /// When [`TradeTally::check`] has something to say.
    pub(crate) fn check_at(&self) -> Option<Timestamp> {
        self.short.map(|short| short.check_at)
    }

    /// The venue told other trades of a minute than it counts; said once.
    pub(crate) fn check(&mut self, at: Timestamp) -> Option<Lack> {
        let short = self.short.take_if(|short| short.check_at <= at)?;
        let lack = self.lack(short.minute, short.measure);
        self.false_alarms += u32::from(lack.is_some());
        lack
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
        tally.closed(s(120), &candle(1, 9), Numbering::Dense);
        assert_eq!(tally.check_at(), None, "the first minute was not heard whole");
        tally.count(&trade(130, 2));
        tally.closed(s(180), &candle(2, 3), Numbering::Dense);
        assert_eq!(tally.check_at(), Some(s(182)));
        assert_eq!([181, 182, 183].map(|at| tally.check(s(at))), [None, Some(Lack::Channel), None], "said once");
        tally.closed(s(240), &candle(3, 1), Numbering::Dense);
        tally.count(&trade(239, 1));
        assert_eq!(tally.check(s(242)), None, "it came late");
        tally.closed(s(300), &candle(4, 0), Numbering::Dense);
        assert_eq!(tally.check_at(), None);
    }

    #[test]
    fn where_trades_are_not_counted_their_volume_is() {
        let mut tally = TradeTally::default();
        let candle = |minute, volume| Candle { volume: Qty(volume), ..candle(minute, 1) };
        tally.count(&trade(0, 1));
        for at in [61, 62, 63] {
            tally.count(&trade(at, 1));
        }
        tally.closed(s(120), &candle(1, 3), Numbering::Sparse);
        assert_eq!(tally.check_at(), None);
        tally.closed(s(120), &candle(1, 4), Numbering::Sparse);
        assert_eq!(tally.check(s(122)), Some(Lack::Unknown));
        tally.closed(s(180), &candle(2, 4), Numbering::Sparse);
        assert_eq!(tally.check(s(182)), Some(Lack::Channel), "nothing was told");
    }

    #[test]
    fn a_venue_that_counts_more_than_it_has_is_not_believed_for_ever() {
        let mut tally = TradeTally::default();
        tally.count(&trade(0, 1));
        let mut alarms = 0;
        for minute in 1..20 {
            tally.closed(s(minute * 60 + 60), &candle(minute, 5), Numbering::Dense);
            alarms += u32::from(tally.check(s(minute * 60 + 62)).is_some());
            if minute == 2 {
                tally.was_right();
            }
        }
        assert_eq!(alarms, 2 + FALSE_ALARMS_MAX);
        tally.reset();
        assert!(tally.minutes.is_empty());
    }
}
