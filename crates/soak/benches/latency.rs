//! How long a frame takes to the engine while twenty thousand come every second.
//!
//! `cargo bench -p tickerbox-soak --bench latency`. A recording of a busy market is handed to the live session by one
//! thread, frame by frame at its time; a second thread, the engine's, takes what comes out over a bounded queue, as in
//! the box. Measured is the time from handing in a frame to the end of what the engine does about each trade and book of
//! it. The socket is not in it.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads clocks, and prints")]

#[path = "../../feed/benches/recording/mod.rs"]
#[allow(dead_code, reason = "the benches use different parts of it")]
mod recording;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use engine::Engine;
use feed::FeedOutput;
use recording::{Listener, Shows};
use types::settings::EngineSettings;
use types::{Effects, Input, Stamped, Timestamp, Venue};

const FILE: &str = "l2/binance_spot_btcusdt_20240808.txt.gz";
const FRAMES_PER_S: u32 = 20_000;
const RUNS: usize = 5;
/// As in the box.
const QUEUE_MAX: usize = 16_384;

/// An input on its way, and when its frame was handed in.
struct OnTheWay {
    since: Instant,
    at: Timestamp,
    input: Input,
}

fn main() {
    let Some(recording) = recording::load(Venue::BinanceUs, FILE) else { return };
    let mut latencies: Vec<Duration> = Vec::new();
    let mut late = Duration::ZERO;
    for _ in 0..RUNS {
        let (sender, receiver) = mpsc::sync_channel(QUEUE_MAX);
        let engine = thread::spawn(move || run_engine(&receiver));
        late = late.max(run_feed(&recording, &sender));
        drop(sender);
        latencies.extend(engine.join().expect("no panic"));
    }
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!(
        "{FRAMES_PER_S} frames/s, {} inputs: p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us, most {:.1} us; frames at most {:.1} us late",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        late.as_secs_f64() * 1e6
    );
}

/// Hands in each frame at its time. Gives by how much one was late at most.
fn run_feed(recording: &recording::Recording, sender: &mpsc::SyncSender<OnTheWay>) -> Duration {
    let mut listener = Listener::new(recording, Shows::Books);
    for output in std::mem::take(&mut listener.begun) {
        send(sender, Instant::now(), listener.at, output);
    }
    let mut late = Duration::ZERO;
    let began = Instant::now();
    for (frame, number) in recording.frames.iter().zip(0..) {
        let due = began + Duration::from_secs(1) / FRAMES_PER_S * number;
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        let since = Instant::now();
        late = late.max(since - due);
        let at = listener.at;
        listener.hear(frame, |output| send(sender, since, at, output));
        if listener.is_asking() {
            listener.answer(|output| send(sender, since, at, output));
        }
    }
    listener.check();
    late
}

fn send(sender: &mpsc::SyncSender<OnTheWay>, since: Instant, at: Timestamp, output: FeedOutput) {
    if let FeedOutput::Event(input) = output {
        sender.send(OnTheWay { since, at, input }).expect("the engine runs");
    }
}

/// Gives how long each trade and book took.
fn run_engine(receiver: &mpsc::Receiver<OnTheWay>) -> Vec<Duration> {
    let mut engine = Engine::new();
    let mut effects = Effects::default();
    let mut latencies = Vec::new();
    let start = Timestamp::from_secs(1_800_000_000);
    let boot = Input::Boot { version: "bench".to_owned(), settings: Box::new(EngineSettings::default()) };
    engine.handle(&Stamped { seq: 1, at: start, input: boot }, &mut effects);
    for (OnTheWay { since, at, input }, seq) in receiver.iter().zip(2..) {
        let is_measured = matches!(input, Input::Trade(_) | Input::Book(_));
        engine.handle(&Stamped { seq, at, input }, &mut effects);
        if is_measured {
            latencies.push(since.elapsed());
        }
        effects.clear();
    }
    let view = engine.view();
    assert!(view.markets().all(|market| market.trades().count() > 0), "the engine knows the market");
    latencies
}
