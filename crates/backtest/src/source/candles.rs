//! Candle files as an invented market.
//!
//! A candle does not tell in which order its prices came, nor who would have traded with us. Both are made up *against*
//! us, for positions here are long only:
//!
//! - Within a candle the price goes open, low, high, close: a stop is met before a target.
//! - The low stands until the high comes: whoever sells because of it sells there. The high stands for [`GLIMPSE_NS`]
//!   only, which is shorter than an order takes (unless its latency is zero): whoever sells because of it gets what
//!   comes after it.
//! - At each of these points there is one trade and around it a book with the spread and the depth of [`Invented`]. So
//!   buying costs more than the candle's price, and a resting limit is filled only when the price trades *through* it:
//!   at the price itself the displayed depth stands before it in the queue.
//! - A candle is over for the engine two seconds after its end, as on the box. What is decided then meets the book
//!   around the *open of the next candle*, never an earlier one. [`DECIDED_WITHIN`] bounds how long deciding and
//!   sending may take, so that it is not the low.
//! - Where candles are missing nothing is known: the book goes stale, and comes back five seconds before the next
//!   candle.
//!
//! A candle of a minute has its points at 0, 30 and 45 seconds, the close right after the high. One of more minutes is
//! walked in equal steps, one a minute: open in the first minute, low after a third, high after two thirds, close in
//! the last. Of the rise to the high each step stands for a glimpse too, then the step before it is shown again. The
//! engine's candles of that length are exactly those of the file (open, high, low, close, volume); its *minutes* in
//! between are straight lines that never were, and so is every feature of them. Therefore models of candles shorter
//! than the file's and the rule `reversion` are refused over it.
//!
//! Exact with one exception: every price that must be reached takes a trade of the smallest quantity. A candle with
//! less volume than that (most often none) gets it; [`CandleMarket::raised`] counts them. One without volume whose
//! prices all repeat the close before it has no trade here either.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use core::ops::Range;
use core::time::Duration;

use engine::candle::{Bar, csv, segments, step_of, tidy};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use types::market::{Proof, StaleReason};
use types::settings::EngineSettings;
use types::time::{NS_PER_MIN, NS_PER_MS, NS_PER_S};
use types::{
    Aggressor, BookTop, Candle, Cash, Input, Instrument, InstrumentId, Level, Price, Qty, Scale, Timeframe, Timestamp,
    Trade, Venue,
};

use super::Hear;
use crate::{BacktestError, Result};

/// How long the price of a rise within a candle is shown.
const GLIMPSE_NS: i64 = 10 * NS_PER_MS;
/// When the first point of a minute comes, after its start.
const OPEN_NS: i64 = NS_PER_MS;
/// When the engine is told that time went on: it closes a minute two seconds after its end.
const TICK_NS: i64 = 2 * NS_PER_S;
/// When the low and the high of a candle of one minute come.
const LOW_NS: i64 = 30 * NS_PER_S;
const HIGH_NS: i64 = 45 * NS_PER_S;
/// The feed comes back so long before the first candle: a minute counts as whole only when it was heard from before its
/// start.
const WARM_NS: i64 = 5 * NS_PER_S;
/// A decision may take so long from the end of its candle to the arrival of its order: the low comes a little later.
pub const DECIDED_WITHIN: Duration = Duration::from_secs(27);
/// Most digits after the point that prices and quantities of a file are taken to have.
const DIGITS_MAX: usize = 8;
/// Steps of the last digit that the lowest price has at least, where that takes no more than [`DIGITS_MAX`] digits.
const FINE: f64 = 1e5;
/// Smallest price, in steps of its last digit.
const PRICE_MIN: i64 = 100;

/// What is made up around the prices of candles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Invented {
    /// Best ask over best bid, hundredths of a basis point. The default of 5 basis points is several times what the
    /// large pairs of the large exchanges show, and about what their smaller ones do.
    pub spread_cbps: u32,
    /// Levels on each side.
    pub levels: u8,
    /// Distance between two levels, hundredths of a basis point.
    pub step_cbps: u32,
    /// Value of each level, whole units of the quote currency. The default is far below what large pairs show: what is
    /// larger than a level pays for it.
    pub level_value: u32,
}

impl Default for Invented {
    fn default() -> Self {
        Self { spread_cbps: 500, levels: 10, step_cbps: 100, level_value: 2_500 }
    }
}

/// The candles of one instrument.
#[derive(Clone, Debug)]
pub struct CandleMarket {
    /// What is traded; its number is given by [`Candles::new`].
    pub instrument: Instrument,
    timeframe: Timeframe,
    candles: Arc<[Candle]>,
    len: usize,
    raised: usize,
}

impl CandleMarket {
    /// Reads the candles of a file that begin in `span`. It is packed with gzip or plain (format: [`csv`]). Fees are those of
    /// `venue` in the settings.
    ///
    /// # Errors
    /// What is wrong with the file, and in which line or at which time.
    pub fn read(path: &Path, span: &Range<Timestamp>, venue: Venue, base: &str, quote: &str) -> Result<Self> {
        let io = |what| move |source| BacktestError::Io { path: path.to_owned(), what, source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(io("cannot read"))?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(io("cannot unpack"))?;
            bytes = plain;
        }
        let name = path.display().to_string();
        let mut bars = csv::parse(&bytes).map_err(|source| BacktestError::Csv { name: name.clone(), source })?;
        let ends = bars.iter().map(|bar| bar.open_time).min().zip(bars.iter().map(|bar| bar.open_time).max());
        bars.retain(|bar| span.contains(&bar.open_time));
        if let Some((first, last)) = ends.filter(|_| bars.is_empty()) {
            let Range { start, end } = span;
            let what = format!("{name} from {start} to {end} (its candles begin from {first} to {last})");
            return Err(BacktestError::Empty(what));
        }
        Self::of(&name, bars, venue, base, quote)
    }

    /// From rows in any order; of rows for the same time the last one counts. Their length is the most common distance,
    /// their digits are as many as the rows show, of prices as many as make a step a hundred-thousandth of the lowest
    /// at least; at most eight.
    ///
    /// # Errors
    /// Too few rows, a length that candles do not have here, a row that does not start where one may.
    pub fn of(name: &str, mut bars: Vec<Bar>, venue: Venue, base: &str, quote: &str) -> Result<Self> {
        let refuse = |what: String| Err(BacktestError::Candles { name: name.to_owned(), what });
        tidy(&mut bars);
        let Some(step) = step_of(&bars) else {
            return refuse(format!("{} rows: two are needed to know how long a candle is", bars.len()));
        };
        let Some(timeframe) = Timeframe::ALL.into_iter().find(|timeframe| timeframe.nanos() == step) else {
            return refuse(format!("rows are {} s apart; known are 1m, 5m, 15m, 1h, 1d", step / NS_PER_S));
        };
        if let Some(bar) = bars.iter().find(|bar| bar.open_time.floor_to(step) != bar.open_time) {
            return refuse(format!(
                "the row of {} does not start where a candle of {} does",
                bar.open_time,
                timeframe.name()
            ));
        }
        if let Some(bar) = bars.iter().find(|bar| bar.open_time < Timestamp::from_secs(86_400)) {
            return refuse(format!("the row of {} lies before all markets", bar.open_time));
        }
        let digits = |values: &mut dyn Iterator<Item = f64>| values.map(digits).max().unwrap_or(0);
        let price_decimals = digits(&mut bars.iter().flat_map(|bar| [bar.open, bar.high, bar.low, bar.close]));
        let qty_decimals = digits(&mut bars.iter().map(|bar| bar.volume));
        let low = bars.iter().fold(f64::INFINITY, |low, bar| low.min(bar.low));
        // A file of whole dollars does not say that its market had no cents.
        let is_fine = |decimals: u8| low * 10f64.powi(decimals.into()) >= FINE;
        let price_decimals =
            (price_decimals..DIGITS_MAX as u8).find(|decimals| is_fine(*decimals)).unwrap_or(DIGITS_MAX as u8);
        let scale = Scale { price_decimals, qty_decimals: qty_decimals.max(4) };
        let instrument = Instrument {
            id: InstrumentId(0),
            venue,
            symbol: format!("{base}{quote}"),
            base: base.to_owned(),
            quote: quote.to_owned(),
            scale,
            tick: 1,
            lot: 1,
            qty_min: Qty(1),
            notional_min: Cash::from_units(5),
        };
        let candles: Option<Vec<Candle>> = bars.iter().map(|bar| candle(bar, scale)).collect();
        let Some(candles) = candles else {
            return refuse(format!("a price is too large or too small for {DIGITS_MAX} digits after the point"));
        };
        if let Some(candle) = candles.iter().find(|candle| candle.low.mantissa() < PRICE_MIN) {
            return refuse(format!(
                "the price of {} is below {PRICE_MIN} steps of the last digit: no book can be made up around it",
                candle.open_time
            ));
        }
        let mut raised = 0;
        for run in segments(&bars, step) {
            let from = bars.partition_point(|bar| bar.open_time < run[0].open_time);
            let mut before = None;
            for candle in &candles[from..from + run.len()] {
                let told: u64 = Way::of(candle, timeframe, before).trades().map(|(_, qty)| qty.0).sum();
                raised += usize::from(told > candle.volume.0);
                before = Some(candle.close);
            }
        }
        let len = candles.len();
        Ok(Self { instrument, timeframe, candles: candles.into(), len, raised })
    }

    /// The candles, oldest first.
    #[must_use]
    pub fn candles(&self) -> &[Candle] {
        &self.candles[..self.len]
    }

    /// Length of the candles.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Candles whose volume was too small for the trades that their prices take.
    #[must_use]
    pub const fn raised(&self) -> usize {
        self.raised
    }

    fn end_of(&self, candle: &Candle) -> i64 {
        candle.open_time.as_nanos() + self.timeframe.nanos()
    }

    /// The first `len` candles that are over at `at`.
    fn cut(&self, at: Timestamp) -> Self {
        let len = self.candles().partition_point(|candle| self.end_of(candle) <= at.as_nanos());
        Self { len, ..self.clone() }
    }
}

/// Candle files with what is made up around them.
#[derive(Clone, Debug)]
pub struct Candles {
    markets: Vec<CandleMarket>,
    invented: Invented,
}

impl Candles {
    /// All markets over their common time. They get their numbers in this order.
    ///
    /// # Errors
    /// No market, two of the same pair at one venue, or a book that cannot be made up.
    pub fn new(mut markets: Vec<CandleMarket>, invented: Invented) -> Result<Self> {
        let refuse = |name: String, what: &str| Err(BacktestError::Candles { name, what: what.to_owned() });
        if markets.is_empty() {
            return refuse("candles".to_owned(), "no market");
        }
        if invented.levels == 0 || invented.level_value == 0 {
            return refuse("candles".to_owned(), "a book without levels or without value fills nothing");
        }
        let deepest = u64::from(invented.spread_cbps) / 2 + u64::from(invented.levels) * u64::from(invented.step_cbps);
        if deepest >= 500_000 {
            return refuse(
                "candles".to_owned(),
                "the deepest level is half the price away: spread or step is too large",
            );
        }
        for place in 0..markets.len() {
            let key = |market: &CandleMarket| (market.instrument.venue, market.instrument.symbol.clone());
            if markets[..place].iter().any(|other| key(other) == key(&markets[place])) {
                return refuse(markets[place].instrument.symbol.clone(), "is given twice for the same venue");
            }
            let id = u16::try_from(place).map_err(|_| BacktestError::Candles {
                name: markets[place].instrument.symbol.clone(),
                what: "too many markets".to_owned(),
            })?;
            markets[place].instrument.id = InstrumentId(id);
        }
        Ok(Self { markets, invented })
    }

    /// The markets by their number.
    #[must_use]
    pub fn markets(&self) -> &[CandleMarket] {
        &self.markets
    }

    /// The longest length of candles.
    pub(super) fn timeframe(&self) -> Option<Timeframe> {
        self.markets.iter().map(|market| market.timeframe).max()
    }

    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new_with_prefix("tickerbox candles 1\n");
        for CandleMarket { instrument, timeframe, .. } in &self.markets {
            let Scale { price_decimals, qty_decimals } = instrument.scale;
            let (venue, pair) = (instrument.venue, instrument.pair());
            hash.update(format!("{venue} {pair} {} {price_decimals} {qty_decimals}\n", timeframe.name()));
        }
        for market in &self.markets {
            hash.update(market.len.to_le_bytes());
            for candle in market.candles() {
                let Candle { open_time, open, high, low, close, volume, .. } = *candle;
                let prices = [open, high, low, close].map(Price::mantissa);
                hash.update(open_time.as_nanos().to_le_bytes());
                prices.iter().for_each(|price| hash.update(price.to_le_bytes()));
                hash.update(volume.0.to_le_bytes());
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn assumed(&self) -> String {
        serde_json::to_string(&self.invented).expect("plain values")
    }

    pub(super) fn about(&self) -> String {
        let name = |market: &CandleMarket| {
            let (pair, timeframe) = (market.instrument.pair(), market.timeframe.name());
            format!("{} candles of {timeframe} of {pair} at {}", market.len, market.instrument.venue.name())
        };
        let names: Vec<String> = self.markets.iter().map(name).collect();
        let (whole, rest) = (self.invented.spread_cbps / 100, self.invented.spread_cbps % 100);
        let raised: usize = self.markets.iter().map(CandleMarket::raised).sum();
        let raised =
            if raised == 0 { String::new() } else { format!("; {raised} had too little volume for their prices") };
        format!("{}; an invented book with a spread of {whole}.{rest:02} bps{raised}", names.join(", "))
    }

    pub(super) fn cut(&self, at: Timestamp) -> (Self, Timestamp) {
        let markets: Vec<CandleMarket> = self.markets.iter().map(|market| market.cut(at)).collect();
        // The first candle that was removed begins here. Before that, by the time in which a feed comes back, both tell
        // the same.
        let removed = self.markets.iter().zip(&markets).filter_map(|(whole, cut)| whole.candles().get(cut.len));
        let until = removed.map(|candle| candle.open_time).min().unwrap_or(at).min(at);
        let until = Timestamp::from_nanos(until.as_nanos().saturating_sub(2 * WARM_NS));
        (Self { markets, invented: self.invented }, until)
    }

    pub(super) fn play(&self, hear: &mut Hear<'_>) -> Result<()> {
        let begins = self.markets.iter().filter_map(|market| market.candles().first()).map(|candle| candle.open_time);
        let first = begins.min().ok_or_else(|| BacktestError::Empty(self.about()))?;
        let start = Timestamp::from_nanos(first.as_nanos() - WARM_NS);
        let settings = Box::<EngineSettings>::default();
        hear(start, Input::Boot { version: "backtest".to_owned(), settings })?;
        for market in &self.markets {
            hear(start, Input::Instrument(market.instrument.clone()))?;
        }
        hear(start, Input::Clock { synchronised: true })?;
        hear(start, Input::Models { seats: Vec::new(), news: None })?;
        let mut players: Vec<Player<'_>> =
            self.markets.iter().map(|market| Player::new(market, self.invented)).collect();
        let mut due: Vec<(i64, Input)> = Vec::new();
        let mut minute = first.as_nanos();
        loop {
            for player in &mut players {
                if let Some((at, book)) = player.comes_back(minute) {
                    hear(at, book)?;
                }
            }
            due.push((TICK_NS, Input::Tick));
            let mut is_alive = false;
            for player in &mut players {
                is_alive |= player.minute(minute, &mut due);
            }
            // Stable: at the same moment markets come in the order of their numbers, and time goes on first.
            due.sort_by_key(|(offset, _)| *offset);
            for (offset, input) in due.drain(..) {
                hear(Timestamp::from_nanos(minute + offset), input)?;
            }
            minute += NS_PER_MIN;
            if !is_alive {
                let next = players.iter().filter_map(Player::next_start).min();
                let Some(next) = next else { return Ok(()) };
                minute = minute.max(next);
            }
        }
    }
}

/// One market as it is played.
struct Player<'a> {
    market: &'a CandleMarket,
    invented: Invented,
    place: usize,
    /// The path of the candle at `place`.
    path: Option<Way>,
    /// The close before, while the feed is there.
    before: Option<Price>,
    is_live: bool,
}

impl<'a> Player<'a> {
    const fn new(market: &'a CandleMarket, invented: Invented) -> Self {
        Self { market, invented, place: 0, path: None, before: None, is_live: false }
    }

    /// The candle that holds a minute.
    fn candle_at(&self, minute: i64) -> Option<&'a Candle> {
        self.market.candles().get(self.place).filter(|candle| candle.open_time.as_nanos() <= minute)
    }

    fn next_start(&self) -> Option<i64> {
        self.market.candles().get(self.place).map(|candle| candle.open_time.as_nanos())
    }

    /// The book with which the feed comes back before a minute that is the first of a run.
    fn comes_back(&mut self, minute: i64) -> Option<(Timestamp, Input)> {
        let candle = self.candle_at(minute)?;
        if self.is_live {
            return None;
        }
        self.is_live = true;
        let at = minute - WARM_NS;
        Some((Timestamp::from_nanos(at), self.book(candle.open, at)))
    }

    /// What is told in a minute. False when nothing is known of it.
    fn minute(&mut self, minute: i64, out: &mut Vec<(i64, Input)>) -> bool {
        let Some(candle) = self.candle_at(minute) else {
            if self.is_live {
                let stale =
                    Input::BookStale { instrument: self.market.instrument.id, reason: StaleReason::Disconnected };
                // Once the last minute has closed.
                out.push((TICK_NS + NS_PER_MS, stale));
            }
            (self.is_live, self.before) = (false, None);
            return false;
        };
        let path = self.path.take().unwrap_or_else(|| Way::of(candle, self.market.timeframe, self.before));
        let index = ((minute - candle.open_time.as_nanos()) / NS_PER_MIN) as usize;
        for point in path.minute(index) {
            let at = minute + point.offset;
            out.push((point.offset, self.book(point.price, at)));
            if let Some(qty) = point.traded {
                out.push((point.offset, self.trade(point.price, qty, at)));
            }
        }
        if minute + NS_PER_MIN == self.market.end_of(candle) {
            self.before = Some(candle.close);
            self.place += 1;
        } else {
            self.path = Some(path);
        }
        true
    }

    fn trade(&self, price: Price, qty: Qty, at: i64) -> Input {
        let (instrument, venue_at) = (self.market.instrument.id, Timestamp::from_nanos(at));
        // Nobody knows who crossed the spread: features of that are masked, and against a resting order it counts as
        // against us.
        Input::Trade(Trade {
            instrument,
            id: at as u128,
            price,
            qty,
            aggressor: Aggressor::Unknown,
            fills: 1,
            venue_at,
        })
    }

    fn book(&self, price: Price, at: i64) -> Input {
        let Invented { spread_cbps, levels, step_cbps, level_value } = self.invented;
        let (instrument, middle) = (&self.market.instrument, price.mantissa());
        let part = |cbps: u64| (i128::from(middle) * i128::from(cbps)).div_euclid(1_000_000) as i64;
        let half = (part(u64::from(spread_cbps).div_ceil(2))).max(1);
        let value = Cash::from_units(i64::from(level_value));
        let side = |sign: i64| {
            let mut side: Vec<Level> = Vec::with_capacity(usize::from(levels));
            for n in 0..levels {
                let apart = half + part(u64::from(n) * u64::from(step_cbps)).max(i64::from(n));
                let Some(price) = Price::new(middle + sign * apart) else { break };
                let qty = instrument.scale.affordable(value, price);
                side.push(Level { price, qty: Qty(qty.0.max(1)) });
            }
            side
        };
        let (bids, asks, venue_at) = (side(-1), side(1), Some(Timestamp::from_nanos(at)));
        Input::Book(BookTop { instrument: instrument.id, bids, asks, proof: Proof::Sequence, venue_at })
    }
}

/// A price of a candle's way.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// After the start of its minute.
    offset: i64,
    price: Price,
    traded: Option<Qty>,
}

/// The way of the price through a candle.
struct Way {
    /// All points in order; those of minute `n` are `starts[n]..starts[n + 1]`.
    points: Vec<Point>,
    starts: Vec<usize>,
}

impl Way {
    fn of(candle: &Candle, timeframe: Timeframe, before: Option<Price>) -> Self {
        let minutes = timeframe.minutes();
        let Candle { open, high, low, close, volume, .. } = *candle;
        let is_still = volume.is_zero() && high == low && before == Some(open);
        let corners = [open, low, high, close];
        let needed = 1 + corners.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
        let mut path = Self { points: Vec::new(), starts: vec![0] };
        let shares = |parts: u64, n: u64| {
            let share = volume.0 / parts;
            Qty(if n + 1 == parts { volume.0 - share * (parts - 1) } else { share })
        };
        if minutes == 1 {
            let offsets = [OPEN_NS, LOW_NS, HIGH_NS, HIGH_NS + GLIMPSE_NS];
            let mut traded = 0;
            for (n, (offset, price)) in offsets.into_iter().zip(corners).enumerate() {
                let is_new = n == 0 || corners[n - 1] != price;
                let qty = match volume.0 {
                    _ if is_still => None,
                    4.. => Some(shares(4, n as u64)),
                    _ if !is_new => None,
                    _ => {
                        traded += 1;
                        Some(Qty(if traded == needed { volume.0.saturating_sub(needed - 1).max(1) } else { 1 }))
                    }
                };
                path.points.push(Point { offset, price, traded: qty });
            }
            path.starts.push(path.points.len());
            return path;
        }
        // With fewer units than minutes only the corners trade, and the price stands in between.
        let walks = volume.0 >= minutes as u64;
        let places = [0, minutes / 3, 2 * minutes / 3, minutes - 1];
        let prices: Vec<Price> = (0..minutes).map(|minute| along(minute, &places, &corners, walks)).collect();
        let mut traded = 0;
        for (n, price) in prices.iter().copied().enumerate() {
            let corner = places.iter().position(|place| *place == n as i64);
            let is_new = corner.is_some_and(|corner| corner == 0 || corners[corner - 1] != corners[corner]);
            let qty = match walks {
                _ if is_still => None,
                true => Some(shares(minutes as u64, n as u64)),
                false if is_new => {
                    traded += 1;
                    Some(Qty(if traded == needed { volume.0.saturating_sub(needed - 1).max(1) } else { 1 }))
                }
                false => None,
            };
            path.points.push(Point { offset: OPEN_NS, price, traded: qty });
            let rose_from = n.checked_sub(1).map(|n| prices[n]).filter(|earlier| *earlier < price);
            let falls_back = match (corner, rose_from) {
                (Some(2), Some(_)) => prices.get(n + 1).copied(),
                (_, rose_from) => rose_from,
            };
            if let Some(price) = falls_back.filter(|_| n + 1 < prices.len()) {
                path.points.push(Point { offset: OPEN_NS + GLIMPSE_NS, price, traded: None });
            }
            path.starts.push(path.points.len());
        }
        path
    }

    fn minute(&self, n: usize) -> &[Point] {
        &self.points[self.starts[n]..self.starts[n + 1]]
    }

    fn trades(&self) -> impl Iterator<Item = (Price, Qty)> + '_ {
        self.points.iter().filter_map(|point| Some((point.price, point.traded?)))
    }
}

/// The price of a minute on the way from corner to corner, rounded towards the corner it comes from.
fn along(minute: i64, places: &[i64; 4], corners: &[Price; 4], walks: bool) -> Price {
    let from = places.iter().rposition(|place| *place <= minute).unwrap_or(0);
    let (Some(end), Some(to)) = (places.get(from + 1), corners.get(from + 1)) else { return corners[from] };
    let (length, gone) = (i128::from(end - places[from]), i128::from(minute - places[from]));
    let way = i128::from(to.mantissa()) - i128::from(corners[from].mantissa());
    let step = if walks { (way * gone / length) as i64 } else { 0 };
    Price::new(corners[from].mantissa() + step).unwrap_or(corners[from])
}

/// Digits after the point of a number as it is written shortest.
fn digits(value: f64) -> u8 {
    let text = value.to_string();
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len().min(DIGITS_MAX)) as u8
}

fn candle(bar: &Bar, scale: Scale) -> Option<Candle> {
    let units = |value: f64, decimals: u8| {
        let units = (value * 10f64.powi(decimals.into())).round();
        // Beyond this a float does not know every integer.
        (units < 9e15).then_some(units as i64)
    };
    let price = |value: f64| Price::new(units(value, scale.price_decimals)?);
    Some(Candle {
        open_time: bar.open_time,
        open: price(bar.open)?,
        high: price(bar.high)?,
        low: price(bar.low)?,
        close: price(bar.close)?,
        volume: Qty(units(bar.volume, scale.qty_decimals)? as u64),
        trades: 0,
    })
}
