//! What Binance.US says on the socket, and what follows from it.

use types::Timestamp;
use types::market::{CandleSource, StaleReason};

use super::messages::{self, KlineData, Message, TradeData};
use super::quick::{self, Depth, Quick};
use super::{Batch, BatchState, DEPTH, KLINES, RULES_WHILE_SUSPICIOUS, Session, TRADES};
use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedOutput, RejectReason, Rejection};
use crate::synced::Numbered;

impl Session {
    pub(super) fn frame(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        if self.quick(at, bytes, out).is_some() {
            return;
        }
        let result =
            decode::text(bytes).and_then(messages::decode).and_then(|message| self.message(at, message, bytes, out));
        if let Err(error) = result {
            self.link.refuse(error, bytes, out);
        }
    }

    /// Takes a message in the venue's own spelling; `None`, and nothing done, for any other.
    fn quick(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<FeedOutput>) -> Option<()> {
        match quick::read(bytes)? {
            Quick::Depth(head) => {
                let index = self.by_symbol.get(head.symbol)?;
                let mut levels = std::mem::take(&mut self.levels);
                let read = head.read(self.symbols[index].book.scale(), &mut levels);
                if read.is_some() {
                    let depth = Depth { first_id: head.first_id, last_id: head.last_id, levels: &levels };
                    self.depth(at, index, head.venue_at, &depth, bytes, out);
                }
                self.levels = levels;
                read
            }
            Quick::Trade(head) => {
                let index = self.by_symbol.get(head.symbol)?;
                let symbol = &self.symbols[index];
                symbol.trade_stream.filter(|stream| *stream == head.stream)?;
                let instrument = symbol.market.instrument.as_ref()?;
                let trade = head.read(instrument.id, instrument.scale)?;
                self.heard(at, index, TRADES);
                self.symbols[index].market.trade(at, head.id, trade, out);
                Some(())
            }
        }
    }

    pub(super) fn message(
        &mut self,
        at: Timestamp,
        message: Message<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        match message {
            Message::Depth(data) => {
                let index = self.find(data.symbol.as_str())?;
                self.depth(at, index, data.venue_at(), &data, bytes, out);
                Ok(())
            }
            Message::Trade(data) => self.trade(at, &data, out),
            Message::Kline(data) => self.kline(at, &data, out),
            Message::Accepted { id } => {
                self.subscribing.retain(|batch| Some(batch.id) != id);
                Ok(())
            }
            Message::Refused { id, text } => {
                self.refused(at, id, text, bytes, out);
                Ok(())
            }
            Message::ServerShutdown => {
                self.link.ends_soon();
                Ok(())
            }
            Message::Ignored => Ok(()),
            Message::Snapshot(_) => Err(DecodeError::unknown("a snapshot that nobody asked for")),
        }
    }

    pub(super) fn find(&self, symbol: &str) -> Result<usize, DecodeError> {
        self.by_symbol.get(symbol).ok_or_else(|| DecodeError::unknown_symbol(symbol))
    }

    fn heard(&mut self, at: Timestamp, index: usize, stream: usize) {
        let symbol = &mut self.symbols[index];
        symbol.market.heard(at);
        symbol.streams[stream].was_heard = true;
    }

    pub(super) fn depth(
        &mut self,
        at: Timestamp,
        index: usize,
        venue_at: Timestamp,
        data: &impl Numbered,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) {
        self.heard(at, index, DEPTH);
        self.link.clock.observe(at, venue_at);
        let symbol = &mut self.symbols[index];
        symbol.market.heard_book(at);
        symbol.market.counts.deltas += 1;
        match symbol.book.update(data) {
            Ok(verdict) => {
                symbol.market.count_book(verdict, Some(venue_at));
                match verdict {
                    Verdict::Broken(reason) => symbol.broken(at, reason, out),
                    Verdict::SnapshotTooOld => symbol.broken(at, StaleReason::SequenceGap, out),
                    _ => symbol.settle(at, Some(venue_at), out),
                }
            }
            Err(error) => {
                let is_too_precise = error.reason() == RejectReason::TooPrecise;
                self.link.reject_of(symbol.market.wanted.id, error.reason(), error, bytes, out);
                symbol.broken(at, StaleReason::Malformed, out);
                // The rules may have changed: ticks do, by announcement.
                if is_too_precise && self.rules_at.is_none_or(|rules_at| at.since(rules_at) >= RULES_WHILE_SUSPICIOUS) {
                    self.want_rules(at);
                }
            }
        }
    }

    pub(super) fn trade(
        &mut self,
        at: Timestamp,
        data: &TradeData<'_>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str())?;
        self.heard(at, index, TRADES);
        let symbol = &mut self.symbols[index];
        // Both streams tell the same trades under different numbers: the one heard first counts.
        if *symbol.trade_stream.get_or_insert(data.stream) != data.stream {
            return Err(DecodeError::unknown("single fills and aggregates of one symbol"));
        }
        let Some(instrument) = &symbol.market.instrument else { return Ok(()) };
        let trade = data.trade(instrument.id, instrument.scale)?;
        symbol.market.trade(at, data.id, trade, out);
        Ok(())
    }

    pub(super) fn kline(
        &mut self,
        at: Timestamp,
        data: &KlineData<'_>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str())?;
        self.heard(at, index, KLINES);
        self.link.clock.observe(at, data.venue_at());
        let market = &mut self.symbols[index].market;
        let Some(instrument) = market.instrument.as_ref().filter(|_| data.kline.interval.as_str() == "1m") else {
            return Ok(());
        };
        let candle = data.candle(instrument.scale)?;
        market.counts.candles += 1;
        if data.kline.is_final {
            market.count_minute(at, &candle);
            market.final_candle(candle, CandleSource::Stream, out);
        }
        Ok(())
    }

    pub(super) fn refused(
        &mut self,
        at: Timestamp,
        id: Option<u64>,
        text: &str,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) {
        // Not all servers say which request they refuse: the oldest one that waits, then.
        let is_meant = |batch: &&mut Batch| match id {
            Some(id) => batch.id == id,
            None => batch.again_at().is_none(),
        };
        let reason = match self.subscribing.iter_mut().find(is_meant) {
            Some(batch) => {
                batch.state = BatchState::Refused { again_at: self.subscribe_retry.failed(at) };
                RejectReason::SubscribeRefused
            }
            None => RejectReason::VenueError,
        };
        self.link.reject(Rejection::new(reason, text, bytes), out);
    }
}
