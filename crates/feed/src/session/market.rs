//! What is known and counted of one wanted instrument.

use std::time::Duration;

use types::market::{CandleSource, CandleState, Proof, StaleReason, VenueCandle};
use types::time::NS_PER_MIN;
use types::{Candle, Input, Instrument, Timestamp, Trade};

use crate::book::{Book, Verdict};
use crate::io::FeedOutput;
use crate::session::{Passed, Publisher, TradeGate};
use crate::settings::{FeedSettings, Wanted};
use crate::status::{BookState, Counts, InstrumentStatus};

/// The venue-independent half of an instrument's state; the venue's half holds its book and subscriptions.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) wanted: Wanted,
    pub(crate) instrument: Option<Instrument>,
    pub(crate) counts: Counts,
    last_frame_at: Option<Timestamp>,
    /// Longest time without a message in the minute of the last one.
    silence_max: Duration,
    pub(crate) publisher: Publisher,
    pub(crate) trade_gate: TradeGate,
    /// Start of the latest final candle given out, from whatever source.
    final_candle_at: Option<Timestamp>,
    /// Start of the latest final candle before which none is missing, as far as the venue has them.
    complete_to: Option<Timestamp>,
    /// Whether the history asked for on this connection has come.
    has_history: bool,
}

impl Market {
    pub(crate) fn new(wanted: Wanted, proof: Proof, settings: &FeedSettings) -> Self {
        let publisher = Publisher::new(wanted.id, proof, settings.publish_depth, settings.publish_every);
        Self {
            wanted,
            instrument: None,
            counts: Counts::default(),
            last_frame_at: None,
            silence_max: Duration::ZERO,
            publisher,
            trade_gate: TradeGate::default(),
            final_candle_at: None,
            complete_to: None,
            has_history: false,
        }
    }

    /// A message about it was received.
    pub(crate) fn heard(&mut self, at: Timestamp) {
        let minute = |at: Timestamp| at.floor_to(NS_PER_MIN);
        if self.last_frame_at.is_none_or(|last| minute(last) != minute(at)) {
            self.silence_max = Duration::ZERO;
        }
        let silence = self.last_frame_at.map_or(Duration::ZERO, |last| at.since(last));
        self.silence_max = self.silence_max.max(silence);
        self.last_frame_at = Some(at);
    }

    /// Takes over the venue's rules; gives them out when they are new or changed. True when prices or quantities
    /// have other digits from now on.
    pub(crate) fn learn(&mut self, instrument: Instrument, out: &mut Vec<FeedOutput>) -> bool {
        if self.publisher.state == BookState::NotListed {
            self.publisher.state = BookState::Waiting;
        }
        if self.instrument.as_ref() == Some(&instrument) {
            return false;
        }
        let has_new_scale = self.instrument.as_ref().is_none_or(|known| known.scale != instrument.scale);
        out.push(FeedOutput::Event(Input::Instrument(instrument.clone())));
        self.instrument = Some(instrument);
        has_new_scale
    }

    /// The venue does not list it (any more). True when that is news.
    pub(crate) fn not_listed(&mut self) -> bool {
        let is_news = self.publisher.state != BookState::NotListed;
        self.publisher.state = BookState::NotListed;
        is_news
    }

    /// Counts what a book message did, and tells the publisher of a book that holds. A broken book is the session's
    /// business.
    pub(crate) fn count_book(&mut self, verdict: Verdict, venue_at: Option<Timestamp>) {
        self.counts.count(verdict);
        if matches!(verdict, Verdict::Rebuilt | Verdict::Held) {
            self.publisher.held(venue_at);
        }
    }

    /// Shows the book if its time has come. True when it did.
    pub(crate) fn publish(&mut self, at: Timestamp, book: &Book, out: &mut Vec<FeedOutput>) -> bool {
        let is_shown = self.publisher.poll(at, book, out);
        self.counts.published += u64::from(is_shown);
        is_shown
    }

    /// Gives the trade out unless it was seen before.
    pub(crate) fn trade(&mut self, number: u64, trade: Trade, out: &mut Vec<FeedOutput>) {
        match self.trade_gate.pass(number) {
            Passed::Doubled => {
                self.counts.duplicates += 1;
                return;
            }
            Passed::AfterGap => self.counts.trade_gaps += 1,
            Passed::Next => {}
        }
        self.counts.trades += 1;
        out.push(FeedOutput::Event(Input::Trade(trade)));
    }

    /// Gives out a closed candle.
    pub(crate) fn final_candle(&mut self, candle: Candle, source: CandleSource, out: &mut Vec<FeedOutput>) {
        self.counts.candles_final += 1;
        self.final_candle_at = self.final_candle_at.max(Some(candle.open_time));
        out.push(FeedOutput::Event(Input::Candle(VenueCandle {
            instrument: self.wanted.id,
            candle,
            state: CandleState::Final,
            source,
        })));
    }

    /// Gives out candles of the venue's history, oldest first: at most the newest `most`, and only those that may have
    /// been missed since the last break.
    pub(crate) fn history(&mut self, candles: &[Candle], most: u16, out: &mut Vec<FeedOutput>) {
        let missed = candles.iter().filter(|candle| self.complete_to.is_none_or(|known| candle.open_time > known));
        let surplus = missed.clone().count().saturating_sub(usize::from(most));
        let missed: Vec<Candle> = missed.skip(surplus).copied().collect();
        for candle in missed {
            self.final_candle(candle, CandleSource::Rest, out);
        }
        self.has_history = true;
    }

    /// Minutes of history that may have been missed before `at`; `None` when all of it is wanted.
    pub(crate) fn missed_minutes(&self, at: Timestamp) -> Option<u64> {
        self.complete_to.map(|known| at.since(known).as_secs() / 60)
    }

    /// The connection broke: what comes next may have a hole before it.
    pub(crate) fn disconnected(&mut self, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        self.publisher.broken(reason, out);
        if self.has_history {
            self.complete_to = self.final_candle_at;
            self.has_history = false;
        }
    }

    pub(crate) fn status(&self) -> InstrumentStatus {
        InstrumentStatus {
            id: self.wanted.id,
            symbol: self.wanted.symbol.clone(),
            book: self.publisher.state,
            counts: self.counts,
            last_frame_at: self.last_frame_at,
            silence_max: self.silence_max,
        }
    }
}
