//! What the venue tells about orders, and when we hear it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::order::OrderEnd;
use types::{Cash, Fill, InstrumentId, Side, Timestamp};

use super::Working;

/// What happened to orders, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaperEvent {
    /// A part was filled.
    Fill {
        /// The fill, with the time at which it happened.
        fill: Fill,
        /// True for the first fill of its order.
        is_first: bool,
    },
    /// An order left the venue.
    End {
        /// As it was when it left.
        working: Box<Working>,
        /// How it ended.
        end: OrderEnd,
        /// When.
        at: Timestamp,
    },
}

impl PaperEvent {
    /// Whose order it was.
    #[must_use]
    pub const fn instrument(&self) -> InstrumentId {
        match self {
            Self::Fill { fill, .. } => fill.instrument,
            Self::End { working, .. } => working.order.instrument,
        }
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Fill { fill, .. } => fill.at,
            Self::End { at, .. } => *at,
        }
    }
}

/// Reports on their way to us, oldest first. They come on one connection: none overtakes another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reports {
    untold: VecDeque<Report>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    heard_at: Timestamp,
    event: PaperEvent,
    /// Cash that the account does not have any more and does not know of yet.
    spent: Cash,
}

impl Reports {
    pub(super) fn push(&mut self, event: PaperEvent, heard_at: Timestamp, spent: Cash) {
        let before = self.untold.back().map_or(heard_at, |report| report.heard_at);
        self.untold.push_back(Report { heard_at: heard_at.max(before), event, spent });
    }

    /// Hands out what is heard up to and with `to`.
    pub(super) fn tell(&mut self, to: Timestamp, out: &mut Vec<PaperEvent>) {
        while let Some(report) = self.untold.pop_front_if(|report| report.heard_at <= to) {
            out.push(report.event);
        }
    }

    /// True while something about `instrument` is not heard yet.
    pub(super) fn concern(&self, instrument: InstrumentId) -> bool {
        self.untold.iter().any(|report| report.event.instrument() == instrument)
    }

    /// Cash spent that is not known of yet.
    pub(super) fn spent(&self, which: impl Fn(InstrumentId) -> bool) -> Cash {
        let reports = self.untold.iter().filter(|report| which(report.event.instrument()));
        reports.fold(Cash::ZERO, |sum, report| sum.saturating_add(report.spent))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.untold.is_empty()
    }
}

/// What a fill takes from the account: nothing for a sale.
pub(super) fn spent(fill: &Fill, value: Cash) -> Cash {
    if fill.side == Side::Buy { value.saturating_add(fill.fee) } else { Cash::ZERO }
}
