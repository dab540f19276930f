//! The control that trades as often, as much and as long as the first account, but what it buys and how much later is drawn.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::{InstrumentId, Ppm, Timestamp};

use crate::market::Markets;

/// Longest time by which the control is later.
const DELAY_MAX_S: u64 = 30 * 60;
/// Most entries and exits that wait.
const DUE_MAX: usize = 1_000;

/// Something the first account did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It opened a position with this share of its equity.
    Opened { instrument: InstrumentId, size: Ppm },
    /// It closed one.
    Closed { instrument: InstrumentId },
}

/// What the control does, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Enter { instrument: InstrumentId, size: Ppm },
    Leave { instrument: InstrumentId },
}

/// What the control is to do, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mirror {
    draws: u64,
    due: VecDeque<(Timestamp, Step)>,
    /// By the first account's position: the control's, and by how much it is later.
    pairs: BTreeMap<InstrumentId, (InstrumentId, Duration)>,
}

impl Mirror {
    /// The first account did something at `at`.
    pub(crate) fn hear(&mut self, done: Done, markets: &Markets, at: Timestamp) {
        let (delay, step) = match done {
            Done::Opened { instrument, size } => {
                let traded: Vec<InstrumentId> = markets
                    .iter()
                    .filter(|market| market.mark().is_some())
                    .map(|market| market.instrument.id)
                    .collect();
                let Some(drawn) = traded.get(self.draw(traded.len() as u64) as usize) else { return };
                let delay = Duration::from_secs(self.draw(DELAY_MAX_S));
                self.pairs.insert(instrument, (*drawn, delay));
                (delay, Step::Enter { instrument: *drawn, size })
            }
            Done::Closed { instrument } => {
                let Some((drawn, delay)) = self.pairs.remove(&instrument) else { return };
                (delay, Step::Leave { instrument: drawn })
            }
        };
        let due_at = at.plus(delay);
        if self.due.len() < DUE_MAX {
            let place = self.due.partition_point(|(at, _)| *at <= due_at);
            self.due.insert(place, (due_at, step));
        }
    }

    /// The next step whose time has come.
    pub(crate) fn next(&mut self, at: Timestamp) -> Option<Step> {
        self.due.pop_front_if(|(due_at, _)| *due_at <= at).map(|(_, step)| step)
    }

    /// A number below `limit`, zero for zero: the next of one fixed list, so that a replay draws the same.
    fn draw(&mut self, limit: u64) -> u64 {
        self.draws += 1;
        // SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
        let mut bits = self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Instrument, Scale, Venue};

    #[test]
    fn every_entry_is_followed_by_its_exit_as_much_later() {
        let mut markets = Markets::default();
        for id in 0..3 {
            let (symbol, base, quote) = (format!("C{id}USD"), format!("C{id}"), "USD".to_owned());
            let scale = Scale { price_decimals: 2, qty_decimals: 2 };
            let (venue, id) = (Venue::Kraken, InstrumentId(id));
            let (qty_min, notional_min) = (types::Qty(1), types::Cash::ZERO);
            let instrument =
                Instrument { id, venue, symbol, base, quote, scale, tick: 1, lot: 1, qty_min, notional_min };
            assert!(markets.put(&instrument).is_ok());
        }
        let mut mirror = Mirror::default();
        let size = Ppm(50_000);
        mirror.hear(Done::Opened { instrument: InstrumentId(0), size }, &markets, Timestamp::EPOCH);
        assert_eq!(mirror, Mirror { draws: 1, ..Mirror::default() }, "nothing has a price");
        mirror.hear(Done::Closed { instrument: InstrumentId(0) }, &markets, Timestamp::EPOCH);
        assert_eq!(mirror.due.len(), 0, "what was not followed into is not followed out of");
    }

    #[test]
    fn draws_are_below_their_limit_and_differ() {
        let mut mirror = Mirror::default();
        let drawn: Vec<u64> = (0..1_000).map(|_| mirror.draw(10)).collect();
        for face in 0..10 {
            let count = drawn.iter().filter(|value| **value == face).count();
            assert!((60..140).contains(&count), "{face}: {count}");
        }
        assert_eq!(mirror.draw(0), 0);
    }
}
