//! Coinbase Exchange.
//!
//! ```text
//! Connected ─> subscribe status, GET /products ─> subscribe book, matches, heartbeat, ticker of all listed products
//!
//! book:     snapshot ─> update ... ─> alarm ─> stale, unsubscribe + subscribe this book ─> snapshot
//!             └> every few minutes GET book ─> compare ─> differs twice: as after an alarm
//! trades:   a hole in the numbers, or a heartbeat that knows more ─> GET trades
//! minutes:  built from trades: provisional;  GET candles: final
//! ```
//!
//! Nothing numbers book updates, so a lost one shows at the next comparison: within [`FeedSettings::snapshot_age_max`]
//! and the few seconds of two comparisons. Where REST cannot be asked for three times as long, the book is subscribed
//! anew instead.

mod asked;
mod book;
mod compare;
mod heard;
mod history;
pub(crate) mod instruments;
pub(crate) mod messages;
mod minutes;
mod quick;
pub(crate) mod rest;
mod ticker;

pub(crate) use book::{CheckedBook, Update};

use std::collections::VecDeque;
use std::time::Duration;

use types::market::{Proof, StaleReason};
use types::{Level, Scale, Timeframe, Timestamp};

use crate::io::{FeedOutput, LinkId, Priority, ReconnectReason, RejectReason, Target};
use crate::session::{
    Call, Link, Market, Outbox, Requests, Retry, Subscription, VenueSession, common_methods, earliest, is_due,
};
use crate::settings::FeedSettings;
use crate::symbols::Symbols;
use crate::times::Times;
use compare::{Comparison, Judgement};
use history::History;
use instruments::State;
use messages::{BookSide, Channel};
use minutes::Minutes;
use ticker::{TickerCheck, TickerPace};

/// Eight control messages a second are allowed (section 2).
const SEND_SPACING: Duration = Duration::from_millis(150);
/// Least time between two books that are subscribed anew: their snapshots are large.
const RESYNC_SPACING: Duration = Duration::from_millis(500);
/// The rules are not fetched again more often because of what messages say.
const RULES_REFETCH: Duration = Duration::from_secs(300);
/// How long a trade that a heartbeat told may still be on its way (section 4.1).
const TRADE_GRACE: Duration = Duration::from_millis(1_500);
/// Changes of a book are kept for so long before it is asked for.
const COMPARE_LEAD: Duration = Duration::from_secs(1);
/// After a comparison that differs comes a second one.
const COMPARE_AGAIN: Duration = Duration::from_secs(5);
/// After a comparison that said nothing comes another one; least time between two of one product.
const COMPARE_SPACING: Duration = Duration::from_secs(30);
/// The rules are fetched again this often while a product is not traded or silent.
const RULES_WHILE_SUSPICIOUS: Duration = Duration::from_secs(120);
/// Comparisons in a row that must differ.
const STRIKES: u32 = 2;
/// A book that could not be compared for so many times the usual is subscribed anew.
const OVERDUE: u32 = 3;

/// Coinbase's feed.
#[derive(Debug)]
pub(crate) struct Session {
    settings: FeedSettings,
    link: Link,
    outbox: Outbox,
    requests: Requests<Ask>,
    rules_at: Option<Timestamp>,
    rules_retry: Retry,
    products: Vec<Product>,
    by_symbol: Symbols,
    /// Used again for each update.
    changes: Vec<(BookSide, Level)>,
    times: Times,
    /// Subscriptions that may still be refused, oldest first.
    asked: VecDeque<Batch>,
    /// Any subscription was answered on this connection.
    is_answered: bool,
    /// Since when products are subscribed: from then on something is heard every second.
    subscribed_at: Option<Timestamp>,
    /// No book is subscribed anew before.
    resync_after: Timestamp,
    /// One product at a time.
    comparing: Option<(usize, Comparison)>,
}

/// What a request asks for; the index is the product's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Rules of all products.
    Rules,
    /// The book, to compare.
    Book(usize),
    /// Trades that were missed.
    Trades(usize),
    /// Candles of the past.
    Candles(usize),
}

/// A subscription: each of these channels for each of these products.
#[derive(Clone, Debug)]
struct Batch {
    products: Vec<usize>,
    channels: Vec<Channel>,
}

/// One wanted instrument.
#[derive(Debug)]
struct Product {
    market: Market,
    state: State,
    book: CheckedBook,
    /// By channel.
    subscriptions: [Subscription; Channel::ALL.len()],
    /// The last heartbeat, or the answer to its subscription.
    heartbeat_at: Option<Timestamp>,
    /// What is to be subscribed anew, and when.
    resync: Option<(Timestamp, &'static [Channel])>,
    resync_retry: Retry,
    /// A trade that a heartbeat told and that was not heard yet, and since when.
    told_trade: Option<(u64, Timestamp)>,
    /// The venue's last trade was told on this connection: what is missing before it is known.
    knows_trades: bool,
    minutes: Minutes,
    history: History,
    ticker_check: TickerCheck,
    ticker_pace: TickerPace,
    /// When the book was last known to be the venue's: by a snapshot or a comparison.
    compared_at: Option<Timestamp>,
    compare_at: Option<Timestamp>,
    /// Comparisons in a row that differed.
    strikes: u32,
}

impl Session {
    pub(crate) fn new(settings: FeedSettings, link: LinkId) -> Self {
        Self {
            products: settings.instruments.iter().map(|wanted| Product::new(wanted, &settings)).collect(),
            by_symbol: Symbols::new(settings.instruments.iter().map(|wanted| wanted.symbol.as_str())),
            changes: Vec::new(),
            times: Times::new(),
            link: Link::new(link),
            outbox: Outbox::new(link, SEND_SPACING),
            requests: Requests::new(),
            rules_at: None,
            rules_retry: Retry::refusal(),
            asked: VecDeque::new(),
            is_answered: false,
            subscribed_at: None,
            resync_after: Timestamp::EPOCH,
            comparing: None,
            settings,
        }
    }

    fn connected(&mut self, _at: Timestamp) {
        self.subscribe_status();
    }

    fn disconnected(&mut self, _at: Timestamp, _out: &mut Vec<FeedOutput>) {
        self.asked.clear();
        self.is_answered = false;
        self.subscribed_at = None;
        self.comparing = None;
        for product in &mut self.products {
            product.disconnected();
        }
    }

    /// What is due by time alone, and what has waited for its turn.
    fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.link.is_up() {
            self.poll_link(at, out);
        }
        for index in 0..self.products.len() {
            let product = &mut self.products[index];
            product.market.publish(at, product.book.book(), out);
            product.ticker_pace.poll(at, out);
            if self.link.is_up() {
                self.poll_product(index, at, out);
            }
        }
        if self.link.is_up() {
            if is_due(self.rules_due_at(), at) {
                self.want_rules(at);
            }
            self.subscribe_newcomers(at);
            self.poll_resync(at);
            self.poll_comparison(at, out);
            self.outbox.poll(at, out);
        }
        self.requests.poll(at, out);
    }

    fn poll_link(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if is_due(self.silent_at(), at) || self.is_all_silent(at) {
            for product in &mut self.products {
                product.market.broken(StaleReason::Silent, out);
            }
            self.link.reconnect(ReconnectReason::Silent, out);
        } else if is_due(self.unanswered_at(), at) {
            self.link.reconnect(ReconnectReason::SubscribeTimeout, out);
        } else if is_due(self.link.ping_at(self.settings.keepalive_after), at) {
            self.link.asked(at);
            out.push(FeedOutput::Ping(self.link.id));
        }
    }

    fn poll_product(&mut self, index: usize, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let product = &mut self.products[index];
        if is_due(product.crossed_until(), at) {
            self.broken(index, at, StaleReason::Crossed, &[Channel::Book], out);
        } else if is_due(product.silent_at(self.settings.silent_after), at) {
            // Rule a, for one product: all of it is subscribed anew. Trades that are missed by that are told.
            self.broken(index, at, StaleReason::Silent, &Channel::ALL, out);
        } else if is_due(product.market.book_dead_at(), at) {
            // Trades are told, and nothing of the book that they changed: its channel is dead (section 9.10).
            self.broken(index, at, StaleReason::Silent, &[Channel::Book], out);
        } else if is_due(product.overdue_at(self.settings.snapshot_age_max), at) {
            self.broken(index, at, StaleReason::Resync, &[Channel::Book], out);
        }
        let product = &mut self.products[index];
        if is_due(product.ticker_check.doubt_at(), at) {
            product.ticker_check.told();
            product.doubt(at);
        }
        self.poll_subscriptions(index, at, out);
        let product = &mut self.products[index];
        if product.market.wants_history(at) {
            product.history.missed(at);
        }
        self.poll_trades(index, at);
    }

    fn poll_subscriptions(&mut self, index: usize, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let timeout = self.settings.subscribe_timeout;
        for channel in Channel::ALL {
            let product = &mut self.products[index];
            let subscription = &mut product.subscriptions[channel as usize];
            if is_due(subscription.times_out_at(timeout), at) {
                subscription.unanswered(at);
                self.not_answered(index, channel, out);
            } else if is_due(subscription.again_at(), at) {
                // A book that was subscribed but never came: only another subscription brings a snapshot.
                if channel == Channel::Book {
                    self.unsubscribe(index, &[channel]);
                }
                self.subscribe(at, vec![index], vec![channel]);
            }
        }
    }

    fn poll_trades(&mut self, index: usize, at: Timestamp) {
        let product = &mut self.products[index];
        if let Some((number, since)) = product.told_trade
            && since.plus(TRADE_GRACE) <= at
        {
            product.told_trade = None;
            product.knows_trades = true;
            product.market.trades_to(number);
            product.doubt(at);
        }
        if product.knows_trades
            && let Some(gap) = product.market.repair(at)
        {
            let rows = (gap.last - gap.first).saturating_add(1);
            let path = rest::trades_path(&product.market.wanted.symbol, gap.last.saturating_add(1), rows);
            self.requests.want(Ask::Trades(index), Priority::Repair, Call::get(path, 1), at);
            product.history.missed_lately(at, self.link.clock.now(at));
        }
        if self.settings.history_minutes > 0
            && self.link.clock.ahead_ns().is_some()
            && is_due(product.history.due_at(), at)
            && let Some((first, last)) = product.history.ask(at, self.link.clock.now(at), self.settings.history_minutes)
        {
            let call = rest::candles_between(&product.market.wanted.symbol, Timeframe::M1, first, last);
            self.requests.want(Ask::Candles(index), Priority::History, call, at);
        }
    }

    /// Subscribes what is to be subscribed anew, one product at a time.
    fn poll_resync(&mut self, at: Timestamp) {
        let due = |product: &Product| product.resync.filter(|(due, _)| *due <= at);
        let first = self.products.iter().enumerate().filter_map(|(index, product)| Some((due(product)?, index)));
        let Some(((_, channels), index)) = first.min_by_key(|((due, _), _)| *due) else { return };
        if self.resync_after <= at {
            self.resync_after = at.plus(RESYNC_SPACING);
            self.products[index].resync = None;
            self.unsubscribe(index, channels);
            self.subscribe(at, vec![index], channels.to_vec());
        }
    }

    /// Rule d: begins a comparison that is due, or ends the one under way.
    fn poll_comparison(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if let Some((index, comparison)) = &self.comparing {
            let index = *index;
            if is_due(comparison.judge_at(), at) {
                let book = &self.products[index].book;
                let judgement = comparison.judge(book.book(), book.scale());
                self.comparing = None;
                self.judged(index, at, judgement, out);
            }
            return;
        }
        let due = |product: &Product| product.compare_at.filter(|due| *due <= at);
        let first = self.products.iter().enumerate().filter_map(|(index, product)| Some((due(product)?, index)));
        if let Some((_, index)) = first.min() {
            let product = &mut self.products[index];
            product.compare_at = None;
            self.comparing = Some((index, Comparison::begin(at)));
            let call = Call::get(rest::book_path(&product.market.wanted.symbol), 1);
            self.requests.want(Ask::Book(index), Priority::Book, call, at.plus(COMPARE_LEAD));
        }
    }

    fn judged(&mut self, index: usize, at: Timestamp, judgement: Judgement, out: &mut Vec<FeedOutput>) {
        let product = &mut self.products[index];
        product.market.counts.comparisons += u64::from(judgement != Judgement::Unclear);
        match judgement {
            Judgement::Agrees => product.compared(at, self.settings.snapshot_age_max),
            Judgement::Unclear => product.compare_at = Some(at.plus(COMPARE_SPACING)),
            Judgement::Differs { detail } => {
                product.strikes += 1;
                if product.strikes < STRIKES {
                    product.compare_at = Some(at.plus(COMPARE_AGAIN));
                } else {
                    product.market.counts.compare_mismatches += 1;
                    let id = product.market.wanted.id;
                    self.link.reject_of(id, RejectReason::Contradicted, detail, &[], out);
                    self.broken(index, at, StaleReason::CompareMismatch, &[Channel::Book], out);
                }
            }
        }
    }

    /// The book of one product does not hold: stale, and `channels` are subscribed anew, soon or later.
    fn broken(
        &mut self,
        index: usize,
        at: Timestamp,
        reason: StaleReason,
        channels: &'static [Channel],
        out: &mut Vec<FeedOutput>,
    ) {
        self.comparing.take_if(|(comparing, _)| *comparing == index);
        let product = &mut self.products[index];
        product.market.broken(reason, out);
        product.drop_book();
        product.heartbeat_at = product.heartbeat_at.filter(|_| !channels.contains(&Channel::Heartbeat));
        product.resync = Some((product.resync_retry.failed(at), channels));
    }

    /// Nothing at all was heard for too long.
    fn silent_at(&self) -> Option<Timestamp> {
        let since = self.link.heard_at().max(self.subscribed_at);
        self.subscribed_at.and(since).map(|since| since.plus(self.settings.silent_after))
    }

    /// No product's heart beats (rule a): the connection is dead, whatever else is heard on it.
    fn is_all_silent(&self, at: Timestamp) -> bool {
        let beats = || self.products.iter().filter_map(|product| product.silent_at(self.settings.silent_after));
        beats().next().is_some() && beats().all(|silent_at| silent_at <= at)
    }

    /// No answer to any subscription of this connection.
    fn unanswered_at(&self) -> Option<Timestamp> {
        let since = self.link.connected_at.filter(|_| !self.is_answered);
        since.map(|since| since.plus(self.settings.subscribe_timeout))
    }

    /// When the rules are to be fetched; `None` while that is under way.
    fn rules_due_at(&self) -> Option<Timestamp> {
        let is_wanted = self.requests.is_wanted(Ask::Rules);
        let has_suspect = self.products.iter().any(|product| product.market.is_suspect());
        let age_max = self.settings.instruments_age_max;
        let age = if has_suspect { age_max.min(RULES_WHILE_SUSPICIOUS) } else { age_max };
        let due = self.rules_at.map_or(Timestamp::EPOCH, |at| at.plus(age));
        Some(due).filter(|_| !is_wanted)
    }
}

impl VenueSession for Session {
    common_methods!(products);

    fn connect(&mut self, _at: Timestamp, out: &mut Vec<FeedOutput>) {
        out.push(FeedOutput::Connect(self.link.id, Target::on_base("/")));
    }

    fn deadline(&self) -> Option<Timestamp> {
        let mut next = self.requests.deadline();
        for product in &self.products {
            next = earliest([next, product.market.publisher.deadline(), product.ticker_pace.deadline()]);
        }
        if !self.link.is_up() {
            return next;
        }
        let judge_at = self.comparing.as_ref().and_then(|(_, comparison)| comparison.judge_at());
        next = earliest([
            next,
            self.outbox.deadline(),
            self.silent_at(),
            self.unanswered_at(),
            self.rules_due_at(),
            self.link.ping_at(self.settings.keepalive_after),
            judge_at,
        ]);
        let is_clock_known = self.link.clock.ahead_ns().is_some() && self.settings.history_minutes > 0;
        for product in &self.products {
            let subscriptions = product.subscriptions.iter().flat_map(|subscription| {
                [subscription.times_out_at(self.settings.subscribe_timeout), subscription.again_at()]
            });
            next = earliest(subscriptions.chain([
                next,
                product.crossed_until(),
                product.silent_at(self.settings.silent_after),
                product.market.book_dead_at(),
                product.overdue_at(self.settings.snapshot_age_max),
                product.ticker_check.doubt_at(),
                product.resync.map(|(due, _)| due.max(self.resync_after)),
                product.told_trade.map(|(_, since)| since.plus(TRADE_GRACE)),
                product.market.repair_at().filter(|_| product.knows_trades),
                product.history.due_at().filter(|_| is_clock_known),
                product.compare_at.filter(|_| self.comparing.is_none()),
            ]));
        }
        next
    }

    fn is_settled(&self) -> bool {
        let is_open = |subscription: &Subscription| subscription.is_off() || subscription.is_asked();
        let mut listed = self.products.iter().filter(|product| product.market.instrument.is_some());
        self.subscribed_at.is_some() && !listed.any(|product| product.subscriptions.iter().any(is_open))
    }

    fn is_venue_online(&self) -> bool {
        let mut known = self.products.iter().filter(|product| product.market.instrument.is_some()).peekable();
        known.peek().is_none() || known.any(|product| product.state.is_trading())
    }
}

impl Product {
    fn new(wanted: &crate::Wanted, settings: &FeedSettings) -> Self {
        let no_scale = Scale { price_decimals: 0, qty_decimals: 0 };
        Self {
            market: Market::new(wanted.clone(), Proof::Compared, settings),
            state: State::ONLINE,
            book: CheckedBook::new(no_scale),
            subscriptions: [Subscription::off(); Channel::ALL.len()],
            heartbeat_at: None,
            resync: None,
            resync_retry: Retry::checksum(),
            told_trade: None,
            knows_trades: false,
            minutes: Minutes::default(),
            history: History::new(),
            ticker_check: TickerCheck::default(),
            ticker_pace: TickerPace::default(),
            compared_at: None,
            compare_at: None,
            strikes: 0,
        }
    }

    fn subscription(&mut self, channel: Channel) -> &mut Subscription {
        &mut self.subscriptions[channel as usize]
    }

    fn disconnected(&mut self) {
        self.drop_book();
        self.ticker_check.restart();
        self.history.disconnected();
        self.subscriptions.iter_mut().for_each(Subscription::disconnected);
        self.heartbeat_at = None;
        self.resync = None;
        self.told_trade = None;
        self.knows_trades = false;
    }

    fn drop_book(&mut self) {
        self.book.drop_book();
        self.ticker_check.settle();
        self.compared_at = None;
        self.compare_at = None;
        self.strikes = 0;
    }

    /// The book is the venue's.
    fn compared(&mut self, at: Timestamp, every: Duration) {
        self.compared_at = Some(at);
        self.compare_at = Some(at.plus(every));
        self.strikes = 0;
        self.ticker_check.settle();
    }

    /// The book may be wrong: it is compared soon, but not again and again.
    fn doubt(&mut self, at: Timestamp) {
        let soonest = self.compared_at.map(|compared| compared.plus(COMPARE_SPACING).max(at));
        self.compare_at = self.compare_at.min(soonest);
    }

    /// When the book has been crossed for too long (rule b).
    fn crossed_until(&self) -> Option<Timestamp> {
        self.book.crossed_until().filter(|_| self.state.is_trading())
    }

    /// When the product has been without a heartbeat for too long (rule a).
    fn silent_at(&self, after: Duration) -> Option<Timestamp> {
        self.heartbeat_at.map(|heartbeat| heartbeat.plus(after))
    }

    /// When a book that cannot be compared is to be subscribed anew.
    fn overdue_at(&self, every: Duration) -> Option<Timestamp> {
        self.compared_at.map(|compared| compared.plus(every * OVERDUE))
    }
}
