//! What Kraken is asked for: subscriptions on the socket, history by REST.

use types::Timestamp;

use super::messages::Channel;
use super::{ASKED_MAX, Ask, BATCH, Session, rest};
use crate::io::{FeedOutput, Priority, RejectReason, RequestId};
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
                Channel::Book => {
                    pair.book_subscription.asked(at);
                    pair.book.subscribed();
                }
                Channel::Trade => pair.trade_subscription.asked(at),
                Channel::Ohlc => pair.ohlc_subscription.asked(at),
                Channel::Instrument => {}
            }
        }
    }

    /// Subscribes a channel of one symbol anew.
    pub(super) fn resubscribe(&mut self, at: Timestamp, channel: Channel, index: usize) {
        let req_id = self.req_id();
        let symbol = &self.pairs[index].market.wanted.symbol;
        let name = channel.name();
        let parameters = match channel {
            Channel::Book => format!(r#","depth":{}"#, self.settings.book_depth),
            Channel::Ohlc => r#","interval":1"#.to_owned(),
            Channel::Trade | Channel::Instrument => String::new(),
        };
        self.outbox.push(format!(
            r#"{{"method":"unsubscribe","params":{{"channel":"{name}","symbol":["{symbol}"]{parameters}}},"req_id":{req_id}}}"#
        ));
        self.subscribe(at, channel, &[index]);
    }

    pub(super) fn want_history(&mut self, index: usize, not_before: Timestamp) {
        if self.settings.history_minutes > 0 {
            let call = rest::candles_of(&self.pairs[index].market.wanted.symbol);
            self.requests.want(Ask::History(index), Priority::History, call, not_before);
        }
    }

    /// Asks for trades that were missed, as soon as the stream tells the present ones.
    pub(super) fn want_missed_trades(&mut self, index: usize, at: Timestamp) {
        let pair = &mut self.pairs[index];
        if pair.trade_subscription.is_live()
            && let Some(gap) = pair.market.repair(at)
        {
            let call = rest::trades_since(&pair.market.wanted.symbol, gap.since);
            self.requests.want(Ask::Trades(index), Priority::Repair, call, at);
        }
    }

    pub(super) fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(ask) = self.requests.take(request) else { return };
        let body = match answer {
            Answer::Failed => return self.request_failed(at, ask, "no answer", &[], true, out),
            Answer::Response { status: 200, body } => body,
            Answer::Response { status, body } => {
                return self.request_failed(at, ask, format_args!("HTTP status {status}"), body, true, out);
            }
        };
        let (Ask::History(index) | Ask::Trades(index)) = ask;
        let market = &mut self.pairs[index].market;
        let Some(instrument) = &market.instrument else { return };
        let (id, scale) = (instrument.id, instrument.scale);
        let result = match ask {
            Ask::History(_) => rest::candles(body, scale)
                .map(|candles| market.history(at, &self.link.clock, &candles, self.settings.history_minutes, out)),
            Ask::Trades(_) => rest::trades_of(body, id, scale).map(|rows| market.repaired(at, rows, out)),
        };
        if let Err(error) = result {
            if error.is_rate_limit() {
                self.requests.too_fast();
            }
            let is_retryable = error.is_retryable();
            self.request_failed(at, ask, error, body, is_retryable, out);
        }
    }

    fn request_failed(
        &mut self,
        at: Timestamp,
        ask: Ask,
        detail: impl std::fmt::Display,
        body: &[u8],
        is_retryable: bool,
        out: &mut Vec<FeedOutput>,
    ) {
        let (what, index) = match ask {
            Ask::History(index) => ("candle history", index),
            Ask::Trades(index) => ("missed trades", index),
        };
        let pair = &mut self.pairs[index];
        let id = pair.market.wanted.id;
        self.link.reject_of(id, RejectReason::RequestFailed, format_args!("{what}: {detail}"), body, out);
        match ask {
            Ask::History(_) => {
                let again_at = pair.history.failed(at);
                if is_retryable && self.link.is_up() {
                    self.want_history(index, again_at);
                }
            }
            Ask::Trades(_) => pair.market.repair_failed(at),
        }
    }
}
