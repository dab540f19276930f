//! What market to make.

use types::{Timestamp, Venue};

/// The whole market. It must make sense: the base of every listing is one of the assets, prices, ticks and lots are above
/// zero, digits at most 8, and every listing gets at least a tenth of an order a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSettings {
    /// Same seed, same bytes.
    pub seed: u64,
    /// "Now" when the simulator is made.
    pub start: Timestamp,
    /// Minutes of candles that exist before the minute of `start`.
    pub history_minutes: u32,
    /// Base assets with the price process that all their listings share.
    pub assets: Vec<AssetSettings>,
    /// Trades kept of each listing, for REST answers and the truth; older ones are forgotten.
    pub trades_kept: u32,
    /// Closed minutes kept of each listing, likewise.
    pub minutes_kept: u32,
    /// Pairs on venues.
    pub listings: Vec<ListingSettings>,
    /// Request weight a minute that Binance.US allows.
    pub binance_us_weight_per_min: u32,
    /// Requests that Kraken's REST interface takes at once; the budget refills by one a second.
    pub kraken_rest_burst: u32,
    /// Whether the messages of KuCoin's unified feed come in binary frames.
    pub kucoin_binary_frames: bool,
    /// Where KuCoin's token answer says that its sockets are.
    pub kucoin_endpoint: String,
}

/// A base asset and its efficient price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetSettings {
    /// Canonical name, `BTC`.
    pub name: String,
    /// Price that it stays around over the years, in hundredths of a US dollar. Where it is at a moment depends on the
    /// seed and the moment alone.
    pub price_cents: u64,
    /// Average volatility, millionths a year (550 000 is 55 %).
    pub volatility_ppm: u32,
    /// Correlation of its moves with the common factor, millionths.
    pub correlation_ppm: u32,
}

/// One pair on one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingSettings {
    /// Where.
    pub venue: Venue,
    /// The venue's name for it on WebSocket (`BTC/USD`, `BTCUSDT`).
    pub symbol: String,
    /// Base currency, canonical; must be one of [`SimSettings::assets`].
    pub base: String,
    /// Quote currency, canonical. All quotes are worth about a dollar here.
    pub quote: String,
    /// Fraction digits of prices.
    pub price_decimals: u8,
    /// Smallest price step, in units of the last price digit.
    pub tick: u64,
    /// Fraction digits of quantities.
    pub qty_decimals: u8,
    /// Smallest quantity step, in units of the last quantity digit.
    pub lot: u64,
    /// Smallest order, in units of the last quantity digit.
    pub qty_min: u64,
    /// Smallest order value, hundredths of a unit of quote.
    pub value_min_cents: u32,
    /// Usual distance between best bid and best ask, hundredths of a basis point.
    pub spread_cbps: u32,
    /// Limit orders that arrive in an average second, thousandths.
    pub orders_per_s_milli: u32,
    /// Market orders that arrive in an average second, thousandths.
    pub takers_per_s_milli: u32,
    /// Median value of a market order, whole units of quote.
    pub order_value: u32,
    /// How far the venue follows the efficient price behind its time, milliseconds.
    pub lag_ms: u32,
    /// Size of the venue's own deviation from the efficient price, hundredths of a basis point.
    pub noise_cbps: u32,
    /// How often a day, thousandths, the price here breaks away from the efficient one by several tenths of a per cent
    /// and comes back within minutes.
    pub breakaways_per_day_milli: u32,
}

impl SimSettings {
    /// Fewer orders than this do not keep a book.
    const ORDERS_PER_S_MILLI_MIN: u32 = 100;

    pub(crate) fn check(&self) {
        for listing in &self.listings {
            let name = format!("{} on {}", listing.symbol, listing.venue);
            assert!(self.assets.iter().any(|a| a.name == listing.base), "{name}: base {} is no asset", listing.base);
            assert!(listing.tick > 0 && listing.lot > 0, "{name}: tick and lot must be above zero");
            assert!(listing.price_decimals <= 8 && listing.qty_decimals <= 8, "{name}: at most 8 fraction digits");
            assert!(
                listing.orders_per_s_milli >= Self::ORDERS_PER_S_MILLI_MIN,
                "{name}: at least {} orders in a thousand seconds keep a book",
                Self::ORDERS_PER_S_MILLI_MIN
            );
        }
        assert!(self.assets.iter().all(|asset| asset.price_cents > 0), "prices must be above zero");
    }
}
