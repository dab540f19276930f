//! The efficient price of each base asset as a function of the seed and the absolute time, without a beginning: whoever
//! asks for a moment gets the same price, however long the market has been running.
//!
//! ```text
//!  anchors   log-price at each midnight: a sum of daily shocks that fade with ANCHOR_MEMORY_DAYS
//!     └─► minutes   a day's walk of minutes, bent to end at the next anchor
//!            └─► grid   a minute's walk of STEP_MS, bent to end at the next minute
//! ```
//!
//! Bending is the Brownian bridge: the walk minus its own end, plus the wanted one, spread evenly. It moves a day's minutes
//! by a few hundredths of their own volatility.
//!
//! Because shocks fade, the log-price stays around that of the settings: it wanders off by `volatility * sqrt(memory / 2)`,
//! 18 % for a volatility of 50 % a year, over years as over months.
//!
//! The volatility is an average times a slow and a fast log-normal factor shared by all assets, so that calm and wild
//! periods cluster; a small drift with a memory of under an hour gives slight trends; now and then there is a jump. Moves
//! of assets are correlated through one common shock.

use super::random::Random;
use super::reversion::{PreparedReversion, Reversion};
use crate::settings::AssetSettings;

/// Distance of the points of the grid.
pub(crate) const STEP_MS: i64 = 200;
/// Points of the grid in a minute.
pub(crate) const STEPS: usize = (MINUTE_MS / STEP_MS) as usize;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: usize = 1_440;
/// Milliseconds of a year, for the annual volatility.
const MS_PER_YEAR: f64 = 365.25 * 86_400_000.0;

/// Memory of the daily shocks, and how many are summed up: after eight memories a shock is worth a three-thousandth.
const ANCHOR_MEMORY_DAYS: f64 = 90.0;
const ANCHOR_DAYS: i64 = 720;
/// Memory and deviation of the slow volatility factor.
const SLOW: Reversion = Reversion { memory_ms: 3.0 * 3_600_000.0, deviation: 0.45 };
/// Memory and deviation of the fast volatility factor.
const FAST: Reversion = Reversion { memory_ms: 4.0 * 60_000.0, deviation: 0.40 };
/// Memory of the drift; its deviation is in units of the volatility of a minute, per minute.
const TREND: Reversion = Reversion { memory_ms: 40.0 * 60_000.0, deviation: 0.04 };
/// Jumps a day, and the deviation of their size.
const JUMPS_PER_DAY: f64 = 2.0;
const JUMP_DEVIATION: f64 = 0.002;
/// The log-price stays this close to that of the settings, whatever the volatility: prices keep a sane number of digits.
const LOG_RANGE: f64 = 2.5;

/// The price process of all assets. It keeps the day it was asked for last.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    seed: u64,
    assets: Vec<Asset>,
    day: Day,
}

/// Everything about one minute since 1970.
#[derive(Clone, Debug)]
pub(crate) struct MinutePath {
    /// How busy the markets are, 1 on average; follows the volatility.
    pub(crate) activity: f64,
    /// By asset, dollars at the points of the grid, the first one at the minute's beginning.
    pub(crate) dollars: Vec<[f64; STEPS]>,
}

#[derive(Clone, Debug)]
struct Asset {
    volatility: f64,
    correlation: f64,
    log_usual: f64,
}

/// One day since 1970, by minute.
#[derive(Clone, Debug)]
struct Day {
    number: i64,
    /// Factor of the volatility.
    factors: Vec<f64>,
    /// By asset.
    moves: Vec<DayMoves>,
}

#[derive(Clone, Debug)]
struct DayMoves {
    /// Log-price at the beginning of each minute, and at the end of the last.
    logs: Vec<f64>,
    /// The part of each minute's move that comes at once.
    jumps: Vec<f64>,
}

/// What a stream of random numbers is for; each has one for every day, or minute, and asset.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Anchor = 1,
    Factor = 2,
    Trend = 3,
    Minutes = 4,
    Grid = 5,
}

/// Whose stream: that of all assets, or of one.
type Owner = Option<usize>;

impl Path {
    pub(crate) fn new(seed: u64, assets: &[AssetSettings]) -> Self {
        let assets: Vec<_> = assets.iter().map(Asset::new).collect();
        let day = Day::new(seed, &assets, 0);
        Self { seed, assets, day }
    }

    /// The minute that begins `minute` minutes after 1970 did. A change of the day costs some ten thousand random numbers,
    /// a minute of the same day a few hundred an asset.
    pub(crate) fn minute(&mut self, minute: i64) -> MinutePath {
        let (number, index) = (minute.div_euclid(DAY_MINUTES as i64), minute.rem_euclid(DAY_MINUTES as i64) as usize);
        if self.day.number != number {
            self.day = Day::new(self.seed, &self.assets, number);
        }
        let factor = self.day.factors[index];
        let mut common = stream(self.seed, Purpose::Grid, None, minute);
        let jump_at = (common.unit() * STEPS as f64) as usize;
        let mut shocks = [0.0; STEPS];
        shocks.fill_with(|| common.normal());
        let dollars = self.assets.iter().zip(&self.day.moves).enumerate().map(|(owner, (asset, moves))| {
            let random = stream(self.seed, Purpose::Grid, Some(owner), minute);
            let ends = Ends { from: moves.logs[index], to: moves.logs[index + 1], jump: moves.jumps[index], jump_at };
            asset.grid(ends, factor, &shocks, random)
        });
        MinutePath { activity: activity(factor), dollars: dollars.collect() }
    }
}

/// What a minute's walk has to keep to.
#[derive(Clone, Copy, Debug)]
struct Ends {
    from: f64,
    to: f64,
    jump: f64,
    jump_at: usize,
}

impl Asset {
    fn new(settings: &AssetSettings) -> Self {
        Self {
            volatility: f64::from(settings.volatility_ppm) / 1e6,
            correlation: (f64::from(settings.correlation_ppm) / 1e6).min(1.0),
            log_usual: libm::log(settings.price_cents as f64 / 100.0),
        }
    }

    /// Deviation of the log-price over `ms` milliseconds.
    fn deviation(&self, ms: f64) -> f64 {
        self.volatility * (ms / MS_PER_YEAR).sqrt()
    }

    /// The share of moves that is not common.
    fn own(&self) -> f64 {
        (1.0 - self.correlation * self.correlation).sqrt()
    }

    fn grid(&self, ends: Ends, factor: f64, shocks: &[f64; STEPS], mut random: Random) -> [f64; STEPS] {
        let (own, deviation) = (self.own(), factor * self.deviation(STEP_MS as f64));
        let mut walk = [0.0; STEPS];
        let mut sum = 0.0;
        for (point, shock) in walk.iter_mut().zip(shocks) {
            *point = sum;
            sum += deviation * (self.correlation * shock + own * random.normal());
        }
        let bend = (ends.to - ends.from - ends.jump - sum) / STEPS as f64;
        for (step, point) in walk.iter_mut().enumerate() {
            let jumped = if step > ends.jump_at { ends.jump } else { 0.0 };
            *point = libm::exp(ends.from + *point + bend * step as f64 + jumped);
        }
        walk
    }
}

impl Day {
    fn new(seed: u64, assets: &[Asset], number: i64) -> Self {
        // The mean of the squared factor is 1, so that the average variance is the configured one.
        let variance = SLOW.deviation * SLOW.deviation + FAST.deviation * FAST.deviation;
        let [slow, fast] = [SLOW, FAST].map(|factor| factor.prepared(MINUTE_MS as f64));
        let factors = settled(seed, None, number, (0.0, 0.0), |state: &mut (f64, f64), random| {
            *state = (slow.step(state.0, random), fast.step(state.1, random));
            libm::exp(state.0 + state.1 - variance)
        });
        let mut common = stream(seed, Purpose::Minutes, None, number);
        let shocks: Vec<_> = (0..DAY_MINUTES).map(|_| (common.normal(), jump(&mut common))).collect();
        let moves = assets.iter().enumerate().map(|(owner, asset)| {
            let ends = [number, number + 1].map(|day| anchor(seed, owner, asset, day));
            DayMoves::new(seed, (owner, asset), number, ends, &factors, &shocks)
        });
        Self { number, moves: moves.collect(), factors }
    }
}

impl DayMoves {
    fn new(
        seed: u64,
        (owner, asset): (usize, &Asset),
        day: i64,
        ends: [f64; 2],
        factors: &[f64],
        shocks: &[(f64, f64)],
    ) -> Self {
        let trend: PreparedReversion = TREND.prepared(MINUTE_MS as f64);
        let trends = settled(seed, Some(owner), day, 0.0, |state, random| {
            *state = trend.step(*state, random);
            *state
        });
        let mut random = stream(seed, Purpose::Minutes, Some(owner), day);
        let (own, deviation) = (asset.own(), asset.deviation(MINUTE_MS as f64));
        let (mut logs, mut jumps) = (vec![0.0], Vec::with_capacity(DAY_MINUTES));
        let mut sum = 0.0;
        for ((factor, trend), (shock, common_jump)) in factors.iter().zip(trends).zip(shocks) {
            let mixed = asset.correlation * shock + own * random.normal();
            let jump = asset.correlation * common_jump + own * jump(&mut random);
            sum += deviation * (factor * mixed + trend) + jump;
            logs.push(sum);
            jumps.push(jump);
        }
        let bend = (ends[1] - ends[0] - sum) / DAY_MINUTES as f64;
        for (minute, log) in logs.iter_mut().enumerate() {
            let moved = (ends[0] + *log + bend * minute as f64).clamp(-LOG_RANGE, LOG_RANGE);
            *log = asset.log_usual + moved;
        }
        Self { logs, jumps }
    }
}

/// A day's minutes of a process that forgets within hours: the day before is run through from the beginning `state`.
fn settled<S, T>(
    seed: u64,
    owner: Owner,
    day: i64,
    mut state: S,
    mut step: impl FnMut(&mut S, &mut Random) -> T,
) -> Vec<T> {
    let purpose = if owner.is_some() { Purpose::Trend } else { Purpose::Factor };
    let mut before = stream(seed, purpose, owner, day - 1);
    (0..DAY_MINUTES).for_each(|_| drop(step(&mut state, &mut before)));
    let mut random = stream(seed, purpose, owner, day);
    (0..DAY_MINUTES).map(|_| step(&mut state, &mut random)).collect()
}

/// How far the log-price is from the usual one at the beginning of a day.
fn anchor(seed: u64, owner: usize, asset: &Asset, day: i64) -> f64 {
    let keep = libm::exp(-1.0 / ANCHOR_MEMORY_DAYS);
    let shock = |day| {
        let [common, own] = [None, Some(owner)].map(|owner| stream(seed, Purpose::Anchor, owner, day).normal());
        asset.correlation * common + asset.own() * own
    };
    // Oldest first, so that every later shock makes the earlier ones fade.
    let sum = (day - ANCHOR_DAYS..day).fold(0.0, |sum, day| sum * keep + shock(day));
    asset.deviation(86_400_000.0) * sum
}

fn jump(random: &mut Random) -> f64 {
    if random.chance(JUMPS_PER_DAY / DAY_MINUTES as f64) { random.normal() * JUMP_DEVIATION } else { 0.0 }
}

fn activity(factor: f64) -> f64 {
    let variance = SLOW.deviation * SLOW.deviation + FAST.deviation * FAST.deviation;
    factor / libm::exp(-0.5 * variance)
}

fn stream(seed: u64, purpose: Purpose, owner: Owner, index: i64) -> Random {
    let owner = owner.map_or(0, |owner| owner as u64 + 1);
    Random::new(Random::new(seed, (purpose as u64) << 32 | owner).bits(), index as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SimSettings;

    /// Minutes from 1970 to 2026-10-01.
    const SOME_MINUTE: i64 = 20_727 * DAY_MINUTES as i64;

    fn path(seed: u64) -> Path {
        Path::new(seed, &SimSettings::default().assets)
    }

    #[test]
    fn volatility_and_correlation_are_as_set() {
        let (mut squares, mut products, mut count) = ([0.0; 2], 0.0, 0.0);
        for seed in 0..16 {
            let mut path = path(seed);
            let mut last: Option<Vec<f64>> = None;
            for minute in 0..2 * DAY_MINUTES as i64 {
                let now: Vec<f64> = path.minute(SOME_MINUTE + minute).dollars.iter().map(|grid| grid[0]).collect();
                if let Some(last) = last {
                    let returns = [0, 1].map(|i| libm::log(now[i] / last[i]));
                    (0..2).for_each(|i| squares[i] += returns[i] * returns[i]);
                    products += returns[0] * returns[1];
                    count += 1.0;
                }
                last = Some(now);
            }
        }
        let annual = |square: f64| (square / count * MS_PER_YEAR / 60_000.0).sqrt();
        assert!((0.40..0.65).contains(&annual(squares[0])), "BTC {}", annual(squares[0]));
        assert!((0.55..0.90).contains(&annual(squares[1])), "ETH {}", annual(squares[1]));
        let correlation = products / (squares[0] * squares[1]).sqrt();
        assert!((0.7..0.9).contains(&correlation), "{correlation}");
    }

    #[test]
    fn a_minute_is_the_same_whenever_it_is_asked_for() {
        let (mut forth, mut back) = (path(5), path(5));
        let days = [-3, 0, 700, 20_727];
        let minutes: Vec<i64> = days.iter().flat_map(|day| [-1, 0, 1, 700].map(|m| day * 1_440 + m)).collect();
        let first: Vec<_> = minutes.iter().map(|minute| forth.minute(*minute).dollars).collect();
        let mut second: Vec<_> = minutes.iter().rev().map(|minute| back.minute(*minute).dollars).collect();
        second.reverse();
        assert_eq!(first, second);
        assert_ne!(first, minutes.iter().map(|minute| path(6).minute(*minute).dollars).collect::<Vec<_>>());
    }

    #[test]
    fn minutes_and_days_join_without_a_seam() {
        // A step of the grid is about 0.4 bps: a step into the next minute must not be larger than those within.
        for seed in 0..4 {
            let mut path = path(seed);
            let (mut within, mut between, mut midnight) = (0.0f64, 0.0f64, 0.0f64);
            let mut last: Option<f64> = None;
            for day in 0..8 {
                for minute in [-2, -1, 0, 1] {
                    let grid = path.minute(SOME_MINUTE + day * 1_440 + minute).dollars[0];
                    let move_of = |pair: &[f64]| libm::fabs(libm::log(pair[1] / pair[0]));
                    within = grid.windows(2).map(move_of).fold(within, f64::max);
                    if let Some(last) = last.filter(|_| minute > -2) {
                        let joint = move_of(&[last, grid[0]]);
                        if minute == 0 { midnight = midnight.max(joint) } else { between = between.max(joint) }
                    }
                    last = Some(grid[STEPS - 1]);
                }
            }
            assert!(between <= within && midnight <= within, "seed {seed}: {between} {midnight}, within {within}");
        }
    }

    #[test]
    fn prices_stay_around_the_usual_for_years() {
        let (mut squares, mut count) = (0.0, 0.0);
        for seed in 0..8 {
            let mut path = path(seed);
            for month in 0..10 * 12 {
                let minute = path.minute(SOME_MINUTE + month * 30 * 1_440);
                let away = libm::log(minute.dollars[0][0] / 95_000.0);
                assert!(libm::fabs(away) < 1.0, "seed {seed} month {month}: {away}");
                squares += away * away;
                count += 1.0;
            }
        }
        // Volatility of a day, 2.6 %, times the root of half the memory: 17.5 %.
        let deviation = (squares / count).sqrt();
        assert!((0.13..0.23).contains(&deviation), "{deviation}");
    }
}
