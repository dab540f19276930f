//! What the door turned away: counted for `/metrics`, and told in the log once a minute, however much it was.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// All places for connections are taken, or those of this address.
    NoPlace,
    /// What came is no HTTP, or more than a head may be.
    Malformed,
    /// Another host name than the box's.
    Host,
    /// A page of another site.
    Origin,
    /// Nobody that the box knows.
    Unknown,
    /// Somebody who lacks what the request needs.
    Scope,
}

impl Why {
    const ALL: [Self; 6] = [Self::NoPlace, Self::Malformed, Self::Host, Self::Origin, Self::Unknown, Self::Scope];

    /// In a label.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NoPlace => "no_place",
            Self::Malformed => "malformed",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Unknown => "unknown",
            Self::Scope => "scope",
        }
    }

    /// For the log. Who has to log in is no news.
    fn sentence(self) -> Option<&'static str> {
        match self {
            Self::NoPlace => Some("connections beyond the places there are"),
            Self::Malformed => Some("connections that spoke no HTTP"),
            Self::Host => Some("requests for another host name"),
            Self::Origin => Some("requests by pages of other sites"),
            Self::Scope => Some("requests without the scope that they need"),
            Self::Unknown => None,
        }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: [u64; Why::ALL.len()],
    logged: [u64; Why::ALL.len()],
    newest: Option<IpAddr>,
}

impl Refusals {
    /// Somebody was turned away.
    pub(super) fn note(&self, why: Why, from: Option<IpAddr>) {
        let mut counts = self.lock();
        counts.all[why as usize] += 1;
        if why.sentence().is_some() {
            counts.newest = from.or(counts.newest);
        }
    }

    /// How often since the start.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Why, u64)> + use<> {
        Why::ALL.into_iter().zip(self.lock().all)
    }

    /// What came since this was asked before, as one sentence; nothing where nothing did.
    pub(super) fn news(&self) -> Option<String> {
        let mut counts = self.lock();
        let parts: Vec<String> = Why::ALL
            .into_iter()
            .filter_map(|why| Some((counts.all[why as usize] - counts.logged[why as usize], why.sentence()?)))
            .filter(|(count, _)| *count > 0)
            .map(|(count, sentence)| format!("{count} {sentence}"))
            .collect();
        counts.logged = counts.all;
        let newest = counts.newest.map(|address| format!("; the newest from {}", address.to_canonical()));
        (!parts.is_empty()).then(|| format!("turned away: {}{}", parts.join(", "), newest.unwrap_or_default()))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_sentence_and_to_log_in_is_none() {
        let refusals = Refusals::default();
        assert_eq!(refusals.news(), None);
        refusals.note(Why::Unknown, "10.0.0.9".parse().ok());
        assert_eq!(refusals.news(), None);
        (0..5_000).for_each(|_| refusals.note(Why::NoPlace, "10.0.0.1".parse().ok()));
        refusals.note(Why::Host, "::ffff:10.0.0.2".parse().ok());
        let told = "turned away: 5000 connections beyond the places there are, 1 requests for another host name; the newest from 10.0.0.2";
        assert_eq!(refusals.news().as_deref(), Some(told));
        assert_eq!(refusals.news(), None);
        let counts: Vec<_> = refusals.counts().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [(Why::NoPlace, 5_000), (Why::Host, 1), (Why::Unknown, 1)]);
    }
}
