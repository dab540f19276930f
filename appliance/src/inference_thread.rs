//! The one thread that runs the model.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self as std_mpsc, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;
use types::effect::InferRequest;
use types::input::{HorizonForecast, Input, Prediction};

use crate::engine_thread::Message;

/// Most questions waiting. When full the new one is dropped and counted: the engine goes without that forecast.
const QUEUE_MAX: usize = 64;

/// Figures of the inference thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) answers: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

/// The question side of the inference thread.
#[derive(Debug)]
pub(crate) struct Inference {
    questions: SyncSender<InferRequest>,
    counters: Arc<Counters>,
}

impl Inference {
    /// Starts the thread. It ends when this value is dropped.
    pub(crate) fn start(
        mut model: infer::Model,
        engine: mpsc::Sender<Message>,
        counters: Arc<Counters>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (questions, inbox) = std_mpsc::sync_channel::<InferRequest>(QUEUE_MAX);
        let count = counters.clone();
        let thread = thread::Builder::new().name("inference".to_owned()).spawn(move || {
            for question in inbox {
                let prediction = answer(&mut model, question);
                count.answers.fetch_add(1, Ordering::Relaxed);
                if engine.blocking_send(Message::Input(Input::Prediction(prediction))).is_err() {
                    break;
                }
            }
        })?;
        Ok((Self { questions, counters }, thread))
    }

    /// Asks. Never waits.
    pub(crate) fn ask(&self, question: InferRequest) {
        if let Err(TrySendError::Full(_)) = self.questions.try_send(question) {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A failed run is an answer without horizons: it is journalled like any other, so a replay knows of it.
fn answer(model: &mut infer::Model, question: InferRequest) -> Prediction {
    let (horizons, attention) = match model.predict(&question.window) {
        Ok(answer) => {
            let horizons = answer.horizons.iter().map(|h| HorizonForecast {
                horizon_min: h.horizon_min,
                log_return: h.log_return,
                p_up: h.p_up,
            });
            (horizons.collect(), answer.attention)
        }
        Err(error) => {
            tracing::error!("model failed: {error}");
            (Vec::new(), Vec::new())
        }
    };
    Prediction {
        instrument: question.instrument,
        open_time: question.open_time,
        model: question.model,
        horizons,
        attention,
    }
}
