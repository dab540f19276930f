//! Price differences between exchanges: where base could be bought on one venue and sold on another at once for more than
//! both taker fees.
//!
//! ```text
//! book of one instrument ─► routes: which other books it compares with ─► leg: best prices after fees: does it pay?
//!                                                                           │ yes, and both books are proven and fresh
//!                                     records, today's counts ◄─ ledger ◄─ walk: the most profitable quantity
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`leg`] | a book's side at what it costs or brings after the taker fee |
//! | [`walk`] | the most profitable quantity between two books |
//! | [`ledger`] | the life of an opportunity: begins, lasts, is gone for a moment, ends with a reason |
//! | [`routes`] | which instruments compare with which |
//! | `scene` | what two books offer at a moment: are they fresh, what is left, at which rate |
//!
//! What it does not know: withdrawals, transfers and their cost and time, orders that come before ours, and that both legs
//! must fill. It tells what the books offered, to somebody with money on both venues. What would have come of it is found out by an
//! account that tries each opportunity once, when it begins (`desk::legs`).

pub mod ledger;
pub mod leg;
pub mod routes;
mod scene;
pub mod walk;

use serde::{Deserialize, Serialize};
use types::{ArbitrageRecord, InstrumentId};

use crate::market::Markets;
use ledger::{Ledger, Pair};
use routes::Routes;
use scene::Tops;

pub(crate) use ledger::Pen;
pub(crate) use scene::{Means, Scene, Tender};

/// Compares each new book with those it compares with, and keeps what it finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanner {
    routes: Routes,
    ledger: Ledger,
}

/// What can be compared at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Pairs of books that are proven and fresh.
    pub compared: u32,
    /// Pairs of books that would be compared if they were.
    pub waiting: u32,
    /// The two books whose prices come nearest to paying both fees, or pay most.
    pub nearest: Option<Nearest>,
}

/// Two books whose prices come nearest to paying both fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// Where base would be bought and sold.
    pub pair: Pair,
    /// What is left at the best prices after both fees, hundredths of a basis point of the cost; below zero what is missing.
    pub net_cbps: i32,
}

impl Scanner {
    /// What was found.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// An instrument is new in the catalogue.
    pub(crate) fn on_instrument(&mut self, id: InstrumentId, markets: &Markets) {
        self.routes.add(id, markets);
    }

    /// A proven book came.
    pub(crate) fn on_book(&mut self, id: InstrumentId, scene: Scene<'_>, pen: &mut Pen<'_>) {
        let Some(here) = scene.markets.get(id).filter(|_| pen.settings.enabled) else { return };
        let tops = Tops::of(here, scene);
        for partner in self.routes.of(id) {
            let Some(there) = scene.markets.get(partner.id) else { continue };
            let (in_pays, out_pays) = match partner.needs_rate {
                // Only a full look knows the rate.
                true => (pen.settings.usd_with_usdt, pen.settings.usd_with_usdt),
                false => tops.pay(&Tops::of(there, scene)),
            };
            for (may_pay, buy, sell) in [(in_pays, here, there), (out_pays, there, here)] {
                let pair = Pair { buy: buy.instrument.id, sell: sell.instrument.id };
                if may_pay || (!self.ledger.is_empty() && self.ledger.holds(pair)) {
                    let sight = scene.sight(buy, sell, &self.routes);
                    self.ledger.see(pair, sight, || scene.names(buy, sell), pen);
                }
            }
        }
        self.on_rate(id, scene, pen);
    }

    /// Opportunities that began since this was asked last.
    pub(crate) fn take_begun(&mut self) -> Vec<ArbitrageRecord> {
        self.ledger.take_begun()
    }

    /// What somebody would order on both sides of a pair who holds so much; `None` where nothing of that pays.
    pub(crate) fn tender(&self, pair: Pair, means: Means, scene: Scene<'_>) -> Option<Tender> {
        let (buy, sell) = scene.markets.get(pair.buy).zip(scene.markets.get(pair.sell))?;
        scene.tender(buy, sell, means, &self.routes)
    }

    /// Whether the same base is traded elsewhere for a currency that may be compared.
    pub(crate) fn compares(&self, id: InstrumentId, usd_with_usdt: bool) -> bool {
        self.routes.of(id).iter().any(|partner| usd_with_usdt || !partner.needs_rate)
    }

    /// A book does not hold any more: what was seen by it ends at once.
    pub(crate) fn on_lost(&mut self, id: InstrumentId, scene: Scene<'_>, pen: &mut Pen<'_>) {
        self.look_again(|pair, _| pair.has(id), scene, pen);
        self.on_rate(id, scene, pen);
    }

    /// Once a second, and when the clock is not believed any more: what is open may be over without a book that says so.
    pub(crate) fn on_time(&mut self, scene: Scene<'_>, pen: &mut Pen<'_>) {
        self.ledger.roll_day(scene.at);
        self.look_again(|_, _| true, scene, pen);
    }

    /// The program was started.
    pub(crate) fn on_boot(&mut self, pen: &mut Pen<'_>) {
        self.ledger.restart(pen);
    }

    /// What can be compared, and what comes nearest. Looks at every pair of books: for the screen.
    pub(crate) fn outlook(&self, scene: Scene<'_>) -> Outlook {
        let mut outlook = Outlook::default();
        let settings = &scene.settings.arbitrage;
        let pairs = self.routes.pairs().filter(|(_, partner)| !partner.needs_rate || settings.usd_with_usdt);
        for (a, partner) in pairs.filter(|_| settings.enabled) {
            let Some((a, b)) = scene.markets.get(a).zip(scene.markets.get(partner.id)) else { continue };
            let nets = [(a, b), (b, a)].map(|(buy, sell)| scene.nearest(buy, sell, &self.routes));
            let is_compared = nets.iter().any(Option::is_some);
            outlook.compared += u32::from(is_compared);
            outlook.waiting += u32::from(!is_compared);
            let known = nets.into_iter().flatten().chain(outlook.nearest);
            // The first of equals: the order of the catalogue.
            outlook.nearest = known.reduce(|best, other| if other.net_cbps >= best.net_cbps { other } else { best });
        }
        outlook
    }

    /// The book of an instrument changed: what it values is looked at again, if it values anything.
    fn on_rate(&mut self, id: InstrumentId, scene: Scene<'_>, pen: &mut Pen<'_>) {
        if !self.ledger.is_empty() && self.routes.rates().contains(&id) {
            self.look_again(|_, known| known.rate.is_some(), scene, pen);
        }
    }

    fn look_again(&mut self, which: impl Fn(&Pair, &ArbitrageRecord) -> bool, scene: Scene<'_>, pen: &mut Pen<'_>) {
        if self.ledger.is_empty() {
            return;
        }
        for pair in self.ledger.pairs(which) {
            if let Some((buy, sell)) = scene.markets.get(pair.buy).zip(scene.markets.get(pair.sell)) {
                let sight = scene.sight(buy, sell, &self.routes);
                self.ledger.see(pair, sight, || scene.names(buy, sell), pen);
            }
        }
    }
}

#[cfg(test)]
mod tests;
