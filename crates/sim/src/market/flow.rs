//! When orders arrive at one listing, and what they want.
//!
//! Arrivals are Poisson with a changing rate: the activity of all markets, times a log-normal factor of the listing's own,
//! plus, for takers, an excitement that each taker adds to and that fades in seconds (a Hawkes process). That gives
//! bursts, and seconds with nothing at all.

use types::time::NS_PER_MS;
use types::{Qty, Side, Timestamp};

use super::listing::Shape;
use super::random::Random;
use super::reversion::Reversion;

/// The listing's own busyness: logarithm.
const BUSYNESS: Reversion = Reversion { memory_ms: 25_000.0, deviation: 0.7 };
/// Takers that one taker attracts on average, and for how long.
pub(crate) const EXCITEMENT_OFFSPRING: f64 = 0.4;
const EXCITEMENT_MEMORY_MS: f64 = 4_000.0;
/// Bounds of the activity factor: no dead market, no storm that outruns the clock.
pub(crate) const ACTIVITY_RANGE: (f64, f64) = (0.04, 6.0);
/// Rates are taken anew at least this often; the process has no memory, so that does not change it.
const WAIT_MAX_MS: f64 = 1_000.0;

/// What arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrival {
    /// A limit order at `price_factor` times the fair price.
    Order { side: Side, price_factor: f64, is_round: bool, qty: Qty, life_ms: f64 },
    /// A market order.
    Taker { side: Side, qty: Qty },
    /// Only the rates were looked at.
    Nothing,
}

/// One habit of placing limit orders.
struct Habit {
    /// Share of the orders, per cent.
    share: f64,
    /// Least distance from the fair price in half spreads, and mean of what is added, in half spreads and in millionths.
    half_spreads: f64,
    half_spreads_more: f64,
    ppm_more: f64,
    /// Usual value, in units of the listing's order value.
    value: f64,
    /// Mean time until it is cancelled.
    life_ms: f64,
    /// How often the price is a round one, per cent.
    round: f64,
}

/// Around the touch, near it, further away, and the patient money far out: the further, the larger and the longer.
const HABITS: [Habit; 4] = [
    Habit {
        share: 48.0,
        half_spreads: 0.5,
        half_spreads_more: 0.8,
        ppm_more: 0.0,
        value: 3.0,
        life_ms: 9e3,
        round: 0.0,
    },
    Habit {
        share: 30.0,
        half_spreads: 1.0,
        half_spreads_more: 1.0,
        ppm_more: 300.0,
        value: 5.0,
        life_ms: 25e3,
        round: 3.0,
    },
    Habit {
        share: 15.0,
        half_spreads: 1.0,
        half_spreads_more: 0.0,
        ppm_more: 2e3,
        value: 9.0,
        life_ms: 180e3,
        round: 15.0,
    },
    Habit {
        share: 7.0,
        half_spreads: 1.0,
        half_spreads_more: 0.0,
        ppm_more: 2e4,
        value: 18.0,
        life_ms: 5_400e3,
        round: 50.0,
    },
];

/// The arrivals of one listing.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    at: Timestamp,
    busyness: f64,
    excitement_per_ms: f64,
    last_taker: Side,
    /// The rate under which the next arrival was drawn; the true rate then is at most this.
    drawn_rate_per_ms: f64,
}

impl Flow {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { at, busyness: 0.0, excitement_per_ms: 0.0, last_taker: Side::Buy, drawn_rate_per_ms: 0.0 }
    }

    /// Milliseconds until the next arrival, or until the rates should be looked at again.
    pub(crate) fn wait_ms(&mut self, shape: &Shape, activity: f64, random: &mut Random) -> f64 {
        let calm = self.calm_rate_per_ms(shape, activity);
        self.drawn_rate_per_ms = calm.0 + calm.1 + self.excitement_per_ms;
        random.exponential(1.0 / self.drawn_rate_per_ms).min(WAIT_MAX_MS)
    }

    /// What arrives at `at`. `lean` above zero makes buying takers likelier.
    pub(crate) fn arrive(
        &mut self,
        at: Timestamp,
        shape: &Shape,
        lean: f64,
        activity: f64,
        random: &mut Random,
    ) -> Arrival {
        let elapsed_ms = (at.as_nanos() - self.at.as_nanos()) as f64 / NS_PER_MS as f64;
        let (orders, takers) = self.calm_rate_per_ms(shape, activity);
        self.at = at;
        self.excitement_per_ms *= libm::exp(-elapsed_ms / EXCITEMENT_MEMORY_MS);
        self.busyness = BUSYNESS.step(self.busyness, elapsed_ms, random);
        if elapsed_ms >= WAIT_MAX_MS {
            return Arrival::Nothing;
        }
        let pick = random.unit() * self.drawn_rate_per_ms;
        if pick < orders {
            order(shape, random)
        } else if pick < orders + takers + self.excitement_per_ms {
            self.excitement_per_ms += EXCITEMENT_OFFSPRING / EXCITEMENT_MEMORY_MS;
            self.taker(shape, lean, random)
        } else {
            Arrival::Nothing
        }
    }

    fn calm_rate_per_ms(&self, shape: &Shape, activity: f64) -> (f64, f64) {
        let own = libm::exp(self.busyness - 0.5 * BUSYNESS.deviation * BUSYNESS.deviation);
        let factor = (activity * own).clamp(ACTIVITY_RANGE.0, ACTIVITY_RANGE.1);
        (shape.orders_per_s * factor / 1e3, shape.takers_per_s * factor / 1e3)
    }

    /// Takers come in runs of one side, and lean towards where the fair price is.
    fn taker(&mut self, shape: &Shape, lean: f64, random: &mut Random) -> Arrival {
        let repeat = if self.last_taker == Side::Buy { 0.15 } else { -0.15 };
        let side = if random.chance(0.5 + repeat + lean.clamp(-0.3, 0.3)) { Side::Buy } else { Side::Sell };
        self.last_taker = side;
        let value = shape.order_value * random.log_normal(1.4);
        Arrival::Taker { side, qty: shape.qty_of_value(value) }
    }
}

/// A limit order by one of the habits.
pub(crate) fn order(shape: &Shape, random: &mut Random) -> Arrival {
    let mut pick = random.unit() * 100.0;
    let habit = HABITS.iter().find(|habit| {
        pick -= habit.share;
        pick < 0.0
    });
    place(shape, habit.unwrap_or(&HABITS[0]), random)
}

/// The orders that rest at an average moment, were nothing ever taken: by habit, rate times life.
pub(crate) fn standing_orders(shape: &Shape, random: &mut Random) -> Vec<Arrival> {
    let mut orders = Vec::new();
    for habit in &HABITS {
        let mean = shape.orders_per_s * habit.share / 100.0 * habit.life_ms / 1e3;
        // Lives are exponential, so what is left of a life is distributed like a whole one.
        orders.extend((0..mean as u32).map(|_| place(shape, habit, random)));
    }
    orders
}

fn place(shape: &Shape, habit: &Habit, random: &mut Random) -> Arrival {
    let half = 0.5 * shape.spread;
    let more = half * habit.half_spreads_more + habit.ppm_more / 1e6;
    let distance = half * habit.half_spreads + random.exponential(more);
    let side = if random.chance(0.5) { Side::Buy } else { Side::Sell };
    let price_factor = if side == Side::Buy { libm::exp(-distance) } else { libm::exp(distance) };
    Arrival::Order {
        side,
        price_factor,
        is_round: random.chance(habit.round / 100.0),
        qty: shape.qty_of_value(shape.order_value * habit.value * random.log_normal(1.0)),
        life_ms: random.exponential(habit.life_ms),
    }
}
