//! When to try a lost connection again.

/// First wait, milliseconds.
pub const FIRST_MS: u32 = 500;
/// Longest wait, milliseconds.
pub const LONGEST_MS: u32 = 15_000;

/// How long to wait before attempt `attempt` (0 is the first after a loss), milliseconds.
///
/// The wait doubles up to [`LONGEST_MS`]; `jitter` in 0..1 takes away up to half of it, so that the pages of a house do not
/// all come back in the same moment after the box restarts.
#[must_use]
pub fn wait_ms(attempt: u32, jitter: f64) -> u32 {
    let full = FIRST_MS.saturating_mul(1 << attempt.min(10)).min(LONGEST_MS);
    full - (f64::from(full) / 2.0 * jitter.clamp(0.0, 1.0)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_at_the_longest() {
        assert_eq!([0, 1, 2, 3, 4, 5, 90].map(|n| wait_ms(n, 0.0)), [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    }

    #[test]
    fn jitter_takes_at_most_half_away() {
        assert_eq!(wait_ms(1, 1.0), 500);
        assert_eq!(wait_ms(1, 0.5), 750);
        assert_eq!(wait_ms(1, f64::NAN), 1_000);
        assert_eq!(wait_ms(1, 7.0), 500);
    }
}
