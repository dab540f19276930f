//! Tokens that open a connection of the classic feed: each once, within a day.

use std::collections::BTreeMap;
use std::time::Duration;

use types::Timestamp;

use crate::market::random::Random;

const LIFE: Duration = Duration::from_secs(86_400);
/// Unused tokens kept; the oldest of more is forgotten.
const UNUSED_MAX: usize = 1_000;
/// Characters of a token, and those it is made of.
const LENGTH: usize = 96;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The tokens that were given out and not used.
#[derive(Debug)]
pub(super) struct Tokens {
    random: Random,
    given_at: BTreeMap<String, Timestamp>,
}

impl Tokens {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 3_001), given_at: BTreeMap::new() }
    }

    /// A new token. It ends in characters that a URL has to escape.
    pub(super) fn give(&mut self, at: Timestamp) -> String {
        self.given_at.retain(|_, given_at| at.since(*given_at) < LIFE);
        if self.given_at.len() == UNUSED_MAX {
            let oldest = self.given_at.iter().min_by_key(|(_, given_at)| **given_at).map(|(token, _)| token.clone());
            oldest.map(|token| self.given_at.remove(&token));
        }
        let letter = |bits: u64| char::from(ALPHABET[(bits % 64) as usize]);
        let token = (0..LENGTH).map(|_| letter(self.random.bits())).chain("==".chars()).collect::<String>();
        self.given_at.insert(token.clone(), at);
        token
    }

    /// Whether the token is good; it is not any more afterwards.
    pub(super) fn use_up(&mut self, token: &str, at: Timestamp) -> bool {
        self.given_at.remove(token).is_some_and(|given_at| at.since(given_at) < LIFE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_and_for_a_day() {
        let mut tokens = Tokens::new(1);
        let at = Timestamp::from_secs;
        let (used, old) = (tokens.give(at(0)), tokens.give(at(0)));
        assert_ne!(used, old);
        assert_eq!([tokens.use_up(&used, at(86_399)), tokens.use_up(&used, at(86_399))], [true, false]);
        assert!(!tokens.use_up(&old, at(86_400)) && !tokens.use_up("never", at(0)));
        let first = tokens.give(at(90_000));
        (0..UNUSED_MAX).for_each(|n| drop(tokens.give(at(90_001 + n as i64))));
        assert!(!tokens.use_up(&first, at(90_002)), "the oldest is forgotten");
    }
}
