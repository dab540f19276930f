//! What is known of one minute: before it closes, and for a while after, because more may come.

use serde::{Deserialize, Serialize};
use types::market::{CandleSource, CandleState, VenueCandle};
use types::{Candle, Trade};

use super::building::Building;

/// What was heard of a minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) minute: i64,
    pub(super) built: Option<Building>,
    pub(super) told: Option<VenueCandle>,
    /// Whether its trades were all heard; settled when it closes.
    pub(super) was_heard: bool,
}

/// What became of a venue's candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandleVerdict {
    /// It counts, now or when its minute is over.
    Taken,
    /// It says nothing new, or less than what the venue has said already.
    Ignored,
    /// It is called final and is not: the venue has told more of the same minute, or the minute is not over.
    Unfinished,
    /// Its minute lies in the future.
    Early,
    /// It does not start at a minute.
    Misaligned,
}

impl Known {
    pub(super) const fn new(minute: i64) -> Self {
        Self { minute, built: None, told: None, was_heard: false }
    }

    pub(super) fn add(&mut self, trade: &Trade) {
        match &mut self.built {
            Some(building) => building.add(trade),
            empty => *empty = Some(Building::start(trade)),
        }
    }

    /// Takes the venue's candle unless a better one is here.
    pub(super) fn tell(&mut self, told: &VenueCandle) -> CandleVerdict {
        if let Some(before) = &self.told {
            if weight(told) < weight(before) || told == before {
                return CandleVerdict::Ignored;
            }
            if is_final(before) && is_unfinished(told, &before.candle) {
                return CandleVerdict::Unfinished;
            }
        }
        self.told = Some(told.clone());
        CandleVerdict::Taken
    }
}

pub(super) fn is_final(told: &VenueCandle) -> bool {
    told.state == CandleState::Final
}

/// Whether a candle of the stream that is called final lacks what is known to have happened: within a minute volume only
/// grows. The venue's history may correct downwards.
pub(super) fn is_unfinished(told: &VenueCandle, known: &Candle) -> bool {
    told.source == CandleSource::Stream && told.candle.volume < known.volume
}

/// The number of fills is not compared: venues count them in different ways.
pub(super) fn same_values(a: &Candle, b: &Candle) -> bool {
    (a.open, a.high, a.low, a.close, a.volume) == (b.open, b.high, b.low, b.close, b.volume)
}

/// What is final outweighs what is not, and the venue's history what its stream said.
fn weight(told: &VenueCandle) -> (CandleState, bool) {
    (told.state, told.source != CandleSource::Stream)
}
