//! Shapes that journals of past formats hold, and what they are today. Never changed once a format was released.

use serde::Deserialize;

use crate::account::{AccountDay, AccountId, AccountPosition, AccountPurse, AccountRecord, Lot, Tally};
use crate::date::Date;
use crate::effect::EquityRecord;
use crate::fee::{Fee, FeeRow, FeeRows, FeeRowsError, Fees};
use crate::input::Input;
use crate::instrument::InstrumentId;
use crate::market::Side;
use crate::money::{Cash, Position, Ppm, Price, Qty};
use crate::order::{Fill, Liquidity, Order, OrderId, OrderKind, Reason};
use crate::settings::{ArbitrageSettings, EngineSettings, PaperSettings, RiskSettings, Rival, Rule, SignalSettings};
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
            arbitrage: ArbitrageSettings { enabled: false, trade: false, ..ArbitrageSettings::default() },
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
    arbitrage: ArbitrageV1,
    fees: FeesV1,
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
    arbitrage: ArbitrageV1,
    fees: FeesV1,
}

impl SettingsV3 {
    fn boot(self, version: String) -> Input {
        let Self { signal, risk, paper, arbitrage, fees } = self;
        SettingsV4 { signal: signal.into(), rivals: Vec::new(), risk: risk.into(), paper, arbitrage, fees }
            .boot(version)
    }
}

impl From<StartV3> for Input {
    fn from(start: StartV3) -> Self {
        let StartV3::Boot { version, settings } = start;
        settings.boot(version)
    }
}

/// A start as journal block format 4 had it: nothing was tried between exchanges, and fees had no tiers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum StartV4 {
    /// What [`Input::Boot`] was.
    Boot {
        /// Version of the program.
        version: String,
        /// Everything that affected trading.
        settings: Box<SettingsV4>,
    },
}

/// What [`EngineSettings`] were.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SettingsV4 {
    signal: SignalSettings,
    rivals: Vec<Rival>,
    risk: RiskSettings,
    paper: PaperSettings,
    arbitrage: ArbitrageV1,
    fees: FeesV1,
}

impl SettingsV4 {
    fn boot(self, version: String) -> Input {
        let Self { signal, rivals, risk, paper, arbitrage, fees } = self;
        let (arbitrage, fees) = (arbitrage.into(), fees.into());
        Input::Boot { version, settings: Box::new(EngineSettings { signal, rivals, risk, paper, arbitrage, fees }) }
    }
}

impl From<StartV4> for Input {
    fn from(start: StartV4) -> Self {
        let StartV4::Boot { version, settings } = start;
        settings.boot(version)
    }
}

/// What [`ArbitrageSettings`] were.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ArbitrageV1 {
    enabled: bool,
    net_min_cbps: u32,
    book_age_max_ms: u32,
    gap_max_ms: u32,
    usd_with_usdt: bool,
}

impl From<ArbitrageV1> for ArbitrageSettings {
    fn from(old: ArbitrageV1) -> Self {
        let ArbitrageV1 { enabled, net_min_cbps, book_age_max_ms, gap_max_ms, usd_with_usdt } = old;
        Self { enabled, net_min_cbps, book_age_max_ms, gap_max_ms, usd_with_usdt, trade: false }
    }
}

/// What [`Fees`] were: one row for a date.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct FeesV1 {
    kraken: FeeRowsV1,
    binance_us: FeeRowsV1,
    coinbase: FeeRowsV1,
    kucoin: FeeRowsV1,
}

impl From<FeesV1> for Fees {
    fn from(old: FeesV1) -> Self {
        let FeesV1 { kraken, binance_us, coinbase, kucoin } = old;
        Self { kraken: kraken.0, binance_us: binance_us.0, coinbase: coinbase.0, kucoin: kucoin.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<FeeRowV1>")]
struct FeeRowsV1(FeeRows);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct FeeRowV1 {
    valid_from: Date,
    maker_ppm: Ppm,
    taker_ppm: Ppm,
    confirmed: bool,
    source: String,
}

impl TryFrom<Vec<FeeRowV1>> for FeeRowsV1 {
    type Error = FeeRowsError;
    fn try_from(rows: Vec<FeeRowV1>) -> Result<Self, Self::Error> {
        let row = |FeeRowV1 { valid_from, maker_ppm, taker_ppm, confirmed, source }: FeeRowV1| FeeRow {
            valid_from,
            volume_min: 0,
            maker_ppm,
            taker_ppm,
            confirmed,
            source,
        };
        FeeRows::try_from(rows.into_iter().map(row).collect::<Vec<_>>()).map(Self)
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
            volumes: Vec::new(),
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

/// What [`AccountRecord`] was in format 6 of the state file: nobody counted what was traded where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountV2 {
    account: AccountId,
    name: String,
    at: Timestamp,
    boots: u64,
    start: Cash,
    unassigned: Cash,
    purses: Vec<AccountPurse>,
    equity: Cash,
    peak: Cash,
    day: AccountDay,
    week_start: Cash,
    is_breaker_open: bool,
    is_stopped_by_user: bool,
    losses_in_row: u16,
    positions: Vec<AccountPosition>,
    by_instrument: Vec<(InstrumentId, Tally)>,
    by_opener: Vec<(String, Tally)>,
    working: Vec<OrderId>,
}

impl From<AccountV2> for AccountRecord {
    fn from(old: AccountV2) -> Self {
        Self {
            account: old.account,
            name: old.name,
            at: old.at,
            boots: old.boots,
            start: old.start,
            unassigned: old.unassigned,
            purses: old.purses,
            equity: old.equity,
            peak: old.peak,
            day: old.day,
            week_start: old.week_start,
            is_breaker_open: old.is_breaker_open,
            is_stopped_by_user: old.is_stopped_by_user,
            losses_in_row: old.losses_in_row,
            positions: old.positions,
            by_instrument: old.by_instrument,
            by_opener: old.by_opener,
            working: old.working,
            volumes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::instrument::Venue;
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
        let fees = |venue| settings.fees.at(venue, Timestamp::EPOCH, Cash::ZERO);
        assert_eq!(fees(Venue::Kraken), Fee { maker_ppm: Ppm(2_500), taker_ppm: Ppm(4_000) });
        assert_eq!(fees(Venue::Coinbase), Fee { maker_ppm: Ppm(4_000), taker_ppm: Ppm(6_000) });
        assert!(!settings.arbitrage.enabled);
    }

    /// The parts of a start that were the same in formats 2 and 3, as they were.
    fn old_parts() -> (impl Serialize + Copy, impl Serialize + Copy) {
        ((1u8, 30u16, 100u32, 50_000u32, 60u16), (true, 10_000u32, 200_000u32, 20_000u32, 200_000u32, 50_000u32, 6u16))
    }

    /// A row of fees as it was up to format 4.
    type OldRow = (Date, u32, u32, bool, &'static str);

    /// What was said about exchanges and fees up to format 4.
    fn old_market() -> (impl Serialize + Copy, [Vec<OldRow>; 4]) {
        let row = |day, taker| (Date::new(2025, 11, day), 1_000u32, taker, true, "test");
        ((true, 100u32, 5_000u32, 2_000u32, true), [2u32, 3, 4, 5].map(|fee| vec![row(1, fee), row(9, 10 * fee)]))
    }

    #[test]
    fn starts_of_formats_2_to_4_are_read() {
        let (today, (signal, risk), (between, fees)) = (EngineSettings::default(), old_parts(), old_market());
        let paper = &today.paper;
        let v2 = postcard::to_allocvec(&(0u8, "0.2.0", (signal, risk, 70u32, between, &fees)));
        let v3 = postcard::to_allocvec(&(0u8, "0.3.0", (signal, risk, paper, between, &fees)));
        let rivals: Vec<Rival> = vec![Rival { name: "other".to_owned(), ..Rival::default() }];
        let v4 = postcard::to_allocvec(&(0u8, "0.4.0", (&today.signal, &rivals, &today.risk, paper, between, &fees)));
        let (v2, v3, v4) = (v2.expect("encodes"), v3.expect("encodes"), v4.expect("encodes"));
        let whole = |rest: &[u8]| assert_eq!(rest, b"");
        let (start, rest) = postcard::take_from_bytes::<StartV2>(&v2).expect("reads");
        whole(rest);
        let (later, rest) = postcard::take_from_bytes::<StartV3>(&v3).expect("reads");
        whole(rest);
        let (last, rest) = postcard::take_from_bytes::<StartV4>(&v4).expect("reads");
        whole(rest);
        let open = RiskSettings::from(risk_v1());
        for (start, said, paper, risk, rivals) in [
            (Input::from(start), "0.2.0", PaperSettings::constant(70), open.clone(), Vec::new()),
            (later.into(), "0.3.0", today.paper.clone(), open, Vec::new()),
            (last.into(), "0.4.0", today.paper.clone(), today.risk.clone(), rivals),
        ] {
            let Input::Boot { version, settings } = start else { panic!("a start is a start") };
            assert_eq!(version, said);
            let arbitrage = ArbitrageSettings { usd_with_usdt: true, trade: false, ..ArbitrageSettings::default() };
            let fees = settings.fees.clone();
            assert_eq!(
                *settings,
                EngineSettings { signal: today.signal.clone(), rivals, risk, paper, arbitrage, fees }
            );
            let taker = |venue, day| {
                settings.fees.at(venue, Timestamp::from_date(2025, 11, day), Cash::from_units(1_000_000)).taker_ppm
            };
            assert_eq!((taker(Venue::Kraken, 8), taker(Venue::Kucoin, 9)), (Ppm(2), Ppm(50)));
        }
    }

    fn risk_v1() -> RiskV1 {
        RiskV1 {
            trading: true,
            start_cash: 10_000,
            position_max_ppm: 200_000,
            stop_loss_ppm: 20_000,
            drawdown_max_ppm: 200_000,
            daily_loss_max_ppm: 50_000,
            orders_per_min_max: 6,
        }
    }
}
