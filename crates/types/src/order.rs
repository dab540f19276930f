//! Paper orders and their fills. There is no type for a real order or for exchange credentials.

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
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
    /// Anything else that a venue takes.
    Ticket(Ticket),
}

impl OrderKind {
    /// The order in full words: a market order is one without a price that takes at once, a limit order one good till its date.
    #[must_use]
    pub const fn ticket(self) -> Ticket {
        match self {
            Self::Market => Ticket::new(None, TimeInForce::Ioc),
            Self::Limit { price, expires } => Ticket::new(Some(price), TimeInForce::Gtd(expires)),
            Self::Ticket(ticket) => ticket,
        }
    }
}

/// All that an order can say about how it wants to be filled.
///
/// | order | price | trigger | lives |
/// |---|---|---|---|
/// | market | none | none | at once |
/// | limit, post-only | yes | none | any; post-only never at once |
/// | stop, take-profit, trailing stop | none | yes | until triggered, then at once |
/// | stop-limit, take-profit-limit | yes | yes | any, counted from the trigger on |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Worst acceptable price; `None` for whatever the book holds.
    pub price: Option<Price>,
    /// How long it lives once it is active.
    pub lives: TimeInForce,
    /// Refused where it would take, instead of paying the taker fee.
    pub is_post_only: bool,
    /// What must happen before it becomes active.
    pub trigger: Option<Trigger>,
    /// One cancels the other: all orders with the same name here are cancelled when one of them is triggered or gets its
    /// first fill. By custom the identifier of the first of them.
    pub oco: Option<OrderId>,
}

impl Ticket {
    /// A plain order: active from its arrival on, takes and rests.
    #[must_use]
    pub const fn new(price: Option<Price>, lives: TimeInForce) -> Self {
        Self { price, lives, is_post_only: false, trigger: None, oco: None }
    }

    /// Whether anything of it may rest in the book.
    #[must_use]
    pub const fn may_rest(&self) -> bool {
        self.price.is_some() && matches!(self.lives, TimeInForce::Gtc | TimeInForce::Gtd(_))
    }
}

/// How long an active order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Good till this moment, by our clock.
    Gtd(Timestamp),
    /// Immediate or cancel: takes what is there, the rest is cancelled.
    Ioc,
    /// Fill or kill: all of it at once or nothing.
    Fok,
}

/// What makes a waiting order active: a price at which somebody traded after the order's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// A trade at the price or worse for whoever waits: at or above it for a buy, at or below it for a sale.
    Stop(Price),
    /// A trade at the price or better for whoever waits: at or below it for a buy, at or above it for a sale.
    TakeProfit(Price),
    /// A stop that follows the best trade since the arrival at this distance, price units.
    Trailing(u64),
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
    /// The gain at which the position is closed was reached.
    TakeProfit,
    /// The position's value fell so far from its highest.
    TrailingStop,
    /// The position was held for the longest time that is allowed.
    TooOld,
    /// The model itself would do that (rule `policy`).
    Policy {
        /// What it gives the action, millionths.
        probability_ppm: u32,
        /// Expected move in our favour at its longest horizon, hundredths of a basis point.
        edge_cbps: i32,
        /// Round-trip fees and spread, hundredths of a basis point.
        cost_cbps: i32,
    },
    /// Bought once and held (rule `hold`).
    Hold,
    /// Drawn (rule `random`).
    Random,
    /// Bought so that there is something to sell where another exchange is cheaper.
    Stock,
    /// One side of a difference between exchanges.
    Arbitrage {
        /// What was left at the best prices after both taker fees, hundredths of a basis point of the cost.
        net_cbps: u32,
    },
    /// The other side of a difference was filled less: what is too much goes back.
    Even,
}

/// A paper order as wanted, before or after risk has looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Identifier.
    pub id: OrderId,
    /// Whose money it spends.
    pub account: AccountId,
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
    /// Whose it is.
    pub account: AccountId,
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
    /// The rest was cancelled by the user or a breaker.
    Cancelled,
    /// The venue did not take it.
    Rejected(VenueReject),
    /// The rest was cancelled: it had to be filled at once (immediate or cancel).
    NotAtOnce,
    /// Nothing was filled: not all of it could be at once (fill or kill).
    Killed,
    /// The rest was cancelled: the other order of its pair was triggered or filled.
    OtherOfPair,
    /// The rest was cancelled: the program was away, and nobody saw what the market did meanwhile.
    Unknown,
}

impl OrderEnd {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filled => "filled",
            Self::NoDepth => "no-depth",
            Self::Expired => "expired",
            Self::StaleBook => "stale-book",
            Self::Cancelled => "cancelled",
            Self::Rejected(_) => "rejected",
            Self::NotAtOnce => "not-at-once",
            Self::Killed => "killed",
            Self::OtherOfPair => "other-of-pair",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a venue does not take an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VenueReject {
    /// A price between the venue's steps.
    PriceStep,
    /// A quantity between the venue's steps.
    QtyStep,
    /// Less than the venue's smallest quantity.
    QtyMinimum,
    /// Worth less than the venue's smallest order.
    NotionalMinimum,
    /// Post-only, and it would have taken.
    WouldTake,
    /// What it asks for contradicts itself: post-only without resting, a trailing distance of zero.
    Contradiction,
}

impl VenueReject {
    /// The name used in JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PriceStep => "price-step",
            Self::QtyStep => "qty-step",
            Self::QtyMinimum => "qty-minimum",
            Self::NotionalMinimum => "notional-minimum",
            Self::WouldTake => "would-take",
            Self::Contradiction => "contradiction",
        }
    }
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
    /// The order is larger than any may be.
    OrderLimit,
    /// The positions at the exchange would pass their limit.
    VenueLimit,
    /// The cash that must stay would be spent.
    CashReserve,
    /// The week's loss limit was reached.
    WeeklyLoss,
    /// The positions that move together would pass their limit.
    Correlation,
    /// What the positions may lose in a day would pass its limit.
    ValueAtRisk,
    /// Nobody knows what the quote currency is worth.
    NoRate,
    /// The price jumped just now.
    PriceJump,
    /// The spread is too wide.
    WideSpread,
    /// The book holds too little.
    ThinBook,
    /// Too many losing trades in a row.
    LossStreak,
    /// The forecast has been worse than "no change" for too long.
    Skill,
    /// The model answers too late.
    Latency,
    /// The account's strategy is not in the settings any more.
    Retired,
}
