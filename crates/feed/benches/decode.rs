//! Frames and level updates a second, from the JSON text to the proven book, on real recordings.
//!
//! `cargo bench -p tickerbox-feed --bench decode [-- --json] [-- PART_OF_A_NAME]`. Each recording is run through the live session again and
//! again, the clock read once a run and where the session asks for a snapshot; the best run counts, for everything else
//! is the machine's noise.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads clocks, and prints")]

#[allow(dead_code, reason = "the benches use different parts of it")]
mod recording;

use std::time::{Duration, Instant};

/// Each recording is run for at least so long.
const TIME: Duration = Duration::from_millis(1_500);

fn main() {
    let is_json = std::env::args().any(|argument| argument == "--json");
    if !is_json {
        println!(
            "{:<44} {:>8} {:>8} {:>12} {:>12} {:>10}",
            "recording", "frames", "levels", "frames/s", "levels/s", "ns/level"
        );
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    for (venue, path) in recording::FILES {
        if wanted.as_ref().is_some_and(|wanted| !path.contains(wanted)) {
            continue;
        }
        let Some(recording) = recording::load(venue, path) else { continue };
        let began = Instant::now();
        let mut best = f64::INFINITY;
        while began.elapsed() < TIME {
            best = best.min(seconds(&recording));
        }
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

/// Time for all frames of the recording; answers and the start are not counted.
fn seconds(recording: &recording::Recording) -> f64 {
    let mut spent = 0.0;
    recording::run(recording, usize::MAX, recording::Shows::Books, |batch| {
        let began = Instant::now();
        batch();
        spent += began.elapsed().as_secs_f64();
    });
    spent
}
