//! Whether anything looked ahead.
//!
//! A trial runs over the whole source, and again over the source without anything that came after some moment, with an
//! answerer made anew from what is left. Whatever happened before that moment must be the same: the features that
//! models were shown, what they answered, the orders that followed. The moments are drawn just after questions where
//! there are any: there a look of a single step shows.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};
use types::effect::InferRequest;
use types::input::Answer;
use types::{InstrumentId, Order, OrderId, Timestamp};

use crate::trial::{MakeAnswerer, Watch};
use crate::{Result, Source, Trial};

/// Most findings that are told.
const FINDINGS_MAX: usize = 100;

/// What the search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peek {
    /// How often the source was cut.
    pub cuts: usize,
    /// Questions and orders that were compared, over all cuts.
    pub compared: u64,
    /// What differed, the first hundred.
    pub findings: Vec<Finding>,
}

/// Something that would have been different had the future not been there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where the source was cut.
    pub cut: Timestamp,
    /// What differs.
    pub what: Differs,
    /// When that happened.
    pub at: Timestamp,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// More about it.
    pub detail: String,
}

/// What may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Differs {
    /// What a model was shown.
    Features,
    /// What it answered.
    Answer,
    /// An order.
    Order,
    /// A question was asked in one run only.
    Question,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Differs::Features => "features",
            Differs::Answer => "an answer",
            Differs::Order => "an order",
            Differs::Question => "a question",
        };
        let Self { cut, at, instrument, detail, .. } = self;
        write!(f, "{what} at {at} for instrument {} with the source cut at {cut}: {detail}", instrument.0)
    }
}

/// Of one question what is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    at: Timestamp,
    features: [u8; 32],
    answer: Option<[u8; 32]>,
}

/// Everything that is compared.
#[derive(Default)]
struct Log {
    asked: BTreeMap<(Timestamp, InstrumentId, String), Asked>,
    orders: Vec<Order>,
}

impl Watch for Log {
    fn on_question(&mut self, at: Timestamp, request: &InferRequest, answer: Option<&Answer>) {
        let InferRequest { instrument, open_time, model, window } = request;
        let mut features = Sha256::new();
        window.iter().for_each(|value| features.update(value.to_bits().to_le_bytes()));
        let features = features.finalize().into();
        let answer = answer.map(|answer| {
            // How long it took is no part of what was said.
            let said = Answer { took_us: 0, ..answer.clone() };
            let bytes = postcard::to_allocvec(&said).expect("an answer is plain values");
            Sha256::digest(bytes).into()
        });
        self.asked.insert((*open_time, *instrument, model.clone()), Asked { at, features, answer });
    }

    fn on_order(&mut self, order: &Order) {
        self.orders.push(order.clone());
    }
}

/// Cuts the source at `cuts` places drawn from `seed`, and compares. Each cut is one more run, of the source up to
/// there.
///
/// # Errors
/// As [`Trial::run`].
pub fn look(
    trial: &Trial,
    source: &Source,
    answerer: Option<&MakeAnswerer<'_>>,
    cuts: usize,
    seed: u64,
) -> Result<Peek> {
    let run = |source: &Source| {
        let mut log = Log::default();
        let outcome = match answerer {
            None => trial.run_watched(source, None, &mut log),
            Some(make) => {
                let mut answerer = make(source)?;
                trial.run_watched(source, Some(&mut *answerer), &mut log)
            }
        }?;
        Ok((log, outcome))
    };
    let (whole, outcome) = run(source)?;
    let mut peek = Peek { cuts: 0, compared: 0, findings: Vec::new() };
    let (from, to) = (outcome.from.as_nanos(), outcome.to.as_nanos());
    let questions: Vec<Timestamp> = whole.asked.values().map(|asked| asked.at).collect();
    let mut seed = seed;
    for _ in 0..cuts {
        let at = match questions.len() {
            // In the first tenth there is hardly anything to compare.
            0 => {
                Timestamp::from_nanos(from + (to - from) / 10 + below(&mut seed, ((to - from) / 10 * 9) as u64) as i64)
            }
            n => Timestamp::from_nanos(questions[below(&mut seed, n as u64) as usize].as_nanos() + 1),
        };
        let (cut, until) = source.cut(at);
        let part = match run(&cut) {
            Ok((part, _)) => part,
            // Nothing is left of the source: nothing happened before.
            Err(crate::BacktestError::Empty(_)) => continue,
            Err(error) => return Err(error),
        };
        peek.cuts += 1;
        compare(&whole, &part, at, until, &mut peek);
    }
    peek.findings.truncate(FINDINGS_MAX);
    Ok(peek)
}

fn compare(whole: &Log, part: &Log, cut: Timestamp, until: Timestamp, peek: &mut Peek) {
    let mut found = |what, at, instrument, detail| {
        peek.findings.push(Finding { cut, what, at, instrument, detail });
    };
    let mut compared = 0;
    // Questions are compared up to the cut: of candles the last one is asked when the candle before the cut is over.
    for ((open_time, instrument, model), asked) in whole.asked.iter().filter(|(_, asked)| asked.at < cut) {
        compared += 1;
        let about = || format!("model {model}, candle of {open_time}");
        match part.asked.get(&(*open_time, *instrument, model.clone())) {
            None => found(Differs::Question, asked.at, *instrument, format!("{}: not asked", about())),
            Some(other) if other.features != asked.features => {
                found(Differs::Features, asked.at, *instrument, about());
            }
            Some(other) if other.answer != asked.answer => found(Differs::Answer, asked.at, *instrument, about()),
            Some(_) => {}
        }
    }
    for ((open_time, instrument, model), asked) in part.asked.iter().filter(|(_, asked)| asked.at < cut) {
        if !whole.asked.contains_key(&(*open_time, *instrument, model.clone())) {
            let detail = format!("model {model}, candle of {open_time}: asked without the future only");
            found(Differs::Question, asked.at, *instrument, detail);
        }
    }
    // Their numbers come from the numbers of inputs, which are the same as long as the inputs are.
    let by_id = |log: &Log| -> BTreeMap<OrderId, Order> {
        let before = log.orders.iter().filter(|order| order.at < until);
        before.map(|order| (order.id, order.clone())).collect()
    };
    let (ours, theirs) = (by_id(whole), by_id(part));
    for (id, order) in &ours {
        compared += 1;
        if theirs.get(id) != Some(order) {
            let detail = format!("{:?} of account {} is another or missing", order.side, order.account.0);
            found(Differs::Order, order.at, order.instrument, detail);
        }
    }
    for order in theirs.values().filter(|order| !ours.contains_key(&order.id)) {
        let detail = format!("{:?} of account {} without the future only", order.side, order.account.0);
        found(Differs::Order, order.at, order.instrument, detail);
    }
    peek.compared += compared;
}

/// A number below `limit`, by Steele, Lea and Flood's SplitMix64 (2014).
fn below(seed: &mut u64, limit: u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *seed;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((u128::from(bits ^ (bits >> 31)) * u128::from(limit)) >> 64) as u64
}
