//! Fetches candles of the past from one venue and keeps them.
//!
//! ```text
//! History: what is missing ──► feed::backfill (pages, limits, patience) ──► REST ──► History: page by page
//! ```

use std::time::Duration;

use anyhow::Context;
use feed::Limits;
use feed::backfill::{Answered, Backfill, BackfillOutput, Series, Span};
use serde::Serialize;
use store::History;
use tokio::task::JoinSet;
use types::rename::renamed;
use types::{Instrument, Timeframe, Timestamp, Venue};

use crate::clock::Clock;
use crate::venue::{Answer, Bans, Network, Rest};

/// What to fetch from a venue.
pub(crate) struct Job {
    pub(crate) venue: Venue,
    /// REST address without a path.
    pub(crate) rest_base: String,
    pub(crate) network: Network,
    /// A ban outlives the process that got it.
    pub(crate) bans: Bans,
    /// Base and quote, canonical.
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) timeframes: Vec<Timeframe>,
    pub(crate) reach: Reach,
    /// Candles that the venue does not remember are built from its trades.
    pub(crate) from_trades: bool,
    /// The time of the venue.
    pub(crate) clock: Clock,
}

/// How far back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// From this time on.
    Since(Timestamp),
    /// So many candles of each length.
    Candles(u32),
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Fetched {
    venue: String,
    /// Requests made.
    requests: u64,
    /// Seconds it took.
    seconds: f64,
    series: Vec<FetchedSeries>,
    not_listed: Vec<NotListed>,
}

#[derive(Debug, Serialize)]
struct FetchedSeries {
    symbol: String,
    timeframe: Timeframe,
    from_ms: i64,
    to_ms: i64,
    /// Intervals wanted, and those of them that were kept before.
    wanted: i64,
    had: i64,
    /// Candles that came now.
    candles: u64,
    given_up: Vec<GivenUp>,
}

#[derive(Debug, Serialize)]
struct GivenUp {
    from_ms: i64,
    to_ms: i64,
    reason: String,
}

#[derive(Debug, Serialize)]
struct NotListed {
    pair: String,
    /// The pair that was fetched instead, after a change of name.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<String>,
}

impl Fetched {
    /// True when something that was wanted of a listed pair could not be had.
    pub(crate) fn has_holes(&self) -> bool {
        self.series.iter().any(|series| !series.given_up.is_empty())
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for series in &self.series {
            let FetchedSeries { symbol, timeframe, wanted, had, candles, given_up, .. } = series;
            let name = format!("{} {symbol} {}", self.venue, timeframe.name());
            lines.push(format!("{name}: {candles} candles fetched, {had} of {wanted} intervals were there"));
            for GivenUp { from_ms, to_ms, reason } in given_up {
                let [from, to] = [from_ms, to_ms].map(|ms| Timestamp::from_millis(*ms));
                lines.push(format!("{name}: nothing from {from} to {to}: {reason}"));
            }
        }
        for NotListed { pair, instead } in &self.not_listed {
            lines.push(match instead {
                Some(instead) => format!("{}: {pair} is called {instead} now", self.venue),
                None => format!("{}: {pair} is not listed", self.venue),
            });
        }
        lines.push(format!("{}: {} requests in {:.1} s", self.venue, self.requests, self.seconds));
        lines
    }
}

/// Fetches what is missing; `progress` hears how many intervals are settled and how many are wanted. What came before an
/// error is kept.
pub(crate) async fn run(job: &Job, history: &History, mut progress: impl FnMut(u64, u64)) -> anyhow::Result<Fetched> {
    let began = job.clock.now();
    let rest = Rest::new(&job.network, &job.rest_base)?;
    let mut backfill = Backfill::new(job.venue, Limits::of(job.venue), job.bans.end(job.venue));
    if job.from_trades {
        backfill.build_from_trades();
    }
    let mut work = Work { job, history, kept: Vec::new(), fetched: Fetched::nothing(job.venue), settled: 0, total: 0 };
    let mut requests: JoinSet<Answer> = JoinSet::new();
    let mut out = Vec::new();
    loop {
        backfill.poll(job.clock.now(), &mut out);
        while !out.is_empty() {
            for output in std::mem::take(&mut out) {
                match output {
                    BackfillOutput::Request(request) => {
                        work.fetched.requests += 1;
                        requests.spawn(rest.ask(request));
                    }
                    BackfillOutput::Instruments(instruments) => work.begin(&instruments, &mut backfill, &mut out)?,
                    BackfillOutput::Page { series, covered, candles } => work.keep(series, covered, &candles)?,
                    BackfillOutput::GivenUp { series, span, reason } => work.give_up(series, span, reason),
                    BackfillOutput::NoRules { reason } => {
                        anyhow::bail!("{}: cannot learn what {} lists: {reason}", job.rest_base, job.venue)
                    }
                }
            }
        }
        if let Some(until) = backfill.blocked_until() {
            job.bans.note(job.venue, until);
        }
        progress(work.settled, work.total);
        if backfill.is_done() {
            work.fetched.seconds = job.clock.now().since(began).as_secs_f64();
            return Ok(work.fetched);
        }
        let wait = backfill.deadline().map_or(Duration::from_secs(1), |at| at.since(job.clock.now()));
        tokio::select! {
            Some(answer) = requests.join_next(), if !requests.is_empty() => {
                let answer = answer.context("a request ended early")?;
                let at = job.clock.now();
                match answer.outcome() {
                    Some((status, retry_after, body)) => {
                        let answered = Answered { request: answer.id(), status, retry_after, body };
                        backfill.answered(at, answered, &mut out);
                    }
                    None => backfill.failed(at, answer.id(), &mut out),
                }
            }
            () = tokio::time::sleep(job.clock.real(wait)) => {}
        }
    }
}

/// What is known while it goes on.
struct Work<'a> {
    job: &'a Job,
    history: &'a History,
    /// By the number of the series.
    kept: Vec<(store::history::Series, Instrument)>,
    fetched: Fetched,
    settled: u64,
    total: u64,
}

impl Work<'_> {
    /// The venue's instruments are known: finds the pairs among them and wants what is missing.
    fn begin(
        &mut self,
        listed: &[Instrument],
        backfill: &mut Backfill,
        out: &mut Vec<BackfillOutput>,
    ) -> anyhow::Result<()> {
        let find = |base: &str, quote: &str| listed.iter().find(|i| i.base == base && i.quote == quote);
        for (base, quote) in &self.job.pairs {
            let now_called = renamed(base).map(|rename| rename.new);
            let found = find(base, quote).or_else(|| find(now_called?, quote));
            if found.is_none_or(|instrument| instrument.base != *base) {
                let instead = found.map(|instrument| format!("{}/{quote}", instrument.base));
                self.fetched.not_listed.push(NotListed { pair: format!("{base}/{quote}"), instead });
            }
            if let Some(instrument) = found {
                for timeframe in &self.job.timeframes {
                    self.want(instrument, *timeframe, backfill, out)?;
                }
            }
        }
        Ok(())
    }

    fn want(
        &mut self,
        instrument: &Instrument,
        timeframe: Timeframe,
        backfill: &mut Backfill,
        out: &mut Vec<BackfillOutput>,
    ) -> anyhow::Result<()> {
        let step = timeframe.nanos();
        let now = self.job.clock.now();
        let end = now.floor_to(step);
        let start = match self.job.reach {
            Reach::Since(since) => since.floor_to(step),
            Reach::Candles(count) => Timestamp::from_nanos(end.as_nanos() - i64::from(count) * step),
        };
        let series = store::history::Series {
            source: self.job.venue.slug().to_owned(),
            symbol: instrument.symbol.clone(),
            timeframe,
        };
        let missing: Vec<Span> = self.history.missing(&series, start..end)?.into_iter().map(span).collect();
        let intervals = |span: &Span| (span.to.as_nanos() - span.from.as_nanos()) / step;
        let (wanted, lacking) = (intervals(&span(start..end)), missing.iter().map(intervals).sum::<i64>());
        self.total += lacking.unsigned_abs();
        self.fetched.series.push(FetchedSeries {
            symbol: instrument.symbol.clone(),
            timeframe,
            from_ms: start.as_millis(),
            to_ms: end.as_millis(),
            wanted,
            had: wanted - lacking,
            candles: 0,
            given_up: Vec::new(),
        });
        self.kept.push((series, instrument.clone()));
        backfill.want(now, Series { instrument: instrument.clone(), timeframe }, &missing, out);
        Ok(())
    }

    fn keep(&mut self, number: usize, covered: Span, candles: &[types::Candle]) -> anyhow::Result<()> {
        let (series, instrument) = &self.kept[number];
        self.history.keep(series, instrument.scale, covered.from..covered.to, candles)?;
        self.fetched.series[number].candles += candles.len() as u64;
        self.settle(number, covered);
        Ok(())
    }

    fn give_up(&mut self, number: usize, span: Span, reason: String) {
        self.settle(number, span);
        let (from_ms, to_ms) = (span.from.as_millis(), span.to.as_millis());
        self.fetched.series[number].given_up.push(GivenUp { from_ms, to_ms, reason });
    }

    fn settle(&mut self, number: usize, span: Span) {
        let step = self.kept[number].0.timeframe.nanos();
        self.settled += ((span.to.as_nanos() - span.from.as_nanos()) / step).unsigned_abs();
    }
}

impl Fetched {
    fn nothing(venue: Venue) -> Self {
        Self { venue: venue.slug().to_owned(), requests: 0, seconds: 0.0, series: Vec::new(), not_listed: Vec::new() }
    }
}

fn span(range: std::ops::Range<Timestamp>) -> Span {
    Span { from: range.start, to: range.end }
}
