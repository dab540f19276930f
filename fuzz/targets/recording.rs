//! A recording of any venue: the first byte chooses it, the rest are its lines. REST trades are read from the same bytes.
#![no_main]

use feed::capture::Capture;
use types::Venue;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let venue = Venue::ALL[usize::from(*first) % Venue::ALL.len()];
    let mut capture = Capture::new(venue);
    let mut lines = text.split(|byte| *byte == b'\n').zip(1..);
    if lines.try_for_each(|(line, number)| capture.line(number, line)).is_ok() {
        let _ = capture.finish();
    }
    let _ = feed::rest::trades(venue, text);
});
