//! The paper account: cash, positions, what they cost, and the limits' memory (peak, day).
//!
//! Cash is exact: a buy pays `notional` rounded up plus the fee, a sale brings `notional` rounded down minus the fee, and
//! nothing else ever changes it. So cash equals the start money plus the sum over all fills, to the last digit.
//!
//! One account for all quote currencies: USD, USDT and USDC count at par. That is a simplification of the paper account, and
//! its error is the distance of a stable coin from one dollar.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::money::divide;
use types::{
    AccountDay, AccountPosition, AccountRecord, Cash, Fill, InstrumentId, Position, Price, Qty, Rounding, Scale, Side,
    Timestamp,
};

use crate::market::Markets;

mod hold;

pub use hold::Hold;

/// An open long position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// How much is held; above zero.
    pub qty: Qty,
    /// What it cost, without fees.
    pub cost: Cash,
    /// Fees paid to buy it.
    pub fees: Cash,
    /// When its first part was bought.
    pub opened_at: Timestamp,
}

impl Holding {
    /// Average entry price without fees, to the nearest price unit.
    #[must_use]
    pub fn entry(&self, scale: Scale) -> Option<Price> {
        average_price(scale, self.cost, self.qty)
    }

    /// What it is worth at `price`.
    #[must_use]
    pub fn value(&self, scale: Scale, price: Price) -> Cash {
        scale.notional(price, self.qty, Rounding::Floor)
    }

    /// Profit or loss at `price`, after the fees paid so far.
    #[must_use]
    pub fn pnl(&self, scale: Scale, price: Price) -> Cash {
        self.value(scale, price).saturating_sub(self.cost).saturating_sub(self.fees)
    }

    /// As a signed position.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(i64::try_from(self.qty.0).unwrap_or(i64::MAX))
    }
}

/// The account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    start: Cash,
    cash: Cash,
    fees: Cash,
    realised: Cash,
    holdings: BTreeMap<InstrumentId, Holding>,
    equity: Cash,
    peak: Cash,
    day: AccountDay,
    breaker_open: bool,
    hold: Hold,
}

impl Portfolio {
    /// A fresh account.
    #[must_use]
    pub fn new(start: Cash, at: Timestamp) -> Self {
        Self {
            start,
            cash: start,
            fees: Cash::ZERO,
            realised: Cash::ZERO,
            holdings: BTreeMap::new(),
            equity: start,
            peak: start,
            day: AccountDay { day: at.day(), equity_start: start, trades: 0, fees: Cash::ZERO },
            breaker_open: false,
            hold: Hold::new(start),
        }
    }

    /// The account as another version of the program left it.
    pub(crate) fn resumed(account: &AccountRecord) -> Self {
        let holding = |position: &AccountPosition| {
            let AccountPosition { instrument, qty, cost, fees, opened_at, .. } = *position;
            (instrument, Holding { qty, cost, fees, opened_at })
        };
        Self {
            start: account.start,
            cash: account.cash,
            fees: account.fees,
            realised: account.realised,
            holdings: account.positions.iter().filter(|position| !position.qty.is_zero()).map(holding).collect(),
            equity: account.equity,
            peak: account.peak,
            day: account.day,
            breaker_open: account.is_breaker_open,
            hold: Hold::resumed(account.hold_cash, &account.hold),
        }
    }

    /// Cash of the buy-and-hold control, and what it holds with what that is worth.
    pub(crate) fn hold_told(&self, markets: &Markets) -> (Cash, Vec<(InstrumentId, Qty, Cash)>) {
        self.hold.told(markets)
    }

    /// Books a fill and tells the profit or loss it settled, after fees. A sale of more than is held books what is held:
    /// risk and the paper venue never let that happen.
    pub fn book(&mut self, fill: &Fill, scale: Scale, first_of_order: bool) -> Cash {
        let gain = match fill.side {
            Side::Buy => self.book_buy(fill, scale),
            Side::Sell => self.book_sale(fill, scale),
        };
        self.fees = self.fees.saturating_add(fill.fee);
        self.day.fees = self.day.fees.saturating_add(fill.fee);
        self.day.trades = self.day.trades.saturating_add(u32::from(first_of_order));
        self.realised = self.realised.saturating_add(gain);
        gain
    }

    fn book_buy(&mut self, fill: &Fill, scale: Scale) -> Cash {
        let cost = scale.notional(fill.price, fill.qty, Rounding::Ceil);
        self.cash = self.cash.saturating_sub(cost).saturating_sub(fill.fee);
        let holding = self.holdings.entry(fill.instrument).or_insert(Holding {
            qty: Qty::ZERO,
            cost: Cash::ZERO,
            fees: Cash::ZERO,
            opened_at: fill.at,
        });
        holding.qty = holding.qty.saturating_add(fill.qty);
        holding.cost = holding.cost.saturating_add(cost);
        holding.fees = holding.fees.saturating_add(fill.fee);
        Cash::ZERO
    }

    fn book_sale(&mut self, fill: &Fill, scale: Scale) -> Cash {
        let Some(holding) = self.holdings.get_mut(&fill.instrument) else { return Cash::ZERO };
        let qty = fill.qty.min(holding.qty);
        let proceeds = scale.notional(fill.price, qty, Rounding::Floor);
        let (cost, fees) = (part(holding.cost, qty, holding.qty), part(holding.fees, qty, holding.qty));
        self.cash = self.cash.saturating_add(proceeds).saturating_sub(fill.fee);
        let gain = proceeds.saturating_sub(fill.fee).saturating_sub(cost).saturating_sub(fees);
        holding.qty = holding.qty.saturating_sub(qty);
        holding.cost = holding.cost.saturating_sub(cost);
        holding.fees = holding.fees.saturating_sub(fees);
        if holding.qty.is_zero() {
            self.holdings.remove(&fill.instrument);
        }
        gain
    }

    /// Values everything at the last proven mid prices and moves the peak.
    pub(crate) fn mark(&mut self, markets: &Markets) {
        let worth = |(id, holding): (&InstrumentId, &Holding)| {
            let priced =
                markets.get(*id).and_then(|market| Some(holding.value(market.instrument.scale, market.mark()?)));
            priced.unwrap_or(holding.cost)
        };
        let worth = self.holdings.iter().map(worth).fold(Cash::ZERO, Cash::saturating_add);
        self.equity = self.cash.saturating_add(worth);
        self.peak = self.peak.max(self.equity);
    }

    /// Begins a new day where `at` is in one.
    pub(crate) fn roll_day(&mut self, at: Timestamp) {
        if at.day() != self.day.day {
            self.day = AccountDay { day: at.day(), equity_start: self.equity, trades: 0, fees: Cash::ZERO };
        }
    }

    /// Gives the buy-and-hold control its first price of an instrument.
    pub(crate) fn hold_joins(&mut self, instrument: InstrumentId, markets: &Markets) {
        self.hold.join(instrument, markets);
    }

    pub(crate) fn open_breaker(&mut self) {
        self.breaker_open = true;
    }

    pub(crate) fn reset_breaker(&mut self) {
        self.breaker_open = false;
        self.peak = self.equity;
    }

    /// Money it started with.
    #[must_use]
    pub const fn start(&self) -> Cash {
        self.start
    }

    /// Cash not in positions.
    #[must_use]
    pub const fn cash(&self) -> Cash {
        self.cash
    }

    /// Cash and positions at the last proven mid prices.
    #[must_use]
    pub const fn equity(&self) -> Cash {
        self.equity
    }

    /// Fees paid since the start.
    #[must_use]
    pub const fn fees(&self) -> Cash {
        self.fees
    }

    /// Profit or loss of what was sold, after its fees.
    #[must_use]
    pub const fn realised(&self) -> Cash {
        self.realised
    }

    /// Open positions by instrument.
    #[must_use]
    pub const fn holdings(&self) -> &BTreeMap<InstrumentId, Holding> {
        &self.holdings
    }

    /// The open position of one instrument.
    #[must_use]
    pub fn holding(&self, instrument: InstrumentId) -> Option<&Holding> {
        self.holdings.get(&instrument)
    }

    /// Highest equity since the start or the last reset of the breaker.
    #[must_use]
    pub const fn peak(&self) -> Cash {
        self.peak
    }

    /// Fall from the peak in millionths of it.
    #[must_use]
    pub fn drawdown_ppm(&self) -> u32 {
        loss_ppm(self.peak, self.equity)
    }

    /// What happened since 00:00 UTC.
    #[must_use]
    pub const fn day(&self) -> &AccountDay {
        &self.day
    }

    /// Loss since 00:00 UTC in millionths of the equity at that time; zero after a gain.
    #[must_use]
    pub fn day_loss_ppm(&self) -> u32 {
        loss_ppm(self.day.equity_start, self.equity)
    }

    /// True after the maximum drawdown was reached, until the user resets it.
    #[must_use]
    pub const fn is_breaker_open(&self) -> bool {
        self.breaker_open
    }

    /// The buy-and-hold control.
    #[must_use]
    pub const fn hold(&self) -> &Hold {
        &self.hold
    }
}

/// The price at which `qty` is worth `value`, to the nearest price unit; `None` for nothing or where it rounds to zero.
#[must_use]
pub fn average_price(scale: Scale, value: Cash, qty: Qty) -> Option<Price> {
    let decimals = i32::from(scale.price_decimals) + i32::from(scale.qty_decimals);
    let shift = decimals - i32::from(types::money::CASH_DECIMALS);
    let power = 10i128.pow(shift.unsigned_abs());
    let (value, qty) = (i128::from(value.0), i128::from(qty.0));
    if qty == 0 {
        return None;
    }
    let average = if shift >= 0 {
        divide(value.saturating_mul(power), qty, Rounding::HalfEven)
    } else {
        divide(value, qty.saturating_mul(power), Rounding::HalfEven)
    };
    Price::new(i64::try_from(average).ok()?)
}

/// Fall from `before` to `now` in millionths of `before`, rounded down; zero where nothing was lost or there was nothing.
#[must_use]
pub fn loss_ppm(before: Cash, now: Cash) -> u32 {
    let lost = i128::from(before.0) - i128::from(now.0);
    if lost <= 0 || before.0 <= 0 {
        return 0;
    }
    divide(lost * 1_000_000, i128::from(before.0), Rounding::Floor).clamp(0, i128::from(u32::MAX)) as u32
}

/// The share `qty` of `whole` of an amount; all of it when `qty` is the whole.
fn part(amount: Cash, qty: Qty, whole: Qty) -> Cash {
    if qty == whole || whole.is_zero() {
        return amount;
    }
    let share = divide(i128::from(amount.0) * i128::from(qty.0), i128::from(whole.0), Rounding::HalfEven);
    Cash(i64::try_from(share).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::OrderId;
    use types::order::Liquidity;

    const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 3 };

    fn fill(side: Side, price: i64, qty: u64, fee: i64) -> Fill {
        let (order, instrument, liquidity) = (OrderId(1), InstrumentId(0), Liquidity::Taker);
        let (price, qty, fee) = (Price::new(price).unwrap(), Qty(qty), Cash(fee));
        Fill { order, instrument, side, price, qty, fee, liquidity, at: Timestamp::from_secs(5) }
    }

    #[test]
    fn cash_position_cost_and_gain_follow_the_fills() {
        let mut portfolio = Portfolio::new(Cash::from_units(1_000), Timestamp::EPOCH);
        portfolio.book(&fill(Side::Buy, 10_000, 1_000, 40_000_000), SCALE, true);
        portfolio.book(&fill(Side::Buy, 11_000, 1_000, 44_000_000), SCALE, false);
        assert_eq!(portfolio.cash(), Cash(78_916_000_000));
        let holding = *portfolio.holding(InstrumentId(0)).unwrap();
        assert_eq!(holding.entry(SCALE), Price::new(10_500));
        assert_eq!(holding.pnl(SCALE, Price::new(10_500).unwrap()), Cash(-84_000_000));
        let gain = portfolio.book(&fill(Side::Sell, 12_000, 500, 24_000_000), SCALE, true);
        assert_eq!(gain, Cash(750_000_000 - 24_000_000 - 21_000_000));
        let holding = *portfolio.holding(InstrumentId(0)).unwrap();
        assert_eq!((holding.qty, holding.entry(SCALE)), (Qty(1_500), Price::new(10_500)));
        portfolio.book(&fill(Side::Sell, 10_000, 1_500, 60_000_000), SCALE, true);
        assert_eq!(portfolio.holding(InstrumentId(0)), None);
        assert_eq!(portfolio.cash().saturating_sub(portfolio.start()), portfolio.realised());
        assert_eq!(portfolio.fees(), Cash(168_000_000));
        assert_eq!(portfolio.day().trades, 3);
    }

    #[test]
    fn losses_are_told_in_millionths() {
        let check = |before, now, expected| assert_eq!(loss_ppm(Cash(before), Cash(now)), expected, "{before} {now}");
        check(1_000, 800, 200_000);
        check(1_000, 1_200, 0);
        check(0, -5, 0);
        check(3, 2, 333_333);
        check(i64::MAX, i64::MIN, 2_000_000);
    }

    #[test]
    fn averages_round_to_the_nearest_price() {
        let check = |value, qty, expected| {
            assert_eq!(average_price(SCALE, Cash(value), Qty(qty)).map(Price::mantissa), expected, "{value} / {qty}");
        };
        check(10_000_000_000, 1_000, Some(10_000));
        check(10_000_000_000, 3_000, Some(3_333));
        check(0, 1, None);
        check(1, 0, None);
        check(i64::MAX, 1, Some(9_223_372_036_854_776));
    }
}
