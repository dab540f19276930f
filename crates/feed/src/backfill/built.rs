//! Candles out of a venue's trades, page by page.

use types::{Candle, Timeframe, Timestamp, Trade};

use super::Span;

/// Builds the candles of a span whose trades come oldest first.
#[derive(Debug)]
pub(super) struct Built {
    step: i64,
    /// What is still to be told.
    left: Span,
    running: Option<Candle>,
    last_id: Option<u64>,
    /// Where the next page begins, as the venue tells it, nanoseconds.
    cursor: Option<i64>,
}

/// What a page of trades completes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completed {
    /// Intervals that are complete now; those without a candle did not trade.
    pub(super) covered: Span,
    pub(super) candles: Vec<Candle>,
}

impl Built {
    pub(super) const fn new(timeframe: Timeframe, span: Span) -> Self {
        Self { step: timeframe.nanos(), left: span, running: None, last_id: None, cursor: None }
    }

    /// Trades after this moment, in nanoseconds, are wanted next.
    pub(super) fn since_ns(&self) -> i64 {
        self.cursor.unwrap_or_else(|| self.left.from.as_nanos() - 1)
    }

    /// Takes a page of at most `rows_max` trades, oldest first, each with its number; `cursor` is where the next one
    /// begins. A page without a new trade is the last one. `None` when the venue does not get on: a moment has more trades
    /// than a page.
    pub(super) fn page(&mut self, trades: &[(u64, Trade)], cursor: i64, rows_max: usize) -> Option<Completed> {
        let from = self.left.from;
        let mut candles = Vec::new();
        let mut has_news = false;
        for (id, trade) in trades {
            if self.last_id.is_some_and(|last| *id <= last) || trade.venue_at < from {
                continue;
            }
            (self.last_id, has_news) = (Some(*id), true);
            let open_time = trade.venue_at.floor_to(self.step);
            if open_time >= self.left.to {
                return Some(self.complete(self.left.to, candles));
            }
            let flat = Candle::flat(open_time, trade.price);
            let once = Candle { volume: trade.qty, trades: trade.fills, ..flat };
            match &mut self.running {
                Some(running) if running.open_time >= open_time => running.absorb(&once),
                running => candles.extend(running.replace(once)),
            }
        }
        if !has_news {
            return (trades.len() < rows_max).then(|| self.complete(self.left.to, candles));
        }
        self.cursor = Some(cursor);
        let complete_to = self.running.map_or(from, |running| running.open_time);
        Some(self.complete(complete_to, candles))
    }

    fn complete(&mut self, to: Timestamp, mut candles: Vec<Candle>) -> Completed {
        if to == self.left.to {
            candles.extend(self.running.take());
        }
        let covered = Span { from: self.left.from, to };
        self.left.from = to;
        Completed { covered, candles }
    }
}

#[cfg(test)]
mod tests {
    use types::{Aggressor, InstrumentId, Price, Qty};

    use super::*;

    const PAGE: usize = 3;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn trade(second: i64, id: u64, price: i64) -> (u64, Trade) {
        let price = Price::new(price).expect("positive");
        let trade = Trade {
            instrument: InstrumentId(0),
            id: id.into(),
            price,
            qty: Qty(id),
            aggressor: Aggressor::Unknown,
            fills: 1,
            venue_at: s(second),
        };
        (id, trade)
    }

    fn told(completed: Option<Completed>) -> (i64, i64, Vec<(i64, u64, u32)>) {
        let Completed { covered, candles } = completed.expect("it gets on");
        let rows = candles.iter().map(|candle| (candle.open_time.as_secs(), candle.volume.0, candle.trades)).collect();
        (covered.from.as_secs(), covered.to.as_secs(), rows)
    }

    #[test]
    fn an_interval_is_told_once_all_its_trades_are_there() {
        let mut built = Built::new(Timeframe::M1, Span { from: s(60), to: s(300) });
        assert_eq!(built.since_ns(), s(60).as_nanos() - 1);
        let first = [trade(60, 1, 10), trade(61, 2, 12), trade(119, 3, 9)];
        assert_eq!(told(built.page(&first, 119, PAGE)), (60, 60, vec![]), "the minute may go on");
        assert_eq!(built.since_ns(), 119);
        // The cursor's own moment comes again.
        let second = [trade(119, 3, 9), trade(119, 4, 11), trade(200, 5, 8)];
        assert_eq!(
            told(built.page(&second, 200, PAGE)),
            (60, 180, vec![(60, 10, 4)]),
            "a minute without trades within"
        );
        let third = [trade(310, 6, 7)];
        assert_eq!(told(built.page(&third, 310, PAGE)), (180, 300, vec![(180, 5, 1)]), "what lies behind ends it");
    }

    #[test]
    fn prices_are_those_of_the_order_of_trades() {
        let mut built = Built::new(Timeframe::M1, Span { from: s(0), to: s(60) });
        let trades = [trade(1, 1, 10), trade(2, 2, 12), trade(2, 3, 9), trade(60, 4, 1)];
        let Completed { candles, .. } = built.page(&trades, 60, 9).expect("it gets on");
        let [candle] = &candles[..] else { panic!("{candles:?}") };
        let prices = [candle.open, candle.high, candle.low, candle.close].map(Price::mantissa);
        assert_eq!(prices, [10, 12, 9, 9]);
    }

    #[test]
    fn the_last_page_completes_the_span_and_a_crowded_moment_is_no_end() {
        let mut built = Built::new(Timeframe::M1, Span { from: s(60), to: s(300) });
        assert_eq!(told(built.page(&[trade(70, 1, 10)], 70, PAGE)), (60, 60, vec![]));
        assert_eq!(told(built.page(&[], 70, PAGE)), (60, 300, vec![(60, 1, 1)]));

        let mut built = Built::new(Timeframe::M1, Span { from: s(60), to: s(300) });
        let moment = [trade(70, 1, 10), trade(70, 2, 10), trade(70, 3, 10)];
        assert!(built.page(&moment, 70, PAGE).is_some());
        assert_eq!(built.page(&moment, 70, PAGE), None);
    }
}
