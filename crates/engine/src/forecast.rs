//! Questions to the models, their answers, and how they turned out.
//!
//! ```text
//! closed minute ──window complete, book proven──► Effect::Infer ──► asked
//! Input::Answer ──asked, this model, sound──► Record::Forecast, pending ──target minute closes──► Record::Score
//! ```
//!
//! Several models sit side by side: of the active ones the first that tells a horizon leads it, and what it says is acted on; shadows are
//! sealed and scored like it. A model of longer candles is asked when one of them is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::effect::{Base, ForecastRecord, InferRequest, QUANTILES, Record, ScoreRecord};
use types::input::{Answer, Decision, HorizonAnswer, ModelRole, ModelSeat, ModelSpec};
use types::time::NS_PER_MIN;
use types::{Candle, Effect, Effects, InstrumentId, Timeframe, Timestamp};

use crate::feature::{self, DEFINITIONS, Long, Needs};
use crate::market::{Market, Moment};
use crate::rejection::Rejection;
use crate::seal::Chain;
use crate::skill::{Pending, ScoreBook, SkillReport, Widths, evaluate};

/// Largest share of the equity that a model may want to put in.
const SIZE_MAX: f32 = 0.25;
/// Most models at once.
pub const MODELS_MAX: usize = 6;
/// Most features of a model.
pub const FEATURES_MAX: usize = 256;
/// Most rows in a model's window.
pub const ROWS_MAX: u16 = 1_440;
/// Most horizons of a model.
pub const HORIZONS_MAX: usize = 8;
/// Longest horizon, minutes: a week.
pub const HORIZON_MAX_MIN: u16 = 7 * 1_440;

/// Why there is no newer forecast just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No model is loaded.
    NoModel,
    /// The model was trained on other features and is not asked.
    ModelRefused,
    /// The book does not hold.
    BookNotProven,
    /// Not enough minutes without a gap.
    WindowIncomplete,
    /// The model was asked and has not answered.
    Waiting,
}

/// A model in its seat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seated {
    seat: ModelSeat,
    /// False for a model whose features are not ours.
    is_usable: bool,
    asked: BTreeMap<InstrumentId, Timestamp>,
}

impl Seated {
    fn answers_for(&self, instrument: InstrumentId) -> bool {
        self.is_usable && self.seat.covers(instrument)
    }

    fn is_active(&self) -> bool {
        self.seat.role == ModelRole::Active
    }
}

/// What a model said and how that turned out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Track {
    newest: BTreeMap<(InstrumentId, u16), ForecastRecord>,
    decisions: BTreeMap<InstrumentId, (Timestamp, Decision)>,
    scores: ScoreBook,
}

/// The models, what they were asked, what they said, and their records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forecasts {
    seats: Vec<Seated>,
    /// By model; outlive a restart.
    tracks: BTreeMap<String, Track>,
    pending: Pending,
    chain: Chain,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    due: Vec<(ScoreRecord, Option<Widths>)>,
}

impl Forecasts {
    /// These models answer from now on. One whose description makes no sense is not among them; one with a wrong fingerprint is kept to
    /// be shown and not asked. Both are told to `refused`. Records of models that are gone are forgotten, unless all are.
    pub(crate) fn set_models(&mut self, seats: &[ModelSeat], mut refused: impl FnMut(&ModelSpec, Rejection)) {
        self.seats.clear();
        for seat in seats {
            let is_twin = self.seats.iter().any(|other| other.seat.spec.id == seat.spec.id);
            if self.seats.len() == MODELS_MAX || is_twin || check(&seat.spec, seat.timeframe).is_err() {
                refused(&seat.spec, Rejection::ModelInvalid);
                continue;
            }
            let ours = feature::fingerprint(&seat.spec.features);
            let is_usable = ours.ok().as_deref() == Some(seat.spec.fingerprint.as_str());
            if !is_usable {
                refused(&seat.spec, Rejection::ModelFingerprint);
            }
            self.seats.push(Seated { seat: seat.clone(), is_usable, asked: BTreeMap::new() });
        }
        if self.seats.iter().any(|seated| seated.is_usable) {
            let seats = &self.seats;
            self.tracks.retain(|id, _| seats.iter().any(|seated| seated.seat.spec.id == *id));
        }
    }

    /// The models, and whether each may be asked.
    pub(crate) fn seats(&self) -> impl Iterator<Item = (&ModelSeat, bool)> {
        self.seats.iter().map(|seated| (&seated.seat, seated.is_usable))
    }

    /// The active model that tells a horizon for an instrument.
    pub(crate) fn lead(&self, instrument: InstrumentId, horizon_min: u16) -> Option<&ModelSeat> {
        let tells = |seated: &&Seated| {
            seated.is_active() && seated.answers_for(instrument) && seated.seat.spec.horizons_min.contains(&horizon_min)
        };
        self.seats.iter().find(tells).map(|seated| &seated.seat)
    }

    /// Tells a market's features what the models want to see.
    pub(crate) fn prepare(&self, market: &mut Market) {
        market.live.clear_models();
        market.longs.values_mut().for_each(Long::clear_models);
        for (place, Seated { seat, .. }) in self.asked_for(market.instrument.id) {
            let ModelSpec { features, rows, .. } = &seat.spec;
            match seat.timeframe {
                Timeframe::M1 => market.live.set_model(place, features, *rows),
                longer => {
                    let long = market.longs.entry(longer).or_insert_with(|| Long::new(longer));
                    long.set_model(place, features, *rows)
                }
            }
            .expect("a usable model's features were found in the table");
        }
        market.longs.retain(|timeframe, _| {
            self.asked_for(market.instrument.id).any(|(_, seated)| seated.seat.timeframe == *timeframe)
        });
    }

    fn asked_for(&self, instrument: InstrumentId) -> impl Iterator<Item = (usize, &Seated)> {
        self.seats.iter().enumerate().filter(move |(_, seated)| seated.answers_for(instrument))
    }

    /// A minute closed: scores what is due.
    pub(crate) fn score(&mut self, market: &Market, open_time: Timestamp, effects: &mut Effects) {
        let quote = market.series().get(open_time).and_then(|entry| entry.quote);
        self.pending.resolve(market.instrument.id, open_time, quote, &mut self.due);
        for (score, shown) in self.due.drain(..) {
            if let Some(track) = self.tracks.get_mut(&score.model) {
                track.scores.push(&score, shown);
            }
            effects.record(Record::Score(score));
        }
    }

    /// The newest minute closed: asks the models that can be asked. What was asked before is too late from now on.
    pub(crate) fn ask(&mut self, market: &Market, candle: &Candle, moment: Moment, effects: &mut Effects) {
        let (instrument, open_time) = (market.instrument.id, candle.open_time);
        for seated in &mut self.seats {
            seated.asked.remove(&instrument);
        }
        if market.book().quote().is_none() || !moment.is_current(candle) {
            return;
        }
        for (place, seated) in self.seats.iter_mut().enumerate() {
            if !seated.answers_for(instrument) {
                continue;
            }
            if let Some(window) = window(market, place, seated.seat.timeframe, open_time) {
                seated.asked.insert(instrument, open_time);
                let model = seated.seat.spec.id.clone();
                effects.push(Effect::Infer(InferRequest { instrument, open_time, model, window }));
            }
        }
    }

    /// A model answered. Gives the horizons that are acted on as records, after keeping all of them.
    ///
    /// # Errors
    /// Why the answer is not used.
    pub(crate) fn answer(
        &mut self,
        market: &Market,
        answer: &Answer,
        at: Timestamp,
        effects: &mut Effects,
    ) -> Result<Vec<ForecastRecord>, Rejection> {
        let instrument = market.instrument.id;
        let is_asked = |seated: &&mut Seated| seated.is_usable && seated.seat.spec.id == answer.model;
        let seated = self.seats.iter_mut().find(is_asked).ok_or(Rejection::PredictionModel)?;
        let newest = market.series().last();
        let quote = match newest.map(|last| (last.candle.open_time, last.quote)) {
            Some((_, Some(quote))) if seated.asked.get(&instrument) == Some(&answer.open_time) => quote,
            Some((newest, _)) if answer.open_time < newest => return Err(Rejection::PredictionLate),
            _ => return Err(Rejection::PredictionUnasked),
        };
        seated.asked.remove(&instrument);
        check_answer(&seated.seat.spec, answer)?;
        let step_min = seated.seat.timeframe.minutes() as u16;
        let (open_time, model, base) = (answer.open_time, &answer.model, Base::Quote(quote));
        let record = |horizon: &HorizonAnswer| ForecastRecord {
            instrument,
            open_time,
            model: model.clone(),
            horizon_min: horizon.horizon_min,
            base,
            log_return: horizon.log_return,
            p_up: horizon.p_up,
            quantiles: horizon.quantiles.clone(),
        };
        let mut made: Vec<ForecastRecord> = answer.horizons.iter().map(record).collect();
        let track = self.tracks.entry(model.clone()).or_insert_with(|| Track::new(step_min));
        for forecast in &made {
            track.newest.insert((instrument, forecast.horizon_min), forecast.clone());
            let shown = track.scores.widths(instrument, forecast.horizon_min);
            self.pending.push(forecast.clone(), shown);
            effects.record(Record::Forecast(forecast.clone()));
        }
        if let Some(decision) = answer.decision {
            track.decisions.insert(instrument, (open_time, decision));
        }
        if let Some(seal) = self.chain.seal(at, &market.instrument, &made) {
            effects.record(Record::Seal(seal));
        }
        made.retain(|made| self.lead(instrument, made.horizon_min).is_some_and(|lead| lead.spec.id == made.model));
        Ok(made)
    }

    /// Goes on with the chain that another version of the program left.
    pub(crate) const fn resume(&mut self, chain: Chain) {
        self.chain = chain;
    }

    /// What the features of the model that answered were in the last row it saw; nothing for candles longer than a minute, whose rows
    /// are not kept.
    pub(crate) fn features(&self, market: &Market, answer: &Answer) -> Vec<(String, f32)> {
        let seated = self.seats.iter().find(|seated| seated.seat.spec.id == answer.model);
        let row = market.row().filter(|(open_time, _)| *open_time == answer.open_time).map(|(_, row)| row);
        let (Some(seated), Some(row)) = (seated.filter(|it| it.seat.timeframe == Timeframe::M1), row) else {
            return Vec::new();
        };
        let names = &seated.seat.spec.features;
        let columns = feature::columns_of(names).unwrap_or_default();
        let values =
            names.iter().zip(columns).filter_map(|(name, column)| Some((name.clone(), row.get(column)? as f32)));
        values.collect()
    }

    /// Length of the candles of a seated model.
    pub(crate) fn timeframe(&self, model: &str) -> Option<Timeframe> {
        self.seats.iter().find(|seated| seated.seat.spec.id == model).map(|seated| seated.seat.timeframe)
    }

    pub(crate) fn newest(&self, instrument: InstrumentId, horizon_min: u16) -> Option<&ForecastRecord> {
        self.leading(instrument, horizon_min)?.newest.get(&(instrument, horizon_min))
    }

    pub(crate) fn decision(&self, model: &str, instrument: InstrumentId) -> Option<(Timestamp, Decision)> {
        self.tracks.get(model)?.decisions.get(&instrument).copied()
    }

    pub(crate) fn report(&self, instrument: InstrumentId, horizon_min: u16) -> SkillReport {
        let scores = self.scores(instrument, horizon_min);
        scores.map_or_else(|| evaluate(&[], horizon_min), |scores| scores.report(instrument, horizon_min))
    }

    /// The record of the model that leads at a horizon.
    pub(crate) fn scores(&self, instrument: InstrumentId, horizon_min: u16) -> Option<&ScoreBook> {
        Some(&self.leading(instrument, horizon_min)?.scores)
    }

    /// The record of a model.
    pub(crate) fn scores_of(&self, model: &str) -> Option<&ScoreBook> {
        Some(&self.tracks.get(model)?.scores)
    }

    fn leading(&self, instrument: InstrumentId, horizon_min: u16) -> Option<&Track> {
        self.tracks.get(&self.lead(instrument, horizon_min)?.spec.id)
    }

    /// Why the first active model has no forecast for its newest candle; `None` when there is one.
    pub(crate) fn missing(&self, market: &Market) -> Option<Missing> {
        let instrument = market.instrument.id;
        let mut active = self.seats.iter().filter(|seated| seated.is_active() && seated.seat.covers(instrument));
        let first = active.clone().next();
        let Some(seated) = active.find(|seated| seated.is_usable) else {
            return Some(if first.is_some() { Missing::ModelRefused } else { Missing::NoModel });
        };
        let ModelSeat { spec, timeframe, .. } = &seated.seat;
        let last = market.series().last().map(|entry| last_minute(*timeframe, entry.candle.open_time));
        let track = self.tracks.get(&spec.id);
        let newest =
            track.zip(spec.horizons_min.first()).and_then(|(track, min)| track.newest.get(&(instrument, *min)));
        if last.is_some() && newest.map(|forecast| forecast.open_time) == last {
            None
        } else if market.book().quote().is_none() {
            Some(Missing::BookNotProven)
        } else if seated.asked.contains_key(&instrument) {
            Some(Missing::Waiting)
        } else {
            Some(Missing::WindowIncomplete)
        }
    }
}

impl Track {
    fn new(step_min: u16) -> Self {
        Self { scores: ScoreBook::new(step_min), ..Self::default() }
    }
}

/// The window of the model in a seat that ends with the minute at `open_time`.
fn window(market: &Market, place: usize, timeframe: Timeframe, open_time: Timestamp) -> Option<Vec<f32>> {
    let (ends, window) = match timeframe {
        Timeframe::M1 => market.live.window(place)?,
        longer => {
            let (candle, window) = market.longs.get(&longer)?.window(place)?;
            (Timestamp::from_nanos(candle.as_nanos() + longer.nanos() - NS_PER_MIN), window)
        }
    };
    (ends == open_time).then_some(window)
}

/// The last minute of the newest candle of a time frame that is over when the minute at `open_time` is.
fn last_minute(timeframe: Timeframe, open_time: Timestamp) -> Timestamp {
    let end = Timestamp::from_nanos(open_time.as_nanos() + NS_PER_MIN).floor_to(timeframe.nanos());
    Timestamp::from_nanos(end.as_nanos() - NS_PER_MIN)
}

/// Whether the engine can ask a model of candles of this length.
///
/// # Errors
/// What keeps it from that.
pub fn check(spec: &ModelSpec, timeframe: Timeframe) -> Result<(), &'static str> {
    let ModelSpec { features, rows, horizons_min: horizons, .. } = spec;
    let step = timeframe.minutes() as u16;
    // Of longer candles nothing else is known.
    let needs_more = |name: &String| {
        let found = DEFINITIONS.iter().find(|definition| definition.name == *name);
        found.is_some_and(|definition| definition.needs != Needs::Candles)
    };
    let ensure = |holds: bool, what| if holds { Ok(()) } else { Err(what) };
    ensure((1..=FEATURES_MAX).contains(&features.len()), "it has no features, or too many")?;
    ensure((1..=ROWS_MAX).contains(rows), "its window has no rows, or too many")?;
    ensure((1..=HORIZONS_MAX).contains(&horizons.len()), "it has no horizons, or too many")?;
    ensure(horizons.windows(2).all(|pair| pair[0] < pair[1]), "its horizons do not rise")?;
    ensure(horizons.iter().all(|min| (1..=HORIZON_MAX_MIN).contains(min)), "it looks further ahead than a week")?;
    ensure(horizons.iter().all(|min| min.is_multiple_of(step)), "its horizons are not multiples of its candles")?;
    let is_known = timeframe == Timeframe::M1 || !features.iter().any(needs_more);
    ensure(is_known, "its features need books or trades, which longer candles do not tell")
}

fn check_answer(spec: &ModelSpec, answer: &Answer) -> Result<(), Rejection> {
    if answer.horizons.is_empty() {
        return Err(Rejection::PredictionFailed);
    }
    let told = answer.horizons.iter().map(|horizon| horizon.horizon_min);
    let rises =
        |q: &[f32]| q.is_empty() || (q.len() == QUANTILES.len() && q.is_sorted() && q.iter().all(|q| q.is_finite()));
    let is_share = |share: f32, most: f32| (0.0..=most).contains(&share);
    let is_sound = |h: &HorizonAnswer| h.log_return.is_finite() && is_share(h.p_up, 1.0) && rises(&h.quantiles);
    let decides = |d: Decision| {
        [d.sell, d.hold, d.buy].iter().all(|p| is_share(*p, 1.0))
            && is_share(d.size, SIZE_MAX)
            && d.risk.is_finite()
            && d.risk >= 0.0
    };
    let is_decided = answer.decision.is_none_or(decides);
    if told.eq(spec.horizons_min.iter().copied()) && answer.horizons.iter().all(is_sound) && is_decided {
        Ok(())
    } else {
        Err(Rejection::PredictionInvalid)
    }
}
