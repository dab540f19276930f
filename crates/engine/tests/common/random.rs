//! Random inputs, valid and odd, from a seed. The same seed gives the same inputs on every machine.

use types::input::{Answer, Command, HorizonAnswer, ModelSeat};
use types::market::{Aggressor, CandleSource, CandleState, Proof, StaleReason, VenueCandle};
use types::settings::{BreakerSettings, EngineSettings, Rival, Rule, SignalSettings, Sizing};
use types::time::NS_PER_MIN;
use types::{BookTop, Candle, Input, InstrumentId, Level, Qty, Stamped, Timestamp, Trade};

use super::{HORIZONS, START, instrument, model, price, settings};

/// Instruments in random inputs; one more is named but never listed.
pub(crate) const INSTRUMENTS: u16 = 3;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, nearly.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A stream of inputs: a market that walks, with starts, outages, commands and nonsense in between.
pub(crate) struct Source {
    rng: Rng,
    seq: u64,
    at: Timestamp,
    mids: [i64; INSTRUMENTS as usize + 1],
    trades: u128,
    /// Every how many inputs one is nonsense; 0 for never.
    odd_every: u64,
}

/// `count` inputs of a seed, nonsense among them.
pub(crate) fn inputs(seed: u64, count: usize) -> Vec<Stamped<Input>> {
    Source::new(seed, 12).take(count).collect()
}

impl Source {
    pub(crate) fn new(seed: u64, odd_every: u64) -> Self {
        Self { rng: Rng(seed), seq: 0, at: START, mids: [10_000; INSTRUMENTS as usize + 1], trades: 0, odd_every }
    }

    fn valid(&mut self) -> Input {
        let id = self.rng.below(u64::from(INSTRUMENTS)) as u16;
        match self.rng.below(100) {
            0 if self.rng.one_in(20) => self.boot(),
            1 => Input::Clock { synchronised: !self.rng.one_in(10) },
            2 => Input::Command(self.command()),
            3 => Input::BookStale { instrument: InstrumentId(id), reason: self.stale_reason() },
            4 if self.rng.one_in(4) => Input::Models { seats: vec![ModelSeat::alone(model())], news: None },
            5..=16 => Input::Answer(self.prediction(id)),
            17..=19 => Input::Candle(self.candle(id)),
            20..=34 => Input::Tick,
            35..=64 => Input::Trade(self.trade(id)),
            _ => Input::Book(self.book(id)),
        }
    }

    fn odd(&mut self) -> Input {
        let id = self.rng.below(u64::from(INSTRUMENTS) + 1) as u16;
        match self.rng.below(14) {
            0 => Input::Book(BookTop { bids: self.book(id).asks, ..self.book(id) }),
            1 => {
                let mut book = self.book(id);
                book.asks.reverse();
                Input::Book(book)
            }
            2 => Input::Book(BookTop { bids: Vec::new(), asks: Vec::new(), ..self.book(id) }),
            3 => Input::Book(BookTop { bids: vec![Level { price: price(1), qty: Qty(0) }], ..self.book(id) }),
            4 => Input::Book(BookTop {
                bids: vec![Level { price: price(1), qty: Qty(u64::MAX) }],
                asks: vec![Level { price: price(i64::MAX), qty: Qty(u64::MAX) }],
                ..self.book(id)
            }),
            5 => Input::Trade(Trade { qty: Qty(0), ..self.trade(id) }),
            6 => Input::Trade(Trade { qty: Qty(u64::MAX), price: price(i64::MAX), ..self.trade(id) }),
            7 => Input::Trade(Trade { venue_at: self.moment(), ..self.trade(id) }),
            8 => {
                let mut told = self.candle(id);
                told.candle.low = price(i64::MAX);
                Input::Candle(told)
            }
            9 => {
                let mut told = self.candle(id);
                told.candle.open_time = self.moment();
                Input::Candle(told)
            }
            10 => {
                let mut prediction = self.prediction(id);
                let value = self.rng.pick(&[f32::NAN, f32::INFINITY, f32::MAX, -1.0]);
                prediction.horizons[0].log_return = value;
                prediction.horizons[1].p_up = value;
                Input::Answer(prediction)
            }
            11 => Input::Answer(Answer { open_time: self.moment(), ..self.prediction(id) }),
            12 => {
                let mut listed = instrument(id);
                (listed.lot, listed.tick) = (self.rng.below(3), self.rng.below(3));
                listed.scale.price_decimals = self.rng.below(20) as u8;
                Input::Instrument(listed)
            }
            _ => {
                let mut spec = model();
                spec.rows = self.rng.below(3) as u16;
                spec.fingerprint.truncate(self.rng.below(80) as usize);
                Input::Models { seats: vec![ModelSeat::alone(spec)], news: None }
            }
        }
    }

    fn boot(&mut self) -> Input {
        let fee = self.rng.pick(&[0, 10, 1_000, 4_000, 2_000_000]);
        let mut settings = if self.rng.one_in(8) { EngineSettings::default() } else { settings(fee) };
        settings.paper.latency_ms = self.rng.pick(&[0, 400, 800, 20_000]);
        settings.paper.book_lag_ms = self.rng.below(2) as u32 * 250;
        settings.signal.rule = self.rng.pick(&[Rule::Forecast, Rule::Forecast, Rule::Reversion, Rule::Off]);
        settings.signal.edge_min_cbps = self.rng.below(100) as u32;
        settings.signal.size_ppm = self.rng.pick(&[10_000, 100_000, 300_000, 900_000, 4_000_000]);
        settings.risk.position_max_ppm = self.rng.pick(&[50_000, 500_000, 1_000_000, 1_000_000]);
        settings.risk.orders_per_min_max = self.rng.pick(&[1, 3, 1_000]);
        settings.risk.stop_loss_ppm = self.rng.pick(&[0, 2_000, 20_000]);
        settings.risk.drawdown_max_ppm = self.rng.pick(&[1_000, 50_000, 900_000]);
        settings.risk.daily_loss_max_ppm = self.rng.pick(&[1_000, 50_000, 900_000]);
        settings.risk.order_max_ppm = self.rng.pick(&[100_000, 1_000_000, 5_000_000, 5_000_000]);
        settings.risk.venue_max_ppm = self.rng.pick(&[300_000, 1_000_000, 5_000_000, 5_000_000]);
        settings.risk.correlated_max_ppm = self.rng.pick(&[400_000, 1_000_000, 1_000_000, 1_000_000]);
        settings.risk.take_profit_ppm = self.rng.pick(&[0, 5_000]);
        settings.risk.trailing_stop_ppm = self.rng.pick(&[0, 5_000]);
        settings.risk.age_max_min = self.rng.pick(&[0, 5]);
        if self.rng.one_in(6) {
            let cool_down_s = self.rng.pick(&[10, 600]);
            settings.risk.breakers = BreakerSettings { cool_down_s, losses_max: 3, ..BreakerSettings::default() };
        }
        let sizing =
            self.rng.pick(&[Sizing::Volatility, Sizing::Kelly, Sizing::Model, Sizing::Parity, Sizing::MeanVariance]);
        for name in ["a", "b"].into_iter().take(1 + self.rng.below(2) as usize) {
            let rule = self.rng.pick(&[Rule::Forecast, Rule::Reversion, Rule::Reversion, Rule::Policy]);
            let signal = SignalSettings { rule, sizing, ..settings.signal.clone() };
            settings.rivals.push(Rival { name: name.to_owned(), signal });
        }
        settings.risk.trading = !self.rng.one_in(10);
        Input::Boot { version: "random".to_owned(), settings: Box::new(settings) }
    }

    fn command(&mut self) -> Command {
        match self.rng.below(10) {
            0 => Command::Trading { on: false },
            1..=5 => Command::Trading { on: true },
            _ => Command::ResetBreaker,
        }
    }

    fn stale_reason(&mut self) -> StaleReason {
        // What loses trades is rarer than what loses a book: rules need unbroken minutes to act.
        match self.rng.below(12) {
            0 => StaleReason::Disconnected,
            1 => StaleReason::Silent,
            n if n % 2 == 0 => StaleReason::SequenceGap,
            _ => StaleReason::Resync,
        }
    }

    fn book(&mut self, id: u16) -> BookTop {
        let mid = &mut self.mids[usize::from(id)];
        *mid = (*mid + self.rng.between(-30, 30)).clamp(500, 1_000_000);
        let mid = *mid;
        let side = |direction: i64, rng: &mut Rng| {
            let (mut at, mut levels) = (mid, Vec::new());
            for _ in 0..rng.below(6) {
                at += direction * rng.between(1, 9);
                levels.push(Level { price: price(at), qty: Qty(1 + rng.below(200_000)) });
            }
            levels
        };
        let (bids, asks) = (side(-1, &mut self.rng), side(1, &mut self.rng));
        BookTop { instrument: InstrumentId(id), bids, asks, proof: Proof::Sequence, venue_at: None }
    }

    fn trade(&mut self, id: u16) -> Trade {
        self.trades += 1;
        let at = self.mids[usize::from(id)] + self.rng.between(-12, 12);
        let aggressor = self.rng.pick(&[Aggressor::Buy, Aggressor::Sell, Aggressor::Unknown]);
        let venue_at = Timestamp::from_nanos(self.at.as_nanos() - self.rng.below(2_000_000_000) as i64);
        let (instrument, qty) = (InstrumentId(id), Qty(1 + self.rng.below(300_000)));
        Trade { instrument, id: self.trades, price: price(at), qty, aggressor, fills: 1, venue_at }
    }

    fn candle(&mut self, id: u16) -> VenueCandle {
        let minutes_ago = self.rng.below(30) as i64;
        let open_time = Timestamp::from_nanos(self.at.as_nanos() - minutes_ago * NS_PER_MIN).floor_to(NS_PER_MIN);
        let mid = self.mids[usize::from(id)];
        let (open, close) = (mid + self.rng.between(-20, 20), mid + self.rng.between(-20, 20));
        let candle = Candle {
            open_time,
            open: price(open),
            high: price(open.max(close) + 3),
            low: price(open.min(close) - 3),
            close: price(close),
            volume: Qty(self.rng.below(1_000_000)),
            trades: 3,
        };
        let state = self.rng.pick(&[CandleState::Running, CandleState::Provisional, CandleState::Final]);
        let source = self.rng.pick(&[CandleSource::Stream, CandleSource::Rest]);
        VenueCandle { instrument: InstrumentId(id), candle, state, source }
    }

    fn prediction(&mut self, id: u16) -> Answer {
        let open_time = Timestamp::from_nanos(self.at.as_nanos() - NS_PER_MIN).floor_to(NS_PER_MIN);
        let horizon = |horizon_min| HorizonAnswer {
            horizon_min,
            log_return: self.rng.between(-400, 800) as f32 * 1e-4,
            p_up: self.rng.below(101) as f32 / 100.0,
            quantiles: Vec::new(),
        };
        let horizons = HORIZONS.map(horizon).to_vec();
        let (instrument, attention) = (InstrumentId(id), vec![0.5, 0.5]);
        let (model, decision, took_us) = (model().id, None, 1_000);
        Answer { instrument, open_time, model, horizons, decision, attention, took_us }
    }

    /// Any moment at all.
    fn moment(&mut self) -> Timestamp {
        match self.rng.below(6) {
            0 => Timestamp::from_nanos(i64::MIN),
            1 => Timestamp::MAX,
            2 => Timestamp::EPOCH,
            3 => Timestamp::from_nanos(self.rng.next() as i64),
            _ => Timestamp::from_nanos(self.at.as_nanos() + self.rng.between(-200, 200) * 1_000_000_000),
        }
    }

    fn pass_time(&mut self) {
        let ms = match self.rng.below(400) {
            0 if self.rng.one_in(8) => self.rng.between(60_000, 40 * 60_000),
            0 | 1 => 0,
            n if n < 120 => self.rng.between(1_000, 4_000),
            _ => self.rng.between(0, 300),
        };
        self.at = Timestamp::from_nanos(self.at.as_nanos() + ms * 1_000_000);
    }
}

impl Iterator for Source {
    type Item = Stamped<Input>;

    fn next(&mut self) -> Option<Stamped<Input>> {
        self.pass_time();
        self.seq += 1;
        let is_odd = self.odd_every > 0 && self.rng.one_in(self.odd_every);
        let input = match self.seq {
            1 if !is_odd => self.boot(),
            2..=4 => Input::Instrument(instrument(self.seq as u16 - 2)),
            5 => Input::Models { seats: vec![ModelSeat::alone(model())], news: None },
            6 => Input::Clock { synchronised: true },
            _ if is_odd => self.odd(),
            _ => self.valid(),
        };
        let mut stamped = Stamped { seq: self.seq, at: self.at, input };
        if is_odd && self.rng.one_in(6) {
            match self.rng.below(2) {
                0 => stamped.seq = self.rng.below(self.seq + 1),
                _ => stamped.at = Timestamp::from_nanos(self.at.as_nanos() - self.rng.between(0, 5_000_000_000)),
            }
        }
        Some(stamped)
    }
}
