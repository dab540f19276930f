//! Which prices are believed.
//!
//! ```text
//! trade, book, candle ──near the trusted price──► believed, and trusted from now on
//!          │ far from it
//!          ├──another venue trades there too──► believed
//!          ▼
//!       a suspect level ──several trades and a book, or enough of anything for a while, none of it near the old price──►
//!          │                                                                   believed, and what was held is released
//!          └──after two minutes──► set aside for good
//! ```
//!
//! *Near* is a multiple of how much the price moved in the minutes of late, and grows with the square root of the time since
//! the trusted price, as a walk does. So a price a hundred times off is never believed at once, and a market that really
//! jumped is, after a second or so.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::market::VenueCandle;
use types::quality::Quarantined;
use types::time::NS_PER_MIN;
use types::{BookTop, Price, Timestamp, Trade};

/// Most things that wait for confirmation; the oldest is set aside for good.
const HELD_MAX: usize = 64;
/// How long something waits for confirmation.
const HOLD: core::time::Duration = core::time::Duration::from_secs(120);
/// The usual range of a minute times this is near.
const RANGES: u64 = 50;
/// What is near in any case within a minute, millionths.
const NEAR_MIN_PPM: u64 = 100_000;
/// What is not near any more within a minute, millionths.
const NEAR_MAX_PPM: u64 = 500_000;
/// What is never near, however long ago the trusted price was, millionths; and how far a candle's extremes may be from its
/// open and close.
const FAR_PPM: u64 = 1_000_000;
/// Trades at a suspect level that confirm it together with a book.
const TRADES_MIN: u32 = 3;
/// Minutes of candles at a suspect level that confirm it.
const CANDLES_MIN: u32 = 3;
/// Suspects of any kind that confirm their level once they span [`SPAN`].
const ANY_MIN: u32 = 10;
/// See [`ANY_MIN`].
const SPAN: core::time::Duration = core::time::Duration::from_secs(10);

/// What is believed of one instrument's price, and what waits for confirmation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guard {
    trusted: Option<Trusted>,
    /// Usual range of a minute, millionths of its low.
    range_ppm: u32,
    suspect: Option<Suspect>,
    held: VecDeque<Held>,
}

/// The price that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trusted {
    price: Price,
    at: Timestamp,
}

/// A level far from the trusted price, and what speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Suspect {
    price: Price,
    since: Timestamp,
    trades: u32,
    books: u32,
    candles: u32,
    /// The newest minute counted in `candles`.
    minute: Option<Timestamp>,
}

/// Something that waits for confirmation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// When it was received.
    pub(crate) at: Timestamp,
    /// What it is.
    pub(crate) what: Quarantined,
}

/// What is thought of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is believed.
    Believed,
    /// It is believed, and so is what was held at its level: see [`Guard::release`].
    Confirmed,
    /// It is not believed (yet).
    Suspect,
}

impl Guard {
    /// The price that is believed.
    pub(crate) fn trusted(&self) -> Option<Price> {
        self.trusted.map(|trusted| trusted.price)
    }

    /// Takes note of how much the price moves in a minute: the median of the newest ones.
    pub(crate) fn set_range(&mut self, ranges_ppm: &mut [u32]) {
        if let Some(middle) = ranges_ppm.len().checked_sub(1).map(|last| last / 2) {
            self.range_ppm = *ranges_ppm.select_nth_unstable(middle).1;
        }
    }

    /// Whether a price is not near what is believed. Only then is it worth asking other venues.
    pub(crate) fn doubts(&self, price: Price, at: Timestamp) -> bool {
        self.trusted.is_none_or(|trusted| !is_near(price, trusted.price, self.limit_since(trusted, at)))
    }

    /// Judges a trade. `elsewhere` is where other venues trade the same, near which a price is believed at once.
    pub(crate) fn judge_trade(&mut self, trade: &Trade, at: Timestamp, elsewhere: &[Price]) -> Judgement {
        let judgement = self.judge(trade.price, at, elsewhere, |suspect| suspect.trades += 1);
        if judgement == Judgement::Believed {
            self.trust(trade.price, at);
        }
        judgement
    }

    /// Judges a book by [`Guard::price_of_book`].
    pub(crate) fn judge_book(&mut self, top: &BookTop, at: Timestamp, elsewhere: &[Price]) -> Judgement {
        let Some(price) = self.price_of_book(top) else { return Judgement::Believed };
        let judgement = self.judge(price, at, elsewhere, |suspect| suspect.books += 1);
        if judgement == Judgement::Believed {
            self.trust(price, at);
        }
        judgement
    }

    /// The price between the best levels of a book that is nearest to the trusted one, for a wide spread says little; but the
    /// middle of a book in which nobody is near it. `None` for an empty book.
    pub(crate) fn price_of_book(&self, top: &BookTop) -> Option<Price> {
        let (bid, ask) = (top.bids.first().map(|level| level.price), top.asks.first().map(|level| level.price));
        let side = bid.or(ask)?;
        let trusted = self.trusted().unwrap_or(side);
        let nearest = trusted.max(bid.unwrap_or(trusted)).min(ask.unwrap_or(trusted.max(side)));
        let middle = bid.zip(ask).and_then(|(bid, ask)| Price::new(bid.mantissa().midpoint(ask.mantissa())));
        Some(middle.filter(|middle| !is_near(*middle, nearest, FAR_PPM)).unwrap_or(nearest))
    }

    /// Judges a candle: its open and close against `beside`, the price at the edge of the known minute next to it, else against
    /// the trusted price; its extremes against its own open and close.
    pub(crate) fn judge_candle(
        &mut self,
        told: &VenueCandle,
        at: Timestamp,
        beside: Option<Price>,
        elsewhere: &[Price],
    ) -> Judgement {
        let candle = &told.candle;
        let body = [candle.open, candle.close];
        let has_wild_extremes = [candle.high, candle.low]
            .iter()
            .any(|extreme| body.iter().all(|price| !is_near(*extreme, *price, FAR_PPM)));
        if has_wild_extremes {
            return Judgement::Suspect;
        }
        let age_min = at.since(candle.open_time).as_secs() as i64 / 60;
        let reference = beside.map(|price| (price, 0)).or_else(|| Some((self.trusted()?, age_min)));
        let Some((reference, minutes)) = reference else { return Judgement::Believed };
        let limit_ppm = self.limit_ppm(minutes);
        if body.iter().any(|price| is_near(*price, reference, limit_ppm)) {
            return Judgement::Believed;
        }
        self.doubt(candle.close, at, elsewhere, |suspect| {
            if suspect.minute < Some(candle.open_time) {
                suspect.minute = Some(candle.open_time);
                suspect.candles += 1;
            }
        })
    }

    /// Keeps something until it is confirmed. Gives what has to go for it.
    pub(crate) fn hold(&mut self, at: Timestamp, what: Quarantined) -> Option<Held> {
        let dropped = if self.held.len() == HELD_MAX { self.held.pop_front() } else { None };
        self.held.push_back(Held { at, what });
        dropped
    }

    /// Takes out what was held near a price that is believed now, oldest first.
    pub(crate) fn release(&mut self) -> Vec<Held> {
        let Some(trusted) = self.trusted() else { return Vec::new() };
        let limit_ppm = self.limit_ppm(0);
        self.take_out(|what| price_of(what).is_some_and(|price| is_near(price, trusted, limit_ppm)))
    }

    /// Takes out the trades that the venue's own final candle holds: two channels say the same.
    pub(crate) fn explain(&mut self, told: &VenueCandle) -> Vec<Held> {
        let candle = &told.candle;
        let minute = |at: Timestamp| at.floor_to(NS_PER_MIN);
        self.take_out(|what| match what {
            Quarantined::Trade(trade) => {
                minute(trade.venue_at) == candle.open_time && (candle.low..=candle.high).contains(&trade.price)
            }
            _ => false,
        })
    }

    /// Takes out what has waited too long.
    pub(crate) fn expire(&mut self, at: Timestamp) -> Vec<Held> {
        let expired = self.held.iter().take_while(|held| at.since(held.at) >= HOLD).count();
        self.held.drain(..expired).collect()
    }

    fn take_out(&mut self, is_meant: impl Fn(&Quarantined) -> bool) -> Vec<Held> {
        let (taken, kept) = self.held.drain(..).partition(|held| is_meant(&held.what));
        self.held = kept;
        Vec::from(taken as VecDeque<Held>)
    }

    fn judge(
        &mut self,
        price: Price,
        at: Timestamp,
        elsewhere: &[Price],
        count: impl FnOnce(&mut Suspect),
    ) -> Judgement {
        let Some(trusted) = self.trusted else {
            // The first price ever: other venues know better.
            let fits = elsewhere.is_empty() || elsewhere.iter().any(|other| is_near(price, *other, NEAR_MAX_PPM));
            return if fits { Judgement::Believed } else { self.doubt(price, at, &[], count) };
        };
        if is_near(price, trusted.price, self.limit_since(trusted, at)) {
            self.suspect = self.suspect.filter(|suspect| is_near(suspect.price, price, self.limit_ppm(0)));
            return Judgement::Believed;
        }
        self.doubt(price, at, elsewhere, count)
    }

    fn doubt(
        &mut self,
        price: Price,
        at: Timestamp,
        elsewhere: &[Price],
        count: impl FnOnce(&mut Suspect),
    ) -> Judgement {
        let limit_ppm = self.limit_ppm(0);
        let fresh = Suspect { price, since: at, trades: 0, books: 0, candles: 0, minute: None };
        let same_level = self.suspect.filter(|suspect| is_near(suspect.price, price, limit_ppm));
        let suspect = self.suspect.insert(same_level.unwrap_or(fresh));
        suspect.price = price;
        count(suspect);
        if suspect.is_confirmed(at) || elsewhere.iter().any(|other| is_near(price, *other, limit_ppm)) {
            self.trust(price, at);
            self.suspect = None;
            return Judgement::Confirmed;
        }
        Judgement::Suspect
    }

    fn trust(&mut self, price: Price, at: Timestamp) {
        self.trusted = Some(Trusted { price, at });
    }

    fn limit_since(&self, trusted: Trusted, at: Timestamp) -> u64 {
        self.limit_ppm(at.since(trusted.at).as_secs() as i64 / 60)
    }

    /// How far from a believed price is near after so many minutes, millionths.
    fn limit_ppm(&self, minutes: i64) -> u64 {
        let minute = (u64::from(self.range_ppm) * RANGES).clamp(NEAR_MIN_PPM, NEAR_MAX_PPM);
        (minute * minutes.unsigned_abs().saturating_add(1).isqrt().min(FAR_PPM)).min(FAR_PPM)
    }
}

impl Suspect {
    fn is_confirmed(&self, at: Timestamp) -> bool {
        let all = self.trades + self.books + self.candles;
        (self.trades >= TRADES_MIN && self.books > 0)
            || self.candles >= CANDLES_MIN
            || (all >= ANY_MIN && at.since(self.since) >= SPAN)
    }
}

/// The price something held would have.
fn price_of(what: &Quarantined) -> Option<Price> {
    match what {
        Quarantined::Trade(trade) => Some(trade.price),
        Quarantined::Candle(told) => Some(told.candle.close),
        Quarantined::Book { .. } | Quarantined::Ticker(_) => None,
    }
}

/// Whether the higher of two prices is at most `limit_ppm` above the lower.
fn is_near(a: Price, b: Price, limit_ppm: u64) -> bool {
    let (low, high) = (a.min(b).mantissa(), a.max(b).mantissa());
    i128::from(high) * 1_000_000 <= i128::from(low) * i128::from(1_000_000 + limit_ppm)
}
