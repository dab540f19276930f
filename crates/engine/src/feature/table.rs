//! The table of definitions and its fingerprint.

use sha2::{Digest, Sha256};

/// What a feature is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Candles alone: known wherever there is a candle file.
    Candles,
    /// The book at the bar's close.
    Book,
    /// The aggressors of all trades of the bar.
    Trades,
    /// Every book of the bar.
    Quotes,
    /// The books of other exchanges at the bar's close.
    Elsewhere,
    /// The paper account at the bar's close.
    Account,
    /// News, while somebody reads them; and the calendar of events, which nothing reads yet: always masked.
    News,
}

/// What a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its place in a row.
    pub column: Column,
    /// Its name in files, bundles and columns.
    pub name: &'static str,
    /// Grows whenever the same input gives another value.
    pub version: u16,
    /// How many unbroken bars it takes until the first value, that bar included.
    pub bars_min: u16,
    /// What it is computed with.
    pub params: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is computed from.
    pub needs: Needs,
    /// Whether it means the same whatever the price and the usual volume of the instrument: models use only these.
    pub scale_free: bool,
    /// One sentence for people.
    pub description: &'static str,
}

/// Builds the enum of columns and the table from one list, so that they cannot fall apart.
macro_rules! table {
    ($($column:ident $name:literal version $version:literal bars $bars:literal $params:literal $unit:literal
       $needs:ident $free:literal: $description:literal;)*) => {
        /// A feature, as its place in a row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Column {
            $(#[doc = $description] $column,)*
        }

        /// All features in the order of a row.
        pub const DEFINITIONS: &[Definition] = &[
            $(Definition {
                column: Column::$column,
                name: $name,
                version: $version,
                bars_min: $bars,
                params: $params,
                unit: $unit,
                needs: Needs::$needs,
                scale_free: $free,
                description: $description,
            },)*
        ];
    };
}

table! {
    Rsi14 "rsi_14" version 1 bars 15 "period=14 smoothing=wilder" "0..100" Candles true:
        "Relative strength index, Wilder's smoothing, as TA-Lib's RSI.";
    Macd "macd" version 1 bars 34 "fast=12 slow=26 signal=9" "price" Candles false:
        "Fast minus slow exponential average, seeded and masked as TA-Lib's MACD.";
    MacdSignal "macd_signal" version 1 bars 34 "fast=12 slow=26 signal=9" "price" Candles false:
        "Exponential average of `macd`.";
    MacdHist "macd_hist" version 1 bars 34 "fast=12 slow=26 signal=9" "price" Candles false:
        "`macd` minus `macd_signal`.";
    BbUpper "bb_upper" version 2 bars 20 "period=20 deviations=2 ddof=0" "price" Candles false:
        "Upper Bollinger band, as TA-Lib's BBANDS.";
    BbMiddle "bb_middle" version 2 bars 20 "period=20" "price" Candles false:
        "Middle Bollinger band: the mean close.";
    BbLower "bb_lower" version 2 bars 20 "period=20 deviations=2 ddof=0" "price" Candles false:
        "Lower Bollinger band.";
    Atr14 "atr_14" version 1 bars 15 "period=14 smoothing=wilder" "price" Candles false:
        "Average true range, Wilder's smoothing, as TA-Lib's ATR.";
    Ret1 "ret_1" version 1 bars 2 "bars=1" "log-return" Candles true:
        "Natural logarithm of close over the close one bar before.";
    Ret5 "ret_5" version 2 bars 6 "bars=5" "log-return" Candles true:
        "The sum of five of them: the logarithm of close over the close five bars before.";
    Ret15 "ret_15" version 2 bars 16 "bars=15" "log-return" Candles true:
        "The same over fifteen bars.";
    Ret30 "ret_30" version 2 bars 31 "bars=30" "log-return" Candles true:
        "The same over thirty bars.";
    Volatility10 "volatility_10" version 2 bars 11 "returns=10 ddof=1" "log-return" Candles true:
        "Sample standard deviation of the last ten `ret_1`.";
    Volatility30 "volatility_30" version 2 bars 31 "returns=30 ddof=1" "log-return" Candles true:
        "The same over thirty.";
    Volatility60 "volatility_60" version 2 bars 61 "returns=60 ddof=1" "log-return" Candles true:
        "The same over sixty.";
    BbWidth "bb_width" version 2 bars 20 "period=20 deviations=2 ddof=0" "ratio" Candles true:
        "Distance of the Bollinger bands over the middle one.";
    BbPercent "bb_percent" version 2 bars 20 "period=20 deviations=2 ddof=0 flat=0.5" "ratio" Candles true:
        "Place of the close between lower (0) and upper (1) band; 0.5 where they fall together.";
    Natr14 "natr_14" version 1 bars 15 "period=14 smoothing=wilder" "percent" Candles true:
        "`atr_14` over close, as TA-Lib's NATR.";
    MacdHistBps "macd_hist_bps" version 1 bars 34 "fast=12 slow=26 signal=9" "bps" Candles true:
        "`macd_hist` over close.";
    RangeBps "range_bps" version 1 bars 1 "" "bps" Candles true:
        "High minus low over close.";
    BodyBps "body_bps" version 1 bars 1 "" "bps" Candles true:
        "Close minus open over open.";
    Vwap "vwap" version 1 bars 1 "session=utc-day price=typical" "price" Candles false:
        "Mean typical price weighted with volume since 00:00 UTC; masked on a day whose start is missing.";
    Vwap60 "vwap_60" version 2 bars 60 "bars=60 price=typical" "price" Candles false:
        "The same over sixty bars; their plain mean when nothing was traded.";
    Vwap60Bps "vwap_60_bps" version 2 bars 60 "bars=60 price=typical" "bps" Candles true:
        "Close minus `vwap_60`, over `vwap_60`.";
    VolumeRatio20 "volume_ratio_20" version 2 bars 20 "bars=20 floor=0.01" "log-ratio" Candles true:
        "Logarithm of volume over its mean of the last twenty bars, this one included, with a floor: ln((v/mean + 0.01) / 1.01).";
    Sma60Bps "sma_60_bps" version 2 bars 60 "period=60" "bps" Candles true:
        "Close minus the mean close of sixty bars, over that mean.";
    Ema20Bps "ema_20_bps" version 1 bars 20 "period=20 seed=mean" "bps" Candles true:
        "Close minus the exponential average of the close, over that average; seeded as TA-Lib's EMA.";
    MinuteSin "minute_sin" version 1 bars 1 "cycle=utc-day" "-1..1" Candles true:
        "Sine of the time of day at the bar's start, one turn a day.";
    MinuteCos "minute_cos" version 1 bars 1 "cycle=utc-day" "-1..1" Candles true:
        "Cosine of the same.";
    SpreadBps "spread_bps" version 1 bars 1 "" "bps" Book true:
        "Spread over mid at the bar's close.";
    Imbalance1 "imbalance_1" version 1 bars 1 "levels=1" "-1..1" Book true:
        "Bid minus ask quantity over their sum at the best level.";
    Imbalance10 "imbalance_10" version 1 bars 1 "levels=10" "-1..1" Book true:
        "The same over the ten best levels a side.";
    MicropriceBps "microprice_bps" version 1 bars 1 "" "bps" Book true:
        "Microprice minus mid over mid.";
    TradeFlow1 "trade_flow_1" version 1 bars 1 "bars=1 empty=0" "-1..1" Trades true:
        "Volume bought minus sold by aggressors over their sum; 0 without trades.";
    TradeFlow5 "trade_flow_5" version 2 bars 5 "bars=5 empty=0" "-1..1" Trades true:
        "The same over five bars.";
    TradeCount1 "trade_count_1" version 1 bars 1 "bars=1" "fills" Trades false:
        "Number of fills.";
    Sma10 "sma_10" version 2 bars 10 "period=10" "price" Candles false:
        "Mean close of 10 bars, as TA-Lib's SMA.";
    Sma20 "sma_20" version 2 bars 20 "period=20" "price" Candles false:
        "Mean close of 20 bars, as TA-Lib's SMA.";
    Sma50 "sma_50" version 2 bars 50 "period=50" "price" Candles false:
        "Mean close of 50 bars, as TA-Lib's SMA.";
    Sma100 "sma_100" version 2 bars 100 "period=100" "price" Candles false:
        "Mean close of 100 bars, as TA-Lib's SMA.";
    Sma200 "sma_200" version 2 bars 200 "period=200" "price" Candles false:
        "Mean close of 200 bars, as TA-Lib's SMA.";
    Sma10Bps "sma_10_bps" version 2 bars 10 "period=10" "bps" Candles true:
        "Close minus `sma_10`, over it.";
    Sma20Bps "sma_20_bps" version 2 bars 20 "period=20" "bps" Candles true:
        "Close minus `sma_20`, over it.";
    Sma50Bps "sma_50_bps" version 2 bars 50 "period=50" "bps" Candles true:
        "Close minus `sma_50`, over it.";
    Sma100Bps "sma_100_bps" version 2 bars 100 "period=100" "bps" Candles true:
        "Close minus `sma_100`, over it.";
    Sma200Bps "sma_200_bps" version 2 bars 200 "period=200" "bps" Candles true:
        "Close minus `sma_200`, over it.";
    Ema10 "ema_10" version 1 bars 10 "period=10 seed=mean" "price" Candles false:
        "Exponential average of the close over 10 bars, seeded as TA-Lib's EMA.";
    Ema20 "ema_20" version 1 bars 20 "period=20 seed=mean" "price" Candles false:
        "Exponential average of the close over 20 bars, seeded as TA-Lib's EMA.";
    Ema50 "ema_50" version 1 bars 50 "period=50 seed=mean" "price" Candles false:
        "Exponential average of the close over 50 bars, seeded as TA-Lib's EMA.";
    Ema100 "ema_100" version 1 bars 100 "period=100 seed=mean" "price" Candles false:
        "Exponential average of the close over 100 bars, seeded as TA-Lib's EMA.";
    Ema200 "ema_200" version 1 bars 200 "period=200 seed=mean" "price" Candles false:
        "Exponential average of the close over 200 bars, seeded as TA-Lib's EMA.";
    Ema10Bps "ema_10_bps" version 1 bars 10 "period=10 seed=mean" "bps" Candles true:
        "Close minus `ema_10`, over it.";
    Ema50Bps "ema_50_bps" version 1 bars 50 "period=50 seed=mean" "bps" Candles true:
        "Close minus `ema_50`, over it.";
    Ema100Bps "ema_100_bps" version 1 bars 100 "period=100 seed=mean" "bps" Candles true:
        "Close minus `ema_100`, over it.";
    Ema200Bps "ema_200_bps" version 1 bars 200 "period=200 seed=mean" "bps" Candles true:
        "Close minus `ema_200`, over it.";
    Rsi21 "rsi_21" version 1 bars 22 "period=21 smoothing=wilder" "0..100" Candles true:
        "Relative strength index, Wilder's smoothing, as TA-Lib's RSI.";
    StochK "stoch_k" version 2 bars 18 "range=14 slow=3 average=mean flat=0" "0..100" Candles true:
        "Place of the close in the range of fourteen bars, mean of three, as TA-Lib's STOCH.";
    StochD "stoch_d" version 2 bars 18 "range=14 slow=3 signal=3 average=mean flat=0" "0..100" Candles true:
        "Mean of three `stoch_k`.";
    Roc12 "roc_12" version 1 bars 13 "bars=12" "percent" Candles true:
        "Change of the close over twelve bars, as TA-Lib's ROC.";
    Mom10 "mom_10" version 1 bars 11 "bars=10" "price" Candles false:
        "Close minus the close ten bars before, as TA-Lib's MOM.";
    PriceChange "price_change" version 1 bars 2 "bars=1" "ratio" Candles true:
        "Close over the close one bar before, minus one, as TA-Lib's ROCP.";
    VolumeChange "volume_change" version 1 bars 2 "bars=1" "ratio" Candles false:
        "Volume over that of the bar before, minus one; masked where nothing was traded then.";
    Hl2 "hl2" version 1 bars 1 "" "price" Candles false:
        "Middle of high and low, as TA-Lib's MEDPRICE.";
    Hl2Bps "hl2_bps" version 1 bars 1 "" "bps" Candles true:
        "Close minus `hl2`, over it.";
    PlusDi14 "plus_di_14" version 1 bars 15 "period=14 smoothing=wilder" "0..100" Candles true:
        "Directional indicator of rising highs (Wilder 1978), as TA-Lib's PLUS_DI.";
    MinusDi14 "minus_di_14" version 1 bars 15 "period=14 smoothing=wilder" "0..100" Candles true:
        "The same of falling lows, as TA-Lib's MINUS_DI.";
    Adx14 "adx_14" version 1 bars 28 "period=14 smoothing=wilder" "0..100" Candles true:
        "Average directional index: how much one direction prevails, as TA-Lib's ADX.";
    KeltnerUpper "keltner_upper" version 1 bars 20 "average=ema:20 range=wilder:10 ranges=2" "price" Candles false:
        "`ema_20` plus two average true ranges of ten bars (Keltner's channel as Raschke uses it).";
    KeltnerMiddle "keltner_middle" version 1 bars 20 "average=ema:20" "price" Candles false:
        "Its middle: `ema_20`.";
    KeltnerLower "keltner_lower" version 1 bars 20 "average=ema:20 range=wilder:10 ranges=2" "price" Candles false:
        "`ema_20` minus two average true ranges of ten bars.";
    KeltnerPercent "keltner_percent" version 1 bars 20 "average=ema:20 range=wilder:10 ranges=2 flat=0.5" "ratio" Candles true:
        "Place of the close between lower (0) and upper (1) line; 0.5 where they fall together.";
    Obv "obv" version 1 bars 1 "begin=volume" "base" Candles false:
        "Volume of bars that closed higher minus that of those that closed lower since the run began, as TA-Lib's OBV.";
    ObvShare20 "obv_share_20" version 2 bars 21 "bars=20 empty=0" "-1..1" Candles true:
        "The same over twenty bars, over their volume; 0 where nothing was traded.";
    Cmf20 "cmf_20" version 2 bars 20 "bars=20 flat=0 empty=0" "-1..1" Candles true:
        "Chaikin money flow: volume times the place of the close in its bar, over the volume, of twenty bars.";
    Mfi14 "mfi_14" version 2 bars 15 "period=14 price=typical money_min=1" "0..100" Candles true:
        "Money of bars whose typical price rose over that of all that moved, as TA-Lib's MFI; 0 below one unit of money.";
    Vpt "vpt" version 1 bars 2 "begin=0" "base" Candles false:
        "Volume times the relative change of the close, summed since the run began (volume-price trend).";
    RealisedVol30 "realised_vol_30" version 2 bars 31 "returns=30" "log-return" Candles true:
        "Root of the sum of the squares of thirty `ret_1` (realised volatility).";
    Jump30 "jump_30" version 2 bars 31 "returns=30" "0..1" Candles true:
        "Share of the realised variance that bipower variation does not explain (Barndorff-Nielsen and Shephard 2004), not below 0.";
    Parkinson30 "parkinson_30" version 2 bars 30 "bars=30" "log-return" Candles true:
        "Volatility of a bar from the ranges of thirty (Parkinson 1980).";
    WeekSin "week_sin" version 1 bars 1 "cycle=utc-week" "-1..1" Candles true:
        "Sine of the time of week at the bar's start, one turn a week from Monday 00:00 UTC.";
    WeekCos "week_cos" version 1 bars 1 "cycle=utc-week" "-1..1" Candles true:
        "Cosine of the same.";
    TradeFlow15 "trade_flow_15" version 2 bars 15 "bars=15 empty=0" "-1..1" Trades true:
        "`trade_flow_1` over fifteen bars.";
    TradeFlow30 "trade_flow_30" version 2 bars 30 "bars=30 empty=0" "-1..1" Trades true:
        "`trade_flow_1` over thirty bars.";
    Vpin30 "vpin_30" version 2 bars 30 "bars=30 buckets=time empty=0" "0..1" Trades true:
        "Sum of the sizes of bought minus sold over the volume, bar by bar over thirty: order-flow toxicity after Easley, Lopez de Prado and O'Hara 2012, with bars of time for their buckets of volume.";
    Kyle30 "kyle_30" version 2 bars 31 "bars=30" "bps" Trades true:
        "Slope of the bar's return on bought minus sold over both, over thirty bars: impact after Kyle 1985; masked while the flow does not vary.";
    Imbalance5 "imbalance_5" version 1 bars 1 "levels=5" "-1..1" Book true:
        "`imbalance_1` over the five best levels a side.";
    Imbalance20 "imbalance_20" version 1 bars 1 "levels=20" "-1..1" Book true:
        "The same over the twenty best levels a side.";
    BidDepthBps "bid_depth_bps" version 1 bars 1 "levels=10" "bps" Book true:
        "Mean distance of the ten best bids from mid, weighted with quantity: how steeply the book falls away below.";
    AskDepthBps "ask_depth_bps" version 1 bars 1 "levels=10" "bps" Book true:
        "The same of the ten best asks: how steeply above.";
    OrderFlow1 "order_flow_1" version 1 bars 1 "bars=1 levels=1" "depths" Quotes true:
        "Order-flow imbalance at the best prices over the mean quantity there (Cont, Kukanov and Stoikov 2014), from the books as shown.";
    OrderFlow5 "order_flow_5" version 2 bars 5 "bars=5 levels=1" "depths" Quotes true:
        "The sum of five `order_flow_1`.";
    SpreadMeanBps "spread_mean_bps" version 1 bars 1 "" "bps" Quotes true:
        "Mean spread over mid during the bar.";
    SpreadMaxBps "spread_max_bps" version 1 bars 1 "" "bps" Quotes true:
        "Widest spread over mid during the bar.";
    SpreadChange5 "spread_change_5" version 2 bars 6 "bars=5" "log-ratio" Quotes true:
        "Logarithm of `spread_mean_bps` over its mean of the five bars before.";
    MidVolatilityBps "mid_volatility_bps" version 1 bars 1 "" "bps" Quotes true:
        "Root of the sum of the squared changes of the mid price during the bar, book by book.";
    PremiumBps "premium_bps" version 1 bars 1 "" "bps" Elsewhere true:
        "Mid minus the median mid of the same pair on other exchanges, over that median.";
    CrossEdgeBps "cross_edge_bps" version 1 bars 1 "" "bps" Elsewhere true:
        "What buying here and selling at the best bid elsewhere would bring, or the other way round, whichever is more; before costs, over mid.";
    OthersRetBps "others_ret_bps" version 1 bars 2 "bars=1" "bps" Elsewhere true:
        "Change of the median mid elsewhere since the bar before.";
    LeadBps "lead_bps" version 1 bars 2 "bars=1" "bps" Elsewhere true:
        "`others_ret_bps` minus the change of the own mid: how far others are ahead.";
    PositionShare "position_share" version 1 bars 1 "" "0..1" Account true:
        "Value of what the paper account holds of it, over its equity.";
    PositionPnlBps "position_pnl_bps" version 1 bars 1 "" "bps" Account true:
        "Profit or loss of that over its cost; 0 without a position.";
    PositionAge "position_age" version 1 bars 1 "" "minutes" Account true:
        "How long it has been held; 0 without a position.";
    Sentiment1h "sentiment_1h" version 1 bars 1 "hours=1" "-1..1" News true:
        "Mean score of what was written of the base currency in the last hour; masked without a score, and while no news is read.";
    Sentiment24h "sentiment_24h" version 1 bars 1 "hours=24" "-1..1" News true:
        "The same of the last day.";
    NewsCount1h "news_count_1h" version 1 bars 1 "hours=1" "items" News false:
        "How many items of it were written in the last hour; masked while no news is read.";
    EventAheadMin "event_ahead_min" version 1 bars 1 "" "minutes" News true:
        "Minutes until the next scheduled event.";
    EventSinceMin "event_since_min" version 1 bars 1 "" "minutes" News true:
        "Minutes since the last one.";
}

impl Column {
    /// The feature's definition.
    #[must_use]
    pub const fn definition(self) -> &'static Definition {
        &DEFINITIONS[self as usize]
    }
}

/// A feature name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no feature is called {0:?}")]
pub struct UnknownFeature(pub String);

/// The columns of the named features, in the order of the names.
///
/// # Errors
/// A name that is not in the table.
pub fn columns_of<S: AsRef<str>>(names: &[S]) -> Result<Vec<Column>, UnknownFeature> {
    let column = |name: &S| {
        let found = DEFINITIONS.iter().find(|definition| definition.name == name.as_ref());
        found.map(|definition| definition.column).ok_or_else(|| UnknownFeature(name.as_ref().to_owned()))
    };
    names.iter().map(column).collect()
}

/// SHA-256 in hexadecimal over name, version and parameters of the named features on one-minute bars, in this order.
///
/// A bundle carries it: a box whose definitions differ computes other numbers under the same names, and refuses it.
///
/// # Errors
/// A name that is not in the table.
pub fn fingerprint<S: AsRef<str>>(names: &[S]) -> Result<String, UnknownFeature> {
    let mut hash = Sha256::new_with_prefix("tickerbox features 1, bar 1m\n");
    for column in columns_of(names)? {
        let Definition { name, version, params, .. } = column.definition();
        hash.update(format!("{name}|{version}|{params}\n"));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Names of the features that mean the same on every instrument and need no more than candles: what a model trained on
/// candle files can use.
pub fn scale_free() -> impl Iterator<Item = &'static str> {
    DEFINITIONS.iter().filter(|d| d.scale_free && d.needs == Needs::Candles).map(|d| d.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_begins_with_the_columns_that_are_compared_with_ta_lib() {
        let names: Vec<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        let compared = ["rsi_14", "macd", "macd_signal", "macd_hist", "bb_upper", "bb_middle", "bb_lower", "atr_14"];
        assert_eq!(names[..8], compared);
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert!(DEFINITIONS.iter().enumerate().all(|(index, d)| d.column as usize == index));
    }

    #[test]
    fn the_fingerprint_tells_names_and_order() {
        let of = |names: &[&str]| fingerprint(names).expect("known names");
        // Changes whenever a definition changes: then every bundle trained on it is refused, which must be on purpose.
        assert_eq!(of(&["rsi_14", "ret_1"]), "c98bee37175f12a178bc0a0dba94894be317f438a4b7ccc490514fbc351d295e");
        assert_ne!(of(&["rsi_14", "ret_1"]), of(&["ret_1", "rsi_14"]));
        assert_ne!(of(&["rsi_14"]), of(&["rsi_14", "rsi_14"]));
        assert_eq!(fingerprint(&["rsi_15"]), Err(UnknownFeature("rsi_15".into())));
        assert_eq!(scale_free().count(), 47);
        assert!(DEFINITIONS.iter().filter(|d| d.needs == Needs::News).count() >= 5, "seats for what is to come");
    }
}
