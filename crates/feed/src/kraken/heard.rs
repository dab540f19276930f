//! What Kraken says, and what follows from it.

use types::Timestamp;
use types::market::{CandleSource, StaleReason};

use super::book::Change;
use super::messages::{self, CandleData, Channel, Kind, Message, Pairs, Refused, Subscribed, TradeData};
use super::quick::{self, Quick, Update, UpdateTail};
use super::{RULES_REFETCH, Session, instruments};
use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedOutput, RejectReason, Rejection};

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
        let head = match quick::read(bytes)? {
            Quick::Heartbeat => return Some(()),
            Quick::Update(head) => head,
        };
        let index = self.by_symbol.get(head.symbol)?;
        let mut levels = std::mem::take(&mut self.levels);
        let tail = head.read(self.pairs[index].book.scale(), &mut levels);
        if let Some(UpdateTail { checksum, timestamp }) = tail {
            let venue_at = timestamp.and_then(|text| self.times.read(text));
            self.book(at, index, Kind::Update, &Update { levels: &levels, checksum, venue_at }, bytes, out);
        }
        self.levels = levels;
        tail.map(|_| ())
    }

    pub(super) fn message(
        &mut self,
        at: Timestamp,
        message: Message<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        match message {
            Message::Heartbeat | Message::Ignored => {}
            Message::Status { is_online } => self.status(at, is_online, out),
            Message::Pong { venue_at } => {
                if let Some(venue_at) = venue_at {
                    self.link.clock.observe(at, venue_at);
                }
            }
            Message::Instrument { kind, pairs } => self.learn(at, kind, &pairs, bytes, out),
            Message::Book { kind, books } => {
                for data in &books {
                    let index = self.find(data.symbol.as_str())?;
                    self.book(at, index, kind, data, bytes, out);
                }
            }
            Message::Trades { trades } => self.trades(at, &trades, out)?,
            Message::Candles { venue_at, rows } => {
                if let Some(venue_at) = venue_at {
                    self.link.clock.observe(at, venue_at);
                }
                for row in &rows {
                    self.candle(at, row, out)?;
                }
            }
            Message::Subscribed(subscribed) => self.subscribed(&subscribed),
            Message::Refused(refused) => self.refused(at, &refused, bytes, out),
            Message::Error { text } => {
                self.link.reject(Rejection::new(RejectReason::VenueError, text, bytes), out);
            }
        }
        Ok(())
    }

    /// While the venue is restricted no book of it is believed, and silence is no reason to connect anew.
    fn status(&mut self, at: Timestamp, is_online: bool, out: &mut Vec<FeedOutput>) {
        let resumes = is_online && !self.is_online;
        self.is_online = is_online;
        for pair in &mut self.pairs {
            if !is_online {
                pair.market.broken(StaleReason::Halted, out);
            } else if resumes && pair.book_subscription.is_live() {
                pair.resync_at = Some(at);
            }
        }
    }

    pub(super) fn find(&self, symbol: &str) -> Result<usize, DecodeError> {
        self.by_symbol.get(symbol).ok_or_else(|| DecodeError::unknown_symbol(symbol))
    }

    pub(super) fn learn(
        &mut self,
        at: Timestamp,
        kind: Kind,
        pairs: &Pairs<'_>,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) {
        let mut seen = vec![false; self.pairs.len()];
        let mut newcomers = Vec::new();
        let by_symbol = &self.by_symbol;
        for pair_data in pairs.find(|symbol| by_symbol.get(symbol).is_some()) {
            let learned = pair_data.and_then(|data| {
                let index = self.find(data.symbol.as_str())?;
                let instrument = instruments::instrument(self.pairs[index].market.wanted.id, &data)?;
                Ok((index, instrument, data.is_trading()))
            });
            match learned {
                Ok((index, instrument, is_trading)) => {
                    seen[index] = true;
                    let pair = &mut self.pairs[index];
                    let scale = instrument.scale;
                    if pair.market.set_trading(is_trading, out) && pair.book_subscription.is_live() {
                        pair.resync_at = Some(at);
                    }
                    if pair.market.learn(instrument, out) {
                        pair.book.restart(self.settings.book_depth, scale);
                        pair.market.broken(StaleReason::Resync, out);
                        // Where the book is subscribed already, its levels have other digits from now on.
                        match self.subscribed_at {
                            Some(_) if pair.book_subscription.is_off() => newcomers.push(index),
                            Some(_) => pair.resync_at = Some(at),
                            None => {}
                        }
                    }
                }
                Err(error) => self.link.reject(Rejection::new(error.reason, error, bytes), out),
            }
        }
        if kind == Kind::Snapshot {
            self.rules.answered();
            self.link.listings.learn(instruments::traded(pairs));
            self.note_missing(&seen, out);
        }
        if !self.link.is_up() {
            return;
        }
        if self.subscribed_at.is_some() {
            self.subscribe_data(at, &newcomers);
        } else if seen.contains(&true) {
            let listed: Vec<usize> =
                (0..self.pairs.len()).filter(|index| self.pairs[*index].market.instrument.is_some()).collect();
            self.subscribe_data(at, &listed);
            self.subscribed_at = Some(at);
        }
    }

    pub(super) fn note_missing(&mut self, seen: &[bool], out: &mut Vec<FeedOutput>) {
        for (pair, _) in self.pairs.iter_mut().zip(seen).filter(|(_, is_listed)| !**is_listed) {
            if pair.market.not_listed(out) {
                let symbol = pair.market.wanted.symbol.clone();
                let detail = format_args!("kraken does not list {symbol}");
                self.link.reject_of(pair.market.wanted.id, RejectReason::NotListed, detail, symbol.as_bytes(), out);
            }
        }
    }

    pub(super) fn book(
        &mut self,
        at: Timestamp,
        index: usize,
        kind: Kind,
        change: &impl Change,
        bytes: &[u8],
        out: &mut Vec<FeedOutput>,
    ) {
        let pair = &mut self.pairs[index];
        pair.market.heard_book(at);
        match kind {
            Kind::Snapshot => pair.book_subscription.answered(),
            Kind::Update => pair.market.counts.deltas += 1,
        }
        let venue_at = change.venue_at();
        if let Some(venue_at) = venue_at {
            self.link.clock.observe(at, venue_at);
        }
        let applied = pair.book.apply(kind, change);
        let counts = &mut pair.market.counts;
        (counts.checksums_checked, counts.checksums_matched) = pair.book.checksums();
        match applied {
            Ok(verdict) => {
                pair.market.count_book(verdict, venue_at);
                match verdict {
                    Verdict::Crossed => pair.market.broken(StaleReason::Crossed, out),
                    Verdict::Broken(reason) => self.resync(index, at, reason, out),
                    _ => {}
                }
            }
            Err(error) => {
                let id = pair.market.wanted.id;
                self.link.reject_of(id, error.reason(), error, bytes, out);
                self.resync(index, at, StaleReason::Malformed, out);
            }
        }
    }

    /// The book of one symbol does not hold: stale, and subscribed anew, soon or later.
    pub(super) fn resync(&mut self, index: usize, at: Timestamp, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        let pair = &mut self.pairs[index];
        pair.market.broken(reason, out);
        pair.resync_at = Some(pair.resync.failed(at));
        // Section 10.2: changed precisions make all checksums fail.
        let is_suspicious = pair.resync.failures() >= 2;
        if is_suspicious && self.rules_asked_at.is_none_or(|asked| at.since(asked) >= RULES_REFETCH) {
            let req_id = self.req_id();
            let unsubscribe = r#"{"method":"unsubscribe","params":{"channel":"instrument"},"req_id":"#;
            self.outbox.push(format!("{unsubscribe}{req_id}}}"));
            self.ask_rules(at);
        }
    }

    pub(super) fn trades(
        &mut self,
        at: Timestamp,
        trades: &[TradeData<'_>],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        // A snapshot's order is not promised, and the gate lets only rising numbers pass.
        let mut order: Vec<&TradeData<'_>> = trades.iter().collect();
        order.sort_by_key(|trade| trade.trade_id);
        for data in order {
            let index = self.find(data.symbol.as_str())?;
            let pair = &mut self.pairs[index];
            pair.market.heard(at);
            pair.trade_subscription.answered();
            let Some(instrument) = &pair.market.instrument else { continue };
            let trade = data.trade(instrument.id, instrument.scale)?;
            self.link.clock.observe(at, trade.venue_at);
            pair.market.trade(at, data.trade_id, trade, out);
        }
        Ok(())
    }

    pub(super) fn candle(
        &mut self,
        at: Timestamp,
        data: &CandleData<'_>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let index = self.find(data.symbol.as_str())?;
        let pair = &mut self.pairs[index];
        pair.market.heard(at);
        pair.ohlc_subscription.answered();
        let Some(instrument) = pair.market.instrument.as_ref().filter(|_| data.interval == 1) else { return Ok(()) };
        let candle = data.candle(instrument.scale)?;
        pair.market.counts.candles += 1;
        if let Some(closed) = pair.candles.row(candle) {
            pair.market.count_minute(at, &closed);
            pair.market.final_candle(closed, CandleSource::Stream, out);
        }
        Ok(())
    }

    pub(super) fn subscribed(&mut self, subscribed: &Subscribed<'_>) {
        let Some(symbol) = &subscribed.symbol else { return };
        let Ok(index) = self.find(symbol.as_str()) else { return };
        let pair = &mut self.pairs[index];
        // The book is answered by its snapshot and the rules by theirs: without one, the time runs out.
        match subscribed.channel {
            Some(Channel::Trade) => pair.trade_subscription.answered(),
            Some(Channel::Ohlc) => pair.ohlc_subscription.answered(),
            Some(Channel::Book | Channel::Instrument) | None => {}
        }
    }

    pub(super) fn refused(&mut self, at: Timestamp, refused: &Refused<'_>, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let channel = self.asked.iter().find(|(id, _)| Some(*id) == refused.req_id).map(|(_, channel)| *channel);
        if refused.stands_already() {
            let symbol = refused.symbol.clone();
            self.subscribed(&Subscribed { channel, symbol, depth: None });
            return;
        }
        let index = refused.symbol.as_ref().and_then(|symbol| self.find(symbol.as_str()).ok());
        let mut rejection = Rejection::new(RejectReason::SubscribeRefused, &refused.text, bytes);
        rejection.instrument = index.map(|index| self.pairs[index].market.wanted.id);
        self.link.reject(rejection, out);
        // Without a symbol, the whole request was refused; without a number, whatever was asked for the symbol.
        for (number, pair) in self.pairs.iter_mut().enumerate() {
            if index.is_some_and(|index| index != number) {
                continue;
            }
            for (of, subscription) in [
                (Channel::Book, &mut pair.book_subscription),
                (Channel::Trade, &mut pair.trade_subscription),
                (Channel::Ohlc, &mut pair.ohlc_subscription),
            ] {
                let is_meant = channel.map_or(index.is_some(), |channel| channel == of);
                if is_meant && subscription.is_asked() {
                    subscription.refused(at);
                }
            }
        }
    }
}
