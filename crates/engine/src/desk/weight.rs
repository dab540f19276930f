//! The weight of a position in a portfolio of everything that could be held.

use types::InstrumentId;
use types::order::Liquidity;
use types::settings::{RiskSettings, SignalSettings, Sizing};
use weights::{Covariance, Group, Limits};

use super::{Desk, Turn};
use crate::market::Market;
use crate::portfolio;
use crate::risk::returns::{SLOT_MIN, SLOTS};
use crate::signal;

impl Desk {
    /// The share of equity that an instrument gets in the portfolio that the settings want; `None` where too little is known of it.
    pub(super) fn weigh(&self, market: &Market, settings: &SignalSettings, turn: &Turn<'_>) -> Option<f64> {
        match settings.sizing {
            Sizing::Parity => parity(market, settings, turn),
            Sizing::MeanVariance => self.mean_variance(market, settings, turn),
            Sizing::Fixed | Sizing::Volatility | Sizing::Kelly | Sizing::Model => None,
        }
    }

    /// All that is forecast for the same horizon is weighed by what it promises after costs, beside what is held already.
    fn mean_variance(&self, market: &Market, settings: &SignalSettings, turn: &Turn<'_>) -> Option<f64> {
        // Shares of nothing are no shares.
        let equity = Some(self.portfolio.equity().0 as f64).filter(|equity| *equity > 0.0)?;
        let held = |id: InstrumentId| {
            let holding = self.portfolio.holding(id)?;
            Some(portfolio::value(id, holding, turn.markets).0 as f64 / equity)
        };
        let promised = |market: &Market| {
            let id = market.instrument.id;
            let expected = turn.expected.get(&(id, settings.horizon_min))?;
            if expected.until <= turn.at || !expected.log_return.is_finite() {
                return None;
            }
            let taker = self.terms(market, turn).rate(Liquidity::Taker);
            let cost_cbps = signal::round_trip_cbps(taker.0, market.book())?;
            Some(f64::from(expected.log_return) - f64::from(cost_cbps) / 1e6)
        };
        let (mut ids, mut expected, mut each) = (Vec::new(), Vec::new(), Vec::new());
        let size_max = f64::from(settings.size_max_ppm) / 1e6;
        for market in turn.markets.iter().filter(|market| turn.returns.is_known(market.instrument.id)) {
            let id = market.instrument.id;
            // What is held stays as it is.
            match (held(id), promised(market)) {
                (Some(share), _) => (expected.push(0.0), each.push((share, share))),
                (None, Some(net)) => (expected.push(net), each.push((0.0, size_max))),
                (None, None) => continue,
            };
            ids.push(id);
        }
        let place = ids.iter().position(|id| *id == market.instrument.id)?;
        let RiskSettings { venue_max_ppm, cash_reserve_ppm, .. } = turn.settings.risk;
        let venue = |id: InstrumentId| turn.markets.get(id).map(|market| market.instrument.venue);
        let groups = types::Venue::ALL.into_iter().map(|wanted| Group {
            members: (0..ids.len()).filter(|place| venue(ids[*place]) == Some(wanted)).collect(),
            max: f64::from(venue_max_ppm) / 1e6,
        });
        let groups = groups.filter(|group| !group.members.is_empty()).collect();
        let sum_max = 1.0 - f64::from(cash_reserve_ppm) / 1e6;
        let horizon = f64::from(settings.horizon_min) / f64::from(SLOT_MIN);
        let covariance = Covariance::of_returns(&turn.returns.common(&ids)?)?.times(horizon);
        let aversion = 1e6 / f64::from(settings.kelly_ppm);
        let limits = Limits { each, sum_max, groups };
        weights::mean_variance(&expected, &covariance, aversion, &limits).map(|weights| weights[place])
    }
}

/// All that moves is weighed so that it carries the same risk, and all together fluctuate in a day as the settings want.
fn parity(market: &Market, settings: &SignalSettings, turn: &Turn<'_>) -> Option<f64> {
    let ids: Vec<InstrumentId> =
        turn.markets.iter().map(|market| market.instrument.id).filter(|id| turn.returns.is_known(*id)).collect();
    let place = ids.iter().position(|id| *id == market.instrument.id)?;
    let covariance = Covariance::of_returns(&turn.returns.common(&ids)?)?;
    let weights = weights::parity(&covariance)?;
    let deviation = (covariance.variance(&weights) * SLOTS as f64).sqrt();
    Some(weights[place] * f64::from(settings.volatility_ppm) / 1e6 / deviation)
}
