//! What an order did, in one sentence.

use types::order::Reason;
use types::{Cash, Instrument, Side};

use crate::notice::{bps, money, percent, price, qty};
use crate::paper::Working;
use crate::portfolio::average_price;

/// The sentence of an order that ended with at least one fill. `gain` is the profit or loss of its position so far.
pub(super) fn of_order(instrument: &Instrument, working: &Working, gain: Cash) -> String {
    let amount = qty(instrument, working.filled);
    let average = average_price(instrument.scale, working.value, working.filled);
    let average = average.map_or_else(String::new, |average| format!(" at {}", price(instrument, average)));
    let venue = instrument.venue.name();
    let why = why(working.order.reason, working.order.side);
    match working.order.side {
        Side::Buy => format!("Bought {amount}{average} on {venue}. {why}"),
        Side::Sell => {
            let result = if gain < Cash::ZERO { "Loss" } else { "Gain" };
            let gain = money(if gain < Cash::ZERO { -gain } else { gain });
            format!("Sold {amount}{average} on {venue}. {why} {result} {gain} {} after fees.", instrument.quote)
        }
    }
}

fn why(reason: Reason, side: Side) -> String {
    match (reason, side) {
        (Reason::Forecast { edge_cbps, cost_cbps, .. }, Side::Buy) => {
            format!("Expected {} bps, cost {}.", bps(edge_cbps), bps(cost_cbps))
        }
        (Reason::Forecast { horizon_min, edge_cbps, .. }, Side::Sell) => {
            format!("The forecast turned: {} bps down in {horizon_min} minutes.", bps(edge_cbps))
        }
        (Reason::Reversion { band_percent }, _) => format!("Price at {band_percent} % of its Bollinger band."),
        (Reason::Expiry, _) => "Its holding time is over.".to_owned(),
        (Reason::StopLoss, _) => "Stop-loss reached.".to_owned(),
        (Reason::Breaker, _) => "The drawdown breaker closed it.".to_owned(),
        (Reason::User, _) => "As you asked.".to_owned(),
        (Reason::TakeProfit, _) => "Take-profit reached.".to_owned(),
        (Reason::TrailingStop, _) => "It fell too far from its highest value.".to_owned(),
        (Reason::TooOld, _) => "Held for the longest time that is allowed.".to_owned(),
        (Reason::Policy { probability_ppm, edge_cbps, cost_cbps }, Side::Buy) => format!(
            "The model buys with {} %: {} bps expected, cost {}.",
            percent(probability_ppm),
            bps(edge_cbps),
            bps(cost_cbps)
        ),
        (Reason::Policy { probability_ppm, .. }, Side::Sell) => {
            format!("The model sells with {} %.", percent(probability_ppm))
        }
        (Reason::Hold, _) => "Bought to hold.".to_owned(),
        (Reason::Random, _) => "Drawn.".to_owned(),
        (Reason::Stock, _) => "Bought as stock for differences between exchanges.".to_owned(),
        (Reason::Arbitrage { net_cbps }, _) => {
            format!("One side of a difference between exchanges: {} bps after fees.", bps(net_cbps as i32))
        }
        (Reason::Even, _) => "The other side of a difference was filled less.".to_owned(),
    }
}
