//! What comes after a minute closed.

use types::market::TradesMissing;

use super::*;

fn numbered(id: u128, moment: Timestamp, mantissa: i64, qty: u64) -> Trade {
    Trade { id, ..trade(moment, mantissa, qty) }
}

fn rest(candle: Candle) -> VenueCandle {
    VenueCandle { source: CandleSource::Rest, ..told(candle, CandleState::Final) }
}

fn final_candle(candle: Candle) -> VenueCandle {
    told(candle, CandleState::Final)
}

fn revised(revision: u16, candle: Candle, source: CandleSource, agrees: Option<bool>) -> Closed {
    Closed { revision, ..closed(Change::Revised, candle, source, agrees) }
}

/// Minutes 0 (one trade at 100) and 1 (one trade at 101, quantity 4) are closed; it is minute 2.
fn two_minutes() -> CandleBuilder {
    let (mut builder, mut out) = (started(), News::default());
    builder.on_trade(at(1, 30.0), &numbered(10, at(1, 30.0), 101, 4), &mut out);
    builder.close_due(at(2, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, candle(1, [101; 4], 4), CandleSource::Built, None)]);
    builder
}

#[test]
fn a_late_trade_makes_a_new_revision() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    let late = numbered(9, at(1, 10.0), 99, 2);
    assert_eq!(builder.on_trade(at(2, 20.0), &late, &mut out), TradeVerdict::Accepted);
    let expected = Candle { trades: 2, ..candle(1, [99, 101, 99, 101], 6) };
    assert_eq!(out.closed, [revised(1, expected, CandleSource::Built, None)]);
    out = News::default();
    builder.on_trade(at(2, 30.0), &numbered(11, at(1, 50.0), 102, 1), &mut out);
    let expected = Candle { trades: 3, ..candle(1, [99, 102, 99, 102], 7) };
    assert_eq!(out.closed, [revised(2, expected, CandleSource::Built, None)]);
    assert_eq!((builder.counts().repaired, builder.counts().revised), (2, 2));
    assert!(builder.series().last().expect("closed").flow.is_some(), "every trade is known");
}

#[test]
fn the_number_decides_between_trades_of_one_instant_whatever_comes_first() {
    let instant = at(1, 30.0);
    for order in [[5, 6, 7], [7, 6, 5], [6, 7, 5]] {
        let (mut builder, mut out) = (started(), News::default());
        for id in order {
            builder.on_trade(at(1, 31.0), &numbered(id, instant, 100 + id as i64, 1), &mut out);
        }
        builder.close_due(at(2, 2.0), &mut out);
        let Candle { open, close, .. } = out.closed[0].candle;
        assert_eq!((open, close), (price(105), price(107)), "{order:?}");
    }
}

#[test]
fn minutes_without_trades_follow_the_close_they_repeat() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    builder.close_due(at(5, 2.0), &mut out);
    assert_eq!(out.closed.len(), 3, "2, 3 and 4 are flat");
    out = News::default();
    builder.on_trade(at(5, 20.0), &numbered(11, at(1, 50.0), 105, 1), &mut out);
    let minute = Candle { trades: 2, ..candle(1, [101, 105, 101, 105], 5) };
    let flat = |n| revised(1, candle(n, [105; 4], 0), CandleSource::Filled, None);
    assert_eq!(out.closed, [revised(1, minute, CandleSource::Built, None), flat(2), flat(3), flat(4)]);

    out = News::default();
    builder.on_trade(at(5, 30.0), &numbered(12, at(3, 1.0), 90, 1), &mut out);
    let minute = Candle { open: price(90), ..candle(3, [90; 4], 1) };
    assert_eq!(
        out.closed,
        [revised(2, minute, CandleSource::Built, None), revised(2, candle(4, [90; 4], 0), CandleSource::Filled, None)]
    );
}

#[test]
fn a_late_correction_of_the_history_is_a_new_revision_and_the_stream_cannot_take_it_back() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    let stream = candle(1, [101, 103, 101, 103], 9);
    let history = candle(1, [101, 103, 100, 102], 8);
    builder.on_venue_candle(at(2, 10.0), &final_candle(stream), &mut out);
    builder.on_venue_candle(at(2, 11.0), &rest(history), &mut out);
    let expected =
        [revised(1, stream, CandleSource::Stream, Some(false)), revised(2, history, CandleSource::Rest, Some(false))];
    assert_eq!(out.closed, expected);
    out = News::default();
    assert_eq!(builder.on_venue_candle(at(2, 12.0), &final_candle(stream), &mut out), CandleVerdict::Ignored);
    assert_eq!(builder.on_venue_candle(at(2, 12.0), &rest(history), &mut out), CandleVerdict::Ignored);
    assert!(out.is_empty(), "{out:?}");
    // The same much later, when only the candle itself is remembered.
    builder.close_due(at(REPAIR_MINUTES + 9, 0.0), &mut out);
    out = News::default();
    let later = at(REPAIR_MINUTES + 9, 0.0);
    assert_eq!(builder.on_venue_candle(later, &final_candle(stream), &mut out), CandleVerdict::Ignored);
    let last = Candle { close: price(101), ..history };
    assert_eq!(builder.on_venue_candle(later, &rest(last), &mut out), CandleVerdict::Taken);
    assert_eq!(out.closed, [revised(3, last, CandleSource::Rest, Some(false))]);
}

#[test]
fn a_doubled_final_candle_is_one() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    let same = final_candle(candle(1, [101; 4], 4));
    assert_eq!(builder.on_venue_candle(at(2, 10.0), &same, &mut out), CandleVerdict::Taken);
    assert_eq!(out.closed, [closed(Change::Confirmed, same.candle, CandleSource::Built, Some(true))]);
    out = News::default();
    assert_eq!(builder.on_venue_candle(at(2, 11.0), &same, &mut out), CandleVerdict::Ignored);
    assert!(out.is_empty() && builder.counts().agreed == 1);
}

#[test]
fn an_unfinished_candle_that_is_called_final_is_put_aside() {
    // Before its minute is over.
    let (mut builder, mut out) = (two_minutes(), News::default());
    let half = final_candle(candle(2, [101; 4], 1));
    assert_eq!(builder.on_venue_candle(at(2, 40.0), &half, &mut out), CandleVerdict::Unfinished);
    // Twice final, the second time with less.
    let (full, less) = (candle(2, [101, 104, 101, 104], 6), candle(2, [101, 102, 101, 102], 3));
    builder.feed_lost();
    assert_eq!(builder.on_venue_candle(at(3, 0.5), &final_candle(full), &mut out), CandleVerdict::Taken);
    assert_eq!(builder.on_venue_candle(at(3, 1.0), &final_candle(less), &mut out), CandleVerdict::Unfinished);
    assert_eq!(out.closed, [closed(Change::New, full, CandleSource::Stream, None)]);
    assert_eq!(builder.counts().unfinished, 2);
    // Less than the trades that were all heard.
    let (mut builder, mut out) = (two_minutes(), News::default());
    builder.on_trade(at(2, 30.0), &numbered(11, at(2, 30.0), 102, 5), &mut out);
    builder.on_venue_candle(at(3, 0.5), &final_candle(less), &mut out);
    builder.close_due(at(3, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, candle(2, [102; 4], 5), CandleSource::Built, None)]);
    assert_eq!(out.unfinished, [final_candle(less)]);
    // The finished one still comes.
    let finished = final_candle(candle(2, [102; 4], 5));
    out = News::default();
    builder.on_venue_candle(at(3, 3.0), &finished, &mut out);
    assert_eq!(out.closed, [closed(Change::Confirmed, finished.candle, CandleSource::Built, Some(true))]);
}

#[test]
fn an_unfinished_final_candle_is_corrected_by_the_finished_one() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    builder.feed_lost();
    let (half, full) = (candle(2, [101, 102, 101, 102], 3), candle(2, [101, 104, 101, 104], 6));
    builder.on_venue_candle(at(3, 0.5), &final_candle(half), &mut out);
    builder.on_venue_candle(at(3, 1.0), &final_candle(full), &mut out);
    let first = closed(Change::New, half, CandleSource::Stream, None);
    assert_eq!(out.closed, [first, revised(1, full, CandleSource::Stream, None)]);
}

#[test]
fn a_final_candle_after_that_of_the_next_minute_fills_the_gap_it_left() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    builder.feed_lost();
    let (first, second) = (candle(2, [101; 4], 1), candle(3, [102; 4], 1));
    builder.on_venue_candle(at(4, 0.5), &final_candle(second), &mut out);
    assert_eq!(out.gaps, [Gap { from: at(2, 0.0), to: at(3, 0.0), reason: GapReason::NotHeard }]);
    builder.on_venue_candle(at(4, 1.0), &final_candle(first), &mut out);
    let filled = Closed { revision: 1, ..closed(Change::Filled, first, CandleSource::Stream, None) };
    assert_eq!(out.closed, [closed(Change::New, second, CandleSource::Stream, None), filled]);
    assert_eq!(builder.series().tail().count(), 4);
}

#[test]
fn a_candle_without_its_final_flag_counts_once_its_minute_is_over() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    builder.feed_lost();
    let last = candle(2, [101, 102, 101, 102], 3);
    builder.on_venue_candle(at(2, 59.0), &told(last, CandleState::Running), &mut out);
    builder.on_venue_candle(at(3, 0.1), &told(last, CandleState::Provisional), &mut out);
    builder.close_due(at(3, 2.0), &mut out);
    assert_eq!(out.closed, [closed(Change::New, last, CandleSource::Stream, None)]);
}

#[test]
fn a_minute_that_lacks_trades_waits_for_them_or_is_a_gap_and_is_repaired_when_they_come() {
    let missing = |after, before| TradesMissing {
        instrument: InstrumentId(0),
        after,
        before,
        from: at(1, 30.0),
        to: at(2, 20.0),
    };
    let start = || {
        let (mut builder, mut out) = (two_minutes(), News::default());
        builder.on_trade(at(2, 20.0), &numbered(13, at(2, 20.0), 104, 1), &mut out);
        builder.on_missing(&missing(10, 13));
        (builder, out)
    };
    let full = Candle { trades: 2, ..candle(2, [103, 104, 103, 104], 2) };

    let (mut builder, mut out) = start();
    for (id, moment) in [(11, at(1, 59.0)), (12, at(2, 10.0))] {
        builder.on_trade(at(2, 40.0), &numbered(id, moment, 103, 1), &mut out);
    }
    let repaired = Candle { trades: 2, ..candle(1, [101, 103, 101, 103], 5) };
    builder.close_due(at(3, 2.0), &mut out);
    let in_time =
        [revised(1, repaired, CandleSource::Built, None), closed(Change::New, full, CandleSource::Built, None)];
    assert_eq!(out.closed, in_time);

    let (mut builder, mut out) = start();
    builder.close_due(at(3, 45.0), &mut out);
    assert!(out.closed.is_empty(), "nothing is made up");
    assert_eq!(out.gaps, [Gap { from: at(2, 0.0), to: at(3, 0.0), reason: GapReason::TradesMissing }]);
    assert_eq!(builder.series().tail().count(), 0, "features see a gap");
    builder.on_trade(at(4, 0.0), &numbered(11, at(1, 59.0), 103, 1), &mut out);
    assert!(out.closed.is_empty(), "one is still missing");
    builder.on_trade(at(4, 0.0), &numbered(12, at(2, 10.0), 103, 1), &mut out);
    let later = Closed { revision: 1, ..closed(Change::Filled, full, CandleSource::Built, None) };
    let known_since = closed(Change::New, candle(3, [104; 4], 0), CandleSource::Filled, None);
    assert!(out.closed.contains(&revised(1, repaired, CandleSource::Built, None)), "{out:?}");
    assert!(out.closed.contains(&later), "{out:?}");
    builder.close_due(at(4, 2.0), &mut out);
    assert!(out.closed.contains(&known_since), "{out:?}");
}

#[test]
fn the_venues_candle_settles_a_minute_that_lacks_trades() {
    let (mut builder, mut out) = (two_minutes(), News::default());
    builder.on_trade(at(2, 20.0), &numbered(13, at(2, 20.0), 104, 1), &mut out);
    let (from, to) = (at(2, 1.0), at(2, 20.0));
    builder.on_missing(&TradesMissing { instrument: InstrumentId(0), after: 10, before: 13, from, to });
    let venue = candle(2, [103, 105, 103, 104], 9);
    builder.on_venue_candle(at(3, 0.5), &final_candle(venue), &mut out);
    assert_eq!(out.closed, [closed(Change::New, venue, CandleSource::Stream, None)]);
    // The missing trades come and explain it.
    out = News::default();
    builder.on_trade(at(3, 9.0), &numbered(11, at(2, 2.0), 103, 3), &mut out);
    builder.on_trade(at(3, 9.0), &numbered(12, at(2, 3.0), 105, 5), &mut out);
    let explained = Candle { trades: 3, ..venue };
    assert_eq!(out.closed, [closed(Change::Confirmed, explained, CandleSource::Built, Some(true))]);
}

#[test]
fn the_memory_of_closed_minutes_and_of_missing_trades_is_bounded() {
    let (mut builder, mut out) = (started(), News::default());
    for minute in 1..500 {
        let told = TradesMissing {
            instrument: InstrumentId(0),
            after: minute as u128 * 10,
            before: minute as u128 * 10 + 5,
            from: at(minute, 0.0),
            to: at(minute, 1.0),
        };
        builder.on_missing(&told);
        builder.on_missing(&told);
        builder.close_due(at(minute, 50.0), &mut out);
        assert!(builder.known.len() <= REPAIR_MINUTES as usize + 4 && builder.missing.len() <= 64);
    }
}

proptest! {
    /// Whatever part of the trades is late, missing and found again, in whatever order: in the end the minutes are what the
    /// whole list says, and each change of values was a revision of its own.
    #[test]
    fn repaired_minutes_equal_the_list(
        mut heard in prop::collection::vec((0u32..600_000, prop::bool::weighted(0.2), 0u32..900_000, 1i64..50, 1u64..9), 2..150),
    ) {
        heard.sort_unstable();
        let moment = |ms: u32| at(0, 0.0).plus(Duration::from_millis(ms.into()));
        let list: Vec<Trade> = heard.iter().zip(1..).map(|((ms, _, _, p, q), id)| numbered(id, moment(*ms), *p, *q)).collect();
        // When each is heard: at once, or somewhat or much later.
        let mut order: Vec<(Timestamp, &Trade)> = heard
            .iter()
            .zip(&list)
            .map(|((ms, is_late, delay, _, _), trade)| (moment(ms + if *is_late { *delay } else { 0 }), trade))
            .collect();
        order.sort_by_key(|(at, _)| *at);
        let (mut builder, mut out) = (CandleBuilder::new(), News::default());
        builder.feed_live(at(-1, 0.0));
        builder.close_due(at(-1, 0.0), &mut out);
        for (heard_at, trade) in &order {
            prop_assert_eq!(builder.on_trade(*heard_at, trade, &mut out), TradeVerdict::Accepted);
        }
        builder.close_due(at(30, 0.0), &mut out);
        for expected in from_trades(&list) {
            let entry = builder.series().get(expected.open_time);
            prop_assert_eq!(entry.map(|entry| entry.candle), Some(expected));
        }
        let mut revisions = std::collections::BTreeMap::new();
        for closed in &out.closed {
            let before = revisions.insert(closed.candle.open_time, closed.revision);
            prop_assert!(before.is_none_or(|before| before + 1 == closed.revision), "{:?}", closed);
        }
    }
}
