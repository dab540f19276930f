use core::time::Duration;

use proptest::prelude::*;
use types::market::{CandleSource, CandleState, VenueCandle};
use types::time::NS_PER_MIN;
use types::{Candle, InstrumentId, Price, Qty, Scale, Timestamp};

use super::*;
use crate::candle::{Bar, CandleBuilder, Change, News, csv, segments, tidy};

const GOLDEN: &str = include_str!("../../fixtures/talib_binance_btcusdt_1m.csv");

/// The columns that TA-Lib has too, in the order of the golden file.
const COMPARED: [Column; 8] = [
    Column::Rsi14,
    Column::Macd,
    Column::MacdSignal,
    Column::MacdHist,
    Column::BbUpper,
    Column::BbMiddle,
    Column::BbLower,
    Column::Atr14,
];

/// Columns that remember more than `bars_min` bars.
const RECURSIVE: &[Column] = &[
    Column::Rsi14,
    Column::Macd,
    Column::MacdSignal,
    Column::MacdHist,
    Column::Atr14,
    Column::Natr14,
    Column::MacdHistBps,
    Column::Vwap,
    Column::Ema20Bps,
    Column::Ema10,
    Column::Ema20,
    Column::Ema50,
    Column::Ema100,
    Column::Ema200,
    Column::Ema10Bps,
    Column::Ema50Bps,
    Column::Ema100Bps,
    Column::Ema200Bps,
    Column::Rsi21,
    Column::PlusDi14,
    Column::MinusDi14,
    Column::Adx14,
    Column::KeltnerUpper,
    Column::KeltnerMiddle,
    Column::KeltnerLower,
    Column::KeltnerPercent,
    Column::Obv,
    Column::Vpt,
];

/// Columns that have no value where nothing was traded, or tell of the whole run.
const IRREGULAR: &[Column] = &[Column::Vwap, Column::VolumeChange];
/// Sums since the run began.
const CUMULATIVE: &[Column] = &[Column::Obv, Column::Vpt];

fn bar(minute: i64, close: f64) -> Bar {
    let open_time = Timestamp::from_nanos(minute * NS_PER_MIN);
    Bar { open_time, open: close, high: close, low: close, close, volume: 1.0 }
}

/// Bars with moving prices from a seed, from `minute` on.
fn walk(minute: i64, count: usize, mut seed: u64) -> Vec<Bar> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut price = 100.0;
    (0..count as i64)
        .map(|n| {
            let open = price;
            price *= 1.0 + (next() - 0.5) / 100.0;
            let volume = if next() < 0.2 { 0.0 } else { next() * 10.0 };
            Bar {
                open_time: Timestamp::from_nanos((minute + n) * NS_PER_MIN),
                open,
                high: open.max(price) * (1.0 + next() / 500.0),
                low: open.min(price) * (1.0 - next() / 500.0),
                close: price,
                volume,
            }
        })
        .collect()
}

fn rows(bars: &[Bar]) -> Vec<Row> {
    let mut state = FeatureState::new(1);
    bars.iter().map(|bar| state.update(bar, &Around::default()).clone()).collect()
}

#[track_caller]
fn close_to(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected} within {tolerance:e}");
}

#[test]
fn values_and_masks_are_those_of_ta_lib() {
    let lines: Vec<Vec<&str>> = GOLDEN.lines().skip(2).map(|line| line.split(',').collect()).collect();
    let text: Vec<String> = lines.iter().map(|line| line[..6].join(",")).collect();
    let bars = csv::parse(format!("{}\n{}", csv::HEADER, text.join("\n")).as_bytes()).expect("a good fixture");
    assert_eq!(bars.len(), 200);
    for ((line, row), bar) in lines.iter().zip(rows(&bars)).zip(&bars) {
        for (column, expected) in COMPARED.into_iter().zip(&line[6..]) {
            let what = format!("{} at {}", column.definition().name, line[0]);
            match expected.parse::<f64>() {
                Err(_) => assert_eq!(row.get(column), None, "{what}"),
                // MACD is a small difference of prices: errors are measured on the price.
                Ok(expected) => {
                    close_to(row.get(column).expect(&what), expected, 1e-12 * bar.close, &what);
                }
            }
        }
    }
}

#[test]
fn every_feature_begins_at_its_declared_bar() {
    // From one bar before midnight, so that the session's start is among the bars.
    let bars = walk(1_440 - 1, 260, 7);
    let all = rows(&bars);
    let is_regular = |d: &&Definition| d.needs == Needs::Candles && d.column != Column::VolumeChange;
    for definition in DEFINITIONS.iter().filter(is_regular) {
        let first = all.iter().position(|row| row.get(definition.column).is_some());
        let expected = if definition.column == Column::Vwap { 1 } else { usize::from(definition.bars_min) - 1 };
        let volume_seen = bars[1..].iter().position(|bar| bar.volume > 0.0).expect("something is traded");
        let expected = expected + if definition.column == Column::Vwap { volume_seen } else { 0 };
        assert_eq!(first, Some(expected), "{}", definition.name);
        assert!(all[expected..].iter().all(|row| row.get(definition.column).is_some()), "{}", definition.name);
    }
}

#[test]
fn a_hand_made_case() {
    let mut bars: Vec<Bar> = (0..61).map(|n| bar(n, if n % 2 == 0 { 100.0 } else { 110.0 })).collect();
    bars[60] = Bar { open: 100.0, high: 108.0, low: 96.0, close: 104.0, volume: 21.0, ..bars[60] };
    let row = rows(&bars).pop().expect("61 rows");
    let value = |column: Column| row.get(column).unwrap_or(f64::NAN);
    let ret = libm::log(104.0 / 110.0);
    close_to(value(Column::Ret1), ret, 0.0, "ret_1");
    close_to(value(Column::Ret5), ret, 1e-16, "ret_5");
    close_to(value(Column::Ret30), libm::log(1.04), 1e-15, "ret_30");
    close_to(value(Column::BbMiddle), (100.0 * 9.0 + 110.0 * 10.0 + 104.0) / 20.0, 1e-12, "bb_middle");
    close_to(value(Column::RangeBps), 12.0 / 104.0 * 1e4, 1e-12, "range_bps");
    close_to(value(Column::BodyBps), 400.0, 1e-12, "body_bps");
    close_to(value(Column::VolumeRatio20), libm::log((21.0 / 2.0 + 0.01) / 1.01), 1e-15, "volume_ratio_20");
    let typical = (108.0 + 96.0 + 104.0) / 3.0;
    let vwap = (110.0 * 30.0 + 100.0 * 29.0 + typical * 21.0) / 80.0;
    close_to(value(Column::Vwap60), vwap, 1e-12, "vwap_60");
    close_to(value(Column::Vwap60Bps), (104.0 - vwap) / vwap * 1e4, 1e-9, "vwap_60_bps");
    let session = (110.0 * 30.0 + 100.0 * 30.0 + typical * 21.0) / 81.0;
    close_to(value(Column::Vwap), session, 1e-12, "vwap");
    close_to(value(Column::MinuteSin), 0.258_819_045_102_520_76, 1e-15, "minute_sin at 01:00");
    close_to(value(Column::MinuteCos), 0.965_925_826_289_068_3, 1e-15, "minute_cos at 01:00");
    let up = libm::log(1.1);
    let returns: Vec<f64> = (0..10)
        .map(|n| {
            if n == 9 {
                ret
            } else if n % 2 == 0 {
                up
            } else {
                -up
            }
        })
        .collect();
    let mean = returns.iter().sum::<f64>() / 10.0;
    let deviation = (returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 9.0).sqrt();
    // The oldest of ten returns that end with bar 60 is that of bar 51, a rise.
    close_to(value(Column::Volatility10), deviation, 1e-15, "volatility_10");
}

#[test]
fn a_market_that_does_not_move_has_values() {
    let bars: Vec<Bar> = (0..260).map(|n| Bar { volume: 0.0, ..bar(n, 5.0) }).collect();
    let row = rows(&bars).pop().expect("rows");
    for definition in DEFINITIONS.iter().filter(|d| d.scale_free && d.needs == Needs::Candles) {
        let value = row.get(definition.column);
        match definition.column {
            Column::BbPercent | Column::KeltnerPercent => assert_eq!(value, Some(0.5)),
            Column::MinuteSin | Column::MinuteCos | Column::WeekSin | Column::WeekCos => assert!(value.is_some()),
            _ => close_to(value.expect(definition.name), 0.0, 0.0, definition.name),
        }
    }
}

#[test]
fn a_gap_and_a_doubled_bar_start_afresh() {
    let bars = walk(0, 240, 3);
    let later = walk(300, 240, 4);
    let both = [bars.as_slice(), &later].concat();
    assert_eq!(rows(&both)[240..], rows(&later));
    let doubled = [&bars[..], &bars[239..]].concat();
    assert_eq!(rows(&doubled)[240], rows(&bars[239..])[0]);
}

#[test]
fn book_and_flow_show_only_where_they_are_known() {
    let mut state = FeatureState::new(1);
    let book = BookShape {
        spread_bps: 1.0,
        mid: 1.0,
        imbalance_1: 0.5,
        imbalance_5: 0.25,
        imbalance_10: -0.25,
        imbalance_20: -0.5,
        bid_depth_bps: 3.0,
        ask_depth_bps: 4.0,
        microprice_bps: 0.25,
    };
    let stake = Stake { share: 0.25, pnl_bps: -3.0, age_min: 7.0 };
    let backdrop = Backdrop { book: Some(book), stake: Some(stake), ..Backdrop::default() };
    let flow = |bought, sold| Some(Flow { bought, sold, trades: 2.0 });
    let mut row = Row::masked();
    for n in 0..5 {
        let flow = flow(if n == 0 { 6.0 } else { 1.0 }, 1.0);
        row = state.update(&bar(n, 1.0), &Around { flow, backdrop }).clone();
        assert_eq!(row.get(Column::TradeFlow5).is_some(), n == 4);
    }
    assert_eq!(row.get(Column::Imbalance10), Some(-0.25));
    assert_eq!((row.get(Column::BidDepthBps), row.get(Column::AskDepthBps)), (Some(3.0), Some(4.0)));
    assert_eq!((row.get(Column::PositionShare), row.get(Column::PositionAge)), (Some(0.25), Some(7.0)));
    assert_eq!(row.get(Column::TradeFlow1), Some(0.0));
    assert_eq!(row.get(Column::TradeFlow5), Some(5.0 / 15.0));
    assert_eq!(row.get(Column::TradeCount1), Some(2.0));
    let row = state.update(&bar(5, 1.0), &Around::default());
    for definition in DEFINITIONS.iter().filter(|d| d.needs != Needs::Candles) {
        assert_eq!(row.get(definition.column), None, "{}", definition.name);
    }
    let quiet = Around { flow: flow(0.0, 0.0), ..Around::default() };
    assert_eq!(state.update(&bar(6, 1.0), &quiet).get(Column::TradeFlow1), Some(0.0));
}

/// Columns whose values up to bar `known` are others when only later bars are: what nobody could have known then.
fn leaks(known: usize, make: impl Fn(&[Bar]) -> Vec<Vec<f64>>) -> Vec<usize> {
    let bars = walk(1_440, 400, 21);
    let other = walk(1_440 + known as i64 + 1, 400 - known - 1, 22);
    let changed = [&bars[..=known], &other].concat();
    let (first, second) = (make(&bars), make(&changed));
    let differs = |column: &usize| (0..=known).any(|at| first[at][*column].to_bits() != second[at][*column].to_bits());
    (0..first[0].len()).filter(differs).collect()
}

#[test]
fn no_feature_knows_what_comes_later_and_a_planted_leak_is_found() {
    let values = |bars: &[Bar]| rows(bars).iter().map(|row| row.values().to_vec()).collect::<Vec<_>>();
    for known in [0, 61, 250, 398] {
        assert_eq!(leaks(known, values), [0usize; 0], "at bar {known}");
    }
    // The return up to the next bar, beside honest ones.
    let planted = |bars: &[Bar]| {
        let next = |at: usize| bars.get(at + 1).map_or(f64::NAN, |next| next.close / bars[at].close);
        values(bars).into_iter().enumerate().map(|(at, row)| [row, vec![next(at)]].concat()).collect()
    };
    assert_eq!(leaks(250, planted), [DEFINITIONS.len()]);
}

#[test]
fn a_window_is_whole_or_not_there() {
    let bars = walk(0, 100, 9);
    let all = rows(&bars);
    let names = ["ret_1", "volatility_10", "minute_sin"];
    let mut window = FeatureWindow::new(&names, 20).expect("known names");
    for (index, row) in all.iter().enumerate() {
        window.push(row);
        // Row 10 is the first with ten returns.
        assert_eq!(window.is_full(), index >= 29, "row {index}");
    }
    let columns = columns_of(&names).expect("known names");
    let expected: Vec<f32> = all[80..]
        .iter()
        .flat_map(|row| columns.iter().map(|c| row.get(*c).unwrap() as f32).collect::<Vec<_>>())
        .collect();
    assert_eq!(window.values(), Some(expected));
    window.push(&Row::masked());
    assert_eq!(window.values(), None);
    assert_eq!(FeatureWindow::new(&["nothing"], 20), Err(UnknownFeature("nothing".into())));
    let mut nothing = FeatureWindow::new(&names, 0).expect("known names");
    all.iter().for_each(|row| nothing.push(row));
    assert_eq!(nothing.values(), None);
}

const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 3 };

fn told(bar: &Bar) -> VenueCandle {
    let price = |value: f64| Price::new((value * 100.0).round() as i64).expect("positive");
    let candle = Candle {
        open_time: bar.open_time,
        open: price(bar.open),
        high: price(bar.high),
        low: price(bar.low),
        close: price(bar.close),
        volume: Qty((bar.volume * 1e3) as u64),
        trades: 3,
    };
    VenueCandle { instrument: InstrumentId(0), candle, state: CandleState::Final, source: CandleSource::Stream }
}

#[test]
fn minutes_that_close_together_are_all_taken() {
    let bars = walk(1_000_000, 80, 5);
    let (mut builder, mut live, mut out) = (CandleBuilder::new(), Live::new(), News::default());
    live.set_model(0, &["ret_1"], 79).expect("a known name");
    for (index, bar) in bars.iter().enumerate() {
        let at = bar.open_time.plus(Duration::from_secs(60));
        builder.on_venue_candle(at, &told(bar), &mut out);
        if index % 3 == 1 || index == 79 {
            live.advance(builder.series(), SCALE);
        }
    }
    let known: Vec<Bar> = builder.series().tail().map(|entry| Bar::of(&entry.candle, SCALE)).collect();
    assert_eq!((known.len(), live.row().map(|(_, row)| row)), (80, rows(&known).last()));
    assert_eq!(live.window(0).map(|(at, values)| (at, values.len())), Some((bars[79].open_time, 79)));
}

#[test]
fn live_rows_follow_history_revisions_and_gaps() {
    let bars = walk(1_000_000, 300, 11);
    let (mut builder, mut live, mut out) = (CandleBuilder::new(), Live::new(), News::default());
    live.set_model(0, &["ret_1", "rsi_14"], 30).expect("known names");
    let end = |index: usize| bars[index].open_time.plus(Duration::from_secs(60));
    let mut windows = 0;
    // Minutes 0..100 are history, told when 100 has just ended; 150 is told late; 200 never.
    let mut feed: Vec<(Timestamp, usize)> = (0..100).map(|index| (end(100), index)).collect();
    feed.extend((100..300).filter(|index| *index != 200).map(|index| (end(index), index)));
    feed[150].0 = end(155);
    feed.sort_by_key(|(at, _)| *at);
    for (at, index) in feed {
        builder.on_venue_candle(at, &told(&bars[index]), &mut out);
        for closed in out.closed.drain(..) {
            if matches!(closed.change, Change::Filled | Change::Revised) {
                live.invalidate();
            }
            if closed.change == Change::New {
                assert!(live.advance(builder.series(), SCALE).is_some());
                let known: Vec<Bar> = builder.series().tail().map(|entry| Bar::of(&entry.candle, SCALE)).collect();
                assert_eq!(live.row(), rows(&known).last().map(|row| (closed.candle.open_time, row)));
                assert_eq!(live.window(0).is_some(), known.len() >= 15 + 29, "at {index}");
                windows += usize::from(live.window(0).is_some());
            }
        }
    }
    assert!(windows >= 150, "{windows}");
    let bytes = postcard::to_allocvec(&live).expect("encodes");
    assert_eq!(postcard::from_bytes::<Live>(&bytes).expect("decodes"), live);
}

proptest! {
    /// What looks back a fixed number of bars gives the same bits after any history, and the state survives storage.
    #[test]
    fn streaming_equals_recomputation(seed: u64, minute in 0i64..3_000, count in 1usize..600) {
        let bars = walk(minute, count, seed);
        let all = rows(&bars);
        for definition in DEFINITIONS.iter().filter(|d| d.needs == Needs::Candles) {
            if RECURSIVE.contains(&definition.column) {
                continue;
            }
            let from = count.saturating_sub(definition.bars_min.into());
            let alone = rows(&bars[from..]).pop().expect("a row");
            prop_assert_eq!(
                alone.get(definition.column).map(f64::to_bits),
                all[count - 1].get(definition.column).map(f64::to_bits),
                "{}", definition.name
            );
        }
        let mut state = FeatureState::new(1);
        for bar in &bars[..count / 2] {
            state.update(bar, &Around::default());
        }
        let bytes = postcard::to_allocvec(&state).expect("encodes");
        let mut restored: FeatureState = postcard::from_bytes(&bytes).expect("decodes");
        prop_assert_eq!(&restored, &state);
        for (bar, row) in bars.iter().zip(&all).skip(count / 2) {
            prop_assert_eq!(restored.update(bar, &Around::default()), row);
        }
    }

    /// The recursive ones against their definitions, written out plainly over the whole list.
    #[test]
    fn recursive_features_equal_their_definitions(seed: u64, count in 1usize..200) {
        let bars = walk(1_440 * 3, count, seed);
        let row = rows(&bars).pop().expect("a row");
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
        let changes: Vec<f64> = closes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let gains: Vec<f64> = changes.iter().map(|c| c.max(0.0)).collect();
        let losses: Vec<f64> = changes.iter().map(|c| (-c).max(0.0)).collect();
        let (gain, loss) = (wilder(&gains, 14), wilder(&losses, 14));
        let rsi = gain.last().zip(loss.last()).map(|(g, l)| 100.0 * (g / (g + l)));
        prop_assert_eq!(row.get(Column::Rsi14), rsi);
        let ranges: Vec<f64> = bars
            .windows(2)
            .map(|pair| {
                let (before, now) = (pair[0].close, &pair[1]);
                now.high.max(before) - now.low.min(before)
            })
            .collect();
        let atr = wilder(&ranges, 14).last().copied();
        prop_assert_eq!(row.get(Column::Atr14).is_some(), atr.is_some());
        if let Some((found, expected)) = row.get(Column::Atr14).zip(atr) {
            prop_assert!((found - expected).abs() < 1e-12);
        }
        let slow = exponential(&closes, 26);
        let fast = exponential(closes.get(14..).unwrap_or(&[]), 12);
        let macd: Vec<f64> = fast.iter().zip(&slow).map(|(f, s)| f - s).collect();
        let signal = exponential(&macd, 9).last().copied();
        prop_assert_eq!(row.get(Column::MacdSignal), signal);
        prop_assert_eq!(row.get(Column::Macd), signal.and(macd.last().copied()));
    }
}

fn wilder(values: &[f64], period: usize) -> Vec<f64> {
    recursive(values, period, |before, value| (before * (period as f64 - 1.0) + value) / period as f64)
}

fn exponential(values: &[f64], period: usize) -> Vec<f64> {
    recursive(values, period, |before, value| before + (value - before) * (2.0 / (period as f64 + 1.0)))
}

/// The mean of the first `period` values, then what `next` makes of it, value by value.
fn recursive(values: &[f64], period: usize, next: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let Some(seed) = values.get(..period) else { return Vec::new() };
    let mut averages = vec![seed.iter().sum::<f64>() / period as f64];
    for value in &values[period..] {
        averages.push(next(averages[averages.len() - 1], *value));
    }
    averages
}

#[test]
fn months_of_real_minutes_have_no_hole_and_no_drift() {
    let Some(text) = testdata::read("candles/binance_BTCUSDT_1m_20250601-20250624.csv.gz") else { return };
    let mut bars = csv::parse(&text).expect("a candle file");
    assert_eq!((bars.len(), tidy(&mut bars)), (33_520, 0));
    assert_eq!(segments(&bars, NS_PER_MIN).count(), 1);
    let all = rows(&bars);
    let last = bars.len() - 1;
    let is_regular = |d: &&Definition| d.needs == Needs::Candles && !IRREGULAR.contains(&d.column);
    for definition in DEFINITIONS.iter().filter(is_regular) {
        let first = usize::from(definition.bars_min) - 1;
        assert!(all[first..].iter().all(|row| row.get(definition.column).is_some()), "{}", definition.name);
        if CUMULATIVE.contains(&definition.column) {
            continue;
        }
        // Four thousand bars are enough for the recursive ones to forget where they started.
        let short = rows(&bars[last - 4_000..]).pop().expect("a row").get(definition.column).expect("warm");
        close_to(short, all[last].get(definition.column).expect("warm"), 1e-11 * bars[last].close, definition.name);
    }
}
