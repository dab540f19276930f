//! Shapes that journals of past formats hold, and what they are today. Never changed once a format was released.

use serde::Deserialize;

use crate::fee::{Fee, FeeRows, Fees};
use crate::input::Input;
use crate::settings::{ArbitrageSettings, EngineSettings, PaperSettings, RiskSettings, SignalSettings};

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
    signal: SignalSettings,
    risk: RiskSettings,
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
            signal: old.signal,
            risk: old.risk,
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
    signal: SignalSettings,
    risk: RiskSettings,
    latency_ms: u32,
    arbitrage: ArbitrageSettings,
    fees: Fees,
}

impl From<StartV2> for Input {
    fn from(start: StartV2) -> Self {
        let StartV2::Boot { version, settings } = start;
        let SettingsV2 { signal, risk, latency_ms, arbitrage, fees } = *settings;
        let paper = PaperSettings::constant(latency_ms);
        Self::Boot { version, settings: Box::new(EngineSettings { signal, risk, paper, arbitrage, fees }) }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!((&settings.signal, &settings.risk), (&today.signal, &today.risk));
        assert_eq!(settings.paper, PaperSettings::constant(150));
        let fees = |venue| settings.fees.at(venue, Timestamp::EPOCH);
        assert_eq!(fees(Venue::Kraken), Fee { maker_ppm: Ppm(2_500), taker_ppm: Ppm(4_000) });
        assert_eq!(fees(Venue::Coinbase), Fee { maker_ppm: Ppm(4_000), taker_ppm: Ppm(6_000) });
        assert!(!settings.arbitrage.enabled);
    }

    #[test]
    fn a_start_of_format_2_is_read() {
        let today = EngineSettings::default();
        let parts = (&today.signal, &today.risk, 70u32, &today.arbitrage, &today.fees);
        let bytes = postcard::to_allocvec(&(0u8, "0.2.0", parts)).expect("encodes");
        let (start, rest) = postcard::take_from_bytes::<StartV2>(&bytes).expect("reads");
        assert_eq!(rest, b"");
        let Input::Boot { version, settings } = start.into() else { panic!("a start is a start") };
        assert_eq!(version, "0.2.0");
        assert_eq!(*settings, EngineSettings { paper: PaperSettings::constant(70), ..today });
    }
}
