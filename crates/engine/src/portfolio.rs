//! A paper account: money where it lies, positions and what they cost, and the limits' memory (peak, day, week).
//!
//! Money is exact: a buy pays `notional` rounded up plus the fee, a sale brings `notional` rounded down minus the fee, both from the
//! purse of that exchange and currency, and nothing else ever changes a purse but the sharing out when a new one is opened. Profit and
//! loss go by the first in, first out.
//!
//! The start money is dollars and lies in equal parts in all purses: one for each exchange and each quote currency that is watched
//! there. When another one is opened it gets an equal part of what is free in all others, at the rates of the moment and without a fee:
//! that is the one thing this account does that a real one cannot. What spans currencies is told in dollars, at the rate of a proven
//! book of that currency in dollars; a stablecoin without such a book counts as a dollar, any other currency as nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use types::money::divide;
use types::{
    AccountDay, AccountPosition, AccountPurse, AccountRecord, Cash, DayVolume, Fill, Instrument, InstrumentId, Lot,
    Price, Qty, Rounding, Scale, Side, Tally, Timestamp, Venue,
};

use crate::market::Markets;

mod holding;
mod rate;

pub use holding::Holding;
pub use rate::Rate;

/// Most openers of trades that are told apart; the trades of others count for none.
const OPENERS_MAX: usize = 64;
/// Days whose trading counts for the fees.
const VOLUME_DAYS: i32 = 30;

/// The account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    start: Cash,
    unassigned: Cash,
    /// Of each and its positions, to the last integer: what is there is what was deposited and realised, less what the open positions
    /// cost with their fees.
    purses: Vec<AccountPurse>,
    holdings: BTreeMap<InstrumentId, Holding>,
    by_instrument: BTreeMap<InstrumentId, Tally>,
    by_opener: BTreeMap<String, Tally>,
    losses_in_row: u16,
    /// The last [`VOLUME_DAYS`], oldest first.
    volumes: VecDeque<DayVolume>,
    /// What they come to by exchange, as seen from this day.
    volume: (i32, BTreeMap<Venue, Cash>),
    worth: Worth,
    peak: Cash,
    day: AccountDay,
    week: i32,
    week_start: Cash,
    breaker_open: bool,
}

/// What the account amounted to when it was last valued, in dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    /// Money not in positions.
    pub cash: Cash,
    /// Money and positions at the last proven mid prices.
    pub equity: Cash,
    /// Fees paid since the start.
    pub fees: Cash,
    /// Profit or loss of what was sold, after its fees.
    pub realised: Cash,
}

impl Portfolio {
    /// A fresh account with so many dollars.
    #[must_use]
    pub fn new(start: Cash, at: Timestamp) -> Self {
        Self {
            start,
            unassigned: start,
            purses: Vec::new(),
            holdings: BTreeMap::new(),
            by_instrument: BTreeMap::new(),
            by_opener: BTreeMap::new(),
            losses_in_row: 0,
            volumes: VecDeque::new(),
            volume: (at.day(), BTreeMap::new()),
            worth: Worth { cash: start, equity: start, fees: Cash::ZERO, realised: Cash::ZERO },
            peak: start,
            day: AccountDay { day: at.day(), equity_start: start, trades: 0, fees: Cash::ZERO },
            week: week(at),
            week_start: start,
            breaker_open: false,
        }
    }

    /// The account as another version of the program left it.
    pub(crate) fn resumed(told: &AccountRecord) -> Self {
        let mut resumed = Self::as_told(told);
        resumed.sum_volume(told.at.day());
        resumed
    }

    fn as_told(told: &AccountRecord) -> Self {
        let holding = |position: &AccountPosition| Some((position.instrument, Holding::resumed(&position.lots)?));
        Self {
            unassigned: told.unassigned,
            purses: told.purses.clone(),
            holdings: told.positions.iter().filter_map(holding).collect(),
            by_instrument: told.by_instrument.iter().copied().collect(),
            by_opener: told.by_opener.iter().cloned().collect(),
            losses_in_row: told.losses_in_row,
            volumes: told.volumes.iter().copied().collect(),
            worth: Worth { equity: told.equity, ..Worth::default() },
            peak: told.peak,
            day: told.day,
            week_start: told.week_start,
            breaker_open: told.is_breaker_open,
            ..Self::new(told.start, told.at)
        }
    }

    /// Gives an instrument's quote currency a purse at its exchange, if there is none: with an equal part of what is free in all
    /// others. `reserved` tells what working orders may spend of a purse. True when it opened one.
    pub(crate) fn open_purse(
        &mut self,
        instrument: &Instrument,
        markets: &Markets,
        reserved: impl Fn(&AccountPurse) -> Cash,
    ) -> bool {
        let (venue, currency) = (instrument.venue, instrument.quote.as_str());
        let place = self.purses.binary_search_by_key(&(venue, currency), |purse| (purse.venue, &purse.currency));
        let (Err(place), Some(rate)) = (place, markets.rate(currency)) else { return false };
        let mut value = core::mem::take(&mut self.unassigned);
        let parts = self.purses.len() as i64 + 1;
        for purse in &mut self.purses {
            let free = purse.cash.saturating_sub(reserved(purse)).max(Cash::ZERO);
            let Some(rate) = markets.rate(&purse.currency) else { continue };
            let part = Cash(free.0 / parts);
            purse.cash = purse.cash.saturating_sub(part);
            purse.deposited = purse.deposited.saturating_sub(part);
            value = value.saturating_add(rate.value(part));
        }
        let (cash, zero) = (rate.amount(value), Cash::ZERO);
        let currency = currency.to_owned();
        let purse = AccountPurse { venue, currency, cash, deposited: cash, fees: zero, realised: zero };
        self.purses.insert(place, purse);
        true
    }

    /// Books a fill (with the rate of its quote currency, without which results by instrument do not count it) and tells the profit or loss it settled, in the quote currency, after fees. A sale of more than is held books what
    /// is held, and what has no purse is not booked: risk and the paper venue never let either happen.
    pub fn book(&mut self, fill: &Fill, instrument: &Instrument, is_first: bool, rate: Option<Rate>) -> Cash {
        let place = self.place(instrument.venue, &instrument.quote);
        let Some(purse) = place.and_then(|place| self.purses.get_mut(place)) else { return Cash::ZERO };
        let (gain, value) = match fill.side {
            Side::Buy => {
                let cost = instrument.scale.notional(fill.price, fill.qty, Rounding::Ceil);
                purse.cash = purse.cash.saturating_sub(cost).saturating_sub(fill.fee);
                let holding = self.holdings.entry(fill.instrument).or_insert_with(|| Holding::new(fill.at));
                holding.buy(Lot { qty: fill.qty, cost, fees: fill.fee, at: fill.at });
                (Cash::ZERO, cost)
            }
            Side::Sell => {
                let Some(holding) = self.holdings.get_mut(&fill.instrument) else { return Cash::ZERO };
                let sold = holding.sell(fill.qty);
                if holding.qty.is_zero() {
                    self.holdings.remove(&fill.instrument);
                }
                let proceeds = instrument.scale.notional(fill.price, sold.qty, Rounding::Floor);
                purse.cash = purse.cash.saturating_add(proceeds).saturating_sub(fill.fee);
                let gain = proceeds.saturating_sub(fill.fee).saturating_sub(sold.cost).saturating_sub(sold.fees);
                (gain, proceeds)
            }
        };
        purse.fees = purse.fees.saturating_add(fill.fee);
        purse.realised = purse.realised.saturating_add(gain);
        let worth = |cash: Cash| rate.map_or(Cash::ZERO, |rate| rate.value(cash));
        let fee = worth(fill.fee);
        self.day.fees = self.day.fees.saturating_add(fee);
        self.day.trades = self.day.trades.saturating_add(u32::from(is_first));
        let tally = self.by_instrument.entry(fill.instrument).or_default();
        tally.fees = tally.fees.saturating_add(fee);
        tally.turnover = tally.turnover.saturating_add(worth(value));
        self.count_volume(instrument.venue, worth(value), fill.at);
        gain
    }

    fn count_volume(&mut self, venue: Venue, value: Cash, at: Timestamp) {
        let day = at.day();
        match self.volumes.iter_mut().rev().find(|volume| (volume.day, volume.venue) == (day, venue)) {
            Some(volume) => volume.value = volume.value.saturating_add(value),
            None => self.volumes.push_back(DayVolume { day, venue, value }),
        }
        self.sum_volume(day);
    }

    fn sum_volume(&mut self, day: i32) {
        self.volumes.retain(|volume| volume.day > day - VOLUME_DAYS);
        let venues: BTreeSet<Venue> = self.volumes.iter().map(|volume| volume.venue).collect();
        self.volume = (day, venues.into_iter().map(|venue| (venue, self.volume_until(venue, day))).collect());
    }

    fn volume_until(&self, venue: Venue, day: i32) -> Cash {
        let counted = self.volumes.iter().filter(|volume| volume.venue == venue && volume.day > day - VOLUME_DAYS);
        counted.fold(Cash::ZERO, |sum, volume| sum.saturating_add(volume.value))
    }

    /// What was bought and sold at an exchange in the last 30 days, that of `at` included, in dollars: fees go by it.
    #[must_use]
    pub fn volume(&self, venue: Venue, at: Timestamp) -> Cash {
        let (day, sums) = &self.volume;
        if at.day() == *day {
            return sums.get(&venue).copied().unwrap_or_default();
        }
        self.volume_until(venue, at.day())
    }

    /// A position was closed: what it brought in all, in dollars after fees.
    pub(crate) fn finish(&mut self, instrument: InstrumentId, opener: &str, result: Cash) {
        self.by_instrument.entry(instrument).or_default().add(result);
        let is_known = self.by_opener.contains_key(opener) || self.by_opener.len() < OPENERS_MAX;
        self.by_opener.entry(if is_known { opener } else { "" }.to_owned()).or_default().add(result);
        self.losses_in_row = if result < Cash::ZERO { self.losses_in_row.saturating_add(1) } else { 0 };
    }

    /// Values everything at the last proven mid prices and moves the peak. While nobody knows what one of the currencies is worth all
    /// counts as it did: nothing may look lost because its price was not heard yet.
    pub(crate) fn mark(&mut self, markets: &Markets) {
        let mut worth = Worth { cash: self.unassigned, ..Worth::default() };
        for purse in &self.purses {
            let Some(rate) = markets.rate(&purse.currency) else { return };
            worth.cash = worth.cash.saturating_add(rate.value(purse.cash));
            worth.fees = worth.fees.saturating_add(rate.value(purse.fees));
            worth.realised = worth.realised.saturating_add(rate.value(purse.realised));
        }
        let positions = self.holdings.iter().map(|(id, holding)| value(*id, holding, markets));
        worth.equity = positions.fold(worth.cash, Cash::saturating_add);
        self.worth = worth;
        self.peak = self.peak.max(worth.equity);
    }

    /// Begins a new day, and a new week, where `at` is in one.
    pub(crate) fn roll_day(&mut self, at: Timestamp) {
        let equity = self.worth.equity;
        if at.day() != self.volume.0 {
            self.sum_volume(at.day());
        }
        if at.day() != self.day.day {
            self.day = AccountDay { day: at.day(), equity_start: equity, trades: 0, fees: Cash::ZERO };
        }
        if week(at) != self.week {
            (self.week, self.week_start) = (week(at), equity);
        }
    }

    pub(crate) fn open_breaker(&mut self) {
        self.breaker_open = true;
    }

    /// The peak starts again from now, and so does the count of losses.
    pub(crate) fn reset_breaker(&mut self) {
        self.breaker_open = false;
        self.peak = self.worth.equity;
        self.losses_in_row = 0;
    }

    /// The losses so far opened a breaker: they count anew.
    pub(crate) const fn forget_losses(&mut self) {
        self.losses_in_row = 0;
    }

    /// All of it, for a later version of the program; what the desk knows is not in it.
    pub(crate) fn told(&self, into: AccountRecord) -> AccountRecord {
        AccountRecord {
            start: self.start,
            unassigned: self.unassigned,
            purses: self.purses.clone(),
            equity: self.worth.equity,
            peak: self.peak,
            day: self.day,
            week_start: self.week_start,
            is_breaker_open: self.breaker_open,
            losses_in_row: self.losses_in_row,
            volumes: self.volumes.iter().copied().collect(),
            by_instrument: self.by_instrument.iter().map(|(id, tally)| (*id, *tally)).collect(),
            by_opener: self.by_opener.iter().map(|(opener, tally)| (opener.clone(), *tally)).collect(),
            ..into
        }
    }

    /// Dollars it started with.
    #[must_use]
    pub const fn start(&self) -> Cash {
        self.start
    }

    /// Dollars that lie at no exchange yet.
    #[must_use]
    pub const fn unassigned(&self) -> Cash {
        self.unassigned
    }

    /// Money where it lies, by exchange and currency.
    #[must_use]
    pub fn purses(&self) -> &[AccountPurse] {
        &self.purses
    }

    /// The purse that pays for an instrument.
    #[must_use]
    pub fn purse(&self, instrument: &Instrument) -> Option<&AccountPurse> {
        self.purses.get(self.place(instrument.venue, &instrument.quote)?)
    }

    fn place(&self, venue: Venue, currency: &str) -> Option<usize> {
        self.purses.iter().position(|purse| purse.venue == venue && purse.currency == currency)
    }

    /// What it amounted to when it was last valued.
    #[must_use]
    pub const fn worth(&self) -> &Worth {
        &self.worth
    }

    /// Money and positions at the last proven mid prices, dollars.
    #[must_use]
    pub const fn equity(&self) -> Cash {
        self.worth.equity
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

    /// What finished trades amounted to, by instrument.
    #[must_use]
    pub const fn by_instrument(&self) -> &BTreeMap<InstrumentId, Tally> {
        &self.by_instrument
    }

    /// What finished trades amounted to, by what opened them: a model's identifier or a rule's name.
    #[must_use]
    pub const fn by_opener(&self) -> &BTreeMap<String, Tally> {
        &self.by_opener
    }

    /// Losing trades in a row.
    #[must_use]
    pub const fn losses_in_row(&self) -> u16 {
        self.losses_in_row
    }

    /// Highest equity since the start or the last reset of the breaker.
    #[must_use]
    pub const fn peak(&self) -> Cash {
        self.peak
    }

    /// Fall from the peak in millionths of it.
    #[must_use]
    pub fn drawdown_ppm(&self) -> u32 {
        loss_ppm(self.peak, self.worth.equity)
    }

    /// What happened since 00:00 UTC.
    #[must_use]
    pub const fn day(&self) -> &AccountDay {
        &self.day
    }

    /// Loss since 00:00 UTC in millionths of the equity at that time; zero after a gain.
    #[must_use]
    pub fn day_loss_ppm(&self) -> u32 {
        loss_ppm(self.day.equity_start, self.worth.equity)
    }

    /// Loss since Monday 00:00 UTC in millionths of the equity at that time; zero after a gain.
    #[must_use]
    pub fn week_loss_ppm(&self) -> u32 {
        loss_ppm(self.week_start, self.worth.equity)
    }

    /// True after the maximum drawdown was reached, until the user resets it.
    #[must_use]
    pub const fn is_breaker_open(&self) -> bool {
        self.breaker_open
    }
}

/// What a position is worth in dollars: at the last proven mid price, or what it cost where there is none.
pub(crate) fn value(id: InstrumentId, holding: &Holding, markets: &Markets) -> Cash {
    let Some(market) = markets.get(id) else { return holding.cost };
    let Some(rate) = markets.rate(&market.instrument.quote) else { return Cash::ZERO };
    rate.value(market.mark().map_or(holding.cost, |price| holding.value(market.instrument.scale, price)))
}

/// Weeks since the one of the epoch, from Monday to Monday.
fn week(at: Timestamp) -> i32 {
    // 1 January 1970 was a Thursday.
    (at.day() + 3).div_euclid(7)
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

#[cfg(test)]
mod tests {
    use super::*;
    use types::order::Liquidity;
    use types::{AccountId, OrderId};

    const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 3 };

    fn instrument(id: u16, venue: Venue, base: &str, quote: &str) -> Instrument {
        let (symbol, base, quote) = (format!("{base}{quote}"), base.to_owned(), quote.to_owned());
        let (id, qty_min, notional_min) = (InstrumentId(id), Qty(1), Cash::ZERO);
        Instrument { id, venue, symbol, base, quote, scale: SCALE, tick: 1, lot: 1, qty_min, notional_min }
    }

    fn fill(side: Side, price: i64, qty: u64, fee: i64) -> Fill {
        let (order, account, instrument, liquidity) = (OrderId(1), AccountId::LEAD, InstrumentId(0), Liquidity::Taker);
        let (price, qty, fee) = (Price::new(price).unwrap(), Qty(qty), Cash(fee));
        Fill { order, account, instrument, side, price, qty, fee, liquidity, at: Timestamp::from_secs(5) }
    }

    fn markets(instruments: &[Instrument]) -> Markets {
        let mut markets = Markets::default();
        instruments.iter().for_each(|instrument| assert!(markets.put(instrument).is_ok()));
        markets
    }

    #[test]
    fn cash_position_cost_and_gain_follow_the_fills() {
        let btc = instrument(0, Venue::Kraken, "BTC", "USD");
        let mut portfolio = Portfolio::new(Cash::from_units(1_000), Timestamp::EPOCH);
        let markets = markets(std::slice::from_ref(&btc));
        assert!(portfolio.open_purse(&btc, &markets, |_| Cash::ZERO));
        portfolio.book(&fill(Side::Buy, 10_000, 1_000, 40_000_000), &btc, true, Some(Rate::Par));
        portfolio.book(
            &Fill { at: Timestamp::from_secs(6), ..fill(Side::Buy, 11_000, 1_000, 44_000_000) },
            &btc,
            false,
            Some(Rate::Par),
        );
        assert_eq!(portfolio.purse(&btc).unwrap().cash, Cash(78_916_000_000));
        let holding = portfolio.holding(InstrumentId(0)).unwrap();
        assert_eq!(holding.entry(SCALE), Price::new(10_500));
        assert_eq!(holding.pnl(SCALE, Price::new(10_500).unwrap()), Cash(-84_000_000));
        let gain = portfolio.book(&fill(Side::Sell, 12_000, 500, 24_000_000), &btc, true, Some(Rate::Par));
        assert_eq!(gain, Cash(6_000_000_000 - 24_000_000 - 5_000_000_000 - 20_000_000), "of the first that was bought");
        let holding = portfolio.holding(InstrumentId(0)).unwrap();
        assert_eq!((holding.qty, holding.cost), (Qty(1_500), Cash(16_000_000_000)));
        portfolio.book(&fill(Side::Sell, 10_000, 1_500, 60_000_000), &btc, true, Some(Rate::Par));
        assert_eq!(portfolio.holding(InstrumentId(0)), None);
        let purse = portfolio.purse(&btc).unwrap();
        assert_eq!(purse.cash, purse.deposited.saturating_add(purse.realised));
        assert_eq!(purse.fees, Cash(168_000_000));
        assert_eq!(portfolio.day().trades, 3);
    }

    #[test]
    fn the_start_money_lies_in_equal_parts_wherever_it_is_needed() {
        let all = [
            instrument(0, Venue::Kraken, "BTC", "USD"),
            instrument(1, Venue::Kraken, "ETH", "USD"),
            instrument(2, Venue::Kraken, "BTC", "USDT"),
            instrument(3, Venue::Coinbase, "BTC", "USD"),
            instrument(4, Venue::Coinbase, "ETH", "BTC"),
        ];
        let (markets, mut portfolio) = (markets(&all), Portfolio::new(Cash(900), Timestamp::EPOCH));
        let opened = all.iter().map(|instrument| portfolio.open_purse(instrument, &markets, |_| Cash::ZERO));
        assert_eq!(opened.collect::<Vec<_>>(), [true, false, true, true, false], "nobody knows what a BTC is worth");
        let told: Vec<(&str, Venue, i64)> =
            portfolio.purses().iter().map(|purse| (purse.currency.as_str(), purse.venue, purse.cash.0)).collect();
        assert_eq!(told, [("USD", Venue::Kraken, 300), ("USDT", Venue::Kraken, 300), ("USD", Venue::Coinbase, 300)]);
        portfolio.mark(&markets);
        assert_eq!((portfolio.unassigned(), portfolio.equity()), (Cash::ZERO, Cash(900)));
    }

    #[test]
    fn a_new_purse_leaves_working_orders_their_money() {
        let all = [instrument(0, Venue::Kraken, "BTC", "USD"), instrument(1, Venue::Kucoin, "BTC", "USDT")];
        let (markets, mut portfolio) = (markets(&all), Portfolio::new(Cash(1_000), Timestamp::EPOCH));
        portfolio.open_purse(&all[0], &markets, |_| Cash::ZERO);
        portfolio.open_purse(&all[1], &markets, |_| Cash(900));
        assert_eq!(portfolio.purses().iter().map(|purse| purse.cash.0).collect::<Vec<_>>(), [950, 50]);
    }

    #[test]
    fn what_nobody_can_value_counts_as_it_did() {
        let btc = instrument(0, Venue::Kraken, "BTC", "USD");
        let eth = instrument(1, Venue::Kraken, "ETH", "BTC");
        let told = |markets: &Markets| {
            let mut portfolio = Portfolio::new(Cash(500), Timestamp::EPOCH);
            portfolio.open_purse(&btc, markets, |_| Cash::ZERO);
            let purse = AccountPurse { currency: "BTC".to_owned(), ..portfolio.purses[0].clone() };
            portfolio.purses.push(purse);
            portfolio.mark(markets);
            (portfolio.equity(), portfolio.drawdown_ppm())
        };
        let markets = markets(&[btc.clone(), eth.clone()]);
        assert_eq!(told(&markets), (Cash(500), 0), "no book has told what a BTC is worth");
        let mut portfolio = Portfolio::new(Cash(500), Timestamp::EPOCH);
        portfolio.purses.push(AccountPurse {
            venue: Venue::Kraken,
            currency: "BTC".to_owned(),
            cash: Cash(900),
            deposited: Cash(900),
            fees: Cash::ZERO,
            realised: Cash::ZERO,
        });
        let bought = Fill { instrument: InstrumentId(1), ..fill(Side::Buy, 1, 1, 7) };
        portfolio.book(&bought, &eth, true, None);
        assert_eq!(
            portfolio.purse(&eth).map(|purse| (purse.cash, purse.fees)),
            Some((Cash(893 - 1_000), Cash(7))),
            "booked all the same"
        );
    }

    #[test]
    fn results_are_told_by_instrument_and_by_opener() {
        let mut portfolio = Portfolio::new(Cash::ZERO, Timestamp::EPOCH);
        for (instrument, opener, result) in [(0, "a", 5), (0, "b", -3), (1, "a", -1), (1, "a", -1)] {
            portfolio.finish(InstrumentId(instrument), opener, Cash(result));
        }
        let told = |tally: &Tally| (tally.trades, tally.wins, tally.net().0);
        assert_eq!(portfolio.by_instrument().values().map(told).collect::<Vec<_>>(), [(2, 1, 2), (2, 0, -2)]);
        assert_eq!(portfolio.by_opener().values().map(told).collect::<Vec<_>>(), [(3, 1, 3), (1, 0, -3)]);
        assert_eq!(portfolio.losses_in_row(), 3);
    }

    #[test]
    fn a_week_begins_on_monday() {
        let monday = Timestamp::from_date(2026, 11, 23);
        assert_eq!(week(monday), week(Timestamp::from_date(2026, 11, 22)) + 1);
        assert_eq!(week(monday), week(Timestamp::from_date(2026, 11, 29)));
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
