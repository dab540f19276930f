//! How often a venue's own summary is given out.

use std::time::Duration;

use types::{Input, Ticker, Timestamp};

use crate::io::FeedOutput;

/// Least time between two summaries that are given out.
const EVERY: Duration = Duration::from_secs(1);

/// Gives out the newest summary, but not every one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TickerPace {
    shown_at: Option<Timestamp>,
    waiting: Option<Ticker>,
}

impl TickerPace {
    pub(crate) fn ticker(&mut self, ticker: Ticker) {
        self.waiting = Some(ticker);
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.waiting.as_ref().map(|_| self.shown_at.map_or(Timestamp::EPOCH, |shown| shown.plus(EVERY)))
    }

    pub(crate) fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.deadline().is_some_and(|due| due <= at) {
            self.shown_at = Some(at);
            out.extend(self.waiting.take().map(|ticker| FeedOutput::Event(Input::Ticker(ticker))));
        }
    }
}

#[cfg(test)]
mod tests {
    use types::{InstrumentId, Price};

    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn of_many_summaries_one_a_second_is_given_out_and_the_last_one_too() {
        let summary = |last| Ticker {
            instrument: InstrumentId(0),
            last: Price::new(last),
            bid: None,
            ask: None,
            volume_24h: None,
            venue_at: None,
        };
        let mut pace = TickerPace::default();
        let mut out = Vec::new();
        for (at, last) in [(5_000, 1), (5_300, 2), (5_900, 3)] {
            pace.ticker(summary(last));
            pace.poll(ms(at), &mut out);
        }
        assert_eq!(pace.deadline(), Some(ms(6_000)));
        pace.poll(ms(6_000), &mut out);
        assert_eq!(pace.deadline(), None);
        let shown: Vec<_> = [1, 3].map(|last| FeedOutput::Event(Input::Ticker(summary(last)))).into();
        assert_eq!(out, shown);
    }
}
