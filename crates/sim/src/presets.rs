//! Markets that are made often: the default one, and the wide one.

use types::{Timestamp, Venue};

use crate::settings::{AssetSettings, ListingSettings, SimSettings};

impl Default for SimSettings {
    /// Bitcoin and Ether against dollars and Tether, where a venue lists them.
    fn default() -> Self {
        Self {
            seed: 1,
            start: Timestamp::from_date(2026, 10, 1),
            history_minutes: 1_000,
            assets: vec![asset("BTC", 9_500_000, 500_000, 950_000), asset("ETH", 330_000, 680_000, 850_000)],
            trades_kept: 50_000,
            minutes_kept: 7 * 1_440,
            listings: DEFAULT.iter().map(Row::settings).collect(),
            binance_us_weight_per_min: 6_000,
            kraken_rest_burst: 15,
            kucoin_binary_frames: false,
            kucoin_endpoint: "wss://ws-api-spot.kucoin.com/".to_owned(),
        }
    }
}

impl SimSettings {
    /// The default market and more coins: six symbols on each of the four venues.
    #[must_use]
    pub fn wide() -> Self {
        let mut settings = Self::default();
        settings.assets.extend([
            asset("SOL", 18_000, 850_000, 750_000),
            asset("XRP", 250, 900_000, 650_000),
            asset("ADA", 75, 900_000, 700_000),
            asset("DOGE", 20, 950_000, 700_000),
        ]);
        settings.listings.extend(MORE.iter().map(Row::settings));
        settings
    }
}

/// One listing, in the order: venue, base, quote, price digits, quantity digits, smallest order, spread, orders and takers.
struct Row(Venue, &'static str, &'static str, u8, u8, u64, u32, u32, u32);

/// Each venue's usual manners.
struct Manners {
    separator: &'static str,
    value_min_cents: u32,
    lag_ms: u32,
    noise_cbps: u32,
    breakaways_per_day_milli: u32,
}

const fn manners(venue: Venue) -> Manners {
    let (separator, value_min_cents, lag_ms, noise_cbps, breakaways_per_day_milli) = match venue {
        Venue::Kraken => ("/", 50, 200, 60, 0),
        Venue::BinanceUs => ("", 100, 400, 150, 0),
        Venue::Coinbase => ("-", 100, 0, 40, 0),
        Venue::Kucoin => ("-", 10, 600, 180, 6_000),
    };
    Manners { separator, value_min_cents, lag_ms, noise_cbps, breakaways_per_day_milli }
}

impl Row {
    fn settings(&self) -> ListingSettings {
        let &Self(venue, base, quote, price_decimals, qty_decimals, qty_min, spread_cbps, orders, takers) = self;
        let manners = manners(venue);
        ListingSettings {
            venue,
            symbol: format!("{base}{}{quote}", manners.separator),
            base: base.to_owned(),
            quote: quote.to_owned(),
            price_decimals,
            tick: 1,
            qty_decimals,
            lot: 1,
            qty_min,
            value_min_cents: manners.value_min_cents,
            spread_cbps,
            orders_per_s_milli: orders,
            takers_per_s_milli: takers,
            order_value: 300,
            lag_ms: manners.lag_ms,
            noise_cbps: manners.noise_cbps,
            breakaways_per_day_milli: manners.breakaways_per_day_milli,
        }
    }
}

/// New rows come last: a listing's random numbers are those of its place.
const DEFAULT: [Row; 12] = [
    Row(Venue::Kraken, "BTC", "USD", 1, 8, 5_000, 60, 5_000, 450),
    Row(Venue::Kraken, "ETH", "USD", 2, 8, 200_000, 90, 4_500, 350),
    Row(Venue::Kraken, "BTC", "USDT", 1, 8, 5_000, 120, 3_000, 150),
    Row(Venue::Kraken, "ETH", "USDT", 2, 8, 200_000, 160, 2_500, 120),
    Row(Venue::BinanceUs, "BTC", "USDT", 2, 5, 1, 150, 4_000, 350),
    Row(Venue::BinanceUs, "ETH", "USDT", 2, 4, 1, 200, 3_500, 300),
    Row(Venue::Coinbase, "BTC", "USD", 2, 8, 1_000, 40, 6_000, 500),
    Row(Venue::Coinbase, "ETH", "USD", 2, 8, 10_000, 70, 5_000, 400),
    Row(Venue::Coinbase, "BTC", "USDT", 2, 8, 1_000, 140, 2_500, 120),
    Row(Venue::Coinbase, "ETH", "USDT", 2, 8, 10_000, 180, 2_000, 100),
    Row(Venue::Kucoin, "BTC", "USDT", 1, 8, 1_000, 100, 4_500, 350),
    Row(Venue::Kucoin, "ETH", "USDT", 2, 7, 1_000, 130, 4_000, 300),
];

const MORE: [Row; 12] = [
    Row(Venue::Kraken, "SOL", "USD", 2, 8, 2_000_000, 150, 3_000, 180),
    Row(Venue::Kraken, "XRP", "USD", 5, 8, 200_000_000, 170, 2_500, 160),
    Row(Venue::BinanceUs, "SOL", "USDT", 2, 3, 1, 260, 2_000, 90),
    Row(Venue::BinanceUs, "XRP", "USDT", 4, 1, 1, 300, 2_000, 90),
    Row(Venue::BinanceUs, "ADA", "USDT", 4, 1, 1, 380, 1_500, 60),
    Row(Venue::BinanceUs, "DOGE", "USDT", 5, 0, 1, 360, 1_500, 60),
    Row(Venue::Coinbase, "SOL", "USD", 2, 8, 100_000, 110, 3_500, 220),
    Row(Venue::Coinbase, "XRP", "USD", 4, 6, 1_000_000, 130, 3_000, 200),
    Row(Venue::Kucoin, "SOL", "USDT", 3, 4, 100, 160, 2_500, 140),
    Row(Venue::Kucoin, "XRP", "USDT", 5, 4, 1_000, 170, 2_500, 140),
    Row(Venue::Kucoin, "ADA", "USDT", 4, 4, 10_000, 260, 2_000, 90),
    Row(Venue::Kucoin, "DOGE", "USDT", 5, 4, 100_000, 240, 2_000, 90),
];

fn asset(name: &str, price_cents: u64, volatility_ppm: u32, correlation_ppm: u32) -> AssetSettings {
    AssetSettings { name: name.to_owned(), price_cents, volatility_ppm, correlation_ppm }
}
