//! What venues take for a trade: dated rows, one list for each venue.
//!
//! Venues change their fees, and what an old journal day cost must not change with them: a fee is asked for with the time
//! of the event. Most take less from whoever traded much in the last 30 days: each tier has a row of its own, and a fee is asked for
//! with that volume too. The built-in rows are what is known; each says where it comes from.

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::instrument::Venue;
use crate::money::{Cash, Ppm};
use crate::time::Timestamp;

/// Most rows of one venue.
pub const ROWS_MAX: usize = 100;

/// Maker and taker fee of one venue, millionths of the traded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// For resting orders.
    pub maker_ppm: Ppm,
    /// For orders that cross the spread.
    pub taker_ppm: Ppm,
}

/// A venue's fees from one date on, for whoever has traded so much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeRow {
    /// First day of these fees, from 00:00 UTC on; 1970-01-01 where it is not known.
    pub valid_from: Date,
    /// Least value bought and sold at the venue in the last 30 days, today included, whole US dollars.
    #[serde(default)]
    pub volume_min: u32,
    /// For resting orders, millionths of the traded value.
    pub maker_ppm: Ppm,
    /// For orders that cross the spread, millionths of the traded value.
    pub taker_ppm: Ppm,
    /// Whether the venue itself was seen to say so.
    #[serde(default)]
    pub confirmed: bool,
    /// Where the figures come from.
    #[serde(default)]
    pub source: String,
}

impl FeeRow {
    /// The fees alone.
    #[must_use]
    pub const fn fee(&self) -> Fee {
        Fee { maker_ppm: self.maker_ppm, taker_ppm: self.taker_ppm }
    }
}

/// A venue's fees over time: one row at least, by date, and of one date by volume, from zero on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<FeeRow>", into = "Vec<FeeRow>")]
pub struct FeeRows(Vec<FeeRow>);

/// A list that does not say what a venue takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeRowsError {
    /// No row.
    #[error("has no row: a venue needs one at least")]
    Empty,
    /// More than [`ROWS_MAX`].
    #[error("has more than {ROWS_MAX} rows")]
    TooMany,
    /// A row is neither from a later date than the one before it, nor from the same with a larger volume.
    #[error("row {row} is neither from a later date than the row before it nor, of that date, for a larger volume")]
    Order {
        /// Its place, from 1.
        row: usize,
    },
    /// The first row of a date is not for everybody.
    #[error("row {row} is the first of its date and has a volume_min: the first must be for everybody")]
    Volume {
        /// Its place, from 1.
        row: usize,
    },
}

impl FeeRows {
    /// The row that counts at a time for an account that traded `volume` US dollars in the last 30 days: of the newest date that has
    /// come the one with the largest volume that was reached. Before the first date that one counts, because nothing better is known.
    #[must_use]
    pub fn at(&self, at: Timestamp, volume: Cash) -> &FeeRow {
        let newest = self.0.iter().rev().find(|row| row.valid_from.start() <= at).unwrap_or(&self.0[0]);
        let of_date = self.0.iter().filter(|row| row.valid_from == newest.valid_from);
        of_date.take_while(|row| Cash::from_units(row.volume_min.into()) <= volume).last().unwrap_or(newest)
    }

    /// The same fees at all times.
    #[must_use]
    pub fn always(fee: Fee, confirmed: bool, source: &str) -> Self {
        let Fee { maker_ppm, taker_ppm } = fee;
        let (valid_from, volume_min, source) = (Date::EPOCH, 0, source.to_owned());
        Self(vec![FeeRow { valid_from, volume_min, maker_ppm, taker_ppm, confirmed, source }])
    }

    /// All rows, oldest first, and of one date the smallest volume first.
    #[must_use]
    pub fn rows(&self) -> &[FeeRow] {
        &self.0
    }
}

impl TryFrom<Vec<FeeRow>> for FeeRows {
    type Error = FeeRowsError;
    fn try_from(rows: Vec<FeeRow>) -> Result<Self, Self::Error> {
        if rows.is_empty() {
            return Err(FeeRowsError::Empty);
        }
        if rows.len() > ROWS_MAX {
            return Err(FeeRowsError::TooMany);
        }
        let key = |row: &FeeRow| (row.valid_from, row.volume_min);
        if let Some(before) = rows.windows(2).position(|pair| key(&pair[0]) >= key(&pair[1])) {
            return Err(FeeRowsError::Order { row: before + 2 });
        }
        let is_first = |place: usize| place == 0 || rows[place - 1].valid_from != rows[place].valid_from;
        match (0..rows.len()).find(|place| is_first(*place) && rows[*place].volume_min > 0) {
            Some(place) => Err(FeeRowsError::Volume { row: place + 1 }),
            None => Ok(Self(rows)),
        }
    }
}

impl From<FeeRows> for Vec<FeeRow> {
    fn from(rows: FeeRows) -> Self {
        rows.0
    }
}

/// Fees by venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fees {
    /// Kraken.
    pub kraken: FeeRows,
    /// Binance.US.
    pub binance_us: FeeRows,
    /// Coinbase Exchange.
    pub coinbase: FeeRows,
    /// KuCoin.
    pub kucoin: FeeRows,
}

/// Volume in whole US dollars, maker and taker fee in millionths.
const KRAKEN_TIERS: &[(u32, u32, u32)] = &[
    (0, 2_500, 4_000),
    (10_000, 2_000, 3_500),
    (50_000, 1_400, 2_400),
    (100_000, 1_200, 2_200),
    (250_000, 1_000, 2_000),
    (500_000, 800, 1_800),
    (1_000_000, 600, 1_600),
    (2_500_000, 400, 1_400),
    (5_000_000, 200, 1_200),
    (10_000_000, 0, 1_000),
];
/// The same.
const COINBASE_TIERS: &[(u32, u32, u32)] = &[
    (0, 4_000, 6_000),
    (10_000, 2_500, 4_000),
    (50_000, 1_500, 2_500),
    (100_000, 1_000, 2_000),
    (1_000_000, 800, 1_800),
    (15_000_000, 600, 1_600),
    (75_000_000, 300, 1_200),
    (250_000_000, 0, 800),
    (400_000_000, 0, 500),
];

impl Default for Fees {
    fn default() -> Self {
        let fee = |maker, taker| Fee { maker_ppm: Ppm(maker), taker_ppm: Ppm(taker) };
        let unconfirmed = |fee, source| FeeRows::always(fee, false, source);
        let tiers = |valid_from, confirmed, source: &str, tiers: &[(u32, u32, u32)]| {
            let row = |&(volume_min, maker, taker): &(u32, u32, u32)| {
                let (maker_ppm, taker_ppm) = (Ppm(maker), Ppm(taker));
                FeeRow { valid_from, volume_min, maker_ppm, taker_ppm, confirmed, source: source.to_owned() }
            };
            FeeRows(tiers.iter().map(row).collect())
        };
        Self {
            kraken: tiers(
                Date::new(2025, 11, 1),
                true,
                "AssetPairs of November 2025 for XBT/USDT; not seen for USD pairs",
                KRAKEN_TIERS,
            ),
            binance_us: unconfirmed(fee(1_000, 1_000), "unconfirmed: sources disagree; date unknown"),
            coinbase: tiers(
                Date::EPOCH,
                false,
                "unconfirmed: undated copy of the Exchange fee page, read in 2026",
                COINBASE_TIERS,
            ),
            kucoin: unconfirmed(fee(1_000, 1_000), "unconfirmed: example in the documentation, class A; date unknown"),
        }
    }
}

impl Fees {
    /// The list of a venue.
    #[must_use]
    pub const fn of(&self, venue: Venue) -> &FeeRows {
        match venue {
            Venue::Kraken => &self.kraken,
            Venue::BinanceUs => &self.binance_us,
            Venue::Coinbase => &self.coinbase,
            Venue::Kucoin => &self.kucoin,
        }
    }

    /// What a venue takes at a time from an account that traded `volume` US dollars there in the last 30 days.
    #[must_use]
    pub fn at(&self, venue: Venue, at: Timestamp, volume: Cash) -> Fee {
        self.of(venue).at(at, volume).fee()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(year: i32, taker: u32) -> FeeRow {
        tier(year, 0, taker)
    }

    fn tier(year: i32, volume_min: u32, taker: u32) -> FeeRow {
        let (valid_from, maker_ppm, taker_ppm) = (Date::new(year, 1, 1), Ppm(1), Ppm(taker));
        FeeRow { valid_from, volume_min, maker_ppm, taker_ppm, confirmed: true, source: "test".to_owned() }
    }

    #[test]
    fn the_newest_row_whose_date_has_come_counts() {
        let rows = FeeRows::try_from(vec![row(2024, 40), row(2026, 30)]).expect("in order");
        let at = |year, month, day| rows.at(Timestamp::from_date(year, month, day), Cash::ZERO).taker_ppm;
        assert_eq!(at(2024, 1, 1), Ppm(40));
        assert_eq!(at(2025, 12, 31), Ppm(40));
        assert_eq!(at(2026, 1, 1), Ppm(30));
        assert_eq!(at(2199, 1, 1), Ppm(30));
        assert_eq!(at(1970, 1, 1), Ppm(40), "nothing better is known");
    }

    #[test]
    fn who_traded_more_pays_the_tier_of_that_date() {
        let rows =
            vec![row(2024, 40), tier(2024, 1_000, 30), tier(2024, 5_000, 20), row(2026, 35), tier(2026, 2_000, 25)];
        let rows = FeeRows::try_from(rows).expect("in order");
        let check = |year, volume, expected| {
            assert_eq!(rows.at(Timestamp::from_date(year, 6, 1), volume).taker_ppm, Ppm(expected), "{year} {volume:?}");
        };
        check(2024, Cash::ZERO, 40);
        check(2024, Cash(Cash::from_units(1_000).0 - 1), 40);
        check(2024, Cash::from_units(1_000), 30);
        check(2025, Cash::from_units(1_000_000), 20);
        check(2026, Cash::from_units(1_000), 35);
        check(2026, Cash::from_units(2_000), 25);
        check(1970, Cash::from_units(1_000), 30);
    }

    #[test]
    fn a_list_without_rows_or_order_is_refused() {
        let check = |rows: Vec<FeeRow>, expected| assert_eq!(FeeRows::try_from(rows), Err(expected));
        check(vec![], FeeRowsError::Empty);
        check(vec![row(2026, 1), row(2026, 2)], FeeRowsError::Order { row: 2 });
        check(vec![row(2024, 1), row(2026, 1), row(2025, 2)], FeeRowsError::Order { row: 3 });
        check(vec![row(2026, 1); ROWS_MAX + 1], FeeRowsError::TooMany);
        check(vec![row(2026, 1), tier(2026, 9, 2), tier(2026, 9, 3)], FeeRowsError::Order { row: 3 });
        check(vec![row(2025, 1), tier(2026, 9, 2)], FeeRowsError::Volume { row: 2 });
        let bytes = postcard::to_allocvec(&Vec::<FeeRow>::new()).expect("encodes");
        assert!(postcard::from_bytes::<FeeRows>(&bytes).is_err(), "a journal cannot hold one either");
    }

    #[test]
    fn every_built_in_row_says_where_it_comes_from() {
        for venue in Venue::ALL {
            for row in Fees::default().of(venue).rows() {
                assert!(!row.source.is_empty());
                assert_eq!(row.confirmed, !row.source.starts_with("unconfirmed"), "{venue}: {}", row.source);
            }
        }
    }
}
