//! What Binance.US says on the socket, and what follows from it.

use types::Timestamp;
use types::market::{CandleSource, StaleReason};

use super::messages::{self, DepthData, KlineData, Message, TradeData};
use super::{Batch, BatchState, DEPTH, KLINES, RULES_WHILE_SILENT, Session, TRADES};
use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedOutput, RejectReason, Rejection};

impl Session {
    pub(super) fn frame(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        self.link.heard(at);
        let result =
            decode::text(bytes).and_then(messages::decode).and_then(|message| self.message(at, message, bytes, out));
        if let Err(error) = result {
            self.link.reject(Rejection::new(error.reason, error, bytes), out);
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
            Message::Depth(data) => self.depth(at, &data, bytes, out),
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

    pub(super) fn find(&mut self, symbol: &str, stream: usize, at: Timestamp) -> Result<usize, DecodeError> {
        let index = *self.by_symbol.get(symbol).ok_or_else(|| {
            DecodeError::new(RejectReason::UnknownSymbol, format_args!("{symbol:?} was not asked for"))
        })?;
        let symbol = &mut self.symbols[index];
        symbol.market.heard(at);
        symbol.streams[stream].was_heard = true;
        Ok(index)
    }

    pub(super) fn depth(
        &mut self,
        at: Timestamp,
        data: &DepthData<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), DEPTH, at)?;
        self.link.clock.observe(at, data.venue_at());
        let symbol = &mut self.symbols[index];
        symbol.market.counts.deltas += 1;
        match symbol.book.update(data) {
            Ok(verdict) => {
                symbol.market.count_book(verdict, Some(data.venue_at()));
                match verdict {
                    Verdict::Broken(reason) => symbol.broken(at, reason, out),
                    Verdict::SnapshotTooOld => symbol.broken(at, StaleReason::SequenceGap, out),
                    _ => symbol.settle(Some(data.venue_at()), out),
                }
            }
            Err(error) => {
                let is_too_precise = error.reason() == RejectReason::TooPrecise;
                self.link.reject_of(symbol.market.wanted.id, error.reason(), error, bytes, out);
                symbol.broken(at, StaleReason::Malformed, out);
                // The rules may have changed: ticks do, by announcement.
                if is_too_precise && self.rules_at.is_none_or(|rules_at| at.since(rules_at) >= RULES_WHILE_SILENT) {
                    self.want_rules(at);
                }
            }
        }
        Ok(())
    }

    pub(super) fn trade(
        &mut self,
        at: Timestamp,
        data: &TradeData<'_>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), TRADES, at)?;
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
        let index = self.find(data.symbol.as_str(), KLINES, at)?;
        self.link.clock.observe(at, data.venue_at());
        let market = &mut self.symbols[index].market;
        let Some(instrument) = market.instrument.as_ref().filter(|_| data.kline.interval.as_str() == "1m") else {
            return Ok(());
        };
        let candle = data.candle(instrument.scale)?;
        market.counts.candles += 1;
        if data.kline.is_final {
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
