//! What Binance.US is asked for: streams on the socket; rules, snapshots and history by REST.

use std::time::Duration;

use types::Timestamp;
use types::market::StaleReason;

use super::instruments::{self, ExchangeInfo};
use super::messages::{self, Message};
use super::{Ask, BATCH, Batch, BatchState, STREAMS, Session, rest, stream_name};
use crate::book::Verdict;
use crate::decode::{self, DecodeError};
use crate::io::{FeedOutput, Priority, RejectReason, Rejection, RequestId};
use crate::session::Answer;

/// All symbols' rules are a long answer that nothing waits for: books come first.
const ALL_AFTER: Duration = Duration::from_secs(10);

impl Session {
    pub(super) fn id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Subscribes all symbols whose rules are known and that are not subscribed on this connection.
    pub(super) fn subscribe_newcomers(&mut self, at: Timestamp) {
        let (mut streams, mut newcomers) = (Vec::new(), Vec::new());
        for (index, symbol) in self.symbols.iter_mut().enumerate().filter(|(_, symbol)| symbol.is_newcomer()) {
            symbol.subscribed_at = Some(at);
            symbol.history.reset();
            let name = &symbol.market.wanted.symbol;
            streams.extend(STREAMS.iter().map(|stream| stream_name(name, stream.channel)));
            newcomers.push(index);
        }
        newcomers.into_iter().for_each(|index| self.want_candles(index, at, at));
        for batch in streams.chunks(BATCH) {
            self.subscribe(at, batch.to_vec());
        }
    }

    /// The newest candles, as many as may be missing, and the running one.
    pub(super) fn want_candles(&mut self, index: usize, at: Timestamp, not_before: Timestamp) {
        let most = u64::from(self.settings.history_minutes);
        if most > 0 {
            let market = &self.symbols[index].market;
            let rows = market.missed_minutes(at).map_or(most + 1, |missed| (missed + 2).min(most + 1));
            let call = rest::candles_of(&market.wanted.symbol, rows);
            self.requests.want(Ask::Candles(index), Priority::History, call, not_before);
        }
    }

    pub(super) fn subscribe(&mut self, at: Timestamp, streams: Vec<String>) {
        let id = self.id();
        let quoted: Vec<String> = streams.iter().map(|stream| format!("\"{stream}\"")).collect();
        let params = quoted.join(",");
        self.outbox.push(format!(r#"{{"method":"SUBSCRIBE","params":[{params}],"id":{id}}}"#));
        self.subscribing.push(Batch { id, streams, state: BatchState::Asked { since: at } });
    }

    /// Subscribes a stream of one symbol anew.
    pub(super) fn resubscribe(&mut self, at: Timestamp, index: usize, stream: usize) {
        let id = self.id();
        let name = stream_name(&self.symbols[index].market.wanted.symbol, STREAMS[stream].channel);
        self.outbox.push(format!(r#"{{"method":"UNSUBSCRIBE","params":["{name}"],"id":{id}}}"#));
        self.subscribe(at, vec![name]);
    }

    pub(super) fn want_rules(&mut self, not_before: Timestamp) {
        let symbols = self.symbols.iter().map(|symbol| symbol.market.wanted.symbol.as_str());
        self.requests.want(Ask::Rules, Priority::Rules, rest::exchange_info(symbols), not_before);
    }

    /// Asks for trades that were missed, as soon as the stream tells the present ones.
    pub(super) fn want_missed_trades(&mut self, index: usize, at: Timestamp) {
        let symbol = &mut self.symbols[index];
        if let Some(stream) = symbol.live_trades()
            && let Some(gap) = symbol.market.repair(at)
        {
            let call = rest::trades_from(&symbol.market.wanted.symbol, stream, gap.first);
            self.requests.want(Ask::Trades(index), Priority::Repair, call, at);
        }
    }

    pub(super) fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(ask) = self.requests.take(request) else { return };
        let (status, body) = match answer {
            Answer::Failed => return self.failed(at, ask, "no answer", &[], out),
            Answer::Response { status, body } => (status, body),
        };
        if status == 200 {
            self.answered(at, ask, body, out);
        } else if status == 400 && ask == Ask::Rules {
            self.requests.want(Ask::AllRules, Priority::Rules, rest::exchange_info_of_all(), at);
        } else {
            let detail = format!("HTTP status {status}: {}", rest::error_text(body));
            self.failed(at, ask, &detail, body, out);
        }
    }

    pub(super) fn answered(&mut self, at: Timestamp, ask: Ask, body: &[u8], out: &mut Vec<FeedOutput>) {
        let result = match ask {
            Ask::Rules | Ask::AllRules => ExchangeInfo::read(body).map(|info| {
                self.learn(at, &info, body, out);
                self.list(at, ask, &info);
            }),
            Ask::Snapshot(index) => self.snapshot(at, index, body, out),
            Ask::Candles(index) => self.candles(at, index, body, out),
            Ask::Trades(index) => self.missed_trades(at, index, body, out),
        };
        if let Err(error) = result {
            self.failed(at, ask, &error.detail, body, out);
        }
    }

    /// The rules of the wanted symbols say nothing of others: all are asked for once.
    fn list(&mut self, at: Timestamp, ask: Ask, info: &ExchangeInfo<'_>) {
        if ask == Ask::AllRules {
            self.link.listings.learn(info.traded());
        } else if !core::mem::replace(&mut self.has_asked_for_all, true) {
            self.requests.want(Ask::AllRules, Priority::History, rest::exchange_info_of_all(), at.plus(ALL_AFTER));
        }
    }

    pub(super) fn learn(&mut self, at: Timestamp, info: &ExchangeInfo<'_>, body: &[u8], out: &mut Vec<FeedOutput>) {
        self.rules_at = Some(at);
        self.rules_retry.reset();
        if let Some(weight) = info.weight_per_min() {
            self.requests.allow(weight / 2);
        }
        let mut seen = vec![false; self.symbols.len()];
        let by_symbol = &self.by_symbol;
        for data in info.find(|symbol| by_symbol.get(symbol).is_some()) {
            let learned = data.and_then(|data| {
                let index = self.find(data.symbol.as_str())?;
                let instrument = instruments::instrument(self.symbols[index].market.wanted.id, &data)?;
                Ok((index, instrument, data.is_trading()))
            });
            match learned {
                Ok((index, instrument, is_trading)) => {
                    seen[index] = true;
                    let symbol = &mut self.symbols[index];
                    let scale = instrument.scale;
                    let resumes = symbol.market.set_trading(is_trading, out);
                    if symbol.market.learn(instrument, out) || resumes {
                        symbol.book.restart(scale);
                        symbol.broken(at, StaleReason::Resync, out);
                    }
                }
                Err(error) => self.link.reject(Rejection::new(error.reason, error, body), out),
            }
        }
        for (symbol, _) in self.symbols.iter_mut().zip(&seen).filter(|(_, is_listed)| !**is_listed) {
            if symbol.market.not_listed(out) {
                let wanted = &symbol.market.wanted;
                let detail = format_args!("binance-us does not list {}", wanted.symbol);
                self.link.reject_of(wanted.id, RejectReason::NotListed, detail, wanted.symbol.as_bytes(), out);
            }
        }
    }

    pub(super) fn snapshot(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let Message::Snapshot(data) = messages::decode(decode::text(body)?)? else {
            return Err(DecodeError::malformed("no order book in the answer"));
        };
        let symbol = &mut self.symbols[index];
        // The connection broke meanwhile: there is nothing the snapshot could join.
        if !symbol.book.wants_snapshot() {
            return Ok(());
        }
        let is_partial = data.bids.len() >= rest::SNAPSHOT_LIMIT || data.asks.len() >= rest::SNAPSHOT_LIMIT;
        let verdict = symbol.book.snapshot(data.last_id, data.book(symbol.book.scale(), is_partial)?);
        symbol.market.count_book(verdict, None);
        match verdict {
            Verdict::Rebuilt => symbol.renewed_at = Some(at),
            Verdict::SnapshotTooOld => symbol.snapshot_at = symbol.snapshot.failed(at),
            _ => {
                symbol.settle(at, None, out);
                if symbol.book.is_behind() {
                    symbol.behind_since = Some(at);
                }
            }
        }
        Ok(())
    }

    pub(super) fn candles(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let now = self.link.clock.now(at);
        let market = &mut self.symbols[index].market;
        let Some(instrument) = &market.instrument else { return Ok(()) };
        let candles = rest::candles(body, instrument.scale, now)?;
        market.history(at, &self.link.clock, &candles, self.settings.history_minutes, out);
        Ok(())
    }

    fn missed_trades(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let market = &mut self.symbols[index].market;
        let Some(instrument) = &market.instrument else { return Ok(()) };
        let rows = rest::trades_of(body, instrument.id, instrument.scale)?;
        market.repaired(at, rows, out);
        Ok(())
    }

    pub(super) fn failed(&mut self, at: Timestamp, ask: Ask, detail: &str, body: &[u8], out: &mut Vec<FeedOutput>) {
        let (what, index) = match ask {
            Ask::Rules | Ask::AllRules => ("instrument rules", None),
            Ask::Snapshot(index) => ("book snapshot", Some(index)),
            Ask::Candles(index) => ("candle history", Some(index)),
            Ask::Trades(index) => ("missed trades", Some(index)),
        };
        let mut rejection = Rejection::new(RejectReason::RequestFailed, format_args!("{what}: {detail}"), body);
        rejection.instrument = index.map(|index| self.symbols[index].market.wanted.id);
        self.link.reject(rejection, out);
        match ask {
            Ask::Rules | Ask::AllRules => {
                let again_at = self.rules_retry.failed(at);
                self.want_rules(again_at);
            }
            // Asked again by the poll, as long as the book wants one.
            Ask::Snapshot(index) => {
                let symbol = &mut self.symbols[index];
                symbol.snapshot_at = symbol.snapshot.failed(at);
            }
            Ask::Candles(index) => {
                let symbol = &mut self.symbols[index];
                let again_at = symbol.history.failed(at);
                if self.link.is_up() {
                    self.want_candles(index, at, again_at);
                }
            }
            Ask::Trades(index) => self.symbols[index].market.repair_failed(at),
        }
    }
}
