//! One engine with one set of settings over one source.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use engine::Engine;
use engine::feature::{Needs, columns_of};
use serde::Serialize;
use sha2::{Digest, Sha256};
use types::effect::InferRequest;
use types::input::{Answer, ModelSeat};
use types::settings::{EngineSettings, Rule};
use types::{Effect, Effects, Fill, Input, Order, Record, Stamped, Timestamp};

use crate::gather::Gatherer;
use crate::source::DECIDED_WITHIN;
use crate::{AccountOutcome, BacktestError, Result, Source};

/// Answers what the engine asks: a model, or what stands in for one.
pub trait Answerer {
    /// The answer to one question; `None` for none, as when a model fails.
    ///
    /// # Errors
    /// When nothing can be answered any more: the trial ends with that.
    fn answer(&mut self, request: &InferRequest) -> Result<Option<Answer>>;
}

impl<F: FnMut(&InferRequest) -> Option<Answer>> Answerer for F {
    fn answer(&mut self, request: &InferRequest) -> Result<Option<Answer>> {
        Ok(self(request))
    }
}

/// Makes an answerer for a source: each trial has its own, and [`peek`](crate::peek) makes one from a source without a
/// future.
pub type MakeAnswerer<'a> = dyn Fn(&Source) -> Result<Box<dyn Answerer>> + Sync + 'a;

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What it is called in reports.
    pub name: String,
    /// Instead of the recorded ones.
    pub settings: EngineSettings,
    /// Instead of the recorded ones; `None` for those. Candle files record none.
    pub seats: Option<Vec<ModelSeat>>,
    /// How long after the question the answer of an [`Answerer`] comes.
    pub answer_after: Duration,
}

/// What a trial came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The trial's name.
    pub name: String,
    /// [`Trial::digest`].
    pub digest: String,
    /// Time of the first input.
    pub from: Timestamp,
    /// Time of the last input.
    pub to: Timestamp,
    /// Inputs heard, answers included.
    pub inputs: u64,
    /// Questions to models.
    pub questions: u64,
    /// Answers heard.
    pub answers: u64,
    /// Inputs that the engine did not use, by reason.
    pub rejections: BTreeMap<String, u64>,
    /// All accounts, the first strategy first, then the controls that hold and that trade at random, then rivals.
    pub accounts: Vec<AccountOutcome>,
}

/// What happened in a trial, as it happened.
pub(crate) trait Watch {
    fn on_question(&mut self, _at: Timestamp, _request: &InferRequest, _answer: Option<&Answer>) {}
    fn on_order(&mut self, _order: &Order) {}
    fn on_fill(&mut self, _fill: &Fill) {}
}

struct Nobody;

impl Watch for Nobody {}

impl Trial {
    /// With these settings and half a second for an answer.
    #[must_use]
    pub fn new(name: &str, settings: EngineSettings) -> Self {
        Self { name: name.to_owned(), settings, seats: None, answer_after: Duration::from_millis(500) }
    }

    /// SHA-256 in hexadecimal over all that makes it another trial: settings, models, the time for an answer. Not over
    /// its name.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self { settings, seats, answer_after, .. } = self;
        let told = serde_json::to_string(&(settings, seats, answer_after.as_nanos() as u64));
        let told = told.expect("settings and seats are plain values");
        let hash = Sha256::new_with_prefix("tickerbox trial 1\n").chain_update(told).finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Runs it. With an answerer the recorded answers are left out.
    ///
    /// # Errors
    /// What cannot be read; settings or models that make no sense over this source; what the answerer says.
    pub fn run<'a>(&'a self, source: &Source, answerer: Option<&'a mut dyn Answerer>) -> Result<Outcome> {
        self.run_watched(source, answerer, &mut Nobody)
    }

    pub(crate) fn run_watched<'a>(
        &'a self,
        source: &Source,
        answerer: Option<&'a mut dyn Answerer>,
        watch: &mut dyn Watch,
    ) -> Result<Outcome> {
        self.check(source)?;
        let mut run = Run {
            trial: self,
            answerer,
            watch,
            engine: Engine::new(),
            effects: Effects::new(),
            gatherer: None,
            pending: VecDeque::new(),
            span: None,
            inputs: 0,
            questions: 0,
            answers: 0,
        };
        source.play(&mut |at, input| run.hear(at, input))?;
        run.finish()
    }

    /// What would be nonsense over candles.
    fn check(&self, source: &Source) -> Result<()> {
        let Some(timeframe) = source.timeframe() else { return Ok(()) };
        let refuse = |what: String| Err(BacktestError::Trial { trial: self.name.clone(), what });
        let paper = &self.settings.paper;
        let entry_us = paper.entry_us.iter().max().map_or(u64::from(paper.latency_ms) * 1_000, |us| u64::from(*us));
        let travels = Duration::from_micros(entry_us) + Duration::from_millis(u64::from(paper.book_lag_ms));
        if self.answer_after + travels > DECIDED_WITHIN {
            return refuse(format!(
                "answering and sending take {:?}, over candles at most {DECIDED_WITHIN:?}: the order would meet the low \
                 of the candle instead of its open",
                self.answer_after + travels
            ));
        }
        let shortest = types::Timeframe::M1;
        let strategies = core::iter::once(("signal", &self.settings.signal))
            .chain(self.settings.rivals.iter().map(|rival| (rival.name.as_str(), &rival.signal)));
        for (name, signal) in strategies {
            if signal.rule == Rule::Reversion && timeframe != shortest {
                return refuse(format!(
                    "rule reversion of {name} looks at minutes, and candles of {} do not tell them",
                    timeframe.name()
                ));
            }
        }
        for seat in self.seats.iter().flatten() {
            let model = &seat.spec.name;
            if seat.timeframe < timeframe {
                let (own, told) = (seat.timeframe.name(), timeframe.name());
                return refuse(format!("model {model} looks at candles of {own}, the source has candles of {told}"));
            }
            let columns = match columns_of(&seat.spec.features) {
                Ok(columns) => columns,
                Err(error) => return refuse(format!("model {model}: {error}")),
            };
            if let Some(column) = columns.iter().find(|column| column.definition().needs != Needs::Candles) {
                let name = column.definition().name;
                return refuse(format!("model {model} needs {name}, which candles do not tell"));
            }
        }
        Ok(())
    }
}

struct Run<'a, 'w> {
    trial: &'a Trial,
    answerer: Option<&'a mut dyn Answerer>,
    watch: &'w mut dyn Watch,
    engine: Engine,
    effects: Effects,
    gatherer: Option<Gatherer>,
    /// Answers on their way, by the time when they are heard.
    pending: VecDeque<(Timestamp, Answer)>,
    span: Option<(Timestamp, Timestamp)>,
    inputs: u64,
    questions: u64,
    answers: u64,
}

impl Run<'_, '_> {
    fn hear(&mut self, at: Timestamp, input: Input) -> Result<()> {
        while let Some((due, answer)) = self.pending.pop_front_if(|(due, _)| *due <= at) {
            self.answers += 1;
            self.apply(due, Input::Answer(answer))?;
        }
        let input = match input {
            Input::Boot { version, .. } => Input::Boot { version, settings: Box::new(self.trial.settings.clone()) },
            Input::Model(_) | Input::Models { .. } if self.trial.seats.is_some() => {
                Input::Models { seats: self.trial.seats.clone().unwrap_or_default(), news: None }
            }
            Input::Answer(_) | Input::Prediction(_) if self.answerer.is_some() => return Ok(()),
            input => input,
        };
        self.answers += u64::from(matches!(input, Input::Answer(_) | Input::Prediction(_)));
        self.apply(at, input)
    }

    fn apply(&mut self, at: Timestamp, input: Input) -> Result<()> {
        self.inputs += 1;
        let (from, _) = *self.span.get_or_insert((at, at));
        self.span = Some((from, at));
        let start = self.trial.settings.risk.start_cash();
        let gatherer = self.gatherer.get_or_insert_with(|| Gatherer::new(at, start));
        self.engine.handle(&Stamped { seq: self.inputs, at, input }, &mut self.effects);
        for effect in self.effects.drain() {
            match &effect {
                Effect::Infer(request) => {
                    self.questions += 1;
                    let answer = match &mut self.answerer {
                        Some(answerer) => answerer.answer(request)?,
                        None => None,
                    };
                    self.watch.on_question(at, request, answer.as_ref());
                    if let Some(answer) = answer {
                        self.pending.push_back((at.plus(self.trial.answer_after), answer));
                    }
                }
                Effect::Record(Record::Order(order)) => self.watch.on_order(order),
                Effect::Record(Record::Fill(fill)) => self.watch.on_fill(fill),
                _ => {}
            }
            gatherer.hear(&effect, &self.engine);
        }
        Ok(())
    }

    fn finish(self) -> Result<Outcome> {
        let (Some((from, to)), Some(gatherer)) = (self.span, self.gatherer) else {
            return Err(BacktestError::Empty(self.trial.name.clone()));
        };
        let rejections = self.engine.view().rejections().iter();
        Ok(Outcome {
            name: self.trial.name.clone(),
            digest: self.trial.digest(),
            from,
            to,
            inputs: self.inputs,
            questions: self.questions,
            answers: self.answers,
            rejections: rejections.map(|(reason, tally)| (reason.text().to_owned(), tally.count)).collect(),
            accounts: gatherer.finish(&self.engine),
        })
    }
}
