//! The market behind the venues: what really happens.
//!
//! ```text
//!  random ─► price (one per asset) ─► flow (one per listing) ─► book ─► changes ┐
//!                                                                └────► fills ───┴─► Step, tape (trades, minutes)
//! ```
//!
//! Venues only ever see [`listing::Step`]s and the state of the listing after them.

pub(crate) mod book;
mod breakaway;
pub(crate) mod flow;
pub(crate) mod history;
pub(crate) mod listing;
mod path;
pub(crate) mod price;
pub(crate) mod random;
mod reversion;
pub(crate) mod tape;

use types::time::NS_PER_MIN;
use types::{Timestamp, Venue};

use self::breakaway::Breakaways;
use self::history::{HistoryMaker, open_times};
use self::listing::{Listing, Shape, Start, Step};
use self::price::Prices;
use self::random::Random;
use self::tape::{Kept, Tape};
use crate::settings::SimSettings;

/// The last minutes of the history run the whole market, so that there are trades to look back on.
const WARM_UP_MINUTES: u32 = 5;

/// Trade identifiers set aside for a minute.
const IDS_PER_MINUTE: u64 = 2_000;

/// All instruments and the prices they follow.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    prices: Prices,
    pub(crate) listings: Vec<Listing>,
    next_minute: Timestamp,
}

/// What [`Market::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Something happened at this listing.
    Listing(usize),
    /// A minute ended everywhere.
    Minute,
}

impl Market {
    /// Makes the history and runs the market up to `settings.start`.
    pub(crate) fn new(settings: &SimSettings) -> Self {
        let minute = settings.start.floor_to(NS_PER_MIN);
        let warm_up = WARM_UP_MINUTES.min(settings.history_minutes);
        let open_at = Timestamp::from_nanos(minute.as_nanos() - i64::from(warm_up) * NS_PER_MIN);
        let mut market = Self::open(settings, open_at, settings.history_minutes - warm_up);
        let mut step = Step::default();
        while market.next_at() <= settings.start {
            market.step(&mut step);
        }
        market
    }

    fn open(settings: &SimSettings, at: Timestamp, history_minutes: u32) -> Self {
        let begin = Timestamp::from_nanos(at.as_nanos() - i64::from(history_minutes) * NS_PER_MIN);
        let mut prices = Prices::new(settings.seed, begin, &settings.assets);
        let assets: Vec<usize> = settings.listings.iter().map(|l| asset_index(settings, &l.base)).collect();
        let shape =
            |index: usize, prices: &Prices| Shape::new(&settings.listings[index], prices.dollars(assets[index], 0));
        let shapes: Vec<_> = (0..assets.len()).map(|index| shape(index, &prices)).collect();
        let make = |(index, shape)| history_maker(settings, index, begin, shape);
        let mut makers: Vec<_> = shapes.iter().enumerate().map(make).collect();
        for open_time in open_times(at, history_minutes) {
            prices.advance(open_time);
            let minute = prices.running();
            for (index, maker) in makers.iter_mut().enumerate() {
                maker.add(open_time, &shapes[index], &minute.dollars[assets[index]], minute.activity);
            }
        }
        prices.advance(at);
        let kept = Kept { fills: settings.trades_kept as usize, minutes: settings.minutes_kept as usize };
        let listings = makers.into_iter().enumerate().map(|(index, maker)| {
            let shape = shape(index, &prices);
            let price = shape.price(prices.dollars(assets[index], 0));
            let start = Start {
                settings: settings.listings[index].clone(),
                asset: assets[index],
                shape,
                last_fill: maker.last_id,
                tape: Tape::new(kept, maker.minutes, at, price),
                random: Random::new(settings.seed, 2_000 + index as u64),
                breakaways: maker.breakaways,
                at,
            };
            Listing::open(start, &prices)
        });
        let listings = listings.collect();
        Self { prices, listings, next_minute: Timestamp::from_nanos(at.as_nanos() + NS_PER_MIN) }
    }

    /// When the next thing happens anywhere.
    pub(crate) fn next_at(&self) -> Timestamp {
        self.listings.iter().map(Listing::next_at).fold(self.next_minute, Timestamp::min)
    }

    /// Lets the next thing happen. A minute ends before anything happens in the next one.
    pub(crate) fn step(&mut self, step: &mut Step) -> Event {
        let (index, at) = self
            .listings
            .iter()
            .enumerate()
            .map(|(index, listing)| (index, listing.next_at()))
            .min_by_key(|(index, at)| (*at, *index))
            .unwrap_or((0, Timestamp::MAX));
        if self.next_minute <= at {
            self.listings.iter_mut().for_each(|listing| listing.tape.close_minute());
            self.next_minute = Timestamp::from_nanos(self.next_minute.as_nanos() + NS_PER_MIN);
            return Event::Minute;
        }
        self.prices.advance(at);
        self.listings[index].step(&self.prices, step);
        Event::Listing(index)
    }

    /// The index of a venue's symbol.
    pub(crate) fn find(&self, venue: Venue, symbol: &str) -> Option<usize> {
        self.listings.iter().position(|l| l.settings.venue == venue && l.settings.symbol == symbol)
    }

    /// The listings of a venue with their indexes.
    pub(crate) fn of_venue(&self, venue: Venue) -> impl Iterator<Item = (usize, &Listing)> + '_ {
        self.listings.iter().enumerate().filter(move |(_, l)| l.settings.venue == venue)
    }
}

fn asset_index(settings: &SimSettings, base: &str) -> usize {
    settings.assets.iter().position(|asset| asset.name == base).expect("every listing's base is one of the assets")
}

/// Identifiers grow with the time, faster than a market trades, so that one that starts later goes on above.
fn history_maker(settings: &SimSettings, index: usize, begin: Timestamp, shape: &Shape) -> HistoryMaker {
    let random = Random::new(settings.seed, 1_000 + index as u64);
    let breakaways = Breakaways::new(settings.seed, index, settings.listings[index].breakaways_per_day_milli);
    let minutes = u64::try_from(begin.as_nanos() / NS_PER_MIN).unwrap_or(0);
    HistoryMaker::new(random, breakaways, minutes * IDS_PER_MINUTE, shape)
}

#[cfg(test)]
mod tests {
    use types::Side;

    use super::*;

    /// What an hour of one listing looked like.
    #[derive(Default)]
    struct Look {
        changes: f64,
        fills: f64,
        spread_bps: f64,
        silent_s: i64,
        last_s: i64,
        busy_minute: u32,
    }

    fn hour(seed: u64) -> (Market, Vec<Look>) {
        let settings = SimSettings { seed, ..SimSettings::default() };
        let mut market = Market::new(&settings);
        let end = Timestamp::from_nanos(settings.start.as_nanos() + 60 * NS_PER_MIN);
        let mut step = Step::default();
        let mut looks: Vec<Look> = Vec::new();
        looks.resize_with(market.listings.len(), || Look { last_s: settings.start.as_secs(), ..Look::default() });
        while market.next_at() <= end {
            let Event::Listing(index) = market.step(&mut step) else { continue };
            let (look, listing) = (&mut looks[index], &market.listings[index]);
            let (bid, ask) = listing.touch();
            assert!(bid.price < ask.price, "seed {seed}: crossed at {}", step.at);
            if !step.changes.is_empty() {
                look.silent_s += (step.at.as_secs() - look.last_s - 1).max(0);
                look.last_s = step.at.as_secs();
            }
            let wide = (ask.price.mantissa() - bid.price.mantissa()) as f64 / bid.price.mantissa() as f64;
            look.changes += step.changes.len() as f64;
            look.fills += step.fills.len() as f64;
            look.spread_bps += wide * 1e4 * step.changes.len() as f64;
            look.busy_minute = look.busy_minute.max(listing.tape.running().candle.trades);
        }
        (market, looks)
    }

    #[test]
    fn an_hour_looks_like_a_mid_size_market() {
        let (mut changes, mut fills, mut silent) = (0.0, 0.0, 0);
        for seed in 0..4 {
            let (market, looks) = hour(seed);
            for (look, listing) in looks.iter().zip(&market.listings) {
                let name = format!("seed {seed}: {} {}", listing.settings.venue, listing.settings.symbol);
                let spread = look.spread_bps / look.changes;
                assert!((0.05..12.0).contains(&spread), "{name}: spread {spread} bps");
                let levels = listing.book.levels(Side::Buy).count().min(listing.book.levels(Side::Sell).count());
                assert!(levels > 150, "{name}: {levels} levels");
                let mean_minute = look.fills / 60.0;
                assert!(f64::from(look.busy_minute) > 2.0 * mean_minute, "{name}: volume does not cluster");
                assert!(listing.tape.minutes().count() == 1_061, "{name}: minutes");
                changes += look.changes;
                fills += look.fills;
                silent += look.silent_s;
            }
        }
        let listing_seconds = 4.0 * SimSettings::default().listings.len() as f64 * 3_600.0;
        assert!((2.0..20.0).contains(&(changes / listing_seconds)), "{} changes a second", changes / listing_seconds);
        assert!((0.2..3.0).contains(&(fills / listing_seconds)), "{} fills a second", fills / listing_seconds);
        assert!(silent as f64 / listing_seconds > 0.01, "seconds with nothing: {silent}");
    }

    #[test]
    fn the_wide_market_has_six_lively_symbols_on_each_venue() {
        let settings = SimSettings { history_minutes: 30, ..SimSettings::wide() };
        let mut market = Market::new(&settings);
        for venue in Venue::ALL {
            assert_eq!(market.of_venue(venue).count(), 6, "{venue}");
        }
        let first: Vec<_> = market.listings.iter().map(|listing| (listing.update_id, listing.last_fill)).collect();
        let end = Timestamp::from_nanos(settings.start.as_nanos() + 20 * NS_PER_MIN);
        let mut step = Step::default();
        while market.next_at() <= end {
            market.step(&mut step);
        }
        for (listing, (update_id, last_fill)) in market.listings.iter().zip(first) {
            let name = format!("{} {}", listing.settings.venue, listing.settings.symbol);
            assert!(listing.update_id - update_id > 300, "{name}: {} changes", listing.update_id - update_id);
            assert!(listing.last_fill - last_fill > 20, "{name}: {} fills", listing.last_fill - last_fill);
            let usual = settings.assets[listing.asset].price_cents as f64 / 100.0;
            let dollars =
                listing.tape.last_price().mantissa() as f64 / 10f64.powi(i32::from(listing.settings.price_decimals));
            assert!((usual * 0.2..usual * 5.0).contains(&dollars), "{name}: {dollars}");
            let (bid, ask) = listing.touch();
            let spread = (ask.price.mantissa() - bid.price.mantissa()) as f64 / bid.price.mantissa() as f64;
            assert!(spread < 0.005, "{name}: spread {spread}");
        }
    }

    #[test]
    fn history_continues_into_the_live_market() {
        for seed in 0..6 {
            let settings = SimSettings { seed, ..SimSettings::default() };
            let market = Market::new(&settings);
            for listing in &market.listings {
                let minutes: Vec<_> = listing.tape.minutes().map(|minute| minute.candle).collect();
                for pair in minutes.windows(2) {
                    assert_eq!(pair[1].open_time.as_nanos() - pair[0].open_time.as_nanos(), NS_PER_MIN);
                    let (last, first) = (pair[0].close.mantissa() as f64, pair[1].open.mantissa() as f64);
                    assert!((first / last - 1.0).abs() < 0.02, "seed {seed} {}: {pair:?}", listing.settings.symbol);
                    let (low, high) = (pair[1].low, pair[1].high);
                    assert!(low <= pair[1].open.min(pair[1].close) && high >= pair[1].open.max(pair[1].close));
                }
                let (bid, ask) = listing.touch();
                let last = listing.tape.last_price().mantissa() as f64;
                let middle = (bid.price.mantissa() + ask.price.mantissa()) as f64 / 2.0;
                assert!((last / middle - 1.0).abs() < 0.005, "seed {seed} {}", listing.settings.symbol);
            }
        }
    }
}
