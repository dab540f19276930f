//! What venues take for a trade: dated rows, one list for each venue.
//!
//! Venues change their fees, and what an old journal day cost must not change with them: a fee is asked for with the time
//! of the event. The built-in rows are the lowest tier as far as it is known; each row says where it comes from.

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::instrument::Venue;
use crate::money::Ppm;
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

/// A venue's fees from one date on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeRow {
    /// First day of these fees, from 00:00 UTC on; 1970-01-01 where it is not known.
    pub valid_from: Date,
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

/// A venue's fees over time: one row at least, each from a later date than the one before.
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
    /// A row is not from a later date than the one before it.
    #[error("row {row} is not from a later date than the row before it")]
    Order {
        /// Its place, from 1.
        row: usize,
    },
}

impl FeeRows {
    /// The row that counts at a time: the newest whose date has come. Before the first date the first row counts, because
    /// nothing better is known.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> &FeeRow {
        self.0.iter().rev().find(|row| row.valid_from.start() <= at).unwrap_or(&self.0[0])
    }

    /// The same fees at all times.
    #[must_use]
    pub fn always(fee: Fee, confirmed: bool, source: &str) -> Self {
        let Fee { maker_ppm, taker_ppm } = fee;
        Self(vec![FeeRow { valid_from: Date::EPOCH, maker_ppm, taker_ppm, confirmed, source: source.to_owned() }])
    }

    /// All rows, oldest first.
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
        match rows.windows(2).position(|pair| pair[0].valid_from >= pair[1].valid_from) {
            Some(before) => Err(FeeRowsError::Order { row: before + 2 }),
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

impl Default for Fees {
    fn default() -> Self {
        let fee = |maker, taker| Fee { maker_ppm: Ppm(maker), taker_ppm: Ppm(taker) };
        let unconfirmed = |fee, source| FeeRows::always(fee, false, source);
        Self {
            kraken: FeeRows(vec![FeeRow {
                valid_from: Date::new(2025, 11, 1),
                maker_ppm: Ppm(2_500),
                taker_ppm: Ppm(4_000),
                confirmed: true,
                source: "AssetPairs of November 2025 for XBT/USDT; not seen for USD pairs".to_owned(),
            }]),
            binance_us: unconfirmed(fee(1_000, 1_000), "unconfirmed: sources disagree; date unknown"),
            coinbase: unconfirmed(
                fee(4_000, 6_000),
                "unconfirmed: undated copy of the Exchange fee page, read in 2026; below 10 000 USD in 30 days",
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

    /// What a venue takes at a time.
    #[must_use]
    pub fn at(&self, venue: Venue, at: Timestamp) -> Fee {
        self.of(venue).at(at).fee()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(year: i32, taker: u32) -> FeeRow {
        let valid_from = Date::new(year, 1, 1);
        FeeRow { valid_from, maker_ppm: Ppm(1), taker_ppm: Ppm(taker), confirmed: true, source: "test".to_owned() }
    }

    #[test]
    fn the_newest_row_whose_date_has_come_counts() {
        let rows = FeeRows::try_from(vec![row(2024, 40), row(2026, 30)]).expect("in order");
        let at = |year, month, day| rows.at(Timestamp::from_date(year, month, day)).taker_ppm;
        assert_eq!(at(2024, 1, 1), Ppm(40));
        assert_eq!(at(2025, 12, 31), Ppm(40));
        assert_eq!(at(2026, 1, 1), Ppm(30));
        assert_eq!(at(2199, 1, 1), Ppm(30));
        assert_eq!(at(1970, 1, 1), Ppm(40), "nothing better is known");
    }

    #[test]
    fn a_list_without_rows_or_order_is_refused() {
        let check = |rows: Vec<FeeRow>, expected| assert_eq!(FeeRows::try_from(rows), Err(expected));
        check(vec![], FeeRowsError::Empty);
        check(vec![row(2026, 1), row(2026, 2)], FeeRowsError::Order { row: 2 });
        check(vec![row(2024, 1), row(2026, 1), row(2025, 2)], FeeRowsError::Order { row: 3 });
        check(vec![row(2026, 1); ROWS_MAX + 1], FeeRowsError::TooMany);
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
