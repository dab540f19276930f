//! Times of messages as text.

use types::Timestamp;

use crate::digits::{self, POWERS};

/// Bytes of a time before the fraction of its second.
const SECOND: usize = "2026-07-19T17:54:39".len();

/// Reads times in RFC 3339. Messages come in order, so the second of a time is nearly always that of the one before, and
/// only its fraction has to be read.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    second: [u8; SECOND],
    start: Timestamp,
}

impl Times {
    pub(crate) const fn new() -> Self {
        Self { second: [0; SECOND], start: Timestamp::EPOCH }
    }

    /// As [`Timestamp::parse_rfc3339`].
    #[inline]
    pub(crate) fn read(&mut self, text: &str) -> Option<Timestamp> {
        match self.read_fraction(text.as_bytes()) {
            Some(fraction_ns) => Some(Timestamp::from_nanos(self.start.as_nanos() + fraction_ns)),
            None => self.read_all(text.as_bytes()),
        }
    }

    /// Of a time within the second.
    #[inline]
    fn read_fraction(&self, text: &[u8]) -> Option<i64> {
        let fraction = text.strip_prefix(&self.second)?.strip_prefix(b".")?.strip_suffix(b"Z")?;
        let (number, len) = digits::whole(fraction)?;
        let is_exact = len == fraction.len() && len <= 9;
        is_exact.then(|| (number * POWERS[9 - len]) as i64)
    }

    fn read_all(&mut self, text: &[u8]) -> Option<Timestamp> {
        let at = Timestamp::parse_rfc3339(text)?;
        if let Some(second) = text.first_chunk() {
            self.second = *second;
            self.start = Timestamp::from_secs(at.as_secs());
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_general_reader() {
        let mut times = Times::new();
        for text in [
            "2026-07-19T17:54:39.614696Z",
            "2026-07-19T17:54:39.7Z",
            "2026-07-19T17:54:39.123456789Z",
            "2026-07-19T17:54:39.1234567890Z",
            "2026-07-19T17:54:39.Z",
            "2026-07-19T17:54:39Z",
            "2026-07-19T17:54:39.5+00:00",
            "2026-07-19T17:54:39.5+02:00",
            "1970-01-01T00:00:00.5Z",
            "1969-12-31T23:59:59.5Z",
            "1969-12-31T23:59:59.25Z",
            "2016-12-31T23:59:60.5Z",
            "2016-12-31T23:59:60.75Z",
            "",
            ".5Z",
        ] {
            assert_eq!(times.read(text), Timestamp::parse_rfc3339(text.as_bytes()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn times_in_any_order_too(
            texts in proptest::collection::vec("2026-0[1-3]-01T00:00:0[0-2](\\.[0-9]{1,10})?[Zx]", 1..20),
        ) {
            let mut times = Times::new();
            for text in texts {
                proptest::prop_assert_eq!(times.read(&text), Timestamp::parse_rfc3339(text.as_bytes()));
            }
        }
    }
}
