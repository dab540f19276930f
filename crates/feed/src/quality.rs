//! The quality ledger of one feed: a row per instrument and minute of what was heard.
//!
//! It stands outside the sessions and sees what the box sees: what came out of the feed, and once a minute its status.
//! So no venue has anything to do for it, and a change from one connection to another makes no hole in it.

use core::time::Duration;

use types::time::NS_PER_MIN;
use types::{Input, InstrumentId, QualityMinute, Timestamp};

use crate::io::FeedOutput;
use crate::status::{Counts, FeedStatus, InstrumentStatus};

/// Adds up minutes and gives them out when they are over.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    rows: Vec<Row>,
    /// Since when the running minute is counted: its start, or later in the first one. `None` before the first input.
    since: Option<Timestamp>,
    /// Connections made up to the last row.
    connections: u64,
}

/// The running minute of one instrument.
#[derive(Clone, Debug)]
struct Row {
    minute: QualityMinute,
    /// The engine knows the instrument: only then has it a ledger.
    is_known: bool,
    live_since: Option<Timestamp>,
    /// What the session had counted up to the last row.
    counted: Counts,
    /// The highest trade number given out.
    highest: Option<u128>,
}

impl Ledger {
    pub(crate) fn new(instruments: impl Iterator<Item = InstrumentId>) -> Self {
        let row = |instrument| Row {
            minute: QualityMinute::new(instrument, Timestamp::EPOCH),
            is_known: false,
            live_since: None,
            counted: Counts::default(),
            highest: None,
        };
        Self { rows: instruments.map(row).collect(), since: None, connections: 0 }
    }

    /// When the running minute is over.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.since.map(end_of)
    }

    /// Takes what came out of the feed at `at`.
    pub(crate) fn hear(&mut self, at: Timestamp, outputs: &[FeedOutput]) {
        self.since.get_or_insert(at);
        for output in outputs {
            match output {
                FeedOutput::Event(input) => self.event(at, input),
                FeedOutput::Rejected(rejection) => {
                    // What nobody can be told to own concerns all.
                    let is_meant = |row: &&mut Row| rejection.instrument.is_none_or(|id| id == row.minute.instrument);
                    self.rows.iter_mut().filter(is_meant).for_each(|row| row.minute.rejected += 1);
                }
                _ => {}
            }
        }
    }

    fn event(&mut self, at: Timestamp, input: &Input) {
        let instrument = match input {
            Input::Instrument(instrument) => instrument.id,
            Input::Book(top) => top.instrument,
            Input::BookStale { instrument, .. } => *instrument,
            Input::Trade(trade) => trade.instrument,
            _ => return,
        };
        let since = self.since.unwrap_or(at);
        let Some(row) = self.rows.iter_mut().find(|row| row.minute.instrument == instrument) else { return };
        match input {
            Input::Instrument(_) => row.is_known = true,
            Input::Book(_) => {
                row.live_since.get_or_insert(at);
            }
            Input::BookStale { reason, .. } => {
                row.stop_live(since, at);
                row.minute.broke = Some(*reason);
            }
            Input::Trade(trade) => {
                row.minute.trades += 1;
                row.minute.trades_repaired += u32::from(row.highest > Some(trade.id));
                row.highest = row.highest.max(Some(trade.id));
            }
            _ => {}
        }
    }

    /// Ends the running minute if it is over at `at`, which must be called before anything received at `at` is taken:
    /// gives out its rows. `status` is the feed's as it stands. Minutes that were leapt over get no rows.
    pub(crate) fn close(&mut self, at: Timestamp, status: &FeedStatus, out: &mut Vec<FeedOutput>) {
        let Some(since) = self.since else { return };
        let end = end_of(since);
        let next = if at < end_of(end) { end } else { at };
        self.since = Some(next);
        self.absorb(status);
        for (row, instrument) in self.rows.iter_mut().zip(&status.instruments) {
            let is_live = row.live_since.is_some();
            row.stop_live(since, end);
            row.minute.minute = since.floor_to(NS_PER_MIN);
            row.minute.watched_ms = ms_between(since, end);
            row.minute.silence_max_ms = silence_ms(instrument, since, end);
            row.minute.venue_ahead_ns = status.venue_ahead_ns;
            let blank = QualityMinute::new(row.minute.instrument, Timestamp::EPOCH);
            let minute = core::mem::replace(&mut row.minute, blank);
            if row.is_known {
                out.push(FeedOutput::Event(Input::Quality(minute)));
            }
            row.live_since = is_live.then_some(next);
        }
    }

    /// Adds what the session counted since the last time.
    fn absorb(&mut self, status: &FeedStatus) {
        let connections = status.connections.saturating_sub(self.connections) as u32;
        self.connections = status.connections;
        for (row, instrument) in self.rows.iter_mut().zip(&status.instruments) {
            row.minute.connections += connections;
            row.absorb(&instrument.counts);
        }
    }

    /// Another session goes on from here: `before` and `after` are the counts of the one that ends and of the one that
    /// begins, which may have counted while it was prepared.
    pub(crate) fn change_session(&mut self, before: &FeedStatus, after: &FeedStatus) {
        self.absorb(before);
        for (row, instrument) in self.rows.iter_mut().zip(&after.instruments) {
            row.counted = instrument.counts;
        }
        self.connections = after.connections;
    }
}

impl Row {
    /// The book held until `at`. What of that lay before `since` is in an earlier row.
    fn stop_live(&mut self, since: Timestamp, at: Timestamp) {
        if let Some(live_since) = self.live_since.take() {
            let held_ms = ms_between(live_since.max(since), at);
            self.minute.live_ms = (self.minute.live_ms + held_ms).min(ms_between(since, end_of(since)));
        }
    }

    fn absorb(&mut self, counts: &Counts) {
        let minute = &mut self.minute;
        let failures = |counts: &Counts| counts.checksums_checked - counts.checksums_matched;
        let since = |now: u64, before: u64| now.saturating_sub(before) as u32;
        minute.gaps += since(counts.gaps, self.counted.gaps);
        minute.resyncs += since(counts.resyncs, self.counted.resyncs);
        minute.checksum_failures += since(failures(counts), failures(&self.counted));
        minute.crossed += since(counts.crossed, self.counted.crossed);
        minute.duplicates += since(counts.duplicates, self.counted.duplicates);
        minute.trade_gaps += since(counts.trade_gaps, self.counted.trade_gaps);
        self.counted = *counts;
    }
}

/// The longest silence that ended in the minute before `end`, or the one that still lasts.
fn silence_ms(instrument: &InstrumentStatus, since: Timestamp, end: Timestamp) -> u32 {
    let last = instrument.last_frame_at.unwrap_or(since);
    let ended =
        if last.floor_to(NS_PER_MIN) == since.floor_to(NS_PER_MIN) { instrument.silence_max } else { Duration::ZERO };
    ms_between(last, end).max(u32::try_from(ended.as_millis()).unwrap_or(u32::MAX))
}

fn ms_between(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.since(from).as_millis()).unwrap_or(u32::MAX)
}

/// The end of the minute that holds `at`.
const fn end_of(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.floor_to(NS_PER_MIN).as_nanos().saturating_add(NS_PER_MIN))
}

#[cfg(test)]
mod tests {
    use types::market::{Aggressor, Proof, StaleReason};
    use types::{BookTop, Cash, Instrument, Price, Qty, Scale, Trade, Venue};

    use super::*;
    use crate::io::{RejectReason, Rejection};
    use crate::status::{BookState, Rejected};

    const ID: InstrumentId = InstrumentId(3);

    /// A moment: seconds after the start of a minute.
    fn s(seconds: f64) -> Timestamp {
        Timestamp::from_millis(60_000_000 + (seconds * 1_000.0) as i64)
    }

    fn known() -> FeedOutput {
        FeedOutput::Event(Input::Instrument(Instrument {
            id: ID,
            venue: Venue::Kraken,
            symbol: "BTC/USD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 8 },
            tick: 1,
            lot: 1,
            qty_min: Qty(1),
            notional_min: Cash(0),
        }))
    }

    fn book() -> FeedOutput {
        let top = BookTop { instrument: ID, bids: vec![], asks: vec![], proof: Proof::Checksum, venue_at: None };
        FeedOutput::Event(Input::Book(top))
    }

    fn stale(reason: StaleReason) -> FeedOutput {
        FeedOutput::Event(Input::BookStale { instrument: ID, reason })
    }

    fn trade(id: u128) -> FeedOutput {
        FeedOutput::Event(Input::Trade(Trade {
            instrument: ID,
            id,
            price: Price::new(1).expect("positive"),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            fills: 1,
            venue_at: s(0.0),
        }))
    }

    fn status(counts: Counts, connections: u64, last_frame_at: Option<Timestamp>) -> FeedStatus {
        FeedStatus {
            venue: Venue::Kraken,
            is_connected: true,
            connected_at: None,
            connections,
            is_venue_online: true,
            frames: 0,
            last_frame_at,
            rejected: Rejected::default(),
            venue_ahead_ns: Some(-7),
            requests_blocked_until: None,
            listed: [].into(),
            instruments: vec![InstrumentStatus {
                id: ID,
                symbol: "BTC/USD".to_owned(),
                book: BookState::Waiting,
                counts,
                last_frame_at,
                silence_max: Duration::from_millis(1_500),
            }],
        }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new([ID].into_iter());
        ledger.hear(s(0.0), &[known()]);
        ledger
    }

    fn close(ledger: &mut Ledger, at: Timestamp, status: &FeedStatus) -> Vec<QualityMinute> {
        let mut out = Vec::new();
        ledger.close(at, status, &mut out);
        let minute = |output| match output {
            FeedOutput::Event(Input::Quality(minute)) => minute,
            other => panic!("{other:?}"),
        };
        out.into_iter().map(minute).collect()
    }

    #[test]
    fn a_book_is_live_from_its_first_showing_until_it_breaks_across_minutes() {
        let mut ledger = ledger();
        assert_eq!(ledger.deadline(), Some(s(60.0)));
        ledger.hear(s(10.0), &[book()]);
        ledger.hear(s(11.0), &[book()]);
        ledger.hear(s(20.0), &[stale(StaleReason::SequenceGap)]);
        ledger.hear(s(30.5), &[book()]);
        let rest = status(Counts::default(), 1, Some(s(58.0)));
        let first = close(&mut ledger, s(60.25), &rest).remove(0);
        assert_eq!((first.minute, first.watched_ms, first.live_ms), (s(0.0), 60_000, 39_500));
        assert_eq!(first.broke, Some(StaleReason::SequenceGap));
        assert_eq!((first.connections, first.venue_ahead_ns, first.silence_max_ms), (1, Some(-7), 2_000));

        ledger.hear(s(60.25), &[]);
        assert_eq!(ledger.deadline(), Some(s(120.0)));
        ledger.hear(s(90.0), &[stale(StaleReason::Disconnected)]);
        let second = close(&mut ledger, s(120.0), &rest).remove(0);
        assert_eq!((second.live_ms, second.connections, second.silence_max_ms), (30_000, 0, 62_000));
        let third = close(&mut ledger, s(180.0), &rest).remove(0);
        assert_eq!((third.minute, third.live_ms, third.broke), (s(120.0), 0, None));
    }

    #[test]
    fn counts_are_of_one_minute_and_a_change_of_session_loses_none() {
        let mut ledger = ledger();
        let counts = |gaps, checked, matched| Counts {
            gaps,
            checksums_checked: checked,
            checksums_matched: matched,
            ..Counts::default()
        };
        let first = close(&mut ledger, s(60.0), &status(counts(2, 10, 7), 1, None)).remove(0);
        assert_eq!((first.gaps, first.checksum_failures, first.connections), (2, 3, 1));
        // The other session broke twice while it was prepared: that was nobody's book.
        ledger.change_session(&status(counts(3, 20, 17), 1, None), &status(counts(2, 4, 4), 2, None));
        let second = close(&mut ledger, s(120.0), &status(counts(6, 9, 8), 2, None)).remove(0);
        assert_eq!((second.gaps, second.checksum_failures), (5, 1));
    }

    #[test]
    fn trades_below_the_highest_number_are_repaired_ones() {
        let mut ledger = ledger();
        ledger.hear(s(1.0), &[trade(7), trade(9), trade(8), trade(10)]);
        let minute = close(&mut ledger, s(60.0), &status(Counts::default(), 0, None)).remove(0);
        assert_eq!((minute.trades, minute.trades_repaired), (4, 1));
    }

    #[test]
    fn what_was_rejected_counts_for_its_instrument_or_for_all() {
        let mut ledger = ledger();
        let rejected = || Rejection::new(RejectReason::Malformed, "odd", b"{");
        let outputs = [rejected(), rejected().of(ID), rejected().of(InstrumentId(8))].map(FeedOutput::Rejected);
        ledger.hear(s(1.0), &outputs);
        let minute = close(&mut ledger, s(60.0), &status(Counts::default(), 0, None)).remove(0);
        assert_eq!(minute.rejected, 2);
    }

    #[test]
    fn minutes_that_were_leapt_over_have_no_row_and_the_first_is_counted_from_its_beginning_of_watching() {
        let mut ledger = Ledger::new([ID].into_iter());
        assert_eq!(ledger.deadline(), None);
        ledger.hear(s(45.0), &[known(), book()]);
        let rest = status(Counts::default(), 0, None);
        let first = close(&mut ledger, s(500.0), &rest);
        assert_eq!((first.len(), first[0].watched_ms, first[0].live_ms), (1, 15_000, 15_000));
        let next = close(&mut ledger, s(540.0), &rest).remove(0);
        assert_eq!((next.minute, next.watched_ms, next.live_ms), (s(480.0), 40_000, 40_000));
    }

    #[test]
    fn an_instrument_that_was_never_told_has_no_ledger() {
        let mut ledger = Ledger::new([ID].into_iter());
        ledger.hear(s(0.0), &[]);
        assert_eq!(close(&mut ledger, s(60.0), &status(Counts::default(), 0, None)), []);
    }
}
