//! Heap allocations a frame on the steady path: recorded frames through the live session, books conflated as in the box.
//!
//! `cargo bench -p tickerbox-feed --bench allocations`

#![allow(clippy::print_stdout, reason = "what a bench prints is its result")]

mod recording;

fn main() {
    println!("{:<44} {:>8} {:>16} {:>18}", "recording", "frames", "allocations each", "frames with none");
    for (venue, path) in recording::FILES {
        let Some(recording) = recording::load(venue, path) else { continue };
        let mut counts = Vec::with_capacity(recording.frames.len());
        recording::run(&recording, 1, |frame| counts.push(allocation_counter::measure(frame).count_total));
        let (total, none) = (counts.iter().sum::<u64>(), counts.iter().filter(|count| **count == 0).count());
        let frames = counts.len() as f64;
        println!(
            "{path:<44} {:>8} {:>16.3} {:>17.1}%",
            counts.len(),
            total as f64 / frames,
            100.0 * none as f64 / frames
        );
    }
}
