//! What KuCoin says on the socket, and what follows from it.

use std::time::Duration;

use types::Timestamp;
use types::market::{CandleSource, StaleReason};

use super::messages::{CandleData, ChangesData, Message, PictureData, Pings, Refused, TickerData, TradeData};
use super::subscribing::Batch;
use super::{Channel, RULES_WHILE_SUSPICIOUS, Session, Wire};
use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedOutput, ReconnectReason, RejectReason, Rejection};
use crate::number::NumberError;

/// The age of a picture that is believed.
const LATE_MAX: Duration = Duration::from_secs(3);

impl Session {
    pub(super) fn frame(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let wire = Wire::of(self.source);
        let result = decode::text(bytes)
            .and_then(|text| wire.decode(text))
            .and_then(|message| self.message(at, message, bytes, out));
        if let Err(error) = result {
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
            Message::Changes(data) => self.changes(at, &data, bytes, out),
            Message::Picture(data) => self.picture(at, &data, bytes, out),
            Message::Trade(data) => self.trade(at, &data, out),
            Message::Candle(data) => self.candle(at, &data, out),
            Message::Ticker(data) => self.ticker(at, &data),
            Message::Ignored => Ok(()),
            Message::Welcome { pings } => {
                self.welcome(at, pings);
                Ok(())
            }
            Message::Pong => {
                self.pong_due = None;
                Ok(())
            }
            Message::Accepted { id } => {
                self.accepted(at, id);
                Ok(())
            }
            Message::Refused(refused) => {
                self.refused(at, &refused, bytes, out);
                Ok(())
            }
        }
    }

    fn welcome(&mut self, at: Timestamp, pings: Option<Pings>) {
        self.welcomed_at = Some(at);
        self.unwelcome = 0;
        self.pings = pings.unwrap_or(self.pings);
        self.want_time(at);
    }

    fn find(&mut self, symbol: &str, channel: Channel, at: Timestamp) -> Result<usize, DecodeError> {
        let index = *self.by_symbol.get(symbol).ok_or_else(|| DecodeError::unknown_symbol(symbol))?;
        let symbol = &mut self.symbols[index];
        symbol.market.heard(at);
        if !std::mem::replace(&mut symbol.voices[channel as usize].was_heard, true) {
            self.subscribing.forget(channel, index);
        }
        Ok(index)
    }

    fn changes(
        &mut self,
        at: Timestamp,
        data: &ChangesData<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), Channel::Book, at)?;
        let symbol = &mut self.symbols[index];
        symbol.market.counts.deltas += 1;
        let verdict = symbol.book.changes(data);
        if let Some(venue_at) = data.venue_at {
            self.link.clock.observe(at, venue_at);
        }
        self.booked(at, index, verdict, data.venue_at, bytes, out);
        Ok(())
    }

    fn picture(
        &mut self,
        at: Timestamp,
        data: &PictureData<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), Channel::Book, at)?;
        if let Some(venue_at) = data.venue_at {
            self.link.clock.observe(at, venue_at);
            // It was long on its way: the book may be another one by now, and the next picture may have been left out.
            let clock = &self.link.clock;
            if clock.now(at).since(venue_at).max(clock.delay()) > LATE_MAX {
                let market = &mut self.symbols[index].market;
                market.count_book(Verdict::Old, None);
                market.broken(StaleReason::Silent, out);
                return Ok(());
            }
        }
        let verdict = self.symbols[index].book.picture(data);
        self.booked(at, index, verdict, data.venue_at, bytes, out);
        Ok(())
    }

    /// What follows from what a message did to a book.
    fn booked(
        &mut self,
        at: Timestamp,
        index: usize,
        verdict: Result<Verdict, NumberError>,
        venue_at: Option<Timestamp>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) {
        let symbol = &mut self.symbols[index];
        symbol.market.heard_book(at);
        match verdict {
            Ok(verdict) => {
                symbol.market.count_book(verdict, venue_at);
                if matches!(verdict, Verdict::Rebuilt | Verdict::Held) {
                    symbol.resubscribe_at = None;
                }
                match verdict {
                    Verdict::Broken(reason) => symbol.broken(at, self.source, reason, out),
                    Verdict::SnapshotTooOld => symbol.broken(at, self.source, StaleReason::SequenceGap, out),
                    _ => symbol.settle(at, venue_at, out),
                }
            }
            Err(error) => {
                let is_too_precise = error.reason() == RejectReason::TooPrecise;
                self.link.reject_of(symbol.market.wanted.id, error.reason(), error, bytes, out);
                symbol.broken(at, self.source, StaleReason::Malformed, out);
                // The rules may have changed.
                if is_too_precise && self.rules_at.is_none_or(|rules_at| at.since(rules_at) >= RULES_WHILE_SUSPICIOUS) {
                    self.want_rules(at);
                }
            }
        }
    }

    fn trade(&mut self, at: Timestamp, data: &TradeData<'_>, out: &mut Vec<FeedOutput>) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), Channel::Trades, at)?;
        let symbol = &mut self.symbols[index];
        let Some(instrument) = &symbol.market.instrument else { return Ok(()) };
        let trade = data.trade(instrument.id, instrument.scale)?;
        self.link.clock.observe(at, trade.venue_at);
        symbol.market.trade(at, data.number, trade, out);
        Ok(())
    }

    fn candle(&mut self, at: Timestamp, data: &CandleData<'_>, out: &mut Vec<FeedOutput>) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), Channel::Candles, at)?;
        if let Some(venue_at) = data.venue_at {
            self.link.clock.observe(at, venue_at);
        }
        let symbol = &mut self.symbols[index];
        let is_minute = data.interval.as_str() == "1min";
        let Some(instrument) = symbol.market.instrument.as_ref().filter(|_| is_minute) else { return Ok(()) };
        let candle = data.row.candle(instrument.scale)?;
        symbol.market.counts.candles += 1;
        if let Some(closed) = symbol.candles.row(candle) {
            symbol.market.count_minute(at, &closed);
            symbol.market.final_candle(closed, CandleSource::Stream, out);
        }
        Ok(())
    }

    fn ticker(&mut self, at: Timestamp, data: &TickerData<'_>) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str(), Channel::Tickers, at)?;
        let symbol = &mut self.symbols[index];
        let Some(instrument) = &symbol.market.instrument else { return Ok(()) };
        symbol.ticker.ticker(data.ticker(instrument.id, instrument.scale)?);
        Ok(())
    }

    fn accepted(&mut self, at: Timestamp, id: Option<u64>) {
        if let Some(batch) = id.and_then(|id| self.subscribing.take(id)) {
            for index in batch.symbols {
                self.symbols[index].voices[batch.channel as usize].accepted_at = Some(at);
            }
        }
    }

    fn refused(&mut self, at: Timestamp, refused: &Refused<'_>, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        // A token that is not taken any more ends the connection, whatever it was answered to (section 2.1).
        if refused.code == Some(401) {
            self.link.reject(Rejection::new(RejectReason::VenueError, refused.text.as_str(), bytes), out);
            self.link.reconnect(ReconnectReason::Handshake, out);
            return;
        }
        let Some(Batch { channel, symbols }) = refused.id.and_then(|id| self.subscribing.take(id)) else {
            self.link.reject(Rejection::new(RejectReason::VenueError, refused.text.as_str(), bytes), out);
            return;
        };
        let text = refused.text.as_str();
        for index in &symbols {
            let id = self.symbols[*index].market.wanted.id;
            self.link.reject_of(id, RejectReason::SubscribeRefused, text, bytes, out);
        }
        // One wrong symbol spoils its list (section 7.5): asked for one by one, the others are accepted.
        let is_spoiled = symbols.len() > 1 && matches!(refused.code, Some(400 | 404));
        if is_spoiled {
            for index in symbols {
                self.subscribing.want(Batch { channel, symbols: vec![index] });
            }
        } else {
            let again_at = self.refusals.failed(at);
            self.subscribing.want_again(Batch { channel, symbols }, again_at);
        }
    }
}
