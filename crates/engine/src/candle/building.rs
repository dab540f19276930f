//! A candle under construction.

use serde::{Deserialize, Serialize};
use types::time::NS_PER_MIN;
use types::{Aggressor, Candle, Timestamp, Trade};

use super::series::TradeFlow;

/// What the trades of one minute heard so far make of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Building {
    pub(super) candle: Candle,
    /// The moment and number of the trades behind open and close: trades may come out of order.
    opened: (Timestamp, u128),
    closed: (Timestamp, u128),
    /// `None` once a trade did not tell who crossed the spread.
    pub(super) flow: Option<TradeFlow>,
}

impl Building {
    /// The candle of the minute that holds `trade`, with it as its first trade.
    pub(super) fn start(trade: &Trade) -> Self {
        let candle = Candle {
            volume: trade.qty,
            trades: trade.fills,
            ..Candle::flat(trade.venue_at.floor_to(NS_PER_MIN), trade.price)
        };
        let moment = (trade.venue_at, trade.id);
        let mut start = Self { candle, opened: moment, closed: moment, flow: Some(TradeFlow::default()) };
        start.add_flow(trade);
        start
    }

    /// Adds another trade of the same minute. Of trades at the same instant the one with the lower number is the earlier.
    pub(super) fn add(&mut self, trade: &Trade) {
        let (candle, moment) = (&mut self.candle, (trade.venue_at, trade.id));
        if moment < self.opened {
            (self.opened, candle.open) = (moment, trade.price);
        }
        if moment >= self.closed {
            (self.closed, candle.close) = (moment, trade.price);
        }
        candle.high = candle.high.max(trade.price);
        candle.low = candle.low.min(trade.price);
        candle.volume = candle.volume.saturating_add(trade.qty);
        candle.trades = candle.trades.saturating_add(trade.fills);
        self.add_flow(trade);
    }

    fn add_flow(&mut self, trade: &Trade) {
        match (trade.aggressor, &mut self.flow) {
            (Aggressor::Buy, Some(flow)) => flow.bought = flow.bought.saturating_add(trade.qty),
            (Aggressor::Sell, Some(flow)) => flow.sold = flow.sold.saturating_add(trade.qty),
            (Aggressor::Unknown, flow) => *flow = None,
            (_, None) => {}
        }
    }
}
