//! What Kraken is asked for: subscriptions on the socket, history by REST.

use std::time::Duration;

use types::Timestamp;

use super::messages::Channel;
use super::{ASKED_MAX, BATCH, HISTORY_TRIES, Session, rest};
use crate::io::{FeedOutput, RejectReason, RequestId};
use crate::session::Answer;

impl Session {
    pub(super) fn req_id(&mut self) -> u64 {
        let id = self.next_req_id;
        self.next_req_id += 1;
        id
    }

    pub(super) fn ask_rules(&mut self, at: Timestamp) {
        let req_id = self.req_id();
        self.remember(req_id, Channel::Instrument);
        let params = r#"{"channel":"instrument","snapshot":true}"#;
        self.outbox.push(format!(r#"{{"method":"subscribe","params":{params},"req_id":{req_id}}}"#));
        self.rules.asked(at);
        self.rules_asked_at = Some(at);
    }

    pub(super) fn remember(&mut self, req_id: u64, channel: Channel) {
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((req_id, channel));
    }

    pub(super) fn subscribe_data(&mut self, at: Timestamp, indexes: &[usize]) {
        for channel in [Channel::Book, Channel::Trade, Channel::Ohlc] {
            for batch in indexes.chunks(BATCH) {
                self.subscribe(at, channel, batch);
            }
        }
        for index in indexes {
            self.pairs[*index].history.reset();
            self.want_history(*index, at);
        }
    }

    pub(super) fn subscribe(&mut self, at: Timestamp, channel: Channel, indexes: &[usize]) {
        let req_id = self.req_id();
        self.remember(req_id, channel);
        let symbols: Vec<String> =
            indexes.iter().map(|index| format!("\"{}\"", self.pairs[*index].market.wanted.symbol)).collect();
        let symbols = symbols.join(",");
        let parameters = match channel {
            Channel::Book => format!(r#""depth":{},"snapshot":true"#, self.settings.book_depth),
            // After a break the fifty newest trades fill what was missed; at the first start they would be history
            // without a beginning.
            Channel::Trade => format!(r#""snapshot":{}"#, self.link.connections > 1),
            Channel::Ohlc => r#""interval":1,"snapshot":true"#.to_owned(),
            Channel::Instrument => r#""snapshot":true"#.to_owned(),
        };
        let name = channel.name();
        self.outbox.push(format!(
            r#"{{"method":"subscribe","params":{{"channel":"{name}","symbol":[{symbols}],{parameters}}},"req_id":{req_id}}}"#
        ));
        for index in indexes {
            let pair = &mut self.pairs[*index];
            match channel {
                Channel::Book => pair.book_subscription.asked(at),
                Channel::Trade => pair.trade_subscription.asked(at),
                Channel::Ohlc => pair.ohlc_subscription.asked(at),
                Channel::Instrument => {}
            }
        }
    }

    pub(super) fn unsubscribe_book(&mut self, index: usize) {
        let req_id = self.req_id();
        let symbol = &self.pairs[index].market.wanted.symbol;
        let depth = self.settings.book_depth;
        self.outbox.push(format!(
            r#"{{"method":"unsubscribe","params":{{"channel":"book","symbol":["{symbol}"],"depth":{depth}}},"req_id":{req_id}}}"#
        ));
    }

    pub(super) fn want_history(&mut self, index: usize, not_before: Timestamp) {
        if self.settings.history_minutes > 0 {
            let path = rest::candles_path(&self.pairs[index].market.wanted.symbol);
            self.requests.want(index, path, 1, not_before);
        }
    }

    pub(super) fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(index) = self.requests.take(request) else { return };
        match answer {
            Answer::Failed => self.history_failed(at, index, "no answer", &[], true, out),
            Answer::Response { status, retry_after_s, body } => {
                if let Some(seconds) = retry_after_s {
                    self.requests.block_until(at.plus(Duration::from_secs(u64::from(seconds))));
                }
                if status == 200 {
                    self.history(at, index, body, out);
                } else {
                    self.history_failed(at, index, format_args!("HTTP status {status}"), body, true, out);
                }
            }
        }
    }

    pub(super) fn history(&mut self, at: Timestamp, index: usize, body: &[u8], out: &mut Vec<FeedOutput>) {
        let market = &mut self.pairs[index].market;
        let Some(instrument) = &market.instrument else { return };
        match rest::candles(body, instrument.scale) {
            Ok(candles) => {
                self.rate_limit.reset();
                market.history(&candles, self.settings.history_minutes, out);
            }
            Err(error) => {
                if error.is_rate_limit() {
                    self.requests.block_until(self.rate_limit.failed(at));
                }
                let is_retryable = error.is_retryable();
                self.history_failed(at, index, error, body, is_retryable, out);
            }
        }
    }

    pub(super) fn history_failed(
        &mut self,
        at: Timestamp,
        index: usize,
        detail: impl std::fmt::Display,
        body: &[u8],
        is_retryable: bool,
        out: &mut Vec<FeedOutput>,
    ) {
        let pair = &mut self.pairs[index];
        let id = pair.market.wanted.id;
        self.link.reject_of(id, RejectReason::RequestFailed, format_args!("candle history: {detail}"), body, out);
        let again_at = pair.history.failed(at);
        if is_retryable && pair.history.failures() < HISTORY_TRIES && self.link.is_up() {
            self.want_history(index, again_at);
        }
    }
}
