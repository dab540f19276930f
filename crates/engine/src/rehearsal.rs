//! Given orders against a recorded market: what the paper venue would have made of them.
//!
//! ```text
//! orders, by the time they are sent ─┐
//! books and what changes of them,    ├─► Rehearsal ──► fills, ends, what is still open, cash and position
//! marks and trades, by the time they │
//! were received ─────────────────────┘
//! ```
//!
//! The very [`PaperVenue`] of the box, without signal and risk before it and without an account behind it: nothing is refused but
//! by the venue, and the account holds plenty of both sides. What it changes of them is told to the last integer.
//!
//! A recording has one clock that counts, that of its receiver, and its order of messages is believed: whatever times the venue
//! wrote into them do not matter here.

use std::collections::VecDeque;

use core::time::Duration;

use types::fee::Fees;
use types::order::OrderEnd;
use types::settings::PaperSettings;
use types::{Cash, Fill, Input, Instrument, Level, Order, OrderId, Qty, Side, Timestamp, Trade};

use crate::book::{self, Displayed};
use crate::paper::{PaperEvent, PaperVenue, Scene, Terms};
use crate::rejection::Rejection;
use crate::risk;

mod depth;

use depth::Depth;

/// How long a book is believed after the last word of a recording, as a feed believes it that hears nothing any more.
pub const SILENT_AFTER: Duration = Duration::from_secs(30);

/// Given orders on their way through a recorded market.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    instrument: Instrument,
    fees: Fees,
    settings: PaperSettings,
    book: Depth,
    venue: PaperVenue,
    /// Not sent yet, the earliest first.
    unsent: VecDeque<Order>,
    events: Vec<PaperEvent>,
    at: Timestamp,
    outcome: Outcome,
}

/// What became of the orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// All fills in the order of their reports.
    pub fills: Vec<Fill>,
    /// Orders that left the venue.
    pub ended: Vec<Ended>,
    /// Orders that are still there, or were never sent, with what is left of them.
    pub open: Vec<(OrderId, Qty)>,
    /// How much more cash the account has than before, 10^-8: below zero when it paid.
    pub cash: i128,
    /// How much more base it has than before, quantity units.
    pub position: i128,
}

/// An order that left the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub order: OrderId,
    /// How.
    pub end: OrderEnd,
    /// When.
    pub at: Timestamp,
    /// What was not filled.
    pub left: Qty,
}

impl Rehearsal {
    /// Orders for one instrument, sent at their own times; those of the same time in the order given.
    #[must_use]
    pub fn new(instrument: Instrument, settings: PaperSettings, fees: Fees, mut orders: Vec<Order>) -> Self {
        orders.sort_by_key(|order| order.at);
        Self {
            book: Depth::new(),
            instrument,
            fees,
            settings,
            venue: PaperVenue::default(),
            unsent: orders.into(),
            events: Vec::new(),
            at: Timestamp::EPOCH,
            outcome: Outcome::default(),
        }
    }

    /// Whose orders.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// What orders meet at this moment.
    #[must_use]
    pub const fn displayed(&self) -> &dyn Displayed {
        &self.book
    }

    /// Takes what was received at `at`, which must not decrease: books, marks and trades of the instrument. All else is left
    /// aside.
    ///
    /// # Errors
    /// Why a book is none. It counts as stale then.
    pub fn hear(&mut self, at: Timestamp, input: &Input) -> Result<(), Rejection> {
        let id = self.instrument.id;
        match input {
            Input::Book(top) if top.instrument == id => match book::check(top) {
                Ok(()) => self.book(at, &top.bids, &top.asks),
                Err(rejection) => {
                    self.stale(at);
                    Err(rejection)
                }
            },
            Input::BookStale { instrument, .. } if *instrument == id => {
                self.stale(at);
                Ok(())
            }
            Input::Trade(trade) if trade.instrument == id => {
                self.pass(at);
                let heard = Trade { venue_at: at, ..trade.clone() };
                self.with_venue(at, |venue, scene, events| venue.on_trade(&heard, scene, at, events));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes all levels of the instrument's book at `at`, best first, of any depth up to 65 536 levels a side. Orders meet the best
    /// [`LEVELS_MAX`](crate::book::LEVELS_MAX).
    ///
    /// # Errors
    /// Why it is no book. It counts as stale then.
    pub fn book(&mut self, at: Timestamp, bids: &[Level], asks: &[Level]) -> Result<(), Rejection> {
        self.pass(at);
        self.book.replace(bids, asks)?;
        self.with_venue(at, |venue, scene, events| venue.on_book(scene, at, events));
        Ok(())
    }

    /// Takes the whole new quantities at some prices of the instrument's book, in order; zero where no level is left. Costs as much
    /// as changed, whatever the book's depth. A stale book stays as it is until [`book`](Self::book) tells another one.
    ///
    /// # Errors
    /// Why the book is none any more. It counts as stale then.
    pub fn change(&mut self, at: Timestamp, bids: &[Level], asks: &[Level]) -> Result<(), Rejection> {
        self.pass(at);
        self.book.change(bids, asks)?;
        self.with_venue(at, |venue, scene, events| venue.on_book(scene, at, events));
        Ok(())
    }

    fn stale(&mut self, at: Timestamp) {
        self.pass(at);
        self.book.mark_stale();
    }

    /// The recording is over: what is on its way arrives, and meets the last book for [`SILENT_AFTER`].
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let last = self.at;
        let silent_at = last.plus(SILENT_AFTER);
        self.send(silent_at);
        if !self.unsent.is_empty() || self.last_arrival().is_some_and(|at| at >= silent_at) {
            self.stale(silent_at);
            self.send(Timestamp::MAX);
        }
        let end = self.last_arrival().unwrap_or(last).max(last).plus(Duration::from_nanos(1));
        self.pass(end);
        self.with_venue(end, |venue, _, events| venue.tell(Timestamp::MAX, events));
        let open = self.venue.orders().iter().map(|working| (working.order.id, working.left()));
        self.outcome.open = open.collect();
        self.outcome
    }

    fn last_arrival(&self) -> Option<Timestamp> {
        self.venue.orders().iter().map(|working| working.arrives_at).max()
    }

    /// Time goes on to `to` without a word of the instrument: orders are sent and arrive before it. In how many steps it goes
    /// changes nothing.
    pub fn pass(&mut self, to: Timestamp) {
        self.at = self.at.max(to);
        self.send(to);
        self.pass_venue(to);
    }

    fn send(&mut self, to: Timestamp) {
        while let Some(order) = self.unsent.pop_front_if(|order| order.at < to) {
            // What happened before it drew its travelling times before it.
            self.pass_venue(order.at);
            self.venue.accept(risk::approve_plenty(order), &self.settings);
        }
    }

    fn pass_venue(&mut self, to: Timestamp) {
        if !self.venue.is_idle() {
            self.with_venue(to, |venue, scene, events| venue.pass(scene, to, events));
        }
    }

    fn with_venue(&mut self, at: Timestamp, act: impl FnOnce(&mut PaperVenue, &Scene<'_>, &mut Vec<PaperEvent>)) {
        let terms = Terms::new(&self.instrument, self.fees.at(self.instrument.venue, at, Cash::ZERO));
        let scene = Scene { instrument: self.instrument.id, book: &self.book, terms, settings: &self.settings };
        act(&mut self.venue, &scene, &mut self.events);
        // A rehearsal tells fills and ends only.
        self.venue.arrivals().for_each(drop);
        for event in self.events.drain(..) {
            self.outcome.note(event, &terms);
        }
    }
}

impl Outcome {
    fn note(&mut self, event: PaperEvent, terms: &Terms) {
        match event {
            PaperEvent::Fill { fill, .. } => {
                let value = i128::from(terms.value(fill.side, fill.price, fill.qty).0);
                let (paid, bought) = match fill.side {
                    Side::Buy => (value, i128::from(fill.qty.0)),
                    Side::Sell => (-value, -i128::from(fill.qty.0)),
                };
                self.cash -= paid + i128::from(fill.fee.0);
                self.position += bought;
                self.fills.push(fill);
            }
            PaperEvent::End { working, end, at } => {
                self.ended.push(Ended { order: working.order.id, end, at, left: working.left() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
