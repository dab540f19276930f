//! How the page stands with the box.

use crate::format;

/// Without a message for this long what is shown counts as stale, milliseconds. The box speaks at least every two seconds.
pub const STALE_MS: f64 = 5_000.0;
/// Without a message for this long the connection counts as lost, milliseconds.
pub const LOST_MS: f64 = 15_000.0;

/// The connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Link {
    /// Asking for one.
    #[default]
    Connecting,
    /// Up.
    Live,
    /// Lost; another attempt at this time of the page's clock, milliseconds.
    Waiting {
        /// When.
        until_ms: f64,
    },
    /// The box speaks another protocol.
    OutOfDate,
}

/// Whether what is shown can be taken for the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing came yet.
    Loading,
    /// It is the present.
    Live,
    /// It was true at its time.
    Stale,
}

impl Link {
    /// Whether what is shown can be taken for the present, `silent_ms` after the last message.
    #[must_use]
    pub fn freshness(self, has_data: bool, silent_ms: f64) -> Freshness {
        match (has_data, self) {
            (false, _) => Freshness::Loading,
            (true, Self::Live) if silent_ms < STALE_MS => Freshness::Live,
            (true, _) => Freshness::Stale,
        }
    }

    /// The state in words, at `now_ms` of the page's clock, `silent_ms` after the last message.
    #[must_use]
    pub fn words(self, now_ms: f64, silent_ms: f64) -> String {
        let seconds = |ms: f64| format::duration((ms / 1e3).ceil().max(0.0) as u64);
        match self {
            Self::Connecting => "Connecting".into(),
            Self::Live if silent_ms >= STALE_MS => format!("No word from the box for {}", seconds(silent_ms)),
            Self::Live => "Live".into(),
            Self::Waiting { until_ms } => format!("Connection lost, trying again in {}", seconds(until_ms - now_ms)),
            Self::OutOfDate => "The box was updated. Please reload this page".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_speaking_box_is_the_present() {
        assert_eq!(Link::Live.freshness(true, 100.0), Freshness::Live);
        assert_eq!(Link::Live.freshness(true, STALE_MS), Freshness::Stale);
        assert_eq!(Link::Connecting.freshness(true, 0.0), Freshness::Stale);
        assert_eq!(Link::Live.freshness(false, 0.0), Freshness::Loading);
    }

    #[test]
    fn a_lost_connection_says_when_it_tries_again() {
        let words = Link::Waiting { until_ms: 5_200.0 }.words(1_000.0, 0.0).replace(format::THIN_SPACE, " ");
        assert_eq!(words, "Connection lost, trying again in 5 s");
        assert_eq!(Link::Live.words(0.0, 7_000.0).replace(format::THIN_SPACE, " "), "No word from the box for 7 s");
    }
}
