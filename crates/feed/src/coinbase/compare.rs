//! The comparison of a book with REST (protocol section 5, rule d): the only way to see that an update was lost.
//!
//! ```text
//! begin ──> changes are kept ──> answer ──> some time for the stream to catch up ──> judge
//! ```
//!
//! The answer is the venue's book of one moment, and the stream may be before or behind it. So each of its best levels
//! is compared with what our book had at that price at that moment: changes kept since then are undone, and a level
//! that changed around that moment is not judged, for nobody can say on which side of the change the answer stands.
//! Where the answer does not tell its moment, that is all the time from the question to the answer.

use std::collections::BTreeMap;
use std::time::Duration;

use types::{Level, Price, Qty, Scale, Timestamp};

use super::book::Change;
use super::messages::BookSide;
use super::rest::BookBody;
use crate::book::{Book, Ladder};
use crate::number::NumberError;

/// Best levels of each side that are compared.
pub(crate) const DEPTH: usize = 20;
/// The stream may be this far behind the answer: updates are sent every 50 ms, and the two go different ways.
pub(crate) const CATCH_UP: Duration = Duration::from_secs(2);
/// How far the times of updates and of the answer may be apart and still mean the same moment.
const SLACK: Duration = Duration::from_millis(500);
/// Changes kept at most; with more, the answer came too late to be of use.
const CHANGES_MAX: usize = 1 << 16;

/// A comparison under way.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    began_at: Timestamp,
    changes: Vec<Stamped>,
    is_full: bool,
    answer: Option<Answer>,
}

/// A change of our book, and when it came.
#[derive(Clone, Copy, Debug)]
struct Stamped {
    at: Timestamp,
    venue_at: Option<Timestamp>,
    change: Change,
}

/// The venue's best levels by REST.
#[derive(Clone, Debug)]
struct Answer {
    at: Timestamp,
    venue_at: Option<Timestamp>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// What a comparison showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// All levels that could be judged were the same.
    Agrees,
    /// One was not.
    Differs {
        /// Which, for people.
        detail: String,
    },
    /// Too much changed meanwhile.
    Unclear,
}

/// When a change was made, seen from the answer's moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Before,
    Around,
    After,
}

impl Comparison {
    /// Changes are kept from now on. The book is to be asked for after this.
    pub(crate) const fn begin(at: Timestamp) -> Self {
        Self { began_at: at, changes: Vec::new(), is_full: false, answer: None }
    }

    /// Keeps a change of our book.
    pub(crate) fn keep(&mut self, at: Timestamp, venue_at: Option<Timestamp>, change: Change) {
        if self.changes.len() < CHANGES_MAX {
            self.changes.push(Stamped { at, venue_at, change });
        } else {
            self.is_full = true;
        }
    }

    /// Takes the venue's book.
    ///
    /// # Errors
    /// [`NumberError`] when one of the compared levels cannot be read.
    pub(crate) fn answer(&mut self, at: Timestamp, body: &BookBody<'_>, scale: Scale) -> Result<(), NumberError> {
        // The venue lists the best level first.
        let best = |levels: &[crate::level::LevelData<'_>]| -> Result<Vec<Level>, NumberError> {
            levels.iter().take(DEPTH).map(|level| level.level(scale)).collect()
        };
        let (bids, asks) = (best(&body.bids)?, best(&body.asks)?);
        self.answer = Some(Answer { at, venue_at: body.venue_at(), bids, asks });
        Ok(())
    }

    /// When to judge; `None` before the answer.
    pub(crate) fn judge_at(&self) -> Option<Timestamp> {
        self.answer.as_ref().map(|answer| answer.at.plus(CATCH_UP))
    }

    /// Compares our book as it is now.
    pub(crate) fn judge(&self, book: &Book, scale: Scale) -> Judgement {
        let Some(answer) = self.answer.as_ref().filter(|_| !self.is_full) else { return Judgement::Unclear };
        let sides = [(BookSide::Bids, &book.bids, &answer.bids), (BookSide::Asks, &book.asks, &answer.asks)];
        let (mut judged, mut compared) = (0, 0);
        for (side, ladder, theirs) in sides {
            let pairs = self.pairs(answer, side, ladder, theirs);
            compared += pairs.len();
            for (price, pair) in pairs {
                if pair.is_unsettled {
                    continue;
                }
                judged += 1;
                if pair.ours != pair.theirs {
                    let (ours, theirs) = (scale.qty(pair.ours), scale.qty(pair.theirs));
                    let price = scale.price(price);
                    return Judgement::Differs { detail: format!("{side:?} at {price}: {ours} here, {theirs} there") };
                }
            }
        }
        // With less than a quarter judged, agreement means little.
        if judged * 4 < compared { Judgement::Unclear } else { Judgement::Agrees }
    }

    /// Our quantity at the answer's moment and the answer's, at every price that one of the two has and that is as good
    /// as the answer's last one.
    fn pairs(&self, answer: &Answer, side: BookSide, ladder: &Ladder, theirs: &[Level]) -> BTreeMap<Price, Pair> {
        let is_partial = theirs.len() >= DEPTH;
        let last = theirs.last().map(|level| level.price).filter(|_| is_partial);
        let is_compared = |price: Price| {
            last.is_none_or(|last| match side {
                BookSide::Bids => price >= last,
                BookSide::Asks => price <= last,
            })
        };
        let mut pairs: BTreeMap<Price, Pair> = BTreeMap::new();
        for level in ladder.iter().take_while(|level| is_compared(level.price)) {
            pairs.entry(level.price).or_default().ours = level.qty;
        }
        for level in theirs {
            pairs.entry(level.price).or_default().theirs = level.qty;
        }
        for stamped in self.changes.iter().rev().filter(|stamped| stamped.change.side == side) {
            let Change { price, before, .. } = stamped.change;
            if !is_compared(price) {
                continue;
            }
            let pair = pairs.entry(price).or_default();
            match self.when(stamped, answer) {
                When::After => pair.ours = before,
                When::Around => pair.is_unsettled = true,
                When::Before => {}
            }
        }
        pairs.retain(|_, pair| !(pair.ours.is_zero() && pair.theirs.is_zero()));
        pairs
    }

    fn when(&self, stamped: &Stamped, answer: &Answer) -> When {
        let (made, from, to) = match (stamped.venue_at, answer.venue_at) {
            (Some(made), Some(moment)) => (made, moment, moment),
            _ => (stamped.at, self.began_at, answer.at),
        };
        if made < from.minus(SLACK) {
            When::Before
        } else if made > to.plus(SLACK) {
            When::After
        } else {
            When::Around
        }
    }
}

/// What stands at one price.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    ours: Qty,
    theirs: Qty,
    is_unsettled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { price_decimals: 0, qty_decimals: 0 };

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    /// A book and the comparison with it that began at 0 ms.
    struct Bench {
        book: Book,
        comparison: Comparison,
    }

    impl Bench {
        fn new(bids: &[(i64, u64)]) -> Self {
            let mut book = Book::new();
            for (price, qty) in bids {
                book.bids.set(Price::new(*price).expect("positive"), Qty(*qty));
            }
            Self { book, comparison: Comparison::begin(ms(0)) }
        }

        /// A change that was made at `made_ms` by the venue's time and heard 100 ms later.
        fn change(&mut self, made_ms: i64, price: i64, qty: u64) {
            let price = Price::new(price).expect("positive");
            let before = self.book.bids.set(price, Qty(qty));
            let change = Change { side: BookSide::Bids, price, before };
            self.comparison.keep(ms(made_ms + 100), Some(ms(made_ms)), change);
        }

        fn answer(&mut self, at_ms: i64, moment_ms: Option<i64>, bids: &[(i64, u64)]) {
            let rows: Vec<String> = bids.iter().map(|(price, qty)| format!(r#"["{price}","{qty}.0",3]"#)).collect();
            let time = moment_ms.map(|moment| format!(r#","time":"{}""#, ms(moment))).unwrap_or_default();
            let body = format!(r#"{{"bids":[{}],"asks":[],"sequence":7{time}}}"#, rows.join(","));
            let body = BookBody::read(body.as_bytes()).expect("readable");
            self.comparison.answer(ms(at_ms), &body, SCALE).expect("readable");
        }

        #[track_caller]
        fn check(&self, expected: &str) {
            let judgement = match self.comparison.judge(&self.book, SCALE) {
                Judgement::Agrees => "agrees".to_owned(),
                Judgement::Differs { detail } => detail,
                Judgement::Unclear => "unclear".to_owned(),
            };
            assert_eq!(judgement, expected);
        }
    }

    const FOUR: [(i64, u64); 4] = [(10, 1), (9, 2), (8, 3), (7, 4)];

    #[test]
    fn books_are_compared_level_by_level() {
        let check = |theirs: &[(i64, u64)], expected| {
            let mut bench = Bench::new(&FOUR);
            bench.check("unclear");
            bench.answer(300, Some(200), theirs);
            assert_eq!(bench.comparison.judge_at(), Some(ms(2_300)));
            bench.check(expected);
        };
        check(&FOUR, "agrees");
        check(&[(10, 1), (9, 2), (8, 3)], "Bids at 7: 4 here, 0 there");
        check(&[(10, 1), (9, 5), (8, 3), (7, 4)], "Bids at 9: 2 here, 5 there");
        check(&[(11, 6), (10, 1), (9, 2), (8, 3), (7, 4)], "Bids at 11: 0 here, 6 there");
    }

    #[test]
    fn our_book_goes_back_to_the_moment_of_the_answer() {
        let mut bench = Bench::new(&FOUR);
        bench.change(100, 11, 5);
        bench.change(3_000, 11, 9);
        bench.change(3_100, 11, 0);
        bench.change(3_200, 9, 8);
        bench.change(3_300, 6, 1);
        bench.answer(3_400, Some(2_000), &[(11, 5), (10, 1), (9, 2), (8, 3), (7, 4)]);
        bench.check("agrees");
        bench.answer(3_400, Some(2_000), &[(11, 9), (10, 1), (9, 2), (8, 3), (7, 4)]);
        bench.check("Bids at 11: 5 here, 9 there");
    }

    #[test]
    fn a_level_that_changed_around_the_moment_is_not_judged() {
        for moment in [1_501, 2_000, 2_499] {
            let mut bench = Bench::new(&FOUR);
            bench.change(2_000, 9, 7);
            bench.answer(3_000, Some(moment), &[(10, 1), (9, 99), (8, 3), (7, 4)]);
            bench.check("agrees");
        }
        let mut bench = Bench::new(&FOUR);
        bench.change(2_000, 9, 7);
        bench.answer(3_000, Some(1_499), &[(10, 1), (9, 7), (8, 3), (7, 4)]);
        bench.check("Bids at 9: 2 here, 7 there");
        bench.answer(3_000, None, &[(10, 1), (9, 99), (8, 3), (7, 4)]);
        bench.check("agrees");
    }

    #[test]
    fn when_nearly_everything_changed_nothing_is_said() {
        let mut bench = Bench::new(&FOUR);
        for (price, _) in FOUR {
            bench.change(2_000, price, 50);
        }
        bench.answer(2_100, Some(2_000), &FOUR);
        bench.check("unclear");
        for n in 0..CHANGES_MAX {
            bench.change(9_000, 3, n as u64);
        }
        bench.answer(2_100, Some(2_000), &[]);
        bench.check("unclear");
    }

    #[test]
    fn only_the_best_levels_are_compared() {
        let ours: Vec<(i64, u64)> = (1..=30).map(|price| (price, 1)).collect();
        let mut theirs: Vec<(i64, u64)> = (1..=30).rev().map(|price| (price, 1)).collect();
        theirs[DEPTH] = (10, 77);
        let mut bench = Bench::new(&ours);
        bench.answer(100, Some(0), &theirs);
        bench.check("agrees");
        theirs[DEPTH - 1] = (11, 77);
        bench.answer(100, Some(0), &theirs);
        bench.check("Bids at 11: 1 here, 77 there");
    }
}
