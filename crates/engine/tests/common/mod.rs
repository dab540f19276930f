//! Shared by the engine's tests and benches: a box to drive by hand, and random inputs.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub(crate) mod random;

use engine::Engine;
use engine::feature::fingerprint;
use types::effect::InferRequest;
use types::fee::{Fee, FeeRows, Fees};
use types::input::{Answer, Command, HorizonAnswer, ModelSeat, ModelSpec};
use types::market::{Aggressor, Proof, StaleReason};
use types::settings::{BreakerSettings, EngineSettings, PaperSettings};
use types::{
    AccountId, AccountRecord, BookTop, Cash, Effect, Effects, Input, Instrument, InstrumentId, Level, OrderId, Ppm,
    Price, Qty, Record, Scale, Stamped, Timestamp, Trade, Venue,
};

/// 2026-01-05T00:00:00Z, a midnight.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_571_200);
/// Horizons of the models in tests, minutes.
pub(crate) const HORIZONS: [u16; 3] = [1, 2, 5];

/// An instrument with two price and four quantity digits.
pub(crate) fn instrument(id: u16) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        venue: Venue::ALL[usize::from(id) % 2],
        symbol: format!("BTC{id}/USD"),
        base: "BTC".to_owned(),
        quote: "USD".to_owned(),
        scale: Scale { price_decimals: 2, qty_decimals: 4 },
        tick: 1,
        lot: 10,
        qty_min: Qty(20),
        notional_min: Cash::from_units(5),
    }
}

/// A model over one feature, which the engine accepts.
pub(crate) fn model() -> ModelSpec {
    let features = vec!["ret_1".to_owned()];
    ModelSpec {
        id: "abc".to_owned(),
        name: "test".to_owned(),
        fingerprint: fingerprint(&features).expect("ret_1 is a feature"),
        features,
        rows: 2,
        horizons_min: HORIZONS.to_vec(),
    }
}

/// Settings with a fee of `fee_ppm` everywhere, no latency and the shortest model horizon.
pub(crate) fn settings(fee_ppm: u32) -> EngineSettings {
    let fee = Fee { maker_ppm: Ppm(fee_ppm), taker_ppm: Ppm(fee_ppm) };
    let rows = FeeRows::always(fee, false, "test");
    let fees = Fees { kraken: rows.clone(), binance_us: rows.clone(), coinbase: rows.clone(), kucoin: rows };
    let mut settings = EngineSettings { fees, ..EngineSettings::default() };
    settings.paper = PaperSettings::constant(0);
    settings.signal.horizon_min = HORIZONS[0];
    // Markets by hand jump.
    settings.risk.breakers = BreakerSettings { cool_down_s: 60, ..BreakerSettings::off() };
    settings.risk.take_profit_ppm = 0;
    settings.risk.order_max_ppm = 1_000_000;
    settings.risk.venue_max_ppm = 1_000_000;
    settings.risk.correlated_max_ppm = 1_000_000;
    settings.risk.cash_reserve_ppm = 0;
    settings
}

pub(crate) fn price(mantissa: i64) -> Price {
    Price::new(mantissa).expect("a positive price")
}

/// A book with `levels` levels a side around `mid`, a unit of quantity on each.
pub(crate) fn book(id: u16, mid: i64, levels: i64) -> BookTop {
    let level = |price_mantissa| Level { price: price(price_mantissa), qty: Qty(10_000) };
    BookTop {
        instrument: InstrumentId(id),
        bids: (1..=levels).map(|n| level(mid - n)).collect(),
        asks: (1..=levels).map(|n| level(mid + n)).collect(),
        proof: Proof::Sequence,
        venue_at: None,
    }
}

/// A box driven by hand: keeps the journal, hands out sequence numbers, collects effects.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) at: Timestamp,
    pub(crate) effects: Vec<Effect>,
    pub(crate) journal: Vec<Stamped<Input>>,
    seq: u64,
    trades: u128,
}

impl Driver {
    /// Nothing happened yet.
    pub(crate) fn new() -> Self {
        let (engine, effects, journal) = (Engine::new(), Vec::new(), Vec::new());
        Self { engine, at: START, effects, journal, seq: 0, trades: 0 }
    }

    /// Started, with instrument 0, a model and a clock.
    pub(crate) fn ready(settings: EngineSettings) -> Self {
        let mut driver = Self::new();
        driver.boot(settings);
        driver.send(Input::Instrument(instrument(0)));
        driver.send(Input::Models { seats: vec![ModelSeat::alone(model())], news: None });
        driver.send(Input::Clock { synchronised: true });
        driver
    }

    pub(crate) fn boot(&mut self, settings: EngineSettings) {
        self.send(Input::Boot { version: "test".to_owned(), settings: Box::new(settings) });
    }

    /// Gives an input and returns what followed from it.
    pub(crate) fn send(&mut self, input: Input) -> Vec<Effect> {
        self.seq += 1;
        let stamped = Stamped { seq: self.seq, at: self.at, input };
        let mut effects = Effects::new();
        self.engine.handle(&stamped, &mut effects);
        self.journal.push(stamped);
        let effects: Vec<Effect> = effects.drain().collect();
        self.effects.extend(effects.iter().cloned());
        effects
    }

    pub(crate) fn wait_ms(&mut self, ms: i64) {
        self.at = Timestamp::from_nanos(self.at.as_nanos() + ms * 1_000_000);
    }

    pub(crate) fn book(&mut self, mid: i64) -> Vec<Effect> {
        self.send(Input::Book(book(0, mid, 5)))
    }

    pub(crate) fn stale(&mut self, reason: StaleReason) {
        self.send(Input::BookStale { instrument: InstrumentId(0), reason });
    }

    pub(crate) fn trade(&mut self, at: i64, qty: u64, aggressor: Aggressor) -> Vec<Effect> {
        self.trade_of(0, at, qty, aggressor)
    }

    pub(crate) fn trade_of(&mut self, instrument: u16, at: i64, qty: u64, aggressor: Aggressor) -> Vec<Effect> {
        self.trades += 1;
        let (instrument, id, venue_at) = (InstrumentId(instrument), self.trades, self.at);
        self.send(Input::Trade(Trade {
            instrument,
            id,
            price: price(at),
            qty: Qty(qty),
            aggressor,
            fills: 1,
            venue_at,
        }))
    }

    pub(crate) fn command(&mut self, command: Command) -> Vec<Effect> {
        self.send(Input::Command(command))
    }

    /// A minute in which the price moves from the last one to `close`: a book and a trade every ten seconds, a tick after
    /// the next minute began. Starts and ends three seconds after a full minute. Returns what the closing tick caused.
    pub(crate) fn minute(&mut self, open: i64, close: i64) -> Vec<Effect> {
        for step in 1..=5 {
            self.wait_ms(10_000);
            let mid = open + (close - open) * step / 5;
            self.book(mid);
            self.trade(mid, 100, Aggressor::Buy);
        }
        self.wait_ms(10_000);
        self.send(Input::Tick)
    }

    /// Three quiet minutes at `mid`, after which the model is asked every minute.
    pub(crate) fn warm(&mut self, mid: i64) -> Vec<Effect> {
        self.wait_ms(3_000);
        self.book(mid);
        self.trade(mid, 100, Aggressor::Sell);
        (0..4).fold(Vec::new(), |_, _| self.minute(mid, mid))
    }

    /// Answers a question with the same log-return for each horizon.
    pub(crate) fn answer(&mut self, asked: &InferRequest, log_return: f32) -> Vec<Effect> {
        self.send(Input::Answer(prediction(asked, log_return)))
    }

    /// Answers a question of a model with one horizon of five minutes.
    pub(crate) fn answer_longest(&mut self, asked: &InferRequest, log_return: f32) -> Vec<Effect> {
        let mut answer = prediction(asked, log_return);
        answer.horizons.retain(|horizon| horizon.horizon_min == HORIZONS[2]);
        self.send(Input::Answer(answer))
    }

    /// Orders so far.
    pub(crate) fn orders(&self) -> Vec<&types::Order> {
        self.records().filter_map(|record| if let Record::Order(order) = record { Some(order) } else { None }).collect()
    }

    /// Fills so far.
    pub(crate) fn fills(&self) -> Vec<&types::Fill> {
        self.records().filter_map(|record| if let Record::Fill(fill) = record { Some(fill) } else { None }).collect()
    }

    /// Records so far, of the first account where they are of one.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records_of(AccountId::LEAD)
    }

    /// Records so far, of one account where they are of one.
    pub(crate) fn records_of(&self, account: AccountId) -> impl Iterator<Item = &Record> {
        let records = || {
            self.effects
                .iter()
                .filter_map(|effect| if let Effect::Record(record) = effect { Some(record) } else { None })
        };
        let order = |record: &Record| match record {
            Record::Order(order) if order.account == account => Some(order.id),
            _ => None,
        };
        let own: Vec<OrderId> = records().filter_map(order).collect();
        records().filter(move |record| match record {
            Record::Order(order) | Record::Refused { order, .. } => order.account == account,
            Record::Fill(fill) => fill.account == account,
            Record::Equity(equity) => equity.account == account,
            Record::Account(told) => told.account == account,
            Record::Why(why) => why.account == account,
            Record::OrderEnd { order, .. } => own.contains(order),
            Record::Arrival(arrival) => own.contains(&arrival.order),
            _ => true,
        })
    }

    /// What another version of the program finds of the accounts.
    pub(crate) fn accounts_left(&self) -> Vec<AccountRecord> {
        let newest = |account: AccountId| {
            let told =
                self.records_of(account).filter_map(|it| if let Record::Account(it) = it { Some(it) } else { None });
            told.last().map(|told| (**told).clone())
        };
        (0..=u8::MAX).filter_map(|id| newest(AccountId(id))).collect()
    }

    /// Texts of the notices so far.
    pub(crate) fn notices(&self) -> Vec<&str> {
        let notices =
            self.effects.iter().filter_map(|effect| if let Effect::Notice(told) = effect { Some(told) } else { None });
        notices.map(|notice| notice.text.as_str()).collect()
    }
}

/// The question among effects.
pub(crate) fn asked(effects: &[Effect]) -> Option<&InferRequest> {
    effects.iter().find_map(|effect| if let Effect::Infer(request) = effect { Some(request) } else { None })
}

/// An answer with the same log-return for each horizon.
pub(crate) fn prediction(asked: &InferRequest, log_return: f32) -> Answer {
    let p_up = if log_return > 0.0 { 0.9 } else { 0.1 };
    let horizon = |horizon_min| HorizonAnswer { horizon_min, log_return, p_up, quantiles: Vec::new() };
    Answer {
        instrument: asked.instrument,
        open_time: asked.open_time,
        model: asked.model.clone(),
        horizons: HORIZONS.map(horizon).to_vec(),
        decision: None,
        attention: Vec::new(),
        took_us: 900,
    }
}
