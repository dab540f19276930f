//! Heap allocations a frame on the steady path: recorded frames through the live session, books conflated as in the box.
//!
//! `cargo bench -p tickerbox-feed --bench allocations`

#![allow(clippy::print_stdout, reason = "what a bench prints is its result")]

#[allow(dead_code, reason = "the benches use different parts of it")]
mod recording;

use recording::{Recording, Shows};

/// Allocations a frame, and the share of frames without any.
fn count(recording: &Recording, shows: Shows) -> String {
    let mut counts = Vec::with_capacity(recording.frames.len());
    recording::run(recording, 1, shows, |frame| counts.push(allocation_counter::measure(frame).count_total));
    let (total, none) = (counts.iter().sum::<u64>(), counts.iter().filter(|count| **count == 0).count());
    let frames = counts.len() as f64;
    format!("{:.3}, none in {:.1} %", total as f64 / frames, 100.0 * none as f64 / frames)
}

fn main() {
    println!("{:<44} {:>7} {:>22} {:>22}", "recording", "frames", "each, books shown", "each, books not shown");
    for (venue, path) in recording::FILES {
        let Some(recording) = recording::load(venue, path) else { continue };
        let [shown, not_shown] = [Shows::Books, Shows::NoBooks].map(|shows| count(&recording, shows));
        println!("{path:<44} {:>7} {shown:>22} {not_shown:>22}", recording.frames.len());
    }
}
