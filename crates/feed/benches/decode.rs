//! Frames and level updates a second, from the JSON text to the proven book, on real recordings.
//!
//! `cargo bench -p tickerbox-feed --bench decode [-- --json]`. Each recording is run through the live session many times; the
//! best run counts, for everything else is the machine's noise.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads clocks, and prints")]

mod recording;

use std::time::Instant;

const RUNS: usize = 40;

fn main() {
    let is_json = std::env::args().any(|argument| argument == "--json");
    if !is_json {
        println!(
            "{:<44} {:>8} {:>8} {:>12} {:>12} {:>10}",
            "recording", "frames", "levels", "frames/s", "levels/s", "ns/level"
        );
    }
    for (venue, path) in recording::FILES {
        let Some(recording) = recording::load(venue, path) else { continue };
        let best = (0..RUNS).map(|_| seconds(&recording)).fold(f64::INFINITY, f64::min);
        let (count, levels) = (recording.frames.len(), recording.levels);
        let frames_per_s = count as f64 / best;
        let ns_per_level = best * 1e9 / levels as f64;
        if is_json {
            let row = serde_json::json!({
                "recording": path,
                "venue": recording.venue.to_string(),
                "frames": count,
                "levels": levels,
                "seconds": best,
                "frames_per_s": frames_per_s.round(),
                "ns_per_level": ns_per_level.round(),
            });
            println!("{row}");
        } else {
            let levels_per_s = levels as f64 / best;
            println!(
                "{path:<44} {count:>8} {levels:>8} {frames_per_s:>12.0} {levels_per_s:>12.0} {ns_per_level:>10.0}"
            );
        }
    }
}

/// Time for all frames of the recording; snapshots and the start are not counted.
fn seconds(recording: &recording::Recording) -> f64 {
    let mut spent = 0.0;
    recording::run(recording, |handle| {
        let began = Instant::now();
        handle();
        spent += began.elapsed().as_secs_f64();
    });
    spent
}
