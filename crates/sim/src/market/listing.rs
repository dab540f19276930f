//! One instrument at work: its book, its orders' lives, its tape. It makes the event list everything else derives from.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use types::time::NS_PER_MS;
use types::{Level, Price, Qty, Scale, Side, Timestamp, Venue};

use super::book::{Book, Change, Match, Take};
use super::breakaway::Breakaways;
use super::flow::{Arrival, Flow, standing_orders};
use super::price::Prices;
use super::random::Random;
use super::reversion::Reversion;
use super::tape::{Fill, TakerKind, Tape};
use crate::settings::ListingSettings;

/// Levels of a side that takers leave alone.
const LEVELS_LEFT: usize = 20;
/// A market order accepts prices this much worse than the best.
const SLIPPAGE: f64 = 0.005;
/// Round prices are multiples of this many ticks.
const ROUND_TICKS: i64 = 100;
/// A single order is worth at most this many usual orders.
const VALUE_MAX: f64 = 400.0;
/// Memory of the venue's own deviation from the efficient price.
const NOISE_MEMORY_MS: f64 = 20_000.0;

/// What the settings of a listing mean in the units of the generator.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Price units of a dollar, and the tick in price units.
    price_units: f64,
    tick: i64,
    /// Quantity units of one, and the lot in quantity units.
    qty_units: f64,
    pub(crate) lot: u64,
    /// Usual relative spread.
    pub(crate) spread: f64,
    pub(crate) orders_per_s: f64,
    pub(crate) takers_per_s: f64,
    pub(crate) order_value: f64,
    pub(crate) noise: Reversion,
    lag_ms: u32,
    /// Resolution of the venue's times, nanoseconds.
    time_unit: i64,
    /// A recent price in dollars, to turn values into quantities.
    dollars: f64,
}

impl Shape {
    pub(crate) fn new(settings: &ListingSettings, dollars: f64) -> Self {
        Self {
            price_units: power_of_ten(settings.price_decimals),
            tick: settings.tick as i64,
            qty_units: power_of_ten(settings.qty_decimals),
            lot: settings.lot,
            spread: f64::from(settings.spread_cbps) / 1e6,
            orders_per_s: f64::from(settings.orders_per_s_milli) / 1e3,
            takers_per_s: f64::from(settings.takers_per_s_milli) / 1e3,
            order_value: f64::from(settings.order_value),
            noise: Reversion { memory_ms: NOISE_MEMORY_MS, deviation: f64::from(settings.noise_cbps) / 1e6 },
            lag_ms: settings.lag_ms,
            time_unit: match settings.venue {
                Venue::BinanceUs => NS_PER_MS,
                Venue::Kraken | Venue::Coinbase => 1_000,
                Venue::Kucoin => 1,
            },
            dollars,
        }
    }

    /// The price nearest to `dollars`, on the tick.
    pub(crate) fn price(&self, dollars: f64) -> Price {
        let ticks = (dollars * self.price_units / self.tick as f64).round() as i64;
        Price::new(ticks.max(1) * self.tick).expect("ticks and tick size are positive")
    }

    /// What `value` dollars buy at `dollars` each, on the lot, at least one lot.
    pub(crate) fn qty(&self, value: f64, dollars: f64) -> Qty {
        let lots = (value / dollars * self.qty_units / self.lot as f64) as u64;
        Qty(lots.max(1) * self.lot)
    }

    /// What one order of about `value` dollars buys.
    pub(crate) fn qty_of_value(&self, value: f64) -> Qty {
        self.qty(value.min(self.order_value * VALUE_MAX), self.dollars)
    }

    fn round(&self, price: Price) -> Price {
        let step = self.tick * ROUND_TICKS;
        let steps = (price.mantissa() + step / 2) / step;
        Price::new(steps.max(1) * step).expect("steps are positive")
    }

    fn after(&self, at: Timestamp, ms: f64) -> Timestamp {
        let units = (ms * NS_PER_MS as f64 / self.time_unit as f64) as i64;
        Timestamp::from_nanos(at.as_nanos() + units.max(1) * self.time_unit)
    }
}

fn power_of_ten(decimals: u8) -> f64 {
    10u64.pow(u32::from(decimals)) as f64
}

/// What happened at one instrument at one moment, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    /// Book changes; each has one update identifier, the last one is the listing's `update_id`.
    pub(crate) changes: Vec<Change>,
    pub(crate) fills: Vec<Fill>,
}

/// When an order is cancelled: time, order, and where it rests.
type Expiry = Reverse<(Timestamp, u64, Side, Price)>;

/// One instrument.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) settings: ListingSettings,
    pub(crate) asset: usize,
    pub(crate) book: Book,
    pub(crate) tape: Tape,
    pub(crate) update_id: u64,
    /// When the book or the tape changed last.
    pub(crate) changed_at: Timestamp,
    shape: Shape,
    random: Random,
    flow: Flow,
    arrival_at: Timestamp,
    expiries: BinaryHeap<Expiry>,
    last_order: u64,
    pub(crate) last_fill: u64,
    pub(crate) last_aggregate: u64,
    noise: f64,
    noise_at: Timestamp,
    breakaways: Breakaways,
    matches: Vec<Match>,
}

impl Listing {
    /// The digits of its integers.
    pub(crate) fn scale(&self) -> Scale {
        Scale { price_decimals: self.settings.price_decimals, qty_decimals: self.settings.qty_decimals }
    }

    /// Counts every change of the book and every fill.
    pub(crate) fn sequence(&self) -> u64 {
        self.update_id + self.last_fill
    }

    /// The best bid and the best ask.
    pub(crate) fn touch(&self) -> (Level, Level) {
        let best = |side| self.book.best(side).expect("the last level of a side is neither taken nor cancelled");
        (best(Side::Buy), best(Side::Sell))
    }
}

/// What a listing starts from.
pub(crate) struct Start {
    pub(crate) settings: ListingSettings,
    pub(crate) asset: usize,
    pub(crate) shape: Shape,
    pub(crate) tape: Tape,
    pub(crate) random: Random,
    pub(crate) breakaways: Breakaways,
    pub(crate) last_fill: u64,
    pub(crate) at: Timestamp,
}

impl Listing {
    /// Opens the live market with a book of standing orders.
    pub(crate) fn open(start: Start, prices: &Prices) -> Self {
        let Start { settings, asset, shape, tape, mut random, breakaways, last_fill, at } = start;
        // Identifiers do not start at one on a venue that has been open for years.
        let (update_id, last_order) = (random.bits() % 1_000_000_000 + 1_000_000_000, random.bits() % 100_000_000);
        let mut listing = Self {
            settings,
            asset,
            book: Book::default(),
            tape,
            update_id,
            changed_at: at,
            shape,
            random,
            flow: Flow::new(at),
            arrival_at: at,
            expiries: BinaryHeap::new(),
            last_order,
            last_fill,
            last_aggregate: last_fill / 2,
            noise: 0.0,
            noise_at: at,
            breakaways,
            matches: Vec::new(),
        };
        listing.stock(at, prices);
        listing
    }

    fn stock(&mut self, at: Timestamp, prices: &Prices) {
        let mut step = Step { at, ..Step::default() };
        for order in standing_orders(&self.shape, &mut self.random) {
            // Nothing trades before the market is open: what would cross is left out.
            self.apply(order, prices, &mut step, Crossing::Drop);
        }
        self.draw_arrival(prices);
    }

    /// When the next thing happens here.
    pub(crate) fn next_at(&self) -> Timestamp {
        self.expiries.peek().map_or(self.arrival_at, |Reverse(expiry)| self.arrival_at.min(expiry.0))
    }

    /// Lets the next thing happen and tells it in `step`, which may come out empty.
    pub(crate) fn step(&mut self, prices: &Prices, step: &mut Step) {
        step.changes.clear();
        step.fills.clear();
        step.at = self.next_at();
        if self.expiries.peek().is_some_and(|Reverse(expiry)| expiry.0 <= self.arrival_at) {
            let Some(Reverse((_, id, side, price))) = self.expiries.pop() else { return };
            if self.book.is_last_level(side) {
                // Somebody always makes a market: the last level of a side stays until there is another.
                self.expiries.push(Reverse((self.shape.after(step.at, 1_000.0), id, side, price)));
            } else {
                step.changes.extend(self.book.cancel(side, price, id));
            }
        } else {
            let (activity, lean) = (prices.activity(), self.lean(prices));
            let arrival = self.flow.arrive(step.at, &self.shape, lean, activity, &mut self.random);
            self.apply(arrival, prices, step, Crossing::Trade);
            self.draw_arrival(prices);
        }
        self.update_id += step.changes.len() as u64;
        if !step.changes.is_empty() {
            self.changed_at = step.at;
        }
    }

    fn draw_arrival(&mut self, prices: &Prices) {
        let wait_ms = self.flow.wait_ms(&self.shape, prices.activity(), &mut self.random);
        self.arrival_at = self.shape.after(self.arrival_at, wait_ms);
    }

    fn apply(&mut self, arrival: Arrival, prices: &Prices, step: &mut Step, crossing: Crossing) {
        match arrival {
            Arrival::Nothing => {}
            Arrival::Taker { side, qty } => {
                let (bid, ask) = self.touch();
                let best = if side == Side::Buy { ask } else { bid };
                let slack = if side == Side::Buy { 1.0 + SLIPPAGE } else { 1.0 - SLIPPAGE };
                let limit = self.shape.price(best.price.mantissa() as f64 / self.shape.price_units * slack);
                self.trade(side, qty, limit, TakerKind::Market, step);
            }
            Arrival::Order { side, price_factor, is_round, qty, life_ms } => {
                let fair = self.fair(step.at, prices);
                let price = self.shape.price(fair * price_factor);
                let price = if is_round { self.shape.round(price) } else { price };
                if !self.book.crosses(side, price) {
                    self.last_order += 1;
                    let expiry = (self.shape.after(step.at, life_ms), self.last_order, side, price);
                    self.expiries.push(Reverse(expiry));
                    step.changes.push(self.book.add(side, price, self.last_order, qty));
                } else if crossing == Crossing::Trade {
                    // The fair price has moved past resting orders: who sees it first takes them all.
                    let all = self.book.qty_within(side, price);
                    let qty = all.min(self.shape.qty_of_value(f64::INFINITY));
                    self.trade(side, qty, price, TakerKind::Limit, step);
                }
            }
        }
    }

    fn trade(&mut self, taker: Side, qty: Qty, limit: Price, kind: TakerKind, step: &mut Step) {
        self.last_order += 1;
        let taker_order = self.last_order;
        let take = Take { taker, qty, limit, levels_left: LEVELS_LEFT };
        let mut matches = std::mem::take(&mut self.matches);
        matches.clear();
        self.book.take(take, &mut matches, &mut step.changes);
        let (first, mut last_price) = (step.fills.len(), None);
        for met in &matches {
            self.last_fill += self.id_step(taker_order);
            self.last_aggregate += u64::from(last_price != Some(met.price));
            last_price = Some(met.price);
            let fill = Fill {
                at: step.at,
                id: self.last_fill,
                aggregate: self.last_aggregate,
                price: met.price,
                qty: met.qty,
                taker,
                kind,
                maker_order: met.maker,
                taker_order,
            };
            step.fills.push(fill);
        }
        self.tape.add(&step.fills[first..]);
        self.matches = matches;
    }

    /// Identifiers of trades follow each other, except on KuCoin, where they only grow.
    fn id_step(&self, taker_order: u64) -> u64 {
        if self.settings.venue == Venue::Kucoin { 1 + taker_order % 3 } else { 1 }
    }

    /// The fair price here and now in dollars: the efficient one a little late, and the venue's own deviation.
    fn fair(&mut self, at: Timestamp, prices: &Prices) -> f64 {
        let elapsed_ms = (at.as_nanos() - self.noise_at.as_nanos()) as f64 / NS_PER_MS as f64;
        self.noise = self.shape.noise.step(self.noise, elapsed_ms, &mut self.random);
        self.noise_at = at;
        let dollars = prices.dollars(self.asset, self.shape.lag_ms);
        self.shape.dollars = dollars;
        dollars * (1.0 + self.noise + self.breakaways.at(at))
    }

    /// How far the efficient price is above the middle of the book, in spreads.
    fn lean(&self, prices: &Prices) -> f64 {
        let (bid, ask) = self.touch();
        let middle = (bid.price.mantissa() + ask.price.mantissa()) as f64 / 2.0 / self.shape.price_units;
        let fair = prices.dollars(self.asset, self.shape.lag_ms);
        (fair - middle) / (middle * self.shape.spread.max(1e-6)) * 0.2
    }
}

/// What to do with a limit order whose price would trade.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crossing {
    Trade,
    Drop,
}
