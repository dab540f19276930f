//! What two books offer at a moment.

use core::time::Duration;

use types::arbitrage::{ArbitrageEnd, ArbitrageLeg, ArbitrageRate};
use types::money::divide;
use types::settings::EngineSettings;
use types::{ArbitrageEndReason, ArbitrageSize, Cash, Ppm, Price, Qty, Rounding, Side, Timestamp};

use super::Nearest;
use super::ledger::{Names, Offer, Pair, Sight};
use super::leg::{Leg, Rate};
use super::routes::{DOLLAR, Routes, TETHER};
use super::walk::most_profitable;
use crate::market::{Market, Markets};

/// What the scanner may look at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) at: Timestamp,
    pub(crate) settings: &'a EngineSettings,
    pub(crate) markets: &'a Markets,
    pub(crate) is_clock_set: bool,
}

/// What somebody can spend on a difference: the most of each side, in its own units, and what each venue takes from him.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means {
    pub(crate) buy_max: Qty,
    pub(crate) buy_taker: Ppm,
    pub(crate) sell_max: Qty,
    pub(crate) sell_taker: Ppm,
}

/// What to order on both sides, and what that would leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tender {
    pub(crate) qty: Qty,
    /// How much to buy in the instrument's own units, and the worst price of it.
    pub(crate) buy: (Qty, Price),
    /// The same of what to sell.
    pub(crate) sell: (Qty, Price),
    pub(crate) profit: Cash,
}

/// What the best levels of a book cost and bring after the fee, in its own quote currency. Missing for an empty side.
pub(super) struct Tops {
    cost: Option<i128>,
    proceeds: Option<i128>,
}

impl Tops {
    pub(super) fn of(market: &Market, scene: Scene<'_>) -> Self {
        let taker = scene.taker(market);
        let best = |side| leg(market, side, taker, None).best();
        Self { cost: best(Side::Buy), proceeds: best(Side::Sell) }
    }

    /// Whether the best prices pay when base is bought here and sold there, and when it goes the other way.
    pub(super) fn pay(&self, there: &Self) -> (bool, bool) {
        let pays = |cost: Option<i128>, proceeds| cost.zip(proceeds).is_some_and(|(cost, proceeds)| proceeds > cost);
        (pays(self.cost, there.proceeds), pays(there.cost, self.proceeds))
    }
}

impl<'a> Scene<'a> {
    /// Looks at two books for buying in one and selling in the other.
    pub(super) fn sight(self, buy: &Market, sell: &Market, routes: &Routes) -> Sight {
        let ends = |at, reason| Sight::Ends(ArbitrageEnd { at, reason });
        if !self.is_clock_set {
            return ends(self.at, ArbitrageEndReason::ClockUnset);
        }
        if let Some(end) = [buy, sell].into_iter().filter_map(|market| self.lost(market)).min_by_key(|end| end.at) {
            return Sight::Ends(end);
        }
        let Some((buy, sell, rate)) = self.legs(buy, sell, routes) else {
            return ends(self.at, ArbitrageEndReason::NoRate);
        };
        match most_profitable(&buy, &sell) {
            Err(reason) => ends(self.at, reason),
            Ok(found) => {
                let net_cbps = net_cbps(&buy, &sell).unwrap_or(0).max(0) as u32;
                let size =
                    ArbitrageSize { at: self.at, qty: found.qty, cost: found.cost, profit: found.profit, net_cbps };
                Sight::Pays(Offer { size, qty_decimals: found.qty_decimals, rate })
            }
        }
    }

    /// What to order in two books with limited means.
    pub(super) fn tender(self, buy: &Market, sell: &Market, means: Means, routes: &Routes) -> Option<Tender> {
        let (mut buy, mut sell, _) = self.legs(buy, sell, routes)?;
        (buy.qty_max, buy.taker) = (means.buy_max, means.buy_taker);
        (sell.qty_max, sell.taker) = (means.sell_max, means.sell_taker);
        let found = most_profitable(&buy, &sell).ok()?;
        let order = |leg: &Leg<'_>| {
            let digits = found.qty_decimals - leg.instrument.scale.qty_decimals;
            let qty = Qty(found.qty.0 / 10u64.pow(digits.into()));
            Some((qty, leg.worst(qty)?))
        };
        Some(Tender { qty: found.qty, buy: order(&buy)?, sell: order(&sell)?, profit: found.profit })
    }

    /// What the best prices of two books leave; `None` where they cannot be compared.
    pub(super) fn nearest(self, buy: &Market, sell: &Market, routes: &Routes) -> Option<Nearest> {
        if !self.is_clock_set || [buy, sell].into_iter().any(|market| self.lost(market).is_some()) {
            return None;
        }
        let pair = Pair { buy: buy.instrument.id, sell: sell.instrument.id };
        let (buy, sell, _) = self.legs(buy, sell, routes)?;
        Some(Nearest { pair, net_cbps: net_cbps(&buy, &sell)? })
    }

    /// What an opportunity between two books is called.
    pub(super) fn names(self, buy: &Market, sell: &Market) -> Names {
        let leg = |market: &Market| {
            let instrument = &market.instrument;
            ArbitrageLeg { instrument: instrument.id, venue: instrument.venue, taker_ppm: self.taker(market) }
        };
        let is_valued = buy.instrument.quote != sell.instrument.quote;
        let currency = if is_valued { DOLLAR } else { buy.instrument.quote.as_str() };
        Names { buy: leg(buy), sell: leg(sell), base: buy.instrument.base.clone(), currency: currency.to_owned() }
    }

    fn taker(self, market: &Market) -> Ppm {
        self.settings.fees.at(market.instrument.venue, self.at, Cash::ZERO).taker_ppm
    }

    /// Since when and why a book cannot be used; `None` while it holds and is fresh.
    fn lost(self, market: &Market) -> Option<ArbitrageEnd> {
        let book = market.book();
        let Some(heard_at) = book.at().filter(|_| book.is_proven()) else {
            return Some(ArbitrageEnd { at: self.at, reason: ArbitrageEndReason::BookStale });
        };
        let last = heard_at.plus(Duration::from_millis(self.settings.arbitrage.book_age_max_ms.into()));
        (last < self.at).then_some(ArbitrageEnd { at: last, reason: ArbitrageEndReason::BookOld })
    }

    /// Both sides in one currency; `None` where that needs a rate and there is none.
    fn legs<'m>(
        self,
        buy: &'m Market,
        sell: &'m Market,
        routes: &Routes,
    ) -> Option<(Leg<'m>, Leg<'m>, Option<ArbitrageRate>)> {
        let (buy_taker, sell_taker) = (self.taker(buy), self.taker(sell));
        let plain = |rate| leg(buy, Side::Buy, buy_taker, rate);
        let (buy_quote, sell_quote) = (buy.instrument.quote.as_str(), sell.instrument.quote.as_str());
        if buy_quote == sell_quote {
            return Some((plain(None), leg(sell, Side::Sell, sell_taker, None), None));
        }
        // USDT that is paid is bought first, at the ask; USDT that is received is sold, at the bid.
        let side = if buy_quote == TETHER { Side::Buy } else { Side::Sell };
        let (rate, used) = self.rate(side, routes)?;
        let (buy_rate, sell_rate) = if buy_quote == TETHER { (Some(rate), None) } else { (None, Some(rate)) };
        Some((plain(buy_rate), leg(sell, Side::Sell, sell_taker, sell_rate), Some(used)))
    }

    /// The rate of USDT in USD: of the first book in the catalogue's order that holds and is fresh.
    fn rate(self, side: Side, routes: &Routes) -> Option<(Rate, ArbitrageRate)> {
        let settings = &self.settings.arbitrage;
        let markets = routes.rates().iter().filter_map(|id| self.markets.get(*id)).filter(|_| settings.usd_with_usdt);
        markets.filter(|market| self.lost(market).is_none()).find_map(|market| {
            let price = market.book().facing(side).first()?.price;
            let decimals = market.instrument.scale.price_decimals;
            Some((Rate { price, decimals }, ArbitrageRate { instrument: market.instrument.id, price, decimals }))
        })
    }
}

fn leg(market: &Market, side: Side, taker: Ppm, rate: Option<Rate>) -> Leg<'_> {
    let (instrument, levels) = (&market.instrument, market.book().facing(side));
    Leg { side, instrument, levels, qty_max: Qty(u64::MAX), taker, rate }
}

/// What is left at the best prices, hundredths of a basis point of the cost, rounded down; capped at the range.
fn net_cbps(buy: &Leg<'_>, sell: &Leg<'_>) -> Option<i32> {
    let (cost, proceeds) = (buy.best()?, sell.best()?);
    let left = proceeds - cost;
    let cbps = match left.checked_mul(1_000_000) {
        Some(left) => divide(left, cost, Rounding::Floor),
        None => left / (cost / 1_000_000).max(1),
    };
    Some(cbps.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
}
