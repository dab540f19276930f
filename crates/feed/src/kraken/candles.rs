//! When a Kraken candle is final (protocol section 4.2).
//!
//! The venue has no closed flag. A candle is final when one with a later start arrives, or some seconds after its end
//! by the venue's time, if the connection stood all the while. Minutes without trades are not sent.

use std::time::Duration;

use types::time::NS_PER_MIN;
use types::{Candle, Timestamp};

/// The running candle of one symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Candles {
    running: Option<Candle>,
    final_at: Option<Timestamp>,
}

impl Candles {
    /// Takes a row; gives the candle that it closes.
    pub(crate) fn row(&mut self, candle: Candle) -> Option<Candle> {
        if self.final_at.is_some_and(|done| candle.open_time <= done) {
            return None;
        }
        match self.running {
            // A row that was overtaken by a newer one of its minute knows less.
            Some(running) if (candle.open_time, candle.trades) < (running.open_time, running.trades) => None,
            Some(running) if candle.open_time > running.open_time => {
                self.running = Some(candle);
                self.final_at = Some(running.open_time);
                Some(running)
            }
            _ => {
                self.running = Some(candle);
                None
            }
        }
    }

    /// When, by the venue's time, the running candle is final if nothing else comes.
    pub(crate) fn closes_at(&self, grace: Duration) -> Option<Timestamp> {
        self.running.map(|running| running.open_time.plus(Duration::from_nanos(NS_PER_MIN as u64)).plus(grace))
    }

    /// Gives the running candle if it is final when everything up to the venue's time `told_to` has been received.
    pub(crate) fn close(&mut self, told_to: Timestamp, grace: Duration) -> Option<Candle> {
        if self.closes_at(grace).is_none_or(|closes_at| told_to < closes_at) {
            return None;
        }
        let running = self.running.take()?;
        self.final_at = Some(running.open_time);
        Some(running)
    }

    /// The connection broke: what the running candle missed is not known. The next connection starts with a snapshot.
    pub(crate) fn disconnected(&mut self) {
        self.running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Price, Qty};

    fn candle(minute: i64, close: i64) -> Candle {
        let mut candle = Candle::flat(Timestamp::from_secs(minute * 60), Price::new(close).expect("positive"));
        candle.volume = Qty(1);
        candle.trades = 1;
        candle
    }

    const GRACE: Duration = Duration::from_secs(3);

    #[test]
    fn a_later_start_or_the_grace_makes_a_candle_final_once() {
        let mut candles = Candles::default();
        assert_eq!(candles.row(candle(1, 5)), None);
        assert_eq!(candles.row(candle(1, 6)), None);
        assert_eq!(candles.row(candle(3, 7)), Some(candle(1, 6)), "minute 2 had no trades");
        assert_eq!(candles.row(candle(1, 9)), None, "too late");
        assert_eq!(candles.close(Timestamp::from_secs(4 * 60 + 2), GRACE), None);
        assert_eq!(candles.close(Timestamp::from_secs(4 * 60 + 3), GRACE), Some(candle(3, 7)));
        assert_eq!(candles.row(candle(3, 8)), None, "final is final");
        assert_eq!(candles.closes_at(GRACE), None);
    }

    #[test]
    fn a_row_that_comes_after_a_newer_one_of_its_minute_is_not_used() {
        let with_trades = |trades, close| Candle { trades, ..candle(1, close) };
        let mut candles = Candles::default();
        for row in [with_trades(3, 7), with_trades(2, 6), with_trades(3, 8)] {
            assert_eq!(candles.row(row), None);
        }
        assert_eq!(candles.row(candle(2, 9)), Some(with_trades(3, 8)));
    }

    #[test]
    fn a_broken_connection_forgets_the_running_candle() {
        let mut candles = Candles::default();
        candles.row(candle(1, 5));
        candles.disconnected();
        assert_eq!(candles.close(Timestamp::from_secs(600), GRACE), None);
        assert_eq!(candles.row(candle(1, 6)), None);
        assert_eq!(candles.row(candle(2, 7)), Some(candle(1, 6)), "the snapshot told the whole minute");
    }
}
