//! The life of opportunities: which are there, which were, and how many today.
//!
//! ```text
//!            enough is left                      gone for longer than a gap
//!  nothing ─────────────────► there ◄────► gone ────────────────────────────► ended when it went
//!                               │  comes back │
//!                               └──────┬──────┘
//!                    a book, the rate or the clock does not hold: ended at once
//! ```

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::arbitrage::{ArbitrageEnd, ArbitrageLeg, ArbitrageRate};
use types::effect::Record;
use types::settings::ArbitrageSettings;
use types::{ArbitrageEndReason, ArbitrageRecord, ArbitrageSize, Effects, InstrumentId, Timestamp, Venue};

/// Most opportunities that are followed at a time; what comes beyond is counted only.
pub const OPEN_MAX: usize = 256;
/// Newest ended opportunities kept, for the screen.
pub const ENDED_MAX: usize = 20;
/// Least time between two records of an opportunity that lasts.
const RECORD_EVERY: Duration = Duration::from_secs(10);

/// Where base is bought and where it is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// Where it is bought.
    pub buy: InstrumentId,
    /// Where it is sold.
    pub sell: InstrumentId,
}

impl Pair {
    pub(crate) fn has(self, instrument: InstrumentId) -> bool {
        self.buy == instrument || self.sell == instrument
    }
}

/// What a look at two books saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Both fees are paid and something is left.
    Pays(Offer),
    /// They are not, or it cannot be told.
    Ends(ArbitrageEnd),
}

/// What two books offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) size: ArbitrageSize,
    pub(crate) qty_decimals: u8,
    pub(crate) rate: Option<ArbitrageRate>,
}

/// What an opportunity is called; only asked for when one begins.
pub(crate) struct Names {
    pub(crate) buy: ArbitrageLeg,
    pub(crate) sell: ArbitrageLeg,
    pub(crate) base: String,
    pub(crate) currency: String,
}

/// Where the ledger writes, and by which rules.
pub(crate) struct Pen<'a> {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) settings: &'a ArbitrageSettings,
    pub(crate) effects: &'a mut Effects,
}

/// An opportunity that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opportunity {
    known: ArbitrageRecord,
    now: ArbitrageSize,
    /// Since when it is gone, and why, while it may still come back.
    gone: Option<ArbitrageEnd>,
    recorded_at: Timestamp,
    is_recorded: bool,
}

impl Opportunity {
    /// What is known of it.
    #[must_use]
    pub const fn known(&self) -> &ArbitrageRecord {
        &self.known
    }

    /// What it offers now, or offered when it was last there.
    #[must_use]
    pub const fn now(&self) -> &ArbitrageSize {
        &self.now
    }

    /// True while it is there, false while it is gone and may come back.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.gone.is_none()
    }

    fn offers(&mut self, size: ArbitrageSize) {
        self.known.returns += u32::from(self.gone.take().is_some());
        self.now = size;
        self.known.peak_cbps = self.known.peak_cbps.max(size.net_cbps);
        if size.profit > self.known.best.profit {
            self.known.best = size;
            self.is_recorded = false;
        }
    }

    fn record(&mut self, pen: &mut Pen<'_>) {
        (self.recorded_at, self.is_recorded) = (pen.at, true);
        pen.effects.record(Record::Arbitrage(Box::new(self.known.clone())));
    }
}

/// What ended in one UTC day between one pair of venues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How long they lasted together.
    pub lasted: Duration,
    /// How long the longest lasted.
    pub longest: Duration,
    /// Most that was left at the best prices, hundredths of a basis point.
    pub peak_cbps: u32,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            lasted: self.lasted.saturating_add(other.lasted),
            longest: self.longest.max(other.longest),
            peak_cbps: self.peak_cbps.max(other.peak_cbps),
        }
    }
}

/// All opportunities of now and today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    open: BTreeMap<Pair, Opportunity>,
    ended: VecDeque<ArbitrageRecord>,
    day: i32,
    /// By where base was bought and where it was sold.
    today: BTreeMap<(Venue, Venue), Tally>,
    crowded_out: u64,
    /// What began with this input; always empty between inputs.
    #[serde(skip)]
    begun: Vec<ArbitrageRecord>,
}

impl Ledger {
    /// Those that have not ended, in a fixed order.
    pub fn open(&self) -> impl Iterator<Item = &Opportunity> {
        self.open.values()
    }

    /// The newest that ended, newest first.
    pub fn ended(&self) -> impl Iterator<Item = &ArbitrageRecord> {
        self.ended.iter().rev()
    }

    /// What ended since 00:00 UTC, by where base was bought and where it was sold.
    #[must_use]
    pub const fn today(&self) -> &BTreeMap<(Venue, Venue), Tally> {
        &self.today
    }

    /// How many were not followed because [`OPEN_MAX`] were there already.
    #[must_use]
    pub const fn crowded_out(&self) -> u64 {
        self.crowded_out
    }

    /// What began since it was asked last.
    pub(crate) fn take_begun(&mut self) -> Vec<ArbitrageRecord> {
        core::mem::take(&mut self.begun)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn holds(&self, pair: Pair) -> bool {
        self.open.contains_key(&pair)
    }

    /// The pairs of open opportunities that `which` names.
    pub(crate) fn pairs(&self, which: impl Fn(&Pair, &ArbitrageRecord) -> bool) -> Vec<Pair> {
        self.open.iter().filter(|(pair, open)| which(pair, &open.known)).map(|(pair, _)| *pair).collect()
    }

    /// A new day begins where `at` is in one.
    pub(crate) fn roll_day(&mut self, at: Timestamp) {
        if at.day() != self.day {
            self.day = at.day();
            self.today.clear();
        }
    }

    /// Two books were looked at.
    pub(crate) fn see(&mut self, pair: Pair, sight: Sight, names: impl FnOnce() -> Names, pen: &mut Pen<'_>) {
        let gap_max = Duration::from_millis(pen.settings.gap_max_ms.into());
        let is_over = |gone: ArbitrageEnd| pen.at.since(gone.at) > gap_max;
        if let Some(gone) = self.open.get(&pair).and_then(|open| open.gone).filter(|gone| is_over(*gone)) {
            self.end(pair, gone, pen);
        }
        match (self.open.get_mut(&pair), sight) {
            (Some(open), Sight::Pays(offer)) => {
                open.offers(offer.size);
                if !open.is_recorded && pen.at.since(open.recorded_at) >= RECORD_EVERY {
                    open.record(pen);
                }
            }
            (None, Sight::Pays(offer)) if offer.size.net_cbps >= pen.settings.net_min_cbps => {
                self.begin(pair, &offer, names, pen);
            }
            (Some(open), Sight::Ends(end)) => {
                let gone = *open.gone.get_or_insert(end);
                if is_final(end.reason) || gap_max.is_zero() {
                    self.end(pair, gone, pen);
                }
            }
            (None, _) => {}
        }
    }

    /// Ends all: nothing was seen of the time in which the program did not run.
    pub(crate) fn restart(&mut self, pen: &mut Pen<'_>) {
        for pair in self.pairs(|_, _| true) {
            let Some(open) = self.open.get(&pair) else { continue };
            let unseen = ArbitrageEnd { at: open.now.at, reason: ArbitrageEndReason::Restart };
            self.end(pair, open.gone.unwrap_or(unseen), pen);
        }
    }

    fn begin(&mut self, pair: Pair, offer: &Offer, names: impl FnOnce() -> Names, pen: &mut Pen<'_>) {
        if self.open.len() == OPEN_MAX {
            self.crowded_out = self.crowded_out.saturating_add(1);
            return;
        }
        let Names { buy, sell, base, currency } = names();
        let size = offer.size;
        let known = ArbitrageRecord {
            seq: pen.seq,
            opened_at: pen.at,
            buy,
            sell,
            base,
            currency,
            qty_decimals: offer.qty_decimals,
            rate: offer.rate,
            first: size,
            best: size,
            peak_cbps: size.net_cbps,
            returns: 0,
            end: None,
        };
        let mut open = Opportunity { known, now: size, gone: None, recorded_at: pen.at, is_recorded: true };
        open.record(pen);
        self.begun.push(open.known.clone());
        self.open.insert(pair, open);
    }

    fn end(&mut self, pair: Pair, end: ArbitrageEnd, pen: &mut Pen<'_>) {
        let Some(mut open) = self.open.remove(&pair) else { return };
        open.known.end = Some(end);
        open.record(pen);
        let known = open.known;
        self.roll_day(pen.at);
        let tally = self.today.entry((known.buy.venue, known.sell.venue)).or_default();
        let lasted = known.duration(pen.at);
        *tally = tally.and(&Tally { count: 1, lasted, longest: lasted, peak_cbps: known.peak_cbps });
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(known);
    }
}

/// Whether an opportunity cannot come back as the same one: what it was seen by does not hold any more.
const fn is_final(reason: ArbitrageEndReason) -> bool {
    match reason {
        ArbitrageEndReason::PricesMoved | ArbitrageEndReason::TooSmall => false,
        ArbitrageEndReason::BookStale
        | ArbitrageEndReason::BookOld
        | ArbitrageEndReason::NoRate
        | ArbitrageEndReason::ClockUnset
        | ArbitrageEndReason::Restart => true,
    }
}
