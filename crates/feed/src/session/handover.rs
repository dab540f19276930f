//! From one connection to the next without a hole.
//!
//! While a second connection is prepared, its session hears everything twice that the first one hears too. Its markets
//! hold back trades and candles until it takes over; then those that the first session has not given out follow, each
//! once. What the buffers could not hold shows as missing numbers, and is asked for like any missed trade.

use std::collections::VecDeque;

use types::market::{CandleSource, StaleReason};
use types::{Candle, Input, Timestamp, Trade};

use crate::io::FeedOutput;
use crate::session::{Market, Repair};

/// Trades of one instrument that are held back; the oldest goes.
const TRADES_MAX: usize = 4_096;
/// Candles of one instrument that are held back; the oldest goes.
const CANDLES_MAX: usize = 1_024;

/// What waits for the handover.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    trades: VecDeque<(Timestamp, u64, Trade)>,
    candles: VecDeque<(Candle, CandleSource)>,
}

impl Held {
    pub(super) fn trade(&mut self, at: Timestamp, number: u64, trade: Trade) {
        push(&mut self.trades, (at, number, trade), TRADES_MAX);
    }

    pub(super) fn candle(&mut self, candle: Candle, source: CandleSource) {
        push(&mut self.candles, (candle, source), CANDLES_MAX);
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() == max {
        queue.pop_front();
    }
    queue.push_back(item);
}

impl Market {
    /// Begins to hold back what it would give out.
    pub(crate) fn hold(&mut self) {
        self.held = Some(Held::default());
    }

    /// Goes on where `old` stands.
    pub(crate) fn take_over(&mut self, old: &Self, out: &mut Vec<FeedOutput>) {
        let Some(held) = self.held.take() else { return };
        self.counts = old.counts;
        self.last_frame_at = self.last_frame_at.max(old.last_frame_at);
        self.trade_gate = old.trade_gate.clone();
        self.repair = Repair::new();
        self.tally = old.tally.clone();
        self.final_candle_at = old.final_candle_at;
        self.told_to = old.told_to;
        self.complete_to = old.complete_to;
        self.has_history = old.has_history;
        self.is_history_wanted = old.is_history_wanted;
        self.history_again_at = old.history_again_at;
        if let Some(instrument) =
            self.instrument.as_ref().filter(|instrument| Some(*instrument) != old.instrument.as_ref())
        {
            out.push(FeedOutput::Event(Input::Instrument(instrument.clone())));
        }
        self.publisher.take_over(&old.publisher, StaleReason::Resync, out);
        for (at, number, trade) in held.trades {
            self.trade(at, number, trade, out);
        }
        for (candle, source) in held.candles {
            if self.final_candle_at.is_none_or(|last| candle.open_time > last) {
                self.final_candle(candle, source, out);
            }
        }
        // What was held was heard by the old session too, for the most part.
        self.counts.duplicates = old.counts.duplicates;
    }
}
