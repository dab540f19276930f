//! The standing properties, over random inputs with nonsense among them. A failure names its seed: `CASE_SEED=<seed>` repeats
//! that one alone (`CASE_SEED=7 cargo test -p tickerbox-engine --test properties`).
#![allow(clippy::print_stdout, reason = "a randomised test prints its seed")]
#![allow(clippy::disallowed_methods, reason = "the seed to repeat comes from the environment")]

mod common;

use std::collections::BTreeMap;

use common::random;
use engine::Engine;
use types::arbitrage::ArbitrageLeg;
use types::fee::FeeRow;
use types::input::{CurrencyMood, Mood, Said};
use types::order::Liquidity;
use types::settings::EngineSettings;
use types::{
    AccountId, ArbitrageRecord, AttemptEnd, AttemptRecord, BookTop, Cash, Effect, Effects, Fill, Input, Instrument,
    InstrumentId, Level, Order, OrderId, Ppm, Price, Qty, Record, Rounding, Side, Stamped, Timestamp, Venue,
};

const SEEDS: u64 = 60;
const INPUTS: usize = 6_000;

fn each_seed(check: impl Fn(u64)) {
    let one = std::env::var("CASE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        println!("CASE_SEED={seed}");
        check(seed);
    }
}

fn encode(effects: &mut Effects, into: &mut Vec<u8>) {
    for effect in effects.drain() {
        into.extend(postcard::to_allocvec(&effect).expect("effects encode"));
    }
}

/// All effects of the inputs as bytes.
fn run(engine: &mut Engine, inputs: &[Stamped<Input>]) -> Vec<u8> {
    let (mut effects, mut bytes) = (Effects::new(), Vec::new());
    for input in inputs {
        engine.handle(input, &mut effects);
        encode(&mut effects, &mut bytes);
    }
    bytes
}

#[test]
fn the_same_inputs_give_the_same_effects_and_state() {
    each_seed(|seed| {
        let inputs = random::inputs(seed, INPUTS);
        let (mut first, mut second) = (Engine::new(), Engine::new());
        assert!(run(&mut first, &inputs) == run(&mut second, &inputs), "effects differ");
        assert_eq!(first, second);
    });
}

/// The inputs of a seed with a mood of the news after every hundredth; of some of them nothing can be believed.
fn with_moods(seed: u64) -> Vec<Stamped<Input>> {
    let mut all = Vec::new();
    for (place, mut stamped) in random::inputs(seed, INPUTS).into_iter().enumerate() {
        let moods = (place / 100) as u64;
        stamped.seq += moods;
        let (seq, at) = (stamped.seq + 1, stamped.at);
        all.push(stamped);
        if place % 100 == 99 {
            let value = (moods % 41) as f32 / 20.0 - 1.0;
            let mean = Some(if moods % 7 == 6 { f32::NAN } else { value });
            let said = |items| Said { items, scored: 2, mean, dispersion: Some(0.25) };
            let of = CurrencyMood { currency: "BTC".to_owned(), hour: said(2), day: said(5) };
            let mood = Mood { as_of: at, scorer: "lexicon".to_owned(), currencies: vec![of] };
            all.push(Stamped { seq, at, input: Input::Mood(mood) });
        }
    }
    all
}

#[test]
fn what_was_written_is_replayed_like_any_other_input() {
    each_seed(|seed| {
        let inputs = with_moods(seed);
        let (mut live, mut again) = (Engine::new(), Engine::new());
        let effects = run(&mut live, &inputs);
        assert!(effects == run(&mut again, &inputs), "effects differ");
        let half = inputs.len() / 2;
        let mut first = Engine::new();
        let before = run(&mut first, &inputs[..half]);
        let bytes = postcard::to_allocvec(&first).expect("plain data");
        let mut restored: Engine = postcard::from_bytes(&bytes).expect("as written");
        let after = run(&mut restored, &inputs[half..]);
        assert!(effects == [before, after].concat(), "a checkpoint forgets something");
        let rows = live
            .view()
            .markets()
            .filter_map(|market| market.row())
            .any(|(_, row)| row.get(engine::feature::Column::Sentiment1h).is_some());
        let is_read = live.view().rejections().of(engine::rejection::Rejection::MoodInvalid) > 0;
        assert!(is_read, "nonsense is refused");
        SEEN.fetch_or(rows, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(SEEN.load(std::sync::atomic::Ordering::Relaxed), "no row ever had a mood");
}

/// Whether any row had a mood.
static SEEN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[test]
fn a_restored_checkpoint_goes_on_as_if_nothing_had_happened() {
    each_seed(|seed| {
        let inputs = random::inputs(seed, INPUTS);
        let cut = random::Rng(seed ^ 0xc0ffee).below(INPUTS as u64) as usize;
        let mut engine = Engine::new();
        run(&mut engine, &inputs[..cut]);
        let checkpoint = postcard::to_allocvec(&engine).expect("the state encodes");
        let mut restored: Engine = postcard::from_bytes(&checkpoint).expect("and decodes");
        assert_eq!(restored, engine, "after {cut} inputs");
        let (went_on, repeated) = (run(&mut engine, &inputs[cut..]), run(&mut restored, &inputs[cut..]));
        assert!(went_on == repeated, "effects after input {cut} differ");
        assert_eq!(restored, engine);
        assert_eq!(postcard::to_allocvec(&restored), postcard::to_allocvec(&engine));
    });
}

#[test]
fn random_inputs_reach_every_part_of_trading() {
    let (mut takers, mut makers, mut ends, mut refused, mut scores) = (0, 0, BTreeMap::new(), BTreeMap::new(), 0);
    let (mut differences, mut tried) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..SEEDS {
        let (mut engine, mut effects) = (Engine::new(), Effects::new());
        for input in random::inputs(seed, INPUTS) {
            engine.handle(&input, &mut effects);
        }
        for effect in effects.drain() {
            match effect {
                Effect::Record(Record::Fill(fill)) if fill.liquidity == Liquidity::Taker => takers += 1,
                Effect::Record(Record::Fill(_)) => makers += 1,
                Effect::Record(Record::OrderEnd { end, .. }) => *ends.entry(format!("{end:?}")).or_insert(0) += 1,
                Effect::Record(Record::Refused { refusal, .. }) => *refused.entry(refusal).or_insert(0) += 1,
                Effect::Record(Record::Score(_)) => scores += 1,
                Effect::Record(Record::Arbitrage(known)) => {
                    *differences.entry(known.end.map(|end| end.reason)).or_insert(0) += 1;
                }
                Effect::Record(Record::Attempt(told)) => *tried.entry(told.end).or_insert(0) += 1,
                _ => {}
            }
        }
    }
    println!(
        "takers {takers}, makers {makers}, scores {scores}, ends {ends:?}, refused {refused:?}, {differences:?}, {tried:?}"
    );
    assert!(takers > 100 && makers > 0 && scores > 100, "too little happened to prove anything");
    assert!(ends.len() >= 4 && refused.len() >= 6, "too little happened to prove anything");
    assert!(differences.len() >= 5, "too little happened to prove anything");
    let happened = |end| tried.get(&end).is_some_and(|count| *count > 0);
    let ends = [AttemptEnd::Caught, AttemptEnd::OneSided, AttemptEnd::Gone, AttemptEnd::NoCoins];
    assert!(ends.into_iter().all(happened), "too little happened to prove anything");
}

fn listed(engine: &Engine, instrument: InstrumentId) -> Instrument {
    engine.view().market(instrument).expect("a listed instrument").instrument.clone()
}

/// Follows the engine from outside with what an auditor would keep: books, orders, fills.
struct Auditor {
    settings: EngineSettings,
    books: BTreeMap<InstrumentId, (BookTop, bool)>,
    /// As they stood before the input, which is what an order meets that arrived since the one before.
    before: BTreeMap<InstrumentId, (BookTop, bool)>,
    was_clock: bool,
    open: BTreeMap<OrderId, (Order, Qty)>,
    ledgers: BTreeMap<AccountId, Ledger>,
    /// What the fills of an order of the account between exchanges bought or sold, and the money that came.
    tries: BTreeMap<OrderId, (Qty, i128)>,
    clock: bool,
}

/// What fills did to an account.
#[derive(Default)]
struct Ledger {
    /// What came into a purse less what went out of it, and the fees in that.
    flows: BTreeMap<(Venue, String), (i128, i128)>,
    positions: BTreeMap<InstrumentId, Qty>,
    sent: Vec<Timestamp>,
}

impl Auditor {
    fn new() -> Self {
        Self {
            settings: EngineSettings::default(),
            books: BTreeMap::new(),
            before: BTreeMap::new(),
            was_clock: false,
            open: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            tries: BTreeMap::new(),
            clock: false,
        }
    }

    /// What an accepted input changes. `is_rejected` as the engine says.
    fn hear(&mut self, input: &Stamped<Input>, is_rejected: bool) {
        self.before.clone_from(&self.books);
        self.was_clock = self.clock;
        match &input.input {
            Input::Book(top) if is_rejected => self.mark_stale(top.instrument),
            Input::BookStale { instrument, .. } if !is_rejected => self.mark_stale(*instrument),
            Input::Book(top) => drop(self.books.insert(top.instrument, (top.clone(), true))),
            Input::Clock { synchronised } if !is_rejected => self.clock = *synchronised,
            Input::Boot { settings, .. } if !is_rejected => {
                self.settings = (**settings).clone();
                self.clock = false;
                self.books.values_mut().for_each(|book| book.1 = false);
            }
            _ => {}
        }
    }

    fn mark_stale(&mut self, instrument: InstrumentId) {
        if let Some(book) = self.books.get_mut(&instrument) {
            book.1 = false;
        }
    }

    fn check(&mut self, input: &Stamped<Input>, effect: &Effect, engine: &Engine) {
        match effect {
            Effect::Record(Record::Order(order)) => self.check_order(order, engine),
            Effect::Record(Record::Fill(fill)) => self.check_fill(input, fill, engine),
            Effect::Record(Record::OrderEnd { order, .. }) => {
                assert!(self.open.remove(order).is_some(), "an order ended twice or never began");
            }
            Effect::Record(Record::Why(why)) => {
                assert!(self.open.contains_key(&why.order), "told of an order that there is not");
                assert!(why.checks.iter().all(|check| check.value <= check.max), "beyond a limit: {:?}", why.checks);
            }
            Effect::Record(Record::Arrival(met)) => {
                let (order, _) = &self.open[&met.order];
                let travels_ms = i64::from(self.settings.paper.latency_ms) + i64::from(self.settings.paper.book_lag_ms);
                assert!(met.at.as_nanos() >= order.at.as_nanos() + travels_ms * 1_000_000, "met before it arrived");
                let books = [&self.before, &self.books].map(|books| books.get(&order.instrument));
                let stood = books.into_iter().flatten().any(|(top, _)| {
                    let best = |levels: &[Level]| levels.first().map(|level| level.price);
                    met.quote.map(|quote| (quote.bid, quote.ask)) == best(&top.bids).zip(best(&top.asks))
                });
                assert!(stood, "met a book that there was not");
            }
            Effect::Record(Record::Arbitrage(known)) => self.check_difference(input, known, engine),
            Effect::Record(Record::Attempt(tried)) => self.check_attempt(tried, engine),
            Effect::Infer(request) => {
                assert!(self.books[&request.instrument].1, "asked while the book does not hold");
                assert!(request.window.iter().all(|value| value.is_finite()));
            }
            _ => {}
        }
    }

    /// What is there is there in two proven books, after both fees.
    fn check_difference(&self, input: &Stamped<Input>, known: &ArbitrageRecord, engine: &Engine) {
        assert!(known.first.profit > Cash::ZERO && known.best.profit >= known.first.profit);
        if let Some(end) = known.end {
            assert!(known.opened_at <= end.at && end.at <= input.at);
            return;
        }
        assert!(self.clock, "found without a clock");
        let (buy, sell) = (&self.books[&known.buy.instrument], &self.books[&known.sell.instrument]);
        assert!(buy.1 && sell.1, "found on a stale book");
        let after_fee = |leg: &ArbitrageLeg, level: Level, sign: i128| {
            let digits = 12 - listed(engine, leg.instrument).scale.price_decimals;
            let fee = i128::from(leg.taker_ppm.min(Ppm(1_000_000)).0);
            i128::from(level.price.mantissa()) * 10i128.pow(digits.into()) * (1_000_000 + sign * fee)
        };
        let (ask, bid) = (after_fee(&known.buy, buy.0.asks[0], 1), after_fee(&known.sell, sell.0.bids[0], -1));
        assert!(bid > ask, "found where fees eat it: {known:?}");
    }

    /// What is told of an attempt is what its orders did.
    fn check_attempt(&mut self, tried: &AttemptRecord, engine: &Engine) {
        let (buy, sell) = (listed(engine, tried.buy), listed(engine, tried.sell));
        let did = |order: Option<OrderId>| order.and_then(|order| self.tries.get(&order).copied()).unwrap_or_default();
        let common =
            |qty: Qty, of: &Instrument| Qty(qty.0 * 10u64.pow((tried.qty_decimals - of.scale.qty_decimals).into()));
        let [bought, sold, evened] = [tried.buy_order, tried.sell_order, tried.even_order].map(did);
        assert_eq!((tried.bought, tried.sold), (common(bought.0, &buy), common(sold.0, &sell)));
        let lies = if tried.bought > tried.sold { &buy } else { &sell };
        assert_eq!(tried.evened, common(evened.0, lies));
        assert!(tried.bought <= tried.qty && tried.sold <= tried.qty, "more than was wanted");
        assert_eq!(tried.qty.is_zero(), tried.buy_order.is_none() || tried.sell_order.is_none());
        let is_even = tried.bought.0.abs_diff(tried.sold.0) == tried.evened.0;
        if is_even && buy.quote == sell.quote {
            assert_eq!(i128::from(tried.result.0), bought.1 + sold.1 + evened.1, "money of an attempt: {tried:?}");
        }
        let filled = (!tried.bought.is_zero(), !tried.sold.is_zero());
        match tried.end {
            AttemptEnd::Caught => assert!(tried.bought == tried.qty && tried.sold == tried.qty && filled.0),
            AttemptEnd::Part => assert!(tried.bought == tried.sold && tried.bought < tried.qty && filled.0),
            AttemptEnd::OneSided => assert_ne!(tried.bought, tried.sold),
            AttemptEnd::Gone => assert_eq!((filled, tried.result), ((false, false), Cash::ZERO)),
            AttemptEnd::CutOff => {}
            AttemptEnd::NoMoney
            | AttemptEnd::NoCoins
            | AttemptEnd::TooSmall
            | AttemptEnd::Busy
            | AttemptEnd::Refused(_) => assert!(tried.qty.is_zero() && tried.result == Cash::ZERO),
        }
    }

    fn check_order(&mut self, order: &Order, engine: &Engine) {
        let (limits, listed) = (&self.settings.risk, listed(engine, order.instrument));
        let view = engine.view();
        let account = view.accounts().find(|account| account.id() == order.account).expect("an account");
        // What a fill of this moment brings about is ordered before the input changes anything.
        let now = [(self.clock, &self.books), (self.was_clock, &self.before)];
        let stood = now
            .into_iter()
            .filter(|(clock, _)| *clock)
            .find_map(|(_, books)| books.get(&order.instrument).filter(|book| book.1));
        let (top, _) = stood.expect("an order without clock or book");
        let is_other = |(open, _): &(Order, Qty)| (open.instrument, open.account) != (order.instrument, order.account);
        assert!(self.open.values().all(is_other), "two orders at once");
        assert!(
            order.qty >= listed.qty_min && order.qty.0.is_multiple_of(listed.lot),
            "not a whole lot of allowed size"
        );
        let ledger = self.ledgers.entry(order.account).or_default();
        let held = ledger.positions.get(&order.instrument).copied().unwrap_or_default();
        if order.side == Side::Sell {
            assert!(order.qty <= held, "sold what is not there");
        }
        ledger.sent.push(order.at);
        let recent = |at: &&Timestamp| order.at.since(**at).as_secs() < 60;
        let portfolio = account.portfolio();
        let is_guarded = ![AccountId::HOLD, AccountId::ARBITRAGE].contains(&order.account);
        if order.account == AccountId::ARBITRAGE && order.side == Side::Buy {
            let price = order.kind.ticket().price.unwrap_or(top.asks[0].price);
            let value = listed.scale.notional(price, order.qty, Rounding::Floor);
            let most = portfolio.equity().share(Ppm(limits.order_max_ppm), Rounding::Ceil);
            assert!(view.is_trading() && value <= most, "a leg beyond the limit of an order");
            assert_eq!(view.breakers().stopping(order), None);
        }
        if is_guarded {
            let sent = ledger.sent.iter().filter(recent).count();
            assert!(sent <= usize::from(limits.orders_per_min_max), "too many orders");
        }
        if is_guarded && order.side == Side::Buy {
            let price = order.kind.ticket().price.unwrap_or(top.asks[0].price);
            let value = |qty| listed.scale.notional(price, qty, Rounding::Floor);
            let share = |ppm| portfolio.equity().share(Ppm(ppm), Rounding::Ceil);
            let after = value(held.saturating_add(order.qty));
            assert!(value(order.qty) <= share(limits.order_max_ppm), "an order beyond its limit");
            assert!(after <= share(limits.position_max_ppm), "a position beyond its limit");
            let there =
                account.positions().filter(|it| it.instrument.venue == listed.venue && it.instrument.id != listed.id);
            let at_venue = there.fold(after, |sum, position| sum.saturating_add(position.value));
            assert!(at_venue <= share(limits.venue_max_ppm), "too much at one exchange");
            assert!(view.is_trading() && !portfolio.is_breaker_open());
            let below = |loss: u32, limit: u32| loss == 0 || loss < limit;
            assert!(below(portfolio.day_loss_ppm(), limits.daily_loss_max_ppm));
            assert!(below(portfolio.week_loss_ppm(), limits.weekly_loss_max_ppm));
            assert!(below(portfolio.drawdown_ppm(), limits.drawdown_max_ppm));
            assert_eq!(view.breakers().stopping(order), None);
        }
        self.open.insert(order.id, (order.clone(), Qty::ZERO));
    }

    fn check_fill(&mut self, input: &Stamped<Input>, fill: &Fill, engine: &Engine) {
        let listed = &listed(engine, fill.instrument);
        let (order, filled) = self.open.get_mut(&fill.order).expect("a fill of a working order");
        *filled = filled.saturating_add(fill.qty);
        assert!(!fill.qty.is_zero() && *filled <= order.qty, "filled more than was ordered");
        assert_eq!((fill.side, fill.instrument), (order.side, order.instrument));
        let paper = &self.settings.paper;
        let travels_ms = i64::from(paper.latency_ms) + i64::from(paper.book_lag_ms);
        let arrival = order.at.as_nanos() + travels_ms * 1_000_000;
        assert!(fill.at.as_nanos() >= arrival && fill.at <= input.at, "filled before it arrived, or in the future");
        // An order that arrived between this input and the one before met the book that stood then.
        let stood_at_arrival = fill.at.as_nanos() == arrival && fill.at < input.at;
        let books = if stood_at_arrival { &self.before } else { &self.books };
        let (top, is_proven) = &books[&fill.instrument];
        assert!(is_proven, "filled on a stale book");
        let limit = order.kind.ticket().price;
        let meets = |price: Price, limit: Price| if fill.side == Side::Buy { price <= limit } else { price >= limit };
        assert!(limit.is_none_or(|limit| meets(fill.price, limit)), "worse than its limit");
        let facing = if fill.side == Side::Buy { &top.asks } else { &top.bids };
        match (&input.input, fill.liquidity) {
            (_, Liquidity::Taker) => {
                let level = facing.iter().find(|level| level.price == fill.price).expect("a price of the book");
                assert!(fill.qty <= level.qty, "more than the book held");
            }
            (Input::Trade(trade), Liquidity::Maker) => {
                assert_eq!((trade.instrument, Some(fill.price)), (fill.instrument, limit));
                assert!(meets(trade.price, fill.price) && fill.qty <= trade.qty, "more than was traded");
            }
            (Input::Book(_), Liquidity::Maker) => {
                assert_eq!(Some(fill.price), limit);
                let shown = facing.iter().filter(|level| meets(level.price, fill.price)).map(|level| level.qty);
                assert!(fill.qty <= shown.fold(Qty::ZERO, Qty::saturating_add), "more than was offered");
            }
            (other, liquidity) => panic!("a {liquidity:?} fill from {other:?}"),
        }
        let rounding = if fill.side == Side::Buy { Rounding::Ceil } else { Rounding::Floor };
        let value = listed.scale.notional(fill.price, fill.qty, rounding);
        let account = engine.view().accounts().find(|account| account.id() == fill.account).expect("an account");
        let volume = account.portfolio().volume(listed.venue, input.at);
        let rows = self.settings.fees.of(listed.venue).rows().iter();
        let reached = rows.filter(|row| Cash::from_units(row.volume_min.into()) <= volume);
        let fee = |row: &FeeRow| {
            let rate = if fill.liquidity == Liquidity::Taker { row.taker_ppm } else { row.maker_ppm };
            value.share(rate.min(Ppm(1_000_000)), Rounding::Ceil)
        };
        assert!(reached.map(fee).any(|fee| fee == fill.fee), "a fee of no tier that was reached: {fill:?}");
        let (value, fee) = (i128::from(value.0), i128::from(fill.fee.0));
        if fill.account == AccountId::ARBITRAGE {
            let (qty, flow) = self.tries.entry(fill.order).or_default();
            *qty = qty.saturating_add(fill.qty);
            *flow += if fill.side == Side::Buy { -value - fee } else { value - fee };
        }
        let ledger = self.ledgers.entry(fill.account).or_default();
        let held = ledger.positions.entry(fill.instrument).or_default();
        let (flow, fees) = ledger.flows.entry((listed.venue, listed.quote.clone())).or_default();
        match fill.side {
            Side::Buy => (*flow, held.0) = (*flow - value - fee, held.0 + fill.qty.0),
            Side::Sell => (*flow, held.0) = (*flow + value - fee, held.0 - fill.qty.0),
        }
        *fees += fee;
    }

    fn balances(&self, engine: &Engine) {
        for account in engine.view().accounts() {
            let (portfolio, id) = (account.portfolio(), account.id());
            let nothing = Ledger::default();
            let ledger = self.ledgers.get(&id).unwrap_or(&nothing);
            let mut deposited = i128::from(portfolio.unassigned().0);
            for purse in portfolio.purses() {
                let (flow, fees) =
                    ledger.flows.get(&(purse.venue, purse.currency.clone())).copied().unwrap_or_default();
                assert_eq!(i128::from(purse.cash.0), i128::from(purse.deposited.0) + flow, "cash of {id:?}");
                assert_eq!(i128::from(purse.fees.0), fees, "fees");
                assert!(purse.cash >= Cash::ZERO, "cash below zero");
                deposited += i128::from(purse.deposited.0);
                let paid_here = |instrument| {
                    let listed = listed(engine, instrument);
                    (listed.venue, &listed.quote) == (purse.venue, &purse.currency)
                };
                // What the first in, first out says was gained and what is still held is all that ever moved.
                let held = portfolio.holdings().iter().filter(|(id, _)| paid_here(**id));
                let tied =
                    held.map(|(_, holding)| i128::from(holding.cost.0) + i128::from(holding.fees.0)).sum::<i128>();
                assert_eq!(flow, i128::from(purse.realised.0) - tied, "gains of {id:?}");
                let working = account.orders().iter().filter(|working| paid_here(working.order.instrument));
                let reserved = working.fold(Cash::ZERO, |sum, working| sum.saturating_add(working.budget));
                assert!(reserved <= purse.cash, "set aside more than there is");
            }
            // All quote currencies of these markets are worth a dollar.
            assert_eq!(deposited, i128::from(portfolio.start().0), "the money it started with");
            for (instrument, holding) in portfolio.holdings() {
                let lots = holding
                    .lots()
                    .fold((0, 0, 0), |(qty, cost, fees), lot| (qty + lot.qty.0, cost + lot.cost.0, fees + lot.fees.0));
                assert_eq!(lots, (holding.qty.0, holding.cost.0, holding.fees.0), "lots of {instrument:?}");
            }
            let open = ledger.positions.iter().filter(|(_, qty)| !qty.is_zero());
            assert!(open.eq(portfolio.holdings().iter().map(|(id, holding)| (id, &holding.qty))), "positions");
            let working = self.open.values().filter(|(order, _)| order.account == id);
            assert_eq!(account.orders().len(), working.count(), "working orders");
        }
    }
}

#[test]
fn books_limits_and_the_account_hold_for_an_auditor() {
    each_seed(|seed| {
        let (mut engine, mut effects, mut auditor) = (Engine::new(), Effects::new(), Auditor::new());
        for input in random::inputs(seed, INPUTS) {
            let before = engine.view().rejections().total();
            engine.handle(&input, &mut effects);
            let is_rejected = engine.view().rejections().total() > before;
            // A rejection for its place in the journal leaves the book as it was.
            let is_in_order = engine.view().seq() == input.seq && engine.view().at() == input.at;
            if is_in_order {
                auditor.hear(&input, is_rejected);
            }
            for effect in effects.drain() {
                auditor.check(&input, &effect, &engine);
            }
            auditor.balances(&engine);
        }
        println!("{} rejections", engine.view().rejections().total());
    });
}
