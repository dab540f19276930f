//! What an instrument takes in, and what it does not believe.

use types::input::History;
use types::market::{StaleReason, TradesMissing, VenueCandle};
use types::quality::{QuarantineReason, QuarantineRecord, Quarantined};
use types::time::NS_PER_MIN;
use types::{BookTop, Candle, Price, Ticker, Timestamp, Trade};

use super::{Market, Moment, TRADES_MAX};
use crate::book;
use crate::candle::{CandleVerdict, EARLY_MAX, TradeVerdict};
use crate::feature::LONG_MAX;
use crate::quality::{Held, Judgement};
use crate::rejection::Rejection;

impl Market {
    /// Takes a book. While books come, every trade is heard too: they share the connection. `elsewhere`: where other venues
    /// trade the same, if [`Market::doubts_book`].
    pub(crate) fn on_book(&mut self, top: &BookTop, moment: Moment, elsewhere: &[Price]) -> Result<(), Rejection> {
        let Moment { at, venue_now, .. } = moment;
        let taken = match book::check(top) {
            Ok(()) => self.believe_book(top, moment, elsewhere),
            Err(rejection) => Err(rejection),
        };
        let taken = taken.and_then(|()| self.book.replace(top, at));
        match taken {
            Ok(()) => {
                self.quotes.on_book(self.book.top());
                if let Some(now) = venue_now {
                    self.candles.feed_live(now);
                }
            }
            Err(rejection) => self.break_book(stale_reason(rejection), at),
        }
        taken
    }

    fn believe_book(&mut self, top: &BookTop, moment: Moment, elsewhere: &[Price]) -> Result<(), Rejection> {
        match self.guard.judge_book(top, moment.at, elsewhere) {
            Judgement::Believed => Ok(()),
            Judgement::Confirmed => {
                self.release(moment);
                Ok(())
            }
            Judgement::Suspect => {
                let (bid, ask) = (top.bids.first().copied(), top.asks.first().copied());
                self.set_aside(moment.at, Quarantined::Book { bid, ask }, QuarantineReason::Price);
                Err(Rejection::BookImplausible)
            }
        }
    }

    pub(crate) fn on_stale(&mut self, reason: StaleReason, at: Timestamp) {
        self.break_book(reason, at);
        if reason.loses_trades() {
            self.candles.feed_lost();
        }
    }

    fn break_book(&mut self, reason: StaleReason, at: Timestamp) {
        if self.book.is_proven() {
            self.quality.on_break(reason, at);
        }
        self.book.mark_stale(reason, at);
        self.quotes.on_break();
    }

    /// Takes a trade that was not taken before. `elsewhere`: as for a book, if [`Market::doubts`].
    pub(crate) fn on_trade(&mut self, trade: &Trade, moment: Moment, elsewhere: &[Price]) -> Result<(), Rejection> {
        let at = moment.at;
        if trade.qty.is_zero() {
            self.set_aside(at, Quarantined::Trade(trade.clone()), QuarantineReason::Empty);
            return Err(Rejection::TradeEmpty);
        }
        if trade.venue_at < Timestamp::EPOCH {
            return Err(Rejection::TradeLate);
        }
        if moment.venue_now.is_some_and(|now| trade.venue_at > now.plus(EARLY_MAX)) {
            self.set_aside(at, Quarantined::Trade(trade.clone()), QuarantineReason::Future);
            return Err(Rejection::TradeEarly);
        }
        if !self.taken.take(trade.id) {
            return Err(Rejection::TradeDoubled);
        }
        match self.guard.judge_trade(trade, at, elsewhere) {
            Judgement::Believed => {}
            Judgement::Confirmed => self.release(moment),
            Judgement::Suspect => {
                self.hold(at, Quarantined::Trade(trade.clone()));
                return Err(Rejection::TradeImplausible);
            }
        }
        self.use_trade(trade, moment)
    }

    /// The number of the newest trade taken, in the order of numbers.
    pub(crate) fn newest_trade(&self) -> Option<u128> {
        self.taken.highest()
    }

    fn use_trade(&mut self, trade: &Trade, moment: Moment) -> Result<(), Rejection> {
        // Without the time no minute can be told.
        let verdict = match moment.venue_now {
            Some(now) => self.candles.on_trade(now, trade, &mut self.news),
            None => TradeVerdict::Accepted,
        };
        match verdict {
            TradeVerdict::Accepted => {
                self.keep(trade);
                Ok(())
            }
            TradeVerdict::Late => Err(Rejection::TradeLate),
            TradeVerdict::Early => Err(Rejection::TradeEarly),
        }
    }

    /// Keeps a trade among the newest, in the order of numbers.
    fn keep(&mut self, trade: &Trade) {
        let index = self.trades.partition_point(|kept| kept.id < trade.id);
        if self.trades.len() < TRADES_MAX {
            self.trades.insert(index, trade.clone());
        } else if index > 0 {
            self.trades.pop_front();
            self.trades.insert(index - 1, trade.clone());
        }
    }

    /// Trades are known to be missing.
    pub(crate) fn on_missing(&mut self, missing: &TradesMissing) {
        self.candles.on_missing(missing);
    }

    /// Longer candles of the past were told. Nobody may want to see them.
    ///
    /// # Errors
    /// [`Rejection::CandleInvalid`] for one that contradicts itself, does not start where one may, or is not over.
    pub(crate) fn on_history(&mut self, told: &History, at: Timestamp) -> Result<(), Rejection> {
        let length = told.timeframe.nanos();
        let is_sound = |candle: &Candle| {
            let end = candle.open_time.as_nanos().saturating_add(length);
            is_consistent(candle)
                && candle.open_time >= Timestamp::EPOCH
                && candle.open_time.floor_to(length) == candle.open_time
                && end <= at.as_nanos()
        };
        let rises = told.candles.windows(2).all(|pair| pair[0].open_time < pair[1].open_time);
        if !(told.candles.len() <= LONG_MAX && rises && told.candles.iter().all(is_sound)) {
            return Err(Rejection::CandleInvalid);
        }
        if let Some(long) = self.longs.get_mut(&told.timeframe) {
            told.candles.iter().for_each(|candle| long.tell(*candle));
            long.advance(self.instrument.scale);
        }
        Ok(())
    }

    /// Takes a venue's candle. `elsewhere`: as for a book, if [`Market::doubts`] its close.
    pub(crate) fn on_candle(
        &mut self,
        told: &VenueCandle,
        moment: Moment,
        elsewhere: &[Price],
    ) -> Result<(), Rejection> {
        let candle = &told.candle;
        let refuse = |market: &mut Self, reason, rejection| {
            market.set_aside(moment.at, Quarantined::Candle(told.clone()), reason);
            Err(rejection)
        };
        // In this order: the start of the oldest minute there is cannot be told.
        let is_minute =
            candle.open_time >= Timestamp::EPOCH && candle.open_time.floor_to(NS_PER_MIN) == candle.open_time;
        if !(is_consistent(candle) && is_minute) {
            return refuse(self, QuarantineReason::Contradictory, Rejection::CandleInvalid);
        }
        // Before the venue's time is known a believed clock of ours will do. Without one a candle tells the time: it is over
        // when the venue says so.
        let believed = moment.venue_now.or(moment.is_clock_set.then_some(moment.at));
        let now = believed.unwrap_or_else(|| candle.open_time.plus(core::time::Duration::from_secs(60)));
        if candle.open_time > now.plus(EARLY_MAX) {
            return refuse(self, QuarantineReason::Future, Rejection::CandleEarly);
        }
        match self.guard.judge_candle(told, moment.at, self.beside(candle.open_time), elsewhere) {
            Judgement::Believed => {}
            Judgement::Confirmed => self.release(moment),
            Judgement::Suspect => {
                self.hold(moment.at, Quarantined::Candle(told.clone()));
                return Err(Rejection::CandleImplausible);
            }
        }
        for held in self.guard.explain(told) {
            self.use_held(&held, moment);
        }
        match self.candles.on_venue_candle(now, told, &mut self.news) {
            CandleVerdict::Taken | CandleVerdict::Ignored => Ok(()),
            CandleVerdict::Misaligned => Err(Rejection::CandleInvalid),
            CandleVerdict::Early => refuse(self, QuarantineReason::Future, Rejection::CandleEarly),
            CandleVerdict::Unfinished => refuse(self, QuarantineReason::Unfinished, Rejection::CandleUnfinished),
        }
    }

    /// The price at the edge of the minute before or after one, where that is known.
    fn beside(&self, open_time: Timestamp) -> Option<Price> {
        let minute = |ns: i64| self.series().get(Timestamp::from_nanos(open_time.as_nanos().saturating_add(ns)));
        let before = minute(-NS_PER_MIN).map(|entry| entry.candle.close);
        before.or_else(|| minute(NS_PER_MIN).map(|entry| entry.candle.open))
    }

    /// Takes a venue's summary.
    pub(crate) fn on_ticker(&mut self, ticker: &Ticker, at: Timestamp) -> Result<(), Rejection> {
        let prices = [ticker.last, ticker.bid.map(|level| level.price), ticker.ask.map(|level| level.price)];
        if self.guard.trusted().is_some() && prices.into_iter().flatten().any(|price| self.guard.doubts(price, at)) {
            self.set_aside(at, Quarantined::Ticker(ticker.clone()), QuarantineReason::Price);
            return Err(Rejection::TickerImplausible);
        }
        self.ticker = Some(ticker.clone());
        Ok(())
    }

    /// Time went on.
    pub(crate) fn on_tick(&mut self, moment: Moment) {
        if let Some(now) = moment.venue_now {
            self.candles.close_due(now, &mut self.news);
        }
        for Held { at, what } in self.guard.expire(moment.at) {
            self.set_aside(at, what, QuarantineReason::Price);
        }
    }

    /// Time passed in which nothing was heard.
    pub(crate) fn on_pause(&mut self) {
        self.candles.feed_lost();
    }

    /// Whether a price needs the word of other venues.
    pub(crate) fn doubts(&self, price: Price, at: Timestamp) -> bool {
        self.guard.doubts(price, at)
    }

    /// Whether a book needs the word of other venues.
    pub(crate) fn doubts_book(&self, top: &BookTop, at: Timestamp) -> bool {
        self.guard.price_of_book(top).is_some_and(|price| self.guard.doubts(price, at))
    }

    fn hold(&mut self, at: Timestamp, what: Quarantined) {
        if let Some(Held { at, what }) = self.guard.hold(at, what) {
            self.set_aside(at, what, QuarantineReason::Price);
        }
    }

    /// What was held at a level that is believed now is used like any other.
    fn release(&mut self, moment: Moment) {
        for held in self.guard.release() {
            self.use_held(&held, moment);
        }
    }

    fn use_held(&mut self, held: &Held, moment: Moment) {
        match &held.what {
            // One whose minute closed too long ago is lost to the candles.
            Quarantined::Trade(trade) => drop(self.use_trade(trade, moment)),
            Quarantined::Candle(told) => {
                if let Some(now) = moment.venue_now {
                    self.candles.on_venue_candle(now, told, &mut self.news);
                }
            }
            Quarantined::Book { .. } | Quarantined::Ticker(_) => {}
        }
    }

    pub(super) fn set_aside(&mut self, at: Timestamp, what: Quarantined, reason: QuarantineReason) {
        let (instrument, trusted) = (self.instrument.id, self.guard.trusted());
        self.quality.on_quarantined();
        self.aside.push(QuarantineRecord { instrument, at, what, reason, trusted });
    }
}

fn is_consistent(candle: &Candle) -> bool {
    [candle.open, candle.close].iter().all(|price| (candle.low..=candle.high).contains(price))
}

/// Why a book that was not taken makes the one before stale.
const fn stale_reason(rejection: Rejection) -> StaleReason {
    match rejection {
        Rejection::BookCrossed => StaleReason::Crossed,
        Rejection::BookImplausible => StaleReason::Implausible,
        _ => StaleReason::Malformed,
    }
}
