use core::time::Duration;

use proptest::prelude::*;
use types::market::{CandleSource, CandleState, Timeframe, VenueCandle};
use types::quality::GapReason;
use types::time::NS_PER_MIN;
use types::{Aggressor, Candle, InstrumentId, Price, Qty, Timestamp, Trade};

use super::*;

mod repair;

const TRADES: &str = include_str!("../../fixtures/kraken_xbtusdt_trades_20251110.csv");
const OHLC: &str = include_str!("../../fixtures/kraken_xbtusdt_ohlc_20251110.csv");

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

fn price(mantissa: i64) -> Price {
    Price::new(mantissa).expect("a positive price")
}

fn real_trades() -> Vec<Trade> {
    rows(TRADES)
        .map(|row| Trade {
            instrument: InstrumentId(0),
            id: row[4].parse().unwrap(),
            price: price(row[1].parse().unwrap()),
            qty: Qty(row[2].parse().unwrap()),
            aggressor: if row[3] == "b" { Aggressor::Buy } else { Aggressor::Sell },
            fills: 1,
            venue_at: Timestamp::from_nanos(row[0].parse().unwrap()),
        })
        .collect()
}

fn real_candles() -> Vec<Candle> {
    rows(OHLC)
        .map(|row| {
            let number = |index: usize| row[index].parse::<i64>().unwrap();
            Candle {
                open_time: Timestamp::from_secs(number(0)),
                open: price(number(1)),
                high: price(number(2)),
                low: price(number(3)),
                close: price(number(4)),
                volume: Qty(number(5) as u64),
                trades: number(6) as u32,
            }
        })
        .collect()
}

const MINUTE: i64 = 29_000_000;

/// A moment of the test's clock: minutes and seconds after a round start.
fn at(minute: i64, seconds: f64) -> Timestamp {
    Timestamp::from_nanos((MINUTE + minute) * NS_PER_MIN + (seconds * 1e9) as i64)
}

fn trade(moment: Timestamp, mantissa: i64, qty: u64) -> Trade {
    Trade {
        instrument: InstrumentId(0),
        id: 0,
        price: price(mantissa),
        qty: Qty(qty),
        aggressor: Aggressor::Buy,
        fills: 1,
        venue_at: moment,
    }
}

fn candle(minute: i64, [open, high, low, close]: [i64; 4], volume: u64) -> Candle {
    Candle {
        open_time: at(minute, 0.0),
        open: price(open),
        high: price(high),
        low: price(low),
        close: price(close),
        volume: Qty(volume),
        trades: u32::from(volume > 0),
    }
}

fn told(candle: Candle, state: CandleState) -> VenueCandle {
    VenueCandle { instrument: InstrumentId(0), candle, state, source: CandleSource::Stream }
}

fn closed(change: Change, candle: Candle, source: CandleSource, agrees: Option<bool>) -> Closed {
    Closed { change, candle, source, agrees, revision: 0 }
}

/// A builder that hears everything since before minute 0, with minute 0 closed at 100.
fn started() -> CandleBuilder {
    let mut builder = CandleBuilder::new();
    let mut out = News::default();
    builder.feed_live(at(-1, 10.0));
    builder.close_due(at(-1, 10.0), &mut out);
    builder.on_trade(at(0, 1.0), &trade(at(0, 1.0), 100, 5), &mut out);
    builder.close_due(at(1, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, candle(0, [100; 4], 5), CandleSource::Built, None)]);
    builder
}

#[test]
fn real_trades_give_the_venues_own_candles() {
    let built = from_trades(&real_trades());
    let venue = real_candles();
    assert_eq!(built.len(), 409);
    assert_eq!(built.iter().filter(|candle| candle.trades > 0).count(), 272);
    assert_eq!(built, venue[1..410]);
}

#[test]
fn the_builder_closes_real_minutes_as_the_venue_does() {
    let (trades, venue) = (real_trades(), real_candles());
    let (mut builder, mut out) = (CandleBuilder::new(), News::default());
    builder.feed_live(venue[0].open_time.minus(GRACE));
    builder.close_due(venue[0].open_time, &mut out);
    for trade in &trades {
        let heard = trade.venue_at.plus(Duration::from_millis(80));
        assert_eq!(builder.on_trade(heard, trade, &mut out), TradeVerdict::Accepted);
    }
    // The first minute's candle lacks the trades before the recording.
    assert_ne!(out.closed[0].candle, venue[0]);
    let built: Vec<Candle> = out.closed.iter().map(|closed| closed.candle).collect();
    assert_eq!(built[1..], venue[1..410]);

    out = News::default();
    let later = at(0, 0.0).max(venue[410].open_time.plus(Duration::from_secs(60)));
    for candle in &venue[..410] {
        let told = VenueCandle { source: CandleSource::Rest, ..told(*candle, CandleState::Final) };
        builder.on_venue_candle(later, &told, &mut out);
    }
    let revised: Vec<_> = out.closed.iter().filter(|closed| closed.change == Change::Revised).collect();
    assert_eq!(revised.len(), 1, "only the minute which began before the recording");
    assert_eq!(revised[0].candle, venue[0]);
    assert_eq!((builder.counts().agreed, builder.counts().disagreed), (409, 1));
    assert_eq!(builder.series().entries().map(|entry| entry.candle).collect::<Vec<_>>(), venue[..410]);

    let five = builder.series().bucket(Timeframe::M5, venue[3].open_time).expect("all its minutes are there");
    let first =
        venue.iter().position(|candle| candle.open_time == five.candle.open_time).expect("a minute of the file");
    let minutes = &venue[first..first + 5];
    assert_eq!((five.candle.open, five.candle.close), (minutes[0].open, minutes[4].close));
    assert_eq!(five.candle.high, minutes.iter().map(|candle| candle.high).max().unwrap());
    assert_eq!(five.candle.low, minutes.iter().map(|candle| candle.low).min().unwrap());
    assert_eq!(five.candle.volume.0, minutes.iter().map(|candle| candle.volume.0).sum::<u64>());
    assert_eq!(five.candle.trades, minutes.iter().map(|candle| candle.trades).sum::<u32>());
}

#[test]
fn a_minute_without_trades_is_flat_and_closes_after_the_grace() {
    let (mut builder, mut out) = (started(), News::default());
    builder.close_due(at(2, 1.999), &mut out);
    assert_eq!(out.closed, []);
    builder.close_due(at(2, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, candle(1, [100; 4], 0), CandleSource::Filled, None)]);
}

#[test]
fn trades_out_of_order_still_give_open_and_close() {
    let (mut builder, mut out) = (started(), News::default());
    builder.on_trade(at(1, 30.0), &trade(at(1, 30.0), 105, 1), &mut out);
    builder.on_trade(at(1, 31.0), &trade(at(1, 10.0), 103, 1), &mut out);
    builder.on_trade(at(2, 1.0), &trade(at(2, 1.0), 90, 1), &mut out);
    builder.on_trade(at(2, 1.5), &trade(at(1, 59.9), 104, 1), &mut out);
    builder.close_due(at(2, 2.0), &mut out);
    let expected = Candle { trades: 3, ..candle(1, [103, 105, 103, 104], 3) };
    assert_eq!(out.closed, [closed(Change::New, expected, CandleSource::Built, None)]);
    assert_eq!(builder.running().expect("minute 2 is open").close, price(90));
}

#[test]
fn trades_that_are_too_late_or_too_early_are_counted_and_not_used() {
    let (mut builder, mut out) = (started(), News::default());
    let hours_later = at(REPAIR_MINUTES + 5, 0.0);
    builder.close_due(hours_later, &mut out);
    let before = builder.series().clone();
    assert_eq!(builder.on_trade(hours_later, &trade(at(0, 59.0), 999, 1), &mut out), TradeVerdict::Late);
    let far = hours_later.plus(Duration::from_secs(61));
    assert_eq!(builder.on_trade(hours_later, &trade(far, 999, 1), &mut out), TradeVerdict::Early);
    assert_eq!((builder.counts().late, builder.counts().early), (1, 1));
    assert_eq!(*builder.series(), before);
    assert_eq!(builder.running(), None);
}

#[test]
fn an_agreeing_final_candle_closes_the_minute_at_once() {
    let (mut builder, mut out) = (started(), News::default());
    let expected = candle(1, [101, 101, 101, 101], 4);
    builder.on_trade(at(1, 30.0), &trade(at(1, 30.0), 101, 4), &mut out);
    builder.on_venue_candle(at(2, 0.1), &told(expected, CandleState::Final), &mut out);
    assert_eq!(out.closed, [closed(Change::New, expected, CandleSource::Built, Some(true))]);
}

#[test]
fn a_final_candle_ahead_of_its_last_trade_waits_for_it() {
    let (mut builder, mut out) = (started(), News::default());
    let expected = candle(1, [101, 101, 101, 101], 4);
    builder.on_venue_candle(at(2, 0.1), &told(expected, CandleState::Final), &mut out);
    assert_eq!(out.closed, []);
    builder.on_trade(at(2, 0.2), &trade(at(1, 59.9), 101, 4), &mut out);
    assert_eq!(out.closed, [closed(Change::New, expected, CandleSource::Built, Some(true))]);
}

#[test]
fn where_the_final_candle_differs_the_venue_counts() {
    let (mut builder, mut out) = (started(), News::default());
    let venue = candle(1, [101, 102, 101, 102], 7);
    builder.on_trade(at(1, 30.0), &trade(at(1, 30.0), 101, 4), &mut out);
    builder.on_venue_candle(at(2, 0.1), &told(venue, CandleState::Final), &mut out);
    builder.close_due(at(2, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, venue, CandleSource::Stream, Some(false))]);
    assert_eq!(builder.series().last().expect("closed").flow, None);

    out = News::default();
    builder.close_due(at(3, 2.0), &mut out);
    let later = candle(2, [102, 103, 102, 103], 1);
    builder.on_venue_candle(at(3, 10.0), &told(later, CandleState::Final), &mut out);
    builder.on_venue_candle(at(3, 11.0), &told(later, CandleState::Final), &mut out);
    let flat = closed(Change::New, candle(2, [102; 4], 0), CandleSource::Filled, None);
    let revised = Closed { revision: 1, ..closed(Change::Revised, later, CandleSource::Stream, Some(false)) };
    assert_eq!(out.closed, [flat, revised]);
    assert_eq!(builder.counts().disagreed, 2);
}

#[test]
fn a_final_candle_after_the_close_confirms_once() {
    let (mut builder, mut out) = (started(), News::default());
    let same = candle(0, [100; 4], 5);
    builder.on_venue_candle(at(1, 5.0), &told(same, CandleState::Running), &mut out);
    assert_eq!(out.closed, []);
    builder.on_venue_candle(at(1, 6.0), &told(same, CandleState::Final), &mut out);
    builder.on_venue_candle(at(1, 7.0), &told(same, CandleState::Final), &mut out);
    assert_eq!(out.closed, [closed(Change::Confirmed, same, CandleSource::Built, Some(true))]);
    assert_eq!(builder.counts().agreed, 1);
}

#[test]
fn a_minute_heard_in_part_needs_the_venue_or_is_a_gap() {
    let start = |builder: &mut CandleBuilder, out: &mut News| {
        builder.feed_live(at(0, 20.0));
        builder.on_trade(at(0, 30.0), &trade(at(0, 30.0), 100, 1), out);
    };
    let (mut builder, mut out) = (CandleBuilder::new(), News::default());
    start(&mut builder, &mut out);
    builder.close_due(at(1, 44.9), &mut out);
    assert_eq!((out.closed.as_slice(), builder.counts().gaps), ([].as_slice(), 0));
    builder.close_due(at(1, 45.0), &mut out);
    assert_eq!((out.closed.as_slice(), builder.counts().gaps), ([].as_slice(), 1));
    assert_eq!(out.gaps, [Gap { from: at(0, 0.0), to: at(1, 0.0), reason: GapReason::NotHeard }]);
    // Without a trade the next minute cannot be told either: nothing says at what price it is flat.
    builder.close_due(at(2, 45.0), &mut out);
    assert_eq!((out.closed.as_slice(), builder.counts().gaps), ([].as_slice(), 2));

    let (mut builder, mut out) = (CandleBuilder::new(), News::default());
    start(&mut builder, &mut out);
    let venue = candle(0, [99, 101, 98, 100], 9);
    builder.on_venue_candle(at(1, 0.5), &told(venue, CandleState::Final), &mut out);
    assert_eq!(out.closed, [closed(Change::New, venue, CandleSource::Stream, None)]);

    let (mut builder, mut out) = (CandleBuilder::new(), News::default());
    start(&mut builder, &mut out);
    builder.on_venue_candle(at(0, 59.0), &told(venue, CandleState::Running), &mut out);
    assert_eq!(builder.running(), Some(venue));
    builder.on_venue_candle(at(1, 0.5), &told(venue, CandleState::Provisional), &mut out);
    assert_eq!(out.closed, []);
    builder.close_due(at(1, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, venue, CandleSource::Stream, None)]);
}

#[test]
fn a_lost_feed_leaves_a_gap_that_history_fills() {
    let (mut builder, mut out) = (started(), News::default());
    builder.on_trade(at(1, 30.0), &trade(at(1, 30.0), 101, 1), &mut out);
    builder.feed_lost();
    builder.feed_live(at(2, 30.0));
    builder.on_trade(at(3, 1.0), &trade(at(3, 1.0), 103, 1), &mut out);
    builder.close_due(at(4, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, candle(3, [103; 4], 1), CandleSource::Built, None)]);
    // The one before minute 0, of which only the end was heard, stands before the series.
    assert_eq!((builder.counts().gaps, builder.series().gaps()), (3, 2));
    assert_eq!(builder.series().tail().count(), 1);
    assert_eq!(builder.series().bucket(Timeframe::M5, at(1, 0.0)), None);

    out = News::default();
    for minute in [1, 2] {
        let history = candle(minute, [102; 4], 7);
        builder.on_venue_candle(at(4, 3.0), &told(history, CandleState::Final), &mut out);
    }
    assert!(out.closed.iter().all(|closed| (closed.change, closed.revision) == (Change::Filled, 1)));
    assert_eq!(out.closed.len(), 2);
    assert_eq!((builder.series().gaps(), builder.series().tail().count()), (0, 4));
}

#[test]
fn the_minutes_since_a_moment_end_where_the_tail_ends_and_begin_behind_every_gap() {
    let (mut builder, mut out) = (CandleBuilder::new(), News::default());
    for minute in [-9, -8, -5, -4, -3, -2, -1] {
        builder.on_venue_candle(at(0, 1.0), &told(candle(minute, [100; 4], 1), CandleState::Final), &mut out);
    }
    let series = builder.series();
    for since in -12..3 {
        let naive: Vec<_> = series.tail().filter(|entry| entry.candle.open_time > at(since, 0.0)).collect();
        assert_eq!(series.tail_after(Some(at(since, 0.0))).collect::<Vec<_>>(), naive, "after minute {since}");
    }
    assert_eq!((series.tail().count(), series.tail_after(Some(at(-3, 0.0))).count()), (5, 2));
}

#[test]
fn history_before_the_first_minute_fills_the_series_up_to_its_bound() {
    let (mut builder, mut out) = (CandleBuilder::new(), News::default());
    for minute in -2_000..0 {
        builder.on_venue_candle(at(0, 1.0), &told(candle(minute, [100; 4], 1), CandleState::Final), &mut out);
    }
    assert_eq!(out.closed.len(), 2_000);
    assert_eq!(out.closed.last().map(|closed| closed.change), Some(Change::New), "the minute that just ended");
    assert_eq!(builder.series().tail().count(), SERIES_MAX);
    assert_eq!(builder.series().get(at(-1_500, 0.0)).map(|e| e.candle.open_time), Some(at(-1_500, 0.0)));
    out = News::default();
    builder.on_venue_candle(at(0, 5.0), &told(candle(-1_501, [100; 4], 1), CandleState::Final), &mut out);
    assert_eq!(out.closed, [], "older than what is kept");
}

#[test]
fn a_leap_in_time_costs_no_walk_and_no_memory() {
    let (mut builder, mut out) = (started(), News::default());
    builder.close_due(at(50_000_000, 0.0), &mut out);
    assert_eq!(out.closed, []);
    assert_eq!(builder.series().entries().count(), 0);
    builder.close_due(Timestamp::MAX, &mut out);
    assert_eq!(out.closed, []);
    let mut fresh = CandleBuilder::new();
    fresh.close_due(Timestamp::from_nanos(i64::MIN), &mut out);
    fresh.on_trade(Timestamp::MAX, &trade(Timestamp::MAX, 1, 1), &mut out);
}

proptest! {
    /// Whatever the order in which trades come within the grace, minutes close as the whole list says.
    #[test]
    fn streaming_equals_the_list(mut heard in prop::collection::vec((0u32..600_000, 0u32..1_500, 1i64..50, 1u64..9), 1..200)) {
        heard.sort_unstable();
        // Distinct instants: which of two trades at one instant is the first is a matter of arrival.
        heard.dedup_by_key(|trade| trade.0);
        let moment = |ms: u32| at(0, 0.0).plus(Duration::from_millis(ms.into()));
        let mut trades: Vec<(Timestamp, Trade)> =
            heard.iter().map(|(ms, delay, p, q)| (moment(ms + delay), trade(moment(*ms), *p, *q))).collect();
        let list: Vec<Trade> = trades.iter().map(|(_, trade)| trade.clone()).collect();
        trades.sort_by_key(|(at, _)| *at);

        let (mut builder, mut out) = (CandleBuilder::new(), News::default());
        builder.feed_live(at(-1, 0.0));
        for (heard_at, trade) in &trades {
            prop_assert_eq!(builder.on_trade(*heard_at, trade, &mut out), TradeVerdict::Accepted);
        }
        builder.close_due(at(20, 0.0), &mut out);
        let full = from_trades(&list);
        let found: Vec<Candle> = out.closed
            .iter()
            .map(|closed| closed.candle)
            .filter(|candle| full.first().is_some_and(|first| candle.open_time >= first.open_time))
            .take(full.len())
            .collect();
        prop_assert_eq!(found, full);
        let bytes = postcard::to_allocvec(&builder).expect("encodes");
        prop_assert_eq!(postcard::from_bytes::<CandleBuilder>(&bytes).expect("decodes"), builder);
    }

    /// Whatever comes in whatever order: candles stay sound, the series stays in order and bounded, open minutes too.
    #[test]
    fn any_input_keeps_the_series_sound(steps in prop::collection::vec((0u8..6, 0i64..90_000, -130_000i64..130_000, 1i64..9), 1..300)) {
        let (mut builder, mut out, mut now) = (CandleBuilder::new(), News::default(), at(0, 0.0));
        for (kind, wait, shift, p) in steps {
            now = now.plus(Duration::from_millis(wait as u64));
            let moment = Timestamp::from_nanos(now.as_nanos() + shift * 1_000_000);
            let said = |state| told(Candle { volume: Qty(1), ..Candle::flat(moment.floor_to(NS_PER_MIN), price(p)) }, state);
            match kind {
                0 => { builder.on_trade(now, &trade(moment, p, 1), &mut out); }
                1 => { builder.on_venue_candle(now, &said(CandleState::Final), &mut out); }
                2 => { builder.on_venue_candle(now, &said(CandleState::Provisional), &mut out); }
                3 => { builder.on_venue_candle(now, &said(CandleState::Running), &mut out); }
                4 => builder.feed_live(now),
                _ => builder.feed_lost(),
            }
            prop_assert!(builder.known.len() <= 4 + REPAIR_MINUTES as usize);
        }
        let times: Vec<Timestamp> = builder.series().entries().map(|entry| entry.candle.open_time).collect();
        prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        for entry in builder.series().entries() {
            let candle = entry.candle;
            prop_assert!(candle.low <= candle.open.min(candle.close) && candle.high >= candle.open.max(candle.close));
            prop_assert_eq!(builder.series().get(candle.open_time), Some(entry));
        }
        let news: Vec<Timestamp> =
            out.closed.iter().filter(|c| c.change == Change::New).map(|c| c.candle.open_time).collect();
        prop_assert!(news.windows(2).all(|pair| pair[0] < pair[1]), "each minute closes once, in order");
    }
}
