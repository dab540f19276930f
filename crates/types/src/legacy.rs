//! Shapes that journals of past formats hold, and what they are today. Never changed once a format was released.

use serde::Deserialize;

use crate::account::{AccountDay, AccountId, AccountPosition, AccountRecord, Lot};
use crate::effect::EquityRecord;
use crate::fee::{Fee, FeeRows, Fees};
use crate::input::Input;
use crate::instrument::InstrumentId;
use crate::market::Side;
use crate::money::{Cash, Position, Price, Qty};
use crate::order::{Fill, Liquidity, Order, OrderId, OrderKind, Reason};
use crate::settings::{ArbitrageSettings, EngineSettings, PaperSettings, RiskSettings, Rule, SignalSettings};
use crate::time::Timestamp;

/// The one input whose shape journal block format 1 had otherwise: with undated fees, and nothing about arbitrage.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum StartV1 {
    /// What [`Input::Boot`] was.
    Boot {
        /// Version of the program.
        version: String,
        /// Everything that affected trading.
        settings: Box<SettingsV1>,
    },
}

/// What [`EngineSettings`] were.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SettingsV1 {
    signal: SignalV1,
    risk: RiskV1,
    latency_ms: u32,
    kraken: Fee,
    binance_us: Fee,
    coinbase: Fee,
    kucoin: Fee,
}

impl From<StartV1> for Input {
    fn from(start: StartV1) -> Self {
        let StartV1::Boot { version, settings } = start;
        Self::Boot { version, settings: Box::new((*settings).into()) }
    }
}

impl From<SettingsV1> for EngineSettings {
    fn from(old: SettingsV1) -> Self {
        let undated = |fee| FeeRows::always(fee, false, "journal of format 1");
        Self {
            signal: old.signal.into(),
            rivals: Vec::new(),
            risk: old.risk.into(),
            paper: PaperSettings::constant(old.latency_ms),
            // Nothing was compared then, so nothing may be compared when it is replayed.
            arbitrage: ArbitrageSettings { enabled: false, ..ArbitrageSettings::default() },
            fees: Fees {
                kraken: undated(old.kraken),
                binance_us: undated(old.binance_us),
                coinbase: undated(old.coinbase),
                kucoin: undated(old.kucoin),
            },
        }
    }
}

/// A start as journal block format 2 had it: a paper venue with one constant latency and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum StartV2 {
    /// What [`Input::Boot`] was.
    Boot {
        /// Version of the program.
        version: String,
        /// Everything that affected trading.
        settings: Box<SettingsV2>,
    },
}

/// What [`EngineSettings`] were.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SettingsV2 {
    signal: SignalV1,
    risk: RiskV1,
    latency_ms: u32,
    arbitrage: ArbitrageSettings,
    fees: Fees,
}

impl From<StartV2> for Input {
    fn from(start: StartV2) -> Self {
        let StartV2::Boot { version, settings } = start;
        let SettingsV2 { signal, risk, latency_ms, arbitrage, fees } = *settings;
        SettingsV3 { signal, risk, paper: PaperSettings::constant(latency_ms), arbitrage, fees }.boot(version)
    }
}

/// A start as journal block format 3 had it: one account, and few limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum StartV3 {
    /// What [`Input::Boot`] was.
    Boot {
        /// Version of the program.
        version: String,
        /// Everything that affected trading.
        settings: Box<SettingsV3>,
    },
}

/// What [`EngineSettings`] were.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SettingsV3 {
    signal: SignalV1,
    risk: RiskV1,
    paper: PaperSettings,
    arbitrage: ArbitrageSettings,
    fees: Fees,
}

impl SettingsV3 {
    fn boot(self, version: String) -> Input {
        let Self { signal, risk, paper, arbitrage, fees } = self;
        let (signal, risk, rivals) = (signal.into(), risk.into(), Vec::new());
        Input::Boot { version, settings: Box::new(EngineSettings { signal, rivals, risk, paper, arbitrage, fees }) }
    }
}

impl From<StartV3> for Input {
    fn from(start: StartV3) -> Self {
        let StartV3::Boot { version, settings } = start;
        settings.boot(version)
    }
}

/// What [`SignalSettings`] were: every position of one size.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct SignalV1 {
    rule: Rule,
    horizon_min: u16,
    edge_min_cbps: u32,
    size_ppm: u32,
    hold_max_min: u16,
}

impl From<SignalV1> for SignalSettings {
    fn from(old: SignalV1) -> Self {
        let SignalV1 { rule, horizon_min, edge_min_cbps, size_ppm, hold_max_min } = old;
        Self { rule, horizon_min, edge_min_cbps, size_ppm, hold_max_min, ..Self::default() }
    }
}

/// What [`RiskSettings`] were. What was no limit then is open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct RiskV1 {
    trading: bool,
    start_cash: u32,
    position_max_ppm: u32,
    stop_loss_ppm: u32,
    drawdown_max_ppm: u32,
    daily_loss_max_ppm: u32,
    orders_per_min_max: u16,
}

impl From<RiskV1> for RiskSettings {
    fn from(old: RiskV1) -> Self {
        Self {
            trading: old.trading,
            start_cash: old.start_cash,
            position_max_ppm: old.position_max_ppm,
            stop_loss_ppm: old.stop_loss_ppm,
            drawdown_max_ppm: old.drawdown_max_ppm,
            daily_loss_max_ppm: old.daily_loss_max_ppm,
            orders_per_min_max: old.orders_per_min_max,
            ..Self::open()
        }
    }
}

/// What [`Order`] was up to format 5 of the state file: there was one account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OrderV1 {
    id: OrderId,
    instrument: InstrumentId,
    side: Side,
    qty: Qty,
    kind: OrderKind,
    reason: Reason,
    at: Timestamp,
}

impl From<OrderV1> for Order {
    fn from(old: OrderV1) -> Self {
        let OrderV1 { id, instrument, side, qty, kind, reason, at } = old;
        Self { id, account: AccountId::LEAD, instrument, side, qty, kind, reason, at }
    }
}

/// What [`Fill`] was up to format 5 of the state file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FillV1 {
    order: OrderId,
    instrument: InstrumentId,
    side: Side,
    price: Price,
    qty: Qty,
    fee: Cash,
    liquidity: Liquidity,
    at: Timestamp,
}

impl From<FillV1> for Fill {
    fn from(old: FillV1) -> Self {
        let FillV1 { order, instrument, side, price, qty, fee, liquidity, at } = old;
        Self { order, account: AccountId::LEAD, instrument, side, price, qty, fee, liquidity, at }
    }
}

/// What [`EquityRecord`] was up to format 5 of the state file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EquityV1 {
    at: Timestamp,
    cash: Cash,
    equity: Cash,
    hold: Cash,
    fees: Cash,
    positions: Vec<(InstrumentId, Position)>,
}

impl From<EquityV1> for EquityRecord {
    fn from(old: EquityV1) -> Self {
        let EquityV1 { at, cash, equity, hold, fees, positions } = old;
        Self { account: AccountId::LEAD, at, cash, equity, hold, fees, positions }
    }
}

/// What [`AccountRecord`] was up to format 5 of the state file: all currencies in one, at par, and the control that buys and holds
/// within it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountV1 {
    at: Timestamp,
    boots: u64,
    start: Cash,
    cash: Cash,
    fees: Cash,
    realised: Cash,
    equity: Cash,
    peak: Cash,
    day: AccountDay,
    is_breaker_open: bool,
    is_stopped_by_user: bool,
    positions: Vec<AccountPositionV1>,
    working: Vec<OrderId>,
    hold_cash: Cash,
    hold: Vec<(InstrumentId, Qty, Cash)>,
}

/// What [`AccountPosition`] was.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct AccountPositionV1 {
    instrument: InstrumentId,
    qty: Qty,
    cost: Cash,
    fees: Cash,
    opened_at: Timestamp,
    rule: Rule,
    exit_at: Timestamp,
    gain: Cash,
}

impl AccountV1 {
    /// The account and the control. Their money lies nowhere yet: it goes to the exchanges as their instruments become known. Fees and
    /// profits of before count from zero.
    #[must_use]
    pub fn split(self) -> [AccountRecord; 2] {
        let position = |old: AccountPositionV1| {
            let AccountPositionV1 { instrument, qty, cost, fees, opened_at, rule, exit_at, gain } = old;
            let lots = vec![Lot { qty, cost, fees, at: opened_at }];
            AccountPosition { instrument, lots, rule, opener: String::new(), exit_at, value_max: cost, gain }
        };
        let held = |(instrument, qty, cost): (InstrumentId, Qty, Cash)| {
            let lots = vec![Lot { qty, cost, fees: Cash::ZERO, at: self.at }];
            let (rule, opener, exit_at) = (Rule::Hold, String::new(), Timestamp::MAX);
            AccountPosition { instrument, lots, rule, opener, exit_at, value_max: cost, gain: Cash::ZERO }
        };
        let worth = self.hold.iter().fold(self.hold_cash, |sum, (_, _, worth)| sum.saturating_add(*worth));
        let hold_positions = self.hold.iter().copied().filter(|(_, qty, _)| !qty.is_zero()).map(held).collect();
        let lead = AccountRecord {
            account: AccountId::LEAD,
            name: "lead".to_owned(),
            at: self.at,
            boots: self.boots,
            start: self.start,
            unassigned: self.cash,
            purses: Vec::new(),
            equity: self.equity,
            peak: self.peak,
            day: self.day,
            week_start: self.equity,
            is_breaker_open: self.is_breaker_open,
            is_stopped_by_user: self.is_stopped_by_user,
            losses_in_row: 0,
            positions: self.positions.into_iter().map(position).collect(),
            by_instrument: Vec::new(),
            by_opener: Vec::new(),
            working: self.working,
        };
        let hold = AccountRecord {
            account: AccountId::HOLD,
            name: "hold".to_owned(),
            unassigned: self.hold_cash,
            equity: worth,
            peak: worth,
            week_start: worth,
            day: AccountDay { equity_start: worth, trades: 0, fees: Cash::ZERO, ..lead.day },
            is_breaker_open: false,
            positions: hold_positions,
            working: Vec::new(),
            ..lead.clone()
        };
        [lead, hold]
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::instrument::Venue;
    use crate::money::Ppm;
    use crate::time::Timestamp;

    /// `Input::Boot` with version "0.1.0" and default settings, as the program of format 1 wrote it.
    const BOOT: &str =
        "0005302e312e30011e64d086033c01904ec09a0ca09c01c09a0cd08603069601c413a01fe807e807a01ff02ee807e807";

    #[test]
    fn a_start_of_format_1_is_read() {
        let bytes: Vec<u8> =
            (0..BOOT.len()).step_by(2).map(|at| u8::from_str_radix(&BOOT[at..at + 2], 16).expect("hex")).collect();
        let (start, rest) = postcard::take_from_bytes::<StartV1>(&bytes).expect("reads");
        assert_eq!(rest, b"");
        let Input::Boot { version, settings } = start.into() else { panic!("a start is a start") };
        assert_eq!(version, "0.1.0");
        let today = EngineSettings::default();
        assert_eq!(settings.signal, today.signal);
        assert_eq!((settings.risk.stop_loss_ppm, settings.risk.venue_max_ppm), (20_000, 1_000_000));
        assert_eq!(settings.paper, PaperSettings::constant(150));
        let fees = |venue| settings.fees.at(venue, Timestamp::EPOCH);
        assert_eq!(fees(Venue::Kraken), Fee { maker_ppm: Ppm(2_500), taker_ppm: Ppm(4_000) });
        assert_eq!(fees(Venue::Coinbase), Fee { maker_ppm: Ppm(4_000), taker_ppm: Ppm(6_000) });
        assert!(!settings.arbitrage.enabled);
    }

    /// The parts of a start that were the same in formats 2 and 3, as they were.
    fn old_parts() -> (impl Serialize + Copy, impl Serialize + Copy) {
        ((1u8, 30u16, 100u32, 50_000u32, 60u16), (true, 10_000u32, 200_000u32, 20_000u32, 200_000u32, 50_000u32, 6u16))
    }

    #[test]
    fn starts_of_formats_2_and_3_are_read() {
        let (today, (signal, risk)) = (EngineSettings::default(), old_parts());
        let v2 = postcard::to_allocvec(&(0u8, "0.2.0", (signal, risk, 70u32, &today.arbitrage, &today.fees)));
        let v3 = postcard::to_allocvec(&(0u8, "0.3.0", (signal, risk, &today.paper, &today.arbitrage, &today.fees)));
        let (v2, v3) = (v2.expect("encodes"), v3.expect("encodes"));
        let (start, rest) = postcard::take_from_bytes::<StartV2>(&v2).expect("reads");
        assert_eq!(rest, b"");
        let (later, rest) = postcard::take_from_bytes::<StartV3>(&v3).expect("reads");
        assert_eq!(rest, b"");
        for (start, said, paper) in
            [(Input::from(start), "0.2.0", PaperSettings::constant(70)), (later.into(), "0.3.0", today.paper.clone())]
        {
            let Input::Boot { version, settings } = start else { panic!("a start is a start") };
            assert_eq!(version, said);
            let risk = RiskSettings { start_cash: 10_000, ..settings.risk.clone() };
            assert_eq!(*settings, EngineSettings { paper, risk: risk.clone(), ..today.clone() });
            let open = RiskSettings::open();
            assert_eq!((risk.take_profit_ppm, risk.breakers), (open.take_profit_ppm, open.breakers));
        }
    }
}
