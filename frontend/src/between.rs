//! What is said about price differences between exchanges.

use wire::{Arbitrage, ArbitrageDay, Instrument, Opportunity};

use crate::format::{self, THIN_SPACE};

/// What every figure here leaves out.
pub const BEFORE: &str = "after both taker fees; before withdrawals and transfer time, and not without risk";

/// An opportunity in four short texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `BTC Kraken → Coinbase`.
    pub route: String,
    /// `+79.8 bps`.
    pub net: String,
    /// `3.00000 BTC for 300.33 USD`.
    pub size: String,
    /// `+2.33 USD`.
    pub profit: String,
    /// `for 4.2 s`.
    pub age: String,
}

/// Says an opportunity, as of `now_ms`; `None` while its instruments are not known.
#[must_use]
pub fn row(open: &Opportunity, catalogue: &[Instrument], now_ms: i64) -> Option<Row> {
    let money = |amount| format!("{}{THIN_SPACE}{}", format::rounded(amount, format::CASH_DECIMALS, 2), open.currency);
    let (base, route) = route(catalogue, open.buy, open.sell)?;
    let lasted_ms = now_ms.saturating_sub(open.opened_at_ms).max(0) as u64;
    Some(Row {
        net: format!("{}{THIN_SPACE}bps", bps(f64::from(open.net_cbps))),
        size: format!("{}{THIN_SPACE}{base} for {}", format::quantity(open.qty, open.qty_decimals), money(open.cost)),
        profit: format!("+{}", money(open.profit)),
        age: format!("for {}", format::age(lasted_ms)),
        route: format!("{base} {route}"),
    })
}

/// Why there is no opportunity just now.
#[must_use]
pub fn nothing(arbitrage: &Arbitrage, catalogue: &[Instrument]) -> String {
    if !arbitrage.enabled {
        return "Exchanges are not compared: it is switched off in the configuration.".into();
    }
    let Some(nearest) = arbitrage.nearest else {
        return match arbitrage.waiting {
            0 => "Nothing to compare: no pair is watched on two exchanges in the same currency.".into(),
            _ => "Nothing to compare just now: the same pair has to be proven and fresh on two exchanges.".into(),
        };
    };
    let compared = match arbitrage.compared {
        1 => "One pair of books compared.".to_owned(),
        n => format!("{} pairs of books compared.", format::count(u64::from(n))),
    };
    match route(catalogue, nearest.buy, nearest.sell) {
        Some((base, route)) if nearest.net_cbps <= 0 => {
            let short = format::float(-f64::from(nearest.net_cbps) / 100.0, 1);
            format!(
                "No difference pays both fees just now. Nearest: {base} {route}, {short}{THIN_SPACE}bps short. {compared}"
            )
        }
        // Above zero, and not an opportunity: too little, or less than an exchange takes.
        _ => format!("No difference is large enough just now. {compared}"),
    }
}

/// What ended today.
#[must_use]
pub fn today(day: &ArbitrageDay) -> String {
    let peak = format!("{}{THIN_SPACE}bps", bps(f64::from(day.peak_cbps)));
    let longest = format::age(day.longest_ms);
    match day.count {
        0 => "None ended since 00:00 UTC.".into(),
        1 => format!("One ended since 00:00 UTC: it lasted {longest}, at most {peak}."),
        n => format!("{} ended since 00:00 UTC: the longest lasted {longest}, at most {peak}.", format::count(n)),
    }
}

/// Base and `Kraken → Coinbase`. Where the quote currencies differ they are said.
fn route(catalogue: &[Instrument], buy: u16, sell: u16) -> Option<(String, String)> {
    let find = |id| catalogue.iter().find(|instrument| instrument.id == id);
    let (buy, sell) = (find(buy)?, find(sell)?);
    let (base, buy_quote) = buy.pair.split_once('/')?;
    let (_, sell_quote) = sell.pair.split_once('/')?;
    let route = if buy_quote == sell_quote {
        format!("{} → {}", buy.venue, sell.venue)
    } else {
        format!("{} ({buy_quote}) → {} ({sell_quote})", buy.venue, sell.venue)
    };
    Some((base.to_owned(), route))
}

fn bps(cbps: f64) -> String {
    format::signed_float(cbps / 100.0, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Gap;

    fn catalogue() -> Vec<Instrument> {
        let of = |id, venue: &str, pair: &str| Instrument {
            id,
            venue: venue.into(),
            pair: pair.into(),
            price_decimals: 2,
            qty_decimals: 4,
            tick: 1,
        };
        vec![of(0, "Kraken", "BTC/USD"), of(1, "Coinbase", "BTC/USD"), of(2, "Binance.US", "BTC/USDT")]
    }

    fn arbitrage(nearest: Option<Gap>) -> Arbitrage {
        Arbitrage {
            enabled: true,
            compared: 14,
            waiting: 2,
            open: Vec::new(),
            open_count: 0,
            nearest,
            today: ArbitrageDay { count: 0, longest_ms: 0, peak_cbps: 0 },
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(text.replace(THIN_SPACE, "_"), expected);
    }

    #[test]
    fn an_opportunity_is_said_with_its_size() {
        let open = Opportunity {
            buy: 0,
            sell: 1,
            opened_at_ms: 1_000,
            net_cbps: 7_982,
            qty: 30_000,
            qty_decimals: 4,
            cost: 30_033_003_000,
            profit: 233_700_000,
            currency: "USD".into(),
        };
        let row = row(&open, &catalogue(), 5_200).expect("known");
        check(&row.route, "BTC Kraken → Coinbase");
        check(&row.net, "+79.8_bps");
        check(&row.size, "3.0000_BTC for 300.33_USD");
        check(&row.profit, "+2.34_USD");
        check(&row.age, "for 4.2_s");
        let across = Opportunity { sell: 2, ..open.clone() };
        check(&super::row(&across, &catalogue(), 0).expect("known").route, "BTC Kraken (USD) → Binance.US (USDT)");
        assert_eq!(super::row(&Opportunity { sell: 9, ..open }, &catalogue(), 0), None);
    }

    #[test]
    fn nothing_is_said_with_its_reason() {
        let gap = |net_cbps| Some(Gap { buy: 1, sell: 0, net_cbps });
        check(
            &nothing(&arbitrage(gap(-9_120)), &catalogue()),
            "No difference pays both fees just now. Nearest: BTC Coinbase → Kraken, 91.2_bps short. 14 pairs of books compared.",
        );
        let one = Arbitrage { compared: 1, ..arbitrage(gap(40)) };
        check(&nothing(&one, &catalogue()), "No difference is large enough just now. One pair of books compared.");
        check(
            &nothing(&arbitrage(None), &catalogue()),
            "Nothing to compare just now: the same pair has to be proven and fresh on two exchanges.",
        );
        let none = Arbitrage { waiting: 0, ..arbitrage(None) };
        assert!(nothing(&none, &catalogue()).starts_with("Nothing to compare: no pair"));
        let off = Arbitrage { enabled: false, ..none };
        assert!(nothing(&off, &catalogue()).contains("switched off"));
    }

    #[test]
    fn a_day_is_said_in_one_sentence() {
        let day = |count| ArbitrageDay { count, longest_ms: 3_210, peak_cbps: 410 };
        check(&today(&day(0)), "None ended since 00:00 UTC.");
        check(&today(&day(1)), "One ended since 00:00 UTC: it lasted 3.2_s, at most +4.1_bps.");
        check(&today(&day(14)), "14 ended since 00:00 UTC: the longest lasted 3.2_s, at most +4.1_bps.");
    }
}
