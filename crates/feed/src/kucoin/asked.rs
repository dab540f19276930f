//! What KuCoin is asked for: channels on the socket; leave to connect, rules, snapshots and history by REST.

use std::cmp::Ordering;

use types::market::StaleReason;
use types::{Instrument, Timestamp, Trade};

use super::instruments::{self, SymbolData, Symbols};
use super::messages::TradeData;
use super::rest::{self, AnswerError, VenueState};
use super::subscribing::Batch;
use super::wire::Action;
use super::{Ask, Channel, KucoinBook, RENEWAL_FAILURES_MAX, SNAPSHOT_LEVELS, Session, Wire, handshake};
use crate::book::Verdict;
use crate::decode::DecodeError;
use crate::io::{FeedOutput, Priority, ReconnectReason, RejectReason, Rejection, RequestId};
use crate::session::{Answer, Gap};

impl Session {
    pub(super) fn want_token(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        self.requests.want(Ask::Token, Priority::Connect, rest::token(), at);
        self.requests.poll(at, out);
    }

    /// Ours may be wrong, and the history is asked for by time.
    pub(super) fn want_time(&mut self, at: Timestamp) {
        self.requests.want(Ask::Time, Priority::Rules, rest::time(), at);
    }

    pub(super) fn want_state(&mut self, at: Timestamp) {
        self.requests.want(Ask::State, Priority::Rules, rest::state(), at);
    }

    pub(super) fn want_rules(&mut self, not_before: Timestamp) {
        self.requests.want(Ask::Rules, Priority::Rules, rest::symbols(), not_before);
    }

    pub(super) fn want_snapshot(&mut self, index: usize) {
        let symbol = &self.symbols[index];
        if symbol.book.wants_snapshot() && !self.requests.is_wanted(Ask::Snapshot(index)) {
            let is_whole = self.source == KucoinBook::AllChanges;
            let call = if is_whole { rest::whole_snapshot(&symbol.code) } else { rest::snapshot(&symbol.code) };
            self.requests.want(Ask::Snapshot(index), Priority::Book, call, symbol.snapshot_at);
        }
    }

    /// Asks for trades that were missed, as soon as the stream tells the present ones.
    pub(super) fn want_missed_trades(&mut self, index: usize, at: Timestamp) {
        let symbol = &mut self.symbols[index];
        if symbol.repair_at().is_some()
            && let Some(gap) = symbol.market.repair(at)
        {
            symbol.missed = Some(gap);
            let call = rest::trades_of(&symbol.code);
            self.requests.want(Ask::Trades(index), Priority::Repair, call, at);
        }
    }

    pub(super) fn want_candles(&mut self, index: usize, at: Timestamp, not_before: Timestamp) {
        let most = u64::from(self.settings.history_minutes);
        if most > 0 {
            let symbol = &self.symbols[index];
            // A minute more, for the pages of this venue are not quite clear about their ends.
            let minutes = symbol.market.missed_minutes(at).map_or(most, |missed| missed.min(most)) + 2;
            let now_s = self.link.clock.now(at).as_secs();
            let start = Timestamp::from_secs(now_s.saturating_sub(minutes as i64 * 60).max(0));
            let call = rest::candles_from(&symbol.code, start);
            self.requests.want(Ask::Candles(index), Priority::History, call, not_before);
        }
    }

    /// Wants all channels of all symbols whose rules are known and that are not subscribed on this connection, as far
    /// as the topics of a connection reach.
    pub(super) fn subscribe_newcomers(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if !self.symbols.iter().any(|symbol| symbol.is_newcomer() && !symbol.is_limit_told) {
            return;
        }
        let room = (self.settings.kucoin.topics_max / Channel::ALL.len())
            .saturating_sub(self.symbols.iter().filter(|symbol| symbol.is_subscribed).count());
        let newcomers: Vec<usize> =
            (0..self.symbols.len()).filter(|index| self.symbols[*index].is_newcomer()).collect();
        let (within, beyond) = newcomers.split_at(room.min(newcomers.len()));
        for index in beyond {
            let symbol = &mut self.symbols[*index];
            if !std::mem::replace(&mut symbol.is_limit_told, true) {
                let detail = format_args!("more than {} topics on one connection", self.settings.kucoin.topics_max);
                let id = symbol.market.wanted.id;
                self.link.reject_of(id, RejectReason::SubscribeRefused, detail, symbol.code.as_bytes(), out);
            }
        }
        for channel in Channel::ALL {
            let most = if Wire::of(self.source).has_lists(channel) {
                self.settings.kucoin.symbols_per_request.max(1)
            } else {
                1
            };
            for symbols in within.chunks(most) {
                self.subscribing.want(Batch { channel, symbols: symbols.to_vec() });
            }
        }
        for index in within {
            self.symbols[*index].is_subscribed = true;
            self.symbols[*index].history.reset();
            self.want_candles(*index, at, at);
        }
    }

    /// Hands the next subscription to the outbox, when that has sent the one before: the time to answer runs from then.
    pub(super) fn subscribe_next(&mut self, at: Timestamp) {
        if self.outbox.deadline().is_none()
            && let Some((id, batch)) = self.subscribing.ask_next(at)
        {
            self.push(id, Action::Subscribe, &batch);
        }
    }

    /// A channel of one symbol from its beginning.
    pub(super) fn resubscribe(&mut self, channel: Channel, index: usize) {
        let batch = Batch { channel, symbols: vec![index] };
        self.subscribing.forget(channel, index);
        let id = self.subscribing.id();
        self.push(id, Action::Unsubscribe, &batch);
        self.subscribing.want(batch);
    }

    fn push(&mut self, id: u64, action: Action, batch: &Batch) {
        let symbols: Vec<&str> = batch.symbols.iter().map(|index| self.symbols[*index].code.as_str()).collect();
        self.outbox.push(Wire::of(self.source).request(id, action, batch.channel, &symbols));
    }

    pub(super) fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(ask) = self.requests.take(request) else {
            // The venue remembers a hundred trades: those in an answer may be gone before the next one.
            if let (Some(Ask::Trades(index)), Answer::Response { body, .. }) =
                (self.requests.take_late(request), answer)
                && let Ok(rows) = self.trades_of(index, body, out)
            {
                self.symbols[index].market.repaired_late(rows, out);
            }
            return;
        };
        let (status, body) = match answer {
            Answer::Failed => return self.failed(at, ask, &DecodeError::malformed("no answer").into(), &[], out),
            Answer::Response { status, body } => (status, body),
        };
        match self.answered(at, ask, body, out) {
            Ok(()) => {}
            // The venue's own code says more than the status, where there is one.
            Err(AnswerError::Unreadable(_)) if status != 200 => {
                let error = DecodeError::malformed(format_args!("HTTP status {status}"));
                self.failed(at, ask, &error.into(), body, out);
            }
            Err(error) => {
                if error.is_rate_limit() && status == 200 {
                    self.requests.too_fast();
                }
                self.failed(at, ask, &error, body, out);
            }
        }
    }

    fn answered(&mut self, at: Timestamp, ask: Ask, body: &[u8], out: &mut Vec<FeedOutput>) -> Result<(), AnswerError> {
        match ask {
            Ask::Token => {
                let connect_id = format!("{:x}-{}", self.settings.seed, self.link.connections + 1);
                let leave = handshake::read(body, self.server, &connect_id)?;
                self.pings = leave.pings;
                out.push(FeedOutput::Connect(self.link.id, leave.target));
            }
            Ask::Time => self.link.clock.learn(at, rest::venue_time(body)?),
            Ask::State => self.heard_state(at, rest::venue_state(body)?, out),
            Ask::Rules => self.learn(at, &Symbols::read(body)?, body, out),
            Ask::Snapshot(index) => self.snapshot(at, index, body, out)?,
            Ask::Candles(index) => self.candles(at, index, body, out)?,
            Ask::Trades(index) => self.missed_trades(at, index, body, out)?,
        }
        Ok(())
    }

    /// Section 7.12: in maintenance the sockets stay up and silent, so books are only what they were. What is said all
    /// the same is believed.
    fn heard_state(&mut self, at: Timestamp, state: VenueState, out: &mut Vec<FeedOutput>) {
        self.state_at = Some(at);
        self.venue_state = state;
        if state == VenueState::Closed {
            for symbol in &mut self.symbols {
                symbol.market.broken(StaleReason::Halted, out);
            }
        }
    }

    fn learn(&mut self, at: Timestamp, listed: &Symbols<'_>, body: &[u8], out: &mut Vec<FeedOutput>) {
        self.rules_at = Some(at);
        self.rules_retry.reset();
        self.link.listings.learn(listed.traded());
        let mut seen = vec![None; self.symbols.len()];
        for (names, raw) in listed.names() {
            // The permanent code counts; a name only where nothing has it as its code.
            let by_code = self.symbols.iter().position(|s| s.market.wanted.symbol == names.symbol.as_str());
            let by_name = || {
                let name = names.name.as_ref()?.as_str();
                self.symbols.iter().position(|symbol| symbol.market.wanted.symbol == name)
            };
            match by_code.map(|index| (index, true)).or_else(|| Some((by_name()?, false))) {
                Some((index, true)) => seen[index] = Some(raw),
                Some((index, false)) => {
                    seen[index].get_or_insert(raw);
                }
                None => {}
            }
        }
        for (index, raw) in seen.into_iter().enumerate() {
            let id = self.symbols[index].market.wanted.id;
            let learned = raw.map(|raw| -> Result<_, DecodeError> {
                let data = SymbolData::read(raw)?;
                Ok((instruments::instrument(id, &data)?, data.is_trading()))
            });
            match learned {
                Some(Ok((instrument, is_trading))) => self.learned(at, index, instrument, is_trading, out),
                Some(Err(error)) => self.link.reject_of(id, error.reason, error, body, out),
                None => self.not_listed(index, out),
            }
        }
    }

    fn learned(
        &mut self,
        at: Timestamp,
        index: usize,
        instrument: Instrument,
        is_trading: bool,
        out: &mut Vec<FeedOutput>,
    ) {
        let symbol = &mut self.symbols[index];
        if symbol.code != instrument.symbol {
            symbol.code.clone_from(&instrument.symbol);
            self.by_symbol.insert(instrument.symbol.clone(), index);
        }
        let resumes = symbol.market.set_trading(is_trading, out);
        if symbol.market.learn(instrument, out) || resumes {
            symbol.forget_book(self.source);
            symbol.market.broken(StaleReason::Resync, out);
            // Where the book is subscribed already, its levels have other digits from now on.
            if symbol.is_subscribed && self.source == KucoinBook::Unified {
                symbol.resubscribe_at = Some(at);
            }
        }
    }

    fn not_listed(&mut self, index: usize, out: &mut Vec<FeedOutput>) {
        let symbol = &mut self.symbols[index];
        if symbol.market.not_listed(out) {
            let wanted = &symbol.market.wanted;
            let detail = format_args!("kucoin does not list {}", wanted.symbol);
            self.link.reject_of(wanted.id, RejectReason::NotListed, detail, wanted.symbol.as_bytes(), out);
        }
    }

    fn snapshot(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), AnswerError> {
        let symbol = &mut self.symbols[index];
        // The connection broke meanwhile: there is nothing the snapshot could join.
        if !symbol.book.wants_snapshot() {
            return Ok(());
        }
        let data = rest::book(&symbol.code, body)?;
        let levels_max = if self.source == KucoinBook::AllChanges { usize::MAX } else { SNAPSHOT_LEVELS };
        let verdict = symbol.book.snapshot(&data, levels_max).map_err(DecodeError::from)?;
        symbol.market.count_book(verdict, data.venue_at);
        match verdict {
            Verdict::Rebuilt => symbol.renewed_at = Some(at),
            Verdict::SnapshotTooOld => {
                symbol.snapshot_at = symbol.snapshot.failed(at);
                symbol.renewal_failures += 1;
                // Numbers that do not meet the snapshots' any more prove nothing.
                if symbol.renewal_failures >= RENEWAL_FAILURES_MAX && symbol.market.publisher.is_live() {
                    symbol.book.forget();
                    symbol.broken(at, self.source, StaleReason::Resync, out);
                }
            }
            _ => {
                symbol.settle(at, data.venue_at, out);
                if symbol.book.is_behind() {
                    symbol.behind_since = Some(at);
                }
            }
        }
        Ok(())
    }

    fn candles(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), AnswerError> {
        let now = self.link.clock.now(at);
        let symbol = &mut self.symbols[index];
        let Some(instrument) = &symbol.market.instrument else { return Ok(()) };
        let minutes = rest::candles(body, instrument.scale, now)?;
        symbol.market.history(at, &self.link.clock, &minutes.closed, self.settings.history_minutes, out);
        // A minute in which nothing trades any more is not told by the stream: what is known of it now closes in time.
        if let Some(closed) = minutes.running.and_then(|running| symbol.candles.row(running)) {
            symbol.market.final_candle(closed, types::market::CandleSource::Stream, out);
        }
        Ok(())
    }

    fn missed_trades(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), AnswerError> {
        let rows = self.trades_of(index, body, out)?;
        self.symbols[index].market.repaired(at, rows, out);
        Ok(())
    }

    /// The trades of an answer that may be missing here.
    fn trades_of(
        &mut self,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<Vec<(u64, Trade)>, AnswerError> {
        let symbol = &mut self.symbols[index];
        let (Some(instrument), Some(gap)) = (&symbol.market.instrument, symbol.missed.take()) else {
            return Ok(Vec::new());
        };
        let (id, scale) = (instrument.id, instrument.scale);
        let mut rows = rest::histories(&symbol.code, body)?;
        if !rows.iter().all(|row| is_numbered_alike(row, &gap)) {
            let detail = "missed trades are numbered in another way than those of the stream: not used";
            self.link.reject_of(id, RejectReason::RequestFailed, detail, body, out);
            rows.clear();
        }
        // What lies before the break was heard, but for what was lost without anybody's notice.
        rows.retain(|row| symbol.market.first_trade_at().is_some_and(|first| row.venue_at >= first));
        let rows: Result<Vec<_>, DecodeError> =
            rows.iter().map(|row| Ok((row.number, row.trade(id, scale)?))).collect();
        Ok(rows?)
    }

    /// The whole book is not for us.
    fn take_public_snapshots(&mut self, out: &mut Vec<FeedOutput>) {
        let detail = "whole books need a key: from now on books are built on public snapshots of a hundred levels";
        self.link.reject(Rejection::new(RejectReason::VenueError, detail, &[]), out);
        self.source = KucoinBook::Changes;
        for symbol in &mut self.symbols {
            symbol.book.continue_from(KucoinBook::Changes);
        }
    }

    fn failed(&mut self, at: Timestamp, ask: Ask, error: &AnswerError, body: &[u8], out: &mut Vec<FeedOutput>) {
        let (what, index) = match ask {
            Ask::Token => ("token", None),
            Ask::Time => ("venue time", None),
            Ask::State => ("venue state", None),
            Ask::Rules => ("instrument rules", None),
            Ask::Snapshot(index) => ("book snapshot", Some(index)),
            Ask::Candles(index) => ("candle history", Some(index)),
            Ask::Trades(index) => ("missed trades", Some(index)),
        };
        // An answer to the request for a token may hold one.
        let sample = if ask == Ask::Token { &[] } else { body };
        let mut rejection = Rejection::new(RejectReason::RequestFailed, format_args!("{what}: {error}"), sample);
        rejection.instrument = index.map(|index| self.symbols[index].market.wanted.id);
        self.link.reject(rejection, out);
        match ask {
            Ask::Token => out.push(FeedOutput::Reconnect(self.link.id, ReconnectReason::Handshake)),
            // Messages tell it too.
            Ask::Time => {}
            Ask::State => self.state_at = Some(at),
            Ask::Rules => {
                let again_at = self.rules_retry.failed(at);
                self.want_rules(again_at);
            }
            // Asked again by the poll, as long as the book wants one.
            Ask::Snapshot(index) => {
                if self.source == KucoinBook::AllChanges && error.is_key_wanted() {
                    self.take_public_snapshots(out);
                }
                let symbol = &mut self.symbols[index];
                symbol.snapshot_at = symbol.snapshot.failed(at);
            }
            Ask::Candles(index) => {
                let again_at = self.symbols[index].history.failed(at);
                if error.is_retryable() && self.is_welcome() {
                    self.want_candles(index, at, again_at);
                }
            }
            Ask::Trades(index) => self.symbols[index].market.repair_failed(at),
        }
    }
}

/// Numbers and times of trades agree about what came before the gap and what behind its begin. The history of the venue
/// has the numbers of its stream as far as is known, and trades must not be told twice where it has not.
fn is_numbered_alike(row: &TradeData<'_>, gap: &Gap) -> bool {
    match row.venue_at.cmp(&gap.since) {
        Ordering::Less => row.number < gap.first,
        Ordering::Equal => true,
        Ordering::Greater => row.number >= gap.first,
    }
}
