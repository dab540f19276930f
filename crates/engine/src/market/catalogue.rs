//! All instruments of the catalogue, and what time it is at their venues.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::account::ACCOUNT_CURRENCY;
use types::{Instrument, InstrumentId, Level, Price, Qty, Timestamp, Venue};

use super::{DECIMALS_MAX, INSTRUMENTS_MAX, Market, Moment};
use crate::feature::Elsewhere;
use crate::portfolio::Rate;
use crate::quality::{ClockStanding, ClockWatch, Explained, VenueTime};
use crate::rejection::Rejection;

/// Quote currencies that are worth the same, nearly enough to see whether a price is absurd, and for an account where no book says
/// otherwise.
const DOLLARS: [&str; 3] = ["USD", "USDT", "USDC"];

/// All instruments of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Markets {
    all: BTreeMap<InstrumentId, Market>,
    times: [VenueTime; Venue::ALL.len()],
    watches: [ClockWatch; Venue::ALL.len()],
    /// The instruments that tell what a currency is worth in dollars, by that currency.
    rates: BTreeMap<String, Vec<InstrumentId>>,
}

impl Markets {
    /// One market.
    #[must_use]
    pub fn get(&self, instrument: InstrumentId) -> Option<&Market> {
        self.all.get(&instrument)
    }

    /// All markets by id.
    pub fn iter(&self) -> impl Iterator<Item = &Market> {
        self.all.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Market> {
        self.all.values_mut()
    }

    pub(crate) fn get_mut(&mut self, instrument: InstrumentId) -> Result<&mut Market, Rejection> {
        self.all.get_mut(&instrument).ok_or(Rejection::UnknownInstrument)
    }

    /// Adds an instrument, or takes over its changed steps and minimums. A scale or name never changes under an id: what
    /// is kept under it would change its meaning.
    pub(crate) fn put(&mut self, instrument: &Instrument) -> Result<&mut Market, Rejection> {
        if !is_sound(instrument) {
            return Err(Rejection::InstrumentInvalid);
        }
        if let Some(market) = self.all.get(&instrument.id) {
            if !is_same(&market.instrument, instrument) {
                return Err(Rejection::InstrumentChanged);
            }
        } else if self.all.len() == INSTRUMENTS_MAX {
            return Err(Rejection::CatalogueFull);
        }
        let market = self.all.entry(instrument.id).or_insert_with(|| {
            if instrument.quote == ACCOUNT_CURRENCY {
                self.rates.entry(instrument.base.clone()).or_default().push(instrument.id);
            }
            Market::new(instrument.clone())
        });
        market.instrument.clone_from(instrument);
        Ok(market)
    }

    /// The program started: nothing is known of the venues' clocks.
    pub(crate) fn restart_times(&mut self) {
        self.times.iter_mut().for_each(VenueTime::restart);
    }

    /// Our time went on by `passed` in one go and is `at` now.
    pub(crate) fn pass(&mut self, at: Timestamp, passed: Duration, is_clock_set: bool) {
        for venue in Venue::ALL {
            let explained = self.times[venue as usize].pass(at, passed, is_clock_set);
            self.note(venue, explained);
        }
    }

    /// A message about an instrument told the venue's time.
    pub(crate) fn hear_time(
        &mut self,
        instrument: InstrumentId,
        at: Timestamp,
        venue_at: Timestamp,
        is_clock_set: bool,
    ) {
        let Some(venue) = self.get(instrument).map(|market| market.instrument.venue) else { return };
        let explained = self.times[venue as usize].observe(at, venue_at, is_clock_set);
        self.note(venue, explained);
    }

    /// The moment `at` as an instrument sees it.
    pub(crate) fn moment(&mut self, instrument: InstrumentId, at: Timestamp, is_clock_set: bool) -> Moment {
        let venue = self.get(instrument).map(|market| market.instrument.venue);
        let venue_now = venue.and_then(|venue| self.times[venue as usize].now(at));
        Moment { at, venue_now, is_clock_set }
    }

    /// A venue's time minus ours, nanoseconds, as far as its messages tell; `None` before enough of them.
    #[must_use]
    pub fn ahead_ns(&self, venue: Venue) -> Option<i64> {
        self.times[venue as usize].ahead_ns()
    }

    /// What is thought of a venue's clock.
    #[must_use]
    pub fn clock(&self, venue: Venue) -> ClockStanding {
        self.watches[venue as usize].standing()
    }

    /// Looks at the venues' clocks; without one of our own that is believed there is nothing to compare with. Gives what is
    /// new: the venue, what is thought of its clock, and how far it is ahead of ours, nanoseconds.
    pub(crate) fn watch_clocks(&mut self, at: Timestamp, is_clock_set: bool) -> Vec<(Venue, ClockStanding, i64)> {
        let look = |venue: Venue| {
            let ahead_ns = self.times[venue as usize].ahead_ns().filter(|_| is_clock_set);
            let standing = self.watches[venue as usize].look(at, ahead_ns)?;
            Some((venue, standing, ahead_ns.unwrap_or(0)))
        };
        Venue::ALL.into_iter().filter_map(look).collect()
    }

    /// Where other venues trade the same base against a dollar or the same quote, in this instrument's price units: the
    /// middle of each book that holds and is fresh.
    pub(crate) fn elsewhere(&self, instrument: InstrumentId, at: Timestamp) -> Vec<Price> {
        let Some(Market { instrument: own, .. }) = self.get(instrument) else { return Vec::new() };
        let is_same = |other: &Instrument| {
            let is_dollar = |quote: &str| DOLLARS.contains(&quote);
            let same_quote = other.quote == own.quote || (is_dollar(&other.quote) && is_dollar(&own.quote));
            other.venue != own.venue && other.base == own.base && same_quote
        };
        let others = self.iter().filter(|market| is_same(&market.instrument) && market.is_fresh(at));
        others
            .filter_map(|market| {
                let decimals = i32::from(own.scale.price_decimals) - i32::from(market.instrument.scale.price_decimals);
                rescaled(market.book.mid()?, decimals)
            })
            .collect()
    }

    /// What a unit of a currency is worth in dollars: by the first book of it in the catalogue's order that was ever proven. `None` where
    /// nobody knows.
    #[must_use]
    pub fn rate(&self, currency: &str) -> Option<Rate> {
        if currency == ACCOUNT_CURRENCY {
            return Some(Rate::Par);
        }
        let told = self.rates.get(currency).into_iter().flatten().find_map(|id| {
            let market = self.get(*id)?;
            Some(Rate::Book { price: market.mark()?, decimals: market.instrument.scale.price_decimals })
        });
        told.or_else(|| DOLLARS.contains(&currency).then_some(Rate::Par))
    }

    /// What other exchanges show of the very same pair; `None` where none does.
    pub(crate) fn around(&self, instrument: InstrumentId, at: Timestamp) -> Option<Elsewhere> {
        let own = &self.get(instrument)?.instrument;
        let is_same =
            |other: &Instrument| other.venue != own.venue && other.base == own.base && other.quote == own.quote;
        let others = self.iter().filter(|market| is_same(&market.instrument) && market.is_fresh(at));
        let best = others.filter_map(|market| {
            let price = |side: &[Level]| side.first().map(|level| market.instrument.scale.price_f64(level.price));
            price(market.book.bids()).zip(price(market.book.asks()))
        });
        let (mut mids, mut bid, mut ask) = (Vec::new(), f64::NEG_INFINITY, f64::INFINITY);
        for (their_bid, their_ask) in best {
            mids.push((their_bid + their_ask) / 2.0);
            (bid, ask) = (bid.max(their_bid), ask.min(their_ask));
        }
        mids.sort_by(f64::total_cmp);
        let (low, high) = (mids.get(mids.len().checked_sub(1)? / 2)?, mids.get(mids.len() / 2)?);
        Some(Elsewhere { mid: (low + high) / 2.0, bid, ask, venues: u8::try_from(mids.len()).unwrap_or(u8::MAX) })
    }

    fn note(&mut self, venue: Venue, explained: Option<Explained>) {
        if explained == Some(Explained::Pause) {
            self.all.values_mut().filter(|market| market.instrument.venue == venue).for_each(Market::on_pause);
        }
    }
}

/// A price in units with so many more decimals.
fn rescaled(price: Price, decimals: i32) -> Option<Price> {
    let power = 10i64.checked_pow(decimals.unsigned_abs())?;
    let mantissa = price.mantissa();
    Price::new(if decimals >= 0 { mantissa.checked_mul(power)? } else { mantissa / power })
}

fn is_sound(instrument: &Instrument) -> bool {
    let scale = instrument.scale;
    instrument.tick > 0
        && instrument.lot > 0
        && instrument.notional_min >= types::Cash::ZERO
        && instrument.qty_min <= Qty(i64::MAX as u64)
        && scale.price_decimals <= DECIMALS_MAX
        && scale.qty_decimals <= DECIMALS_MAX
}

fn is_same(old: &Instrument, new: &Instrument) -> bool {
    (old.venue, old.scale) == (new.venue, new.scale)
        && old.symbol == new.symbol
        && old.base == new.base
        && old.quote == new.quote
}
