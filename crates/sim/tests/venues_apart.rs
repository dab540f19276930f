//! Prices of one pair on several venues are close to each other, and rarely further apart than it costs to trade on both.

use sim::{Sim, SimSettings};
use types::time::NS_PER_S;
use types::{Timestamp, Venue};

/// What taking on both sides costs in the lowest tier: Binance.US and KuCoin 0.10 % each, Kraken 0.40 %, Coinbase 0.60 %.
const FEES: [(Venue, f64); 4] =
    [(Venue::Kraken, 0.004), (Venue::BinanceUs, 0.001), (Venue::Coinbase, 0.006), (Venue::Kucoin, 0.001)];

/// Best bid and best ask in dollars.
fn touch(sim: &Sim, listing: &(Venue, String, f64)) -> (f64, f64) {
    let (bids, asks) = sim.book_top(listing.0, &listing.1, 1).expect("listed");
    (bids[0].price.mantissa() as f64 * listing.2, asks[0].price.mantissa() as f64 * listing.2)
}

#[test]
fn venues_are_rarely_further_apart_than_fees() {
    let (mut seconds, mut open, mut episodes, mut far) = (0, 0, 0, 0.0f64);
    for seed in 0..4 {
        let mut settings = SimSettings { seed, history_minutes: 10, ..SimSettings::default() };
        settings.listings.retain(|listing| listing.base == "BTC" && listing.quote == "USDT");
        let unit = |decimals: u8| 1.0 / 10f64.powi(i32::from(decimals));
        let listings: Vec<_> =
            settings.listings.iter().map(|l| (l.venue, l.symbol.clone(), unit(l.price_decimals))).collect();
        assert_eq!(listings.len(), 4);
        let mut sim = Sim::new(settings);
        let mut was_open = false;
        for _ in 0..12 * 3_600 {
            sim.advance(Timestamp::from_nanos(sim.now().as_nanos() + NS_PER_S));
            let touches: Vec<_> = listings.iter().map(|listing| touch(&sim, listing)).collect();
            let fee = |index: usize| FEES.iter().find(|(venue, _)| *venue == listings[index].0).expect("known").1;
            let mut is_open = false;
            for (sell, buy) in (0..4).flat_map(|sell| (0..4).map(move |buy| (sell, buy))).filter(|(a, b)| a != b) {
                let apart = touches[sell].0 / touches[buy].1 - 1.0;
                far = far.max(apart);
                is_open |= apart > fee(sell) + fee(buy);
            }
            seconds += 1;
            open += i32::from(is_open);
            episodes += i32::from(is_open && !was_open);
            was_open = is_open;
        }
    }
    let share = f64::from(open) / f64::from(seconds);
    assert!((1e-5..5e-3).contains(&share), "{share} of the time, {episodes} times, at most {far}");
    assert!(episodes >= 4 && far < 0.05, "{episodes} times, at most {far}");
}
