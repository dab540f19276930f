//! Who says that the wall clock is right.
//!
//! A Raspberry Pi has no clock battery: it starts with the time of its last shutdown, or in 1970, and leaps when the network
//! tells the time. Any one of these is enough to believe it:
//!
//! 1. The kernel: a time daemon keeps the estimated error of the clock below sixteen seconds (`adjtimex`; what systemd's
//!    own tools ask).
//! 2. systemd-timesyncd has set the clock since the start: it makes a file then.
//! 3. An exchange: the times in its messages are within half a second of ours. A machine whose host keeps its clock
//!    has no daemon of its own.

use std::path::Path;

/// Made by systemd-timesyncd when it has synchronised for the first time since the start.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";
/// Largest difference to an exchange that speaks for our clock, nanoseconds.
const VENUE_AHEAD_MAX_NS: u64 = 500_000_000;

/// Whether the system says that its clock is right.
pub(super) fn is_set() -> bool {
    kernel_is_synchronised() || Path::new(TIMESYNCD).exists()
}

/// Whether an exchange's clock speaks for ours; `ahead_ns` is its time minus ours.
pub(crate) fn is_near(ahead_ns: Option<i64>) -> bool {
    ahead_ns.is_some_and(|ahead_ns| ahead_ns.unsigned_abs() <= VENUE_AHEAD_MAX_NS)
}

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "the C library's adjtimex has no safe wrapper; asked to change nothing, it only fills the struct"
)]
fn kernel_is_synchronised() -> bool {
    /// The kernel's own limit: from here on it calls the clock unsynchronised.
    const ERROR_MAX_US: libc::c_long = 16_000_000;
    // SAFETY: all fields of `timex` are integers, for which zero is a value; `modes` zero reads only.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    state >= 0 && timex.maxerror < ERROR_MAX_US
}

#[cfg(not(target_os = "linux"))]
const fn kernel_is_synchronised() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_within_half_a_second_speaks_for_the_clock() {
        let check = |ahead_ms: Option<i64>, expected| assert_eq!(is_near(ahead_ms.map(|ms| ms * 1_000_000)), expected);
        check(None, false);
        check(Some(0), true);
        check(Some(-500), true);
        check(Some(501), false);
        check(Some(i64::MIN / 1_000_000), false);
    }

    #[test]
    fn the_system_can_be_asked() {
        // Whatever it says here: asking neither fails nor changes anything.
        assert_eq!(is_set(), is_set());
    }
}
