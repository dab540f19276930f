//! What Coinbase is asked for: channels on the socket; rules, books, missed trades and history by REST.

use types::Timestamp;
use types::market::StaleReason;

use super::instruments::{self, Products};
use super::messages::Channel;
use super::rest::{self, BookBody};
use super::{Ask, Batch, COMPARE_SPACING, Session};
use crate::decode::DecodeError;
use crate::io::{FeedOutput, Priority, RejectReason, Rejection, RequestId};
use crate::session::{Answer, Call, Subscription};

/// Subscriptions that may be refused, at most; there is one for a product and channel.
const ASKED_MAX: usize = 256;

impl Session {
    /// The first message of a connection: the venue waits five seconds for one, and the rules may take longer.
    pub(super) fn subscribe_status(&mut self) {
        self.outbox.push(r#"{"type":"subscribe","channels":["status"]}"#.to_owned());
        self.remember(Batch { products: Vec::new(), channels: Vec::new() });
    }

    /// Subscribes all products whose rules are known and that are not subscribed on this connection.
    pub(super) fn subscribe_newcomers(&mut self, at: Timestamp) {
        let mut newcomers = Vec::new();
        for (index, product) in self.products.iter_mut().enumerate() {
            let is_listed = product.market.instrument.is_some() && !product.state.is_delisted();
            if is_listed && product.subscriptions.iter().all(Subscription::is_off) {
                newcomers.push(index);
                product.history.missed(at);
            }
        }
        if !newcomers.is_empty() {
            self.subscribed_at.get_or_insert(at);
            self.subscribe(at, newcomers, Channel::ALL.to_vec());
        }
    }

    pub(super) fn subscribe(&mut self, at: Timestamp, products: Vec<usize>, channels: Vec<Channel>) {
        self.push("subscribe", &products, &channels);
        for index in &products {
            for channel in &channels {
                let product = &mut self.products[*index];
                product.subscription(*channel).asked(at);
                match channel {
                    Channel::Heartbeat => product.heartbeat_at = None,
                    Channel::Ticker => product.ticker_check.restart(),
                    Channel::Book | Channel::Matches => {}
                }
            }
        }
        self.remember(Batch { products, channels });
    }

    pub(super) fn unsubscribe(&mut self, index: usize, channels: &[Channel]) {
        self.push("unsubscribe", &[index], channels);
    }

    fn push(&mut self, kind: &str, products: &[usize], channels: &[Channel]) {
        let symbols: Vec<String> =
            products.iter().map(|index| format!("\"{}\"", self.products[*index].market.wanted.symbol)).collect();
        let channels: Vec<String> = channels.iter().map(|channel| format!("\"{}\"", channel.name())).collect();
        let (symbols, channels) = (symbols.join(","), channels.join(","));
        self.outbox.push(format!(r#"{{"type":"{kind}","product_ids":[{symbols}],"channels":[{channels}]}}"#));
    }

    fn remember(&mut self, batch: Batch) {
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(batch);
    }

    /// A request was refused, the venue does not say which: the oldest one that was not answered, then. One bad product
    /// or channel spoils the whole message, so each is asked for alone before it is given up for some time.
    pub(super) fn refused(&mut self, at: Timestamp, text: &str, bytes: &[u8], out: &mut Vec<FeedOutput>) {
        let Some(Batch { products, channels }) = self.asked.pop_front() else {
            return self.link.reject(Rejection::new(RejectReason::VenueError, text, bytes), out);
        };
        let mut rejection = Rejection::new(RejectReason::SubscribeRefused, text, bytes);
        rejection.instrument = match products[..] {
            [index] => Some(self.products[index].market.wanted.id),
            _ => None,
        };
        self.link.reject(rejection, out);
        self.is_answered = true;
        match (&products[..], &channels[..]) {
            (_, []) => {}
            ([index], [channel]) => self.products[*index].subscription(*channel).refused(at),
            ([index], _) => channels.iter().for_each(|channel| self.subscribe(at, vec![*index], vec![*channel])),
            _ => products.into_iter().for_each(|index| self.subscribe(at, vec![index], channels.clone())),
        }
    }

    /// A channel of a product was not answered in time, though others were.
    pub(super) fn not_answered(&mut self, index: usize, channel: Channel, out: &mut Vec<FeedOutput>) {
        let id = self.products[index].market.wanted.id;
        let detail = "subscribed, but not answered";
        self.link.reject_of(id, RejectReason::SilentSubscription, detail, channel.name().as_bytes(), out);
    }

    pub(super) fn want_rules(&mut self, not_before: Timestamp) {
        let call = Call::get(rest::PRODUCTS_PATH.to_owned(), 1);
        self.requests.want(Ask::Rules, Priority::Rules, call, not_before);
    }

    pub(super) fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer<'_>, out: &mut Vec<FeedOutput>) {
        let Some(ask) = self.requests.take(request) else { return };
        match answer {
            Answer::Failed => self.failed(at, ask, "no answer", &[], out),
            Answer::Response { status: 200, body } => {
                let result = match ask {
                    Ask::Rules => Products::read(body).map(|products| self.learn(at, &products, body, out)),
                    Ask::Book(index) => self.book_to_compare(at, index, body, out),
                    Ask::Trades(index) => self.missed_trades(at, index, body, out),
                    Ask::Candles(index) => self.candles(at, index, body, out),
                };
                if let Err(error) = result {
                    self.failed(at, ask, &error.detail, body, out);
                }
            }
            Answer::Response { status, body } => {
                let detail = format!("HTTP status {status}: {}", rest::error_text(body));
                self.failed(at, ask, &detail, body, out);
            }
        }
    }

    fn learn(&mut self, at: Timestamp, listed: &Products<'_>, body: &[u8], out: &mut Vec<FeedOutput>) {
        self.rules_at = Some(at);
        self.rules_retry.reset();
        self.link.listings.learn(listed.traded());
        let mut seen = vec![false; self.products.len()];
        let by_symbol = &self.by_symbol;
        let mut restarted = Vec::new();
        for data in listed.find(|id| by_symbol.get(id).is_some()) {
            let learned = data.and_then(|(rules, state)| {
                let index = self.find(rules.id.as_str())?;
                let instrument = instruments::instrument(self.products[index].market.wanted.id, &rules)?;
                Ok((index, instrument, state))
            });
            match learned {
                Ok((index, instrument, state)) => {
                    let product = &mut self.products[index];
                    product.state.learn(&state);
                    seen[index] = !product.state.is_delisted();
                    let scale = instrument.scale;
                    let resumes = product.market.set_trading(product.state.is_trading(), out);
                    if product.market.learn(instrument, out) || resumes {
                        product.book.restart(scale);
                        restarted.push(index);
                    }
                }
                Err(error) => self.link.reject(Rejection::new(error.reason, error, body), out),
            }
        }
        for index in restarted {
            // Levels have other digits from now on. What was not subscribed yet will be.
            if !self.products[index].subscription(Channel::Book).is_off() {
                self.broken(index, at, StaleReason::Resync, &[Channel::Book], out);
            }
        }
        self.note_missing(&seen, out);
    }

    fn note_missing(&mut self, seen: &[bool], out: &mut Vec<FeedOutput>) {
        for (product, _) in self.products.iter_mut().zip(seen).filter(|(_, is_listed)| !**is_listed) {
            if product.market.not_listed(out) {
                let wanted = &product.market.wanted;
                let detail = format_args!("coinbase does not list {}", wanted.symbol);
                self.link.reject_of(wanted.id, RejectReason::NotListed, detail, wanted.symbol.as_bytes(), out);
            }
        }
    }

    fn book_to_compare(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let body = BookBody::read(body)?;
        let product = &mut self.products[index];
        product.state.learn_auction(body.auction_mode);
        if product.market.set_trading(product.state.is_trading(), out) {
            self.broken(index, at, StaleReason::Resync, &[Channel::Book], out);
            return Ok(());
        }
        let product = &self.products[index];
        // The book broke meanwhile, or began anew: there is nothing to compare.
        if let Some((_, comparison)) = self.comparing.as_mut().filter(|(comparing, _)| *comparing == index) {
            comparison.answer(at, &body, product.book.scale())?;
        }
        Ok(())
    }

    fn missed_trades(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let product = &mut self.products[index];
        let Some(instrument) = &product.market.instrument else { return Ok(()) };
        let (id, scale) = (instrument.id, instrument.scale);
        let rows = rest::trade_rows(body)?;
        let trades: Result<Vec<_>, DecodeError> =
            rows.iter().map(|row| Ok((row.number()?, row.trade(id, scale)?))).collect();
        let trades = trades?;
        product.give_trades(out, |market, out| market.repaired(at, trades, out));
        Ok(())
    }

    fn candles(
        &mut self,
        at: Timestamp,
        index: usize,
        body: &[u8],
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), DecodeError> {
        let venue_now = self.link.clock.now(at);
        let product = &mut self.products[index];
        let Some(instrument) = &product.market.instrument else { return Ok(()) };
        let Some((first, last)) = product.history.asked() else { return Ok(()) };
        let rows = rest::candles(body, instrument.scale, first, last)?;
        product.market.counts.candles += rows.len() as u64;
        for (candle, source) in product.history.answered(at, venue_now, &rows) {
            product.market.final_candle(candle, source, out);
        }
        Ok(())
    }

    fn failed(&mut self, at: Timestamp, ask: Ask, detail: &str, body: &[u8], out: &mut Vec<FeedOutput>) {
        let (what, index) = match ask {
            Ask::Rules => ("instrument rules", None),
            Ask::Book(index) => ("book to compare", Some(index)),
            Ask::Trades(index) => ("missed trades", Some(index)),
            Ask::Candles(index) => ("candle history", Some(index)),
        };
        let mut rejection = Rejection::new(RejectReason::RequestFailed, format_args!("{what}: {detail}"), body);
        rejection.instrument = index.map(|index| self.products[index].market.wanted.id);
        self.link.reject(rejection, out);
        match ask {
            Ask::Rules => {
                let again_at = self.rules_retry.failed(at);
                self.want_rules(again_at);
            }
            Ask::Book(index) => {
                if self.comparing.take_if(|(comparing, _)| *comparing == index).is_some() {
                    self.products[index].compare_at = Some(at.plus(COMPARE_SPACING));
                }
            }
            Ask::Trades(index) => self.products[index].market.repair_failed(at),
            Ask::Candles(index) => self.products[index].history.failed(at),
        }
    }
}
