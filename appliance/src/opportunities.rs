//! Opportunities between exchanges that a box has kept, with what came of trying them.

use std::collections::BTreeMap;
use std::time::Duration;

use store::{Span, State};
use types::decimal::Fixed;
use types::{
    ArbitrageEndReason, ArbitrageRecord, ArbitrageSize, AttemptEnd, AttemptRecord, Cash, Date, InstrumentId, Qty,
    Timestamp, Venue,
};
use wire::api::{Attempt, Opportunities, OpportunityDay, OpportunityRow, OpportunitySize};

use crate::accounts::words;

/// What an opportunity and its attempt have in common: when it began, with which input, where base is bought and sold.
type Key = (Timestamp, u64, InstrumentId, InstrumentId);
type Attempts = BTreeMap<Key, AttemptRecord>;

const fn key(known: &ArbitrageRecord) -> Key {
    (known.opened_at, known.seq, known.buy.instrument, known.sell.instrument)
}

/// The newest opportunities, at most `limit`, and counts of all of the last `days` before the newest.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn report(state: &State, limit: usize, days: u16) -> store::Result<Opportunities> {
    let newest = state.arbitrage(Span::last(limit.max(1), Timestamp::MAX))?;
    let mut summary = Vec::new();
    if let Some(last) = newest.last() {
        let end = Date::of(last.opened_at).start();
        for day in (0..u32::from(days)).rev() {
            let from = end.minus(DAY * day);
            // A day at a time: what is in memory is bounded by what one day can bring.
            let span = Span::between(from, from.plus(DAY), usize::MAX);
            count(Date::of(from), &state.arbitrage(span)?, &attempts(state, span)?, &mut summary);
        }
    }
    let listed = &newest[newest.len().saturating_sub(limit)..];
    let tried = match (listed.first(), listed.last()) {
        (Some(first), Some(last)) => {
            attempts(state, Span::between(first.opened_at, last.opened_at.plus(Duration::from_nanos(1)), usize::MAX))?
        }
        _ => Attempts::new(),
    };
    let opportunities = listed.iter().map(|known| row(known, &tried)).collect();
    Ok(Opportunities { opportunities, summary })
}

fn attempts(state: &State, span: Span) -> store::Result<Attempts> {
    let key = |told: &AttemptRecord| (told.at, told.seq, told.buy, told.sell);
    Ok(state.attempts(span)?.into_iter().map(|told| (key(&told), told)).collect())
}

const DAY: Duration = Duration::from_secs(86_400);

/// The last moment at which an opportunity is known to have been there.
fn last_at(known: &ArbitrageRecord) -> Timestamp {
    known.end.map_or(known.first.at.max(known.best.at), |end| end.at)
}

fn lasted_ms(known: &ArbitrageRecord) -> u64 {
    last_at(known).since(known.opened_at).as_millis() as u64
}

fn bps(cbps: u32) -> String {
    Fixed { mantissa: cbps.into(), decimals: 2 }.to_string()
}

fn money(cash: Cash) -> String {
    cash.fixed().to_string()
}

const fn ended(reason: ArbitrageEndReason) -> &'static str {
    match reason {
        ArbitrageEndReason::PricesMoved => "prices moved",
        ArbitrageEndReason::TooSmall => "too small",
        ArbitrageEndReason::BookStale => "book stale",
        ArbitrageEndReason::BookOld => "book old",
        ArbitrageEndReason::NoRate => "no USDT/USD rate",
        ArbitrageEndReason::ClockUnset => "clock unset",
        ArbitrageEndReason::Restart => "restart",
    }
}

fn attempt_end(end: AttemptEnd) -> String {
    match end {
        AttemptEnd::Caught => "caught",
        AttemptEnd::Part => "caught in part",
        AttemptEnd::OneSided => "one side only",
        AttemptEnd::Gone => "gone by arrival",
        AttemptEnd::NoMoney => "no money there",
        AttemptEnd::NoCoins => "no coins there",
        AttemptEnd::TooSmall => "too little for what was there",
        AttemptEnd::Busy => "another one was on its way",
        AttemptEnd::Refused(refusal) => return format!("refused: {}", words(&format!("{refusal:?}"))),
        AttemptEnd::CutOff => "cut off",
    }
    .to_owned()
}

fn tried(told: &AttemptRecord) -> Attempt {
    let qty = |qty: Qty| Fixed { mantissa: qty.0.into(), decimals: told.qty_decimals }.to_string();
    let orders = [told.buy_order, told.sell_order, told.even_order];
    Attempt {
        end: attempt_end(told.end),
        ended_at_ms: told.ended_at.as_millis(),
        qty: qty(told.qty),
        expected: money(told.expected),
        bought: qty(told.bought),
        sold: qty(told.sold),
        evened: qty(told.evened),
        result: money(told.result),
        orders: orders.into_iter().flatten().map(|order| order.0.to_string()).collect(),
    }
}

fn row(known: &ArbitrageRecord, attempts: &Attempts) -> OpportunityRow {
    let size = |size: &ArbitrageSize| OpportunitySize {
        at_ms: size.at.as_millis(),
        qty: Fixed { mantissa: size.qty.0.into(), decimals: known.qty_decimals }.to_string(),
        cost: money(size.cost),
        profit: money(size.profit),
        net_bps: bps(size.net_cbps),
    };
    let rate = |rate: types::arbitrage::ArbitrageRate| {
        Fixed { mantissa: rate.price.mantissa().into(), decimals: rate.decimals }.to_string()
    };
    OpportunityRow {
        opened_at_ms: known.opened_at.as_millis(),
        last_at_ms: last_at(known).as_millis(),
        duration_ms: lasted_ms(known),
        ended: known.end.map(|end| ended(end.reason).to_owned()),
        base: known.base.clone(),
        currency: known.currency.clone(),
        buy: known.buy.venue.slug().to_owned(),
        sell: known.sell.venue.slug().to_owned(),
        buy_taker_ppm: known.buy.taker_ppm.0,
        sell_taker_ppm: known.sell.taker_ppm.0,
        peak_net_bps: bps(known.peak_cbps),
        first: size(&known.first),
        best: size(&known.best),
        returns: known.returns,
        usdt_usd: known.rate.map(rate),
        tried: attempts.get(&key(known)).map(tried),
    }
}

/// Sums of one line of the summary.
#[derive(Default)]
struct Sum {
    count: u64,
    duration_ms: u64,
    longest_ms: u64,
    peak_cbps: u32,
    best: (Cash, Cash),
    first: (Cash, Cash),
    caught: u64,
    part: u64,
    one_sided: u64,
    gone: u64,
    cut_off: u64,
    no_money: u64,
    no_coins: u64,
    not_sent: u64,
    expected: Cash,
    result: Cash,
}

impl Sum {
    fn tried(&mut self, told: &AttemptRecord) {
        let count = match told.end {
            AttemptEnd::Caught => &mut self.caught,
            AttemptEnd::Part => &mut self.part,
            AttemptEnd::OneSided => &mut self.one_sided,
            AttemptEnd::Gone => &mut self.gone,
            AttemptEnd::CutOff => &mut self.cut_off,
            AttemptEnd::NoMoney => &mut self.no_money,
            AttemptEnd::NoCoins => &mut self.no_coins,
            AttemptEnd::TooSmall | AttemptEnd::Busy | AttemptEnd::Refused(_) => &mut self.not_sent,
        };
        *count += 1;
        self.expected = self.expected.saturating_add(told.expected);
        self.result = self.result.saturating_add(told.result);
    }
}

/// Adds the lines of one day.
fn count(day: Date, began: &[ArbitrageRecord], attempts: &Attempts, summary: &mut Vec<OpportunityDay>) {
    let mut sums: BTreeMap<(Venue, Venue, &str), Sum> = BTreeMap::new();
    for known in began {
        let sum = sums.entry((known.buy.venue, known.sell.venue, known.currency.as_str())).or_default();
        sum.count += 1;
        sum.duration_ms += lasted_ms(known);
        sum.longest_ms = sum.longest_ms.max(lasted_ms(known));
        sum.peak_cbps = sum.peak_cbps.max(known.peak_cbps);
        sum.best = sum.best.max((known.best.profit, known.best.cost));
        sum.first.0 = sum.first.0.saturating_add(known.first.profit);
        sum.first.1 = sum.first.1.saturating_add(known.first.cost);
        if let Some(told) = attempts.get(&key(known)) {
            sum.tried(told);
        }
    }
    summary.extend(sums.into_iter().map(|((buy, sell, currency), sum)| OpportunityDay {
        day: day.to_string(),
        buy: buy.slug().to_owned(),
        sell: sell.slug().to_owned(),
        currency: currency.to_owned(),
        count: sum.count,
        duration_ms: sum.duration_ms,
        longest_ms: sum.longest_ms,
        peak_net_bps: bps(sum.peak_cbps),
        best_profit: money(sum.best.0),
        best_cost: money(sum.best.1),
        first_profit: money(sum.first.0),
        first_cost: money(sum.first.1),
        caught: sum.caught,
        part: sum.part,
        one_sided: sum.one_sided,
        gone: sum.gone,
        cut_off: sum.cut_off,
        no_money: sum.no_money,
        no_coins: sum.no_coins,
        not_sent: sum.not_sent,
        expected: money(sum.expected),
        result: money(sum.result),
    }));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::Entry;
    use types::arbitrage::{ArbitrageEnd, ArbitrageLeg, ArbitrageRate};
    use types::{OrderId, Ppm, Price, Record};

    use super::*;

    /// 2026-01-05T23:59:59Z.
    const LATE: i64 = 1_767_657_599;

    fn known(seq: u64, second: i64, profit: i64, lasted: Option<i64>) -> ArbitrageRecord {
        let opened_at = Timestamp::from_secs(LATE + second);
        let leg = |id, venue, taker| ArbitrageLeg { instrument: InstrumentId(id), venue, taker_ppm: Ppm(taker) };
        let first = ArbitrageSize {
            at: opened_at,
            qty: Qty(1_234),
            cost: Cash::from_units(100),
            profit: Cash(profit),
            net_cbps: 205,
        };
        let best = ArbitrageSize { profit: Cash(2 * profit), ..first };
        ArbitrageRecord {
            seq,
            opened_at,
            buy: leg(0, Venue::Kraken, 4_000),
            sell: leg(1, Venue::BinanceUs, 1_000),
            base: "BTC".to_owned(),
            currency: "USD".to_owned(),
            qty_decimals: 4,
            rate: Some(ArbitrageRate { instrument: InstrumentId(2), price: Price::new(9_998).unwrap(), decimals: 4 }),
            first,
            best,
            peak_cbps: 310,
            returns: 1,
            end: lasted.map(|seconds| ArbitrageEnd {
                at: Timestamp::from_secs(LATE + second + seconds),
                reason: ArbitrageEndReason::PricesMoved,
            }),
        }
    }

    fn tried(known: &ArbitrageRecord, end: AttemptEnd) -> AttemptRecord {
        AttemptRecord {
            seq: known.seq,
            at: known.opened_at,
            buy: known.buy.instrument,
            sell: known.sell.instrument,
            qty_decimals: 4,
            currency: known.currency.clone(),
            qty: Qty(500),
            expected: Cash(50_000_000),
            buy_order: Some(OrderId(1)),
            sell_order: Some(OrderId(2)),
            even_order: None,
            bought: Qty(500),
            sold: Qty(500),
            evened: Qty::ZERO,
            result: Cash(40_000_000),
            ended_at: known.opened_at,
            end,
        }
    }

    fn report(dir: &Path, limit: usize) -> Opportunities {
        super::report(&State::open_read(dir).unwrap(), limit, 3).unwrap()
    }

    #[test]
    fn opportunities_are_listed_and_counted_by_the_day_they_began() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let entry = |known| Entry { seq: 1, rank: 0, record: Record::Arbitrage(Box::new(known)) };
        let unfinished = known(5, 0, 50_000_000, None);
        let finished = known(5, 0, 50_000_000, Some(7));
        let others = [known(6, 0, 10_000_000, Some(1)), known(7, 1, 20_000_000, None)];
        state.write(&[entry(unfinished), entry(finished)], 1).unwrap();
        state.write(&others.map(entry), 2).unwrap();
        let attempt = |attempt| Entry { seq: 3, rank: 0, record: Record::Attempt(Box::new(attempt)) };
        let caught = tried(&known(5, 0, 0, None), AttemptEnd::Caught);
        let poor = AttemptRecord { result: Cash::ZERO, ..tried(&known(6, 0, 0, None), AttemptEnd::NoCoins) };
        state.write(&[attempt(caught), attempt(poor)], 3).unwrap();
        drop(state);

        let all = report(dir.path(), 10);
        assert_eq!(all.opportunities.len(), 3, "the end replaced the beginning");
        let row = &all.opportunities[0];
        assert_eq!((row.duration_ms, row.ended.as_deref()), (7_000, Some("prices moved")));
        assert_eq!((row.first.qty.as_str(), row.best.profit.as_str()), ("0.1234", "1.00000000"));
        assert_eq!((row.first.net_bps.as_str(), row.peak_net_bps.as_str()), ("2.05", "3.10"));
        assert_eq!(row.usdt_usd.as_deref(), Some("0.9998"));
        assert_eq!((all.opportunities[2].duration_ms, &all.opportunities[2].ended), (0, &None));

        let lines: Vec<_> = all.summary.iter().map(|line| (line.day.as_str(), line.count, line.duration_ms)).collect();
        assert_eq!(lines, [("2026-01-05", 2, 8_000), ("2026-01-06", 1, 0)]);
        assert_eq!(
            (all.summary[0].best_profit.as_str(), all.summary[0].first_profit.as_str()),
            ("1.00000000", "0.60000000")
        );
        assert_eq!(all.summary[0].first_cost, "200.00000000");
        let told = all.opportunities[0].tried.as_ref().unwrap();
        assert_eq!((told.end.as_str(), told.bought.as_str(), told.result.as_str()), ("caught", "0.0500", "0.40000000"));
        assert_eq!((told.orders.len(), &all.opportunities[2].tried), (2, &None));
        let line = &all.summary[0];
        assert_eq!((line.caught, line.no_coins, line.gone, line.result.as_str()), (1, 1, 0, "0.40000000"));

        let newest = report(dir.path(), 1);
        assert_eq!(newest.opportunities, all.opportunities[2..]);
        assert_eq!(newest.summary, all.summary);
        assert_eq!(report(dir.path(), 0).summary, all.summary);
    }
}
