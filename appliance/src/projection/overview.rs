//! The box at a glance.

use std::collections::BTreeMap;

use engine::candle::SERIES_MAX;
use engine::feature::Column;
use engine::forecast::Missing;
use engine::market::Market;
use engine::skill::{SkillReport, Verdict};
use engine::view::View;
use feed::BookState as FeedBook;
use types::effect::Severity;
use types::market::{Proof, StaleReason};
use types::time::NS_PER_MIN;
use types::{InstrumentId, Timestamp};
use wire::BookState;

use super::curve::Curve;
use super::{arbitrage, id, integrity, market, sentence};
use crate::venue::VenueStatus;

/// Closes in the small picture of a forecast card.
const CLOSES_SHOWN: usize = 60;
/// Half of all values of a normal distribution, and nine tenths, lie within so many standard deviations.
const NORMAL_QUANTILES: [f64; 2] = [0.674_490, 1.644_854];
/// Minutes of a day: over how long a change of price is told.
const DAY_MIN: i64 = 1_440;

/// When the overview is made, since when the box runs, and what the lamp shows of which conditions.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) started_at: Timestamp,
    pub(super) lamp: wire::Lamp,
    pub(super) conditions: Vec<wire::Condition>,
}

/// Skill by instrument and horizon, told anew once a minute: it takes a millisecond each.
#[derive(Debug, Default)]
pub(super) struct Skills(BTreeMap<(InstrumentId, u16), (Timestamp, Skill)>);

#[derive(Clone, Debug)]
struct Skill {
    report: SkillReport,
    since: Option<Timestamp>,
    /// Half-widths of the 50 % and the 90 % band, and what they rest on.
    bands: ([Option<f32>; 2], wire::BandSource),
}

impl Skills {
    fn of(&mut self, view: View<'_>, market: &Market, horizon_min: u16) -> Skill {
        let instrument = market.instrument.id;
        let minute = market.series().last().map_or(Timestamp::EPOCH, |entry| entry.candle.open_time);
        let ask = || Skill {
            report: view.skill(instrument, horizon_min),
            since: view.skill_since(instrument, horizon_min),
            bands: bands(view, market, horizon_min),
        };
        let entry = self.0.entry((instrument, horizon_min)).or_insert_with(|| (minute, ask()));
        if entry.0 != minute {
            *entry = (minute, ask());
        }
        entry.1.clone()
    }
}

pub(super) fn build(
    view: View<'_>,
    venues: &[VenueStatus],
    curve: &Curve,
    skills: &mut Skills,
    moment: Moment,
) -> wire::Overview {
    wire::Overview {
        at_ms: moment.now.as_millis(),
        sentence: sentence::state(view, venues, moment.now),
        lamp: moment.lamp,
        conditions: moment.conditions,
        model: view.model().map(|model| model.name.clone()).unwrap_or_default(),
        quotes: view.markets().map(quote).collect(),
        feeds: venues.iter().map(|venue| badge(view, venue, moment.now)).collect(),
        account: account(view, curve),
        forecasts: view.markets().map(|market| forecasts(view, market, skills)).collect(),
        arbitrage: arbitrage::of(view),
        events: view.notices().take(wire::EVENTS_MAX).map(event).collect(),
        uptime_s: moment.now.since(moment.started_at).as_secs(),
    }
}

fn quote(market: &Market) -> wire::Quote {
    let best = market.book().best().map(|(bid, ask)| (bid.price.mantissa(), ask.price.mantissa()));
    let newest = market.series().last().map(|entry| entry.candle.open_time);
    let oldest = newest.and_then(|newest| {
        let since = newest.as_nanos() - DAY_MIN * NS_PER_MIN;
        market.series().entries().find(|entry| entry.candle.open_time.as_nanos() >= since)
    });
    let change = oldest.zip(market.mark()).zip(newest).map(|((oldest, mark), newest)| {
        let (then, now) = (i128::from(oldest.candle.close.mantissa()), i128::from(mark.mantissa()));
        let minutes = (newest.as_nanos() - oldest.candle.open_time.as_nanos()) / NS_PER_MIN;
        wire::Change { ppm: ((now - then) * 1_000_000 / then) as i32, minutes: minutes as u16 }
    });
    const { assert!(SERIES_MAX as i64 >= DAY_MIN, "a day's change needs a day of minutes") };
    wire::Quote { instrument: id(market.instrument.id), state: market::book_state(market.book()), best, change }
}

fn badge(view: View<'_>, venue: &VenueStatus, now: Timestamp) -> wire::FeedBadge {
    let states = venue.feed.instruments.iter().filter(|instrument| instrument.book != FeedBook::NotListed);
    let live = states.clone().filter(|instrument| matches!(instrument.book, FeedBook::Live { .. })).count();
    let worst = states.clone().map(|instrument| book_state(instrument.book)).max_by_key(|state| rank(*state));
    wire::FeedBadge {
        venue: venue.venue.name().to_owned(),
        connected: venue.feed.is_connected,
        books_live: live as u16,
        books: states.count() as u16,
        state: if venue.feed.is_connected { worst.unwrap_or(BookState::Resyncing) } else { BookState::Silent },
        resyncs: venue.feed.instruments.iter().map(|instrument| instrument.counts.resyncs).sum(),
        rejected: venue.feed.rejected.total(),
        age_ms: venue.feed.last_frame_at.map(|at| now.since(at).as_millis().min(u32::MAX.into()) as u32),
        proven_ppm: integrity::proven_ppm(view, venue.venue),
        last_break: integrity::last_break(view, venue.venue),
        clock_ahead_ms: integrity::clock_ahead_ms(view, venue.venue),
    }
}

const fn book_state(book: FeedBook) -> BookState {
    match book {
        FeedBook::Live { proof: Proof::Checksum } => BookState::ProvenChecksum,
        FeedBook::Live { proof: Proof::Sequence } => BookState::ProvenSequence,
        FeedBook::Live { proof: Proof::Compared } => BookState::Compared,
        FeedBook::Resyncing { reason: StaleReason::Silent | StaleReason::Disconnected } => BookState::Silent,
        FeedBook::Waiting | FeedBook::NotListed | FeedBook::Resyncing { .. } => BookState::Resyncing,
    }
}

/// Worse states are higher.
const fn rank(state: BookState) -> u8 {
    match state {
        BookState::ProvenChecksum | BookState::ProvenSequence => 0,
        BookState::Compared => 1,
        BookState::Resyncing => 2,
        BookState::Silent => 3,
    }
}

fn account(view: View<'_>, curve: &Curve) -> wire::Account {
    let portfolio = view.portfolio();
    let (day, risk) = (portfolio.day(), &view.settings().risk);
    wire::Account {
        equity: portfolio.equity().0,
        start: portfolio.start().0,
        today: portfolio.equity().saturating_sub(day.equity_start).0,
        trades_today: day.trades,
        fees_today: day.fees.0,
        drawdown_ppm: portfolio.drawdown_ppm(),
        drawdown_max_ppm: risk.drawdown_max_ppm,
        daily_loss_ppm: portfolio.day_loss_ppm(),
        daily_loss_max_ppm: risk.daily_loss_max_ppm,
        breaker_open: portfolio.is_breaker_open(),
        trading: view.is_trading(),
        positions: view
            .positions()
            .map(|position| wire::PositionRow {
                instrument: id(position.instrument.id),
                qty: i64::try_from(position.qty.0).unwrap_or(i64::MAX),
                entry: position.entry.map_or(0, types::Price::mantissa),
                pnl: position.pnl.0,
            })
            .collect(),
        curve: curve.thinned(),
    }
}

fn forecasts(view: View<'_>, market: &Market, skills: &mut Skills) -> wire::Forecasts {
    let instrument = market.instrument.id;
    let missing = view.forecast_missing(instrument);
    let horizons = view.horizons(instrument);
    let closes = market.series().entries().rev().take(CLOSES_SHOWN).map(|entry| entry.candle.close.mantissa());
    let mut closes: Vec<i64> = closes.collect();
    closes.reverse();
    wire::Forecasts {
        instrument: id(instrument),
        missing: missing.map(why_missing).unwrap_or_default().to_owned(),
        horizons: horizons.iter().map(|horizon| card(view, market, skills, *horizon)).collect(),
        closes,
    }
}

const fn why_missing(missing: Missing) -> &'static str {
    match missing {
        Missing::NoModel => "No model is loaded.",
        Missing::ModelRefused => "The model was trained on other features than this box computes, so it is not asked.",
        Missing::BookNotProven => "The book does not hold just now, so the model is not asked.",
        Missing::WindowIncomplete => "Waiting for enough minutes without a gap.",
        Missing::Waiting => "The model is thinking.",
    }
}

fn card(view: View<'_>, market: &Market, skills: &mut Skills, horizon_min: u16) -> wire::HorizonCard {
    let Skill { report, since, bands: ([band_50, band_90], bands_from) } = skills.of(view, market, horizon_min);
    let newest = market.series().last().map(|entry| entry.candle.open_time);
    let forecast = view.forecast(market.instrument.id, horizon_min).filter(|forecast| {
        // The candle that just closed may wait for its answer; anything older is out of date.
        let lead = view.lead(market.instrument.id, horizon_min);
        let age_max = lead.map_or(NS_PER_MIN, |lead| lead.timeframe.nanos());
        newest.is_some_and(|newest| newest.as_nanos() - forecast.open_time.as_nanos() <= age_max)
    });
    wire::HorizonCard {
        horizon_min,
        forecast: forecast.map(|forecast| wire::ForecastPoint {
            open_time_ms: forecast.open_time.as_millis(),
            price: (forecast.base.doubled() / 2) as i64,
            log_return: forecast.log_return,
            p_up: forecast.p_up,
            band_50,
            band_90,
            bands_from,
        }),
        scored: report.n as u32,
        since_ms: since.map(Timestamp::as_millis),
        skill: report.skill.map(|skill| skill as f32),
        interval: report.skill_lo.zip(report.skill_hi).map(|(lo, hi)| (lo as f32, hi as f32)),
        verdict: match report.verdict {
            Verdict::Worse => wire::Verdict::Worse,
            Verdict::NotProven => wire::Verdict::NotProven,
            Verdict::Better => wire::Verdict::Better,
        },
    }
}

/// Bands of the model's own past errors; until there are enough, of a walk without drift at the last hour's volatility.
fn bands(view: View<'_>, market: &Market, horizon_min: u16) -> ([Option<f32>; 2], wire::BandSource) {
    let instrument = market.instrument.id;
    if let Some(widths) = view.scores(instrument, horizon_min).and_then(|scores| scores.widths(instrument, horizon_min))
    {
        return (widths.map(Some), wire::BandSource::Errors);
    }
    let minute = market.row().and_then(|(_, row)| row.get(Column::Volatility60));
    let by_volatility = NORMAL_QUANTILES.map(|z| minute.map(|sd| (z * sd * f64::from(horizon_min).sqrt()) as f32));
    (by_volatility, wire::BandSource::Volatility)
}

fn event(notice: &types::effect::Notice) -> wire::Event {
    wire::Event {
        at_ms: notice.at.as_millis(),
        severity: match notice.severity {
            Severity::Info => 0,
            Severity::Warning => 1,
            Severity::Alarm => 2,
        },
        text: notice.text.clone(),
    }
}
