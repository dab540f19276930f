//! Paper orders and their fills. There is no type for a real order or for exchange credentials.

use serde::{Deserialize, Serialize};

use crate::instrument::InstrumentId;
use crate::market::Side;
use crate::money::{Cash, Price, Qty};
use crate::time::Timestamp;

/// Identifier of a paper order: the journal sequence number of the input that caused it, times 256, plus its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

/// How an order wants to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderKind {
    /// Walk the book now; what the published levels do not hold is cancelled.
    Market,
    /// Rest at `price` until filled, cancelled or past `expires`. Takes what is already better.
    Limit {
        /// Worst acceptable price.
        price: Price,
        /// When the rest is cancelled.
        expires: Timestamp,
    },
}

/// Why an order was wanted: what "why did it trade" shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// A forecast promised more than the costs.
    Forecast {
        /// Horizon of the forecast, minutes.
        horizon_min: u16,
        /// Expected move in our favour, hundredths of a basis point.
        edge_cbps: i32,
        /// Round-trip fees and spread, hundredths of a basis point.
        cost_cbps: i32,
    },
    /// The price closed outside its Bollinger band and came back (rule `reversion`).
    Reversion {
        /// Position in the band at the close, percent (0 lower, 100 upper).
        band_percent: i32,
    },
    /// The holding time of the position's reason is over.
    Expiry,
    /// The loss limit of the position was reached.
    StopLoss,
    /// A breaker closed the position.
    Breaker,
    /// Asked for by the user.
    User,
}

/// A paper order as wanted, before or after risk has looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Identifier.
    pub id: OrderId,
    /// What to trade.
    pub instrument: InstrumentId,
    /// Direction.
    pub side: Side,
    /// Amount of base, above zero.
    pub qty: Qty,
    /// How.
    pub kind: OrderKind,
    /// Why.
    pub reason: Reason,
    /// When it was made.
    pub at: Timestamp,
}

/// Whether a fill took liquidity or gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Liquidity {
    /// Crossed the spread; pays the taker fee.
    Taker,
    /// Rested; pays the maker fee.
    Maker,
}

/// A paper fill: a part of an order at one price, which the market of that moment would have given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The order.
    pub order: OrderId,
    /// What was traded.
    pub instrument: InstrumentId,
    /// Direction of the order.
    pub side: Side,
    /// Price of this part.
    pub price: Price,
    /// Amount of this part.
    pub qty: Qty,
    /// Fee in quote currency, rounded up.
    pub fee: Cash,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// When.
    pub at: Timestamp,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEnd {
    /// Completely filled.
    Filled,
    /// The rest was cancelled: the book's published levels held no more.
    NoDepth,
    /// The rest was cancelled: its time was over.
    Expired,
    /// The rest was cancelled: the book went stale.
    StaleBook,
    /// The rest was cancelled by the user, a breaker or a restart.
    Cancelled,
}

/// Why risk refused an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Trading is switched off.
    TradingOff,
    /// The clock has not been synchronised.
    ClockUnset,
    /// The book does not hold.
    StaleBook,
    /// Below the venue's smallest quantity or value.
    BelowMinimum,
    /// The position would pass its limit.
    PositionLimit,
    /// Not enough paper cash.
    Cash,
    /// The maximum drawdown was reached; the breaker is open.
    Drawdown,
    /// The day's loss limit was reached.
    DailyLoss,
    /// An order for this instrument is still working.
    OrderWorking,
    /// Too many orders in the last minute.
    OrderRate,
    /// Nothing to sell: positions are long only.
    NoPosition,
    /// The instrument is unknown or has no price.
    NoPrice,
    /// The venue's clock and ours are too far apart.
    VenueClock,
}
