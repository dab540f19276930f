//! What Coinbase says on the socket, and what follows from it.

use types::market::{CandleSource, CandleState, StaleReason, VenueCandle};
use types::{Candle, Input, Timestamp};

use super::book::Update;
use super::messages::{self, Channel, HeartbeatData, ListedData, MatchData, Message, SnapshotData, States, TickerData};
use super::minutes::HEARTBEAT_AFTER;
use super::quick::{self, QuickUpdate, UpdateHead};
use super::{Batch, Product, RULES_REFETCH, Session, instruments};
use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedOutput, RejectReason};
use crate::number::NumberError;

impl Session {
    pub(super) fn frame(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        if let Some(head) = quick::read(bytes)
            && self.quick_update(at, head, bytes, out).is_some()
        {
            return;
        }
        let result =
            decode::text(bytes).and_then(messages::decode).and_then(|message| self.message(at, message, bytes, out));
        if let Err(error) = result {
            if error.reason == RejectReason::TooPrecise {
                self.suspect_rules(at);
            }
            self.link.refuse(error, bytes, out);
        }
    }

    fn message(
        &mut self,
        at: Timestamp,
        message: Message<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        match message {
            Message::Update(data) => {
                let index = self.find_heard(at, data.product_id.as_str())?;
                self.update(at, index, &data, bytes, out);
                Ok(())
            }
            Message::Snapshot(data) => self.snapshot(at, &data, bytes, out),
            Message::Match { data, is_last } => self.trade(at, &data, is_last, out),
            Message::Heartbeat(data) => self.heartbeat(at, &data, out),
            Message::Ticker(data) => self.ticker(at, &data, out),
            Message::Status(states) => {
                self.states(at, &states, out);
                Ok(())
            }
            Message::Subscriptions(listed) => {
                self.listed(at, &listed);
                Ok(())
            }
            Message::Error { text } => {
                self.refused(at, &text, bytes, out);
                Ok(())
            }
        }
    }

    pub(super) fn find(&self, product_id: &str) -> Result<usize, DecodeError> {
        self.by_symbol.get(product_id).ok_or_else(|| DecodeError::unknown_symbol(product_id))
    }

    fn find_heard(&mut self, at: Timestamp, product_id: &str) -> Result<usize, DecodeError> {
        let index = self.find(product_id)?;
        self.heard(at, index);
        Ok(index)
    }

    fn heard(&mut self, at: Timestamp, index: usize) {
        self.is_answered = true;
        self.products[index].market.heard(at);
    }

    /// An update in the venue's own spelling; `None` when it is none, and nothing was done.
    fn quick_update(
        &mut self,
        at: Timestamp,
        head: UpdateHead<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Option<()> {
        let index = self.by_symbol.get(head.product_id)?;
        let mut changes = std::mem::take(&mut self.changes);
        let time = head.read(self.products[index].book.scale(), &mut changes);
        let venue_at = match time {
            Some(Some(text)) => self.times.read(text).map(Some),
            Some(None) => Some(None),
            None => None,
        };
        if let Some(venue_at) = venue_at {
            self.heard(at, index);
            self.update(at, index, &QuickUpdate { changes: &changes, venue_at }, bytes, out);
        }
        self.changes = changes;
        venue_at.map(drop)
    }

    fn snapshot(
        &mut self,
        at: Timestamp,
        data: &SnapshotData<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find_heard(at, data.product_id.as_str())?;
        // What was being compared is not there any more.
        self.comparing.take_if(|(comparing, _)| *comparing == index);
        let product = &mut self.products[index];
        product.market.heard_book(at);
        product.subscription(Channel::Book).answered();
        match product.book.snapshot(at, data) {
            Ok(verdict) => {
                product.market.count_book(verdict, data.venue_at());
                product.compared(at, self.settings.snapshot_age_max);
            }
            Err(error) => self.unreadable(index, at, error, bytes, out),
        }
        Ok(())
    }

    fn update(&mut self, at: Timestamp, index: usize, data: &impl Update, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let product = &mut self.products[index];
        product.market.heard_book(at);
        product.market.counts.deltas += 1;
        let venue_at = data.venue_at();
        if let Some(venue_at) = venue_at {
            self.link.clock.observe(at, venue_at);
        }
        let is_strict = product.state.is_trading();
        let applied = match &mut self.comparing {
            Some((comparing, comparison)) if *comparing == index => {
                product.book.update(at, data, is_strict, |change| comparison.keep(at, venue_at, change))
            }
            _ => product.book.update(at, data, is_strict, |_| {}),
        };
        match applied {
            Ok(applied) => {
                product.market.count_book(applied.verdict, venue_at);
                product.ticker_check.book_changed(product.book.book());
                if applied.is_late {
                    product.doubt(at);
                }
                match applied.verdict {
                    Verdict::Broken(reason) => self.broken(index, at, reason, &[Channel::Book], out),
                    // An auction: nobody is to take the book before it for the present one.
                    Verdict::Crossed if !is_strict => product.market.broken(StaleReason::Crossed, out),
                    _ => {}
                }
            }
            Err(error) => self.unreadable(index, at, error, bytes, out),
        }
    }

    /// A level of a book message cannot be read.
    fn unreadable(&mut self, index: usize, at: Timestamp, error: NumberError, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let reason = error.reason();
        self.link.reject_of(self.products[index].market.wanted.id, reason, error, bytes, out);
        self.broken(index, at, StaleReason::Malformed, &[Channel::Book], out);
        if reason == RejectReason::TooPrecise {
            self.suspect_rules(at);
        }
    }

    /// The rules may have changed.
    fn suspect_rules(&mut self, at: Timestamp) {
        if self.rules_at.is_some_and(|rules_at| at.since(rules_at) >= RULES_REFETCH) {
            self.want_rules(at);
        }
    }

    fn trade(
        &mut self,
        at: Timestamp,
        data: &MatchData<'_>,
        is_last: bool,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find_heard(at, data.product_id.as_str())?;
        let product = &mut self.products[index];
        product.subscription(Channel::Matches).answered();
        let Some(instrument) = &product.market.instrument else { return Ok(()) };
        let trade = data.trade(instrument.id, instrument.scale)?;
        let venue_at = trade.venue_at;
        self.link.clock.observe(at, venue_at);
        if product.market.is_held() {
            product.market.trade(at, data.trade_id, trade, out);
            return Ok(());
        }
        product.knows_trades = true;
        if is_last && product.market.begin_trades(data.trade_id, venue_at) {
            product.minutes.begin(&trade);
            return Ok(());
        }
        let gaps = product.market.counts.trade_gaps;
        product.give_trades(out, |market, out| market.trade(at, data.trade_id, trade, out));
        if is_last {
            product.market.trades_to(data.trade_id);
        }
        if product.market.counts.trade_gaps > gaps {
            product.doubt(at);
        }
        product.minutes_over(venue_at, out);
        Ok(())
    }

    fn heartbeat(
        &mut self,
        at: Timestamp,
        data: &HeartbeatData<'_>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find_heard(at, data.product_id.as_str())?;
        let venue_at = data.venue_at()?;
        self.link.clock.observe(at, venue_at);
        let product = &mut self.products[index];
        product.subscription(Channel::Heartbeat).answered();
        product.heartbeat_at = Some(at);
        match product.market.highest_trade().filter(|_| !product.market.is_held()) {
            Some(highest) if highest < data.last_trade_id => {
                product.told_trade.get_or_insert((data.last_trade_id, at));
            }
            Some(highest) => {
                product.told_trade = None;
                if highest == data.last_trade_id {
                    product.knows_trades = true;
                    product.market.trades_to(highest);
                    product.minutes_over(venue_at.minus(HEARTBEAT_AFTER), out);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn ticker(&mut self, at: Timestamp, data: &TickerData<'_>, out: &mut Vec<FeedOutput>) -> Result<(), DecodeError> {
        let index = self.find_heard(at, data.product_id.as_str())?;
        let product = &mut self.products[index];
        product.subscription(Channel::Ticker).answered();
        let Some(instrument) = &product.market.instrument else { return Ok(()) };
        let (id, scale) = (instrument.id, instrument.scale);
        let best = data.best(scale)?;
        product.ticker_pace.ticker(data.ticker(id, scale)?);
        if product.book.has_snapshot()
            && product.state.is_trading()
            && best.is_some_and(|best| product.ticker_check.ticker(at, best, product.book.book()))
        {
            self.broken(index, at, StaleReason::CompareMismatch, &[Channel::Book], out);
        }
        Ok(())
    }

    /// The states that matter are those of wanted products; their rules are fetched when their steps changed.
    fn states(&mut self, at: Timestamp, states: &States<'_>, out: &mut Vec<FeedOutput>) {
        let by_symbol = &self.by_symbol;
        let (mut has_new_steps, mut resuming) = (false, Vec::new());
        for state in states.find(|id| by_symbol.get(id).is_some()).flatten() {
            let Some(index) = by_symbol.get(state.id.as_str()) else { continue };
            let product = &mut self.products[index];
            product.state.learn(&state);
            if product.market.instrument.is_some() && product.market.set_trading(product.state.is_trading(), out) {
                resuming.push(index);
            }
            has_new_steps |=
                product.market.instrument.as_ref().is_none_or(|known| !instruments::has_steps_of(&state, known));
        }
        for index in resuming {
            self.broken(index, at, StaleReason::Resync, &[Channel::Book], out);
        }
        if has_new_steps {
            self.suspect_rules(at);
        }
    }

    /// An answer lists all subscriptions of the connection, in any order, and does not say which request it is for.
    fn listed(&mut self, at: Timestamp, listed: &[ListedData<'_>]) {
        self.is_answered = true;
        for product in &mut self.products {
            for channel in Channel::ALL {
                let symbol = &product.market.wanted.symbol;
                let is_listed = listed.iter().any(|data| data.channel() == Some(channel) && data.has(symbol));
                let subscription = &mut product.subscriptions[channel as usize];
                match channel {
                    // A book is answered by its snapshot. Without one, the time runs out.
                    Channel::Book => {}
                    _ if is_listed && subscription.is_asked() => {
                        subscription.answered();
                        if channel == Channel::Heartbeat {
                            product.heartbeat_at = Some(at);
                        }
                    }
                    // It was there and is gone. Unless the next answer lists it, the time runs out.
                    _ if !is_listed && subscription.is_live() => subscription.asked(at),
                    _ => {}
                }
            }
        }
        let products = &self.products;
        let is_listed = |batch: &Batch| {
            batch.products.iter().all(|index| {
                let symbol = &products[*index].market.wanted.symbol;
                batch
                    .channels
                    .iter()
                    .all(|channel| listed.iter().any(|data| data.channel() == Some(*channel) && data.has(symbol)))
            })
        };
        self.asked.retain(|batch| !is_listed(batch));
    }
}

impl Product {
    /// Does something that may give out trades, and builds minutes from those.
    pub(super) fn give_trades(
        &mut self,
        out: &mut Vec<FeedOutput>,
        give: impl FnOnce(&mut crate::session::Market, &mut Vec<FeedOutput>),
    ) {
        let before = out.len();
        let lost = self.market.counts.trades_lost;
        give(&mut self.market, out);
        for output in &out[before..] {
            if let FeedOutput::Event(Input::Trade(trade)) = output {
                self.minutes.trade(trade);
            }
        }
        if self.market.counts.trades_lost > lost {
            self.minutes.lost();
        }
    }

    /// The venue's time has come to `venue_at`: gives out the minutes that are complete by now.
    fn minutes_over(&mut self, venue_at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.market.has_all_trades() {
            let instrument = self.market.wanted.id;
            let event = |candle: Candle| {
                let source = if candle.trades == 0 { CandleSource::Filled } else { CandleSource::Built };
                let state = CandleState::Provisional;
                FeedOutput::Event(Input::Candle(VenueCandle { instrument, candle, state, source }))
            };
            out.extend(self.minutes.over(venue_at).into_iter().map(event));
        }
    }
}
