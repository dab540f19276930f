//! Taking from a book.

use types::order::{Liquidity, TimeInForce};
use types::{Cash, Ppm, Price, Qty, Side};

use super::used::Used;
use super::{Scene, Working};

/// A part of an order that one level gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The level.
    pub(super) level: Price,
    /// What is paid or got: the level's price, or a worse one with impact.
    pub(super) price: Price,
    /// How much.
    pub(super) qty: Qty,
}

/// Walks the levels from the best one on, as far as the order's limit, quantity and budget go. Changes nothing.
pub(super) fn walk(working: &Working, used: &Used, scene: &Scene<'_>) -> Vec<Part> {
    let (side, terms) = (working.order.side, &scene.terms);
    let limit = working.ticket().price;
    let impact = impact(working.left(), side, scene);
    let (mut left, mut budget) = (working.left(), working.budget);
    let mut parts = Vec::new();
    for level in scene.book.facing(side) {
        let price = worse(level.price, side, impact, terms.tick);
        let is_beyond = |limit: Price| if side == Side::Buy { price > limit } else { price < limit };
        if left.is_zero() || limit.is_some_and(is_beyond) {
            break;
        }
        let share = Ppm(scene.settings.depth_share_ppm);
        let mut qty = left.min(used.left(side, *level, share));
        if share < Ppm(1_000_000) {
            qty = terms.whole_lots(qty);
        }
        if side == Side::Buy {
            qty = qty.min(terms.affordable(budget, price, Liquidity::Taker));
        }
        if qty.is_zero() {
            continue;
        }
        left = left.saturating_sub(qty);
        if side == Side::Buy {
            budget = budget.saturating_sub(cost(terms.value(side, price, qty), scene));
        }
        parts.push(Part { level: level.price, price, qty });
    }
    let is_whole = left.is_zero() || working.ticket().lives != TimeInForce::Fok;
    if is_whole { parts } else { Vec::new() }
}

fn cost(value: Cash, scene: &Scene<'_>) -> Cash {
    value.saturating_add(scene.terms.fee(value, Liquidity::Taker))
}

/// How much worse the prices of an order get by its own size, in parts of [`IMPACT_ONE`]: the setting times the square root of
/// its part of what the book shows on the side it takes.
fn impact(qty: Qty, side: Side, scene: &Scene<'_>) -> u128 {
    if scene.settings.impact_ppm == 0 {
        return 0;
    }
    let shown: u128 = scene.book.facing(side).iter().map(|level| u128::from(level.qty.0)).sum();
    if shown == 0 {
        return 0;
    }
    let part = u128::from(qty.0).min(shown) * ROOT_ONE * ROOT_ONE / shown;
    // The root is in parts of `ROOT_ONE`, rounded up: against us.
    let root = part.isqrt() + u128::from(part.isqrt().pow(2) < part);
    u128::from(scene.settings.impact_ppm) * root
}

const ROOT_ONE: u128 = 1_000_000;
/// Millionths, times the scale of the root.
const IMPACT_ONE: u128 = 1_000_000 * ROOT_ONE;

/// A price moved against a taker, to the next step of the venue's. A sale's price stays above zero.
fn worse(price: Price, side: Side, impact: u128, tick: u64) -> Price {
    if impact == 0 {
        return price;
    }
    let (units, step) = (u128::from(price.mantissa().unsigned_abs()), u128::from(tick.max(1)));
    let shift = (units * impact).div_ceil(IMPACT_ONE);
    let moved = match side {
        Side::Buy => (units + shift).div_ceil(step) * step,
        Side::Sell => units.saturating_sub(shift) / step * step,
    };
    let moved = moved.clamp(1, i64::MAX.unsigned_abs().into());
    Price::new(moved as i64).unwrap_or(price)
}
