//! The first line of the dashboard: one sentence of state, written by rules.

use engine::view::View;
use feed::BookState;
use types::Timestamp;

use crate::venue::VenueStatus;

/// What the sentence is made of.
struct Facts {
    /// Names of venues with all books live.
    live: Vec<&'static str>,
    /// Names of the others, with what they are doing.
    troubled: Vec<(&'static str, String)>,
    clock_set: bool,
    breaker_open: bool,
    trading: bool,
}

pub(super) fn state(view: View<'_>, venues: &[VenueStatus], now: Timestamp) -> String {
    let mut facts = Facts {
        live: Vec::new(),
        troubled: Vec::new(),
        clock_set: view.is_clock_set(),
        breaker_open: view.portfolio().is_breaker_open(),
        trading: view.is_trading(),
    };
    for venue in venues {
        match trouble(venue, now) {
            None => facts.live.push(venue.venue.name()),
            Some(what) => facts.troubled.push((venue.venue.name(), what)),
        }
    }
    facts.told()
}

/// What is wrong with a venue; `None` for nothing.
fn trouble(venue: &VenueStatus, now: Timestamp) -> Option<String> {
    if !venue.feed.is_connected {
        return Some(match venue.feed.last_frame_at {
            Some(at) => format!("silent for {}", duration(now.since(at).as_secs())),
            None => "not reached yet".to_owned(),
        });
    }
    let books = venue.feed.instruments.iter().filter(|instrument| instrument.book != BookState::NotListed);
    let waiting: Vec<&str> = books
        .filter(|instrument| !matches!(instrument.book, BookState::Live { .. }))
        .map(|instrument| instrument.symbol.as_str())
        .collect();
    if waiting.is_empty() { None } else { Some(format!("resyncing {}", waiting.join(", "))) }
}

impl Facts {
    fn told(&self) -> String {
        format!("{} {}", self.markets(), self.trading())
    }

    fn markets(&self) -> String {
        if self.live.is_empty() && self.troubled.is_empty() {
            return "No venue is switched on.".to_owned();
        }
        if self.troubled.is_empty() {
            return match self.live.as_slice() {
                [one] => format!("{one} is live and proven."),
                [one, two] => format!("{one} and {two} are live and proven."),
                all => format!("All {} venues are live and proven.", all.len()),
            };
        }
        let told: Vec<String> = self.troubled.iter().map(|(name, what)| format!("{name} is {what}")).collect();
        match self.live.len() {
            0 => format!("{}.", told.join("; ")),
            1 => format!("{}; {} carries on.", told.join("; "), self.live[0]),
            more => format!("{}; the other {more} carry on.", told.join("; ")),
        }
    }

    const fn trading(&self) -> &'static str {
        if !self.clock_set {
            "Clock not set yet: recording, not trading."
        } else if self.breaker_open {
            "The drawdown breaker is open: no new orders."
        } else if self.trading {
            "Trading on paper, no breaker open."
        } else {
            "Trading is switched off."
        }
    }
}

/// A duration in words, two units at most.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(live: &[&'static str], troubled: &[(&'static str, &str)]) -> Facts {
        Facts {
            live: live.to_vec(),
            troubled: troubled.iter().map(|(name, what)| (*name, (*what).to_owned())).collect(),
            clock_set: true,
            breaker_open: false,
            trading: true,
        }
    }

    #[test]
    fn the_sentence_says_what_is_true() {
        let check = |facts: &Facts, sentence: &str| assert_eq!(facts.told(), sentence);
        check(
            &facts(&["Kraken", "Binance.US"], &[]),
            "Kraken and Binance.US are live and proven. Trading on paper, no breaker open.",
        );
        check(
            &facts(&["Kraken", "Coinbase", "Binance.US"], &[("KuCoin", "silent for 4 min")]),
            "KuCoin is silent for 4 min; the other 3 carry on. Trading on paper, no breaker open.",
        );
        let unset = Facts { clock_set: false, ..facts(&["Kraken"], &[]) };
        check(&unset, "Kraken is live and proven. Clock not set yet: recording, not trading.");
        let off = Facts { trading: false, ..facts(&["Kraken"], &[]) };
        check(&off, "Kraken is live and proven. Trading is switched off.");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        assert_eq!(duration(7), "7 s");
        assert_eq!(duration(240), "4 min");
        assert_eq!(duration(3_700), "1 h 1 min");
        assert_eq!(duration(90_000), "1 d 1 h");
    }
}
