//! Price differences between exchanges.

use std::cmp::Reverse;

use engine::arbitrage::ledger::{Opportunity, Tally};
use engine::view::View;

use super::id;

pub(super) fn of(view: View<'_>) -> wire::Arbitrage {
    let (ledger, outlook) = (view.arbitrage(), view.arbitrage_outlook());
    let mut there: Vec<&Opportunity> = ledger.open().filter(|open| open.is_there()).collect();
    there.sort_by_key(|open| Reverse(open.now().profit));
    let today = ledger.today().values().fold(Tally::default(), Tally::and);
    wire::Arbitrage {
        enabled: view.settings().arbitrage.enabled,
        compared: outlook.compared,
        waiting: outlook.waiting,
        open_count: there.len() as u32,
        open: there.into_iter().take(wire::OPPORTUNITIES_MAX).map(opportunity).collect(),
        nearest: outlook.nearest.map(|nearest| wire::Gap {
            buy: id(nearest.pair.buy),
            sell: id(nearest.pair.sell),
            net_cbps: nearest.net_cbps,
        }),
        today: wire::ArbitrageDay {
            count: today.count,
            longest_ms: today.longest.as_millis() as u64,
            peak_cbps: today.peak_cbps,
        },
    }
}

fn opportunity(open: &Opportunity) -> wire::Opportunity {
    let (known, now) = (open.known(), open.now());
    wire::Opportunity {
        buy: id(known.buy.instrument),
        sell: id(known.sell.instrument),
        opened_at_ms: known.opened_at.as_millis(),
        net_cbps: now.net_cbps,
        qty: now.qty.0,
        qty_decimals: known.qty_decimals,
        cost: now.cost.0,
        profit: now.profit.0,
        currency: known.currency.clone(),
    }
}
