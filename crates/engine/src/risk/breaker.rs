//! What stops new positions for a while: each breaker opens on a measured cause and closes by itself when the cause has been gone long
//! enough.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::order::{Reason, Refusal};
use types::settings::BreakerSettings;
use types::{
    AccountId, BreakerCause, BreakerCause as Cause, BreakerRecord, BreakerScope as Scope, Instrument, InstrumentId,
    Order, Price, Rounding, Timestamp,
};

use crate::book::Book;
use crate::notice;
use crate::portfolio::Rate;

/// Over which time a price may not jump.
const JUMP_WINDOW: Duration = Duration::from_secs(60);
/// Shortest time between two prices that are kept for that.
const JUMP_STEP: Duration = Duration::from_secs(5);
/// Fewest scored forecasts that a skill counts from.
const SKILL_MIN: usize = 100;

/// What risk says of an order that a breaker stopped.
pub(crate) const fn refusal(cause: BreakerCause) -> Refusal {
    match cause {
        BreakerCause::Jump => Refusal::PriceJump,
        BreakerCause::Spread => Refusal::WideSpread,
        BreakerCause::Depth => Refusal::ThinBook,
        BreakerCause::Losses => Refusal::LossStreak,
        BreakerCause::Skill => Refusal::Skill,
        BreakerCause::Latency => Refusal::Latency,
        BreakerCause::Drawdown => Refusal::Drawdown,
    }
}

/// A breaker that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// When its cause was seen last.
    pub seen_at: Timestamp,
}

/// All breakers but that of the drawdown, which is the account's own and never closes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakers {
    open: BTreeMap<(Cause, Scope), Open>,
    prices: BTreeMap<InstrumentId, VecDeque<(Timestamp, Price)>>,
    /// Opened or closed, to be told; always empty between inputs.
    #[serde(skip)]
    news: Vec<News>,
}

impl Breakers {
    /// What stops an order that opens a position; the first cause of several. How good forecasts are and when they come matters only to
    /// orders that rest on one.
    #[must_use]
    pub fn stopping(&self, order: &Order) -> Option<Cause> {
        let scopes = [Scope::Instrument(order.instrument), Scope::Account(order.account)];
        let is_foretold = matches!(order.reason, Reason::Forecast { .. } | Reason::Policy { .. });
        let counts = |cause: Cause| is_foretold || !matches!(cause, Cause::Skill | Cause::Latency);
        self.open.keys().find(|(cause, scope)| scopes.contains(scope) && counts(*cause)).map(|(cause, _)| *cause)
    }

    /// All that are open.
    #[must_use]
    pub const fn open(&self) -> &BTreeMap<(Cause, Scope), Open> {
        &self.open
    }

    /// The user closes all.
    pub(crate) fn reset(&mut self, at: Timestamp) {
        self.close(at, |_| true);
        self.prices.clear();
    }

    /// What opened and closed since it was asked last.
    pub(crate) fn news(&mut self) -> impl Iterator<Item = News> + '_ {
        self.news.drain(..)
    }

    /// Closes those that `is_over`.
    fn close(&mut self, at: Timestamp, is_over: impl Fn(&Open) -> bool) {
        let news = &mut self.news;
        self.open.retain(|(cause, scope), open| {
            let stays = !is_over(open);
            if !stays {
                let record = BreakerRecord { at, cause: *cause, scope: *scope, opened: None };
                news.push(News { record, text: String::new() });
            }
            stays
        });
    }

    /// A proven book stands.
    /// `rate` is what the quote currency is worth; a depth is not judged without it.
    pub(crate) fn on_book(
        &mut self,
        instrument: &Instrument,
        book: &Book,
        rate: Option<Rate>,
        settings: &BreakerSettings,
        at: Timestamp,
    ) {
        let scope = Scope::Instrument(instrument.id);
        let name = || format!("{} on {}", instrument.pair(), instrument.venue.name());
        if settings.jump_ppm > 0
            && let Some(price) = book.mid()
        {
            let jump = self.jump(instrument.id, price, at);
            let measure = Measure { cause: Cause::Jump, scope, value: jump, limit: settings.jump_ppm };
            self.judge(measure, settings, at, || {
                format!("The price of {} moved by {} % within a minute", name(), notice::percent(jump))
            });
        }
        if settings.spread_max_cbps > 0
            && let Some(spread) = book.spread_ppm()
        {
            let measure = Measure { cause: Cause::Spread, scope, value: spread, limit: settings.spread_max_cbps };
            self.judge(measure, settings, at, || {
                format!("The spread of {} is {} bps", name(), notice::bps(spread.min(i32::MAX as u32) as i32))
            });
        }
        if settings.depth_min > 0
            && let Some(rate) = rate
        {
            let depth = depth(instrument, book, rate);
            // What must not be too small is judged by how many times too small it is, millionths.
            let lack = (u64::from(settings.depth_min) * 1_000_000).checked_div(depth).unwrap_or(u64::MAX);
            let measure = Measure { cause: Cause::Depth, scope, value: clamp(lack), limit: 1_000_001 };
            self.judge(measure, settings, at, || format!("A side of the book of {} holds {depth} USD only", name()));
        }
    }

    /// A model answered so long after the end of its candle.
    pub(crate) fn on_answer(
        &mut self,
        instrument: &Instrument,
        took: Duration,
        settings: &BreakerSettings,
        at: Timestamp,
    ) {
        let took_ms = clamp(took.as_millis().min(u64::MAX.into()) as u64);
        let scope = Scope::Instrument(instrument.id);
        let measure = Measure { cause: Cause::Latency, scope, value: took_ms, limit: settings.answer_max_ms };
        self.judge(measure, settings, at, || {
            format!("The forecast of {} came {} s late", instrument.pair(), took_ms / 1_000)
        });
    }

    /// How good the forecast of an instrument has been: `skill` as a share, over `n` forecasts.
    pub(crate) fn on_skill(
        &mut self,
        instrument: &Instrument,
        skill: f64,
        n: usize,
        settings: &BreakerSettings,
        at: Timestamp,
    ) {
        let below = if n < SKILL_MIN { 0 } else { (-skill * 1e4) as u32 };
        let scope = Scope::Instrument(instrument.id);
        let measure = Measure { cause: Cause::Skill, scope, value: below, limit: settings.skill_below_max };
        self.judge(measure, settings, at, || {
            let percent = notice::percent(below.saturating_mul(100));
            format!("The forecast of {} has been {percent} % worse than no change", instrument.pair())
        });
    }

    /// An account lost so often in a row. True when that opened the breaker: what was lost is counted anew then, for it cannot get
    /// less while nothing is traded.
    pub(crate) fn on_losses(
        &mut self,
        account: AccountId,
        losses: u16,
        settings: &BreakerSettings,
        at: Timestamp,
    ) -> bool {
        let (scope, limit) = (Scope::Account(account), u32::from(settings.losses_max));
        if limit == 0 || u32::from(losses) < limit {
            return false;
        }
        let measure = Measure { cause: Cause::Losses, scope, value: losses.into(), limit };
        self.judge(measure, settings, at, || format!("{losses} trades in a row lost"));
        true
    }

    /// Time went on: what has been gone for long enough is closed.
    pub(crate) fn on_time(&mut self, settings: &BreakerSettings, at: Timestamp) {
        let cool_down = Duration::from_secs(settings.cool_down_s.into());
        self.close(at, |open| open.seen_at.plus(cool_down) <= at);
    }

    /// How far the price is from the farthest of the last minute, millionths.
    fn jump(&mut self, instrument: InstrumentId, price: Price, at: Timestamp) -> u32 {
        let prices = self.prices.entry(instrument).or_default();
        while prices.front().is_some_and(|(then, _)| then.plus(JUMP_WINDOW) < at) {
            prices.pop_front();
        }
        if prices.back().is_none_or(|(then, _)| then.plus(JUMP_STEP) <= at) {
            prices.push_back((at, price));
        }
        let jumps = prices.iter().map(|(_, then)| {
            let (then, now) = (i128::from(then.mantissa()), i128::from(price.mantissa()));
            ((now - then).abs() * 1_000_000 / then).min(u32::MAX.into()) as u32
        });
        jumps.max().unwrap_or(0)
    }

    fn judge(&mut self, measure: Measure, settings: &BreakerSettings, at: Timestamp, text: impl FnOnce() -> String) {
        let Measure { cause, scope, value, limit } = measure;
        if limit == 0 {
            return;
        }
        match self.open.get_mut(&(cause, scope)) {
            Some(open) => {
                let release = u64::from(limit) * u64::from(settings.release_ppm) / 1_000_000;
                if u64::from(value) > release {
                    open.seen_at = at;
                }
            }
            None if value >= limit => {
                self.open.insert((cause, scope), Open { since: at, seen_at: at });
                let minutes = settings.cool_down_s.div_ceil(60);
                let text = format!("{}: no new positions until that has been over for {minutes} min.", text());
                self.news.push(News { record: BreakerRecord { at, cause, scope, opened: Some((value, limit)) }, text });
            }
            None => {}
        }
    }
}

/// That a breaker opened or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) record: BreakerRecord,
    /// For the user; empty when it closed.
    pub(crate) text: String,
}

/// A cause as it stands.
struct Measure {
    cause: Cause,
    scope: Scope,
    value: u32,
    /// At which the breaker opens; zero for never.
    limit: u32,
}

fn clamp(value: u64) -> u32 {
    value.min(u32::MAX.into()) as u32
}

/// What the published levels of the lighter side of a book are worth, whole US dollars.
fn depth(instrument: &Instrument, book: &Book, rate: Rate) -> u64 {
    let side = |levels: &[types::Level]| {
        let value = |level: &types::Level| instrument.scale.notional(level.price, level.qty, Rounding::Floor);
        levels.iter().map(value).fold(types::Cash::ZERO, types::Cash::saturating_add)
    };
    let lighter = rate.value(side(book.bids()).min(side(book.asks())));
    lighter.0.max(0) as u64 / 100_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::market::{Level, Proof};
    use types::order::OrderKind;
    use types::{BookTop, Cash, OrderId, Qty, Scale, Side, Venue};

    const SETTINGS: BreakerSettings = BreakerSettings {
        cool_down_s: 100,
        release_ppm: 500_000,
        jump_ppm: 10_000,
        spread_max_cbps: 10_000,
        depth_min: 100,
        losses_max: 3,
        skill_below_max: 100,
        answer_max_ms: 1_000,
    };

    fn instrument() -> Instrument {
        let (symbol, base, quote) = ("BTC/USD".to_owned(), "BTC".to_owned(), "USD".to_owned());
        let scale = Scale { price_decimals: 2, qty_decimals: 2 };
        let (id, venue, qty_min, notional_min) = (InstrumentId(0), Venue::Kraken, Qty(1), Cash::ZERO);
        Instrument { id, venue, symbol, base, quote, scale, tick: 1, lot: 1, qty_min, notional_min }
    }

    /// One level a side: prices in cents, hundredths of a BTC.
    fn book(bid: i64, ask: i64, qty: u64) -> Book {
        let level = |price| vec![Level { price: Price::new(price).unwrap(), qty: Qty(qty) }];
        let top = BookTop {
            instrument: InstrumentId(0),
            bids: level(bid),
            asks: level(ask),
            venue_at: None,
            proof: Proof::Sequence,
        };
        let mut book = Book::new(InstrumentId(0));
        assert_eq!(book.replace(&top, Timestamp::EPOCH), Ok(()));
        book
    }

    fn stops(breakers: &Breakers, account: AccountId) -> Option<Cause> {
        breakers.stopping(&order(account, Reason::Forecast { horizon_min: 5, edge_cbps: 0, cost_cbps: 0 }))
    }

    fn order(account: AccountId, reason: Reason) -> Order {
        let (id, instrument, side, kind) = (OrderId(1), InstrumentId(0), Side::Buy, OrderKind::Market);
        Order { id, account, instrument, side, qty: Qty(1), kind, reason, at: Timestamp::EPOCH }
    }

    struct Case {
        breakers: Breakers,
        told: Vec<String>,
    }

    impl Case {
        fn new() -> Self {
            Self { breakers: Breakers::default(), told: Vec::new() }
        }

        fn book(&mut self, second: i64, bid: i64, ask: i64, qty: u64) -> Option<Cause> {
            let at = Timestamp::from_secs(second);
            self.breakers.on_time(&SETTINGS, at);
            self.breakers.on_book(&instrument(), &book(bid, ask, qty), Some(Rate::Par), &SETTINGS, at);
            self.told.extend(self.breakers.news().map(|news| news.text).filter(|text| !text.is_empty()));
            stops(&self.breakers, AccountId::LEAD)
        }
    }

    #[test]
    fn a_wide_spread_opens_and_must_be_gone_for_a_while() {
        let mut case = Case::new();
        // 99 bps, 101 bps, then 60 bps: not wide any more, and not gone either.
        assert_eq!(case.book(0, 99_505, 100_495, 100_000), None);
        assert_eq!(case.book(10, 99_495, 100_505, 100_000), Some(Cause::Spread));
        assert_eq!(case.book(60, 99_700, 100_300, 100_000), Some(Cause::Spread));
        assert_eq!(case.book(159, 99_900, 100_100, 100_000), Some(Cause::Spread), "gone for 99 seconds");
        assert_eq!(case.book(160, 99_900, 100_100, 100_000), None);
        assert_eq!(
            case.told,
            ["The spread of BTC/USD on Kraken is 101.5 bps: no new positions until that has been over for 2 min."]
        );
    }

    #[test]
    fn opening_and_closing_are_recorded_with_what_was_measured() {
        let mut breakers = Breakers::default();
        let mut heard = |second, ask| {
            let at = Timestamp::from_secs(second);
            breakers.on_time(&SETTINGS, at);
            breakers.on_book(&instrument(), &book(99_495, ask, 100_000), Some(Rate::Par), &SETTINGS, at);
            breakers.news().map(|news| news.record).collect::<Vec<_>>()
        };
        let (cause, scope) = (Cause::Spread, Scope::Instrument(InstrumentId(0)));
        let record = |second, opened| BreakerRecord { at: Timestamp::from_secs(second), cause, scope, opened };
        assert_eq!(heard(10, 100_505), [record(10, Some((10_152, 10_000)))]);
        assert_eq!(heard(60, 99_500), []);
        assert_eq!(heard(110, 99_500), [record(110, None)]);
        assert_eq!(heard(120, 100_505).len(), 1);
        breakers.reset(Timestamp::from_secs(130));
        assert_eq!(breakers.news().map(|news| news.record).collect::<Vec<_>>(), [record(130, None)]);
    }

    #[test]
    fn a_jump_is_told_from_the_last_minute() {
        let mut case = Case::new();
        assert_eq!(case.book(0, 100_000, 100_002, 100_000), None);
        assert_eq!(case.book(30, 100_500, 100_502, 100_000), None, "half a percent");
        assert_eq!(case.book(61, 101_100, 101_102, 100_000), None, "the first price is forgotten");
        assert_eq!(case.book(62, 101_600, 101_602, 100_000), Some(Cause::Jump));
        assert_eq!(case.book(170, 101_600, 101_602, 100_000), None);
    }

    #[test]
    fn a_thin_book_is_judged_by_its_lighter_side() {
        let mut case = Case::new();
        assert_eq!(case.book(0, 100_000, 100_002, 10), None, "100 of each");
        assert_eq!(case.book(1, 99_999, 100_000, 10), Some(Cause::Depth), "99.99 USD bid");
        assert_eq!(case.book(50, 100_000, 100_002, 15), Some(Cause::Depth), "not yet twice as much");
        assert_eq!(case.book(150, 100_000, 100_002, 20), None);
    }

    #[test]
    fn losses_skill_and_late_answers_open_their_own() {
        let mut breakers = Breakers::default();
        assert!(!breakers.on_losses(AccountId::LEAD, 2, &SETTINGS, Timestamp::EPOCH));
        assert!(breakers.on_losses(AccountId::LEAD, 3, &SETTINGS, Timestamp::EPOCH));
        assert_eq!((stops(&breakers, AccountId::LEAD), stops(&breakers, AccountId::HOLD)), (Some(Cause::Losses), None));
        breakers.reset(Timestamp::EPOCH);
        breakers.on_skill(&instrument(), -0.02, 99, &SETTINGS, Timestamp::EPOCH);
        breakers.on_skill(&instrument(), -0.009, 100, &SETTINGS, Timestamp::EPOCH);
        breakers.on_skill(&instrument(), f64::NAN, 100, &SETTINGS, Timestamp::EPOCH);
        assert_eq!(stops(&breakers, AccountId::HOLD), None);
        breakers.on_skill(&instrument(), -0.02, 100, &SETTINGS, Timestamp::EPOCH);
        assert_eq!(stops(&breakers, AccountId::HOLD), Some(Cause::Skill));
        let other = order(AccountId::HOLD, Reason::Reversion { band_percent: 1 });
        assert_eq!(breakers.stopping(&other), None, "it does not rest on the forecast");
        breakers.reset(Timestamp::EPOCH);
        breakers.on_answer(&instrument(), Duration::from_millis(999), &SETTINGS, Timestamp::EPOCH);
        assert_eq!(stops(&breakers, AccountId::HOLD), None);
        breakers.on_answer(&instrument(), Duration::from_millis(1_000), &SETTINGS, Timestamp::EPOCH);
        assert_eq!(stops(&breakers, AccountId::HOLD), Some(Cause::Latency));
        let off = BreakerSettings::off();
        breakers.reset(Timestamp::EPOCH);
        breakers.on_answer(&instrument(), Duration::from_secs(9_999), &off, Timestamp::EPOCH);
        breakers.on_skill(&instrument(), -1.0, 1_000, &off, Timestamp::EPOCH);
        assert!(breakers.open().is_empty() && !breakers.on_losses(AccountId::LEAD, 99, &off, Timestamp::EPOCH));
    }
}
