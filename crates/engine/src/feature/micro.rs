//! What books here and elsewhere tell, and what was written.

use serde::{Deserialize, Serialize};

use super::around::{Backdrop, Stake, Talk};
use super::book_shape::BookShape;
use super::recent::Recent;
use super::row::Row;
use super::table::Column;

/// Bars of the sums.
const BARS: usize = 5;

/// What is remembered of an unbroken run of bars. A bar whose book is not known begins it anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Micro {
    flows: Recent,
    spreads: Recent,
    /// The own mid and that of the others at the bar before.
    mids: Option<(f64, f64)>,
}

impl Micro {
    pub(super) fn new() -> Self {
        Self { flows: Recent::new(BARS), spreads: Recent::new(BARS), mids: None }
    }

    pub(super) fn update(&mut self, backdrop: &Backdrop, row: &mut Row) {
        if let Some(book) = &backdrop.book {
            of_book(book, row);
        }
        self.quotes(backdrop, row);
        self.elsewhere(backdrop, row);
        if let Some(Stake { share, pnl_bps, age_min }) = backdrop.stake {
            row.set(Column::PositionShare, Some(share));
            row.set(Column::PositionPnlBps, Some(pnl_bps));
            row.set(Column::PositionAge, Some(age_min));
        }
        if let Some(Talk { items_1h, mean_1h, mean_24h }) = backdrop.talk {
            row.set(Column::NewsCount1h, Some(items_1h));
            row.set(Column::Sentiment1h, mean_1h);
            row.set(Column::Sentiment24h, mean_24h);
        }
    }

    fn quotes(&mut self, backdrop: &Backdrop, row: &mut Row) {
        let Some(quotes) = &backdrop.quotes else {
            (self.flows, self.spreads) = (Recent::new(BARS), Recent::new(BARS));
            return;
        };
        row.set(Column::OrderFlow1, Some(quotes.order_flow));
        self.flows.push(quotes.order_flow);
        row.set(Column::OrderFlow5, self.flows.sum(BARS));
        row.set(Column::SpreadMeanBps, Some(quotes.spread_mean_bps));
        row.set(Column::SpreadMaxBps, Some(quotes.spread_max_bps));
        row.set(Column::MidVolatilityBps, Some(quotes.mid_volatility_bps));
        // A spread of nothing has no logarithm: masked.
        let usual = self.spreads.mean(BARS);
        row.set(Column::SpreadChange5, usual.map(|usual| libm::log(quotes.spread_mean_bps / usual)));
        self.spreads.push(quotes.spread_mean_bps);
    }

    fn elsewhere(&mut self, backdrop: &Backdrop, row: &mut Row) {
        let Some((book, others)) = backdrop.book.zip(backdrop.elsewhere) else {
            self.mids = None;
            return;
        };
        row.set(Column::PremiumBps, Some((book.mid - others.mid) / others.mid * 1e4));
        let half = book.spread_bps / 2e4 * book.mid;
        let edge = (others.bid - (book.mid + half)).max((book.mid - half) - others.ask);
        row.set(Column::CrossEdgeBps, Some(edge / book.mid * 1e4));
        if let Some((mid, elsewhere)) = self.mids.replace((book.mid, others.mid)) {
            let theirs = libm::log(others.mid / elsewhere) * 1e4;
            row.set(Column::OthersRetBps, Some(theirs));
            row.set(Column::LeadBps, Some(theirs - libm::log(book.mid / mid) * 1e4));
        }
    }
}

fn of_book(book: &BookShape, row: &mut Row) {
    row.set(Column::SpreadBps, Some(book.spread_bps));
    row.set(Column::Imbalance1, Some(book.imbalance_1));
    row.set(Column::Imbalance5, Some(book.imbalance_5));
    row.set(Column::Imbalance10, Some(book.imbalance_10));
    row.set(Column::Imbalance20, Some(book.imbalance_20));
    row.set(Column::BidDepthBps, Some(book.bid_depth_bps));
    row.set(Column::AskDepthBps, Some(book.ask_depth_bps));
    row.set(Column::MicropriceBps, Some(book.microprice_bps));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::{Elsewhere, Quotes};

    fn book(mid: f64) -> BookShape {
        BookShape {
            spread_bps: 2.0,
            mid,
            imbalance_1: 0.0,
            imbalance_5: 0.0,
            imbalance_10: 0.0,
            imbalance_20: 0.0,
            bid_depth_bps: 1.0,
            ask_depth_bps: 1.0,
            microprice_bps: 0.0,
        }
    }

    fn row_of(micro: &mut Micro, backdrop: Backdrop) -> Row {
        let mut row = Row::masked();
        micro.update(&backdrop, &mut row);
        row
    }

    #[test]
    fn others_are_compared_with_and_who_moves_first_is_seen() {
        let mut micro = Micro::new();
        let backdrop = |mid: f64, others: f64| Backdrop {
            book: Some(book(mid)),
            elsewhere: Some(Elsewhere { mid: others, bid: others - 1.0, ask: others + 1.0, venues: 2 }),
            ..Backdrop::default()
        };
        let row = row_of(&mut micro, backdrop(10_000.0, 10_010.0));
        let value = |row: &Row, column: Column| row.get(column).map(|value| (value * 1e6).round() / 1e6);
        assert_eq!(value(&row, Column::PremiumBps), Some(-9.99001));
        // Bought here at 10 001, sold there at 10 009.
        assert_eq!((value(&row, Column::CrossEdgeBps), value(&row, Column::LeadBps)), (Some(8.0), None));
        let row = row_of(&mut micro, backdrop(10_000.0, 10_020.0));
        assert_eq!(value(&row, Column::OthersRetBps), value(&row, Column::LeadBps));
        assert!(row.get(Column::LeadBps).unwrap() > 9.9);
        row_of(&mut micro, Backdrop { book: Some(book(1.0)), ..Backdrop::default() });
        assert_eq!(
            row_of(&mut micro, backdrop(10_000.0, 10_020.0)).get(Column::LeadBps),
            None,
            "the bar before is not known"
        );
    }

    #[test]
    fn sums_of_quotes_need_every_bar() {
        let mut micro = Micro::new();
        let quotes = |flow: f64| Quotes {
            order_flow: flow,
            spread_mean_bps: 2.0 * flow,
            spread_max_bps: 9.0,
            mid_volatility_bps: 1.0,
            books: 4,
        };
        let backdrop = |flow: f64| Backdrop { quotes: Some(quotes(flow)), ..Backdrop::default() };
        let rows: Vec<Row> = (1..=6).map(|n| row_of(&mut micro, backdrop(f64::from(n)))).collect();
        assert_eq!(rows.iter().position(|row| row.get(Column::OrderFlow5).is_some()), Some(4));
        assert_eq!(rows[5].get(Column::OrderFlow5), Some(2.0 + 3.0 + 4.0 + 5.0 + 6.0));
        assert_eq!(rows.iter().position(|row| row.get(Column::SpreadChange5).is_some()), Some(5));
        assert_eq!(rows[5].get(Column::SpreadChange5), Some(libm::log(12.0 / 6.0)));
        row_of(&mut micro, Backdrop::default());
        assert_eq!(row_of(&mut micro, backdrop(1.0)).get(Column::OrderFlow5), None);
    }
}
