//! What is known and counted of one wanted instrument.

use std::time::Duration;

use types::market::{CandleSource, CandleState, Proof, StaleReason, TradesMissing, TradingStatus, VenueCandle};
use types::time::NS_PER_MIN;
use types::{Candle, Input, Instrument, Timestamp, Trade};

use crate::book::{Book, Verdict};
use crate::io::FeedOutput;
use crate::session::clock::VenueClock;
use crate::session::handover::Held;
use crate::session::{BookWatch, Gap, Lack, Numbering, Passed, Publisher, Repair, TradeGate, TradeTally, is_due};
use crate::settings::{FeedSettings, Wanted};
use crate::status::{BookState, Counts, InstrumentStatus};

/// From the start of a connection until everything is heard.
const HEARD_AFTER: Duration = Duration::from_secs(10);
/// From the start of a minute until the venue's history has it.
const SETTLED_AFTER: Duration = Duration::from_secs(65);

const MINUTE: Duration = Duration::from_secs(60);
/// Minutes without trades in a row that are believed.
const QUIET_MAX: usize = 1_440;
/// Times a minute that may never come is asked for again.
const AGAINS_MAX: u32 = 3;

/// The venue-independent half of an instrument's state; the venue's half holds its book and subscriptions.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) wanted: Wanted,
    pub(crate) instrument: Option<Instrument>,
    pub(crate) counts: Counts,
    pub(super) last_frame_at: Option<Timestamp>,
    /// Longest time without a message in the minute of the last one.
    silence_max: Duration,
    pub(crate) publisher: Publisher,
    pub(super) trade_gate: TradeGate,
    pub(super) repair: Repair,
    pub(super) tally: TradeTally,
    watch: BookWatch,
    /// Whether orders are matched, as far as the venue tells.
    status: TradingStatus,
    told_status: Option<TradingStatus>,
    /// Start of the latest final candle given out, from whatever source.
    pub(super) final_candle_at: Option<Timestamp>,
    /// Start of the latest final candle before which none is missing; `None` until the history has come.
    pub(super) told_to: Option<Timestamp>,
    /// The same for those that are known not to lack anything: what comes later is taken from the history.
    pub(super) complete_to: Option<Timestamp>,
    /// Whether the history asked for on this connection has come.
    pub(super) has_history: bool,
    /// See [`Market::wants_history`].
    pub(super) is_history_wanted: bool,
    /// When the history is to be asked for once more, and whether that has been done.
    pub(super) history_again_at: Option<Timestamp>,
    pub(super) is_history_again: bool,
    history_agains: u32,
    history_answered_at: Option<Timestamp>,
    /// On a connection that is only prepared: what waits for it to be used.
    pub(super) held: Option<Held>,
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
            repair: Repair::new(),
            tally: TradeTally::default(),
            watch: BookWatch::new(settings.book_silent_after, settings.book_quiet_after),
            status: TradingStatus::Trading,
            told_status: None,
            final_candle_at: None,
            told_to: None,
            complete_to: None,
            has_history: false,
            is_history_wanted: false,
            history_again_at: None,
            is_history_again: false,
            history_agains: 0,
            history_answered_at: None,
            held: None,
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

    /// For a venue that does not number trades one by one.
    pub(crate) fn sparse(self) -> Self {
        Self { trade_gate: TradeGate::new(Numbering::Sparse), ..self }
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
        self.tell_status(out);
        has_new_scale
    }

    /// The venue does not list it (any more): nothing is traded. True when that is news.
    pub(crate) fn not_listed(&mut self, out: &mut Vec<FeedOutput>) -> bool {
        self.set_status(TradingStatus::NotListed, out);
        let is_news = self.publisher.state != BookState::NotListed;
        self.publisher.state = BookState::NotListed;
        is_news
    }

    /// Whether orders are matched. A book on which they are not is marked, whatever is heard of it. True when they are
    /// again: the book must be built anew then, for nobody knows what was not told.
    pub(crate) fn set_trading(&mut self, is_trading: bool, out: &mut Vec<FeedOutput>) -> bool {
        let status = if is_trading { TradingStatus::Trading } else { TradingStatus::Halted };
        let resumes = is_trading && !self.is_trading();
        self.set_status(status, out);
        resumes
    }

    fn set_status(&mut self, status: TradingStatus, out: &mut Vec<FeedOutput>) {
        self.status = status;
        if !self.is_trading() {
            self.broken(StaleReason::Halted, out);
        }
        self.tell_status(out);
    }

    fn is_trading(&self) -> bool {
        self.status == TradingStatus::Trading
    }

    /// Gives the status out when it is news, of an instrument whose rules are known.
    fn tell_status(&mut self, out: &mut Vec<FeedOutput>) {
        if let Some(instrument) = &self.instrument
            && self.told_status != Some(self.status)
        {
            self.told_status = Some(self.status);
            out.push(FeedOutput::Event(Input::Status { instrument: instrument.id, status: self.status }));
        }
    }

    /// The book does not hold any more. Told once.
    pub(crate) fn broken(&mut self, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        if self.publisher.broken(reason, out) && reason.loses_trades() {
            self.interrupted();
            self.is_history_wanted = true;
            // A pause that was none of the market's.
            self.watch.reset();
        }
    }

    /// Minutes are to be asked for: the book holds again after a time in which trades may have been missed, or the minute
    /// in which that was asked is over. Said once.
    pub(crate) fn wants_history(&mut self, at: Timestamp) -> bool {
        if self.publisher.is_live() && std::mem::take(&mut self.is_history_wanted) {
            let is_fresh = self.history_answered_at.is_some_and(|answered| at.since(answered) < HEARD_AFTER);
            if !is_fresh {
                self.history_again_at = None;
                self.is_history_again = false;
                return true;
            }
        }
        let is_again = self.history_again_at.take_if(|again| *again <= at).is_some();
        self.is_history_again |= is_again;
        is_again
    }

    /// When [`Market::wants_history`] has something to say by time alone.
    pub(crate) fn history_at(&self) -> Option<Timestamp> {
        self.history_again_at
    }

    /// Minutes from the last message on may be missed, until the history is asked for the next time.
    fn interrupted(&mut self) {
        if std::mem::take(&mut self.has_history) {
            // A straggler may have come long after the rest.
            let heard_to =
                self.last_frame_at.map(|last| last.minus(HEARD_AFTER).floor_to(NS_PER_MIN).minus(2 * MINUTE));
            self.complete_to = self.told_to.map(|told| heard_to.map_or(told, |heard| told.min(heard)));
        }
    }

    /// The venue does not trade it, as far as is known, or has fallen silent about it: the rules may tell more.
    pub(crate) fn is_suspect(&self) -> bool {
        let is_silent = matches!(self.publisher.state, BookState::Resyncing { reason: StaleReason::Silent });
        self.instrument.is_some() && (is_silent || !self.is_trading())
    }

    /// Counts what a book message did, and tells the publisher of a book that holds. A broken book is the session's
    /// business.
    pub(crate) fn count_book(&mut self, verdict: Verdict, venue_at: Option<Timestamp>) {
        self.counts.count(verdict);
        if matches!(verdict, Verdict::Rebuilt | Verdict::Held) && self.is_trading() {
            self.publisher.held(venue_at);
        }
    }

    /// A renewal of the book has caught up with it. A book that turns out different was wrong: stale, and shown anew at once.
    pub(crate) fn renewed(
        &mut self,
        at: Timestamp,
        agrees: bool,
        venue_at: Option<Timestamp>,
        out: &mut Vec<FeedOutput>,
    ) {
        self.counts.renewals += 1;
        self.watch.proven(at);
        if !agrees {
            self.counts.compare_mismatches += 1;
            self.broken(StaleReason::CompareMismatch, out);
        }
        if self.is_trading() {
            self.publisher.held(venue_at);
        }
    }

    /// A message of its book was received.
    pub(crate) fn heard_book(&mut self, at: Timestamp) {
        self.heard(at);
        self.watch.book(at);
    }

    /// When a book that holds counts as not told any more, if nothing of it is heard before.
    pub(crate) fn book_dead_at(&self) -> Option<Timestamp> {
        self.watch.dead_at().filter(|_| self.publisher.is_live())
    }

    /// When a book that holds is to be proven anew, if nothing of it is heard before.
    pub(crate) fn book_doubtful_at(&self) -> Option<Timestamp> {
        self.watch.doubtful_at().filter(|_| self.publisher.is_live())
    }

    /// Shows the book if its time has come. True when it did.
    pub(crate) fn publish(&mut self, at: Timestamp, book: &Book, out: &mut Vec<FeedOutput>) -> bool {
        let is_shown = self.publisher.poll(at, book, out);
        self.counts.published += u64::from(is_shown);
        is_shown
    }

    /// Gives the trade out unless it was seen before. What is missing before it will be asked for.
    pub(crate) fn trade(&mut self, at: Timestamp, number: u64, trade: Trade, out: &mut Vec<FeedOutput>) {
        if let Some(held) = &mut self.held {
            held.trade(at, number, trade);
            return;
        }
        let passed = self.pass(number, trade, out);
        self.counts.count_trade(passed);
        if passed.is_new() {
            self.watch.trade(at);
        }
        if passed == Passed::AfterGap {
            self.repair.noticed(at);
        }
    }

    /// Nothing is given out yet: the connection is only prepared.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// The trade before all that will be heard: not given out, for nobody knows what happened between it and the ones
    /// before. False when something was heard before; then it is a trade like any other.
    pub(crate) fn begin_trades(&mut self, number: u64, venue_at: Timestamp) -> bool {
        self.trade_gate.begin(number, venue_at)
    }

    /// The venue's last trade has this number: what was not heard up to it will be asked for at once.
    pub(crate) fn trades_to(&mut self, number: u64) {
        self.counts.trade_gaps += u64::from(self.trade_gate.told(number));
    }

    /// The highest number of a trade that was heard or told.
    pub(crate) fn highest_trade(&self) -> Option<u64> {
        self.trade_gate.highest()
    }

    /// Venue time of the first trade that was heard.
    pub(crate) fn first_trade_at(&self) -> Option<Timestamp> {
        self.trade_gate.began_at()
    }

    /// No trade is missing, as far as was told.
    pub(crate) fn has_all_trades(&self) -> bool {
        self.trade_gate.is_whole()
    }

    fn pass(&mut self, number: u64, trade: Trade, out: &mut Vec<FeedOutput>) -> Passed {
        let (instrument, to) = (trade.instrument, trade.venue_at);
        let passed = self.trade_gate.pass(number, to);
        if passed.is_new() {
            self.tally.count(&trade);
            out.push(FeedOutput::Event(Input::Trade(trade)));
        }
        if let Some(gap) = self.trade_gate.newest_gap().filter(|_| passed == Passed::AfterGap) {
            let (after, before, from) = (u128::from(gap.first) - 1, u128::from(gap.last) + 1, gap.since);
            let missing = TradesMissing { instrument, after, before, from, to };
            out.push(FeedOutput::Event(Input::TradesMissing(missing)));
        }
        passed
    }

    /// The venue closed a minute on the stream: it says how many trades there were.
    pub(crate) fn count_minute(&mut self, at: Timestamp, candle: &Candle) {
        if self.held.is_none() {
            self.tally.closed(at, candle, self.trade_gate.numbering());
        }
    }

    /// When [`Market::has_dead_trades`] has something to say.
    pub(crate) fn count_at(&self) -> Option<Timestamp> {
        self.tally.check_at()
    }

    /// A minute had other trades than were told: they and the minute will be asked for. True when the session is to
    /// subscribe them anew. Said once.
    pub(crate) fn has_dead_trades(&mut self, at: Timestamp) -> bool {
        let lack = self.tally.check(at);
        if lack.is_some() && self.has_all_trades() {
            self.counts.trade_gaps += 1;
            self.trade_gate.doubt();
            self.repair.noticed(at);
        }
        if lack == Some(Lack::Unknown) {
            self.history_again_at = Some(at);
        }
        lack == Some(Lack::Channel)
    }

    /// When [`Market::repair`] has something to ask for.
    pub(crate) fn repair_at(&self) -> Option<Timestamp> {
        self.trade_gate.gap().and(self.repair.next_at())
    }

    /// The trades to ask for now, once; `None` when none are missing or it is not the time. See [`Repair`].
    pub(crate) fn repair(&mut self, at: Timestamp) -> Option<Gap> {
        let gap = self.trade_gate.gap().filter(|_| is_due(self.repair.next_at(), at))?;
        self.repair.asked();
        Some(gap)
    }

    /// Trades that were asked for: those that were missing or are newer than all are given out, with their own numbers.
    pub(crate) fn repaired(
        &mut self,
        at: Timestamp,
        rows: impl IntoIterator<Item = (u64, Trade)>,
        out: &mut Vec<FeedOutput>,
    ) {
        let brought = self.take_rows(rows, out);
        let is_over = self.repair.answered(at, brought > 0);
        // Nothing tells how many there are of sparse numbers or of an open end: one answer is all there is to know.
        let is_known =
            self.trade_gate.numbering() == Numbering::Dense && self.trade_gate.gap().is_some_and(|gap| !gap.is_open());
        if is_over || !is_known {
            self.trade_gate.give_up();
            self.counts.trades_lost = self.trade_gate.lost();
        }
    }

    /// Trades that were asked for before the connection broke. What is still missing, and what has happened since, is
    /// asked for anew.
    pub(crate) fn repaired_late(&mut self, rows: impl IntoIterator<Item = (u64, Trade)>, out: &mut Vec<FeedOutput>) {
        self.take_rows(rows, out);
        self.trade_gate.doubt();
    }

    /// Gives out those that are new: says how many.
    fn take_rows(&mut self, rows: impl IntoIterator<Item = (u64, Trade)>, out: &mut Vec<FeedOutput>) -> u64 {
        let mut rows: Vec<(u64, Trade)> = rows.into_iter().collect();
        rows.sort_by_key(|(number, _)| *number);
        let mut brought = 0;
        for (number, trade) in rows {
            brought += u64::from(self.pass(number, trade, out).is_new());
        }
        self.counts.trades += brought;
        self.counts.trades_repaired += brought;
        if brought > 0 {
            self.tally.was_right();
        }
        brought
    }

    /// Trades that were asked for did not come: they will be asked for again.
    pub(crate) fn repair_failed(&mut self, at: Timestamp) {
        self.repair.failed(at);
    }

    /// Gives out a closed candle.
    pub(crate) fn final_candle(&mut self, candle: Candle, source: CandleSource, out: &mut Vec<FeedOutput>) {
        if let Some(held) = &mut self.held {
            held.candle(candle, source);
            return;
        }
        self.counts.candles_final += 1;
        self.final_candle_at = self.final_candle_at.max(Some(candle.open_time));
        // Of an instrument that is not heard the stream's candles lack what was not told.
        if self.publisher.is_live() && self.told_to.is_some_and(|told| told.plus(MINUTE) == candle.open_time) {
            self.told_to = Some(candle.open_time);
        }
        out.push(FeedOutput::Event(Input::Candle(VenueCandle {
            instrument: self.wanted.id,
            candle,
            state: CandleState::Final,
            source,
        })));
    }

    /// Gives out candles of the venue's history, oldest first: at most the newest `most`, and only those that may have
    /// been missed since the last break.
    ///
    /// Nobody heard the minute that runs from its start, and what the stream tells of it may be lost: when it is over, it
    /// is asked for too. Some venues leave out minutes in which nothing traded: one between two others is known to be such,
    /// one behind the last may be, so it is asked for until there is another.
    pub(crate) fn history(
        &mut self,
        at: Timestamp,
        clock: &VenueClock,
        candles: &[Candle],
        most: u16,
        out: &mut Vec<FeedOutput>,
    ) {
        let last = candles.iter().map(|candle| candle.open_time).max();
        let minute = clock.now(at).plus(HEARD_AFTER).floor_to(NS_PER_MIN);
        if !std::mem::take(&mut self.is_history_again) {
            self.history_agains = 0;
            self.history_again_at = Some(clock.when(minute.plus(SETTLED_AFTER)));
        } else if last < Some(minute.minus(MINUTE)) && self.history_agains < AGAINS_MAX {
            self.history_agains += 1;
            self.history_again_at = Some(at.plus(MINUTE));
        }
        let missed = with_quiet_minutes(candles);
        let missed = missed.filter(|(candle, _)| self.complete_to.is_none_or(|known| candle.open_time > known));
        let surplus = missed.clone().count().saturating_sub(usize::from(most));
        for (candle, source) in missed.skip(surplus).collect::<Vec<_>>() {
            self.final_candle(candle, source, out);
        }
        self.has_history = true;
        self.history_answered_at = Some(at);
        self.complete_to = self.complete_to.max(last);
        self.told_to = self.told_to.max(last);
    }

    /// Minutes of history that may have been missed before `at`; `None` when all of it is wanted.
    pub(crate) fn missed_minutes(&self, at: Timestamp) -> Option<u64> {
        self.complete_to.map(|known| at.since(known).as_secs() / 60)
    }

    /// The connection broke: what comes next may have a hole before it. The next one begins with the history.
    pub(crate) fn disconnected(&mut self, reason: StaleReason, out: &mut Vec<FeedOutput>) {
        self.publisher.broken(reason, out);
        self.trade_gate.doubt();
        self.repair.forgotten();
        self.tally.reset();
        self.watch.reset();
        self.interrupted();
        self.is_history_wanted = true;
        self.history_answered_at = None;
        self.history_again_at = None;
        self.is_history_again = false;
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

/// Candles, oldest first, and the minutes between them in which nothing traded.
fn with_quiet_minutes(candles: &[Candle]) -> impl Iterator<Item = (Candle, CandleSource)> + Clone + '_ {
    let before = std::iter::once(None).chain(candles.iter().map(Some));
    before.zip(candles).flat_map(|(before, candle)| {
        let quiet = before.into_iter().flat_map(|before| {
            let next = move |candle: &Candle| Some(Candle::flat(candle.open_time.plus(MINUTE), candle.close));
            std::iter::successors(next(before), next)
                .take_while(|flat| flat.open_time < candle.open_time)
                .take(QUIET_MAX)
        });
        quiet.map(|flat| (flat, CandleSource::Filled)).chain([(*candle, CandleSource::Rest)])
    })
}
