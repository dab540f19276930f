//! Hand-computed vectors, and every small case against trying all quantities.
#![allow(clippy::inconsistent_digit_grouping, reason = "cents are set apart: 101_00 is 101.00")]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use types::{ArbitrageEndReason, Cash, Instrument, InstrumentId, Level, Ppm, Price, Qty, Scale, Side, Venue};

use super::leg::{Leg, Rate};
use super::walk::{Found, most_profitable};

/// One side of a case: digits and steps of the instrument, and its levels as (price, quantity).
#[derive(Clone, Debug)]
struct Book {
    price_decimals: u8,
    qty_decimals: u8,
    lot: u64,
    qty_min: u64,
    notional_min: i64,
    taker_ppm: u32,
    levels: Vec<(i64, u64)>,
}

impl Book {
    /// Two price and four quantity digits, no minimums.
    fn of(taker_ppm: u32, levels: &[(i64, u64)]) -> Self {
        let levels = levels.to_vec();
        Self { price_decimals: 2, qty_decimals: 4, lot: 1, qty_min: 0, notional_min: 0, taker_ppm, levels }
    }

    fn instrument(&self) -> Instrument {
        Instrument {
            id: InstrumentId(0),
            venue: Venue::Kraken,
            symbol: String::new(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: self.price_decimals, qty_decimals: self.qty_decimals },
            tick: 1,
            lot: self.lot,
            qty_min: Qty(self.qty_min),
            notional_min: Cash(self.notional_min),
        }
    }

    fn ladder(&self) -> Vec<Level> {
        let level = |&(price, qty): &(i64, u64)| Level { price: Price::new(price).unwrap(), qty: Qty(qty) };
        self.levels.iter().map(level).collect()
    }
}

const ALL: Qty = Qty(u64::MAX);

fn walk(buy: &Book, sell: &Book) -> Result<Found, ArbitrageEndReason> {
    walk_with(buy, sell, [ALL; 2])
}

/// With no more than so much on each side.
fn walk_with(buy: &Book, sell: &Book, most: [Qty; 2]) -> Result<Found, ArbitrageEndReason> {
    let (instruments, ladders) = ([buy.instrument(), sell.instrument()], [buy.ladder(), sell.ladder()]);
    let leg = |side, n: usize, book: &Book| Leg {
        side,
        instrument: &instruments[n],
        levels: &ladders[n],
        qty_max: most[n],
        taker: Ppm(book.taker_ppm),
        rate: None,
    };
    most_profitable(&leg(Side::Buy, 0, buy), &leg(Side::Sell, 1, sell))
}

/// Quantity, and cost and profit in units of 10^-8.
#[track_caller]
fn check(buy: &Book, sell: &Book, expected: Result<(u64, i64, i64), ArbitrageEndReason>) {
    let found = walk(buy, sell).map(|found| (found.qty.0, found.cost.0, found.profit.0));
    assert_eq!(found, expected, "{buy:?} {sell:?}");
}

#[test]
fn levels_are_walked_while_the_next_unit_pays() {
    let asks = [(100_00, 1_0000), (100_50, 2_0000)];
    let bids = [(101_00, 1_5000), (100_40, 5_0000)];
    // 1.0 from 100 to 101, 0.5 from 100.5 to 101; 100.5 to 100.4 does not pay.
    check(&Book::of(0, &asks), &Book::of(0, &bids), Ok((1_5000, 150_25000000, 1_25000000)));
    // A tenth of a percent on both sides: from 100.1 and 100.6005 to 100.899.
    check(&Book::of(1_000, &asks), &Book::of(1_000, &bids), Ok((1_5000, 150_40025000, 94825000)));
    // Only the better level pays a fifth of a percent: 100.2 to 100.798, but 100.701 to 100.798 does too.
    check(&Book::of(2_000, &asks), &Book::of(2_000, &bids), Ok((1_5000, 150_55050000, 64650000)));
    // From 100.25 and 100.75125 to 100.7475.
    check(&Book::of(2_500, &asks), &Book::of(2_500, &bids), Ok((1_0000, 100_25000000, 49750000)));
}

#[test]
fn who_has_less_takes_less() {
    let (buy, sell) =
        (Book::of(0, &[(100_00, 1_0000), (100_50, 2_0000)]), Book::of(0, &[(101_00, 1_5000), (100_40, 5_0000)]));
    let check = |most: [u64; 2], expected| {
        let found = walk_with(&buy, &sell, most.map(Qty)).map(|found| (found.qty.0, found.profit.0));
        assert_eq!(found, expected, "{most:?}");
    };
    check([9_0000, 9_0000], Ok((1_5000, 1_25000000)));
    check([1_2000, 9_0000], Ok((1_2000, 1_10000000)));
    check([9_0000, 7_000], Ok((7_000, 70000000)));
    check([1, 9_0000], Ok((1, 10000)));
    check([0, 9_0000], Err(ArbitrageEndReason::TooSmall));
    let (instrument, levels) = (buy.instrument(), buy.ladder());
    let (side, taker, rate) = (Side::Buy, Ppm(0), None);
    let leg = Leg { side, instrument: &instrument, levels: &levels, qty_max: ALL, taker, rate };
    let worst = |qty| leg.worst(Qty(qty)).map(Price::mantissa);
    assert_eq!(
        [1, 1_0000, 1_0001, 3_0000, 3_0001].map(worst),
        [Some(100_00), Some(100_00), Some(100_50), Some(100_50), None]
    );
}

#[test]
fn fees_of_both_sides_are_paid() {
    let (asks, bids) = ([(100_00, 1_0000)], [(101_00, 1_0000)]);
    let none = Err(ArbitrageEndReason::PricesMoved);
    check(&Book::of(9_950, &asks), &Book::of(0, &bids), Ok((1_0000, 100_99500000, 500000)));
    check(&Book::of(10_000, &asks), &Book::of(0, &bids), none);
    check(&Book::of(0, &asks), &Book::of(9_900, &bids), Ok((1_0000, 100_00000000, 10000)));
    check(&Book::of(0, &asks), &Book::of(9_901, &bids), none);
    check(&Book::of(6_000, &asks), &Book::of(4_000, &bids), none);
    check(&Book::of(0, &[]), &Book::of(0, &bids), none);
    check(&Book::of(0, &asks), &Book::of(0, &[]), none);
    check(&Book::of(0, &asks), &Book::of(2_000_000, &bids), none);
}

#[test]
fn a_quantity_is_whole_lots_of_both() {
    let asks = |next| [(100_00, 12_345), (next, 100_000_000)];
    let fine = |next| Book { qty_decimals: 8, ..Book::of(0, &asks(next)) };
    let coarse = Book { qty_decimals: 5, ..Book::of(0, &[(101_00, 100_000)]) };
    // 0.00012345 pay. Another 0.00000655 at a loss of 1.00 costs more than leaving 0.00000345 out.
    check(&fine(102_00), &coarse, Ok((12_000, 120_0000, 1_2000)));
    // At a loss of 0.10 it does not: 0.00012345 x 1 - 0.00000655 x 0.1, rounded down.
    check(&fine(101_10), &coarse, Ok((13_000, 1_300_721, 12_279)));
    // Lots of 0.0003 and 0.0002: steps of 0.0006.
    let (three, two) =
        (Book { lot: 3, ..Book::of(0, &[(100_00, 20)]) }, Book { lot: 2, ..Book::of(0, &[(101_00, 20)]) });
    check(&three, &two, Ok((18, 18_000000, 180000)));
    // Less than one lot.
    let small = Book { lot: 30, ..Book::of(0, &[(100_00, 20)]) };
    check(&small, &two, Err(ArbitrageEndReason::TooSmall));
}

#[test]
fn minimums_of_both_venues_are_met_or_nothing_is_found() {
    let asks = [(100_00, 100), (100_50, 1_0000)];
    let bids = [(101_00, 200), (100_20, 1_0000)];
    let plain = Book::of(0, &asks);
    // 0.01 at a gain of 1.00 and 0.01 at 0.50.
    check(&plain, &Book::of(0, &bids), Ok((200, 2_00500000, 1500000)));
    // 5.00 are 0.02 at 101 and 0.0298 at 100.20: the last part loses 0.30 each, and still something is left.
    let sell = Book { notional_min: 5_00000000, ..Book::of(0, &bids) };
    check(&plain, &sell, Ok((498, 4_99990000, 606000)));
    let sell = Book { qty_min: 498, ..Book::of(0, &bids) };
    check(&plain, &sell, Ok((498, 4_99990000, 606000)));
    let buy = Book { qty_min: 498, ..plain.clone() };
    check(&buy, &Book::of(0, &bids), Ok((498, 4_99990000, 606000)));
    // 10.00 lose more than they gain.
    let sell = Book { notional_min: 10_00000000, ..Book::of(0, &bids) };
    check(&plain, &sell, Err(ArbitrageEndReason::TooSmall));
    // More than the book holds.
    let buy = Book { notional_min: 1_000_00000000, ..plain };
    check(&buy, &Book::of(0, &bids), Err(ArbitrageEndReason::TooSmall));
}

#[test]
fn digits_of_price_and_quantity_may_differ() {
    let cheap = Book { price_decimals: 8, qty_decimals: 0, ..Book::of(1_000, &[(1_000, 2_000_000)]) };
    let coarse = Book { price_decimals: 6, qty_decimals: 2, ..Book::of(1_000, &[(11, 100_000_000)]) };
    // A million at 0.00001 costs 10.01 and brings 10.989.
    let expected = (100_000_000, 10_01000000, 97900000);
    check(&cheap, &coarse, Ok(expected));
    assert_eq!(walk(&cheap, &coarse).map(|found| found.qty_decimals), Ok(2));
}

#[test]
fn largest_numbers_are_told_or_refused_without_a_panic() {
    let ends = [1, i64::MAX];
    let decimals = [0, 12];
    for price_decimals in decimals {
        for qty_decimals in decimals {
            for (lot, qty_min, notional_min) in [(1, 0, 0), (u64::MAX, i64::MAX as u64, i64::MAX), (7, 1, 1)] {
                for ask in ends {
                    for bid in ends {
                        let book = |price, taker_ppm| Book {
                            price_decimals,
                            qty_decimals,
                            lot,
                            qty_min,
                            notional_min,
                            taker_ppm,
                            levels: vec![(price, u64::MAX)],
                        };
                        let other = Book { price_decimals: 3, qty_decimals: 3, lot: 5, ..book(bid, 1) };
                        let _ = walk(&book(ask, u32::MAX), &book(bid, 0));
                        let _ = walk(&book(ask, 0), &other);
                        let _ = walk(&other, &book(bid, 0));
                    }
                }
            }
        }
    }
}

#[test]
fn a_rate_rounds_against_us() {
    let book = Book { price_decimals: 0, ..Book::of(0, &[(1, 1)]) };
    let (instrument, levels) = (book.instrument(), book.ladder());
    let rate = Some(Rate { price: Price::new(999_9).unwrap(), decimals: 4 });
    let leg =
        |side, taker| Leg { side, instrument: &instrument, levels: &levels, qty_max: ALL, taker: Ppm(taker), rate };
    // One USDT is 0.9999 USD; a fee of a millionth more or less on 10^-18 units is exact.
    assert_eq!(leg(Side::Buy, 0).best(), Some(999_900_000_000_000_000));
    assert_eq!(leg(Side::Sell, 1_000).best(), Some(998_900_100_000_000_000));
    let odd = Some(Rate { price: Price::new(1).unwrap(), decimals: 12 });
    let finest = Book { price_decimals: 12, ..Book::of(1, &[(1, 1)]) };
    let (instrument, levels) = (finest.instrument(), finest.ladder());
    let leg = |side| Leg { side, instrument: &instrument, levels: &levels, qty_max: ALL, taker: Ppm(1), rate: odd };
    // 1 000 001 and 999 999 units of 10^-18 times 10^-12.
    assert_eq!((leg(Side::Buy).best(), leg(Side::Sell).best()), (Some(1), Some(0)));
}

/// The best profit over every quantity, unit by unit, in units of 10^-8 rounded down.
fn brute_force(buy: &Book, sell: &Book) -> Option<i64> {
    let (decimals, digits) = (buy.qty_decimals.max(sell.qty_decimals), buy.price_decimals.max(sell.price_decimals));
    // What each unit costs or brings in units of 10^-(digits + 6), one entry for each unit of quantity.
    let units = |book: &Book, share: i128| -> Vec<(i128, i128)> {
        let (per, up) =
            (10u64.pow((decimals - book.qty_decimals).into()), 10i128.pow((digits - book.price_decimals).into()));
        let level = |&(price, qty): &(i64, u64)| {
            core::iter::repeat_n((i128::from(price) * up * share, i128::from(price) * up), (qty * per) as usize)
        };
        book.levels.iter().flat_map(level).collect()
    };
    let costs = units(buy, 1_000_000 + i128::from(buy.taker_ppm));
    let brings = units(sell, 1_000_000 - i128::from(sell.taker_ppm));
    let takes = |book: &Book, qty: usize, value: i128| {
        let per = 10usize.pow((decimals - book.qty_decimals).into());
        let value_digits = u32::from(digits + decimals);
        qty.is_multiple_of(per * book.lot as usize)
            && qty >= per * book.qty_min as usize
            && value * 10i128.pow(8) >= i128::from(book.notional_min) * 10i128.pow(value_digits)
    };
    let (mut profit, mut paid, mut got, mut best) = (0, 0, 0, None);
    for (number, (cost, brought)) in (1..).zip(costs.iter().zip(&brings)) {
        (profit, paid, got) = (profit + brought.0 - cost.0, paid + cost.1, got + brought.1);
        if takes(buy, number, paid) && takes(sell, number, got) {
            best = best.max(Some(profit));
        }
    }
    let scale = 10i128.pow(u32::from(digits + decimals) + 6);
    best.map(|best| (best * 100_000_000).div_euclid(scale) as i64).filter(|best| *best > 0)
}

/// A small book around a price of about 1000 (with no price digits), rising or falling.
fn small_book(is_buy: bool) -> impl Strategy<Value = Book> {
    let steps = prop::collection::vec((1i64..8, 1u64..25), 0..5);
    let terms = (0u8..3, 0u8..3, 1u64..5, 0u64..12, -6_000i64..6_000, prop::sample::select(vec![0, 700, 1_000, 6_000]));
    (steps, terms, -12i64..12).prop_map(move |(steps, terms, shift)| {
        let (price_decimals, qty_decimals, lot, qty_min, notional, taker_ppm) = terms;
        let mut price = (1_000 + if is_buy { shift } else { shift + 25 }) * 10i64.pow(price_decimals.into());
        let unit = 10i64.pow(price_decimals.into());
        let levels = steps.into_iter().map(|(step, qty)| {
            price += if is_buy { step * unit / 3 + 1 } else { -(step * unit / 3 + 1) };
            (price, qty)
        });
        let levels = levels.collect();
        let notional_min = notional.max(0) * 100_000_000 / 10i64.pow(qty_decimals.into());
        Book { price_decimals, qty_decimals, lot, qty_min, notional_min, taker_ppm, levels }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_walk_finds_what_trying_every_quantity_finds(buy in small_book(true), sell in small_book(false)) {
        let found = walk(&buy, &sell).ok();
        prop_assert_eq!(found.map(|found| found.profit.0), brute_force(&buy, &sell));
    }
}

/// The cases above are only worth something if enough of them find something, by each of the ways.
#[test]
fn small_books_hold_every_kind_of_case() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut found, mut small, mut moved) = (0, 0, 0);
    for _ in 0..2_000 {
        let mut book = |is_buy| small_book(is_buy).new_tree(&mut runner).unwrap().current();
        match walk(&book(true), &book(false)) {
            Ok(_) => found += 1,
            Err(ArbitrageEndReason::TooSmall) => small += 1,
            Err(_) => moved += 1,
        }
    }
    assert!(found > 300 && small > 100 && moved > 300, "{found} found, {small} too small, {moved} not paying");
}
