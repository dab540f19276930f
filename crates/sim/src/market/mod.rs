//! The market behind the venues: what really happens.
//!
//! ```text
//!  random ─► price (one per asset) ─► flow (one per listing) ─► book ─► changes ┐
//!                                                                └────► fills ───┴─► Step, tape (trades, minutes)
//! ```
//!
//! Venues only ever see [`listing::Step`]s and the state of the listing after them.

pub(crate) mod book;
pub(crate) mod flow;
pub(crate) mod history;
pub(crate) mod listing;
pub(crate) mod price;
pub(crate) mod random;
pub(crate) mod tape;

use types::time::NS_PER_MIN;
use types::{Timestamp, Venue};

use self::history::{HistoryMaker, STEPS, open_times};
use self::listing::{Listing, Shape, Start, Step};
use self::price::Prices;
use self::random::Random;
use self::tape::Tape;
use crate::settings::SimSettings;

/// The last minutes of the history run the whole market, so that there are trades to look back on.
const WARM_UP_MINUTES: u32 = 5;

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
        let mut makers: Vec<_> = (0..assets.len()).map(|index| history_maker(settings.seed, index)).collect();
        let shapes: Vec<_> = (0..assets.len()).map(|index| shape(index, &prices)).collect();
        for open_time in open_times(at, history_minutes) {
            let paths = minute_paths(&mut prices, settings.assets.len());
            for (index, maker) in makers.iter_mut().enumerate() {
                maker.add(open_time, &shapes[index], &paths[assets[index]], prices.activity());
            }
        }
        let listings = makers.into_iter().enumerate().map(|(index, maker)| {
            let shape = shape(index, &prices);
            let price = shape.price(prices.dollars(assets[index], 0));
            let start = Start {
                settings: settings.listings[index].clone(),
                asset: assets[index],
                shape,
                last_fill: maker.last_id,
                tape: Tape::new(maker.minutes, at, price),
                random: Random::new(settings.seed, 2_000 + index as u64),
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

fn history_maker(seed: u64, index: usize) -> HistoryMaker {
    let mut random = Random::new(seed, 1_000 + index as u64);
    let first_id = 10_000_000 + random.bits() % 10_000_000;
    HistoryMaker::new(random, first_id)
}

/// One minute of prices of every asset.
fn minute_paths(prices: &mut Prices, assets: usize) -> Vec<[f64; STEPS]> {
    let mut paths = vec![[0.0; STEPS]; assets];
    for step in 0..STEPS {
        prices.advance_history();
        for (asset, path) in paths.iter_mut().enumerate() {
            path[step] = prices.dollars(asset, 0);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks() {
        let t = std::time::Instant::now();
        let settings = SimSettings { seed: 3, ..SimSettings::default() };
        let mut m = Market::new(&settings);
        println!("new {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let end = Timestamp::from_nanos(settings.start.as_nanos() + 60 * NS_PER_MIN);
        let mut step = Step::default();
        let n = m.listings.len();
        let (mut changes, mut fills, mut takers, mut steps) = (vec![0; n], vec![0; n], vec![0; n], 0);
        let mut spread = vec![0.0; n];
        let mut silent = vec![0; n];
        let mut last = vec![settings.start.as_secs(); n];
        while m.next_at() <= end {
            steps += 1;
            if let Event::Listing(i) = m.step(&mut step) {
                changes[i] += step.changes.len();
                fills[i] += step.fills.len();
                takers[i] += usize::from(!step.fills.is_empty());
                let b = m.listings[i].book.best(types::Side::Buy).unwrap().price.mantissa() as f64;
                let a = m.listings[i].book.best(types::Side::Sell).unwrap().price.mantissa() as f64;
                assert!(a > b);
                spread[i] += (a - b) / b * 1e4;
                if !step.changes.is_empty() {
                    silent[i] += (step.at.as_secs() - last[i] - 1).max(0);
                    last[i] = step.at.as_secs();
                }
            }
        }
        println!("hour {:?} steps {steps}", t.elapsed());
        for (i, l) in m.listings.iter().enumerate() {
            let day = l.tape.day();
            println!(
                "{} changes/s {:.2} takers/s {:.2} fills/s {:.2} levels {} {} vol {} trades {} silent s {} range {}..{}",
                l.settings.symbol,
                changes[i] as f64 / 3600.,
                takers[i] as f64 / 3600.,
                fills[i] as f64 / 3600.,
                l.book.levels(types::Side::Buy).count(),
                l.book.levels(types::Side::Sell).count(),
                day.candle.volume.0,
                day.candle.trades,
                silent[i],
                day.candle.low.mantissa(),
                day.candle.high.mantissa()
            );
            let mins: Vec<_> = l.tape.minutes().rev().take(120).map(|m| m.candle.trades).collect();
            println!("   {:?}", mins);
            let r: Vec<f64> = l.tape.minutes().map(|m| m.candle.close.mantissa() as f64).collect();
            let ret: Vec<f64> = r.windows(2).map(|w| (w[1] / w[0]).ln()).collect();
            let sd = |x: &[f64]| (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64).sqrt() * 1e4;
            println!("   1m sd bps: hist {:.2} live {:.2}", sd(&ret[..ret.len() - 66]), sd(&ret[ret.len() - 65..]));
            println!(
                "   top {:?}",
                l.book.levels(types::Side::Buy).take(6).map(|l| (l.price.mantissa(), l.qty.0)).collect::<Vec<_>>()
            );
            println!(
                "   top {:?}",
                l.book.levels(types::Side::Sell).take(6).map(|l| (l.price.mantissa(), l.qty.0)).collect::<Vec<_>>()
            );
        }
    }
}
