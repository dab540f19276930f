//! From an event to the decision about an order: engine, features, model, engine again, for all markets whose minute the event
//! closes, one after the other on one core.
//!
//! `cargo bench -p tickerbox-infer --bench decision`. Four simulated exchanges with six markets each speak their own protocols to
//! the feeds; what those tell goes into an engine with the starter model, and its questions are answered at once. Measured is the
//! time from handing in the event to what the engine did about each answer, with all that waited before it. Decoding a frame is in
//! `cargo bench -p tickerbox-feed`.
#![allow(clippy::print_stdout, reason = "the result is what a bench is for")]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bundle::{TrustedKeys, VerifiedBundle};
use engine::Engine;
use infer::{Latency, Model};
use sim::SimSettings;
use soak::{Settings, World};
use types::effect::{InferRequest, Record};
use types::input::{Answer, HorizonAnswer, ModelSeat, ModelSpec};
use types::{Effect, Effects, Input, Stamped, Timestamp, Venue};

const VENUES: [Venue; 4] = [Venue::Kraken, Venue::BinanceUs, Venue::Coinbase, Venue::Kucoin];
const HOURS: u64 = 2;
/// The starter promises less than an order costs: with this it asks for some.
const ENLARGED: f32 = 1e3;

/// An engine that asks a real model.
struct Trader {
    engine: Engine,
    effects: Effects,
    model: Model,
    seq: u64,
    decisions_us: Vec<f64>,
    rounds_us: Vec<f64>,
    largest_round: usize,
    orders_us: Vec<f64>,
    orders: usize,
}

impl Trader {
    fn hear(&mut self, at: Timestamp, input: Input) {
        let began = Instant::now();
        let questions = self.handle(at, input);
        for question in &questions {
            let answer = ask(&self.model, question);
            let orders = self.orders;
            self.handle(at, Input::Answer(answer));
            let elapsed_us = began.elapsed().as_secs_f64() * 1e6;
            self.decisions_us.push(elapsed_us);
            if self.orders > orders {
                self.orders_us.push(elapsed_us);
            }
        }
        if !questions.is_empty() {
            self.rounds_us.push(began.elapsed().as_secs_f64() * 1e6);
            self.largest_round = self.largest_round.max(questions.len());
        }
    }

    fn handle(&mut self, at: Timestamp, input: Input) -> Vec<InferRequest> {
        self.seq += 1;
        self.engine.handle(&Stamped { seq: self.seq, at, input }, &mut self.effects);
        let mut questions = Vec::new();
        for effect in self.effects.drain() {
            match effect {
                Effect::Infer(question) => questions.push(question),
                Effect::Record(Record::Order(_)) => self.orders += 1,
                _ => {}
            }
        }
        questions
    }
}

fn ask(model: &Model, question: &InferRequest) -> Answer {
    let answer = model.predict(&question.window).expect("a sound window");
    let horizons = answer.horizons.iter().map(|horizon| HorizonAnswer {
        horizon_min: horizon.horizon_min,
        log_return: horizon.log_return * ENLARGED,
        p_up: horizon.p_up,
        quantiles: Vec::new(),
    });
    Answer {
        instrument: question.instrument,
        open_time: question.open_time,
        model: question.model.clone(),
        horizons: horizons.collect(),
        decision: None,
        attention: answer.attention,
        took_us: 0,
    }
}

fn spec(bundle: &VerifiedBundle) -> ModelSpec {
    let manifest = bundle.manifest();
    ModelSpec {
        id: bundle.digest().to_string(),
        name: manifest.name.clone(),
        features: manifest.features.clone(),
        fingerprint: manifest.fingerprint.clone(),
        rows: manifest.rows() as u16,
        horizons_min: manifest.horizons_min.clone(),
    }
}

fn main() {
    let bundle = bundle::load(Path::new("../../models/starter"), &TrustedKeys::builtin()).expect("the starter");
    let settings = Settings { keeps_diary: false, ..Settings::new(SimSettings::wide(), VENUES) };
    let mut world = World::new(&settings).expect("right settings");
    let model = Model::load(&bundle).expect("the starter runs");
    let listening = Rc::new(RefCell::new(Trader {
        engine: Engine::new(),
        effects: Effects::default(),
        model,
        seq: 0,
        decisions_us: Vec::new(),
        rounds_us: Vec::new(),
        largest_round: 0,
        orders_us: Vec::new(),
        orders: 0,
    }));
    let boot = Input::Boot { version: "bench".to_owned(), settings: Box::new(settings.engine.clone()) };
    for input in [
        boot,
        Input::Clock { synchronised: true },
        Input::Models { seats: vec![ModelSeat::alone(spec(&bundle))], news: None },
    ] {
        listening.borrow_mut().hear(world.now(), input);
    }
    let hears = listening.clone();
    world.listen(move |stamped, _, _| hears.borrow_mut().hear(stamped.at, stamped.input.clone()));
    world.run_for(Duration::from_secs(HOURS * 3_600));
    drop(world);
    let listening = Rc::into_inner(listening).expect("nobody else has it").into_inner();
    println!("rounds of at most {} markets", listening.largest_round);
    let times =
        [("decisions", listening.decisions_us), ("orders", listening.orders_us), ("rounds", listening.rounds_us)];
    for (what, times) in times {
        let count = times.len();
        let Some(Latency { median_us, p99_us }) = Latency::of(times) else { continue };
        println!("{count} {what}: median {median_us:.0} us, p99 {p99_us:.0} us");
    }
}
