//! What is owned, what was traded, and why.

use wire::api::{Account, Accounts, Curve, LatestOrders, OrderStory, Performance, TradePart, TradeSum};

use super::plot::{Across, Mark, Source, draw};
use super::{
    Action, Block, Cell, Fact, Row, Said, Section, Sends, Table, bps, dollars, fact, market, moment, or_dash, percent,
    plain, short, signed_dollars, signed_percent,
};
use crate::calendar::Zone;
use crate::format::{self, THIN_SPACE};
use crate::sentence::Tone;

/// All accounts beside each other; each leads to its own page.
#[must_use]
pub fn accounts(told: &Accounts) -> Section {
    let row = |account: &Account| {
        let gain = format::parse_cash(&account.equity) - format::parse_cash(&account.start);
        let start = format::parse_cash(&account.start).max(1);
        let name = if account.active { account.name.clone() } else { format!("{} (retired)", account.name) };
        Row::of(vec![
            name.into(),
            dollars(&account.equity).into(),
            Said::signed(&signed_percent(gain as f64 / start as f64, 2)).into(),
            percent(account.drawdown, 1).into(),
            account.trades.n.to_string().into(),
            or_dash(account.trades.win_rate.map(|rate| percent(rate, 0))).into(),
            dollars(&account.fees).into(),
        ])
        .to(format!("/trading?account={}", account.name))
    };
    let table = Table {
        name: "accounts",
        heads: vec!["Account", "Equity", "Gain", "Drawdown", "Trades", "Won", "Fees"],
        rows: told.accounts.iter().map(row).collect(),
    };
    Section::new("accounts", "Accounts on paper")
        .wide()
        .note("controls and rivals trade beside the first")
        .with(Block::Table(table))
}

/// What the user may do, and the breakers that are open.
#[must_use]
pub fn control(told: &Accounts, is_trading: bool, zone: Zone) -> Section {
    let act = |id, label, question: &str, consequence, word, done| Action {
        id,
        label,
        question: question.to_owned(),
        consequence,
        method: "POST",
        path: format!("/api/v1/trading?do={word}"),
        asks: Vec::new(),
        sends: Sends::Address,
        done,
    };
    let pause = act(
        "pause",
        "Pause",
        "Pause paper trading?",
        "No new positions are opened until you resume. Open positions keep their stop-loss.",
        "pause",
        "The box was asked to pause.",
    );
    let resume = act(
        "resume",
        "Resume",
        "Resume paper trading?",
        "The box may open new paper positions again; its limits stay in force.",
        "resume",
        "The box was asked to resume.",
    );
    let flatten = act(
        "flatten",
        "Flatten",
        "Close all positions?",
        "Every open position is sold at what the book pays, and trading pauses. Fees and spread are paid.",
        "flatten",
        "The box was asked to close all positions.",
    );
    let reset = act(
        "reset",
        "Reset breakers",
        "Close all breakers?",
        "What stopped trading is taken as seen. A breaker opens again when its cause is still there.",
        "reset",
        "The box was asked to close its breakers.",
    );
    let state = match (is_trading, told.breakers.len()) {
        (true, 0) => Said::toned("Trading on paper, no breaker open.", Tone::Good),
        (true, 1) => Said::toned("Trading on paper; one breaker is open.", Tone::Warning),
        (true, n) => Said::toned(&format!("Trading on paper; {n} breakers are open."), Tone::Warning),
        (false, _) => Said::toned("Paused: no new positions.", Tone::Warning),
    };
    let mut section = Section::new("stops", "Control").with(Block::Text(state));
    if !told.breakers.is_empty() {
        let rows = told.breakers.iter().map(|breaker| {
            Row::of(vec![
                breaker.cause.clone().into(),
                market(&breaker.stops).into(),
                moment(zone, breaker.since_ms).into(),
                moment(zone, breaker.seen_at_ms).into(),
            ])
        });
        let table = Table { name: "breakers", heads: vec!["Breaker", "Stops", "Since", "Seen"], rows: rows.collect() };
        section = section.with(Block::Table(table));
    }
    let mut actions = vec![if is_trading { pause } else { resume }, flatten];
    if !told.breakers.is_empty() {
        actions.push(reset);
    }
    section.with(Block::Actions(actions))
}

/// Equity beside buying and holding.
#[must_use]
pub fn equity(curve: &Curve, zone: Zone) -> Section {
    let section = Section::new("equity-curve", "Equity").wide().note("dashed: buy once and hold · USD");
    let line = |read: fn(&wire::api::CurvePoint) -> f64| {
        curve.points.iter().map(|point| (point.at_ms as f64, read(point))).collect::<Vec<_>>()
    };
    let sources = vec![
        Source { name: "buy and hold", class: "control", mark: Mark::Line, points: line(|point| point.hold) },
        Source { name: "equity", class: "line-accent", mark: Mark::Line, points: line(|point| point.equity) },
    ];
    let name = format!("Equity of {}", curve.account);
    match draw(name, "USD", Across::Time(zone), None, sources).filter(|_| curve.points.len() > 1) {
        Some(plot) => section.with(Block::Plot(plot)),
        None => section.say("The curve starts with the second full minute."),
    }
}

/// How far below its peak the account was.
#[must_use]
pub fn drawdown(curve: &Curve, zone: Zone) -> Section {
    let section = Section::new("drawdown-curve", "Below the peak").wide().note("percent of the peak");
    let mut peak = f64::MIN;
    let fall = curve.points.iter().map(|point| {
        peak = peak.max(point.equity);
        (point.at_ms as f64, if peak > 0.0 { (point.equity / peak - 1.0) * 100.0 } else { 0.0 })
    });
    let sources = vec![Source { name: "drawdown", class: "fill-down", mark: Mark::Area, points: fall.collect() }];
    let name = format!("Drawdown of {}", curve.account);
    match draw(name, "percent", Across::Time(zone), Some((-0.1, 0.0)), sources).filter(|_| curve.points.len() > 1) {
        Some(plot) => section.with(Block::Plot(plot)),
        None => section.say("It starts with the second full minute."),
    }
}

/// What is held.
#[must_use]
pub fn positions(account: &Account, zone: Zone) -> Section {
    let section = Section::new("positions-held", "Positions").wide();
    if account.positions.is_empty() {
        return section.say("All in cash.");
    }
    let row = |position: &wire::api::Position| {
        Row::of(vec![
            market(&position.symbol).into(),
            format::trimmed(&position.qty).into(),
            or_dash(position.entry.as_ref().map(|entry| format!("{} {}", format::decimal(entry), position.currency)))
                .into(),
            dollars(&position.value).into(),
            signed_dollars(&position.pnl).into(),
            moment(zone, position.opened_at_ms).into(),
        ])
    };
    section.with(Block::Table(Table {
        name: "positions",
        heads: vec!["Market", "Quantity", "Bought at", "Worth", "Gain", "Since"],
        rows: account.positions.iter().map(row).collect(),
    }))
}

/// The account in figures.
#[must_use]
pub fn figures(account: &Account) -> Section {
    let section = Section::new("figures", "In figures").note("paper money, after fees");
    let TradeSum { n, win_rate, profit_factor, net } = account.trades;
    let mut facts: Vec<Fact> = vec![
        plain("Equity", &dollars(&account.equity), "Money and positions at the middle of their books"),
        plain("Cash", &dollars(&account.cash), ""),
        fact("Realised", signed_dollars(&account.realised), "Gains and losses of what was sold, first in, first out"),
        fact("Unrealised", signed_dollars(&account.unrealised), "Of what is held"),
        plain("Fees", &dollars(&account.fees), "Since it began"),
        plain("Exposure", &percent(account.exposure, 1), "What is held, over the equity"),
        fact(
            "Turnover",
            Said::plain(&format!("{}×", format::float(account.turnover, 2))),
            "Bought and sold, over the start money",
        ),
        plain("Trades", &format!("{n}"), "Finished ones"),
        fact(
            "Won",
            Said::plain(&or_dash(win_rate.map(|rate| percent(rate, 1)))),
            "Share of trades that gained after fees",
        ),
        plain("Profit factor", &or_dash(profit_factor.map(|it| format::float(it, 2))), "Gains over losses"),
        fact(
            "Net of trades",
            Said::signed(&format!("{}{THIN_SPACE}USD", format::signed_float(net, 2))),
            "Gains less losses, after fees",
        ),
        plain("Losses in a row", &account.losses_in_row.to_string(), ""),
    ];
    match &account.performance {
        Some(performance) => facts.extend(performance_facts(performance)),
        None => {
            return section.with(Block::Facts(facts)).say("Sharpe, Sortino and value at risk need three full hours.");
        }
    }
    section.with(Block::Facts(facts))
}

/// Performance over hours.
#[must_use]
pub fn performance_facts(performance: &Performance) -> Vec<Fact> {
    let ratio = |value: Option<f64>| Said::plain(&or_dash(value.map(|it| format::float(it, 2))));
    vec![
        fact("Sharpe", ratio(performance.sharpe), "Mean return over its standard deviation, for a year"),
        fact(
            "Sortino",
            ratio(performance.sortino),
            "Mean return over the root of the mean square of losses, for a year",
        ),
        fact("Calmar", ratio(performance.calmar), "Annual return over the largest drawdown"),
        fact(
            "Volatility",
            Said::plain(&percent(performance.annual_volatility, 1)),
            "Standard deviation of returns, for a year",
        ),
        plain("Largest drawdown", &percent(performance.drawdown_max, 2), "At full hours"),
        fact(
            "Value at risk",
            Said::plain(&percent(performance.value_at_risk_95, 2)),
            "Loss that one hour in twenty met or surpassed",
        ),
        fact(
            "Expected shortfall",
            Said::plain(&percent(performance.expected_shortfall_95, 2)),
            "Mean loss of these hours",
        ),
    ]
}

/// What brought what.
#[must_use]
pub fn attribution(kind: &'static str, title: &str, head: &'static str, parts: &[TradePart]) -> Section {
    let section = Section::new(kind, title);
    if parts.is_empty() {
        return section.say("No trade has finished yet.");
    }
    let row = |part: &TradePart| {
        let name = if part.of.len() > 40 { short(&part.of) } else { market(&part.of) };
        Row::of(vec![
            Cell::from(name).hint(&part.of),
            part.trades.n.to_string().into(),
            or_dash(part.trades.win_rate.map(|rate| percent(rate, 0))).into(),
            Said::signed(&format!("{}{THIN_SPACE}USD", format::signed_float(part.trades.net, 2))).into(),
        ])
    };
    let rows = parts.iter().map(row).collect();
    section.with(Block::Table(Table { name: "attribution", heads: vec![head, "Trades", "Won", "Net"], rows }))
}

/// Where the money lies.
#[must_use]
pub fn purses(account: &Account) -> Section {
    let row = |purse: &wire::api::Purse| {
        let amount = |text: &str| format!("{} {}", cents(text), purse.currency);
        Row::of(vec![
            super::venue(&purse.venue).into(),
            amount(&purse.cash).into(),
            amount(&purse.deposited).into(),
            amount(&purse.fees).into(),
        ])
    };
    let rows = account.purses.iter().map(row).collect();
    Section::new("purses", "Where the money lies").with(Block::Table(Table {
        name: "purses",
        heads: vec!["Exchange", "Cash", "Put there", "Fees"],
        rows,
    }))
}

fn cents(text: &str) -> String {
    format::rounded(format::parse_cash(text), format::CASH_DECIMALS, 2)
}

/// The newest orders; each leads to its story.
#[must_use]
pub fn orders(latest: &LatestOrders, account: &str, zone: Zone) -> Section {
    let section = Section::new("orders", "Orders").wide().note("each row tells why");
    if latest.orders.is_empty() {
        return section
            .say("No order yet. The box trades only where the expected move pays for spread, fees and slippage.");
    }
    let row = |order: &wire::api::OrderRow| {
        let tone = if order.side == "buy" { Tone::Good } else { Tone::Bad };
        let end = order.end.clone().unwrap_or_else(|| "working".into());
        Row::of(vec![
            moment(zone, order.at_ms).into(),
            market(&order.symbol).into(),
            Said::toned(&order.side, tone).into(),
            format!("{} of {}", format::trimmed(&order.filled), format::trimmed(&order.qty)).into(),
            or_dash(order.price.as_deref().map(format::decimal)).into(),
            Cell::from(end).chip(),
            order.reason.clone().into(),
        ])
        .to(format!("/trading?account={account}&order={}", order.id))
    };
    section.with(Block::Table(Table {
        name: "orders",
        heads: vec!["Decided", "Market", "Side", "Filled", "Price", "End", "For"],
        rows: latest.orders.iter().map(row).collect(),
    }))
}

/// Why an order was made, what it met, and what it cost.
#[must_use]
pub fn why(story: &OrderStory, zone: Zone) -> Vec<Section> {
    let at = |at_ms: i64| zone.clock_seconds(at_ms);
    let best = |it: &wire::api::BestPrices| format!("{} / {}", format::decimal(&it.bid), format::decimal(&it.ask));
    let mut facts = vec![
        plain("Market", &market(&story.symbol), ""),
        plain("Order", &format!("{} {}", story.side, format::trimmed(&story.qty)), ""),
        plain("For", &story.reason, "What it was made for"),
        plain("Decided", &format!("{} {}", zone.date(story.at_ms), at(story.at_ms)), ""),
    ];
    if let Some(decided) = &story.decided {
        facts.push(plain("Bid / ask then", &best(decided), "The best prices when it was decided"));
    }
    if let Some(arrived_at_ms) = story.arrived_at_ms {
        let late = format!("{} (+{}{THIN_SPACE}ms)", at(arrived_at_ms), arrived_at_ms - story.at_ms);
        facts.push(plain("Arrived", &late, "When it reached the paper venue, after its latency"));
    }
    if let Some(arrived) = &story.arrived {
        facts.push(plain("Bid / ask there", &best(arrived), "The best prices when it arrived"));
    }
    if let Some(ahead) = &story.queue_ahead {
        facts.push(plain("Queue ahead", &format::trimmed(ahead), "What stood before it at its price"));
    }
    let end = story.end.clone().unwrap_or_else(|| "working".into());
    facts.push(plain("End", &end, ""));
    let mut sections =
        vec![Section::new("why", &format!("Why order {}", story.order)).with(Block::Facts(facts)), forecast(story)];
    let fill = |fill: &wire::api::OrderFill| {
        Row::of(vec![
            at(fill.at_ms).into(),
            format::decimal(&fill.price).into(),
            format::trimmed(&fill.qty).into(),
            format::trimmed(&fill.fee).into(),
            fill.liquidity.clone().into(),
        ])
    };
    let section = Section::new("why-fills", "Fills and what it cost");
    let section = if story.fills.is_empty() {
        section.say("Nothing was filled.")
    } else {
        let heads = vec!["At", "Price", "Quantity", "Fee", "As"];
        section.with(Block::Table(Table { name: "fills", heads, rows: story.fills.iter().map(fill).collect() }))
    };
    let cost = &story.cost;
    let part =
        |name: &str, text: &str, hint| fact(name, Said::plain(&format!("{} {}", cents(text), cost.currency)), hint);
    sections.push(section.with(Block::Facts(vec![
        part("Delay", &cost.delay, "The market moved while the order travelled"),
        part("Spread", &cost.spread, "Half of what lay between bid and ask"),
        part("Impact", &cost.impact, "It walked the book"),
        part("Fee", &cost.fee, ""),
        part("In all", &cost.total, "Below zero: it gained"),
    ])));
    let check = |check: &wire::api::LimitCheck| {
        Row::of(vec![
            check.limit.clone().into(),
            format::fixed(check.value, 0).into(),
            format::fixed(check.max, 0).into(),
        ])
    };
    let checks = Section::new("why-limits", "Limits it was held against").note("in the limit's own unit");
    sections.push(if story.checks.is_empty() {
        checks.say("Nothing is limited for this account.")
    } else {
        let heads = vec!["Limit", "Was", "Allowed"];
        checks.with(Block::Table(Table { name: "limits", heads, rows: story.checks.iter().map(check).collect() }))
    });
    sections
}

fn forecast(story: &OrderStory) -> Section {
    let section = Section::new("why-forecast", "The forecast behind it");
    let Some(it) = &story.forecast else { return section.say("It rests on no forecast.") };
    let mut facts = vec![
        plain("Model", &short(&it.model), "The beginning of its digest"),
        plain("In", &format!("{}{THIN_SPACE}min", it.horizon_min), "How far ahead"),
        fact("Expected", Said::signed(&bps(it.expected_bps)), "Log-return"),
        plain("Rise", &percent(it.p_up, 1), "Probability that it said"),
    ];
    if let Some((low, high)) = it.interval_bps {
        facts.push(fact(
            "90 %",
            Said::plain(&format!("{} to {}", bps(low), bps(high))),
            "What nine of ten outcomes kept to",
        ));
    }
    if let Some(edge) = it.edge_bps {
        facts.push(plain("Edge", &bps(edge), "Expected move in our favour"));
    }
    if let Some(cost) = it.cost_bps {
        facts.push(plain("Cost", &bps(-cost), "Fees and spread of going in and out"));
    }
    let section = section.with(Block::Facts(facts));
    if it.features.is_empty() {
        return section;
    }
    let row =
        |(name, value): &(String, f64)| Row::of(vec![name.replace('_', " ").into(), format::float(*value, 3).into()]);
    let rows = it.features.iter().map(row).collect();
    section.with(Block::Table(Table { name: "features", heads: vec!["Feature", "Value"], rows }))
}

#[cfg(test)]
pub(crate) mod tests {
    use wire::api::{CurvePoint, OpenBreaker, OrderCost, OrderForecast, OrderRow, Position, Purse};

    use super::*;

    pub(crate) fn account(name: &str) -> Account {
        Account {
            name: name.into(),
            active: true,
            start: "10000.00000000".into(),
            cash: "9000.00000000".into(),
            equity: "10214.36000000".into(),
            fees: "3.10000000".into(),
            realised: "20.00000000".into(),
            unrealised: "-1.27000000".into(),
            turnover: 1.5,
            exposure: 0.12,
            drawdown: 0.018,
            drawdown_breaker_open: false,
            losses_in_row: 1,
            trades: TradeSum { n: 6, win_rate: Some(0.5), profit_factor: None, net: 18.42 },
            purses: vec![Purse {
                venue: "kraken".into(),
                currency: "USD".into(),
                cash: "9000.12345678".into(),
                deposited: "10000.00000000".into(),
                fees: "3.1".into(),
                realised: "20".into(),
                rate: Some(1.0),
            }],
            positions: vec![Position {
                symbol: "kraken:BTC/USD".into(),
                currency: "USD".into(),
                qty: "0.02100000".into(),
                entry: Some("91204.1".into()),
                value: "1915.28".into(),
                pnl: "-1.27".into(),
                opened_at_ms: 0,
            }],
            by_symbol: Vec::new(),
            by_opener: Vec::new(),
            orders_working: 0,
            refused: Vec::new(),
            performance: None,
        }
    }

    fn texts(section: &Section) -> String {
        format!("{section:?}")
    }

    #[test]
    fn accounts_lead_to_their_pages() {
        let told = Accounts { at_ms: 0, accounts: vec![account("lead")], breakers: Vec::new() };
        let section = accounts(&told);
        let Block::Table(table) = &section.blocks[0] else { panic!("a table") };
        assert_eq!(table.rows[0].link, "/trading?account=lead");
        assert_eq!(table.rows[0].cells[2].said, Said::toned("+2.14\u{202f}%", Tone::Good));
        assert!(table.rows.iter().all(|row| row.cells.len() == table.heads.len()));
    }

    #[test]
    fn breakers_can_be_reset_only_where_one_is_open() {
        let mut told = Accounts { at_ms: 0, accounts: Vec::new(), breakers: Vec::new() };
        let ids = |section: &Section| match section.blocks.last() {
            Some(Block::Actions(actions)) => actions.iter().map(|action| action.id).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(ids(&control(&told, true, Zone::default())), ["pause", "flatten"]);
        told.breakers.push(OpenBreaker {
            cause: "wide spread".into(),
            stops: "kraken:BTC/USD".into(),
            since_ms: 0,
            seen_at_ms: 60_000,
        });
        let section = control(&told, false, Zone::default());
        assert_eq!(ids(&section), ["resume", "flatten", "reset"]);
        assert!(texts(&section).contains("wide spread"));
    }

    #[test]
    fn a_curve_of_one_point_is_not_drawn() {
        let point = |at_ms, equity| CurvePoint { at_ms, equity, hold: 10_000.0 };
        let one = Curve { account: "lead".into(), points: vec![point(0, 10_000.0)] };
        assert!(matches!(equity(&one, Zone::default()).blocks[0], Block::Text(_)));
        let two = Curve { points: vec![point(0, 10_000.0), point(60_000, 9_000.0)], ..one };
        assert!(matches!(equity(&two, Zone::default()).blocks[0], Block::Plot(_)));
        let Block::Plot(plot) = &drawdown(&two, Zone::default()).blocks[0] else { panic!("a picture") };
        assert!((plot.series[0].points[1].1 + 10.0).abs() < 1e-9, "{:?}", plot.series[0].points);
    }

    #[test]
    fn an_order_tells_its_story() {
        let story = OrderStory {
            order: "7".into(),
            account: "lead".into(),
            symbol: "kraken:BTC/USD".into(),
            side: "buy".into(),
            qty: "0.0210".into(),
            at_ms: 1_000,
            reason: "forecast of 5 min".into(),
            forecast: Some(OrderForecast {
                model: "abcdef0123456789".into(),
                horizon_min: 5,
                expected_bps: 14.0,
                interval_bps: Some((-7.0, 35.0)),
                p_up: 0.61,
                edge_bps: Some(14.0),
                cost_bps: Some(9.0),
                features: vec![("rsi_14".into(), 61.0)],
            }),
            equity: None,
            checks: vec![wire::api::LimitCheck { limit: "order value".into(), value: 1_200, max: 2_500 }],
            decided: None,
            arrived_at_ms: Some(1_080),
            arrived: None,
            queue_ahead: None,
            fills: Vec::new(),
            end: None,
            ended_at_ms: None,
            cost: OrderCost {
                currency: "USD".into(),
                delay: "0.12345678".into(),
                spread: "0".into(),
                impact: "0".into(),
                fee: "-0.5".into(),
                total: "0".into(),
            },
        };
        let sections = why(&story, Zone::default());
        let all = format!("{sections:?}");
        for part in ["+80\\u{202f}ms", "abcdef01", "+14.0\\u{202f}bps", "order value", "rsi 14", "0.12 USD"] {
            assert!(all.contains(part), "{part} in {all}");
        }
    }

    #[test]
    fn orders_and_positions_are_listed() {
        let order = OrderRow {
            id: "9".into(),
            account: "lead".into(),
            symbol: "kraken:BTC/USD".into(),
            at_ms: 0,
            side: "sell".into(),
            qty: "0.0200".into(),
            filled: "0.0100".into(),
            price: None,
            kind: "market".into(),
            reason: "stop loss".into(),
            end: None,
            cost: "0".into(),
        };
        let section = orders(&LatestOrders { orders: vec![order] }, "lead", Zone::default());
        let Block::Table(table) = &section.blocks[0] else { panic!("a table") };
        assert_eq!(table.rows[0].link, "/trading?account=lead&order=9");
        assert_eq!(table.rows[0].cells[3].said.text, "0.01 of 0.02");
        assert_eq!(table.rows[0].cells.len(), table.heads.len());
        let held = positions(&account("lead"), Zone::default());
        assert!(texts(&held).contains("0.021") && texts(&held).contains("91\\u{202f}204.1 USD"), "{}", texts(&held));
        assert!(texts(&purses(&account("lead"))).contains("9\\u{202f}000.12 USD"));
        assert!(texts(&figures(&account("lead"))).contains("three full hours"));
    }
}
