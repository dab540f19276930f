//! Answers that are given once: settings change what is done with a forecast, seldom what is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use types::effect::InferRequest;
use types::input::Answer;

use crate::{Answerer, Result};

/// Most answers that are kept, of about half a kilobyte each. What is asked after that is computed each time.
const ANSWERS_MAX: usize = 500_000;

/// Asks a model. The answer must hang on model and window alone.
pub type Ask = dyn Fn(&InferRequest) -> Option<Answer> + Send + Sync;

/// A model's answers, shared by all trials of a sweep.
pub struct Memory {
    ask: Box<Ask>,
    known: Mutex<BTreeMap<[u8; 32], Option<Answer>>>,
}

impl Memory {
    /// Of somebody who is asked.
    #[must_use]
    pub fn new(ask: Box<Ask>) -> Arc<Self> {
        Arc::new(Self { ask, known: Mutex::default() })
    }

    /// One that answers from here, for one trial.
    #[must_use]
    pub fn answerer(self: &Arc<Self>) -> Box<dyn Answerer> {
        Box::new(Remembering(self.clone()))
    }

    fn answer(&self, request: &InferRequest) -> Option<Answer> {
        let InferRequest { instrument, open_time, model, window } = request;
        let mut key = Sha256::new_with_prefix(model.as_bytes());
        window.iter().for_each(|value| key.update(value.to_bits().to_le_bytes()));
        let key: [u8; 32] = key.finalize().into();
        let locked = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = locked().get(&key).cloned();
        let told = known.unwrap_or_else(|| {
            let told = (self.ask)(request);
            let mut known = locked();
            if known.len() < ANSWERS_MAX {
                known.insert(key, told.clone());
            }
            told
        });
        told.map(|told| Answer { instrument: *instrument, open_time: *open_time, ..told })
    }
}

struct Remembering(Arc<Memory>);

impl Answerer for Remembering {
    fn answer(&mut self, request: &InferRequest) -> Result<Option<Answer>> {
        Ok(self.0.answer(request))
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use types::{InstrumentId, Timestamp};

    use super::*;

    #[test]
    fn the_same_window_is_asked_once_and_answered_for_whoever_asks() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let memory = Memory::new(Box::new(move |request| {
            count.fetch_add(1, Ordering::Relaxed);
            (request.model != "silent").then(|| Answer {
                instrument: request.instrument,
                open_time: request.open_time,
                model: request.model.clone(),
                horizons: Vec::new(),
                decision: None,
                attention: request.window.clone(),
                took_us: 0,
            })
        }));
        let ask = |instrument: u16, model: &str, value: f32| {
            let (instrument, open_time) = (InstrumentId(instrument), Timestamp::from_secs(60));
            let request = InferRequest { instrument, open_time, model: model.to_owned(), window: vec![value] };
            let told = memory.answerer().answer(&request).unwrap();
            told.map(|told| (told.instrument.0, told.attention[0]))
        };
        assert_eq!(
            [ask(1, "a", 1.0), ask(2, "a", 1.0), ask(1, "a", 2.0)],
            [Some((1, 1.0)), Some((2, 1.0)), Some((1, 2.0))]
        );
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!([ask(1, "silent", 1.0), ask(1, "silent", 1.0)], [None, None]);
        assert_eq!(asked.load(Ordering::Relaxed), 3, "another model is another question");
    }
}
