//! The fault table as faults at random times, for long runs.

use std::time::Duration;

use sim::fault::{
    Channel, Direction, Fault, Kind, Malformed, OddAck, OddAnswer, OddCandle, OddLevel, Part, RuleChange, Scope, When,
};
use types::Venue;

/// A row of the fault table: faults that call for the same kind of reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// Connections close, break, or cannot be made.
    Disconnect,
    /// Connections stay open and nothing comes through, in one direction or both.
    HalfOpen,
    /// Data stops while signs of life go on.
    Stale,
    /// Frames are lost.
    Gap,
    /// Frames come twice.
    Duplicate,
    /// Frames come in another order.
    Reorder,
    /// Checksum and book do not go together (Kraken).
    Checksum,
    /// Levels that should not be there.
    Levels,
    /// Requests for books fail, take long, or give old ones.
    Snapshot,
    /// The venue wants less to be asked.
    RateLimit,
    /// The box does not read fast enough, or too much comes at once.
    SlowConsumer,
    /// Frames that cannot be read.
    Malformed,
    /// The box's clock and the venue's are not the same.
    Clock,
    /// Candles that come late, twice, out of order or corrected.
    Candles,
    /// Odd answers to subscriptions.
    Subscription,
    /// Instruments are halted, delisted, or get another tick.
    Instruments,
    /// The venue is in maintenance.
    Maintenance,
    /// Delays, a thin line, no way to the venue.
    Network,
}

impl Row {
    /// All rows.
    pub const ALL: [Self; 18] = [
        Self::Disconnect,
        Self::HalfOpen,
        Self::Stale,
        Self::Gap,
        Self::Duplicate,
        Self::Reorder,
        Self::Checksum,
        Self::Levels,
        Self::Snapshot,
        Self::RateLimit,
        Self::SlowConsumer,
        Self::Malformed,
        Self::Clock,
        Self::Candles,
        Self::Subscription,
        Self::Instruments,
        Self::Maintenance,
        Self::Network,
    ];

    /// The name used on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::HalfOpen => "half-open",
            Self::Stale => "stale",
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Checksum => "checksum",
            Self::Levels => "levels",
            Self::Snapshot => "snapshot",
            Self::RateLimit => "rate-limit",
            Self::SlowConsumer => "slow-consumer",
            Self::Malformed => "malformed",
            Self::Clock => "clock",
            Self::Candles => "candles",
            Self::Subscription => "subscription",
            Self::Instruments => "instruments",
            Self::Maintenance => "maintenance",
            Self::Network => "network",
        }
    }

    /// The row of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.name() == name)
    }

    /// The row's faults at one venue, one of them about once in `every`. [`Row::Clock`] has none: the clock is the box's.
    #[must_use]
    pub fn faults(self, venue: Venue, symbols: &[&str], every: Duration) -> Vec<Fault> {
        let variants = self.variants(venue, symbols);
        let when = When::About { every: every * variants.len().max(1) as u32 };
        variants.into_iter().map(|(scope, kind)| Fault::new(when, scope, kind)).collect()
    }

    fn variants(self, venue: Venue, symbols: &[&str]) -> Vec<(Scope, Kind)> {
        let all = || Scope::of(venue);
        let at = |channel| Scope::of(venue).channel(channel);
        let each = |kinds: Vec<Kind>, scope: Scope| kinds.into_iter().map(move |kind| (scope.clone(), kind));
        let everywhere = |kinds: Vec<Kind>| each(kinds, all()).collect::<Vec<_>>();
        let of_symbols = |kind: Kind| symbols.iter().map(move |symbol| (all().symbol(symbol), kind.clone()));
        match self {
            Self::Disconnect => {
                let mut kinds: Vec<Kind> = [1_000, 1_001, 1_008, 1_011, 1_012].map(|code| Kind::Close { code }).into();
                kinds.extend([Kind::Abort, Kind::Refuse { status: 503, lasts: s(20) }]);
                kinds.extend((venue == Venue::BinanceUs).then(|| Kind::Say { text: SERVER_SHUTDOWN.to_owned() }));
                let mut variants = everywhere(kinds);
                variants.push((at(Channel::Control), Kind::Abort));
                variants
            }
            Self::HalfOpen => {
                everywhere([Direction::Both, Direction::ToClient, Direction::ToServer].map(Kind::HalfOpen).into())
            }
            Self::Stale => {
                let silence = Kind::Silence { lasts: s(60) };
                let mut variants: Vec<_> = of_symbols(silence.clone()).collect();
                variants.extend([Channel::Book, Channel::Trades].map(|channel| (at(channel), silence.clone())));
                variants
            }
            Self::Gap => {
                let drops = |channel| each([1, 5].map(|frames| Kind::Drop { frames }).into(), at(channel));
                let mut variants: Vec<_> = drops(Channel::Book).chain(drops(Channel::Trades)).collect();
                variants.push((at(Channel::Control), Kind::Drop { frames: 1 }));
                variants
            }
            Self::Duplicate => {
                let mut variants: Vec<_> = [Channel::Book, Channel::Trades, Channel::Candles, Channel::Control]
                    .map(|channel| (at(channel), Kind::Duplicate { copies: 1 }))
                    .into();
                variants.push((at(Channel::Trades), Kind::Replay { back: s(5) }));
                variants
            }
            Self::Reorder => {
                let kinds = vec![
                    Kind::Swap { behind: 1 },
                    Kind::Swap { behind: 4 },
                    Kind::Late { by: Duration::from_millis(400) },
                    Kind::Late { by: s(3) },
                ];
                let mut variants: Vec<_> = each(kinds.clone(), at(Channel::Book)).collect();
                variants.extend(each(kinds, at(Channel::Trades)));
                variants.push((at(Channel::Book).part(Part::Snapshot), Kind::Late { by: s(2) }));
                variants
            }
            Self::Checksum if venue == Venue::Kraken => {
                each(vec![Kind::WrongValue, Kind::WrongChecksum], at(Channel::Book)).collect()
            }
            Self::Levels => each(LEVELS.map(Kind::Level).into(), at(Channel::Book)).collect(),
            Self::Snapshot if venue != Venue::Kraken => {
                each(ANSWERS.map(Kind::Answer).into(), at(Channel::Book)).collect()
            }
            // Nothing of the kind there.
            Self::Checksum | Self::Snapshot | Self::Clock => Vec::new(),
            Self::RateLimit => {
                let limit = |status, retry_after_s| Kind::Limit { status, retry_after_s, lasts: s(45) };
                let mut kinds = vec![limit(429, Some(45)), limit(429, None), limit(403, None)];
                kinds.extend((venue == Venue::BinanceUs).then(|| limit(418, Some(120))));
                everywhere(kinds)
            }
            Self::SlowConsumer => everywhere(vec![
                Kind::Stall { lasts: s(4), queue: 10_000 },
                Kind::Stall { lasts: s(15), queue: 20 },
                Kind::Burst { copies: 49, lasts: s(1) },
            ]),
            Self::Malformed => {
                let data = [Channel::Book, Channel::Trades, Channel::Candles];
                let of = |how| data.map(|channel| (at(channel), Kind::Malform(how)));
                Malformed::ALL.into_iter().flat_map(of).collect()
            }
            Self::Candles => {
                let mut kinds = vec![
                    Kind::Duplicate { copies: 1 },
                    Kind::Drop { frames: 1 },
                    Kind::Late { by: s(70) },
                    Kind::Swap { behind: 2 },
                ];
                if venue == Venue::BinanceUs {
                    kinds.push(Kind::Candle(OddCandle::NoFinalMark));
                    kinds.push(Kind::Candle(OddCandle::Corrected { after: s(1) }));
                }
                each(kinds, at(Channel::Candles)).collect()
            }
            Self::Subscription => {
                let mut kinds: Vec<Kind> = [OddAck::WrongId, OddAck::Already, OddAck::Refused].map(Kind::Ack).into();
                kinds.extend([Kind::Drop { frames: 1 }, Kind::Late { by: s(5) }]);
                each(kinds, at(Channel::Control)).collect()
            }
            Self::Instruments => {
                let changes = [RuleChange::Halt, RuleChange::Delist, RuleChange::Tick];
                let rules = |change| of_symbols(Kind::Rules { change, lasts: s(300) });
                changes.into_iter().flat_map(rules).collect()
            }
            Self::Maintenance => everywhere(vec![Kind::Maintenance { lasts: s(180) }]),
            Self::Network => everywhere(vec![
                Kind::Hold { by: Duration::from_millis(250) },
                Kind::Hold { by: s(2) },
                Kind::Slow { bytes_per_s: 32_000, lasts: s(60) },
                Kind::Unreachable { lasts: s(30) },
            ]),
        }
    }
}

/// All venues break at once, about once in `every`.
#[must_use]
pub fn all_at_once(every: Duration) -> Fault {
    Fault::new(When::About { every }, Scope::default(), Kind::Abort)
}

const SERVER_SHUTDOWN: &str = r#"{"e":"serverShutdown","E":1770123456789}"#;

const LEVELS: [OddLevel; 7] = [
    OddLevel::Crossed,
    OddLevel::AbsentRemoval,
    OddLevel::NegativePrice,
    OddLevel::ZeroPrice,
    OddLevel::NegativeQty,
    OddLevel::OffTick,
    OddLevel::Many,
];

const ANSWERS: [OddAnswer; 7] = [
    OddAnswer::Status(500),
    OddAnswer::Html(502),
    OddAnswer::Cut,
    OddAnswer::Slow(Duration::from_secs(10)),
    OddAnswer::None,
    OddAnswer::Empty,
    OddAnswer::Old,
];

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_and_its_faults() {
        for row in Row::ALL {
            assert_eq!(Row::of_name(row.name()), Some(row));
            let of = |venue| row.faults(venue, &["BTC/USD"], s(600)).len();
            let count: usize = Venue::ALL.into_iter().map(of).sum();
            assert_eq!(count > 0, row != Row::Clock, "{}", row.name());
        }
        assert_eq!(Row::of_name("nonsense"), None);
    }
}
