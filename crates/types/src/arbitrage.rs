//! Price differences between exchanges that would pay both taker fees: what is kept of one.

use serde::{Deserialize, Serialize};

use crate::instrument::{InstrumentId, Venue};
use crate::money::{Cash, Ppm, Price, Qty};
use crate::order::{OrderId, Refusal};
use crate::time::Timestamp;

/// One opportunity: base could be bought on one venue and sold on another at once for more than both taker fees.
///
/// Written when it begins, while it grows, and when it is over, each time under the same key: the input that began it, and
/// the two instruments. Withdrawals, transfers and the time they take are not in it; it assumes money on both venues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrageRecord {
    /// Sequence number of the input that began it.
    pub seq: u64,
    /// When it began.
    pub opened_at: Timestamp,
    /// Where base is bought.
    pub buy: ArbitrageLeg,
    /// Where base is sold.
    pub sell: ArbitrageLeg,
    /// What is bought and sold.
    pub base: String,
    /// In what cost and profit are told. Where one side is in USDT it is USD.
    pub currency: String,
    /// Fraction digits of the quantities in it.
    pub qty_decimals: u8,
    /// How USDT was valued in USD when it began; `None` where both sides have the same quote currency.
    pub rate: Option<ArbitrageRate>,
    /// What it offered when it began: nearest to what somebody who acts at once could have had.
    pub first: ArbitrageSize,
    /// What it offered when the expected profit was largest.
    pub best: ArbitrageSize,
    /// Most that was ever left at the best prices after both fees, hundredths of a basis point of the cost.
    pub peak_cbps: u32,
    /// How often it was gone for a moment and came back.
    pub returns: u32,
    /// How it ended; `None` while it lasts.
    pub end: Option<ArbitrageEnd>,
}

impl ArbitrageRecord {
    /// How long it lasted until it ended, or until `now`. Moments in which it was gone and came back are in it.
    #[must_use]
    pub fn duration(&self, now: Timestamp) -> core::time::Duration {
        self.end.map_or(now, |end| end.at).since(self.opened_at)
    }
}

/// One side of an opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrageLeg {
    /// Which book.
    pub instrument: InstrumentId,
    /// Where it is.
    pub venue: Venue,
    /// Taker fee of the venue when the opportunity began.
    pub taker_ppm: Ppm,
}

/// How one currency was valued in another: the cautious side of a proven book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrageRate {
    /// Whose book.
    pub instrument: InstrumentId,
    /// Its best bid where USDT is received, its best ask where USDT is paid.
    pub price: Price,
    /// Fraction digits of the price.
    pub decimals: u8,
}

/// The most profitable quantity at a moment, walking both books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrageSize {
    /// When.
    pub at: Timestamp,
    /// How much base.
    pub qty: Qty,
    /// What buying it costs, taker fee included, rounded up.
    pub cost: Cash,
    /// What selling it brings after its taker fee, less the cost, rounded down; above zero.
    pub profit: Cash,
    /// What is left at the best prices after both fees, hundredths of a basis point of the cost, rounded down.
    pub net_cbps: u32,
}

/// When and why an opportunity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrageEnd {
    /// The last moment at which it was there.
    pub at: Timestamp,
    /// Why.
    pub reason: ArbitrageEndReason,
}

/// Why an opportunity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArbitrageEndReason {
    /// The prices do not pay both fees any more.
    PricesMoved,
    /// What is left is below a venue's smallest quantity or value.
    TooSmall,
    /// One of the books does not hold any more.
    BookStale,
    /// One of the books has not been heard of for too long.
    BookOld,
    /// There is no proven USDT/USD book any more.
    NoRate,
    /// The clock is not believed any more.
    ClockUnset,
    /// The program was started again.
    Restart,
}

/// What came of trying both sides of an opportunity on paper: an order at each exchange at once, each at the worst price that still paid
/// when they were made, for what is there at its arrival. What one side got and the other did not goes back at any price.
///
/// Written when it is over, under the key of the opportunity it tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// [`ArbitrageRecord::seq`] of the opportunity.
    pub seq: u64,
    /// [`ArbitrageRecord::opened_at`] of the opportunity, which is when it was tried.
    pub at: Timestamp,
    /// Where base was to be bought.
    pub buy: InstrumentId,
    /// Where base was to be sold.
    pub sell: InstrumentId,
    /// Fraction digits of the quantities in it.
    pub qty_decimals: u8,
    /// In what money is told in it: that of the opportunity.
    pub currency: String,
    /// How much base was ordered on each side; zero where nothing was sent.
    pub qty: Qty,
    /// What the books of that moment would have left of it after both fees.
    pub expected: Cash,
    /// The order that buys.
    pub buy_order: Option<OrderId>,
    /// The order that sells.
    pub sell_order: Option<OrderId>,
    /// The order that took back what only one side got.
    pub even_order: Option<OrderId>,
    /// What was bought by the first.
    pub bought: Qty,
    /// What was sold by the second.
    pub sold: Qty,
    /// What went back by the third.
    pub evened: Qty,
    /// All money that came, less all that went, fees included. What could not go back counts at the middle of the book.
    pub result: Cash,
    /// When it was over.
    pub ended_at: Timestamp,
    /// What came of it.
    pub end: AttemptEnd,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptEnd {
    /// Both sides got all they wanted.
    Caught,
    /// Both sides got something, and as much as the other.
    Part,
    /// One side got more than the other.
    OneSided,
    /// Nothing was there any more when the orders arrived.
    Gone,
    /// There was no money left where base is bought.
    NoMoney,
    /// There was no base left where it is sold.
    NoCoins,
    /// What money and base were there for is below a venue's smallest order, or does not pay.
    TooSmall,
    /// An order of the attempt before is still on its way.
    Busy,
    /// A limit forbade one of the orders.
    Refused(Refusal),
    /// The program stopped, or the clock was not believed any more, before it was over.
    CutOff,
}
