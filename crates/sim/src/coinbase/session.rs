//! One connection: what it has subscribed, and the rules it has to keep.
//!
//! A connection that has not subscribed anything within five seconds is closed, and so is one that sends more than a
//! hundred messages in a second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use types::{Timestamp, Venue};

use super::messages;
use super::request::{Action, Channel, Refusal, Request, Wanted};
use crate::frame::ConnectionId;
use crate::limits::{Breaches, Window};
use crate::outbox::Outbox;
use crate::server::Now;

const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(5);
const MESSAGES_PER_S_MAX: usize = 100;

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) outbox: Outbox,
    subscriptions: BTreeMap<Channel, BTreeSet<usize>>,
    received: Window,
    /// When it is closed for not having subscribed; never, once it has.
    pub(super) subscribe_by: Timestamp,
}

/// A channel and its products, by index of their listings.
type Resolved = (Channel, BTreeSet<usize>);

impl Session {
    pub(super) fn open(at: Timestamp) -> Self {
        Self {
            outbox: Outbox::new(at),
            subscriptions: BTreeMap::new(),
            received: Window::new(MESSAGES_PER_S_MAX, 1),
            subscribe_by: at.plus(SUBSCRIBE_WITHIN),
        }
    }

    pub(super) fn has(&self, channel: Channel, product: usize) -> bool {
        self.subscriptions.get(&channel).is_some_and(|products| products.contains(&product))
    }

    pub(super) fn has_status(&self) -> bool {
        self.subscriptions.contains_key(&Channel::Status)
    }

    /// Reads a message; one that cannot be read is answered here.
    pub(super) fn read(
        &mut self,
        now: Now<'_>,
        id: ConnectionId,
        text: &str,
        breaches: &mut Breaches,
    ) -> Option<Request> {
        if self.outbox.is_closed() {
            return None;
        }
        if !self.received.admit(now.at) {
            breaches.add(id, "more than 100 messages in a second");
            self.outbox.close(1008, "Rate limit exceeded");
            return None;
        }
        let request = Request::parse(text);
        if let Err(refusal) = &request {
            self.outbox.text(now.at, messages::error("Failed to subscribe", Some(&refusal.reason)));
        }
        request.ok()
    }

    /// Does what is asked and answers with all that is subscribed; or nothing of it, when one part cannot be done.
    /// `is_full` tells whether others have taken all subscriptions that there are.
    pub(super) fn obey(
        &mut self,
        now: Now<'_>,
        request: Request,
        is_full: impl Fn(Channel, usize) -> bool,
    ) -> Result<(), Refusal> {
        let resolved = request.wanted.iter().map(|wanted| resolve(now, wanted)).collect::<Result<Vec<_>, _>>()?;
        match request.action {
            Action::Subscribe => self.subscribe(now, resolved, is_full),
            Action::Unsubscribe => {
                resolved.iter().for_each(|wanted| self.unsubscribe(wanted));
                self.outbox.text(now.at, messages::subscriptions(now.market, &self.subscriptions));
                Ok(())
            }
        }
    }

    fn subscribe(
        &mut self,
        now: Now<'_>,
        wanted: Vec<Resolved>,
        is_full: impl Fn(Channel, usize) -> bool,
    ) -> Result<(), Refusal> {
        let mut fresh: Vec<(Channel, usize)> = Vec::new();
        for (channel, products) in &wanted {
            if products.is_empty() && *channel != Channel::Status {
                return Err(Refusal::new("No product_ids provided"));
            }
            fresh.extend(products.iter().filter(|p| !self.has(*channel, **p)).map(|product| (*channel, *product)));
        }
        if let Some((channel, product)) = fresh.iter().find(|(channel, product)| is_full(*channel, *product)) {
            let symbol = &now.market.listings[*product].settings.symbol;
            let reason = format!("more than 10 subscriptions of {} for {symbol}", channel.name());
            return Err(Refusal { reason, is_limit: true });
        }
        let is_new_status = !self.has_status() && wanted.iter().any(|(channel, _)| *channel == Channel::Status);
        for (channel, products) in wanted {
            self.subscriptions.entry(channel).or_default().extend(products);
        }
        self.subscribe_by = Timestamp::MAX;
        self.outbox.text(now.at, messages::subscriptions(now.market, &self.subscriptions));
        if is_new_status {
            self.outbox.text(now.at, messages::status(now));
        }
        for (channel, product) in fresh {
            self.welcome(now, channel, product);
        }
        Ok(())
    }

    /// What a channel begins with.
    fn welcome(&mut self, now: Now<'_>, channel: Channel, product: usize) {
        let listing = &now.market.listings[product];
        let text = match channel {
            Channel::Level2Batch => Some(messages::snapshot(listing)),
            Channel::Matches => listing.tape.fills().back().map(|fill| messages::matched(listing, "last_match", fill)),
            Channel::Ticker | Channel::TickerBatch => Some(messages::ticker(listing)),
            Channel::Heartbeat | Channel::Status => None,
        };
        if let Some(text) = text {
            self.outbox.text(now.at, text);
        }
    }

    /// Without products, the whole channel.
    fn unsubscribe(&mut self, (channel, products): &Resolved) {
        if let Some(subscribed) = self.subscriptions.get_mut(channel) {
            subscribed.retain(|product| !products.is_empty() && !products.contains(product));
            if subscribed.is_empty() {
                self.subscriptions.remove(channel);
            }
        }
    }

    pub(super) fn on_timer(&mut self, at: Timestamp, id: ConnectionId, breaches: &mut Breaches) {
        if self.subscribe_by > at {
            return;
        }
        self.subscribe_by = Timestamp::MAX;
        if !self.outbox.is_closed() {
            breaches.add(id, "nothing subscribed within five seconds");
            self.outbox.close(1008, "no subscription within five seconds");
        }
    }
}

/// Every product has to exist; the channel of all products takes none.
fn resolve(now: Now<'_>, wanted: &Wanted) -> Result<Resolved, Refusal> {
    let index = |symbol: &String| {
        let index = now.market.find(Venue::Coinbase, symbol);
        index.ok_or_else(|| Refusal::new(format!("{symbol} is not a valid product")))
    };
    let products = wanted.products.iter().map(index).collect::<Result<_, _>>()?;
    Ok((wanted.channel, if wanted.channel == Channel::Status { BTreeSet::new() } else { products }))
}
