//! The one thread that runs the models.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self as std_mpsc, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use infer::Respondent;
use tokio::sync::mpsc;
use types::InstrumentId;
use types::effect::InferRequest;
use types::input::{Answer, Input};

use crate::engine_thread::Message;
use crate::latency::Latency;

/// Most questions waiting. When full the new one is dropped and counted: the engine goes without that forecast.
pub(crate) const QUEUE_MAX: usize = 256;
/// A model that fails so often in a row does not do its work.
const FAILURES_MAX: u32 = 3;
/// One that takes longer than its budget so often in a row neither.
const SLOW_MAX: u32 = 10;

/// Newest answers whose time is shown.
const TIMES_MAX: usize = 500;

/// Figures of the inference thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) answers: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// Questions that were asked and are not answered yet.
    pub(crate) waiting: AtomicU64,
    /// From giving a question to a model until it has answered.
    pub(crate) latency: Latency,
    /// What the newest answers took, microseconds.
    times: Mutex<VecDeque<u32>>,
}

impl Counters {
    fn note(&self, took_us: u32) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        let mut times = locked(&self.times);
        times.push_back(took_us);
        if times.len() > TIMES_MAX {
            times.pop_front();
        }
    }

    /// Median and 99th percentile of the newest answers, microseconds; `None` before the first.
    pub(crate) fn took_us(&self) -> Option<(u32, u32)> {
        let mut times: Vec<u32> = locked(&self.times).iter().copied().collect();
        times.sort_unstable();
        Some((*times.get(times.len() / 2)?, times[times.len() * 99 / 100]))
    }
}

/// The newest answer of a model for an instrument.
#[derive(Clone)]
pub(crate) struct Newest {
    pub(crate) model: Arc<infer::Model>,
    pub(crate) question: InferRequest,
    pub(crate) answer: infer::Answer,
}

/// By instrument and model; of models that are asked no more there is none.
type Answers = Mutex<BTreeMap<(InstrumentId, String), Newest>>;

/// A model that does not do its work and is not asked any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) model: String,
    pub(crate) why: String,
}

enum Work {
    Ask(InferRequest),
    /// These models are there from now on, and of the present ones those in the list.
    Install {
        new: Vec<(String, infer::Model)>,
        keep: Vec<String>,
    },
}

/// The question side of the inference thread. The thread ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Inference {
    work: SyncSender<Work>,
    counters: Arc<Counters>,
    newest: Arc<Answers>,
}

impl Inference {
    /// Starts the thread. An answer that takes longer than `budget` is slow; who does not do its work is told to `unfit`.
    pub(crate) fn start(
        engine: mpsc::Sender<Message>,
        counters: Arc<Counters>,
        budget: Duration,
        unfit: mpsc::Sender<Unfit>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (work, inbox) = std_mpsc::sync_channel(QUEUE_MAX);
        let newest = Arc::<Answers>::default();
        let runner = Runner {
            models: BTreeMap::new(),
            engine,
            counters: counters.clone(),
            newest: newest.clone(),
            budget,
            unfit,
        };
        let thread = thread::Builder::new().name("inference".to_owned()).spawn(move || runner.run(&inbox))?;
        Ok((Self { work, counters, newest }, thread))
    }

    /// Asks. Never waits.
    pub(crate) fn ask(&self, question: InferRequest) {
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.work.try_send(Work::Ask(question)) {
            self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            if matches!(error, TrySendError::Full(_)) {
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The newest answer of a model for an instrument, with what was asked.
    pub(crate) fn newest(&self, instrument: InstrumentId, model: &str) -> Option<Newest> {
        locked(&self.newest).get(&(instrument, model.to_owned())).cloned()
    }

    /// Puts models in; of those that are there the ones in `keep` stay. May wait for questions that are asked before.
    pub(crate) fn install(&self, new: Vec<(String, infer::Model)>, keep: Vec<String>) {
        // The thread ends with the box only.
        let _ = self.work.send(Work::Install { new, keep });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Running {
    respondent: Respondent,
    failures: u32,
    slow: u32,
}

struct Runner {
    models: BTreeMap<String, Running>,
    engine: mpsc::Sender<Message>,
    counters: Arc<Counters>,
    newest: Arc<Answers>,
    budget: Duration,
    unfit: mpsc::Sender<Unfit>,
}

impl Runner {
    fn run(mut self, inbox: &Receiver<Work>) {
        for work in inbox {
            match work {
                Work::Install { new, keep } => {
                    self.models.retain(|id, _| keep.contains(id));
                    locked(&self.newest).retain(|(_, id), _| keep.contains(id));
                    self.models.extend(new.into_iter().map(|(id, model)| (id, Running::new(model))));
                }
                Work::Ask(question) => {
                    let answer = self.answer(question);
                    self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
                    let Some(answer) = answer else { continue };
                    self.counters.note(answer.took_us);
                    if self.engine.blocking_send(Message::Input(Input::Answer(answer))).is_err() {
                        break;
                    }
                }
            }
        }
    }

    /// A failed run is an answer without horizons: it is journalled like any other, so a replay knows of it. `None` from a model that is
    /// not here any more.
    fn answer(&mut self, question: InferRequest) -> Option<Answer> {
        let running = self.models.get_mut(&question.model)?;
        let began = Instant::now();
        let told = catch_unwind(AssertUnwindSafe(|| running.respondent.ask(&question.window)));
        let took = began.elapsed();
        self.counters.latency.note(took);
        let (told, trouble) = match told {
            Ok(Ok(told)) => (Some(told), None),
            Ok(Err(error)) => (None, Some(error.to_string())),
            Err(_) => (None, Some("it crashed".to_owned())),
        };
        running.failures = if trouble.is_some() { running.failures + 1 } else { 0 };
        running.slow = if took > self.budget { running.slow + 1 } else { 0 };
        let mut answer = running.respondent.told(&question, told.as_ref());
        answer.took_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let why = if running.failures >= FAILURES_MAX {
            trouble.map(|trouble| format!("it failed {FAILURES_MAX} times in a row: {trouble}"))
        } else if running.slow >= SLOW_MAX {
            Some(format!("{SLOW_MAX} answers in a row took longer than {} ms", self.budget.as_millis()))
        } else {
            None
        };
        if let Some(why) = why {
            tracing::error!("model {} is not asked any more: {why}", question.model);
            self.models.remove(&question.model);
            locked(&self.newest).retain(|(_, id), _| *id != question.model);
            let _ = self.unfit.try_send(Unfit { model: question.model, why });
        } else if let Some(told) = told {
            let key = (question.instrument, question.model.clone());
            locked(&self.newest)
                .insert(key, Newest { model: running.respondent.model().clone(), question, answer: told });
        }
        Some(answer)
    }
}

impl Running {
    fn new(model: infer::Model) -> Self {
        Self { respondent: Respondent::new(model), failures: 0, slow: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{InstrumentId, Timestamp};

    fn model() -> infer::Model {
        infer::Model::load(&crate::models::starter().expect("signed by a built-in key")).expect("it runs here")
    }

    fn question(window: Vec<f32>) -> InferRequest {
        let (instrument, open_time) = (InstrumentId(3), Timestamp::from_secs(60));
        InferRequest { instrument, open_time, model: "m".to_owned(), window }
    }

    fn next(answers: &mut mpsc::Receiver<Message>) -> Answer {
        match answers.blocking_recv() {
            Some(Message::Input(Input::Answer(answer))) => answer,
            _ => panic!("an answer"),
        }
    }

    #[test]
    fn a_model_that_fails_is_told_and_not_asked_any_more() {
        let (engine, mut answers) = mpsc::channel(16);
        let (unfit, mut told) = mpsc::channel(4);
        let counters = Arc::new(Counters::default());
        let (inference, thread) = Inference::start(engine, counters.clone(), Duration::from_secs(60), unfit).unwrap();
        inference.ask(question(Vec::new()));
        let sound = model();
        let window = sound.manifest().probes[0].window.clone();
        inference.install(vec![("m".to_owned(), sound)], Vec::new());
        inference.ask(question(window.clone()));
        let first = next(&mut answers);
        assert_eq!(first.horizons.len(), 3, "the question before was nobody's");
        let kept = inference.newest(InstrumentId(3), "m").expect("it answered");
        assert_eq!((kept.question.window, kept.answer.attention), (window.clone(), first.attention));
        assert!(inference.newest(InstrumentId(4), "m").is_none());
        for _ in 0..4 {
            inference.ask(question(vec![f32::NAN; window.len()]));
        }
        for _ in 0..3 {
            assert_eq!(next(&mut answers).horizons, []);
        }
        let unfit = told.blocking_recv().expect("told");
        assert!(unfit.why.starts_with("it failed 3 times in a row: value 0 of the window"), "{unfit:?}");
        assert!(inference.newest(InstrumentId(3), "m").is_none(), "it is not asked any more");
        drop(inference);
        thread.join().unwrap();
        assert!(answers.blocking_recv().is_none(), "the fourth was not asked");
        assert_eq!(counters.answers.load(Ordering::Relaxed), 4);
        assert!(counters.took_us().is_some_and(|(median, most)| median <= most));
        assert_eq!(Counters::default().took_us(), None);
    }

    #[test]
    fn a_model_that_is_always_too_slow_is_told() {
        let (engine, mut answers) = mpsc::channel(16);
        let (unfit, mut told) = mpsc::channel(4);
        let (inference, _thread) = Inference::start(engine, Arc::default(), Duration::ZERO, unfit).unwrap();
        let slow = model();
        let window = slow.manifest().probes[0].window.clone();
        inference.install(vec![("m".to_owned(), slow)], Vec::new());
        for _ in 0..SLOW_MAX {
            inference.ask(question(window.clone()));
            assert!(next(&mut answers).took_us > 0);
        }
        assert_eq!(told.blocking_recv().expect("told").why, "10 answers in a row took longer than 0 ms");
    }
}
