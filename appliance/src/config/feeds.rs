//! The sections of the venues.

use std::time::Duration;

use feed::limiter::Rate;
use feed::{FeedSettings, KucoinBook, Limits, Wanted, default_bases};
use serde::{Deserialize, Serialize};
use store::State;
use types::Venue;

use crate::venue::Endpoint;

/// The venues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FeedsSection {
    /// Where KuCoin's books come from: `pictures` of the best 50 levels, `changes` on a snapshot of 100 levels, or
    /// `unified`, its newer feed with 500 levels, of which less is confirmed.
    pub kucoin_book: KucoinSource,
    /// Kraken.
    pub kraken: FeedSection,
    /// Binance.US.
    pub binance_us: FeedSection,
    /// Coinbase Exchange.
    pub coinbase: FeedSection,
    /// KuCoin. It refuses addresses in some countries, the United States among them; it has no markets in US dollars.
    pub kucoin: FeedSection,
}

/// Where KuCoin's books come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KucoinSource {
    /// [`KucoinBook::Pictures`].
    #[default]
    Pictures,
    /// [`KucoinBook::Changes`].
    Changes,
    /// [`KucoinBook::Unified`].
    Unified,
}

/// One venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSection {
    /// Whether it is watched.
    pub enabled: bool,
    /// The venue's own names of its instruments.
    pub symbols: Vec<String>,
    /// WebSocket address without a path. KuCoin names the one of its usual feed itself; this is the unified one.
    pub ws_base: String,
    /// REST address without a path.
    pub rest_base: String,
    /// Levels of a book that are asked for, where the venue lets us choose.
    pub book_depth: u16,
    /// Best levels of each side that the box looks at.
    pub publish_depth: u16,
    /// Least time between two looks at a book, milliseconds.
    pub publish_interval_ms: u16,
    /// Minutes of history asked for after a start, as far as the venue has them.
    pub history_min: u16,
    /// Nothing heard for so long: the venue is asked for a sign of life, seconds.
    pub keepalive_s: u16,
    /// Nothing heard for so long: the connection is made anew, seconds.
    pub silent_s: u16,
    /// Age at which a connection is replaced by another, prepared beside it, minutes; 0 for never.
    pub connection_age_max_min: u16,
    /// What the venue tolerates from this address.
    pub limits: LimitsSection,
}

/// What a venue tolerates from this address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Weight of requests in a window, in the venue's own unit. Where the venue tells its limit, half of that counts.
    pub request_weight: u32,
    /// Length of that window, seconds.
    pub request_window_s: u16,
    /// Least time between two requests, milliseconds.
    pub request_spacing_ms: u16,
    /// Attempts to connect in a window.
    pub connects: u32,
    /// Length of that window, seconds.
    pub connect_window_s: u16,
    /// Pause after a refusal that does not say how long, seconds; doubles with each in a row.
    pub pause_s: u16,
}

impl Default for FeedsSection {
    fn default() -> Self {
        Self {
            kucoin_book: KucoinSource::default(),
            kraken: FeedSection::new(Venue::Kraken, &["BTC/USD", "ETH/USD"]),
            binance_us: FeedSection::new(Venue::BinanceUs, &["BTCUSDT", "ETHUSDT"]),
            coinbase: FeedSection::new(Venue::Coinbase, &["BTC-USD", "ETH-USD"]),
            kucoin: FeedSection::new(Venue::Kucoin, &["BTC-USDT", "ETH-USDT"]),
        }
    }
}

impl FeedSection {
    fn new(venue: Venue, symbols: &[&str]) -> Self {
        let bases = default_bases(venue);
        let settings = FeedSettings::new(venue, Vec::new());
        Self {
            enabled: true,
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            ws_base: bases.ws.to_owned(),
            rest_base: bases.rest.to_owned(),
            book_depth: settings.book_depth,
            publish_depth: settings.publish_depth,
            publish_interval_ms: settings.publish_every.as_millis() as u16,
            history_min: settings.history_minutes,
            keepalive_s: settings.keepalive_after.as_secs() as u16,
            silent_s: settings.silent_after.as_secs() as u16,
            connection_age_max_min: settings.connection_age_max.map_or(0, |age| (age.as_secs() / 60) as u16),
            limits: LimitsSection::new(&settings.limits),
        }
    }

    /// Reaches the venue at `endpoint` instead.
    pub(crate) fn reach_at(&mut self, endpoint: &Endpoint) {
        self.ws_base.clone_from(&endpoint.ws_base);
        self.rest_base.clone_from(&endpoint.rest_base);
    }

    fn settings(&self, venue: Venue, instruments: Vec<Wanted>) -> FeedSettings {
        let seconds = |count: u16| Duration::from_secs(count.into());
        let defaults = FeedSettings::new(venue, instruments);
        FeedSettings {
            book_depth: self.book_depth,
            publish_depth: self.publish_depth,
            publish_every: Duration::from_millis(self.publish_interval_ms.into()),
            history_minutes: self.history_min,
            keepalive_after: seconds(self.keepalive_s),
            silent_after: seconds(self.silent_s),
            connection_age_max: Some(seconds(self.connection_age_max_min) * 60).filter(|age| !age.is_zero()),
            limits: self.limits.over(defaults.limits),
            ..defaults
        }
    }
}

impl LimitsSection {
    fn new(limits: &Limits) -> Self {
        Self {
            request_weight: limits.requests.most,
            request_window_s: limits.requests.window.as_secs() as u16,
            request_spacing_ms: limits.spacing.as_millis() as u16,
            connects: limits.connects.most,
            connect_window_s: limits.connects.window.as_secs() as u16,
            pause_s: limits.pause.as_secs() as u16,
        }
    }

    fn over(&self, limits: Limits) -> Limits {
        let seconds = |count: u16| Duration::from_secs(count.into());
        Limits {
            requests: Rate { most: self.request_weight, window: seconds(self.request_window_s) },
            spacing: Duration::from_millis(self.request_spacing_ms.into()),
            connects: Rate { most: self.connects, window: seconds(self.connect_window_s) },
            pause: seconds(self.pause_s),
            ..limits
        }
    }
}

impl FeedsSection {
    /// The section of a venue.
    pub(crate) fn of(&self, venue: Venue) -> &FeedSection {
        match venue {
            Venue::Kraken => &self.kraken,
            Venue::BinanceUs => &self.binance_us,
            Venue::Coinbase => &self.coinbase,
            Venue::Kucoin => &self.kucoin,
        }
    }

    /// The section of a venue.
    pub(crate) fn of_mut(&mut self, venue: Venue) -> &mut FeedSection {
        match venue {
            Venue::Kraken => &mut self.kraken,
            Venue::BinanceUs => &mut self.binance_us,
            Venue::Coinbase => &mut self.coinbase,
            Venue::Kucoin => &mut self.kucoin,
        }
    }

    /// What each venue that is switched on watches, with the catalogue's numbers.
    ///
    /// # Errors
    /// When the catalogue cannot be read or written.
    pub(crate) fn resolve(&self, state: &State) -> Result<Vec<(FeedSettings, Endpoint)>, store::StoreError> {
        let all = Venue::ALL.into_iter().map(|venue| (venue, self.of(venue)));
        all.filter(|(_, section)| section.enabled)
            .map(|(venue, section)| {
                let instruments = section.symbols.iter().map(|symbol| {
                    let id = state.resolve(venue, symbol)?;
                    Ok(Wanted { id, symbol: symbol.clone() })
                });
                let mut settings = section.settings(venue, instruments.collect::<Result<_, store::StoreError>>()?);
                settings.kucoin.book = match self.kucoin_book {
                    KucoinSource::Pictures => KucoinBook::Pictures,
                    KucoinSource::Changes => KucoinBook::Changes,
                    KucoinSource::Unified => KucoinBook::Unified,
                };
                let endpoint = Endpoint { ws_base: section.ws_base.clone(), rest_base: section.rest_base.clone() };
                Ok((settings, endpoint))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_not_configured_is_as_the_feed_would_have_it() {
        for venue in Venue::ALL {
            let settings = Config::default().feeds.of(venue).settings(venue, Vec::new());
            assert_eq!(settings, FeedSettings::new(venue, Vec::new()));
        }
    }

    #[test]
    fn what_is_configured_reaches_the_feed() {
        let text = "[feeds]\nkucoin-book = 'unified'\n[feeds.kucoin]\nsilent_s = 90\nconnection_age_max_min = 0\n\
            [feeds.kucoin.limits]\nrequest_weight = 300\npause_s = 45";
        let config = Config::parse(text).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let all = config.feeds.resolve(&State::open(dir.path()).unwrap()).unwrap();
        assert_eq!(all.len(), 4);
        let (settings, endpoint) = &all[3];
        assert_eq!((settings.venue, endpoint.rest_base.as_str()), (Venue::Kucoin, "https://api.kucoin.com"));
        assert_eq!((settings.silent_after, settings.connection_age_max), (Duration::from_secs(90), None));
        assert_eq!((settings.limits.requests.most, settings.limits.pause), (300, Duration::from_secs(45)));
        assert_eq!(settings.kucoin.book, KucoinBook::Unified);
        assert_eq!(settings.limits.spacing, Limits::of(Venue::Kucoin).spacing);
    }
}
