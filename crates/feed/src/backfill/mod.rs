//! Candles of the past, by REST, within a venue's limits.
//!
//! ```text
//! poll ─> rules of all instruments ─> Instruments ─> want(series, what is missing) ...
//!                                                       poll ─> a page a request ─> Page ... ─> is_done
//! ```
//!
//! What is missing is the caller's knowledge: it asks for nothing that it has. Each page tells the span that it answers for,
//! so that a caller which keeps pages as they come goes on after a break where it stopped.

mod built;
mod venue;

use std::collections::VecDeque;
use std::time::Duration;

use types::{Candle, Instrument, Timeframe, Timestamp, Venue};

use crate::io::{Priority, Request, RequestId};
use crate::limiter::{Limiter, Limits};
use crate::session::{Call, Retry};
use built::{Built, Completed};
use venue::Unusable;

/// Times that a page is tried.
const TRIES: u32 = 6;
/// A request without an answer for so long is given up.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Open times from the first up to, and without, the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first one.
    pub from: Timestamp,
    /// Behind the last one.
    pub to: Timestamp,
}

impl Span {
    /// True when nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

/// Candles of one instrument and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Whose, as the venue's rules tell it.
    pub instrument: Instrument,
    /// Their length.
    pub timeframe: Timeframe,
}

/// What a [`Backfill`] wants done, or has found.
#[derive(Clone, Debug, PartialEq)]
pub enum BackfillOutput {
    /// Make this request and hand in the answer.
    Request(Request),
    /// All instruments that the venue lists and whose rules can be read, each with the number 0: once.
    Instruments(Vec<Instrument>),
    /// Closed candles, oldest first.
    Page {
        /// Whose: as numbered by [`Backfill::want`].
        series: usize,
        /// For which open times the venue has answered. What is absent in it did not trade, or is older than the venue's
        /// memory.
        covered: Span,
        /// What it has there.
        candles: Vec<Candle>,
    },
    /// This part cannot be had.
    GivenUp {
        /// Whose: as numbered by [`Backfill::want`].
        series: usize,
        /// Which part.
        span: Span,
        /// Why not, for people.
        reason: String,
    },
    /// Nothing can be had at all: the rules of the venue's instruments cannot be read.
    NoRules {
        /// Why not, for people.
        reason: String,
    },
}

/// A venue's past as a machine without I/O.
#[derive(Debug)]
pub struct Backfill {
    venue: Venue,
    limiter: Limiter,
    builds_from_trades: bool,
    rules: Rules,
    rules_retry: Retry,
    rules_not_before: Timestamp,
    series: Vec<Fetching>,
    /// Series with something left to ask for, in turn.
    waiting: VecDeque<usize>,
    under_way: Vec<UnderWay>,
    next_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    Wanted,
    Asked,
    Known,
    Unreadable,
}

#[derive(Debug)]
struct Fetching {
    series: Series,
    /// What is still to be asked for, oldest first.
    missing: VecDeque<Missing>,
    retry: Retry,
    not_before: Timestamp,
}

/// A span that is missing, and how it can be had.
#[derive(Debug)]
struct Missing {
    span: Span,
    /// From trades, where the venue has no candles that old.
    built: Option<Built>,
}

#[derive(Debug)]
struct UnderWay {
    id: RequestId,
    /// The series and the span asked for; `None` for the rules.
    page: Option<(usize, Span)>,
    sent_at: Timestamp,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// To which.
    pub request: RequestId,
    /// HTTP status.
    pub status: u16,
    /// How long the venue wants nothing to be asked.
    pub retry_after: Option<Duration>,
    /// The body as received.
    pub body: &'a [u8],
}

impl Backfill {
    /// Nothing asked yet. `blocked_until` is the end of a ban that was spoken before.
    #[must_use]
    pub fn new(venue: Venue, limits: Limits, blocked_until: Option<Timestamp>) -> Self {
        Self {
            venue,
            limiter: Limiter::new(limits, blocked_until),
            builds_from_trades: false,
            rules: Rules::Wanted,
            rules_retry: Retry::refusal(),
            rules_not_before: Timestamp::EPOCH,
            series: Vec::new(),
            waiting: VecDeque::new(),
            under_way: Vec::new(),
            next_id: 1,
        }
    }

    /// From now on, candles that the venue does not remember are built from its trades: many requests for a busy market.
    pub const fn build_from_trades(&mut self) {
        self.builds_from_trades = true;
    }

    /// Wants the open times in `missing` (ascending, whole lengths) of a series; gives its number. What is not over at
    /// `at` is left out. What the venue does not remember is given up at once, unless it may be built from trades.
    pub fn want(&mut self, at: Timestamp, series: Series, missing: &[Span], out: &mut Vec<BackfillOutput>) -> usize {
        let number = self.series.len();
        let step = series.timeframe.nanos();
        let end = at.floor_to(step);
        let reach = venue::reach(self.venue, series.timeframe, end);
        let mut left = VecDeque::new();
        for span in missing {
            let span = Span { from: span.from, to: span.to.min(end) };
            let reachable = Span { from: span.from.max(reach.unwrap_or(span.from)), to: span.to };
            let lost = Span { from: span.from, to: reachable.from.min(span.to) };
            if !lost.is_empty() && self.builds_from_trades {
                left.push_back(Missing { span: lost, built: Some(Built::new(series.timeframe, lost)) });
            } else if !lost.is_empty() {
                let reason = format!("{} remembers only the newest {} candles", self.venue, venue::REMEMBERED);
                out.push(BackfillOutput::GivenUp { series: number, span: lost, reason });
            }
            if !reachable.is_empty() {
                left.push_back(Missing { span: reachable, built: None });
            }
        }
        if !left.is_empty() {
            self.waiting.push_back(number);
        }
        self.series.push(Fetching { series, missing: left, retry: Retry::refusal(), not_before: Timestamp::EPOCH });
        number
    }

    /// Makes the requests whose time has come, and gives up those without an answer.
    pub fn poll(&mut self, at: Timestamp, out: &mut Vec<BackfillOutput>) {
        while let Some(index) = self.under_way.iter().position(|flying| flying.sent_at.plus(TIMEOUT) <= at) {
            let UnderWay { page, .. } = self.under_way.swap_remove(index);
            self.try_again(at, page, "no answer in time".to_owned(), true, out);
        }
        let call = venue::rules(self.venue);
        if self.rules == Rules::Wanted && at >= self.rules_at(call.weight) {
            self.rules = Rules::Asked;
            self.send(at, call, None, out);
        }
        while self.under_way.len() < self.limiter.limits().concurrent {
            let Some(position) = self.waiting.iter().position(|number| self.series[*number].not_before <= at) else {
                return;
            };
            let number = self.waiting[position];
            let fetching = &self.series[number];
            let missing = fetching.missing.front().expect("a series waits while something is missing");
            let (page, call) = match &missing.built {
                Some(built) => (missing.span, venue::trades(&fetching.series, built.since_ns())),
                None => {
                    let page = venue::first_page(self.venue, fetching.series.timeframe, missing.span);
                    (page, venue::candles(self.venue, &fetching.series, page))
                }
            };
            if at < self.limiter.request_at(call.weight) {
                return;
            }
            self.waiting.remove(position);
            self.send(at, call, Some((number, page)), out);
        }
    }

    /// When [`Backfill::poll`] is wanted next.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let timeouts = self.under_way.iter().map(|flying| flying.sent_at.plus(TIMEOUT));
        let can_send = self.under_way.len() < self.limiter.limits().concurrent;
        let waiting = self.waiting.iter().map(|number| self.series[*number].not_before).min();
        let next = match self.rules {
            Rules::Wanted => Some(self.rules_at(venue::rules(self.venue).weight)),
            _ => waiting.filter(|_| can_send).map(|time| time.max(self.limiter.request_at(venue::weight(self.venue)))),
        };
        timeouts.chain(next).min()
    }

    /// True when there is nothing left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let has_rules = matches!(self.rules, Rules::Known | Rules::Unreadable);
        has_rules && self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Until when the venue wanted nothing to be asked, as last said; it may be past.
    #[must_use]
    pub const fn blocked_until(&self) -> Option<Timestamp> {
        self.limiter.blocked_until()
    }

    /// A request was answered.
    pub fn answered(&mut self, at: Timestamp, answer: Answered<'_>, out: &mut Vec<BackfillOutput>) {
        let Some(UnderWay { page, .. }) = self.take(answer.request) else { return };
        self.limiter.answered(at, answer.status, answer.retry_after);
        if answer.status != 200 {
            let is_retryable = matches!(answer.status, 403 | 408 | 418 | 429 | 500..);
            self.try_again(at, page, format!("HTTP status {}", answer.status), is_retryable, out);
            return;
        }
        let result = match page {
            None => venue::read_rules(self.venue, answer.body).map(|rules| {
                if let Some(weight) = rules.weight {
                    // As the box itself: the other half is for others in the same home.
                    self.limiter.allow((weight / 2).max(1));
                }
                self.rules = Rules::Known;
                out.push(BackfillOutput::Instruments(rules.instruments));
            }),
            Some((number, span)) => {
                self.read_page(at, number, span, answer.body).map(|Completed { covered, candles }| {
                    if !covered.is_empty() {
                        out.push(BackfillOutput::Page { series: number, covered, candles });
                    }
                    self.advance(number, covered);
                })
            }
        };
        if let Err(refused) = result {
            if refused.is_rate_limit {
                self.limiter.too_fast(at);
            }
            self.try_again(at, page, refused.reason, refused.is_retryable, out);
        }
        self.poll(at, out);
    }

    fn read_page(&mut self, at: Timestamp, number: usize, span: Span, body: &[u8]) -> Result<Completed, Unusable> {
        let Fetching { series, missing, .. } = &mut self.series[number];
        match missing.front_mut().and_then(|missing| missing.built.as_mut()) {
            Some(built) => {
                let (trades, next) = venue::read_trades(series, body)?;
                built.page(&trades, next, venue::TRADES_MAX).ok_or_else(|| Unusable {
                    reason: format!("more than {} trades in one moment", venue::TRADES_MAX),
                    is_retryable: false,
                    is_rate_limit: false,
                })
            }
            None => {
                let candles = venue::read_candles(self.venue, series, span, at, body)?;
                Ok(Completed { covered: span, candles })
            }
        }
    }

    /// A request got no answer.
    pub fn failed(&mut self, at: Timestamp, request: RequestId, out: &mut Vec<BackfillOutput>) {
        if let Some(UnderWay { page, .. }) = self.take(request) {
            self.try_again(at, page, "no answer".to_owned(), true, out);
        }
    }

    fn rules_at(&self, weight: u32) -> Timestamp {
        self.limiter.request_at(weight).max(self.rules_not_before)
    }

    fn send(&mut self, at: Timestamp, call: Call, page: Option<(usize, Span)>, out: &mut Vec<BackfillOutput>) {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.limiter.spend(at, call.weight);
        self.under_way.push(UnderWay { id, page, sent_at: at });
        let Call { method, path, weight } = call;
        out.push(BackfillOutput::Request(Request { id, method, path, weight, priority: Priority::History }));
    }

    fn take(&mut self, id: RequestId) -> Option<UnderWay> {
        let index = self.under_way.iter().position(|flying| flying.id == id)?;
        Some(self.under_way.swap_remove(index))
    }

    /// The series has its answer for `span`, the beginning of what it misses.
    fn advance(&mut self, number: usize, span: Span) {
        let fetching = &mut self.series[number];
        fetching.retry.reset();
        if let Some(first) = fetching.missing.front_mut() {
            first.span.from = span.to;
            if first.span.is_empty() {
                fetching.missing.pop_front();
            }
        }
        if !fetching.missing.is_empty() {
            self.waiting.push_back(number);
        }
    }

    fn try_again(
        &mut self,
        at: Timestamp,
        page: Option<(usize, Span)>,
        reason: String,
        is_retryable: bool,
        out: &mut Vec<BackfillOutput>,
    ) {
        let Some((number, span)) = page else {
            self.rules_not_before = self.rules_retry.failed(at);
            if is_retryable && self.rules_retry.failures() < TRIES {
                self.rules = Rules::Wanted;
            } else {
                self.rules = Rules::Unreadable;
                out.push(BackfillOutput::NoRules { reason });
            }
            return;
        };
        let fetching = &mut self.series[number];
        fetching.not_before = fetching.retry.failed(at);
        if is_retryable && fetching.retry.failures() < TRIES {
            self.waiting.push_back(number);
        } else {
            out.push(BackfillOutput::GivenUp { series: number, span, reason });
            self.advance(number, span);
        }
    }
}
