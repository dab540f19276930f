//! A session of Binance.US: see `fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::session(types::Venue::BinanceUs, ["BTCUSDT", "ETHUSDT"], bytes));
