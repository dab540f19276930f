//! The record of one instrument: its trades and the minutes built from them.

use std::collections::VecDeque;

use types::time::NS_PER_MIN;
use types::{Candle, Price, Qty, Side, Timestamp};

/// Fills kept; older ones are forgotten. About half a day of a busy instrument.
pub(crate) const FILLS_KEPT: usize = 50_000;
/// Closed minutes kept: a week.
pub(crate) const MINUTES_KEPT: usize = 7 * 1_440;
/// Minutes of the rolling day of the tickers, the running one included.
const DAY_MINUTES: usize = 1_440;

/// One taker order meeting one resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) at: Timestamp,
    /// One more than the fill before.
    pub(crate) id: u64,
    /// Shared by the fills of one taker order at one price; one more than the aggregate before.
    pub(crate) aggregate: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    pub(crate) taker: Side,
    pub(crate) kind: TakerKind,
    pub(crate) maker_order: u64,
    pub(crate) taker_order: u64,
}

/// How the taker's order was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakerKind {
    Market,
    Limit,
}

/// What happened in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) candle: Candle,
    /// Sum of price times quantity, at the product of both scales.
    pub(crate) value: i128,
    pub(crate) taker_buy_qty: Qty,
    pub(crate) taker_buy_value: i128,
    /// Identifiers of the first and the last fill, `None` in a minute without one.
    pub(crate) ids: Option<(u64, u64)>,
}

/// Sums over several minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// As one candle from the first minute's open to the last one's close.
    pub(crate) candle: Candle,
    pub(crate) value: i128,
    pub(crate) first_id: Option<u64>,
    pub(crate) last_id: Option<u64>,
}

/// Trades and minutes of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    fills: VecDeque<Fill>,
    closed: VecDeque<Minute>,
    running: Minute,
    /// The closed minutes of the rolling day.
    day: Option<Window>,
}

impl Minute {
    /// A minute in which nothing has traded yet.
    pub(crate) fn flat(open_time: Timestamp, close: Price) -> Self {
        Self {
            candle: Candle::flat(open_time, close),
            value: 0,
            taker_buy_qty: Qty::ZERO,
            taker_buy_value: 0,
            ids: None,
        }
    }

    fn add(&mut self, fill: &Fill) {
        let value = i128::from(fill.price.mantissa()) * i128::from(fill.qty.0);
        let once = Candle { open_time: self.candle.open_time, volume: fill.qty, trades: 1, ..flat_at(fill.price) };
        if self.candle.trades == 0 {
            self.candle = once;
        } else {
            self.candle.absorb(&once);
        }
        self.value += value;
        if fill.taker == Side::Buy {
            self.taker_buy_qty = self.taker_buy_qty.saturating_add(fill.qty);
            self.taker_buy_value += value;
        }
        self.ids = Some((self.ids.map_or(fill.id, |ids| ids.0), fill.id));
    }
}

fn flat_at(price: Price) -> Candle {
    Candle::flat(Timestamp::EPOCH, price)
}

impl Window {
    fn of(minute: &Minute) -> Self {
        Self {
            candle: minute.candle,
            value: minute.value,
            first_id: minute.ids.map(|ids| ids.0),
            last_id: minute.ids.map(|ids| ids.1),
        }
    }

    /// Adds a later minute.
    pub(crate) fn add(&mut self, minute: &Minute) {
        self.candle.absorb(&minute.candle);
        self.value += minute.value;
        self.first_id = self.first_id.or(minute.ids.map(|ids| ids.0));
        self.last_id = minute.ids.map(|ids| ids.1).or(self.last_id);
    }

    /// All given minutes, oldest first; `None` without any.
    pub(crate) fn over<'a>(minutes: impl IntoIterator<Item = &'a Minute>) -> Option<Self> {
        let mut minutes = minutes.into_iter();
        let mut window = Self::of(minutes.next()?);
        minutes.for_each(|minute| window.add(minute));
        Some(window)
    }
}

impl Tape {
    /// Begins with `history` (oldest first, without a hole); the minute at `open_time` runs from here on.
    pub(crate) fn new(history: Vec<Minute>, open_time: Timestamp, price: Price) -> Self {
        let last = history.last().map_or(price, |minute| minute.candle.close);
        let mut tape = Self {
            fills: VecDeque::new(),
            closed: history.into(),
            running: Minute::flat(open_time, last),
            day: None,
        };
        tape.trim();
        tape
    }

    /// Adds a fill of the running minute.
    pub(crate) fn add(&mut self, fill: Fill) {
        debug_assert_eq!(fill.at.floor_to(NS_PER_MIN), self.running.candle.open_time);
        self.running.add(&fill);
        if self.fills.len() == FILLS_KEPT {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
    }

    /// Closes the running minute and begins the next.
    pub(crate) fn close_minute(&mut self) {
        let next = Timestamp::from_nanos(self.running.candle.open_time.as_nanos() + NS_PER_MIN);
        let close = self.running.candle.close;
        self.closed.push_back(std::mem::replace(&mut self.running, Minute::flat(next, close)));
        self.trim();
    }

    fn trim(&mut self) {
        while self.closed.len() > MINUTES_KEPT {
            self.closed.pop_front();
        }
        let day_start = self.closed.len().saturating_sub(DAY_MINUTES - 1);
        self.day = Window::over(self.closed.range(day_start..));
    }

    /// The kept fills, oldest first.
    pub(crate) fn fills(&self) -> &VecDeque<Fill> {
        &self.fills
    }

    /// The kept minutes, oldest first, the running one last.
    pub(crate) fn minutes(&self) -> impl DoubleEndedIterator<Item = &Minute> + '_ {
        self.closed.iter().chain(std::iter::once(&self.running))
    }

    /// The minute that is running.
    pub(crate) fn running(&self) -> &Minute {
        &self.running
    }

    /// The minute that closed last.
    pub(crate) fn last_closed(&self) -> Option<&Minute> {
        self.closed.back()
    }

    /// The last price traded at.
    pub(crate) fn last_price(&self) -> Price {
        self.running.candle.close
    }

    /// The rolling 24 hours, at the resolution of minutes.
    pub(crate) fn day(&self) -> Window {
        let mut day = self.day.unwrap_or_else(|| Window::of(&self.running));
        if self.day.is_some() {
            day.add(&self.running);
        }
        day
    }

    /// Fills with an identifier from `id` on, oldest first. Identifiers follow each other, so this is a subtraction.
    pub(crate) fn fills_from(&self, id: u64) -> impl Iterator<Item = &Fill> + '_ {
        let first = self.fills.front().map_or(0, |fill| fill.id);
        let skip = id.saturating_sub(first).min(self.fills.len() as u64) as usize;
        self.fills.range(skip..)
    }
}
